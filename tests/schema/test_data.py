"""The files in `data/` are what they say: readable pages in both vocabularies, and today's data dictionary."""

from functools import cache
from pathlib import Path

import pytest

import xframes as xf
from xframes.cli import output

DATA = Path(__file__).parents[2] / "data"
PROVENANCE = {"page_id", "observed_at", "byte_count"}
ONE_VOCABULARY = {"media_count", "resource_type", "detail"}  # what only one of X's vocabularies has, or names itself by


@cache
def frames(words):
    return xf.flatten(xf.read_pages(DATA / f"{words}-words.ndjson"))


@pytest.mark.parametrize("words", ["tweet", pytest.param("post", marks=pytest.mark.slow)])
def test_the_sample_pages_are_read_without_complaint(words):
    found = frames(words)

    assert found.tables["posts"] == 18
    assert found.observations.tables["posts"] > 20
    assert 0 < found.tables["results"] < 18
    assert found.tables["users"] >= 5
    assert list(found.problems["kind"]) == ["resource-not-found"]


@pytest.mark.parametrize("table", [t for t in xf.schema.TABLES if t != "post_annotations"])
def test_both_vocabularies_say_the_same(table):
    columns = [c.name for c in xf.schema.table(table).columns if c.name not in PROVENANCE | ONE_VOCABULARY]
    tweet, post = (frames(words)[table].select(columns).to_pylist() for words in ("tweet", "post"))
    assert tweet == post


def test_the_dictionary_is_of_today(tmp_path):
    output.write(xf.schema.dictionary(), "csv", tmp_path / "dictionary.csv")

    now, then = (folder / "dictionary.csv" for folder in (tmp_path, DATA))
    assert now.read_bytes() == then.read_bytes(), "run: xframes schema --format csv --output data/dictionary.csv"


def test_every_column_of_the_dictionary_has_a_meaning():
    dictionary = xf.schema.dictionary()

    assert not dictionary[dictionary["meaning"].str.len() < 4].values.tolist()
    assert not dictionary.duplicated(["table", "column"]).any()


def test_a_table_shows_itself_in_a_notebook():
    shown = xf.schema.table("posts")._repr_html_()

    assert "<b>id</b>" in shown
    assert "public_metrics.retweet_count|public_metrics.repost_count" in shown
    assert shown.count("<tr>") == len(xf.schema.table("posts").columns) + 1

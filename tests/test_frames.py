"""Frames: pandas by attribute, Arrow by key, SQL, and what a notebook shows."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import xframes as xf
from xframes import registry
from xframes.frames import Frames
from xframes.registry.prices import price
from xframes.schema import TABLES, Type
from xframes.wire import Page, Request

from .dtypes import TEXT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = "<script>alert(1)</script> &amp; \u202eabc"
POSTS = [
    {"id": "10", "text": EVIL, "author_id": "1", "created_at": "2026-02-01T23:30:00.000Z", "possibly_sensitive": False,
     "public_metrics": {"like_count": 5}, "withheld": {"country_codes": ["DE"]}},
    {"id": "9007199254740993", "text": "no metrics", "author_id": "1", "created_at": "2026-02-02T00:30:00.000Z"},
]


@pytest.fixture
def frames():
    body = {"data": POSTS, "includes": {"users": [{"id": "1", "username": "ada", "name": "A"}]}, "meta": {"result_count": 2}}
    request = Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent")
    return xf.flatten(Page(request, json.dumps(body).encode(), NOW))


def test_tables_are_pandas_with_dtypes_that_lose_nothing(frames):
    posts = frames.posts
    assert posts["id"].tolist() == ["10", "9007199254740993"]
    assert posts["like_count"].dtype == "Int64"
    assert posts["like_count"].isna().tolist() == [False, True]
    assert posts["possibly_sensitive"].dtype == "boolean"
    assert posts["id"].dtype == TEXT
    assert str(posts["created_at"].dtype) == "datetime64[ms, UTC]"


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_keeps_its_columns_and_dtypes(name):
    expected = {Type.INT: "Int64", Type.BOOL: "boolean", Type.FLOAT: "float64", Type.TIME: "datetime64[ms, UTC]",
                Type.STR: TEXT, Type.JSON: TEXT, Type.STRS: "object"}
    frame = getattr(xf.flatten([]), name)
    assert len(frame) == 0
    for col in TABLES[name].columns:
        if col.type in expected:
            assert str(frame[col.name].dtype) == expected[col.type], col.name


def test_tables_are_arrow_by_key_with_their_schema(frames):
    assert frames["posts"].schema == TABLES["posts"].schema
    assert frames.tables["posts"] == 2
    assert frames.tables["media"] == 0
    assert len(frames) == 2


def test_a_name_that_is_no_table_is_refused_with_those_there_are(frames):
    with pytest.raises(AttributeError, match=r"no table or attribute 'tweets'.*posts, users"):
        _ = frames.tweets
    with pytest.raises(KeyError, match="tweets"):
        _ = frames["tweets"]
    assert {"posts", "post_hashtags", "sql"} <= set(dir(frames))


def test_sql_is_in_utc_and_reads_plain_text(frames):
    days = frames.sql("SELECT date_trunc('day', created_at)::DATE AS day, count(*) AS n FROM posts GROUP BY day ORDER BY day")
    assert days.fetchall() == [(date(2026, 2, 1), 1), (date(2026, 2, 2), 1)]
    assert frames.sql("SELECT plain_text FROM posts WHERE id = ?", ["10"]).fetchall() == [(xf.unescape(EVIL),)]
    assert frames.sql("SELECT count(*) FROM media").fetchall() == [(0,)]


def test_other_tools_take_frames_as_they_are_again_and_again(frames):
    for _ in range(2):
        assert pa.table(frames).num_rows == 2
        assert pl.DataFrame(frames).height == 2
    assert pa.schema(frames) == TABLES["posts"].schema
    assert duckdb.sql("SELECT count(*) FROM frames").fetchall() == [(2,)]
    if hasattr(pd.DataFrame, "from_arrow"):  # new in pandas 3
        assert pd.DataFrame.from_arrow(frames).shape[0] == 2


def test_a_notebook_shows_tables_rows_span_requests_and_price(frames):
    shown = frames._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    for text in ("1 requests", "2026-02-01 23:30 to 2026-02-02 00:30 UTC", "about $0.01", "posts</td>"):
        assert text in shown, text
    assert repr(frames).startswith("<Frames: posts 2, users 1")


def test_the_price_is_told_where_it_is_known(frames):
    assert frames.price == pytest.approx(2 * 0.005)
    assert price(registry.action("counts.all"), 700) == 0.01
    assert price(registry.action("users.followers"), 3) == pytest.approx(0.03)
    assert price(registry.action("usage.posts"), 1) is None
    assert xf.flatten(Page(Request("GET", ""), b'{"data": []}', NOW)).price is None


def test_frames_are_the_same_in_another_process(frames):
    again = pickle.loads(pickle.dumps(frames))
    assert again.tables == frames.tables
    assert all(again[name].equals(frames[name]) for name in frames.tables)
    assert again.pages == frames.pages


@pytest.mark.parametrize("carry", [copy.copy, copy.deepcopy, lambda frames: pickle.loads(pickle.dumps(frames))])
def test_frames_that_were_asked_in_sql_can_be_copied_and_pickled(frames, carry):
    assert frames.sql("SELECT count(*) FROM posts").fetchall() == [(2,)]
    assert carry(frames).sql("SELECT id FROM posts ORDER BY text").fetchall() == [("10",), ("9007199254740993",)]


def test_pickled_frames_are_not_much_larger_than_their_pages():
    posts = [POSTS[0] | {"id": str(n), "text": f"{n} " * 50, "source": "the web"} for n in range(500)]
    frames = xf.flatten(Page(Request("GET", ""), json.dumps({"data": posts}).encode(), NOW))
    pickled, page = len(pickle.dumps(frames)), len(frames.pages[0].body)
    assert pickled < 4 * page


def test_tables_may_be_asked_for_by_several_threads_at_once(frames):
    expected = {name: frames[name] for name in frames.tables}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            fresh = xf.flatten(frames.pages)
            found = list(pool.map(lambda name, of=fresh: (name, of[name]), [*expected, *reversed(expected)]))
            assert all(table.equals(expected[name]) for name, table in found)


def test_rows_are_counted_before_and_after_a_table_is_made(frames):
    before = frames.tables
    made = {name: frames[name] for name in before}
    assert before == frames.tables == {name: table.num_rows for name, table in made.items()}
    assert all(frames[name] is table for name, table in made.items())
    assert all(table.schema == TABLES[name].schema for name, table in made.items())


def test_frames_of_nothing_say_so():
    assert repr(xf.flatten([])) == "<Frames: no rows>"
    assert "0 requests" in xf.flatten([])._repr_html_()


@pytest.mark.parametrize(("given", "said"), [
    ("pages.ndjson", "read_pages"), (Path("pages.ndjson"), "read_pages"), ({"data": []}, "str 'data'"), (None, "NoneType"),
    (b"{}", "int"), ([{"data": [{"id": "1"}]}], "dict"),
])
def test_what_is_no_page_is_refused_with_what_reads_some(tmp_path, given, said):
    with pytest.raises(xf.errors.ArgumentError, match=said):
        xf.flatten(given)
    with pytest.raises(xf.errors.ArgumentError, match=said):
        xf.Archive(tmp_path / "archive").add(given)


def test_a_missing_text_stays_missing():
    assert xf.unescape(None) is None
    assert pd.Series(["a &amp; b", None]).map(xf.unescape).isna().tolist() == [False, True]


def test_unescaping_happens_once():
    assert xf.unescape("&amp;lt; &lt;") == "&lt; <"
    assert xf.unescape(pd.Series(["a &amp; b", None])).tolist()[0] == "a & b"


def test_the_main_table_is_what_the_action_asked_for():
    request = Request("GET", "/2/users/7/followers", {}, "users.followers", {"user_id": "7"})
    frames = xf.flatten(Page(request, b'{"data": [{"id": "1", "username": "a"}]}', NOW))
    assert frames.main == "users"
    assert pa.table(frames).column_names[0] == "id"
    assert isinstance(frames, Frames)


def test_every_table_of_the_schema_is_an_attribute_that_type_checkers_see(frames):
    shown = [name for name, value in vars(Frames).items() if isinstance(value, property)]
    shown = [name for name in shown if name not in {"tables", "price", "span"}]
    assert shown == list(TABLES)  # a new table needs its line in the class
    assert set(TABLES) <= set(dir(frames))
    for name in TABLES:
        assert TABLES[name].doc in vars(Frames)[name].__doc__
        assert len(getattr(frames, name)) == frames.tables[name]
        with pytest.raises(AttributeError):
            setattr(frames, name, None)
    for name in ("pots", "_pots"):
        with pytest.raises(AttributeError, match=name):
            getattr(frames, name)

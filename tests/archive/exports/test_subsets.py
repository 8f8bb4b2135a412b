"""Exports of some posts: what hangs on them, and no more."""

from __future__ import annotations

import pytest

from xframes.archive.export.selection import PRIVATE
from xframes.schema import TABLES
from xframes.schema.references import references

from .exported import ADA, BOB, CY, FIRST, SECOND, whole


def test_a_subset_is_the_posts_and_what_hangs_on_them(archive, tmp_path):
    archive.export(tmp_path / "en", where="lang = 'en'")
    tables = whole(tmp_path / "en")
    assert {r["id"] for r in tables["posts"]} == {FIRST["id"]}
    assert {r["id"] for r in tables["users"]} == {ADA["id"], BOB["id"], CY["id"]}  # author, mentioned, likes it
    assert {r["media_key"] for r in tables["media"]} == {"3_1"}
    assert {r["id"] for r in tables["places"]} == {"01a", "0ff"}
    assert {r["poll_id"] for r in tables["poll_options"]} == {"77"}
    assert [r["post_id"] for r in tables["likes"]] == [FIRST["id"]]
    assert [r["post_id"] for r in tables["matches"]] == [FIRST["id"]]
    assert "post_references" not in tables
    archive.export(tmp_path / "de", posts="SELECT id FROM posts WHERE lang = 'de'")
    tables = whole(tmp_path / "de")
    assert {r["id"] for r in tables["users"]} == {ADA["id"], BOB["id"]}
    assert [r["referenced_post_id"] for r in tables["post_references"]] == [FIRST["id"]]
    assert [(r["follower_id"], r["followed_id"]) for r in tables["follows"]] == [(BOB["id"], ADA["id"])]
    assert {"media", "places", "polls", "likes"}.isdisjoint(tables)
    assert "where lang" not in (tmp_path / "de" / "README.md").read_text()
    archive.export(tmp_path / "ids", posts=[SECOND["id"], "4"])
    assert whole(tmp_path / "ids") == tables


@pytest.mark.slow
def test_a_subset_loses_no_row_and_holds_no_stranger(collected, tmp_path):
    collected.export(tmp_path / "out", where="lang = 'en'")
    tables = whole(tmp_path / "out")
    named = {r["id"] for r in tables["posts"]}
    assert named == {i for (i,) in collected.sql("SELECT id FROM posts WHERE lang = 'en'").fetchall()}
    for name, declared in TABLES.items():
        if "post_id" in declared.key and name not in PRIVATE:
            wanted = [r for r in collected[name].to_pylist() if r["post_id"] in named]
            assert tables.get(name, []) == wanted, name
    people = {r["id"] for r in tables["users"]}
    assert people >= {r["author_id"] for r in tables["posts"]}
    said = {r[c] for t, rows in tables.items() for r in rows for c, to in references(t).items() if to == "users" and
            not isinstance(r[c], list)}
    assert people <= said


def test_frames_of_the_caller_can_name_the_posts(archive, tmp_path):
    mine = archive.frame("posts").query("lang == 'de'")
    assert archive.export(tmp_path / "out", posts="SELECT id FROM mine")["posts"] == len(mine) == 1


@pytest.mark.slow
def test_a_post_that_is_not_chosen_is_named_without_its_text(collected, tmp_path):
    query = "SELECT id, referenced_post_id FROM results WHERE referenced_text IS NOT NULL ORDER BY id LIMIT 1"
    ((chosen, other),) = collected.sql(query).fetchall()
    collected.export(tmp_path / "one", posts=[chosen])
    (row,) = whole(tmp_path / "one")["results"]
    assert (row["referenced_post_id"], row["referenced_text"]) == (other, None)
    collected.export(tmp_path / "both", posts=[chosen, other])
    assert any(row["referenced_text"] for row in whole(tmp_path / "both")["results"])

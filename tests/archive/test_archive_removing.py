"""Takedown: what was removed is hidden at once, gone from every byte, and does not come back."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import xframes as xf
from tests.removals import ADA, BOB, GONE, MARKS, NOW, OTHER, SECRET, bytes_on_disk, nowhere, page
from xframes.archive.storage.page_redaction import scrub
from xframes.archive.storage.redaction import Targets
from xframes.cli import main
from xframes.wire import Page, Request


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as made:
        yield made


@pytest.mark.parametrize("compacted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_removed_post_is_gone_and_its_author_with_the_last_of_theirs(archive, compacted):
    archive.add([page(GONE, OTHER), page(OTHER, seconds=5)])
    if compacted:
        archive.compact()
    assert archive.remove("10", reason="author asked") == {"posts": 2, "users": 1, "barred": 2}
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT id, text FROM posts").fetchall() == [("20", "hello @ada_lov of old")]
    assert archive.sql("SELECT id FROM users").fetchall() == [("2",)]
    assert archive.sql("SELECT user_id, username, start_index FROM post_mentions").fetchall() == [("1", None, 6)]
    assert archive.sql("SELECT * FROM media").fetchall() == []
    stones = archive.sql("SELECT resource_type, resource_id, reason FROM tombstones ORDER BY ALL").fetchall()
    assert stones == [("post", "10", "author asked"), ("post", "9", "author asked")]
    assert archive.verify().ok


@pytest.mark.slow
@pytest.mark.parametrize("again", [[], pytest.param([GONE], marks=pytest.mark.slow)])
def test_an_author_who_went_with_a_last_post_is_met_again_with_the_next(archive, again):
    archive.add(page(GONE, OTHER))
    archive.remove("10", reason="deleted")
    fresh = {"id": "12", "text": "I am still here", "author_id": "1"}
    archive.add(page(*again, fresh, media=[], seconds=9))
    for settle in (lambda: None, archive.compact, archive.rebuild):
        settle()
        assert archive.sql("SELECT id FROM posts ORDER BY id").fetchall() == [("12",), ("20",)]
        assert archive.sql("SELECT username FROM users ORDER BY id").fetchall() == [("ada_lov",), ("bob",)]
    nowhere(archive, SECRET)
    assert archive.verify().ok


def test_an_author_with_other_posts_stays(archive):
    archive.add(page(GONE, GONE | {"id": "11", "text": "another", "attachments": {}, "edit_history_tweet_ids": ["11"]}))
    archive.remove(["10"], reason="deleted")
    assert archive.sql("SELECT username FROM users ORDER BY id").fetchall() == [("ada_lov",), ("bob",)]
    nowhere(archive, SECRET, "a telling picture")


def test_a_removed_user_goes_with_all_posts_edges_and_names(archive):
    follows = Page(Request("GET", "/2/users/2/followers", {}, "users.followers", {"user_id": "2"}),
                   json.dumps({"data": [ADA, {"id": "3", "username": "c", "name": "C"}]}).encode(), NOW)
    lost = {"value": "ada_lov", "detail": "no ada_lov", "title": "Forbidden", "resource_type": "user",
            "resource_id": "ada_lov", "parameter": "entities.mentions.username"}
    archive.add([page(GONE, OTHER, errors=[lost]), follows])
    archive.remove(user_ids=["1"], reason="opted out")
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT follower_id FROM follows").fetchall() == [("3",)]
    assert archive.sql("SELECT count(*) FROM problems").fetchall() == [(0,)]
    places = [p.name for p, data in bytes_on_disk(archive) if b"ada_lov" in data.replace(b"hello @ada_lov of old", b"")]
    assert places == []


@pytest.mark.slow
def test_what_comes_later_stays_hidden_and_goes_with_the_next_compaction(archive):
    archive.add(page(OTHER))
    archive.remove(["10"], ["1"], reason="deleted")
    archive.add(page(GONE, OTHER, seconds=9))
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    assert archive.sql("SELECT id FROM users").fetchall() == [("2",)]
    assert archive.sql("SELECT * FROM post_hashtags").fetchall() == []
    archive.compact()
    nowhere(archive, *MARKS)


def test_a_later_post_of_a_removed_user_has_no_row_after_a_rebuild(archive):
    """No tombstone names that post: the page alone says that it was removed."""
    archive.remove(user_ids=["1"], reason="opted out")
    archive.add(page(GONE, OTHER))
    archive.purge()
    positions = archive.sql("SELECT post_id, position FROM matches").fetchall()
    assert archive.verify().ok
    archive.rebuild(processes=1)
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    assert archive.sql("SELECT post_id, position FROM matches").fetchall() == positions == [("20", 1)]
    nowhere(archive, *MARKS)


def test_a_rebuild_brings_nothing_back(archive):
    archive.add([page(GONE, OTHER)])
    archive.remove(["10"], reason="deleted")
    before = archive.tables
    archive.rebuild(processes=1)
    assert archive.tables == before
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT count(*) FROM tombstones").fetchall() == [(2,)]


@pytest.mark.slow
def test_an_older_copy_put_beside_it_brings_nothing_back(archive, tmp_path):
    archive.add([page(GONE, OTHER)])
    shutil.copytree(archive.path, tmp_path / "old")
    archive.remove(["10"], reason="deleted")
    for path in (tmp_path / "old").rglob("part-*.parquet"):
        target = archive.path / path.relative_to(tmp_path / "old")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target.with_name(f"part-f{path.name[6:]}"))
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    archive.purge()
    nowhere(archive, *MARKS)
    assert archive.verify().ok


def test_what_is_no_id_is_refused_and_not_called_removed(archive):
    archive.add([page(GONE, OTHER)])
    for ids in ("foo", [None], [1.9e18], pd.Series([1.9e18, 2.0]), pd.DataFrame({"id": ["10"], "text": ["a"]}), {"10": 1}, ["10", ""]):
        with pytest.raises(xf.errors.ArgumentError, match="post_ids"):
            archive.remove(ids, reason="why")
    assert archive.tables["tombstones"] == 0


def test_ids_are_taken_as_collectors_take_them(archive):
    forms = [int, np.int64, lambda i: pd.Series([i]), lambda i: pd.DataFrame({"id": [i]}), lambda i: {i}, lambda i: iter([i])]
    archive.add([page(OTHER, *({**GONE, "id": str(n), "edit_history_tweet_ids": [str(n)]} for n in range(100, 100 + len(forms))))])
    for number, form in enumerate(forms, 100):
        archive.remove(form(str(number)), reason="why")
    assert set(archive.ids("posts")) == {OTHER["id"]}



def test_a_relation_names_what_to_remove(archive):
    archive.add([page(GONE, OTHER)])
    archive.remove(archive.sql("select id from posts where id = '10'"), reason="why")
    assert "10" not in archive.ids("posts")


def test_nothing_to_remove_is_refused(archive):
    with pytest.raises(xf.XframesError):
        archive.remove(reason="why")


def test_a_page_without_it_is_given_back_as_it_is():
    one = page(OTHER, users=[BOB], media=[])
    assert scrub(one, Targets(posts=frozenset({"99"}))) is one


def test_an_unreadable_page_that_may_hold_it_is_emptied():
    one = Page(Request("GET", ""), b'{"data": [{"id": "10", "text": "the sec', NOW)
    assert b"sec" not in scrub(one, Targets(posts=frozenset({"10"}))).body


def test_a_flattened_post_loses_what_was_written_into_it():
    post = OTHER | {"author": BOB, "referenced_tweets": [{"type": "quoted", **GONE}], "in_reply_to_user": ADA}
    one = Page(Request("GET", ""), json.dumps(post).encode(), NOW)
    clean = json.loads(scrub(one, Targets(frozenset({"10"}), frozenset({"1"}), frozenset({"ada_lov"}))).body)
    assert clean["referenced_tweets"] == [{"type": "quoted", "id": "10"}]
    assert "in_reply_to_user" not in clean
    assert clean["text"] == OTHER["text"]


# merging -------------------------------------------------------------------------------------------------------------


def three(tmp_path):
    made = []
    for n in range(3):
        with xf.Archive(tmp_path / f"a{n}", now=lambda: NOW) as one:
            one.add([page({"id": str(n), "text": "t", "author_id": "2"}, users=[BOB], media=[], seconds=n),
                     page({"id": "7", "text": f"seen {n}", "lang": "en" if n == 1 else None}, users=[], media=[], seconds=n)])
            if n == 1:
                one.compact()
        made.append(one)
    return made


def everything(archive):
    return {t: sorted(archive[t].drop_columns(["page_id"]).to_pylist(), key=repr) for t in ("posts", "users", "post_metrics")}


@pytest.mark.slow
def test_merging_in_any_order_shows_the_same(tmp_path):
    found = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        with xf.Archive(tmp_path / f"into{order[0]}", now=lambda: NOW) as into:
            for n in order:
                (tmp_path / str(order)).mkdir(exist_ok=True)
                if not (tmp_path / str(order) / "a0").exists():
                    three(tmp_path / str(order))
                into.merge(tmp_path / str(order) / f"a{n}")
            found.append(everything(into))
            into.compact()
            assert everything(into) == found[-1]
            assert into.verify().ok
    assert found[0] == found[1] == found[2]
    assert [r["text"] for r in found[0]["posts"] if r["id"] == "7"] == ["seen 2"]


def test_merging_twice_adds_nothing(tmp_path, archive):
    one, *_ = three(tmp_path)
    assert archive.merge(one) > 0
    before = archive.tables
    assert archive.merge(one.path) == 0
    assert archive.tables == before


@pytest.mark.slow
def test_what_was_removed_does_not_come_back_by_a_merge_either_way(tmp_path, archive):
    archive.add([page(GONE, OTHER)])
    shutil.copytree(archive.path, tmp_path / "old")
    archive.remove(["10"], reason="deleted")
    archive.merge(tmp_path / "old")
    nowhere(archive, *MARKS)
    with xf.Archive(tmp_path / "old", now=lambda: NOW) as old:
        old.compact()
        old.merge(archive)
        nowhere(old, *MARKS)
        assert old.sql("SELECT id FROM posts").fetchall() == [("20",)]
        assert old.verify().ok


def test_what_is_no_archive_cannot_be_merged(tmp_path, archive):
    with pytest.raises(xf.errors.ArchiveError):
        archive.merge(tmp_path / "nothing")


# the shell -----------------------------------------------------------------------------------------------------------


def test_the_shell_removes_and_merges(tmp_path, archive):
    archive.add([page(GONE, OTHER)])
    shutil.copytree(archive.path, tmp_path / "old")
    archive.close()
    words = ["remove", "--post", "10", "--reason", "field_params", "--archive", str(archive.path)]
    shown = CliRunner().invoke(main, words)
    assert (shown.exit_code, shown.stderr) == (0, "3 found here and removed (2 posts, 1 person), 2 ids barred\n"), shown.output
    shown = CliRunner().invoke(main, ["merge", str(tmp_path / "old"), "--archive", str(archive.path)])
    assert shown.exit_code == 0, shown.output
    nowhere(archive, SECRET)


def test_what_a_compliance_result_names_goes(archive):
    line = {"id": "10", "action": "delete", "created_at": "2020-01-01T00:00:00Z", "reason": "deleted"}
    archive.add([page(GONE, OTHER), Page(Request("GET", ""), json.dumps(line).encode(), NOW)])
    assert archive.apply_compliance("tweets") == {"posts": 2, "users": 1, "barred": 2}
    nowhere(archive, *MARKS)
    assert archive.apply_compliance("tweets") == {"posts": 0, "users": 0, "barred": 0}
    with pytest.raises(xf.XframesError):
        archive.apply_compliance("posts")


def test_events_of_a_compliance_stream_remove_what_they_name_and_no_more(archive, tmp_path):
    def event(name, user, minute, **more):
        return {"data": {name: {"user": {"id": user}, "event_at": f"2026-01-01T00:0{minute}:00Z", **more}}}

    def post(id_, author, **more):
        return {"id": id_, "text": f"text {id_}", "author_id": author, **more}

    point = {"coordinates": {"type": "Point", "coordinates": [1.5, 2.5]}}
    archive.add(page(post("30", "3", geo=point), post("31", "3"), post("300", "3", geo={"place_id": "b"}), post("40", "4"),
                     post("50", "5"), post("3", "6")))
    events = (event("scrub_geo", "3", 1, up_to_tweet_id="99"), event("user_suspend", "4", 1), event("user_unsuspend", "4", 2),
              event("user_delete", "5", 1))
    path = tmp_path / "stream.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    archive.import_pages(path)
    assert archive.apply_compliance("tweets") == {"posts": 0, "users": 0, "barred": 0}
    assert archive.apply_compliance("users")["posts"] == 2
    assert archive.sql("SELECT id FROM posts ORDER BY id::int").fetchall() == [("3",), ("31",), ("40",), ("300",)]
    assert archive.verify().ok
    assert archive.apply_compliance("users") == {"posts": 0, "users": 0, "barred": 0}


# what is found, and by what name -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_id_that_is_not_here_is_barred_and_said_to_be_missing(archive):
    archive.add([page(OTHER)])
    assert archive.remove(["77"], reason="why") == {"posts": 0, "users": 0, "barred": 1}
    assert archive.remove(user_ids=["78"], reason="why") == {"posts": 0, "users": 0, "barred": 1}
    assert archive.remove(["20", "79"], reason="why") == {"posts": 1, "users": 1, "barred": 2}
    archive.add([page({"id": "77", "text": "late", "author_id": "3"}, seconds=4)])
    assert archive.ids(included=True) == []


def test_the_shell_says_what_was_found_and_what_is_barred(archive):
    archive.add([page(OTHER)])
    shown = CliRunner().invoke(main, ["remove", "--post", "77", "--reason", "r", "--archive", str(archive.path)])
    assert (shown.exit_code, shown.stderr) == (0, "0 found here, 1 id barred\n")


@pytest.mark.parametrize(("handle", "compacted"), [("@ada_lov", False), ("@ADA_LOV", True), ("@ada_before", False)])
def test_a_handle_is_taken_as_the_archive_knows_it(archive, handle, compacted):
    archive.add([page(GONE, users=[{**ADA, "username": "ada_before"}, BOB]), page(OTHER, seconds=3)])
    if compacted:
        archive.compact()
    assert archive.remove(user_ids=[handle], reason="why")["users"] == 1
    assert archive.sql("SELECT id FROM users").fetchall() == [("2",)]
    assert archive.sql("SELECT resource_id FROM tombstones WHERE resource_type = 'user'").fetchall() == [("1",)]


def test_a_handle_means_who_has_it_now(archive):
    archive.add([page(GONE, users=[{**ADA, "username": "swapped"}]), page(OTHER, users=[ADA, {**BOB, "username": "swapped"}], seconds=3)])
    archive.remove(user_ids="@swapped", reason="why")
    assert archive.sql("SELECT id FROM users").fetchall() == [("1",)]


@pytest.mark.parametrize("known", [False, True])
def test_a_handle_nobody_or_several_have_is_refused(archive, known):
    users = [{**ADA, "username": "both"}, {**BOB, "username": "Both"}] if known else [ADA, BOB]
    archive.add([page(GONE, OTHER, users=users)])
    with pytest.raises(xf.errors.ArgumentError, match="@both"):
        archive.remove(user_ids=["1", "@both"], reason="why")
    assert archive.tables["tombstones"] == 0


def test_the_shell_takes_a_handle(archive):
    archive.add([page(GONE, OTHER)])
    shown = CliRunner().invoke(main, ["remove", "--user", "@ada_lov", "--reason", "r", "--archive", str(archive.path)])
    assert shown.exit_code == 0, shown.output
    shown = CliRunner().invoke(main, ["remove", "--user", "@nobody", "--reason", "r", "--archive", str(archive.path)])
    assert shown.exit_code == 2
    assert "@nobody" in shown.output

"""Takedown: what was removed is hidden at once, gone from every byte, and does not come back."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import xframes as xf
from xframes.archive.journal import open_journal
from xframes.archive.scrubbing import Doomed, scrub
from xframes.cli import main
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = {"id": "1", "username": "ada_lov", "name": "Ada Unmistakable", "description": "about ada"}
BOB = {"id": "2", "username": "bob", "name": "Bob"}
SECRET = "the secret text of a post"
GONE = {"id": "10", "text": SECRET, "author_id": "1", "attachments": {"media_keys": ["3_1"]},
        "edit_history_tweet_ids": ["9", "10"], "public_metrics": {"like_count": 1},
        "entities": {"hashtags": [{"tag": "onlythere", "start": 0, "end": 3}]}}
OTHER = {"id": "20", "text": "hello @ada_lov of old", "author_id": "2", "referenced_tweets": [{"type": "quoted", "id": "10"}],
         "entities": {"mentions": [{"start": 6, "end": 14, "username": "ada_lov", "id": "1"}]}}
MEDIA = {"media_key": "3_1", "type": "photo", "alt_text": "a telling picture"}
MARKS = [SECRET, "Ada Unmistakable", "onlythere", "a telling picture", "about ada"]


def page(*posts, users=(ADA, BOB), media=(MEDIA,), seconds=0, action="search.recent", **more):
    body = {"data": list(posts), "includes": {"users": list(users), "media": list(media)}} | more
    request = Request("GET", "/2/tweets/search/recent", {"query": "from:ada_lov OR tea"}, action)
    return Page(request, json.dumps(body).encode(), NOW + timedelta(seconds=seconds))


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as made:
        yield made


def bytes_on_disk(archive):
    """Everything in the archive's files, decompressed."""
    found = []
    for path in sorted(p for p in archive.path.rglob("*") if p.is_file()):
        found.append((path, path.read_bytes()))
        if path.suffix == ".parquet":
            found.append((path, repr(pq.read_table(path).to_pylist()).encode()))
            found.append((path, repr(pq.read_metadata(path).metadata).encode()))
        elif path.suffix == ".sqlite":
            with sqlite3.connect(path) as journal:
                found.append((path, "".join(journal.iterdump()).encode()))
            journal.close()
    return found


def nowhere(archive, *texts):
    for text in texts:
        places = [path.name for path, data in bytes_on_disk(archive) if text.encode() in data]
        assert places == [], text


@pytest.mark.parametrize("compacted", [False, True])
def test_a_removed_post_is_gone_and_its_author_with_the_last_of_theirs(archive, compacted):
    archive.add([page(GONE, OTHER), page(OTHER, seconds=5)])
    if compacted:
        archive.compact()
    assert archive.remove("10", reason="author asked") == {"posts": 2, "users": 1}
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT id, text FROM posts").fetchall() == [("20", "hello @ada_lov of old")]
    assert archive.sql("SELECT id FROM users").fetchall() == [("2",)]
    assert archive.sql("SELECT user_id, username, start_index FROM post_mentions").fetchall() == [("1", None, 6)]
    assert archive.sql("SELECT * FROM media").fetchall() == []
    stones = archive.sql("SELECT resource_type, resource_id, reason FROM tombstones ORDER BY ALL").fetchall()
    assert stones == [("post", "10", "author asked"), ("post", "9", "author asked")]
    assert archive.verify().ok


@pytest.mark.parametrize("again", [[], [GONE]])
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


def test_what_comes_later_stays_hidden_and_goes_with_the_next_compaction(archive):
    archive.add(page(OTHER))
    archive.remove(["10"], ["1"], reason="deleted")
    archive.add(page(GONE, OTHER, seconds=9))
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    assert archive.sql("SELECT id FROM users").fetchall() == [("2",)]
    assert archive.sql("SELECT * FROM post_hashtags").fetchall() == []
    archive.compact()
    nowhere(archive, *MARKS)


def test_a_rebuild_brings_nothing_back(archive):
    archive.add([page(GONE, OTHER)])
    archive.remove(["10"], reason="deleted")
    before = archive.tables
    archive.rebuild(processes=1)
    assert archive.tables == before
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT count(*) FROM tombstones").fetchall() == [(2,)]


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


def test_nothing_to_remove_is_refused(archive):
    with pytest.raises(xf.XframesError, match="give post_ids or user_ids"):
        archive.remove(reason="why")


def test_a_page_without_it_is_given_back_as_it_is():
    one = page(OTHER, users=[BOB], media=[])
    assert scrub(one, Doomed(posts=frozenset({"99"}))) is one


def test_an_unreadable_page_that_may_hold_it_is_emptied():
    one = Page(Request("GET", ""), b'{"data": [{"id": "10", "text": "the sec', NOW)
    assert b"sec" not in scrub(one, Doomed(posts=frozenset({"10"}))).body


def test_a_flattened_post_loses_what_was_written_into_it():
    post = OTHER | {"author": BOB, "referenced_tweets": [{"type": "quoted", **GONE}], "in_reply_to_user": ADA}
    one = Page(Request("GET", ""), json.dumps(post).encode(), NOW)
    clean = json.loads(scrub(one, Doomed(frozenset({"10"}), frozenset({"1"}), frozenset({"ada_lov"}))).body)
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
    with pytest.raises(xf.XframesError, match="is no archive"):
        archive.merge(tmp_path / "nothing")


# the shell -----------------------------------------------------------------------------------------------------------


def test_the_shell_removes_and_merges(tmp_path, archive):
    archive.add([page(GONE, OTHER)])
    shutil.copytree(archive.path, tmp_path / "old")
    archive.close()
    words = ["remove", "--post", "10", "--reason", "asked", "--archive", str(archive.path)]
    shown = CliRunner().invoke(main, words)
    assert (shown.exit_code, shown.stderr) == (0, "removed 2 posts and 1 people\n"), shown.output
    shown = CliRunner().invoke(main, ["merge", str(tmp_path / "old"), "--archive", str(archive.path)])
    assert shown.exit_code == 0, shown.output
    nowhere(archive, SECRET)


def test_what_a_compliance_result_names_goes(archive):
    line = {"id": "10", "action": "delete", "created_at": "2020-01-01T00:00:00Z", "reason": "deleted"}
    archive.add([page(GONE, OTHER), Page(Request("GET", ""), json.dumps(line).encode(), NOW)])
    assert archive.apply_compliance("tweets") == {"posts": 2, "users": 1}
    nowhere(archive, *MARKS)
    assert archive.apply_compliance("tweets") == {"posts": 0, "users": 0}
    with pytest.raises(xf.XframesError, match="type is tweets or users"):
        archive.apply_compliance("posts")


# every place a name or a text can stand in ----------------------------------------------------------------------------


def asked(path, body, action=None, params=None, args=None, *, seconds=0, method="GET"):
    return Page(Request(method, path, params or {}, action, args or {}), json.dumps(body).encode(), NOW + timedelta(seconds=seconds))


def gone_everywhere(archive, *texts):
    for _ in range(2):
        nowhere(archive, *texts)
        archive.rebuild()
    assert archive.verify().ok


BYSTANDER = {"id": "30", "text": "nothing of them", "author_id": "2"}


def test_what_was_written_from_here_goes_too(archive):
    archive.add([asked("/2/tweets", {"data": {"id": "10", "text": SECRET}}, "write.create_post", args={"text": SECRET}, method="POST"),
                 asked("/2/lists", {"data": {"id": "5", "name": "kept list"}}, "write.create_list", args={"name": "kept list"}, method="POST")])
    archive.remove(["10"], reason="why")
    gone_everywhere(archive, SECRET)
    assert "kept list" in "".join(archive["writes"]["arguments"].to_pylist())


def test_lists_and_spaces_of_a_removed_person_go_too(archive):
    archive.add([asked("/2/users/1/owned_lists", {"data": [{"id": "5", "name": "a list of hers", "owner_id": "1"},
                                                           {"id": "6", "name": "a list of his", "owner_id": "2"}]}),
                 asked("/2/spaces", {"data": [{"id": "1a", "state": "ended", "title": "a space of hers", "creator_id": "1", "host_ids": ["1", "2"]}]}),
                 page(BYSTANDER)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, "a list of hers", "a space of hers", "Ada Unmistakable")
    assert archive["lists"]["name"].to_pylist() == ["a list of his"]


def test_a_name_in_queries_rules_counts_and_errors_goes_too(archive):
    archive.add([asked("/2/tweets/counts/recent", {"data": [{"start": "2026-02-01T00:00:00Z", "end": "2026-02-02T00:00:00Z", "tweet_count": 3}]},
                       "counts.recent", {"query": "from:Ada_Lov"}, {"query": "from:Ada_Lov"}),
                 asked("/2/tweets/search/stream/rules", {"data": [{"id": "9", "value": "from:ada_lov", "tag": "ada_lov again"}]}, "streams.rules"),
                 asked("/2/tweets/search/stream", {"data": BYSTANDER, "matching_rules": [{"id": "9", "tag": "ada_lov again"}]}, "streams.filtered"),
                 page(BYSTANDER)])
    with open_journal(archive.path / "journal.sqlite") as journal:
        journal.start([("run-x", "users.by_username", {"username": "ada_lov"}, None)], None, NOW)
        journal.update("run-x", NOW, state="failed", error="Could not find user with username: [ada_lov].")
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, "ada_lov", "Ada_Lov")
    assert archive["stream_rules"]["value"].to_pylist() == ["from:removed"]
    assert archive["counts"]["query"].to_pylist() == ["from:removed"]


def test_links_of_others_lose_the_name_and_stay(archive):
    quote = {"id": "20", "text": "look https://t.co/a", "author_id": "2", "referenced_tweets": [{"type": "quoted", "id": "10"}],
             "entities": {"urls": [{"start": 5, "end": 19, "url": "https://t.co/a", "expanded_url": "https://twitter.com/Ada_Lov/status/10",
                                    "display_url": "x.com/ada_lov/status…"},
                                   {"url": "https://t.co/b", "expanded_url": "https://e.example/ada_lov"}]}}
    archive.add([page(GONE, quote)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, "twitter.com/Ada_Lov", "x.com/ada_lov")
    assert archive["post_urls"]["expanded_url"].to_pylist() == ["https://twitter.com/removed/status/10", "https://e.example/ada_lov"]


def test_earlier_names_go_and_whoever_took_them_stays(archive):
    archive.add([page(GONE, users=[{**ADA, "username": "ada_before"}])])
    archive.add([page(BYSTANDER, users=[ADA, {**BOB, "username": "ada_before"}], seconds=5)])
    archive.add([page({"id": "21", "text": "hm", "author_id": "2", "entities": {"mentions": [
        {"start": 0, "end": 2, "username": "ada_before", "id": "1"}, {"start": 3, "end": 5, "username": "ada_before", "id": "2"}]}}, users=[])])
    archive.compact()
    archive.remove(user_ids=["1"], reason="why")
    assert archive.sql("SELECT user_id, username FROM post_mentions ORDER BY position").fetchall() == [("1", None), ("2", "ada_before")]
    assert archive.sql("SELECT id, username FROM users").fetchall() == [("2", "ada_before")]
    assert not any(b'"username":"ada_before"' in p.body and b'"id":"1"' in p.body.partition(b"ada_before")[0][-40:] for p in archive.pages())
    gone_everywhere(archive, "ada_lov", "Ada Unmistakable")


def test_a_person_known_by_mentions_alone_loses_the_name(archive):
    archive.add([page(OTHER | {"text": "hello"}, users=[BOB])])
    archive.remove(user_ids=["1"], reason="why")
    archive.add([asked("/2/tweets", {"data": OTHER | {"text": "hello"}}, seconds=9)])
    archive.compact()
    gone_everywhere(archive, '"username":"ada_lov"', "'username': 'ada_lov'")


OLD_ADA = {"id": 1, "id_str": "1", "screen_name": "ada_lov", "name": "Ada Unmistakable"}


@pytest.mark.parametrize("ids", [{"id": 10, "id_str": "10"}, {"id_str": "10"}, {"id": {"$numberLong": "10"}}])
def test_old_posts_and_what_answers_them(archive, ids):
    gone = {**ids, "full_text": SECRET, "user": OLD_ADA}
    answer = {"id": 20, "id_str": "20", "full_text": "hm", "user": {"id": 2, "id_str": "2", "screen_name": "bob", "name": "Bob"},
              "in_reply_to_screen_name": "ada_lov", "in_reply_to_user_id_str": "1", "quoted_status": gone, "quoted_status_permalink": {
                  "expanded": "https://twitter.com/ada_lov/status/10", "display": "twitter.com/ada_lov/stat…"},
              "entities": {"user_mentions": [{"screen_name": "ada_lov", "name": "Ada Unmistakable", "id": 1, "id_str": "1", "indices": [0, 2]}]}}
    archive.add([asked("", gone), asked("", answer), asked("", [gone, answer])])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, SECRET, "Ada Unmistakable", "ada_lov")
    assert archive.sql("SELECT id, text FROM posts").fetchall() == [("20", "hm")]


def test_names_twarc_writes_beside_posts_and_exports(archive):
    row = {"id": "20", "text": "hm", "author": BOB, "author_id": "2", "retweeted_user_id": "1", "retweeted_username": "ada_lov"}
    export = {"account": [{"account": {"accountId": "1", "username": "ada_lov", "accountDisplayName": "Ada Unmistakable"}}],
              "tweets": [{"tweet": {"id_str": "10", "full_text": SECRET}}]}
    archive.add([asked("", row), asked("", export)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, SECRET, "Ada Unmistakable", "ada_lov")
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]


def test_a_file_imported_again_brings_nothing_back(archive, tmp_path):
    path = tmp_path / "pages.jsonl"
    path.write_bytes(page(GONE, OTHER).body)
    archive.import_pages(path, progress=False)
    archive.remove(user_ids=["1"], reason="why")
    archive.import_pages(path, progress=False)
    nowhere(archive, *MARKS)
    archive.add([page(GONE, OTHER, seconds=1)])
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    assert archive.verify().ok


def test_what_a_dead_process_left_half_written_goes_and_the_work_of_living_ones_stays(archive):
    archive.add([page(GONE, OTHER)])
    left, fresh = archive.path / ".tmp" / "left.parquet", archive.path / ".tmp" / "fresh.parquet"
    for path in (left, fresh):
        pq.write_table(archive["posts"], path)
    os.utime(left, (1, 1))
    with archive.keeping("write.like", {}):
        archive.remove(["10"], reason="why")
        assert left.exists()
    archive.purge()
    assert not left.exists()
    assert fresh.exists()


def test_whatever_has_the_same_id_is_something_else(archive):
    people = [{"id": "10", "username": "ten", "name": "Ten"}, BOB]
    mention = {"id": "40", "text": "hi", "author_id": "2", "entities": {"mentions": [{"start": 0, "end": 1, "username": "ten", "id": "10"}]}}
    archive.add([page(GONE, mention, users=[ADA, *people]), asked("/2/users/2/owned_lists", {"data": [{"id": "1", "name": "one"}]}),
                 asked("/2/tweets/search/stream/rules", {"data": [{"id": "10", "value": "tea", "tag": "t"}]}, "streams.rules")])
    archive.remove(user_ids=["1"], reason="why")
    for _ in range(2):
        assert archive.sql("SELECT id FROM users ORDER BY id").fetchall() == [("10",), ("2",)]
        assert archive.sql("SELECT user_id, username FROM post_mentions").fetchall() == [("10", "ten")]
        assert archive.sql("SELECT name FROM lists").fetchall() == [("one",)]
        assert archive.sql("SELECT value FROM stream_rules").fetchall() == [("tea",)]
        archive.rebuild()


def test_a_rebuild_gives_the_tables_as_they_were_after_a_removal(archive):
    lookup = Page(Request("GET", "/2/tweets", {"ids": "10,20,30"}, "posts.lookup", {"ids": "10,20,30"}), json.dumps(
        {"data": [GONE, OTHER, BYSTANDER], "includes": {"users": [ADA, BOB]}}).encode(), NOW)
    archive.add([lookup, page(GONE, OTHER, BYSTANDER, seconds=3), asked("", {**GONE, "author": ADA}, seconds=4),
                 asked("/2/users/2/followers", {"data": [ADA, {"id": "3", "username": "eve"}]}, "users.followers", args={"id": "2"}, seconds=5)])
    archive.remove(user_ids=["1"], reason="why")

    def tables():
        return {t: sorted(map(repr, archive[t].to_pylist())) for t in archive.tables}

    before = tables()
    assert archive.purge() == 0
    archive.rebuild()
    assert tables() == before
    nowhere(archive, *MARKS)
    assert archive.sql("SELECT position FROM matches WHERE post_id = '30' ORDER BY ALL").fetchall() == [(2,), (2,)]
    assert {i for p in archive.pages() for i in xf.flatten(p)["posts"]["id"].to_pylist()} == {"20", "30"}
    assert archive.changes("posts", "10").empty

"""Takedown from every place a name or a text can stand in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import xframes as xf
from tests.removals import ADA, BOB, GONE, MARKS, NOW, OTHER, SECRET, nowhere, page
from xframes.archive.ingest.journal import open_journal
from xframes.wire import Page, Request


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as made:
        yield made


def field_params(path, body, action=None, params=None, args=None, *, seconds=0, method="GET"):
    return Page(Request(method, path, params or {}, action, args or {}), json.dumps(body).encode(), NOW + timedelta(seconds=seconds))


def gone_everywhere(archive, *texts):
    for _ in range(2):
        nowhere(archive, *texts)
        archive.rebuild()
    assert archive.verify().ok


BYSTANDER = {"id": "30", "text": "nothing of them", "author_id": "2"}


def test_what_was_written_from_here_goes_too(archive):
    archive.add([field_params("/2/tweets", {"data": {"id": "10", "text": SECRET}}, "write.create_post", args={"text": SECRET}, method="POST"),
                 field_params("/2/lists", {"data": {"id": "5", "name": "kept list"}}, "write.create_list", args={"name": "kept list"}, method="POST")])
    archive.remove(["10"], reason="why")
    gone_everywhere(archive, SECRET)
    assert "kept list" in "".join(archive["writes"]["arguments"].to_pylist())


def test_lists_and_spaces_of_a_removed_person_go_too(archive):
    archive.add([field_params("/2/users/1/owned_lists", {"data": [{"id": "5", "name": "a list of hers", "owner_id": "1"},
                                                           {"id": "6", "name": "a list of his", "owner_id": "2"}]}),
                 field_params("/2/spaces", {"data": [{"id": "1a", "state": "ended", "title": "a space of hers", "creator_id": "1", "host_ids": ["1", "2"]}]}),
                 page(BYSTANDER)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, "a list of hers", "a space of hers", "Ada Unmistakable")
    assert archive["lists"]["name"].to_pylist() == ["a list of his"]


def test_a_name_in_queries_rules_counts_and_errors_goes_too(archive):
    archive.add([field_params("/2/tweets/counts/recent", {"data": [{"start": "2026-02-01T00:00:00Z", "end": "2026-02-02T00:00:00Z", "tweet_count": 3}]},
                       "counts.recent", {"query": "from:Ada_Lov"}, {"query": "from:Ada_Lov"}),
                 field_params("/2/tweets/search/stream/rules", {"data": [{"id": "9", "value": "from:ada_lov", "tag": "ada_lov again"}]}, "streams.rules"),
                 field_params("/2/tweets/search/stream", {"data": BYSTANDER, "matching_rules": [{"id": "9", "tag": "ada_lov again"}]}, "streams.filtered"),
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_person_known_by_mentions_alone_loses_the_name(archive):
    archive.add([page(OTHER | {"text": "hello"}, users=[BOB])])
    archive.remove(user_ids=["1"], reason="why")
    archive.add([field_params("/2/tweets", {"data": OTHER | {"text": "hello"}}, seconds=9)])
    archive.compact()
    gone_everywhere(archive, '"username":"ada_lov"', "'username': 'ada_lov'")


OLD_ADA = {"id": 1, "id_str": "1", "screen_name": "ada_lov", "name": "Ada Unmistakable"}


@pytest.mark.parametrize("ids", [
    {"id": 10, "id_str": "10"}, *(pytest.param(ids, marks=pytest.mark.slow) for ids in ({"id_str": "10"}, {"id": {"$numberLong": "10"}})),
])
def test_old_posts_and_what_answers_them(archive, ids):
    gone = {**ids, "full_text": SECRET, "user": OLD_ADA}
    answer = {"id": 20, "id_str": "20", "full_text": "hm", "user": {"id": 2, "id_str": "2", "screen_name": "bob", "name": "Bob"},
              "in_reply_to_screen_name": "ada_lov", "in_reply_to_user_id_str": "1", "quoted_status": gone, "quoted_status_permalink": {
                  "expanded": "https://twitter.com/ada_lov/status/10", "display": "twitter.com/ada_lov/stat…"},
              "entities": {"user_mentions": [{"screen_name": "ada_lov", "name": "Ada Unmistakable", "id": 1, "id_str": "1", "indices": [0, 2]}]}}
    archive.add([field_params("", gone), field_params("", answer), field_params("", [gone, answer])])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, SECRET, "Ada Unmistakable", "ada_lov")
    assert archive.sql("SELECT id, text FROM posts").fetchall() == [("20", "hm")]


def test_names_twarc_writes_beside_posts_and_exports(archive):
    row = {"id": "20", "text": "hm", "author": BOB, "author_id": "2", "retweeted_user_id": "1", "retweeted_username": "ada_lov"}
    export = {"account": [{"account": {"accountId": "1", "username": "ada_lov", "accountDisplayName": "Ada Unmistakable"}}],
              "tweets": [{"tweet": {"id_str": "10", "full_text": SECRET}}]}
    archive.add([field_params("", row), field_params("", export)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, SECRET, "Ada Unmistakable", "ada_lov")
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]


@pytest.mark.slow
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


def test_whatever_has_the_same_id_is_something_else(archive):
    people = [{"id": "10", "username": "ten", "name": "Ten"}, BOB]
    mention = {"id": "40", "text": "hi", "author_id": "2", "entities": {"mentions": [{"start": 0, "end": 1, "username": "ten", "id": "10"}]}}
    archive.add([page(GONE, mention, users=[ADA, *people]), field_params("/2/users/2/owned_lists", {"data": [{"id": "1", "name": "one"}]}),
                 field_params("/2/tweets/search/stream/rules", {"data": [{"id": "10", "value": "tea", "tag": "t"}]}, "streams.rules")])
    archive.remove(user_ids=["1"], reason="why")
    for _ in range(2):
        assert archive.sql("SELECT id FROM users ORDER BY id").fetchall() == [("10",), ("2",)]
        assert archive.sql("SELECT user_id, username FROM post_mentions").fetchall() == [("10", "ten")]
        assert archive.sql("SELECT name FROM lists").fetchall() == [("one",)]
        assert archive.sql("SELECT value FROM stream_rules").fetchall() == [("tea",)]
        archive.rebuild()


@pytest.mark.slow
def test_a_rebuild_gives_the_tables_as_they_were_after_a_removal(archive):
    lookup = Page(Request("GET", "/2/tweets", {"ids": "10,20,30"}, "posts.lookup", {"ids": "10,20,30"}), json.dumps(
        {"data": [GONE, OTHER, BYSTANDER], "includes": {"users": [ADA, BOB]}}).encode(), NOW)
    archive.add([lookup, page(GONE, OTHER, BYSTANDER, seconds=3), field_params("", {**GONE, "author": ADA}, seconds=4),
                 field_params("/2/users/2/followers", {"data": [ADA, {"id": "3", "username": "eve"}]}, "users.followers", args={"id": "2"}, seconds=5)])
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


LINKS = ["https://nitter.net/Ada_Lov/status/10", "https://mobile.twitter.com/ada_lov", "https://vxtwitter.com/@ada_lov", "https://xcancel.com/ada_lov?s=20",
         "https://r.example/?to=https%3A%2F%2Fx.com%2Fada%5Flov%2Fstatus%2F10", "https://twitter.com/#!/ADA_LOV", "https://x.com/intent/user?screen_name=ada_lov"]


@pytest.mark.parametrize("compacted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_pages_that_links_lead_to_say_nothing_of_a_removed_person(archive, compacted):
    shown = {"title": "Ada Unmistakable (@ada_lov) on X", "description": SECRET, "images": [{"url": "https://p.example/ada_face.jpg"}]}
    urls = [{"start": n, "end": n + 1, "url": f"https://t.co/{n}", "expanded_url": link, "display_url": link[8:], "unwound_url": link, **shown}
            for n, link in enumerate(LINKS)]
    urls += [{"start": 20, "end": 21, "url": "https://t.co/x", **shown},
             {"start": 30, "end": 31, "url": "https://t.co/y", "expanded_url": "https://x.com/i/web/status/10", **shown},
             {"start": 40, "end": 41, "url": "https://t.co/z", "expanded_url": "https://news.example/1", "title": "Tea with @Ada_Lov", "description": "of tea"}]
    archive.add([page(GONE), page(OTHER | {"text": "look", "entities": {"urls": urls}}, seconds=3)])
    if compacted:
        archive.compact()
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, "Unmistakable", SECRET, "ada_face", "ada_lov", "Ada_Lov", "ADA_LOV", "ada%5Flov")
    rows = archive["post_urls"].to_pylist()
    assert [row["title"] for row in rows] == [None] * 9 + ["Tea with @removed"]
    assert rows[-1]["description"] == "of tea"
    assert rows[0]["expanded_url"] == "https://nitter.net/removed/status/10"


def test_the_page_of_a_removed_post_says_nothing_of_it_in_others(archive):
    link = {"start": 0, "end": 1, "url": "https://t.co/1", "expanded_url": "https://fxtwitter.com/ada_lov/status/10", "title": "Ada", "description": SECRET}
    archive.add([page(GONE, GONE | {"id": "11", "text": "t", "edit_history_tweet_ids": ["11"]}, OTHER | {"entities": {"urls": [link]}})])
    archive.remove(["10"], reason="why")
    gone_everywhere(archive, SECRET)
    assert archive["post_urls"]["expanded_url"].to_pylist() == ["https://fxtwitter.com/ada_lov/status/10"]


UNKNOWN = [{"via": "ada_lov"}, {"credit": "photo by @Ada_Lov, 2026"}, {"share_link": "https://app.example/u/ada_lov/7"}, {"more": {"deep": [["x", "from\nada_lov"]]}},
           {"counts_by": {"ada_lov": 3}}, {"link": "https://q.example/?who=%40ada%5flov"}, {"card": {"id": "1", "name": "Ada Unmistakable", "shown": "A"}},
           {"label": "@ada_lov"}, {"byline": "\uff20ada_lov"}]


@pytest.mark.parametrize("ascii_", [True, False])
def test_a_handle_in_a_field_no_column_knows_goes_and_words_of_others_stay(archive, ascii_):
    pages = []
    for seconds, field in enumerate(UNKNOWN):
        other = OTHER | field | {"note_tweet": {"text": OTHER["text"]}}
        body = {"data": [GONE, other], "includes": {"users": [ADA, {**BOB, "description": "I like @ada_lov", **field}]}, **field}
        pages.append(Page(Request("GET", ""), json.dumps(body, ensure_ascii=ascii_).encode(), NOW + timedelta(seconds=seconds)))
    archive.add(pages)
    archive.remove(user_ids=["1"], reason="why")
    kept = sorted((one for one in archive.pages() if one.request.action != "archive.remove"), key=lambda one: one.received_at)
    for field, one in zip(UNKNOWN, kept, strict=True):
        found = json.loads(one.body)
        (post,) = found["data"]
        assert post["text"] == post["note_tweet"]["text"] == OTHER["text"]
        assert found["includes"]["users"][0]["description"] == "I like @ada_lov"
        for some in (found, post, found["includes"]["users"][0]):
            left = json.dumps({n: some[n] for n in field if n in some}).lower()
            assert "ada_lov" not in left, field
            assert "unmistakable" not in left, field
            assert "5flov" not in left, field
    assert archive.verify().ok


def test_a_handle_inside_columns_of_json_goes_from_tables_too(archive):
    archive.add([page(GONE), page(OTHER | {"text": "look", "article": {"title": "T", "written_by": "ada_lov"}, "entities": {}}, seconds=4)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, '"ada_lov"', "ada_lov")
    assert json.loads(archive["posts"]["article"].to_pylist()[0]) == {"title": "T", "written_by": "removed"}


def test_errors_that_name_a_removed_person_do_not(archive):
    archive.add([page(GONE), field_params("/2/x", {"errors": [{"title": "Not Found", "detail": "Could not find ada_lov.", "type": "about:blank"}]}, seconds=5)])
    archive.remove(user_ids=["1"], reason="why")
    gone_everywhere(archive, "ada_lov")


def test_an_author_stays_whose_other_post_is_still_in_the_journal(archive):
    archive.add([page(GONE)])
    late = {"id": "12", "text": "still here", "author_id": "1"}
    with archive.keeping("search.recent", {}) as keep:
        keep(page(late, media=[], seconds=3))
        archive.remove(["10"], reason="why")
    assert archive.sql("SELECT p.id, u.username FROM posts p JOIN users u ON u.id = p.author_id").fetchall() == [("12", "ada_lov")]
    nowhere(archive, SECRET)


def test_a_handle_of_digits_does_not_take_the_ids_of_tombstones(tmp_path):
    """A person may be called what somebody's id is; tombstones keep the ids that bar them."""
    person = {"id": "1199034298110015678", "username": "1199034298", "name": "N"}
    post = {"id": "1199034298", "text": "a text", "author_id": person["id"]}
    request = Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent")
    body = {"data": [post], "includes": {"users": [person]}}
    with xf.Archive(tmp_path / "digits") as archive:
        archive.add(Page(request, json.dumps(body).encode(), NOW))
        archive.remove(post_ids=[post["id"]], user_ids=[person["id"]], reason="asked by @1199034298")
        archive.remove(post_ids=["77"], reason="another")
        archive.rebuild()
        stones = archive.sql("SELECT resource_id FROM tombstones ORDER BY 1").fetchall()
        assert stones == [("1199034298",), (person["id"],), ("77",)]
        assert archive.verify().ok

"""Results, versions and one row for each thing: the same on Frames and on an archive."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

import xframes as xf
from xframes.archive.query.views import has_unmarked
from xframes.schema import STORED, TABLES, fields
from xframes.wire import Page, Request

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USERS = [{"id": "7", "username": "kettle_fan", "name": "Kim", "public_metrics": {"followers_count": 9}},
         {"id": "8", "username": "bob_k", "name": "Bob"}]
WHOLE = "The whole text about kettles &amp; tea #Kettle #tea @ann https://t.co/a"


def post(id_, author="7", /, **more):
    return {"id": str(id_), "text": f"post {id_}", "author_id": author, "created_at": "2026-11-19T10:00:00.000Z",
            "edit_history_tweet_ids": [str(id_)], "lang": "en", **more}


def refers(type_, id_):
    return {"referenced_tweets": [{"type": type_, "id": str(id_)}]}


def page(data, posts=(), users=USERS, minutes=0, query="tea", run=None, **meta):
    request = Request("GET", "/2/tweets/search/recent", {"query": query}, "search.recent")
    body = {"data": data, "includes": {"users": list(users), "tweets": list(posts)}, "meta": meta}
    return Page(request, json.dumps(body).encode(), NOW + timedelta(minutes=minutes), run_id=run)


ORIGINAL = post(50, "8", text=WHOLE, entities={
    "hashtags": [{"tag": "Kettle", "start": 41, "end": 48}, {"tag": "tea", "start": 49, "end": 53}],
    "mentions": [{"username": "ann", "start": 54, "end": 58}],
    "urls": [{"url": "https://t.co/a", "expanded_url": "https://example.org/tea", "start": 59, "end": 73}]})
PAGES = [
    page([post(99, **refers("retweeted", 50), text="RT @bob_k: The whole te…"),
          post(98, **refers("replied_to", 40), text="yes &lt;3"), post(97)],
         [ORIGINAL, post(40, "8")]),
    page([post(96, **refers("quoted", 97)), post(94), post(95)], [post(97)], minutes=1),
]


@pytest.fixture(params=["frames", "archive", pytest.param("compacted", marks=pytest.mark.slow)])
def collect(request, tmp_path):
    """Return what puts pages into Frames or an archive, each page in an import of its own."""
    def frames(*pages):
        return xf.flatten(pages)

    def archive(*pages):
        made = xf.Archive(tmp_path / "a")
        for one in pages:
            made.add([one])
            if request.param == "compacted":
                made.compact()
        return made

    return frames if request.param == "frames" else archive


def rows(source, query):
    return source.sql(query).fetchall()


def test_results_are_what_a_request_returned_in_its_order(collect):
    found = collect(*PAGES)
    assert rows(found, "SELECT id FROM results") == [(i,) for i in ("99", "98", "97", "96", "94", "95")]
    assert rows(found, "SELECT id, is_result FROM posts WHERE NOT is_result ORDER BY id") == [("40", False), ("50", False)]
    assert rows(found, "SELECT count(*) FROM posts WHERE is_result AND is_latest") == [(6,)]
    assert rows(found, "SELECT DISTINCT query, action, username, name, followers_count FROM results") == [
        ("tea", "search.recent", "kettle_fan", "Kim", 9)]


def test_a_result_has_its_kind_and_the_post_that_it_refers_to(collect):
    found = collect(*PAGES)
    assert rows(found, "SELECT id, kind, text, referenced_post_id, referenced_username, url FROM results LIMIT 4") == [
        ("99", "repost", WHOLE.replace("&amp;", "&"), "50", "bob_k", "https://x.com/kettle_fan/status/99"),
        ("98", "reply", "yes <3", "40", "bob_k", "https://x.com/kettle_fan/status/98"),
        ("97", "original", "post 97", None, None, "https://x.com/kettle_fan/status/97"),
        ("96", "quote", "post 96", "97", "kettle_fan", "https://x.com/kettle_fan/status/96")]
    assert rows(found, "SELECT hashtags, mentions, links, content_post_id FROM results LIMIT 2") == [
        (["Kettle", "tea"], ["ann"], ["https://example.org/tea"], "50"), ([], [], [], "98")]


def test_a_repost_without_its_original_has_its_own_text(collect):
    found = collect(page([post(9, **refers("retweeted", 5), text="RT @bob_k: te…")]))
    assert rows(found, "SELECT kind, text, referenced_post_id, content_post_id FROM results") == [
        ("repost", "RT @bob_k: te…", "5", "9")]


def test_once_a_result_always_one(collect):
    found = collect(page([post(1)], query="first"), page([post(2)], [post(1)], minutes=1, query="second"),
                    page([post(1), post(3)], minutes=2, query="third"))
    assert rows(found, "SELECT id, query FROM results") == [("1", "first"), ("2", "second"), ("3", "third")]
    assert rows(found, "SELECT id FROM posts WHERE is_result ORDER BY id") == [("1",), ("2",), ("3",)]
    assert rows(found, "SELECT count(*) FROM matches WHERE post_id = '1'") == [(2,)]


def test_a_post_that_was_included_first_becomes_a_result(collect):
    found = collect(page([post(2)], [post(1)]), page([post(1)], minutes=1))
    assert rows(found, "SELECT id FROM results") == [("2",), ("1",)]


def test_a_lookup_by_id_knows_newer_versions(collect):
    edits = {"edit_history_tweet_ids": ["10", "11"]}
    found = collect(page([post(10), post(9, edit_history_tweet_ids=["9"])]), page([post(11, **edits)], minutes=1))
    for id, is_latest in (("9", True), ("10", False), ("11", True)):
        assert rows(found, f"SELECT is_latest FROM posts WHERE id = '{id}'") == [(is_latest,)]


def test_an_edited_post_is_one_post(collect):
    edits = {"edit_history_tweet_ids": ["10", "11"]}
    found = collect(page([post(12), post(10, text="befor"), post(9)]),
                    page([post(11, text="before", **edits)], minutes=1))
    assert rows(found, "SELECT id, text FROM results") == [("12", "post 12"), ("9", "post 9"), ("11", "before")]
    assert rows(found, "SELECT id, is_latest FROM posts ORDER BY id") == [
        ("10", False), ("11", True), ("12", True), ("9", True)]


def test_versions_on_one_page_are_in_its_order_without_the_older_ones(collect):
    edits = {"edit_history_tweet_ids": ["10", "11"]}
    found = collect(page([post(10, **edits), post(12), post(11, **edits), post(9)]))
    assert rows(found, "SELECT id FROM results") == [("12",), ("11",), ("9",)]


def test_a_newer_version_that_was_only_included_is_shown_for_an_older_result(collect):
    edits = {"edit_history_tweet_ids": ["10", "11"]}
    found = collect(page([post(10)], query="first"), page([post(12)], [post(11, **edits)], minutes=1))
    assert rows(found, "SELECT id, query FROM results") == [("11", "first"), ("12", "tea")]


@pytest.mark.slow
def test_a_version_that_comes_after_a_query_is_seen_by_the_next(tmp_path):
    with xf.Archive(tmp_path / "a") as archive:
        archive.add(page([post(10), post(9)]))
        assert rows(archive, "SELECT id FROM results") == [("10",), ("9",)]
        archive.add(page([post(11, edit_history_tweet_ids=["10", "11"])], minutes=1))
        assert rows(archive, "SELECT id FROM results") == [("9",), ("11",)]
        assert rows(archive, "SELECT id FROM posts WHERE NOT is_latest") == [("10",)]
        archive.compact()
        assert rows(archive, "SELECT id FROM results") == [("9",), ("11",)]


def test_an_older_version_is_latest_as_long_as_no_newer_one_is_here(collect):
    found = collect(page([post(10, edit_history_tweet_ids=["10", "11"])]))
    assert rows(found, "SELECT id FROM results") == [("10",)]


def test_a_page_without_a_request_has_results_too(collect):
    body = {"data": [post(1)], "includes": {"tweets": [post(2)]}}
    found = collect(Page(Request("GET", ""), json.dumps(body).encode(), NOW))
    assert rows(found, "SELECT id, query, action FROM results") == [("1", None, None)]


def test_posts_included_with_users_are_no_results(collect):
    request = Request("GET", "/2/users/7", {}, "users.get", {"user_id": "7"})
    body = {"data": USERS[0], "includes": {"tweets": [post(2)]}}
    found = collect(Page(request, json.dumps(body).encode(), NOW))
    assert rows(found, "SELECT count(*) FROM results") == [(0,)]
    assert rows(found, "SELECT is_result FROM posts") == [(False,)]


def test_runs_follow_one_another(tmp_path):
    archive = xf.Archive(tmp_path / "a")
    archive.add([page([post(1)]), page([post(2)], minutes=3)])
    archive.add([page([post(3)], minutes=1)])
    assert rows(archive, "SELECT id FROM results") == [("1",), ("2",), ("3",)]
    assert archive.tables["results"] == 3


def random_pages(seed, count=12):
    """Pages whose posts and users repeat, change and miss fields."""
    random_ = random.Random(seed)
    pages = []
    for number in range(count):
        ids = random_.sample(range(100, 130), 8)
        posts = [post(i, random_.choice("78"), public_metrics={"like_count": random_.randrange(9)},
                      **({"source": "web"} if random_.random() < 0.5 else {}),
                      **({"entities": {"hashtags": [{"tag": "tea", "start": 0, "end": 1}]}} if random_.random() < 0.3 else {}),
                      edit_history_tweet_ids=[str(i), *([str(i + 1)] if i % 7 == 0 else [])]) for i in ids]
        users = [user | {"public_metrics": {"followers_count": random_.randrange(99)}} for user in USERS]
        pages.append(page(posts[:4], posts[4:], users, minutes=number, query=random_.choice("ab")))
    return pages


@pytest.mark.slow
def test_frames_are_an_archive_in_memory(tmp_path):
    pages = random_pages(1)
    frames, archive = xf.flatten(pages), xf.Archive(tmp_path / "a")
    for number, one in enumerate(pages):
        archive.add([one])
        if number == 6:
            archive.compact()
    for name, table in STORED.items():
        if name in {"runs", "requests", "matches", "problems"}:
            continue  # with the run that an archive adds
        order = [(key, "ascending") for key in table.key]
        assert frames[name].sort_by(order).to_pylist() == archive[name].sort_by(order).to_pylist(), name
    columns = ", ".join(c.name for c in TABLES["results"].columns if c.name != "run_id")
    query = f"SELECT {columns} FROM results ORDER BY id"
    assert rows(frames, query) == rows(archive, query)
    assert frames.tables["results"] == archive.tables["results"] > 5


def test_observations_are_there_by_name():
    frames = xf.flatten(PAGES)
    assert len(frames.users) == 2
    assert len(frames.observations.users) == len(frames.observations["users"]) == 4
    assert rows(frames.observations, "SELECT count(*) FROM posts WHERE id = '97'") == [(2,)]
    assert frames.observations.pages == frames.pages
    assert frames.observations.observations is frames.observations


def test_rows_of_frames_are_in_the_order_of_the_pages():
    frames = xf.flatten([page([post(3), post(1)]), page([post(2), post(3, text="new")], minutes=1)])
    assert frames.posts["id"].tolist() == ["3", "1", "2"]
    assert frames.posts["text"].tolist() == ["new", "post 1", "post 2"]


def test_what_is_shown_says_how_many_are_results():
    frames = xf.flatten(PAGES)
    assert "6 results, 2 included" in repr(frames)
    assert "6 results, 2 included" in frames._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("format", ["format-1", "format-2"])
def test_archives_of_earlier_versions_have_results(format, tmp_path):
    import shutil
    from pathlib import Path

    shutil.unpack_archive(Path(__file__).parents[1] / "fixtures" / f"{format}.zip", tmp_path)
    (home,) = [p.parent for p in tmp_path.rglob("tables")]
    archive = xf.Archive(home)
    expected = rows(archive, "SELECT DISTINCT post_id FROM matches ORDER BY 1")
    assert expected
    results = rows(archive, "SELECT id FROM posts WHERE is_result ORDER BY 1")
    assert results == expected
    assert has_unmarked(archive._folder.files("posts"))
    archive.compact()
    assert rows(archive, "SELECT id FROM posts WHERE is_result ORDER BY 1") == expected
    assert archive.verify().ok
    archive.rebuild()
    assert not has_unmarked(archive._folder.files("posts"))
    assert rows(archive, "SELECT id FROM posts WHERE is_result ORDER BY 1") == expected


# counts ---------------------------------------------------------------------------------------------------------------


def counted(number, *days, token=None, query="tea"):
    params = {"query": query, "granularity": "day", **({"next_token": f"t{number}"} if number else {})}
    buckets = [{"start": f"2026-11-{d:02}T00:00:00.000Z", "end": f"2026-11-{d + 1:02}T00:00:00.000Z", "tweet_count": 3} for d in days]
    body = {"data": buckets, "meta": {"total_tweet_count": 9, **({"next_token": token} if token else {})}}
    request = Request("GET", "/2/tweets/counts/all", params, "counts.all")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(minutes=number))


FILLED = "SELECT day(start_at), post_count, filled, date_diff('hour', start_at, end_at) FROM counts WHERE filled ORDER BY 1"


@pytest.mark.parametrize("pages", [
    [counted(0, 10, 11, 14)],
    [counted(0, 14, token="t1"), counted(1, 10, 11)],
    [counted(0, 14, token="t1"), counted(1, token="t2"), counted(2, 10, 11)],
])
def test_counts_are_filled_across_pages(pages, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    archive.add(pages)
    for found in (xf.flatten(pages), archive):
        assert rows(found, FILLED) == [(12, 0, True, 24), (13, 0, True, 24)]
    archive.compact()
    assert rows(archive, FILLED) == [(12, 0, True, 24), (13, 0, True, 24)]


@pytest.mark.parametrize("pages", [
    [counted(0, 14), counted(0, 10)],
    [counted(0, 14, token="t1", query="a"), counted(1, 10, query="b")],
    [counted(0, 12, 13, 14), counted(0, 10, 11)],
])
def test_counts_of_different_requests_are_not_filled_between(pages):
    assert rows(xf.flatten(pages), FILLED) == []


def test_a_mention_without_an_id_is_of_the_person_who_had_the_handle_then(collect):
    said = {"entities": {"mentions": [{"username": "Old_Name", "start": 0, "end": 9}]}}
    found = collect(
        page([post(1)], users=[{"id": "9", "username": "old_name"}]),
        page([post(2, created_at="2026-11-20T12:30:00.000Z", **said)], minutes=60),
        page([post(3)], users=[{"id": "9", "username": "new_name"}, {"id": "5", "username": "OLD_NAME"}], minutes=120),
        page([post(4, created_at="2026-11-20T15:30:00.000Z", **said)], minutes=240))
    assert rows(found, "SELECT id, mentioned_user_ids FROM results WHERE mentions <> []") == [("2", ["9"]), ("4", ["5"])]
    edges = xf.networks.edges(found, "mention").fetchall()
    assert {edge[:3] for edge in edges} == {("7", "9", 1), ("7", "5", 1)}


def test_a_request_from_before_a_field_was_added_is_complete(collect):
    added = {column.path for column in TABLES["posts"].body if column.since}
    before = ",".join(name for name in fields("post") if name not in added)

    def looked_up(item, minutes, names):
        request = Request("GET", "/2/tweets", {"ids": "1", "tweet.fields": names}, "posts.lookup")
        return Page(request, json.dumps({"data": [item]}).encode(), NOW + timedelta(minutes=minutes))

    found = collect(
        looked_up(post(1, paid_partnership=True, source="web"), 0, ",".join(fields("post"))),
        looked_up(post(1), 1, before))
    assert added == {"paid_partnership", "matched_media_notes", "note_request_suggestions"}
    assert rows(found, "SELECT complete, paid_partnership, source FROM posts") == [(True, True, None)]


def test_the_text_of_an_article_is_its_title_and_body():
    from tests.archives import page, post

    article = {"title": "On kettles", "plain_text": "One.\n\nTwo."}
    frames = xf.flatten(page(post(1, text="https://t.co/a", article=article), post(2, text="a &amp; b")))
    assert frames.sql("SELECT text FROM results ORDER BY id").fetchall() == [("On kettles\n\nOne.\n\nTwo.",), ("a & b",)]

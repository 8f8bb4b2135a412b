"""Old archives: posts of v1.1, account exports, CSV files of twarc, folders of academictwitteR."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USER = {"id": 7, "id_str": "7", "screen_name": "ada", "name": "Ada", "followers_count": 5, "friends_count": 6,
        "statuses_count": 8, "favourites_count": 9, "listed_count": 1, "created_at": "Wed Oct 10 20:19:24 +0000 2007",
        "verified": False, "protected": False, "description": "d", "location": "L"}
OLD = {
    "id": 100, "id_str": "100", "created_at": "Wed Oct 10 20:19:24 +0000 2018", "text": "short…", "truncated": True,
    "extended_tweet": {"full_text": "the whole #tea @bob https://t.co/x", "entities": {
        "hashtags": [{"text": "tea", "indices": [10, 14]}],
        "user_mentions": [{"screen_name": "bob", "id_str": "8", "indices": [15, 19]}],
        "urls": [{"url": "https://t.co/x", "expanded_url": "https://e.example", "display_url": "e.example",
                  "indices": [20, 34]}], "symbols": []}},
    "source": '<a href="http://x">A client</a>', "user": USER, "lang": "en", "retweet_count": 3, "favorite_count": 4,
    "in_reply_to_status_id_str": "90", "in_reply_to_user_id_str": "8", "possibly_sensitive": False,
    "quoted_status_id_str": "95", "quoted_status": {"id_str": "95", "full_text": "quoted", "user": {**USER, "id_str": "9"}},
    "extended_entities": {"media": [{"id_str": "55", "type": "video", "media_url_https": "https://p", "indices": [1, 2],
                                     "sizes": {"large": {"w": 10, "h": 20}},
                                     "video_info": {"duration_millis": 900, "variants": [
                                         {"bitrate": 5, "content_type": "video/mp4", "url": "https://v"}]}}]},
    "coordinates": {"type": "Point", "coordinates": [2.5, 48.5]},
    "place": {"id": "p1", "full_name": "Paris, France", "name": "Paris", "place_type": "city", "country": "France",
              "country_code": "FR", "bounding_box": {"coordinates": [[[2.2, 48.8], [2.4, 48.8], [2.4, 48.9], [2.2, 48.9]]]}},
}


def flat(*documents):
    return xf.flatten([Page(Request("GET", ""), json.dumps(d).encode(), NOW) for d in documents])


def rows(frames, table, *columns):
    return [tuple(r.values()) for r in frames[table].select(list(columns)).to_pylist()]


def test_a_post_of_v11_fills_the_tables():
    frames = flat(OLD)
    when = datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)
    assert rows(frames, "posts", "id", "text", "author_id", "created_at", "like_count", "repost_count", "source")[0] == (
        "100", "the whole #tea @bob https://t.co/x", "7", when, 4, 3, "A client")
    assert {i for (i,) in rows(frames, "posts", "id")} == {"100", "95"}
    assert set(rows(frames, "users", "id", "username", "followers_count", "following_count", "post_count")) == {
        ("7", "ada", 5, 6, 8), ("9", "ada", 5, 6, 8)}
    assert rows(frames, "post_hashtags", "tag", "start_index", "end_index") == [("tea", 10, 14)]
    assert rows(frames, "post_mentions", "user_id", "username") == [("8", "bob")]
    assert rows(frames, "post_urls", "expanded_url") == [("https://e.example",)]
    assert rows(frames, "post_references", "referenced_post_id", "type") == [("95", "quoted"), ("90", "replied_to")]
    assert rows(frames, "media", "media_key", "type", "duration_ms", "width") == [("7_55", "video", 900, 10)]
    assert rows(frames, "places", "id", "west", "south", "east", "north") == [("p1", 2.2, 48.8, 2.4, 48.9)]
    assert rows(frames, "posts", "longitude", "latitude", "place_id")[0] == (2.5, 48.5, "p1")
    assert rows(frames, "matches", "post_id") == [("100",)]
    assert frames["problems"].num_rows == 0


def test_a_repost_of_v11_refers_to_what_it_repeats():
    frames = flat({"id_str": "1", "text": "RT @ada: hm", "user": USER, "retweeted_status": OLD})
    assert ("1", "100", "reposted") in rows(frames, "post_references", "post_id", "referenced_post_id", "type")


def test_a_list_and_users_of_v11_are_read():
    frames = flat([OLD, {**OLD, "id_str": "101"}], USER)
    assert {i for (i,) in rows(frames, "posts", "id")} == {"100", "101", "95"}
    assert ("7", "ada") in rows(frames, "users", "id", "username")


def test_lines_of_search_tweets_python_are_read():
    frames = flat({"id": "1", "text": "a", "author_id": "7"}, {"users": [{"id": "7", "username": "ada"}]},
                  {"newest_id": "1", "oldest_id": "1", "result_count": 1, "next_token": "x"})
    assert rows(frames, "posts", "id") == [("1",)]
    assert rows(frames, "users", "id") == [("7",)]
    assert rows(frames, "requests", "next_token")[2] == ("x",)
    assert frames["problems"].num_rows == 0


def test_an_account_export_is_imported_with_its_author(tmp_path):
    tweets = [{"tweet": {"id_str": "5", "full_text": "mine #tea", "created_at": "Wed Oct 10 20:19:24 +0000 2018",
                         "favorite_count": "3", "retweet_count": "0", "lang": "en",
                         "entities": {"hashtags": [{"text": "tea", "indices": ["5", "9"]}]}}}]
    account = [{"account": {"accountId": "7", "username": "ada", "accountDisplayName": "Ada",
                            "createdAt": "2010-01-01T00:00:00.000Z", "email": "ada@example.org"}}]
    path = tmp_path / "twitter-export.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("data/account.js", "window.YTD.account.part0 = " + json.dumps(account))
        made.writestr("data/tweets.js", "window.YTD.tweets.part0 = " + json.dumps(tweets))
        made.writestr("data/ad-engagements.js", "window.YTD.ad_engagements.part0 = []")
    with xf.Archive(tmp_path / "archive") as archive:
        archive.import_pages(path)
        assert archive.sql("SELECT id, author_id, like_count FROM posts").fetchall() == [("5", "7", 3)]
        assert archive.sql("SELECT id, username FROM users").fetchall() == [("7", "ada")]
        assert archive.sql("SELECT tag, start_index FROM post_hashtags").fetchall() == [("tea", 5)]
        assert not any(b"ada@example.org" in p.read_bytes() for p in archive.path.rglob("*") if p.is_file())


def test_a_csv_of_twarc_is_read_back(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text(
        "id,text,author_id,created_at,public_metrics.like_count,referenced_tweets.quoted.id,entities.hashtags,"
        "author.id,author.username,author.public_metrics.followers_count,geo.place_id,geo.full_name,attachments.media_keys,"
        "__twarc.retrieved_at,__twarc.url\n"
        '1234567890123456789,"two\nlines",7,2021-01-02T03:04:05.000Z,5.0,95,"[{""start"": 0, ""end"": 4, ""tag"": ""tea""}]",'
        '7,ada,12,,,"[""3_1""]",2022-01-01T00:00:00+00:00,https://api.twitter.com/2/tweets/search/all?query=tea\n', encoding="utf-8")
    (page,) = xf.read_pages(path)
    frames = xf.flatten(page)
    assert page.received_at == datetime(2022, 1, 1, tzinfo=UTC)
    assert rows(frames, "posts", "id", "text", "like_count") == [("1234567890123456789", "two\nlines", 5)]
    assert rows(frames, "users", "id", "username", "followers_count") == [("7", "ada", 12)]
    assert rows(frames, "post_references", "referenced_post_id", "type") == [("95", "quoted")]
    assert rows(frames, "post_hashtags", "tag") == [("tea",)]
    assert rows(frames, "post_media", "media_key") == [("3_1",)]
    assert frames["problems"].num_rows == 0


def test_a_folder_is_imported_whole_and_what_is_refused_is_told(tmp_path):
    folder = tmp_path / "academic"
    folder.mkdir()
    (folder / "data_1.json").write_text(json.dumps([{"id": "1", "text": "a", "author_id": "7"}]))
    (folder / "users_1.json").write_text(json.dumps({"users": [{"id": "7", "username": "ada"}], "tweets": [{"id": "2", "text": "b"}]}))
    (folder / "notes.docx").write_bytes(b"PK")
    with xf.Archive(tmp_path / "archive") as archive:
        runs = archive.import_pages(folder)
        assert archive.sql("SELECT id FROM posts ORDER BY id").fetchall() == [("1",), ("2",)]
        assert archive.sql("SELECT username FROM users").fetchall() == [("ada",)]
        assert {run.state for run in runs} == {"done", "failed"}
        (told,) = archive.sql("SELECT error FROM runs WHERE state = 'failed'").fetchall()
        assert "notes.docx" in told[0]


def test_what_is_no_csv_of_posts_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("colour,size\nred,5\n")
    with pytest.raises(xf.XframesError, match=r"other\.csv.*`id`"):
        list(xf.read_pages(path))

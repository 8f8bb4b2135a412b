"""Every declared format: its own records are recognised and read back, and odd values lose no row unnoticed."""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xframes as xf
from tests.effort import examples
from tests.reader.declared_files import lines, marked, record, shaped, table
from tests.reader.mutations import check_any
from xframes.reader.formats import format_of, formats, table_format
from xframes.reader.formats.listing import markdown, tools
from xframes.reader.formats.source_format import Shape
from xframes.schema import TABLES

FILES = [each for each in shaped() if each.form != "js"]
TOOLS = [each for each in FILES if each.fits is None and each.certain]


def name(format_):
    return format_.name


def written(path, format_, records):
    if format_.form == "table":
        path = path / "rows.csv"
        path.write_bytes(table(records))
    else:
        path = path / "lines.jsonl"
        path.write_bytes(lines(records))
    return path


def one(format_, number=0):
    return marked(format_, record(format_.shape, number, flat=format_.form == "table"))


@pytest.mark.parametrize("format_", TOOLS, ids=name)
def test_a_format_is_recognised_by_its_own_records(format_):
    made = one(format_)
    if format_.form == "table":
        assert table_format(list(made), [made]).name == format_.name
    else:
        assert format_of(made).name == format_.name


@pytest.mark.parametrize("format_", TOOLS, ids=name)
def test_each_key_of_a_record_fills_its_column(format_, tmp_path):
    path = written(tmp_path, format_, [one(format_)])
    frames = xf.flatten(xf.read_pages(path))
    left = set()
    for key in format_.shape.keys:
        target, _, column = key.to.partition(".")
        if key.of or (key.names[0] not in one(format_) and not (key.name.startswith("_") and format_.shape.samples)):
            continue
        if target == "media" and not frames["media"].num_rows:
            left.add(key.name)
        if target == "media":
            continue
        rows = frames[target].num_rows
        if rows == 0 or (column and frames[target][column].null_count == rows):
            left.add(key.name)
    prepared = {"quoted_id", "retweeted_id", "retweeted_user_id", "retweeted_screen_name", "in_reply_to", "tweet_url"}
    assert left - prepared == set()
    assert not [p for p in frames["problems"].to_pylist() if p["kind"] == "unknown_field" and p["parameter"] != "x"]


def test_targets_are_columns_of_the_schema():
    waiting, known = [each.shape for each in formats() if each.shape], set()
    while waiting:
        shape = waiting.pop()
        if id(shape) in known:
            continue
        known.add(id(shape))
        assert isinstance(shape, Shape)
        for key in shape.keys:
            target, _, column = key.to.partition(".")
            assert not column or TABLES[target][column].path, key
        waiting += [inner.shape() for inner in shape.inner]


@settings(max_examples=examples(60), deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_mutated_files_raise_nothing_and_lose_no_record_unnoticed(rng):
    with tempfile.TemporaryDirectory() as folder:  # `python -m tests.reader.mutations 10000` tries more
        check_any(rng, folder)


# what is not understood ----------------------------------------------------------------------------------------------


def read(tmp_path, text, file="given.csv", **choices):
    path = tmp_path / file
    path.write_text(text, encoding="utf-8")
    return xf.flatten(xf.read_pages(path, **choices))


def test_a_column_that_is_not_understood_is_named_once_with_its_file(tmp_path):
    frames = read(tmp_path, "id,text,user_id,mood\n1500000000000000001,a,7,x\n1500000000000000002,b,7,y\n")
    (row,) = frames["problems"].to_pylist()
    assert (row["kind"], row["parameter"]) == ("unknown_field", "mood")
    assert "mood" in row["detail"]
    assert "given.csv" in row["detail"]


@pytest.mark.parametrize("text", ["id,text\n1,red\n2,green\n", "id,body\n1,red\n", "id,username\n1,ada\n", "id,name,owner_id\n1,a,2\n",
                                  "start,end\n1,2\n", "id,text,label\nx1,red,0\n"])
def test_two_columns_that_fit_are_not_posts(tmp_path, text):
    with pytest.raises(xf.XframesError, match="--map"):
        read(tmp_path, text)


def test_columns_can_be_mapped(tmp_path):
    frames = read(tmp_path, "nr,words,hearts\n5,tea,3\n", columns={"nr": "id", "words": "text", "hearts": "like_count"})
    assert frames["posts"].select(["id", "text", "like_count"]).to_pylist() == [{"id": "5", "text": "tea", "like_count": 3}]
    with pytest.raises(xf.errors.ArgumentError, match="map"):
        read(tmp_path, "nr\n5\n", columns={"nr": "colour"})


def test_what_is_refused_is_named_with_the_way_out(tmp_path):
    with pytest.raises(xf.XframesError, match="lookup"):
        read(tmp_path, '{"ids": [1, 2], "next_cursor": 0}', "ids.json")


def test_a_private_message_is_never_a_post(tmp_path):
    message = {"id": 5, "id_str": "5", "text": "hm", "sender_id": 7, "recipient_id": 8, "sender": {"id": 7, "screen_name": "ada"}}
    frames = read(tmp_path, json.dumps(message), "messages.json")
    assert frames["posts"].num_rows == 0
    assert frames["messages"].select(["id", "sender_id", "conversation_id"]).to_pylist() == [
        {"id": "5", "sender_id": "7", "conversation_id": "7-8"}]


# tables of pandas and of xframes itself -------------------------------------------------------------------------------


def test_objects_in_cells_are_read(tmp_path):
    frames = read(tmp_path, "id_str,full_text,created_at,user.id_str,user.screen_name,entities.hashtags\n"
                            "5,tea #x,Wed Oct 10 20:19:24 +0000 2018,7,ada,\"[{'text': 'x', 'indices': [4, 6]}]\"\n")
    assert frames["posts"].select(["id", "author_id"]).to_pylist() == [{"id": "5", "author_id": "7"}]
    assert frames["post_hashtags"].select(["tag", "start_index"]).to_pylist() == [{"tag": "x", "start_index": 4}]
    frames = read(tmp_path, "id,rawContent,date,user\n5,tea,2021-07-06 16:04:47+00:00,\"User(username='ada', id=7, displayname='Ada')\"\n")
    assert frames["users"].select(["id", "username", "name"]).to_pylist() == [{"id": "7", "username": "ada", "name": "Ada"}]


@pytest.mark.parametrize("form", [
    "csv", "parquet", *(pytest.param(form, marks=pytest.mark.slow) for form in ("json", "jsonl", "excel", "sqlite", "duckdb")),
])
def test_exports_of_xframes_come_back_without_loss(tmp_path, form):
    post = {"id": "5", "text": "None #x", "author_id": "7", "created_at": "2021-07-06T16:04:47.000Z", "note_tweet": {"text": "None, and more #x"},
            "public_metrics": {"like_count": 3, "retweet_count": 0}, "referenced_tweets": [{"type": "retweeted", "id": "4"}],
            "entities": {"hashtags": [{"tag": "x", "start": 5, "end": 7}, {"tag": "y", "start": 8, "end": 9}]}}
    first = tmp_path / "page.jsonl"
    first.write_text(json.dumps({"data": [post], "includes": {"users": [{"id": "7", "username": "ada", "name": "NA"}]}}))
    suffix = {"excel": "xlsx", "sqlite": "sqlite", "duckdb": "duckdb"}.get(form)
    target = tmp_path / (f"out.{suffix}" if suffix else "out")
    tables = ("posts", "users", "post_hashtags", "post_references", "post_metrics")
    with xf.Archive(tmp_path / "one") as one, xf.Archive(tmp_path / "two") as two:
        one.import_pages(first, progress=False)
        one.export(target, format=form, tables=[*tables, "results"])
        two.import_pages(target, progress=False)
        for name in tables:
            columns = ", ".join(f'"{c.name}"' for c in TABLES[name].columns if c.name not in {"page_id", "complete"})
            query = f"SELECT {columns} FROM {name} ORDER BY ALL"
            assert two.sql(query).fetchall() == one.sql(query).fetchall()
        assert two.sql("SELECT * FROM problems").fetchall() == []


def test_community_notes_and_analytics_of_days_have_tables_of_their_own(tmp_path):
    frames = read(tmp_path, "noteId\tnoteAuthorParticipantId\tcreatedAtMillis\ttweetId\tclassification\tsummary\tmisleadingOther\n"
                            "3\tAB\t1625587487000\t5\tNOT_MISLEADING\tIt rains.\t1\n", "notes.tsv")
    assert frames["community_notes"].select(["note", "post_id", "summary", "reasons"]).to_pylist() == [
        {"note": "3", "post_id": "5", "summary": "It rains.", "reasons": ["misleadingOther"]}]
    frames = read(tmp_path, 'Date,Impressions,Engagements,New follows,Unfollows,Mood\n"Sat, Aug 15, 2026",812,31,2,1,5\n')
    (row,) = frames["account_analytics"].to_pylist()
    assert (str(row["date"]), row["impressions"], row["follows"], row["unfollows"]) == ("2026-08-15", 812, 2, 1)
    assert frames["problems"]["parameter"].to_pylist() == ["Mood"]


# exports -------------------------------------------------------------------------------------------------------------


def ytd(kind, *items):
    return f"window.YTD.{kind}.part0 = {json.dumps(items)}"


def account_export(path):
    post = {"id_str": "1700000000000000001", "full_text": "mine", "created_at": "Wed Oct 11 20:19:24 +0000 2023"}
    message = {"id": "9", "text": "at the pier", "senderId": "7", "recipientId": "8", "createdAt": "2024-01-02T03:04:05.000Z"}
    with zipfile.ZipFile(path, "w") as made:
        for file, content in {
            "account": ytd("account", {"account": {"accountId": "7", "username": "ada", "email": "ada@example.org"}}),
            "tweets": ytd("tweets", {"tweet": post}),
            "like": ytd("like", {"like": {"tweetId": "1600000000000000001", "fullText": "liked"}}),
            "follower": ytd("follower", {"follower": {"accountId": "8"}}),
            "block": ytd("block", {"blocking": {"accountId": "9"}}),
            "profile": ytd("profile", {"profile": {"description": {"bio": "Paints", "location": "Pier"}}}),
            "direct-messages": ytd("direct_messages", {"dmConversation": {"conversationId": "7-8", "messages": [{"messageCreate": message}]}}),
            "manifest": "window.__THAR_CONFIG = " + json.dumps({"archiveInfo": {"generationDate": "2024-05-07T00:00:00.000Z"}, "dataTypes": {
                "tweets": {"files": [{"fileName": "data/tweets.js", "count": "2"}, {"fileName": "data/tweets-part1.js", "count": "5"}]}}}),
        }.items():
            made.writestr(f"data/{file}.js", content)
    return path


def test_of_an_export_posts_are_read_and_the_rest_by_choice(tmp_path):
    path = account_export(tmp_path / "export.zip")
    frames = xf.flatten(xf.read_pages(path))
    assert frames["posts"]["id"].to_pylist() == ["1700000000000000001"]
    assert frames["posts"]["observed_at"].to_pylist() == [datetime(2024, 5, 7, tzinfo=UTC)]
    for name in ("likes", "follows", "blocks", "messages"):
        assert frames[name].num_rows == 0
    told = " ".join(frames["problems"]["detail"].to_pylist())  # what the manifest promises
    assert "tweets-part1.js" in told
    frames = xf.flatten(xf.read_pages(path, include="likes,follows,profile"))
    assert frames["likes"].select(["user_id", "post_id"]).to_pylist() == [{"user_id": "7", "post_id": "1600000000000000001"}]
    assert frames["follows"].select(["follower_id", "followed_id"]).to_pylist() == [{"follower_id": "8", "followed_id": "7"}]
    assert "Paints" in frames["users"]["description"].to_pylist()
    assert frames["messages"].num_rows == 0


def test_messages_are_private_and_removed_for_good(tmp_path):
    path = account_export(tmp_path / "export.zip")
    with xf.Archive(tmp_path / "archive") as archive:
        (run,) = archive.import_pages(path, include="all", progress=False)
        assert run.file.stored["messages"] == 1
        assert archive.sql("SELECT count(*) FROM posts WHERE text LIKE '%pier%'").fetchall() == [(0,)]
        archive.export(tmp_path / "shared", format="csv")
        assert not any(b"at the pier" in file.read_bytes() for file in (tmp_path / "shared").rglob("*.csv"))
        archive.remove(user_ids=["7"], reason="request")
        assert archive.sql("SELECT count(*) FROM messages").fetchall() == [(0,)]
        assert not any(b"at the pier" in page.body or b"Paints" in page.body for page in archive.pages())


def test_what_was_stored_and_left_is_counted(tmp_path):
    path = account_export(tmp_path / "export.zip")
    with xf.Archive(tmp_path / "archive") as archive:
        (run,) = archive.import_pages(path, progress=False)
        assert dict(run.file.stored) == {"posts": 1, "users": 1}
        assert dict(run.file.left) == {"likes": 1, "followers": 1, "blocks": 1, "profiles": 1, "direct messages": 1}


# times ---------------------------------------------------------------------------------------------------------------


def test_when_the_data_were_collected(tmp_path):
    old = {"id_str": "5", "text": "a", "user": {"id_str": "7", "screen_name": "ada"}}
    told = read(tmp_path, json.dumps({**old, "timestamp_ms": "1625587487123"}), "a.jsonl", observed_at="2024-01-01")
    assert told["posts"]["observed_at"].to_pylist() == [datetime(2021, 7, 6, 16, 4, 47, 123000, tzinfo=UTC)]
    told = read(tmp_path, json.dumps(old), "b.jsonl", observed_at="2024-01-01")
    assert told["posts"]["observed_at"].to_pylist() == [datetime(2024, 1, 1, tzinfo=UTC)]
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as made:
        made.writestr(zipfile.ZipInfo("a.jsonl", (2019, 2, 3, 4, 5, 6)), json.dumps(old))
    told = xf.flatten(xf.read_pages(tmp_path / "c.zip"))
    assert told["posts"]["observed_at"].to_pylist() == [datetime(2019, 2, 3, 4, 5, 6, tzinfo=UTC)]


# documentation -------------------------------------------------------------------------------------------------------


def test_the_readme_lists_the_formats():
    assert markdown() in (Path(xf.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert len(tools()) > 20


def test_answers_in_warc_files_are_read_at_the_time_of_their_capture(tmp_path):
    def warc(url, body, **headers):
        head = "HTTP/1.1 200 OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
        block = head.encode() + body
        return (f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2020-01-02T03:04:05Z\r\n"
                f"Content-Length: {len(block)}\r\n\r\n").encode() + block + b"\r\n\r\n"

    old = json.dumps({"id_str": "5", "text": "a", "user": {"id_str": "7", "screen_name": "ada"}}).encode()
    new = json.dumps({"data": [{"id": "6", "text": "b"}]}).encode()
    chunked = f"{len(old):x}\r\n".encode() + old + b"\r\n0\r\n\r\n"
    path = tmp_path / "captured.warc"
    path.write_bytes(warc("https://api.twitter.com/1.1/statuses/show.json", chunked, **{"Transfer-Encoding": "chunked"})
                     + warc("https://api.twitter.com/2/tweets?ids=6", new) + warc("https://example.org/", b"<html>"))
    frames = xf.flatten(xf.read_pages(path))
    assert sorted(frames["posts"]["id"].to_pylist()) == ["5", "6"]
    assert set(frames["posts"]["observed_at"].to_pylist()) == {datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)}

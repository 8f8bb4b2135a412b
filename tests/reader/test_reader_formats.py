"""Files as other tools write them, packed and encoded in any way: every post and author comes, nothing goes silently."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib

import pyarrow as pa
import pytest

import xframes as xf

ADA = {"id": "7", "username": "ada", "name": "Ada"}
OLD_USER = {"id": 7, "id_str": "7", "screen_name": "ada", "name": "Ada"}
WHEN = "Wed Oct 10 20:19:24 +0000 2018"


def post(number, text="tea"):
    return {"id": str(number), "text": text, "author_id": "7"}


def page(*numbers):
    return {"data": [post(n) for n in numbers], "includes": {"users": [ADA]}}


def old(number, **more):
    return {"created_at": WHEN, "id": number, "id_str": str(number), "text": "tea", "user": OLD_USER, **more}


def lines(*documents):
    return b"".join(json.dumps(d).encode() + b"\n" for d in documents)


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in files.items():
            file.writestr(name.replace("__", "/").replace("_", "."), content)
    return made.getvalue()


def tarred(mode, **files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as file:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def zstd(data):
    made = pa.BufferOutputStream()
    with pa.CompressedOutputStream(made, "zstd") as out:
        out.write(data)
    return made.getvalue().to_pybytes()


def read(path):
    frames = xf.flatten(xf.read_pages(path))
    return frames, set(frames["posts"]["id"].to_pylist()), set(frames["users"]["id"].to_pylist())


TWO = lines(page(1), page(2))
PACKED = {
    "gzip under any name": gzip.compress(TWO), "gzip twice": gzip.compress(gzip.compress(TWO)),
    "bzip2": bz2.compress(TWO), "xz": lzma.compress(TWO), "zstd": zstd(TWO), "two zstd frames": zstd(TWO[:20]) + zstd(TWO[20:]),
    "a zip with folders": zipped(x__y__a_jsonl=lines(page(1)), x__b_json_gz=gzip.compress(lines(page(2))), x__c_png=b"\x89PNG\0\0",
                                 **{"____MACOSX__x__.__a_jsonl": b"\0\5\x16\7", "x__README_md": b"# about"}),
    "a zip in a zip": zipped(inner_zip=zipped(a_jsonl=TWO)), "a zip with CSV": zipped(
        a_csv="id,text,author_id,author.id,author.username\n1,tea,7,7,ada\n2,tea,7,7,ada\n", b_csv="colour,size\nred,1\n"),
    "tar": tarred("w", a_jsonl=TWO), "tar.gz": tarred("w:gz", x__a_jsonl=lines(page(1)), x__b=lines(page(2))),
    "a tar with CSV": tarred("w", a_csv=b"id,text,author_id,author.id,author.username\n1,tea,7,7,ada\n2,tea,7,7,ada\n"),
    "UTF-16 with a mark": TWO.decode().encode("utf-16"), "UTF-16 without": TWO.decode().encode("utf-16-le"),
    "UTF-16, big end first": TWO.decode().encode("utf-16-be"), "UTF-8 with a mark": b"\xef\xbb\xbf" + TWO,
    "lines out of a list": lines(page(1)).strip() + b",\n" + lines(page(2)).strip() + b",\n",
    "records with a separator": b"\x1e" + lines(page(1)) + b"\x1e" + lines(page(2)), "a tail of nothing": TWO + bytes(500),
    "lists one after another": json.dumps([page(1)]).encode() + json.dumps([page(2)], indent=1).encode(),
    "JSON written twice": lines(json.dumps(page(1)), json.dumps(page(2))), "Python's dicts": f"{page(1)}\n{page(2)}\n".encode(),
    "a list of JSON texts": json.dumps([json.dumps(page(1)), json.dumps(page(2))]).encode(),
    "lists in a list": json.dumps([[page(1)], [page(2)]]).encode(),
    "tweepy's Response": json.dumps([[post(1), post(2)], {"users": [ADA]}, [], {"result_count": 2}]).encode(),
    "v1.1": lines(old(1), old(2)), "a search of v1.1": lines({"statuses": [old(1), old(2)], "search_metadata": {"count": 2}}),
    "premium search": lines({"results": [old(1), old(2)], "next": "x", "requestParameters": {}}),
    "v1.1 with numbers alone": lines(*({"id": n, "text": "tea", "user": {"id": 7, "screen_name": "ada"}} for n in (1, 2))),
    "v1.1 out of MongoDB": lines(*({**old(n), "id": {"$numberLong": str(n)}, "_id": {"$oid": "5f"}} for n in (1, 2))),
    "v1.1 in a repost": lines({"id": 1, "full_text": "RT", "user": OLD_USER, "retweeted_status": {"id": 2, "text": "t", "user": OLD_USER}}),
}


@pytest.mark.parametrize(("name", "packed"), [
    *(("posts", packed) for packed in PACKED), *(("posts.JSONL", packed) for packed in list(PACKED)[::5]),
])
def test_what_a_file_is_its_content_says(tmp_path, name, packed):
    content = PACKED[packed]
    path = tmp_path / name
    path.write_bytes(content)
    frames, posts, users = read(path)
    assert posts == {"1", "2"}
    assert users == {"7"}
    assert "unreadable_page" not in frames["problems"]["kind"].to_pylist()


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_that_was_cut_short_gives_what_is_whole_of_it(tmp_path, indent):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([post(n) for n in range(9)], indent=indent)[:-30])
    frames, posts, _ = read(path)
    assert posts == set("01234567")
    assert frames["problems"]["kind"].to_pylist() == ["unreadable_page"]


@pytest.mark.parametrize(("content", "why"), [
    (b"\x80\4\x95pickle", "a Python pickle, which can run code"), (b"PAR1\0\0", "a Parquet file"),
    (gzip.compress(b"RDX3\nX\n\0\0"), "saved by R"), (b"\x89PNG\r\n\x1a\n\0\0\0", "binary"),
    (zipped(a_png=b"\x89PNG\0\0\r"), "a.png is binary"),
], ids=["pickle", "Parquet", "R", "picture", "zip"])  # what is packed has its moment in it
def test_what_holds_no_pages_is_refused_with_its_reason(tmp_path, content, why):
    path = tmp_path / "given.jsonl"
    path.write_bytes(content)
    with pytest.raises(xf.XframesError, match=rf"given\.jsonl.*{why}"):
        list(xf.read_pages(path))


def test_bytes_damaged_in_the_middle_are_told(tmp_path):
    packed = bytearray(gzip.compress(TWO * 500))
    packed[60:64] = b"\xff\xff\xff\xff"
    with pytest.raises(zlib.error):
        gzip.decompress(packed)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(packed)
    with pytest.raises(xf.XframesError, match="damaged or cut short"):
        list(xf.read_pages(path))


def test_a_folder_tells_what_was_read_and_what_was_not(tmp_path):
    folder = tmp_path / "all"
    folder.mkdir()
    for name, content in {"a.txt": TWO, "b": lines(page(3)), "c.gz": gzip.compress(lines(page(4))), "d.pkl": b"\x80\4x\0",
                          "e.csv": b"colour,size\nred,1\n", "query": b"#tea\n2021\n", "ids.txt": b"1\n2\n", "f.ipynb": b'{"cells": []}'}.items():
        (folder / name).write_bytes(content)
    with xf.Archive(tmp_path / "archive") as archive:
        archive.import_pages(folder, progress=False)
        assert archive.sql("SELECT id FROM posts ORDER BY id").fetchall() == [("1",), ("2",), ("3",), ("4",)]
        found = dict(archive.sql("SELECT arguments->>'$.file', error FROM runs").fetchall())
    assert [name for name, error in sorted(found.items()) if error is None] == ["a.txt", "b", "c.gz"]
    assert "pickle" in found["d.pkl"]
    assert "`id`" in found["e.csv"]


def test_notices_of_a_stream_of_v11_are_kept(tmp_path):
    path = tmp_path / "stream.jsonl"
    path.write_bytes(b"\r\n" + lines(old(1), {"delete": {"status": {"id": 5, "id_str": "5", "user_id": 3}}}, {"limit": {"track": 2}}))
    frames, posts, _ = read(path)
    assert posts == {"1"}
    assert frames["removals"].select(["id", "action"]).to_pylist() == [{"id": "5", "action": "delete"}]
    assert frames["problems"].select(["kind", "parameter"]).to_pylist() == [
        {"kind": "refused_format", "parameter": "v11-notice-limit"}]


def test_what_r_writes_for_nothing_is_nothing(tmp_path):
    path = tmp_path / "users_1.json"
    path.write_text(json.dumps({"users": [{**ADA, "entities": {"url": {"urls": {}}}, "withheld": {}}], "media": {}, "places": [
        {"id": "p", "full_name": "P", "contained_within": {}, "geo": {"type": "Feature", "bbox": [1, 2, 3, 4], "properties": {}}}]}))
    frames, _, users = read(path)
    assert users == {"7"}
    assert frames["places"]["id"].to_pylist() == ["p"]
    assert frames["problems"].num_rows == 0


# tables --------------------------------------------------------------------------------------------------------------


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "posts.csv"
    path.write_bytes(text.encode(encoding))
    return xf.flatten(xf.read_pages(path))


def test_texts_that_look_like_something_else_stay_texts(tmp_path):
    frames = table(tmp_path, "id,text,author_id,author.id,author.username,author.name,possibly_sensitive\n"
                             '1,True,7,7,False,"[1, 2]",True\n2,"{""a"": 1}",7,7,False,"[1, 2]",False\n')
    assert frames["posts"]["text"].to_pylist() == ["True", '{"a": 1}']
    assert frames["posts"]["possibly_sensitive"].to_pylist() == [True, False]
    assert frames["users"].select(["username", "name"]).to_pylist()[0] == {"username": "False", "name": "[1, 2]"}
    assert frames["problems"].num_rows == 0


def test_line_breaks_come_back_as_twarc_hides_them(tmp_path):
    frames = table(tmp_path, "id,text,author_id,__twarc.version\n1,one\\ntwo,7,2\n")
    assert frames["posts"]["text"].to_pylist() == ["one\ntwo"]
    frames = table(tmp_path, 'id,text,author.username\n1,"""one\\ntwo \\u00e9""",ada\n2,"""\\""hm\\""""",ada\n')
    assert frames["posts"]["text"].to_pylist() == ["one\ntwo é", '"hm"']


def test_entities_and_people_as_newer_versions_of_twarc_write_them(tmp_path):
    frames = table(tmp_path, "id,text,author_id,author.id,author.username,retweeted_user_id,retweeted_username,quoted_user_id,"
                             "quoted_username,in_reply_to_user_id,in_reply_to_username,entities.hashtags,entities.mentions,entities.urls\n"
                             '1,tea,7,7,ada,8,bob,9,eve,10,zed,"[""#tea""]","[""@bob""]","[""https://e.example/""]"\n')
    assert frames["post_hashtags"]["tag"].to_pylist() == ["tea"]
    assert frames["post_mentions"]["username"].to_pylist() == ["bob"]
    assert frames["post_urls"]["expanded_url"].to_pylist() == ["https://e.example/"]
    assert set(zip(frames["users"]["id"].to_pylist(), frames["users"]["username"].to_pylist(), strict=True)) == {
        ("7", "ada"), ("8", "bob"), ("9", "eve"), ("10", "zed")}
    assert frames["posts"]["in_reply_to_user_id"].to_pylist() == ["10"]
    assert frames["problems"].num_rows == 0


def test_what_pandas_writes_of_dicts_is_read(tmp_path):
    frames = table(tmp_path, "id,text,public_metrics,entities\n1,hi,\"{'like_count': 3}\",\"{'hashtags': [{'start': 0, 'end': 3, 'tag': 'te'}]}\"\n")
    assert frames["posts"]["like_count"].to_pylist() == [3]
    assert frames["post_hashtags"]["tag"].to_pylist() == ["te"]


def test_an_id_that_lost_its_digits_names_nothing_and_is_told(tmp_path):
    frames = table(tmp_path, "id,text,author_id,in_reply_to_user_id\n1.23457E+18,a,7,\n5,b,7,12.0\n")
    assert frames["posts"].select(["id", "in_reply_to_user_id"]).to_pylist() == [{"id": "5", "in_reply_to_user_id": "12"}]
    assert "a post without id" in frames["problems"]["detail"].to_pylist()


@pytest.mark.parametrize(("text", "encoding"), [
    ("id;text;author_id\n1;hé;7\n", "utf-8"), ("id\ttext\tauthor_id\n1\thé\t7\n", "utf-16"), ("id,text,author_id\n1,hé,7\n", "cp1252"),
    ("id,text,author_id\r\n1,hé,7\r\n", "utf-8-sig"),
])
def test_tables_of_spreadsheets_are_read(tmp_path, text, encoding):
    frames = table(tmp_path, text, encoding)
    assert frames["posts"].select(["id", "text", "author_id"]).to_pylist() == [{"id": "1", "text": "hé", "author_id": "7"}]


def test_tables_of_users_lists_counts_and_compliance_are_read(tmp_path):
    assert table(tmp_path, "id,username,name,public_metrics.followers_count\n7,ada,Ada,4.0\n")["users"]["followers_count"].to_pylist() == [4]
    assert table(tmp_path, "id,owner_id,name,member_count\n1,7,tea,3\n")["lists"]["member_count"].to_pylist() == [3]
    assert table(tmp_path, "start,end,tweet_count\n2021-01-01T00:00:00Z,2021-01-02T00:00:00Z,5\n")["counts"]["post_count"].to_pylist() == [5]
    assert table(tmp_path, "id,action,created_at,redacted_at,reason\n1,delete,,,deleted\n")["removals"]["id"].to_pylist() == ["1"]


# exports -------------------------------------------------------------------------------------------------------------

ACCOUNT = "window.YTD.account.part0 = " + json.dumps([{"account": {"accountId": "7", "username": "ada"}}])
OWN = {"id": "1", "id_str": "1", "full_text": "mine", "created_at": WHEN, "favorite_count": "0"}


YEARS = ["data/tweets.js", "data/tweet.js", "export-2021/data/tweets-part1.js", "data/community-tweet.js", "renamed.js"]


@pytest.mark.parametrize(("name", "unpacked", "wrapped"), [
    *((name, n % 2 == 0, True) for n, name in enumerate(YEARS)), *((name, n % 2 == 1, False) for n, name in enumerate(YEARS)),
])
def test_an_export_of_any_year_has_its_author(tmp_path, name, unpacked, wrapped):
    kind = "community_tweet" if "community" in name else "tweet" if name.endswith("tweet.js") else "tweets"
    files = {name: f"window.YTD.{kind}.part0 = " + json.dumps([{"tweet": OWN} if wrapped else OWN]),
             name.rpartition("/")[0] + "/account.js": ACCOUNT,
             name.rpartition("/")[0] + "/deleted-tweets.js": "window.YTD.deleted_tweets.part0 = " + json.dumps([{"tweet": {**OWN, "id_str": "2"}}])}
    given = tmp_path / "export"
    if unpacked:
        for file, content in files.items():
            path = given / file.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    else:
        with zipfile.ZipFile(given, "w") as packed:
            for file, content in files.items():
                packed.writestr(file.lstrip("/"), content)
    with xf.Archive(tmp_path / "archive") as archive:
        archive.import_pages(given, progress=False)
        assert archive.sql("SELECT id, author_id FROM posts").fetchall() == [("1", "7")]
        assert archive.sql("SELECT username FROM users").fetchall() == [("ada",)]


def test_the_oldest_exports_are_read(tmp_path):
    path = tmp_path / "2013_01.js"
    path.write_text("Grailbird.data.tweets_2013_01 = \n" + json.dumps([old(1)]))
    _, posts, users = read(path)
    assert (posts, users) == ({"1"}, {"7"})


def test_long_posts_of_an_export_come_whole(tmp_path):
    long = "a long text & more, " * 30
    tweets = [{"tweet": {**OWN, "full_text": long.replace("&", "&amp;")[:270] + "\u2026 https://t.co/x"}},
              {"tweet": {**OWN, "id_str": "2", "full_text": "another"}}]
    core = {"hashtags": [{"text": "tea", "fromIndex": 300, "toIndex": 304}],
            "mentions": [{"screenName": "bob", "fromIndex": 310, "toIndex": 314}]}
    notes = [{"noteTweet": {"noteTweetId": "9", "createdAt": "2018-10-10T20:19:24.000Z", "core": {"text": text} | core}}
             for text in (long, "not the one")]
    path = tmp_path / "export.zip"
    path.write_bytes(zipped(data__tweets_js="window.YTD.tweets.part0 = " + json.dumps(tweets), data__account_js=ACCOUNT,
                            **{"data__note-tweet_js": "window.YTD.note_tweet.part0 = " + json.dumps(notes)}))
    frames, _, _ = read(path)
    assert frames["posts"]["text"].to_pylist() == [long, "another"]
    assert frames["post_hashtags"].select(["tag", "start_index", "end_index"]).to_pylist() == [
        {"tag": "tea", "start_index": 300, "end_index": 304}]
    assert frames["post_mentions"]["username"].to_pylist() == ["bob"]
    (problem,) = frames["problems"]["detail"].to_pylist()
    assert "not the one" in problem  # the long text of no post

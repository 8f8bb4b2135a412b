"""What exports are made of, three made-up people and what they wrote, and how an export is read back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq

from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "a key of the test, long enough"
ADA = {"id": "9000000000000000001", "username": "Ada_Lov", "name": "Ada Unmistakable",
       "created_at": "2011-01-01T00:00:00.000Z", "location": "Adaville", "url": "https://t.co/adaHome",
       "description": "Ada Unmistakable, ada_lov elsewhere, works with @bob_b https://t.co/adaLink #tea",
       "profile_image_url": "https://pbs.twimg.com/profile_images/9000000000000000001/x.jpg",
       "entities": {"url": {"urls": [{"start": 0, "end": 20, "url": "https://t.co/adaHome",
                                      "expanded_url": "https://ada.example", "display_url": "ada.example"}]},
                    "description": {"mentions": [{"start": 48, "end": 54, "username": "bob_b"}],
                                    "hashtags": [{"start": 76, "end": 80, "tag": "tea"}]}}}
BOB = {"id": "9000000000000000002", "username": "bob_b", "name": "Bob Plainname",
       "created_at": "2012-01-01T00:00:00.000Z"}
CY = {"id": "9000000000000000003", "username": "cyCy", "name": "Cy Elsewhere", "created_at": "2013-01-01T00:00:00.000Z"}
FIRST = {
    "id": "1900000000000000001", "author_id": ADA["id"], "lang": "en", "created_at": "2026-02-01T10:00:00.000Z",
    "conversation_id": "1900000000000000001", "text": "=1+1 &amp; 😀 .@BOB_B look: https://t.co/abc123 #tea",
    "geo": {"place_id": "01a", "coordinates": {"type": "Point", "coordinates": [1.5, 2.5]}},
    "attachments": {"media_keys": ["3_1"], "poll_ids": ["77"]},
    "entities": {"mentions": [{"start": 14, "end": 20, "username": "bob_b", "id": BOB["id"]}],
                 "urls": [{"start": 27, "end": 46, "url": "https://t.co/abc123", "display_url": "x.com/Ada_Lov/status…",
                           "expanded_url": "https://twitter.com/Ada_Lov/status/1900000000000000001?s=20",
                           "title": "Ada Unmistakable on X"}],
                 "hashtags": [{"start": 47, "end": 51, "tag": "tea"}]},
}
SECOND = {
    "id": "1900000000000000002", "author_id": BOB["id"], "lang": "de", "created_at": "2026-02-02T10:00:00.000Z",
    "conversation_id": "1900000000000000001", "in_reply_to_user_id": ADA["id"], "text": "@Ada_Lov ja, Bob Plainname!",
    "referenced_tweets": [{"type": "replied_to", "id": "1900000000000000001"}],
    "entities": {"mentions": [{"start": 0, "end": 8, "username": "Ada_Lov", "id": ADA["id"]}]},
}
MORE = {"media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/media/1.jpg", "alt_text": "by @cyCy"}],
        "places": [{"id": "01a", "full_name": "Somewhere", "contained_within": ["0ff"]}, {"id": "0ff", "full_name": "Land"}],
        "polls": [{"id": "77", "options": [{"position": 1, "label": "yes", "votes": 3}]}]}


def page(*posts, users=(ADA, BOB, CY), seconds=0, path="/2/tweets/search/recent", action="search.recent", query=None, **more):
    body = {"data": list(posts), "includes": {"users": list(users)} | MORE} | more
    params = {"query": query or "tea from:Ada_Lov", "tweet.fields": "text"}
    return Page(Request("GET", path, params, action), json.dumps(body).encode(), NOW + timedelta(seconds=seconds))


def likes():
    request = Request("GET", f"/2/tweets/{FIRST['id']}/liking_users", {}, "posts.liking_users", {"post_id": FIRST["id"]})
    return Page(request, json.dumps({"data": [CY]}).encode(), NOW)


def followers():
    request = Request("GET", f"/2/users/{ADA['id']}/followers", {}, "users.followers", {"user_id": ADA["id"]})
    return Page(request, json.dumps({"data": [BOB, CY]}).encode(), NOW)


def whole(folder, format="parquet"):
    """Every table of an export, as lists of rows."""
    return {path.stem: pq.read_table(path).to_pylist() for path in sorted(folder.glob(f"*.{format}"))}


def everything(path):
    """All bytes of an export, unpacked."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    found = b""
    for file in files:
        found += file.read_bytes()
        if file.suffix == ".parquet":
            found += repr(pq.read_table(file).to_pylist()).encode()
    return found.decode("utf-8", "replace")

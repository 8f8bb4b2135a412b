"""What the tests of takedown share: two people, the post that goes, and a search for what is left of them."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq

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

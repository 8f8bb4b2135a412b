"""Files in the shapes that other tools leave behind, with invented content.

Whole answers are filled in from the extracts of X's specifications, so that they hold every field there is, in both
vocabularies. The rest is a small world of posts, written down as each tool writes it.
"""

from __future__ import annotations

import json
import re
from itertools import count

from .declared import LISTED
from .specifications import SPECS, specification

URL = {"start": 0, "end": 5, "url": "https://t.co/a", "expanded_url": "https://example.org/a", "display_url": "example.org/a"}
# Tried in turn where a schema has a pattern; `#` becomes a number, and no two values are the same.
TEXTS = ["#", "3_#", "name#", "#-#", "2026-03-01", "en", "DE", "video/mp4", "a#"]


class Filled:
    """Values that fit schemas: every property of every object, two items in every list."""

    def __init__(self, words):
        self.document, self.number = specification(words), count(1_900_000_000_000_000_001)

    def answer(self, action):
        operation = self.document["paths"][action.path][action.method.lower()]
        return self.value(operation["responses"]["200"]["content"]["application/json"]["schema"])

    def resolved(self, node):
        while "$ref" in node:
            node = self.document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return node

    def value(self, node, name="", depth=0):
        node = self.resolved(node)
        if options := [*node.get("oneOf", ()), *node.get("anyOf", ()),
                       *({"$ref": t} for t in node.get("discriminator", {}).get("mapping", {}).values())]:
            return self.value(options[0], name, depth)
        kind = node.get("type") or "object"
        if kind in {"object", "array"}:
            return (self.object if kind == "object" else self.array)(node, name, depth)
        if kind == "string":
            return self.text(node, name)
        return next(self.number) % 2 == 0 if kind == "boolean" else next(self.number) % 1000

    def object(self, node, name, depth):
        found = {}
        for part in node.get("allOf", ()):  # a part may be the base that a discriminator leads back from
            found |= self.object(self.resolved(part), name, depth)
        inner = node.get("properties", {}) if depth < 8 else {}
        return found | {each: self.value(child, each, depth + 1) for each, child in inner.items()}

    def array(self, node, name, depth):
        if name in {"bbox", "coordinates"}:
            return [-1.5, 50.25, 1.5, 51.75][: node.get("maxItems", 4)]
        return [self.value(node.get("items", {}), name, depth + 1) for _ in range(2)]

    def text(self, node, name):
        number = str(next(self.number))
        if "enum" in node:
            return node["enum"][int(number) % len(node["enum"])]
        if node.get("format") == "date-time" or name == "end_datetime":  # plain text in one specification
            return f"2026-03-01T12:{int(number) % 60:02}:00.000Z"
        if node.get("format") == "uri":
            return f"https://example.org/{name}/{number}"
        if name == "id" or name.endswith(("_id", "_ids")):
            return number
        for text in TEXTS if "pattern" in node else ():
            if re.search(node["pattern"], text.replace("#", number)):
                return text.replace("#", number)
        return f"{name} &amp; \N{SNOWMAN} {number}"


def answers(words):
    """Each read action's name, and a whole answer to it."""
    filled = Filled(words)
    for action in LISTED:
        if action.kind == "read" and not action.path.endswith("/stream/compliance"):
            yield action.name, action, filled.answer(action)


def post(number, **more):
    return {"id": str(number), "text": f"post {number} &lt;3", "author_id": "7", "conversation_id": "100", "lang": "en",
            "created_at": f"2026-02-{1 + number % 28:02}T12:00:00.000Z", "possibly_sensitive": False, "source": "a phone",
            "reply_settings": "everyone",
            "public_metrics": {"retweet_count": 1, "reply_count": 2, "like_count": number, "quote_count": 0}, **more}


def user(number, **more):
    return {"id": str(number), "username": f"user_{number}", "name": f"User {number}", "verified": False, "protected": False,
            "created_at": "2015-01-01T00:00:00.000Z", "description": "all things #new", "location": "Ghent",
            "profile_image_url": "https://example.org/p.jpg", "url": "", "pinned_tweet_id": "101",
            "public_metrics": {"followers_count": 5, "following_count": 6, "tweet_count": 7, "listed_count": 8},
            "entities": {"url": {"urls": [URL]}, "description": {"urls": [URL], "hashtags": [{"start": 11, "end": 15, "tag": "new"}]}},
            **more}


CONTEXT = [{"domain": {"id": "46", "name": "Brand", "description": "of things"}, "entity": {"id": "9", "name": "Thing"}}]
ENTITIES = {
    "hashtags": [{"start": 0, "end": 4, "tag": "new"}], "cashtags": [{"start": 5, "end": 9, "tag": "ABC"}],
    "mentions": [{"start": 10, "end": 17, "username": "user_8", "id": "8"}, {"start": 18, "end": 22, "username": "old"}],
    "urls": [URL, {**URL, "start": 6, "end": 9, "unwound_url": "https://example.org/b", "status": 200, "title": "A & B",
                   "images": [{"url": "https://example.org/i.jpg", "width": 5, "height": 4}]}],
    "annotations": [{"start": 0, "end": 4, "probability": 0.7, "type": "Place", "normalized_text": "Ghent"}],
}
POLL = {"id": "500", "duration_minutes": 1440, "end_datetime": "2026-02-02T12:00:00.000Z", "voting_status": "closed",
        "options": [{"position": 1, "label": "yes", "votes": 3}, {"position": 2, "label": "no", "votes": 0}]}
PHOTO = {"media_key": "3_400", "type": "photo", "url": "https://example.org/p.jpg", "width": 40, "height": 30, "alt_text": "a cat"}
VIDEO = {"media_key": "7_401", "type": "video", "preview_image_url": "https://example.org/v.jpg", "width": 40, "height": 30,
         "duration_ms": 9000, "public_metrics": {"view_count": 12}, "variants": [
             {"content_type": "video/mp4", "bit_rate": 832000, "url": "https://example.org/v.mp4"},
             {"content_type": "application/x-mpegURL", "url": "https://example.org/v.m3u8"}]}
PLACE = {"id": "01ab", "full_name": "Ghent, Belgium", "name": "Ghent", "place_type": "city", "country": "Belgium",
         "country_code": "BE", "geo": {"type": "Feature", "bbox": [3.5, 51, 3.75, 51.25], "properties": {}}}
GONE = {"value": "900", "resource_id": "900", "parameter": "referenced_tweets.id", "resource_type": "tweet",
        "title": "Not Found Error", "detail": "could not find tweet", "type": "https://api.twitter.com/2/problems/resource-not-found"}


def twarc(path):
    """The mark that twarc puts on each page."""
    return {"__twarc": {"url": f"https://api.twitter.com/2/{path}", "version": "2.14.0", "retrieved_at": "2026-03-01T12:00:00+00:00"}}


def in_lines(*documents):
    return "".join(f"{document if isinstance(document, str) else json.dumps(document)}\n" for document in documents)


def shapes():
    """Files by name: what twarc, academictwitteR and recorders of answers write."""
    posts = [
        post(101, entities=ENTITIES, context_annotations=CONTEXT, attachments={"media_keys": ["3_400", "7_401"]}),
        post(102, attachments={"poll_ids": ["500"]}, referenced_tweets=[{"type": "quoted", "id": "100"}, {"type": "replied_to", "id": "900"}],
             in_reply_to_user_id="8"),
        post(103, geo={"place_id": "01ab", "coordinates": {"type": "Point", "coordinates": [3.6, 51.1]}},
             referenced_tweets=[{"type": "retweeted", "id": "100"}]),
    ]
    edited = post(105, edit_history_tweet_ids=["104", "105"], edit_controls={
        "editable_until": "2026-02-10T12:30:00.000Z", "edits_remaining": 4, "is_edit_eligible": True})
    includes = {"users": [user(7), user(8)], "tweets": [post(100, author_id="8")], "media": [PHOTO, VIDEO], "polls": [POLL], "places": [PLACE]}
    meta = {"newest_id": "103", "oldest_id": "101", "result_count": 3, "next_token": "t"}
    search = {"data": posts, "includes": includes, "errors": [GONE], "meta": meta, **twarc("tweets/search/all?query=new")}
    spans = [{"start": f"2026-02-0{d}T00:00:00.000Z", "end": f"2026-02-0{d + 1}T00:00:00.000Z", "tweet_count": d} for d in (1, 2)]
    streamed = [{"data": each, "includes": includes, "matching_rules": [{"id": 1, "tag": None}, {"id": "2", "tag": "new"}],
                 **twarc("tweets/search/stream")} for each in posts]
    files = {
        "pages.jsonl": in_lines(search, {"data": [edited], "includes": {"users": [user(7, location=None)]}, **twarc("tweets")}),
        "counts.jsonl": in_lines({"data": spans, "meta": {"total_tweet_count": 3}, **twarc("tweets/counts/all?query=new&granularity=day")}),
        "stream-that-broke.jsonl": in_lines(*streamed[:2], {"errors": [{
            "title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect", "detail": "gone",
            "type": "https://api.twitter.com/2/problems/operational-disconnect"}], **twarc("tweets/search/stream")},
            streamed[2], '{"data": {"id": "106", "te'),
        "users.jsonl": in_lines({"data": [user(7), user(9)], "includes": {"tweets": [post(101)]}, "errors": [GONE], **twarc("users?ids=7,9")}),
        "compliance.jsonl": in_lines(*({"id": str(n), "action": "delete", "created_at": "2026-02-01T12:00:00.000Z",
                                        "redacted_at": "2026-02-02T12:00:00.000Z", "reason": "deleted"} for n in (910, 911))),
        "data_101.json": json.dumps(posts),
        "users_101.json": json.dumps({"users": includes["users"], "tweets": includes["tweets"]}),
    }
    for words in SPECS:
        for name, action, answer in answers(words):
            files[f"{words}-{name}.json"] = json.dumps([
                {"endpoint": action.path, "method": action.method, "response": answer, "fields": {}}])
    return files

"""What the tests of privacy share: somebody who asks to be left out, and files of every kind by others.

Each of `SHAPES` is a document as people have them, of which every text but those of `is_kept` may
name the person.
"""

from __future__ import annotations

import copy
import json
from datetime import timedelta

from xframes.wire import Page, Request

from .removals import NOW

ID, HANDLE, NAME = "2244994945123", "Zq_Planted7", "Zara Quillfeather"
WORDS = "a phrase that nobody else would write"
PROFILE = "collects moths, maps and mistakes"
PERSON = {"id": ID, "username": HANDLE, "name": NAME, "description": PROFILE, "verified": False}
POST = {"id": "1800000000000000001", "text": WORDS, "author_id": ID}
BOB = {"id": "3000000001", "username": "bob_b", "name": "Bob", "description": "of tea", "location": "here",
       "url": "https://t.co/b", "verified_type": "none", "profile_image_url": "https://pbs.twimg.com/profile_images/1/b.jpg",
       "affiliation": {"user_id": ["3000000009"], "description": "an office", "url": "https://o.example", "badge_url": "https://pbs.twimg.com/b/1.png"},
       "withheld": {"country_codes": ["DE"], "scope": "user"}, "connection_status": ["following"],
       "entities": {"description": {"hashtags": [{"start": 0, "end": 2, "tag": "of"}]},
                    "url": {"urls": [{"start": 0, "end": 9, "url": "https://t.co/b", "expanded_url": "https://b.example", "display_url": "b.example"}]}}}
LINK = {"start": 0, "end": 9, "url": "https://t.co/x", "expanded_url": "https://e.example/1", "display_url": "e.example/1", "unwound_url": "https://e.example/2",
        "title": "a page", "description": "about tea", "images": [{"url": "https://e.example/i.png", "width": 1, "height": 1}]}
PLACE = {"id": "01a", "full_name": "Tea, Land", "name": "Tea", "country": "Land", "country_code": "LA", "place_type": "city",
         "geo": {"type": "Feature", "bbox": [1, 2, 3, 4], "properties": {"kind": "town"}}}
MEDIUM = {"media_key": "3_77", "type": "photo", "url": "https://pbs.twimg.com/media/77.jpg", "alt_text": "a cup",
          "preview_image_url": "https://pbs.twimg.com/media/78.jpg", "variants": [{"content_type": "video/mp4", "url": "https://video.twimg.com/v/1.mp4"}]}
POLL = {"id": "77", "voting_status": "open", "options": [{"position": 1, "label": "yes", "votes": 1}]}
BOBS = {"id": "1800000000000000002", "text": "tea is good", "author_id": BOB["id"], "lang": "en", "source": "an app", "reply_settings": "everyone",
        "created_at": "2026-02-01T00:00:00.000Z", "conversation_id": "1800000000000000002", "card_uri": "card://1", "geo": {"place_id": "01a"},
        "attachments": {"media_keys": ["3_77"], "poll_ids": ["77"]}, "article": {"title": "an article", "parts": [{"about": "tea"}]},
        "article_title": "an article", "media_metadata": [{"title": "cup"}], "suggested_source_links": [{"url": "https://s.example"}],
        "withheld": {"country_codes": ["DE"], "scope": "tweet"},
        "entities": {"hashtags": [{"start": 0, "end": 3, "tag": "tea"}], "cashtags": [{"start": 0, "end": 3, "tag": "TEA"}], "urls": [LINK],
                     "annotations": [{"start": 0, "end": 2, "type": "Product", "normalized_text": "tea", "probability": 0.5}]},
        "context_annotations": [{"domain": {"id": "1", "name": "Drinks", "description": "to drink"}, "entity": {"id": "2", "name": "Tea", "description": "hot"}}],
        "referenced_tweets": [{"type": "quoted", "id": "1800000000000000003"}]}
ERROR = {"title": "Not Found", "detail": "Could not find it.", "type": "https://api.twitter.com/2/problems/resource-not-found",
         "resource_type": "tweet", "parameter": "ids", "section": "includes", "field": "geo"}
OLD_USER = {"id": 3000000001, "id_str": "3000000001", "screen_name": "bob_b", "name": "Bob", "description": "of tea", "location": "here",
            "url": "https://t.co/b", "profile_image_url_https": "https://pbs.twimg.com/profile_images/1/b.jpg"}
OLD = {"id": 1800000000000000004, "id_str": "1800000000000000004", "full_text": "old tea", "lang": "en", "source": "<a href='https://a.example'>an app</a>",
       "created_at": "Wed Oct 10 20:19:24 +0000 2018", "user": OLD_USER, "in_reply_to_screen_name": "somebody", "in_reply_to_user_id_str": "3000000002",
       "place": {"id": "01b", "full_name": "Old, Land", "name": "Old", "country": "Land", "country_code": "LA", "place_type": "city"},
       "entities": {"hashtags": [{"text": "tea", "indices": [0, 3]}], "urls": [{"url": "https://t.co/o", "expanded_url": "https://o.example", "display_url": "o.example", "indices": [0, 3]}],
                    "media": [{"id_str": "88", "type": "photo", "media_url_https": "https://pbs.twimg.com/media/88.jpg", "url": "https://t.co/p", "ext_alt_text": "a pot",
                               "expanded_url": "https://twitter.com/bob_b/status/1/photo/1", "display_url": "pic.twitter.com/p", "indices": [0, 3]}]},
       "extended_tweet": {"full_text": "old tea, all of it", "entities": {"hashtags": [{"text": "tea", "indices": [0, 3]}]}}}
SHAPES = {
    "a page": {"data": [BOBS], "includes": {"users": [BOB], "media": [MEDIUM], "places": [PLACE], "polls": [POLL], "topics": [{"id": "5", "name": "Tea", "description": "hot"}]},
               "errors": [ERROR], "meta": {"result_count": 1, "next_token": "abc"}, "matching_rules": [{"id": "9", "tag": "of tea"}]},
    "a line of twarc": {**BOBS, "author": BOB, "geo": {**PLACE, "place_id": "01a"}, "attachments": {"media": [MEDIUM], "media_keys": ["3_77"], "poll": POLL},
                        "referenced_tweets": [{**BOBS, "id": "1800000000000000005", "type": "quoted", "author": BOB}],
                        "__twarc": {"url": "https://api.twitter.com/2/tweets/search/all?query=tea", "version": "2.14", "retrieved_at": "2026-03-01T00:00:00+00:00"}},
    "a post of v1.1": OLD,
    "a retweet of v1.1": {**OLD, "id_str": "1800000000000000006", "id": 1800000000000000006, "retweeted_status": OLD},
    "an account's export": {"account": [{"account": {"accountId": "3000000001", "username": "bob_b", "accountDisplayName": "Bob", "createdAt": "2011-01-01T00:00:00.000Z"}}],
                            "tweets": [{"tweet": {**{k: v for k, v in OLD.items() if k != "user"}, "id_str": "1800000000000000007", "id": "1800000000000000007"}}]},
    "users": {"data": [BOB]},
    "one user": BOB,
    "lists": {"data": [{"id": "501", "name": "a list", "description": "of tea", "owner_id": BOB["id"], "created_at": "2026-02-01T00:00:00.000Z"}]},
    "spaces": {"data": [{"id": "1a", "state": "ended", "title": "a talk", "creator_id": BOB["id"], "lang": "en", "topic_ids": ["5"]}]},
    "rules": {"data": [{"id": "9", "value": "tea", "tag": "of tea"}], "meta": {"sent": "2026-02-01T00:00:00.000Z"}},
    "communities": {"data": [{"id": "601", "name": "a club", "description": "of tea", "access": "Public", "join_policy": "Open"}]},
    "news": {"data": [{"rest_id": "701", "name": "a story", "summary": "tea is hot", "hook": "hot!", "category": "Tea", "disclaimer": "it may be wrong",
                       "keywords": ["tea"], "contexts": {"topics": ["tea"]}, "cluster_posts_results": [{"post_id": "1800000000000000002"}]}]},
    "messages": {"data": [{"id": "801", "event_type": "MessageCreate", "dm_conversation_id": "1-2", "sender_id": BOB["id"], "text": "tea?",
                           "entities": {"hashtags": [{"start": 0, "end": 3, "tag": "tea"}], "urls": [LINK]}}]},
    "trends": {"data": [{"trend_name": "tea", "tweet_count": 3}]},
    "trends for one": {"data": [{"trend_name": "tea", "category": "Drinks", "post_count": "3K posts", "trending_since": "2 hours"}]},
    "jobs": {"data": [{"id": "901", "type": "tweets", "status": "complete", "name": "a job", "upload_url": "https://storage.example/u", "download_url": "https://storage.example/d"}]},
    "a problem": ERROR,
}
FORMS = ("{handle}", "@{handle}", "by {handle}, 2026", "{lower}", "https://x.com/{handle}/status/1", "{name}", "see {name}: it is so", "{upper}", "{words}", "“{words}”",
         "{profile}", "{id}", "https://x.com/i/user/{id}", "of {id}.", "\uff20{handle}", "who=%40{lower}")
VALUES = ("{text}", ["{text}"], {"of": ["{text}"]}, {"{text}": 1}, {"id": "{id}", "shown": "x"}, {"text": "{text}"}, {"username": "{handle}"}, {"title": "{text}", "url": "https://n.example/{lower}"},
          [{"name": "{text}", "id": "4"}])


def is_kept(path, form=""):
    """Whether a place holds an id, or what somebody else wrote or is called: that stays whole."""
    last = next(part for part in reversed(path) if isinstance(part, str))
    if last in {"username", "screen_name"} or (last in {"name", "accountDisplayName"} and form == "{name}"):
        return True  # whoever has a removed person's handle or name now is somebody else
    if "{id}" in form and ("errors" in path or last in ERROR):
        return True  # what was asked for by an id
    if last in {"text", "full_text"}:
        return "hashtags" not in path
    profile = last == "description" and not {"urls", "context_annotations", "affiliation", "topics"} & set(path)
    return last.endswith(("id", "ids", "id_str", "key", "keys", "accountId")) or profile


def places(value, path=()):
    """Every place of a text in a document."""
    if isinstance(value, str):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def objects(value, path=()):
    """Every object in a document."""
    if isinstance(value, dict):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from objects(item, (*path, name))


def at(value, path):
    for part in path:
        value = value[part]
    return value


def text(form):
    return form.format(handle=HANDLE, lower=HANDLE.lower(), upper=HANDLE.upper(), name=NAME, words=WORDS, profile=PROFILE, id=ID)


def filled(value, form):
    if isinstance(value, str):
        return text(form) if value == "{text}" else text(value)
    if isinstance(value, dict):
        return {filled(name, form): filled(item, form) for name, item in value.items()}
    return [filled(item, form) for item in value] if isinstance(value, list) else value


def planted(shape, plants):
    """A document with plants: pairs of a place and a text for it, or of an object and a value for a new field of it."""
    made = copy.deepcopy(shape)
    for number, (path, value) in enumerate(plants):
        if isinstance(at(made, path), dict):
            at(made, path)[f"new_{number}"] = value
        else:
            at(made, path[:-1])[path[-1]] = value
    return made


def page(body, *, seconds=0, path="", action=None, params=None):
    return Page(Request("GET", path, params or {}, action), json.dumps(body).encode(), NOW + timedelta(seconds=seconds))


def person_page():
    return page({"data": [POST], "includes": {"users": [PERSON]}}, path="/2/tweets/search/recent", action="search.recent")


MARKS = (HANDLE.lower(), HANDLE.lower().replace("_", "%5f"), NAME.lower(), WORDS, PROFILE)

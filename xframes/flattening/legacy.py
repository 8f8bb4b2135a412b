"""Posts of X's API v1.1 and of account exports, brought to the shape of a page of v2.

Old archives hold them (`full_text`, `user`, `entities` with `indices`). What v1.1 has no field for
is null.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_TAG = re.compile(r"<[^>]+>")
_TYPE_CODES = {"photo": "3", "animated_gif": "16", "video": "7"}
_LINK = {"url": "url", "expanded_url": "expanded_url", "display_url": "display_url"}
# Entities of v1.1: their name there, their name in v2, and the fields of v2 with those of v1.1.
_ENTITIES = (
    ("hashtags", "hashtags", {"tag": "text"}), ("symbols", "cashtags", {"tag": "text"}),
    ("user_mentions", "mentions", {"username": "screen_name", "id": "id_str"}),
    ("urls", "urls", _LINK), ("media", "urls", _LINK),
)
# Lists of v1.1, and the field next to each that shows it is one.
_LISTS = (("statuses", "search_metadata"), ("results", ""), ("users", "next_cursor"))


def is_legacy(document: dict[str, Any]) -> bool:
    """Whether a document is a post or user of v1.1, or a post of an account export."""
    inner = _unwrap(document)
    if "data" in document or not _id(inner):
        return False
    if "full_text" in inner or "screen_name" in inner:
        return True
    if "text" not in inner:
        return False
    return "id_str" in inner or "screen_name" in _dict(inner.get("user"))


def is_export(document: dict[str, Any]) -> bool:
    """Whether a document is an account's export: its posts and its account."""
    return document.keys() == {"account", "tweets"}


def listed_items(document: dict[str, Any]) -> list[Any] | None:
    """Return the posts or users of an answer of v1.1, or None for everything else.

    Answers are of a search (standard, premium or enterprise) or a list with a cursor.
    """
    for name, companion in _LISTS:
        items = document.get(name)
        if not isinstance(items, list):
            continue
        if companion in document or any(is_legacy(i) for i in items if isinstance(i, dict)):
            return items
    return None


def read_deletion(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return a deletion notice of a v1.1 stream as a line of a compliance result, or None."""
    id_ = _id(_dict(_dict(document.get("delete")).get("status")))
    if not id_:
        return None
    return {"id": id_, "action": "delete", "reason": "deleted"}


def read_object(document: dict[str, Any]) -> dict[str, Any]:
    """Return one post or user of v1.1 as a page."""
    includes = _no_includes()
    inner = _unwrap(document)
    if "screen_name" in inner and "user" not in inner:
        return {"data": [_user(inner)], "includes": includes}
    return {"data": [_post(inner, includes)], "includes": includes}


def read_export(document: dict[str, Any]) -> dict[str, Any]:
    """Return an account's export as a page: all its posts, written by the account."""
    includes = _no_includes()
    posts = [_post(_unwrap(tweet), includes) for tweet in _dicts(document["tweets"])
             if _id(_unwrap(tweet))]
    accounts = [a["account"] for a in _dicts(document["account"])
                if isinstance(a.get("account"), dict)]
    if accounts and accounts[0]:
        account = accounts[0]
        id_ = str(account.get("accountId"))
        for post in posts:
            post.setdefault("author_id", id_)
        includes["users"].append(_without_empty({
            "id": id_, "username": account.get("username"),
            "name": account.get("accountDisplayName"), "created_at": account.get("createdAt"),
        }))
    return {"data": posts, "includes": includes}


def _no_includes() -> dict[str, list[Any]]:
    return {"users": [], "tweets": [], "media": [], "places": []}


def _post(old: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    extended = _dict(old.get("extended_tweet"))
    media = [_media(m) for m in _media_of(extended) or _media_of(old)]
    includes["media"] += media
    post = {
        "id": _id(old), "text": _text(old, extended),
        "created_at": _time(old.get("created_at")), "lang": old.get("lang"),
        "possibly_sensitive": old.get("possibly_sensitive"),
        "in_reply_to_user_id": _id(old, "in_reply_to_user_id"),
        "conversation_id": _id(old, "conversation_id"),
        "public_metrics": _without_empty({
            "retweet_count": old.get("retweet_count"), "like_count": old.get("favorite_count"),
            "reply_count": old.get("reply_count"), "quote_count": old.get("quote_count"),
        }),
        "entities": _entities(_dict(extended.get("entities") or old.get("entities"))),
        "referenced_tweets": _references(old, includes), "geo": _geo(old, includes),
    }
    if isinstance(old.get("source"), str):
        post["source"] = _TAG.sub("", old["source"])
    if media:
        post["attachments"] = {"media_keys": [m["media_key"] for m in media]}
    if old.get("withheld_in_countries"):
        post["withheld"] = {"country_codes": old["withheld_in_countries"]}
    if isinstance(old.get("user"), dict):
        includes["users"].append(_user(old["user"]))
        post["author_id"] = _id(old["user"])
    return _without_empty(post)


def _text(old: dict[str, Any], extended: dict[str, Any]) -> Any:
    note = _dict(old.get("note_tweet"))
    extended_text = note.get("text") or extended.get("full_text")
    return extended_text or old.get("full_text") or old.get("text")


def _references(
    old: dict[str, Any], includes: dict[str, list[Any]]
) -> list[dict[str, Any]] | None:
    references = []
    for kind, embedded, id_field in (
        ("retweeted", "retweeted_status", ""),
        ("quoted", "quoted_status", "quoted_status_id"),
        ("replied_to", "", "in_reply_to_status_id"),
    ):
        inner = _dict(old.get(embedded))
        id_ = _id(inner)
        if id_:
            includes["tweets"].append(_post(inner, includes))
        else:
            id_ = _id(old, id_field)
        if id_:
            references.append({"type": kind, "id": id_})
    return references or None


def _entities(old: dict[str, Any]) -> dict[str, Any] | None:
    """Return entities with `start` and `end` instead of `indices`; both count code points."""
    new: dict[str, Any] = {}
    for name, kind, names in _ENTITIES:
        items = old.get(name)
        if not isinstance(items, list):
            continue
        for item in items:
            if not isinstance(item, dict):
                new.setdefault(kind, []).append(item)  # reported as a misfit
                continue
            entity = {new_name: item.get(old_name) for new_name, old_name in names.items()}
            indices = item.get("indices")
            if isinstance(indices, list) and len(indices) == 2:
                entity["start"], entity["end"] = indices
            new.setdefault(kind, []).append(_without_empty(entity))
    return new or None


def _media_of(old: dict[str, Any]) -> list[dict[str, Any]]:
    for name in ("extended_entities", "entities"):
        media = _dict(old.get(name)).get("media")
        if media:
            return [m for m in _dicts(media) if _id(m)]
    return []


def _media(old: dict[str, Any]) -> dict[str, Any]:
    kind = str(old.get("type"))
    video = _dict(old.get("video_info"))
    size = _dict(_dict(old.get("sizes")).get("large"))
    picture = old.get("media_url_https") or old.get("media_url")
    media = {
        "media_key": f"{_TYPE_CODES.get(kind, '3')}_{_id(old)}", "type": kind,
        "width": size.get("w"), "height": size.get("h"), "alt_text": old.get("ext_alt_text"),
        "duration_ms": video.get("duration_millis"),
        "variants": [_variant(v) for v in _dicts(video.get("variants"))] or None,
    }
    if kind == "photo":
        media["url"] = picture
    else:
        media["preview_image_url"] = picture
    return _without_empty(media)


def _variant(old: dict[str, Any]) -> dict[str, Any]:
    return _without_empty({"bit_rate": old.get("bitrate"), "url": old.get("url"),
                           "content_type": old.get("content_type")})


def _geo(old: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any] | None:
    place, point = old.get("place"), old.get("coordinates")
    geo: dict[str, Any] = {}
    if isinstance(place, dict) and place.get("id"):
        includes["places"].append(_place(place))
        geo["place_id"] = place["id"]
    if isinstance(point, dict) and point.get("coordinates"):
        geo["coordinates"] = {"type": point.get("type"), "coordinates": point["coordinates"]}
    return geo or None


def _place(old: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "full_name", "name", "place_type", "country", "country_code")
    place = {name: old.get(name) for name in names}
    box = _bounding_box(_dict(old.get("bounding_box")).get("coordinates"))
    if box is not None:
        place["geo"] = {"type": "Feature", "bbox": box}
    return _without_empty(place)


def _bounding_box(coordinates: Any) -> list[Any] | None:
    """Return the west, south, east and north of a polygon, or None where it is not one."""
    try:
        longitudes, latitudes = zip(*coordinates[0], strict=True)
        return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]
    except (TypeError, ValueError, LookupError):
        return None


def _user(old: dict[str, Any]) -> dict[str, Any]:
    return _without_empty({
        "id": _id(old), "username": old.get("screen_name"), "name": old.get("name"),
        "created_at": _time(old.get("created_at")), "description": old.get("description"),
        "location": old.get("location"), "url": old.get("url"), "protected": old.get("protected"),
        "verified": old.get("verified"), "profile_image_url": old.get("profile_image_url_https"),
        "profile_banner_url": old.get("profile_banner_url"),
        "public_metrics": _without_empty({
            "followers_count": old.get("followers_count"),
            "following_count": old.get("friends_count"),
            "tweet_count": old.get("statuses_count"), "listed_count": old.get("listed_count"),
            "like_count": old.get("favourites_count"),
        }),
    })


def _unwrap(document: dict[str, Any]) -> dict[str, Any]:
    """Return the post of an export's entry; other documents are the post themselves."""
    inner = document.get("tweet")
    return inner if isinstance(inner, dict) else document


def _id(old: dict[str, Any], name: str = "id") -> str | None:
    """Return an id as text: the text next to the number, or the number.

    MongoDB writes numbers as objects.
    """
    id_ = old.get(f"{name}_str") or old.get(name)
    if isinstance(id_, dict):
        id_ = id_.get("$numberLong")
    if id_ and isinstance(id_, str | int):
        return str(id_)
    return None


def _dict(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {}


def _dicts(values: Any) -> list[dict[str, Any]]:
    if not isinstance(values, list):
        return []
    return [value for value in values if isinstance(value, dict)]


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", {})}


def _time(text: Any) -> str | None:
    """Return a v1.1 time (`Wed Oct 10 20:19:24 +0000 2018`) in ISO form, other text as it is."""
    try:
        return datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y").isoformat()
    except (TypeError, ValueError):
        if isinstance(text, str):
            return text
        return None

"""Posts of X's API v1.1 and of account exports, brought to the shape of a page of v2.

Old archives hold them (`full_text`, `user`, `entities` with `indices`); what v1.1 did not say stays unknown.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_TAG = re.compile(r"<[^>]+>")
_TYPES = {"photo": "3", "animated_gif": "16", "video": "7"}


def is_old(document: dict[str, Any]) -> bool:
    """Whether a document is a post or user of v1.1, or a post of an account export."""
    inner = _inner(document)
    if "data" in document or not _id(inner):
        return False
    told = "full_text" in inner or "screen_name" in inner
    return told or ("text" in inner and ("id_str" in inner or "screen_name" in _dict(inner.get("user"))))


def is_export(document: dict[str, Any]) -> bool:
    """Whether a document is an account's export: its posts beside its account."""
    return document.keys() == {"account", "tweets"}


def several(document: dict[str, Any]) -> list[Any] | None:
    """The posts or users of an answer of v1.1: of a search, premium or enterprise too, or a list with a cursor."""
    for name, beside in (("statuses", "search_metadata"), ("results", ""), ("users", "next_cursor")):
        found = document.get(name)
        if isinstance(found, list) and (beside in document or any(is_old(i) for i in found if isinstance(i, dict))):
            return found
    return None


def deleted(document: dict[str, Any]) -> dict[str, Any] | None:
    """What a stream of v1.1 says was deleted, as a line of a compliance result; None for everything else."""
    gone = _dict(_dict(document.get("delete")).get("status"))
    return {"id": _id(gone), "action": "delete", "reason": "deleted"} if _id(gone) else None


def page(document: dict[str, Any]) -> dict[str, Any]:
    """One old post or user as a page."""
    includes: dict[str, list[Any]] = {"users": [], "tweets": [], "media": [], "places": []}
    inner = _inner(document)
    main = _user(inner) if "screen_name" in inner and "user" not in inner else _post(inner, includes)
    return {"data": [main], "includes": includes}


def export(document: dict[str, Any]) -> dict[str, Any]:
    """An account's export as a page: all its posts, written by the account."""
    includes: dict[str, list[Any]] = {"users": [], "tweets": [], "media": [], "places": []}
    accounts = [a.get("account") for a in document["account"] or () if isinstance(a, dict)]
    owner = next((a for a in accounts if isinstance(a, dict)), {})
    posts = [_post(_inner(t), includes) for t in document["tweets"] or () if isinstance(t, dict) and _id(_inner(t))]
    for post in posts if owner else ():
        post.setdefault("author_id", str(owner.get("accountId")))
    if owner:
        includes["users"].append(_known({
            "id": str(owner.get("accountId")), "username": owner.get("username"),
            "name": owner.get("accountDisplayName"), "created_at": owner.get("createdAt"),
        }))
    return {"data": posts, "includes": includes}


def _post(old: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    extended = old["extended_tweet"] if isinstance(old.get("extended_tweet"), dict) else {}
    media = [_media(m) for m in _media_of(extended) or _media_of(old)]
    includes["media"] += media
    post = {
        "id": _id(old), "text": _text(old, extended),
        "created_at": _moment(old.get("created_at")), "lang": old.get("lang"),
        "source": _TAG.sub("", old["source"]) if isinstance(old.get("source"), str) else None,
        "possibly_sensitive": old.get("possibly_sensitive"), "in_reply_to_user_id": _id(old, "in_reply_to_user_id"),
        "conversation_id": _id(old, "conversation_id"),
        "public_metrics": _known({
            "retweet_count": old.get("retweet_count"), "like_count": old.get("favorite_count"),
            "reply_count": old.get("reply_count"), "quote_count": old.get("quote_count"),
        }),
        "entities": _entities(extended.get("entities") or old.get("entities") or {}),
        "attachments": {"media_keys": [m["media_key"] for m in media]} if media else None,
        "referenced_tweets": _references(old, includes), "geo": _geo(old, includes),
    }
    if countries := old.get("withheld_in_countries"):
        post["withheld"] = {"country_codes": countries}
    if isinstance(old.get("user"), dict):
        user = _user(old["user"])
        includes["users"].append(user)
        post["author_id"] = user["id"]
    return _known(post)


def _text(old: dict[str, Any], extended: dict[str, Any]) -> Any:
    note = _dict(old.get("note_tweet"))
    return note.get("text") or extended.get("full_text") or old.get("full_text") or old.get("text")


def _references(old: dict[str, Any], includes: dict[str, list[Any]]) -> list[dict[str, Any]] | None:
    found = []
    for kind, whole, id_ in (("retweeted", "retweeted_status", ""), ("quoted", "quoted_status", "quoted_status_id"),
                             ("replied_to", "", "in_reply_to_status_id")):
        inner = _dict(old.get(whole))
        if _id(inner):
            includes["tweets"].append(_post(inner, includes))
        if reference := _id(inner) or _id(old, id_):
            found.append({"type": kind, "id": reference})
    return found or None


def _entities(old: dict[str, Any]) -> dict[str, Any] | None:
    """Entities with `start` and `end` instead of `indices`; both count code points."""
    new: dict[str, Any] = {}
    for name, kind, words in (
        ("hashtags", "hashtags", {"tag": "text"}), ("symbols", "cashtags", {"tag": "text"}),
        ("user_mentions", "mentions", {"username": "screen_name", "id": "id_str"}),
        ("urls", "urls", {"url": "url", "expanded_url": "expanded_url", "display_url": "display_url"}),
        ("media", "urls", {"url": "url", "expanded_url": "expanded_url", "display_url": "display_url"}),
    ):
        for item in old.get(name) or ():
            start, end = item.get("indices") or (None, None)
            span = {"start": start, "end": end}
            new.setdefault(kind, []).append(_known({w: item.get(o) for w, o in words.items()} | span))
    return new or None


def _media_of(old: dict[str, Any]) -> list[dict[str, Any]]:
    held = (old.get("extended_entities") or {}).get("media") or (old.get("entities") or {}).get("media") or []
    return [m for m in held if isinstance(m, dict) and _id(m)]


def _media(old: dict[str, Any]) -> dict[str, Any]:
    kind = str(old.get("type"))
    video = old.get("video_info") or {}
    size = (old.get("sizes") or {}).get("large") or {}
    picture = old.get("media_url_https") or old.get("media_url")
    return _known({
        "media_key": f"{_TYPES.get(kind, '3')}_{_id(old)}", "type": kind, "width": size.get("w"),
        "height": size.get("h"), "alt_text": old.get("ext_alt_text"), "duration_ms": video.get("duration_millis"),
        "url" if kind == "photo" else "preview_image_url": picture,
        "variants": [_known({"bit_rate": v.get("bitrate"), "content_type": v.get("content_type"), "url": v.get("url")})
                     for v in video.get("variants") or ()] or None,
    })


def _geo(old: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any] | None:
    place, point = old.get("place"), old.get("coordinates")
    geo: dict[str, Any] = {}
    if isinstance(place, dict) and place.get("id"):
        corners = ((place.get("bounding_box") or {}).get("coordinates") or [[]])[0]
        box = [f(c[axis] for c in corners) for f in (min, max) for axis in (0, 1)] if corners else None
        includes["places"].append(_known({
            **{n: place.get(n) for n in ("id", "full_name", "name", "place_type", "country", "country_code")},
            "geo": {"type": "Feature", "bbox": box} if box else None,
        }))
        geo["place_id"] = place["id"]
    if isinstance(point, dict) and point.get("coordinates"):
        geo["coordinates"] = {"type": point.get("type"), "coordinates": point["coordinates"]}
    return geo or None


def _user(old: dict[str, Any]) -> dict[str, Any]:
    return _known({
        "id": _id(old), "username": old.get("screen_name"), "name": old.get("name"),
        "created_at": _moment(old.get("created_at")), "description": old.get("description"),
        "location": old.get("location"), "url": old.get("url"), "protected": old.get("protected"),
        "verified": old.get("verified"), "profile_image_url": old.get("profile_image_url_https"),
        "profile_banner_url": old.get("profile_banner_url"),
        "public_metrics": _known({
            "followers_count": old.get("followers_count"), "following_count": old.get("friends_count"),
            "tweet_count": old.get("statuses_count"), "listed_count": old.get("listed_count"),
            "like_count": old.get("favourites_count"),
        }),
    })


def _inner(document: dict[str, Any]) -> dict[str, Any]:
    """The post itself, of an export's entry."""
    return document["tweet"] if isinstance(document.get("tweet"), dict) else document


def _id(old: dict[str, Any], name: str = "id") -> str | None:
    """An id as text: the text beside the number where there is one; MongoDB writes numbers as objects."""
    found = old.get(f"{name}_str") or old.get(name)
    if isinstance(found, dict):
        found = found.get("$numberLong")
    return str(found) if found and isinstance(found, str | int) else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", {})}


def _moment(text: Any) -> str | None:
    """A time of v1.1 (`Wed Oct 10 20:19:24 +0000 2018`) in ISO form; what is none is left as it is."""
    try:
        return datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y").isoformat()
    except (TypeError, ValueError):
        return text if isinstance(text, str) else None

"""Answers of X's website (GraphQL): captured in HAR files, by Zeeschuimer, or saved as JSON."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import joined, read_record
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import as_time, is_nothing
from xframes.reader.formats.source_format import Format
from xframes.reader.formats.v11.status_shape import STATUS, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.reader.formats.file_objects import Notes

_DEEPEST = 60
_MOST_POSTS = 5  # in each other
_MOST_TEXT = 64_000_000
_WRAPPERS = ("result", "tweet")
_POSTS = {"Tweet", "TweetWithVisibilityResults"}


def _unwrapped(item: Any) -> dict[str, Any] | None:
    """Return a result of a post or user without what is around it."""
    for _ in range(4):
        if not isinstance(item, dict):
            return None
        inner = next((item[n] for n in _WRAPPERS if isinstance(item.get(n), dict)), None)
        if inner is None or "legacy" in item:
            return item
        item = inner
    return item if isinstance(item, dict) else None


def _status(item: dict[str, Any], depth: int = 0) -> dict[str, Any] | None:
    """Return a post of the website as one of the API v1.1."""
    legacy = item.get("legacy")
    if not isinstance(legacy, dict):
        return None
    if is_nothing(item.get("rest_id")) and is_nothing(legacy.get("id_str")):
        return None
    status = {name: value for name, value in legacy.items() if not name.endswith("_result")}
    status.setdefault("id_str", item.get("rest_id"))
    status.setdefault("source", item.get("source"))
    for name in ("edit_control", "card"):
        if name in item:
            status.setdefault(name, item[name])
    views = item.get("views")
    if isinstance(views, dict):
        status["view_count"] = views.get("count")
    core = item.get("core")
    if isinstance(core, dict):
        user = _account(_unwrapped(core.get("user_results") or core.get("user_result")))
        if user:
            status["user"] = user
    _add_note(item, status)
    _add_others(item, legacy, status, depth)
    return status


def _add_others(
    item: dict[str, Any], legacy: dict[str, Any], status: dict[str, Any], depth: int
) -> None:
    """Add the reposted and the quoted post."""
    if depth >= _MOST_POSTS:
        return
    for name, key, holder in (
        ("retweeted_status", "retweeted_status_result", legacy),
        ("quoted_status", "quoted_status_result", item),
    ):
        inner = _unwrapped(holder.get(key))
        own = _status(inner, depth + 1) if inner else None
        if own:
            status[name] = own


def _add_note(item: dict[str, Any], status: dict[str, Any]) -> None:
    note = item.get("note_tweet")
    if isinstance(note, dict):
        note = _unwrapped(note.get("note_tweet_results"))
    if isinstance(note, dict) and isinstance(note.get("text"), str):
        entities = note.get("entity_set")
        if isinstance(entities, dict):
            media = status.get("entities")
            if isinstance(media, dict) and "media" in media:
                entities = entities | {"media": media["media"]}
            status["entities"] = entities
        status["full_text"] = note["text"]


def _account(item: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a user of the website as one of the API v1.1."""
    if item is None or is_nothing(item.get("rest_id")):
        return None
    legacy = item.get("legacy")
    user = dict(legacy) if isinstance(legacy, dict) else {}
    user["id_str"] = item["rest_id"]
    for holder, names in (
        ("core", {"screen_name": "screen_name", "name": "name", "created_at": "created_at"}),
        ("avatar", {"image_url": "profile_image_url_https"}),
        ("location", {"location": "location"}),
        ("privacy", {"protected": "protected"}),
        ("verification", {"verified": "verified", "verified_type": "verified_type"}),
    ):
        part = item.get(holder)
        if isinstance(part, dict):
            for old, new in names.items():
                if not is_nothing(part.get(old)):
                    user.setdefault(new, part[old])
    if item.get("is_blue_verified") is True:
        user["verified"] = True
        user.setdefault("verified_type", "blue")
    bio = item.get("profile_bio")
    if is_nothing(user.get("description")) and isinstance(bio, dict):
        user["description"] = bio.get("description")
    return user


def _found(item: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the posts and users of an answer, the outer ones only."""
    if depth > _DEEPEST:
        return
    if isinstance(item, list):
        for one in item:
            yield from _found(one, depth + 1)
    if not isinstance(item, dict):
        return
    kind = item.get("__typename")
    own = item
    if kind in _POSTS or kind == "User":
        own = _unwrapped(item) or item
    if (kind in _POSTS or kind == "User") and not is_nothing(own.get("rest_id")):
        yield {**own, "__typename": "User" if kind == "User" else "Tweet"}
        return
    for one in item.values():
        yield from _found(one, depth + 1)


def read_objects(document: Any, notes: Notes) -> list[Converted]:
    """Return the pages of the posts and users of an answer."""
    posts, users = [], []
    for item in _found(document):
        if item["__typename"] == "User":
            account = _account(item)
            if account and "screen_name" in account:
                users.append(read_record(USER, account, notes, "legacy."))
            continue
        status = _status(item)
        if status:
            posts.append(read_record(STATUS, status, notes, "legacy."))
    pages = []
    if posts:
        pages.append(Converted(joined(posts, "post", notes), "post"))
    if users:
        pages.append(Converted(joined(users, "user", notes), "user"))
    return pages


def _is_answer(document: Mapping[str, Any]) -> bool:
    data = document.get("data")
    if not isinstance(data, dict) or "id" in data:
        return False
    return next(_found(data), None) is not None


def is_result(document: Mapping[str, Any]) -> bool:
    """Whether an object is a post or a user of the website."""
    return (document.get("__typename") in _POSTS | {"User"} and "rest_id" in document) or (
        "rest_id" in document and isinstance(document.get("legacy"), dict)
    )


def read_result(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Return the pages of a post or a user of the website."""
    kind = document.get("__typename")
    if kind is None:
        legacy = document["legacy"]
        kind = "Tweet" if "full_text" in legacy else "User"
    return read_objects({**document, "__typename": kind}, notes)


def _captured(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Read a line of Zeeschuimer."""
    item = document["data"]
    if isinstance(item, dict) and "legacy" in item:
        item = _as_result(item)
    pages = read_objects(item, notes)
    if not pages:
        notes.add_record(f"a captured item without a post: {document.get('item_id')!r}")
    at = _moment(document.get("timestamp_collected"))
    for page in pages:
        page.observed_at = at
    return pages


def _as_result(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a captured post as a result. Older ones have `user` and `legacy`."""
    own = {"__typename": "Tweet", **item}
    user, legacy = item.get("user"), item.get("legacy")
    if isinstance(legacy, dict):
        own.setdefault("rest_id", legacy.get("id_str"))
    if "core" not in item and isinstance(user, dict) and not is_nothing(user.get("id_str")):
        result = {"__typename": "User", "rest_id": user["id_str"], "legacy": user}
        own["core"] = {"user_results": {"result": result}}
    return own


def _moment(value: Any) -> Any:
    if is_nothing(value):
        return None
    try:
        return as_time(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _archive(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Read the answers in an HTTP archive (HAR). Those that are not of X are passed over."""
    pages: list[Converted] = []
    log = document["log"]
    entries = log.get("entries") if isinstance(log, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        body = _body(entry)
        if body is None:
            continue
        at = _moment(entry.get("startedDateTime"))
        for page in read_objects(body, notes) or _own_pages(body):
            page.observed_at = at
            pages.append(page)
    if not pages:
        notes.add_record("an HTTP archive (HAR) without answers of X")
    return pages


def _own_pages(body: Any) -> list[Converted]:
    """Return a page of the API v2."""
    if isinstance(body, dict) and isinstance(body.get("data"), list) and body["data"]:
        first = body["data"][0]
        if isinstance(first, dict) and "id" in first and {"text", "username"} & first.keys():
            return [Converted(body, "")]
    return []


def _body(entry: Any) -> Any:
    content: Any = entry
    for name in ("response", "content"):
        content = content.get(name) if isinstance(content, dict) else None
    text = content.get("text") if isinstance(content, dict) else None
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        return None
    try:
        if content.get("encoding") == "base64":
            text = base64.b64decode(text).decode("utf-8", "replace")
        return json.loads(text) if text.lstrip()[:1] in {"{", "["} else None
    except (ValueError, RecursionError):
        return None


_TOOL, _VERSION = "answers of X's website", "since 2021 (GraphQL)"
_CANNOT = "places; who liked"
_TABLES = ("posts", "users", "media", "post_references", "post_hashtags", "post_mentions",
           "post_urls")
FORMATS = (
    Format("har", "HTTP archives of browsers (HAR)", "scrapers", "json",
           certain=(("log.entries",),), convert=_archive, tables=_TABLES, cannot_say=_CANNOT),
    Format("warc", "WARC files of answers (API and website)", "scrapers", "json",
           convert=read_objects, tables=_TABLES, cannot_say="answers to other requests"),
    Format("zeeschuimer", "Zeeschuimer (NDJSON)", "scrapers", "json", convert=_captured,
           certain=(("nav_index", "item_id", "data"), ("source_platform", "item_id", "data"),
                    ("timestamp_collected", "item_id", "data")),
           tables=_TABLES, observed=("timestamp_collected",), cannot_say=_CANNOT),
    Format("graphql-result", _TOOL, "scrapers", "json", version=_VERSION, fits=is_result,
           convert=read_result, tables=_TABLES, cannot_say=_CANNOT),
    Format("graphql", _TOOL, "scrapers", "json", version=_VERSION, fits=_is_answer,
           convert=read_objects, tables=_TABLES, cannot_say=_CANNOT),
)

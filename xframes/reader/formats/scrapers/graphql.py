"""Answers of X's website (GraphQL): captured in HAR files, by Zeeschuimer, or saved as JSON."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import joined, read_record, value_at
from xframes.reader.formats.file_objects import Converted, Notes
from xframes.reader.formats.readings import ID, Reading, as_time, is_nothing
from xframes.reader.formats.source_format import Format, Inner, Key, Shape, keys_for
from xframes.reader.formats.v11.status_shape import PLACE, STATUS, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.reader.formats.file_objects import Objects

_DEEPEST = 60
_MOST_POSTS = 5  # in each other
_MOST_TEXT = 64_000_000
_WRAPPERS = ("result", "tweet")
_POSTS = {"Tweet", "TweetWithVisibilityResults"}
_KINDS = {**dict.fromkeys(_POSTS, "Tweet"), "User": "User", "Community": "Community"}
# Since 2024 the website has the fields of a user in groups: their paths, by X's older names.
_ACCOUNT = {
    "screen_name": "core.screen_name", "name": "core.name", "created_at": "core.created_at",
    "description": "profile_bio.description", "entities": "profile_bio.entities",
    "location": "location.location", "url": "website.url", "protected": "privacy.protected",
    "verified": "verification.verified", "verified_type": "verification.verified_type",
    "profile_image_url_https": "avatar.image_url", "profile_banner_url": "banner.image_url",
    "followers_count": "relationship_counts.followers",
    "friends_count": "relationship_counts.following", "statuses_count": "tweet_counts.tweets",
    "media_count": "tweet_counts.media_tweets",
    "favourites_count": "action_counts.favorites_count",
    "pinned_tweet_ids_str": "pinned_items.tweet_ids_str",
}
_GROUPS = {path.partition(".")[0] for path in _ACCOUNT.values()}
_ACCOUNT_LEFT = (
    "__typename", "id", "rest_id", "legacy", "avatar", "banner", "core", "location", "privacy",
    "website", "is_blue_verified", "profile_bio*", "verification*", "relationship_*",
    "tweet_counts*", "action_counts*", "pinned_items*", "affiliates_highlighted_label*",
    "business_account*", "creator_subscriptions_count", "dm_permissions*", "follow_request_sent",
    "has_*", "highlights_info*", "media_permissions*", "notifications_settings*",
    "possibly_sensitive", "professional*", "profile_*", "super_*", "tipjar_settings*",
    "identity_profile_labels*", "parody_commentary_fan_label", "community_role", "about_profile*",
    "is_profile_translatable", "timeline*", "legacy_extended_profile*", "smart_*", "verified_*",
    "exclusive_tweet_following", "private_super_following", "premium_*", "user_seed_*",
    "is_verified_organization*", "reason",
)
ACCOUNT = replace(
    USER,
    keys=(
        *USER.keys,
        *keys_for(
            "users",
            affiliation_description="affiliates_highlighted_label.label.description",
            affiliation_url="affiliates_highlighted_label.label.url.url",
            affiliation_badge_url="affiliates_highlighted_label.label.badge.url",
            is_identity_verified="verification_info.is_identity_verified",
        ),
        Key("parody_commentary_fan_label", "users.parody", Reading(
            "label of parodies", lambda value: value == "Parody", ("Parody", "None"))),
    ),
    left_out=(*USER.left_out, *_ACCOUNT_LEFT),
)


def _article(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return {name: value[name] for name in ("title", "plain_text", "preview_text") if name in value}


def _finish(fields: Mapping[str, Any], objects: Objects) -> None:
    """Add the accounts of videos and of linked sites."""
    assert STATUS.finish is not None
    STATUS.finish(fields, objects)
    media, sites = fields.get("_media"), value_at(fields, "card.legacy.user_refs_results")
    results = [value_at(item, "additional_media_info.source_user.user_results.result")
               for item in (media if isinstance(media, list) else ())]
    for result in (*results, *(sites if isinstance(sites, list) else ())):
        account = _account(_unwrapped(result))
        if account and "screen_name" in account:
            objects.include("user", read_record(ACCOUNT, account, Notes("")).main)


TWEET: Shape = replace(
    STATUS,
    keys=(*STATUS.keys, Key("_article", "posts.article", Reading(
        "article", _article, ({"title": "Tides", "plain_text": "They come and go."},)))),
    finish=_finish,
    inner=(
        Inner("user", lambda: ACCOUNT, "author"),
        Inner("retweeted_status", lambda: TWEET, "retweeted"),
        Inner("quoted_status", lambda: TWEET, "quoted"),
        Inner("place", lambda: PLACE, "place"),
    ),
    left_out=(
        *STATUS.left_out, "__typename", "rest_id", "legacy", "core", "views", "views.*", "*result",
        "has_birdwatch_notes", "birdwatch_pivot*", "is_translatable", "grok_*",
        "quick_promote_eligibility*", "edit_perspective*", "quotedRefResult*", "article",
        "article.*", "community_results*", "community_relationship*", "unmention*", "unified_card*",
        "superFollowsReplyUserResult*", "trusted_friends_*", "vibe*", "reply_to_*", "author_*",
        "awardable_*", "post_*", "tombstone*", "trends*", "exclusive_*", "collab_*", "tweet",
        "limitedActionResults*", "forwardPivot*", "softInterventionPivot*", "post_image_*",
    ),
)
COMMUNITY = Shape(
    "community",
    keys=(
        Key("id_str|rest_id", "communities.id", ID),
        *keys_for(
            "communities",
            name="name", description="description", created_at="created_at",
            join_policy="join_policy", access="access", member_count="member_count",
        ),
    ),
    left_out=("*",),
)


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
    status = {name: value for name, value in item.items() if name not in legacy}
    status |= {name: value for name, value in legacy.items() if not name.endswith("_result")}
    status.setdefault("id_str", item.get("rest_id"))
    for name, path in (
        ("view_count", "views.count"), ("community_id_str", "community_results.result.id_str"),
        ("_article", "article.article_results.result"),
    ):
        value = value_at(item, path)
        if not is_nothing(value):
            status[name] = value
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
    user = {name: value for name, value in item.items() if name not in _GROUPS}
    user |= legacy if isinstance(legacy, dict) else {}
    user["id_str"] = item["rest_id"]
    for name, path in _ACCOUNT.items():
        value = value_at(item, path)
        if not is_nothing(value) and is_nothing(user.get(name)):
            user[name] = value
    if item.get("is_blue_verified") is True:
        user["verified"] = True
        user.setdefault("verified_type", "blue")
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
    kind = _KINDS.get(str(item.get("__typename")))
    own = item
    if kind in {"Tweet", "User"}:
        own = _unwrapped(item) or item
    if (kind in {"Tweet", "User"} and not is_nothing(own.get("rest_id"))) or (
        kind == "Community" and not is_nothing(own.get("name"))
    ):
        yield {**own, "__typename": kind}
        return
    for one in item.values():
        yield from _found(one, depth + 1)


def read_objects(document: Any, notes: Notes) -> list[Converted]:
    """Return the pages of the posts, users and communities of an answer."""
    found: dict[str, list[Objects]] = {"post": [], "user": [], "community": []}
    for item in _found(document):
        if item["__typename"] == "User":
            account = _account(item)
            if account and "screen_name" in account:
                found["user"].append(read_record(ACCOUNT, account, notes))
        elif item["__typename"] == "Community":
            found["community"].append(read_record(COMMUNITY, item, notes))
        elif status := _status(item):
            found["post"].append(read_record(TWEET, status, notes))
    return [Converted(joined(own, kind, notes), kind) for kind, own in found.items() if own]


def _is_answer(document: Mapping[str, Any]) -> bool:
    if {"entryId", "content"} <= document.keys():
        return next(_found(document["content"]), None) is not None
    data = document.get("data")
    if not isinstance(data, dict) or "id" in data:
        return False
    return next(_found(data), None) is not None


def _is_other(document: Mapping[str, Any]) -> bool:
    return document.keys() <= {"data", "errors", "extensions"} and _has_types(document.get("data"))


def _has_types(item: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST or not isinstance(item, dict | list):
        return False
    if isinstance(item, dict) and isinstance(item.get("__typename"), str):
        return True
    inner = item.values() if isinstance(item, dict) else item
    return any(_has_types(one, depth + 1) for one in inner)


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
_TABLES = ("posts", "users", "media", "polls", "communities", "post_references",
           "post_hashtags", "post_mentions", "post_urls")
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
    Format("graphql-other", "answers of X's website without posts, users or communities",
           "scrapers", "json", fits=_is_other, way_out="no table holds them"),
)

"""Lines of 4CAT's NDJSON: posts of the API v2 with their authors and media inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import include
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.source_format import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Notes

_DEEPEST = 10
_MENTION = {"start", "end", "id", "username"}


def _post(post: Mapping[str, Any], includes: dict[str, list[Any]], depth: int) -> dict[str, Any]:
    """Return a post without what 4CAT wrote into it, which is added to `includes`."""
    own = {name: value for name, value in post.items()
           if name not in {"author_user", "in_reply_to_user"}}
    for name in ("author_user", "in_reply_to_user"):
        user = post.get(name)
        if isinstance(user, dict) and user.get("id"):
            includes["users"].append(user)
    attachments = post.get("attachments")
    if isinstance(attachments, dict):
        own["attachments"] = _attachments(attachments, includes)
    geo = post.get("geo")
    if isinstance(geo, dict) and isinstance(geo.get("place_id"), dict):
        includes["places"].append(geo["place_id"])
        own["geo"] = {**geo, "place_id": geo["place_id"].get("id")}
    elif isinstance(geo, dict) and isinstance(geo.get("place"), dict):
        includes["places"].append(geo["place"])
        own["geo"] = {n: v for n, v in geo.items() if n != "place"}
        own["geo"].setdefault("place_id", geo["place"].get("id"))
    references = post.get("referenced_tweets")
    if isinstance(references, list) and depth < _DEEPEST:
        own["referenced_tweets"] = [_reference(r, includes, depth) for r in references]
    entities = post.get("entities")
    if isinstance(entities, dict) and isinstance(entities.get("mentions"), list):
        own["entities"] = {**entities, "mentions": _mentions(entities["mentions"], includes)}
    return own


def _attachments(
    attachments: Mapping[str, Any], includes: dict[str, list[Any]]
) -> dict[str, Any]:
    own = dict(attachments)
    for name, holder, key in (("media_keys", "media", "media_key"), ("poll_ids", "polls", "id")):
        items = attachments.get(name)
        if not isinstance(items, list):
            continue
        keys = []
        for item in items:
            value = item
            if isinstance(item, dict):
                includes[holder].append(item)
                value = item.get(key)
            if value is not None:
                keys.append(value)
        own[name] = keys
    return own


def _reference(reference: Any, includes: dict[str, list[Any]], depth: int) -> Any:
    if not isinstance(reference, dict) or not reference.keys() - {"type", "id"}:
        return reference
    whole = {name: value for name, value in reference.items() if name != "type"}
    includes["tweets"].append(_post(whole, includes, depth + 1))
    return {name: reference[name] for name in ("type", "id") if name in reference}


def _mentions(mentions: list[Any], includes: dict[str, list[Any]]) -> list[Any]:
    own = []
    for mention in mentions:
        if isinstance(mention, dict) and "name" in mention and mention.get("id"):
            user = {n: v for n, v in mention.items() if n not in {"start", "end"}}
            includes["users"].append(user)
            own.append({n: v for n, v in mention.items() if n in _MENTION})
        else:
            own.append(mention)
    return own


def _convert(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    del notes  # keys that no column reads are noted when the page is flattened
    includes: dict[str, list[Any]] = {
        "users": [], "tweets": [], "media": [], "places": [], "polls": [],
    }
    rest = {n: v for n, v in document.items() if not n.startswith("__")}
    post = _post(rest, includes, 0)
    page: dict[str, Any] = {"data": [post], "includes": {}}
    include(page["includes"], {n: items for n, items in includes.items() if items})
    return [Converted(page, "post")]


FORMATS = (
    Format("fourcat", "4CAT (NDJSON of the API v2)", "scrapers", "json", convert=_convert,
           certain=(("id", "author_user"),),
           tables=("posts", "users", "media", "places", "polls", "post_references")),
)

"""Other shapes people keep X's data in, brought to the shape of a page.

- twarc's flattened posts: one post an object, with what X includes written in place
- bare lists of posts or users; a page's includes alone; one bare user, list or Space
- lines of a batch compliance result
- posts of v1.1 and of account exports (`legacy`), and the lines search-tweets-python writes
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xframes.flatten import legacy
from xframes.flatten.decode import recognise
from xframes.flatten.nodes import INCLUDES

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP_LEVEL = {"data", "includes", "errors", "meta", "matching_rules", "__twarc", "__redacted"}
_PAGE = {"data", "includes", "errors", "meta"}
_META = {"newest_id", "oldest_id", "result_count", "next_token", "previous_token"}
_MENTION = {"start", "end", "username", "id"}
_INLINE = ("author", "in_reply_to_user", "pinned_tweet", "geo", "attachments", "entities", "referenced_tweets",
           "note_tweet")

Shaped = tuple[dict[str, Any] | None, str | None]  # the page, and the kind of its main objects where that is known


def canonical(document: Any) -> Shaped:  # noqa: PLR0911  one shape, one return
    """The document as `{data, includes, errors, meta, matching_rules}`; None when it is nothing X sends."""
    if not isinstance(document, dict):
        return (_many(document), None) if isinstance(document, list) else (None, None)
    rest = {k: v for k, v in document.items() if k not in {"__twarc", "__redacted", "matching_rules"}}
    if _is_problem(rest):
        return _failure(rest), None
    if _PAGE & rest.keys() and not _is_object(document):
        bare = {} if _PAGE & rest.keys() & {"data", "includes"} else {k: v for k, v in rest.items() if k in INCLUDES}
        if not bare:
            return document, None
        return {k: v for k, v in document.items() if k not in bare} | {"includes": bare}, None
    if (old := _old(rest)) is not None:
        return old
    if rest and rest.keys() <= INCLUDES.keys():
        return {"includes": rest}, None
    if rest and rest.keys() <= _META:
        return {"meta": rest}, None
    kind = recognise(document)
    rules = {"matching_rules": document["matching_rules"]} if "matching_rules" in document else {}
    if kind == "post" and any(isinstance(document.get(name), dict | list) for name in _INLINE):
        return _inline(rest) | rules, kind
    if kind == "user" and "pinned_tweet" in document:
        return _inline_user(rest), kind
    return ({"data": [rest]} | rules, kind) if kind is not None else (None, None)


def _old(document: dict[str, Any]) -> Shaped | None:
    """What v1.1 and account exports hold, as a page; None for everything else."""
    if legacy.is_export(document):
        return legacy.export(document), None
    if (items := legacy.several(document)) is not None:
        return _many(items), None
    if (gone := legacy.deleted(document)) is not None:
        return {"data": [gone]}, "compliance_result"
    return (legacy.page(document), None) if legacy.is_old(document) else None


def _is_object(document: dict[str, Any]) -> bool:
    """Whether a document that shares a key with pages is an object itself (a flattened post has no `data`)."""
    return "data" not in document and "id" in document and recognise(document) is not None


def _is_problem(document: dict[str, Any]) -> bool:
    """Whether the whole answer is a problem: X's problem JSON, or the older `{code, message}`."""
    told = ("title" in document and ("type" in document or "detail" in document)) or document.keys() >= {
        "code", "message"
    }
    return told and not {"id", "data", "includes"} & document.keys()


def _failure(document: dict[str, Any]) -> dict[str, Any]:
    """A problem and what it lists in `errors`, one after another."""
    listed = document.get("errors")
    whole = {k: v for k, v in document.items() if k not in {"errors", "meta"}}
    return {"errors": [whole, *(listed if isinstance(listed, list) else ())], "meta": document.get("meta")}


def _many(items: list[Any]) -> dict[str, Any] | None:
    """A list of pages, or of what stands on one, as one page; lists in it are taken apart."""
    items = list(_flat(items))
    if items and not any(isinstance(item, dict) for item in items):
        return None
    merged: dict[str, Any] = {"data": [], "includes": {}, "errors": [], "matching_rules": []}
    for item in items:
        if isinstance(item, dict) and item.keys() == {"__redacted"}:  # an archive's note that something was taken out
            continue
        one = canonical(item)[0] if isinstance(item, dict) else None
        if one is None:
            merged["data"] += [] if item in (None, {}) else [item]
            continue
        data = _list(one.get("data"))
        merged["data"] += data
        included = one.get("includes")
        for name, found in included.items() if isinstance(included, dict) else ():
            merged["includes"].setdefault(name, []).extend(_list(found))
        merged["errors"] += _list(one.get("errors"))
        post = data[0].get("id") if data and isinstance(data[0], dict) else None
        merged["matching_rules"] += [
            rule | {"post_id": post} if isinstance(rule, dict) else rule for rule in _list(one.get("matching_rules"))
        ]
    return merged


def _flat(items: list[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list):
            yield from _flat(item)
        elif isinstance(item, str) and item[:1] == "{":  # JSON that was written twice
            try:
                yield json.loads(item)
            except ValueError:
                yield item
        else:
            yield item


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _inline(post: dict[str, Any]) -> dict[str, Any]:
    includes: dict[str, list[Any]] = {"users": [], "tweets": [], "media": [], "polls": [], "places": []}
    return {"data": [_lift(post, includes)], "includes": includes}


def _inline_user(user: dict[str, Any]) -> dict[str, Any]:
    includes: dict[str, list[Any]] = {"users": [], "tweets": [], "media": [], "polls": [], "places": []}
    _lift_user(user, includes)
    return {"data": [includes["users"].pop()], "includes": includes}


def _lift(post: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    """The post without what twarc wrote into it; that goes to `includes`."""
    post = dict(post)
    post.pop("type", None)  # of the reference it was written into
    for name in ("author", "in_reply_to_user"):
        if isinstance(post.get(name), dict):
            _lift_user(post.pop(name), includes)
    _lift_named(post, includes)
    if isinstance(references := post.get("referenced_tweets"), list):
        post["referenced_tweets"] = [_lift_reference(r, includes) for r in references]
    if isinstance(attachments := post.get("attachments"), dict):
        post["attachments"] = attachments = dict(attachments)
        includes["media"] += [m for m in _list(attachments.pop("media", None)) if m]
        if poll := attachments.pop("poll", None):
            includes["polls"].append(poll)
    if isinstance(geo := post.get("geo"), dict):
        geo = geo | geo.pop("place") if isinstance(geo.get("place"), dict) else geo  # as search-tweets-python does
        post["geo"] = {k: geo[k] for k in ("place_id", "coordinates") if k in geo}
        if place := {k: v for k, v in geo.items() if k not in post["geo"]}:
            includes["places"].append(place)
    _lift_mentions(post, includes)
    return post


def _lift_reference(reference: Any, includes: dict[str, list[Any]]) -> Any:
    if not isinstance(reference, dict):
        return reference
    if reference.keys() - {"type", "id"}:
        includes["tweets"].append(_lift(reference, includes))
    return {k: reference[k] for k in ("type", "id") if k in reference}


def _lift_named(post: dict[str, Any], includes: dict[str, list[Any]]) -> None:
    """The people twarc's CSV names beside a post: whom it answers, reposts or quotes."""
    for kind in ("in_reply_to", "retweeted", "quoted"):
        id_, name = post.get(f"{kind}_user_id"), post.pop(f"{kind}_username", None)
        if kind != "in_reply_to":
            post.pop(f"{kind}_user_id", None)
        if id_ and name:
            includes["users"].append({"id": id_, "username": name})


def _lift_user(user: dict[str, Any], includes: dict[str, list[Any]]) -> None:
    if not user:  # twarc's mark for a user that was not included
        return
    user = dict(user)
    if isinstance(user.get("pinned_tweet"), dict) and (pinned := user.pop("pinned_tweet")):
        includes["tweets"].append(_lift(pinned, includes))
    if isinstance(entities := user.get("entities"), dict) and isinstance(entities.get("description"), dict):
        user["entities"] = entities | {"description": _plain_mentions(entities["description"], includes)}
    includes["users"].append(user)


def _lift_mentions(post: dict[str, Any], includes: dict[str, list[Any]]) -> None:
    for holder in (post, post.get("note_tweet")):
        if isinstance(holder, dict) and isinstance(holder.get("entities"), dict):
            holder["entities"] = _plain_mentions(holder["entities"], includes)


def _plain_mentions(entities: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    mentions = entities.get("mentions")
    if not isinstance(mentions, list):
        return entities
    plain = []
    for mention in mentions:
        if not isinstance(mention, dict):
            plain.append(mention)
            continue
        if mention.keys() - _MENTION:
            _lift_user({k: v for k, v in mention.items() if k not in {"start", "end"}}, includes)
        plain.append({k: v for k, v in mention.items() if k in _MENTION})
    return entities | {"mentions": plain}

"""Other shapes of files with X's data, brought to the shape of a page; and the kinds of objects.

- twarc's flattened posts: one post per object, with what X includes written inside it
- bare lists of posts or users; a page's includes alone; one bare user, list or Space
- lines of a batch compliance result
- records of other formats (`reader.formats`), and the lines search-tweets-python writes
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xframes.flattening.nodes import INCLUDES
from xframes.reader.formats import Converted, Notes, convert, format_of
from xframes.reader.formats.conversion import read_record
from xframes.reader.formats.exports.account_files import ACCOUNT, Export, posts
from xframes.schema.operation_tables import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REDACTED = "__redacted"  # in the body of a page from which an archive removed something
OF_FILE = "__file"  # what the reader of a file noted
TOP_LEVEL = {
    "data", "includes", "errors", "meta", "matching_rules", "__twarc", REDACTED, OF_FILE,
}
_PAGE = {"data", "includes", "errors", "meta"}
_META = {"newest_id", "oldest_id", "result_count", "next_token", "previous_token"}
_MENTION = {"start", "end", "username", "id"}
_INLINE = ("author", "in_reply_to_user", "pinned_tweet", "geo", "attachments", "entities",
           "referenced_tweets", "note_tweet")
# The fields that identify a kind. The order matters: messages and Spaces have fields of a post.
_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("media_analytics", ("timestamped_metrics", "media_key")),
    ("post_analytics", ("timestamped_metrics", "id")),
    ("media_analytics", ("playback_start", "media_key")),
    ("post_analytics", ("impressions", "id")),
    ("dm", ("event_type",)),
    ("dm", ("dm_conversation_id",)),
    ("compliance_result", ("id", "action", "reason")),
    ("tombstone", ("resource_type", "resource_id", "reason")),
    ("compliance_job", ("status", "type", "id")),
    ("count", ("start", "end")),
    ("personalized_trend", ("trend_name", "category")),
    ("personalized_trend", ("trend_name", "trending_since")),
    ("trend", ("trend_name",)),
    ("community_note", ("note_id", "classification")),
    ("community_note_rating", ("note_id", "rater_id")),
    ("community_note_status", ("note_id", "current_status")),
    ("community_note_writer", ("writer_id", "state")),
    ("account_analytics", ("date", "impressions")),
    ("news", ("hook", "summary")),
    ("community", ("join_policy", "id")),
    ("community", ("access", "id")),
    ("post", ("text",)),
    ("post", ("edit_history_tweet_ids",)),
    ("post", ("edit_history_post_ids",)),
    ("post", ("conversation_id",)),
    ("rule", ("value", "id")),
    ("user", ("username",)),
    ("space", ("state", "id")),
    ("usage", ("project_id",)),
    ("usage", ("cap_reset_day",)),
    ("usage", ("project_usage",)),
    ("list", ("name", "id")),
)

KINDS = frozenset(kind for kind, _ in _MARKS) | {"media", "place", "poll", "compliance_event"}

# A page, and the kind of its main objects where that is certain.
PageAndKind = tuple[dict[str, Any] | None, str | None]


def is_mark(value: Mapping[str, Any]) -> bool:
    """Whether a main object of a redacted page is only the id of a removed post or user."""
    return len(value) == 2 and "id" in value and "" in {value.get("text"), value.get("username")}


def removed_ids(document: Any) -> frozenset[str]:
    """Return the ids of the main objects that were removed from a page; most pages have none."""
    if not isinstance(document, dict) or REDACTED not in document:
        return frozenset()
    objects = [item for item in _list(document.get("data")) if isinstance(item, dict)]
    return frozenset(str(item["id"]) for item in objects if is_mark(item))


def recognise(item: Any) -> str | None:
    """Return the kind of an object by the fields it has, or None when nothing fits.

    Used only where the request is unknown.
    """
    if not isinstance(item, dict):
        return None
    if len(item) == 1 and EVENTS.keys() & item.keys():
        return "compliance_event"
    for kind, names in _MARKS:
        if all(item.get(name) is not None for name in names):
            return kind
    return None


def to_page(document: Any) -> PageAndKind:  # noqa: PLR0911  one shape, one return
    """Return the document as `{data, includes, errors, meta, matching_rules}`.

    The page is None when X sends nothing of that shape.
    """
    if isinstance(document, list):
        return _merge(document), None
    if not isinstance(document, dict):
        return None, None
    rest = {k: v for k, v in document.items()
            if k not in {"__twarc", REDACTED, "matching_rules", OF_FILE}}
    if _is_problem(rest):
        return _failure(rest), None
    if _PAGE & rest.keys() and not _is_object(document):
        notes = document.get(OF_FILE)
        kind = notes.get("kind") if isinstance(notes, dict) else None
        return _with_includes(document, rest), kind if kind in KINDS else None
    old = _from_file(document)
    if old is not None:
        return old
    if rest and rest.keys() <= INCLUDES.keys():
        return {"includes": rest}, None
    if rest and rest.keys() <= _META:
        return {"meta": rest}, None
    page, kind = _from_object(document, rest)
    if page is not None and OF_FILE in document:
        page[OF_FILE] = document[OF_FILE]
    return page, kind


def _with_includes(document: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """Return the page with its arrays of includes in their place, where they are at the top."""
    if _PAGE & rest.keys() & {"data", "includes"}:
        return document
    bare = {k: v for k, v in rest.items() if k in INCLUDES}
    if not bare:
        return document
    return {k: v for k, v in document.items() if k not in bare} | {"includes": bare}


def _from_object(document: dict[str, Any], rest: dict[str, Any]) -> PageAndKind:
    """Return a page with one object, which is the document."""
    kind = recognise(document)
    if kind is None:
        return None, None
    if kind == "user" and "pinned_tweet" in document:
        return _inline_user(rest), kind
    page = {"data": [rest]}
    if kind == "post" and any(isinstance(document.get(name), dict | list) for name in _INLINE):
        page = _inline_post(rest)
    if "matching_rules" in document:
        page["matching_rules"] = document["matching_rules"]
    return page, kind


def _from_file(document: dict[str, Any]) -> PageAndKind | None:
    """Return a record of another format, such as the API v1.1, as a page; None for X's own.

    Archives of earlier versions keep such records as they were.
    """
    notes = Notes("page")
    if document.keys() == {"account", "tweets"}:
        pages = _of_export(document, notes)
    else:
        format_ = format_of(document)
        if format_ is None or format_.family != "v11" or not format_.is_read:
            return None
        try:
            pages = convert(document, format_, notes)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            notes.add_record(f"{format_.tool}: a record could not be read ({error})")
            pages = []
    merged: dict[str, Any] = {"data": [], "includes": {}}
    for page in pages:
        merged["data"] += page.document.get("data", [])
        for name, items in page.document.get("includes", {}).items():
            merged["includes"].setdefault(name, []).extend(items)
        if "matching_rules" in page.document:
            merged["matching_rules"] = page.document["matching_rules"]
    problems = [p for p in notes.new if p["kind"] != "unknown_field"]
    unread = [p["parameter"] for p in notes.new if p["kind"] == "unknown_field"]
    if problems or unread:
        merged[OF_FILE] = {"problems": problems, "unread": unread}
    kind = pages[0].kind if pages else None
    return merged, kind or None


def _of_export(document: dict[str, Any], notes: Notes) -> list[Converted]:
    export = Export()
    for item in document["account"] if isinstance(document["account"], list) else ():
        if isinstance(item, dict) and isinstance(item.get("account"), dict):
            export.account = read_record(ACCOUNT, item["account"], notes).main
    tweets = document["tweets"]
    return list(posts(tweets if isinstance(tweets, list) else [], export, notes))


def _is_object(document: dict[str, Any]) -> bool:
    """Whether a document is an object that has a key of pages, such as a flattened post."""
    return "data" not in document and "id" in document and recognise(document) is not None


def _is_problem(document: dict[str, Any]) -> bool:
    """Whether the whole page is a problem: X's problem JSON, or the older `{code, message}`."""
    if {"id", "data", "includes"} & document.keys():
        return False
    if "title" in document and ("type" in document or "detail" in document):
        return True
    return document.keys() >= {"code", "message"}


def _failure(document: dict[str, Any]) -> dict[str, Any]:
    """Return a page with a problem and those it lists in `errors`."""
    errors = [{k: v for k, v in document.items() if k not in {"errors", "meta"}}]
    if isinstance(document.get("errors"), list):
        errors += document["errors"]
    return {"errors": errors, "meta": document.get("meta")}


def _merge(items: list[Any]) -> dict[str, Any] | None:
    """Return a list of pages, or of what pages hold, as one page; nested lists are taken apart."""
    items = list(_flat(items))
    if items and not any(isinstance(item, dict) for item in items):
        return None
    merged: dict[str, Any] = {"data": [], "includes": {}, "errors": [], "matching_rules": []}
    for item in items:
        if isinstance(item, dict):
            _merge_document(item, merged)
        elif item is not None:
            merged["data"].append(item)
    return merged


def _merge_document(document: dict[str, Any], merged: dict[str, Any]) -> None:
    if document.keys() == {REDACTED}:  # an archive's note that something was taken out
        return
    page, _ = to_page(document)
    if page is None:
        if document:
            merged["data"].append(document)
        return
    data = _list(page.get("data"))
    merged["data"] += data
    includes = page.get("includes")
    if isinstance(includes, dict):
        for name, objects in includes.items():
            merged["includes"].setdefault(name, []).extend(_list(objects))
    merged["errors"] += _list(page.get("errors"))
    _merge_notes(page.get(OF_FILE), merged)
    _merge_rules(page, data, merged)


def _merge_notes(notes: Any, merged: dict[str, Any]) -> None:
    if isinstance(notes, dict):
        own = merged.setdefault(OF_FILE, {"problems": [], "unread": []})
        for name in ("problems", "unread"):
            own[name] += _list(notes.get(name))


def _merge_rules(page: dict[str, Any], data: list[Any], merged: dict[str, Any]) -> None:
    post_id = None
    if data and isinstance(data[0], dict):
        post_id = data[0].get("id")
    for rule in _list(page.get("matching_rules")):
        if isinstance(rule, dict):
            merged["matching_rules"].append(rule | {"post_id": post_id})
        else:
            merged["matching_rules"].append(rule)


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
    if isinstance(value, list):
        return value
    if value is None:
        return []
    return [value]


def _no_includes() -> dict[str, list[Any]]:
    return {"users": [], "tweets": [], "media": [], "polls": [], "places": []}


def _inline_post(post: dict[str, Any]) -> dict[str, Any]:
    includes = _no_includes()
    return {"data": [_lift_post(post, includes)], "includes": includes}


def _inline_user(user: dict[str, Any]) -> dict[str, Any]:
    includes = _no_includes()
    _lift_user(user, includes)
    return {"data": [includes["users"].pop()], "includes": includes}


def _lift_post(post: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    """Return the post without what twarc wrote into it, which is added to `includes`."""
    post = dict(post)
    post.pop("type", None)  # of the reference it was written into
    for name in ("author", "in_reply_to_user"):
        if isinstance(post.get(name), dict):
            _lift_user(post.pop(name), includes)
    _lift_usernames(post, includes)
    references = post.get("referenced_tweets")
    if isinstance(references, list):
        post["referenced_tweets"] = [_lift_reference(r, includes) for r in references]
    if isinstance(post.get("attachments"), dict):
        post["attachments"] = _lift_attachments(post["attachments"], includes)
    if isinstance(post.get("geo"), dict):
        post["geo"] = _lift_geo(post["geo"], includes)
    for holder in (post, post.get("note_tweet")):
        if isinstance(holder, dict) and isinstance(holder.get("entities"), dict):
            holder["entities"] = _plain_mentions(holder["entities"], includes)
    return post


def _lift_attachments(
    attachments: dict[str, Any], includes: dict[str, list[Any]]
) -> dict[str, Any]:
    attachments = dict(attachments)
    includes["media"] += [m for m in _list(attachments.pop("media", None)) if m]
    poll = attachments.pop("poll", None)
    if poll:
        includes["polls"].append(poll)
    return attachments


def _lift_geo(geo: dict[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    if isinstance(geo.get("place"), dict):  # as search-tweets-python does
        geo = {k: v for k, v in geo.items() if k != "place"} | geo["place"]
    bare = {k: v for k, v in geo.items() if k in {"place_id", "coordinates"}}
    place = {k: v for k, v in geo.items() if k not in bare}
    if place:
        includes["places"].append(place)
    return bare


def _lift_reference(reference: Any, includes: dict[str, list[Any]]) -> Any:
    if not isinstance(reference, dict):
        return reference
    if reference.keys() - {"type", "id"}:
        includes["tweets"].append(_lift_post(reference, includes))
    return {k: reference[k] for k in ("type", "id") if k in reference}


def _lift_usernames(post: dict[str, Any], includes: dict[str, list[Any]]) -> None:
    """Add the authors that twarc's CSV names of posts replied to, reposted or quoted."""
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
    if isinstance(user.get("pinned_tweet"), dict):
        pinned = user.pop("pinned_tweet")
        if pinned:
            includes["tweets"].append(_lift_post(pinned, includes))
    entities = user.get("entities")
    if isinstance(entities, dict) and isinstance(entities.get("description"), dict):
        description = _plain_mentions(entities["description"], includes)
        user["entities"] = entities | {"description": description}
    includes["users"].append(user)


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
            user = {k: v for k, v in mention.items() if k not in {"start", "end"}}
            _lift_user(user, includes)
        plain.append({k: v for k, v in mention.items() if k in _MENTION})
    return entities | {"mentions": plain}

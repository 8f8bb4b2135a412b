"""Redaction of pages: removed posts and people are taken out, everything else on a page stays.

Pure: bytes in, bytes out. A page without anything to remove is returned unchanged.

What a field contains follows from the column that is read from it. Fields that no column reads are
cleaned of every trace. Texts of other people's posts and profiles stay whole.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.archive.storage.redaction import (
    GONE,
    WORD,
    Targets,
    cleaned,
    leads_to,
    scrub_parameters,
    without_mentions,
    without_traces,
)
from xframes.flattening.nodes import INCLUDES
from xframes.flattening.shapes import REDACTED, is_mark, recognise
from xframes.registry import ACTIONS
from xframes.schema import STORED, tables_of
from xframes.schema.leaves import Leaf, alternatives, codes, kinds, leaves, wire_names
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.schema import Col
    from xframes.wire import Page, Request

# Kinds of objects that are recognised by their fields, wherever they are on a page.
_WRITTEN_BY_PEOPLE = frozenset({"post", "user", "dm"})
_DROPPED = object()


def scrub(page: Page, targets: Targets) -> Page:
    """Return the page without what must be removed; itself if it has nothing of it.

    A body that is not JSON is replaced as a whole, because its content is unknown.
    """
    if (tombstones := _removal(page, targets)) is not None:
        return tombstones
    request = _request(page.request, targets)
    body = page.body
    if targets.occurs_in(body):
        taken: list[str] = []
        body = _body(page, targets, taken)
        if taken and (request.action or "").startswith("write."):
            request = replace(request, args={})  # they have the same content as the body
    if body is page.body and request == page.request:
        return page
    return replace(page, request=request, body=body)


def _body(page: Page, targets: Targets, taken: list[str]) -> bytes:
    try:
        document = read_json(page.body)
    except ValueError:
        return json.dumps({REDACTED: ["everything"]}).encode()
    kind = None
    if action := ACTIONS.get(page.request.action or ""):
        kind = action.objects
    document = _without(document, targets, taken, kind)
    if not taken:
        return page.body
    if document is _DROPPED:
        document = {"errors": []}
    return _dump(document, taken)


def _removal(page: Page, targets: Targets) -> Page | None:
    """Return a page of tombstones without names in their reasons; None for other pages.

    Its ids stay, because they keep what was removed from returning.
    """
    if page.request.action != "archive.remove":
        return None
    # A page of another form was not written by xframes.
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        document = read_json(page.body)
        rows = [
            row | {"reason": without_traces(row["reason"], targets)} for row in document["data"]
        ]
        if rows == document["data"]:
            return page
        return replace(page, body=_dump({**document, "data": rows}, ["username"]))
    return None


def _without(document: Any, targets: Targets, taken: list[str], kind: str | None) -> Any:
    page = _page_leaf(kind)
    document = _walk(_marked(document, page.fields["data"], targets, taken), page, targets, taken)
    if document is _DROPPED:
        return document
    return _cleaned(document, page, targets, taken)


def redacted(page: Page) -> bool:
    """Whether something may have been removed from a page's body or its request."""
    request = page.request
    texts = (request.path, *map(str, request.params.values()), *map(str, request.args.values()))
    return REDACTED.encode() in page.body or any(GONE in WORD.findall(text) for text in texts)


def _dump(document: Any, taken: list[str]) -> bytes:
    """Return the page's body with a mark that lists what was removed.

    A list keeps its shape, and gets the mark as an item.
    """
    items = document
    if not isinstance(document, list):
        items = [document]
    kinds = set(taken)
    for item in items:
        if isinstance(item, dict) and isinstance(item.get(REDACTED), list):
            kinds.update(map(str, item[REDACTED]))
    mark = {REDACTED: sorted(kinds)}
    if isinstance(document, list):
        return _written([*(item for item in items if not _is_note(item)), mark])
    if isinstance(document, dict):
        return _written({**document, **mark})
    return _written({"data": document, **mark})


def _is_note(item: Any) -> bool:
    """Whether an item of a list is nothing but a mark that something was removed."""
    return isinstance(item, dict) and item.keys() == {REDACTED}


def _written(document: Any) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _request(request: Request, targets: Targets) -> Request:
    """Return the request without names of removed people."""
    params, args = dict(request.params), dict(request.args)
    if not targets.occurs_in(f"{request.path} {params} {args}".encode()):
        return request
    return replace(
        request,
        path=without_mentions(request.path, targets),
        params=scrub_parameters(params, targets),
        args=scrub_parameters(args, targets),
    )


def scrubbed(text: str | None, targets: Targets) -> str | None:
    """Return JSON text without what must be removed; None if nothing is left."""
    if text is None or not targets.occurs_in(text.encode()):
        return text
    taken: list[str] = []
    try:
        document = read_json(text.encode())
    except ValueError:
        return without_traces(text, targets)
    document = _walk(document, Leaf(), targets, taken)
    if document is not _DROPPED:
        document = _cleaned(document, Leaf(), targets, taken)
    if not taken:
        return text
    if document is _DROPPED:
        return None
    return _written(document).decode()


# what an object is --------------------------------------------------------------------------------


@cache
def _page_leaf(kind: str | None) -> Leaf:
    """Return the fields of a page with main objects of a kind."""
    data = Leaf(fields=_some_object())
    if kind:
        data = leaves(kind)
    includes = {name: leaves(included) for name, included in INCLUDES.items()}
    fields = {
        "data": data,
        "includes": Leaf(fields=includes),
        "errors": leaves("problem"),
        "matching_rules": leaves("rule"),
    }
    return Leaf(fields=fields)


@cache
def _some_object() -> dict[str, Leaf]:
    """Return the fields of a main object of an unknown kind."""
    return {"id": leaves("post").fields["id"]}


@cache
def _today() -> dict[str, str]:
    """Map field names of API v1.1 to those of v2, for fields that distinguish objects."""
    names: dict[str, str] = {}
    for table in (*tables_of("user"), *tables_of("post")):
        if table.sources:
            continue
        for col in table.body:
            if col.paths:
                older = alternatives(col)[len(col.paths):]
                names |= {old: col.paths[-1] for old in older if "." not in old}
    return names


@cache
def _of_spans() -> frozenset[str]:
    """Names of fields with an object's position in a text: the object is a part of that text."""
    names: set[str] = set()
    for table in tables_of("post"):
        if table.sources:
            names.update(*(alternatives(col) for col in table.body if col.within))
    return frozenset(names - {"end"})


@cache
def _roots(kind: str) -> frozenset[str]:
    return frozenset(leaves(kind).fields)


@cache
def _only(kind: str) -> frozenset[str]:
    """Names of fields that only objects of this kind have."""
    return _roots(kind).difference(*(_roots(other) for other in kinds() if other != kind))


@cache
def _not(kind: str) -> frozenset[str]:
    """Names of fields that only objects of other kinds have."""
    others = (_roots(other) for other in kinds() if other != kind)
    return frozenset[str]().union(*others) - _roots(kind)


@cache
def _bare() -> frozenset[str]:
    """Names of fields in references to a post, and in lines saying that it is gone."""
    names = _roots("compliance_result") | {"user_id", "id_str", "user_id_str"}
    for source in STORED["post_references"].sources:
        names |= leaves("post").at(source.path.split("|")[0]).fields.keys()
    return frozenset(names)


def _kind(value: Mapping[str, Any]) -> str | None:
    """Return the kind of an object; None if it is unknown or a part of a text."""
    if not value.keys().isdisjoint(_of_spans()):
        return None
    names = _today()
    today = {names.get(name, name): item for name, item in value.items()}
    kind = recognise(today)
    if kind is None and "detail" in value:
        return "problem"
    if kind in _WRITTEN_BY_PEOPLE and "id" not in today:
        return None
    return kind


def _fields(value: Mapping[str, Any], leaf: Leaf) -> dict[str, Leaf]:
    """Return the fields an object may have, by its kind or else by where it is on the page."""
    kind = _kind(value)
    is_unknown = not leaf.fields or leaf.fields is _some_object()
    if kind in _WRITTEN_BY_PEOPLE or (kind is not None and is_unknown):
        return leaves(kind).fields
    if value.keys() - leaf.fields.keys() and _handle_words() & leaf.fields.keys():
        return leaves("user").fields | leaf.fields  # a mention with a profile inside
    return leaf.fields


def _id(value: Mapping[str, Any], name: str = "id") -> str:
    """Return an id as text. API v1.1 has it as a number, which MongoDB writes as an object."""
    id_ = value.get(f"{name}_str") or value.get(name)
    if isinstance(id_, dict):
        id_ = id_.get("$numberLong")
    if isinstance(id_, str | int):
        return str(id_)
    return ""


def _ids(value: Mapping[str, Any], col: Col) -> set[str]:
    """Return the ids an object has for a column, under all its paths."""
    ids = set[str]()
    for path in alternatives(col):
        *above, last = path.split(".")
        inner: Any = value
        for part in above:
            if isinstance(inner, dict):
                inner = inner.get(part)
        if isinstance(inner, dict):
            ids.add(_id(inner, last))
    return ids - {""}


@cache
def _owners() -> tuple[Col, ...]:
    """The columns with the id of an object's owner."""
    return tuple(t[t.owner] for t in STORED.values() if t.owner and t.object and not t.sources)


def _doomed_kind(
    value: Mapping[str, Any], targets: Targets, expected: str | None = None
) -> str | None:
    """Return the kind of an object that must be removed; None for others.

    An object that says nothing but an id stays.
    """
    keys, kind = value.keys(), _kind(value) or expected
    owner = next((c for c in _owners() if not _ids(value, c).isdisjoint(targets.users)), None)
    is_own_post = owner is not None and owner in STORED["posts"].body
    if is_own_post or _is_post(value, kind, targets):
        if value.get("type") in {"replied_to", "quoted", "retweeted"}:
            return "reference"
        return "post"
    if owner is not None:
        return "owned"
    if kind == "problem" and not targets.names.isdisjoint(_subjects(value)):
        return "problem"
    if keys.isdisjoint(_of_spans()) and _is_user(value, kind, targets):
        return "user"
    return _carried_kind(value, kind, targets)


def _carried_kind(value: Mapping[str, Any], kind: str | None, targets: Targets) -> str | None:
    """Return "media" or "poll" for an object that belongs to removed posts."""
    keys = value.keys()
    if _id(value) in targets.polls and keys & _only("poll"):
        return "poll"
    is_media = kind in _kinds_of("media") or (kind is None and keys.isdisjoint(_of_spans()))
    whole = is_media and len(keys & _roots("media")) > 1
    if whole and str(value.get("media_key", "")) in targets.media:
        return "media"
    return None


def _is_post(value: Mapping[str, Any], kind: str | None, targets: Targets) -> bool:
    """Whether an object says more of a removed post than that it is gone or referred to."""
    if _id(value) not in targets.posts or not value.keys() - _bare():
        return False
    return kind in _kinds_of("posts") or (kind is None and value.keys().isdisjoint(_not("post")))


def _is_user(value: Mapping[str, Any], kind: str | None, targets: Targets) -> bool:
    """Whether an object says more of a removed person than an id, which a list may also have."""
    ids = _ids(value, STORED["users"]["id"])
    more = value.keys() - _bare()
    if ids.isdisjoint(targets.users) or not more:
        return False
    if kind == "list":
        return bool(more & (_roots("user") - _roots("list")))
    if kind is None:
        return bool(more & _only("user")) or not ids.isdisjoint(targets.long_ids)
    return kind == "user"


@cache
def _kinds_of(target: str) -> frozenset[str]:
    """The kinds of objects whose own id or key is that of an object of this table."""
    matches = set()
    for kind in kinds():
        tables = (t for t in tables_of(kind) if not t.sources)
        if any(t[t.key[0]].names == target for t in tables):
            matches.add(kind)
    return frozenset(matches)


def _subjects(problem: Mapping[str, Any]) -> set[str]:
    cols = [col for col in STORED["problems"].body if col.holds == "subject"]
    return {str(problem.get(col.path, "")).lower() for col in cols}


# whole objects ------------------------------------------------------------------------------------


def _marked(document: Any, leaf: Leaf, targets: Targets, taken: list[str]) -> Any:
    """Return a page whose removed posts and people are only ids; all others keep their places."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list | dict):
        return document
    data = document["data"]
    if isinstance(data, dict):
        return {**document, "data": _mark(data, leaf.kind, targets, taken)}
    return {**document, "data": [_mark(item, leaf.kind, targets, taken) for item in data]}


def _mark(item: Any, expected: str | None, targets: Targets, taken: list[str]) -> Any:
    kind = None
    if isinstance(item, dict) and not is_mark(item):
        kind = _doomed_kind(item, targets, expected)
    for name, ids, empty in (("post", targets.posts, "text"), ("user", targets.users, "username")):
        if kind == name and _id(item) in ids:
            taken.append(name)
            return {"id": _id(item), empty: ""}
    return item


def without_marks(page: Page) -> Page:
    """Return a page without the ids that only keep places, for use without its tombstones."""
    if REDACTED.encode() not in page.body:
        return page
    try:
        document = read_json(page.body)
    except ValueError:  # the word is in the body by chance
        return page
    data = None
    if isinstance(document, dict):
        data = document.get("data")
    if isinstance(document, list):
        document = [item for item in document if not _is_note(item)]
    elif isinstance(data, list):
        document["data"] = [
            item for item in data if not (isinstance(item, dict) and is_mark(item))
        ]
    elif isinstance(data, dict) and is_mark(data):
        del document["data"]
    return replace(page, body=_written(document))


def _walk(value: Any, leaf: Leaf, targets: Targets, taken: list[str]) -> Any:
    """Return the value without removed objects, or `_DROPPED` if it is one itself.

    The kinds of removed objects are added to `taken`.
    """
    if isinstance(value, list):
        items = (_walk(item, leaf, targets, taken) for item in value)
        return [item for item in items if item is not _DROPPED]
    if not isinstance(value, dict) or is_mark(value):
        return value
    kind = _doomed_kind(value, targets, leaf.kind)
    if kind == "reference":  # a post inside the one that refers to it: the reference stays
        taken.append("post")
        return {name: value[name] for name in ("type", "id")}
    if kind is not None:
        taken.append(kind)
        return _DROPPED
    fields = _fields(value, leaf)
    walked = {n: _walk(item, fields.get(n, Leaf()), targets, taken) for n, item in value.items()}
    rest = {n: v for n, v in walked.items() if v is not _DROPPED}
    rest = _without_handles(rest, fields, targets, taken)
    return _without_preview_of(rest, targets, taken)


def _without_handles(
    value: dict[str, Any], fields: Mapping[str, Leaf], targets: Targets, taken: list[str]
) -> dict[str, Any]:
    """Remove the handles of removed people; a mention keeps its position and id.

    Another person who has a removed person's former handle today keeps it.
    """
    for name, whose in list(_handles(value, fields)):
        if name not in value:
            continue
        is_theirs = bool(whose & targets.users)
        is_unknown = not whose and str(value[name]).lower() in targets.names
        if not is_theirs and not is_unknown:
            continue
        taken.append("username")
        if _of_itself(name, fields):
            return {n: v for n, v in value.items() if _is_place(n, fields)}
        del value[name]
    return value


def _handles(
    value: Mapping[str, Any], fields: Mapping[str, Leaf]
) -> Iterator[tuple[str, set[str]]]:
    """Find the fields of an object with a handle, each with the ids of its owner, if any."""
    for name in value:
        col = _col(name, fields)
        if col is not None and col.holds == "handle":
            yield name, _whose(value, col)
        elif col is None and (whose := _beside(name)):
            yield name, {_id(value, whose)} - {""}


def _col(name: str, fields: Mapping[str, Leaf]) -> Col | None:
    """Return the column that is read from a field."""
    if name not in fields:
        return None
    return fields[name].col


def _whose(value: Mapping[str, Any], handle: Col) -> set[str]:
    """Return the ids of the owner of the handle in a column."""
    for table in STORED.values():
        if handle in table.body and handle.of:
            return _ids(value, table[handle.of])
    return set()


def _beside(name: str) -> str | None:
    """Return the name of the field with the id of the person whose handle another field has."""
    for word in _handle_words():
        if name == word:
            return "id"
        if name.endswith(f"_{word}"):
            return f"{name.removesuffix(word)}user_id"
    return None


@cache
def _handle_words() -> frozenset[str]:
    names: set[str] = set()
    for table in STORED.values():
        names.update(*(alternatives(col) for col in table.body if col.holds == "handle"))
    return frozenset(names)


def _of_itself(name: str, fields: Mapping[str, Leaf]) -> bool:
    """Whether a handle belongs to its object, as in a mention."""
    col = _col(name, fields)
    if col is None:
        return _beside(name) == "id"
    return any(col in t.body and col.of and t[col.of].path == "id" for t in STORED.values())


def _is_place(name: str, fields: Mapping[str, Leaf]) -> bool:
    """Whether a field has the position of a mention, or the id of a person."""
    col = _col(name, fields)
    if name in {"id", "id_str"}:
        return True
    return col is not None and (col.content == "id" or col.within is not None)


@cache
def _shown(*holds: str) -> tuple[str, ...]:
    """Names of the fields of a link that hold one of these."""
    names: dict[str, None] = {}
    for table in tables_of("post"):
        for col in table.body:
            if table.sources and col.holds in holds and col.names is None:
                names |= dict.fromkeys(alternatives(col))
    return tuple(names)


def without_preview(entity: Mapping[str, Any], targets: Targets) -> dict[str, Any]:
    """Return what may stay of a link's preview of its page.

    Nothing of a preview of a removed person or post stays; elsewhere handles are replaced. If the
    address of the page is unknown, the text of the preview decides.
    """
    preview = {n: entity[n] for n in _shown("preview") if entity.get(n)}
    shown = _shown("link", "shown_link")
    links = [v for n, v in entity.items() if n in shown and isinstance(v, str)]
    clean = {n: without_traces(v, targets) if isinstance(v, str) else v for n, v in preview.items()}
    is_unknown = all("/t.co/" in link for link in links)
    if any(leads_to(link, targets) for link in links) or (is_unknown and clean != preview):
        return {}
    return clean


def _without_preview_of(
    value: dict[str, Any], targets: Targets, taken: list[str]
) -> dict[str, Any]:
    """Return a link's object without the parts of its preview that must be removed."""
    preview = _shown("preview")
    links = value.keys() & set(_shown("link", "shown_link"))
    if _id(value) or not links or value.keys().isdisjoint(preview):
        return value
    left = without_preview(value, targets)
    clean = {}
    for name, item in value.items():
        if name not in preview or name in left or not item:
            clean[name] = left.get(name, item)
    if clean != value:
        taken.append("username")
    return clean


# texts --------------------------------------------------------------------------------------------


def _cleaned(value: Any, leaf: Leaf, targets: Targets, taken: list[str]) -> Any:
    """Return the value with all texts cleaned, and the names of fields that no column reads."""
    if isinstance(value, list):
        return [_cleaned(item, leaf, targets, taken) for item in value]
    if isinstance(value, dict):
        return _cleaned_object(value, leaf, targets, taken)
    clean = value
    if isinstance(value, str):
        clean = cleaned(value, leaf.col, targets)
    elif leaf.col is None and type(value) is int and str(value) in targets.long_ids:
        clean = None
    if clean != value:
        taken.append("username")
    return clean


def _cleaned_object(
    value: dict[str, Any], leaf: Leaf, targets: Targets, taken: list[str]
) -> dict[str, Any]:
    if is_mark(value):
        return value
    fields = _fields(value, leaf)
    if not fields and _id(value) in targets.users and not all(_is_place(n, fields) for n in value):
        taken.append("user")
        return {}
    clean = {}
    for name, item in value.items():
        if name == REDACTED:
            clean[name] = item
            continue
        inner = fields.get(name, Leaf(codes().get(name)))
        new = name
        if name not in wire_names():
            new = without_traces(name, targets)
        if new != name:
            taken.append("username")
        clean[new] = _cleaned(item, inner, targets, taken)
    return clean


# names and words of removed people ----------------------------------------------------------------


@dataclass(slots=True)
class Traces:
    """What identifies removed people on pages: handles (lower case), names, and their own texts."""

    handles: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


def note_traces(body: bytes, targets: Targets, traces: Traces) -> None:
    """Add what a page says of removed people to `traces`: also their former handles and names."""
    if targets.users and targets.occurs_in(body):
        with suppress(ValueError):
            _note(read_json(body), _page_leaf(None), targets, traces)


def _note(value: Any, leaf: Leaf, targets: Targets, traces: Traces) -> None:
    if isinstance(value, list):
        for item in value:
            _note(item, leaf, targets, traces)
    if not isinstance(value, dict):
        return
    fields = _fields(value, leaf)
    _note_handles(value, fields, targets, traces)
    if _doomed_kind(value, targets) in {"user", "post", "reference", "owned"}:
        _note_words(value, fields, traces)
    for name, item in value.items():
        _note(item, fields.get(name, Leaf()), targets, traces)


def _note_handles(
    value: Mapping[str, Any], fields: Mapping[str, Leaf], targets: Targets, traces: Traces
) -> None:
    for name, whose in _handles(value, fields):
        if whose & targets.users and isinstance(value[name], str):
            traces.handles |= {value[name].lower()} - {""}
            if _of_itself(name, fields) and isinstance(value.get("name"), str):
                traces.shown.add(value["name"])


def _note_words(value: Mapping[str, Any], fields: Mapping[str, Leaf], traces: Traces) -> None:
    for name, item in value.items():
        col = _col(name, fields)
        if isinstance(item, dict) and name in fields and _kind(item) is None:
            _note_words(item, fields[name].fields, traces)
        elif isinstance(item, str) and col is not None and col.holds == "name":
            traces.shown.add(item)
        elif isinstance(item, str) and col is not None and col.holds == "words":
            traces.words.add(item)


def people_in(body: bytes, handles: frozenset[str]) -> set[tuple[str, str]]:
    """Find the people on a page who have or had one of these handles (lower case).

    Returns pairs of handle and id.
    """
    people: set[tuple[str, str]] = set()
    if Targets(names=handles).occurs_in(body):
        with suppress(ValueError):
            _note_people(read_json(body), handles, people)
    return people


def _note_people(value: Any, handles: frozenset[str], people: set[tuple[str, str]]) -> None:
    if isinstance(value, list):
        for item in value:
            _note_people(item, handles, people)
    if not isinstance(value, dict):
        return
    if _id(value) and _kind(value) != "post":
        names = {str(value[n]).lower() for n in _handle_words() if n in value}
        people.update((name, _id(value)) for name in names & handles)
    for item in value.values():
        _note_people(item, handles, people)

"""What must go, taken out of the pages kept: removed posts and people leave, all else on the page stays.

Pure: bytes in, bytes out. A page that holds nothing of what must go is given back as it is.

What a field holds is told by the column that is read from it. Fields that no column knows are
cleaned of every trace; texts of other people's posts and profiles stay whole.
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
    Doomed,
    asked,
    cleaned,
    leads_to,
    without_mentions,
    without_traces,
)
from xframes.flattening.nodes import INCLUDES
from xframes.flattening.shapes import recognise
from xframes.registry import ACTIONS
from xframes.schema import TABLES, tables_of
from xframes.schema.leaves import Leaf, alternatives, codes, kinds, leaves, wire_names
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.schema import Col
    from xframes.wire import Page, Request

REDACTED = "__redacted"  # stands in a page's body once something was taken out of it: its hash is no longer its id
_WRITTEN_BY_PEOPLE = frozenset({"post", "user", "dm"})  # kinds that are told by their fields wherever they stand
_DROPPED = object()


def scrub(page: Page, doomed: Doomed) -> Page:
    """The page without what must go. What is no JSON is emptied whole: nobody can tell what stands in it."""
    if (kept := _removal(page, doomed)) is not None:
        return kept
    request = _request(page.request, doomed)
    body = page.body
    if doomed.occurs_in(body):
        try:
            document = read_json(body)
        except ValueError:
            body = json.dumps({REDACTED: ["everything"]}).encode()
        else:
            action = ACTIONS.get(page.request.action or "")
            taken: list[str] = []
            document = _without(document, doomed, taken, action.objects if action else None)
            if taken:
                body = _dump({"errors": []} if document is _DROPPED else document, taken)
                if (request.action or "").startswith("write."):
                    request = replace(request, args={})  # what was written stood there, too
    if body is page.body and request == page.request:
        return page
    return replace(page, request=request, body=body)


def _removal(page: Page, doomed: Doomed) -> Page | None:
    """Tombstones without names in their reasons; None for other pages. Their ids keep the removed from coming back."""
    if page.request.action != "archive.remove":
        return None
    with suppress(ValueError, TypeError, KeyError, AttributeError):  # of a form that xframes never writes
        document = read_json(page.body)
        rows = [row | {"reason": without_traces(row["reason"], doomed)} for row in document["data"]]
        if rows == document["data"]:
            return page
        return replace(page, body=_dump({**document, "data": rows}, ["username"]))
    return None


def _without(document: Any, doomed: Doomed, taken: list[str], kind: str | None) -> Any:
    page = _page_leaf(kind)
    document = _walk(_marked(document, page.fields["data"], doomed, taken), page, doomed, taken)
    return document if document is _DROPPED else _cleaned(document, page, doomed, taken)


def redacted(page: Page) -> bool:
    """Whether something may have been taken out of a page: out of its body, or a name out of what was asked."""
    request = page.request
    texts = (request.path, *map(str, request.params.values()), *map(str, request.args.values()))
    return REDACTED.encode() in page.body or any(GONE in WORD.findall(text) for text in texts)


def _dump(document: Any, taken: list[str]) -> bytes:
    """The page with a mark that something was taken out; a bare list keeps its shape, and has it as an item."""
    items = document if isinstance(document, list) else [document]
    marks = [item for item in items if isinstance(item, dict) and REDACTED in item]
    before = {kind for item in marks if isinstance(item[REDACTED], list) for kind in item[REDACTED]}
    mark = {REDACTED: sorted({*taken, *map(str, before)})}
    if isinstance(document, list):
        return _written([*(item for item in items if not _is_note(item)), mark])
    return _written({**(document if isinstance(document, dict) else {"data": document}), **mark})


def _is_note(item: Any) -> bool:
    """Whether an item of a list only says that something was taken out of it."""
    return isinstance(item, dict) and item.keys() == {REDACTED}


def _written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _request(request: Request, doomed: Doomed) -> Request:
    """The request without names of removed people."""
    if not doomed.occurs_in(f"{request.path} {dict(request.params)} {dict(request.args)}".encode()):
        return request
    return replace(request, path=without_mentions(request.path, doomed), params=asked(dict(request.params), doomed),
                   args=asked(dict(request.args), doomed))


def scrubbed(text: str | None, doomed: Doomed) -> str | None:
    """A text of JSON without what must go; None when nothing is left, itself when all is."""
    if text is None or not doomed.occurs_in(text.encode()):
        return text
    taken: list[str] = []
    try:
        document = read_json(text.encode())
    except ValueError:
        return without_traces(text, doomed)
    document = _walk(document, Leaf(), doomed, taken)
    if document is not _DROPPED:
        document = _cleaned(document, Leaf(), doomed, taken)
    return text if not taken else None if document is _DROPPED else _written(document).decode()


# what an object is -----------------------------------------------------------------------------------------------


@cache
def _page_leaf(kind: str | None) -> Leaf:
    """The fields of a page whose main objects are of a kind."""
    holders = {name: leaves(included) for name, included in INCLUDES.items()}
    data = leaves(kind) if kind else Leaf(fields=_some_object())
    fields = {"data": data, "includes": Leaf(fields=holders), "errors": leaves("problem"),
              "matching_rules": leaves("rule")}
    return Leaf(fields=fields)


@cache
def _some_object() -> dict[str, Leaf]:
    """The fields of an object on a page of which nobody knows what it is about."""
    return {"id": leaves("post").fields["id"]}


@cache
def _today() -> dict[str, str]:
    """Names of fields in API v1.1 → those of today, of what tells one object from another."""
    cols = [col for kind in ("user", "post") for t in tables_of(kind) if not t.sources for col in t.body]
    return {old: col.paths[-1] for col in cols if col.paths for old in alternatives(col)[len(col.paths):]
            if "." not in old}


@cache
def _of_spans() -> frozenset[str]:
    """Names of fields that say where in a text an object stands: it is a part of that text."""
    cols = [col for t in tables_of("post") if t.sources for col in t.body if col.within]
    return frozenset(name for col in cols for name in alternatives(col) if name != "end")


@cache
def _roots(kind: str) -> frozenset[str]:
    return frozenset(leaves(kind).fields)


@cache
def _only(kind: str) -> frozenset[str]:
    """Names of fields that objects of this kind alone have."""
    return _roots(kind).difference(*(_roots(other) for other in kinds() if other != kind))


@cache
def _not(kind: str) -> frozenset[str]:
    """Names of fields that objects of other kinds alone have."""
    others = (_roots(other) for other in kinds() if other != kind)
    return frozenset[str]().union(*others) - _roots(kind)


@cache
def _bare() -> frozenset[str]:
    """Names of fields of which a reference to a post, or a line that says it is gone, is made."""
    lines = _roots("compliance_result") | {"user_id"}
    sources = [s.path.split("|")[0] for s in TABLES["post_references"].sources]
    items = [name for source in sources for name in leaves("post").at(source).fields]
    return frozenset({*lines, *items}) | {f"{name}_str" for name in ("id", "user_id")}


def _kind(value: Mapping[str, Any]) -> str | None:
    """What kind of object this is; None for what cannot be told, and for what is a part of a text."""
    if not value.keys().isdisjoint(_of_spans()):
        return None
    names = _today()
    today = {names.get(name, name): item for name, item in value.items()}
    kind = recognise(today)
    if kind is None and "detail" in value:
        return "problem"
    return kind if kind not in _WRITTEN_BY_PEOPLE or "id" in today else None


def _fields(value: Mapping[str, Any], leaf: Leaf) -> dict[str, Leaf]:
    """The fields an object may have: by what it is, else by where it stands."""
    kind = _kind(value)
    unsaid = not leaf.fields or leaf.fields is _some_object()
    if kind in _WRITTEN_BY_PEOPLE or (kind is not None and unsaid):
        return leaves(kind).fields
    if value.keys() - leaf.fields.keys() and _handle_words() & leaf.fields.keys():
        return leaves("user").fields | leaf.fields  # a mention into which a profile was written
    return leaf.fields


def _id(value: Mapping[str, Any], name: str = "id") -> str:
    """An id as text, of v1.1 too, which has it as a number; MongoDB writes that as an object."""
    found = value.get(f"{name}_str") or value.get(name)
    found = found.get("$numberLong") if isinstance(found, dict) else found
    return str(found) if isinstance(found, str | int) else ""


def _ids(value: Mapping[str, Any], col: Col) -> set[str]:
    """The ids an object has for a column, wherever they may stand in it."""
    found = set[str]()
    for path in alternatives(col):
        *above, last = path.split(".")
        inner: Any = value
        for part in above:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            found.add(_id(inner, last))
    return found - {""}


@cache
def _owners() -> tuple[Col, ...]:
    """The columns that say whose an object is."""
    return tuple(t[t.owner] for t in TABLES.values() if t.owner and t.object and not t.sources)


def _doomed_kind(value: Mapping[str, Any], doomed: Doomed, expected: str | None = None) -> str | None:
    """What kind of doomed thing an object is, told by what it carries beside its id."""
    keys, kind = value.keys(), _kind(value) or expected
    owner = next((c for c in _owners() if not _ids(value, c).isdisjoint(doomed.users)), None)
    if (owner is not None and owner in TABLES["posts"].body) or _is_post(value, kind, doomed):
        return "reference" if value.get("type") in {"replied_to", "quoted", "retweeted"} else "post"
    if owner is not None:
        return "owned"
    if kind == "problem" and not doomed.names.isdisjoint(_subjects(value)):
        return "problem"
    if keys.isdisjoint(_of_spans()) and _is_user(value, kind, doomed):
        return "user"
    return _carried_kind(value, kind, doomed)


def _carried_kind(value: Mapping[str, Any], kind: str | None, doomed: Doomed) -> str | None:
    """Whether an object is a medium or a poll of doomed posts."""
    keys = value.keys()
    if _id(value) in doomed.polls and keys & _only("poll"):
        return "poll"
    is_media = kind in _kinds_of("media") or (kind is None and keys.isdisjoint(_of_spans()))
    whole = is_media and len(keys & _roots("media")) > 1
    return "media" if whole and str(value.get("media_key", "")) in doomed.media else None


def _is_post(value: Mapping[str, Any], kind: str | None, doomed: Doomed) -> bool:
    """Whether an object says more of a doomed post than that it is gone or referred to."""
    if _id(value) not in doomed.posts or not value.keys() - _bare():
        return False
    return kind in _kinds_of("posts") or (kind is None and value.keys().isdisjoint(_not("post")))


def _is_user(value: Mapping[str, Any], kind: str | None, doomed: Doomed) -> bool:
    """Whether an object says more of a doomed person than who they are; lists may have the same id."""
    ids = _ids(value, TABLES["users"]["id"])
    more = value.keys() - _bare()
    if ids.isdisjoint(doomed.users) or not more or kind not in {"user", "list", None}:
        return False
    like_users = _roots("user") - _roots("list") if kind == "list" else _only("user")
    return kind == "user" or bool(more & like_users) or (kind is None and not ids.isdisjoint(doomed.long_ids))


@cache
def _kinds_of(target: str) -> frozenset[str]:
    """The kinds of objects whose own id or key names a thing of this table."""
    return frozenset(k for k in kinds() for t in tables_of(k) if not t.sources and t[t.key[0]].names == target)


def _subjects(problem: Mapping[str, Any]) -> set[str]:
    cols = [col for col in TABLES["problems"].body if col.holds == "subject"]
    return {str(problem.get(col.path, "")).lower() for col in cols}


# what goes whole -------------------------------------------------------------------------------------------------


def _marked(document: Any, leaf: Leaf, doomed: Doomed, taken: list[str]) -> Any:
    """A page whose removed posts and people are ids alone: those that stay keep their places on it."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list | dict):
        return document
    data = document["data"]
    marked = [_mark(item, leaf.kind, doomed, taken) for item in (data if isinstance(data, list) else [data])]
    return {**document, "data": marked if isinstance(data, list) else marked[0]}


def _mark(item: Any, expected: str | None, doomed: Doomed, taken: list[str]) -> Any:
    kind = _doomed_kind(item, doomed, expected) if isinstance(item, dict) and not _is_mark(item) else None
    for name, ids, empty in (("post", doomed.posts, "text"), ("user", doomed.users, "username")):
        if kind == name and _id(item) in ids:
            taken.append(name)
            return {"id": _id(item), empty: ""}
    return item


def without_marks(page: Page) -> Page:
    """A page for use outside its archive, where no tombstone hides the ids that keep the others' places."""
    if REDACTED.encode() not in page.body:
        return page
    try:
        document = read_json(page.body)
    except ValueError:  # the word stands there by chance
        return page
    data = document.get("data") if isinstance(document, dict) else None
    if isinstance(document, list):
        document = [item for item in document if not _is_note(item)]
    elif isinstance(data, list):
        document["data"] = [item for item in data if not (isinstance(item, dict) and _is_mark(item))]
    elif isinstance(data, dict) and _is_mark(data):
        del document["data"]
    return replace(page, body=_written(document))


def _is_mark(value: Mapping[str, Any]) -> bool:
    return len(value) == 2 and "id" in value and "" in {value.get("text"), value.get("username")}


def _walk(value: Any, leaf: Leaf, doomed: Doomed, taken: list[str]) -> Any:
    """The value without doomed objects; `_DROPPED` where it is one itself. `taken` gets the kinds of what went."""
    if isinstance(value, list):
        items = (_walk(item, leaf, doomed, taken) for item in value)
        return [item for item in items if item is not _DROPPED]
    if not isinstance(value, dict) or _is_mark(value):
        return value
    kind = _doomed_kind(value, doomed, leaf.kind)
    if kind == "reference":  # a post written into the one that refers to it: the reference stays
        taken.append("post")
        return {name: value[name] for name in ("type", "id")}
    if kind is not None:
        taken.append(kind)
        return _DROPPED
    fields = _fields(value, leaf)
    walked = {n: _walk(item, fields.get(n, Leaf()), doomed, taken) for n, item in value.items()}
    kept = _without_handles({n: v for n, v in walked.items() if v is not _DROPPED}, fields, doomed, taken)
    return _without_preview_of(kept, doomed, taken)


def _without_handles(
    value: dict[str, Any], fields: Mapping[str, Leaf], doomed: Doomed, taken: list[str]
) -> dict[str, Any]:
    """A mention of a removed person keeps its place and id; a handle beside the id of another thing goes.

    Who has a removed person's former handle today is somebody else, and stays.
    """
    for name, whose in list(_handles(value, fields)):
        if name not in value:
            continue
        named = str(value[name]).lower() in doomed.names
        if not whose & doomed.users and (whose or not named):
            continue
        taken.append("username")
        if _of_itself(name, fields):
            return {n: v for n, v in value.items() if _is_place(n, fields)}
        del value[name]
    return value


def _handles(value: Mapping[str, Any], fields: Mapping[str, Leaf]) -> Iterator[tuple[str, set[str]]]:
    """The fields of an object that hold a handle, each with the ids of whose it is, as far as that is said."""
    for name in value:
        col = fields[name].col if name in fields else None
        if col is not None and col.holds == "handle":
            yield name, _whose(value, col)
        elif col is None and (whose := _beside(name)):
            yield name, {_id(value, whose)} - {""} if whose in value or f"{whose}_str" in value else set()


def _whose(value: Mapping[str, Any], handle: Col) -> set[str]:
    """The ids an object has of the person whose handle a column holds."""
    for table in TABLES.values():
        if handle in table.body and handle.of:
            return _ids(value, table[handle.of])
    return set()


def _beside(name: str) -> str | None:
    """The field with the id of the person of whom another field, by its name, has the handle."""
    for word in _handle_words():
        if name == word or name.endswith(f"_{word}"):
            before = name.removesuffix(word)
            return f"{before}user_id" if before else "id"
    return None


@cache
def _handle_words() -> frozenset[str]:
    cols = [col for table in TABLES.values() for col in table.body if col.holds == "handle"]
    return frozenset(name for col in cols for name in alternatives(col))


def _of_itself(name: str, fields: Mapping[str, Leaf]) -> bool:
    """Whether a handle is that of the object it stands in, as in a mention."""
    col = fields[name].col if name in fields else None
    if col is None:
        return _beside(name) == "id"
    return any(col in t.body and col.of and t[col.of].path == "id" for t in TABLES.values())


def _is_place(name: str, fields: Mapping[str, Leaf]) -> bool:
    """Whether a field says where a mention stands, or whom it names."""
    col = fields[name].col if name in fields else None
    return name in {"id", "id_str"} or (col is not None and (col.content == "id" or col.within is not None))


@cache
def _shown(*holds: str) -> tuple[str, ...]:
    """Names of the fields that hold this of a link."""
    cols = [col for t in tables_of("post") if t.sources for col in t.body if col.holds in holds]
    return tuple(dict.fromkeys(name for col in cols if col.names is None for name in alternatives(col)))


def without_preview(entity: Mapping[str, Any], doomed: Doomed) -> dict[str, Any]:
    """What may stay of what a link's page shows of itself.

    The page of a removed person or post says nothing any more; on other pages the handle is
    replaced. Where the page is unknown, its text tells whose it is.
    """
    preview = {n: entity[n] for n in _shown("preview") if entity.get(n)}
    links = [v for n, v in entity.items() if n in _shown("link", "shown_link") and isinstance(v, str)]
    clean = {n: without_traces(v, doomed) if isinstance(v, str) else v for n, v in preview.items()}
    unknown = all("/t.co/" in link for link in links)
    if any(leads_to(link, doomed) for link in links) or (unknown and clean != preview):
        return {}
    return clean


def _without_preview_of(value: dict[str, Any], doomed: Doomed, taken: list[str]) -> dict[str, Any]:
    """An entity of a link without what its page shows, where that must go."""
    preview = _shown("preview")
    links = value.keys() & set(_shown("link", "shown_link"))
    if _id(value) or not links or value.keys().isdisjoint(preview):
        return value
    left = without_preview(value, doomed)
    clean = {n: left.get(n, v) for n, v in value.items() if n not in preview or n in left or not v}
    if clean != value:
        taken.append("username")
    return clean


# what is cleaned -------------------------------------------------------------------------------------------------


def _cleaned(value: Any, leaf: Leaf, doomed: Doomed, taken: list[str]) -> Any:
    """The value with every text, and every name of a field that no column knows, cleaned."""
    if isinstance(value, list):
        return [_cleaned(item, leaf, doomed, taken) for item in value]
    if isinstance(value, dict):
        return _cleaned_object(value, leaf, doomed, taken)
    clean = value
    if isinstance(value, str):
        clean = cleaned(value, leaf.col, doomed)
    elif leaf.col is None and type(value) is int and str(value) in doomed.long_ids:
        clean = None
    if clean != value:
        taken.append("username")
    return clean


def _cleaned_object(value: dict[str, Any], leaf: Leaf, doomed: Doomed, taken: list[str]) -> dict[str, Any]:
    if _is_mark(value):
        return value
    fields = _fields(value, leaf)
    if not fields and _id(value) in doomed.users and not all(_is_place(n, fields) for n in value):
        taken.append("user")
        return {}
    clean = {}
    for name, item in value.items():
        if name == REDACTED:
            clean[name] = item
            continue
        inner = fields.get(name) or (Leaf(codes()[name]) if name in codes() else Leaf())
        new = name if name in wire_names() else without_traces(name, doomed)
        taken += ["username"] * (new != name)
        clean[new] = _cleaned(item, inner, doomed, taken)
    return clean


# what pages say of the removed -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Traces:
    """By what pages know removed people: handles (lower case), names, and what they wrote."""

    handles: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


def note_traces(body: bytes, doomed: Doomed, found: Traces) -> None:
    """Note by what a page knows the removed people: earlier handles and names, too."""
    if doomed.users and doomed.occurs_in(body):
        with suppress(ValueError):
            _note(read_json(body), _page_leaf(None), doomed, found)


def _note(value: Any, leaf: Leaf, doomed: Doomed, found: Traces) -> None:
    if isinstance(value, list):
        for item in value:
            _note(item, leaf, doomed, found)
    if not isinstance(value, dict):
        return
    fields = _fields(value, leaf)
    for name, whose in _handles(value, fields):
        if whose & doomed.users and isinstance(value[name], str):
            found.handles |= {value[name].lower()} - {""}
            if _of_itself(name, fields) and isinstance(value.get("name"), str):
                found.shown.add(value["name"])
    if _doomed_kind(value, doomed) in {"user", "post", "reference", "owned"}:
        _note_words(value, fields, found)
    for name, item in value.items():
        _note(item, fields.get(name, Leaf()), doomed, found)


def _note_words(value: Mapping[str, Any], fields: Mapping[str, Leaf], found: Traces) -> None:
    for name, item in value.items():
        col = fields[name].col if name in fields else None
        if isinstance(item, dict) and name in fields and _kind(item) is None:
            _note_words(item, fields[name].fields, found)
        elif isinstance(item, str) and col is not None:
            kept = {"name": found.shown, "words": found.words}.get(str(col.holds))
            if kept is not None:
                kept.add(item)


def people_in(body: bytes, handles: frozenset[str]) -> set[tuple[str, str]]:
    """Find who has or had one of these handles (lower case) on a page: pairs of handle and id."""
    found: set[tuple[str, str]] = set()
    if Doomed(names=handles).occurs_in(body):
        with suppress(ValueError):
            _note_people(read_json(body), handles, found)
    return found


def _note_people(value: Any, handles: frozenset[str], found: set[tuple[str, str]]) -> None:
    if isinstance(value, dict) and _id(value) and _kind(value) != "post":
        names = {str(value[n]).lower() for n in _handle_words() if n in value}
        found.update((name, _id(value)) for name in names & handles)
    items = value.values() if isinstance(value, dict) else value
    for item in items if isinstance(value, dict | list) else ():
        _note_people(item, handles, found)

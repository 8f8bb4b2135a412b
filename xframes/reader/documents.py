"""Documents and lines of JSON: those of the API v2 as they are, others converted."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import msgspec

from xframes.reader.bounded import HELD_BYTES, line, lines, values
from xframes.reader.formats import (
    ID_LISTS,
    Converted,
    convert,
    format_of,
    include,
    is_unrelated,
)
from xframes.schema.operation_tables import EVENTS
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from xframes.reader.formats import Notes

# \0 ends a file that was cut by a crash; \x1e starts a record of JSON text sequences
_SPACE = b" \t\r\n\0\x1e"
_BOM = b"\xef\xbb\xbf"
_PIECE = 65_536
_PAGE_KEYS = {"data", "includes", "meta", "errors"}
_OF_POSTS = {"author_id", "edit_history_tweet_ids", "public_metrics", "edit_history_post_ids"}
_BESIDE_DATA = {"item_id", "nav_index", "columns", "schema"}  # in documents of other tools
_OF_TOOLS = {"author_user", "_json"}
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_EVENT = re.compile(  # of a compliance stream; X's own name comes before the subject
    rb'\{\s*"data"\s*:\s*\{\s*"(?:' + "|".join((*EVENTS, "undelete")).encode() + rb')"\s*:\s*\{'
)
_PER_PAGE = 100
_IDS = re.compile(rb'"?[0-9]{1,20}"?')
_FIRST = 20  # items of a list that show its format


class Recorded(msgspec.Struct):
    """A recorded response: its endpoint (a path or the template of one), and its verbatim body."""

    endpoint: str
    response: msgspec.Raw
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured response of X: its URL, its verbatim body, and when it was captured."""

    url: str
    body: bytes
    captured_at: datetime | None


Item = bytes | Recorded | Captured | Converted


def bodies(file: IO[bytes], notes: Notes) -> Iterator[Item]:
    """Read the documents and lines of a file."""
    head = _first_bytes(file)
    first = head.removeprefix(_BOM).lstrip(_SPACE)
    if first[:1] == b"[":
        yield from _document(file, head, notes)
        return
    whole = line(file, head)
    text = whole.removeprefix(_BOM).strip(_SPACE)
    if first[:1] == b"{" and first[:2] != b"{'" and not _is_json(text):
        yield from _lines_or_document(file, whole, notes)
        return
    yield from _line(whole, notes)
    for further in lines(file):
        yield from _line(further, notes)


def pages_of_lines(file: IO[bytes], notes: Notes) -> Iterator[Item]:
    """Read lines from the middle of a file of lines."""
    for each in lines(file):
        yield from _line(each, notes)


def is_page(line: bytes, *, is_first: bool = False) -> bool:
    """Whether a line of a file of lines is read as one page, as it is.

    The first line of such a file is JSON; else the file may be a document of several lines.
    """
    body = line.strip(_SPACE)
    other = (b'{"endpoint"', b"[", b'"{', b'"[', b"{'")
    if body.startswith(other) or (is_first and not _is_json(body)):
        return False
    return _foreign(body) is None


def _first_bytes(file: IO[bytes]) -> bytes:
    """Read the beginning of the first line that is not empty; empty at the end of the file."""
    while head := file.readline(_PIECE):
        if head.removeprefix(_BOM).strip(_SPACE):
            break
    return head


def _line(line: bytes, notes: Notes) -> Iterator[Item]:
    body = line.removeprefix(_BOM).strip(_SPACE)
    if body[:1] == b"{" and body[-2:] == b"},":  # a line of a list
        body = body[:-1]
    elif body[:2] in {b'"{', b'"[', b"{'"} and len(body) < HELD_BYTES:  # decoding takes much memory
        body = _unquoted(body)
    if body.startswith(b'{"endpoint"') or body[:1] == b"[":
        yield from _recorded(body, notes)
    elif body:
        yield from _converted(body, notes)


def _converted(body: bytes, notes: Notes) -> Iterator[Item]:
    """Return a body as it is if it is of the API v2, else the pages of its format."""
    document = _foreign(body, has_mapping=bool(notes.mapping))
    if document is None:
        yield body
        return
    format_ = format_of(document, notes.mapping)
    if format_ is None and is_unrelated(document):
        names = ", ".join(sorted(map(str, document)))[:200]
        notes.add_record(f"an object with {names}, which is not known as a post (see --map)")
        return
    if format_ is None:
        yield body
        return
    if not format_.is_read:
        notes.refuse(format_.name, f"{format_.tool} are not read; {format_.way_out}")
        return
    try:
        pages = convert(document, format_, notes)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        notes.add_record(f"{format_.tool}: a record could not be read ({error})")
        pages = []
    yield from pages


def _foreign(body: bytes, *, has_mapping: bool = False) -> dict[str, Any] | None:
    """Return a document that may be of another format than the API v2, decoded."""
    if body[:1] != b"{":
        return None
    if body.startswith(b'{"data"'):
        if b'"__typename"' not in body and not _EVENT.match(body):
            return None
    else:
        names = _names(body)
        is_page = names & {"data", "includes"} and not names & _BESIDE_DATA
        if is_page and b'"__typename"' not in body:
            return None
        is_post = {"id", "text"} <= names and names & _OF_POSTS and not names & _OF_TOOLS
        if is_post and not has_mapping:
            return None
    try:
        document = read_json(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _names(body: bytes) -> set[str]:
    """Return the keys of a document; empty if only a tolerant reader can parse it."""
    try:
        return set(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))
    except _NOT_JSON:
        return set()


def _unquoted(body: bytes) -> bytes:
    """Decode JSON that was written as a JSON string, or as the repr of a Python dict.

    Anything else is returned unchanged.
    """
    try:
        text = _decoded(body)
        if not isinstance(text, str):
            text = json.dumps(text, ensure_ascii=False)
        encoded = text.encode()
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return body
    return encoded if _is_json(encoded) else body


def _decoded(body: bytes) -> Any:
    if body[:1] == b'"':
        return json.loads(body)
    return ast.literal_eval(body.decode())


def _lines_or_document(file: IO[bytes], first: bytes, notes: Notes) -> Iterator[Item]:
    """Read a file whose first line is not JSON: a document of many lines, or one damaged line."""
    second = next((each for each in lines(file) if each.strip(_SPACE)), b"")
    if second.lstrip(_SPACE)[:1] != b"{" or not _is_json(second.strip(_SPACE)):
        yield from _document(file, first + second, notes)
        return
    for each in chain((first, second), lines(file)):
        yield from _line(each, notes)


def _document(file: IO[bytes], head: bytes, notes: Notes) -> Iterator[Item]:
    """Read documents of many lines. Large documents are read one value at a time."""
    body = head.removeprefix(_BOM) + file.read(HELD_BYTES)
    whole = body.strip(_SPACE)
    if len(body) < HELD_BYTES and _is_json(whole):
        yield from _line(whole, notes)
        return
    for value in values(file, body):
        if value[:1] == b"[" or b'"endpoint"' in value:
            yield from _recorded(value, notes)
        else:
            yield from _line(value, notes)


def _recorded(body: bytes, notes: Notes) -> Iterator[Item]:
    """Split a list of recorded responses, or a list of pages; return any other document whole."""
    try:
        responses = msgspec.json.decode(body, type=list[Recorded] | Recorded)
    except _NOT_JSON:
        yield from _list(body, notes)
        return
    if isinstance(responses, list):
        yield from responses
    else:
        yield responses


def _list(body: bytes, notes: Notes) -> Iterator[Item]:
    """Read a list of pages, or of records of another format; return any other list whole."""
    items = _raw_items(body)
    if items is None:
        if body[:1] == b"{":
            yield from _converted(body, notes)
        else:
            yield body
        return
    if items and all(map(_IDS.fullmatch, items)):
        notes.refuse("ids", ID_LISTS)
    elif notes.mapping or any(map(_is_foreign, items[:_FIRST])):
        waiting: list[Converted] = []
        for item in items:
            yield from _joined(_line(item, notes), waiting)
        yield from waiting
    elif items and all(map(_is_page, items)):
        yield from items
    else:
        yield body


def _raw_items(body: bytes) -> list[bytes] | None:
    if body[:1] != b"[":
        return None
    try:
        return [bytes(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except _NOT_JSON:
        return None


def _is_foreign(item: bytes) -> bool:
    if item[:2] in {b'"{', b'"['}:
        item = _unquoted(item)
    document = _foreign(item)
    if document is None:
        return False
    return format_of(document) is not None or is_unrelated(document)


def _is_page(item: bytes) -> bool:
    names = _names(item)
    return "id" not in names and bool(names & _PAGE_KEYS)


def _joined(items: Iterator[Item], waiting: list[Converted]) -> Iterator[Item]:
    """Join pages of a kind, and yield each that is full; the last one is left in `waiting`."""
    for item in items:
        if not isinstance(item, Converted):
            yield from waiting
            waiting.clear()
            yield item
        elif waiting and _fits(waiting[0], item):
            _append(waiting[0].document, item.document)
        else:
            yield from waiting
            waiting[:] = [item]


def _fits(page: Converted, other: Converted) -> bool:
    return (
        page.kind == other.kind and page.action is None and other.action is None
        and page.observed_at == other.observed_at
        and "matching_rules" not in page.document and "matching_rules" not in other.document
        and isinstance(page.document.get("data"), list)
        and len(page.document["data"]) < _PER_PAGE
    )


def _append(page: dict[str, Any], other: dict[str, Any]) -> None:
    page["data"] += other.get("data", [])
    include(page.setdefault("includes", {}), other.get("includes", {}))


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except _NOT_JSON:
        return False
    return bool(body)

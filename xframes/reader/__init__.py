"""Files of X's pages → pages: NDJSON, JSON documents, twarc's files and CSV, account exports, packed or not.

One line is one page: a whole answer of X, a flattened post, a stream or compliance line. A document that spans lines is
one page, or several when it is a list of recorded answers. What a file is, its content says, not its name.
"""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from xframes.errors import XframesError
from xframes.reader import exports, tables
from xframes.reader.containers import DAMAGE, parts
from xframes.reader.refusing import NotPages
from xframes.registry import match
from xframes.wire import Page, Request, page_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

__all__ = ["NotPages", "read_pages", "refusal"]

_SPACE = b" \t\r\n\0\x1e"  # with what ends a file cut by a crash, and what begins a record of JSON text sequences
_BOM = b"\xef\xbb\xbf"


class _Recorded(msgspec.Struct):
    """One recorded answer: the endpoint asked (a filled path or its template), and the body kept verbatim."""

    endpoint: str
    response: msgspec.Raw
    method: str = "GET"


def read_pages(path: str | PathLike[str], run_id: str | None = None) -> Iterator[Page]:
    """The pages of a file, lazily and in order, each with its bytes as they stand there.

    The time of a page is twarc's `retrieved_at` where the page says so, else the file's modification time. Nothing is
    judged here: a line that is no JSON becomes a page too, and flattening says what is wrong with it.

    Compressed files (gz, zst, bz2, xz), zip and tar are unpacked, whatever they are called.

    Raises XframesError when the file cannot be opened, holds no text, or its compression is damaged; what comes before
    is read.
    """
    path = Path(path)
    try:
        found = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        for body in _contents(path):
            yield _page(body, found, run_id) if isinstance(body, bytes) else _recorded_page(body, found, run_id)
    except FileNotFoundError:
        raise XframesError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise XframesError(f"{path} is a folder; name the files in it, e.g. '{path}/*.jsonl'") from None
    except DAMAGE as error:
        raise XframesError(f"{path}: the compressed file is damaged or cut short ({error})") from error
    except OSError as error:
        raise XframesError(f"{path}: {error.strerror or error}") from error


def refusal(path: str | PathLike[str]) -> str | None:
    """Why a file holds nothing that can be read, told by how it begins; None when it may, or is packed or damaged."""
    with suppress(*DAMAGE, OSError):
        first = next(parts(Path(path)), None)
        return None if first is None or first.inside else first.refusal
    return None


def _contents(path: Path) -> Iterator[bytes | _Recorded]:
    """The bodies in a file, whatever it is. Raises NotPages when nothing in it can be read."""
    left: list[str] = []
    found = 0
    for part in parts(path):
        why = part.refusal
        if why is None and part.inside and part.is_table and not tables.begins_posts(part.head):
            why = "no table of posts"
        if why is not None:
            left.append(f"{part.name} is {why}" if part.inside else f"it is {why}")
            continue
        found += 1
        if part.is_export:
            yield exports.posts(part.file, part.export)
        elif part.is_table:
            yield from tables.posts(part.file, str(path))
        else:
            yield from _bodies(part.file)
    if left and not found:
        raise NotPages(f"{path} holds no pages: {left[0]}")


def _bodies(file: IO[bytes]) -> Iterator[bytes | _Recorded]:
    head: list[bytes] = []
    for line in file:
        head.append(line)
        if line.strip(_SPACE):
            break
    if not head:
        return
    first = head[-1].removeprefix(_BOM).strip(_SPACE)
    if first[:1] == b"[" or (first[:1] == b"{" and first[:2] != b"{'" and not _is_json(first)):
        yield from _document(file, head)
        return
    yield from _line(head[-1])
    for line in file:
        yield from _line(line)


def _line(line: bytes) -> Iterator[bytes | _Recorded]:
    body = line.strip(_SPACE)
    if body[:1] == b"{" and body[-2:] == b"},":  # a line out of a list
        body = body[:-1]
    elif body[:2] in {b'"{', b'"[', b"{'"}:
        body = _written_twice(body)
    if body:
        yield from _recorded(body) if body.startswith(b'{"endpoint"') else (body,)


def _written_twice(body: bytes) -> bytes:
    """JSON that was written as JSON's text, or as Python shows a dict; anything else as it is."""
    try:
        found = json.loads(body) if body[:1] == b'"' else ast.literal_eval(body.decode())
        text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
        return text.encode() if _is_json(text.encode()) else body
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return body


def _document(file: IO[bytes], head: list[bytes]) -> Iterator[bytes | _Recorded]:
    """A file that does not begin with a line of JSON: one document over many lines, or lines with a bad first one."""
    second = next((line for line in file if line.strip(_SPACE)), b"")
    begins = head[-1].removeprefix(_BOM).strip(_SPACE)[:1], second.strip(_SPACE)[:1]
    if begins == (b"{", b"{") and _is_json(second.strip(_SPACE)):
        for line in (head[-1], second):
            yield from _line(line)
        for line in file:
            yield from _line(line)
        return
    body = b"".join([*head, second, file.read()]).removeprefix(_BOM).strip(_SPACE)
    if not _is_json(body):
        yield from _several(body)
    elif body[:1] == b"[":
        yield from _recorded(body)
    else:
        yield from _line(body)


def _recorded(body: bytes) -> Iterator[bytes | _Recorded]:
    """Recorded answers one by one; any other document whole. A list of pages gives its pages."""
    try:
        found = msgspec.json.decode(body, type=list[_Recorded] | _Recorded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pages = _pages_of(body)
        yield from pages or (body,)
        return
    yield from found if isinstance(found, list) else (found,)


def _pages_of(body: bytes) -> list[bytes]:
    """The pages of a list of pages, each with its own bytes; empty when the list is of something else."""
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
        pages = [bytes(item) for item in items]
        keys = [msgspec.json.decode(page, type=dict[str, msgspec.Raw]).keys() for page in pages]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return pages if keys and all(k & {"data", "includes", "meta", "errors"} and "id" not in k for k in keys) else []


def _several(body: bytes) -> Iterator[bytes | _Recorded]:
    """Documents one after another, each over many lines, and the items of a list that was cut short.

    What cannot be read comes as one last body.
    """
    text = body.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(strict=False)
    at, between = 0, " \t\r\n,\0\x1e"
    while at < len(text):
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            if text[at] != "[" or "]" in between:
                yield text[at:].encode("utf-8", "surrogateescape")
                return
            end, between = at + 1, f"{between}]"
        else:
            found = text[at:end].encode("utf-8", "surrogateescape")
            yield from _recorded(found) if found[:1] == b"[" else _line(found)
        at = end
        while at < len(text) and text[at] in between:
            at += 1


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return bool(body)


def _page(body: bytes, found: datetime, run_id: str | None) -> Page:
    request, received_at = _twarc(body)
    return Page(request, body, received_at or found, run_id=run_id, page_id=page_id(request, body))


def _recorded_page(recorded: _Recorded, found: datetime, run_id: str | None) -> Page:
    request = _request(recorded.endpoint, recorded.method)
    body = bytes(recorded.response)
    return Page(request, body, found, run_id=run_id, page_id=page_id(request, body))


def _twarc(body: bytes) -> tuple[Request, datetime | None]:
    """The request and time twarc wrote at the end of a page; an empty request where it did not."""
    tail = body[-4096:]
    at = tail.rfind(b'"__twarc"')
    if at >= 0:
        try:
            start = tail.index(b"{", at)
            meta: Any = json.loads(tail[start:tail.index(b"}", start) + 1])
            moment = datetime.fromisoformat(meta["retrieved_at"])
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return _request(str(meta["url"])), moment.astimezone(UTC)
        except (ValueError, KeyError, TypeError):
            pass
    return Request("GET", ""), None


def _request(url: str, method: str = "GET") -> Request:
    parts = urlsplit(url)
    hit = match(method, parts.path)
    action, args = (hit[0].name, hit[1]) if hit else (None, {})
    return Request(method, parts.path, dict(parse_qsl(parts.query)), action, args)

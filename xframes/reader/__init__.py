"""Files of X's pages → pages: NDJSON, JSON documents, twarc's files and CSV, account exports, packed or not.

One line is one page: a whole answer of X, a flattened post, a stream or compliance line. A document that spans lines is
one page, or several when it is a list of recorded answers. What a file is, its content says, not its name.
"""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from xframes.errors import XframesError
from xframes.reader import exports, spreadsheets
from xframes.reader.bounded import HELD_BYTES, line, lines, values
from xframes.reader.containers import is_hidden, parts
from xframes.reader.damage import NotPages, reason
from xframes.registry import match
from xframes.wire import Page, Request, page_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from xframes.reader.containers import Part

__all__ = ["NotPages", "is_hidden", "read_pages", "refusal"]

_SPACE = b" \t\r\n\0\x1e"  # with what ends a file cut by a crash, and what begins a record of JSON text sequences
_BOM = b"\xef\xbb\xbf"
_PIECE = 65_536
_TOLD = 10  # reasons that one error tells
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Recorded(msgspec.Struct):
    """One recorded answer: the endpoint asked (a filled path or its template), and the body kept verbatim."""

    endpoint: str
    response: msgspec.Raw
    method: str = "GET"


def read_pages(path: str | PathLike[str], run_id: str | None = None) -> Iterator[Page]:
    """The pages of a file, lazily and in order, each with its bytes as they stand there.

    The time of a page is twarc's `retrieved_at` where the page says so, else the file's modification time. Nothing is
    judged here: a line that is no JSON becomes a page too, and flattening says what is wrong with it.

    Compressed files (gz, zst, bz2, xz), zip and tar are unpacked, whatever they are called. Of a
    list of more than 16 MB each item is a page. A line, and a document that is no list, may have
    256 MB (the setting `max_line_mb`).

    Raises XframesError when the file cannot be opened, holds no pages, or cannot be read to its
    end: what can be read comes before it, the other files of a zip or tar too.
    """
    path = Path(path)
    try:
        found = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        for body in _contents(path):
            yield _page(body, found, run_id) if isinstance(body, bytes) else _recorded_page(body, found, run_id)
    except XframesError:
        raise
    except FileNotFoundError:
        raise XframesError(f"{_shown(path)}: there is no such file") from None
    except IsADirectoryError:
        folder = _shown(path)
        why = f"{folder} is a folder; name the files in it, e.g. '{folder}/*.jsonl'"
        raise XframesError(why) from None
    except Exception as error:  # whatever a file's content brings about, it is this file's alone
        raise XframesError(f"{_shown(path)}: {_shown(reason(error))}") from error


def refusal(path: str | PathLike[str]) -> str | None:
    """Why a file holds nothing that can be read, told by how it begins; None when it may, or is packed or damaged."""
    with suppress(Exception):  # told when it is read
        first = next(parts(Path(path)), None)
        return None if first is None or first.inside else first.refusal
    return None


def _contents(path: Path) -> Iterator[bytes | _Recorded]:
    """The bodies in a file, whatever it is, with what can be read of each file in it.

    Raises NotPages when nothing in it can be read, XframesError when something in it is damaged or
    too large.
    """
    left: list[str] = []
    failed: list[str] = []
    seen = 0
    for part in parts(path):
        seen += 1
        why = part.damage or part.refusal
        if why is None and part.inside and part.is_table and not spreadsheets.begins_posts(part.head):
            why = "no table of posts"
        if why is not None:
            reasons = failed if part.damage else left
            reasons.append(f"{part.name if part.inside else 'it'} is {why}")
            continue
        try:
            yield from _part(part, path)
        except NotPages:  # a table, which says whose it is
            raise
        except Exception as error:
            if not part.inside:
                raise XframesError(f"{_shown(path)}: {_shown(reason(error))}") from error
            failed.append(f"{part.name}: {reason(error)}")
    if failed:
        raise XframesError(f"{_shown(path)}: {_few(failed)}")
    if len(left) == seen:
        raise NotPages(f"{_shown(path)} holds no pages: {_few(left) or 'there is no file in it'}")


def _part(part: Part, path: Path) -> Iterator[bytes | _Recorded]:
    if part.is_export:
        yield exports.posts(part.file, part.export)
    elif part.is_table:
        yield from spreadsheets.posts(part.file, str(path))
    else:
        yield from _bodies(part.file)


def _few(reasons: list[str]) -> str:
    """Some reasons of many, in one line."""
    more = f"; and {len(reasons) - _TOLD:,} more" if len(reasons) > _TOLD else ""
    return _shown("; ".join(reasons[:_TOLD]) + more)


def _shown(text: object) -> str:
    """A text that may hold names which are no UTF-8, so that it can be printed and stored."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def _bodies(file: IO[bytes]) -> Iterator[bytes | _Recorded]:
    begun = _begin(file)
    first = begun.removeprefix(_BOM).lstrip(_SPACE)
    if first[:1] == b"[":
        yield from _document(file, begun)
        return
    whole = line(file, begun)
    text = whole.removeprefix(_BOM).strip(_SPACE)
    if first[:1] == b"{" and first[:2] != b"{'" and not _is_json(text):
        yield from _lines_or_document(file, whole)
        return
    yield from _line(whole)
    for further in lines(file):
        yield from _line(further)


def _begin(file: IO[bytes]) -> bytes:
    """How the first line begins that is not empty; nothing when there is none."""
    while begun := file.readline(_PIECE):
        if begun.removeprefix(_BOM).strip(_SPACE):
            break
    return begun


def _line(line: bytes) -> Iterator[bytes | _Recorded]:
    body = line.strip(_SPACE)
    if body[:1] == b"{" and body[-2:] == b"},":  # a line out of a list
        body = body[:-1]
    elif body[:2] in {b'"{', b'"[', b"{'"} and len(body) < HELD_BYTES:  # it takes far more memory
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


def _lines_or_document(file: IO[bytes], first: bytes) -> Iterator[bytes | _Recorded]:
    """A file that does not begin with a line of JSON: one document over many lines, or lines with a bad first one."""
    second = next((found for found in lines(file) if found.strip(_SPACE)), b"")
    if second.lstrip(_SPACE)[:1] != b"{" or not _is_json(second.strip(_SPACE)):
        yield from _document(file, first + second)
        return
    for found in chain((first, second), lines(file)):
        yield from _line(found)


def _document(file: IO[bytes], begun: bytes) -> Iterator[bytes | _Recorded]:
    """A document over many lines, or several; of those too long to be held, one by one."""
    body = begun.removeprefix(_BOM) + file.read(HELD_BYTES)
    if len(body) < HELD_BYTES and _is_json(whole := body.strip(_SPACE)):
        yield from _recorded(whole) if whole[:1] == b"[" else _line(whole)
        return
    for found in values(file, body):
        yield from _recorded(found) if found[:1] == b"[" or b'"endpoint"' in found else _line(found)


def _recorded(body: bytes) -> Iterator[bytes | _Recorded]:
    """Recorded answers one by one; any other document whole. A list of pages gives its pages."""
    try:
        found = msgspec.json.decode(body, type=list[_Recorded] | _Recorded)
    except _NOT_JSON:
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
    except _NOT_JSON:
        return []
    return pages if keys and all(k & {"data", "includes", "meta", "errors"} and "id" not in k for k in keys) else []


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except _NOT_JSON:
        return False
    return bool(body)


def _page(body: bytes, found: datetime, run_id: str | None) -> Page:
    request, received_at = _twarc(body)
    return Page(request, body, received_at or found, run_id=run_id, page_id=page_id(request, body))


def _recorded_page(recorded: _Recorded, found: datetime, run_id: str | None) -> Page:
    try:
        request = _request(recorded.endpoint, recorded.method)
    except ValueError:  # no URL
        request = Request("GET", "")
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
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            pass
    return Request("GET", ""), None


def _request(url: str, method: str = "GET") -> Request:
    parts = urlsplit(url)
    hit = match(method, parts.path)
    action, args = (hit[0].name, hit[1]) if hit else (None, {})
    return Request(method, parts.path, dict(parse_qsl(parts.query)), action, args)

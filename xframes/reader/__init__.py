"""Read pages from files: NDJSON, JSON, twarc's JSONL and CSV, and account exports, also compressed.

One line is one page: a response of X, a flattened post, or a line of a stream or compliance file. A
JSON document of several lines is one page, or several if it is a list of recorded responses. The
content of a file decides its format, not its name.
"""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from dataclasses import replace
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
from xframes.wire import TICK, Page, Request, page_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from xframes.reader.containers import Part

__all__ = ["NotPages", "is_hidden", "read_pages", "refusal"]

# \0 ends a file that was cut by a crash; \x1e starts a record of JSON text sequences
_SPACE = b" \t\r\n\0\x1e"
_BOM = b"\xef\xbb\xbf"
_PIECE = 65_536
_MOST_REASONS = 10  # in one error
_PAGE_KEYS = {"data", "includes", "meta", "errors"}
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Recorded(msgspec.Struct):
    """A recorded response: its endpoint (a path or the template of one), and its verbatim body."""

    endpoint: str
    response: msgspec.Raw
    method: str = "GET"


def read_pages(path: str | PathLike[str], run_id: str | None = None) -> Iterator[Page]:
    """Read the pages of a file, in order and one at a time.

    Bodies are kept verbatim. A line that is not JSON also becomes a page, and `xf.flatten` reports
    what is wrong with it. Files compressed with gz, zst, bz2 or xz, and zip and tar files, are
    unpacked, regardless of their names. In a list larger than 16 MB, each item is one page.

    Parameters
    ----------
    path
        The file to read. A line, or a document that is not a list, may have 256 MB (the setting
        `max_line_mb`).
    run_id
        Id of the run that the pages belong to. Default: none.

    Returns
    -------
    Iterator of Page
        Pages in the order of the file. `received_at` is twarc's `retrieved_at` if the page has it,
        else the time when the file was last modified; each page is a microsecond later than
        that for each page before it, which keeps their order.

    Raises
    ------
    XframesError
        The file does not exist, cannot be opened, has no pages, or cannot be read to its end.
        Everything that can be read, also in other files of a zip or tar, is returned before.

    Examples
    --------
    >>> frames = xf.flatten(xf.read_pages("pages.jsonl.gz"))
    """
    path = Path(path)
    try:
        modified_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        for number, body in enumerate(_contents(path)):
            if isinstance(body, bytes):
                page = _page(body, modified_at, run_id)
            else:
                page = _recorded_page(body, modified_at, run_id)
            # times of whole seconds are the same on many pages, whose order counts
            yield replace(page, received_at=page.received_at + number * TICK)
    except XframesError:
        raise
    except FileNotFoundError:
        raise XframesError(f"{_printable(path)}: the file does not exist") from None
    except IsADirectoryError:
        folder = _printable(path)
        raise XframesError(
            f"{folder}: expected a file, got a folder. Pass its files, e.g. '{folder}/*.jsonl'"
        ) from None
    except Exception as error:  # every error that the content causes must name the file
        raise XframesError(f"{_printable(path)}: {_printable(reason(error))}") from error


def refusal(path: str | PathLike[str]) -> str | None:
    """Return why a file has no pages, as far as its beginning shows.

    None for a file that may have pages, and for one that is compressed or damaged.
    """
    with suppress(Exception):  # reading the file raises it again
        first = next(parts(Path(path)), None)
        if first is not None and not first.inside:
            return first.refusal
    return None


def _contents(path: Path) -> Iterator[bytes | _Recorded]:
    """Read the bodies of a file, or of each file in a zip or tar.

    Raises NotPages if nothing in it can be read, XframesError if something in it is damaged or too
    large.
    """
    skipped: list[str] = []
    failures: list[str] = []
    count = 0
    for part in parts(path):
        count += 1
        name = part.name if part.inside else "it"
        if part.damage is not None:
            failures.append(f"{name} is {part.damage}")
            continue
        refusal = _refusal(part)
        if refusal is not None:
            skipped.append(f"{name} is {refusal}")
            continue
        try:
            yield from _part(part, path)
        except NotPages:  # a table; the error names the file
            raise
        except Exception as error:
            if not part.inside:
                raise XframesError(f"{_printable(path)}: {_printable(reason(error))}") from error
            failures.append(f"{part.name}: {reason(error)}")
    if failures:
        raise XframesError(f"{_printable(path)}: {_summary(failures)}")
    if len(skipped) == count:
        reasons = _summary(skipped) or "it contains no files"
        raise NotPages(f"{_printable(path)} contains no pages: {reasons}")


def _refusal(part: Part) -> str | None:
    """Return why a part is skipped. A table among other files of a zip may not be of posts."""
    if part.refusal is not None:
        return part.refusal
    if part.inside and part.is_table and not spreadsheets.begins_posts(part.head):
        return "not a table of posts"
    return None


def _part(part: Part, path: Path) -> Iterator[bytes | _Recorded]:
    if part.is_export:
        yield exports.posts(part.file, part.export)
    elif part.is_table:
        yield from spreadsheets.posts(part.file, str(path))
    else:
        yield from _bodies(part.file)


def _summary(reasons: list[str]) -> str:
    """Join the first reasons in one line, and say how many more there are."""
    first = reasons[:_MOST_REASONS]
    left = len(reasons) - len(first)
    if left:
        first.append(f"and {left:,} more")
    return _printable("; ".join(first))


def _printable(text: object) -> str:
    """Escape file names that are not UTF-8, so that a text can be printed and stored."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def _bodies(file: IO[bytes]) -> Iterator[bytes | _Recorded]:
    head = _first_bytes(file)
    first = head.removeprefix(_BOM).lstrip(_SPACE)
    if first[:1] == b"[":
        yield from _document(file, head)
        return
    whole = line(file, head)
    text = whole.removeprefix(_BOM).strip(_SPACE)
    if first[:1] == b"{" and first[:2] != b"{'" and not _is_json(text):
        yield from _lines_or_document(file, whole)
        return
    yield from _line(whole)
    for further in lines(file):
        yield from _line(further)


def _first_bytes(file: IO[bytes]) -> bytes:
    """Read the beginning of the first line that is not empty; empty at the end of the file."""
    while head := file.readline(_PIECE):
        if head.removeprefix(_BOM).strip(_SPACE):
            break
    return head


def _line(line: bytes) -> Iterator[bytes | _Recorded]:
    body = line.strip(_SPACE)
    if body[:1] == b"{" and body[-2:] == b"},":  # a line of a list
        body = body[:-1]
    elif body[:2] in {b'"{', b'"[', b"{'"} and len(body) < HELD_BYTES:  # decoding takes much memory
        body = _unquoted(body)
    if body.startswith(b'{"endpoint"'):
        yield from _recorded(body)
    elif body:
        yield body


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


def _lines_or_document(file: IO[bytes], first: bytes) -> Iterator[bytes | _Recorded]:
    """Read a file whose first line is not JSON: a document of many lines, or one damaged line."""
    second = next((each for each in lines(file) if each.strip(_SPACE)), b"")
    if second.lstrip(_SPACE)[:1] != b"{" or not _is_json(second.strip(_SPACE)):
        yield from _document(file, first + second)
        return
    for each in chain((first, second), lines(file)):
        yield from _line(each)


def _document(file: IO[bytes], head: bytes) -> Iterator[bytes | _Recorded]:
    """Read documents of many lines. Large documents are read one value at a time."""
    body = head.removeprefix(_BOM) + file.read(HELD_BYTES)
    whole = body.strip(_SPACE)
    if len(body) < HELD_BYTES and _is_json(whole):
        if whole[:1] == b"[":
            yield from _recorded(whole)
        else:
            yield from _line(whole)
        return
    for value in values(file, body):
        if value[:1] == b"[" or b'"endpoint"' in value:
            yield from _recorded(value)
        else:
            yield from _line(value)


def _recorded(body: bytes) -> Iterator[bytes | _Recorded]:
    """Split a list of recorded responses, or a list of pages; return any other document whole."""
    try:
        responses = msgspec.json.decode(body, type=list[_Recorded] | _Recorded)
    except _NOT_JSON:
        pages = _pages_of(body)
        yield from pages or (body,)
        return
    if isinstance(responses, list):
        yield from responses
    else:
        yield responses


def _pages_of(body: bytes) -> list[bytes]:
    """Return the verbatim pages of a list of pages; empty for any other list."""
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
        pages = [bytes(item) for item in items]
        keys = [msgspec.json.decode(page, type=dict[str, msgspec.Raw]).keys() for page in pages]
    except _NOT_JSON:
        return []
    if all("id" not in names and names & _PAGE_KEYS for names in keys):
        return pages
    return []


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except _NOT_JSON:
        return False
    return bool(body)


def _page(body: bytes, modified_at: datetime, run_id: str | None) -> Page:
    request, received_at = _twarc(body)
    id = page_id(request, body)
    return Page(request, body, received_at or modified_at, run_id=run_id, page_id=id)


def _recorded_page(recorded: _Recorded, modified_at: datetime, run_id: str | None) -> Page:
    try:
        request = _request(recorded.endpoint, recorded.method)
    except ValueError:  # not a URL
        request = Request("GET", "")
    body = bytes(recorded.response)
    return Page(request, body, modified_at, run_id=run_id, page_id=page_id(request, body))


def _twarc(body: bytes) -> tuple[Request, datetime | None]:
    """Read the request and the time that twarc adds to the end of a page.

    Without them, the request is empty and the time is None.
    """
    tail = body[-4096:]
    at = tail.rfind(b'"__twarc"')
    if at >= 0:
        try:
            start = tail.index(b"{", at)
            meta: Any = json.loads(tail[start:tail.index(b"}", start) + 1])
            retrieved_at = datetime.fromisoformat(meta["retrieved_at"])
            if retrieved_at.tzinfo is None:
                retrieved_at = retrieved_at.replace(tzinfo=UTC)
            return _request(str(meta["url"])), retrieved_at.astimezone(UTC)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            pass
    return Request("GET", ""), None


def _request(url: str, method: str = "GET") -> Request:
    parts = urlsplit(url)
    params = dict(parse_qsl(parts.query))
    hit = match(method, parts.path)
    if hit is None:
        return Request(method, parts.path, params)
    action, args = hit
    return Request(method, parts.path, params, action.name, args)

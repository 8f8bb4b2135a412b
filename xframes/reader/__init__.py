"""Files of X's pages → pages: NDJSON (plain, .gz, .zst, .zip), single JSON documents, twarc's files, account exports.

One line is one page: a whole answer of X, a flattened post, a stream or compliance line. A document that spans lines is
one page, or several when it is a list of recorded answers.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec

from xframes.errors import XframesError
from xframes.reader import exports, tables
from xframes.registry import match
from xframes.wire import Page, Request, page_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

_NAMES = re.compile(r"\.(jsonl?|ndjson|csv)(\.(gz|zst|zstd))?$|\.zip$")
_TABLE = re.compile(r"\.csv(\.(gz|zst|zstd))?$")
_SPACE = b" \t\r\n"
_BUFFER_BYTES = 1 << 20
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

    Raises XframesError when the file cannot be opened or its compression is damaged; what comes before is read.
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
    except (EOFError, gzip.BadGzipFile) as error:
        raise XframesError(f"{path}: the compressed file is damaged or cut short ({error})") from error
    except OSError as error:
        raise XframesError(f"{path}: {error.strerror or error}") from error


def is_readable(path: Path) -> bool:
    """Whether a file's name says that it may hold pages."""
    return bool(_NAMES.search(path.name.lower())) or exports.is_posts(path.name)


def _contents(path: Path) -> Iterator[bytes | _Recorded]:
    """The bodies in a file, whatever it is."""
    if path.suffix == ".zip":
        yield from _zipped(path)
        return
    with _open(path) as file:
        if exports.is_posts(path.name):
            yield exports.posts(file)
        elif _TABLE.search(path.name.lower()):
            yield from tables.posts(file, str(path))
        else:
            yield from _bodies(file)


def _zipped(path: Path) -> Iterator[bytes | _Recorded]:
    try:
        with zipfile.ZipFile(path) as archive:
            owner = exports.account(archive)
            for name in exports.members(archive):
                with archive.open(name) as file:
                    if exports.is_posts(name):
                        yield exports.posts(file, owner)
                    elif _NAMES.search(name.lower()) and not name.lower().endswith((".csv", ".js")):
                        yield from _bodies(file)
    except (zipfile.BadZipFile, ValueError) as error:
        raise EOFError(str(error)) from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as file:
            yield cast("IO[bytes]", file)
    elif path.suffix in {".zst", ".zstd"}:
        import pyarrow as pa

        with path.open("rb") as packed, pa.CompressedInputStream(packed, "zstd") as stream:
            yield cast("IO[bytes]", io.BufferedReader(_Damaged(stream), _BUFFER_BYTES))
    else:
        with path.open("rb") as file:
            yield file


class _Damaged(io.RawIOBase):
    """A stream of Arrow's whose damage is an EOFError, as gzip's is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found: bytes = self._stream.read(len(buffer))
        except OSError as error:
            raise EOFError(str(error)) from error
        buffer[: len(found)] = found
        return len(found)


def _bodies(file: IO[bytes]) -> Iterator[bytes | _Recorded]:
    head: list[bytes] = []
    for line in file:
        head.append(line)
        if line.strip(_SPACE):
            break
    if not head:
        return
    first = head[-1].removeprefix(_BOM).strip(_SPACE)
    if first[:1] == b"[" or (first[:1] == b"{" and not _is_json(first)):
        yield from _document(file, head)
        return
    yield from _line(head[-1])
    for line in file:
        yield from _line(line)


def _line(line: bytes) -> Iterator[bytes | _Recorded]:
    body = line.strip(_SPACE)
    if body:
        yield from _recorded(body) if body.startswith(b'{"endpoint"') else (body,)


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
    if body[:1] == b"[":
        yield from _recorded(body)
    elif _is_json(body):
        yield from _line(body)
    else:
        yield from _several(body)


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
    """Documents one after another, each over many lines; what cannot be read comes as one last body."""
    text = body.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while at < len(text):
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield text[at:].encode("utf-8", "surrogateescape")
            return
        yield from _line(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
        while at < len(text) and text[at].isspace():
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

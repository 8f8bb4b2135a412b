"""Answers in WARC files: records of HTTP responses, as archives of the web keep them."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from xframes.reader.damage import TooLong
from xframes.reader.formats.readings import as_time
from xframes.settings import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

BEGINNING = b"WARC/"
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r?\n")
_LONGEST_HEADER = 65_536
_MOST_HEADERS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a successful response, with its URL and when it was captured."""

    url: str
    body: bytes
    captured_at: datetime | None


def answers(file: IO[bytes]) -> Iterator[Answer]:
    """Yield the JSON answers of a WARC file. Raises TooLong for a record that is too large."""
    while headers := _headers(file):
        size = headers.get("content-length", "0")
        length = int(size) if size.isdecimal() else 0
        if length > MAX_LINE.bytes:
            raise TooLong(f"a record is larger than {MAX_LINE.megabytes}")
        block = file.read(length)
        if headers.get("warc-type") == "response" and (body := _body(block)) is not None:
            url = headers.get("warc-target-uri", "").strip("<>")
            yield Answer(url, body, _time(headers.get("warc-date")))


def _headers(file: IO[bytes]) -> dict[str, str]:
    """Read the headers of the next record; empty at the end of the file."""
    headers: dict[str, str] = {}
    for line in iter(lambda: file.readline(_LONGEST_HEADER), b""):
        text = line.decode("utf-8", "replace").strip()
        if not text and headers:
            return headers
        name, colon, value = text.partition(":")
        if text.startswith("WARC/"):
            headers["version"] = text
        elif colon and headers and len(headers) < _MOST_HEADERS:
            headers[name.strip().lower()] = value.strip()
    return headers


def _body(block: bytes) -> bytes | None:
    """Return the body of a successful HTTP response of JSON, decoded."""
    head, _, body = block.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
    if " 200" not in status:
        return None
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _joined(body)
    try:
        if headers.get("content-encoding", "").lower() == "gzip":
            body = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None
    return body if body.lstrip()[:1] in {b"{", b"["} else None


def _joined(body: bytes) -> bytes:
    """Return a body that is sent in chunks as a whole; as it is if it is no longer in chunks."""
    pieces: list[bytes] = []
    at = 0
    while match := _CHUNK.match(body, at):
        size = int(match[1], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[match.end():match.end() + size])
        at = match.end() + size + 2
    return b"".join(pieces) or body


def _time(value: str | None) -> datetime | None:
    try:
        return as_time(value)
    except (ValueError, TypeError, OverflowError):
        return None

"""Read the bodies of requests: whole, large ones to disk; as forms and JSON."""

from __future__ import annotations

import json
import re
import tempfile
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from email.message import Message
    from io import BufferedIOBase
    from wsgiref.types import WSGIEnvironment

_IN_MEMORY = 1024 * 1024  # bytes of a body kept in memory
_PIECE = 256 * 1024


class BodyError(ValueError):
    """A body that does not match its Content-Type."""


def read(source: BufferedIOBase, headers: Message) -> tuple[IO[bytes], str]:
    """Return a request's whole body as a file, and its length.

    It is always read, because an unread body would be taken for the next request. Raises BodyError
    for invalid chunks.
    """
    kept = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  the server closes it
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        _unchunk(source, kept)
    else:
        promised = headers.get("Content-Length", "0")
        _copy(source, kept, int(promised) if promised.isdecimal() else 0)
    length = kept.tell()
    kept.seek(0)
    return kept, str(length)


def _unchunk(source: BufferedIOBase, target: IO[bytes]) -> None:
    while True:
        head = source.readline(100).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", head):
            target.close()
            raise BodyError("a chunk of the request's body begins without its length")
        if not int(head, 16):
            break
        _copy(source, target, int(head, 16))
        source.readline(100)
    while source.readline(1000).strip():
        pass


def _copy(source: BufferedIOBase, target: IO[bytes], length: int) -> None:
    while length > 0 and (piece := source.read(min(length, _PIECE))):
        target.write(piece)
        length -= len(piece)


def content_type(environ: WSGIEnvironment) -> str:
    """Return the media type of a request's body, without its parameters."""
    found: str = environ.get("CONTENT_TYPE", "")
    return found.partition(";")[0].strip().lower()


def form(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """Return the pairs of a form body, an empty list for other bodies; the body stays readable."""
    if content_type(environ) != "application/x-www-form-urlencoded":
        return []
    text = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    return parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)


def document(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return the JSON object of a body, {} without a body. Raises BodyError for anything else."""
    raw = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw)
    except ValueError:
        raise BodyError("the request body is not JSON") from None
    if not isinstance(found, dict):
        raise BodyError("the request body is not a JSON object")
    return found

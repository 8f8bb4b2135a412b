"""An answer's bytes as they come: a stream's as lines, without an end; a page's until it is whole."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from xframes.wire import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

STALL_SECONDS = 20.0  # X sends a keep-alive at least this often (docs.x.com: consuming-streaming-data)
_PIECE = 65_536
_LONGEST_LINE = 64 << 20  # a line longer than this is no post


class HangUp:
    """A way to end a connection that another thread is reading."""

    def __init__(self) -> None:
        self._raw: Any = None
        self._called = False

    def watch(self, response: requests.Response) -> None:
        """The connection that is read now."""
        self._raw = response.raw
        if self._called:
            self()

    def __call__(self) -> None:
        """End it: the read ends at once."""
        self._called = True
        if self._raw is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended by itself
                self._raw.shutdown()


def lines(response: requests.Response) -> Iterator[bytes]:
    """The lines of an open answer without their ends, empty ones (keep-alives) too, each as soon as it is there.

    The last line of an orderly end may lack its end. What is left when the connection breaks is no whole line, and is
    dropped. Raises requests' and urllib3's errors.
    """
    held = b""
    while data := _some(response.raw):
        *whole, held = (held + data).split(b"\n")
        for line in whole:
            yield line.strip(b"\r")
        if len(held) > _LONGEST_LINE:
            raise requests.ConnectionError(f"a line of more than {_LONGEST_LINE >> 20} MB")
    if held.strip() and not is_json(held):
        raise requests.ConnectionError("the connection ended within a line")
    if held.strip():
        yield held.strip(b"\r")


def whole(response: requests.Response, seconds: float) -> bytes:
    """The whole body of an open answer. Raises requests' and urllib3's errors, also when it takes longer than that."""
    until, pieces = time.monotonic() + seconds, list[bytes]()
    while piece := _some(response.raw):
        pieces.append(piece)
        if time.monotonic() > until:
            raise requests.ReadTimeout(f"the body was not whole after {seconds:g} s")
    return b"".join(pieces)


def _some(raw: Any) -> bytes:
    """What has come, waiting for the first byte only; nothing at the end."""
    try:
        found: bytes = raw.read1(_PIECE, decode_content=True)
    except urllib3.exceptions.ProtocolError as error:
        raise requests.ConnectionError(error) from error
    return found

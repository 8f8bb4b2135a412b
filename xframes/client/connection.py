"""Read the lines of a stream as they arrive, and end a connection."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import requests

from xframes.auth.transport import some
from xframes.settings import MAX_BODY
from xframes.wire import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

# X sends a keep-alive at least this often (docs.x.com: consuming-streaming-data).
STALL_SECONDS = 20.0


class HangUp:
    """Ends a connection that another thread reads."""

    def __init__(self) -> None:
        self._raw: Any = None
        self._called = False

    def watch(self, response: requests.Response) -> None:
        """Set the connection to end."""
        self._raw = response.raw
        if self._called:
            self()

    def __call__(self) -> None:
        """End the connection immediately."""
        self._called = True
        if self._raw is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended already
                self._raw.shutdown()


def lines(response: requests.Response) -> Iterator[bytes]:
    """Yield the lines of an open response as soon as they arrive, also empty ones (keep-alives).

    Lines have no line break. If the connection is lost within a line, this line is dropped. Raises
    requests' errors, also for a line that is larger than the settings allow for a body.
    """
    most, pieces, size = MAX_BODY.bytes, list[bytes](), 0
    while data := some(response.raw):
        first, *rest = data.split(b"\n")
        pieces.append(first)
        size += len(first)
        if rest:
            yield b"".join(pieces).strip(b"\r")
            *whole, begun = rest
            yield from (line.strip(b"\r") for line in whole)
            pieces, size = [begun], len(begun)
        if size > most:
            raise requests.ConnectionError(f"a line is larger than {MAX_BODY.megabytes}")
    last = b"".join(pieces)
    if last.strip() and not is_json(last):
        raise requests.ConnectionError("the connection ended within a line")
    if last.strip():
        yield last.strip(b"\r")

"""A stream's bytes as they come: its lines, and a way to end it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import requests

from xframes.auth.transport import some
from xframes.settings import MAX_BODY
from xframes.wire import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

# X sends a keep-alive at least this often (docs.x.com: consuming-streaming-data)
STALL_SECONDS = 20.0


class HangUp:
    """Ends, when called, a connection that another thread reads."""

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
    """Yield the lines of an open response as they arrive, also empty ones (keep-alives).

    The last line may lack its line end. An incomplete line, after a broken connection, is
    dropped. Raises requests' errors, also for a line larger than a body may be.
    """
    most, held, size = MAX_BODY.bytes, list[bytes](), 0
    while data := some(response.raw):
        first, *rest = data.split(b"\n")
        held.append(first)
        size += len(first)
        if rest:
            yield b"".join(held).strip(b"\r")
            yield from (line.strip(b"\r") for line in rest[:-1])
            held, size = [rest[-1]], len(rest[-1])
        if size > most:
            raise requests.ConnectionError(f"a line is larger than {MAX_BODY.megabytes}")
    last = b"".join(held)
    if last.strip() and not is_json(last):
        raise requests.ConnectionError("the connection ended within a line")
    if last.strip():
        yield last.strip(b"\r")

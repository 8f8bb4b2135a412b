"""HTTP with limits of time and size for headers and bodies, on every kind of connection."""

from __future__ import annotations

import http.client
import io
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from xframes.sealing import sealed
from xframes.settings import MAX_BODY
from xframes.wire import whole_number

if TYPE_CHECKING:
    import socket

_PIECE = 65_536


class TooLarge(requests.RequestException):
    """The body of a response is larger than the settings allow."""


class Clock:
    """The time that a response may take, from now on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left."""
        return self._until - time.monotonic()

    def check(self, what: str) -> None:
        """Raise requests' ReadTimeout if the time is over."""
        if self.left <= 0:
            raise requests.ReadTimeout(f"the {what} not complete after {self._seconds:g} s")


class Session(requests.Session):
    """A session whose responses have limits: `seconds` to arrive, and the size of the settings.

    Redirects are not followed. With `stream=True`, only the headers have the limit of time, and the
    caller reads the body.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        limit(self, seconds)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: to follow a redirect, requests would read its whole body without limit."""


def limit(session: requests.Session, seconds: float) -> None:
    """Set the limits of a session."""
    adapter = Limited(seconds)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def whole(response: requests.Response, clock: Clock) -> bytes:
    """Read the whole body of an open response, and decompress it.

    Raises TooLarge if it is larger than the settings allow, ReadTimeout if the time is over, and
    ConnectionError if it is cut short or damaged.
    """
    most, pieces, size = MAX_BODY.bytes, list[bytes](), 0
    while piece := some(response.raw):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise TooLarge(f"the body is larger than {MAX_BODY.megabytes}", response=response)
        clock.check("body was")
    promised, came = whole_number(response.headers.get("Content-Length")), response.raw.tell()
    if promised is not None and came < promised:  # older urllib3 does not check it
        raise requests.ConnectionError(f"the body ended after {came:,} of {promised} bytes")
    return b"".join(pieces)


def some(raw: Any) -> bytes:
    """Read the part of a body that has arrived, at most 64 kB, and decompress it.

    Waits for at least one byte. Empty at the end.
    """
    try:
        found: bytes = raw.read1(_PIECE, decode_content=True)
    except (urllib3.exceptions.HTTPError, ValueError) as error:  # ValueError: a negative length
        raise requests.ConnectionError(error) from error
    return found


class Limited(HTTPAdapter):
    """Sends requests with the limits of `Session`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    @sealed
    def send(  # type: ignore[override]  # `options` are passed on as they are
        self, request: requests.PreparedRequest, stream: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request with the credentials that `sessions.late` stored. Raises as `whole`."""
        clock = Clock(self._seconds)
        sign = getattr(request, "sign", None)
        signed = request
        if sign is not None:
            signed = sign(request.copy())
        try:
            response = super().send(signed, stream=True, **options)
        except requests.RequestException as error:
            error.request = request
            raise
        response.request = request
        if not stream:
            with response:
                response._content = whole(response, clock)  # noqa: SLF001  or it is read by parts
        return response

    def get_connection_with_tls_context(
        self, *arguments: Any, **options: Any
    ) -> urllib3.HTTPConnectionPool:
        """Return the connections to a server or proxy, with the limit of time for headers."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        connection = pool.ConnectionCls
        if "response_class" not in vars(connection):
            own = {"response_class": staticmethod(partial(_Response, seconds=self._seconds))}
            pool.ConnectionCls = type(connection.__name__, (connection,), own)
        limited: urllib3.HTTPConnectionPool = pool
        return limited


class _Response(http.client.HTTPResponse):
    """A response with a limit of time for all of its headers."""

    def __init__(
        self, sock: socket.socket, *arguments: Any, seconds: float, **options: Any
    ) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._bytes = _Timed(sock, Clock(seconds))
        self.fp = io.BufferedReader(self._bytes)

    def begin(self) -> None:
        """Read the headers. The limit does not apply to the body."""
        super().begin()
        self._bytes.clock = None


class _Timed(io.RawIOBase):
    """The bytes that a socket receives, until the time of `clock` is over."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self.clock: Clock | None = clock
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._raw.close()
        super().close()

    def readinto(self, buffer: Any) -> int | None:
        if self.clock is None:
            return self._raw.readinto(buffer)
        self.clock.check("headers were")
        patience = self._sock.gettimeout()
        seconds = self.clock.left
        if patience is not None:
            seconds = min(seconds, patience)
        self._sock.settimeout(seconds)
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            self.clock.check("headers were")
            raise
        finally:
            self._sock.settimeout(patience)

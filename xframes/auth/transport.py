"""HTTP under one clock and one bound: headers and bodies, on whatever connection they come."""

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
    """An answer's body is larger than the bound of such bodies."""


class Clock:
    """The time an answer has, from now on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left."""
        return self._until - time.monotonic()

    def check(self, what: str) -> None:
        """Raise requests' ReadTimeout when the time is over."""
        if self.left <= 0:
            raise requests.ReadTimeout(f"the {what} not whole after {self._seconds:g} s")


class Session(requests.Session):
    """A session whose answers have `seconds` to arrive, each within the bound of bodies.

    Redirects are not followed. With `stream=True` only the headers are under the clock, and the
    body is the caller's to read.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        limit(self, seconds)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: for a target, requests would read the whole body first, and without a bound."""


def limit(session: requests.Session, seconds: float) -> None:
    """Put a session under the clock and the bound."""
    adapter = Limited(seconds)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def whole(response: requests.Response, clock: Clock) -> bytes:
    """The whole body of an open answer, unpacked.

    Raises TooLarge as soon as it is known to be, ReadTimeout when the clock runs out,
    ConnectionError for a body that is cut or damaged.
    """
    most, pieces, size = MAX_BODY.bytes, list[bytes](), 0
    while piece := some(response.raw):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise TooLarge(f"the body is larger than {MAX_BODY.megabytes}", response=response)
        clock.check("body was")
    promised, came = whole_number(response.headers.get("Content-Length")), response.raw.tell()
    if promised is not None and came < promised:  # older urllib3 does not mind
        raise requests.ConnectionError(f"the body ended after {came:,} of {promised} bytes")
    return b"".join(pieces)


def some(raw: Any) -> bytes:
    """What has come of a body, unpacked, at most 64 kB, after a wait for the first byte.

    Nothing at the end.
    """
    try:
        found: bytes = raw.read1(_PIECE, decode_content=True)
    except (urllib3.exceptions.HTTPError, ValueError) as error:  # ValueError: a negative length
        raise requests.ConnectionError(error) from error
    return found


class Limited(HTTPAdapter):
    """Whole answers under the clock and the bound, or open ones with headers under the clock."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    @sealed
    def send(  # type: ignore[override]  # `options` are passed on as they are
        self, request: requests.PreparedRequest, stream: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request, with the credentials that `sessions.late` noted. Raises as `whole` does."""
        clock = Clock(self._seconds)
        sign = getattr(request, "sign", None)
        signed = request if sign is None else sign(request.copy())
        try:
            response = super().send(signed, stream=True, **options)
        except requests.RequestException as error:
            error.request = request
            raise
        response.request = request
        if not stream:
            with response:
                body = whole(response, clock)
            response.headers.pop("Content-Encoding", None)
            response.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        return response

    def get_connection_with_tls_context(
        self, *arguments: Any, **options: Any
    ) -> urllib3.HTTPConnectionPool:
        """The connections to a server, or a proxy of any kind, with headers under the clock."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        made = pool.ConnectionCls
        if "response_class" not in vars(made):
            own = {"response_class": staticmethod(partial(_Response, seconds=self._seconds))}
            pool.ConnectionCls = type(made.__name__, (made,), own)
        found: urllib3.HTTPConnectionPool = pool
        return found


class _Response(http.client.HTTPResponse):
    """An answer whose headers come in time, however slowly each byte of them comes."""

    def __init__(
        self, sock: socket.socket, *arguments: Any, seconds: float, **options: Any
    ) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._bytes = _Timed(sock, Clock(seconds))
        self.fp = io.BufferedReader(self._bytes)

    def begin(self) -> None:
        """Read the headers; what comes after them is under the clock of who reads it."""
        super().begin()
        self._bytes.clock = None


class _Timed(io.RawIOBase):
    """What a socket receives; while there is a clock, no wait goes beyond it."""

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
        self._sock.settimeout(min(self.clock.left, 1e9 if patience is None else patience))
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            self.clock.check("headers were")
            raise
        finally:
            self._sock.settimeout(patience)

"""One HTTP connection: HTTP/1.1 that stays open, chunked bodies, resets on demand."""

from __future__ import annotations

import contextlib
import io
import select
import socket
import struct
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.serving import WSGIRequestHandler

from xframes.sandbox.protocol import bodies
from xframes.sandbox.protocol.reply import HangUp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from werkzeug.serving import BaseWSGIServer


def open_connections(server: BaseWSGIServer) -> set[socket.socket]:
    """Return the open connections of a server; callers may change the set."""
    connections: set[socket.socket] = server.__dict__.setdefault("xframes_connections", set())
    return connections


class Connection(WSGIRequestHandler):
    """HTTP/1.1 on a connection that stays open, which werkzeug's own handler does not offer.

    Writes no log.
    """

    protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # a constant here
    disable_nagle_algorithm: ClassVar[bool] = True
    wbufsize: ClassVar[int] = 64 * 1024  # head and body leave in one packet
    timeout = 60

    def setup(self) -> None:
        """Register the connection, so that `stop()` can end it."""
        super().setup()
        open_connections(self.server).add(self.connection)

    def finish(self) -> None:
        """Unregister the connection."""
        open_connections(self.server).discard(self.connection)
        with contextlib.suppress(OSError):  # the client is gone, or the sandbox stopped
            super().finish()
        self.rfile.close()

    def run_wsgi(self) -> None:
        """Answer one request and leave the connection ready for the next."""
        environ = self.make_environ()
        environ["xframes.reset"] = self._reset
        environ["xframes.gone"] = self._gone
        try:
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = bodies.read(self.rfile, self.headers)
        except bodies.BodyError:
            self.close_connection = True
            return
        sent: dict[str, str] = {}

        def start_response(
            status: str, headers: list[tuple[str, str]],
            exc_info: object = None,  # noqa: ARG001  WSGI's signature
        ) -> Any:
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
                sent[name.lower()] = value
            self.end_headers()
            return self.wfile.write

        try:
            self._send(self.server.app(environ, start_response), sent)
            if "connection" in sent:
                self.close_connection = True
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            environ["wsgi.input"].close()

    def _send(self, parts: Iterable[bytes], headers: dict[str, str]) -> None:
        """Send a body as it is, or, if its length is unknown, each part at once as a chunk."""
        chunked = headers.get("transfer-encoding") == "chunked"
        try:
            for part in parts:
                if chunked:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                    self.wfile.flush()
                elif self.command != "HEAD":
                    self.wfile.write(part)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except HangUp:
            self.close_connection = True
        finally:
            if isinstance(parts, Generator):
                parts.close()

    def _gone(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _reset(self) -> None:
        """Close so that the client meets a reset connection, not an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.wfile.close()
        self.rfile.close()
        self.connection.close()
        self.wfile = io.BytesIO()  # flushed once more when the request ends

    def version_string(self) -> str:
        """Return the Server header."""
        return "xframes-sandbox"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Stay quiet: a notebook is not a log."""

"""The server: on this machine only, at a port that is free."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.serving import WSGIRequestHandler, make_server

from xframes.browsing.admission import HOST, Admission
from xframes.browsing.webapp import WebApp

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from xframes.browsing.holdings import Holdings


class _Connection(WSGIRequestHandler):
    """One connection. It writes no log, because an address has a token."""

    protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # a constant here
    timeout = 60  # seconds that a connection may be idle

    def log(self, type: str, message: str, *args: Any) -> None:
        """Log nothing."""

    def version_string(self) -> str:
        """Name the program without its versions."""
        return "xframes"


class Server:
    """A browser of an archive that runs until `stop()`. Use it as a context manager.

    Attributes
    ----------
    url
        The address to open once, with a token. The browser then keeps a cookie.
    port
        The port, on 127.0.0.1.
    """

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._server = make_server(
            HOST, 0, _empty, threaded=True, request_handler=_Connection
        )
        self.port: int = self._server.port
        admission = Admission(self.port)
        self._app = WebApp(holdings, admission)
        self._server.app = self._app
        self.url = f"http://{HOST}:{self.port}/?token={admission.token}"
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True,
            name="xframes-browse",
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=5)
            self._server.server_close()
            self._app.close()
            self._holdings.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _empty(environ: Any, start_response: Any) -> list[bytes]:
    """Answer until the port is known."""
    del environ
    start_response("503 Service Unavailable", [])
    return []

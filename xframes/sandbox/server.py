"""The sandbox itself: a community behind an HTTP server on this machine."""

from __future__ import annotations

import contextlib
import io
import select
import socket
import struct
import time
from collections.abc import Generator
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.serving import WSGIRequestHandler, make_server

from xframes.errors import ConfigError

from . import bodies
from .app import App, Asking
from .auth import Credentials
from .community import Community
from .faults import Fault, Faults
from .limits import Limits
from .reply import HangUp
from .services import Services

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from werkzeug.serving import BaseWSGIServer

    from xframes.schema import Vocabulary

    from .oauth import Issued

HOST = "127.0.0.1"


def _connections(server: BaseWSGIServer) -> set[socket.socket]:
    """The connections a server holds open."""
    found: set[socket.socket] = server.__dict__.setdefault("xframes_connections", set())
    return found


class _Handler(WSGIRequestHandler):
    """Speaks HTTP/1.1 with connections that stay open, which werkzeug's own handler does not; writes no log."""

    protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # a constant here
    disable_nagle_algorithm: ClassVar[bool] = True
    wbufsize: ClassVar[int] = 64 * 1024  # head and body leave in one packet
    timeout = 60

    def setup(self) -> None:
        """Note the connection, so that a stopped sandbox can end it."""
        super().setup()
        _connections(self.server).add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        _connections(self.server).discard(self.connection)
        with contextlib.suppress(OSError):  # what was not sent goes nowhere: the client is gone, or the sandbox stopped
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
        told: dict[str, str] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:  # noqa: ARG001  WSGI's signature
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
                told[name.lower()] = value
            self.end_headers()
            return self.wfile.write

        try:
            self._send(self.server.app(environ, start_response), told)
            if "connection" in told:
                self.close_connection = True
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            environ["wsgi.input"].close()

    def _send(self, parts: Iterable[bytes], told: dict[str, str]) -> None:
        """Send an answer's body: as it is, or each part at once as a chunk of its own when its length is not known."""
        try:
            for part in parts:
                if told.get("transfer-encoding") == "chunked":
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                    self.wfile.flush()
                elif self.command != "HEAD":
                    self.wfile.write(part)
            if told.get("transfer-encoding") == "chunked":
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
        """Close so that the client sees a reset connection, not an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.wfile.close()
        self.rfile.close()
        self.connection.close()
        self.wfile = io.BytesIO()  # flushed once more when the request ends

    def version_string(self) -> str:
        """What the Server header says."""
        return "xframes-sandbox"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Stay quiet: a notebook is not a log."""


class Sandbox:
    """A local X over HTTP, deterministic by seed; `start()` makes one.

    Attributes: `url`, `port`, `community` (what it holds), `faults` (add to it to break things), `requests` (what was
    asked, without credentials), `now` (its present). Credentials: `bearer_token` (app-only), `user_token` (OAuth 2.0,
    all scopes) and `oauth1` (its four texts) speak for `user_id`; `client_id` with `client_secret`, and
    `public_client_id`, are its OAuth 2.0 clients. What it does besides: `oauth`, `stream`, `uploads`, `compliance`,
    `usage`. Use it as a context manager, or call `stop()`.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        services = app.services
        self.bearer_token = services.credentials.bearer_token
        self.user_token = services.credentials.user_token
        self.user_id = str(services.credentials.user_id)
        self.oauth1 = services.credentials.oauth1
        self.oauth = services.oauth
        self.client_id, self.client_secret = services.oauth.client_id, services.oauth.client_secret
        self.public_client_id = services.oauth.public_client_id
        self.stream = services.stream
        self.uploads = services.uploads
        self.compliance = services.compliance
        self.usage = services.usage
        listening = _listen(port)
        self._server = make_server(HOST, port, app, threaded=True, request_handler=_Handler, fd=listening.fileno())
        self.port: int = listening.getsockname()[1]
        listening.close()
        services.url = self.url
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True,
                              name="xframes-sandbox")
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, e.g. `http://127.0.0.1:43211`: the `base_url` of a client."""
        return f"http://{HOST}:{self.port}"

    @property
    def authorize_url(self) -> str:
        """The page where a person agrees to a login; here they do at once, unless `oauth.denies` says otherwise."""
        return f"{self.url}/i/oauth2/authorize"

    def issue_token(
        self, scopes: Iterable[str] | None = None, seconds: float = 7200.0, user_id: str | None = None
    ) -> Issued:
        """Return OAuth 2.0 tokens of a person, `user_id` unless another is named; all scopes unless some are given."""
        return self.oauth.issue(scopes, seconds, None if user_id is None else int(user_id))

    @property
    def community(self) -> Community:
        """The people and posts it holds."""
        return self._app.community

    @property
    def faults(self) -> Faults:
        """What goes wrong, and when; `faults.add(Fault("503", at=3))`."""
        return self._app.faults

    @property
    def requests(self) -> list[Asking]:
        """What was asked so far, in order: method, path, params, action."""
        return list(self._app.requests)

    @property
    def now(self) -> datetime:
        """The sandbox's present (UTC): the instant given to `start`, else the real one."""
        return datetime.fromtimestamp(self._app.clock() / 1000, UTC)

    def stop(self) -> None:
        """Stop listening and end open connections; safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=5)
        for connection in list(_connections(self._server)):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._app.services.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        posts, people = len(self.community.listed), len(self.community.people)
        state = "listening" if self._thread.is_alive() else "stopped"
        return f"<Sandbox {self.url} {state}: {posts:,} posts by {people:,} people, seed {self.community.seed}>"


def _listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine only. Raises ConfigError when the port is taken."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        raise ConfigError(f"the sandbox cannot listen on port {port}: {error}; port=0 takes a free one") from None
    return made


def start(
    *, seed: int = 7, posts: int = 3000, users: int = 300, port: int = 0, now: datetime | None = None,
    words: Vocabulary = "tweet", bearer_token: str = "sandbox",  # noqa: S107  a public word, good only here
    rate_limits: bool = True, faults: Sequence[Fault] = (),
) -> Sandbox:
    """Start a local X and return it, listening on 127.0.0.1.

    `posts` is how many posts a search can find, about 70 % of them from the last 7 days; `users` how many accounts
    there are. `port` 0 takes a free one. `now` (aware) is when the community's life ends; given, the sandbox's clock
    stands still there, and the same seed, sizes and `now` give the same bytes to the same requests. Without it the
    clock is the real one. `words` is the vocabulary of the answers (`tweet` or `post`); requests may use either.
    `rate_limits=False` keeps the headers and refuses nobody.

    Raises ValueError for impossible sizes and a naive `now`, ConfigError for a port that is taken.
    """
    if now is not None and now.tzinfo is None:
        raise ValueError("now must be aware, e.g. datetime(2026, 3, 1, tzinfo=UTC)")
    if words not in {"tweet", "post"}:
        raise ValueError(f"words is 'tweet' or 'post', not {words!r}")
    ends = int(time.time() if now is None else now.timestamp()) * 1000
    community = Community(seed=seed, posts=posts, users=users, now=ends)
    me = next(person for person in community.people.values() if person.standing == "active")
    began = time.monotonic()

    def clock() -> int:
        return ends if now is not None else ends + int((time.monotonic() - began) * 1000)

    services = Services(community, Credentials(bearer_token, me.id), clock)
    app = App(community, services, words=words, limits=Limits(enforce=rate_limits), faults=Faults(faults), clock=clock)
    return Sandbox(app, port)

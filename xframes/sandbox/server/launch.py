"""The sandbox itself: a community behind an HTTP server on this machine."""

from __future__ import annotations

import contextlib
import socket
import time
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from xframes.errors import ConfigError
from xframes.sandbox.services.service_set import Services
from xframes.sandbox.world.community import Community

from .callers import Credentials
from .connections import Connection, open_connections
from .fault_plan import Fault, Faults
from .oauth import OAuth
from .rate_limits import Limits
from .wsgi_app import App, Asking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from xframes.schema import Vocabulary

    from .oauth import Issued

HOST = "127.0.0.1"


class Sandbox:
    """A local X over HTTP, deterministic by seed; created by `start()`.

    Use it as a context manager, or call `stop()`.

    Attributes
    ----------
    url, port
        Where it listens.
    community
        Its people and posts.
    faults
        Add to it to break requests.
    requests
        The requests so far, without credentials.
    now
        Its present.
    bearer_token, user_token, oauth1
        Credentials: of the app; of `user_id` by OAuth 2.0 (all scopes); of `user_id` by OAuth 1.0a
        (four texts).
    client_id, client_secret, public_client_id
        Its OAuth 2.0 clients.
    oauth, stream, uploads, compliance, usage
        Its services, with their settings.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        services, credentials = app.services, app.credentials
        self.bearer_token = credentials.bearer_token
        self.user_token = credentials.user_token
        self.user_id = str(credentials.user_id)
        self.oauth1 = credentials.oauth1
        self.oauth = app.oauth
        self.client_id, self.client_secret = app.oauth.client_id, app.oauth.client_secret
        self.public_client_id = app.oauth.public_client_id
        self.stream = services.stream
        self.uploads = services.uploads
        self.compliance = services.compliance
        self.usage = services.usage
        listening = _listen(port)
        self._server = make_server(
            HOST, port, app, threaded=True, request_handler=Connection, fd=listening.fileno()
        )
        self.port: int = listening.getsockname()[1]
        listening.close()
        services.url = self.url
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True,
            name="xframes-sandbox",
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The `base_url` for a client, e.g. `http://127.0.0.1:43211`."""
        return f"http://{HOST}:{self.port}"

    @property
    def authorize_url(self) -> str:
        """The page where a person agrees to a login: at once here, unless `oauth.denies` is set."""
        return f"{self.url}/i/oauth2/authorize"

    def issue_token(
        self,
        scopes: Iterable[str] | None = None,
        seconds: float = 7200.0,
        user_id: str | None = None,
    ) -> Issued:
        """Return OAuth 2.0 tokens that are valid for `seconds`.

        Default: all scopes, for the sandbox's own `user_id`.
        """
        if user_id is None:
            user_id = self.user_id
        return self.oauth.issue(scopes, seconds, int(user_id))

    @property
    def community(self) -> Community:
        """Its people and posts."""
        return self._app.community

    @property
    def faults(self) -> Faults:
        """What goes wrong, and when; `faults.add(Fault("503", at=3))`."""
        return self._app.faults

    @property
    def requests(self) -> list[Asking]:
        """The requests so far, in order: method, path, params, action."""
        return list(self._app.requests)

    @property
    def now(self) -> datetime:
        """The sandbox's present (UTC): the `now` of `start`, or the real time."""
        return datetime.fromtimestamp(self._app.clock() / 1000, UTC)

    def stop(self) -> None:
        """Stop listening and end open connections; safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=5)
        for connection in list(open_connections(self._server)):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._app.services.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        posts, people = len(self.community.listed), len(self.community.people)
        state = "listening" if self._thread.is_alive() else "stopped"
        size = f"{posts:,} posts by {people:,} people"
        return f"<Sandbox {self.url} {state}: {size}, seed {self.community.seed}>"


def _listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine only. Raises ConfigError for a taken port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigError(
            f"the sandbox cannot listen on port {port}: {error}; port=0 takes a free one"
        ) from None
    return listening


def start(
    *,
    seed: int = 7,
    posts: int = 3000,
    users: int = 300,
    port: int = 0,
    now: datetime | None = None,
    words: Vocabulary = "tweet",
    bearer_token: str = "sandbox",  # noqa: S107  a public word, good only here
    rate_limits: bool = True,
    faults: Sequence[Fault] = (),
    clock: Callable[[], float] = time.time,
) -> Sandbox:
    """Start a local X on 127.0.0.1.

    Parameters
    ----------
    seed
        Chooses the invented community.
    posts
        Number of posts a search can find, about 70 % of them from the last 7 days.
    users
        Number of accounts, at least 3.
    port
        Port to listen on. Default: a free one.
    now
        End of the community's life, an aware datetime. The sandbox's clock stops there, and with
        the same seed, sizes and `now` the same requests get the same bytes. Default: the real time,
        with a running clock.
    words
        Vocabulary of the answers, "tweet" or "post"; requests may use either.
    bearer_token
        The app's token; the other credentials are derived from it.
    rate_limits
        If False, answers keep the headers of the rate limits, but no request is refused by them.
    faults
        Faults to begin with; add more to `Sandbox.faults`.
    clock
        Function that returns the time of the rate limits, in Unix seconds. A client that does not
        really wait has one: `lambda: client.now().timestamp()`. Default: the real time.

    Returns
    -------
    Sandbox
        Already listening; use it as a context manager, or call `stop()`.

    Raises
    ------
    ValueError
        For impossible sizes, an unknown vocabulary, an empty token and a naive `now`.
    ConfigError
        If the port is taken.

    Examples
    --------
    >>> with xf.sandbox.start(seed=7) as sandbox:
    ...     client = xf.Client(bearer_token=sandbox.bearer_token, base_url=sandbox.url)
    """
    if now is not None and now.tzinfo is None:
        raise ValueError(f"now: expected an aware datetime, got {now!r}; add tzinfo=UTC")
    if words not in {"tweet", "post"}:
        raise ValueError(f"words: expected 'tweet' or 'post', got {words!r}")
    ends = int(time.time()) * 1000
    if now is not None:
        ends = int(now.timestamp()) * 1000
    community = Community(seed=seed, posts=posts, users=users, now=ends)
    me = next(person for person in community.people.values() if person.standing == "active")
    began = time.monotonic()

    def present() -> int:
        if now is not None:
            return ends
        return ends + int((time.monotonic() - began) * 1000)

    credentials = Credentials(bearer_token, me.id)
    app = App(
        community, Services(community, bearer_token, present), OAuth(credentials, me.username),
        words=words, limits=Limits(enforce=rate_limits, clock=clock), faults=Faults(faults),
        clock=present,
    )
    return Sandbox(app, port)

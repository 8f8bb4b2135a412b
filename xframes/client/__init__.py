"""The client: sends requests within X's limits, retries them, and returns pages.

Requests are sent only here (and for tokens in `auth`). Tests replace three things: `transport`,
`sleep` and `now`.
"""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from threading import Lock
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from xframes import wire
from xframes.auth import KINDS, Credentials, OAuth1, OAuth2, Secret, redact
from xframes.auth.credentials import DEMO, text
from xframes.auth.sessions import session_for
from xframes.auth.transport import Clock, whole
from xframes.client.connection import STALL_SECONDS, HangUp, lines
from xframes.client.display import html
from xframes.client.failures import NOT_SENT, explained, lost
from xframes.client.pacing import Pacer
from xframes.client.retries import Retries, Trying
from xframes.client.transfers import transfer
from xframes.errors import (
    ApiError,
    ArgumentError,
    ConfigError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from xframes.plan import asks_owner
from xframes.plan.values import QUERY_MOST
from xframes.registry import ACTIONS
from xframes.screen import neutral
from xframes.sealing import sealed
from xframes.settings import BASE_URL, WORDS, from_environment, table
from xframes.version import VERSION
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from xframes.registry import Action, Window
    from xframes.schema import Vocabulary

__all__ = ["Answer", "Client", "HangUp", "Retries", "current", "use"]


def __dir__() -> list[str]:
    return list(__all__)


log = logging.getLogger("xframes")
_PATIENCE = Retries()
_REPORTED = 10.0  # seconds from which a wait is printed, without `on_wait`


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, headers (looked up regardless of case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Counters:
    requests: int = 0
    bytes: int = 0
    lock: Lock = field(default_factory=Lock, repr=False)


class Client:
    """Sends requests to X. Threads may share one.

    Without credentials, it uses those of the environment or the config file. For each action it
    uses the first kind of credentials that the action takes.

    Parameters
    ----------
    bearer_token
        The app's bearer token.
    oauth1
        A user's OAuth 1.0a tokens: an OAuth1 or its four texts.
    oauth2
        A user's OAuth 2.0 token: an OAuth2 or an access token.
    base_url
        URL of another server than X, e.g. of a sandbox. Default: `XFRAMES_BASE_URL`, else
        `base_url` in the config file, else X.
    words
        X's vocabulary in requests: `"tweet"` sends `tweet.fields`, `"post"` sends `post.fields`.
        Answers are read in both. Default: `XFRAMES_WORDS`, else `words` in the config file, else
        `"tweet"`.
    timeout
        Seconds to connect, and seconds between two parts of an answer.
    retries
        A Retries, or the number of attempts for each request.
    query_limit
        Longest query, in characters, that your access level allows. Default: that of self-serve
        access.
    writes
        Whether it may change things at X. Default: it only reads.
    on_wait
        Function to call with the seconds and the reason of every wait of a second or more.
        Default: print waits of ten seconds or more on standard error.
    sleep
    now
    transport
        Functions to use instead of waiting, the clock and HTTP, for tests.

    Raises
    ------
    ConfigError
        Credentials or settings are unusable.
    ArgumentError
        Another argument is invalid.

    Examples
    --------
    >>> with xf.Client(bearer_token="…") as client:
    ...     frames = xf.search.recent("duckdb", client=client)
    """

    @sealed
    def __init__(
        self,
        bearer_token: str | Secret | None = None,
        oauth1: OAuth1 | tuple[str, ...] | None = None,
        oauth2: OAuth2 | str | None = None,
        *,
        base_url: str | None = None,
        words: Vocabulary | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        retries: Retries | int = _PATIENCE,
        query_limit: int | None = None,
        writes: bool = False,
        on_wait: Callable[[float, str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
        transport: Callable[[Request], Answer] | None = None,
    ) -> None:
        given = (bearer_token, oauth1, oauth2)
        self._credentials = (
            Credentials.find() if given == (None, None, None) else Credentials(*given)
        )
        self.base_url = server_url(base_url)
        if query_limit is not None and not 1 <= query_limit <= QUERY_MOST:
            raise ArgumentError(f"query_limit is 1 to {QUERY_MOST:,}, not {query_limit}")
        self.words = vocabulary(words)
        self.query_limit = query_limit
        self.writes = writes
        self.timeout = timeout
        self.retries = Retries(attempts=retries) if isinstance(retries, int) else retries
        self.on_wait = on_wait
        self.sleep = sleep
        self.now = now
        self._transport = transport or self._http
        self._session = _session(self.base_url, self._seconds)
        self._pacer = Pacer()
        self._counters = _Counters()
        self._user_id: str | None = None

    @classmethod
    def from_env(cls, **options: Any) -> Client:
        """Make a client with the credentials of the environment or the config file.

        Parameters
        ----------
        options
            Arguments of Client.

        Returns
        -------
        Client
            The client.

        Raises
        ------
        ConfigError
            There are no credentials.

        Examples
        --------
        >>> xf.use(xf.Client.from_env(writes=True))
        """
        client = cls(**options)
        if not client.kinds and client._credentials.oauth1 is None:
            ways = "; ".join(way for _, way in KINDS.values())
            raise ConfigError(f"no credentials found; set one of: {ways}; {DEMO}")
        return client

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of credentials that it has: app, oauth1, oauth2."""
        return self._credentials.held

    @property
    def requests_made(self) -> int:
        """Number of requests sent so far, failed ones included."""
        return self._counters.requests

    @property
    def bytes_received(self) -> int:
        """Number of bytes of bodies received so far, after decompression."""
        return self._counters.bytes

    @property
    def limits(self) -> dict[str, tuple[int, int, datetime]]:
        """Rate limits by action, as X last stated them.

        For each: requests in a window, how many of them are left, and when the window ends (UTC).
        """
        told = self._pacer.told()
        return {
            name: (most, left, datetime.fromtimestamp(end, UTC))
            for (_, name), (most, left, end) in told.items()
        }

    def send(self, request: Request) -> Page:
        """Send a request, with as many waits and retries as `retries` allows.

        Parameters
        ----------
        request
            The request.

        Returns
        -------
        Page
            The answer.

        Raises
        ------
        ConfigError
            The client has no credentials that the action takes.
        ApiError
            X refused the request; or it did so, or was not reachable, until the last retry.
        OutcomeUnknown
            A write was sent and no answer came back.

        Examples
        --------
        >>> client.send(Request("GET", "/2/users/me", action="users.me")).body
        """
        action = ACTIONS.get(request.action or "")
        if request.method != "GET":
            self.may_write(request.action or request.path)
        kind = self._kind(request)
        trying = Trying(self.retries, self.now())
        while True:
            self._pace(action, kind, trying)
            held = self._credentials.oauth2_token() if kind == "oauth2" else None
            outcome = self._attempt(request, action, kind)
            if isinstance(outcome, Page):
                return outcome
            if (
                isinstance(outcome, Unauthorized)
                and outcome.status == 401
                and held
                and not trying.renewed
            ):
                try:
                    trying.renewed = True
                    if self._credentials.renew(self.base_url, held):
                        continue
                except Unavailable as error:  # no answer to the login: the request was not sent
                    error.kind, trying.renewed, outcome = (
                        NOT_SENT,
                        False,
                        error.with_traceback(None),
                    )
            seconds = trying.next(outcome, request, self.now())
            if isinstance(outcome, RateLimited) and action:
                until = self.now() + timedelta(seconds=seconds)
                self._pacer.hold(*_pool(action, kind), until.timestamp())
            self.wait(seconds, str(outcome))

    def user_id(self) -> str:
        """Return the id of the authenticated user, which is requested from X once.

        Raises as `send` does.
        """
        if self._user_id is None:
            found = wire.read_json(self.send(Request("GET", "/2/users/me", action="users.me")).body)
            data = found.get("data") if isinstance(found, dict) else None
            if not isinstance(data, dict) or not data.get("id"):
                raise Unavailable("users.me: the answer names no user", action="users.me")
            self._user_id = str(data["id"])
        return self._user_id

    def stream(self, request: Request, hang_up: HangUp | None = None) -> Iterator[bytes]:
        """Open one connection to a stream and yield its lines as they arrive, until it ends.

        It waits for the rate limit of connections, but does not connect again: only the caller
        knows what was missed.

        Parameters
        ----------
        request
            The request.
        hang_up
            Object that another thread calls to end the connection at once. Default: none.

        Yields
        ------
        bytes
            A line. Keep-alives are empty lines.

        Raises
        ------
        ConfigError
            The client has no credentials that the action takes.
        ApiError
            The answer is not a stream, the connection broke, or no byte came for 20 seconds.
        """
        action, kind = ACTIONS.get(request.action or ""), self._kind(request)
        self._pace(action, kind, Trying(self.retries, self.now()))
        signer = self._credentials.signer(kind, self.base_url)
        try:
            with self._session.get(
                self.base_url + request.path,
                params=dict(request.params),
                auth=signer,
                stream=True,
                timeout=(self.timeout[0], STALL_SECONDS),
                allow_redirects=False,
            ) as response:
                if action:
                    self._pacer.learn(
                        *_pool(action, kind), response.headers, self.now().timestamp()
                    )
                if response.status_code == 200 and "html" not in response.headers.get(
                    "content-type", ""
                ):
                    if hang_up is not None:
                        hang_up.watch(response)
                    for line in lines(response):
                        with self._counters.lock:
                            self._counters.bytes += len(line)
                        yield line
                    return
                broken = self._no_stream(response, request, action, kind)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            broken = lost(error, request)
        raise broken  # outside the handlers: their causes hold the request's headers

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, and report it to `on_wait`, or long waits on standard error."""
        message = neutral(f"waiting {seconds:,.0f} s: {redact(why)}", keep="\n\t")
        log.log(logging.INFO if seconds >= 1 else logging.DEBUG, message)
        if self.on_wait is not None and seconds >= 1:
            self.on_wait(seconds, message)
        elif self.on_wait is None and seconds >= _REPORTED:
            from tqdm.auto import tqdm

            tqdm.write(f"xframes: {message}", file=sys.stderr)
        self.sleep(seconds)

    def may_write(self, what: str) -> None:
        """Raise ArgumentError unless this client may change things at X (`writes=True`)."""
        if not self.writes:
            raise ArgumentError(
                f"{what} changes things at X; that needs Client(writes=True)",
                action=what if what in ACTIONS else None,
            )

    def may_send(self, what: str, action: str | None = None) -> None:
        """Raise ConfigError unless this client has credentials that an action takes.

        `what` is named in the error. Where it is not an action, `action` is the one that decides.
        """
        self._credentials.choose(ACTIONS.get(action or what), name=what)

    def upload(self, url: str, body: bytes) -> None:
        """Upload a text to a signed URL of X, without credentials, with retries.

        Raises InvalidRequest, Forbidden, NotFound or Unavailable.
        """
        self.may_write("an upload")
        self._transfer("PUT", url, body=body)

    def download(self, url: str, into: IO[bytes]) -> None:
        """Download from a URL of X into a file, without credentials. Raises as `upload` does."""
        self._transfer("GET", url, into=into)

    def _transfer(self, method: str, url: str, **content: Any) -> None:
        insecure = self.base_url.startswith("http://")
        transfer(
            method,
            url,
            insecure=insecure,
            timeout=self.timeout,
            retries=self.retries,
            wait=self.wait,
            **content,
        )

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self._complete:
            return "<Client: incomplete>"
        return f"<Client {redact(self.base_url)}: {', '.join(self.kinds) or 'no credentials'}>"

    def _repr_html_(self) -> str:
        return html(self) if self._complete else escape(repr(self))

    @property
    def _complete(self) -> bool:
        """Whether its constructor returned: a debugger also shows an incomplete client."""
        return "_user_id" in vars(self)

    # one try -------------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        """How long an answer may take, headers and body."""
        return max(self.retries.silent, self.timeout[1])

    def _kind(self, request: Request) -> str:
        return self._credentials.choose(
            ACTIONS.get(request.action or ""), owner=asks_owner(request.params)
        )

    def _attempt(self, request: Request, action: Action | None, kind: str) -> Page | ApiError:
        """Send once; return a page or an error.

        Errors of requests end here, because they hold the headers of the request.
        """
        try:
            answer = self._transport(request)
        except ApiError as error:
            return error.with_traceback(None)  # its frames have seen tokens
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return lost(error, request)
        now = self.now()
        with self._counters.lock:
            self._counters.bytes += len(answer.body)
        if action:
            self._pacer.learn(*_pool(action, kind), answer.headers, now.timestamp())
        further = action is not None and action.token in request.params
        lists = action is not None and action.kind == "read" and not action.names_things
        meant = wire.classify(
            answer.status,
            answer.headers,
            answer.body,
            action=request.action,
            now=now,
            further=further,
            lists=lists,
        )
        if meant is None:
            return Page(request, answer.body, now, answer.status)
        return explained(meant, answer.status, answer.headers.get("location", ""), action, kind)

    def _no_stream(
        self, response: requests.Response, request: Request, action: Action | None, kind: str
    ) -> ApiError:
        """Return the error for a response that is not a stream."""
        status, headers = response.status_code, response.headers
        body = whole(response, Clock(self._seconds))
        meant = wire.classify(status, headers, body, action=request.action, now=self.now())
        unlike = Unavailable(
            f"{request.path}: HTTP {status} is not a stream", status=status, action=request.action
        )
        return explained(meant or unlike, status, headers.get("location", ""), action, kind)

    def _http(self, request: Request) -> Answer:
        """Send over HTTP, without following redirects: they would receive the credentials."""
        try:
            signer = self._credentials.signer(self._kind(request), self.base_url)
        except Unavailable as error:  # without a token
            error.kind = NOT_SENT
            raise
        response = self._session.request(
            request.method,
            self.base_url + request.path,
            params=dict(request.params),
            auth=signer,
            timeout=self.timeout,
            allow_redirects=False,
            **_content(request),
        )
        return Answer(response.status_code, response.headers, response.content)

    # waiting -------------------------------------------------------------------------------------

    def _pace(self, action: Action | None, kind: str, trying: Trying) -> None:
        """Wait for this request's place in X's windows, and count it."""
        if action is not None:
            now = self.now()
            pool, windows = _pool(action, kind)
            seconds = self._pacer.reserve(pool, windows, now.timestamp(), most=self.retries.wait)
            if seconds > self.retries.wait:
                when = now + timedelta(seconds=seconds)
                message = f"{action.name}: at X's rate limit until {when:%Y-%m-%d %H:%M:%S} UTC"
                raise RateLimited(message, action=action.name, retry_at=when)
            if seconds > 0:
                trying.waited += seconds
                self.wait(seconds, f"{action.name}: pacing to X's rate limit")
        with self._counters.lock:
            self._counters.requests += 1


# the default client ------------------------------------------------------------------------------

_default: Client | None = None
_default_lock = Lock()


def use(client: Client | None) -> Client | None:
    """Make a client the default of all functions that take `client`.

    Parameters
    ----------
    client
        The client. None removes the default: the next call makes one from the environment or the
        config file.

    Returns
    -------
    Client or None
        The same client.

    Raises
    ------
    ArgumentError
        It is not a Client.

    Examples
    --------
    >>> xf.use(xf.Client(bearer_token="…"))
    """
    if client is not None and not isinstance(client, Client):
        raise ArgumentError(
            f"client: expected a Client, e.g. xf.Client(bearer_token=…), got {client!r:.60}"
        )
    global _default  # noqa: PLW0603  the one setting that is a module's: notebooks want it
    with _default_lock:
        _default = client
    return client


def checked(client: Client | None, what: str) -> Client:
    """Return the client given, or the default one. Raises ConfigError as `Client.may_send`."""
    if isinstance(client, Client) and getattr(client.send, "__func__", None) is Client.send:
        client.may_send(what)  # else it sends in its own way
    return current(what) if client is None else client


def current(what: str, action: str | None = None) -> Client:
    """Return the default client: the one given to `use`, else one made from the environment.

    Raises ConfigError as `Client.may_send` does.
    """
    global _default  # noqa: PLW0603  the same
    with _default_lock:
        found = Client() if _default is None else _default
        found.may_send(what, action)
        _default = found
        return found


# helpers -----------------------------------------------------------------------------------------


def _session(base_url: str, seconds: float) -> requests.Session:
    session = session_for(base_url, seconds)
    session.headers.update({"User-Agent": f"xframes/{VERSION}", "Accept": "application/json"})
    return session


def _content(request: Request) -> dict[str, Any]:
    """A request's body as requests takes it: JSON, or a form where there are files."""
    if request.files is None:
        return {"json": request.body}
    files = {name: (name, data, "application/octet-stream") for name, data in request.files.items()}
    return {"data": dict(request.body or {}), "files": files}


def server_url(given: str | None = None) -> str:
    """Return the server: the one given, else of the environment, the config file, or X's.

    Raises ConfigError for what is not the URL of a server.
    """
    url = given or from_environment("XFRAMES_BASE_URL") or text(table(), "base_url") or BASE_URL
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no address
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"base_url must look like {BASE_URL}, not {redact(url)!r}")
    return url.rstrip("/")


def vocabulary(given: Vocabulary | None = None) -> Vocabulary:
    """Return the words of requests: those given, else of the environment or the config file.

    Raises ArgumentError for others given, ConfigError for others set.
    """
    if given is not None and given not in WORDS.values:
        raise ArgumentError(f"words: expected {WORDS.expected}, got {given!r:.40}")
    if (given or WORDS.value) == "post":
        return "post"
    return "tweet"


def _pool(action: Action, kind: str) -> tuple[tuple[str, str], tuple[Window, ...]]:
    windows = (action.app or action.user) if kind == "app" else (action.user or action.app)
    return ("app" if kind == "app" else "user", action.name), windows

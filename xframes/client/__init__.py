"""The client: sends requests within X's rate limits, and returns pages or raises one clear error.

Only this package sends requests, and `auth` for tokens. Tests replace `transport`, `sleep` and
`now`.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape
from threading import Lock
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from xframes import wire
from xframes.auth import KINDS, Credentials, OAuth1, OAuth2, Secret, redact
from xframes.auth.credentials import DEMO, text
from xframes.auth.obstacles import expected_obstacles
from xframes.auth.sessions import session_for
from xframes.auth.transport import Clock, whole
from xframes.billing import guard
from xframes.billing.budget import Budget
from xframes.billing.card import in_dollars
from xframes.billing.meter import Meter, Ticket
from xframes.billing.resources import included_again
from xframes.billing.sums import money
from xframes.client.connection import STALL_SECONDS, HangUp, lines
from xframes.client.display import html
from xframes.client.failures import NOT_SENT, explained, lost
from xframes.client.pacing import Pacer
from xframes.client.replay import Replay
from xframes.client.retries import Retries, Trying
from xframes.client.stopping import check_stopped, pause
from xframes.client.transfers import transfer
from xframes.errors import (
    ApiError,
    ArgumentError,
    ConfigError,
    NotRecorded,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from xframes.plan import asks_owner
from xframes.plan.values import QUERY_MOST
from xframes.registry import ACTIONS
from xframes.registry.prices import dollars
from xframes.screen import counted, neutral
from xframes.sealing import sealed
from xframes.settings import BASE_URL, WORDS, from_environment, table
from xframes.version import VERSION
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from xframes.auth.obstacles import Obstacle
    from xframes.client.replay import Recorded
    from xframes.plan import Plan
    from xframes.registry import Action, Window
    from xframes.schema import Vocabulary

__all__ = ["Answer", "Client", "HangUp", "Replay", "Retries", "current", "now", "use"]


def __dir__() -> list[str]:
    return list(__all__)


log = logging.getLogger("xframes")
_PATIENCE = Retries()
_AT_ONCE = 4  # collections of one call that send requests at the same time
_LONG_WAIT = 10.0  # seconds; longer waits are printed, even without `on_wait`


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers (in a mapping that ignores case) and the whole body."""

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
    budget
        The most that its requests may cost, e.g. `xf.Budget(usd=5)`. Default: `XFRAMES_BUDGET`,
        else `budget` in the config file, else no bound.
    on_wait
        Function to call with the seconds and the reason of every wait of a second or more.
        Default: print waits of ten seconds or more on standard error.
    replay
        Archive, or a Replay of one, whose pages answer all requests: no network and no credentials
        are needed, and its clock shows the recorded times. Default: requests are sent.
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
        self, bearer_token: str | Secret | None = None,
        oauth1: OAuth1 | tuple[str, ...] | None = None,
        oauth2: OAuth2 | str | None = None, *, base_url: str | None = None,
        words: Vocabulary | None = None, timeout: tuple[float, float] = (10.0, 60.0),
        retries: Retries | int = _PATIENCE, query_limit: int | None = None, writes: bool = False,
        budget: Budget | None = None, on_wait: Callable[[float, str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep, now: Callable[[], datetime] = _utc_now,
        transport: Callable[[Request], Answer] | None = None,
        replay: Recorded | Replay | None = None,
    ) -> None:
        if replay is not None and not isinstance(replay, Replay):
            replay = Replay(replay)
        self.replay = replay
        if replay is None and bearer_token is None and oauth1 is None and oauth2 is None:
            self._credentials = Credentials.find()
        else:
            self._credentials = Credentials(bearer_token, oauth1, oauth2)
        self.base_url = server_url(base_url)
        if query_limit is not None and not 1 <= query_limit <= QUERY_MOST:
            raise ArgumentError(f"query_limit: expected 1 to {QUERY_MOST:,}, got {query_limit}")
        self.words = vocabulary(words)
        self.query_limit = query_limit
        self.writes = writes
        self.timeout = timeout
        if isinstance(retries, int):
            retries = Retries(attempts=retries)
        self.retries = retries
        self.on_wait = on_wait
        self.sleep = sleep
        self.now = now
        if replay is not None:
            self.now = replay.now
        self._transport = transport or self._http
        is_sent = transport is None and replay is None
        self.guarded = is_sent and self.base_url == BASE_URL
        self._session = _session(self.base_url, self._seconds)
        self._pacer = Pacer()
        self._counters = _Counters()
        self.meter = self._meter(budget)
        self._user_id: str | None = None
        self._receipts = wire.Receipts()

    @classmethod
    def from_env(cls, **options: Any) -> Client:
        """Create a client with the credentials of the environment or the config file.

        Parameters
        ----------
        options
            Further arguments of Client, such as `writes=True`.

        Returns
        -------
        Client
            A client with at least one kind of credentials.

        Raises
        ------
        ConfigError
            There are no credentials, or they are invalid.

        Examples
        --------
        >>> client = xf.Client.from_env(writes=True)
        """
        client = cls(**options)
        if not client.kinds and client._credentials.oauth1 is None:
            variables = "; ".join(variable for _, variable in KINDS.values())
            raise ConfigError(f"no credentials found. Set one of: {variables}; {DEMO}")
        return client

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its credentials: app, oauth1, oauth2."""
        return self._credentials.held

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of its OAuth 2.0 token; empty if they are not known."""
        oauth2 = self._credentials.oauth2
        if oauth2 is None:
            return ()
        return tuple(oauth2.scopes)

    @property
    def requests_made(self) -> int:
        """The number of requests sent so far, with failed ones."""
        return self._counters.requests

    @property
    def bytes_received(self) -> int:
        """The number of bytes of bodies received so far, after decompression."""
        return self._counters.bytes

    @property
    def at_once(self) -> int:
        """How many collections may have a request under way, with one pace for all of them.

        With a budget it is one: what is under way counts with the most that it can cost, so that
        several requests would reach the budget too early.
        """
        is_http = self.replay is None and self._transport == self._http
        if is_http and self.meter.budget is None:
            return _AT_ONCE
        return 1

    @property
    def limits(self) -> dict[str, tuple[int, int, datetime]]:
        """The rate limits that X reported, by action: requests per window, left, and its end."""
        reported = self._pacer.limits()
        return {
            name: (most, left, datetime.fromtimestamp(end, UTC))
            for (_, name), (most, left, end) in reported.items()
        }

    def send(self, request: Request) -> Page:
        """Send a request and return its page; wait and retry as `retries` allows.

        Parameters
        ----------
        request
            Method, path, parameters and action, e.g. `Request("GET", "/2/users/me")`.

        Returns
        -------
        Page
            The verbatim response. Its request is for a smaller page if X failed repeatedly.

        Raises
        ------
        ConfigError
            No credentials fit.
        InvalidRequest, Unauthorized, Forbidden, NotFound, UsageCapped
            X refused the request. It is not retried.
        RateLimited, Unavailable
            The waits or retries that `retries` allows were not enough.
        OutcomeUnknown
            X did not answer a write. It is not retried.

        Examples
        --------
        >>> from xframes.wire import Request
        >>> client.send(Request("GET", "/2/users/me", action="users.me")).body
        """
        action = ACTIONS.get(request.action or "")
        if request.method != "GET":
            self.may_write(request.action or request.path)
        if self.replay is not None:
            return self.replay.answer(request)
        kind = self._kind(request)
        trying = Trying(self.retries, self.now())
        while True:
            self._pace(action, kind, trying)
            token = None
            if kind == "oauth2":
                token = self._credentials.oauth2_token()
            outcome = self._billed(request, action, kind)
            if isinstance(outcome, Page):
                return outcome
            is_refused = isinstance(outcome, Unauthorized) and outcome.status == 401
            if is_refused and token and not trying.renewed:
                try:
                    trying.renewed = True
                    if self._credentials.renew(self.base_url, token):
                        continue
                except Unavailable as error:  # the token was not renewed: retry, also a write
                    error.kind, trying.renewed = NOT_SENT, False
                    outcome = error.with_traceback(None)
            seconds = trying.next(outcome, request, self.now())
            request = trying.request_after(outcome, request)
            if isinstance(outcome, RateLimited) and action:
                until = self.now() + timedelta(seconds=seconds)
                self._pacer.hold(*_pool(action, kind), until.timestamp())
            self.wait(seconds, str(outcome))

    def owns(self, request: Request) -> bool:
        """Whether a request reads what belongs to the client's user, for which X bills less."""
        action = ACTIONS.get(request.action or "")
        return self._is_own(request, action) and self._kind(request) != "app"

    def user_id(self) -> str:
        """Return the user id of the credentials, after one request. Raises as `send` does."""
        if not self._user_id and self.replay is not None:
            self._user_id = self.replay.user_id()
        if not self._user_id:
            page = self.send(Request("GET", "/2/users/me", action="users.me"))
            user_id = _user_id(page)
            if user_id is None:
                raise Unavailable("users.me: the response has no user id", action="users.me")
            self._user_id = user_id
        return self._user_id

    def stream(self, request: Request, hang_up: HangUp | None = None) -> Iterator[bytes]:
        """Connect to a stream once, and yield its lines until it ends.

        It waits for the rate limit of connections, but does not connect again: the caller knows
        what is missing then.

        Parameters
        ----------
        request
            The request of the stream.
        hang_up
            Another thread can call it to end the connection immediately.

        Returns
        -------
        Iterator of bytes
            Lines as they arrive. Keep-alives are empty lines.

        Raises
        ------
        ConfigError
            No credentials fit.
        ApiError
            X refused the request, as in `send`.
        Unavailable
            The connection was lost, or nothing was received for 20 seconds.

        Examples
        --------
        >>> from xframes.wire import Request
        >>> path = "/2/tweets/sample/stream"
        >>> for line in client.stream(Request("GET", path, action="streams.sample")):
        ...     print(line)
        """
        action, kind = ACTIONS.get(request.action or ""), self._kind(request)
        self._pace(action, kind, Trying(self.retries, self.now()))
        ticket = self.meter.open(request, owned=False)
        request, began = ticket.request, False
        try:
            signer = self._credentials.signer(kind, self.base_url)
            with self._session.get(
                self.base_url + request.path, params=dict(request.params), auth=signer, stream=True,
                timeout=(self.timeout[0], STALL_SECONDS), allow_redirects=False,
            ) as response:
                if action:
                    now = self.now().timestamp()
                    self._pacer.learn(*_pool(action, kind), response.headers, now)
                content_type = response.headers.get("content-type", "")
                if response.status_code == 200 and "html" not in content_type:
                    if hang_up is not None:
                        hang_up.watch(response)
                    began = True
                    self.meter.refused(ticket)  # a connection costs nothing, its lines do
                    for line in lines(response):
                        with self._counters.lock:
                            self._counters.bytes += len(line)
                        self.meter.line(request, line)
                        yield line
                        self.meter.check(request)
                    return
                failure = self._refused(response, request, kind)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = lost(error, request)
        finally:
            if not began:
                self.meter.refused(ticket)
        raise failure  # outside the handlers, whose errors hold the headers of the request

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, and report the reason to `on_wait`, or that of a long wait to stderr."""
        end = ""
        if seconds >= _LONG_WAIT:
            end = f" (until {self.now() + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC)"
        message = neutral(f"waiting {seconds:,.0f} s: {redact(why)}{end}", keep="\n\t")
        if seconds >= 1:
            log.info(message)
        else:
            log.debug(message)
        if self.on_wait is not None and seconds >= 1:
            self.on_wait(seconds, message)
        elif self.on_wait is None and seconds >= _LONG_WAIT:
            from tqdm.auto import tqdm

            tqdm.write(f"xframes: {message}", file=sys.stderr)
        pause(seconds, self.sleep)

    def may_write(self, what: str) -> None:
        """Raise ArgumentError unless the client was created with `writes=True`."""
        action = what if what in ACTIONS else None
        if self.replay is not None:
            raise ArgumentError(f"{what} changes things at X; a replay only reads", action=action)
        if not self.writes:
            raise ArgumentError(
                f"{what} changes things at X; that needs Client(writes=True)", action=action
            )

    def may_send(self, what: str, action: str | None = None) -> str:
        """Return the kind of credentials that an action is sent with; raise ConfigError if none.

        The error names `what`. `action` is the action to check, if `what` is a function of several.
        """
        if self.replay is not None:
            return "app"
        return self._credentials.choose(ACTIONS.get(action or what), name=what)

    def obstacles(self, action: Action) -> tuple[Obstacle, ...]:
        """Return what is known to keep an action from being carried out; no request is sent."""
        return tuple(expected_obstacles(action, self._credentials))

    def upload(self, url: str, body: bytes) -> None:
        """Upload a text to a signed URL that X sent, without credentials, with retries.

        Raises InvalidRequest, Forbidden, NotFound or Unavailable.
        """
        self.may_write("an upload")
        self._transfer("PUT", url, body=body)

    def download(self, url: str, into: IO[bytes]) -> None:
        """Download a signed URL that X sent into a file, without credentials.

        Raises as `upload` does.
        """
        self._transfer("GET", url, into=into)

    def _transfer(self, method: str, url: str, **content: Any) -> None:
        if self.replay is not None:
            raise NotRecorded("replay: the archive has no files of signed URLs")
        insecure = self.base_url.startswith("http://")
        transfer(
            method, url, insecure=insecure, timeout=self.timeout, retries=self.retries,
            wait=self.wait, **content,
        )

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self._complete:
            return "<Client: incomplete>"
        if self.replay is not None:
            return f"<Client of {self.replay}>"
        return f"<Client {redact(self.base_url)}: {', '.join(self.kinds) or 'no credentials'}>"

    def _repr_html_(self) -> str:
        if not self._complete:
            return escape(repr(self))
        return html(self)

    @property
    def _complete(self) -> bool:
        """Whether the constructor returned: a debugger also shows a client that it refused."""
        return "_user_id" in vars(self)

    # one attempt ---------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        """The seconds that a response may take, with headers and body."""
        return max(self.retries.silent, self.timeout[1])

    def _kind(self, request: Request) -> str:
        action = ACTIONS.get(request.action or "")
        owner = asks_owner(request.params) or self._is_own(request, action)
        return self._credentials.choose(action, owner=owner)

    def _meter(self, budget: Budget | None) -> Meter:
        if budget is not None and not isinstance(budget, Budget):
            raise ArgumentError(
                f"budget: expected a Budget such as xf.Budget(usd=5), got {budget!r:.60}"
            )
        server = "" if self.base_url == BASE_URL else self.base_url
        identify = partial(self._credentials.apps, server=server)
        return Meter(identify, server, budget or Budget.find(), self._clock)

    def _clock(self) -> datetime:
        return self.now()

    def _billed(self, request: Request, action: Action | None, kind: str) -> Page | ApiError:
        """Send a request once, within the budget, and write what it costs to the ledger."""
        ticket = self.meter.open(request, owned=kind != "app" and self._is_own(request, action))
        outcome: Page | ApiError | None = None
        try:
            outcome = self._attempt(ticket.request, action, kind, ticket)
        finally:
            self._close(ticket, outcome)
        return outcome

    def _close(self, ticket: Ticket, outcome: Page | ApiError | None) -> None:
        """Record what an attempt cost: None if it was broken off.

        A refusal costs nothing. X may have billed an answer that did not arrive, or that was a
        success and could not be used.
        """
        if isinstance(outcome, Page):
            self.meter.answered(ticket, outcome.body, outcome.outline)
            if outcome.request.action == "users.me":
                self._user_id = self._user_id or _user_id(outcome)
        elif outcome is not None and (outcome.kind == NOT_SENT or (outcome.status or 0) >= 300):
            self.meter.refused(ticket)
        else:
            self.meter.lost(ticket, is_answered=outcome is not None and outcome.status == 200)

    def _is_own(self, request: Request, action: Action | None) -> bool:
        """Whether a request reads what belongs to the client's user, who pays less for it."""
        if action is None or not action.owned:
            return False
        user_id = self._user_id or self._credentials.user_id
        if user_id is None and self._user_id is None and self._transport == self._http:
            self._learn_user_id()
            user_id = self._user_id
        owner = action.pattern.fullmatch(request.path)
        return owner is not None and owner["id"] == user_id

    def _learn_user_id(self) -> None:
        """Learn the user id by one attempt of a free request; unknown if that fails."""
        self._user_id = ""
        action = ACTIONS["users.me"]
        if not set(self.kinds).isdisjoint(action.auth):
            request = Request("GET", action.path, action=action.name)
            with suppress(ConfigError):  # a login without the scopes
                page = self._attempt(request, action, self._kind(request))
                if isinstance(page, Page):
                    self._user_id = _user_id(page) or ""

    def _attempt(
        self, request: Request, action: Action | None, kind: str, ticket: Ticket | None = None
    ) -> Page | ApiError:
        """Send a request once, and return its page or the error.

        Errors of requests are not raised, because they hold the headers of the request.
        """
        try:
            answer = self._transport(request)
        except ApiError as error:
            return error.with_traceback(None)  # its frames can hold tokens
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return lost(error, request)
        now = self.now()
        with self._counters.lock:
            self._counters.bytes += len(answer.body)
        if ticket is not None:
            ticket.answered_at = wire.server_time(answer.headers)
        if action:
            self._pacer.learn(*_pool(action, kind), answer.headers, now.timestamp())
        further = action is not None and action.token in request.params
        lists = action is not None and action.kind == "read" and not action.names_things
        outline = wire.read_outline(answer.body)
        refusal = wire.classify(
            answer.status, answer.headers, answer.body, action=request.action, now=now,
            further=further, lists=lists, outline=outline,
        )
        if refusal is None:
            received_at = self._receipts.time(now)
            return Page(request, answer.body, received_at, answer.status, outline=outline)
        return explained(refusal, answer.status, answer.headers.get("location", ""), request, kind)

    def _refused(
        self, response: requests.Response, request: Request, kind: str
    ) -> ApiError:
        """Return the error for a response that is not a stream."""
        status, headers = response.status_code, response.headers
        body = whole(response, Clock(self._seconds))
        error = wire.classify(status, headers, body, action=request.action, now=self.now())
        if error is None:
            error = Unavailable(
                f"{request.path}: expected a stream, got HTTP {status} with a page of HTML",
                status=status, action=request.action,
            )
        return explained(error, status, headers.get("location", ""), request, kind)

    def _http(self, request: Request) -> Answer:
        """Send a request by HTTP.

        Redirects are not followed, because they would send the credentials to another server.
        """
        try:
            signer = self._credentials.signer(self._kind(request), self.base_url)
        except Unavailable as error:  # no token was renewed, so the request was not sent
            error.kind = NOT_SENT
            raise
        response = self._session.request(
            request.method, self.base_url + request.path, params=dict(request.params), auth=signer,
            timeout=self.timeout, allow_redirects=False, **_content(request),
        )
        return Answer(response.status_code, response.headers, response.content)

    # waiting -------------------------------------------------------------------------------------

    def _pace(self, action: Action | None, kind: str, trying: Trying) -> None:
        """Wait until X's rate limits allow the request, and count it."""
        check_stopped()
        if action is not None:
            now = self.now()
            pool, windows = _pool(action, kind)
            seconds = self._pacer.reserve(pool, windows, now.timestamp(), most=self.retries.wait)
            if seconds > self.retries.wait:
                when = now + timedelta(seconds=seconds)
                raise RateLimited(
                    f"{action.name}: X's rate limit is reached until {when:%Y-%m-%d %H:%M:%S} UTC",
                    action=action.name, retry_at=when,
                )
            if seconds > 0:
                trying.waited += seconds
                self.wait(seconds, f"{action.name}: keeping within X's rate limit")
        with self._counters.lock:
            self._counters.requests += 1


# the default client ------------------------------------------------------------------------------

_default: Client | None = None
_default_lock = Lock()


def use(client: Client | None) -> Client | None:
    """Set the default client of all collectors.

    Parameters
    ----------
    client
        The new default. None removes it, and the next collector creates one from the environment.

    Returns
    -------
    Client or None
        The argument.

    Raises
    ------
    ArgumentError
        The argument is not a Client.

    Examples
    --------
    >>> xf.use(xf.Client("my-bearer-token"))
    """
    if client is not None and not isinstance(client, Client):
        raise ArgumentError(
            f"client: expected a Client, such as xf.Client(bearer_token=…), got {client!r:.60}"
        )
    global _default  # noqa: PLW0603  notebooks need a default for the whole process
    with _default_lock:
        _default = client
    return client


def now() -> datetime:
    """Return the present time in UTC; if the default client is a replay, the recorded time.

    A notebook that computes times from it requests the same rows when it is replayed.

    Returns
    -------
    datetime
        The time, with a time zone.

    Examples
    --------
    >>> xf.search.recent("duckdb", start_time=xf.now() - timedelta(days=2))
    """
    client = _default
    if client is None:
        return _utc_now()
    return client.now()


def checked(client: Client | None, what: str) -> Client:
    """Return the client, or the default one for None. Raises ConfigError as `Client.may_send`."""
    if client is None:
        return current(what)
    if isinstance(client, Client) and getattr(client.send, "__func__", None) is Client.send:
        client.may_send(what)  # a client with a `send` of its own needs no credentials
    return client


def check_price(client: Client, plan: Plan) -> None:
    """Check what a collection may cost, if the client has no budget and sends to X itself.

    A sample for a given price has a bound already.

    Raises BudgetError as `billing.guard` does.
    """
    is_bounded = plan.sample is not None and plan.sample.has_price
    if not isinstance(client, Client) or not client.guarded or is_bounded:
        return
    if client.meter.budget is None:
        guard.check_price(plan, client.meter.card)


def warn_of_another_day(client: Client, plan: Plan, pages: Iterable[Page]) -> None:
    """Log what X bills again, if a collection is resumed on another day (UTC) than it began.

    X does not send its main objects twice, but can include the same people and posts again. The
    ledger has a line for each day.
    """
    is_sent = isinstance(client, Client) and client.replay is None
    if not is_sent or "expansions" not in plan.field_params:
        return
    today = client.now().astimezone(UTC).date()
    count, units = included_again(pages, plan.declared, client.meter.card, today)
    if count:
        log.warning(
            "%s is resumed on another day (UTC), on which X bills included objects again: up to %s "
            "for %s that the earlier pages have", plan.action, dollars(in_dollars(units)),
            counted(count, "object"),
        )


def price_note(client: Client, run_id: str) -> str:
    """Return what a run cost so far, for a progress bar."""
    prices = client.meter.of_run(run_id) if isinstance(client, Client) else None
    if prices is None:
        return ""
    return money(*prices)


def current(what: str, action: str | None = None) -> Client:
    """Return the default client: that of `use`, or one created from the environment, once.

    Raises ConfigError as `Client.may_send` does.
    """
    global _default  # noqa: PLW0603  as above
    with _default_lock:
        client = _default
        if client is None:
            client = Client()
        client.may_send(what, action)
        _default = client
        return client


def _user_id(page: Page) -> str | None:
    document = wire.read_json(page.body)
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not data.get("id"):
        return None
    return str(data["id"])


# helpers -----------------------------------------------------------------------------------------


def _session(base_url: str, seconds: float) -> requests.Session:
    session = session_for(base_url, seconds)
    session.headers.update({"User-Agent": f"xframes/{VERSION}", "Accept": "application/json"})
    return session


def _content(request: Request) -> dict[str, Any]:
    """Return the body of a request for requests: JSON, or a form if there are files."""
    if request.files is None:
        return {"json": request.body}
    files = {name: (name, data, "application/octet-stream") for name, data in request.files.items()}
    return {"data": dict(request.body or {}), "files": files}


def server_url(url: str | None = None) -> str:
    """Return the server: `url`, or that of the environment or the config file, or X.

    Raises ConfigError for an invalid URL.
    """
    url = url or from_environment("XFRAMES_BASE_URL") or text(table(), "base_url") or BASE_URL
    try:
        parts = urlsplit(url)
    except ValueError:  # for example, brackets without an address
        parts = urlsplit("")
    is_http = parts.scheme in {"http", "https"}
    if not is_http or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"base_url: expected a URL such as {BASE_URL}, got {redact(url)!r}")
    return url.rstrip("/")


def vocabulary(given: Vocabulary | None = None) -> Vocabulary:
    """Return the words of requests: `given`, or those of the environment or the config file.

    Raises ArgumentError if `given` is invalid, ConfigError if the setting is invalid.
    """
    if given is not None and given not in WORDS.values:
        raise ArgumentError(f"words: expected {WORDS.expected}, got {given!r:.40}")
    if (given or WORDS.value) == "post":
        return "post"
    return "tweet"


def _pool(action: Action, kind: str) -> tuple[tuple[str, str], tuple[Window, ...]]:
    if kind == "app":
        return ("app", action.name), action.app or action.user
    return ("user", action.name), action.user or action.app

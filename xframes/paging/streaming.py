"""Listen to a stream: a thread reads its lines, and they and every gap become pages.

It reconnects as X documents (docs.x.com/x-api/fundamentals/handling-disconnections): immediately
after a lost connection, and then 250 ms later each time, up to 16 s. After an HTTP error, or while
X has not closed the last connection yet, it waits 5 s, doubled each time up to 320 s; after a rate
limit 60 s, doubled each time.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from xframes.client import Client, HangUp
from xframes.errors import ApiError, ArgumentError, RateLimited
from xframes.paging.pages import State
from xframes.wire import Page, Receipts, Request, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from xframes.client import Replay
    from xframes.plan import Plan

__all__ = ["GAP", "Listener", "Opener", "listen"]

# How the detail of a gap has its causes, in regular expressions of DuckDB.
GAP_CAUSE = "UTC: (.*); (?:start_time=|it was not requested again|backfill_minutes=)"
GAP = "https://xframes.invalid/problems/stream_gap"  # the `type` of the problem that reports a gap
_MOST_IDS = 200_000  # ids of posts to remember, more than X's backfill of 5 minutes can repeat
_TICK = 0.25
_STEADY = timedelta(seconds=30)  # a connection of this duration worked, with or without posts
_MOST_CAUSES = 5  # of one gap
_START = State()
_STILL_OPEN = "streaming-connection"  # the kind of a 429 while X has not closed the last connection


class Opener(Protocol):
    """The part of a client that opens streams."""

    now: Callable[[], datetime]

    def stream(self, request: Request, hang_up: HangUp | None = None) -> Iterator[bytes]:
        """Yield the lines of one connection, until `hang_up` is called."""
        ...

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, and report why."""
        ...


@dataclass(slots=True)
class Backoff:
    """Seconds to wait before the next connection, by the kind of failure."""

    network: float = 0.0
    http: float = 5.0
    limited: float = 60.0

    def reset(self) -> None:
        """Return to the first waits, after a connection that worked."""
        self.network, self.http, self.limited = 0.0, 5.0, 60.0

    def next(self, error: ApiError | None, ahead: float = 0.0) -> float:
        """Return the seconds to wait after an error, or after an end without one.

        `ahead` is the wait that X sent with the error.
        """
        if isinstance(error, RateLimited) and error.kind == _STILL_OPEN:
            ahead = 0.0  # the reset of a rate limit, which is not the reason here
        if isinstance(error, RateLimited) and error.kind != _STILL_OPEN:
            seconds, self.limited = max(self.limited, ahead), min(self.limited * 2, 960.0)
        elif error is not None and error.status is not None:
            seconds, self.http = max(self.http, ahead), min(self.http * 2, 320.0)
        else:
            seconds, self.network = self.network, min(self.network + 0.25, 16.0)
        return seconds


class _Named(msgspec.Struct):
    id: str | int | None = None


class _Line(msgspec.Struct):
    """The parts of a line that are read while listening."""

    data: _Named | None = None
    matching_rules: list[_Named] = []
    errors: list[dict[str, Any]] = []


_lines = msgspec.json.Decoder(_Line)


def _read(line: bytes) -> _Line:
    """Read a line. The result is empty for an invalid line, which flattening reports."""
    try:
        return _lines.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        return msgspec.convert(read_json(line), _Line)
    except (msgspec.MsgspecError, ValueError):
        return _Line()


def _end_reason(line: _Line) -> str | None:
    """Return X's reason if a line announces the end of the connection."""
    for error in line.errors:
        if "disconnect_type" in error or "-disconnect" in str(error.get("type")):
            parts = (error.get("title"), error.get("disconnect_type"), error.get("detail"))
            reasons = dict.fromkeys(str(part) for part in parts if part)
            return f"X ended the connection: {'; '.join(reasons)}"
    return None


@dataclass(slots=True)
class _Gap:
    since: datetime
    causes: list[str]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A page in the queue, and the numbers of different posts and of gaps up to it."""

    page: Page
    posts: int
    gaps: int


@dataclass
class Listener:
    """A running stream. `take()` returns its pages; `error` is the failure that ended it, if any.

    `posts` counts the different posts of the pages taken, and `gaps` their gaps. A post that X
    repeats is dropped, unless it matched a new rule. `ended` is set when the limit or the duration
    is reached, or `stop()` is called.
    """

    client: Opener
    plan: Plan
    posts: int = 0
    gaps: int = 0
    error: BaseException | None = None
    ended: bool = False  # not an Event, whose lock a signal handler could wait for forever
    _queue: SimpleQueue[_Heard] = field(default_factory=SimpleQueue)
    _seen: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict)
    _backoff: Backoff = field(default_factory=Backoff)
    _gap: _Gap | None = None
    _gap_lock: threading.Lock = field(default_factory=threading.Lock)
    _began: datetime | None = None
    _heard: datetime | None = None
    _receipts: Receipts = field(default_factory=Receipts)
    _reason: str | None = None
    _thread: threading.Thread | None = None
    _hang_up: HangUp = field(default_factory=HangUp)
    _until: float | None = None
    _counted: int = 0
    _gap_count: int = 0

    def start(self, state: State = _START, known: Iterable[Page] = ()) -> None:
        """Start to listen, or resume after a state; `known` are the pages before it."""
        self._began = self.client.now()
        if self.plan.arguments.get("backfill_minutes") or self.plan.arguments.get("start_time"):
            for page in known:  # with these arguments, X can repeat posts
                self._is_new(_read(page.body))
        self.posts = self._counted = state.rows
        self.gaps = self._gap_count = state.gaps or 0
        if state.heard is not None:
            self._gap = _Gap(datetime.fromisoformat(state.heard), ["xframes was not listening"])
        if (seconds := self.plan.arguments.get("duration")) is not None:
            self._until = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._run, daemon=True, name="xframes-stream")
        self._thread.start()

    def stop(self) -> None:
        """End the stream. Pages that were received can still be taken."""
        self.ended = True
        self._hang_up()

    def take(self, most: int = 500) -> list[Page]:
        """Return the pages received, at most `most`, after a short wait for the first one.

        Also stop the stream when its duration is over.
        """
        if self._until is not None and time.monotonic() >= self._until:
            self.stop()
        received: list[_Heard] = []
        try:
            received.append(self._queue.get(timeout=0 if self.ended else _TICK))
            while len(received) < most:
                received.append(self._queue.get_nowait())
        except Empty:
            pass
        if received:
            self.posts, self.gaps = received[-1].posts, received[-1].gaps
        return [heard.page for heard in received]

    @property
    def running(self) -> bool:
        """Whether pages can still be taken: the thread runs and was not stopped, or pages wait."""
        is_alive = self._thread is not None and self._thread.is_alive()
        return (is_alive and not self.ended) or not self._queue.empty()

    def last(self) -> list[Page]:
        """Return the pages received while the stream ended, and a gap that lasted until its end."""
        if self._thread is not None:
            self._thread.join(_TICK)  # it may have a line to keep, or sleep for minutes
        if self.error is None or self._heard is not None:
            self._close_gap()
        return self.take(self._queue.qsize())

    # in the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._listen()
        except BaseException as error:  # noqa: BLE001  it is raised where the pages are taken
            self.error = error
        self.ended = True

    def _listen(self) -> None:
        request = self.plan.request()
        while True:
            error = self._connection(request)
            if self.ended:
                return
            if self.plan.arguments.get("end_time") and error is None and self._reason is None:
                return  # X ends a stream of past time itself
            why = "X ended the connection"
            if error is not None:
                why = str(error)
            why = self._reason or why
            self._open_gap(why)
            self._raise_if_final(error)
            if self._pause(error, why):
                return

    def _pause(self, error: ApiError | None, why: str) -> bool:
        """Wait before the next connection. Return whether the stream was stopped meanwhile."""
        ahead = 0.0
        if error is not None and error.retry_at is not None:
            ahead = (error.retry_at - self.client.now()).total_seconds()
        seconds = self._backoff.next(error, ahead)
        if seconds > 0:
            self.client.wait(seconds, f"{self.plan.action} lost its connection: {why}")
        return self.ended

    def _connection(self, request: Request) -> ApiError | None:
        """Read one connection to its end. Return the error that ended it, if any."""
        began, self._reason = self.client.now(), None
        try:
            for line in self.client.stream(request, self._hang_up):
                self._heard = self.client.now()
                if not self.ended:
                    self._close_gap()
                if line.strip():
                    self._keep(Page(request, line, self._receipts.time(self._heard)))
                if self._heard - began >= _STEADY:
                    self._backoff.reset()
                if self.ended:
                    return None
        except ApiError as error:
            return error.with_traceback(None)
        return None

    def _raise_if_final(self, error: ApiError | None) -> None:
        """Raise an error that a new connection cannot solve: credentials, access, missing rules."""
        if error is None or error.retryable:
            return
        if error.status == 409:
            raise ArgumentError(
                f"{self.plan.action}: the stream has no rules. Add some first, e.g. "
                'write.add_stream_rules([{"value": "cats has:images", "tag": "cats"}])',
                status=error.status, action=self.plan.action,
            )
        raise error

    def _keep(self, page: Page) -> None:
        """Keep a line unless it repeats a post."""
        line = _read(page.body)
        self._reason = _end_reason(line) or self._reason
        if self._is_new(line):
            self._put(page)
        if self.plan.limit is not None and self._counted >= self.plan.limit:
            self.ended = True

    def _is_new(self, line: _Line) -> bool:
        """Whether a line is not a post that was received before and matched the same rules."""
        if line.data is not None and line.data.id is None:
            self._counted += 1  # an event, which is not repeated
        if line.data is None or line.data.id is None:
            return True
        id, rules = str(line.data.id), frozenset(str(rule.id) for rule in line.matching_rules)
        earlier = self._seen.get(id)
        if earlier is None:
            self._counted += 1
            earlier = frozenset()
        elif rules <= earlier:
            return False
        self._seen[id] = rules | earlier
        if len(self._seen) > _MOST_IDS:
            self._seen.popitem(last=False)
        return True

    def _put(self, page: Page) -> None:
        self._queue.put(_Heard(page, self._counted, self._gap_count))

    # gaps ----------------------------------------------------------------------------------------

    def _open_gap(self, why: str) -> None:
        """Start a gap, or add a further cause to the one that has started."""
        with self._gap_lock:
            if self._gap is None:
                self._gap = _Gap(self._heard or self._began or self.client.now(), [])
            if why not in self._gap.causes and len(self._gap.causes) < _MOST_CAUSES:
                self._gap.causes.append(why)

    def _close_gap(self) -> None:
        """End a gap, and report it by a page of our own, which becomes a row of `problems`."""
        with self._gap_lock:
            if self._gap is None:
                return
            gap, self._gap, until = self._gap, None, self.client.now()
            first, last = (at.isoformat(timespec="milliseconds") for at in (gap.since, until))
            problem: dict[str, Any] = {
                "title": "Stream gap", "type": GAP, "parameter": self.plan.action,
                "value": f"{first}/{last}",
                "detail": f"nothing was received from {gap.since:%Y-%m-%d %H:%M:%S} to "
                          f"{until:%Y-%m-%d %H:%M:%S} UTC: {'; then: '.join(gap.causes)}; "
                          f"{self._recovery(gap.since, until)}",
            }
            self._gap_count += 1
            request = Request("GET", self.plan.declared.path, {}, self.plan.action)
            self._put(Page(request, json.dumps({"errors": [problem]}).encode(), until))

    def _recovery(self, since: datetime, until: datetime) -> str:
        """Say which part of a gap was requested again."""
        arguments = self.plan.arguments
        minutes, start = arguments.get("backfill_minutes"), arguments.get("start_time")
        if start and datetime.fromisoformat(start) <= since:
            return f"start_time={start} requested it again"
        if not minutes:
            return "it was not requested again"
        if until - since <= timedelta(minutes=minutes):
            return f"backfill_minutes={minutes} requested all of it again"
        return f"backfill_minutes={minutes} requested its end again, the rest is missing"


def listen(
    client: Client, plan: Plan, state: State, known: Iterable[Page] = ()
) -> Generator[tuple[list[Page], State], None, None]:
    """Yield lists of pages of a stream that follow a state, with the state after each list.

    A stream ends at its limit or duration, or at Ctrl-C or SIGTERM; a second Ctrl-C raises
    KeyboardInterrupt. `known` are the pages before the state: posts of them that X repeats are
    dropped. Raises as `Client.stream` does.
    """
    if plan.limit is not None and state.rows >= plan.limit:
        return
    if isinstance(client, Client) and client.replay is not None:
        yield from _replayed(client, client.replay, plan, state)
        return
    listener = Listener(client, plan)
    with _gently(listener):
        listener.start(state, known)
        while listener.running:
            if pages := listener.take():
                state = _after(listener, state, pages)
                yield pages, state
        if pages := listener.last():
            yield pages, _after(listener, state, pages)
    if listener.error is not None:
        raise listener.error


def _replayed(
    client: Client, replay: Replay, plan: Plan, state: State
) -> Iterator[tuple[list[Page], State]]:
    """Yield the recorded pages of a stream, gaps included, at once or at their own pace."""
    before: datetime | None = None
    for page in replay.stream(plan.request()):
        if replay.own_pace and before is not None:
            client.sleep((page.received_at - before).total_seconds())
        before = page.received_at
        rows = state.rows + int(_read(page.body).data is not None)
        gaps = (state.gaps or 0) + int(GAP.encode() in page.body)
        state = replace(
            state, rows=rows, pages=state.pages + 1, gaps=gaps, heard=before.isoformat()
        )
        yield [page], state
        if plan.limit is not None and rows >= plan.limit:
            return


def _after(listener: Listener, state: State, pages: list[Page]) -> State:
    heard = pages[-1].received_at.astimezone(UTC).isoformat()
    return replace(
        state, rows=listener.posts, pages=state.pages + len(pages), gaps=listener.gaps, heard=heard
    )


@contextmanager
def _gently(listener: Listener) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the stream. Only the main thread can handle signals."""
    handlers: dict[int, Any] = {}

    def end(number: int, frame: Any) -> None:
        if listener.ended and callable(handlers[number]):
            handlers[number](number, frame)
        listener.stop()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, end)
    try:
        yield
    finally:
        listener.stop()
        for caught, handler in handlers.items():
            signal.signal(caught, handler)

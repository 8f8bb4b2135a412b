"""Listening to a stream: a thread reads and never waits; what it read, and every gap, comes out as pages.

Reconnecting as X documents (docs.x.com/x-api/fundamentals/handling-disconnections): at once after a lost connection,
then 250 ms later each time, up to 16 s; after HTTP errors, and while X still holds the last connection, 5 s, doubling
to 320 s; after a rate limit 60 s, doubling.
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

from xframes.client import HangUp
from xframes.errors import ApiError, ArgumentError, RateLimited
from xframes.paging.pages import State
from xframes.wire import Page, Request, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from xframes.client import Client
    from xframes.plan import Plan

__all__ = ["GAP", "Listener", "Opener", "listen"]

GAP = "https://xframes.invalid/problems/stream_gap"  # the type of the problem a gap is told by
_REMEMBERED = 200_000  # posts whose ids are kept: more than X's backfill of 5 minutes can repeat
_TICK = 0.25
_STEADY = timedelta(seconds=30)  # a connection that lived so long worked, even if it had nothing to say
_CAUSES = 5  # different ones that one gap tells
_START = State()
_STILL_OPEN = "streaming-connection"  # a 429 because X has not noticed yet that the last connection is gone


class Opener(Protocol):
    """What listening needs of a client."""

    now: Callable[[], datetime]

    def stream(self, request: Request, hang_up: HangUp | None = None) -> Iterator[bytes]:
        """Give the lines of one connection, until `hang_up` is called."""
        ...

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, and tell whoever should know."""
        ...


@dataclass(slots=True)
class Backoff:
    """Seconds to wait before the next connection, by the kind of failure; `reset` after a connection that worked."""

    network: float = 0.0
    http: float = 5.0
    limited: float = 60.0

    def reset(self) -> None:
        """Begin anew: the connection worked."""
        self.network, self.http, self.limited = 0.0, 5.0, 60.0

    def next(self, error: ApiError | None, ahead: float = 0.0) -> float:
        """The wait after this failure (None: the connection ended in order); `ahead` is X's own wish."""
        if isinstance(error, RateLimited) and error.kind == _STILL_OPEN:
            ahead = 0.0  # of a rate limit, which this is not
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
    """The little that is read of a line while listening."""

    data: _Named | None = None
    matching_rules: list[_Named] = []
    errors: list[dict[str, Any]] = []


_lines = msgspec.json.Decoder(_Line)


def _read(line: bytes) -> _Line:
    """What a line is about; nothing, when nobody can read it. Flattening says what is wrong with it."""
    try:
        return _lines.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        return msgspec.convert(read_json(line), _Line)
    except (msgspec.MsgspecError, ValueError):
        return _Line()


def _farewell(read: _Line) -> str | None:
    """The reason when a line says that X is about to end the connection."""
    for error in read.errors:
        if "disconnect_type" in error or "-disconnect" in str(error.get("type")):
            said = (error.get("title"), error.get("disconnect_type"), error.get("detail"))
            return "X ended the connection: " + "; ".join(dict.fromkeys(str(part) for part in said if part))
    return None


@dataclass(slots=True)
class _Gap:
    since: datetime
    causes: list[str]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A page in the queue, with the different posts and the gaps up to it."""

    page: Page
    posts: int
    gaps: int


@dataclass
class Listener:
    """A stream on its way. `take()` gives the pages that came; a failure that ends it stands in `error`.

    `posts` counts the different posts of the pages taken, `gaps` their gaps. A post that X sends again, by no rule that
    is new, is dropped. `ended` is set when the limit or the time is reached, or somebody calls `stop()`.
    """

    client: Opener
    plan: Plan
    posts: int = 0
    gaps: int = 0
    error: BaseException | None = None
    ended: bool = False  # no Event: a signal handler may set it while this thread does
    _queue: SimpleQueue[_Heard] = field(default_factory=SimpleQueue)
    _seen: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict)
    _backoff: Backoff = field(default_factory=Backoff)
    _gap: _Gap | None = None
    _gap_lock: threading.Lock = field(default_factory=threading.Lock)
    _began: datetime | None = None
    _heard: datetime | None = None
    _parting: str | None = None
    _thread: threading.Thread | None = None
    _hang_up: HangUp = field(default_factory=HangUp)
    _until: float | None = None
    _counted: int = 0
    _told: int = 0

    def start(self, state: State = _START, known: Iterable[Page] = ()) -> None:
        """Begin to listen, or go on after a state, before which the `known` pages came."""
        self._began = self.client.now()
        if self.plan.arguments.get("backfill_minutes") or self.plan.arguments.get("start_time"):
            for page in known:  # only then X repeats
                self._new(_read(page.body))
        self.posts = self._counted = state.rows
        self.gaps = self._told = state.gaps or 0
        if state.heard is not None:
            self._gap = _Gap(datetime.fromisoformat(state.heard), ["nobody listened"])
        if (seconds := self.plan.arguments.get("duration")) is not None:
            self._until = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._run, daemon=True, name="xframes-stream")
        self._thread.start()

    def stop(self) -> None:
        """End; what has come can still be taken."""
        self.ended = True
        self._hang_up()

    def take(self, most: int = 500) -> list[Page]:
        """Pages that came, at most so many, waiting a moment for the first; looks at the clock, too."""
        if self._until is not None and time.monotonic() >= self._until:
            self.stop()
        found: list[_Heard] = []
        try:
            found.append(self._queue.get(timeout=0 if self.ended else _TICK))
            while len(found) < most:
                found.append(self._queue.get_nowait())
        except Empty:
            pass
        if found:
            self.posts, self.gaps = found[-1].posts, found[-1].gaps
        return [heard.page for heard in found]

    @property
    def running(self) -> bool:
        """Whether more may come: the thread lives (unless it was told to end), or pages are waiting."""
        alive = self._thread is not None and self._thread.is_alive()
        return (alive and not self.ended) or not self._queue.empty()

    def last(self) -> list[Page]:
        """What came while it ended, and the gap it ended in, if any; nothing, when it failed before it had begun."""
        if self._thread is not None:
            self._thread.join(_TICK)  # it may hold a line, or sleep for minutes
        if self.error is None or self._heard is not None:
            self._close_gap()
        return self.take(self._queue.qsize())

    # in the thread ---------------------------------------------------------------------------------------------------

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
            if self.plan.arguments.get("end_time") and error is None and self._parting is None:
                return  # a recovery of past time ends by itself
            why = self._parting or (str(error) if error is not None else "X ended the connection")
            self._open_gap(why)
            self._give_up_on(error)
            if self._pause(error, why):
                return

    def _pause(self, error: ApiError | None, why: str) -> bool:
        """Wait before the next connection; gives whether it was told to end meanwhile."""
        ahead = (error.retry_at - self.client.now()).total_seconds() if error and error.retry_at else 0.0
        seconds = self._backoff.next(error, ahead)
        if seconds > 0:
            self.client.wait(seconds, f"{self.plan.action} lost its connection: {why}")
        return self.ended

    def _connection(self, request: Request) -> ApiError | None:
        """Read one connection to its end; gives what broke it, None for an end in order."""
        began, self._parting = self.client.now(), None
        try:
            for line in self.client.stream(request, self._hang_up):
                self._heard = self.client.now()
                if not self.ended:
                    self._close_gap()
                about = self._keep(Page(request, line, self._heard)) if line.strip() else False
                if about or self._heard - began >= _STEADY:
                    self._backoff.reset()
                if self.ended:
                    return None
        except ApiError as error:
            return error.with_traceback(None)
        return None

    def _give_up_on(self, error: ApiError | None) -> None:
        """Raise what no waiting mends: credentials, access, arguments, missing rules."""
        if error is None or error.retryable:
            return
        if error.status == 409:
            raise ArgumentError(
                f"{self.plan.action}: the stream has no rules. Add some first, e.g. "
                'write.add_stream_rules([{"value": "cats has:images", "tag": "cats"}])',
                status=error.status, action=self.plan.action,
            )
        raise error

    def _keep(self, page: Page) -> bool:
        """Keep what a line says, and tell whether it was about a post."""
        read = _read(page.body)
        self._parting = _farewell(read) or self._parting
        if self._new(read):
            self._put(page)
        if self.plan.limit is not None and self._counted >= self.plan.limit:
            self.ended = True
        return read.data is not None

    def _new(self, read: _Line) -> bool:
        """Whether a line says something new: anything but a post that came before, by the same rules."""
        if read.data is None or read.data.id is None:
            return True
        id, rules = str(read.data.id), frozenset(str(rule.id) for rule in read.matching_rules)
        known = self._seen.get(id)
        if known is not None and rules <= known:
            return False
        self._counted += known is None
        self._seen[id] = rules | (known or frozenset())
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _put(self, page: Page) -> None:
        self._queue.put(_Heard(page, self._counted, self._told))

    # gaps ------------------------------------------------------------------------------------------------------------

    def _open_gap(self, why: str) -> None:
        """Nothing is heard from now on; further failures are further causes of the same gap."""
        with self._gap_lock:
            if self._gap is None:
                self._gap = _Gap(self._heard or self._began or self.client.now(), [])
            if why not in self._gap.causes and len(self._gap.causes) < _CAUSES:
                self._gap.causes.append(why)

    def _close_gap(self) -> None:
        """X is heard again, or nobody listens any more: a page of our own tells the gap, a row of `problems`."""
        with self._gap_lock:
            if self._gap is None:
                return
            gap, self._gap, until = self._gap, None, self.client.now()
            told: dict[str, Any] = {
                "title": "Stream gap", "type": GAP, "parameter": self.plan.action,
                "value": f"{gap.since.isoformat(timespec='milliseconds')}/{until.isoformat(timespec='milliseconds')}",
                "detail": f"nothing was heard from {gap.since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: "
                          f"{'; then: '.join(gap.causes)}; {self._cover(gap.since, until)}",
            }
            self._told += 1
            request = Request("GET", self.plan.declared.path, {}, self.plan.action)
            self._put(Page(request, json.dumps({"errors": [told]}).encode(), until))

    def _cover(self, since: datetime, until: datetime) -> str:
        """What of a gap X was asked for again."""
        minutes, start = self.plan.arguments.get("backfill_minutes"), self.plan.arguments.get("start_time")
        if start and datetime.fromisoformat(start) <= since:
            return f"start_time={start} asked for it again"
        if not minutes:
            return "nothing of it was asked for again"
        if until - since <= timedelta(minutes=minutes):
            return f"backfill_minutes={minutes} asked for all of it again"
        return f"backfill_minutes={minutes} asked for its end again, the rest is missing"


def listen(
    client: Client, plan: Plan, state: State, known: Iterable[Page] = ()
) -> Iterator[tuple[list[Page], State]]:
    """Yield the pages of a stream from a state on, as many as there are at once, with the state after them.

    A stream ends at its limit or time, and in order at Ctrl-C or SIGTERM; a second Ctrl-C is a
    KeyboardInterrupt. `known` are the pages before that state: what X repeats of them is dropped.
    Raises as `Client.stream` does.
    """
    if plan.limit is not None and state.rows >= plan.limit:
        return
    listener = Listener(client, plan)
    with _gently(listener):
        listener.start(state, known)
        while listener.running:
            if found := listener.take():
                state = _after(listener, state, found)
                yield found, state
        if found := listener.last():
            yield found, _after(listener, state, found)
    if listener.error is not None:
        raise listener.error


def _after(listener: Listener, state: State, found: list[Page]) -> State:
    return replace(state, rows=listener.posts, pages=state.pages + len(found), gaps=listener.gaps,
                   heard=found[-1].received_at.astimezone(UTC).isoformat())


@contextmanager
def _gently(listener: Listener) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the stream, where this thread may say what signals do."""
    kept: dict[int, Any] = {}

    def end(number: int, frame: Any) -> None:
        if listener.ended and callable(kept[number]):
            kept[number](number, frame)
        listener.stop()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            kept[number] = signal.signal(number, end)
    try:
        yield
    finally:
        listener.stop()
        for caught, handler in kept.items():
            signal.signal(caught, handler)

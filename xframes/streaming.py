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
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from xframes.client import HangUp
from xframes.errors import ApiError, ArgumentError, RateLimited
from xframes.paging import State, pages
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from xframes.client import Client
    from xframes.plan import Plan

__all__ = ["GAP", "Listener", "Opener", "steps"]

GAP = "https://xframes.invalid/problems/stream-gap"  # the type of the problem a gap is told by
_REMEMBERED = 200_000  # posts whose ids are kept: more than X's backfill of 5 minutes can repeat
_TICK = 0.25
_STILL_OPEN = "streaming-connection"  # a 429 because X has not noticed yet that the last connection is gone


class Opener(Protocol):
    """What listening needs of a client."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def stream(self, request: Request, hang_up: HangUp | None = None) -> Iterator[bytes]:
        """Give the lines of one connection, until `hang_up` is called."""
        ...


@dataclass(slots=True)
class Backoff:
    """Seconds to wait before the next connection, by the kind of failure; `reset` after a line came."""

    network: float = 0.0
    http: float = 5.0
    limited: float = 60.0

    def reset(self) -> None:
        """Begin anew: the connection worked."""
        self.network, self.http, self.limited = 0.0, 5.0, 60.0

    def next(self, error: ApiError | None, ahead: float = 0.0) -> float:
        """The wait after this failure (None: the connection ended in order); `ahead` is X's own wish."""
        if isinstance(error, RateLimited) and error.kind != _STILL_OPEN:
            seconds, self.limited = max(self.limited, ahead), min(self.limited * 2, 960.0)
        elif error is not None and error.status is not None:
            seconds, self.http = max(self.http, ahead), min(self.http * 2, 320.0)
        else:
            seconds, self.network = self.network, min(self.network + 0.25, 16.0)
        return seconds


class _Line(msgspec.Struct):
    """The little that is read of a line while listening."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    matching_rules: msgspec.Raw = msgspec.Raw(b"")


class _Named(msgspec.Struct):
    id: str | int | None = None


_lines = msgspec.json.Decoder(_Line)
_named = msgspec.json.Decoder(_Named)


@dataclass
class Listener:
    """A stream on its way. `take()` gives the pages that came; a failure that ends it stands in `error`.

    `posts` counts different posts: one that X sends again, with the same rules, is dropped. `ended` is set when the
    limit or the time is reached, or somebody calls `stop()`.
    """

    client: Opener
    plan: Plan
    posts: int = 0
    error: BaseException | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    _queue: SimpleQueue[Page] = field(default_factory=SimpleQueue)
    _seen: OrderedDict[tuple[str, bytes], None] = field(default_factory=OrderedDict)
    _backoff: Backoff = field(default_factory=Backoff)
    _heard: datetime | None = None
    _thread: threading.Thread | None = None
    _hang_up: HangUp = field(default_factory=HangUp)
    _until: float | None = None

    def start(self) -> None:
        """Begin to listen."""
        if (seconds := self.plan.arguments.get("duration")) is not None:
            self._until = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._run, daemon=True, name="xframes-stream")
        self._thread.start()

    def stop(self) -> None:
        """End; what has come can still be taken."""
        self.ended.set()
        self._hang_up()

    def take(self, most: int = 500) -> list[Page]:
        """Pages that came, at most so many, waiting a moment for the first; looks at the clock, too."""
        if self._until is not None and time.monotonic() >= self._until:
            self.stop()
        found: list[Page] = []
        try:
            found.append(self._queue.get(timeout=0 if self.ended.is_set() else _TICK))
            while len(found) < most:
                found.append(self._queue.get_nowait())
        except Empty:
            pass
        return found

    @property
    def running(self) -> bool:
        """Whether more may come: the thread lives (unless it was told to end), or pages are waiting."""
        alive = self._thread is not None and self._thread.is_alive()
        return (alive and not self.ended.is_set()) or not self._queue.empty()

    # in the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._listen()
        except BaseException as error:  # noqa: BLE001  it is raised where the pages are taken
            self.error = error
        self.ended.set()

    def _listen(self) -> None:
        backfill = self.plan.arguments.get("backfill_minutes")
        request = self.plan.request()
        while not self.ended.is_set():
            error = self._connection(request)
            if self.ended.is_set():
                return
            if self.plan.arguments.get("end_time") and error is None:
                return  # a recovery of past time ends by itself
            self._give_up_on(error)
            lost_at = self._heard or self.client.now()
            ahead = (error.retry_at - self.client.now()).total_seconds() if error and error.retry_at else 0.0
            seconds = self._backoff.next(error, ahead)
            if seconds > 0:
                self.client.sleep(seconds)
            self._note_gap(lost_at, error, backfill)

    def _connection(self, request: Request) -> ApiError | None:
        """Read one connection to its end; gives what broke it, None for an end in order."""
        try:
            for line in self.client.stream(request, self._hang_up):
                self._heard = self.client.now()
                if line.strip():
                    self._backoff.reset()
                    self._keep(request, line)
                if self.ended.is_set():
                    return None
        except ApiError as error:
            return error.with_traceback(None)
        return None

    def _give_up_on(self, error: ApiError | None) -> None:
        """Raise what no waiting mends: credentials, access, arguments, missing rules."""
        if error is None or error.retryable:
            return
        if error.status == 409:
            raise ArgumentError(f"{self.plan.action}: the stream has no rules; add some first, e.g. "
                                'xf.write.add_stream_rules([{"value": "cats has:images", "tag": "cats"}])')
        raise error

    def _keep(self, request: Request, line: bytes) -> None:
        page = Page(request, line, self.client.now())
        try:
            read = _lines.decode(line)
            post = _named.decode(read.data) if bytes(read.data) != b"null" else None
        except (msgspec.MsgspecError, RecursionError):
            self._queue.put(page)  # flattening says what is wrong with it
            return
        if post is None or post.id is None:
            self._queue.put(page)
            return
        key = (str(post.id), bytes(read.matching_rules))
        if key in self._seen:
            return
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self.posts += 1
        self._queue.put(page)
        if self.plan.limit is not None and self.posts >= self.plan.limit:
            self.ended.set()

    def _note_gap(self, since: datetime, error: ApiError | None, backfill: int | None) -> None:
        """A page of our own that tells when nothing was heard, and why: a row of `problems`."""
        until = self.client.now()
        why = str(error) if error is not None else "X ended the connection"
        cover = f"; backfill_minutes={backfill} was asked for" if backfill else "; nothing of it is asked for again"
        told: dict[str, Any] = {
            "title": "Stream gap", "type": GAP, "parameter": self.plan.action,
            "value": f"{since.isoformat(timespec='milliseconds')}/{until.isoformat(timespec='milliseconds')}",
            "detail": f"nothing was read from {since:%Y-%m-%d %H:%M:%S} to {until:%H:%M:%S} UTC: {why}{cover}",
        }
        request = Request("GET", self.plan.declared.path, {}, self.plan.action)
        self._queue.put(Page(request, json.dumps({"errors": [told]}).encode(), until))


def steps(client: Client, plan: Plan, state: State) -> Iterator[tuple[list[Page], State]]:
    """The pages of any plan from a state on, as many as there are at once, each time with the state after them.

    A stream goes on until its limit or time is reached, or until Ctrl-C or SIGTERM, which end it as they should: a
    second Ctrl-C is a KeyboardInterrupt. Raises as `paging.pages` and `Client.stream` do.
    """
    if not plan.declared.streaming:
        for page, after in pages(client, plan, state):
            yield [page], after
        return
    listener = Listener(client, plan, state.rows)
    with _gently(listener):
        listener.start()
        while listener.running:
            if found := listener.take():
                state = replace(state, rows=listener.posts, pages=state.pages + len(found))
                yield found, state
    if listener.error is not None:
        raise listener.error


@contextmanager
def _gently(listener: Listener) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the stream, where this thread may say what signals do."""
    kept: dict[int, Any] = {}

    def end(number: int, frame: Any) -> None:
        if listener.ended.is_set() and callable(kept[number]):
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

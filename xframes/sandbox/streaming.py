"""The streams: posts are published one after another, and whoever listens gets those that match.

What is published while nobody listens is gone, unless it is asked for again within minutes (`backfill_minutes`).
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, get_args

from . import problems
from .matching import compile_query
from .model import snowflake
from .reply import HangUp, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .community import Community
    from .handlers.context import Context
    from .matching import Match
    from .model import Post

StreamFaultKind = Literal["drop", "reset", "stall", "disconnect", "garbage", "duplicate", "swap"]
_TICK = 0.02  # seconds between two looks for something to send
_REPEATABLE = 1000  # lines kept for duplicates


@dataclass(slots=True)
class StreamFault:
    """What goes wrong when the `at`-th post (from 1, counted over all connections) has been sent.

    | kind | what the client meets |
    |---|---|
    | `drop` | the connection closes in the middle of the answer |
    | `reset` | the connection is reset |
    | `stall` | nothing for `seconds`, not even a keep-alive |
    | `disconnect` | a message with `errors` that says why, then an orderly end |
    | `garbage` | a line that is no JSON |
    | `duplicate` | the last `times` posts once more |
    | `swap` | the next two posts in the wrong order |
    """

    kind: StreamFaultKind
    at: int
    seconds: float = 2.0
    times: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(StreamFaultKind):
            raise ValueError(f"there is no fault {self.kind!r} of streams; there are: "
                             f"{', '.join(get_args(StreamFaultKind))}")
        if self.at < 1 or self.seconds < 0 or not 1 <= self.times <= _REPEATABLE:
            raise ValueError(f"a fault happens after post 1 or later, for no negative time, 1 to {_REPEATABLE} times")


@dataclass(frozen=True, slots=True)
class StreamRule:
    """A rule of the filtered stream."""

    id: int
    value: str
    tag: str | None
    match: Match = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Published:
    post: Post
    at: float  # time.monotonic()
    ms: int  # the sandbox's clock


@dataclass(slots=True, eq=False)
class _Link:
    """One connection: what it asked, how far it is, and how to learn of its end or bring it about."""

    context: Context
    position: int
    gone: Callable[[], bool]
    reset: Callable[[], None]
    filtered: bool
    recent: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_REPEATABLE))
    swap: bool = False
    held: tuple[int, bytes] | None = None


class Stream:
    """The posts of the community, published at `rate` a second, oldest first, and after them those made since.

    `keep_alive` is how many seconds of silence a blank line ends. With `waits` nothing is published while nobody
    listens, and a connection goes on where the last one ended. `published` and `sent` are ids in order, `sent` with its
    repeats; `faults` break things, `rules` filter.
    """

    def __init__(self, community: Community, clock: Callable[[], int]) -> None:
        self.rate = 50.0
        self.keep_alive = 20.0
        self.waits = False
        self.faults: list[StreamFault] = []
        self.rules: dict[int, StreamRule] = {}
        self._community = community
        self._clock = clock
        self._lock = RLock()
        self._queue: deque[Post] | None = None
        self._newest = 0
        self._published: list[_Published] = []
        self._sent: list[int] = []
        self._links: dict[bool, _Link] = {}
        self._left: dict[bool, int] = {}  # where the last connection ended
        self._last = 0.0
        self._budget = 0.0

    @property
    def published(self) -> list[str]:
        """The ids of the posts published so far, in order."""
        return [str(each.post.id) for each in self._published]

    @property
    def sent(self) -> list[str]:
        """The ids of the posts sent so far, in order, with their repeats."""
        return [str(id) for id in self._sent]

    @property
    def lost(self) -> list[str]:
        """The ids of published posts that match a rule and were never sent."""
        sent = set(self._sent)
        return [str(each.post.id) for each in list(self._published)
                if each.post.id not in sent and self._matching(each.post)]

    @property
    def finished(self) -> bool:
        """Whether everything there is has been published."""
        return self._queue is not None and not self._queue

    def add_rule(self, value: str, tag: str | None = None, *, id: int | None = None) -> StreamRule:
        """Add a rule and return it. Raises QueryError for one X would refuse."""
        match = compile_query(value, self._community)
        with self._lock:
            number = id or max([snowflake(self._clock()), *self.rules]) + 1
            self.rules[number] = StreamRule(number, value, tag, match)
            return self.rules[number]

    def add_rules(self, *rules: dict[str, str]) -> None:
        """Add rules given as X takes them: `{"value": …, "tag": …}`."""
        for each in rules:
            self.add_rule(each["value"], each.get("tag"))

    def publish(self, *posts: Post) -> None:
        """Publish posts now, before what is due."""
        with self._lock:
            self._start()
            self._published += [_Published(post, time.monotonic(), self._clock()) for post in posts]

    # -- publishing ---------------------------------------------------------------------------------------------

    def _start(self) -> deque[Post]:
        if self._queue is None:
            self._queue = deque(self._community.listed)
            self._newest = self._queue[-1].id if self._queue else 0
            self._last = time.monotonic()
        return self._queue

    def _advance(self) -> None:
        """Publish what has come due since the last time, and what the community has said since then."""
        with self._lock:
            queue = self._start()
            now = time.monotonic()
            self._budget += (now - self._last) * self.rate
            self._last = now
            due = min(int(self._budget), len(queue))
            self._budget = self._budget - due if queue else 0.0
            with self._community.lock:
                said = list(takewhile(lambda post: post.id > self._newest, reversed(self._community.listed)))[::-1]
            if said:
                self._newest = said[-1].id
            posts = [post for post in (*(queue.popleft() for _ in range(due)), *said) if post.listed]
            self.publish(*posts)

    # -- listening ----------------------------------------------------------------------------------------------

    def open(
        self, context: Context, *, gone: Callable[[], bool], reset: Callable[[], None]
    ) -> Iterator[bytes]:
        """Connect, and return the parts of the answer, which has no end of its own.

        Raises Refusal: 409 without rules, 429 when a connection is open already.
        """
        filtered = context.asked.action.name == "streams.filtered"
        with self._lock:
            if filtered and not self.rules:
                raise problems.no_rules(context.words)
            open_ = self._links.get(filtered)
            if open_ is not None and not open_.gone():
                raise problems.too_many_connections(context.words)
            if self.waits and not self._links:
                self._last = time.monotonic()
            self._advance()
            link = _Link(context, self._first(context.asked.args, filtered=filtered), gone, reset, filtered)
            self._links[filtered] = link
        return self._run(link)

    def _first(self, args: dict[str, Any], *, filtered: bool) -> int:
        """Where a connection begins: with what comes, or with what came in the minutes or since the time asked."""
        if self.waits and not args.get("backfill_minutes"):
            return self._left.get(filtered, 0)
        if "start_time" in args:
            return next((n for n, each in enumerate(self._published) if each.ms >= args["start_time"]),
                        len(self._published))
        since = time.monotonic() - 60 * args.get("backfill_minutes", 0)
        return next((n for n, each in enumerate(self._published) if each.at >= since), len(self._published))

    def _close(self, link: _Link) -> None:
        with self._lock:
            if self._links.get(link.filtered) is link:
                del self._links[link.filtered]
                self._left[link.filtered] = link.position

    def _run(self, link: _Link) -> Iterator[bytes]:
        try:
            yield b"\r\n"  # X begins with a keep-alive: the client knows that it is connected
            heard = time.monotonic()
            while not link.gone():
                found = self._next(link)
                if found is not None:
                    yield from self._send(link, found)
                    heard = time.monotonic()
                    continue
                if self._over(link):
                    return
                if time.monotonic() - heard >= self.keep_alive:
                    yield b"\r\n"
                    heard = time.monotonic()
                time.sleep(_TICK)
        finally:
            self._close(link)

    def _next(self, link: _Link) -> tuple[int, bytes] | None:
        """The next line for a connection, None when there is none yet."""
        self._advance()
        while link.position < len(self._published):
            each = self._published[link.position]
            if each.ms >= link.context.asked.args.get("end_time", each.ms + 1):
                return None
            link.position += 1
            rules = self._matching(each.post) if link.filtered else None
            if rules == []:
                continue
            made = (each.post.id, self._line(link, each.post, rules))
            if link.swap and link.held is None:
                link.swap, link.held = False, made
                continue
            return made
        if not self.finished:  # the other of two posts that swap is still to come
            return None
        held, link.held = link.held, None
        return held

    def _over(self, link: _Link) -> bool:
        """Whether a connection that asked for a time in the past has got all of it."""
        end = link.context.asked.args.get("end_time")
        return end is not None and self._clock() >= end

    def _matching(self, post: Post) -> list[StreamRule]:
        return [rule for rule in list(self.rules.values()) if rule.match(post)]

    def _line(self, link: _Link, post: Post, rules: list[StreamRule] | None) -> bytes:
        context = link.context
        with self._community.lock:
            answer = context.answer()
            body = answer.body(answer.posts([post])[0])
        if rules is not None:
            body["matching_rules"] = [rule_json(rule, value=False) for rule in rules]
        context.services.usage.count([str(post.id)])
        return to_json(body) + b"\r\n"

    def _send(self, link: _Link, made: tuple[int, bytes]) -> Iterator[bytes]:
        for id, line in (made, *((link.held,) if link.held else ())):
            if id != made[0]:
                link.held = None
            yield line
            link.recent.append((id, line))
            self._sent.append(id)
            number = len(self._sent)
            for fault in [each for each in self.faults if each.at <= number]:
                self.faults.remove(fault)
                yield from self._break(link, fault)

    def _break(self, link: _Link, fault: StreamFault) -> Iterator[bytes]:
        """Let a fault happen."""
        if fault.kind in {"drop", "reset", "disconnect"}:
            self._close(link)  # before the client can know: it may come back at once
            if fault.kind == "disconnect":
                yield to_json({"errors": [problems.disconnected(link.context.words)]}) + b"\r\n"
                link.gone = lambda: True
                return
            if fault.kind == "reset":
                link.reset()
            raise HangUp
        if fault.kind == "stall":
            end = time.monotonic() + fault.seconds
            while time.monotonic() < end and not link.gone():
                time.sleep(_TICK)
        elif fault.kind == "garbage":
            yield b'{"data":{"id":"\r\n'
        elif fault.kind == "duplicate":
            for id, line in list(link.recent)[-fault.times :]:
                yield line
                self._sent.append(id)
        else:
            link.swap = True


def rule_json(rule: StreamRule, *, value: bool = True) -> dict[str, str]:
    """Return a rule as X writes it; matching_rules leaves out its value."""
    made = {"id": str(rule.id), **({"value": rule.value} if value else {})}
    return made if rule.tag is None else made | {"tag": rule.tag}

"""The streams: posts are published one after another, and each connection gets those that match.

A post published without a connection is lost, unless a client requests it again within minutes
(`backfill_minutes`).
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import uuid4

from xframes.sandbox.protocol import problem_json
from xframes.sandbox.protocol.reply import HangUp, to_json
from xframes.sandbox.queries.predicates import compile_query
from xframes.sandbox.world.snowflakes import exact_stamp, snowflake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from xframes.sandbox.queries.predicates import Match
    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Post
    from xframes.schema import Vocabulary

    from .occurrences import Occurrence
    from .usage_meter import Usage

StreamFaultKind = Literal["drop", "reset", "stall", "disconnect", "garbage", "duplicate", "swap"]
_TICK = 0.02  # seconds between two looks for something to send
_REPEATABLE = 1000  # lines kept for duplicates


@dataclass(slots=True)
class StreamFault:
    """What goes wrong after the `at`-th post (from 1, counted over all connections).

    | kind | what the client meets |
    |---|---|
    | `drop` | the connection closes in the middle of the answer |
    | `reset` | the connection is reset |
    | `stall` | nothing for `seconds`, not even a keep-alive |
    | `disconnect` | a message with `errors` that says why, then an orderly end |
    | `garbage` | a line of invalid JSON |
    | `duplicate` | the last `times` posts once more |
    | `swap` | the next two posts in the wrong order |
    """

    kind: StreamFaultKind
    at: int
    seconds: float = 2.0
    times: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(StreamFaultKind):
            kinds = ", ".join(get_args(StreamFaultKind))
            raise ValueError(f"kind: expected one of {kinds}, got {self.kind!r}")
        if self.at < 1 or self.seconds < 0 or not 1 <= self.times <= _REPEATABLE:
            raise ValueError(
                f"expected at >= 1, seconds >= 0 and times from 1 to {_REPEATABLE}, "
                f"got at={self.at}, seconds={self.seconds}, times={self.times}"
            )


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


@dataclass(frozen=True, slots=True)
class Listener:
    """A client that connects: its arguments (as checked), and how to write a post for it.

    `gone` returns whether it has left, `reset` cuts its connection.
    """

    filtered: bool
    args: Mapping[str, Any]
    words: Vocabulary
    write: Callable[[Post], dict[str, Any]]
    gone: Callable[[], bool]
    reset: Callable[[], None]


@dataclass(slots=True, eq=False)
class _Link:
    """One connection: its client and the position it has reached. `ended` is set by the server."""

    listener: Listener
    position: int
    ended: bool = False
    recent: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_REPEATABLE))
    id: str = field(default_factory=lambda: str(uuid4()))
    since: int = 0
    swap: bool = False
    late: tuple[int, bytes] | None = None  # the first of two posts to swap

    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self.ended or self.listener.gone()


def _shown(link: _Link) -> dict[str, str]:
    """Return a connection as X writes it."""
    endpoint = "filtered_stream" if link.listener.filtered else "sample_stream"
    return {"id": link.id, "endpoint_name": endpoint, "connected_at": exact_stamp(link.since),
            "client_ip": "127.0.0.1"}


class Stream:
    """The posts of the community, published at `rate` a second, oldest first, then new ones.

    `keep_alive` is how many seconds of silence a blank line ends. With `waits`, publishing pauses
    without a connection, and the next connection continues where the last one ended. `published`
    and `sent` are ids in order, `sent` with repeats; `faults` break things, `rules` filter.
    """

    def __init__(self, community: Community, usage: Usage, clock: Callable[[], int]) -> None:
        self.rate = 50.0
        self.keep_alive = 20.0
        self.waits = False
        self.faults: list[StreamFault] = []
        self.rules: dict[int, StreamRule] = {}
        self._community = community
        self._usage = usage
        self._clock = clock
        self._lock = RLock()
        self._queue: deque[Post] | None = None
        self._newest = 0
        self._published: list[_Published] = []
        self._sent: list[int] = []
        self._links: dict[bool, _Link] = {}
        self._past: list[dict[str, str]] = []  # connections that have ended
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
        return [
            str(each.post.id) for each in list(self._published)
            if each.post.id not in sent and self._matching_rules(each.post)
        ]

    @property
    def finished(self) -> bool:
        """Whether all posts have been published."""
        return self._queue is not None and not self._queue

    def add_rule(self, value: str, tag: str | None = None, *, id: int | None = None) -> StreamRule:
        """Add a rule and return it. Raises QueryError for a rule that X would refuse."""
        match = compile_query(value, self._community)
        with self._lock:
            number = id or max([snowflake(self._clock()), *self.rules]) + 1
            self.rules[number] = StreamRule(number, value, tag, match)
            return self.rules[number]

    def add_rules(self, *rules: dict[str, str]) -> None:
        """Add rules written as X takes them: `{"value": …, "tag": …}`."""
        for each in rules:
            self.add_rule(each["value"], each.get("tag"))

    def publish(self, *posts: Post) -> None:
        """Publish posts now, before what is due."""
        with self._lock:
            self._start()
            self._published += [_Published(post, time.monotonic(), self._clock()) for post in posts]

    def connections(self, status: str = "active") -> list[dict[str, str]]:
        """Return the open connections, the closed ones (`inactive`), or `all`."""
        with self._lock:
            open_ = [_shown(link) for link in self._links.values() if not link.is_over()]
            past = list(self._past)
        return {"active": open_, "inactive": past, "all": [*past, *open_]}[status]

    def end(self, id: str) -> bool:
        """End the connection with an id. Return whether it was open."""
        with self._lock:
            for link in self._links.values():
                if link.id == id and not link.is_over():
                    link.ended = True
                    return True
        return False

    def replay(self, listener: Listener, occurrences: Sequence[Occurrence]) -> Iterator[bytes]:
        """Connect to a stream of events or likes: those until now, then only keep-alives."""
        lines = deque(occurrences)
        yield b"\r\n"
        began = quiet_since = time.monotonic()
        sent = 0
        while not listener.gone():
            if lines and sent <= (time.monotonic() - began) * self.rate:
                yield to_json({"data": lines.popleft().data}) + b"\r\n"
                sent += 1
                quiet_since = time.monotonic()
                continue
            if time.monotonic() - quiet_since >= self.keep_alive:
                yield b"\r\n"
                quiet_since = time.monotonic()
            time.sleep(_TICK)

    # -- publishing -------------------------------------------------------------------------------

    def _start(self) -> deque[Post]:
        if self._queue is None:
            self._queue = deque(self._community.listed)
            self._newest = self._queue[-1].id if self._queue else 0
            self._last = time.monotonic()
        return self._queue

    def _advance(self) -> None:
        """Publish the posts due since the last call, and the community's new ones."""
        with self._lock:
            queue = self._start()
            now = time.monotonic()
            self._budget += (now - self._last) * self.rate
            self._last = now
            due = min(int(self._budget), len(queue))
            self._budget = self._budget - due if queue else 0.0
            with self._community.lock:
                newest_first = reversed(self._community.listed)
                new = list(takewhile(lambda post: post.id > self._newest, newest_first))[::-1]
            if new:
                self._newest = new[-1].id
            posts = (*(queue.popleft() for _ in range(due)), *new)
            self.publish(*(post for post in posts if post.listed))

    # -- connections ------------------------------------------------------------------------------

    def open(self, listener: Listener) -> Iterator[bytes]:
        """Connect, and return the parts of the answer, which has no end of its own.

        Raises Refusal: 409 without rules, 429 when a connection is open already.
        """
        filtered = listener.filtered
        with self._lock:
            if filtered and not self.rules:
                raise problem_json.no_rules(listener.words)
            open_ = self._links.get(filtered)
            if open_ is not None and not open_.is_over():
                raise problem_json.too_many_connections(listener.words)
            if self.waits and not self._links:
                self._last = time.monotonic()
            self._advance()
            link = _Link(listener, self._first_position(listener), since=self._clock())
            self._links[filtered] = link
        return self._run(link)

    def _first_position(self, listener: Listener) -> int:
        """Return where a connection begins: the next post, the backfill, or its start_time."""
        args = listener.args
        if self.waits and not args.get("backfill_minutes"):
            return self._left.get(listener.filtered, 0)
        if "start_time" in args:
            due = (each.ms >= args["start_time"] for each in self._published)
        else:
            since = time.monotonic() - 60 * args.get("backfill_minutes", 0)
            due = (each.at >= since for each in self._published)
        return next(
            (position for position, is_due in enumerate(due) if is_due), len(self._published)
        )

    def _close(self, link: _Link) -> None:
        filtered = link.listener.filtered
        with self._lock:
            if self._links.get(filtered) is link:
                del self._links[filtered]
                self._past.append(_shown(link) | {"disconnected_at": exact_stamp(self._clock())})
                self._left[filtered] = link.position

    def _run(self, link: _Link) -> Iterator[bytes]:
        try:
            yield b"\r\n"  # X begins with a keep-alive: the client knows that it is connected
            quiet_since = time.monotonic()
            while not link.is_over():
                line = self._next(link)
                if line is not None:
                    yield from self._send(link, line)
                    quiet_since = time.monotonic()
                    continue
                if self._is_past(link):
                    return
                if time.monotonic() - quiet_since >= self.keep_alive:
                    yield b"\r\n"
                    quiet_since = time.monotonic()
                time.sleep(_TICK)
        finally:
            self._close(link)

    def _next(self, link: _Link) -> tuple[int, bytes] | None:
        """Return the next line for a connection and the id in it, or None if nothing is due."""
        self._advance()
        while link.position < len(self._published):
            each = self._published[link.position]
            if each.ms >= link.listener.args.get("end_time", each.ms + 1):
                return None
            link.position += 1
            rules = self._matching_rules(each.post) if link.listener.filtered else None
            if rules == []:
                continue
            line = (each.post.id, self._line(link, each.post, rules))
            if link.swap and link.late is None:
                link.swap, link.late = False, line
                continue
            return line
        if not self.finished:  # the second of two posts to swap is still to come
            return None
        late, link.late = link.late, None
        return late

    def _is_past(self, link: _Link) -> bool:
        """Whether a connection with an end_time in the past has received everything."""
        end = link.listener.args.get("end_time")
        return end is not None and self._clock() >= end

    def _matching_rules(self, post: Post) -> list[StreamRule]:
        return [rule for rule in list(self.rules.values()) if rule.match(post)]

    def _line(self, link: _Link, post: Post, rules: list[StreamRule] | None) -> bytes:
        with self._community.lock:
            body = link.listener.write(post)
        if rules is not None:
            body["matching_rules"] = [rule_json(rule, value=False) for rule in rules]
        self._usage.count([str(post.id)])
        return to_json(body) + b"\r\n"

    def _send(self, link: _Link, line: tuple[int, bytes]) -> Iterator[bytes]:
        lines = [line]
        if link.late is not None:
            lines.append(link.late)
        for id, text in lines:
            if id != line[0]:
                link.late = None
            yield text
            link.recent.append((id, text))
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
                yield (
                    to_json({"errors": [problem_json.disconnected(link.listener.words)]}) + b"\r\n"
                )
                link.ended = True
                return
            if fault.kind == "reset":
                link.listener.reset()
            raise HangUp
        if fault.kind == "stall":
            end = time.monotonic() + fault.seconds
            while time.monotonic() < end and not link.is_over():
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
    fields = {"id": str(rule.id)}
    if value:
        fields["value"] = rule.value
    if rule.tag is not None:
        fields["tag"] = rule.tag
    return fields

"""Replay: requests are answered from recorded pages, without a network or credentials.

A request matches a recorded one by its action and by what chooses rows: the query, ids, times and
other arguments. Fields, expansions, page sizes and X's vocabulary do not matter.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from xframes.errors import ArgumentError, NotRecorded
from xframes.registry import ACTIONS, match
from xframes.screen import counted
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xframes.registry import Action
    from xframes.wire import Page, Request

# Times that a notebook computes from the present time differ a little when it runs again.
_TOLERANCE = timedelta(minutes=10)
_NO_ROWS_CHOSEN = frozenset({"expansions", "max_results"})


class Recorded(Protocol):
    """Anything with pages, such as an Archive."""

    def pages(self) -> Iterable[Page]:
        """Return the pages."""
        ...


@dataclass(frozen=True, slots=True)
class _Call:
    """What a request requests: the action, arguments without times, times, and the page's token."""

    action: str
    arguments: tuple[tuple[str, str], ...]
    times: Mapping[str, datetime] = field(hash=False)
    token: str | None = None

    def __str__(self) -> str:
        times = {name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in self.times.items()}
        arguments = [f"{name}={value!r}" for name, value in (*self.arguments, *times.items())]
        return f"{self.action}({', '.join(arguments)})"


@dataclass(slots=True)
class _Answer:
    """A recorded page, its body compressed, and how often it was the answer to a request."""

    call: _Call
    page: Page
    body: bytes
    played: int = 0

    def whole(self) -> Page:
        """Return the page, without the run that recorded it."""
        return replace(self.page, body=zlib.decompress(self.body), run_id=None)


class Replay:
    """Answers requests from the pages of an archive, in the order in which they were recorded.

    The bodies are held compressed. After the last page of a request the first comes again, so that
    a cell of a notebook can be run twice.

    Parameters
    ----------
    source
        An Archive, or another object with `pages()`.
    own_pace
        Whether streams wait as long between two posts as X did. Default: they do not wait.

    Raises
    ------
    ArgumentError
        `source` has no pages.

    Examples
    --------
    >>> client = xf.Client(replay=xf.Replay(xf.Archive("my-archive"), own_pace=True))
    """

    def __init__(self, source: Recorded, *, own_pace: bool = False) -> None:
        if not callable(getattr(source, "pages", None)):
            raise ArgumentError(
                f"replay: expected an archive such as xf.Archive('my-archive'), got {source!r:.60}"
            )
        self.own_pace = own_pace
        self._lock = Lock()
        in_order = []
        for page in source.pages():
            if (call := _call_of(page.request)) is not None:
                packed = zlib.compress(page.body, 1)
                in_order.append(_Answer(call, replace(page, body=b""), packed))
        self._in_order = sorted(in_order, key=lambda answer: answer.page.received_at)
        self._answers: dict[tuple[str, tuple[tuple[str, str], ...]], list[_Answer]]
        self._answers = defaultdict(list)
        for answer in self._in_order:
            self._answers[answer.call.action, answer.call.arguments].append(answer)
        self._next = 0

    def __repr__(self) -> str:
        return f"<Replay: {counted(len(self._in_order), 'page')}>"

    def now(self) -> datetime:
        """Return when the next page was recorded; after the last page, when that was."""
        with self._lock:
            while self._next < len(self._in_order) - 1 and self._in_order[self._next].played:
                self._next += 1
        if not self._in_order:
            return datetime.now(UTC)
        return self._in_order[self._next].page.received_at

    def user_id(self) -> str | None:
        """Return the id of the user whose credentials recorded the pages; None if unknown."""
        for answer in self._in_order:
            if answer.call.action == "users.me":
                data = read_json(answer.whole().body).get("data") or {}
                return str(data["id"]) if "id" in data else None
        for answer in self._in_order:
            action = ACTIONS[answer.call.action]
            for param in action.params:
                if param.where == "path" and not param.required:
                    return dict(answer.call.arguments).get(param.name)
        return None

    def answer(self, request: Request) -> Page:
        """Return the recorded page of a request. Raises NotRecorded if there is none."""
        call = _call_of(request)
        with self._lock:
            found = None
            if call is not None:
                found = self._nearest_in_time(call)
            if found is None:
                raise self._not_recorded(request, call)
            found.played += 1
        return found.whole()

    def stream(self, request: Request) -> Iterator[Page]:
        """Return the recorded pages of one run of a stream. Raises NotRecorded without any."""
        call = _call_of(request)
        with self._lock:
            first = None
            if call is not None:
                first = self._nearest_in_time(call)
            if call is None or first is None:
                raise self._not_recorded(request, call)
            run_id = first.page.run_id
            pages = [
                answer for answer in self._answers[call.action, call.arguments]
                if answer.page.run_id == run_id
            ]
            for answer in pages:
                answer.played += 1
        return (answer.whole() for answer in pages)

    def _nearest_in_time(self, call: _Call) -> _Answer | None:
        """Return the answer that was used least, and of those the one with the nearest times."""
        found = None
        best: tuple[int, timedelta] | None = None
        for answer in self._answers.get((call.action, call.arguments), ()):
            if answer.call.token != call.token:
                continue
            distance = _distance(answer.call.times, call.times)
            if distance is None:
                continue
            rank = (answer.played, distance)
            if best is None or rank < best:
                found, best = answer, rank
        return found

    def _not_recorded(self, request: Request, call: _Call | None) -> NotRecorded:
        described = f"{request.method} {request.path}"
        if call is not None:
            described = str(call)
        recorded = list(dict.fromkeys(str(answer.call) for answer in self._in_order))
        likeness = [SequenceMatcher(None, described, other).ratio() for other in recorded]
        nearest = "It has no requests"
        if recorded:
            nearest = f"The nearest is {recorded[likeness.index(max(likeness))]:.300}"
        return NotRecorded(
            f"replay: the archive has no answer to {described:.300}. {nearest}",
            action=request.action,
        )


def _distance(
    recorded: Mapping[str, datetime], call: Mapping[str, datetime]
) -> timedelta | None:
    """Return the largest difference between two requests' times; None if they do not match."""
    if recorded.keys() != call.keys():
        return None
    distance = max((abs(call[name] - time) for name, time in recorded.items()), default=timedelta())
    return distance if distance <= _TOLERANCE else None


def _call_of(request: Request) -> _Call | None:
    """Return what a request requests; None if no action of X is known for it."""
    action, args = _action(request)
    if action is None:
        return None
    kinds = {param.wire: param.kind for param in action.params}
    times: dict[str, datetime] = {}
    arguments = {name: str(value) for name, value in args.items()}
    for name, value in request.params.items():
        if name == action.token or name in _NO_ROWS_CHOSEN or name.endswith(".fields"):
            continue
        time = _time(value) if kinds.get(name) == "time" else None
        if time is None:
            arguments[name] = value
        else:
            times[name] = time
    token = None
    if action.token:
        token = request.params.get(action.token)
    return _Call(action.name, tuple(sorted(arguments.items())), times, token)


def _action(request: Request) -> tuple[Action | None, Mapping[str, str]]:
    hit = match(request.method, request.path)
    if hit is None:
        return ACTIONS.get(request.action or ""), request.args
    action, args = hit
    return ACTIONS.get(request.action or "") or action, args


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)

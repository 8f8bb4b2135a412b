"""Report how far a collection is: a progress bar and log lines."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from xframes.plan.post_ids import posted_at
from xframes.progress import bar
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.paging.pages import State
    from xframes.plan import Plan

__all__ = ["reports"]

log = logging.getLogger("xframes")
_EVERY = 10  # pages between two log lines
_EVERY_OF_STREAM = 1000  # a page of a stream has one post


@contextmanager
def reports(
    plan: Plan,
    state: State,
    now: Callable[[], datetime],
    progress: bool | None,
    price: Callable[[], str] = str,
) -> Iterator[Callable[[State], None]]:
    """Report a collection that follows a state; yield the function that is called after each page.

    `progress`: None shows a bar on a terminal only, True always, False never. `price` returns what
    the collection cost so far, as text.
    """
    journey = _Journey(plan, state, now(), now)
    log.info("%s: %s", plan.action, journey.start())
    with bar(progress, plan.action, " rows", plan.expected) as advance:
        advance(state.rows)

        def note() -> str:
            return ", ".join(filter(None, [price(), journey.position()]))

        def report(after: State) -> None:
            rows = after.rows - journey.state.rows
            is_due = journey.is_due(after)
            journey.state = after
            advance(rows, note)
            if is_due and log.isEnabledFor(logging.INFO):
                parts = filter(None, [journey.amount(), note()])
                log.info("%s: %s", plan.action, ", ".join(parts))

        try:
            yield report
        except BaseException:
            log.info("%s: stopped after %s", plan.action, journey.amount())
            raise
    if not log.isEnabledFor(logging.INFO):
        return
    seconds = (now() - journey.began).total_seconds()
    amount = ", ".join(filter(None, [journey.amount(), price()]))
    log.info("%s: done, %s in %s", plan.action, amount, _length(seconds))


@dataclass
class _Journey:
    """A collection on its way; `first` is the state from which it started."""

    plan: Plan
    first: State
    began: datetime
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        self.state = self.first

    def start(self) -> str:
        """Say where the collection starts, and how much it is to collect."""
        start = "started"
        if self.first.pages:
            start = f"continued after {self.amount()}"
        if self.plan.expected is None:
            return start
        return f"{start}, at most {counted(self.plan.expected, 'row')}"

    def amount(self) -> str:
        """Return the number of pages and rows so far."""
        return f"{counted(self.state.pages, 'page')}, {counted(self.state.rows, 'row')}"

    def is_due(self, after: State) -> bool:
        """Whether a log line is due after a page."""
        every = _EVERY_OF_STREAM if self.plan.declared.streaming else _EVERY
        return after.pages // every > self.state.pages // every

    def position(self) -> str:
        """Say which time the collection has reached, and when it will probably end."""
        parts = []
        reached = _reached(self.state)
        if reached is not None:
            parts.append(f"back to {reached:%Y-%m-%d %H:%M} UTC")
        now = self.now()
        left = self._left(now)
        if left is not None:
            end = now + timedelta(seconds=left)
            parts.append(f"about {_length(left)} left, until {end:%H:%M} UTC")
        return ", ".join(parts)

    def _left(self, now: datetime) -> float | None:
        """Return the seconds that are probably left; None if unknown."""
        share, before = self._share(self.state), self._share(self.first)
        elapsed = (now - self.began).total_seconds()
        if share is None or before is None or share <= before or elapsed <= 0:
            return None
        return elapsed * (1 - share) / (share - before)

    def _share(self, state: State) -> float | None:
        """Return the part that is done, by rows or by the time of posts, whichever is more."""
        shares = []
        if self.plan.expected:
            shares.append(state.rows / self.plan.expected)
        span = self._span()
        if span is not None:
            oldest, newest = span
            reached = _reached(state) or newest
            shares.append((newest - reached) / (newest - oldest))
        return min(1.0, max(shares, default=0.0)) if shares else None

    def _span(self) -> tuple[datetime, datetime] | None:
        """Return the oldest and newest time that the collection covers; None if unknown."""
        arguments, newest, oldest = self.plan.arguments, self.began, None
        if arguments.get("end_time"):
            newest = datetime.fromisoformat(arguments["end_time"])
        elif arguments.get("until_id"):
            newest = posted_at(int(arguments["until_id"]))
        if arguments.get("start_time"):
            oldest = datetime.fromisoformat(arguments["start_time"])
        elif arguments.get("since_id"):
            oldest = posted_at(int(arguments["since_id"]))
        elif self.plan.declared.days_back is not None:
            oldest = self.began - timedelta(days=self.plan.declared.days_back)
        elif self.plan.declared.window_days is not None:
            oldest = newest - timedelta(days=self.plan.declared.window_days)
        if oldest is None or oldest >= newest:
            return None
        return oldest, newest


def _reached(state: State) -> datetime | None:
    """Return the oldest time of the pages so far; None if they do not say it."""
    if state.lowest is not None:
        return posted_at(int(state.lowest))
    if state.oldest is not None:
        return datetime.fromisoformat(state.oldest).astimezone(UTC)
    return None


def _length(seconds: float) -> str:
    """Return a length of time in the largest fitting unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

"""The windows of time that a sample reads, and how each was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.plan.values import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Drawn", "Sample", "Window", "drawn"]

ARGUMENT = "sample"  # of a request: how its window was drawn, as JSON
_EPOCH_MS = 1_288_834_974_657  # of X's ids, whose upper bits are milliseconds since then
_SECOND_MS = 1000
_LATEST_MS = 1 << 43  # in the year 2248


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, in Unix milliseconds, of which all posts are read.

    Parameters
    ----------
    number
        Its number in the order of time, from 0.
    start_ms
    end_ms
        The span; its end is not part of it.
    stratum
        The stratum from which it was drawn, in the order of time, from 0.
    stratum_windows
        How many windows were drawn from that stratum.
    probability
        The probability with which it was drawn, which is that of each of its posts.
    counted
        The number of posts in it according to X's counts. Where the window is shorter than the
        interval that was counted, its share of that interval.
    """

    number: int
    start_ms: int
    end_ms: int
    stratum: int
    stratum_windows: int
    probability: float
    counted: float

    @property
    def start_at(self) -> str:
        """The start as text, to the millisecond."""
        return _time(self.start_ms)

    @property
    def end_at(self) -> str:
        """The end as text, to the millisecond."""
        return _time(self.end_ms)

    def bounds(self) -> dict[str, str | None]:
        """Return the arguments of a search in this window.

        X takes times in whole seconds only. Within a second, ids are the bounds.
        """
        if self.start_ms % _SECOND_MS == 0 and self.end_ms % _SECOND_MS == 0:
            times = (stamp(_moment(at)) for at in (self.start_ms, self.end_ms))
            return dict(zip(("start_time", "end_time"), times, strict=True))
        first, last = (at - _EPOCH_MS << 22 for at in (self.start_ms, self.end_ms))
        return {
            "start_time": None, "end_time": None, "since_id": str(first - 1), "until_id": str(last)
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn sample: its windows, in the order in which they are read.

    The order is random, so that a sample which is stopped early is a smaller sample of all the
    time. `has_price` means that its size was chosen for a price.
    """

    id: str
    seed: int
    windows: tuple[Window, ...]
    has_price: bool = False

    def argument(self, number: int) -> str:
        """Return how a window was drawn, for its request."""
        return msgspec.json.encode(Drawn(self.id, self.windows[number])).decode()

    @property
    def counted(self) -> float:
        """The number of posts in its windows, according to X's counts."""
        return sum(window.counted for window in self.windows)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A window with the sample that it belongs to."""

    sample_id: str
    window: Window


def drawn(arguments: Mapping[str, Any]) -> Drawn | None:
    """Return how the window of a request was drawn; None if it is not part of a sample.

    The arguments may come from an archive by an unknown person.
    """
    text = arguments.get(ARGUMENT)
    if not isinstance(text, str):
        return None
    try:
        found = msgspec.json.decode(text, type=Drawn)
    except (msgspec.MsgspecError, RecursionError):
        return None
    window = found.window
    if not 0 < window.probability <= 1 or not 0 <= window.start_ms <= window.end_ms < _LATEST_MS:
        return None
    return found


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


def _time(at_ms: int) -> str:
    return _moment(at_ms).isoformat(timespec="milliseconds")

"""Post ids as times: X's ids begin with the millisecond in which a post was made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from xframes.registry.params import MIXED_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_MS = 1_288_834_974_657  # 4 November 2010; ids of older posts do not say their time
_LAST_MS = 253_402_300_799_000  # 31 December 9999, the last day of a datetime
_LOW_BITS = 22
UNDATED = 1 << 40  # ids of posts of before that day are smaller, and do not say their time


def posted_at(post_id: int) -> datetime:
    """Return the time of a post, which is part of its id. Older posts get the time of the first."""
    ms = min((post_id >> _LOW_BITS) + _FIRST_MS, _LAST_MS)
    return datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)


def first_id(at: datetime) -> int | None:
    """Return the smallest id of a post made at a time or later; None for times without ids."""
    ms = int(at.timestamp()) * 1000 - _FIRST_MS
    if ms < 0:
        return None
    return ms << _LOW_BITS


def has_time_without_ids(bounds: Mapping[str, Any]) -> bool:
    """Whether the start is so early that no id says the same, as in searches since 2006."""
    start = bounds.get("start_time")
    return start is not None and first_id(datetime.fromisoformat(start)) is None


def one_kind_of_bounds(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a request with ids as bounds, if they have an id and a time.

    X refuses such pairs. Times without ids do not change.
    """
    bounds = dict(arguments)
    for time, other_id in MIXED_BOUNDS:
        if bounds.get(time) is None or bounds.get(other_id) is None:
            continue
        edge = first_id(datetime.fromisoformat(bounds[time]))
        if edge is None:
            continue
        if time == "start_time":  # it is inclusive, since_id is not
            bounds["since_id"] = str(max(edge - 1, int(bounds.get("since_id") or 0)))
        else:
            bounds["until_id"] = str(min(edge, int(bounds.get("until_id") or edge)))
        bounds[time] = None
    return bounds

"""The axis of times: time zones, and ticks that carry their day, month and year."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd
    from matplotlib.axes import Axes

_INCHES_A_DATE = 0.75
_LEVELS = ("year", "month", "day", "minute", "second")
# An axis of fewer days has ticks of at least this level.
_DAYS = ((1.0, "minute"), (60.0, "day"), (730.0, "month"))


def zone_of(tz: str) -> ZoneInfo:
    """Return a time zone by its name. Raises ArgumentError if there is none."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        raise ArgumentError(
            f"tz: expected a time zone such as 'UTC' or 'America/New_York', got {tz!r}"
        ) from error


def local(rows: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Convert the times of a frame to a time zone."""
    import pandas as pd

    converted = rows.copy()
    for name in rows:
        if isinstance(rows[name].dtype, pd.DatetimeTZDtype):
            converted[name] = rows[name].dt.tz_convert(zone)
    return converted


def dates(ax: Axes, zone: ZoneInfo, margin: float = 0.01) -> None:
    """Format the x axis as times in a zone. The first tick carries its month and year."""
    ax.xaxis.axis_date(tz=zone)
    ax.xaxis.set_major_locator(_locator()(tz=zone))
    ax.xaxis.set_major_formatter(_formatter()(zone))
    ax.margins(x=margin)
    ax.set_xlabel(f"time ({zone.key})")


def _locator() -> Any:
    """Return a locator of round moments in view that takes only every n-th one on narrow axes."""
    from matplotlib.dates import AutoDateLocator

    class Moments(AutoDateLocator):
        def __call__(self) -> Any:
            moments = super().__call__()  # type: ignore[no-untyped-call]  # untyped there
            axis: Any = self.axis
            low, high = sorted(axis.get_view_interval())
            slack = (high - low) * 1e-6
            in_view = [at for at in moments if low - slack <= at <= high + slack]
            ax = axis.axes
            inches = ax.get_window_extent().width / ax.figure.canvas.figure.dpi
            room = max(1, int(inches / _INCHES_A_DATE))
            step = max(1, ceil(len(in_view) / room))
            return in_view[::step] or moments

    return Moments


def _formatter() -> Any:
    """Return a formatter of ticks that writes only what differs from the tick before."""
    from matplotlib import dates as mdates
    from matplotlib.ticker import Formatter

    num2date: Any = mdates.num2date  # untyped there

    class Stamps(Formatter):
        def __init__(self, zone: ZoneInfo) -> None:
            self._zone = zone

        def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002  its interface
            return f"{num2date(x, self._zone):%Y-%m-%d %H:%M}"

        def format_ticks(self, values: Sequence[float]) -> list[str]:
            axis: Any = self.axis
            low, high = sorted(axis.get_view_interval())
            return stamps([num2date(value, self._zone) for value in values], high - low)

    return Stamps


def stamps(times: Sequence[datetime], days: float) -> list[str]:
    """Return labels of times, the first with its day, month and year.

    Later labels repeat the day, month and year only where these change. `days` is the length of the
    axis.
    """
    level = _level(times, days)
    labels = []
    before = None
    for time in times:
        labels.append("\n".join(_lines(time, before, level)))
        before = time
    return labels


def _level(times: Sequence[datetime], days: float) -> str:
    """Return the finest unit in which the times differ."""
    level = next((name for most, name in _DAYS if days < most), "year")
    for time in times:
        parts = (time.month > 1, time.day > 1, time.hour + time.minute > 0, time.second > 0)
        finest = max((place for place, used in enumerate(parts, 1) if used), default=0)
        level = max(level, _LEVELS[finest], key=_LEVELS.index)
    return level


def _lines(time: datetime, before: datetime | None, level: str) -> list[str]:
    """Return the lines of a label: the unit of the level, and below it what has changed."""
    is_new_year = before is None or before.year != time.year
    is_new_month = is_new_year or before is None or before.month != time.month
    year = [str(time.year)] if is_new_year else []
    if level == "year":
        return [str(time.year)]
    if level == "month":
        return [f"{time:%b}", *year]
    if level == "day":
        month = [" ".join([f"{time:%b}", *year])] if is_new_month else []
        return [str(time.day), *month]
    is_new_day = is_new_month or before is None or before.day != time.day
    clock = f"{time:%H:%M:%S}" if level == "second" else f"{time:%H:%M}"
    day = [", ".join([f"{time:%b} {time.day}", *year])] if is_new_day else []
    return [clock, *day]

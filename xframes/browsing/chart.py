"""Rows as a chart: bars for categories, a line over time. Geometry only; a template draws it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from xframes.browsing.markup import shown
from xframes.errors import ArgumentError

if TYPE_CHECKING:
    import pyarrow as pa

WIDTH, HEIGHT = 800, 300
_MOST_BARS = 60
_BAR = 24  # height of a bar and the space below it
_LABELS = 220  # width of the labels of bars


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its label and value."""

    label: str
    value: str
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of a number by another column."""

    x: str
    y: str
    description: str
    height: int
    bars: tuple[Bar, ...] = ()
    points: str = ""  # of a line
    marks: tuple[tuple[float, float], ...] = ()  # its points, while they are few
    least: str = ""
    most: str = ""
    first: str = ""
    last: str = ""
    note: str = ""


def chart_of(rows: pa.Table, x: str = "", y: str = "") -> Chart:
    """Return a chart of rows. Raises ArgumentError if they have no numbers."""
    columns = {name: rows.column(n).to_pylist() for n, name in enumerate(rows.column_names)}
    numeric = [name for name, values in columns.items() if _are_numbers(values)]
    if y and y not in numeric:
        raise ArgumentError(f"chart: expected a column of numbers, got {y!r:.60}")
    if not numeric:
        raise ArgumentError("chart: expected a column of numbers, got none; see the table")
    y = y or numeric[-1]
    if x and x not in columns:
        raise ArgumentError(f"chart: expected a column of the result, got {x!r:.60}")
    x = x or next((name for name in columns if name != y), y)
    pairs = [
        (a, float(b)) for a, b in zip(columns[x], columns[y], strict=True)
        if b is not None and math.isfinite(b)
    ]
    if _are_times([a for a, _ in pairs]):
        return _line(x, y, pairs)
    return _bars(x, y, pairs)


def _are_numbers(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )


def _are_times(values: list[Any]) -> bool:
    return len(values) > 1 and all(isinstance(value, date) for value in values)


def _bars(x: str, y: str, pairs: list[tuple[Any, float]]) -> Chart:
    shown_pairs = pairs[:_MOST_BARS]
    most = max((abs(value) for _, value in shown_pairs), default=0) or 1.0
    room = WIDTH - _LABELS - 90
    bars = tuple(
        Bar(_short(shown(label)) or "(none)", shown(value), n * _BAR, room * abs(value) / most)
        for n, (label, value) in enumerate(shown_pairs)
    )
    note = ""
    if len(pairs) > _MOST_BARS:
        note = f"The first {_MOST_BARS} of {len(pairs):,} rows."
    return Chart(x, y, f"{y} by {x}", max(1, len(bars)) * _BAR + 8, bars, note=note)


def _line(x: str, y: str, pairs: list[tuple[Any, float]]) -> Chart:
    pairs = sorted(pairs, key=lambda pair: _number(pair[0]))
    times = [_number(time) for time, _ in pairs]
    values = [value for _, value in pairs]
    low, high = min(0.0, *values), max(values)
    span, reach = (times[-1] - times[0]) or 1.0, (high - low) or 1.0
    left, top, room, drop = 70, 12, WIDTH - 90, HEIGHT - 50
    places = [
        (round(left + room * (time - times[0]) / span, 1),
         round(top + drop * (high - value) / reach, 1))
        for time, value in zip(times, values, strict=True)
    ]
    marks = tuple(places) if len(places) <= 100 else ()
    return Chart(
        x, y, f"{y} over {x}", HEIGHT, points=" ".join(f"{a},{b}" for a, b in places), marks=marks,
        least=shown(low), most=shown(high), first=shown(pairs[0][0]), last=shown(pairs[-1][0]),
    )


def _number(time: Any) -> float:
    if isinstance(time, datetime):
        return time.timestamp()
    return float(time.toordinal() * 86_400)


def _short(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"

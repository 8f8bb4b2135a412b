"""Posts read against the project's monthly cap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, ink, short
from xframes.plot.canvas.rows import newest, numbers, rows, table, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FORECAST_DAYS = 7
_MOST_DAYS = 90
_FAR = 3  # a cap more than so many times what is drawn is told in words, else it would flatten everything


@dataclass(frozen=True)
class _Month:
    """A project's month at the cap: what was read each day, and until when it counts."""

    daily: dict[date, int]
    today: date
    used: int | None
    cap: int | None
    begins: date
    resets: date | None


def usage(
    frame: Any, ax: Axes | None = None, *, cap: int | None = None, reset_day: int | None = None,
    project: str | None = None,
) -> Axes:
    """Draw the posts a project read each day (bars) and since the count last began anew (steps), against its cap.

    Every day known is there; days X does not send had no use, and the day of the observation is pale: it was not over.
    The dashed line goes on to the day the count begins anew, at the mean of the last 7 whole days. Reads `usage_daily`
    and `usage`. A frame of `usage_daily` knows neither cap nor reset day: give `cap` (posts a month) and `reset_day`
    (of the month), which go before what X says in any case. `project` chooses one of several.

    Raises ArgumentError when there is no usage to draw, or there are several projects and none is chosen.
    """
    month = _month(frame, cap, reset_day, project)
    ax = drawing.axes(ax)
    from matplotlib.dates import date2num

    first = min([month.begins, *month.daily])
    days = [first + timedelta(n) for n in range((month.today - first).days + 1)]
    at = date2num(days)  # type: ignore[no-untyped-call]  # untyped there
    heights = [month.daily.get(day, 0) for day in days]
    drawn = ax.bar(at, heights, width=0.8, align="edge", color=COLORS[4], label="a day")
    drawn.patches[-1].set_alpha(0.45)
    since = days.index(month.begins)
    told = _sum(ax, month, at[since:], heights[since:])
    drawing.finish(ax, "posts read", "")
    ax.set_xlabel("day (UTC)")
    if told:
        drawing.note(ax, told)
    return ax


def _sum(ax: Axes, month: _Month, at: Any, heights: list[int]) -> str:
    """The steps up to now, the forecast and the cap; and what there is to say of it."""
    before = (month.used if month.used is not None else sum(heights)) - sum(heights)
    sums = [max(before, 0)]
    for height in heights:
        sums.append(sums[-1] + height)
    ax.step([*at, at[-1] + 1], [*sums[1:], sums[-1]], where="post", color=COLORS[0],
            label=f"since {month.begins:%b} {month.begins.day}: {short(sums[-1])}")
    top = float(sums[-1])
    if month.resets is not None:
        top = _forecast(ax, month, at[-1], sums[-1])
    if month.cap is None:
        return ""
    if month.cap > _FAR * max(top, 1):
        ax.plot([], [], color=COLORS[3], linewidth=1.2, label=f"cap: {short(month.cap)} (beyond the top)")
    else:
        ax.axhline(month.cap, color=COLORS[3], linewidth=1.2, label=f"cap: {short(month.cap)}")
    used = f"{sums[-1] / month.cap:.1%} of the cap used"
    if sums[-1] < month.cap < top:
        reached = _reached(month, sums[-1])
        return f"{used}; at this pace it is reached on {reached:%b} {reached.day}"
    return used


def _rate(month: _Month) -> float:
    """The mean of the last whole days, of those that are known."""
    first = min(month.daily, default=month.today)
    days = [month.today - timedelta(n) for n in range(1, _FORECAST_DAYS + 1)]
    known = [month.daily.get(day, 0) for day in days if day >= first]
    return sum(known) / len(known) if known else float(month.daily.get(month.today, 0))


def _forecast(ax: Axes, month: _Month, today: float, used: int) -> float:
    assert month.resets is not None
    left = (month.resets - month.today).days
    ends = used + _rate(month) * (left - 1)  # what is left of today is taken for read
    ax.plot([today + 1, today + left], [used, ends], color=COLORS[0], linestyle=(0, (4, 2)),
            label=f"forecast for {month.resets:%b} {month.resets.day}: {short(ends)}")
    ax.axvline(today + left, color=GREY, linewidth=0.8, linestyle=":", label="_reset")
    ax.text(today + left, 1, "resets ", transform=ax.get_xaxis_transform(), ha="right", va="top", fontsize=8,
            color=ink(ax))
    return ends


def _reached(month: _Month, used: int) -> date:
    assert month.cap is not None  # and the forecast goes above it, so there is a rate
    return month.today + timedelta(ceil((month.cap - used) / _rate(month)))


# rows -----------------------------------------------------------------------------------------------------------------


def _month(frame: Any, cap: int | None, reset_day: int | None, project: str | None) -> _Month:
    import pandas as pd

    columns = ["scope", "id", "date", "usage", "observed_at"]
    daily = numbers(table(frame, "usage_daily", columns, optional=("scope", "id", "observed_at")), ["usage"])
    daily = daily[daily["scope"] == "project"] if "scope" in daily else daily
    state = _state(frame)
    named: Any = daily["id"].dropna() if "id" in daily else []
    projects = sorted({str(one) for one in (*named, *state["project_id"])})
    if project is None and len(projects) > 1:
        raise ArgumentError(f"choose one of the projects with project=…: {', '.join(projects)}")
    if project is not None:
        daily, state = daily[daily["id"] == project], state[state["project_id"] == project]
    known = newest(daily, ["date"]).dropna(subset=["date", "usage"])
    by_day = {at.date(): int(n) for at, n in zip(known["date"], known["usage"], strict=True)}
    if not by_day and state.empty:
        raise ArgumentError("there is no usage to draw; xf.usage.posts(days=30) collects it")
    told = state.iloc[-1] if len(state) else None
    seen = told["observed_at"] if told is not None else known["observed_at"].max() if "observed_at" in known else None
    today = max(by_day) if seen is None or pd.isna(seen) else seen.date()
    if by_day and today - max(by_day) > timedelta(_MOST_DAYS):
        today = max(by_day)  # X sends the last 90 days: a clock further on is not X's, e.g. that of a sandbox
    day = reset_day or _whole(told, "cap_reset_day")
    begins = _reset(today, day, 0) if day else min(by_day)
    return _Month(by_day, today, _whole(told, "project_usage"), cap or _whole(told, "project_cap"), begins,
                  _reset(today, day, 1) if day else None)


def _state(frame: Any) -> pd.DataFrame:
    import pandas as pd

    columns = ["project_id", "project_cap", "project_usage", "cap_reset_day", "observed_at"]
    if not whole(frame):
        return pd.DataFrame(columns=columns)
    chosen = ", ".join(columns)
    return rows(frame, f"SELECT {chosen} FROM usage WHERE project_id IS NOT NULL ORDER BY observed_at", columns)


def _whole(row: Any, name: str) -> int | None:
    import pandas as pd

    return None if row is None or pd.isna(row[name]) else int(row[name])


def _reset(today: date, day: int, later: int) -> date:
    """The day the count last began anew, or `later` months after it; in short months the last day."""
    from calendar import monthrange

    months = today.year * 12 + today.month - 1
    if today.day < min(day, monthrange(today.year, today.month)[1]):
        months -= 1
    year, month = divmod(months + later, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))

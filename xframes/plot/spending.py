"""A plot of the posts that a project read, against its monthly cap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, ink, short
from xframes.plot.canvas.moments import zone_of
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import newest, numbers, rows, table, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FORECAST_DAYS = 7
_MOST_DAYS = 90
# A cap more than this many times higher than the bars is written in the legend instead of drawn;
# it would make everything else flat.
_FAR = 3


@dataclass(frozen=True)
class _Month:
    """The posts that a project read each day, and the month that its cap applies to."""

    daily: dict[date, int]
    today: date
    used: int | None
    cap: int | None
    starts: date
    resets: date | None


    @property
    def days(self) -> list[date]:
        """All days to draw, up to today."""
        first = min([self.starts, *self.daily])
        return [first + timedelta(n) for n in range((self.today - first).days + 1)]

    @property
    def reads(self) -> list[int]:
        """The posts read on each of these days."""
        return [self.daily.get(day, 0) for day in self.days]

    @property
    def sums(self) -> list[int]:
        """The posts read since the cap was reset, up to the end of each day from then on."""
        reads = self.reads[self.days.index(self.starts) :]
        before = 0
        if self.used is not None:
            before = max(self.used - sum(reads), 0)
        return list(accumulate(reads, initial=before))[1:]


def usage_data(
    frame: Any, *, cap: int | None = None, reset_day: int | None = None,
    project: str | None = None, tz: str = "UTC",
) -> pd.DataFrame:
    """Return the numbers that `usage` draws.

    Parameters
    ----------
    frame, cap, reset_day, project, tz
        As for `usage`.

    Returns
    -------
    pandas.DataFrame
        One row per day: `start_at`, its midnight in UTC; `posts`, read on that day; `sum`, read
        since the cap was reset, missing for earlier days; `cap`; and `is_over`, whether the day was
        over.

    Raises
    ------
    ArgumentError
        As `usage`.

    Examples
    --------
    >>> xf.plot.usage.data(xf.usage.posts(days=30))
    """
    import pandas as pd

    zone = zone_of(tz)
    month = _month(frame, cap, reset_day, project)
    missing = [None] * (len(month.days) - len(month.sums))
    days = pd.Series(pd.to_datetime(month.days)).dt.as_unit("ms").dt.tz_localize("UTC")
    return pd.DataFrame({
        "start_at": days.dt.tz_convert(zone), "posts": month.reads,
        "sum": pd.Series([*missing, *month.sums], dtype="Int64"),
        "cap": pd.Series([month.cap] * len(days), dtype="Int64"),
        "is_over": [day < month.today for day in month.days],
    })


@plot(usage_data)
def usage(
    frame: Any, ax: Axes | None = None, *, cap: int | None = None, reset_day: int | None = None,
    project: str | None = None, tz: str = "UTC",
) -> Axes:
    """Draw the posts that a project read per day (bars) and in the month (steps), against its cap.

    Days that X does not send are drawn as zero. The bar of the last day is pale, because the day
    was not over. A dashed line continues to the day when the cap resets, at the mean of the last 7
    whole days. `usage.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames or an Archive with the tables `usage_daily` and `usage`; or a frame with `date`,
        `usage` and, if present, `scope`, `id` and `observed_at`.
    ax
        Axes to draw on. Without it, a new figure.
    cap
        Posts per month. Default: the cap that X reported, which only Frames and an Archive have.
    reset_day
        Day of the month when the cap resets, 1 to 31. Default: the day that X reported.
    project
        Id of the project to draw. Needed if the frame has several projects.
    tz
        Time zone of the axis, such as `Europe/Berlin`. X's days are in UTC. Default: UTC.

    Returns
    -------
    Axes
        The axes, with the share of the cap below the picture.

    Raises
    ------
    ArgumentError
        There is no usage, the frame has several projects and `project` is missing, or the time zone
        does not exist.

    Examples
    --------
    >>> xf.plot.usage(xf.usage.posts(days=30), cap=2_000_000)
    """
    zone = zone_of(tz)
    month = _month(frame, cap, reset_day, project)
    ax = drawing.axes(ax)
    from matplotlib.dates import date2num

    at = date2num(month.days)  # type: ignore[no-untyped-call]  # untyped there
    bars = ax.bar(at, month.reads, width=0.8, align="edge", color=COLORS[4], label="posts per day")
    bars.patches[-1].set_alpha(0.45)
    note = _draw_sums(ax, month, at[-len(month.sums) :])
    drawing.finish(ax, "posts read", "", zone=zone)
    if zone.key == "UTC":
        ax.set_xlabel("day (UTC)")
    if note:
        drawing.note(ax, note)
    return ax


def _draw_sums(ax: Axes, month: _Month, at: Any) -> str:
    """Draw the sums up to now, the forecast and the cap. Return how much of the cap is used."""
    sums = month.sums
    ax.step(
        [*at, at[-1] + 1], [*sums, sums[-1]], where="post", color=COLORS[0],
        label=f"since {_day(month.starts)}: {short(sums[-1])}",
    )
    top = float(sums[-1])
    if month.resets is not None:
        top = _forecast(ax, month, month.resets, at[-1], sums[-1])
    if month.cap is None:
        return ""
    label = f"cap: {short(month.cap)}"
    if month.cap > _FAR * max(top, 1):
        ax.plot([], [], color=COLORS[3], linewidth=1.2, label=f"{label} (beyond the top)")
    else:
        ax.axhline(month.cap, color=COLORS[3], linewidth=1.2, label=label)
    used = f"{sums[-1] / month.cap:.1%} of the cap used"
    if sums[-1] < month.cap < top:
        days = ceil((month.cap - sums[-1]) / _rate(month))
        return f"{used}; at this pace it is reached on {_day(month.today + timedelta(days))}"
    return used


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"


def _rate(month: _Month) -> float:
    """Return the mean of the last 7 whole days, or of fewer if only those are known."""
    first = min(month.daily, default=month.today)
    days = [month.today - timedelta(n) for n in range(1, _FORECAST_DAYS + 1)]
    numbers = [month.daily.get(day, 0) for day in days if day >= first]
    if not numbers:
        return float(month.daily.get(month.today, 0))
    return sum(numbers) / len(numbers)


def _forecast(ax: Axes, month: _Month, resets: date, today: float, used: int) -> float:
    """Draw the line to the day when the cap resets. Return the posts at its end."""
    left = (resets - month.today).days
    end = used + _rate(month) * (left - 1)  # as if nothing more is read today
    ax.plot(
        [today + 1, today + left], [used, end], color=COLORS[0], linestyle=(0, (4, 2)),
        label=f"forecast for {_day(resets)}: {short(end)}",
    )
    ax.axvline(today + left, color=GREY, linewidth=0.8, linestyle=":", label="_reset")
    ax.text(
        today + left, 1, "resets ", transform=ax.get_xaxis_transform(), ha="right", va="top",
        fontsize=8, color=ink(ax),
    )
    return end


# rows --------------------------------------------------------------------------------------------


def _month(frame: Any, cap: int | None, reset_day: int | None, project: str | None) -> _Month:
    daily, reports = _usage(frame, project)
    by_day = {
        at.date(): int(number) for at, number in zip(daily["date"], daily["usage"], strict=True)
    }
    if not by_day and reports.empty:
        raise ArgumentError("no usage to draw. To collect usage, use xf.usage.posts(days=30)")
    report: dict[Any, Any] = {}
    if not reports.empty:
        report = reports.iloc[-1].dropna().to_dict()
    today = _today(by_day, report, daily)
    cap = cap or _integer(report, "project_cap")
    day = reset_day or _integer(report, "cap_reset_day")
    used = _integer(report, "project_usage")
    if not day:
        return _Month(by_day, today, used, cap, min(by_day), None)
    return _Month(by_day, today, used, cap, _reset(today, day, 0), _reset(today, day, 1))


def _usage(frame: Any, project: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the posts of each day, and X's reports of the cap in order of time, of one project."""
    columns = ["scope", "id", "date", "usage", "observed_at"]
    daily = table(frame, "usage_daily", columns, optional=("scope", "id", "observed_at"))
    daily = numbers(daily, ["usage"])
    if "scope" in daily:
        daily = daily[daily["scope"] == "project"]
    reports = _reports(frame)
    projects = {str(one) for one in reports["project_id"]}
    if "id" in daily:
        projects.update(str(one) for one in daily["id"].dropna())
    if project is None and len(projects) > 1:
        raise ArgumentError(f"project: expected one of {', '.join(sorted(projects))}, got None")
    if project is not None:
        daily, reports = daily[daily["id"] == project], reports[reports["project_id"] == project]
    return newest(daily, ["date"]).dropna(subset=["date", "usage"]), reports


def _reports(frame: Any) -> pd.DataFrame:
    import pandas as pd

    columns = ["project_id", "project_cap", "project_usage", "cap_reset_day", "observed_at"]
    if not whole(frame):
        return pd.DataFrame(columns=columns)
    query = f"""
        SELECT {", ".join(columns)} FROM usage
        WHERE project_id IS NOT NULL ORDER BY observed_at
    """
    return rows(frame, query, columns)


def _today(by_day: dict[date, int], report: dict[Any, Any], daily: pd.DataFrame) -> date:
    """Return the day of the last observation."""
    import pandas as pd

    observed = report.get("observed_at")
    if not report and "observed_at" in daily:
        observed = daily["observed_at"].max()
    if observed is None or pd.isna(observed):
        return max(by_day)
    today: date = observed.date()
    # X sends the last 90 days. A later clock is not X's, but for example that of a sandbox.
    if by_day and today - max(by_day) > timedelta(_MOST_DAYS):
        return max(by_day)
    return today


def _integer(report: dict[Any, Any], name: str) -> int | None:
    value = report.get(name)
    if value is None:
        return None
    return int(value)


def _reset(today: date, day: int, later: int) -> date:
    """Return the last day when the cap reset, or `later` months after it.

    In a month without this day, the cap resets on the last day of the month.
    """
    from calendar import monthrange

    months = today.year * 12 + today.month - 1
    if today.day < min(day, monthrange(today.year, today.month)[1]):
        months -= 1
    year, month = divmod(months + later, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))

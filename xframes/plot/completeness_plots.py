"""What was collected beside what there is, and when people post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, ink, short
from xframes.plot.canvas.rows import ASKED, floats, naive, numbers, rows, table, whole

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def completeness(frame: Any, ax: Axes | None = None, *, query: str | None = None) -> Axes:
    """Draw what was collected of a query against what X counts, span by span, and shade the spans that miss posts.

    `frame` is what `archive.completeness(query)` gives: query, granularity, start_at, end_at, counted, collected,
    missing; or the archive itself, with `query`. X also counts posts deleted since, so a few may stay missing.

    Raises ArgumentError when nothing was counted, or there are several queries and `query` chooses none of them.
    """
    if hasattr(frame, "completeness") and query is not None:
        frame = frame.completeness(query)
    if whole(frame):
        raise ArgumentError("completeness is of one query of an archive: xf.plot.completeness(archive, query=…)")
    found = _one_query(frame, query)
    ax = drawing.axes(ax)
    edges, places = _steps(found)
    styles: dict[str, dict[str, Any]] = {"collected": {"fill": True, "color": COLORS[4]},
                                         "counted": {"color": ink(ax), "linewidth": 1.2, "baseline": None}}
    for name, style in styles.items():
        steps = [float("nan")] * (len(edges) - 1)
        for place, value in zip(places, floats(found[name]), strict=True):
            steps[place] = value
        ax.stairs(steps, edges, label=f"{name}{' by X' * (name == 'counted')}: {short(found[name].sum())}", **style)
    if windows := _windows(found):
        label = f"missing: {short(found['missing'].clip(lower=0).sum())} in {len(windows):,} window"
        ax.broken_barh(windows, (0, 1), transform=ax.get_xaxis_transform(), color=COLORS[1], alpha=0.3, linewidth=0,
                       zorder=0, label=label + "s" * (len(windows) > 1))
    drawing.finish(ax, f"posts per {found['granularity'].iloc[0]}", str(found["query"].iloc[0]))
    return ax


def heatmap(frame: Any, ax: Axes | None = None, *, tz: str = "UTC", mean: bool = False) -> Axes:
    """Draw at which hour of which weekday posts are made, in the time zone `tz`, e.g. `Europe/Berlin`.

    Hours are those the clocks there showed at the time, summer time included. `mean` divides by how often each hour
    came between the first post and the last, so that a weekday that came once more does not look busier.

    Of Frames and archives the posts that were asked for are drawn, each once. Raises ArgumentError when there is no
    post with a time, or no such zone.
    """
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        raise ArgumentError(f"there is no time zone {tz!r}; give a name such as UTC or America/New_York") from error
    posts = table(frame, "posts", ["id", "created_at"], ASKED, ("id",))
    posts = posts.drop_duplicates("id", keep="last") if "id" in posts else posts
    times = posts["created_at"].dropna()
    if times.empty:
        raise ArgumentError("there are no posts with a created_at to draw; collect some, e.g. with xf.search.recent")
    cells = _cells(times, zone)
    if mean:
        cells = _means(cells, times, zone)
    ax = drawing.axes(ax, (8, 3.2))
    _tiles(ax, cells, "posts an hour" if mean else "posts")
    ax.set_xlabel(f"hour of the day ({tz})")
    return ax


# completeness ---------------------------------------------------------------------------------------------------------


def _one_query(frame: Any, query: str | None) -> pd.DataFrame:
    columns = ["query", "granularity", "start_at", "end_at", "counted", "collected", "missing"]
    found = numbers(rows(frame, "", columns), ["counted", "collected", "missing"])
    if query is not None:
        found = found[found["query"] == query]
    queries = [str(one) for one in found["query"].unique()]
    if len(queries) > 1:
        raise ArgumentError(f"choose one of {len(queries)} queries with query=…: {', '.join(map(repr, queries))}")
    if found.empty or not found["counted"].notna().any():
        raise ArgumentError("nothing was counted to draw; xf.counts.recent(query, into=archive) asks X for it")
    finest = next((g for g in ("minute", "hour", "day") if (found["granularity"] == g).any()), None)
    found = found[found["granularity"] == finest] if finest else found
    return found.sort_values("start_at").reset_index(drop=True)


def _steps(found: pd.DataFrame) -> tuple[list[float], list[int]]:
    """Where steps begin and end, also where spans are left out, and the place of each row among them."""
    from matplotlib.dates import date2num

    starts, ends = (date2num(naive(found[name])) for name in ("start_at", "end_at"))  # type: ignore[no-untyped-call]  # matplotlib's
    edges = sorted({*starts.tolist(), *ends.tolist()})
    place = {edge: nth for nth, edge in enumerate(edges)}
    return edges, [place[start] for start in starts.tolist()]


def _windows(found: pd.DataFrame) -> list[tuple[float, float]]:
    """Spans that miss posts, as from when and how long, those beside each other as one."""
    from matplotlib.dates import date2num

    lacking = found[found["missing"] > 0]
    starts, ends = (date2num(naive(lacking[name])).tolist() for name in ("start_at", "end_at"))  # type: ignore[no-untyped-call]  # matplotlib's
    windows: list[tuple[float, float]] = []
    for start, end in zip(starts, ends, strict=True):
        if windows and windows[-1][1] >= start:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return [(start, end - start) for start, end in windows]


# hours and weekdays ---------------------------------------------------------------------------------------------------


def _cells(times: pd.Series[Any], zone: ZoneInfo) -> np.ndarray[Any, Any]:
    """How many times fall on each weekday (rows, from Monday) and hour (columns)."""
    import numpy as np

    local = times.dt.tz_convert(zone)
    cells = np.zeros((7, 24))
    np.add.at(cells, (local.dt.day_of_week.to_numpy(), local.dt.hour.to_numpy()), 1)
    return cells


def _means(cells: np.ndarray[Any, Any], times: pd.Series[Any], zone: ZoneInfo) -> np.ndarray[Any, Any]:
    import numpy as np
    import pandas as pd

    quarters = pd.date_range(times.min().floor("15min"), times.max().floor("15min"), freq="15min")  # zones at :30, :45
    hours = _cells(pd.Series(quarters), zone) / 4
    means: np.ndarray[Any, Any] = np.divide(cells, hours, out=np.full_like(cells, np.nan), where=hours > 0)
    return means


def _tiles(ax: Axes, cells: np.ndarray[Any, Any], label: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("posts", ["#F4F8FB", COLORS[4], COLORS[0], "#00263D"])
    mesh = ax.pcolormesh(range(25), range(8), cells, cmap=shades, vmin=0, edgecolors="white", linewidth=0.8)
    ax.set_yticks([day + 0.5 for day in range(7)], _DAYS)
    ax.set_xticks([hour + 0.5 for hour in range(0, 24, 3)], [str(hour) for hour in range(0, 24, 3)])
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    drawing.measure(bar.ax.yaxis, label, whole=label == "posts")
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=GREY, labelsize="small")

"""Plots of how complete a collection is, and of the hours when people post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, ink, short
from xframes.plot.canvas.moments import local, zone_of
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import MATCHES, floats, naive, numbers, rows, table, whole
from xframes.screen import counted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

_MANY_SPANS = 200  # a line around more of them would hide them
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_GRANULARITIES = ("minute", "hour", "day")  # finest first


def completeness_data(
    frame: Any, *, query: str | None = None, tz: str = "UTC"
) -> pd.DataFrame:
    """Return the numbers that `completeness` draws.

    Parameters
    ----------
    frame, query, tz
        As for `completeness`.

    Returns
    -------
    pandas.DataFrame
        One row per span: `query`, `granularity`, `start_at`, `end_at`, `counted`, `collected` and
        `missing`.

    Raises
    ------
    ArgumentError
        As `completeness`.

    Examples
    --------
    >>> xf.plot.completeness.data(archive, query="duckdb lang:en")
    """
    return local(_one_query(frame, query), zone_of(tz))


@plot(completeness_data)
def completeness(
    frame: Any, ax: Axes | None = None, *, query: str | None = None, tz: str = "UTC"
) -> Axes:
    """Draw the collected posts of a query against the number that X counts.

    The picture has one step per span of time; spans with missing posts are shaded. X also counts
    posts that were deleted later, so a few posts may stay missing. `completeness.data` returns the
    numbers.

    Parameters
    ----------
    frame
        The result of `archive.completeness(query)`, with the columns `query`, `granularity`,
        `start_at`, `end_at`, `counted`, `collected` and `missing`; or an Archive, with `query`.
    ax
        Axes to draw on. Without it, a new figure.
    query
        The query to draw. Needed for an Archive, and for a frame with several queries.
    tz
        Time zone of the axis, such as `Europe/Berlin`. X counts days in UTC. Default: UTC.

    Returns
    -------
    Axes
        The axes, with the totals in the legend.

    Raises
    ------
    ArgumentError
        X's counts of the query were not collected, the frame has several queries and `query` is
        missing, or the time zone does not exist.

    Examples
    --------
    >>> xf.plot.completeness(archive, query="duckdb lang:en")
    """
    zone = zone_of(tz)
    spans = _one_query(frame, query)
    ax = drawing.axes(ax)
    edges, places = _steps(spans)
    styles: dict[str, dict[str, Any]] = {
        "collected": {"label": "collected", "fill": True, "color": COLORS[4]},
        "counted": {
            "label": "counted by X", "color": ink(ax), "baseline": None,
            "linewidth": 1.2 if len(spans) <= _MANY_SPANS else 0.6,
        },
    }
    for name, style in styles.items():
        steps = [float("nan")] * (len(edges) - 1)
        for place, value in zip(places, floats(spans[name]), strict=True):
            steps[place] = value
        label = f"{style['label']}: {short(spans[name].sum())}"
        ax.stairs(steps, edges, **{**style, "label": label})
    windows = _windows(spans)
    if windows:
        missing = short(spans["missing"].clip(lower=0).sum())
        ax.broken_barh(
            windows, (0, 1), transform=ax.get_xaxis_transform(),
            color=COLORS[1], alpha=0.3, linewidth=0, zorder=0,
            label=f"missing: {missing} in {counted(len(windows), 'window')}",
        )
    span = spans["granularity"].iloc[0]
    drawing.finish(ax, f"posts per {span}", str(spans["query"].iloc[0]), zone=zone)
    return ax


def heatmap_data(frame: Any, *, tz: str = "UTC", mean: bool = False) -> pd.DataFrame:
    """Return the numbers that `heatmap` draws.

    Parameters
    ----------
    frame, tz, mean
        As for `heatmap`.

    Returns
    -------
    pandas.DataFrame
        One row per hour of the week from Monday: `weekday`, `hour`, and `posts`, or with `mean`
        `posts_per_hour`, which is missing for hours that do not occur.

    Raises
    ------
    ArgumentError
        As `heatmap`.

    Examples
    --------
    >>> xf.plot.heatmap.data(archive, tz="Europe/Berlin")
    """
    import pandas as pd

    cells = _hours(frame, zone_of(tz), mean=mean)
    name, type_ = ("posts_per_hour", "float64") if mean else ("posts", "int64")
    return pd.DataFrame({
        "weekday": [day for day in _DAYS for _ in range(24)], "hour": [*range(24)] * len(_DAYS),
        name: cells.ravel().astype(type_),
    })


@plot(heatmap_data)
def heatmap(frame: Any, ax: Axes | None = None, *, tz: str = "UTC", mean: bool = False) -> Axes:
    """Draw the number of posts by weekday and hour of the day. `heatmap.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with `created_at`, and `id` to count each post once. From
        Frames and an Archive, only posts that a query returned are drawn, not the posts that they
        refer to.
    ax
        Axes to draw on. Without it, a new figure.
    tz
        Time zone of the hours, such as `Europe/Berlin`. Daylight saving time is included.
        Default: UTC.
    mean
        Draw posts per hour: divide the number of posts by how often each hour of the week occurs
        between the first post and the last. Default: the number of posts.

    Returns
    -------
    Axes
        The axes, with seven rows from Monday, 24 columns, and a color bar.

    Raises
    ------
    ArgumentError
        No post has a `created_at`, or the time zone does not exist.

    Examples
    --------
    >>> xf.plot.heatmap(archive, tz="Europe/Berlin")
    """
    cells = _hours(frame, zone_of(tz), mean=mean)
    label = "posts"
    if mean:
        label = "posts per hour"
    ax = drawing.axes(ax, (8, 3.2))
    _tiles(ax, cells, label, whole=not mean)
    ax.set_xlabel(f"hour of the day ({tz})")
    return ax


def _hours(frame: Any, zone: ZoneInfo, *, mean: bool) -> np.ndarray[Any, Any]:
    """Count posts by weekday (rows, from Monday) and hour (columns), or their mean per hour."""
    posts = table(frame, "posts", ["id", "created_at"], MATCHES, ("id",))
    if "id" in posts:
        posts = posts.drop_duplicates("id", keep="last")
    times = posts["created_at"].dropna()
    if times.empty:
        raise ArgumentError(
            "no posts with a created_at to draw. To collect posts, use xf.search.recent(query)"
        )
    cells = _cells(times, zone)
    if mean:
        return _means(cells, times, zone)
    return cells


# completeness ------------------------------------------------------------------------------------


def _one_query(frame: Any, query: str | None) -> pd.DataFrame:
    if hasattr(frame, "completeness") and query is not None:
        frame = frame.completeness(query)
    if whole(frame):
        raise ArgumentError(
            "expected one query of an archive: xf.plot.completeness(archive, query=…)"
        )
    columns = ["query", "granularity", "start_at", "end_at", "counted", "collected", "missing"]
    spans = numbers(rows(frame, "", columns), ["counted", "collected", "missing"])
    if query is not None:
        spans = spans[spans["query"] == query]
    queries = [str(one) for one in spans["query"].unique()]
    if len(queries) > 1:
        raise ArgumentError(
            f"query: expected one of {len(queries)} queries ({', '.join(map(repr, queries))})"
        )
    if spans.empty or not spans["counted"].notna().any():
        raise ArgumentError(
            "no counts to draw. To collect X's counts, use xf.counts.recent(query, into=archive)"
        )
    available = (name for name in _GRANULARITIES if (spans["granularity"] == name).any())
    finest = next(available, None)
    if finest is not None:
        spans = spans[spans["granularity"] == finest]
    return spans.sort_values("start_at").reset_index(drop=True)


def _steps(spans: pd.DataFrame) -> tuple[list[float], list[int]]:
    """Return the edges of all steps, gaps between spans included, and the step of each row."""
    starts, ends = _dates(spans["start_at"]), _dates(spans["end_at"])
    edges = sorted({*starts, *ends})
    place = {edge: nth for nth, edge in enumerate(edges)}
    return edges, [place[start] for start in starts]


def _windows(spans: pd.DataFrame) -> list[tuple[float, float]]:
    """Return (start, length) of spans with missing posts; adjacent spans are joined."""
    gaps = spans[spans["missing"] > 0]
    windows: list[tuple[float, float]] = []
    for start, end in zip(_dates(gaps["start_at"]), _dates(gaps["end_at"]), strict=True):
        if windows and windows[-1][1] >= start:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return [(start, end - start) for start, end in windows]


def _dates(times: pd.Series[Any]) -> list[float]:
    from matplotlib.dates import date2num

    dates: Any = date2num(naive(times))  # type: ignore[no-untyped-call]  # untyped there
    return list(dates.tolist())


# hours and weekdays ------------------------------------------------------------------------------


def _cells(times: pd.Series[Any], zone: ZoneInfo) -> np.ndarray[Any, Any]:
    """Count times by weekday (rows, from Monday) and hour (columns)."""
    import numpy as np

    local = times.dt.tz_convert(zone)
    cells = np.zeros((7, 24))
    np.add.at(cells, (local.dt.day_of_week.to_numpy(), local.dt.hour.to_numpy()), 1)
    return cells


def _means(
    cells: np.ndarray[Any, Any], times: pd.Series[Any], zone: ZoneInfo
) -> np.ndarray[Any, Any]:
    import numpy as np
    import pandas as pd

    # quarters of an hour, because some zones begin their hours at :30 or :45 of UTC
    first, last = times.min().floor("15min"), times.max().floor("15min")
    quarters = pd.date_range(first, last, freq="15min")
    hours = _cells(pd.Series(quarters), zone) / 4
    empty = np.full_like(cells, np.nan)
    means: np.ndarray[Any, Any] = np.divide(cells, hours, out=empty, where=hours > 0)
    return means


def _tiles(ax: Axes, cells: np.ndarray[Any, Any], label: str, *, whole: bool) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    palette = ["#F4F8FB", COLORS[4], COLORS[0], "#00263D"]
    if drawing.is_dark(ax):
        palette.reverse()  # few posts are near the background
    shades = LinearSegmentedColormap.from_list("posts", palette)
    mesh = ax.pcolormesh(
        range(25), range(8), cells, cmap=shades, vmin=0, edgecolors=drawing.ground(ax),
        linewidth=0.8,
    )
    ax.set_yticks([day + 0.5 for day in range(7)], _DAYS)
    hours = range(0, 24, 3)
    ax.set_xticks([hour + 0.5 for hour in hours], [str(hour) for hour in hours])
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    drawing.measure(bar.ax.yaxis, label, whole=whole)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=GREY, labelsize="small")

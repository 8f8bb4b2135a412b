"""Plots of posts over time: collected posts, and X's counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError
from xframes.plan.values import moment
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, colors, strokes
from xframes.plot.canvas.moments import local, zone_of
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import MATCHES, broken, floats, naive, newest, numbers, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

Every = Literal["minute", "10 minutes", "hour", "6 hours", "day", "week", "month", "year"]
EVERY: dict[str, tuple[str, float]] = {  # pandas' name of the span, and its length in seconds
    "minute": ("min", 60), "10 minutes": ("10min", 600), "hour": ("h", 3600),
    "6 hours": ("6h", 21600), "day": ("D", 86400), "week": ("W", 604800),
    "month": ("M", 2629800), "year": ("Y", 31557600),
}
_OTHERS = "(others)"
_LONGEST_CLOCK = 3600  # seconds; longer spans begin at an hour of the day
_TOO_MANY_SPANS = 50_000
_MOST_SPANS = 200  # more steps look like noise at the width of a page
_MOST_SPANS_BY = 60  # lines that cross each other need wider steps


@dataclass(frozen=True)
class _Timeline:
    """Spans of time by their edges, and the number of posts in each, for each group."""

    edges: pd.DatetimeIndex
    span: str
    groups: list[tuple[str, np.ndarray[Any, Any]]]
    ends: pd.Timestamp | None

    @property
    def is_over(self) -> np.ndarray[Any, Any]:
        """Whether each span was over at the end of the observation."""
        import numpy as np

        if self.ends is None:
            return np.ones(len(self.edges) - 1, dtype=bool)
        over: np.ndarray[Any, Any] = np.asarray(self.edges[1:] <= self.ends)
        return over


def timeline_data(
    frame: Any, *, every: Every | None = None, by: str | None = None, top: int = 5,
    until: Any = None, tz: str = "UTC",
) -> pd.DataFrame:
    """Return the numbers that `timeline` draws.

    Parameters
    ----------
    frame, every, by, top, until, tz
        As for `timeline`.

    Returns
    -------
    pandas.DataFrame
        One row per span, for each group: `start_at`, `end_at`, the column `by` if it is given,
        `posts`, and `is_over`, whether the span was over at `until`.

    Raises
    ------
    ArgumentError
        As `timeline`.

    Examples
    --------
    >>> xf.plot.timeline.data(archive, every="day", by="lang")
    """
    import pandas as pd

    line = _timeline(frame, zone_of(tz), every=every, by=by, top=top, until=until)
    parts = []
    for name, heights in line.groups:
        part = pd.DataFrame({"start_at": line.edges[:-1], "end_at": line.edges[1:]})
        if by is not None:
            part[by] = pd.Series([name] * len(part), dtype="str")
        parts.append(part.assign(posts=heights, is_over=line.is_over))
    return pd.concat(parts, ignore_index=True)


@plot(timeline_data)
def timeline(
    frame: Any, ax: Axes | None = None, *, every: Every | None = None, by: str | None = None,
    top: int = 5, until: Any = None, tz: str = "UTC",
) -> Axes:
    """Draw the number of posts created in each span of time.

    Each post counts once. Spans without posts are drawn as zero. The last span is hatched if it was
    not over at `until`. `timeline.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with `created_at` and, if present, `id` and `observed_at`.
        From Frames and an Archive, only posts that a query returned are drawn, not the posts that
        they refer to; `archive.frame("posts")` has all posts.
    ax
        Axes to draw on. Without it, a new figure.
    every
        Length of a span. Default: the shortest with at most 200 spans, or 60 with `by`.
    by
        Column to group by, such as `lang`: one line for each of its `top` most frequent values, and
        one line for all others. Default: one line for all posts.
    top
        Number of values to draw with `by`, at most 8. Default: 5.
    until
        End of the picture: an aware datetime, ISO 8601 text or a date, which is its midnight in
        UTC. Default: the newest `observed_at` of the frame.
    tz
        Time zone of the axis and of the spans, such as `Europe/Berlin`: a day begins at its
        midnight. Default: UTC.

    Returns
    -------
    Axes
        The axes, with one step line per group.

    Raises
    ------
    ArgumentError
        No post has a `created_at`; the column `by` does not exist; `every`, `until` or `tz` is
        invalid; or there are more than 50,000 spans.

    Examples
    --------
    >>> xf.plot.timeline(archive, every="day", by="lang", tz="Europe/Berlin")
    """
    zone = zone_of(tz)
    line = _timeline(frame, zone, every=every, by=by, top=top, until=until)
    ax = drawing.axes(ax)
    places = _numbers(line.edges)
    for color, (label, heights) in zip(colors(ax), line.groups, strict=False):
        ax.stairs(
            heights, places, fill=by is None, label=label, linewidth=1.6,
            color=GREY if label == _OTHERS else color,
        )
    drawing.finish(ax, f"posts per {line.span}", by, zone=zone)
    if not line.is_over[-1]:
        _hatch(ax, places, line.span)
    return ax


def counts_data(frame: Any, *, tz: str = "UTC") -> pd.DataFrame:
    """Return the numbers that `counts` draws.

    Parameters
    ----------
    frame, tz
        As for `counts`.

    Returns
    -------
    pandas.DataFrame
        One row per query and span: `query`, `granularity`, `start_at`, `end_at`, `post_count`, and
        `is_cut`, whether the span was cut short.

    Raises
    ------
    ArgumentError
        As `counts`.

    Examples
    --------
    >>> xf.plot.counts.data(archive).groupby("query")["post_count"].sum()
    """
    return local(_counted(frame), zone_of(tz))


@plot(counts_data)
def counts(frame: Any, ax: Axes | None = None, *, tz: str = "UTC") -> Axes:
    """Draw the number of posts per span of time as X counts them, one line per query.

    The time range of a query often cuts its first and last span. These are drawn as hollow points,
    because their number cannot be compared with that of a whole span. If the numbers of the queries
    differ by 100 times, the scale is logarithmic. `counts.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with `query`, `granularity`, `start_at`, `end_at`,
        `post_count` and, if present, `observed_at`.
    ax
        Axes to draw on. Without it, a new figure.
    tz
        Time zone of the axis, such as `Europe/Berlin`. X counts days in UTC. Default: UTC.

    Returns
    -------
    Axes
        The axes, with one line per query.

    Raises
    ------
    ArgumentError
        There are no counts, or counts of several granularities; a column is missing, or the time
        zone does not exist.

    Examples
    --------
    >>> xf.plot.counts(xf.counts.recent("duckdb"))
    """
    zone = zone_of(tz)
    rows = _counted(frame)
    ax = drawing.axes(ax)
    span = str(rows["granularity"].iloc[0])
    drawn = []
    for stroke, (query, line) in zip(strokes(ax), rows.groupby("query"), strict=False):
        whole, part = line[~line["is_cut"]], line[line["is_cut"]]
        times, heights = broken(_middle(whole), floats(whole["post_count"]), _length(span))
        ax.plot(naive(times), heights, label=str(query), **drawing.lonely(heights), **stroke)
        cut = floats(part["post_count"])
        drawing.hollow(ax, naive(_middle(part)), cut, stroke["color"])
        drawn.append([*heights, *cut])
    is_cut = bool(rows["is_cut"].any())
    if is_cut:
        drawing.hollow(ax, [], [], GREY, "(span cut short)")
    smallest = drawing.smallest_of(drawn)
    drawing.finish(ax, f"posts per {span}", "query", zone=zone, smallest=smallest, is_cut=is_cut)
    return ax


# rows --------------------------------------------------------------------------------------------


def _counted(frame: Any) -> pd.DataFrame:
    """Return the newest counts of each query and span, without cut spans that a whole one covers.

    `is_cut` says whether a span was cut short.
    """
    import pandas as pd

    columns = ["query", "granularity", "start_at", "end_at", "post_count", "observed_at"]
    rows = table(frame, "counts", columns, optional=("observed_at",))
    rows = newest(rows, ["query", "granularity", "start_at"]).sort_values(["query", "start_at"])
    rows = rows.dropna(subset=["query", "granularity", "start_at", "end_at"])
    rows = numbers(rows, ["post_count"])
    if rows.empty:
        raise ArgumentError("no counts to draw. To collect counts, use xf.counts.recent(query)")
    spans = list(rows["granularity"].unique())
    unknown = [span for span in spans if span not in EVERY]
    if unknown:
        raise ArgumentError(f"granularity: expected one of {', '.join(EVERY)}, got {unknown[0]!r}")
    if len(spans) > 1:  # their numbers cannot be compared on one axis
        raise ArgumentError(
            f"granularity: expected counts of one granularity, got {' and '.join(spans)}. Pass the "
            f"rows of one, e.g. counts[counts['granularity'] == {spans[0]!r}]"
        )
    lines = [_marked(line, str(spans[0])) for _, line in rows.groupby("query")]
    return pd.concat(lines, ignore_index=True)[[*columns[:-1], "is_cut"]]


def _marked(line: pd.DataFrame, span: str) -> pd.DataFrame:
    """Add `is_cut` to the spans of a query, and leave out cut ones that a whole one covers."""
    line = line.assign(is_cut=line["end_at"] - line["start_at"] < _length(span))
    whole, part = line[~line["is_cut"]], line[line["is_cut"]]
    if whole.empty:
        return line
    # rows are sorted by time: this is the last whole span that starts no later than the cut one
    before = whole["start_at"].searchsorted(part["start_at"], side="right") - 1
    is_covered = whole["end_at"].iloc[before].to_numpy() > part["start_at"].to_numpy()
    return line.drop(part.index[is_covered & (before >= 0)])


def _length(span: str) -> pd.Timedelta:
    import pandas as pd

    return pd.Timedelta(seconds=EVERY[span][1])


def _timeline(
    frame: Any, zone: ZoneInfo, *, every: Every | None, by: str | None, top: int, until: Any
) -> _Timeline:
    import pandas as pd

    if every is not None and every not in EVERY:
        raise ArgumentError(f"every: expected one of {', '.join(EVERY)}, got {every!r}")
    posts = _posts(frame, by)
    ends = None
    if until is not None:
        ends = pd.Timestamp(moment("until", until))
        posts = posts[posts["created_at"] < ends]
    elif "observed_at" in posts:
        ends = posts["observed_at"].max()
    if posts.empty:
        raise ArgumentError(
            "no posts with a created_at to draw. To collect posts, use xf.search.recent(query)"
        )
    first, last = posts["created_at"].min(), posts["created_at"].max()
    if until is not None:
        last = max(last, ends)
    span = every or _span(first, last, _MOST_SPANS if by is None else _MOST_SPANS_BY)
    spans = (last - first).total_seconds() / EVERY[span][1]
    if spans > _TOO_MANY_SPANS:
        raise ArgumentError(
            f"every: expected at most {_TOO_MANY_SPANS:,} spans, got {spans:,.0f} of one {span}. "
            "Choose a longer span"
        )
    edges = _edges(first, last, span, zone)
    groups = [
        (label, _histogram(group["created_at"], edges)) for label, group in _groups(posts, by, top)
    ]
    return _Timeline(edges, span, groups, ends)


def _posts(frame: Any, by: str | None) -> pd.DataFrame:
    """Read the posts with a time, each once, and the column to group by."""
    columns = ["id", "created_at", "observed_at"]
    if by and by not in columns:
        columns.append(by)
    posts = table(frame, "posts", columns, MATCHES, ("id", "observed_at"))
    if "id" in posts:
        posts = posts.drop_duplicates("id", keep="last")
    return posts[posts["created_at"].notna()]


def _middle(line: pd.DataFrame) -> pd.Series[Any]:
    return line["start_at"] + (line["end_at"] - line["start_at"]) / 2


def _hatch(ax: Axes, edges: Sequence[float], span: str) -> None:
    """Hatch the last span, which was not over."""
    start, end = edges[-2:]
    ax.axvspan(
        start, end, facecolor="none", edgecolor=GREY, hatch="////", linewidth=0, label="_not over",
        zorder=3,
    )
    verb = "were" if span[0].isdigit() else "was"
    drawing.note(ax, f"hatched: the last {span} {verb} not over")


def _groups(posts: pd.DataFrame, by: str | None, top: int) -> list[tuple[str, pd.DataFrame]]:
    if by is None:
        return [("posts", posts)]
    values = posts[by].astype("string").fillna("(none)")
    frequent = values.value_counts().index[: max(1, min(top, len(COLORS)))]
    groups = [(str(value), posts[values == value]) for value in frequent]
    others = posts[~values.isin(frequent)]
    if not others.empty:
        groups.append((_OTHERS, others))
    return groups


def _span(first: pd.Timestamp, last: pd.Timestamp, most: int) -> str:
    """Return the shortest span of which at most `most` cover the time."""
    seconds = (last - first).total_seconds()
    return next((name for name, (_, length) in EVERY.items() if seconds / length <= most), "year")


def _edges(
    first: pd.Timestamp, last: pd.Timestamp, span: str, zone: ZoneInfo
) -> pd.DatetimeIndex:
    """Return the times where spans start, and the end of the last span, in a time zone."""
    import numpy as np
    import pandas as pd

    unit, length = EVERY[span]
    first, last = first.tz_convert(zone), last.tz_convert(zone)
    if length <= _LONGEST_CLOCK:  # steps of the clock, also where the zone sets it forward or back
        offset = first.utcoffset() or pd.Timedelta(0)
        start = (first.tz_convert("UTC") + offset).floor(unit) - offset
        step = pd.Timedelta(seconds=length)
        edges = pd.date_range(start, last.tz_convert("UTC") + step, freq=step)
        return edges.tz_convert(zone)
    first, last = first.tz_localize(None), last.tz_localize(None)
    if unit[0].isdigit():
        starts = pd.date_range(first.floor(unit), last.floor(unit) + pd.Timedelta(unit), freq=unit)
    else:
        periods = pd.period_range(first.to_period(unit), last.to_period(unit) + 1, freq=unit)
        starts = periods.to_timestamp()
    # A midnight may be missing or occur twice where the clock is set: the first one counts.
    is_summer = np.ones(len(starts), dtype=bool)
    return starts.tz_localize(zone, ambiguous=is_summer, nonexistent="shift_forward")


def _histogram(times: pd.Series[Any], edges: pd.DatetimeIndex) -> np.ndarray[Any, Any]:
    import numpy as np

    starts = edges.tz_convert("UTC").tz_localize(None).as_unit("ms").to_numpy()
    spans = np.searchsorted(starts, naive(times).astype("datetime64[ms]"), "right") - 1
    counted: np.ndarray[Any, Any] = np.bincount(spans, minlength=len(edges) - 1)
    return counted


def _numbers(edges: pd.DatetimeIndex) -> Sequence[float]:
    from matplotlib.dates import date2num

    utc = edges.tz_convert("UTC").tz_localize(None)
    numbers: Any = date2num(utc.to_numpy())  # type: ignore[no-untyped-call]  # untyped there
    return numbers  # type: ignore[no-any-return]  # as above

"""Plots of posts over time: collected posts, and X's counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError
from xframes.plan.values import moment
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, HOLLOW, colors, strokes
from xframes.plot.canvas.rows import MATCHES, broken, floats, naive, newest, numbers, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

Every = Literal["minute", "10 minutes", "hour", "6 hours", "day", "week", "month", "year"]
EVERY: dict[str, tuple[str, float]] = {  # pandas' name of the span, and its length in seconds
    "minute": ("min", 60), "10 minutes": ("10min", 600), "hour": ("h", 3600),
    "6 hours": ("6h", 21600), "day": ("D", 86400), "week": ("W", 604800),
    "month": ("M", 2629800), "year": ("Y", 31557600),
}
_TOO_MANY_SPANS = 50_000
_MOST_SPANS = 200  # more steps look like noise at the width of a page
_MOST_SPANS_BY = 60  # lines that cross each other need wider steps


def timeline(
    frame: Any, ax: Axes | None = None, *, every: Every | None = None, by: str | None = None,
    top: int = 5, until: Any = None,
) -> Axes:
    """Draw the number of posts created in each span of time.

    Each post counts once. Spans without posts are drawn as zero. The last span is hatched if it was
    not over at `until`.

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

    Returns
    -------
    Axes
        The axes, with one step line per group.

    Raises
    ------
    ArgumentError
        No post has a `created_at`; the column `by` does not exist; `every` or `until` is invalid;
        or there are more than 50,000 spans.

    Examples
    --------
    >>> xf.plot.timeline(archive, every="day", by="lang")
    """
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
    edges = _edges(first, last, span)
    ax = drawing.axes(ax)
    for color, (label, group) in zip(colors(ax), _groups(posts, by, top), strict=False):
        ax.stairs(
            _histogram(group["created_at"], edges), _numbers(edges), fill=by is None, label=label,
            linewidth=1.6, color=GREY if label == "(others)" else color,
        )
    drawing.finish(ax, f"posts per {span}", by)
    if ends is not None and ends.tz_convert(None) < edges[-1]:
        _hatch(ax, edges, span)
    return ax


def counts(frame: Any, ax: Axes | None = None) -> Axes:
    """Draw the number of posts per span of time as X counts them, one line per query.

    The time range of a query often cuts its first and last span. These are drawn as hollow points,
    because their number cannot be compared with that of a whole span.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with `query`, `granularity`, `start_at`, `end_at`,
        `post_count` and, if present, `observed_at`.
    ax
        Axes to draw on. Without it, a new figure.

    Returns
    -------
    Axes
        The axes, with one line per query.

    Raises
    ------
    ArgumentError
        There are no counts, or counts of several granularities; or a column is missing.

    Examples
    --------
    >>> xf.plot.counts(xf.counts.recent("duckdb"))
    """
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
    ax = drawing.axes(ax)
    is_cut = False
    groups = rows.groupby(["query", "granularity"])
    for stroke, ((query, span), line) in zip(strokes(ax), groups, strict=False):
        whole, part, step = _wholes(line, str(span))
        times, heights = broken(_middle(whole), floats(whole["post_count"]), step)
        ax.plot(naive(times), heights, label=str(query), **stroke)
        cut = floats(part["post_count"])
        ax.plot(naive(_middle(part)), cut, color=stroke["color"], **HOLLOW)
        is_cut = is_cut or not part.empty
    if is_cut:
        ax.plot([], [], color=GREY, label="(span cut short)", **HOLLOW)
    drawing.finish(ax, f"posts per {spans[0]}", "query")
    return ax


def _posts(frame: Any, by: str | None) -> pd.DataFrame:
    """Read the posts with a time, each once, and the column to group by."""
    columns = ["id", "created_at", "observed_at"]
    if by and by not in columns:
        columns.append(by)
    posts = table(frame, "posts", columns, MATCHES, ("id", "observed_at"))
    if "id" in posts:
        posts = posts.drop_duplicates("id", keep="last")
    return posts[posts["created_at"].notna()]


def _wholes(
    line: pd.DataFrame, span: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Timedelta]:
    """Return the whole spans, the cut spans that no whole span covers, and the length of a span."""
    import pandas as pd

    step = pd.Timedelta(seconds=EVERY[span][1])
    is_whole = line["end_at"] - line["start_at"] >= step
    whole, part = line[is_whole], line[~is_whole]
    if whole.empty:
        return whole, part, step
    # rows are sorted by time: this is the last whole span that starts no later than the cut one
    before = whole["start_at"].searchsorted(part["start_at"], side="right") - 1
    is_covered = whole["end_at"].iloc[before].to_numpy() > part["start_at"].to_numpy()
    return whole, part[~(is_covered & (before >= 0))], step


def _middle(line: pd.DataFrame) -> pd.Series[Any]:
    return line["start_at"] + (line["end_at"] - line["start_at"]) / 2


def _hatch(ax: Axes, edges: pd.DatetimeIndex, span: str) -> None:
    """Hatch the last span, which was not over."""
    start, end = _numbers(edges)[-2:]
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
        groups.append(("(others)", others))
    return groups


def _span(first: pd.Timestamp, last: pd.Timestamp, most: int) -> str:
    """Return the shortest span of which at most `most` cover the time."""
    seconds = (last - first).total_seconds()
    return next((name for name, (_, length) in EVERY.items() if seconds / length <= most), "year")


def _edges(first: pd.Timestamp, last: pd.Timestamp, span: str) -> pd.DatetimeIndex:
    """Return the times where spans start, and the end of the last span."""
    import pandas as pd

    first, last = first.tz_convert(None), last.tz_convert(None)
    unit = EVERY[span][0]
    if unit[0].isdigit():
        end = last.floor(unit) + pd.Timedelta(unit)
        return pd.date_range(first.floor(unit), end, freq=unit)
    periods = pd.period_range(first.to_period(unit), last.to_period(unit) + 1, freq=unit)
    return periods.to_timestamp()


def _histogram(times: pd.Series[Any], edges: pd.DatetimeIndex) -> np.ndarray[Any, Any]:
    import numpy as np

    naive = times.dt.tz_localize(None).astype("datetime64[ms]").to_numpy()
    spans = np.searchsorted(edges.as_unit("ms").to_numpy(), naive, "right") - 1
    counted: np.ndarray[Any, Any] = np.bincount(spans, minlength=len(edges) - 1)
    return counted


def _numbers(edges: pd.DatetimeIndex) -> Sequence[float]:
    from matplotlib.dates import date2num

    numbers: Any = date2num(edges.to_numpy())  # type: ignore[no-untyped-call]  # untyped there
    return numbers  # type: ignore[no-any-return]  # as above

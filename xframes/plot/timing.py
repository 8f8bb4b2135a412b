"""Posts over time: what was collected, what X counts, and how the two compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, HOLLOW, colors, strokes
from xframes.plot.canvas.rows import ASKED, broken, floats, moment, naive, newest, numbers, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

Every = Literal["minute", "10 minutes", "hour", "6 hours", "day", "week", "month", "year"]
EVERY: dict[str, tuple[str, float]] = {  # pandas' name of the span, and its length in seconds
    "minute": ("min", 60), "10 minutes": ("10min", 600), "hour": ("h", 3600), "6 hours": ("6h", 21600),
    "day": ("D", 86400), "week": ("W", 604800), "month": ("M", 2629800), "year": ("Y", 31557600),
}
_TOO_MANY_SPANS = 50_000
_MOST_SPANS = {False: 200, True: 60}  # more steps are noise at the width of a page; lines that cross need wider ones


def timeline(
    frame: Any, ax: Axes | None = None, *, every: Every | None = None, by: str | None = None, top: int = 5,
    until: Any = None,
) -> Axes:
    """Draw how many posts were made in each span of time; spans without any are zero.

    Each post counts once, however often it was observed. Of Frames and archives the posts that were asked for are
    drawn, not those included with them; `archive.frame("posts")` has them all. `every` is the span; None takes the
    shortest that gives at most 200 (60 with `by`). `by` names a column, e.g. `lang`: one line for each of its `top`
    most frequent values, and one for the others.

    The last span is hatched when it was not over at `until`, a time (UTC when it has no zone) up to which posts are
    drawn; None takes the newest `observed_at`, where the frame has it.

    Raises ArgumentError when there is no post with a time, no such column, no such span, or `until` is no time.
    """
    if every is not None and every not in EVERY:
        raise ArgumentError(f"every is one of {', '.join(EVERY)}, not {every!r}")
    columns = ["id", "created_at", "observed_at", *([by] if by else [])]
    posts = table(frame, "posts", list(dict.fromkeys(columns)), ASKED, ("id", "observed_at"))
    posts = posts.drop_duplicates("id", keep="last") if "id" in posts else posts
    posts = posts[posts["created_at"].notna()]
    ends = moment(until) if until is not None else posts["observed_at"].max() if "observed_at" in posts else None
    posts = posts[posts["created_at"] < moment(until)] if until is not None else posts
    if posts.empty:
        raise ArgumentError("there are no posts with a created_at to draw; collect some, e.g. with xf.search.recent")
    times = posts["created_at"]
    last = max(times.max(), ends) if until is not None else times.max()
    span = every or _span(times.min(), last, _MOST_SPANS[by is not None])
    if (spans := (last - times.min()).total_seconds() / EVERY[span][1]) > _TOO_MANY_SPANS:
        raise ArgumentError(f"{spans:,.0f} times every {span} is more than can be drawn; choose a longer span")
    edges = _edges(times.min(), last, span)
    ax = drawing.axes(ax)
    for color, (label, found) in zip(colors(ax), _groups(posts, by, top), strict=False):
        ax.stairs(_histogram(found["created_at"], edges), _numbers(edges), fill=by is None, label=label, linewidth=1.6,
                  color=GREY if label == "(others)" else color)
    drawing.finish(ax, f"posts per {span}" if span[0].isalpha() else f"posts in {span}", by)
    if ends is not None and ends.tz_convert(None) < edges[-1]:
        _open(ax, edges, span)
    return ax


def counts(frame: Any, ax: Axes | None = None) -> Axes:
    """Draw a counts table: posts per span of time as X counts them, one line per query.

    The first and last span of a query are often cut by its time range; they are drawn as hollow points, because their
    number cannot be compared with a whole span's.

    Raises ArgumentError when there are no counts, or columns of the table `counts` are missing.
    """
    columns = ["query", "granularity", "start_at", "end_at", "post_count", "observed_at"]
    rows = table(frame, "counts", columns, optional=("observed_at",))
    rows = newest(rows, ["query", "granularity", "start_at"]).sort_values(["query", "start_at"])
    rows = numbers(rows.dropna(subset=["query", "granularity", "start_at", "end_at"]), ["post_count"])
    if rows.empty:
        raise ArgumentError('there are no counts to draw; xf.counts.recent("…") collects some')
    spans, cut = list(rows["granularity"].unique()), False
    if odd := [span for span in spans if span not in EVERY]:
        raise ArgumentError(f"granularity is one of {', '.join(EVERY)}, not {odd[0]!r}")
    ax = drawing.axes(ax)
    for stroke, ((query, span), line) in zip(strokes(ax), rows.groupby(["query", "granularity"]), strict=False):
        whole, part, step = _wholes(line, str(span))
        label = str(query) if len(spans) == 1 else f"{query} (per {span})"
        times, heights = broken(_middle(whole), floats(whole["post_count"]), step)
        ax.plot(naive(times), heights, label=label, **stroke)
        ax.plot(naive(_middle(part)), floats(part["post_count"]), color=stroke["color"], **HOLLOW)
        cut = cut or not part.empty
    if cut:
        ax.plot([], [], color=GREY, label="(span cut short)", **HOLLOW)
    drawing.finish(ax, f"posts per {spans[0]}" if len(spans) == 1 else "posts per span", "query")
    return ax


def _wholes(line: pd.DataFrame, span: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.Timedelta]:
    """Whole spans, those cut short of which the whole is not known, and how long a span is."""
    import pandas as pd

    step = pd.Timedelta(seconds=EVERY[span][1])
    is_whole = line["end_at"] - line["start_at"] >= step
    whole, part = line[is_whole], line[~is_whole]
    before = whole["start_at"].searchsorted(part["start_at"], side="right") - 1  # rows are in order of time
    known = whole["end_at"].iloc[before].to_numpy() > part["start_at"].to_numpy() if len(whole) else before >= 0
    return whole, part[~(known & (before >= 0))], step


def _middle(line: pd.DataFrame) -> pd.Series[Any]:
    return line["start_at"] + (line["end_at"] - line["start_at"]) / 2


def _open(ax: Axes, edges: pd.DatetimeIndex, span: str) -> None:
    """Hatch the last span, which was not over."""
    start, end = _numbers(edges)[-2:]
    ax.axvspan(start, end, facecolor="none", edgecolor=GREY, hatch="////", linewidth=0, label="_not over", zorder=3)
    drawing.note(ax, f"hatched: the last {span if span[0].isalpha() else span[:-1]} was not over")


def _groups(posts: pd.DataFrame, by: str | None, top: int) -> list[tuple[str, pd.DataFrame]]:
    if by is None:
        return [("posts", posts)]
    values = posts[by].astype("string").fillna("(none)")
    frequent = values.value_counts().index[: max(1, min(top, len(COLORS)))]
    groups = [(str(value), posts[values == value]) for value in frequent]
    others = posts[~values.isin(frequent)]
    return groups if others.empty else [*groups, ("(others)", others)]


def _span(first: pd.Timestamp, last: pd.Timestamp, most: int) -> str:
    seconds = (last - first).total_seconds()
    return next((name for name, (_, length) in EVERY.items() if seconds / length <= most), "year")


def _edges(first: pd.Timestamp, last: pd.Timestamp, span: str) -> pd.DatetimeIndex:
    """The moments where spans begin, and the end of the last one."""
    import pandas as pd

    first, last = first.tz_convert(None), last.tz_convert(None)
    unit = EVERY[span][0]
    if unit[0].isdigit():
        return pd.date_range(first.floor(unit), last.floor(unit) + pd.Timedelta(unit), freq=unit)
    return pd.period_range(first.to_period(unit), last.to_period(unit) + 1, freq=unit).to_timestamp()


def _histogram(times: pd.Series[Any], edges: pd.DatetimeIndex) -> np.ndarray[Any, Any]:
    import numpy as np

    naive = times.dt.tz_localize(None).astype("datetime64[ms]").to_numpy()
    spans = np.searchsorted(edges.as_unit("ms").to_numpy(), naive, "right") - 1
    counted: np.ndarray[Any, Any] = np.bincount(spans, minlength=len(edges) - 1)
    return counted


def _numbers(edges: pd.DatetimeIndex) -> Sequence[float]:
    from matplotlib.dates import date2num

    return date2num(edges.to_numpy())  # type: ignore[no-untyped-call, no-any-return]  # untyped there

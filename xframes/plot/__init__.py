"""Plots of what was collected. Each takes `ax=None` (one is made when missing), returns the `Axes`, and never shows it.

    ax = xf.plot.counts(archive)
    ax.figure.savefig("counts.png")

`frame` is anything that holds the rows: Frames, an Archive, a pandas or polars DataFrame, an Arrow table, or a DuckDB
relation such as `archive.sql("select * from posts where lang = 'en'")`. Times are drawn in UTC.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["STYLE", "counts", "metrics", "timeline"]

STYLE = Path(__file__).with_name("xframes.mplstyle")
"""The style sheet of axes made here; `plt.style.use(xf.plot.STYLE)` gives it to your own."""

Every = Literal["minute", "10 minutes", "hour", "6 hours", "day", "week", "month", "year"]
_EVERY: dict[str, tuple[str, float]] = {  # pandas' name of the span, and its length in seconds
    "minute": ("min", 60), "10 minutes": ("10min", 600), "hour": ("h", 3600), "6 hours": ("6h", 21600),
    "day": ("D", 86400), "week": ("W", 604800), "month": ("M", 2629800), "year": ("Y", 31557600),
}
_MOST_SPANS = {False: 200, True: 60}  # more steps are noise at the width of a page; lines that cross need wider ones
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#F0E442")  # Okabe and Ito
_OTHERS = "#999999"
_HOLLOW: dict[str, Any] = {"fillstyle": "none", "markersize": 4}
_LONGEST_LABEL = 40


def timeline(
    frame: Any, ax: Axes | None = None, *, every: Every | None = None, by: str | None = None, top: int = 5
) -> Axes:
    """Draw how many posts were made in each span of time.

    Each post counts once, however often it was observed. Of Frames and archives the posts that were asked for are
    drawn, not those included with them; `archive.frame("posts")` has them all. `every` is the span; None takes the
    shortest that gives at most 200 (60 with `by`). `by` names a column, e.g. `lang`: one line for each of its `top`
    most frequent values, and one for the others.

    Raises ArgumentError when there is no post with a time, no such column, or no such span.
    """
    if every is not None and every not in _EVERY:
        raise ArgumentError(f"every is one of {', '.join(_EVERY)}, not {every!r}")
    # only what was asked for: the parent of a reply, perhaps years older, is not part of the timeline
    asked = "WHERE id IN (SELECT post_id FROM matches)"
    posts = _rows(frame, "posts", ["id", "created_at", *([by] if by else [])], asked, optional=("id",))
    posts = posts.drop_duplicates("id", keep="last")
    posts = posts[posts["created_at"].notna()]
    if posts.empty:
        raise ArgumentError("there are no posts with a created_at to draw")
    span = every or _span(posts["created_at"], _MOST_SPANS[by is not None])
    edges = _edges(posts["created_at"], span)
    ax = _axes(ax)
    for color, (label, rows) in zip(_colors(), _groups(posts, by, top), strict=False):
        made = _histogram(rows["created_at"], edges)
        ax.stairs(made, _numbers(edges), fill=by is None, label=label, linewidth=1.6,
                  color=_OTHERS if label == "(others)" else color)
    _finish(ax, f"posts per {span}" if span[0].isalpha() else f"posts in {span}", by)
    return ax


def counts(frame: Any, ax: Axes | None = None) -> Axes:
    """Draw a counts table: posts per span of time as X counts them, one line per query.

    The first and last span of a query are often cut by its time range; they are drawn as hollow points, because their
    number cannot be compared with a whole span's.

    Raises ArgumentError when there are no counts, or columns of the table `counts` are missing.
    """
    columns = ["query", "granularity", "start_at", "end_at", "post_count", "observed_at"]
    rows = _rows(frame, "counts", columns, optional=("observed_at",))
    rows = rows.sort_values("observed_at", kind="stable")
    rows = rows.drop_duplicates(["query", "granularity", "start_at"], keep="last").sort_values(["query", "start_at"])
    if rows.empty:
        raise ArgumentError('there are no counts to draw; xf.counts.recent("…") collects some')
    ax = _axes(ax)
    spans, cut = list(rows["granularity"].unique()), False
    for color, ((query, span), line) in zip(_colors(), rows.groupby(["query", "granularity"]), strict=False):
        whole = (line["end_at"] - line["start_at"]).dt.total_seconds() >= _EVERY[str(span)][1]
        label = str(query) if len(spans) == 1 else f"{query} (per {span})"
        middle = line["start_at"] + (line["end_at"] - line["start_at"]) / 2
        ax.plot(_naive(middle[whole]), _floats(line["post_count"][whole]), color=color, label=label)
        ax.plot(_naive(middle[~whole]), _floats(line["post_count"][~whole]), "o", color=color, **_HOLLOW)
        cut = cut or not whole.all()
    if cut:
        ax.plot([], [], "o", color=_OTHERS, label="(span cut short)", **_HOLLOW)
    _finish(ax, f"posts per {spans[0]}" if len(spans) == 1 else "posts per span", "query")
    return ax


def metrics(frame: Any, ax: Axes | None = None, *, metric: str = "like_count", top: int = 5) -> Axes:
    """Draw how a number grew from observation to observation: one line for each of the `top` posts with most of it.

    Reads the table `post_metrics`. Collect the same posts again, e.g. with `xf.posts.lookup`, to observe them again.

    Raises ArgumentError when nothing was observed, or the table has no such number.
    """
    rows = _rows(frame, "post_metrics", ["post_id", "observed_at", metric])
    rows = rows[rows[metric].notna()].sort_values("observed_at")
    if rows.empty:
        raise ArgumentError(f"there is no observation of {metric} to draw")
    ax = _axes(ax)
    largest = rows.groupby("post_id")[metric].max().sort_values(ascending=False, kind="stable").index[:top]
    for color, post_id in zip(_colors(), largest, strict=False):
        line = rows[rows["post_id"] == post_id]
        ax.plot(_naive(line["observed_at"]), _floats(line[metric]), "o-", markersize=4, color=color, label=str(post_id))
    _finish(ax, metric.replace("_", " "), "post")
    return ax


# rows ---------------------------------------------------------------------------------------------------------------


def _rows(frame: Any, table: str, columns: list[str], where: str = "", optional: tuple[str, ...] = ()) -> pd.DataFrame:
    """These columns as pandas, times in UTC; of Frames and archives only these are read.

    An `optional` column that a DataFrame lacks is the number of the row.
    """
    import pandas as pd

    from xframes.schema import TABLES

    if hasattr(frame, "tables") and hasattr(frame, "sql"):  # Frames, Archive
        if unknown := [c for c in columns if c not in {known.name for known in TABLES[table].columns}]:
            raise ArgumentError(f"the table {table} has no column {unknown[0]!r}; see xf.schema.table({table!r})")
        frame = frame.sql(f"SELECT {', '.join(columns)} FROM {table} {where}")
    if hasattr(frame, "df"):  # a DuckDB relation
        frame = frame.df()
    elif hasattr(frame, "to_pandas"):  # Arrow, polars
        frame = frame.to_pandas()
    if not isinstance(frame, pd.DataFrame):
        what = type(frame).__name__
        raise ArgumentError(f"a {what} cannot be drawn; give Frames, an Archive, a DataFrame or a relation")
    if missing := [c for c in columns if c not in frame and c not in optional]:
        there = ", ".join(map(str, frame.columns))
        raise ArgumentError(f"there is no column {missing[0]!r} to draw; the columns are: {there}")
    found = pd.DataFrame({c: frame[c] if c in frame else range(len(frame)) for c in columns})
    for name in found:
        if str(name).endswith("_at") and name in frame:
            found[name] = pd.to_datetime(found[name], utc=True)
    return found


def _groups(posts: pd.DataFrame, by: str | None, top: int) -> list[tuple[str, pd.DataFrame]]:
    if by is None:
        return [("posts", posts)]
    values = posts[by].astype("string").fillna("(none)")
    frequent = values.value_counts().index[: max(1, min(top, len(_COLORS)))]
    groups = [(str(value), posts[values == value]) for value in frequent]
    others = posts[~values.isin(frequent)]
    return groups if others.empty else [*groups, ("(others)", others)]


def _span(times: pd.Series[Any], most: int) -> str:
    seconds = (times.max() - times.min()).total_seconds()
    return next((name for name, (_, length) in _EVERY.items() if seconds / length <= most), "year")


def _edges(times: pd.Series[Any], span: str) -> pd.DatetimeIndex:
    """The moments where spans begin, and the end of the last one."""
    import pandas as pd

    naive = times.dt.tz_localize(None)
    unit = _EVERY[span][0]
    if unit[0].isdigit():
        return pd.date_range(naive.min().floor(unit), naive.max().floor(unit) + pd.Timedelta(unit), freq=unit)
    first, last = naive.min().to_period(unit), naive.max().to_period(unit)
    return pd.period_range(first, last + 1, freq=unit).to_timestamp()


def _histogram(times: pd.Series[Any], edges: pd.DatetimeIndex) -> np.ndarray[Any, Any]:
    import numpy as np

    naive = times.dt.tz_localize(None).astype("datetime64[ms]").to_numpy()
    spans = np.searchsorted(edges.as_unit("ms").to_numpy(), naive, "right") - 1
    counted: np.ndarray[Any, Any] = np.bincount(spans, minlength=len(edges) - 1)
    return counted


# drawing ------------------------------------------------------------------------------------------------------------


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        made: Axes = plt.subplots()[1]
        interactive = mpl.is_interactive()  # a notebook's first figure switches it on,
    mpl.interactive(interactive)  # and leaving the style would switch it off: later ones would not be shown
    return made


def _colors() -> cycle[str]:
    return cycle(_COLORS)


def _naive(times: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """UTC times as numpy has them, which every version of matplotlib draws."""
    values: np.ndarray[Any, Any] = times.dt.tz_localize(None).to_numpy()
    return values


def _numbers(edges: pd.DatetimeIndex) -> Sequence[float]:
    from matplotlib.dates import date2num

    return date2num(edges.to_numpy())  # type: ignore[no-untyped-call, no-any-return]  # untyped there


def _floats(numbers: pd.Series[Any]) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = numbers.to_numpy(dtype="float64", na_value=float("nan"))
    return values


def _finish(ax: Axes, label: str, legend: str | None) -> None:
    """Times in UTC and in few words, numbers with thousands separators from zero, and a legend."""
    from datetime import UTC

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # untyped there
    ax.xaxis.axis_date(tz=UTC)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # as above
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_ylim(bottom=0)
    ax.margins(x=0.01)
    ax.set_xlabel("time (UTC)")
    ax.set_ylabel(label)
    if legend is None:
        return
    handles, labels = ax.get_legend_handles_labels()
    short = [label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…" for label in labels]
    box = ax.legend(
        handles, short, title=legend, loc="upper left", bbox_to_anchor=(1, 1), alignment="left", frameon=False
    )
    for text in (*box.get_texts(), box.get_title()):
        text.set_parse_math(False)  # a cashtag is not a formula

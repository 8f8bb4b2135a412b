"""Plots of engagement: analytics over time, and the growth of public metrics."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import DASHES, GREY, HOLLOW, LONGEST_LABEL, ground, ink, strokes
from xframes.plot.canvas.rows import (
    broken,
    chosen,
    floats,
    media_texts,
    naive,
    newest,
    numbers,
    pandas,
    rows,
    shorten,
    table,
    texts,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

Granularity = Literal["hourly", "daily", "weekly", "total"]
_SPANS = {
    "daily": ("day", "1D"), "hourly": ("hour", "1h"), "weekly": ("week", "7D"), "total": ("", ""),
}
_SCALES = {"watch_time_ms": 3_600_000}
_LABELS = {
    "watch_time_ms": "watch time (hours)", "retweets": "reposts", "quote_tweets": "quotes",
}
_MOST_POINTS = 62  # more than two months of days: markers would hide the line


@dataclass(frozen=True)
class _Subject:
    """A kind of object with analytics: its table, its key column and its names."""

    table: str
    key: str
    singular: str
    area: str  # of the collector, as in xf.analytics.posts

    @property
    def metrics(self) -> list[str]:
        from xframes.schema import TABLES

        other = {self.key, "granularity", "at", "observed_at", "page_id"}
        return [column.name for column in TABLES[self.table].columns if column.name not in other]


_POSTS = _Subject("post_analytics", "post_id", "post", "posts")
_MEDIA = _Subject("media_analytics", "media_key", "medium", "media")


@dataclass(frozen=True)
class _Study:
    """Analytics of one granularity. `ranked` lists the keys by the first metric, most first."""

    rows: pd.DataFrame
    subject: _Subject
    metrics: list[str]
    span: str
    ranked: list[str]
    names: dict[str, str]

    def of(self, one: str) -> pd.DataFrame:
        return self.rows[self.rows[self.subject.key] == one]

    def name(self, one: str) -> str:
        return self.names.get(one, one)


def analytics(
    frame: Any, ax: Axes | None = None, *, metrics: str | Sequence[str] = "impressions",
    ids: Iterable[str | int] | None = None, each: bool = False,
    granularity: Granularity | None = None, top: int = 5, annotate: int = 3,
) -> Axes:
    """Draw metrics of your own posts or media over time.

    The metrics are summed over all posts (or media), one line per metric. A span that was not over
    when it was observed is a hollow point, and a span without a number is a gap. Watch time is in
    hours. Totals are drawn as bars.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with the columns of the table `post_analytics` or
        `media_analytics`: `post_id` or `media_key`, `granularity`, `at`, the metrics and, if
        present, `observed_at`.
    ax
        Axes to draw on. Without it, a new figure.
    metrics
        One or more columns of one of the two tables. Default: `impressions`.
    ids
        Post ids or media keys to include. Default: all.
    each
        Draw one line for each of the `top` posts instead of their sum. Default: the sum.
    granularity
        `hourly`, `daily`, `weekly` or `total`. Default: the first with rows of `daily`, `hourly`,
        `weekly` and `total`.
    top
        Number of posts with `each` and with totals: those with the largest first metric.
        Default: 5.
    annotate
        Number of posts to mark in the picture of the sum, where they were created, or at their peak
        if that is outside the picture. Default: 3.

    Returns
    -------
    Axes
        The axes, with one line per metric, or per post and metric with `each`.

    Raises
    ------
    ArgumentError
        There is nothing to draw, or `metrics` are not columns of one of the two tables.

    Examples
    --------
    >>> xf.plot.analytics(archive, metrics=["impressions", "likes"])
    """
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    study = _study(frame, names, ids, granularity)
    ax = drawing.axes(ax, (9, 4))
    first = study.ranked[: max(top, 1)]
    if study.span == "total":
        _totals(ax, study, first)
        return ax
    title = ""
    if each:
        is_cut = _lines(ax, study, first)
        title = study.subject.singular
    else:
        is_cut = _sums(ax, study)
        marked = study.ranked[: max(annotate, 0)]
        _annotate(ax, study, marked, _creation_times(frame, study.subject, marked))
    span = _SPANS[study.span][0]
    if is_cut:
        ax.plot([], [], color=GREY, label=f"({span} not over)", **HOLLOW)
    unit = "number"
    if len(study.metrics) < 4:
        unit = ", ".join(map(_label, study.metrics))
    whole = not any(name in _SCALES for name in study.metrics)
    drawing.finish(ax, f"{unit} per {span}", title, whole=whole)
    return ax


def metric_history(
    frame: Any, ax: Axes | None = None, *, metric: str = "like_count",
    posts: Iterable[str | int] | None = None, top: int = 5,
) -> Axes:
    """Draw how a public metric of posts grew, one line per post.

    Each collection of a post is one observation. To observe posts again, use
    `xf.posts.lookup(ids, refresh=True, into=archive)`.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with the columns of the table `post_metrics`: `post_id`,
        `observed_at` and the metric.
    ax
        Axes to draw on. Without it, a new figure.
    metric
        Column of `post_metrics` to draw. Default: `like_count`.
    posts
        Ids of the posts to draw. Default: the `top` posts with the largest metric.
    top
        Number of posts if `posts` is None. Default: 5.

    Returns
    -------
    Axes
        The axes, with one line per post.

    Raises
    ------
    ArgumentError
        There are no observations of these posts, or the table does not have this metric.

    Examples
    --------
    >>> xf.plot.metric_history(archive, metric="repost_count", top=3)
    """
    if metric in {"post_id", "observed_at", "page_id"}:
        raise ArgumentError(f"metric: expected a metric such as 'like_count', got {metric!r}")
    columns = ["post_id", "observed_at", metric]
    history = numbers(table(frame, "post_metrics", columns), [metric])
    history = history[history[metric].notna()].sort_values("observed_at", kind="stable")
    wanted = None
    if posts is not None:
        wanted = chosen(posts)
        history = history[history["post_id"].isin(wanted)]
    if history.empty:
        raise ArgumentError(
            f"no observation of {metric} to draw. To observe posts, use "
            "xf.posts.lookup(ids, into=archive)"
        )
    maxima = history.groupby("post_id")[metric].max()
    ranked = maxima.sort_values(ascending=False, kind="stable").index
    shown = [str(one) for one in ranked[: max(top, 1)]]
    if wanted is not None:
        shown = [one for one in wanted if one in ranked]
    names = texts(frame, shown)
    ax = drawing.axes(ax, (9, 4))
    for stroke, post_id in zip(strokes(ax), shown, strict=False):
        line = history[history["post_id"] == post_id]
        ax.plot(
            naive(line["observed_at"]), floats(line[metric]), marker="o", markersize=4, **stroke,
            label=names.get(post_id, post_id),
        )
    times = naive(history["observed_at"])
    if (times == times[0]).all():  # for a single time, matplotlib would choose an axis of years
        import numpy as np

        half_day = np.timedelta64(12, "h")
        ax.set_xlim(times[0] - half_day, times[0] + half_day)
    drawing.finish(ax, _label(metric), "post")
    return ax


# rows of analytics -------------------------------------------------------------------------------


def _study(
    frame: Any, metrics: list[str], ids: Iterable[str | int] | None, granularity: Granularity | None
) -> _Study:
    subject, found = _observed(frame, metrics)
    key = subject.key
    if ids is not None:
        found = found[found[key].isin(chosen(ids))]
    available = (name for name in _SPANS if (found["granularity"] == name).any())
    span: str = granularity or next(available, "daily")
    found = found[(found["granularity"] == span) & found[metrics].notna().any(axis=1)]
    if found.empty:
        raise ArgumentError(
            f"no {span} {' or '.join(metrics)} to draw. To collect them, use "
            f"xf.analytics.{subject.area}(ids, start_time=…, end_time=…, granularity=…)"
        )
    sums = found.groupby(key)[metrics[0]].sum().sort_values(ascending=False, kind="stable")
    ranked = [str(one) for one in sums.index]
    excerpts = media_texts if subject is _MEDIA else texts
    return _Study(found, subject, metrics, span, ranked, excerpts(frame, ranked))


def _observed(frame: Any, metrics: list[str]) -> tuple[_Subject, pd.DataFrame]:
    """Return whether posts or media are observed, and the newest observation of each span."""
    subject = _POSTS
    if whole(frame):
        subject = _subject(metrics)
    else:
        frame = pandas(frame)
        if "media_key" in frame and "post_id" not in frame:
            subject = _MEDIA
    columns = [subject.key, "granularity", "at", "observed_at", *metrics]
    found = numbers(table(frame, subject.table, columns, optional=("observed_at",)), metrics)
    found = newest(found, [subject.key, "granularity", "at"])
    return subject, found.sort_values(["at", subject.key], kind="stable")


def _subject(metrics: list[str]) -> _Subject:
    """Return posts or media: those whose table has these metrics."""
    for subject in (_POSTS, _MEDIA):
        if metrics and set(metrics) <= set(subject.metrics):
            return subject
    choices = "; ".join(f"{one.table}: {', '.join(one.metrics)}" for one in (_POSTS, _MEDIA))
    raise ArgumentError(
        f"metrics: expected columns of one table, got {', '.join(metrics) or 'none'}. {choices}"
    )


def _creation_times(frame: Any, subject: _Subject, ids: list[str]) -> dict[str, Any]:
    """Return when posts, or the first posts with media, were created, as far as the frame knows."""
    if not whole(frame):
        return {}
    query = """
        SELECT id, min(created_at) AS created_at FROM posts
        WHERE id IN (SELECT unnest($ids)) GROUP BY id
    """
    if subject is _MEDIA:
        query = """
            SELECT media_key AS id, min(created_at) AS created_at
            FROM post_media m JOIN posts p ON p.id = m.post_id
            WHERE media_key IN (SELECT unnest($ids)) GROUP BY media_key
        """
    posts = rows(frame.sql(query, {"ids": ids}), "", ["id", "created_at"]).dropna()
    return dict(zip(posts["id"], posts["created_at"], strict=True))


# drawing analytics -------------------------------------------------------------------------------


def _label(metric: str) -> str:
    return _LABELS.get(metric, metric.replace("_", " "))


def _scaled(values: pd.Series[Any], metric: str) -> Any:
    return floats(values) / _SCALES.get(metric, 1)


def _totals(ax: Axes, study: _Study, ids: list[str]) -> None:
    sums = study.rows.groupby(study.subject.key)[study.metrics].sum()
    columns = {_label(name): list(_scaled(sums.loc[ids, name], name)) for name in study.metrics}
    names = [study.name(one) for one in ids]
    if len(columns) == 1:
        drawing.bars(ax, names, columns, _label(study.metrics[0]))
    else:
        drawing.bars(ax, names, columns, "total")
        drawing.legend(ax)


def _lines(ax: Axes, study: _Study, ids: list[str]) -> bool:
    """Draw one line per post and metric. Return whether a span was not over."""
    is_cut = False
    for stroke, one in zip(strokes(ax), ids, strict=False):
        for dash, metric in zip(cycle(DASHES), study.metrics, strict=False):
            label = study.name(one)
            if len(study.metrics) > 1:
                stroke["linestyle"] = dash
                suffix = f": {_label(metric)}"
                label = shorten(label, LONGEST_LABEL - len(suffix)) + suffix
            is_cut |= _line(ax, study.of(one), metric, study.span, {**stroke, "label": label})
    return is_cut


def _sums(ax: Axes, study: _Study) -> bool:
    """Draw one line per metric, summed over all posts. Return whether a span was not over."""
    is_cut = False
    groups = study.rows.groupby("at", as_index=False)
    sums = groups[study.metrics].sum(min_count=1)
    if "observed_at" in study.rows:
        sums["observed_at"] = groups["observed_at"].min()["observed_at"]
    for stroke, metric in zip(strokes(ax), study.metrics, strict=False):
        label = _label(metric) if len(study.metrics) > 1 else "_sum"  # _: not in the legend
        is_cut |= _line(ax, sums, metric, study.span, {**stroke, "label": label})
    return is_cut


def _line(
    ax: Axes, points: pd.DataFrame, metric: str, span: str, style: dict[str, Any]
) -> bool:
    """Draw a line through the middles of spans, with gaps. Return whether a span was not over."""
    import pandas as pd

    step = pd.Timedelta(_SPANS[span][1])
    running = points["at"].isna()
    if "observed_at" in points:
        running = points["observed_at"] < points["at"] + step
    done, late = points[~running], points[running]
    if not done.empty:
        times, values = broken(done["at"], _scaled(done[metric], metric), step)
        if len(times) <= _MOST_POINTS:
            style = {"marker": "o", "markersize": 3, **style}
        ax.plot(naive(times + step / 2), values, **style)
    if not late.empty:
        values = _scaled(late[metric], metric)
        ax.plot(naive(late["at"] + step / 2), values, color=style["color"], **HOLLOW)
    return not late.empty


def _annotate(ax: Axes, study: _Study, ids: list[str], created: dict[str, Any]) -> None:
    """Number posts at the top of the axes: where they were created if in view, else at the peak."""
    from matplotlib.dates import date2num

    first, last = study.rows["at"].min(), study.rows["at"].max()
    for nth, one in enumerate(ids, 1):
        at = created.get(one)
        if at is None or not first <= at <= last:
            line = study.of(one)
            values = line[study.metrics[0]].fillna(0).astype("float64")
            at = line["at"].iloc[int(values.argmax())]
        at = at.tz_convert(None)
        when = float(date2num(at))  # type: ignore[no-untyped-call]  # untyped there
        label = f"{nth}: {study.name(one)}"
        ax.axvline(when, color=GREY, linewidth=0.8, linestyle=":", zorder=1, label=label)
        circle = {
            "boxstyle": "circle,pad=0.25", "facecolor": ground(ax), "edgecolor": GREY,
            "linewidth": 0.8,
        }
        ax.text(
            when, 0.98 - 0.08 * (nth - 1), str(nth), transform=ax.get_xaxis_transform(),
            ha="center", va="top", fontsize=8, color=ink(ax), bbox=circle,
        )

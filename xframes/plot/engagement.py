"""Plots of engagement: analytics over time, and the growth of public metrics."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import DASHES, GREY, LONGEST_LABEL, ground, ink, strokes
from xframes.plot.canvas.moments import local, zone_of
from xframes.plot.canvas.pictures import plot
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

    def running(self, points: pd.DataFrame) -> pd.Series[bool]:
        """Whether each span was not over when it was observed."""
        import pandas as pd

        if "observed_at" not in points or self.span == "total":
            return points["at"].isna()
        return points["observed_at"] < points["at"] + pd.Timedelta(_SPANS[self.span][1])

    def sums(self) -> pd.DataFrame:
        """Return the metrics summed over all posts (or media), one row per span."""
        groups = self.rows.groupby("at", as_index=False)
        sums: pd.DataFrame = groups[self.metrics].sum(min_count=1)
        if "observed_at" in self.rows:
            sums["observed_at"] = groups["observed_at"].min()["observed_at"]
        return sums


def analytics_data(
    frame: Any, *, metrics: str | Sequence[str] = "impressions",
    ids: Iterable[str | int] | None = None, each: bool = False,
    granularity: Granularity | None = None, top: int = 5, tz: str = "UTC",
) -> pd.DataFrame:
    """Return the numbers that `analytics` draws.

    Parameters
    ----------
    frame, metrics, ids, each, granularity, top, tz
        As for `analytics`.

    Returns
    -------
    pandas.DataFrame
        One row per span: `at`, the metrics (watch time in milliseconds) and `is_over`, whether the
        span was over when it was observed. With `each`, and for totals, one row per post (or
        medium) and span, with `post_id` or `media_key`; totals have no `at`.

    Raises
    ------
    ArgumentError
        As `analytics`.

    Examples
    --------
    >>> xf.plot.analytics.data(archive, metrics=["impressions", "likes"])
    """
    zone = zone_of(tz)
    study = _study(frame, metrics, ids, granularity)
    first = study.ranked[: max(top, 1)]
    key = study.subject.key
    if study.span == "total":
        return _total(study).loc[first].reset_index(names=key)
    points, columns = study.sums(), ["at", *study.metrics]
    if each:
        points, columns = study.rows[study.rows[key].isin(first)], [key, *columns]
    points = points[columns].assign(is_over=~study.running(points))
    return local(points.reset_index(drop=True), zone)


@plot(analytics_data)
def analytics(
    frame: Any, ax: Axes | None = None, *, metrics: str | Sequence[str] = "impressions",
    ids: Iterable[str | int] | None = None, each: bool = False,
    granularity: Granularity | None = None, top: int = 5, annotate: int = 3, tz: str = "UTC",
) -> Axes:
    """Draw metrics of your own posts or media over time.

    The metrics are summed over all posts (or media), one line per metric. A span that was not over
    when it was observed is a hollow point, and a span without a number is a gap. Watch time is in
    hours. Totals are drawn as bars. If the numbers of the lines or bars differ by 100 times, the
    scale is logarithmic. `analytics.data` returns the numbers.

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
    tz
        Time zone of the axis, such as `Europe/Berlin`. X's days are in UTC. Default: UTC.

    Returns
    -------
    Axes
        The axes, with one line per metric, or per post and metric with `each`.

    Raises
    ------
    ArgumentError
        There is nothing to draw, `metrics` are not columns of one of the two tables, or the time
        zone does not exist.

    Examples
    --------
    >>> xf.plot.analytics(archive, metrics=["impressions", "likes"])
    """
    zone = zone_of(tz)
    study = _study(frame, metrics, ids, granularity)
    ax = drawing.axes(ax, (9, 4))
    first = study.ranked[: max(top, 1)]
    if study.span == "total":
        _totals(ax, study, first)
        return ax
    title = ""
    if each:
        heights = _lines(ax, study, first)
        title = study.subject.singular
        is_cut = bool(study.running(study.rows[study.rows[study.subject.key].isin(first)]).any())
    else:
        heights = _sums(ax, study)
        is_cut = bool(study.running(study.sums()).any())
        marked = study.ranked[: max(annotate, 0)]
        _annotate(ax, study, marked, _creation_times(frame, study.subject, marked))
    span = _SPANS[study.span][0]
    if is_cut:
        drawing.hollow(ax, [], [], GREY, f"({span} not over)")
    unit = "number"
    if len(study.metrics) < 4:
        unit = ", ".join(map(_label, study.metrics))
    drawing.finish(
        ax, f"{unit} per {span}", title, zone=zone, is_cut=is_cut,
        whole=not any(name in _SCALES for name in study.metrics),
        smallest=drawing.smallest_of(heights),
    )
    return ax


def metric_history_data(
    frame: Any, *, metric: str = "like_count", posts: Iterable[str | int] | None = None,
    top: int = 5, tz: str = "UTC",
) -> pd.DataFrame:
    """Return the numbers that `metric_history` draws.

    Parameters
    ----------
    frame, metric, posts, top, tz
        As for `metric_history`.

    Returns
    -------
    pandas.DataFrame
        One row per post and observation: `post_id`, `observed_at` and the metric.

    Raises
    ------
    ArgumentError
        As `metric_history`.

    Examples
    --------
    >>> xf.plot.metric_history.data(archive, metric="repost_count", top=3)
    """
    zone = zone_of(tz)
    return local(_history(frame, metric, posts, top), zone)


@plot(metric_history_data)
def metric_history(
    frame: Any, ax: Axes | None = None, *, metric: str = "like_count",
    posts: Iterable[str | int] | None = None, top: int = 5, tz: str = "UTC",
) -> Axes:
    """Draw how a public metric of posts grew, one line per post.

    Each collection of a post is one observation. To observe posts again, use
    `xf.posts.lookup(ids, refresh=True, into=archive)`. If the numbers of the posts differ by 100
    times, the scale is logarithmic. `metric_history.data` returns the numbers.

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
    tz
        Time zone of the axis, such as `Europe/Berlin`. Default: UTC.

    Returns
    -------
    Axes
        The axes, with one line per post.

    Raises
    ------
    ArgumentError
        There are no observations of these posts, the table does not have this metric, or the time
        zone does not exist.

    Examples
    --------
    >>> xf.plot.metric_history(archive, metric="repost_count", top=3)
    """
    zone = zone_of(tz)
    history = _history(frame, metric, posts, top)
    shown = [str(one) for one in history["post_id"].unique()]
    names = texts(frame, shown)
    ax = drawing.axes(ax, (9, 4))
    heights = []
    for stroke, post_id in zip(strokes(ax), shown, strict=False):
        line = history[history["post_id"] == post_id]
        values = floats(line[metric])
        ax.plot(
            naive(line["observed_at"]), values, **drawing.points(values), **stroke,
            label=names.get(post_id, post_id),
        )
        heights.append(values)
    smallest = drawing.smallest_of(heights)
    drawing.finish(ax, _label(metric), "post", zone=zone, smallest=smallest)
    return ax


def _history(
    frame: Any, metric: str, posts: Iterable[str | int] | None, top: int
) -> pd.DataFrame:
    """Return the observations of the posts to draw, in the order of their lines."""
    import pandas as pd

    if metric in {"post_id", "observed_at", "page_id"}:
        raise ArgumentError(f"metric: expected a metric such as 'like_count', got {metric!r}")
    columns = ["post_id", "observed_at", metric]
    history = numbers(table(frame, "post_metrics", columns), [metric])
    history = history[history[metric].notna()].sort_values("observed_at", kind="stable")
    history = history.drop_duplicates(["post_id", "observed_at"], keep="last")
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
    lines = [history[history["post_id"] == post_id] for post_id in shown]
    return pd.concat(lines, ignore_index=True)


# rows of analytics -------------------------------------------------------------------------------


def _study(
    frame: Any, named: str | Sequence[str], ids: Iterable[str | int] | None,
    granularity: Granularity | None,
) -> _Study:
    metrics = [named] if isinstance(named, str) else list(named)
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


def _total(study: _Study) -> pd.DataFrame:
    """Return the metrics summed over all rows of each post (or medium)."""
    sums: pd.DataFrame = study.rows.groupby(study.subject.key)[study.metrics].sum()
    return sums


def _totals(ax: Axes, study: _Study, ids: list[str]) -> None:
    sums = _total(study)
    columns = {_label(name): list(_scaled(sums.loc[ids, name], name)) for name in study.metrics}
    names = [study.name(one) for one in ids]
    if len(columns) == 1:
        drawing.bars(ax, names, columns, _label(study.metrics[0]))
    else:
        drawing.bars(ax, names, columns, "total")
        drawing.legend(ax)


def _lines(ax: Axes, study: _Study, ids: list[str]) -> list[Any]:
    """Draw one line per post and metric. Return the heights of each."""
    heights = []
    for stroke, one in zip(strokes(ax), ids, strict=False):
        for dash, metric in zip(cycle(DASHES), study.metrics, strict=False):
            label = study.name(one)
            if len(study.metrics) > 1:
                stroke["linestyle"] = dash
                suffix = f": {_label(metric)}"
                label = shorten(label, LONGEST_LABEL - len(suffix)) + suffix
            heights.append(_line(ax, study, study.of(one), metric, {**stroke, "label": label}))
    return heights


def _sums(ax: Axes, study: _Study) -> list[Any]:
    """Draw one line per metric, summed over all posts. Return the heights of each."""
    heights = []
    sums = study.sums()
    for stroke, metric in zip(strokes(ax), study.metrics, strict=False):
        label = _label(metric) if len(study.metrics) > 1 else "_sum"  # _: not in the legend
        heights.append(_line(ax, study, sums, metric, {**stroke, "label": label}))
    return heights


def _line(
    ax: Axes, study: _Study, points: pd.DataFrame, metric: str, style: dict[str, Any]
) -> Any:
    """Draw a line through the middles of spans, with gaps. Return its heights."""
    import pandas as pd

    step = pd.Timedelta(_SPANS[study.span][1])
    running = study.running(points)
    done, late = points[~running], points[running]
    times, values = broken(done["at"], _scaled(done[metric], metric), step)
    ax.plot(naive(times + step / 2), values, **drawing.points(values), **style)
    if not late.empty:
        values = _scaled(late[metric], metric)
        drawing.hollow(ax, naive(late["at"] + step / 2), values, style["color"])
    return _scaled(points[metric], metric)


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

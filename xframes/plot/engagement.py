"""How people meet posts and media: analytics over time, and how public numbers grew."""

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
_SPANS = {"daily": ("day", "1D"), "hourly": ("hour", "1h"), "weekly": ("week", "7D"), "total": ("", "")}
_SCALES = {"watch_time_ms": 3_600_000}
_CALLED = {"watch_time_ms": "watch time (hours)", "retweets": "reposts", "quote_tweets": "quotes"}
_MOST_POINTS = 62  # more than two months of days: points would hide the line


@dataclass(frozen=True)
class _Study:
    """What is drawn: rows of one granularity, the column that names the thing, things with most of a metric first."""

    rows: pd.DataFrame
    key: str
    metrics: list[str]
    span: str
    ranked: list[str]
    called: dict[str, str]

    def of(self, one: str) -> pd.DataFrame:
        return self.rows[self.rows[self.key] == one]

    def name(self, one: str) -> str:
        return self.called.get(one, one)


def analytics(
    frame: Any, ax: Axes | None = None, *, metrics: str | Sequence[str] = "impressions",
    ids: Iterable[str | int] | None = None, each: bool = False, granularity: Granularity | None = None, top: int = 5,
    annotate: int = 3,
) -> Axes:
    """Draw metrics of your own posts or media over time: the tables `post_analytics` or `media_analytics`.

    `metrics` are columns of one of them; several are drawn in one picture. They are summed over all posts (or media),
    and the `annotate` posts with most of the first metric are marked where they were made, or peaked. With `each` there
    is a line for each of the `top` posts instead. `ids` chooses posts or media keys. `granularity` is hourly, daily,
    weekly or total; None takes the first there is of daily, hourly, weekly, total. Totals are drawn as bars, one for
    each of the `top` posts. A span that was not over when it was observed is a hollow point; one X gave no number for
    is a gap. Watch time is drawn in hours.

    Raises ArgumentError when there is nothing to draw, no such metric, or metrics of both tables.
    """
    study = _study(frame, [metrics] if isinstance(metrics, str) else list(metrics), ids, granularity)
    ax = drawing.axes(ax, (9, 4))
    if study.span == "total":
        _totals(ax, study, study.ranked[: max(top, 1)])
        return ax
    if each:
        cut = _lines(ax, study, study.ranked[: max(top, 1)])
    else:
        cut, marked = _sums(ax, study), study.ranked[: max(annotate, 0)]
        _annotate(ax, study, marked, _made(frame, study.key, marked))
    span = _SPANS[study.span][0]
    if cut:
        ax.plot([], [], color=GREY, label=f"({span} not over)", **HOLLOW)
    word = ", ".join(map(_label, study.metrics)) if len(study.metrics) < 4 else "number"
    title = ("post" if study.key == "post_id" else "medium") if each else ""
    drawing.finish(ax, f"{word} per {span}", title, whole=not any(name in _SCALES for name in study.metrics))
    return ax


def metric_history(
    frame: Any, ax: Axes | None = None, *, metric: str = "like_count", posts: Iterable[str | int] | None = None,
    top: int = 5,
) -> Axes:
    """Draw how a number of posts grew from observation to observation: one line for each post.

    Reads the table `post_metrics`. `posts` chooses posts by id; None takes the `top` posts with most. Collect the same
    posts again, e.g. `xf.posts.lookup(ids, refresh=True, into=archive)`, to observe them again.

    Raises ArgumentError when nothing was observed, or the table has no such number.
    """
    if metric in {"post_id", "observed_at", "page_id"}:
        raise ArgumentError(f"{metric} is no number that grows; like_count is one")
    found = numbers(table(frame, "post_metrics", ["post_id", "observed_at", metric]), [metric])
    found = found[found[metric].notna()].sort_values("observed_at", kind="stable")
    if posts is not None:
        found = found[found["post_id"].isin(wanted := chosen(posts))]
    if found.empty:
        raise ArgumentError(f"there is no observation of {metric} to draw; xf.posts.lookup(ids, into=…) observes posts")
    largest = found.groupby("post_id")[metric].max().sort_values(ascending=False, kind="stable").index
    most = [str(one) for one in largest[: max(top, 1)]]
    drawn = most if posts is None else [one for one in wanted if one in largest]
    called = texts(frame, drawn)
    ax = drawing.axes(ax, (9, 4))
    for stroke, post_id in zip(strokes(ax), drawn, strict=False):
        line = found[found["post_id"] == post_id]
        ax.plot(naive(line["observed_at"]), floats(line[metric]), marker="o", markersize=4, **stroke,
                label=called.get(post_id, post_id))
    times = naive(found["observed_at"])
    if (times == times[0]).all():  # one moment: an axis of years would be matplotlib's choice
        import numpy as np

        ax.set_xlim(times[0] - np.timedelta64(12, "h"), times[0] + np.timedelta64(12, "h"))
    drawing.finish(ax, metric.replace("_", " "), "post")
    return ax


# rows of analytics ----------------------------------------------------------------------------------------------------


def _study(
    frame: Any, metrics: list[str], ids: Iterable[str | int] | None, granularity: Granularity | None
) -> _Study:
    key, found = _observed(frame, metrics)
    if ids is not None:
        found = found[found[key].isin(chosen(ids))]
    span: str = granularity or next((g for g in _SPANS if (found["granularity"] == g).any()), "daily")
    found = found[(found["granularity"] == span) & found[metrics].notna().any(axis=1)]
    if found.empty:
        area = "posts" if key == "post_id" else "media"
        raise ArgumentError(f"there are no {span} {' or '.join(metrics)} to draw; "
                            f"xf.analytics.{area}(ids, start_time=…, end_time=…, granularity=…) collects them")
    sums = found.groupby(key)[metrics[0]].sum().sort_values(ascending=False, kind="stable")
    ranked = [str(one) for one in sums.index]
    called = texts(frame, ranked) if key == "post_id" else media_texts(frame, ranked)
    return _Study(found, key, metrics, span, ranked, called)


def _observed(frame: Any, metrics: list[str]) -> tuple[str, pd.DataFrame]:
    """The newest observation of each thing and span, and the column that names the thing."""
    frame = frame if whole(frame) else pandas(frame)
    if whole(frame):
        home = _home(metrics)
    else:
        home = "media_analytics" if "media_key" in frame and "post_id" not in frame else "post_analytics"
    key = "post_id" if home == "post_analytics" else "media_key"
    found = table(frame, home, [key, "granularity", "at", "observed_at", *metrics], optional=("observed_at",))
    return key, newest(numbers(found, metrics), [key, "granularity", "at"]).sort_values(["at", key], kind="stable")


def _home(metrics: list[str]) -> str:
    """The table that has these metrics."""
    from xframes.schema import TABLES

    fixed = {"post_id", "media_key", "granularity", "at", "observed_at", "page_id"}
    known = {name: [c.name for c in TABLES[name].columns if c.name not in fixed]
             for name in ("post_analytics", "media_analytics")}
    home = next((name for name, columns in known.items() if metrics and set(metrics) <= set(columns)), None)
    if home is None:
        there = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in known.items())
        raise ArgumentError(f"metrics are columns of one of two tables, not {', '.join(metrics)}. {there}")
    return home


def _made(frame: Any, key: str, drawn: list[str]) -> dict[str, Any]:
    """When posts, or the first posts with media, were made, of Frames and archives that know."""
    if not whole(frame):
        return {}
    query = "SELECT id, min(created_at) AS created_at FROM posts WHERE id IN (SELECT unnest($ids)) GROUP BY id"
    if key == "media_key":
        query = ("SELECT media_key AS id, min(created_at) AS created_at FROM post_media m JOIN posts p "
                 "ON p.id = m.post_id WHERE media_key IN (SELECT unnest($ids)) GROUP BY media_key")
    made = rows(frame.sql(query, {"ids": drawn}), "", ["id", "created_at"]).dropna()
    return dict(zip(made["id"], made["created_at"], strict=True))


# drawing analytics ----------------------------------------------------------------------------------------------------


def _label(metric: str) -> str:
    return _CALLED.get(metric, metric.replace("_", " "))


def _scaled(values: pd.Series[Any], metric: str) -> Any:
    return floats(values) / _SCALES.get(metric, 1)


def _totals(ax: Axes, study: _Study, drawn: list[str]) -> None:
    sums = study.rows.groupby(study.key)[study.metrics].sum()
    columns = {_label(name): list(_scaled(sums.loc[drawn, name], name)) for name in study.metrics}
    unit = _label(study.metrics[0]) if len(study.metrics) == 1 else "in all"
    drawing.bars(ax, [study.name(one) for one in drawn], columns, unit)
    if len(study.metrics) > 1:
        drawing.legend(ax)


def _lines(ax: Axes, study: _Study, drawn: list[str]) -> bool:
    cut = False
    for stroke, one in zip(strokes(ax), drawn, strict=False):
        for dash, metric in zip(cycle(DASHES), study.metrics, strict=False):
            label = study.name(one)
            if len(study.metrics) > 1:
                stroke["linestyle"] = dash
            if len(study.metrics) > 1:
                label = f"{shorten(label, LONGEST_LABEL - 2 - len(_label(metric)))}: {_label(metric)}"
            cut |= _line(ax, study.of(one), metric, study.span, {**stroke, "label": label})
    return cut


def _sums(ax: Axes, study: _Study) -> bool:
    cut, by = False, study.rows.groupby("at", as_index=False)
    sums = by[study.metrics].sum(min_count=1)
    if "observed_at" in study.rows:
        sums["observed_at"] = by["observed_at"].min()["observed_at"]
    for stroke, metric in zip(strokes(ax), study.metrics, strict=False):
        label = _label(metric) if len(study.metrics) > 1 else "_sum"
        cut |= _line(ax, sums, metric, study.span, {**stroke, "label": label})
    return cut


def _line(ax: Axes, found: pd.DataFrame, metric: str, span: str, style: dict[str, Any]) -> bool:
    """A line through the middles of spans, broken where one is missing; whether there is a span that was not over."""
    import pandas as pd

    step = pd.Timedelta(_SPANS[span][1])
    running = found["observed_at"] < found["at"] + step if "observed_at" in found else found["at"].isna()
    done = found[~running]
    if not done.empty:
        times, values = broken(done["at"], _scaled(done[metric], metric), step)
        points = {"marker": "o", "markersize": 3} if len(times) <= _MOST_POINTS else {}
        ax.plot(naive(times + step / 2), values, **{**points, **style})
    if running.any():
        late = found[running]
        ax.plot(naive(late["at"] + step / 2), _scaled(late[metric], metric), color=style["color"], **HOLLOW)
    return bool(running.any())


def _annotate(ax: Axes, study: _Study, drawn: list[str], made: dict[str, Any]) -> None:
    """Number the posts with most at the top of the axes, where they were made, or peaked when that is not in sight."""
    from matplotlib.dates import date2num

    first, last = study.rows["at"].min(), study.rows["at"].max()
    for nth, one in enumerate(drawn, 1):
        line = study.of(one)
        peak = line["at"].iloc[int(line[study.metrics[0]].fillna(0).astype("float64").argmax())]
        at = made[one] if one in made and first <= made[one] <= last else peak
        when = float(date2num(at.tz_convert(None)))  # type: ignore[no-untyped-call]  # untyped there
        ax.axvline(when, color=GREY, linewidth=0.8, linestyle=":", zorder=1, label=f"{nth}: {study.name(one)}")
        ax.text(when, 0.98 - 0.08 * (nth - 1), str(nth), transform=ax.get_xaxis_transform(), ha="center", va="top",
                fontsize=8, color=ink(ax),
                bbox={"boxstyle": "circle,pad=0.25", "facecolor": ground(ax), "edgecolor": GREY, "linewidth": 0.8})

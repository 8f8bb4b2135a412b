"""How posts and their metrics develop over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.completeness_plots import heatmap
from xframes.plot.engagement import metric_history
from xframes.plot.timing import EVERY
from xframes.plot.timing import timeline as draw_timeline
from xframes.reporting.blocks import Picture, Text
from xframes.reporting.chosen import definition
from xframes.reporting.svg import drawn
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from matplotlib.axes import Axes

    from xframes.reporting.blocks import Block
    from xframes.reporting.chosen import Selection

_DAYS = """
    SELECT date_trunc('day', created_at AT TIME ZONE {tz})::DATE AS day, count(*) AS posts,
        count(DISTINCT author_id) AS authors, sum(like_count) AS likes, sum(repost_count) AS reposts
    FROM chosen GROUP BY day ORDER BY day DESC"""
_ENGAGEMENT = """
    SELECT kind, count(*) AS posts,
        round(avg(like_count), 2) AS likes_per_post,
        round(avg(repost_count), 2) AS reposts_per_post,
        round(avg(reply_count), 2) AS replies_per_post,
        round(avg(quote_count), 2) AS quotes_per_post,
        round(1000.0 * sum(like_count + repost_count + reply_count + quote_count)
            FILTER (impression_count > 0)
            / nullif(sum(impression_count) FILTER (impression_count > 0), 0), 2)
            AS engagements_per_1000_views
    FROM chosen GROUP BY kind ORDER BY posts DESC"""
_OBSERVED_AGAIN = """
    SELECT post_id FROM post_metrics SEMI JOIN chosen ON chosen.id = post_id
    GROUP BY post_id HAVING count(DISTINCT observed_at) > 1
    ORDER BY max(like_count) DESC NULLS LAST, post_id LIMIT 5"""
_GROWTH = """
    SELECT post_id, observed_at, like_count, repost_count, reply_count, impression_count
    FROM post_metrics SEMI JOIN ({again}) AS again USING (post_id) ORDER BY post_id, observed_at"""


@dataclass(frozen=True, slots=True)
class _Period:
    """The length of a period, and the SQL of its results."""

    length: timedelta
    sql: str


def timeline(selection: Selection) -> Iterator[Block]:
    """Draw the posts over time, and compare them with the period before."""
    yield from picture(
        lambda ax: _draw(ax, selection), f"Number of posts over time, in {selection.tz}"
    )
    yield from _compared(selection)
    table = selection.table(f"By day, in {selection.tz}; the newest first", _DAYS)
    if table is not None:
        yield table


def _draw(ax: Axes, selection: Selection) -> None:
    """Draw the posts over time, and those of the period before as a broken line."""
    posts = selection.rows("SELECT created_at FROM chosen ORDER BY created_at")
    posts["observed_at"] = selection.value("SELECT max(observed_at) FROM requests")
    draw_timeline(posts, ax, tz=selection.tz)
    period = _before(selection)
    if period is None:
        return
    from matplotlib.dates import date2num

    earlier = selection.rows(f"{period.sql} ORDER BY created_at")
    if earlier.empty:
        return
    spans = draw_timeline.data(posts, tz=selection.tz)
    lengths = (spans["end_at"] - spans["start_at"]).dt.total_seconds()
    length = float(lengths.median())  # days are longer or shorter when the clocks change
    every: Any = min(EVERY, key=lambda name: abs(EVERY[name][1] - length))
    rows = draw_timeline.data(earlier, every=every, until=selection.start, tz=selection.tz)
    edges = [*rows["start_at"], rows["end_at"].iloc[-1]]
    moved = [edge + period.length for edge in edges]
    shifted: Any = date2num(moved)  # type: ignore[no-untyped-call]  # untyped there
    ax.stairs(rows["posts"], shifted, color=drawing.ink(ax), linestyle="--",
              label="the period before")
    drawing.legend(ax)


def _before(selection: Selection) -> _Period | None:
    """Return the period before that of the results, of the same length; None without a start."""
    if selection.start is None:
        return None
    end = selection.end or selection.value("SELECT max(created_at) FROM chosen")
    if end is None or end <= selection.start:
        return None
    length = end - selection.start
    earlier = definition(
        selection.query, selection.start - length, selection.start, "created_at"
    )
    return _Period(length, earlier)


def _compared(selection: Selection) -> Iterator[Block]:
    """Compare with the period before, if the archive has posts of it."""
    period = _before(selection)
    if period is None:
        return
    query = f"SELECT count(*) FROM ({period.sql})"
    before = selection.value(query) or 0
    now = selection.value("SELECT count(*) FROM chosen") or 0
    sentence = "The archive has no posts of the period before, so there is no comparison."
    if before:
        change = f"{100 * (now - before) / before:+.0f} %"
        posts = counted(before, "post")
        sentence = f"The period before, of the same length, has {posts}. Change: {change}."
    yield Text(sentence, sql=query)


def engagement(selection: Selection) -> Iterator[Block]:
    """Show the engagement per post and per 1,000 views, by the kind of post."""
    table = selection.table("By kind of post", _ENGAGEMENT)
    if table is not None:
        yield table


def growth(selection: Selection) -> Iterator[Block]:
    """Draw how the likes of posts grew that were observed more than once."""
    again = selection.rows(_OBSERVED_AGAIN)["post_id"].tolist()
    if not again:
        return
    query = _GROWTH.replace("{again}", _OBSERVED_AGAIN)
    rows = selection.rows(query)
    yield from picture(
        lambda ax: metric_history(rows, ax, metric="like_count"),
        "Likes of the posts with the most likes, each time they were observed",
    )
    table = selection.table("Each observation", query)
    if table is not None:
        yield table


def hours(selection: Selection) -> Iterator[Block]:
    """Draw the posts by hour and weekday."""
    posts = selection.rows("SELECT created_at FROM chosen ORDER BY created_at")
    yield from picture(
        lambda ax: heatmap(posts, ax, tz=selection.tz),
        f"Number of posts by weekday and hour, in {selection.tz}",
    )
    table = selection.table("By weekday", """
        SELECT dayname(created_at AT TIME ZONE {tz}) AS weekday, count(*) AS posts
        FROM chosen GROUP BY weekday, isodow(created_at AT TIME ZONE {tz})
        ORDER BY isodow(created_at AT TIME ZONE {tz})""")
    if table is not None:
        yield table


def picture(
    draw: Callable[[Axes], object], description: str, size: tuple[float, float] = (9, 3.2)
) -> Iterator[Block]:
    """Yield a picture, or nothing if there is nothing to draw."""
    try:
        yield Picture(drawn(draw, description, size), description)
    except ArgumentError:  # a plot without rows
        return

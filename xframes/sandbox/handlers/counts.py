"""counts.recent and counts.all: how many posts a search would find, by minute, hour or day."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xframes.sandbox.asked import stamp
from xframes.sandbox.model import moment, snowflake
from xframes.sandbox.people import DAY_MS

from .search import bounds, matcher

if TYPE_CHECKING:
    from .context import Context, Handler

_STEP_MS = {"minute": 60_000, "hour": 3_600_000, "day": DAY_MS}
_PAGE_MS = 31 * DAY_MS


def _count(context: Context, low: int, high: int) -> tuple[list[dict[str, Any]], int]:
    """Return the buckets between two ids (both inclusive), oldest first, and their sum.

    Buckets are aligned to UTC; the first and last are cut to the times of the query, empty ones are kept.
    """
    keep = matcher(context)
    word = "post_count" if context.words == "post" else "tweet_count"
    posts = context.community.listed
    first = bisect_left(posts, low, key=lambda p: p.id)
    last = bisect_right(posts, high, key=lambda p: p.id)
    step = _STEP_MS[context.asked.args.get("granularity", "hour")]
    found: dict[int, int] = {}
    for post in posts[first:last]:
        if keep(post):
            found[post.at // step] = found.get(post.at // step, 0) + 1
    start = moment(low) // 1000 * 1000
    end = -(-moment(high + 1) // 1000) * 1000
    buckets = [
        {"start": stamp(max(start, n * step)), "end": stamp(min(end, (n + 1) * step)), word: found.get(n, 0)}
        for n in range(start // step, -(-end // step))
    ]
    return buckets, sum(found.values())


def _meta(context: Context, total: int) -> dict[str, Any]:
    return {"total_post_count" if context.words == "post" else "total_tweet_count": total}


def recent(context: Context) -> dict[str, Any]:
    """All buckets of the last 7 days in one answer."""
    context.cursor()  # X takes a token here and never gives one
    buckets, total = _count(context, *bounds(context, 7))
    return context.answer().body(buckets, _meta(context, total))


def all_(context: Context) -> dict[str, Any]:
    """The newest 31 days of buckets, and a token that leads back in time."""
    low, high = bounds(context, 30)
    cursor = context.cursor(low, high)
    if context.hollow:
        return {"meta": _meta(context, 0) | context.links(replace(cursor, turn=cursor.turn + 1), None)}
    step = _STEP_MS[context.asked.args.get("granularity", "hour")]
    start = -(-(moment(cursor.at) - _PAGE_MS) // step) * step  # whole buckets, so that no bucket spans two pages
    oldest = max(cursor.low, snowflake(start))
    buckets, total = _count(context, oldest, cursor.at - 1)
    more = replace(cursor, at=oldest) if oldest > cursor.low else None
    return context.answer().body(buckets, _meta(context, total) | context.links(more, None))


HANDLERS: dict[str, Handler] = {"counts.recent": recent, "counts.all": all_}

"""Search posts, and count the posts that a search would find by minute, hour or day."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.context import window
from xframes.sandbox.protocol.page_tokens import Cursor, leaf
from xframes.sandbox.queries.predicates import compile_query
from xframes.sandbox.queries.syntax import QueryError
from xframes.sandbox.world.snowflakes import DAY_MS, EPOCH_MS, HOUR_MS, moment, snowflake, stamp

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.queries.predicates import Match

_LATEST_MS = 30_000  # without an end_time a search ends this long ago
_RECENT_DAYS = 7
_ALL_DAYS = 30
_STEP_MS = {"minute": 60_000, "hour": HOUR_MS, "day": DAY_MS}
_PAGE_MS = 31 * DAY_MS


def _bounds(context: Context, days: int) -> tuple[int, int]:
    """Return the ids (both inclusive) that a search or count may find.

    Default start: 7 days ago, or 30 days before the end, from midnight as in X's counts. Default
    end: half a minute ago, or the newest post, so that new posts are found at once. Both in whole
    seconds, so that counts and searches of the same request agree.
    """
    args = context.request.args
    end = context.now - _LATEST_MS
    if context.community.listed:
        end = max(end, context.community.listed[-1].at + 1000)
    start = _start(args, days, end, context.now)
    low = snowflake(max(EPOCH_MS, start - start % 1000))
    return window(args, low, snowflake(end - end % 1000) - 1)


def _start(args: dict[str, Any], days: int, end: int, now: int) -> int:
    """Return the instant a search begins at (Unix milliseconds)."""
    if "start_time" in args:
        start: int = args["start_time"]
        return start
    if days == _RECENT_DAYS:
        return now - days * DAY_MS
    if "since_id" in args:
        return EPOCH_MS
    if "until_id" in args:
        end = moment(args["until_id"])
    start = args.get("end_time", end) - days * DAY_MS
    return start - start % DAY_MS


def _matcher(context: Context) -> Match:
    """Return the test of the request's query. Raises Refusal (400) for a query X would refuse."""
    query = context.request.args["query"]
    try:
        return compile_query(query, context.community)
    except QueryError as error:
        message = f"There were errors processing your request: {error}"
        raise context.refuse("query", query, message) from None


# -- searches -------------------------------------------------------------------------------------


def recent(context: Context) -> dict[str, Any]:
    """Answer with the matching posts of the last 7 days, newest first."""
    return _search(context, _RECENT_DAYS)


def all_(context: Context) -> dict[str, Any]:
    """Answer with the matching posts of any age, newest first; default: the last 30 days."""
    return _search(context, _ALL_DAYS)


def _search(context: Context, days: int) -> dict[str, Any]:
    keep = _matcher(context)
    low, high = _bounds(context, days)
    listed = context.community.listed
    if context.request.args.get("sort_order") != "relevancy":
        return context.page(listed, keep, low=low, high=high, previous=False)
    cursor = context.cursor(low, high, at=0)
    whole = Cursor(cursor.high + 1, cursor.low, cursor.high)
    posts = leaf(listed, keep, whole, len(listed) + 1).rows
    posts.sort(key=lambda post: (-post.likes - post.reposts, -post.id))
    return context.rows("posts", posts, cursor, span=True)


# -- counts ---------------------------------------------------------------------------------------


def count_recent(context: Context) -> dict[str, Any]:
    """Answer with all buckets of the last 7 days."""
    context.cursor()  # X takes a token here and never sends one
    buckets, total = _count(context, *_bounds(context, _RECENT_DAYS))
    return context.answer().body(buckets, _total(context, total))


def count_all(context: Context) -> dict[str, Any]:
    """Answer with the newest 31 days of buckets, and a token that leads back in time."""
    low, high = _bounds(context, _ALL_DAYS)
    cursor = context.cursor(low, high)
    if context.hollow:
        return {
            "meta": _total(context, 0) | context.links(replace(cursor, turn=cursor.turn + 1), None)
        }
    step = _step(context)
    # Whole buckets, so that no bucket spans two pages.
    start = -(-(moment(cursor.at) - _PAGE_MS) // step) * step
    oldest = max(cursor.low, snowflake(start))
    buckets, total = _count(context, oldest, cursor.at - 1)
    more = replace(cursor, at=oldest) if oldest > cursor.low else None
    return context.answer().body(buckets, _total(context, total) | context.links(more, None))


def _count(context: Context, low: int, high: int) -> tuple[list[dict[str, Any]], int]:
    """Return the buckets between two ids (both inclusive), oldest first, and their sum.

    Buckets are aligned to UTC, the first and last cut to the times of the query; empty ones stay.
    """
    keep = _matcher(context)
    word = "post_count" if context.words == "post" else "tweet_count"
    posts = context.community.listed
    first = bisect_left(posts, low, key=lambda post: post.id)
    last = bisect_right(posts, high, key=lambda post: post.id)
    step = _step(context)
    counts = Counter(post.at // step for post in posts[first:last] if keep(post))
    start = moment(low) // 1000 * 1000
    end = -(-moment(high + 1) // 1000) * 1000
    buckets = [
        {
            "start": stamp(max(start, n * step)),
            "end": stamp(min(end, (n + 1) * step)),
            word: counts[n],
        }
        for n in range(start // step, -(-end // step))
    ]
    return buckets, counts.total()


def _step(context: Context) -> int:
    return _STEP_MS[context.request.args.get("granularity", "hour")]


def _total(context: Context, total: int) -> dict[str, Any]:
    if context.words == "post":
        return {"total_post_count": total}
    return {"total_tweet_count": total}


HANDLERS: dict[str, Handler] = {
    "search.recent": recent, "search.all": all_, "counts.recent": count_recent,
    "counts.all": count_all,
}

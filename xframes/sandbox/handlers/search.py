"""search.recent and search.all, and the window both they and the counts look into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.matching import compile_query
from xframes.sandbox.model import EPOCH_MS, moment, snowflake
from xframes.sandbox.paging import Cursor, leaf
from xframes.sandbox.people import DAY_MS
from xframes.sandbox.query import QueryError

from .context import window

if TYPE_CHECKING:
    from xframes.sandbox.matching import Match

    from .context import Context, Handler

_LATEST_MS = 30_000  # without an end_time a search ends this long ago
_RECENT_DAYS = 7
_ALL_DAYS = 30


def bounds(context: Context, days: int) -> tuple[int, int]:
    """Return the ids (both inclusive) a search or count may find.

    Without a start: the last 7 days, or the 30 before the end, from midnight as X's counts do. Without an end: until
    half a minute ago, or until the newest post: what is posted here is found at once. Both in whole seconds, so that
    counts and searches of the same request agree.
    """
    args = context.asked.args
    end = max(context.now - _LATEST_MS, context.community.listed[-1].at + 1000 if context.community.listed else 0)
    if days == _RECENT_DAYS:
        start = args.get("start_time", context.now - days * DAY_MS)
    elif "start_time" in args or "since_id" in args:
        start = args.get("start_time", EPOCH_MS)
    else:
        until = moment(args["until_id"]) if "until_id" in args else end
        start = args.get("end_time", until) - days * DAY_MS
        start -= start % DAY_MS
    return window(args, snowflake(max(EPOCH_MS, start - start % 1000)), snowflake(end - end % 1000) - 1)


def matcher(context: Context) -> Match:
    """Return the test the request's query stands for, or refuse it as X does."""
    query = context.asked.args["query"]
    try:
        return compile_query(query, context.community)
    except QueryError as error:
        raise context.refuse("query", query, f"There were errors processing your request: {error}") from None


def _search(context: Context, days: int) -> dict[str, Any]:
    keep = matcher(context)
    low, high = bounds(context, days)
    if context.asked.args.get("sort_order") == "relevancy":
        cursor = context.cursor(low, high, at=0)
        within = Cursor(cursor.high + 1, cursor.low, cursor.high)
        found = leaf(context.community.listed, keep, within, len(context.community.listed) + 1).rows
        return context.rows("posts", sorted(found, key=lambda p: (-p.likes - p.reposts, -p.id)), cursor, span=True)
    return context.page(context.community.listed, keep, low=low, high=high, previous=False)


def recent(context: Context) -> dict[str, Any]:
    """Posts of the last 7 days that match, newest first."""
    return _search(context, _RECENT_DAYS)


def all_(context: Context) -> dict[str, Any]:
    """Posts of any age that match, newest first; the last 30 days when no start is given."""
    return _search(context, _ALL_DAYS)


HANDLERS: dict[str, Handler] = {"search.recent": recent, "search.all": all_}

"""How many objects a collection returns: by X's counts, a profile, a list of ids, or its limit."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from xframes import registry
from xframes.billing.card import in_dollars
from xframes.collect import call
from xframes.errors import ApiError
from xframes.plan.post_ids import UNDATED, first_id
from xframes.schema import fields_param
from xframes.wire import Request, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.client import Client
    from xframes.plan import Plan

__all__ = ["COUNTS", "Amount", "amount_of"]

COUNTS = {"search.recent": "counts.recent", "search.all": "counts.all"}
_BOUNDS = ("query", "start_time", "end_time", "since_id", "until_id")
# X counts posts that it does not return (deleted, protected), and counts are not exact.
_LEAST, _MOST = 0.85, 1.05
_LATER = timedelta(minutes=30)  # between the count and the collection
_LATER_SHARE = 0.03  # more posts than counted by then, at least
_PROFILE_MOST = 1.2
_BY_MINUTE = timedelta(days=31)  # counts of a month by minute have about 4 MB
# Actions whose main objects the profile of another object counts: its action, the argument with its
# id, its field, and the most that X returns.
_PROFILES = {
    "timelines.user": ("users.get", "user_id", "tweet_count", 3200),
    "users.followers": ("users.get", "user_id", "followers_count", None),
    "users.following": ("users.get", "user_id", "following_count", None),
    "lists.members": ("lists.get", "list_id", "member_count", None),
    "lists.followers": ("lists.get", "list_id", "follower_count", None),
    "posts.quotes": ("posts.get", "post_id", "quote_count", None),
    "posts.reposted_by": ("posts.get", "post_id", "retweet_count", 100),
    "posts.liking_users": ("posts.get", "post_id", "like_count", 100),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """The number of main objects: expected, least, most, and where they come from.

    `buckets` are X's counts and prices by day, `by_minute` the counts by minute, and `total` is
    their sum. `later` are posts that may be published before the collection.
    """

    rows: int | None
    least: int
    most: int | None
    source: str
    buckets: Any = None
    by_minute: Any = None
    total: int | None = None
    later: int = 0

    def among(self, post_ids: Iterable[str]) -> int:
        """Return how many of some posts can be among those that X counts, at most.

        Their ids say when they were published, and X how many were published by then.
        """
        counts = self.buckets if self.by_minute is None else self.by_minute
        if counts is None or counts.empty:
            return len(list(post_ids))
        ids = [int(id) for id in post_ids if id.isdecimal()]
        counts = counts.sort_values("start_at")
        times = [first_id(time) or 0 for time in (*counts.start_at, counts.end_at.iloc[-1])]
        undated = sum(id < UNDATED for id in ids)
        spots = Counter(bisect_right(times, id) - 1 for id in ids if id >= UNDATED)
        numbers: list[int] = counts.post_count.tolist()
        return undated + sum(
            min(number, numbers[spot]) for spot, number in spots.items()
            if 0 <= spot < len(numbers)
        ) + spots[len(numbers)]

    def within(self, planned: Plan, rows: int, least: int, most: int) -> Amount:
        """Return the amount with other numbers, of which the plan's limit is applied."""
        return _limited(planned, replace(self, rows=rows, least=least, most=most))


def amount_of(planned: Plan, client: Client, *, by_minute: bool = False) -> Amount:
    """Return how many objects a plan returns, after one request of counts or of a profile.

    With `by_minute`, X's counts of up to a month are requested by minute, at the same price.
    """
    if planned.batches == 0:
        return Amount(0, 0, 0, "the archive")
    name = planned.action
    if name in COUNTS:
        return _limited(planned, _by_counts(planned, client, by_minute=by_minute))
    if name in _PROFILES:
        return _limited(planned, _by_profile(planned, client))
    if planned.declared.single:
        return Amount(1, 0, 1, "id")
    if planned.expected is not None and planned.declared.looks_up is not None:
        return Amount(planned.expected, 0, planned.expected, "list")
    return _limited(planned, Amount(planned.expected, 0, None, "limit"))


def _limited(planned: Plan, amount: Amount) -> Amount:
    """Return an amount within the limit. The last page can have more rows than the limit."""
    limit = planned.limit
    if limit is None:
        return amount
    least, _ = planned.declared.paged or (1, 1)
    over = max(limit, least) + min(least - 1, ceil(0.4 * limit))
    rows = limit if amount.rows is None else min(limit, amount.rows)
    upper = over if amount.most is None else min(over, amount.most)
    return replace(amount, rows=rows, least=min(limit, amount.least), most=upper)


def _by_counts(planned: Plan, client: Client, *, by_minute: bool) -> Amount:
    given = {name: planned.arguments[name] for name in _BOUNDS if name in planned.arguments}
    name = COUNTS[planned.action]
    is_short = _span(planned, client) <= _BY_MINUTE
    granularity = "minute" if by_minute and is_short else "day"
    frames = call(name, **given, granularity=granularity, client=client, progress=False)
    minutes = None
    buckets = frames.counts[["start_at", "end_at", "post_count"]].reset_index(drop=True)
    if granularity == "minute":
        minutes = buckets
        day = buckets["start_at"].dt.floor("D")
        buckets = buckets.groupby(day, as_index=False).agg(
            {"start_at": "min", "end_at": "max", "post_count": "sum"}
        )
    total = int(buckets["post_count"].sum())
    rate = in_dollars(client.meter.card.main(planned.declared, owned=False).high)
    buckets = buckets.assign(price=buckets["post_count"].astype("float64") * rate)
    later = _later(planned, client, total)
    least, most = ceil(total * _LEAST), int(total * _MOST) + later
    return Amount(total, least, most, "counts", buckets, minutes, total, later)


def _later(planned: Plan, client: Client, total: int) -> int:
    """Return how many posts may be published between the count and the collection."""
    if {"end_time", "until_id"} & planned.arguments.keys():
        return 0
    return ceil(total * max(_LATER_SHARE, min(1.0, _LATER / _span(planned, client))))


def _span(planned: Plan, client: Client) -> timedelta:
    """Return the time that the counts cover."""
    start = planned.arguments.get("start_time")
    if start is None:
        return timedelta(days=7 if planned.action == "search.recent" else 30)
    end = planned.arguments.get("end_time")
    last = client.now() if end is None else datetime.fromisoformat(end)
    return max(last - datetime.fromisoformat(start), timedelta(seconds=1))


def _by_profile(planned: Plan, client: Client) -> Amount:
    """Read how many rows there are from a profile, if X sends it."""
    name, argument, field, most = _PROFILES[planned.action]
    action = registry.action(name)
    fields = "member_count,follower_count" if action.objects == "list" else "public_metrics"
    params = {fields_param(str(action.objects), planned.words): fields}
    path = action.path.replace("{id}", str(planned.arguments[argument]))
    count = None
    try:
        page = client.send(Request("GET", path, params, name))
        data = read_json(page.body).get("data") or {}
        count = {**data, **data.get("public_metrics", {})}.get(field)
    except (ApiError, ValueError, AttributeError):
        count = None
    if not isinstance(count, int):
        return Amount(planned.expected, 0, most, "bounds")
    reach = count if most is None else min(count, most)
    # a profile also counts what is deleted or protected, and older than X returns
    return Amount(reach, 0, int(reach * _PROFILE_MOST), "profile")

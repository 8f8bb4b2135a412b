"""Read a few small pages of a collection, which X bills, to estimate what the rest includes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil, inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any

from xframes.billing.card import in_dollars
from xframes.collect import call
from xframes.plan.values import stamp
from xframes.planning.costs.inclusion import held_in, read_sample
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.plan import Plan
    from xframes.planning.costs.amounts import Amount
    from xframes.planning.costs.inclusion import Inclusion

__all__ = ["Preview", "preview"]

_SIZES = 10, 25  # posts of a page: many small pages say more than a few large ones
_PAGES = 8  # of those that are read at most
_FIRST = 4  # pages that are read before the first estimate
_MOST_SHARE = 0.5  # of the posts
_LEAST_ROWS = 20  # there are, or nothing is read: they cost about a dollar at most
_FEW = 15  # counted posts, below which they do not show how many X returns
_Z, _MARGIN = 1.6, 0.02  # standard errors; of the share that X returned
_REFERENCED = ("referenced_tweets.id",)


@dataclass(frozen=True, slots=True)
class Preview:
    """What was read.

    `billed` is the share of its posts that X had billed that day before. `amount` is what it shows
    about the number of posts.
    """

    inclusion: Inclusion
    amount: Amount
    billed: float


def preview(
    planned: Plan, client: Client, amount: Amount, archive: Archive | None,
    is_narrow: Callable[[Preview], bool], *, most: int | None = None,
) -> Preview | None:
    """Read pages until `is_narrow`, about half of the posts at most; None if there are few.

    X is requested to include referenced posts, whose authors and media are in their fields, and
    not people, which cost most. `most` is the number of posts to read at most.
    """
    rows = amount.rows
    if rows is not None and rows < _LEAST_ROWS:
        return None
    limit = min(_MOST_SHARE * (rows or 0), most or inf)
    read = _Reader(planned, client, archive)
    shares = _Shares(amount)
    before = client.meter.so_far() or (0.0, 0.0)
    inclusion: Inclusion | None = None
    found: Preview | None = None
    for number, (bounds, size) in enumerate(_places(planned, amount, limit), 1):
        frames = read(bounds, size)
        part = read_sample(frames, read.held, read.kinds)
        if number == 1 and _is_whole(frames, size):
            amount = amount.within(planned, len(part), len(part), len(part) + amount.later)
            return Preview(part, amount, 0.0)
        inclusion = part if inclusion is None else inclusion.joined(part)
        shares.add(frames)
        is_last = (number + 0.5) * size > limit
        if not is_last and (number < _FIRST or number % 2):
            continue
        after = client.meter.so_far() or before
        billed = _billed(after[0] - before[0], len(inclusion) * read.rate)
        found = Preview(inclusion, shares.amount(planned), billed)
        if is_last or is_narrow(found):
            break
    return found


def _is_whole(frames: Frames, size: int) -> bool:
    """Whether the first page has all posts."""
    meta = read_json(frames.pages[0].body).get("meta") or {}
    return frames.tables["matches"] < size and not meta.get("next_token")


def _billed(new: float, price: float) -> float:
    """Return the share of posts that cost nothing, because X had billed them that day."""
    if not price:
        return 0.0
    return min(1.0, max(0.0, 1 - new / price))


def _places(
    planned: Plan, amount: Amount, limit: float
) -> Iterator[tuple[dict[str, Any], int]]:
    """Return the bounds and sizes of pages: from different times if there are counts."""
    arguments: dict[str, Any] = {
        name: value for name, value in planned.arguments.items() if value is not None
    }
    least, largest = planned.declared.paged or (1, 1)
    rows = amount.rows or 0
    if planned.limit is None or planned.limit >= (amount.total or 0):
        arguments.pop("sort_order", None)  # all are collected, in whatever order
    if amount.buckets is None or arguments.get("sort_order") == "relevancy":
        yield arguments, max(least, min(100, largest, int(limit) or 100))
        return
    smallest, most = _SIZES
    if isfinite(limit):
        most = max(most, int(limit) // 100)
    size = max(least, smallest, min(most, int(limit) // _PAGES))
    times = _Times(amount.buckets if amount.by_minute is None else amount.by_minute)
    for number in count():
        end = times.after(_between(number) * rows)
        bounds = arguments
        if end is not None:
            bounds = {**arguments, "end_time": stamp(end)}
            bounds.pop("until_id", None)
        yield bounds, size


def _between(number: int) -> float:
    """Return a number of an even sequence between 0 and 1: 0, 1/2, 1/4, 3/4, 1/8, …."""
    place, share = 0.0, 0.5
    while number:
        number, bit = divmod(number, 2)
        place, share = place + bit * share, share / 2
    return place


class _Reader:
    """Reads the first page of a collection, with referenced posts.

    In post words, X has the ids of people in what it includes only, so it includes everything.
    """

    def __init__(self, planned: Plan, client: Client, archive: Archive | None) -> None:
        self._action, self._client = planned.action, client
        self._expansions: Any = "all"
        self.kinds: tuple[str, ...] = ("User", "Post", "Media")
        if planned.words == "tweet":
            self._expansions, self.kinds = _REFERENCED, ("Post",)
        self.held = held_in(archive)
        owned = client.owns(planned.request(max_results=planned.page_size(0)))
        self.rate = in_dollars(client.meter.card.main(planned.declared, owned=owned).low)

    def __call__(self, arguments: dict[str, Any], rows: int) -> Frames:
        frames: Frames = call(
            self._action, **arguments, limit=rows, max_results=rows, client=self._client,
            expansions=self._expansions, progress=False,
        )
        return frames


# times -------------------------------------------------------------------------------------------


class _Times:
    """The times of posts that X counts, newest first."""

    def __init__(self, buckets: Any) -> None:
        full = buckets[buckets.post_count > 0].sort_values("start_at", ascending=False)
        self._buckets, self._before = full, full.post_count.cumsum() - full.post_count

    def after(self, number: float) -> datetime | None:
        """Return a time after which X counts some posts; None for the end."""
        if number <= 0 or not len(self._buckets):
            return None
        place = int(self._before.searchsorted(number, side="right")) - 1
        bucket = self._buckets.iloc[place]
        share = min(1.0, (number - self._before.iloc[place]) / bucket.post_count)
        time = bucket.end_at - (bucket.end_at - bucket.start_at) * share
        return datetime.fromtimestamp(ceil(time.timestamp()), UTC)


class _Shares:
    """How many of the posts that X counts it returned, in the whole minutes of some pages."""

    def __init__(self, amount: Amount) -> None:
        self._amount = amount
        self._counted = self._returned = 0

    def add(self, frames: Frames) -> None:
        """Add a page."""
        minutes = self._amount.by_minute
        if frames.pages[0].request.params.get("sort_order") == "relevancy":
            return  # a page does not have all posts of a time
        times = [time for (time,) in frames.sql(
            "SELECT created_at FROM posts WHERE created_at IS NOT NULL "
            "AND id IN (SELECT post_id FROM matches)"
        ).fetchall()]
        if minutes is None or not times:
            return
        minute = timedelta(minutes=1)
        start = (min(times) + minute).replace(second=0, microsecond=0)
        end = minutes.end_at.max().to_pydatetime()
        if text := frames.pages[0].request.params.get("end_time"):
            end = datetime.fromisoformat(text)
        end = end.replace(second=0, microsecond=0)
        inside = minutes[(minutes.start_at >= start) & (minutes.end_at <= end)]
        self._counted += int(inside.post_count.sum())
        self._returned += sum(start <= time < end for time in times)

    def amount(self, planned: Plan) -> Amount:
        """Return the amount with the share of counted posts that X returned."""
        amount, counted = self._amount, self._counted
        if counted < _FEW or amount.total is None:
            return amount
        share = min(1.0, self._returned / counted)
        error = _Z * sqrt(max(share * (1 - share), 0.01) / counted) + _MARGIN
        rows, least, most = (
            ceil(amount.total * one) for one in (share, share - error, share + error)
        )
        return amount.within(planned, rows, least, most + amount.later)

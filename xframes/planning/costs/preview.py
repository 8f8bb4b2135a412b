"""Read a few small pages of a collection, which X bills, to estimate what the rest includes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

from xframes.billing.card import in_dollars
from xframes.collect import call
from xframes.frames import Frames
from xframes.plan.values import stamp
from xframes.planning.costs.inclusion import read_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.plan import Plan
    from xframes.planning.costs.amounts import Amount
    from xframes.planning.costs.inclusion import Inclusion
    from xframes.wire import Page

__all__ = ["PAGE", "Preview", "preview"]

PAGE = 100  # posts that are read at once, in several places or as one page
_PLACES = 5
_ROUNDS = (0.0, 0.5, 0.25, 0.75)  # where in each of the places the next pages begin
_MOST_SHARE = 5  # of the posts, at most a fifth is read, or one page
_FEW = 30  # counted posts, below which they do not show how many X returns
_Z, _MARGIN, _GROWTH = 1.6, 0.02, 0.03  # standard errors; shares of the count; later posts


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
    is_narrow: Callable[[Preview], bool],
) -> Preview | None:
    """Read pages until `is_narrow`, at most a fifth of the posts; None if there are none."""
    pages: list[Page] = []
    rows = amount.rows
    if rows == 0:
        return None
    before = client.meter.so_far() or (0.0, 0.0)
    found: Preview | None = None
    for part in _parts(planned, client, amount):
        pages += part.frames.pages
        frames = Frames.from_pages(pages)
        inclusion = read_sample(frames, archive)
        after = client.meter.so_far() or before
        cost = (len(inclusion) or 1) * _rate(planned, client)
        billed = min(1.0, max(0.0, 1 - (after[0] - before[0]) / cost)) if cost else 0.0
        if part.is_whole:
            size = len(inclusion)
            amount = amount.within(planned, size, size, size + size // 30)
            return Preview(inclusion, amount, billed)
        shown = _shown(planned, amount, frames, part.windows)
        found = Preview(inclusion, shown, billed)
        if is_narrow(found) or len(inclusion) * _MOST_SHARE >= (rows or 0):
            break
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """Pages that were read: all of the collection, or the posts before some times."""

    frames: Frames
    is_whole: bool = False
    windows: tuple[tuple[datetime, datetime], ...] = ()


def _parts(planned: Plan, client: Client, amount: Amount) -> Iterator[_Part]:
    """Read pages: the first one if there are few posts, else some from different times."""
    arguments: dict[str, Any] = {
        name: value for name, value in planned.arguments.items() if value is not None
    }
    read = _Reader(planned.action, client)
    buckets = amount.buckets
    is_spread = buckets is not None and planned.arguments.get("sort_order") != "relevancy"
    least, _ = planned.declared.paged or (1, 1)
    size = max(least, min(PAGE, planned.limit or PAGE))
    if not is_spread or (amount.rows or 0) <= size:
        first = read(arguments, size)
        is_whole = first.tables["matches"] < size or size == planned.limit
        yield _Part(first, is_whole=is_whole)
        return
    size = PAGE // _PLACES
    windows: list[tuple[datetime, datetime]] = []
    for offset in _ROUNDS:
        pages: list[Page] = []
        for place in range(_PLACES):
            end = _time_at(buckets, (place + offset) / _PLACES * (amount.rows or 0))
            bounds = arguments
            if end is not None:
                bounds = {**arguments, "end_time": stamp(end)}
                bounds.pop("until_id", None)
            page = read(bounds, size)
            pages += page.pages
            windows += _windows(page, end or _last(buckets))
        yield _Part(Frames.from_pages(pages), windows=tuple(windows))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the first page of a collection with everything."""

    action: str
    client: Client

    def __call__(self, arguments: dict[str, Any], rows: int) -> Frames:
        frames: Frames = call(
            self.action, **arguments, limit=rows, max_results=rows, client=self.client,
            progress=False,
        )
        return frames


def _rate(planned: Plan, client: Client) -> float:
    owned = client.owns(planned.request(max_results=planned.page_size(0)))
    return in_dollars(client.meter.card.main(planned.declared, owned=owned).low)


# times -------------------------------------------------------------------------------------------


def _time_at(buckets: Any, number: float) -> datetime | None:
    """Return a time after which X counts some posts; None for the end."""
    if number <= 0:
        return None
    after = 0.0
    for bucket in buckets.sort_values("start_at", ascending=False).itertuples():
        if bucket.post_count and after + bucket.post_count >= number:
            share = (number - after) / bucket.post_count
            time: Any = bucket.end_at - (bucket.end_at - bucket.start_at) * share
            return datetime.fromtimestamp(int(time.timestamp()), UTC)
        after += bucket.post_count
    return None


def _last(buckets: Any) -> datetime:
    time: datetime = buckets.end_at.max().to_pydatetime()
    return time


def _windows(frames: Frames, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the whole minutes from which a page has all posts."""
    ((oldest,),) = frames.sql(
        "SELECT min(created_at) FROM posts WHERE id IN (SELECT post_id FROM matches)"
    ).fetchall()
    if oldest is None:
        return []
    minute = timedelta(minutes=1)
    start = (oldest + minute).replace(second=0, microsecond=0)
    end = end.replace(second=0, microsecond=0)
    return [(start, end)] if start < end else []


def _shown(
    planned: Plan, amount: Amount, frames: Frames, windows: tuple[tuple[datetime, datetime], ...]
) -> Amount:
    """Return the amount, with the share of counted posts that X returned in some windows."""
    counted = returned = 0
    if amount.by_minute is None:
        return amount
    minutes = amount.by_minute
    for start, end in windows:
        inside = minutes[(minutes.start_at >= start) & (minutes.end_at <= end)]
        counted += int(inside.post_count.sum())
        ((found,),) = frames.sql(
            "SELECT count(*) FROM posts WHERE id IN (SELECT post_id FROM matches) "
            "AND created_at >= $start AND created_at < $end", {"start": start, "end": end},
        ).fetchall()
        returned += found
    if counted < _FEW or amount.total is None:
        return amount
    share = min(1.0, returned / counted)
    error = _Z * sqrt(max(share * (1 - share), 0.01) / counted) + _MARGIN
    growth = 0.0 if "end_time" in planned.arguments else _GROWTH
    rows, least, most = (
        ceil(amount.total * factor) for factor in (share, share - error, share + error + growth)
    )
    return amount.within(planned, rows, least, most)

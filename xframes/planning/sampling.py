"""Sample the posts that match a query: part of them, chosen so that shares of all are known."""

from __future__ import annotations

import logging
import secrets
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from xframes.archive import Run
from xframes.billing.card import in_dollars, load
from xframes.billing.sums import money
from xframes.client import Client, checked
from xframes.collect.dispatch import Fields, Into, R, Time, carry_out, collect
from xframes.errors import ArgumentError
from xframes.plan import plan
from xframes.planning.sampling_design import Interval, draw
from xframes.registry import action
from xframes.registry.documentation import document
from xframes.screen import counted as in_words

if TYPE_CHECKING:
    from xframes.frames import Frames
    from xframes.plan import Plan
    from xframes.plan.windows import Sample

__all__ = ["Design", "designed", "sample"]

log = logging.getLogger("xframes")
_POSTS = 1000
_LEAST = 30  # posts: fewer allow no useful interval
_MOST_SEED = 1 << 32
_BY_MINUTE = timedelta(days=366)  # X's counts of a month by minute have about 4 MB
_RECENT = timedelta(days=7) - timedelta(hours=1)  # the time until the last window is read


@document("search.recent", "search.all", "counts.recent", "counts.all")
def sample(
    query: str, start_time: Time, end_time: Time, *, posts: int | None = None,
    usd: float | None = None, seed: int | None = None, fields: Fields = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Sample the posts that match a query, so that `xf.estimate` can estimate shares of all.

    First X's counts are requested, by minute, which costs as much as one or two posts for each 31
    days. Then windows of time with a few posts each are drawn, those with more posts with a
    higher probability, and all of their posts are read. X's newest-first order causes no bias,
    because no window is cut off at the end of a page. What a sample costs is printed before its
    first search.

    The last 7 days are read with `search.recent`, earlier times with `search.all`. Only posts are
    requested; `xf.complete(archive, "users")` looks up their authors.

    Parameters
    ----------
    query
        What to search for, in X's query language. Posts match all of its words and operators.
    start_time
        Oldest time to include: an aware datetime, or ISO 8601 text with its time zone.
    end_time
        End of the time, which is not included; for X, at least 10 seconds ago.
    posts
        The most posts to read, at least 30. Usually a few less are read, because windows differ in
        size. Default: 1,000.
    usd
        The most that the sample may cost, counts included, instead of `posts`.
    seed
        Chooses the windows: with the same seed and counts, the sample is the same. Default: a
        random one, which the run records.
    fields
    into
    client
    progress

    Returns
    -------
    Frames
        `samples` has one row per sampled post, with its weight, stratum and window;
        `sample_windows` the windows, `posts` the posts, and `counts` X's counts (in memory and in
        archives).

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> frames = xf.search.sample("tea", "2026-05-01T00:00Z", "2026-06-01T00:00Z", usd=5)
    >>> xf.estimate(frames, "lang")
    """
    client = checked(client, "search.sample")
    design = designed(
        client, query=query, start_time=start_time, end_time=end_time, posts=posts, usd=usd,
        seed=seed, fields=fields, into=into, progress=progress,
    )
    _say(design, progress)
    if not design.sample.windows and into is None:
        return design.counts  # type: ignore[no-any-return]  # R, which is Frames without `into`
    planned = replace(design.searches, limit=design.limit, sample=design.sample)
    earlier = () if into is not None else design.counts.pages
    return carry_out([planned], into, client, progress, earlier=earlier)


@dataclass(frozen=True, slots=True)
class Design:
    """What a sample will request, after X's counts.

    `counts` are the Frames of the counts, or their run, and `price` what they cost in
    `count_requests` requests; `rate` is the price of a post, all in dollars. At most `most` posts
    are read; the run ends at `limit`.
    """

    searches: Plan
    counts: Any
    sample: Sample
    limit: int
    most: int
    price: float
    rate: float
    count_requests: int


def designed(
    client: Client, *, query: str, start_time: Time, end_time: Time, posts: int | None = None,
    usd: float | None = None, seed: int | None = None, fields: Fields = "all",
    into: Into[Any] | None = None, progress: bool | None = False,
) -> Design:
    """Request X's counts, and return which windows a sample reads. Raises as `sample`."""
    bounds = {"query": query, "start_time": start_time, "end_time": end_time}
    names = _actions(bounds, client)
    searches, counting = (
        plan(name, arguments, now=client.now(), words=client.words, query_limit=client.query_limit)
        for name, arguments in (
            (names[0], bounds | {"fields": fields, "expansions": "lean"}), (names[1], bounds),
        )
    )
    seed = _seed(seed)
    requests = _count_requests(counting)
    price = requests * in_dollars(load().request(action(counting.action)).high)
    most = _most(posts, usd, price)
    granularity = "minute" if _span(searches) <= _BY_MINUTE else "hour"
    counts: Any = collect(
        names[1], **counting.arguments, granularity=granularity, into=into, client=client,
        progress=progress,
    )
    frames: Frames = counts.frames() if isinstance(counts, Run) else counts
    least, _ = searches.declared.paged or (0, 0)
    # X's smallest page may bring a few more than the limit
    limit = most - (least - 1)
    drawn = draw(_intervals(frames), limit, seed, has_price=usd is not None)
    return Design(searches, counts, drawn, limit, most, price, _rate(), requests)


def _actions(bounds: dict[str, Any], client: Client) -> tuple[str, str]:
    """Return the actions that search and count: the recent ones where they reach."""
    checked_all = plan("search.all", bounds, now=client.now(), query_limit=client.query_limit)
    start = datetime.fromisoformat(checked_all.arguments["start_time"])
    if start >= client.now() - _RECENT:
        return "search.recent", "counts.recent"
    return "search.all", "counts.all"


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbelow(_MOST_SEED)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ArgumentError(f"seed: expected a whole number of at least 0, got {seed!r:.40}")
    return seed


def _most(posts: int | None, usd: float | None, price: float) -> int:
    """Return the most posts to read."""
    if posts is not None and usd is not None:
        raise ArgumentError("posts and usd exclude each other: pass one of them")
    if usd is None:
        wanted = _POSTS if posts is None else posts
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < _LEAST:
            raise ArgumentError(
                f"posts: expected a whole number of at least {_LEAST}, got {wanted!r:.40}"
            )
        return wanted
    rate = _rate()
    least = price + _LEAST * rate
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not least <= usd < 1e6:
        raise ArgumentError(f"usd: expected at least {least:.2f} dollars, got {usd!r:.40}")
    return int((usd - price) / rate + 1e-9)


def _rate() -> float:
    """Return the price of a post in dollars, which a card may have only in the high reading."""
    return in_dollars(load().resource("Post").high)


def _count_requests(counting: Plan) -> int:
    """Return how many requests X's counts need: one for each 31 days of the full archive."""
    if counting.action != "counts.all":
        return 1
    return ceil(_span(counting) / timedelta(days=31))


def _span(planned: Plan) -> timedelta:
    start, end = (
        datetime.fromisoformat(planned.arguments[name]) for name in ("start_time", "end_time")
    )
    return end - start


def _intervals(frames: Frames) -> list[Interval]:
    """Return X's counts in the order of time."""
    counts = frames["counts"].select(["start_at", "end_at", "post_count"])
    columns = [pc.cast(counts[name], "int64").to_pylist() for name in counts.column_names]
    rows = {row[0]: row for row in zip(*columns, strict=True) if None not in row}
    return [Interval(start, end, float(posts)) for start, end, posts in
            (rows[start] for start in sorted(rows))]


def _say(design: Design, progress: bool | None) -> None:
    """Print what the sample costs, before it is paid."""
    drawn = design.sample
    dollars = design.price + drawn.counted * design.rate
    text = (
        f"search.sample: about {in_words(round(drawn.counted), 'post')} in "
        f"{in_words(len(drawn.windows), 'window')}, about {money(dollars, dollars)} with counts"
    )
    log.info("%s", text)
    if progress is not False:
        sys.stderr.write(f"{text}\n")

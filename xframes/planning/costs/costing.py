"""What a collection costs, before it is collected: for each way to collect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from inspect import signature
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

from xframes import registry
from xframes.archive.ingest import coverage
from xframes.billing.card import main_kind
from xframes.client import checked, current
from xframes.collect.dispatch import ids_of_handles, is_many, own_ids, plans_of
from xframes.errors import ApiError, ArgumentError, BudgetReached, ConfigError, Interrupted
from xframes.paging.handles import handles_in, replaced
from xframes.plan import plan
from xframes.plan.fields import LEAN
from xframes.plan.values import near
from xframes.planning.costs.amounts import COUNTS, Amount, amount_of
from xframes.planning.costs.expected_cost import SAMPLE, Cost
from xframes.planning.costs.inclusion import SOURCES, read_archive
from xframes.planning.costs.preview import preview
from xframes.planning.costs.several import total
from xframes.planning.costs.ways import CallText, Paid, Prices, Way, ways_of
from xframes.planning.sampling import Design, designed
from xframes.planning.sampling import sample as draw_sample
from xframes.wire import Request, read_json

if TYPE_CHECKING:
    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.plan import Plan
    from xframes.planning.costs.preview import Preview

__all__ = ["Cost", "Way", "cost", "expected_price"]

_SECONDS = 0.6  # of one request
_NARROW = 1.5
_LEAST = 0.85  # of the posts that X counts, it returns at least
_FEW = 30  # posts, below which an archive does not say what others include
_READ_MOST = 200  # posts, unless the user wants as many as are needed


def cost(
    action: str, /, *, into: Archive | None = None, sample: bool | None = None,
    client: Client | None = None, **arguments: Any,
) -> Cost:
    """Return what a collection, or a sample of one, would cost, without collecting it.

    Searches are counted first, which costs one request of counts (`own_price`); for followers,
    timelines and the like, the profile is read. Everything else is estimated by the limit.

    Counts do not say how many people, referenced posts and media the posts bring. If the archive
    has posts of the same query, they show it. Otherwise some posts are read from different times,
    until the highest price in each reading is at most 1.5 times the lowest, for each way to
    collect. X bills them (`own_price`), but not again if they are collected on the same day (UTC):
    the prices are for what is left. These ranges contain the price in about 95 of 100 cases.

    Parameters
    ----------
    action
        Name of the action, e.g. `"search.all"`, or "search.sample" for `xf.search.sample`.
    into
        Archive to collect into: lookups of what it has are left out, and `since="last"` is taken
        into account.
    sample
        Whether to read posts to narrow the ranges, about half of them at most. Default: for
        searches that find at least 20 posts, at most 200 posts ($1.00, and $1.00 more for posts
        that they refer to). True: as many as are needed, also for timelines and other actions that
        return posts. False: none, so that only the counts cost something.
    client
        Client to send with. Default: the one set with `xf.use`.
    arguments
        Arguments of the collector, such as `query` and `limit`. For a list of queries or ids with
        a run each, the costs are summed.

    Returns
    -------
    Cost
        Price ranges for each way to collect: posts only, with people, with everything. It has
        `price_low`, `price_high`, `posts`, `requests`, and a `frame`.

    Raises
    ------
    ArgumentError
        The arguments are invalid for the action, or it is not a read.
    ApiError
        X refused to count.
    Interrupted
        The client's budget was reached while posts were read.

    Examples
    --------
    >>> xf.cost("search.recent", query="coffee", start_time="2026-11-20T00:00:00Z")
    """
    values = {
        name: list(value) if hasattr(value, "__next__") else value
        for name, value in arguments.items() if value is not None
    }
    if action == SAMPLE:
        return _of_sample(checked(client or current(action), action), values, into)
    try:
        declared = registry.action(action)
    except KeyError as error:
        raise ArgumentError(str(error.args[0])) from None
    if declared.kind != "read":
        raise ArgumentError(f"cost: expected a read action, got {action}", action=action)
    client = checked(client or current(action), action)
    text = CallText(action, values, into)
    before = client.meter.so_far() or (0.0, 0.0)
    found = _of_all(declared, _with_ids(declared, values, into, client), text, client, sample)
    after = client.meter.so_far() or (0.0, 0.0)
    return replace(found, own_price=(after[0] - before[0], after[1] - before[1]))


def _with_ids(
    declared: registry.Action, values: dict[str, Any], into: Archive | None, client: Client
) -> dict[str, Any]:
    """Return the arguments with ids in place of @handles, from the archive or else from X."""
    handles = handles_in(declared, values)
    if not handles:
        return values
    ids = ids_of_handles(handles, declared.name, None, client, known=into)
    return replaced(declared, values, ids)


def _of_all(
    declared: registry.Action, values: dict[str, Any], text: CallText, client: Client,
    sample: bool | None,
) -> Cost:
    """Return what one run costs, or the runs of a list."""
    if not is_many(declared, values):
        return _of_one(declared, values, text, client, sample=sample)
    name = str(declared.repeats and declared.repeats.name)
    own = dict.fromkeys(own_ids(declared, values), "0")
    plans = plans_of(declared, own | values, client)
    costs = [
        _of_one(declared, values | {name: one.arguments[name]}, text, client, sample=sample)
        for one in plans
    ]
    return total(costs, plans, client, text)


def _of_one(
    declared: registry.Action, values: dict[str, Any], text: CallText, client: Client, *,
    sample: bool | None,
) -> Cost:
    """Return what one run costs."""
    action, into = declared.name, text.into
    own = own_ids(declared, values)
    own_arguments = dict.fromkeys(own, client.user_id()) if own else {}
    planned = plan(
        action, own_arguments | values, now=client.now(), words=client.words,
        query_limit=client.query_limit,
    )
    held = None
    if into is not None and into.exists:
        planned = coverage.continued(into, planned, client)
        planned = coverage.without_known(into, planned)
        held = _held(into, planned)
    before = client.meter.so_far() or (0.0, 0.0)
    inclusion = None
    if into is not None and (held or 0) >= _FEW:
        inclusion = read_archive(into, planned.arguments["query"])
    billed = _billed(planned, client)
    reads = _reads(planned, sample, is_known=inclusion is not None)
    amount = amount_of(planned, client, by_minute=reads or bool(billed.main))
    included = {kind: len(ids) for kind, ids in billed.included.items()}
    paid = Paid(amount.among(billed.main), included)
    if reads and (found := _preview(planned, client, amount, text, sample=sample)):
        amount, inclusion = found.amount, found.inclusion
        paid = _paid(paid, billed, found)
    balance = _balance(client)
    after = client.meter.so_far() or (0.0, 0.0)
    ways = ways_of(planned, Prices(client, amount, paid, inclusion), text)
    return Cost(
        action, amount.rows, (amount.least, amount.most), ways, amount.source,
        _wall_seconds(declared, client, ways[-1].requests),
        (after[0] - before[0], after[1] - before[1]), held, paid.main + paid.read, balance,
        amount.buckets, paid.read,
    )


def _reads(planned: Plan, sample: bool | None, *, is_known: bool) -> bool:
    """Whether some posts are read first."""
    declared = planned.declared
    if sample is None:
        return declared.name in COUNTS and declared.expands and not is_known
    return sample and declared.objects == "post" and declared.paged is not None


def _preview(
    planned: Plan, client: Client, amount: Amount, text: CallText, *, sample: bool | None
) -> Preview | None:
    """Read some posts until the ranges are narrow."""
    def is_narrow(found: Preview) -> bool:
        prices = Prices(client, found.amount, Paid(read=len(found.inclusion)), found.inclusion)
        return all(map(_is_narrow, ways_of(planned, prices, text)))

    most = _READ_MOST if sample is None else None
    try:
        return preview(planned, client, amount, text.into, is_narrow, most=most)
    except (BudgetReached, Interrupted):
        if sample:
            raise
        return None  # what a budget leaves is for the collection


def _of_sample(client: Client, arguments: dict[str, Any], into: Archive | None) -> Cost:
    """Return what a sample costs, after its counts."""
    names = tuple(signature(draw_sample).parameters)
    for name in arguments:
        if name not in names or name in {"into", "client", "progress"}:
            raise ArgumentError(f"{SAMPLE}: there is no argument {name!r}; {near(name, names)}")
    for name in ("query", "start_time", "end_time"):
        if name not in arguments:
            raise ArgumentError(f"{SAMPLE}: missing argument {name}")
    before = client.meter.so_far() or (0.0, 0.0)
    design = designed(client, **arguments)
    paid = len(client.meter.billed_today("Post", _span(design.searches)))
    balance = _balance(client)
    after = client.meter.so_far() or (0.0, 0.0)
    way = _way_of_sample(design, paid, CallText(SAMPLE, arguments, into))
    rows = round(design.sample.counted)
    return Cost(
        SAMPLE, rows, (0, design.most), (way,), "counts",
        _wall_seconds(design.searches.declared, client, way.requests),
        (after[0] - before[0], after[1] - before[1]), None, paid, balance,
    )


def _way_of_sample(design: Design, paid: int, text: CallText) -> Way:
    """Return what a sample costs: its counts again, and at least the posts not billed today."""
    posts = design.sample.counted
    spread = 1.6 * sqrt(2 * posts)  # the numbers of posts in its windows vary
    least = max(0.0, posts * _LEAST - spread - paid)
    if not design.sample.windows:
        least = 0.0
    price = (design.price + least * design.rate, design.price + design.most * design.rate)
    requests = len(design.sample.windows) + design.count_requests
    return Way("sample", text.of("sample"), requests, price, price)


def expected_price(
    planned: Plan, archive: Archive, client: Client, every: timedelta
) -> tuple[float, float] | None:
    """Return what a search that continues is expected to cost each time; None if it is not known.

    No request is sent: the posts of the same query in the archive show how many there are in such
    a time, and what they include. The range is for half to twice as many.
    """
    query = planned.arguments.get("query")
    if query is None or not archive.exists or (_held(archive, planned) or 0) < _FEW:
        return None
    inclusion = read_archive(archive, query)
    ((first, last),) = archive.sql(
        "SELECT min(created_at), max(created_at) FROM posts WHERE list_contains($ids, id)",
        {"ids": sorted(inclusion.posts)},
    ).fetchall()
    if first is None or first == last:
        return None
    rows = max(1, round(len(inclusion) / ((last - first) / every)))
    found = Amount(rows, rows // 2, 2 * rows, "the archive")
    amount = found.within(planned, rows, rows // 2, 2 * rows)
    text = CallText(planned.action, {"expansions": _asked(planned)}, archive)
    return ways_of(planned, Prices(client, amount, Paid(), inclusion), text)[-1].price


def _asked(planned: Plan) -> str | None:
    return None if "expansions" in planned.field_params else LEAN


def _is_narrow(way: Way) -> bool:
    return all(most <= _NARROW * least for least, most in (way.low, way.high))


def _most_share(share: float, size: int) -> float:
    """Return the greatest share of all objects, if a part of them has a share."""
    if not size:
        return 1.0
    return min(1.0, share + 1.6 * sqrt(share * (1 - share) / size) + 3 / size)


@dataclass(frozen=True, slots=True)
class _Billed:
    """The objects that X billed today: those that can be main objects, and others by kind."""

    main: frozenset[str]
    included: dict[str, frozenset[str]]


def _billed(planned: Plan, client: Client) -> _Billed:
    meter = client.meter
    main = meter.billed_today(main_kind(planned.declared), _span(planned))
    return _Billed(main, {kind: meter.billed_today(kind) for kind in ("User", "Post", "Media")})


def _paid(paid: Paid, billed: _Billed, found: Preview) -> Paid:
    """Return what X billed today before, by the posts that were read and what they name."""
    inclusion = found.inclusion
    size = len(inclusion)
    unread = max(0, (found.amount.most or 0) - size)
    main = min(paid.main, ceil(unread * _most_share(found.billed, size)))
    shares = {}
    for kind, ids in billed.included.items():
        named = inclusion.ids(kind, SOURCES)
        shares[kind] = _most_share(len(named & ids) / max(1, len(named)), len(named))
    return replace(paid, main=main, read=size, shares=shares)


def _held(archive: Archive, planned: Plan) -> int | None:
    query = planned.arguments.get("query")
    if query is None:
        return None
    (row,) = archive.sql(
        "SELECT count(DISTINCT post_id) FROM matches WHERE run_id IN (SELECT run_id FROM runs "
        "WHERE json_valid(arguments) AND arguments->>'$.query' = $query)", {"query": query},
    ).fetchall()
    return int(row[0])


def _span(planned: Plan) -> tuple[datetime | None, datetime | None]:
    """Return the times between which the posts of a plan were published, as far as it says."""
    start, end = (planned.arguments.get(name) for name in ("start_time", "end_time"))
    return tuple(datetime.fromisoformat(time) if time else None for time in (start, end))  # type: ignore[return-value]  # two items


def _balance(client: Client) -> float | None:
    """Return the dollars that are left, which X reports without a charge; None if it does not."""
    if not client.guarded:
        return None
    try:
        page = client.send(Request("GET", "/2/usage/credits", action="usage.credits"))
        balance = read_json(page.body)["data"]["total_balance"]
    except (ApiError, ConfigError, ValueError, KeyError, TypeError):
        return None
    if isinstance(balance, int | float):
        return float(balance)
    return None


def _wall_seconds(declared: registry.Action, client: Client, requests: int) -> float:
    """Return the expected time of some requests under the rate limits known now."""
    kinds = client.kinds
    windows = declared.app if "app" in kinds and "app" in declared.auth else declared.user
    waits = [0.0]
    for window in windows or declared.app:
        left = window.requests
        if declared.name in client.limits and window.seconds >= 60:
            most, left, _ = client.limits[declared.name]
            waits.append(max(0, requests - left) / max(most, 1) * window.seconds)
            continue
        waits.append(max(0, requests - left) / window.requests * window.seconds)
    return max(waits) + requests * _SECONDS

"""What a list of collections costs: the sum, less what they may have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xframes.billing.card import in_dollars, main_kind
from xframes.collect import call as collect
from xframes.errors import ApiError, ArgumentError
from xframes.planning.costs.amounts import COUNTS
from xframes.planning.costs.expected_cost import Cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xframes.client import Client
    from xframes.plan import Plan
    from xframes.planning.costs.ways import CallText, Way

__all__ = ["total"]

_LEAST = 0.85  # of the posts that X counts, it returns at least
_DISJOINT = ("timelines.user",)  # actions of which two runs have no main object in common


def total(
    costs: Sequence[Cost], plans: Sequence[Plan], client: Client, text: CallText
) -> Cost:
    """Return the cost of several runs of an action.

    X bills an object once a day, so what runs have in common costs less. If all posts of several
    queries can be counted at once, that costs one request more. `own_price` is left to the caller.
    """
    shared = _union(costs, plans, client)
    rate = in_dollars(client.meter.card.main(plans[0].declared, owned=False).low)
    paid = sum(cost.paid_today for cost in costs)
    floor = max(0.0, shared - paid) * rate
    if not main_kind(plans[0].declared):
        floor = sum(cost.ways[0].low[0] for cost in costs)
    ways = tuple(
        _way([cost.ways[number] for cost in costs], floor, text)
        for number in range(len(costs[0].ways))
    )
    rows = [cost.rows for cost in costs]
    most = [cost.range[1] for cost in costs]
    held = [cost.held for cost in costs if cost.held is not None]
    return Cost(
        costs[0].action, _sum(rows), (max(cost.range[0] for cost in costs), _sum(most)), ways,
        costs[0].source, sum(cost.seconds for cost in costs), (0.0, 0.0),
        sum(held) if held else None, paid, costs[-1].balance, _buckets(costs),
        sum(cost.read for cost in costs),
    )


def _union(costs: Sequence[Cost], plans: Sequence[Plan], client: Client) -> float:
    """Return the least number of different posts of all runs."""
    if plans[0].action in _DISJOINT:
        return float(sum(cost.range[0] for cost in costs))
    greatest = float(max(cost.range[0] for cost in costs))
    if plans[0].action not in COUNTS or plans[0].limit is not None or len(plans) < 2:
        return greatest
    arguments = dict(plans[0].arguments)
    arguments["query"] = " OR ".join(f"({plan.arguments['query']})" for plan in plans)
    arguments.pop("sort_order", None)
    try:
        counts = collect(
            COUNTS[plans[0].action], **arguments, granularity="day", client=client, progress=False
        )
    except (ApiError, ArgumentError):  # too long, or not a query that X takes
        return greatest
    return max(greatest, _LEAST * float(counts.counts.post_count.sum()))


def _way(ways: Sequence[Way], floor: float, text: CallText) -> Way:
    """Return one way to collect all runs."""
    first = ways[0]
    ranges = []
    for reading in ("low", "high"):
        least, most = zip(*(getattr(way, reading) for way in ways), strict=True)
        ranges.append((max(floor, *least), sum(most)))
    requests = sum(way.requests for way in ways)
    call = text.of(first.name)
    return replace(first, requests=requests, low=ranges[0], high=ranges[1], call=call)


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    return sum(known)


def _buckets(costs: Sequence[Cost]) -> Any:
    """Return the counts of all runs, summed by time."""
    import pandas as pd

    frames = [cost.buckets for cost in costs if cost.buckets is not None]
    if not frames:
        return None
    every = pd.concat(frames).groupby(["start_at", "end_at"], as_index=False)
    return every[["post_count", "price"]].sum()

"""The most that a request can cost before it is sent, and how to make it smaller."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xframes.billing.budget import Amount
from xframes.billing.card import Rate, main_kind
from xframes.billing.resources import included_kind, is_counted
from xframes.schema import MOST_INCLUDED
from xframes.wire import whole_number

if TYPE_CHECKING:
    from xframes.billing.budget import Budget
    from xframes.billing.card import Card
    from xframes.registry import Action, Param
    from xframes.wire import Request

__all__ = ["Bound", "bound_of", "shrunk", "without_unbounded"]

_UNPAGED = 100  # most objects in an answer to a request that names no number


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a request can cost, in both readings, by its number of main objects.

    `least` and `most` are the numbers it can have: it can be made smaller down to `least`.
    """

    request: Rate
    low: Amount
    high: Amount
    least: int = 1
    most: int = 1

    def amounts(self, rows: int) -> tuple[Amount, Amount]:
        """Return the most that a number of main objects can cost: low and high."""
        return (
            Amount(self.request.low + rows * self.low.units, rows * self.low.posts, 1),
            Amount(self.request.high + rows * self.high.units, rows * self.high.posts, 1),
        )


def bound_of(request: Request, action: Action | None, card: Card, *, owned: bool) -> Bound:
    """Return the bound of a request. Expansions without a bound are counted as one object."""

    if action is None:
        return Bound(Rate(), Amount(), Amount())
    fixed = card.request(action, request.body)
    if not is_counted(action):
        return Bound(fixed, Amount(), Amount())
    rate, posts = card.main(action, owned=owned), int(main_kind(action) == "Post")
    low = Amount(rate.low, posts)
    high = Amount(rate.high, posts) + _included(request, action, card)
    least, most = _sizes(request, action)
    return Bound(fixed, low, high, least, most)


def _included(request: Request, action: Action, card: Card) -> Amount:
    """Return the most that the objects included for one main object cost in the high reading."""
    bounds = MOST_INCLUDED.get(action.objects or "", {})
    total = Amount()
    for name in _expansions(request):
        kind, count = bounds.get(name, ("media", 1))
        kind = included_kind(kind)
        total += Amount(count * card.resource(kind).high, count * (kind == "Post"))
    return total


def without_unbounded(request: Request, action: Action | None, budget: Budget) -> Request:
    """Return the request without the expansions that have no bound, such as mentioned users.

    A budget of requests, or one in the low reading, does not count included objects.
    """
    if action is None or budget.reading == "low" or (budget.usd is None and budget.posts is None):
        return request
    names = _expansions(request)
    bounds = MOST_INCLUDED.get(action.objects or "", {})
    bounded = [name for name in names if name in bounds]
    if bounded == names:
        return request
    params = {name: value for name, value in request.params.items() if name != "expansions"}
    if bounded:
        params["expansions"] = ",".join(bounded)
    return replace(request, params=params)


def shrunk(request: Request, action: Action | None, rows: int) -> Request:
    """Return the request for fewer main objects: a smaller page, or fewer ids."""
    if action is None:
        return request
    if action.paged is not None:
        return replace(request, params={**request.params, "max_results": str(rows)})
    listed = _list(action)
    if listed is None or listed.wire not in request.params:
        return request
    values = request.params[listed.wire].split(",")[:rows]
    return replace(request, params={**request.params, listed.wire: ",".join(values)})


def _sizes(request: Request, action: Action) -> tuple[int, int]:
    """Return the least and the largest number of main objects that a request can have."""
    if action.streaming or action.single:
        return 1, 1
    if action.paged is not None:
        least, most = action.paged
        most = whole_number(request.params.get("max_results")) or most
        return min(least, most), most
    listed = _list(action)
    if listed is None:
        most = whole_number(request.params.get("max_results")) or _UNPAGED
        return most, most
    count = request.params.get(listed.wire, "").count(",") + 1
    if listed.wire == "user_ids":  # Spaces by their creators, who can have several
        return count * _UNPAGED, count * _UNPAGED
    return 1, count


def _list(action: Action) -> Param | None:
    return next((param for param in action.params if param.splits), None)


def _expansions(request: Request) -> list[str]:
    return [name for name in request.params.get("expansions", "").split(",") if name]

"""The ways to collect, and what each of them costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil, exp, hypot, log
from typing import TYPE_CHECKING, Any

from xframes.billing.bounds import bound_of
from xframes.billing.card import in_dollars
from xframes.billing.resources import is_counted
from xframes.collect.dispatch import function
from xframes.plan.fields import LEAN
from xframes.planning.costs.inclusion import PEOPLE, Range, combined
from xframes.registry import ACTIONS
from xframes.settings import READING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.plan import Plan
    from xframes.planning.costs.amounts import Amount
    from xframes.planning.costs.inclusion import Inclusion

__all__ = ["CallText", "Paid", "Prices", "Way", "ways_of"]

_LEAN, _PEOPLE = "posts only", "with people"  # ways to collect
_MENTIONS = {"entities.mentions.username", "entities.note.mentions.username"}
_REFERENCES = ("referenced_tweets.id",)
_KINDS = ("User", "Post", "Media")
_MENTIONED_MOST = 2  # people per post, on average over a collection; X documents no bound
_PEOPLE_MOST, _REFERENCED_MOST = 6, 2  # per post: author, recipient, two mentioned, two referenced


@dataclass(frozen=True, slots=True)
class Way:
    """One way to collect, and its price range in each reading.

    Parameters
    ----------
    name
        "posts only", "with people" or "with everything".
    call
        The call to run.
    requests
        Expected number of requests.
    low
        Least and greatest price in dollars if X bills main objects only.
    high
        The same if X also bills included objects.
    """

    name: str
    call: str
    requests: int
    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def price(self) -> tuple[float, float]:
        """Least and greatest price in both readings, or in that of the setting `price_reading`."""
        if READING.value == "low":
            return self.low
        if READING.value == "high":
            return self.high
        return min(self.low[0], self.high[0]), max(self.low[1], self.high[1])


@dataclass(frozen=True, slots=True)
class Paid:
    """What X billed today already.

    `main` is how many of the main objects it can be at most, and `billed` how many objects of a
    kind, of which any can be among those that are included; `shares` are the greatest shares of
    those, as posts that were read show. `read` are these posts, which are billed with what they
    include.
    """

    main: int = 0
    billed: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    read: int = 0

    def included(self, kind: str, most: float) -> float:
        """Return how many of some included objects were billed, at most."""
        return min(self.billed.get(kind, 0), most * self.shares.get(kind, 1.0))


@dataclass(frozen=True, slots=True)
class CallText:
    """The parts of the call to run."""

    action: str
    arguments: dict[str, Any]
    into: Archive | None

    def of(self, way: str) -> str:
        """Return the call of a way to collect."""
        if way not in {_LEAN, _PEOPLE}:
            return self._call()
        lean = self._call(LEAN)
        return lean if way == _LEAN else f'{lean}; xf.complete(archive, "users")'

    def _call(self, expansions: Any = None) -> str:
        arguments = {name: value for name, value in self.arguments.items() if value is not None}
        if expansions is not None:
            arguments["expansions"] = expansions
        words = [f"{name}={_shown(value)}" for name, value in arguments.items()]
        words += ["into=archive"] if self.into is not None else []
        named = _function(self.action)
        if named.endswith(")"):
            return f"{named[:-1]}, {', '.join(words)})"
        return f"{named}({', '.join(words)})"


def _function(action: str) -> str:
    if action not in ACTIONS:
        return f"xf.{action}"  # a function of several actions
    return function(ACTIONS[action])


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return repr(value.astimezone(UTC).isoformat())
    text = repr(value)
    return text if len(text) < 80 else "…"


def ways_of(planned: Plan, prices: Prices, text: CallText) -> tuple[Way, ...]:
    """Return the ways to collect. The last one is that of the call."""
    given = text.arguments.get("expansions")
    names = {None: "with everything", "all": "with everything"}
    ways = []
    if planned.declared.expands and planned.declared.objects == "post":
        lean = _planned_lean(planned)
        ways.append(prices.way(_LEAN, lean, text.of(_LEAN)))
        ways.append(prices.with_people(lean, ways[0], text))
    if given != LEAN or not ways:
        name = names.get(given if isinstance(given, str) or given is None else "", "as chosen")
        if not planned.declared.expands:
            name = "as called"
        ways.append(prices.way(name, planned, text.of(name)))
    else:  # the way of the call is the last one
        ways = [ways[1], ways[0]]
    return tuple(ways)


def _planned_lean(planned: Plan) -> Plan:
    chosen = {name: value for name, value in planned.field_params.items() if name != "expansions"}
    return replace(planned, field_params=chosen)


@dataclass(frozen=True, slots=True)
class Prices:
    """What collecting some objects costs, by what is known of them."""

    client: Client
    amount: Amount
    paid: Paid
    inclusion: Inclusion | None

    def way(self, name: str, planned: Plan, call: str) -> Way:
        """Return a way to collect, with the least and most in each reading."""
        amount, client = self.amount, self.client
        requests = _requests(planned, amount)
        if planned.batches == 0:
            return Way(name, call, 0, (0.0, 0.0), (0.0, 0.0))
        request = planned.request(max_results=planned.page_size(0))
        owned = client.owns(request)
        bound = bound_of(request, planned.declared, client.meter.card, owned=owned)
        if not is_counted(planned.declared):
            most = requests if amount.source != "counts" else requests + 1
            ranges = [
                _dollars(rate * requests, rate * most)
                for rate in (bound.request.low, bound.request.high)
            ]
            return Way(name, call, requests, *ranges)
        rate = client.meter.card.main(planned.declared, owned=owned)
        low = self._of_main(rate.low)
        names = [one for one in request.params.get("expansions", "").split(",") if one]
        if amount.most is None:
            high = (self._of_main(rate.high)[0], float("inf"))
            return Way(name, call, requests, (low[0], float("inf")), high)
        if not names:
            least, most_high = self._of_main(rate.high)
            least = max(0.0, least - self._read_beside(in_dollars(rate.high)))
            return Way(name, call, requests, low, (least, most_high))
        if self.inclusion is not None and amount.rows is not None:
            high = self._with(self.inclusion, names, in_dollars(rate.high))
            return Way(name, call, requests, low, high)
        more = self._mentioned(names)
        least = self._of_main(rate.high)[0]
        return Way(
            name, call, requests, low,
            (least, in_dollars(bound.high.units * amount.most) + more * amount.most),
        )

    def _of_main(self, rate: int) -> tuple[float, float]:
        """Return the price range of the main objects, without those that were read before."""
        amount = self.amount
        least = max(amount.least - self.paid.read - self.paid.main, 0)
        if amount.most is None:
            return in_dollars(rate * least), float("inf")
        return _dollars(rate * least, rate * max(amount.most - self.paid.read, 0))

    def _read_beside(self, rate: float) -> float:
        """Return the dollars of referenced posts that were read too, and can be among the rest."""
        if not self.paid.read or self.inclusion is None or "Post" not in self.inclusion.present:
            return 0.0
        return rate * self.inclusion.among_rest(self.amount.rows or 0)

    def _mentioned(self, names: Sequence[str]) -> float:
        """Return the dollars per post of mentioned people, which the bound does not count."""
        if not _MENTIONS.intersection(names):
            return 0.0
        return _MENTIONED_MOST * in_dollars(self.client.meter.card.resource("User").high)

    def _with(self, inclusion: Inclusion, names: Sequence[str], rate: float) -> tuple[float, float]:
        """Return the price range of posts with what they include, each billed once a day."""
        rows = self.amount.rows or 0
        read, before = self.paid.read * rate, self.paid.main * rate
        prices = []
        for kind in _KINDS:
            found = inclusion.distinct(kind, names, rows)
            each = in_dollars(self.client.meter.card.resource(kind).high)
            prices.append(found.times(each))
            if self.paid.read and kind in inclusion.present:
                read += each * inclusion.distinct(kind, names, len(inclusion)).most
            before += each * self.paid.included(kind, found.most)
        included = combined(prices)
        least, most = self._widened(rows * rate + included.least, rows * rate + included.most)
        return max(0.0, least - read - before), max(0.0, most - read)

    def _widened(self, least: float, most: float) -> tuple[float, float]:
        """Return a range for the expected number of posts, widened for the range of that number.

        Both are uncertain for reasons of their own, so their squares add up.
        """
        amount = self.amount
        if not amount.rows or not amount.most or least <= 0:
            return least, most
        middle, half = (least * most) ** 0.5, log(most / least) / 2
        fewer = log(amount.rows / max(amount.least, 0.5))
        more = log(amount.most / amount.rows)
        return middle * exp(-hypot(half, fewer)), middle * exp(hypot(half, more))

    def with_people(self, planned: Plan, lean: Way, text: CallText) -> Way:
        """Return the way that looks up people and referenced posts after a lean collection."""
        amount, card = self.amount, self.client.meter.card
        if amount.most is None:
            return replace(lean, name=_PEOPLE, call=text.of(_PEOPLE))
        user, post = (in_dollars(card.resource(kind).high) for kind in ("User", "Post"))
        rows = amount.rows or 0
        if self.inclusion is None:
            each = _PEOPLE_MOST * user + _REFERENCED_MOST * post
            most = each * amount.most
            lookups = ceil((_PEOPLE_MOST + _REFERENCED_MOST) * rows / 200)
            return Way(
                _PEOPLE, text.of(_PEOPLE), lean.requests + lookups,
                (lean.low[0], lean.low[1] + most), (lean.high[0], lean.high[1] + most),
            )
        people, posts = (
            self.inclusion.missing(kind, names, rows)
            for kind, names in (("User", PEOPLE), ("Post", _REFERENCES))
        )
        if not self.inclusion.present:  # authors of posts that were not looked up yet
            people = Range(people.least, people.most + posts.most)
        requests = lean.requests + ceil(people.most / 100) + ceil(posts.most / 100)
        rate = self.client.meter.card.main(planned.declared, owned=self._is_owned(planned))
        read = 0.0
        if self.paid.read and self.inclusion.is_part:
            size = len(self.inclusion)
            for kind, each, names in (("User", user, PEOPLE), ("Post", post, _REFERENCES)):
                if kind in self.inclusion.present:
                    read += each * self.inclusion.missing(kind, names, size).most
        more = combined([people.times(user), posts.times(post)])
        before = self.paid.included("User", people.most) * user
        before += self.paid.included("Post", posts.most) * post
        low = self._looked_up(in_dollars(rate.low), more, before)
        others = self._read_beside(in_dollars(rate.high))
        high = self._looked_up(in_dollars(rate.high), more, before + others, read)
        return Way(_PEOPLE, text.of(_PEOPLE), requests, low, high)

    def _looked_up(
        self, rate: float, more: Range, before: float, read: float = 0.0
    ) -> tuple[float, float]:
        """Return the price range of posts and of what is looked up after them."""
        rows = self.amount.rows or 0
        least, most = self._widened(rows * rate + more.least, rows * rate + more.most)
        read += self.paid.read * rate
        before += self.paid.main * rate
        return max(0.0, least - read - before), max(0.0, most - read)

    def _is_owned(self, planned: Plan) -> bool:
        return self.client.owns(planned.request(max_results=planned.page_size(0)))


def _dollars(least: int, most: int) -> tuple[float, float]:
    return in_dollars(least), in_dollars(most)


def _requests(planned: Plan, amount: Amount) -> int:
    """Return the expected number of requests."""
    if planned.declared.paged is None:
        return planned.batches
    size = planned.page_size(0) or 1
    return max(planned.batches, ceil((amount.rows or 0) / size))

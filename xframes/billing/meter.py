"""The meter of a client: it writes each request to the ledger, within the budget."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from xframes.billing import card as cards
from xframes.billing.bounds import bound_of, shrunk, without_unbounded
from xframes.billing.ledger import Label, Ledger, ledger_path
from xframes.billing.resources import is_counted, resources
from xframes.errors import BudgetReached, ConfigError
from xframes.registry import ACTIONS
from xframes.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.billing.bounds import Bound
    from xframes.billing.budget import Amount, Budget
    from xframes.billing.card import Card
    from xframes.billing.ledger import Intent, Spent
    from xframes.wire import Outline

__all__ = ["Meter", "Ticket"]

T = TypeVar("T")
log = logging.getLogger("xframes")
_CLOCKS_DIFFER = timedelta(minutes=5)
_SIZES = ("max_results", "expansions")  # a smaller page of the same request may differ in these


class Meter:
    """What the requests of a client cost.

    Parameters
    ----------
    identify
        Returns the salted hashes of the app, for a salt.
    server
        The server, if it is not X's own.
    budget
        The most that may be spent. None without a bound.
    now
        The clock, which decides the day.
    """

    def __init__(
        self, identify: Callable[[bytes], list[str]], server: str, budget: Budget | None,
        now: Callable[[], datetime],
    ) -> None:
        self.budget = budget
        self._identify, self._server, self._now = identify, server, now
        self._ledger: Ledger | None = Ledger(ledger_path())
        self._app: int | None = None
        self._card: Card | None = None
        self._low = self._high = 0
        self._own_run = f"client-{secrets.token_hex(6)}"

    @property
    def card(self) -> Card:
        """The price card in force. Raises ConfigError if its file is invalid."""
        if self._card is None:
            self._card = cards.load()
        return self._card

    def open(self, request: Request, *, owned: bool) -> Ticket:
        """Write the intent of a request, made small enough for the budget.

        Raises
        ------
        BudgetReached
            Not even the smallest page fits.
        ConfigError
            There is a budget, but the ledger cannot be written.
        """
        action = ACTIONS.get(request.action or "")
        key = _key(request)
        if self.budget is not None:
            request = without_unbounded(request, action, self.budget)
        bound = bound_of(request, action, self.card, owned=owned)
        if bound.request.high:  # each request is billed, also one that is sent again
            key = ""
        ticket = Ticket(self, request, self._now(), owned=owned)

        def choose(spent: Callable[[str], Spent]) -> tuple[Amount, Amount]:
            rows = bound.most
            if self.budget is not None:
                rows = _fitting(self.budget, bound, spent(self.budget.per), self._now())
            if rows < bound.most:
                ticket.request = shrunk(request, action, rows)
            return bound.amounts(rows)

        ticket.intent = self._write(
            lambda ledger: ledger.open(self._label(ledger, request), key, choose)
        )
        return ticket

    def line(self, request: Request, body: bytes) -> None:
        """Bill one line of a stream."""
        action = ACTIONS.get(request.action or "")
        if action is None or not body.strip():
            return
        found = resources(action, body, self.card, owned=False)
        if found:
            self._count(self._write(lambda ledger: ledger.answered(
                None, self._label(ledger, request), cards.Rate(), found, now=self._now(),
                requests=0,
            )))

    def check(self, request: Request) -> None:
        """Raise BudgetReached if no further line of a stream fits the budget."""
        budget = self.budget
        if budget is None:
            return
        action = ACTIONS.get(request.action or "")
        bound = bound_of(request, action, self.card, owned=False)
        spent = self._write(
            lambda ledger: ledger.spent(self._label(ledger, request), budget.per)
        )
        if spent is not None:
            _fitting(budget, bound, spent, self._now())

    def of_run(self, run_id: str) -> tuple[float, float] | None:
        """Return what a run cost so far in dollars, low and high. None without a ledger."""
        amounts = self._write(lambda ledger: ledger.of_run(run_id))
        if amounts is None:
            return None
        return cards.in_dollars(amounts[0]), cards.in_dollars(amounts[1])

    def billed_today(
        self, kind: str | None, span: tuple[datetime | None, datetime | None] = (None, None)
    ) -> frozenset[str]:
        """Return the ids of the objects of a kind that were billed to the app today.

        `span` are the times between which posts were published, which their ids show.
        """
        if kind is None:
            return frozenset()
        request = Request("GET", "")
        return self._write(
            lambda ledger: ledger.billed(self._label(ledger, request), kind, *map(_lowest, span))
        ) or frozenset()

    def so_far(self) -> tuple[float, float] | None:
        """Return what the requests of this client cost, low and high. None without a ledger."""
        if self._ledger is None:
            return None
        return cards.in_dollars(self._low), cards.in_dollars(self._high)

    def _write(self, work: Callable[[Ledger], T]) -> T | None:
        """Return the result of some work on the ledger.

        If it cannot be written, requests are sent without it from then on, unless there is a
        budget, which needs it: then ConfigError is raised.
        """
        if self._ledger is None:
            return None
        try:
            return work(self._ledger)
        except (sqlite3.Error, OSError) as error:
            reason = f"{self._ledger.path}: the ledger of prices cannot be written: {error}"
        if self.budget is not None:
            raise ConfigError(f"{reason}. A budget needs it")
        log.warning("%s. What requests cost is not recorded", reason)
        self._ledger = None
        return None

    def _label(self, ledger: Ledger, request: Request, at: datetime | None = None) -> Label:
        if self._app is None:
            self._app = ledger.app(self._identify(ledger.salt()), self._server)
        day = (at or self._now()).astimezone(UTC).date().isoformat()
        purpose = request.purpose
        run, archive = self._own_run, ""
        if purpose is not None:
            run, archive = purpose.run_id, purpose.archive
        return Label(self._app, day, request.action or request.path, _query(request), run, archive)

    # what became of a request ---------------------------------------------------------------------

    def answered(self, ticket: Ticket, body: bytes, outline: Outline | None = None) -> None:
        """Bill an answer. `outline` is that of its body, if it was read already."""
        action = ACTIONS.get(ticket.request.action or "")
        if action is None or ticket.intent is None:
            self.refused(ticket)
            return
        found = []
        if is_counted(action):
            found = resources(
                action, body, self.card, owned=ticket.owned, outline=outline,
            )
        rate = self.card.request(action, ticket.request.body)
        intent, request, now = ticket.intent, ticket.request, self._now()
        billed_at = _billed_at(ticket, now)
        self._count(self._write(lambda ledger: ledger.answered(
            intent, self._label(ledger, request, billed_at), rate, found, now=now
        )))

    def _count(self, billed: tuple[int, int] | None) -> None:
        low, high = billed or (0, 0)
        self._low, self._high = self._low + low, self._high + high

    def refused(self, ticket: Ticket) -> None:
        """Record that the server refused the request, which costs nothing."""
        intent = ticket.intent
        if intent is not None:
            self._write(lambda ledger: ledger.refused(intent))

    def lost(self, ticket: Ticket, *, is_answered: bool = False) -> None:
        """Record that no usable answer arrived, so that X may have billed the request.

        `is_answered`: it was a success that could not be used. If X bills the request and not its
        objects, what it cost is known.
        """
        action, intent = ACTIONS.get(ticket.request.action or ""), ticket.intent
        if is_answered and action is not None and not is_counted(action):
            self.answered(ticket, b"")
            return
        if intent is not None:
            self._write(lambda ledger: ledger.lost(intent))


@dataclass
class Ticket:
    """One attempt of a request, and its intent in the ledger.

    `answered_at` is the time of the answer by the server's clock, if it sent one.
    """

    meter: Meter
    request: Request
    sent_at: datetime
    owned: bool = False
    intent: Intent | None = None
    answered_at: datetime | None = None


def _fitting(budget: Budget, bound: Bound, spent: Spent, now: datetime) -> int:
    """Return the largest number of main objects that fits the budget, or raise BudgetReached."""
    before = spent.low if budget.reading == "low" else spent.high

    def fits(rows: int) -> bool:
        low, high = bound.amounts(rows)
        if not budget.allows(spent.low + low):
            return False  # a run can cost more in the low reading, after what others included
        return budget.reading == "low" or budget.allows(spent.high + high)

    if fits(bound.most):
        return bound.most
    if not fits(bound.least):
        raise BudgetReached(
            f"the budget of {budget} is reached: {budget.spent(before)} used, and the smallest "
            "page could exceed it. To continue, resume with a larger budget",
            retry_at=budget.ends_at(now), retryable=budget.per != "run",
        )
    fitting, beyond = bound.least, bound.most
    while beyond - fitting > 1:
        middle = (fitting + beyond) // 2
        if fits(middle):
            fitting = middle
        else:
            beyond = middle
    return fitting


def _billed_at(ticket: Ticket, now: datetime) -> datetime:
    """Return the time on whose day X bills an answer: the server's own, else that of the request.

    It matters around midnight. A server's clock that differs by more than minutes is not used.
    """
    at = ticket.answered_at
    if at is not None and ticket.sent_at - _CLOCKS_DIFFER <= at <= now + _CLOCKS_DIFFER:
        return at
    return ticket.sent_at


def _key(request: Request) -> str:
    """Return what identifies a request that is sent again, whatever the size of its page."""
    params = {name: text for name, text in request.params.items() if name not in _SIZES}
    content: list[Any] = [request.method, request.path, sorted(params.items()), request.body]
    return hashlib.blake2b(json.dumps(content, default=str).encode(), digest_size=12).hexdigest()


def _lowest(time: datetime | None) -> int | None:
    """Return the lowest id of a post published at a time."""
    if time is None:
        return None
    return max(int(time.timestamp() * 1000) - 1_288_834_974_657, 0) << 22


def _query(request: Request) -> str:
    """Return what a request is about, for sums: its query, or the ids in its path."""
    query = request.params.get("query")
    if query is not None:
        return query
    action = ACTIONS.get(request.action or "")
    if action is None:
        return ""
    matched = action.pattern.fullmatch(request.path)
    return " ".join(matched.groups()) if matched else ""

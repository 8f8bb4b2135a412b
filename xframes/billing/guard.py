"""Confirm a collection without a budget that may cost much."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from xframes.billing.bounds import bound_of
from xframes.billing.card import in_dollars
from xframes.billing.resources import is_counted
from xframes.errors import BudgetError
from xframes.registry.prices import dollars
from xframes.settings import MAX_PRICE

if TYPE_CHECKING:
    from xframes.billing.card import Card
    from xframes.plan import Plan

__all__ = ["check_price", "most_expensive"]

log = logging.getLogger("xframes")


def check_price(plan: Plan, card: Card) -> None:
    """Check what a collection without a budget may cost, before its first request.

    Above the limit (the setting `max_price`) a person at a terminal must confirm it. A collection
    without a limit causes a warning.

    Raises
    ------
    BudgetError
        It may cost more than the limit, and was not confirmed.
    """
    if not is_counted(plan.declared) or plan.batches == 0:
        return
    most = most_expensive(plan, card)
    if most is None:
        log.warning(
            "%s has neither a limit nor a budget: it costs what X returns. Pass limit=, or "
            "Client(budget=xf.Budget(usd=…))", plan.action,
        )
        return
    allowed = MAX_PRICE.value
    if most <= allowed:
        return
    amount = f"{plan.action} may cost up to {dollars(round(most, 2))}"
    if _is_terminal() and _confirmed(f"{amount}. Continue? [y/N] "):
        return
    raise BudgetError(
        f"{amount}, more than {dollars(allowed)} ({MAX_PRICE.variable}). Set a budget, which it "
        f"cannot exceed: Client(budget=xf.Budget(usd={allowed})) (in the shell: --budget, or --yes "
        "for none)", action=plan.action,
    )


def most_expensive(plan: Plan, card: Card) -> float | None:
    """Return the most that a collection can cost in dollars; None without a bound."""
    rows = plan.expected
    action = plan.declared
    if rows is None and action.single:
        rows = 1
    if rows is None:
        return None
    bound = bound_of(plan.request(max_results=plan.page_size(0)), action, card, owned=False)
    return in_dollars(bound.amounts(rows)[1].units)


def _is_terminal() -> bool:
    """Whether a person can answer. A notebook counts as a script."""
    return "ipykernel" not in sys.modules and sys.stdin.isatty() and sys.stderr.isatty()


def _confirmed(question: str) -> bool:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}

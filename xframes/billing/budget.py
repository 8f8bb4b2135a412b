"""Budgets: the most that a run, a day or a month may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from xframes.billing.card import UNIT, in_dollars
from xframes.errors import ArgumentError, ConfigError
from xframes.registry.prices import dollars
from xframes.screen import counted
from xframes.settings import BUDGET, READING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Amount", "Budget", "Period", "Reading"]

Period = Literal["run", "day", "month"]
Reading = Literal["low", "high"]
_TEXT = re.compile(r"\$?(\d+(?:\.\d+)?)\s*(?:/\s*(run|day|month))?")


@dataclass(frozen=True, slots=True)
class Amount:
    """What was spent, or may be: billionths of a dollar, posts, and requests."""

    units: int = 0
    posts: int = 0
    requests: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.units + other.units, self.posts + other.posts, self.requests + other.requests
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that collecting may cost. No request is sent that could exceed it.

    The ledger counts what all processes of this machine spend for the same app.

    Parameters
    ----------
    usd
        US dollars. Default: no bound.
    posts
        Posts that X may bill. Default: no bound.
    requests
        Requests. Default: no bound.
    per
        What it is for: each collection with its resumptions ("run"), or everything that the app
        does in a day or a calendar month (UTC).
    reading
        Whether included objects count too ("high": the bound holds in both readings), or only main
        objects ("low"). Default: high, or the one that the setting `price_reading` picks.

    Raises
    ------
    ArgumentError
        A value is invalid, or there is no bound.

    Examples
    --------
    >>> client = xf.Client(budget=xf.Budget(usd=5, per="day"))
    """

    usd: float | None = None
    posts: int | None = None
    requests: int | None = None
    per: Period = "run"
    reading: Reading | None = None

    def __post_init__(self) -> None:
        if self.reading is None:
            picked = "low" if READING.value == "low" else "high"
            object.__setattr__(self, "reading", picked)
        bounds = {"usd": self.usd, "posts": self.posts, "requests": self.requests}
        for name, bound in bounds.items():
            _check_bound(name, bound)
        if all(bound is None for bound in bounds.values()):
            raise ArgumentError("budget: expected usd, posts or requests, got none of them")
        if self.per not in {"run", "day", "month"}:
            raise ArgumentError(f"per: expected 'run', 'day' or 'month', got {self.per!r:.40}")
        if self.reading not in {"low", "high"}:
            raise ArgumentError(f"reading: expected 'low' or 'high', got {self.reading!r:.40}")

    @classmethod
    def read(cls, text: str, source: str = "budget") -> Budget:
        """Read a budget of the shell or the environment, such as `5` or `20/month`, in dollars.

        Parameters
        ----------
        text
            Dollars, and after a slash what they are for. Default: for each run.
        source
            Where the text comes from, for an error.

        Returns
        -------
        Budget
            The budget.

        Raises
        ------
        ConfigError
            The text is not a budget.

        Examples
        --------
        >>> xf.Budget.read("20/month")
        Budget(usd=20.0, posts=None, requests=None, per='month', reading='high')
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ConfigError(
                f"{source}: expected dollars such as 5 or 20/month, got {text!r:.40}"
            )
        per: Any = match[2] or "run"
        return cls(usd=float(match[1]), per=per)

    @classmethod
    def find(cls) -> Budget | None:
        """Return the budget of `XFRAMES_BUDGET`, else of the config file, else None.

        Returns
        -------
        Budget or None
            The budget.

        Raises
        ------
        ConfigError
            The setting is not a budget.

        Examples
        --------
        >>> xf.Budget.find()
        """
        text = BUDGET.value
        if text is None:
            return None
        return cls.read(text, BUDGET.source)

    @property
    def units(self) -> int | None:
        """The dollars in billionths. None without a bound."""
        if self.usd is None:
            return None
        return round(self.usd * UNIT)

    def allows(self, spent: Amount) -> bool:
        """Whether an amount is within the budget."""
        pairs = ((self.units, spent.units), (self.posts, spent.posts),
                 (self.requests, spent.requests))
        return all(bound is None or amount <= bound for bound, amount in pairs)

    def ends_at(self, now: datetime) -> datetime | None:
        """Return when the next day or month begins, in UTC. None for a budget of a run."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.per == "day":
            return today + timedelta(days=1)
        if self.per == "month":
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return None

    def spent(self, amount: Amount) -> str:
        """Say how much of the budget is spent, for a message."""
        return ", ".join(self._parts(amount))

    def _parts(self, amount: Amount) -> Iterator[str]:
        if self.usd is not None:
            yield f"{dollars(in_dollars(amount.units))} of {dollars(self.usd)}"
        if self.posts is not None:
            yield f"{amount.posts:,} of {counted(self.posts, 'post')}"
        if self.requests is not None:
            yield f"{amount.requests:,} of {counted(self.requests, 'request')}"

    def __str__(self) -> str:
        bounds = []
        if self.usd is not None:
            bounds.append(dollars(self.usd))
        if self.posts is not None:
            bounds.append(counted(self.posts, "post"))
        if self.requests is not None:
            bounds.append(counted(self.requests, "request"))
        return f"{', '.join(bounds)} per {self.per}"


def _check_bound(name: str, bound: Any) -> None:
    if bound is None:
        return
    is_number = isinstance(bound, int | float) and not isinstance(bound, bool)
    is_whole = isinstance(bound, int) or name == "usd"
    if not is_number or not is_whole or not 0 <= bound < 1e9:
        kind = "dollars" if name == "usd" else "a whole number"
        raise ArgumentError(f"{name}: expected {kind} of at least 0, got {bound!r:.40}")

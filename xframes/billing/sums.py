"""Sums of the ledger: what was spent by day, action, query, run and archive."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from xframes.billing.card import in_dollars, load
from xframes.billing.ledger import Ledger, ledger_path
from xframes.errors import ArgumentError, ConfigError
from xframes.settings import READING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

__all__ = ["KEYS", "compared", "money", "run_prices", "spend_table"]

KEYS = ("day", "app", "server", "action", "query", "run_id", "archive")
_COUNTS = ("requests", "in_flight", "posts", "users", "others", "main_posts")
_KINDS = {"Post": "posts", "User": "users"}  # the kinds with a column of their own


def spend_table(
    by: str | Iterable[str] | None = None, *, runs: Mapping[str, Mapping[str, Any]] | None = None
) -> pa.Table:
    """Return what was spent, one row per key; by default all keys. `runs` selects runs.

    Runs that this machine's ledger does not have are added as their archive recorded them.
    """
    keys = _keys(by)
    rows = [_named(row) for row in _ledger_rows()]
    if runs is not None:
        rows = [row for row in rows if row["run_id"] in runs]
        known = {row["run_id"] for row in rows}
        rows += [_recorded(run) for id, run in runs.items() if id not in known and _is_paid(run)]
    return _summed(rows, keys)


def compared(
    spent: pa.Table, usage: Mapping[date, int], balances: Sequence[tuple[datetime, float]]
) -> pa.Table:
    """Add what X itself reports by day: posts, and by how much the balance fell.

    `balances` are reports in the order of time. Days on which X reports something and the ledger
    has nothing have rows too.
    """
    changes = _changes(balances)
    reported = {day for day, posts in usage.items() if posts} | changes.keys()
    spent = _with_days(spent, reported)
    return _with_credits(_with_usage(spent, usage), changes)


def _with_days(spent: pa.Table, days: Iterable[date]) -> pa.Table:
    """Return the table with rows of zeros for the days that it does not have."""
    import pyarrow as pa

    known = set(spent["day"].to_pylist())
    numbers = [*_COUNTS, "price_low", "price_high"]
    rows = [{"day": day, **dict.fromkeys(numbers, 0)} for day in days if day not in known]
    added = pa.Table.from_pylist(rows, spent.schema)
    return pa.concat_tables([spent, added]).sort_by("day")


def _with_usage(spent: pa.Table, usage: Mapping[date, int]) -> pa.Table:
    """Add the posts that X itself counts by day, and the difference to those of the ledger.

    X counts posts of the whole project, and its counts lag.
    """
    import pyarrow as pa

    rows = spent.to_pylist()
    counted = [usage.get(row["day"]) for row in rows]
    spent = spent.append_column("usage_posts", pa.array(counted, pa.int64()))
    for name, column in (("usage_less_main", "main_posts"), ("usage_less_all", "posts")):
        differences = [
            None if posts is None else posts - row[column]
            for row, posts in zip(rows, counted, strict=True)
        ]
        spent = spent.append_column(name, pa.array(differences, pa.int64()))
    return spent


def _with_credits(spent: pa.Table, changes: Mapping[date, _Change]) -> pa.Table:
    """Add by how much X lowered the balance, and the difference to the prices of the ledger.

    A day is compared from the last report of
    an earlier day, or from its own first one, up to its last; `credits_since` is the day of the
    report before. Prices of days without a report are counted with the next day that has one.
    """
    import pyarrow as pa

    rows = spent.to_pylist()
    columns: dict[str, list[Any]] = {name: [] for name in _CREDITS}
    for row in rows:
        values: tuple[Any, ...] = (None,) * len(_CREDITS)
        if (change := changes.get(row["day"])) is not None:
            days = [one for one in rows if change.covers(one["day"], row["day"])]
            low, high = (sum(one[name] for one in days) for name in ("price_low", "price_high"))
            values = (
                change.since, round(change.used, 6), round(change.added, 6),
                round(change.used - low, 6), round(change.used - high, 6),
            )
        for name, value in zip(_CREDITS, values, strict=True):
            columns[name].append(value)
    for name, kind in _CREDITS.items():
        spent = spent.append_column(name, pa.array(columns[name], getattr(pa, kind)()))
    return spent


_CREDITS = {
    "credits_since": "date32", "credits_used": "float64", "credits_added": "float64",
    "credits_less_low": "float64", "credits_less_high": "float64",
}


@dataclass
class _Change:
    """How a balance changed since a day: by how much it fell, and rose."""

    since: date
    used: float = 0.0
    added: float = 0.0

    def covers(self, day: date, until: date) -> bool:
        """Whether the prices of a day are compared, for the change up to a day."""
        return self.since < day <= until or day == until


def _changes(balances: Sequence[tuple[datetime, float]]) -> dict[date, _Change]:
    """Return the changes of a balance by the day on which they were reported."""
    changes: dict[date, _Change] = {}
    for (before_at, before), (at, after) in pairwise(balances):
        change = changes.setdefault(_day(at), _Change(_day(before_at)))
        change.used += max(0.0, before - after)
        change.added += max(0.0, after - before)
    return changes


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def run_prices(run_ids: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the dollars of runs in the ledger of this machine, low and high."""
    try:
        if not run_ids or not ledger_path().exists():
            return {}
        amounts = Ledger(ledger_path()).of_runs(run_ids)
    except (sqlite3.Error, OSError):
        return {}
    return {run: (in_dollars(low), in_dollars(high)) for run, (low, high) in amounts.items()}


def money(low: float | None, high: float | None) -> str:
    """Write an amount in both readings: "$0.50 to $1.20", or "$0.50" if they do not differ."""
    low, high = sorted(read(low or 0.0, high or 0.0))
    texts = [_short(amount) for amount in (low, high)]
    if texts[0] == texts[1]:
        return texts[0]
    return " to ".join(texts)


def read(low: float, high: float) -> tuple[float, float]:
    """Return both readings, or twice the one that the setting `price_reading` picks."""
    if READING.value == "low":
        return low, low
    if READING.value == "high":
        return high, high
    return low, high


def _short(amount: float) -> str:
    if 0 < amount < 1 and round(amount, 2) != round(amount, 4):
        return f"${amount:.4f}".rstrip("0")
    return f"${amount:,.2f}"


def _keys(by: str | Iterable[str] | None) -> list[str]:
    if by is None:
        return list(KEYS)
    names = [by] if isinstance(by, str) else list(by)
    names = ["run_id" if name == "run" else name for name in names]
    unknown = [name for name in names if name not in KEYS]
    if unknown or not names:
        raise ArgumentError(f"by: expected one or more of {', '.join(KEYS)}, got {by!r:.60}")
    return names


def _ledger_rows() -> list[dict[str, Any]]:
    try:
        if not ledger_path().exists():
            return []
        return Ledger(ledger_path()).rows()
    except (sqlite3.Error, OSError) as error:
        reason = f"{ledger_path()}: the ledger of prices cannot be read: {error}"
        raise ConfigError(reason) from None


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the ledger with our column names. Empty texts become null."""
    named = {name: row[name] or None for name in ("app", "server", "action", "query", "archive")}
    return {
        **named, "day": date.fromisoformat(row["day"]), "run_id": row["run"] or None,
        "requests": row["requests"], "in_flight": row["in_flight"], "counts": row["counts"],
        "main": row["main"],
        "low": in_dollars(row["low"]), "high": in_dollars(row["high"]),
    }


def _is_paid(run: Mapping[str, Any]) -> bool:
    return run.get("price_high") is not None


def _recorded(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a run that another machine collected."""
    return {
        "day": run["started_at"].date(), "app": None, "server": None, "action": run["action"],
        "query": None, "run_id": run["run_id"], "archive": None, "requests": run["page_count"] or 0,
        "in_flight": 0, "counts": Counter(), "main": Counter(), "low": run["price_low"],
        "high": run["price_high"],
    }


def _summed(rows: list[dict[str, Any]], keys: list[str]) -> pa.Table:
    import pyarrow as pa

    card = load()
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        total = sums.setdefault(key, {
            "requests": 0, "in_flight": 0, "counts": Counter(), "main": Counter(), "low": [],
            "high": [],
        })
        for name in ("requests", "in_flight", "counts", "main"):
            total[name] += row[name]
        total["low"].append(row["low"])
        total["high"].append(row["high"])
    listed = []
    for key, total in sums.items():
        counts = total["counts"]
        others = sum(count for kind, count in counts.items() if kind not in _KINDS)
        unpriced = sorted(kind for kind in counts if not card.is_priced(kind))
        low, high = (round(sum(total[name]), 9) for name in ("low", "high"))
        low, high = read(low, high)
        listed.append({
            **dict(zip(keys, key, strict=True)), "requests": total["requests"],
            "in_flight": total["in_flight"],
            **{column: counts[kind] for kind, column in _KINDS.items()}, "others": others,
            "main_posts": total["main"]["Post"],
            "unpriced": ", ".join(unpriced) or None, "price_low": low, "price_high": high,
        })
    types = {name: pa.string() for name in keys} | (
        {"day": pa.date32()} if "day" in keys else {}
    )
    counted = dict.fromkeys(_COUNTS, pa.int64())
    dollars = dict.fromkeys(("price_low", "price_high"), pa.float64())
    schema = pa.schema({**types, **counted, "unpriced": pa.string(), **dollars})
    listed.sort(key=lambda row: [str(row[name] or "") for name in keys])
    return pa.Table.from_pylist(listed, schema=schema)

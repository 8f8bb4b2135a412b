"""How the columns of one table write dates and numbers, decided by the column as a whole.

`03/04/2021` and `1.234` are read where other values of their column show what comes first, and what
the mark means. Where none does, they stay as they are, and are noted as values not understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.readings import COUNT, ROUNDED, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.reader.formats.source_format import Shape

_DATE = re.compile(
    r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})"
    r"(?:[ ,T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?\s*([AaPp][Mm])?)?"
)
_DOTTED = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_ZEROS = re.compile(r"[1-9][0-9]{0,2}\.000")  # thousands, or a whole number with three decimals
_PLAIN = re.compile(r"[0-9]+")
_MONTHS = 12
_NOON = 12
_FEWEST = 1_000  # from which on numbers have a mark
_LEAST = 2  # different numbers with a mark, none of which says otherwise


@dataclass(slots=True)
class _Dates:
    """Whether days come first in a column: yes, no, or both or nothing seen (None)."""

    has_days_first: bool = False
    has_months_first: bool = False
    is_open: bool = False  # whether a value has been seen that both could be

    def learn(self, cell: str) -> None:
        hit = _DATE.fullmatch(cell)
        if hit is None:
            return
        first, second = int(hit[1]), int(hit[3])
        self.has_days_first |= first > _MONTHS >= second
        self.has_months_first |= second > _MONTHS >= first
        self.is_open |= first <= _MONTHS >= second

    @property
    def is_decided(self) -> bool:
        return self.has_days_first != self.has_months_first

    @property
    def is_waiting(self) -> bool:
        return self.is_open and not (self.has_days_first or self.has_months_first)

    def read(self, cell: str) -> str:
        hit = _DATE.fullmatch(cell)
        if hit is None:
            return cell
        day, month = (hit[1], hit[3]) if self.has_days_first else (hit[3], hit[1])
        hour = int(hit[5] or 0)
        if hit[8]:
            hour = hour % _NOON + _NOON * (hit[8].lower() == "pm")
        try:
            return datetime(  # noqa: DTZ001  the reading of times sets the zone
                int(hit[4]), int(month), int(day), hour, int(hit[6] or 0), int(hit[7] or 0)
            ).isoformat(" ")
        except ValueError:
            return cell


@dataclass(slots=True)
class _Numbers:
    """Whether dots separate thousands in a column."""

    dotted: set[str] = field(default_factory=set)
    is_other: bool = False  # whether a value says that they do not

    def learn(self, cell: str) -> None:
        if ROUNDED.fullmatch(cell) or _ZEROS.fullmatch(cell):
            return
        if _DOTTED.fullmatch(cell):
            if len(self.dotted) < _LEAST:
                self.dotted.add(cell)
            if cell.count(".") > 1:
                self.dotted |= {cell, ""}
        elif _PLAIN.fullmatch(cell):
            self.is_other |= int(cell[:20]) >= _FEWEST
        else:
            self.is_other = True

    @property
    def is_decided(self) -> bool:
        return not self.is_other and len(self.dotted) >= _LEAST

    @property
    def is_waiting(self) -> bool:
        return not self.is_other and len(self.dotted) == 1

    def read(self, cell: str) -> str:
        return cell.replace(".", "") if _DOTTED.fullmatch(cell) else cell


class Styles:
    """The styles of the columns of one table, as its rows show them."""

    def __init__(self, shape: Shape | None, columns: Iterable[str]) -> None:
        own = set(columns)
        self._columns: dict[str, _Dates | _Numbers] = {}
        for key in shape.keys if shape is not None else ():
            for name in own.intersection(key.names):
                if key.read is TIME:
                    self._columns[name] = _Dates()
                elif key.read is COUNT:
                    self._columns[name] = _Numbers()

    def learn(self, row: Mapping[str, Any]) -> None:
        """Learn from the cells of a row."""
        for name, style in self._columns.items():
            cell = row.get(name)
            if isinstance(cell, str) and (cell := cell.strip()):
                style.learn(cell)

    def is_waiting(self) -> bool:
        """Whether a column has values that a later one may explain."""
        return any(style.is_waiting for style in self._columns.values())

    def settle(self) -> None:
        """Forget the columns that need no other reading."""
        self._columns = {n: style for n, style in self._columns.items() if style.is_decided}

    def read(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with dates in the order of ISO 8601, and numbers without marks."""
        for name, style in self._columns.items():
            cell = row.get(name)
            if isinstance(cell, str):
                row[name] = style.read(cell.strip())
        return row

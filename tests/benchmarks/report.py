"""The tables that the benchmarks print, as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import xframes as xf
from tests.benchmarks.measuring import Took, cores

_TIMES = "\N{MULTIPLICATION SIGN}"
_LIBRARIES = ("pandas", "pyarrow", "duckdb", "msgspec", "orjson")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a title, column names, rows, and what to know to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        lines = [f"### {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += [_line(self.columns), _line(["---"] + ["--:"] * (len(self.columns) - 1))]
        return "\n".join([*lines, *map(_line, self.rows), ""])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """What the numbers were measured with."""
    libraries = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (f"xframes {xf.__version__}, Python {platform.python_version()}, {libraries}; "
            f"{cores()} cores ({platform.machine()}, {platform.system()}){load}")


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def seconds(number: float) -> str:
    """Seconds as people read them."""
    return f"{number:,.2f}"


def ms(number: float) -> str:
    """Seconds as milliseconds."""
    return f"{number * 1000:,.1f}"


def both(took: Took) -> list[str]:
    """Two cells: seconds by the clock and of processor time."""
    return [seconds(took.seconds), seconds(took.cpu)]


def ratio(number: float) -> str:
    """How many times as long."""
    return f"{number:,.2f}{_TIMES}"


def times(number: float, of: float) -> str:
    """How many times as long one takes as another."""
    return ratio(number / of) if of else "?"


def at_most(number: float) -> str:
    """The ratio that is the aim."""
    return f"≤ {ratio(number)}"

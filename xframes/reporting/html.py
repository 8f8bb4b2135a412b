"""The HTML of a report. Everything from X is escaped; nothing is loaded from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from xframes.reporting.blocks import Cards, Picture, Table, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from xframes.reporting.blocks import Block

_KINDS = {Text: "text", Table: "table", Picture: "picture", Cards: "cards"}
_LONGEST_CELL = 300  # characters


@dataclass(slots=True)
class Section:
    """A section of a report. A notebook shows it."""

    name: str
    title: str
    blocks: list[Block] = field(repr=False)

    def _repr_html_(self) -> str:
        return fragment([self])


def page(title: str, definition: str, sections: Sequence[Section]) -> str:
    """Return a whole report; `definition` is the SQL of the results that it describes."""
    return _template("report.html").render(
        title=title, sections=sections, definition=definition,
        style=Markup(_file("report.css")), script=Markup(_file("report.js")),  # noqa: S704  ours
    )


def fragment(sections: Sequence[Section]) -> str:
    """Return sections as a part of another page, such as a notebook."""
    return _template("sections.html").render(sections=sections)


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["lines"] = _lines
    environment.filters["svg"] = Markup  # drawn by matplotlib, which escapes texts
    environment.tests["block"] = lambda block, kind: _KINDS[type(block)] == kind
    return environment.get_template(name)


def _file(name: str) -> str:
    return files("xframes.reporting").joinpath("templates", name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A value as text, of which kind it is, and the number that it is sorted by."""

    text: str
    kind: str
    number: Any = None


def _lines(frame: pd.DataFrame) -> list[tuple[_Cell, ...]]:
    """Return the rows of a table as cells."""
    columns = []
    for number in range(frame.shape[1]):  # names may occur twice
        values = frame.iloc[:, number].tolist()
        decimals = 0
        if any(isinstance(v, float) and v % 1 > 0 for v in values):
            decimals = 2
        columns.append([_cell(value, decimals) for value in values])
    return list(zip(*columns, strict=True))


def _cell(value: Any, decimals: int = 2) -> _Cell:
    text = _shown(value, decimals)
    if hasattr(value, "strftime"):
        return _Cell(text, "time")
    is_number = isinstance(value, Number) and not isinstance(value, bool)
    return _Cell(text, "number", value) if is_number else _Cell(text, "")


def _shown(value: Any, decimals: int) -> str:
    """Return a value as text: numbers with separators, times in minutes."""
    import pandas as pd

    if not isinstance(value, list) and pd.isna(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, float):
        return f"{value:,.{decimals}f}"
    if hasattr(value, "strftime"):
        is_day = not (getattr(value, "hour", 0) or getattr(value, "minute", 0))
        return f"{value:%Y-%m-%d}" if is_day else f"{value:%Y-%m-%d %H:%M}"
    text = str(value)
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}…"
    return text

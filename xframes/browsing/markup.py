"""The HTML of pages. Everything from X is escaped; nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import jinja2

from xframes.frames import unescape
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from xframes.schema import Col

_LONGEST_CELL = 300  # characters
_PAGES = {"posts": "post", "users": "person", "runs": "run", "requests": "page"}
_ADDRESSES = frozenset({"link", "file"})
STYLE, SCRIPT = "browse.css", "browse.js"


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a table: its text, and where it leads."""

    text: str
    url: str | None = None
    is_outside: bool = False
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, its meaning, and whether it has numbers."""

    name: str
    meaning: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows as cells."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def render(template: str, **values: Any) -> str:
    """Return a page."""
    return _environment().get_template(template).render(
        style=asset_path(STYLE), script=asset_path(SCRIPT), **values
    )


def grid(
    rows: pa.Table, table: str | None = None, *, has_pages: bool = True,
    handles: Mapping[str, str] | None = None,
) -> Grid:
    """Return rows as cells, without columns that have no value.

    `handles` are shown instead of ids of people.
    """
    import pyarrow as pa

    declared = {}
    if table is not None:
        declared = {column.name: column for column in TABLES[table].columns}
    columns, values = [], []
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if table is not None and column.null_count == len(column) and len(column):
            continue
        col = declared.get(name) or _any_column(name)
        is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type) \
            or pa.types.is_decimal(column.type)
        columns.append(Column(name, col.doc if col else "", is_number))
        cells = [cell(value, col, has_pages=has_pages) for value in column.to_pylist()]
        if handles and col is not None and col.names == "users":
            cells = [replace(one, text=handles.get(one.text, one.text)) for one in cells]
        values.append(cells)
    lines = tuple(zip(*values, strict=True)) if values else ()
    return Grid(tuple(columns), lines)


@cache
def _any_column(name: str) -> Col | None:
    """Return what a column of this name is in any table, if it is the id of something."""
    for table in TABLES.values():
        for column in table.columns:
            if column.name == name and column.names in _PAGES and name != "id":
                return column
    return None


def cell(value: Any, column: Col | None = None, *, has_pages: bool = True) -> Cell:
    """Return a value as a cell: with a link if it is the id or address of something."""
    if value is None:
        return Cell("")
    text = shown(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(text, is_number=True)
    url, is_outside = None, False
    if column is not None and isinstance(value, str):
        page = _PAGES.get(column.names or "")
        if page is not None and (page != "page" or has_pages):
            url = f"/{page}/{quote(value, safe='')}"
        elif column.content in _ADDRESSES:
            url, is_outside = outside(value), True
    return Cell(_cut(text), url, is_outside and url is not None)


def outside(address: Any) -> str | None:
    """Return an address that a link may lead to; None for other schemes than those of the web."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
        return None
    return address.strip()


def shown(value: Any) -> str:
    """Return a value as text: numbers with separators, times in seconds."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    return str(value)


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (type(None), lambda _: ""),
    (bool, lambda value: ("no", "yes")[value]),
    (int, lambda value: f"{value:,}"),
    (float, lambda value: f"{value:,.4f}".rstrip("0").rstrip(".")),
    (datetime, lambda value: f"{value:%Y-%m-%d %H:%M:%S}"),
    (date, lambda value: f"{value:%Y-%m-%d}"),
    ((list, tuple, dict), lambda value: json.dumps(value, ensure_ascii=False, default=str)),
)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def _dollars(low: float | None, high: float | None = None) -> str:
    if low is None:
        return "unknown"
    if high is None or f"{high:.2f}" == f"{low:.2f}":
        return f"${low:,.2f}"
    return f"${low:,.2f} to ${high:,.2f}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "shown": shown, "outside": outside, "path": lambda text: quote(str(text), safe=""),
        "dollars": _dollars, "grid": grid, "cell": cell,
        "unescape": lambda text: unescape(text or ""),
        "tojson_text": lambda value: json.dumps(dict(value), ensure_ascii=False, indent=1),
    }
    return environment


def _file(name: str) -> str:
    return files("xframes.browsing").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def asset(name: str) -> bytes | None:
    """Return a style sheet or script; None for other names."""
    if name == SCRIPT:
        return _file(SCRIPT).encode()
    if name == STYLE:  # a report looks the same
        base = files("xframes.reporting").joinpath("templates", "report.css")
        return (base.read_text(encoding="utf-8") + _file(STYLE)).encode()
    return None


@cache
def asset_path(name: str) -> str:
    """Return the path of a style sheet or script, which differs when its content does."""
    return f"/static/{blake2b(asset(name) or b'', digest_size=8).hexdigest()}/{name}"

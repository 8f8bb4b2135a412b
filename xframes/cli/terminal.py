"""Rows as text for a terminal: aligned columns, as many as fit, long texts cut with an ellipsis."""

from __future__ import annotations

import shutil
import unicodedata
from typing import TYPE_CHECKING, Any

from xframes.formats.scalars import plain
from xframes.screen import counted, neutral

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

MOST_ROWS = 40
# Only texts longer than an id are cut: part of an id would be useless.
_WIDEST, _NARROWEST, _GAP = 60, 24, "  "


def render(
    reader: pa.RecordBatchReader, *, rows: int = MOST_ROWS, width: int | None = None,
    more: str = "there are more",
) -> Iterator[str]:
    """Yield the lines of a table: the first `rows` rows and the columns that fit.

    Only the rows shown are read. Columns without values are left out. The last lines say
    which rows and columns are missing. Characters that could control the terminal are shown as
    `·`, also in the names of columns.
    """
    columns, has_more = _head(reader, rows)
    names = _filled(columns) or list(columns)
    titles = {name: _safe(name) for name in names}
    numbers = {field.name for field in reader.schema if _is_number(field.type)}
    cells = {name: [_cell(v) for v in columns[name]] for name in names}
    natural = {name: _natural(titles[name], cells[name]) for name in names}
    widths = _fit(natural, width or _terminal())

    def line(texts: dict[str, str]) -> str:
        return _line([_pad(texts[name], widths[name], right=name in numbers) for name in widths])

    if widths:
        yield line(titles)
        yield _line(["-" * width for width in widths.values()])
    count = len(next(iter(columns.values()), []))
    for i in range(count):
        yield line({name: cells[name][i] for name in widths})
    if not count:
        yield "(no rows)"
    if has_more:
        yield f"(first {counted(count, 'row')}; {more})"
    if len(widths) < len(names):
        yield _hidden([titles[name] for name in names[len(widths):]])


def _filled(columns: dict[str, list[Any]]) -> list[str]:
    """Return the names of columns with at least one value."""
    return [name for name, values in columns.items() if any(v is not None for v in values)]


def _hidden(titles: Sequence[str]) -> str:
    """Name the columns that do not fit."""
    some = ", ".join(titles[:8])
    if len(titles) > 8:
        some += ", …"
    return f"({counted(len(titles), 'column')} not shown: {some})"


def _head(reader: pa.RecordBatchReader, rows: int) -> tuple[dict[str, list[Any]], bool]:
    """Read the first rows. Returns their values by column, and whether there are more rows."""
    columns: dict[str, list[Any]] = {name: [] for name in reader.schema.names}
    count = 0
    for batch in reader:
        take = min(batch.num_rows, rows - count)
        for name, column in zip(reader.schema.names, batch.slice(0, take).columns, strict=True):
            columns[name].extend(column.to_pylist())
        count += take
        if batch.num_rows > take:
            return columns, True
    return columns, False


def _fit(natural: dict[str, int], width: int) -> dict[str, int]:
    """Return the widths of the columns that fit.

    The widest columns shrink first. Where that is not enough, the last columns are left out.
    """
    names = list(natural)
    while names:
        fixed = sum(min(natural[n], _NARROWEST) for n in names) + len(_GAP) * (len(names) - 1)
        if fixed <= width or len(names) == 1:
            break
        names.pop()
    widths = {n: natural[n] for n in names}
    while names and sum(widths.values()) + len(_GAP) * (len(names) - 1) > width:
        widest = max(names, key=lambda n: widths[n])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _terminal() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _natural(name: str, cells: Sequence[str]) -> int:
    return max(_width(name), min(_WIDEST, max(map(_width, cells), default=0)))


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow.types as t

    return bool(t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return _safe(plain(value, sep=" "))


def _safe(text: str) -> str:
    """Keep a text on one line and replace control characters."""
    return neutral("".join(" " if c.isspace() else c for c in text), mark="·")


def _line(cells: Sequence[str]) -> str:
    return _GAP.join(cells).rstrip()


def _pad(text: str, width: int, *, right: bool) -> str:
    if _width(text) > width:
        text = _cut(text, width)
    space = " " * (width - _width(text))
    if right:
        return space + text
    return text + space


def _cut(text: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis as its last character."""
    used = 0
    for position, character in enumerate(text):
        used += _character_width(character)
        if used > width - 1:
            return text[:position] + "…"
    return text


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    """Return 2 for wide characters, 0 for combining marks, else 1."""
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 1

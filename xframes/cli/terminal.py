"""Rows as text for a terminal: aligned columns, as many as fit, cut with an ellipsis."""

from __future__ import annotations

import shutil
import unicodedata
from typing import TYPE_CHECKING, Any

from xframes.formats.scalars import plain
from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

MOST_ROWS = 40
_WIDEST, _NARROWEST, _GAP = 60, 24, "  "  # an id cut short is no id: only longer texts shrink


def render(
    reader: pa.RecordBatchReader, *, rows: int = MOST_ROWS, width: int | None = None, more: str = "there are more"
) -> Iterator[str]:
    """The lines of a table: its first `rows` rows, the columns that fit, and what was left out.

    No more rows are read than shown. Columns without a value in them are left out. Characters that could steer a
    terminal are shown as `·`, in names of columns as well.
    """
    shown, cut = _head(reader, rows)
    names = [name for name, values in shown.items() if any(v is not None for v in values)] or list(shown)
    titles = {name: _safe(name) for name in names}
    numbers = {field.name for field in reader.schema if _is_number(field.type)}
    cells = {name: [_cell(v) for v in shown[name]] for name in names}
    widths = _fit({name: _natural(titles[name], cells[name]) for name in names}, width or _terminal())
    fitting = list(widths)
    if fitting:
        yield _line([_pad(titles[name], widths[name], right=name in numbers) for name in fitting])
        yield _line(["-" * widths[name] for name in fitting])
    for i in range(len(next(iter(shown.values()), []))):
        yield _line([_pad(cells[name][i], widths[name], right=name in numbers) for name in fitting])
    left = [titles[name] for name in names[len(fitting):]]
    yield from _notes(len(next(iter(shown.values()), [])), left, more if cut else "")


def _notes(count: int, left: Sequence[str], more: str) -> Iterator[str]:
    """What the table does not show."""
    if not count:
        yield "(no rows)"
    if more:
        yield f"(the first {count:,} rows; {more})"
    if left:
        some = ", ".join(left[:8]) + (", …" if len(left) > 8 else "")
        yield f"({len(left)} more columns that do not fit: {some})"


def _head(reader: pa.RecordBatchReader, rows: int) -> tuple[dict[str, list[Any]], bool]:
    """The first rows by column, and whether there are more."""
    found: dict[str, list[Any]] = {name: [] for name in reader.schema.names}
    count = 0
    for batch in reader:
        take = min(batch.num_rows, rows - count)
        for name, column in zip(reader.schema.names, batch.slice(0, take).columns, strict=True):
            found[name].extend(column.to_pylist())
        count += take
        if batch.num_rows > take:
            return found, True
    return found, False


def _fit(natural: dict[str, int], width: int) -> dict[str, int]:
    """Widths of the columns that fit: all of them when shrinking the widest is enough, else the first ones."""
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
    """A text that stays in its cell."""
    return neutral("".join(" " if c.isspace() else c for c in text), mark="·")


def _line(cells: Sequence[str]) -> str:
    return _GAP.join(cells).rstrip()


def _pad(text: str, width: int, *, right: bool) -> str:
    if _width(text) > width:
        cut, used = [], 0
        for c in text:
            used += _width(c)
            if used > width - 1:
                break
            cut.append(c)
        text = "".join(cut) + "…"
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    """Columns a text takes in a terminal: two for wide characters, none for marks that combine."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(c) in {"Mn", "Me", "Cf"} else 1 + (unicodedata.east_asian_width(c) in "WF")
               for c in text)

"""Read tables (CSV, TSV, semicolons) by the format of their header, one page per row."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any, Self

from xframes.reader.damage import NotPages, TooLong
from xframes.reader.formats import (
    Converted,
    own_pages,
    own_table,
    row_converter,
    table_format,
    table_refusal,
)
from xframes.reader.formats.column_styles import Styles
from xframes.reader.rounding import Rounding
from xframes.reader.row_files import unique
from xframes.settings import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.reader.choices import Choices
    from xframes.reader.formats import Format, Notes

_SAMPLE = 50  # rows that show the format
_MOST_HELD = 50_000  # rows that are read until one shows how dates and numbers are written


def begins_posts(head: bytes, name: str) -> bool:
    """Whether a text that begins with these bytes is a table of a known format."""
    lines = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").splitlines()[:_SAMPLE]
    if not lines:
        return False
    if len(lines) > 2:
        del lines[-1]  # it may be cut
    try:
        rows = list(csv.reader(lines, delimiter=delimiter(lines[0])))
    except csv.Error:
        return False
    columns = [name.strip().removeprefix("\ufeff") for name in rows[0]]
    if len(columns) < 2:
        return False
    sample = [dict(zip(columns, row, strict=False)) for row in rows[1:]]
    return own_table(columns, name) is not None or table_format(columns, sample) is not None


def delimiter(line: str) -> str:
    """Return the character between the columns of a header."""
    return max(",;\t|", key=line.count)


def _windows(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as written by a spreadsheet on Windows."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start:error.end].decode("cp1252", "replace"), error.end


codecs.register_error("xframes-windows", _windows)


def pages(file: IO[bytes], notes: Notes, choices: Choices) -> Iterator[Converted | bytes]:
    """Read the rows of a file as pages. Raises NotPages if its format is unknown or refused."""
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="xframes-windows", newline="")
    lines = _Lines(text)
    try:
        first = next(lines, "")
        if not first.strip():
            raise NotPages(f"{notes.file} is empty")
        columns = next(csv.reader([first], delimiter=delimiter(first)), [])
        columns = unique(name.strip() for name in columns)
        rows = csv.DictReader(lines, columns, delimiter=delimiter(first))
        yield from table_pages(columns, _whole(rows, lines, notes), notes, choices)
    finally:
        text.detach()  # the caller closes the file


def _whole(
    rows: Iterator[dict[str, Any]], lines: _Lines, notes: Notes
) -> Iterator[dict[str, Any]]:
    """Yield rows. One that the end of the file cuts is left out: its last cell may be cut, too."""
    is_noted = False
    for number, row in enumerate(rows, start=1):
        lines.size = 0
        missing = sum(cell is None for cell in row.values())
        if missing and not lines.is_ended:
            notes.add_record(f"the file ends within row {number:,}")
            continue
        if missing and not is_noted:
            is_noted = True
            notes.add_record(f"row {number:,} has {missing:,} cells fewer than the header")
        yield row


def table_pages(
    columns: list[str], rows: Iterator[dict[str, Any]], notes: Notes, choices: Choices
) -> Iterator[Converted | bytes]:
    """Read the rows of a table as pages. Raises NotPages if its format is unknown or refused."""
    own = own_table(columns, notes.file)
    if own is not None:
        yield from own_pages(own, rows, notes)
        return
    sample = list(islice(rows, _SAMPLE))
    format_ = table_format(columns, sample, choices.columns)
    if format_ is None or not format_.is_read:
        raise NotPages(table_refusal(notes.file, columns, format_))
    styles = _styles(format_, columns, sample, rows)
    convert = row_converter(format_, columns, sample, notes)
    rounding = Rounding()
    for row in chain(sample, rows):
        extra = row.pop(None, None)  # type: ignore[call-overload]  # DictReader's key for more cells
        if extra:
            notes.add_record(f"a row with {len(extra)} cells more than the header")
        for page in convert(styles.read(row)):
            rounding.add(_post_id(page))
            yield page
    rounding.warn(notes.file)
    if problem := rounding.problem(notes.file):
        yield problem


def _styles(
    format_: Format, columns: list[str], held: list[dict[str, Any]], rows: Iterator[dict[str, Any]]
) -> Styles:
    """Return how columns write dates and numbers. Rows that are read for it are added to `held`."""
    styles = Styles(format_.shape, columns)
    for row in held:
        styles.learn(row)
    if styles.is_waiting():
        for row in islice(rows, _MOST_HELD):
            held.append(row)
            styles.learn(row)
            if not styles.is_waiting():
                break
    styles.settle()
    return styles


def _post_id(page: Converted) -> str:
    """Return the id of the post of a row; empty text if it has none."""
    data = page.document.get("data")
    if isinstance(data, list):
        data = data[0] if data else None
    if page.kind != "post" or not isinstance(data, dict):
        return ""
    return str(data.get("id", ""))


class _Lines:
    """The lines of a text. Raises TooLong if a row is too large.

    `size` is what was read of the row.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._most = MAX_LINE.bytes
        self.size = 0
        self.is_ended = True  # whether the last line has an end

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        found = self._text.readline(self._most - self.size + 1)
        self.size += len(found)
        if self.size > self._most:
            raise TooLong(f"a row is larger than {MAX_LINE.megabytes}")
        if not found:
            raise StopIteration
        self.is_ended = found[-1] in "\r\n"
        return found.replace("\0", "")

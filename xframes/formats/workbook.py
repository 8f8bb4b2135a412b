"""Excel workbooks, a sheet for each table."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Self

from xframes.errors import ArgumentError, ConfigError
from xframes.formats.scalars import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from xframes.formats.declaration import Options, Rows

SHEET_ROWS = 1_048_575  # of a sheet, below its heading
SHEET_COLUMNS = 16_384
CELL_UNITS = 32_767  # UTF-16 code units in a cell
_EXACT = 2**53  # beyond it a sheet's numbers are no longer exact


def write_excel(path: Path, tables: Iterable[Rows], options: Options) -> dict[str, int]:
    """Write an Excel workbook with a sheet for each table; return their numbers of rows.

    Text is written as text, never as a formula, a link or a number. What does not fit into a cell
    is cut, and counted in `options.cut`. A last sheet has the README. Raises ConfigError without
    the extra `excel`, ArgumentError for tables with more rows or columns than a sheet has.
    """
    tables = list(tables)
    with _Workbook(path, options) as book:
        for rows in tables:
            _check_size(rows.name, rows.count or 0, len(rows.schema.names))
        counts = {rows.name: book.add(rows) for rows in tables}
        book.close()
    return counts


def _check_size(table: str, rows: int, columns: int = 0) -> None:
    if rows > SHEET_ROWS:
        raise ArgumentError(
            f"{table} has {rows:,} rows or more; a sheet of Excel holds {SHEET_ROWS:,}. Write "
            "fewer rows, or another format such as CSV, Parquet or SQLite"
        )
    if columns > SHEET_COLUMNS:
        raise ArgumentError(
            f"{table} has {columns:,} columns; a sheet of Excel holds {SHEET_COLUMNS:,}"
        )


class _Workbook:
    """A workbook being written, row by row to the disk."""

    def __init__(self, path: Path, options: Options) -> None:
        try:
            from xlsxwriter import Workbook
        except ImportError:
            raise ConfigError("Excel files need xlsxwriter: pip install xlsxwriter") from None
        settings: dict[str, Any] = {"constant_memory": True, "nan_inf_to_errors": False}
        if options.temp is not None:
            settings["tmpdir"] = str(options.temp)
        self._options = options
        self._book = Workbook(str(path), settings)
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._text = self._book.add_format({"num_format": "@"})
        self._bold = self._book.add_format({"bold": True})

    def add(self, rows: Rows) -> int:
        """Write a table as a sheet; return the number of rows."""
        from pyarrow import types

        sheet = self._book.add_worksheet(rows.name)
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(rows.schema):
            if types.is_string(column.type):
                sheet.set_column(place, place, 22 if column.name.endswith("id") else 14, self._text)
            elif types.is_temporal(column.type):
                sheet.set_column(place, place, 23)
        for place, column in enumerate(rows.schema):
            sheet.write_string(0, place, fitting(column.name), self._bold)
        line = 0
        for batch in rows.batches:
            names = batch.column_names
            _check_size(rows.name, line + len(batch))
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                line += 1
                for place, value in enumerate(values):
                    if value is not None:
                        self._cell(sheet, line, place, value, (rows.name, names[place]))
        return line

    def _cell(self, sheet: Any, line: int, place: int, value: Any, where: tuple[str, str]) -> None:
        if isinstance(value, list | tuple | dict):
            value = json.dumps(value, ensure_ascii=False, default=jsonable)
        if not isinstance(value, str | date):
            value = jsonable(value)
        if isinstance(value, bool):
            sheet.write_boolean(line, place, value)
        elif isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _EXACT:
            sheet.write_number(line, place, value)
        elif isinstance(value, datetime) and value.year >= 1900:
            sheet.write_datetime(line, place, _in_utc(value), self._time)
        elif isinstance(value, date) and value.year >= 1900:
            sheet.write_datetime(line, place, value, self._date)
        else:
            text = fitting(str(value))
            if len(text) < len(str(value)):
                self._options.cut[where] = self._options.cut.get(where, 0) + 1
            sheet.write_string(line, place, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files of a workbook that was not finished."""
        if not self._book.fileclosed:
            self._book.fileclosed = True
            for sheet in self._book.worksheets():
                if (file := getattr(sheet, "row_data_fh", None)) is not None:
                    file.close()

    def close(self) -> None:
        """Finish the workbook, with the README as the last sheet."""
        if self._options.about is not None:
            sheet = self._book.add_worksheet("README")
            for line, text in enumerate(self._options.about().splitlines()):
                sheet.write_string(line, 0, fitting(text))
        self._book.close()


def _in_utc(value: datetime) -> datetime:
    """A time without its zone, which cells have not; times without one stay as they are."""
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def fitting(text: str) -> str:
    """A text cut to what a cell of Excel holds; characters past U+FFFF take two units."""
    if len(text) <= CELL_UNITS // 2 or len(text.encode("utf-16-le")) <= 2 * CELL_UNITS:
        return text
    return text.encode("utf-16-le")[: 2 * CELL_UNITS].decode("utf-16-le", "ignore")

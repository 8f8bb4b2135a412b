"""Tables as files for others: Parquet, CSV, JSON lines, Excel, a DuckDB database. Rows come in batches, once."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xframes.archive.storage.parts import PARQUET, ROW_GROUP_ROWS
from xframes.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from xframes.schema import Col

SUFFIXES = {
    "parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "excel": ".xlsx", "duckdb": ".duckdb", "ids": ".txt",
}
WHOLE = frozenset({"excel", "duckdb"})  # one file holds all tables
SHEET_ROWS = 1_048_575  # of a sheet, below its heading
CELL_UNITS = 32_767  # UTF-16 code units in a cell
_GROUP_BYTES = 24_000_000
# What a spreadsheet takes for a formula when it opens a CSV file: by its first character, wide forms as well.
FORMULA = re.compile("^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_EXACT = 2**53  # beyond it a sheet's numbers are no longer exact


@dataclass(frozen=True, slots=True)
class Rows:
    """A table on its way out: its columns, and its rows in batches that can be taken once."""

    name: str
    columns: Sequence[Col]
    about: str
    batches: Iterator[pa.Table]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the rows."""
        return pa.schema([(c.name, c.type.arrow) for c in self.columns])


def plain(rows: pa.Table) -> pa.Table:
    """Rows with times as ISO 8601 text in UTC and lists as JSON text, for formats that know neither."""
    columns = []
    for column in rows.columns:
        if pa.types.is_timestamp(column.type):
            columns.append(pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ"))
        elif pa.types.is_list(column.type):
            texts = [None if v is None else json.dumps(v, ensure_ascii=False) for v in column.to_pylist()]
            columns.append(pa.chunked_array([pa.array(texts, pa.string())]))
        else:
            columns.append(column)
    return pa.table(columns, names=rows.column_names)


def as_text(rows: pa.Table) -> pa.Table:
    """Rows for a spreadsheet: text that it would take for a formula has an apostrophe before it."""
    return pa.table([_quoted_text(column) for column in rows.columns], schema=rows.schema)


def _quoted_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_string(column.type):
        return column
    return pc.if_else(pc.match_substring_regex(column, FORMULA.pattern),
                      pc.binary_join_element_wise("'", column, ""), column)


def write_parquet(path: Path, rows: Rows) -> int:
    """Write a Parquet file; gives the rows written."""
    held: list[pa.Table] = []
    count = waiting = size = 0
    with pq.ParquetWriter(path, rows.schema, **PARQUET) as writer:
        for batch in rows.batches:
            held.append(batch)
            count, waiting, size = count + len(batch), waiting + len(batch), size + batch.nbytes
            if waiting >= ROW_GROUP_ROWS or size >= _GROUP_BYTES:
                writer.write_table(pa.concat_tables(held))
                held, waiting, size = [], 0, 0
        if held:
            writer.write_table(pa.concat_tables(held))
    return count


def write_csv(path: Path, rows: Rows) -> int:
    """Write a CSV file: UTF-8 with the mark by which spreadsheets know it, text in quotes, null as nothing at all."""
    from pyarrow import csv

    count = 0
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        writer: Any = None
        for batch in rows.batches:
            count += len(batch)
            table = plain(batch)
            if writer is None:
                writer = csv.CSVWriter(file, table.schema)
            writer.write_table(table)
        if writer is None:
            writer = csv.CSVWriter(file, plain(rows.schema.empty_table()).schema)
        writer.close()
    return count


def write_jsonl(path: Path, rows: Rows) -> int:
    """Write JSON lines: one row a line, every column in it."""
    import msgspec

    encode = msgspec.json.Encoder().encode_lines
    count = 0
    with path.open("wb") as file:
        for batch in rows.batches:
            count += len(batch)
            file.write(encode(_timed(batch).to_pylist()))
    return count


def _timed(rows: pa.Table) -> pa.Table:
    """Rows with times as text, lists as they are."""
    lists = {n: rows[n] for n in rows.column_names if pa.types.is_list(rows.schema.field(n).type)}
    made = plain(rows.drop_columns(list(lists)))
    return pa.table({n: lists[n] if n in lists else made[n] for n in rows.column_names})


def write_duckdb(path: Path, tables: Iterable[Rows], about: str) -> dict[str, int]:
    """Write a DuckDB database: a table for each, with comments on it and its columns; gives their rows."""
    import duckdb

    from xframes.archive.query.newest import SQL_TYPES

    counts = {}
    connection = duckdb.connect(str(path), config={"autoinstall_known_extensions": False, "threads": 1})
    try:
        for rows in tables:
            columns = ", ".join(f'"{c.name}" {SQL_TYPES[c.type]}' for c in rows.columns)
            connection.execute(f'CREATE TABLE "{rows.name}" ({columns})')
            connection.execute(f'COMMENT ON TABLE "{rows.name}" IS {_quoted(rows.about)}')
            for c in rows.columns:
                connection.execute(f'COMMENT ON COLUMN "{rows.name}"."{c.name}" IS {_quoted(c.doc)}')
            count = 0
            for batch in rows.batches:
                connection.register("_batch", batch)
                connection.execute(f'INSERT INTO "{rows.name}" SELECT * FROM _batch')
                connection.unregister("_batch")
                count += len(batch)
            counts[rows.name] = count
        connection.execute("CREATE TABLE about (text VARCHAR)")
        connection.execute("INSERT INTO about VALUES (?)", [about])
        connection.execute("COMMENT ON TABLE about IS 'What this database holds, and where it comes from.'")
    finally:
        connection.close()
    return counts


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Sheets:
    """An Excel workbook being written, a sheet for each table, row by row to the disk.

    Text is written as text, never as a formula, a link or a number. What does not fit into a cell is cut, and counted
    in `cut`. Raises ConfigError without the extra `excel`, ArgumentError for tables of more rows than a sheet has.
    """

    def __init__(self, path: Path, temp: Path, counts: Mapping[str, int]) -> None:
        try:
            from xlsxwriter import Workbook
        except ImportError:
            raise ConfigError("Excel files need xlsxwriter: pip install xlsxwriter") from None
        for name, count in counts.items():
            if count > SHEET_ROWS:
                raise ArgumentError(
                    f"{name} has {count:,} rows, and a sheet of Excel holds {SHEET_ROWS:,}: export fewer posts "
                    "(where=…), other tables (tables=…), or to CSV, Parquet or DuckDB"
                )
        self._book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(temp), "nan_inf_to_errors": False})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._text = self._book.add_format({"num_format": "@"})
        self._bold = self._book.add_format({"bold": True})
        self.cut: dict[tuple[str, str], int] = {}

    def add(self, rows: Rows) -> int:
        """Write a table as a sheet; gives its rows."""
        sheet = self._book.add_worksheet(rows.name)
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(rows.columns):
            if pa.types.is_string(column.type.arrow):
                sheet.set_column(place, place, 22 if column.name.endswith("id") else 14, self._text)
            elif pa.types.is_temporal(column.type.arrow):
                sheet.set_column(place, place, 23)
        for place, column in enumerate(rows.columns):
            sheet.write_string(0, place, column.name, self._bold)
        line = 0
        for batch in rows.batches:
            names = batch.column_names
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                line += 1
                for place, value in enumerate(values):
                    if value is not None:
                        self._cell(sheet, line, place, value, (rows.name, names[place]))
        return line

    def _cell(self, sheet: Any, line: int, place: int, value: Any, where: tuple[str, str]) -> None:
        if isinstance(value, list):
            value = json.dumps(value, ensure_ascii=False)
        if isinstance(value, bool):
            sheet.write_boolean(line, place, value)
        elif isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _EXACT:
            sheet.write_number(line, place, value)
        elif hasattr(value, "tzinfo") and value.year >= 1900:
            sheet.write_datetime(line, place, value.astimezone(UTC).replace(tzinfo=None), self._time)
        elif hasattr(value, "year") and value.year >= 1900:
            sheet.write_datetime(line, place, value, self._date)
        else:
            text = fitting(str(value))
            if len(text) < len(str(value)):
                self.cut[where] = self.cut.get(where, 0) + 1
            sheet.write_string(line, place, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the files of a workbook that was not finished."""
        if not self._book.fileclosed:
            self._book.fileclosed = True
            for sheet in self._book.worksheets():
                if (file := getattr(sheet, "row_data_fh", None)) is not None:
                    file.close()

    def close(self, about: str) -> None:
        """Finish the workbook, with a last sheet that says what it holds."""
        sheet = self._book.add_worksheet("README")
        for line, text in enumerate(about.splitlines()):
            sheet.write_string(line, 0, fitting(text))
        self._book.close()


def fitting(text: str) -> str:
    """A text cut to what a cell of Excel holds; characters beyond the first 65,536 of Unicode take two units."""
    if len(text) <= CELL_UNITS // 2 or len(text.encode("utf-16-le")) <= 2 * CELL_UNITS:
        return text
    return text.encode("utf-16-le")[: 2 * CELL_UNITS].decode("utf-16-le", "ignore")

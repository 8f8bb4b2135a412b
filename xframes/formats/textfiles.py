"""Text files: CSV, JSON, JSON lines, ids.

The shell writes the result of any query, often into a pipe: CSV without a byte order mark, quoted
where needed. Exports write tables of known types for pandas, R and spreadsheets: CSV with the mark,
with all text in quotes, so that null and empty text differ.
"""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from io import StringIO
from typing import IO, TYPE_CHECKING, Any

from xframes.formats.scalars import finite, jsonable, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from xframes.formats.declaration import Options, Rows

# What a spreadsheet reads as a formula in a CSV file, by its first character; wide forms as well.
_FORMULA = re.compile("^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def write_csv(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write a CSV file; return the number of rows."""
    if options.is_result:
        return _write_result(file, rows, options)
    from pyarrow import csv as arrow_csv

    file.write(b"\xef\xbb\xbf")
    count = 0
    with arrow_csv.CSVWriter(file, _as_text(rows.schema.empty_table()).schema) as writer:
        for batch in rows.batches:
            count += len(batch)
            writer.write_table(_as_text(_without_formulas(batch, options)))
    return count


def _as_text(rows: pa.Table) -> pa.Table:
    """Rows with times as ISO 8601 text in UTC and lists as JSON text."""
    import pyarrow as pa

    lists = [name for name in rows.column_names if pa.types.is_list(rows.schema.field(name).type)]
    rows = _with_times(rows)
    for name in lists:
        texts = [
            None if v is None else json.dumps(v, ensure_ascii=False) for v in rows[name].to_pylist()
        ]
        rows = rows.set_column(rows.column_names.index(name), name, [pa.array(texts, pa.string())])
    return rows


def _with_times(rows: pa.Table) -> pa.Table:
    """Rows with times as ISO 8601 text in UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [
        pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        if pa.types.is_timestamp(column.type)
        else column
        for column in rows.columns
    ]
    return pa.table(columns, names=rows.column_names)


def _without_formulas(rows: pa.Table, options: Options) -> pa.Table:
    """Rows for a spreadsheet: text that it would read as a formula has an apostrophe before it."""
    import pyarrow as pa

    if not options.spreadsheet:
        return rows
    return pa.table([_quoted_column(column) for column in rows.columns], schema=rows.schema)


def _quoted_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return column
    is_formula = pc.match_substring_regex(column, _FORMULA.pattern)
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)


def _write_result(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write CSV of any types, each value as `plain` has it."""
    text = _quoted if options.spreadsheet else plain
    file.write(_records([[text(name) for name in rows.schema.names]]))
    count = 0
    for batch in rows.batches:
        count += len(batch)
        columns = [[text(value) for value in column.to_pylist()] for column in batch.columns]
        file.write(_records(zip(*columns, strict=True)))
    return count


def _quoted(value: Any) -> str:
    """A value as a cell that no spreadsheet reads as a formula; numbers never are one."""
    text = plain(value)
    return (
        f"'{text}"
        if not isinstance(value, int | float | Decimal) and _FORMULA.match(text)
        else text
    )


def _records(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO(newline="")
    plainly, quoting = (
        csv.writer(text, lineterminator="\n", quoting=q) for q in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    )
    for row in rows:
        writer = plainly
        if any("\r" in cell for cell in row):
            writer = quoting  # for many readers it ends a row, and Python 3.11 does not quote it
        writer.writerow(row)
    return text.getvalue().encode()


def write_jsonl(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write JSON lines, one object per line; return the number of rows."""
    count = 0
    for row in _objects(rows, options):
        file.write(row + b"\n")
        count += 1
    return count


def write_json(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write one JSON array, each object on its own line; return the number of rows."""
    count = 0
    for row in _objects(rows, options):
        file.write((b",\n" if count else b"[\n") + row)
        count += 1
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def _objects(rows: Rows, options: Options) -> Iterator[bytes]:
    """The rows as JSON objects with every column."""
    if options.is_result:
        for batch in rows.batches:
            for row in batch.to_pylist():
                yield json.dumps(finite(row), ensure_ascii=False, default=jsonable).encode()
        return
    import msgspec

    encode = msgspec.json.Encoder().encode
    for batch in rows.batches:
        yield from map(encode, _with_times(batch).to_pylist())


def write_ids(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write the first column, one value per line; return the number of rows."""
    del options
    count = 0
    for batch in rows.batches:
        ids = batch.column(0).to_pylist()
        file.writelines(f"{id_}\n".encode() for id_ in ids)
        count += len(ids)
    return count

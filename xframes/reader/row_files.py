"""Rows of Parquet files and Excel workbooks."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from xframes.reader.bounded import rest
from xframes.reader.damage import NotPages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PARQUET = b"PAR1"
SQLITE = b"SQLite format 3\0"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ROWS = 10_000
_MAGIC = 16  # bytes that show the kind of a database


def unique(columns: Iterable[str]) -> list[str]:
    """Return columns with a number after each name that was there before, as pandas has them."""
    own: list[str] = []
    counts: dict[str, int] = {}
    for name in columns:
        place = counts.get(name, 0)
        counts[name] = place + 1
        own.append(f"{name}.{place}" if place and name else name)
    return own


def parquet(file: IO[bytes], name: str) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Return the columns and rows of a Parquet file. Raises NotPages."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(io.BytesIO(rest(file)))
    except (pa.ArrowException, OSError) as error:
        raise NotPages(f"{name} is a Parquet file that cannot be read ({error})") from None

    def rows() -> Iterator[dict[str, Any]]:
        for batch in table.iter_batches(batch_size=_ROWS):
            yield from batch.to_pylist()

    return table.schema_arrow.names, rows()


def workbook(
    file: IO[bytes], name: str
) -> Iterator[tuple[str, list[str], Iterator[dict[str, Any]]]]:
    """Yield the name, columns and rows of each sheet. Raises NotPages."""
    try:
        import openpyxl
    except ImportError:
        raise NotPages(
            f"{name} is an Excel workbook: to read it, install xframes[excel], or save its sheets "
            "as CSV"
        ) from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(rest(file)), read_only=True, data_only=True)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise NotPages(f"{name} is an Excel workbook that cannot be read ({error})") from None
    for sheet in book.worksheets:
        lines = sheet.iter_rows(values_only=True)
        cells = next(lines, ())
        columns = unique(str(cell).strip() if cell is not None else "" for cell in cells)
        if any(columns):
            yield sheet.title, columns, _rows(columns, map(_without_escapes, lines))


def _without_escapes(cells: Iterable[Any]) -> list[Any]:
    """Return the cells of a row with the characters that Excel writes as their codes."""
    return [_ESCAPED.sub(_character, cell) if isinstance(cell, str) else cell for cell in cells]


def _character(hit: re.Match[str]) -> str:
    return chr(int(hit[1], 16))


def database(
    file: IO[bytes], name: str
) -> Iterator[tuple[str, list[str], Iterator[dict[str, Any]]]]:
    """Yield the name, columns and rows of each table of a database. Raises NotPages."""
    with tempfile.NamedTemporaryFile(suffix=".db") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        copy.seek(0)
        if is_duckdb(copy.read(_MAGIC)):
            yield from _duckdb(Path(copy.name), name)
        else:
            yield from _sqlite(copy.name, name)


def is_duckdb(head: bytes) -> bool:
    """Whether a file that begins so is a DuckDB database."""
    return head[8:12] == b"DUCK"


def _sqlite(
    path: str, name: str
) -> Iterator[tuple[str, list[str], Iterator[dict[str, Any]]]]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as own:
            own.execute("PRAGMA trusted_schema = OFF")
            own.text_factory = lambda text: text.decode("utf-8", "replace")
            query = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            for (table,) in own.execute(query).fetchall():
                quoted = str(table).replace('"', '""')
                found = own.execute(f'SELECT * FROM "{quoted}"')
                columns = [column[0] for column in found.description]
                yield str(table), columns, _rows(columns, found)
    except sqlite3.Error as error:
        raise NotPages(f"{name} is an SQLite database that cannot be read ({error})") from None


def _duckdb(
    path: Path, name: str
) -> Iterator[tuple[str, list[str], Iterator[dict[str, Any]]]]:
    from xframes.formats.databases import Unreadable, read_duckdb

    try:
        yield from read_duckdb(path)
    except Unreadable as error:
        raise NotPages(f"{name} is a DuckDB database that cannot be read ({error})") from None


def _rows(columns: list[str], lines: Iterator[Any]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if any(cell is not None for cell in line):
            yield dict(zip(columns, line, strict=False))

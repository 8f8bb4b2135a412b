"""Databases of one file: SQLite and DuckDB."""

from __future__ import annotations

import errno
import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.formats.scalars import jsonable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from decimal import Decimal
    from pathlib import Path

    import pyarrow as pa

    from xframes.formats.declaration import Options, Rows

_ABOUT = "What this database holds, and where it comes from."
_BATCH = 10_000  # rows that are read at once
_CACHE_KIB = 16_384  # of SQLite; what does not fit goes to the file
_INTEGERS = range(-(2**63), 2**63)  # of SQLite


def write_sqlite(path: Path, tables: Iterable[Rows], options: Options) -> dict[str, int]:
    """Write a SQLite database with a table for each; return their numbers of rows.

    The schema has the meanings of tables and columns as comments. A table `about` has the README.
    Raises ArgumentError for what SQLite cannot hold (more than 2,000 columns, a value over 1 GB).
    """
    import sqlite3

    counts = {}
    with _sqlite_errors(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # The file is moved to its place when complete: until then nothing has to survive a crash.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for rows in tables:
            counts[rows.name] = _write_sqlite_table(connection, rows)
        if options.about is not None:
            connection.execute(f"CREATE TABLE about (  -- {_ABOUT}\n  text TEXT\n)")
            connection.execute("INSERT INTO about VALUES (?)", [options.about()])
    return counts


@contextmanager
def _sqlite_errors() -> Iterator[None]:
    """SQLite's errors as those of files and arguments."""
    import sqlite3

    try:
        yield
    except sqlite3.DataError as error:
        raise ArgumentError(
            f"a value is too large for SQLite ({error}); write Parquet or DuckDB instead"
        ) from error
    except sqlite3.OperationalError as error:
        primary = error.sqlite_errorcode & 0xFF
        if primary == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, f"SQLite: {error}") from error
        if primary in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise OSError(errno.EIO, f"SQLite: {error}") from error
        raise ArgumentError(
            f"SQLite cannot hold this table: {error}; write Parquet or DuckDB instead"
        ) from error


def _write_sqlite_table(connection: sqlite3.Connection, rows: Rows) -> int:
    names = _distinct(rows.schema.names)
    connection.execute(_create_table(rows, names))
    marks = ", ".join("?" * len(names))
    count = 0
    connection.execute("BEGIN")
    for batch in rows.batches:
        columns = [_sqlite_values(column) for column in batch.columns]
        connection.executemany(
            f"INSERT INTO {_name(rows.name)} VALUES ({marks})", zip(*columns, strict=True)
        )
        count += len(batch)
    connection.execute("COMMIT")
    for column in rows.indexes:
        if rows.key[:1] != (column,):  # the key's own index serves its first column
            index = _name(f"{rows.name}_{column}")
            connection.execute(f"CREATE INDEX {index} ON {_name(rows.name)} ({_name(column)})")
    return count


def _create_table(rows: Rows, names: Sequence[str]) -> str:
    """The CREATE TABLE statement. SQLite keeps its text, and so the comments in it."""
    parts = []
    for given, name, kind in zip(rows.schema.names, names, rows.schema.types, strict=True):
        parts.append((f"{_name(name)} {_sqlite_type(kind)}".rstrip(), rows.meanings.get(given, "")))
    if rows.key:
        parts.append((f"PRIMARY KEY ({', '.join(map(_name, rows.key))})", ""))
    for column, (table, key) in rows.links.items():
        parts.append(
            (f"FOREIGN KEY ({_name(column)}) REFERENCES {_name(table)} ({_name(key)})", "")
        )
    commas = [","] * (len(parts) - 1) + [""]
    lines = [
        f"  {part}{comma}{_comment(doc)}" for (part, doc), comma in zip(parts, commas, strict=True)
    ]
    return "\n".join([f"CREATE TABLE {_name(rows.name)} ({_comment(rows.about)}", *lines, ")"])


def _comment(text: str) -> str:
    text = " ".join(text.split())
    return f"  -- {text}" if text else ""


def _sqlite_type(kind: pa.DataType) -> str:
    """The declared type; "" for values of several, which SQLite then keeps as they come."""
    from pyarrow import types as t

    if t.is_boolean(kind) or (t.is_integer(kind) and not t.is_uint64(kind)):
        return "INTEGER"
    if t.is_floating(kind):
        return "REAL"
    if t.is_binary(kind) or t.is_large_binary(kind):
        return "BLOB"
    return "" if t.is_uint64(kind) or t.is_decimal(kind) or t.is_null(kind) else "TEXT"


def _sqlite_values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column as SQLite holds them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types as t

    kind = column.type
    if t.is_timestamp(kind):
        zone = "" if kind.tz is None else "Z"
        moments = column if kind.tz is None else column.cast(pa.timestamp(kind.unit, "UTC"))
        texts: list[Any] = pc.strftime(moments, format=f"%Y-%m-%dT%H:%M:%S{zone}").to_pylist()
        return texts
    values: list[Any] = column.to_pylist()
    convert = _converter(kind)
    return values if convert is None else [None if v is None else convert(v) for v in values]


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes a value of this type one of SQLite's; None where it is one."""
    from pyarrow import types as t

    if t.is_string(kind) or t.is_large_string(kind) or t.is_floating(kind) or t.is_binary(kind):
        return None
    if t.is_boolean(kind):
        return int
    if t.is_integer(kind) or t.is_decimal(kind):
        return _number
    return _text


def _number(value: int | Decimal) -> Any:
    number = jsonable(value)
    if isinstance(number, int) and number not in _INTEGERS:
        return str(number)
    return number


def _text(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=jsonable)
    return value if isinstance(value, str | bytes) else str(jsonable(value))


def write_duckdb(path: Path, tables: Iterable[Rows], options: Options) -> dict[str, int]:
    """Write a DuckDB database with a table for each; return their numbers of rows.

    Tables and columns have their meanings as comments. A table `about` has the README.
    """
    import duckdb

    counts = {}
    settings: dict[str, Any] = {"autoinstall_known_extensions": False, "threads": 1}
    with closing(duckdb.connect(str(path), config=settings)) as connection:
        for rows in tables:
            counts[rows.name] = _write_duckdb_table(connection, rows)
        if options.about is not None:
            connection.execute("CREATE TABLE about (text VARCHAR)")
            connection.execute("INSERT INTO about VALUES (?)", [options.about()])
            connection.execute(f"COMMENT ON TABLE about IS {_string(_ABOUT)}")
    return counts


class Unreadable(Exception):
    """A database that cannot be read."""


def read_duckdb(path: Path) -> Iterator[tuple[str, list[str], Iterator[dict[str, Any]]]]:
    """Yield the name, columns and rows of each table of a DuckDB database. Views are not read.

    Raises Unreadable.
    """
    import duckdb

    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        "enable_external_access": False, "threads": 1,
    }
    try:
        with closing(duckdb.connect(str(path), read_only=True, config=settings)) as connection:
            query = "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
            for (table,) in connection.execute(query).fetchall():
                found = connection.cursor().sql(f"SELECT * FROM {_name(table)}")
                batches = found.to_arrow_reader(_BATCH)
                yield table, batches.schema.names, _dicts(batches)
    except duckdb.Error as error:
        raise Unreadable(str(error).splitlines()[0]) from None


def _dicts(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def _write_duckdb_table(connection: Any, rows: Rows) -> int:
    names = _distinct(rows.schema.names)
    table = _name(rows.name)
    connection.register("_batch", rows.schema.empty_table().rename_columns(names))
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM _batch")
    if rows.about:
        connection.execute(f"COMMENT ON TABLE {table} IS {_string(rows.about)}")
    for column, meaning in rows.meanings.items():
        connection.execute(f"COMMENT ON COLUMN {table}.{_name(column)} IS {_string(meaning)}")
    count = 0
    for batch in rows.batches:
        connection.register("_batch", batch.rename_columns(names))
        connection.execute(f"INSERT INTO {table} SELECT * FROM _batch")
        count += len(batch)
    connection.unregister("_batch")
    return count


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that differ by more than case, which these databases ignore."""
    taken = {name.casefold() for name in names}
    used: set[str] = set()
    distinct = []
    for name in names:
        new, number = name, 0
        while new.casefold() in used or (number and new.casefold() in taken):
            number += 1
            new = f"{name}_{number}"
        used.add(new.casefold())
        distinct.append(new)
    return distinct


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

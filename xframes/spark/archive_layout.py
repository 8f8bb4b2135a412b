"""What readers on Spark need to know of an archive: its files, which of their rows hold, types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from xframes.archive.storage.bucket import Bucket, Object, Place
from xframes.archive.storage.folder import Folder
from xframes.archive.storage.parts import stored_schema
from xframes.errors import ArgumentError
from xframes.schema import TABLES, Table, Type

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from xframes.archive.storage.records.settled import Settled
    from xframes.sql.newest import Run

FILE = "_file"  # columns of a scan: the name of the file of a row,
POSITION = "_position"  # and the number of the row in it, from 0
_WORD = 64  # bits
_PATTERN = re.compile(r"([][{}*?\\])")  # what has a meaning in Hadoop's patterns of paths
SPARK_TYPES = {
    Type.STR: "STRING",
    Type.INT: "BIGINT",
    Type.FLOAT: "DOUBLE",
    Type.BOOL: "BOOLEAN",
    Type.TIME: "TIMESTAMP",
    Type.DATE: "DATE",
    Type.STRS: "ARRAY<STRING>",
    Type.JSON: "STRING",
}
# Spark has no unsigned numbers: it reads them as decimals.
_KNOWN_AT = "MAP<STRING, STRUCT<observed_at: TIMESTAMP, tie: DECIMAL(20, 0)>>"
_TIME = pa.timestamp("us", tz="UTC")  # Spark's only unit
_TIE = pa.decimal128(20, 0)


def opened(address: str | os.PathLike[str], *, only_read: bool = False) -> Folder:
    """Open an archive by its path or URL.

    Raises ArchiveError if there is none, or if a newer version of xframes wrote it.
    """
    folder = Folder(address, only_read=only_read)
    folder.require()
    return folder


def place_of(storage: Bucket | None, path: str) -> Place:
    """Return a file of an archive by its path, or by its URL in the archive's bucket."""
    if storage is None:
        return Path(path)
    return Object(storage.url, path.removeprefix(storage.url).lstrip("/"), storage)


def bucket_of(address: str) -> Bucket | None:
    """Return the bucket of an archive; None for one on a disk."""
    if "://" in address:
        return Bucket(address)
    return None


def hadoop_path(path: str) -> str:
    """Return the path or URL of a file as Hadoop knows it, where every character is literal.

    Spark has an option to read no patterns, but with it reads each of several files many times.
    """
    path = _PATTERN.sub(r"\\\1", path)
    scheme, separator, rest = path.partition("://")
    if not separator:
        return f"file://{Path(path).absolute()}"
    if scheme == "s3":
        return f"s3a://{rest}"
    return path


def columns(table: Table, *, hidden: bool = False, placed: bool = False) -> str:
    """Return a table's columns with Spark's types, as a schema.

    With `hidden`, with the column `known_at` if rows are merged; with `placed`, with the file and
    the position of each row.
    """
    fields = [f"`{c.name}` {SPARK_TYPES[c.type]}" for c in table.columns]
    if table.name == "posts" and not hidden:
        fields.append("`plain_text` STRING")
    if hidden and table.merges:
        fields.append(f"`known_at` {_KNOWN_AT}")
    if placed:
        fields += [f"`{FILE}` STRING", f"`{POSITION}` BIGINT"]
    return ", ".join(fields)


def spark_type(type_: pa.DataType) -> str:
    """Return the type of Spark that a column of ours with an Arrow type has."""
    return next(SPARK_TYPES[each] for each in Type if each.arrow == type_)


def dead_words(record: Settled, table: str, runs: Sequence[Run]) -> list[tuple[str, list[int]]]:
    """Return the rows of files that do not hold: the name of each file, and its bits.

    Row n of a file has bit n % 64, counted from the lowest, of number n // 64. A file whose bits
    are too few has none, as in DuckDB.
    """
    rows = {record.files[table][run.number]: run.rows for run in runs}
    words = []
    for name, packed in record.bits(table).items():
        bits = np.unpackbits(packed)
        if name not in rows or len(bits) < rows[name]:
            continue
        bits = np.concatenate([bits, np.zeros(-len(bits) % _WORD, np.uint8)])
        numbers = np.packbits(bits, bitorder="little").view("<i8")
        words.append((name, [int(number) for number in numbers]))
    return words


def as_stored(rows: pa.Table | pa.RecordBatch, table: Table) -> pa.RecordBatch:
    """Return rows of a file with Spark's types, and nulls in columns that the file lacks."""
    return as_spark(rows, stored_schema(table.name))


def as_shown(rows: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    """Return rows of a view with Spark's types."""
    schema = table.schema
    if table.name == "posts":
        schema = schema.append(pa.field("plain_text", pa.string()))
    return as_spark(rows, schema)


def as_spark(rows: pa.Table | pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return these columns of rows with Spark's types, and nulls in columns that they lack."""
    arrays = []
    for field in schema:
        if field.name in rows.schema.names:
            array = rows.column(field.name)
            if isinstance(array, pa.ChunkedArray):
                array = array.combine_chunks()
        else:
            array = pa.nulls(rows.num_rows, field.type)
        arrays.append(_spark_array(array, field))
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


def _spark_array(array: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_map(field.type):
        return _known_at(array)
    if pa.types.is_timestamp(field.type):
        return array.cast(_TIME)
    return array.cast(field.type)


def _known_at(array: Any) -> pa.Array:
    """Return `known_at` with Spark's types."""
    if not len(array) or array.null_count == len(array):
        empty = pa.struct([("observed_at", _TIME), ("tie", _TIE)])
        return pa.nulls(len(array), pa.map_(pa.string(), empty))
    times, ties = array.items.field(0).cast(_TIME), array.items.field(1).cast(_TIE)
    items = pa.StructArray.from_arrays([times, ties], ["observed_at", "tie"])
    # the offsets of a null row are read as null
    return pa.MapArray.from_arrays(
        pa.array(_offsets(array), pa.int32()), array.keys, items
    )


def _offsets(array: Any) -> list[int | None]:
    offsets: list[int | None] = array.offsets.to_pylist()
    for row, is_valid in enumerate(array.is_valid().to_pylist()):
        if not is_valid:
            offsets[row] = None
    return offsets


def checked_table(name: str) -> Table:
    """Return a table by its name. Raises ArgumentError for an unknown one."""
    if name not in TABLES:
        raise ArgumentError(f"table: expected one of {', '.join(TABLES)}, got {name!r:.80}")
    return TABLES[name]

"""The rows of an archive's pages until a moment, flattened by the workers of Spark."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.storage.parts import ALL, gathered, size
from xframes.archive.storage.readers import Readers
from xframes.archive.takedown import removal
from xframes.errors import ArchiveError
from xframes.flattening import Flattener
from xframes.schema import STORED, TABLES
from xframes.spark import archive_layout as layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from xframes.archive.storage.folder import Folder
    from xframes.wire import Page

_PACKED = "name STRING, rows BINARY"


def scan_of(table: str) -> str:
    """Return the name of the rows of a table."""
    return f"_xframes_past_{table}"


def flattened(spark: Any, folder: Folder, until: datetime) -> Any:
    """Return the rows of all tables, packed; it is kept in memory or on disk until `unpersist`.

    Workers flatten each file of pages once, on first use.

    Raises ArchiveError if the archive has no page that old.
    """
    from pyspark import StorageLevel

    files = [folder.inside(path) for path in folder.page_parts()]
    flatten = partial(flatten_files, folder.address, files, until)
    packed = spark.range(0, len(files), 1, max(1, len(files))).mapInArrow(flatten, _PACKED)
    packed = packed.persist(StorageLevel.MEMORY_AND_DISK)
    if packed.where("name = 'requests'").isEmpty():
        packed.unpersist()
        raise ArchiveError(
            f"as_of: {folder.path} has no page received until {until:%Y-%m-%d %H:%M:%S %Z}"
        )
    return packed


def scans(packed: Any) -> dict[str, Any]:
    """Return the rows of every table, by the name of its scan."""
    frames = {}
    for name, table in STORED.items():
        rows = packed.where(f"name = '{name}'").select("rows")
        schema = layout.columns(table, hidden=True)
        frames[scan_of(name)] = rows.mapInArrow(partial(unpack, name), schema)
    return frames


def flatten_files(
    address: str, files: list[str], until: datetime, numbers: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Flatten the pages of the files with these numbers, in a worker of Spark.

    Yields a row for each table of each batch of pages: its name, and its rows in Arrow's format.
    """
    folder = layout.opened(address, only_read=True)
    with Readers(folder).reading():
        read = removal.hiding(folder)
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                pages = read(folder.path / files[number], ALL)
                yield from _flattened(page for page in pages if page.received_at <= until)


def _flattened(pages: Iterator[Page]) -> Iterator[pa.RecordBatch]:
    flattener = Flattener()
    for batch in gathered(pages, size):
        yield _pack(flattener.batch(batch))
    yield _pack({"problems": flattener.unknown_fields()})


def _pack(tables: Mapping[str, pa.Table]) -> pa.RecordBatch:
    names, rows = [], []
    for name, table in tables.items():
        if table.num_rows:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            names.append(name)
            rows.append(sink.getvalue().to_pybytes())
    return pa.RecordBatch.from_arrays(
        [pa.array(names, pa.string()), pa.array(rows, pa.binary())], names=["name", "rows"]
    )


def unpack(name: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return the rows of one table with Spark's types, in a worker of Spark."""
    for batch in batches:
        for packed in batch.column(0):
            with pa.ipc.open_stream(packed.as_buffer()) as reader:
                for rows in reader:
                    yield layout.as_stored(rows, TABLES[name])

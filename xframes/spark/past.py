"""The rows of an archive's pages until a moment, flattened by the workers of Spark."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.query.views import Views
from xframes.archive.storage.parts import ALL, all_pages, gathered, size
from xframes.archive.storage.paths import size_of
from xframes.archive.storage.readers import Readers
from xframes.archive.takedown import removal
from xframes.archive.upkeep.history import copy_until
from xframes.errors import ArchiveError
from xframes.flattening import Flattener
from xframes.schema import STORED, TABLES
from xframes.spark import archive_layout as layout
from xframes.spark.present import Rows
from xframes.sql.newest import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from xframes.archive.storage.folder import Folder
    from xframes.schema import Table
    from xframes.spark.shared_frames import SharedFrames
    from xframes.wire import Page

_SMALL_BYTES = 64_000_000  # of files of pages
_BATCH_ROWS = 8_192
_PACKED = "name STRING, rows BINARY"


@contextlib.contextmanager
def views_until(folder: Folder, until: datetime) -> Iterator[Views]:
    """Open the views of a temporary archive of the pages received until a moment.

    Raises ArchiveError if there is no page that old.
    """
    pages = all_pages(folder, read=removal.hiding(folder))
    with (
        copy_until(folder, pages, until) as home,
        contextlib.closing(Views(layout.opened(home))) as views,
    ):
        yield views


def is_small(folder: Folder) -> bool:
    """Whether one worker can show the archive as it was."""
    return sum(map(size_of, folder.page_parts())) <= _SMALL_BYTES


def small_frames(
    spark: Any, folder: Folder, until: datetime, shared: SharedFrames
) -> dict[str, Any]:
    """Return every table, as one worker shows it, by name.

    Raises ArchiveError if the archive has no page that old.
    """
    show = partial(_shown, folder.address, until)
    packed = shared.keep(_kept(spark.range(0, 1, 1, 1).mapInArrow(show, _PACKED), folder, until))
    frames = {}
    for name, table in TABLES.items():
        rows = packed.where(f"name = '{name}'").select("rows")
        schema = layout.columns(table)
        frames[name] = rows.mapInArrow(partial(unpack, name, layout.as_shown), schema)
    return frames


def _shown(
    address: str, until: datetime, numbers: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Read all tables in a worker of Spark; nothing if there is no page that old."""
    folder = layout.opened(address, only_read=True)
    with Readers(folder).reading(), contextlib.ExitStack() as stack:
        for _ in numbers:
            try:
                shown = stack.enter_context(views_until(folder, until))
            except ArchiveError:
                return
            for name in TABLES:
                query = f'SELECT * FROM "{name}"'
                for rows in shown.relation(query).to_arrow_reader(_BATCH_ROWS):
                    yield _pack({name: pa.Table.from_batches([rows])})


class PastRows:
    """The rows of all tables, flattened from the pages until a moment, in memory or on disk."""

    has_edits = True
    are_unmarked = False

    def __init__(
        self, spark: Any, folder: Folder, until: datetime, shared: SharedFrames
    ) -> None:
        self._spark = spark
        packed = shared.keep(flattened(spark, folder, until))
        for name, frame in scans(packed).items():
            frame.createOrReplaceTempView(name)

    def of(self, table: Table) -> Rows:
        """Return the rows of a table."""
        own = Sources(fresh=scan_of(table.name), is_plain=True)
        parent = None
        if table.parent:
            parent = Sources(fresh=scan_of(table.parent), is_plain=True)
        return Rows(own, parent)

    def edits(self) -> str:
        """Return the name of all rows of `post_edits`."""
        return scan_of("post_edits")

    def forget(self) -> None:
        """Drop the names of scans."""
        for name in STORED:
            self._spark.catalog.dropTempView(scan_of(name))


def scan_of(table: str) -> str:
    """Return the name of the rows of a table."""
    return f"_xframes_past_{table}"


def flattened(spark: Any, folder: Folder, until: datetime) -> Any:
    """Return the rows of all tables, packed; it is kept in memory or on disk until `unpersist`.

    Workers flatten each file of pages once, on first use.

    Raises ArchiveError if the archive has no page that old.
    """
    files = [folder.inside(path) for path in folder.page_parts()]
    flatten = partial(flatten_files, folder.address, files, until)
    packed = spark.range(0, len(files), 1, max(1, len(files))).mapInArrow(flatten, _PACKED)
    return _kept(packed, folder, until)


def _kept(packed: Any, folder: Folder, until: datetime) -> Any:
    """Keep packed rows, unless there are none."""
    from pyspark import StorageLevel

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
        frames[scan_of(name)] = rows.mapInArrow(partial(unpack, name, layout.as_stored), schema)
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


def unpack(
    name: str, typed: Callable[[pa.RecordBatch, Table], pa.RecordBatch],
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Return the rows of one table with Spark's types, in a worker of Spark."""
    for batch in batches:
        for packed in batch.column(0):
            with pa.ipc.open_stream(packed.as_buffer()) as reader:
                for rows in reader:
                    yield typed(rows, TABLES[name])

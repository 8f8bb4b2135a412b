"""Compaction: turn the parts of a table into unique, sorted files within bounded memory.

A table is read one range of keys after the other, and only the rows of one range are sorted and
merged at a time. After a crash some rows may exist twice; the views resolve that.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.query.views import connect, sources, stones_of
from xframes.archive.storage.bookkeeping import base_name, part_name
from xframes.archive.storage.folder import Files, marker
from xframes.archive.storage.parts import COMPACTED, PARQUET, ROW_GROUP_ROWS, stored_schema
from xframes.archive.upkeep.deciding import key_ranges
from xframes.archive.upkeep.deciding.contest import Contest, Facts, read_parents
from xframes.schema import STORED, TABLES, Table
from xframes.sql import newest
from xframes.sql.newest import Sources, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

MEMORY = 512_000_000  # bytes DuckDB may use; the rest goes to a temporary folder in the archive
MOST_PARTS = 50  # parts of one table; with more, the table is compacted automatically
FILE_ROWS = 4_000_000
_GROUP_BYTES = 24_000_000  # Arrow data in one row group of a compacted file
BATCH_ROWS = 10_240
VALUE_BYTES = 16  # of any value in DuckDB; the content of long texts comes on top
SPREAD = 5  # times the size of a range: as read, sorted, as Arrow, and what reading takes
NEEDED = ("known_at", "complete", "observed_at", "page_id")  # columns that the rules read


def families() -> list[list[str]]:
    """Tables that are compacted together: detail tables first, then their parent."""
    details: dict[str, list[str]] = {}
    for table in STORED.values():
        details.setdefault(table.parent or table.name, []).append(table.name)
    return [[*(n for n in names if n != parent), parent] for parent, names in details.items()]


class Worker:
    """A DuckDB that compacts, in bounded memory; it is opened when it is first needed.

    What exceeds the memory goes to a temporary folder in the archive.
    """

    def __init__(self, folder: Folder, memory: int = MEMORY) -> None:
        self._folder = folder
        self.memory = memory
        self._stack = contextlib.ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection."""
        if self._connection is None:
            scratch = self._stack.enter_context(self._folder.scratch("compact"))
            self._connection = connect(
                self._folder,
                memory_limit=f"{self.memory}B",
                temp_directory=str(scratch),
                preserve_insertion_order=False,
                threads=1,
            )
            self._stack.callback(self._connection.close)
        return self._connection

    def forget(self) -> None:
        """Drop all temporary tables, so that their memory is free for the next family."""
        if self._connection is not None:
            query = "SELECT table_name FROM duckdb_tables() WHERE temporary"
            for (name,) in self._connection.execute(query).fetchall():
                self._connection.execute(f'DROP TABLE "{name}"')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection = None
        self._stack.close()


def compact_family(
    folder: Folder, names: Sequence[str], worker: Worker, *, only_parts: bool = False
) -> int:
    """Compact a family of tables and return how many files were replaced.

    The files of all tables are listed once, at the start, so that detail tables are compacted with
    at least the parent rows that the parent's own compaction uses. With `only_parts`, compacted
    files stay and the parts of each table become one part.
    """
    files = {name: folder.files(name) for name in names}
    generation = folder.new_id()
    replaced = 0
    for name in names:
        if only_parts and len(files[name].parts) < 2:
            continue
        parent = None
        if name != names[-1]:
            parent = files[names[-1]]
        job = _Job(folder, TABLES[name], files[name], parent, worker, only_parts)
        replaced += job.run(generation)
    worker.forget()
    return replaced


def unique_rows(
    folder: Folder, table: Table, files: Files, parent: Files | None, worker: Worker
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a table in these files, unique and sorted; `parent` are its parent's."""
    yield from _Job(folder, table, files, parent, worker, only_parts=False).rows(worker.connection)


def worth_compacting(files: Iterable[Files]) -> bool:
    """Whether any table has parts or more than one generation of compacted files."""
    return any(f.parts or len(f.bases) > 1 for f in files)


@dataclass(slots=True)
class _Job:
    """The compaction of one table."""

    folder: Folder
    table: Table
    files: Files
    parent: Files | None
    worker: Worker
    only_parts: bool

    def run(self, generation: str) -> int:
        """Write the new files, then mark the old ones as replaced."""
        old = self.files.all
        if self.only_parts:
            old = self.files.parts
        if not old:
            return 0
        temps = write_sorted(self.folder, self.table, self.rows(self.worker.connection))
        home = self.folder.tables / self.table.name
        moves: dict[Path, Place]
        if self.only_parts:
            moves = {temp: home / part_name(temp) for temp in temps}
        else:
            moves = {
                temp: home / base_name(temp, generation, i) for i, temp in enumerate(temps)
            }
        self.folder.place(moves)
        self.folder.place({marker(self.folder, old): home / f"replaced-{generation}.json"})
        self.folder.note_made_of(old, moves.values())
        return len(old)

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """Read the rows of the compacted table, one range of keys after the other.

        Columns without any value are not read. Each range is sorted.
        """
        table, facts = self.table, Facts.of(self.files.all)
        own, parent = self._sources()
        needed = {*NEEDED, *table.key, table.time}
        columns = [
            name
            for name in stored_schema(table.name).names
            if name in needed or name in facts.names - facts.never
        ]
        memory = self.worker.memory
        contest = Contest(connection, table, columns, facts, memory)
        row_bytes = VALUE_BYTES * len(columns) + 2 * facts.row_bytes
        count = 1 + int(facts.rows * row_bytes * SPREAD / memory)
        for keys in key_ranges.cut(connection, table, str(own.all), count):
            test = keys.holds(key_ranges.range_key(table))
            rows = f"SELECT {quoted(columns)} FROM {own.all} WHERE {test}"
            connection.execute(f"CREATE OR REPLACE TEMP TABLE seen AS {rows}")
            if table.parent:
                read_parents(connection, table, self._above(parent, keys))
            query = f"{contest.decide()} ORDER BY {key_ranges.order(table)}"
            yield from connection.sql(query).to_arrow_reader(BATCH_ROWS)

    def _sources(self) -> tuple[Sources, Sources | None]:
        if self.only_parts:
            paths = [str(p) for p in self.files.parts]
            return Sources(None, newest.scan(self.table, paths)), None
        stones = stones_of(self.folder)
        return sources(self.table, self.files, self.parent, stones=stones)

    def _above(self, parent: Sources | None, keys: key_ranges.Range) -> str:
        """SQL of a FROM clause of the observations of the parents in a range."""
        above = TABLES[str(self.table.parent)]
        rows = (parent and parent.all) or f"({newest.empty(above)})"
        return f"{rows} WHERE {keys.holds(above.key[:1])}"


def write_sorted(
    folder: Folder, table: Table, batches: Iterable[pa.RecordBatch], mark: bytes = b"1"
) -> list[Path]:
    """Write sorted rows to temporary files with this mark, with row groups of bounded size."""
    schema = stored_schema(table.name)
    file_schema = schema.with_metadata({COMPACTED: mark})
    temps: list[Path] = []
    with contextlib.ExitStack() as stack:
        writer: Any = None
        written = 0
        for group in _row_groups(batches, schema):
            if writer is None or written >= FILE_ROWS:
                stack.close()
                temps.append(folder.new_temp())
                file = pq.ParquetWriter(temps[-1], file_schema, **PARQUET)
                writer = stack.enter_context(file)
                written = 0
            writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            written += group.num_rows
    return temps


def _with_nulls(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Add the columns that were not read."""
    columns = []
    for field in schema:
        if field.name in batch.schema.names:
            columns.append(batch.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(batch.num_rows, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Combine batches into tables of the size of a row group."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        group.append(_with_nulls(batch, schema))
        rows += batch.num_rows
        size += group[-1].nbytes
        if rows + BATCH_ROWS > ROW_GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(group, schema)
            group, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(group, schema)

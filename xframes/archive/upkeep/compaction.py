"""Compaction: parts become unique, sorted files; memory stays bounded however large the archive is.

A table is read one range of keys after the other, and only what a range holds is ever sorted or merged. A crash at any
point leaves rows twice, which the views resolve.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.query import newest
from xframes.archive.query.newest import Sources, quoted
from xframes.archive.query.views import connect, sources, stones_of
from xframes.archive.storage.bookkeeping import base_name, part_name
from xframes.archive.storage.folder import Files, marker
from xframes.archive.storage.parts import COMPACTED, PARQUET, ROW_GROUP_ROWS, stored_schema
from xframes.archive.upkeep import key_ranges
from xframes.archive.upkeep.contest import Contest, Facts
from xframes.schema import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

MEMORY = 512_000_000  # what DuckDB may use; more goes to a temporary folder inside the archive
MOST_PARTS = 50  # parts of one table before they are put together without being asked
FILE_ROWS = 4_000_000
_GROUP_BYTES = 24_000_000  # Arrow data in one row group of a compacted file, however wide its rows
_BATCH_ROWS = 10_240
_VALUE_BYTES = 16  # in DuckDB, of any value; longer texts are counted besides
_SPREAD = 5  # copies of a range that memory must hold: as read, sorted, as Arrow, and what reading takes
_NEEDED = ("known_at", "complete", "observed_at", "page_id")  # columns the rules look at, whether all null or not


def families() -> list[list[str]]:
    """Tables that are compacted together: details before the entity they hang on."""
    details: dict[str, list[str]] = {}
    for table in TABLES.values():
        details.setdefault(table.parent or table.name, []).append(table.name)
    return [[*(n for n in names if n != parent), parent] for parent, names in details.items()]


def compact_family(folder: Folder, names: Sequence[str], *, memory: int = MEMORY, only_parts: bool = False) -> int:
    """Compact a family of tables; gives how many files went.

    All are read as they stand at the start: details must not know less of their parent than its own compacted files.
    With `only_parts` the compacted files are left alone and each table's parts become one.
    """
    files = {name: folder.files(name) for name in names}
    generation = folder.new_id()
    gone = 0
    for name in names:
        if only_parts and len(files[name].parts) < 2:
            continue
        parent = files[names[-1]] if name != names[-1] else None
        gone += _Job(folder, TABLES[name], files[name], parent, memory, only_parts).run(generation)
    return gone


def worth_compacting(files: Iterable[Files]) -> bool:
    """Whether there is anything to gain: parts, or several generations."""
    return any(f.parts or len(f.bases) > 1 for f in files)


@dataclass(slots=True)
class _Job:
    """The compaction of one table."""

    folder: Folder
    table: Table
    files: Files
    parent: Files | None
    memory: int
    only_parts: bool

    def run(self, generation: str) -> int:
        old = self.files.parts if self.only_parts else self.files.all
        if not old:
            return 0
        with self.folder.scratch("compact") as scratch, contextlib.closing(self._connect(scratch)) as connection:
            temps = self._write(self._rows(connection))
        home = self.folder.tables / self.table.name
        moves: dict[Path, Place]
        if self.only_parts:
            moves = {temp: home / part_name(temp) for temp in temps}
        else:
            moves = {temp: home / base_name(temp, generation, i) for i, temp in enumerate(temps)}
        self.folder.place(moves)
        self.folder.place({marker(self.folder, old): home / f"replaced-{generation}.json"})
        self.folder.note_made_of(old, moves.values())
        return len(old)

    def _connect(self, scratch: Path) -> duckdb.DuckDBPyConnection:
        return connect(
            self.folder, memory_limit=f"{self.memory}B", temp_directory=str(scratch), preserve_insertion_order=False,
            threads=1,
        )

    def _rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """The table's rows as they should be, one range of keys after the other; columns of nulls alone are left out."""
        table, facts = self.table, Facts.of(self.files.all)
        own, parent = self._sources()
        stored = stored_schema(table.name).names
        needed = {*_NEEDED, *table.key, table.time}
        columns = [n for n in stored if n in needed or n in facts.names - facts.never]
        contest = Contest(connection, table, columns, facts, self.memory)
        row_bytes = _VALUE_BYTES * len(columns) + 2 * facts.row_bytes
        count = 1 + int(facts.rows * row_bytes * _SPREAD / self.memory)
        for keys in key_ranges.cut(connection, table, str(own.all), count):
            rows = f"SELECT {quoted(columns)} FROM {own.all} WHERE {keys.holds(key_ranges.range_key(table))}"
            connection.execute(f"CREATE OR REPLACE TEMP TABLE seen AS {rows}")
            if table.parent:
                connection.execute(f"CREATE OR REPLACE TEMP TABLE above AS {self._above(parent, keys)}")
            chosen = f"{contest.decide()} ORDER BY {key_ranges.order(table)}"
            yield from connection.sql(chosen).to_arrow_reader(_BATCH_ROWS)

    def _sources(self) -> tuple[Sources, Sources | None]:
        if self.only_parts:
            return Sources(None, newest.scan(self.table, [str(p) for p in self.files.parts])), None
        return sources(self.table, self.files, self.parent, stones=stones_of(self.folder))

    def _above(self, parent: Sources | None, keys: key_ranges.Range) -> str:
        """A SELECT of what the observations of the parents of a range say of themselves."""
        above = TABLES[str(self.table.parent)]
        rows = (parent and parent.all) or f"({newest.empty(above)})"
        key = above.key[:1]
        return (f"SELECT {quoted(key)} AS parent, observed_at, page_id, complete, known_at "
                f"FROM {rows} WHERE {keys.holds(key)}")

    def _write(self, batches: Iterable[pa.RecordBatch]) -> list[Path]:
        """Write sorted rows to temporary files with row groups of bounded size."""
        schema = stored_schema(self.table.name)
        temps: list[Path] = []
        with contextlib.ExitStack() as stack:
            writer: Any = None
            written = 0
            for group in _row_groups(batches, schema):
                if writer is None or written >= FILE_ROWS:
                    stack.close()
                    temps.append(self.folder.new_temp())
                    told = schema.with_metadata({COMPACTED: b"1"})
                    writer = stack.enter_context(pq.ParquetWriter(temps[-1], told, **PARQUET))
                    written = 0
                writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                written += group.num_rows
        return temps


def _whole(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows with the columns that were left out, as nulls."""
    columns = [batch.column(f.name).cast(f.type) if f.name in batch.schema.names else pa.nulls(batch.num_rows, f.type)
               for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(_whole(batch, schema))
        rows += batch.num_rows
        size += held[-1].nbytes
        if rows + _BATCH_ROWS > ROW_GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(held, schema)

"""Compaction: parts become unique, sorted files; memory stays bounded however large the archive is.

Most keys need no merging: one of their rows says everything. Those rows are picked by number; only the others are
aggregated, a share of the keys at a time. A crash at any point leaves rows twice, which the views resolve.
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
from xframes.archive.storage.parts import COMPACTED, PARQUET, ROW_GROUP_ROWS, merges, stored_schema
from xframes.archive.storage.paths import opened
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
        """The table's rows as they should be, sorted."""
        own, parent = self._sources()
        if own.base:
            key = quoted(newest.key_of(self.table))
            connection.execute(f"CREATE TEMP TABLE touched AS {newest.touched(self.table, own, parent)}")
            connection.execute(f"CREATE TEMP VIEW looked_at AS {newest.touched_rows(self.table, own)}")
        else:
            key = ""
            connection.execute(f"CREATE TEMP VIEW looked_at AS SELECT * FROM {own.fresh}")
        connection.execute(f"CREATE TEMP TABLE heads AS {self._heads(own, parent)}")
        columns = quoted(stored_schema(self.table.name).names)
        chosen = [f"SELECT {columns} FROM looked_at SEMI JOIN (SELECT rid FROM heads WHERE simple) AS h USING (rid)"]
        if key:
            same = newest.same(self.table, "base")
            chosen.append(f"SELECT {quoted(stored_schema(self.table.name).names, 'base.')} FROM {own.base} AS base "
                          f"ANTI JOIN touched ON {same}")
        if merges(self.table.name) and self._merge_others(connection):
            chosen.append(f"SELECT {columns} FROM others")
        order = quoted(dict.fromkeys((*filter(None, [self.table.time]), *self.table.key)))
        yield from connection.sql(f"{' UNION ALL '.join(chosen)} ORDER BY {order}").to_arrow_reader(_BATCH_ROWS)

    def _sources(self) -> tuple[Sources, Sources | None]:
        if self.only_parts:
            return Sources(None, newest.scan(self.table, [str(p) for p in self.files.parts], numbered=1)), None
        return sources(self.table, self.files, self.parent, numbered=True, stones=stones_of(self.folder))

    def _heads(self, own: Sources, parent: Sources | None) -> str:
        """A SELECT of the number of each key's newest row, and whether that row says everything known."""
        table = self.table
        seen = f"SELECT *, {newest.place(table)} AS place FROM looked_at"
        key = quoted(table.key)
        if table.kind == "detail":
            heads = newest.kept_parents(table, parent, touched=bool(own.base))
            return (f"WITH seen AS NOT MATERIALIZED ({seen}), {heads} "
                    f"SELECT arg_max(rid, seen.place) AS rid, true AS simple FROM seen SEMI JOIN kept "
                    f'ON seen."{table.parent_key}" = kept.parent AND seen.place = kept.place GROUP BY {key}')
        if not merges(table.name):
            return f"SELECT arg_max(rid, place) AS rid, true AS simple FROM ({seen}) GROUP BY {key}"
        return f"SELECT {key}, arg_max(rid, place) AS rid, {self._says_all()} AS simple FROM ({seen}) GROUP BY {key}"

    def _says_all(self) -> str:
        """Whether the newest row of a key knows what any of its rows knows: each column is a bit of a number."""
        facts = Facts.of(self.files.all)
        entity = self.table.kind == "entity"
        complete = "coalesce(complete, false)" if entity and not facts.all_complete else "true" if entity else "false"
        bits = []
        owners = 0
        for i, c in enumerate(self.table.columns):
            if c.name in facts.always or c.name in facts.never or (facts.all_complete and not c.owner):
                continue
            bits.append(f'CASE WHEN "{c.name}" IS NULL THEN 0::HUGEINT ELSE {1 << i}::HUGEINT END')
            owners |= (1 << i) if c.owner else 0
        known = " + ".join(bits) or "0::HUGEINT"
        newest = f"arg_max({complete}, place)"
        matters = f"CASE WHEN {newest} THEN {owners}::HUGEINT ELSE (-1)::HUGEINT END"
        lost = f"bit_or({known}) & ~arg_max({known}, place) & {matters}"
        return (f"count(*) = 1 OR (bool_and(known_at IS NULL) AND ({lost}) = 0 "
                f"AND ({newest} OR NOT bool_or({complete})))")

    def _merge_others(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Merge the keys that need it into the table `others`, a share at a time; False when there are none."""
        table = self.table
        key = quoted(table.key)
        connection.execute(f"CREATE TEMP TABLE many AS SELECT {key} FROM heads WHERE NOT simple")
        same = newest.same(table, "looked_at", "many")
        (count,) = connection.execute(f"SELECT count(*) FROM looked_at SEMI JOIN many ON {same}").fetchall()[0]
        if not count:
            return False
        facts = Facts.of(self.files.all)
        shares = max(1, round(count * facts.row_bytes * 8 / self.memory))
        connection.execute(f"CREATE TEMP TABLE crowd AS SELECT looked_at.*, hash({key}) % {shares} AS share "
                           f"FROM looked_at SEMI JOIN many ON {same}")
        for share in range(shares):
            rows = f"SELECT * FROM crowd WHERE share = {share}"
            merged = newest.merged(table, rows, hidden=True, constant=facts.never)
            connection.execute(f"{'INSERT INTO others' if share else 'CREATE TEMP TABLE others AS'} {merged}")
        connection.execute("DROP TABLE crowd")
        return True

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


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch.cast(schema))
        rows += batch.num_rows
        size += held[-1].nbytes
        if rows + _BATCH_ROWS > ROW_GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(held, schema)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the statistics of Parquet files tell: columns that are never null, plain ones that always are, and sizes."""

    always: frozenset[str]
    never: frozenset[str]
    all_complete: bool
    row_bytes: float

    @classmethod
    def of(cls, paths: Iterable[Place]) -> Facts:
        """Read the footers of these files."""
        nulls: dict[str, int | None] = {}  # None: not known
        rows = size = 0
        complete = True
        for path in paths:
            metadata = pq.read_metadata(opened(path))
            for group in map(metadata.row_group, range(metadata.num_row_groups)):
                missing = nulls.keys() - {group.column(i).path_in_schema for i in range(group.num_columns)}
                for i in range(group.num_columns):
                    column = group.column(i)
                    name, found = column.path_in_schema, column.statistics
                    before = nulls.get(name, rows)  # rows of files that lack the column read as null
                    known = before is not None and found is not None and found.has_null_count
                    nulls[name] = before + found.null_count if known else None
                    if name == "complete":
                        complete &= bool(found is not None and found.has_min_max and found.min)
                for name in missing:
                    nulls[name] = None if nulls[name] is None else nulls[name] + group.num_rows
                rows += group.num_rows
                size += group.total_byte_size
        return cls(
            frozenset(n for n, count in nulls.items() if count == 0),
            frozenset(n for n, count in nulls.items() if count == rows and "." not in n),
            complete and "complete" in nulls and nulls["complete"] == 0,
            size / max(1, rows),
        )

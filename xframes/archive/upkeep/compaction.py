"""Compaction: turn the parts of a table into unique, sorted files within bounded memory.

Most keys need no merging, because one of their rows has every known value. Those rows are selected
by row number. Only the rows of the other keys are aggregated, a share of the keys at a time. After
a crash some rows may exist twice; the views resolve that.
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

MEMORY = 512_000_000  # bytes DuckDB may use; the rest goes to a temporary folder in the archive
MOST_PARTS = 50  # parts of one table; with more, the table is compacted automatically
FILE_ROWS = 4_000_000
_GROUP_BYTES = 24_000_000  # Arrow data in one row group of a compacted file
_BATCH_ROWS = 10_240


def families() -> list[list[str]]:
    """Tables that are compacted together: detail tables first, then their parent."""
    details: dict[str, list[str]] = {}
    for table in TABLES.values():
        details.setdefault(table.parent or table.name, []).append(table.name)
    return [[*(n for n in names if n != parent), parent] for parent, names in details.items()]


def compact_family(
    folder: Folder, names: Sequence[str], *, memory: int = MEMORY, only_parts: bool = False
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
        job = _Job(folder, TABLES[name], files[name], parent, memory, only_parts)
        replaced += job.run(generation)
    return replaced


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
    memory: int
    only_parts: bool

    def run(self, generation: str) -> int:
        """Write the new files, then mark the old ones as replaced."""
        old = self.files.all
        if self.only_parts:
            old = self.files.parts
        if not old:
            return 0
        with (
            self.folder.scratch("compact") as scratch,
            contextlib.closing(self._connect(scratch)) as connection,
        ):
            temps = self._write(self._rows(connection))
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

    def _connect(self, scratch: Path) -> duckdb.DuckDBPyConnection:
        return connect(
            self.folder,
            memory_limit=f"{self.memory}B",
            temp_directory=str(scratch),
            preserve_insertion_order=False,
            threads=1,
        )

    def _rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """Read the rows of the compacted table, sorted."""
        own, parent = self._sources()
        if own.base:
            changed = newest.touched(self.table, own, parent)
            candidates = newest.touched_rows(self.table, own)
            connection.execute(f"CREATE TEMP TABLE touched AS {changed}")
            connection.execute(f"CREATE TEMP VIEW candidates AS {candidates}")
        else:
            connection.execute(f"CREATE TEMP VIEW candidates AS SELECT * FROM {own.fresh}")
        connection.execute(f"CREATE TEMP TABLE heads AS {self._heads(own, parent)}")
        names = stored_schema(self.table.name).names
        columns = quoted(names)
        simple = "(SELECT rid FROM heads WHERE simple)"
        selects = [f"SELECT {columns} FROM candidates SEMI JOIN {simple} AS h USING (rid)"]
        if own.base:
            selects.append(
                f"SELECT {quoted(names, 'base.')} FROM {own.base} AS base "
                f"ANTI JOIN touched ON {newest.same(self.table, 'base')}"
            )
        if merges(self.table.name) and self._merge_others(connection):
            selects.append(f"SELECT {columns} FROM others")
        order = quoted(dict.fromkeys((*filter(None, [self.table.time]), *self.table.key)))
        query = f"{' UNION ALL '.join(selects)} ORDER BY {order}"
        yield from connection.sql(query).to_arrow_reader(_BATCH_ROWS)

    def _sources(self) -> tuple[Sources, Sources | None]:
        if self.only_parts:
            paths = [str(p) for p in self.files.parts]
            return Sources(None, newest.scan(self.table, paths, numbered=1)), None
        stones = stones_of(self.folder)
        return sources(self.table, self.files, self.parent, numbered=True, stones=stones)

    def _heads(self, own: Sources, parent: Sources | None) -> str:
        """SQL of a SELECT with the newest row's number of each key.

        `simple` is true where that row has every known value of the key.
        """
        table = self.table
        rows = f"SELECT *, {newest.place(table)} AS place FROM candidates"
        key = quoted(table.key)
        if table.kind == "detail":
            heads = newest.kept_parents(table, parent, touched=bool(own.base))
            return (
                f"WITH seen AS NOT MATERIALIZED ({rows}), {heads} "
                "SELECT arg_max(rid, seen.place) AS rid, true AS simple FROM seen SEMI JOIN kept "
                f'ON seen."{table.parent_key}" = kept.parent AND seen.place = kept.place '
                f"GROUP BY {key}"
            )
        if not merges(table.name):
            return f"SELECT arg_max(rid, place) AS rid, true AS simple FROM ({rows}) GROUP BY {key}"
        return (
            f"SELECT {key}, arg_max(rid, place) AS rid, {self._newest_is_enough()} AS simple "
            f"FROM ({rows}) GROUP BY {key}"
        )

    def _newest_is_enough(self) -> str:
        """SQL of whether the newest row of a key has every value that its other rows have.

        The columns with a value are the bits of a number, one number for each row.
        """
        facts = Facts.of(self.files.all)
        complete = self._completeness(facts)
        bits = []
        owners = 0
        for i, c in enumerate(self.table.columns):
            constant = c.name in facts.always or c.name in facts.never
            if constant or (facts.all_complete and not c.owner):
                continue
            bits.append(f'CASE WHEN "{c.name}" IS NULL THEN 0::HUGEINT ELSE {1 << i}::HUGEINT END')
            if c.owner:
                owners |= 1 << i
        has_value = " + ".join(bits) or "0::HUGEINT"
        newest = f"arg_max({complete}, place)"
        matters = f"CASE WHEN {newest} THEN {owners}::HUGEINT ELSE (-1)::HUGEINT END"
        missing = f"bit_or({has_value}) & ~arg_max({has_value}, place) & {matters}"
        return (
            f"count(*) = 1 OR (bool_and(known_at IS NULL) AND ({missing}) = 0 "
            f"AND ({newest} OR NOT bool_or({complete})))"
        )

    def _completeness(self, facts: Facts) -> str:
        """SQL of whether a row is complete: its nulls count as values then."""
        if self.table.kind != "entity":
            return "false"
        if facts.all_complete:
            return "true"
        return "coalesce(complete, false)"

    def _merge_others(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Merge the rows of keys that are not simple into the table `others`.

        Works on a share of the keys at a time. Returns False if every key is simple.
        """
        table = self.table
        key = quoted(table.key)
        connection.execute(f"CREATE TEMP TABLE many AS SELECT {key} FROM heads WHERE NOT simple")
        rows = f"FROM candidates SEMI JOIN many ON {newest.same(table, 'candidates', 'many')}"
        (count,) = connection.execute(f"SELECT count(*) {rows}").fetchall()[0]
        if not count:
            return False
        facts = Facts.of(self.files.all)
        shares = max(1, round(count * facts.row_bytes * 8 / self.memory))
        connection.execute(
            "CREATE TEMP TABLE to_merge AS "
            f"SELECT candidates.*, hash({key}) % {shares} AS share {rows}"
        )
        target = "CREATE TEMP TABLE others AS"
        for share in range(shares):
            rows = f"SELECT * FROM to_merge WHERE share = {share}"
            merged = newest.merged(table, rows, hidden=True, constant=facts.never)
            connection.execute(f"{target} {merged}")
            target = "INSERT INTO others"
        connection.execute("DROP TABLE to_merge")
        return True

    def _write(self, batches: Iterable[pa.RecordBatch]) -> list[Path]:
        """Write sorted rows to temporary files, with row groups of bounded size."""
        schema = stored_schema(self.table.name)
        file_schema = schema.with_metadata({COMPACTED: b"1"})
        temps: list[Path] = []
        with contextlib.ExitStack() as stack:
            writer: Any = None
            written = 0
            for group in _row_groups(batches, schema):
                if writer is None or written >= FILE_ROWS:
                    stack.close()
                    temps.append(self.folder.new_temp())
                    file = pq.ParquetWriter(temps[-1], file_schema, **PARQUET)
                    writer = stack.enter_context(file)
                    written = 0
                writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                written += group.num_rows
        return temps


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Combine batches into tables of the size of a row group."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        group.append(batch.cast(schema))
        rows += batch.num_rows
        size += group[-1].nbytes
        if rows + _BATCH_ROWS > ROW_GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(group, schema)
            group, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(group, schema)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts from the statistics of Parquet files.

    `always` names the columns without nulls, `never` the plain columns with nothing but nulls.
    `all_complete`: every row is complete. `row_bytes`: mean size of a row.
    """

    always: frozenset[str]
    never: frozenset[str]
    all_complete: bool
    row_bytes: float

    @classmethod
    def of(cls, paths: Iterable[Place]) -> Facts:
        """Read the footers of these files."""
        nulls: dict[str, int | None] = {}  # by column; None: unknown
        rows = size = 0
        complete = True
        for path in paths:
            metadata = pq.read_metadata(opened(path))
            for group in map(metadata.row_group, range(metadata.num_row_groups)):
                columns = [group.column(i) for i in range(group.num_columns)]
                missing = nulls.keys() - {column.path_in_schema for column in columns}
                for column in columns:
                    name = column.path_in_schema
                    before = nulls.get(name, rows)  # a file without the column has nulls in it
                    nulls[name] = _total(before, _null_count(column))
                    if name == "complete":
                        complete &= _all_true(column)
                for name in missing:
                    nulls[name] = _total(nulls[name], group.num_rows)
                rows += group.num_rows
                size += group.total_byte_size
        return cls(
            frozenset(n for n, count in nulls.items() if count == 0),
            frozenset(n for n, count in nulls.items() if count == rows and "." not in n),
            complete and "complete" in nulls and nulls["complete"] == 0,
            size / max(1, rows),
        )


def _total(before: int | None, more: int | None) -> int | None:
    """The sum of two counts; None if one of them is unknown."""
    if before is None or more is None:
        return None
    return before + more


def _null_count(column: pq.ColumnChunkMetaData) -> int | None:
    """The number of nulls of a column in a row group; None if its statistics do not have it."""
    statistics = column.statistics
    if statistics is None or not statistics.has_null_count:
        return None
    return int(statistics.null_count)


def _all_true(column: pq.ColumnChunkMetaData) -> bool:
    """Whether the statistics of a boolean column say that every value is true."""
    statistics = column.statistics
    return bool(statistics is not None and statistics.has_min_max and statistics.min)

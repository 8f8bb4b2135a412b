"""Settling: compare new files with those below, so that queries need not merge anything.

The cost is that of the new rows: of the files below only row groups are read whose keys can occur
among the new ones, and of those only the columns that the rules need. Where the newest row of a key
lacks a known value, the merged row goes into a file of its own. Files never change; a record of
the family of tables says which of their rows hold. After a crash the old record is still right for
the files it lists, and queries merge the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import part_name, settled_name
from xframes.archive.storage.folder import head_of, marker
from xframes.archive.storage.parts import COMPACTED, PARQUET, stored_schema
from xframes.archive.storage.paths import opened
from xframes.archive.storage.records import settled
from xframes.archive.upkeep.compaction import NEEDED, SPREAD, VALUE_BYTES, Worker
from xframes.archive.upkeep.deciding import key_ranges
from xframes.archive.upkeep.deciding.contest import Contest, Facts
from xframes.archive.upkeep.deciding.contestants import Contestants, Parents
from xframes.archive.upkeep.deciding.key_rows import batches, row_groups
from xframes.schema import TABLES, Table, Type
from xframes.sql import newest
from xframes.sql.newest import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder
    from xframes.archive.upkeep.deciding.key_rows import RowGroup

WORTH_BYTES = 1_000_000  # of the files of a family; queries merge less than this in no time
WORTH_PARTS = 8  # of a table
MOST_ROWS = 1_000_000  # that are compared at a time
_ROW_BYTES = 128  # what a row takes meanwhile
_DEAD = pa.schema([("_file", pa.int64()), ("_position", pa.int64())])


@dataclass(slots=True)
class State:
    """What is settled of one table: its files, in the order of their numbers, and the dead rows.

    `dead` has a bit for each row of a file, eight in a number; files without dead rows are not in
    it.
    """

    files: list[str] = field(default_factory=list)
    dead: dict[str, np.ndarray] = field(default_factory=dict)
    parents: frozenset[str] = frozenset()

    def positions(self) -> pa.Table:
        """Return the `_file` and `_position` of every dead row."""
        tables = [_DEAD.empty_table()]
        for number, name in enumerate(self.files):
            if name in self.dead:
                positions = np.flatnonzero(np.unpackbits(self.dead[name]))
                columns = [np.full(len(positions), number), positions]
                tables.append(pa.table(columns, schema=_DEAD))
        return pa.concat_tables(tables)

    def add_dead(self, rows: pa.Table, places: Mapping[str, Place]) -> None:
        """Add dead rows; `places` are those of the files."""
        numbers, positions = rows["_file"].to_numpy(), rows["_position"].to_numpy()
        for number in np.unique(numbers):
            name = self.files[number]
            bits = np.zeros(pq.read_metadata(opened(places[name])).num_rows, np.uint8)
            bits[positions[numbers == number]] = 1
            self.add_bits(name, np.packbits(bits))

    def add_bits(self, name: str, bits: np.ndarray) -> None:
        """Add the dead rows of a file: a bit for each row, eight in a number."""
        if name in self.dead:
            bits = bits | self.dead[name]
        self.dead[name] = bits


def settle(folder: Folder, families: Iterable[Sequence[str]], worker: Worker) -> bool:
    """Settle families of tables, the parent last in each; False if there was nothing to do.

    Needs the lock `compact`.
    """
    is_done = False
    for names in families:
        settlings = begin(folder, names, worker.memory)
        if not any(each.has_news for each in settlings.values()):
            continue
        moves: dict[Path, Place] = {}
        for each in settlings.values():
            moves |= each.run(worker.connection)
        states = {name: each.state for name, each in settlings.items()}
        record(folder, names[-1], states, moves)
        worker.forget()
        is_done = True
    return is_done


def begin(folder: Folder, names: Sequence[str], memory: int) -> dict[str, Settling]:
    """Return the settling of each table of a family, the parent last."""
    files = {name: folder.files(name) for name in names}
    parent = files[names[-1]]
    parents = Parents(TABLES[names[-1]], parent.all)
    found = {}
    for name in names:
        state = state_of(TABLES[name], files[name], parent)
        found[name] = Settling(folder, TABLES[name], files[name], parent, state, memory, parents)
    return found


def record(
    folder: Folder, head: str, states: Mapping[str, State], moves: Mapping[Path, Place],
    replaced: Mapping[str, Sequence[Place]] | None = None,
) -> None:
    """Put new files in place together with the record of the family that knows them.

    `replaced` are the files of each table that new ones replace.
    """
    folder.upgrade()
    temp, place, old = write_record(folder, head, states)
    all_moves = {**moves, temp: place}
    gone = {name: list(places) for name, places in (replaced or {}).items()}
    gone.setdefault(head, []).extend(old)
    for name, places in gone.items():
        if places:
            marked = folder.tables / name / f"replaced-{folder.new_id()}.json"
            all_moves[marker(folder, places)] = marked
    with folder.lock("flush"):
        folder.commit(all_moves)


def write_record(
    folder: Folder, head: str, states: Mapping[str, State]
) -> tuple[Path, Place, list[Place]]:
    """Write a temporary record of a family; return it, its place, and the records it replaces."""
    temp = folder.new_temp()
    files = {name: state.files for name, state in states.items()}
    settled.write(temp, files, {name: state.dead for name, state in states.items()})
    home = folder.tables / head
    old = [home / name for name in settled.records(folder.storage.names(home))]
    return temp, home / settled_name(temp), old


def state_of(table: Table, own: Files, parent: Files) -> State:
    """Return what is known to hold: by a record, or of a single generation of compacted files."""
    if own.settled:
        names = own.settled.files
        parents = frozenset(names.get(head_of(table.name), ()))
        return State(list(names[table.name]), own.settled.bits(table.name), parents)
    same = not table.parent or not parent.bases or set(parent.bases) == set(own.bases)
    if own.generation is None or not same:
        return State()
    parents = frozenset(path.name for paths in parent.bases.values() for path in paths)
    return State([path.name for path in own.bases[own.generation]], parents=parents)


@dataclass(slots=True)
class Settling:
    """The settling of one table."""

    folder: Folder
    table: Table
    files: Files
    parent: Files
    state: State
    memory: int
    parents: Parents  # all details of a family share them

    @property
    def has_news(self) -> bool:
        """Whether there are files that were not compared yet."""
        return bool(self.new_files or (self.state.files and self.new_parents))

    @property
    def new_files(self) -> list[Place]:
        """The files that were not compared yet."""
        return self.files.besides(self.state.files)

    @property
    def new_parents(self) -> list[Place]:
        """The files of the parent that were not compared yet."""
        if not self.table.parent:
            return []
        return self.parent.besides(self.state.parents)

    def run(self, connection: duckdb.DuckDBPyConnection) -> dict[Path, Place]:
        """Compare the new rows with all others; return the file of merged rows, and its place."""
        if not self.has_news:
            return {}
        moves = self.compare(connection)
        self.add_files(place.name for place in moves.values())
        return moves

    def add_files(self, merged: Iterable[str]) -> None:
        """Add the new files to the settled ones, and those of merged rows."""
        self.state.files += [*(path.name for path in self.new_files), *merged]

    def compare(
        self, connection: duckdb.DuckDBPyConnection, keys: key_ranges.Range | None = None
    ) -> dict[Path, Place]:
        """Compare the new rows with all others, of all keys or of a range of keys.

        The new files, and the rows that do not hold any more, are added to the state. Returns the
        file of merged rows, and its place.
        """
        table, places = self.table, {path.name: path for path in self.files.all}
        facts = Facts.of(self.files.all if table.merges else ())
        contestants = Contestants(connection, table, facts, self.parents, self._holds, keys)
        contestants.before += self._row_groups(self.state.files, 0)
        new = [path.name for path in self.new_files]
        news = self._row_groups(new, len(self.state.files))
        if self.state.files:
            above = dict(enumerate(self.new_parents))
            news += row_groups(str(table.parent), above)
        self.state.files += new
        undecided, count = [], 0
        for batch in batches(news, min(MOST_ROWS, self.memory // _ROW_BYTES)):
            verdict = contestants.compare(batch)
            if verdict is not None:
                self.state.add_dead(verdict.dead, places)
                if verdict.undecided is not None:
                    undecided.append(verdict.undecided)
                    count += verdict.undecided_rows
        overlay = _Overlay(self.folder, table)
        if undecided:
            found = pa.concat_tables(undecided)
            for dead in self._merge(connection, found, count, facts, overlay):
                self.state.add_dead(dead, places)
        return overlay.close()

    def _row_groups(self, names: Sequence[str], first: int) -> list[RowGroup]:
        places = {path.name: path for path in self.files.all}
        numbered = {number: places[name] for number, name in enumerate(names, first)}
        return row_groups(self.table.name, numbered)

    def _holds(self, group: RowGroup) -> np.ndarray | None:
        """Return a flag for each row of a settled row group; None if all hold."""
        bits = self.state.dead.get(self.state.files[group.file])
        if bits is None:
            return None
        flags: np.ndarray = np.unpackbits(bits)[group.start : group.start + group.rows] == 0
        return flags

    def _merge(
        self, connection: duckdb.DuckDBPyConnection, keys: pa.Table, rows: int, facts: Facts,
        overlay: _Overlay,
    ) -> Iterator[pa.Table]:
        """Compare all columns of so many rows, with these keys, one range of keys after the other.

        Where no row has every known value, a merged one is written. Yields the rows that do not
        hold.
        """
        table = self.table
        key = quoted(table.key)
        connection.register("found", keys)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE all_keys AS SELECT DISTINCT {key} FROM found"
        )
        connection.register("recorded", self.state.positions())
        wide = [
            name
            for name in stored_schema(table.name).names
            if name in {*NEEDED, *table.key} or name in facts.names - facts.never
        ]
        row_bytes = VALUE_BYTES * len(wide) + 2 * facts.row_bytes
        count = 1 + int(rows * row_bytes * SPREAD / self.memory)
        for among in key_ranges.cut(connection, table, "all_keys", count):
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE undecided AS SELECT {key} FROM all_keys "
                f"WHERE {among.holds(key_ranges.range_key(table))}"
            )
            self._read_seen(connection, wide)
            contest = Contest(connection, table, wide, facts, self.memory)
            if contest.find_heads():
                yield connection.sql(
                    f"SELECT _file, _position FROM seen "
                    f"SEMI JOIN many ON {newest.same(table, 'seen', 'many')} "
                    "WHERE rowid NOT IN (SELECT rid FROM heads WHERE simple)"
                ).to_arrow_table()
                if contest.merge_others():
                    overlay.write(connection.sql("SELECT * FROM others").to_arrow_table())

    def _read_seen(
        self, connection: duckdb.DuckDBPyConnection, columns: Sequence[str]
    ) -> None:
        """Create the table `seen` of all rows that held so far and have an undecided key."""
        table = self.table
        places = {path.name: path for path in self.files.all}
        files = [str(places[name]) for name in self.state.files]
        rows = f"{newest.scan(table, files, numbered=0)} WHERE {self._within(connection)}"
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE seen AS "
            f"SELECT {quoted([*columns, '_file', '_position'], 'rows.')} "
            f"FROM (SELECT * FROM {rows}) AS rows "
            f"SEMI JOIN undecided ON {newest.same(table, 'rows', 'undecided')} "
            "ANTI JOIN recorded "
            "ON rows._file = recorded._file AND rows._position = recorded._position"
        )

    def _within(self, connection: duckdb.DuckDBPyConnection) -> str:
        """SQL of a test that the first column of a key lies within the bounds of undecided keys.

        The statistics of a file then say which row groups need not be read.
        """
        name = self.table.key[0]
        lower, upper, nulls = connection.execute(
            f'SELECT min("{name}"), max("{name}"), count(*) > count("{name}") FROM undecided'
        ).fetchall()[0]
        if nulls or lower is None or self.table[name].type is not Type.STR:
            return "true"
        connection.execute("SET VARIABLE lower = $1", [lower])
        connection.execute("SET VARIABLE upper = $1", [upper])
        return f"\"{name}\" BETWEEN getvariable('lower') AND getvariable('upper')"


class _Overlay:
    """A file of merged rows, which is created when the first one comes."""

    def __init__(self, folder: Folder, table: Table) -> None:
        self._folder = folder
        self._table = table
        self._schema = stored_schema(table.name).with_metadata({COMPACTED: b"1"})
        self._temp: Path | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: pa.Table) -> None:
        """Append rows."""
        if self._writer is None:
            self._temp = self._folder.new_temp()
            self._writer = pq.ParquetWriter(self._temp, self._schema, **PARQUET)
        self._writer.write_table(rows.select(self._schema.names).cast(self._schema))

    def close(self) -> dict[Path, Place]:
        """Finish the file; return it with its place."""
        if self._writer is None or self._temp is None:
            return {}
        self._writer.close()
        return {self._temp: self._folder.tables / self._table.name / part_name(self._temp)}

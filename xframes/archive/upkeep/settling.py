"""Settling: compare new files with those below, so that queries need not merge anything.

The cost is that of the new rows: of the files below only row groups are read whose keys can occur
among the new ones, and of those only the columns that the rules need. Where the newest row of a key
lacks a known value, the merged row goes into a file of its own. Files never change; a record of
the family of tables says which of their rows hold. After a crash the old record is still right for
the files it lists, and queries merge the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
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
from xframes.archive.upkeep.deciding.contest import Contest, Facts, read_parents
from xframes.schema import TABLES, Table, Type
from xframes.sql import newest
from xframes.sql.newest import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder

WORTH_BYTES = 1_000_000  # of the files of a family; queries merge less than this in no time
WORTH_PARTS = 8  # of a table
_NUMBERS = "_file AS file, _position AS position"
_WINNERS = "(SELECT rid FROM heads WHERE simple)"
_DEAD = pa.schema([("file", pa.int64()), ("position", pa.int64())])


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
        """Return the `file` and `position` of every dead row."""
        tables = [_DEAD.empty_table()]
        for number, name in enumerate(self.files):
            if name in self.dead:
                positions = np.flatnonzero(np.unpackbits(self.dead[name]))
                columns = [np.full(len(positions), number), positions]
                tables.append(pa.table(columns, schema=_DEAD))
        return pa.concat_tables(tables)

    def add_dead(self, rows: pa.Table, places: Mapping[str, Place]) -> None:
        """Add dead rows; `places` are those of the files."""
        numbers, positions = rows["file"].to_numpy(), rows["position"].to_numpy()
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
    shown: dict[str, str] = {}
    found = {}
    for name in names:
        state = state_of(TABLES[name], files[name], parent)
        found[name] = Settling(folder, TABLES[name], files[name], parent, state, memory, shown)
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


@dataclass  # without slots: cached_property needs a dict
class Settling:
    """The settling of one table."""

    folder: Folder
    table: Table
    files: Files
    parent: Files
    state: State
    memory: int
    shown: dict[str, str]  # what the table `above` has; the details of a family share it

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
        count = self.ranges_needed()
        ranges = key_ranges.cut(connection, self.table, self.new_keys(), count)
        dead, moves = self.compare(connection, ranges)
        self.add_files(place.name for place in moves.values())
        places = {path.name: path for path in self.files.all}
        self.state.add_dead(dead, places)
        return moves

    def add_files(self, merged: Iterable[str]) -> None:
        """Add the new files to the settled ones, then those of merged rows."""
        self.state.files += [*(path.name for path in self.new_files), *merged]

    def compare(
        self, connection: duckdb.DuckDBPyConnection, ranges: Iterable[key_ranges.Range]
    ) -> tuple[pa.Table, dict[Path, Place]]:
        """Compare the new rows with all others in ranges of keys.

        Returns the `file` and `position` of the rows that do not hold any more, numbered with the
        new files after the settled ones, and the file of merged rows with its place.
        """
        overlay = _Overlay(self.folder, self.table)
        connection.register("recorded", self.state.positions())
        dead = [_DEAD.empty_table()]
        for keys in ranges:
            dead += [rows.cast(_DEAD) for rows in self._dead_rows(connection, keys, overlay)]
        return pa.concat_tables(dead), overlay.close()

    def ranges_needed(self) -> int:
        """Return how many ranges of keys the memory needs."""
        row_bytes = 2 * VALUE_BYTES * len(self._narrow)
        return 1 + int(self._facts.rows * row_bytes * SPREAD / self.memory)

    @property
    def rows(self) -> int:
        """The number of rows in the files that are compared."""
        return self._facts.rows

    @cached_property
    def _facts(self) -> Facts:
        return Facts.of(self.files.all if self.table.merges else self.new_files)

    @cached_property
    def _wide(self) -> list[str]:
        """The columns that have values, and those that the rules need."""
        return [
            name
            for name in stored_schema(self.table.name).names
            if name in {*NEEDED, *self.table.key} or name in self._facts.names - self._facts.never
        ]

    @cached_property
    def _narrow(self) -> list[str]:
        """The columns that say of most keys which row holds."""
        table = self.table
        if table.merges and table.kind != "entity":
            return self._wide
        not_newest = {c.name for c in table.columns if not c.null_is_known or c.merge == "any"}
        needed = {*NEEDED, *table.key, "run_id"} | not_newest
        return [name for name in self._wide if name in needed]

    def _dead_rows(
        self, connection: duckdb.DuckDBPyConnection, keys: key_ranges.Range, overlay: _Overlay
    ) -> Iterator[pa.Table]:
        """Find the rows that do not hold any more in a range of keys."""
        table, facts, wide, narrow = self.table, self._facts, self._wide, self._narrow
        within = keys.holds(key_ranges.range_key(table))
        if self.state.files:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE new_keys AS SELECT DISTINCT "
                f"{quoted(newest.key_of(table))} FROM {self.new_keys()} WHERE {within}"
            )
        self._read_seen(connection, narrow, "new_keys", within)
        if table.parent:
            self._read_above(connection, keys)
        contest = Contest(connection, table, narrow, facts, self.memory, narrow=narrow != wide)
        if not contest.find_heads():
            return
        yield connection.sql(self._losers()).to_arrow_table()
        if not table.merges:
            return
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE undecided AS "
            f"SELECT {quoted(table.key)} FROM heads WHERE NOT simple"
        )
        if not connection.execute("SELECT count(*) FROM undecided").fetchall()[0][0]:
            return
        self._read_seen(connection, wide, "undecided", within)
        contest = Contest(connection, table, wide, facts, self.memory)
        if contest.find_heads():
            losers = f"SELECT {_NUMBERS} FROM seen WHERE rowid NOT IN {_WINNERS}"
            yield connection.sql(losers).to_arrow_table()
            if contest.merge_others():
                overlay.write(connection.sql("SELECT * FROM others").to_arrow_table())

    def _losers(self) -> str:
        """SQL of a SELECT of the rows that lose against one that has every known value."""
        table = self.table
        same = newest.same(table, "seen", "many")
        rows = f"SELECT {_NUMBERS} FROM seen SEMI JOIN many ON {same}"
        if table.merges:
            undecided = f"(SELECT {quoted(table.key)} FROM heads WHERE NOT simple) AS undecided"
            rows += f" ANTI JOIN {undecided} ON {newest.same(table, 'seen', 'undecided')}"
        return f"{rows} WHERE rowid NOT IN {_WINNERS}"

    def new_keys(self) -> str:
        """SQL of a FROM clause of the keys that a new row has, or a newly complete parent."""
        table = self.table
        key = key_ranges.range_key(table)
        selects = []
        if self.new_files:
            columns = dict.fromkeys((*key, *newest.key_of(table)))
            selects.append(f"SELECT {quoted(columns)} FROM {self._scan(table, self.new_files)}")
        if self.new_parents:
            above = TABLES[str(table.parent)]
            selects.append(
                f"SELECT {quoted(above.key[:1])} AS {quoted(key)} "
                f"FROM {self._scan(above, self.new_parents)} WHERE complete"
            )
        return f"({' UNION ALL '.join(selects)})"

    def _scan(self, table: Table, places: Sequence[Place], numbered: int | None = None) -> str:
        return newest.scan(table, [str(p) for p in places], numbered=numbered)

    def _read_seen(
        self, connection: duckdb.DuckDBPyConnection, columns: Sequence[str], keys: str, among: str
    ) -> None:
        """Create the table `seen` of all rows that held so far and have one of these keys.

        `among` is a test of the range that the keys are in.
        """
        table = self.table
        places = {path.name: path for path in self.files.all}
        covered = [places[name] for name in self.state.files]
        shown = quoted([*columns, "_file", "_position"], "rows.")
        same = newest.same(table, "rows", keys)
        selects = []
        if covered:
            within = self._within(connection, keys, table.key[0])
            selects.append(
                f"SELECT {shown} FROM (SELECT * FROM {self._scan(table, covered, 0)} "
                f"WHERE {within}) AS rows SEMI JOIN {keys} ON {same} "
                "ANTI JOIN recorded ON _file = recorded.file AND _position = recorded.position"
            )
        if self.new_files:
            new = f"SELECT * FROM {self._scan(table, self.new_files, len(covered))} WHERE {among}"
            rows = f"SELECT {shown} FROM ({new}) AS rows"
            if keys != "new_keys":  # which has the keys of all new rows
                rows += f" SEMI JOIN {keys} ON {same}"
            selects.append(rows)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE seen AS {' UNION ALL '.join(selects)}")

    def _read_above(
        self, connection: duckdb.DuckDBPyConnection, keys: key_ranges.Range
    ) -> None:
        """Create the table `above` of the observations of the parents of the rows in `seen`."""
        above = TABLES[str(self.table.parent)]
        rows = f"({newest.empty(above)})"
        if self.parent.all:
            rows = self._scan(above, self.parent.all)
        rows += f" WHERE {keys.holds(above.key[:1])}"
        if self.state.files:
            within = self._within(connection, "seen", self.table.parent_key, above.key[0])
            read_parents(connection, self.table, f"{rows} AND {within}")
        elif self.shown.get("above") != rows or keys.lower or keys.upper:
            read_parents(connection, self.table, rows)
        self.shown["above"] = rows
        if self.state.files or keys.lower or keys.upper:
            self.shown.clear()

    def _within(
        self, connection: duckdb.DuckDBPyConnection, keys: str, name: str, column: str = ""
    ) -> str:
        """SQL of a test that the first column of a key lies within the bounds of these keys.

        The statistics of a file then say which row groups need not be read.
        """
        lower, upper, nulls = connection.execute(
            f'SELECT min("{name}"), max("{name}"), count(*) > count("{name}") FROM {keys}'
        ).fetchall()[0]
        if nulls or lower is None or self.table[name].type is not Type.STR:
            return "true"
        connection.execute("SET VARIABLE lower = $1", [lower])
        connection.execute("SET VARIABLE upper = $1", [upper])
        return f"\"{column or name}\" BETWEEN getvariable('lower') AND getvariable('upper')"


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

"""Which rows hold among several of one key, decided for rows in the temporary table `seen`.

Most keys have one row, or one that says everything known; those rows are picked as they are. The others are merged, a
share of the keys at a time. The rules are those of `query/newest.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from xframes.archive.query import newest
from xframes.archive.query.newest import Sources, quoted
from xframes.archive.storage.parts import merges
from xframes.archive.storage.paths import opened
from xframes.schema import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from xframes.archive.storage.bucket import Place


@dataclass(frozen=True, slots=True)
class Contest:
    """The contest of the rows in `seen`; of a detail table also with the parents' observations in `above`."""

    connection: duckdb.DuckDBPyConnection
    table: Table
    columns: Sequence[str]
    facts: Facts
    memory: int

    def decide(self) -> str:
        """A SELECT of the rows that hold."""
        chosen = f"SELECT {quoted(self.columns)} FROM seen"
        self._find_contested()
        if not self.connection.execute("SELECT count(*) FROM many").fetchall()[0][0]:
            return chosen
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE heads AS {self._heads()}")
        same = newest.same(self.table, "seen", "many")
        found = [f"{chosen} ANTI JOIN many ON {same}",
                 f"{chosen} WHERE rowid IN (SELECT rid FROM heads WHERE simple)"]
        if merges(self.table.name) and self._merge_others():
            found.append(f"SELECT {quoted(self.columns)} FROM others")
        return f"SELECT * FROM ({' UNION ALL '.join(found)})"

    def _find_contested(self) -> None:
        """Put into `many` the keys that have several rows; of details, parents of which more than one thing is said."""
        key = quoted(self.table.key)
        several = f"SELECT {key} FROM seen GROUP BY {key} HAVING count(*) > 1"
        if self.table.kind == "detail":
            parent = quoted([self.table.parent_key])
            several = (
                f"SELECT DISTINCT {parent} FROM ({several}) UNION SELECT {parent} FROM seen GROUP BY {parent} HAVING "
                "min(page_id) IS DISTINCT FROM max(page_id) OR min(observed_at) IS DISTINCT FROM max(observed_at) "
                "OR count(page_id) <> count(*) "
                f"UNION SELECT parent AS {parent} FROM above SEMI JOIN seen ON parent = {parent} "
                "GROUP BY parent HAVING count(*) > 1 OR bool_or(known_at IS NOT NULL) "
                f"UNION SELECT {parent} FROM seen JOIN above ON parent = {parent} WHERE complete AND "
                "(above.page_id IS DISTINCT FROM seen.page_id OR above.observed_at IS DISTINCT FROM seen.observed_at)"
            )
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE many AS {several}")

    def _heads(self) -> str:
        """A SELECT of the number of each contested key's newest row, and whether that row says everything known."""
        table = self.table
        crowd = (f"SELECT seen.*, seen.rowid AS rid, {newest.place(table)} AS place FROM seen SEMI JOIN many "
                 f"ON {newest.same(table, 'seen', 'many')}")
        key = quoted(table.key)
        if table.kind == "detail":
            parents = Sources(fresh=f"(SELECT parent AS {quoted([parent_key(table)])}, * EXCLUDE (parent) FROM above)")
            kept = newest.kept_parents(table, parents, touched=True)
            return (f"WITH touched AS (FROM many), seen AS ({crowd}), {kept} "
                    f"SELECT arg_max(rid, seen.place) AS rid, true AS simple FROM seen SEMI JOIN kept "
                    f'ON seen."{table.parent_key}" = kept.parent AND seen.place = kept.place GROUP BY {key}')
        says_all = self._says_all() if merges(table.name) else "true"
        return f"SELECT {key}, arg_max(rid, place) AS rid, {says_all} AS simple FROM ({crowd}) GROUP BY {key}"

    def _says_all(self) -> str:
        """Whether the newest row of a key knows what any of its rows knows: each column is a bit of a number."""
        facts = self.facts
        entity = self.table.kind == "entity"
        complete = "coalesce(complete, false)" if entity and not facts.all_complete else "true" if entity else "false"
        bits = []
        owners = 0
        for i, c in enumerate(self.table.columns):
            if c.name not in self.columns or c.name in facts.always or (facts.all_complete and not c.owner):
                continue
            bits.append(f'CASE WHEN "{c.name}" IS NULL THEN 0::HUGEINT ELSE {1 << i}::HUGEINT END')
            owners |= (1 << i) if c.owner else 0
        known = " + ".join(bits) or "0::HUGEINT"
        newest = f"arg_max({complete}, place)"
        matters = f"CASE WHEN {newest} THEN {owners}::HUGEINT ELSE (-1)::HUGEINT END"
        lost = f"bit_or({known}) & ~arg_max({known}, place) & {matters}"
        return f"bool_and(known_at IS NULL) AND ({lost}) = 0 AND ({newest} OR NOT bool_or({complete}))"

    def _merge_others(self) -> bool:
        """Merge the keys that need it into the table `others`, a share at a time; False when there are none."""
        table = self.table
        key = quoted(table.key)
        same = newest.same(table, "seen", "heads")
        crowd = f"FROM seen SEMI JOIN (SELECT {key} FROM heads WHERE NOT simple) AS heads ON {same}"
        (count,) = self.connection.execute(f"SELECT count(*) {crowd}").fetchall()[0]
        if not count:
            return False
        shares = max(1, round(count * self.facts.row_bytes * 8 / self.memory))
        for share in range(shares):
            rows = f"SELECT seen.* {crowd} WHERE hash({key}) % {shares} = {share}"
            constant = frozenset(c.name for c in table.columns if c.name not in self.columns)
            merged = newest.merged(table, rows, hidden=True, constant=constant)
            self.connection.execute(f"{'INSERT INTO' if share else 'CREATE OR REPLACE TEMP TABLE'} others "
                                    f"{'' if share else 'AS '}{merged}")
        return True


def parent_key(table: Table) -> str:
    """The column of a detail table's parent that the details name."""
    return TABLES[str(table.parent)].key[0]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the statistics of Parquet files tell: columns never null, those always null, those there are, and sizes."""

    always: frozenset[str]
    never: frozenset[str]
    names: frozenset[str]
    all_complete: bool
    rows: int
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
            frozenset(n.split(".")[0] for n in nulls),
            complete and "complete" in nulls and nulls["complete"] == 0,
            rows,
            size / max(1, rows),
        )

"""Decides which rows hold among several of one key: those in the temporary table `seen`.

Most keys have one row, or a newest row that has every known value. Those rows are selected by
number. Only the rows of the other keys are merged, a share of the keys at a time. The rules are
those of `sql/newest.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from xframes.archive.storage.paths import opened
from xframes.schema import TABLES, Table
from xframes.sql import newest
from xframes.sql.newest import Sources, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from xframes.archive.storage.bucket import Place

_STATE_BYTES = 100  # what DuckDB holds for each value while it merges a key
_MERGE_SPREAD = 4  # times that


def read_parents(connection: duckdb.DuckDBPyConnection, table: Table, rows: str) -> None:
    """Create the tables `above`, of the observations of a FROM clause, and `parents`, one row each.

    The rows are those of the parents of a detail table.
    """
    key = quoted(TABLES[str(table.parent)].key[:1])
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE above AS SELECT {key} AS parent, observed_at, page_id, "
        f"complete, known_at FROM {rows}"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE parents AS SELECT parent, count(*) AS observations, "
        "min(page_id) AS page_id, min(observed_at) AS observed_at, "
        "bool_or(known_at IS NOT NULL) AS is_merged, bool_or(complete) AS is_complete "
        "FROM above GROUP BY parent"
    )


@dataclass(frozen=True, slots=True)
class Contest:
    """A contest of the rows in `seen`, a temporary table with these columns.

    Detail rows also need the observations of their parents, by `read_parents`.
    """

    connection: duckdb.DuckDBPyConnection
    table: Table
    columns: Sequence[str]
    facts: Facts
    memory: int

    def decide(self) -> str:
        """Return a SELECT of the rows that hold, merged where needed."""
        columns = quoted(self.columns)
        rows = f"SELECT {columns} FROM seen"
        if not self.find_heads():
            return rows
        selects = [
            f"{rows} ANTI JOIN many ON {newest.same(self.table, 'seen', 'many')}",
            f"{rows} WHERE rowid IN (SELECT rid FROM heads WHERE simple)",
        ]
        if self.merge_others():
            selects.append(f"SELECT {columns} FROM others")
        return f"SELECT * FROM ({' UNION ALL '.join(selects)})"

    def find_heads(self) -> bool:
        """Create the table `heads` of the newest row of each key with several; False if none has.

        `simple` is true where that row has every known value of the key.
        """
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE many AS {self._several()}")
        (count,) = self.connection.execute("SELECT count(*) FROM many").fetchall()[0]
        if count:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE heads AS {self._heads()}")
        return bool(count)

    def _several(self) -> str:
        """SQL of a SELECT of the keys with several rows; of details, of the parents to look at."""
        key = quoted(self.table.key)
        several = f"SELECT {key} FROM seen GROUP BY {key} HAVING count(*) > 1"
        if self.table.kind != "detail":
            return several
        parent = quoted([self.table.parent_key])
        said = (
            f"SELECT {parent} AS parent, min(page_id) AS page_id, min(observed_at) AS observed_at, "
            "max(page_id) AS last_page_id, max(observed_at) AS last_observed_at, "
            f"count(page_id) < count(*) AS is_unknown FROM seen GROUP BY {parent}"
        )
        return (
            f"SELECT DISTINCT {parent} FROM ({several}) "
            f"UNION SELECT said.parent FROM ({said}) AS said LEFT JOIN parents "
            "ON parents.parent = said.parent "
            # several observations have details, or the parent has several, or another one
            "WHERE said.page_id IS DISTINCT FROM last_page_id OR is_unknown "
            "OR said.observed_at IS DISTINCT FROM last_observed_at "
            "OR observations > 1 OR is_merged OR (is_complete AND "
            "(parents.page_id IS DISTINCT FROM said.page_id "
            "OR parents.observed_at IS DISTINCT FROM said.observed_at))"
        )

    def _heads(self) -> str:
        table = self.table
        rows = (
            f"SELECT seen.*, seen.rowid AS rid, {newest.place(table)} AS place "
            f"FROM seen SEMI JOIN many ON {newest.same(table, 'seen', 'many')}"
        )
        key = quoted(table.key)
        if table.kind != "detail":
            simple = "true"
            if table.merges:
                simple = self._newest_is_enough()
            return (
                f"SELECT {key}, arg_max(rid, place) AS rid, {simple} AS simple "
                f"FROM ({rows}) GROUP BY {key}"
            )
        parent_key = quoted(TABLES[str(table.parent)].key[:1])
        above = f"(SELECT parent AS {parent_key}, * EXCLUDE (parent) FROM above)"
        kept = newest.kept_parents(table, Sources(fresh=above), touched=True)
        return (
            f"WITH touched AS (FROM many), contested AS ({rows}), seen AS (FROM contested), {kept} "
            "SELECT arg_max(rid, seen.place) AS rid, true AS simple FROM seen SEMI JOIN kept "
            f'ON seen."{table.parent_key}" = kept.parent AND seen.place = kept.place '
            f"GROUP BY {key}"
        )

    def _newest_is_enough(self) -> str:
        """SQL of whether the newest row of a key has every value that its other rows have.

        The columns with a value are the bits of a number, one number for each row. Of a column
        that merges by `any`, true and null are the values.
        """
        facts = self.facts
        complete = self._completeness()
        bits = []
        needed_bits = 0  # of columns that a complete row may lack
        for i, c in enumerate(self.table.columns):
            if c.merge == "any" and c.name in self.columns:
                unknown = 1 << len(self.table.columns)  # only posts have one such column
                bits.append(
                    f'CASE WHEN "{c.name}" IS NULL THEN {unknown}::HUGEINT '
                    f'WHEN "{c.name}" THEN {1 << i}::HUGEINT ELSE 0::HUGEINT END'
                )
                needed_bits |= 1 << i | unknown
                continue
            constant = c.name in facts.always or c.name not in self.columns
            if constant or (facts.all_complete and c.null_is_known):
                continue
            bits.append(f'CASE WHEN "{c.name}" IS NULL THEN 0::HUGEINT ELSE {1 << i}::HUGEINT END')
            if not c.null_is_known:
                needed_bits |= 1 << i
        has_value = " + ".join(bits) or "0::HUGEINT"
        newest = f"arg_max({complete}, place)"
        matters = f"CASE WHEN {newest} THEN {needed_bits}::HUGEINT ELSE (-1)::HUGEINT END"
        missing = f"bit_or({has_value}) & ~arg_max({has_value}, place) & {matters}"
        needed = f"{newest} OR NOT bool_or({complete})"
        return f"bool_and(known_at IS NULL) AND ({missing}) = 0 AND ({needed})"

    def _completeness(self) -> str:
        """SQL of whether a row is complete: its nulls count as values then."""
        if self.table.kind != "entity":
            return "false"
        if self.facts.all_complete:
            return "true"
        return "coalesce(complete, false)"

    def merge_others(self) -> bool:
        """Merge the rows of keys that are not simple into the table `others`.

        Works on a share of the keys at a time. Returns False if every key is simple.
        """
        if not self.table.merges:
            return False
        table = self.table
        key = quoted(table.key)
        rows = (
            f"FROM seen SEMI JOIN (SELECT {key} FROM heads WHERE NOT simple) AS undecided "
            f"ON {newest.same(table, 'seen', 'undecided')}"
        )
        (count,) = self.connection.execute(f"SELECT count(*) {rows}").fetchall()[0]
        if not count:
            return False
        constant = frozenset(c.name for c in table.columns if c.name not in self.columns)
        row_bytes = _STATE_BYTES * len(self.columns) + 2 * self.facts.row_bytes
        shares = 1 + int(count * row_bytes * _MERGE_SPREAD / self.memory)
        target = "CREATE OR REPLACE TEMP TABLE others AS"
        for share in range(shares):
            part = f"SELECT seen.* {rows} WHERE hash({key}) % {shares} = {share}"
            merged = newest.merged(table, part, hidden=True, constant=constant)
            self.connection.execute(f"{target} {merged}")
            target = "INSERT INTO others"
        return True


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts from the statistics of Parquet files.

    `always` names the columns without nulls, `never` the plain columns with nothing but nulls,
    `names` all columns of any file. `all_complete`: every row is complete. `row_bytes`: mean size
    of a row.
    """

    always: frozenset[str]
    never: frozenset[str]
    names: frozenset[str]
    all_complete: bool
    rows: int
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
            frozenset(n.split(".")[0] for n in nulls),
            complete and "complete" in nulls and nulls["complete"] == 0,
            rows,
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

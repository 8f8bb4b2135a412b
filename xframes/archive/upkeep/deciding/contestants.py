"""Compares new rows with those of the same key, by little more than keys and times.

Where the newest row of a key of an entity may lack a known value, the key is left undecided: it
needs all columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xframes.archive.storage.parts import stored_schema
from xframes.archive.upkeep.deciding import key_ranges, losers
from xframes.archive.upkeep.deciding.key_rows import Keys, plain, row_groups
from xframes.schema import TABLES, Col, Table
from xframes.sql import newest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.upkeep.deciding.contest import Facts
    from xframes.archive.upkeep.deciding.key_rows import RowGroup

NUMBERS = ("_file", "_position")  # of a row
_MANY = 1_000_000
_OBSERVED = ("observed_at", "page_id")


class Parents:
    """The complete observations of the parents of detail tables; what was last read is kept."""

    def __init__(self, table: Table, places: Sequence[Place]) -> None:
        self._table = table
        self._names = [table.key[0], "complete", *_OBSERVED, "known_at"]
        self._places = places
        self._keys: Keys | None = None
        self._rows: pa.Table | None = None

    @property
    def are_many(self) -> bool:
        """Whether not all of them should be in memory at once."""
        return sum(group.rows for group in self._groups) > _MANY

    @cached_property
    def _groups(self) -> list[RowGroup]:
        return row_groups(self._table.name, dict(enumerate(self._places)))

    def read(self, keys: Keys | None) -> pa.Table:
        """Read those with one of these keys, and perhaps others; without keys, all."""
        has_all = self._keys is None or (keys is not None and self._keys.includes(keys))
        if self._rows is None or not has_all:
            self._keys, self._rows = keys, self._read(keys)
        return self._rows

    def _read(self, keys: Keys | None) -> pa.Table:
        tables = []
        for group in self._groups:
            rows = group.read(self._names) if keys is None else keys.read(group, self._names)
            if rows is not None:
                tables.append(rows.select(self._names).filter(rows["complete"]))
        if not tables:
            schema = stored_schema(self._table.name)
            return pa.schema([schema.field(name) for name in self._names]).empty_table()
        return pa.concat_tables(tables)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The numbers of the rows that do not hold, and the keys that are left undecided.

    `undecided_rows` is how many rows have these keys.
    """

    dead: pa.Table
    undecided: pa.Table | None = None
    undecided_rows: int = 0


@dataclass  # without slots: cached_property needs a dict
class Contestants:
    """The rows of a table while they are compared, some row groups after the other.

    `facts` are those of all files, `parents` those of the family's details. `holds` returns which
    rows of a row group hold; None if all do. With `keys`, only rows of this range are compared.
    """

    connection: duckdb.DuckDBPyConnection
    table: Table
    facts: Facts
    parents: Parents
    holds: Callable[[RowGroup], losers.Flags | None]
    keys: key_ranges.Range | None = None
    before: list[RowGroup] = field(default_factory=list)

    def compare(self, batch: Sequence[RowGroup]) -> Verdict | None:
        """Compare the rows of new row groups with each other, and with those of `before`.

        Row groups of the parent's table say which details to look at again. The new row groups of
        the table itself are added to `before`. None if there is nothing to compare.
        """
        own = [group for group in batch if group.table == self.table.name]
        tables = [self._read(group) for group in own if self._may_be_among(group)]
        keys = None
        if self.before or (self.table.parent and self.parents.are_many):
            keys = self._keys(tables, [group for group in batch if group not in own])
            tables = [*self._earlier(keys), *tables]
        self.before += own
        if not tables:
            return None
        return self._decide(pa.concat_tables(tables), keys)

    @property
    def _key(self) -> tuple[str, ...]:
        return newest.key_of(self.table)

    @property
    def _moment(self) -> list[str]:
        """The columns that say when, and by what page, something was observed."""
        return [*_OBSERVED, *(c.name for c in self.table.body if c.name == "run_id")]

    @property
    def _lacking(self) -> list[str]:
        """Columns that one row may have a value of, and another row none."""
        facts = self.facts
        others = {*self._key, *self._moment, "complete"}
        names = [c.name for c in self.table.columns if self._is_uncertain(c) or (
            not facts.all_complete and c.name not in facts.always
        )]
        return [name for name in names if name in facts.names - facts.never - others]

    def _is_uncertain(self, column: Col) -> bool:
        """Whether a complete row may lack a value of a column."""
        return not column.null_is_known or column.merge == "any"

    @property
    def _names(self) -> list[str]:
        table = self.table
        names = [*self._key, *table.key, *self._moment]
        if table.kind == "entity":
            names.append("complete")
        if table.merges:
            names += ["known_at", *self._lacking]
        return list(dict.fromkeys(names))

    def _read(self, group: RowGroup) -> pa.Table:
        return self._among(group.numbered(self._as_flags(group.read(self._names))))

    @cached_property
    def _bounds(self) -> tuple[str, str] | None:
        """The bounds of the first column of the keys, where the statistics of files have them."""
        return None if self.keys is None else self.keys.bounds(self.connection)

    def _may_be_among(self, group: RowGroup) -> bool:
        return self._bounds is None or group.may_lie_within(self._key[0], *self._bounds)

    def _among(self, rows: pa.Table) -> pa.Table:
        """Return the rows with keys in the range that is compared."""
        if self.keys is None:
            return rows
        names = key_ranges.range_key(self.table)
        self.connection.register("keys", pa.table([plain(rows[name]) for name in names], names))
        tests = self.connection.sql(f"SELECT {self.keys.holds(names)} AS holds FROM keys")
        flags = tests.to_arrow_table()["holds"]
        self.connection.unregister("keys")
        return rows.filter(flags)

    def _as_flags(self, rows: pa.Table) -> pa.Table:
        """Replace columns of which only a flag matters."""
        if not self.table.merges:
            return rows
        for name in ("known_at", *self._lacking):
            if name == "known_at" or self.table[name].merge != "any":
                place = rows.column_names.index(name)
                rows = rows.set_column(place, name, pc.is_valid(rows[name]))
        return rows

    def _keys(self, tables: Sequence[pa.Table], above: Sequence[RowGroup]) -> Keys:
        """Return the keys of new rows, and those of newly complete parents."""
        rows = [table.select(self._key) for table in tables]
        for group in above:
            parents = group.read([TABLES[group.table].key[0], "complete"])
            complete = parents.filter(parents["complete"]).select([0])
            rows.append(self._among(complete.rename_columns(list(self._key))))
        return Keys.of(pa.concat_tables(rows), self._key)

    def _earlier(self, keys: Keys) -> list[pa.Table]:
        """Read the rows of `before` that hold and can have one of these keys."""
        groups = filter(self._may_be_among, self.before)
        found = (keys.read(group, self._names, self.holds(group)) for group in groups)
        return [self._among(self._as_flags(rows)) for rows in found if rows is not None]

    def _decide(self, rows: pa.Table, keys: Keys | None) -> Verdict:
        table = self.table
        numbers, count = losers.numbered([rows[name] for name in self._key])
        ranks, whole = self._ranks(rows, numbers, count, keys)
        undecided = np.zeros(count, np.bool_)
        if table.kind == "detail":
            rest = [rows[name] for name in table.key[1:]]
            dead = losers.superseded_details(numbers, whole, ranks, rest)
        else:
            winners = losers.newest(numbers, count, ranks)
            dead = np.ones(len(rows), np.bool_)
            dead[winners] = False
            if table.merges:
                undecided = self._undecided(rows, numbers, count, winners)
                dead &= ~undecided[numbers]
        dead_rows = rows.select(NUMBERS).filter(pa.array(dead))
        if not undecided.any():
            return Verdict(dead_rows)
        first = losers.firsts(numbers, count)[undecided]
        keys_left = rows.select(self._key).take(pa.array(first))
        return Verdict(dead_rows, keys_left, int(undecided[numbers].sum()))

    def _undecided(
        self, rows: pa.Table, numbers: losers.Numbers, count: int, winners: losers.Numbers
    ) -> losers.Flags:
        """Return a flag for each key: whether it has several rows, of which more must be known."""
        several = np.bincount(numbers, minlength=count) > 1
        if not several.any():
            return several
        complete = np.zeros(len(rows), np.bool_)
        if self.table.kind == "entity":
            complete = _flags(rows["complete"])
        values = []
        for name in self._lacking:
            column = self.table[name]
            if column.merge == "any":
                values.append((_flags(pc.is_null(rows[name])), True))
            values.append((_flags(rows[name]), self._is_uncertain(column)))
        merged = _flags(rows["known_at"])
        return several & ~losers.decided(numbers, winners, complete, merged, values)

    def _ranks(
        self, rows: pa.Table, numbers: losers.Numbers, count: int, keys: Keys | None
    ) -> tuple[losers.Numbers, losers.Numbers]:
        """Return the rank of each row by the time of its observation.

        And that of each key's newest complete parent, -1 without one.
        """
        of_row, moments = _distinct(rows.select(self._moment))
        places = {"own": (moments, newest.place(self.table))}
        if self.table.kind != "detail":
            return self._ranked(places)["own"][of_row], np.empty(0, np.int64)
        whole = np.full(count, -1)
        above = self.parents.read(keys)
        if not len(above):
            return self._ranked(places)["own"][of_row], whole
        known = plain(rows[self._key[0]].take(pa.array(losers.firsts(numbers, count))))
        index = pc.index_in(plain(above[0]), value_set=known.combine_chunks())
        above = above.filter(index.is_valid())
        parents = index.drop_null().to_numpy()
        of_parent, moments = _distinct(above.select([*_OBSERVED, "known_at"]))
        complete = moments.append_column("complete", pa.repeat(True, len(moments)))
        places["above"] = complete, newest.complete_place()
        ranks = self._ranked(places)
        np.maximum.at(whole, parents, ranks["above"][of_parent])
        return ranks["own"][of_row], whole

    def _ranked(self, places: Mapping[str, tuple[pa.Table, str]]) -> dict[str, losers.Numbers]:
        """Return the ranks of moments among all; each source comes with SQL of its time."""
        connection = self.connection
        selects = []
        for source, (moments, place) in places.items():
            numbers = pa.array(np.arange(len(moments)))
            connection.register(source, moments.append_column("number", numbers))
            selects.append(f"SELECT '{source}' AS source, number, {place} AS place FROM {source}")
        union = " UNION ALL ".join(selects)
        ranked = connection.sql(
            f"SELECT source, number, dense_rank() OVER (ORDER BY place) AS rank FROM ({union})"
        ).to_arrow_table()
        ranks = {}
        for source, (moments, _) in places.items():
            connection.unregister(source)
            of_source = ranked.filter(pc.equal(ranked["source"], source))
            ranks[source] = np.empty(len(moments), np.int64)
            ranks[source][of_source["number"].to_numpy()] = of_source["rank"].to_numpy()
        return ranks


def _distinct(moments: pa.Table) -> tuple[losers.Numbers, pa.Table]:
    """Return the number of each row's moment, and the moments in that order.

    Rows that were merged from several observations each have their own.
    """
    columns = [moments[name] for name in moments.column_names if name != "known_at"]
    numbers, count = losers.numbered(columns)
    if "known_at" in moments.column_names and moments["known_at"].null_count < len(moments):
        merged = _flags(pc.is_valid(moments["known_at"]))
        numbers, count = losers.numbered([
            pa.array(np.where(merged, count + np.arange(len(moments)), numbers))
        ])
    return numbers, moments.take(pa.array(losers.firsts(numbers, count)))


def _flags(column: pa.ChunkedArray) -> losers.Flags:
    """Return a column of truths; null is false."""
    flags: losers.Flags = column.fill_null(False).to_numpy()
    return flags

"""Tables in memory with one row for each thing, by the rules of an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from xframes.schema import STORED, TABLES, Table
from xframes.sql import derivation, newest
from xframes.sql.newest import KNOWN_TYPE, Sources, quoted

if TYPE_CHECKING:
    import duckdb

    from xframes.flattening import Tables


class Things(Mapping[str, pa.Table]):
    """Every table of the schema with one row for each thing, in the order of the pages.

    A table is derived from the observations when it is first used. Threads may share the object.
    """

    def __init__(self, observed: Tables) -> None:
        self.observed = observed
        self._made: dict[str, pa.Table] = {}
        self._lock = RLock()
        self._engine = _Engine()

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._made:
            with self._lock, self._engine.running():
                if name not in self._made:
                    self._made[name] = self._make(TABLES[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.observed,)

    @property
    def row_counts(self) -> dict[str, int]:
        """The number of rows of every table by name."""
        counts = self.observed.row_counts
        with self._lock, self._engine.running():
            return {name: counts.get(name, 1) and self._count(name) for name in TABLES}

    def _count(self, name: str) -> int:
        """The number of rows of a table; results are not derived only to count them."""
        if TABLES[name].kind != "view" or name in self._made:
            return len(self[name])
        if not self.observed.row_counts["matches"]:
            return 0
        tables = {source: self[source] for source in ("posts", "post_edits")}
        query = derivation.found(has_edits=_has_edits(tables["post_edits"]))
        (results, _) = self._engine.rows(tables, query).to_pydict().values()
        return int(results[0])

    @property
    def _several_pages(self) -> bool:
        return self.observed.row_counts["requests"] > 1

    def _make(self, table: Table) -> pa.Table:
        if table.kind == "view":
            return self._results(table)
        rows = self.observed[table.name]
        if self._several_pages and rows.num_rows:
            rows = self._merged(table, rows)
        if table.name == "posts":
            rows = self._with_versions(rows)
        if table.name == "counts" and self._several_pages and rows.num_rows:
            tables = {"known_counts": rows, "requests": self["requests"]}
            query = derivation.counts("known_counts", derivation.IN_ORDER)
            rows = self._engine.fetch(tables, query, table)
        return rows

    def _merged(self, table: Table, rows: pa.Table) -> pa.Table:
        """Merge the rows of keys with several; rows keep the places of the first ones."""
        key = list(newest.key_of(table))
        among, of = rows, key
        if table.parent:
            among, of = self.observed[table.parent], list(STORED[table.parent].key)
        several = among.select(of).group_by(of).aggregate([([], "count_all")])
        several = several.filter(pc.greater(several["count_all"], 1)).select(of)
        if not several.num_rows:
            return rows
        tables = {"numbered": rows.append_column("number", pa.array(range(rows.num_rows)))}
        tables["several"] = several.rename_columns(key)
        known = ""
        parent = None
        if table.merges:
            known = f", NULL::{KNOWN_TYPE} AS known_at"
        if table.parent:
            tables["above"] = among
            parent = Sources(fresh=f"(SELECT *, NULL::{KNOWN_TYPE} AS known_at FROM above)")
        same = newest.same(table, "numbered", "several")
        contested = f"(SELECT numbered.*{known} FROM numbered SEMI JOIN several ON {same})"
        merged = newest.view(table, Sources(fresh=contested), parent)
        columns = quoted(c.name for c in table.columns)
        row_key = quoted(table.key)
        first = f"SELECT {row_key}, min(number) AS number FROM numbered GROUP BY {row_key}"
        same_row = " AND ".join(
            f'merged."{c}" IS NOT DISTINCT FROM first."{c}"' for c in table.key
        )
        query = (
            f"SELECT {columns} FROM ("
            f"SELECT {columns}, number FROM numbered ANTI JOIN several ON {same} UNION ALL "
            f"SELECT {quoted((c.name for c in table.columns), 'merged.')}, first.number "
            f"FROM ({merged}) AS merged JOIN ({first}) AS first ON {same_row}"
            ") ORDER BY number"
        )
        return self._engine.fetch(tables, query, table)

    def _with_versions(self, rows: pa.Table) -> pa.Table:
        """Fill `is_latest` of posts."""
        edits = self.observed["post_edits"]
        if _has_edits(edits):
            number = pa.array(range(rows.num_rows))
            tables = {"numbered": rows.append_column("number", number), "edits": edits}
            query = f"FROM ({derivation.posts('numbered', 'edits')}) ORDER BY number"
            return self._engine.fetch(tables, query, STORED["posts"])
        place = rows.schema.get_field_index("is_latest")
        return rows.set_column(place, "is_latest", pa.repeat(pa.scalar(True), rows.num_rows))

    def _results(self, table: Table) -> pa.Table:
        if not self.observed.row_counts["matches"]:
            return table.schema.empty_table()
        tables = {name: self[name] for name in derivation.SOURCES["results"]}
        has_edits = _has_edits(self["post_edits"])
        query = derivation.results(derivation.IN_ORDER, has_edits=has_edits)
        return self._engine.fetch(tables, query, table)


def _has_edits(versions: pa.Table) -> bool:
    """Whether rows of `post_edits` name another version of a post than itself."""
    is_other = pc.not_equal(versions["post_id"], versions["edit_post_id"])
    return bool(pc.any(is_other).as_py())


class Observations(Mapping[str, pa.Table]):
    """Every table with one row for each page that has the thing, in the order of the pages."""

    def __init__(self, things: Things) -> None:
        self._things = things

    def __getitem__(self, name: str) -> pa.Table:
        if name in STORED:
            return self._things.observed[name]
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    @property
    def row_counts(self) -> dict[str, int]:
        """The number of rows of every table by name."""
        return {name: len(self[name]) for name in self}


class _Engine:
    """An in-memory DuckDB in UTC: opened when needed, closed at the end of the outermost block.

    One thread at a time uses it.
    """

    def __init__(self) -> None:
        self._blocks = 0
        self._opened: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep it open until the end of the block, if the block needs it."""
        self._blocks += 1
        try:
            yield
        finally:
            self._blocks -= 1
            if not self._blocks and self._opened is not None:
                self._opened.close()
                self._opened = None

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        if self._opened is None:
            self._opened = duckdb.connect(config={
                "autoinstall_known_extensions": False, "autoload_known_extensions": False,
            })
            self._opened.execute("SET TimeZone = 'UTC'")
        return self._opened

    def fetch(self, tables: Mapping[str, pa.Table], query: str, table: Table) -> Any:
        """Run a query of these tables, and return its rows with the types of `table`."""
        rows = self.rows(tables, query)
        return rows.select(table.schema.names).cast(table.schema).combine_chunks()

    def rows(self, tables: Mapping[str, pa.Table], query: str) -> pa.Table:
        """Run a query of these tables, of which `posts` has `plain_text`, and return its rows."""
        connection = self._connection
        for name, arrow in tables.items():
            connection.from_arrow(arrow).create_view(f"_{name}")
            extra = ""
            if name == "posts":
                extra = f", {derivation.PLAIN_TEXT} AS plain_text"
            connection.execute(f'CREATE VIEW "{name}" AS SELECT *{extra} FROM "_{name}"')
        rows = connection.sql(query).to_arrow_table()
        for name in tables:
            connection.execute(f'DROP VIEW "{name}"; DROP VIEW "_{name}"')
        return rows

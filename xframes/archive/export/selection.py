"""Selection: which tables and rows of an archive are exported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xframes.archive.export.masking import UNMASKED
from xframes.errors import ArgumentError
from xframes.schema import STORED, TABLES
from xframes.schema.references import is_list, named, own_key, references

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

NEVER = {t.name: "lists what was removed" for t in TABLES.values() if t.private == "removed"}
# Tables about the account that collected: exported only by name.
_CALLERS = frozenset({"caller", "account", "messages"})
PRIVATE = frozenset(t.name for t in TABLES.values() if t.private in _CALLERS)
# Columns with the text of another post, and those with its id: a post that is not selected is
# named, and its text is left out.
_TEXTS_OF_OTHERS = {"results": ("referenced_text", "referenced_post_id")}
_MESSAGES = frozenset(t.name for t in TABLES.values() if t.private == "messages")


@dataclass(slots=True)
class Selection:
    """The rows to export, as SQL for a connection that has the archive's views.

    `empty` are tables that have no files, so that none of them is queried.
    """

    connection: duckdb.DuckDBPyConnection
    description: str | None = None  # a description of the selected posts; None: everything
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    _chosen: set[str] = field(default_factory=set)
    _lean_tables: set[str] = field(default_factory=set)

    def rows(self, table: str) -> str:
        """SQL of a FROM clause of the selected rows of a table.

        It has no rows if the table has nothing to do with the selected posts.
        """
        rows = self._narrowed(f'"{table}"', table)
        if self.description is None or table not in _TEXTS_OF_OTHERS:
            return rows
        text, post = _TEXTS_OF_OTHERS[table]
        text_of_chosen = f"CASE WHEN {post} IN (SELECT id FROM chosen_posts) THEN {text} END"
        return f"(SELECT * REPLACE ({text_of_chosen} AS {text}) FROM {rows})"

    def lean(self, table: str) -> str:
        """As `rows`, with only the key and the references to other tables; fast to repeat."""
        return self._narrowed(self._lean(table), table)

    def _narrowed(self, rows: str, table: str) -> str:
        if self.description is None:
            return rows
        tests = self._tests(table) or ["false"]
        return f"(SELECT * FROM {rows} WHERE {' AND '.join(tests)})"

    def _lean(self, table: str) -> str:
        """Create a temporary table of a table's key and references, once.

        It is faster than the view, which merges the table's files for each query.
        """
        name = f'"lean_{table}"'
        if table not in self._lean_tables:
            names = dict.fromkeys((*TABLES[table].key, *references(table)))
            columns = ", ".join(f'"{c}"' for c in names)
            self.connection.execute(f'CREATE TEMP TABLE {name} AS SELECT {columns} FROM "{table}"')
            self._lean_tables.add(table)
        return name

    def _tests(self, table: str) -> list[str]:
        """SQL of conditions: every id in a row's key is a selected one."""
        if table in _MESSAGES:  # messages do not refer to single posts
            return []
        key = TABLES[table].key
        targets = named(table)
        tests = []
        for c in key:
            if c in targets and not (c == "page_id" and len(key) > 1):
                test = "false"
                if targets[c] in self._chosen:
                    test = f'"{c}" IN (SELECT id FROM "chosen_{targets[c]}")'
                tests.append(test)
        return tests

    def narrow(self, query: str, description: str) -> None:
        """Select the posts of a query, and everything that belongs to them.

        Raises ArgumentError if the archive has none of these posts.
        """
        self.description = description
        ids = f"SELECT DISTINCT CAST(id AS VARCHAR) AS id FROM ({query}) AS query(id)"
        self.connection.execute(
            f"CREATE TEMP TABLE chosen_posts AS SELECT id FROM ({ids}) "
            f"SEMI JOIN {self._lean('posts')} USING (id)"
        )
        (count,) = self.connection.execute("SELECT count(*) FROM chosen_posts").fetchall()[0]
        if not count:
            raise ArgumentError(f"{description} names no post of this archive")
        excluded = (PRIVATE - self.named) | _MESSAGES
        of_posts = [t for t in STORED if t not in excluded and "posts" in self._key_targets(t)]
        self._chosen = {"posts"}
        self._choose(_reference_columns(of_posts), skip={"posts"})
        self._chosen = {t for t in TABLES if own_key(t)} - _MESSAGES
        edges = [t.name for t in STORED.values() if t.brings]
        skip = {"posts", *(t.name for t in TABLES.values() if t.kind == "operation")}
        self._choose(_reference_columns(edges), skip=skip)

    def _key_targets(self, table: str) -> set[str]:
        targets = named(table)
        return {targets[c] for c in TABLES[table].key if c in targets}

    def _choose(self, columns: list[tuple[str, str]], skip: set[str]) -> None:
        """Select the rows that these columns refer to, among those of the rows selected so far."""
        for target in [t for t in TABLES if own_key(t) and t not in skip]:
            parts = []
            for table, column in columns:
                if table in self.empty:
                    continue
                is_in_key = column in TABLES[table].key
                if references(table)[column] == target and (is_in_key or target != "requests"):
                    rows = self._selected_rows(table)
                    parts.append(f"SELECT {_ids(table, column)} AS id FROM {rows}")
            chosen = f'"chosen_{target}"'
            self.connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {chosen}(id VARCHAR)")
            if parts:
                self.connection.execute(
                    f"INSERT INTO {chosen} SELECT DISTINCT id FROM ({' UNION ALL '.join(parts)}) "
                    f"WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM {chosen})"
                )

    def _selected_rows(self, table: str) -> str:
        """SQL of rows of selected posts; of edges, those with selected ends."""
        targets = named(table)
        tests = [
            f'"{c}" IN (SELECT id FROM "chosen_{targets[c]}")'
            for c in TABLES[table].key
            if c in targets and (targets[c] == "posts" or TABLES[table].brings)
        ]
        return f"{self._lean(table)} WHERE {' AND '.join(tests)}"

    def choose_tables(self, *, masked: bool) -> list[str]:
        """Count the rows of the tables to export, and return the names of these tables.

        They are the tables in `named`, or all that have rows. Raises ArgumentError if a named table
        cannot be exported, and if no table has rows.
        """
        for name in [t for t in TABLES if t in self.named] or TABLES:
            reason = self._refusal(name, masked)
            if reason is None:
                count = self._count(name, self.lean)
                if count or self.named:
                    self.counts[name] = count
            elif self.named:
                raise ArgumentError(f"table {name} is not exported, because it {reason}")
            elif name not in NEVER and self._count(name, self._lean):
                self.left_out[name] = reason
        if not self.counts:
            raise ArgumentError("nothing to export: the tables have no rows")
        return list(self.counts)

    def _refusal(self, name: str, masked: bool) -> str | None:
        if (reason := refusal(name, masked=masked)) is not None:
            return reason
        if self.description is not None and not self._tests(name):
            return "does not refer to single posts"
        if name in PRIVATE - self.named:
            return "is about the account that collected; to export it, name it in `tables`"
        return None

    def _count(self, table: str, rows: Callable[[str], str]) -> int:
        if table in self.empty:
            return 0
        return int(self.connection.execute(f"SELECT count(*) FROM {rows(table)}").fetchall()[0][0])


def refusal(name: str, *, masked: bool) -> str | None:
    """Return why a table is never exported, or not with pseudonyms; None if it may be."""
    if name in NEVER:
        return NEVER[name]
    if masked and name in UNMASKED:
        return "may contain names of people that cannot be replaced by pseudonyms"
    return None


def _reference_columns(tables: list[str]) -> list[tuple[str, str]]:
    """Pairs of table and column for every column of these tables that refers to another table."""
    columns = []
    for table in tables:
        columns += [(table, column) for column in references(table)]
    return columns


def _ids(table: str, column: str) -> str:
    if is_list(table, column):
        return f'unnest("{column}")'
    return f'"{column}"'

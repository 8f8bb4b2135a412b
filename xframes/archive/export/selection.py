"""What of an archive is exported: which tables, and which rows when some posts are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xframes.archive.export.masking import UNMASKED
from xframes.errors import ArgumentError
from xframes.schema import TABLES
from xframes.schema.references import is_list, named, own_key, references

if TYPE_CHECKING:
    import duckdb

NEVER = {t.name: "names what was removed" for t in TABLES.values() if t.private == "removed"}
# What concerns whoever collected, not what they studied: exported when it is named.
_CALLERS = frozenset({"caller", "account", "messages"})
PRIVATE = frozenset(t.name for t in TABLES.values() if t.private in _CALLERS)
_MESSAGES = frozenset(t.name for t in TABLES.values() if t.private == "messages")  # say nothing of single posts


@dataclass(slots=True)
class Selection:
    """The rows to export; `rows(table)` is a FROM clause of them, in a connection that has the archive's views."""

    connection: duckdb.DuckDBPyConnection
    asked: str | None = None  # the posts asked for, in words; None: everything
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    _chosen: set[str] = field(default_factory=set)
    _made: set[str] = field(default_factory=set)

    def rows(self, table: str) -> str:
        """A FROM clause of the table's rows; none of them when it has nothing to do with the posts asked for."""
        return self._narrowed(f'"{table}"', table)

    def lean(self, table: str) -> str:
        """The same with the columns of `_lean` alone; quick to ask again and again."""
        return self._narrowed(self._lean(table), table)

    def _narrowed(self, rows: str, table: str) -> str:
        if self.asked is None:
            return rows
        tests = self._tests(table)
        return f"(SELECT * FROM {rows} WHERE {' AND '.join(tests) if tests else 'false'})"

    def _lean(self, table: str) -> str:
        """A temporary table of a table's key and of all that names other rows: views unite what they show each time."""
        name = f'"lean_{table}"'
        if table not in self._made:
            columns = ", ".join(f'"{c}"' for c in dict.fromkeys((*TABLES[table].key, *references(table))))
            self.connection.execute(f'CREATE TEMP TABLE {name} AS SELECT {columns} FROM "{table}"')
            self._made.add(table)
        return name

    def _tests(self, table: str) -> list[str]:
        """Every id in a row's key has to be one of those chosen."""
        if table in _MESSAGES:
            return []
        key = TABLES[table].key
        targets = named(table)
        tests = [(c, targets[c]) for c in key if c in targets and not (c == "page_id" and len(key) > 1)]
        return [f'"{c}" IN (SELECT id FROM "chosen_{target}")' if target in self._chosen else "false"
                for c, target in tests]

    def narrow(self, query: str, asked: str) -> None:
        """Choose the posts a query names, and what belongs to them. Raises ArgumentError when that is no post."""
        self.asked = asked
        found = f"SELECT DISTINCT CAST(id AS VARCHAR) AS id FROM ({query}) AS asked(id)"
        self.connection.execute(
            f"CREATE TEMP TABLE chosen_posts AS SELECT id FROM ({found}) SEMI JOIN {self._lean('posts')} USING (id)"
        )
        if not self._count("chosen_posts"):
            raise ArgumentError(f"{asked} names no post of this archive")
        unasked = (PRIVATE - self.named) | _MESSAGES
        hanging = [t for t in TABLES if t not in unasked and "posts" in self._key_targets(t)]
        self._chosen = {"posts"}
        self._choose([(t, c) for t in hanging for c in references(t)], skip={"posts"})
        self._chosen = {t for t in TABLES if own_key(t)} - _MESSAGES
        bringing = [t.name for t in TABLES.values() if t.brings]
        skip = {"posts", *(t.name for t in TABLES.values() if t.kind == "operation")}
        self._choose([(t, c) for t in bringing for c in references(t)], skip=skip)

    def _key_targets(self, table: str) -> set[str]:
        targets = named(table)
        return {targets[c] for c in TABLES[table].key if c in targets}

    def _choose(self, columns: list[tuple[str, str]], skip: set[str]) -> None:
        """Choose what these columns name, in the rows chosen so far."""
        for target in [t for t in TABLES if own_key(t) and t not in skip]:
            parts = [f"SELECT {_ids(table, column)} AS id FROM {self._already(table)}"
                     for table, column in columns
                     if references(table)[column] == target and (column in TABLES[table].key or target != "requests")]
            self.connection.execute(f'CREATE TEMP TABLE IF NOT EXISTS "chosen_{target}"(id VARCHAR)')
            if parts:
                self.connection.execute(
                    f'INSERT INTO "chosen_{target}" SELECT DISTINCT id FROM ({" UNION ALL ".join(parts)}) '
                    f'WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM "chosen_{target}")'
                )

    def _already(self, table: str) -> str:
        """Rows whose posts, or whose own thing, are chosen; the other ends of an edge come with it."""
        targets = named(table)
        tests = [f'"{c}" IN (SELECT id FROM "chosen_{targets[c]}")' for c in TABLES[table].key
                 if c in targets and (targets[c] == "posts" or TABLES[table].brings)]
        return f"{self._lean(table)} WHERE {' AND '.join(tests)}"

    def choose_tables(self, *, masked: bool) -> list[str]:
        """Count the rows of the tables to export: those named, or all that have any; gives their names.

        Raises ArgumentError for tables that are not exported, and when there is nothing.
        """
        for name in [t for t in TABLES if t in self.named] or TABLES:
            reason = self._refusal(name, masked)
            if reason is None:
                count = self._count(self.lean(name))
                if count or self.named:
                    self.counts[name] = count
            elif self.named:
                raise ArgumentError(f"{name} is not exported: it {reason}")
            elif name not in NEVER and self._count(self._lean(name)):
                self.left_out[name] = reason
        if not self.counts:
            raise ArgumentError("there is nothing to export: the archive has no rows of these tables")
        return list(self.counts)

    def _refusal(self, name: str, masked: bool) -> str | None:
        if name in NEVER:
            return NEVER[name]
        if masked and name in UNMASKED:
            return "may name people in ways that no pseudonym covers"
        if self.asked is not None and not self._tests(name):
            return "says nothing of single posts"
        return "concerns whoever collected; name it to export it" if name in PRIVATE - self.named else None

    def _count(self, rows: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0])


def _ids(table: str, column: str) -> str:
    return f'unnest("{column}")' if is_list(table, column) else f'"{column}"'

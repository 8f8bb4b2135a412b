"""Ranges of keys: a large table is read one range after the other, so that memory stays bounded.

Keys are compared by length, then as text. For ids, which are numbers, that is their order as numbers, and so by time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.schema import Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

_SAMPLE = 100  # keys looked at for each cut: ranges then differ by a third at most
_MOST_SAMPLED = 50_000
_COLUMNS = 3  # of a key; the first alone may be the same in millions of rows


@dataclass(frozen=True, slots=True)
class Range:
    """The keys from one cut on to before the next; the first range has no lower cut, the last no upper one.

    A cut is the length and text of each key column. It is kept in a variable of the connection: ids come from
    strangers and never become part of a query.
    """

    table: Table
    lower: str | None = None
    upper: str | None = None
    prunes: bool = False

    def holds(self, key: Sequence[str]) -> str:
        """A condition on these key columns, which have the names of another table where it is a parent's rows."""
        tests = []
        if self.prunes:  # so that DuckDB skips row groups by their statistics
            at = "struct_extract(getvariable('{}'), 't0')"
            tests.append(f'"{key[0]}" BETWEEN {at.format(self.lower)} AND {at.format(self.upper)}')
        ranked = rank(self.table, key)
        if self.lower:
            tests.append(f"{ranked} >= getvariable('{self.lower}')")
        if self.upper:
            tests.append(f"{ranked} < getvariable('{self.upper}')")
        return " AND ".join(tests) or "true"


def range_key(table: Table) -> tuple[str, ...]:
    """The columns by which a table is divided: those that the rows of one decision share."""
    return table.key[:1] if table.kind == "detail" else table.key[:_COLUMNS]


def rank(table: Table, key: Sequence[str]) -> str:
    """A key's place in the order, as a struct; `key` names the columns of `range_key` there."""
    fields = []
    for i, (declared, name) in enumerate(zip(range_key(table), key, strict=False)):
        text = _as_text(table[declared].type, name)
        fields.append(f"'l{i}': length({text}), 't{i}': {text}")
    return f"{{{', '.join(fields)}}}"


def order(table: Table) -> str:
    """The columns of ORDER BY inside a range: by time where the table has one, then by key."""
    terms = [f'"{table.time}"'] if table.time else []
    for name in table.key:
        text = [f'length("{name}")'] if table[name].type is Type.STR else []
        terms += [*text, f'"{name}"']
    return ", ".join(terms)


def cut(connection: duckdb.DuckDBPyConnection, table: Table, rows: str, count: int) -> Iterator[Range]:
    """Divide the rows of a FROM clause into about so many ranges of like size, in the order of their keys."""
    if count < 2:
        yield Range(table)
        return
    size = min(_MOST_SAMPLED, count * _SAMPLE)
    ranked = rank(table, range_key(table))
    sampled = f"(SELECT {ranked} AS cut FROM {rows}) USING SAMPLE reservoir({size} ROWS)"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE cuts AS SELECT cut, row_number() OVER (ORDER BY cut) AS number FROM "
        f"(SELECT DISTINCT cut FROM (SELECT cut, ntile({count}) OVER (ORDER BY cut) AS tile FROM {sampled}) "
        f"QUALIFY row_number() OVER (PARTITION BY tile ORDER BY cut) = 1)")
    cuts = connection.execute("SELECT cut FROM cuts ORDER BY number").fetchall()
    is_text = table[table.key[0]].type is Type.STR
    before: dict[str, Any] | None = None
    for number, (after,) in enumerate((*cuts[1:], (None,)), 1):
        lower, upper = f"cut{number - 1}", f"cut{number}"
        if after is not None:
            connection.execute(f"SET VARIABLE {upper} = (SELECT cut FROM cuts WHERE number = {number + 1})")
        same = before is not None and after is not None and 0 < before["l0"] == after["l0"]
        yield Range(table, lower if before else None, upper if after else None, prunes=is_text and same)
        before = after


def _as_text(type_: Type, name: str) -> str:
    text = {Type.STR: f'"{name}"', Type.TIME: f'epoch_ms("{name}")::VARCHAR'}.get(type_, f'"{name}"::VARCHAR')
    return f"coalesce({text}, '')"



"""Ranges of keys: a large table is read one range after the other, so that memory is bounded.

Keys are compared by length, then as text. For ids, which are numbers, that is their order as
numbers, and so by time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from xframes.schema import Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

_SAMPLE = 100  # keys sampled for each cut: the sizes of ranges then differ by a third at most
_MOST_SAMPLED = 50_000
_DIGITS = 9  # of a length in a text of `rank_text`
_COLUMNS = 3  # of a key; the first alone may be the same in millions of rows


@dataclass(frozen=True, slots=True)
class Range:
    """The keys between two cuts; the first range has no lower cut, the last no upper one.

    A cut is the length and the text of each key column. It is kept in a variable of the
    connection: ids come from strangers and never become part of a query. `prunes`: all keys in the
    range have first columns of one length.
    """

    table: Table
    lower: str | None = None
    upper: str | None = None
    prunes: bool = False

    def holds(self, key: Sequence[str]) -> str:
        """Return a test of these columns: those of `range_key`, or a parent's of the same."""
        tests = []
        if self.prunes:  # so that DuckDB skips row groups by their statistics
            at = "struct_extract(getvariable('{}'), 't0')"
            lower, upper = at.format(self.lower), at.format(self.upper)
            tests.append(f'"{key[0]}" BETWEEN {lower} AND {upper}')
        ranked = rank(self.table, key)
        if self.lower:
            tests.append(f"{ranked} >= getvariable('{self.lower}')")
        if self.upper:
            tests.append(f"{ranked} < getvariable('{self.upper}')")
        return " AND ".join(tests) or "true"

    def bounds(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, str] | None:
        """Return bounds of the first column, if the range says them; `connection` has its cuts."""
        if not self.prunes:
            return None
        at = "struct_extract(getvariable('{}'), 't0')"
        query = f"SELECT {at.format(self.lower)}, {at.format(self.upper)}"
        lower, upper = connection.execute(query).fetchall()[0]
        return str(lower), str(upper)


def range_key(table: Table) -> tuple[str, ...]:
    """Return the columns by which a table is divided, within those that a rule groups by."""
    if table.kind == "detail":
        return table.key[:1]
    return table.key[:_COLUMNS]


def rank(table: Table, key: Sequence[str]) -> str:
    """Return a key's place in the order, as a struct; `key` are the names of these columns."""
    fields = []
    for i, (declared, name) in enumerate(zip(range_key(table), key, strict=False)):
        text = _as_text(table[declared].type, name)
        fields.append(f"'l{i}': length({text}), 't{i}': {text}")
    return f"{{{', '.join(fields)}}}"


def rank_text(table: Table, key: Sequence[str]) -> str:
    """Return a key's place in the order as one text; `key` are the names of these columns.

    Texts sort as the structs of `rank` do, here, in Python and in Spark.
    """
    terms = []
    for declared, name in zip(range_key(table), key, strict=False):
        text = _as_text(table[declared].type, name)
        terms.append(f"lpad(length({text})::VARCHAR, {_DIGITS}, '0') || {text}")
    return " || ".join(terms)


def order(table: Table) -> str:
    """Return the columns of ORDER BY in a range: the table's time, if any, then its key."""
    terms = []
    if table.time:
        terms.append(f'"{table.time}"')
    for name in table.key:
        if table[name].type is Type.STR:
            terms.append(f'length("{name}")')
        terms.append(f'"{name}"')
    return ", ".join(terms)


def cut(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: str, count: int
) -> Iterator[Range]:
    """Divide the rows of a FROM clause into about so many ranges of like size, in order."""
    if count < 2:
        yield Range(table)
        return
    size = min(_MOST_SAMPLED, count * _SAMPLE)
    ranked = rank(table, range_key(table))
    sample = f"(SELECT {ranked} AS cut FROM {rows}) USING SAMPLE reservoir({size} ROWS)"
    tiles = f"SELECT cut, ntile({count}) OVER (ORDER BY cut) AS tile FROM {sample}"
    first = f"SELECT DISTINCT min(cut) OVER (PARTITION BY tile) AS cut FROM ({tiles})"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE cuts AS "
        f"SELECT cut, row_number() OVER (ORDER BY cut) AS number FROM ({first})"
    )
    cuts = connection.execute("SELECT cut FROM cuts ORDER BY number").fetchall()
    is_text = table[table.key[0]].type is Type.STR
    before: dict[str, Any] | None = None
    for number, (after,) in enumerate((*cuts[1:], (None,)), 1):
        lower = upper = None
        if before is not None:
            lower = f"cut{number - 1}"
        if after is not None:
            upper = f"cut{number}"
            value = f"SELECT cut FROM cuts WHERE number = {number + 1}"
            connection.execute(f"SET VARIABLE {upper} = ({value})")
        prunes = before is not None and after is not None and 0 < before["l0"] == after["l0"]
        yield Range(table, lower, upper, prunes and is_text)
        before = after


def between(
    connection: duckdb.DuckDBPyConnection, table: Table, lower: str | None, upper: str | None
) -> Range:
    """Return the range between two cuts, as `rank_text` writes them."""
    first, last = _cut(lower or ""), _cut(upper or "")
    prunes = bool(first and last) and 0 < first[0][0] == last[0][0]
    return Range(
        table, _set_cut(connection, "lower_cut", first), _set_cut(connection, "upper_cut", last),
        prunes and table[table.key[0]].type is Type.STR,
    )


def _set_cut(
    connection: duckdb.DuckDBPyConnection, name: str, cut_: Sequence[tuple[int, str]]
) -> str | None:
    """Set a variable to a cut; return its name, None without a cut."""
    if not cut_:
        return None
    fields = ", ".join(
        f"'l{i}': ${2 * i + 1}::BIGINT, 't{i}': ${2 * i + 2}::VARCHAR" for i in range(len(cut_))
    )
    connection.execute(f"SET VARIABLE {name} = (SELECT {{{fields}}})", list(chain(*cut_)))
    return name


def _cut(text: str) -> list[tuple[int, str]]:
    """Return the length and the text of each column of a key, from a text of `rank_text`."""
    found = []
    while text:
        length, text = int(text[:_DIGITS]), text[_DIGITS:]
        found.append((length, text[:length]))
        text = text[length:]
    return found


def _as_text(type_: Type, name: str) -> str:
    text = f'"{name}"::VARCHAR'
    if type_ is Type.STR:
        text = f'"{name}"'
    if type_ is Type.TIME:
        text = f'epoch_ms("{name}")::VARCHAR'
    return f"coalesce({text}, '')"

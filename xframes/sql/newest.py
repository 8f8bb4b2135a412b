"""The newest known value, as SQL over a table's files.

An observation is one row of one page. Observations are ordered by time, and those of the same
millisecond by a hash of their page, so that the result does not depend on the order of adding.
There are three rules, by the kind of table:

- merged (entities, analytics, counts): for each key and column, the value of the newest observation
  that knows the column. A value is known if it is not null. A null is known if its row is
  `complete` and the column is neither visible to its owner alone nor newer than some requests. A
  column declared `merge="any"` is true if any observation says so; else null if one of them is
  null, because it is from an earlier version, which lacks the column.
- grouped (details): for each parent, the rows of the newest observation that has any, unless a
  newer complete observation of the parent has none.
- newest (all others): for each key, the newest row.

Compacted rows of merged tables combine several observations. Their `observed_at` and `page_id` are
those of the newest one. The hidden map `known_at` has the time of each column that was known
earlier, and as `complete` the time of the newest complete observation. A null in a complete row is
known since then: the newest observation that knows the column is the newest complete one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from xframes.schema import TABLES, Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SQL_TYPES = {
    Type.STR: "VARCHAR",
    Type.INT: "BIGINT",
    Type.FLOAT: "DOUBLE",
    Type.BOOL: "BOOLEAN",
    Type.TIME: "TIMESTAMPTZ",
    Type.DATE: "DATE",
    Type.STRS: "VARCHAR[]",
    Type.JSON: "VARCHAR",
}
KNOWN_TYPE = "MAP(VARCHAR, STRUCT(observed_at TIMESTAMPTZ, tie UBIGINT))"
_PROVENANCE = ("observed_at", "page_id")
_TIES = 2**64


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a table: compacted ones that are unique by key, and all others.

    `is_plain`: no row combines several observations, so that none has `known_at`.
    """

    base: str | None = None
    fresh: str | None = None
    is_plain: bool = False

    @property
    def all(self) -> str | None:
        """All files, as one FROM clause; None without files."""
        rows = [f"SELECT * FROM {source}" for source in (self.base, self.fresh) if source]
        if not rows:
            return None
        return f"({' UNION ALL BY NAME '.join(rows)})"


def quoted(names: Iterable[str], prefix: str = "") -> str:
    """Return column names for a SELECT list."""
    return ", ".join(f'{prefix}"{n}"' for n in names)


def empty(table: Table, *, hidden: bool = True) -> str:
    """Return a SELECT of the table's columns without rows; with `hidden`, also `known_at`."""
    columns = [f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"' for c in table.columns]
    if hidden and table.merges:
        columns.append(f"NULL::{KNOWN_TYPE} AS known_at")
    return f"SELECT {', '.join(columns)} WHERE false"


def failing(table: Table, message: str) -> str:
    """Return a SELECT of the table's columns that stops any query with this message."""
    columns = ", ".join(f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"' for c in table.columns)
    return f"SELECT {columns} FROM range(1) WHERE error('{message}') IS NULL"


def scan_file(path: str) -> str:
    """Return a FROM clause that reads one file as it is."""
    return f"""read_parquet('{path.replace("'", "''")}')"""


def scan(
    table: Table, files: Sequence[str], *, exact: bool = False, numbered: int | None = None
) -> str:
    """Return a FROM clause that reads files.

    Columns that a file lacks (older files, parts) are null; `exact` files have them all. With
    `numbered`, rows have the number of their `_file`, counted from there, and their `_position`.
    """
    if exact:
        return _parquet(files)
    columns = "*"
    if numbered is not None:
        columns = f"*, file_index::BIGINT + {numbered} AS _file, file_row_number AS _position"
    return (
        f"({empty(table)} UNION ALL BY NAME "
        f"SELECT {columns} FROM {_parquet(files, 'union_by_name = true')})"
    )


def _parquet(files: Sequence[str], *options: str) -> str:
    paths = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
    return f"read_parquet({', '.join([f'[{paths}]', *options])})"


@dataclass(frozen=True, slots=True)
class Run:
    """A settled file: its path, its number in the record, whether rows of it do not hold.

    `exact`: it has all present columns; `known_at`: also that one. `rows`: how many it has.
    """

    path: str
    number: int
    has_dead: bool
    exact: bool
    known_at: bool
    rows: int


def settled_rows(table: Table, runs: Sequence[Run], record: str) -> str:
    """Return a FROM clause of the rows of settled files that hold, by the record at this path.

    Nothing is merged: files of one form are read by one plain scan, those with rows that do not
    hold by another one.
    """
    groups: dict[tuple[bool, bool, bool], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.exact, run.known_at, run.has_dead), []).append(run)
    selects = []
    for (exact, known_at, has_dead), group in groups.items():
        columns, option = "rows.*", ["union_by_name = true"]
        known = f", NULL::{KNOWN_TYPE} AS known_at"
        if known_at:
            known = ", rows.known_at"
        if exact:
            columns, option = quoted((c.name for c in table.columns), "rows."), []
            if table.merges:
                columns += known
        select = f"SELECT {columns} FROM {_parquet([run.path for run in group], *option)} AS rows"
        if has_dead:
            select += (
                f", ({_dead_bits(table, group, record)}) AS dead WHERE get_bit("
                "dead.bits[rows.file_index::BIGINT + 1], rows.file_row_number::INTEGER) "
                "IS DISTINCT FROM 1"
            )
        selects.append(select)
    if any(not run.exact for run in runs):
        selects.insert(0, empty(table))
    if len(selects) > 1:
        # of a union that no column is read of, DuckDB reads the first one: let it be a constant
        selects = [select.replace("SELECT ", "SELECT true AS _row, ", 1) for select in selects]
    return f"({' UNION ALL BY NAME '.join(selects)})"


def _dead_bits(table: Table, group: Sequence[Run], record: str) -> str:
    """Return a SELECT of a list with the bits of these files; null for too few bits."""
    numbers = ", ".join(str(run.number) for run in group)
    counts = ", ".join(str(run.rows) for run in group)
    place = f"list_position([{numbers}], file)"
    bits = f"CASE WHEN octet_length(dead) * 8 >= [{counts}][{place}] THEN dead::BIT END"
    return (
        f"SELECT list({bits} ORDER BY {place}) AS bits FROM {_parquet([record])} "
        f"WHERE \"table\" = '{table.name}' AND file IN ({numbers})"
    )


class Scans(Protocol):
    """How a database reads the files of a table: each method returns a FROM clause."""

    def rows(self, table: Table, files: Sequence[str], *, exact: bool = False) -> str:
        """All rows of files, as `scan`."""
        ...

    def settled(self, table: Table, runs: Sequence[Run], record: str) -> str:
        """The rows of settled files that hold, as `settled_rows`."""
        ...


class DuckDBScans:
    """DuckDB reads files by their paths."""

    def rows(self, table: Table, files: Sequence[str], *, exact: bool = False) -> str:
        """All rows of files."""
        return scan(table, files, exact=exact)

    def settled(self, table: Table, runs: Sequence[Run], record: str) -> str:
        """The rows of settled files that hold."""
        return settled_rows(table, runs, record)


def view(table: Table, own: Sources, parent: Sources | None = None) -> str:
    """Return a SELECT of the table's newest known rows.

    `parent` are the files of the parent of a detail table.
    """
    if own.all is None:
        return empty(table, hidden=False)
    parts = [part for part in (unchanged(table, own, parent), changed(table, own, parent)) if part]
    query = " UNION ALL ".join(parts)
    return with_touched(table, own, parent, query)


def with_touched(table: Table, own: Sources, parent: Sources | None, query: str) -> str:
    """Return a query of `unchanged` and `changed` with the CTE `touched`, if they need it."""
    if not own.base or not _has_news(own, parent):
        return query
    return f"WITH touched AS ({touched(table, own, parent)}) {query}"


def unchanged(table: Table, own: Sources, parent: Sources | None) -> str | None:
    """Return a SELECT of compacted rows that hold; the query needs the CTE `touched`.

    None without compacted files.
    """
    if not own.base:
        return None
    query = f"SELECT {quoted(c.name for c in table.columns)} FROM {own.base}"
    if _has_news(own, parent):
        query += f" AS base ANTI JOIN touched ON {same(table, 'base')}"
    return query


def changed(table: Table, own: Sources, parent: Sources | None) -> str | None:
    """Return a SELECT of all other rows, merged; the query needs the CTE `touched`.

    None if compacted rows are all there is.
    """
    if own.base and not _has_news(own, parent):
        return None
    rows = _united(table, own, parent, touched=bool(own.base))
    return f"SELECT {quoted(c.name for c in table.columns)} FROM ({rows})"


def _has_news(own: Sources, parent: Sources | None) -> bool:
    """Whether rows are newer than the compacted ones: their own, or their parents'."""
    return bool(own.fresh) or (parent is not None and bool(parent.fresh))


def share_of(rows: Sources, key: tuple[str, ...], shares: int, share: int) -> Sources:
    """Return the rows of a source whose keys are in one of several shares of like size."""
    test = in_share(key, shares, share)
    base, fresh = rows.base, rows.fresh
    if base:
        base = f"(SELECT * FROM {base} WHERE {test})"
    if fresh:
        fresh = f"(SELECT * FROM {fresh} WHERE {test})"
    return replace(rows, base=base, fresh=fresh)


def in_share(key: tuple[str, ...], shares: int, share: int) -> str:
    """Return a test that the key of a row is in a share."""
    return f"hash({quoted(key)}) % {shares} = {share}"


def moment(seen_at: str, tie: str) -> str:
    """Return the time of an observation as one number: milliseconds, then a hash of the page.

    It is written out at each use, because every connection that reads a view would need a macro.
    """
    return f"(coalesce(epoch_ms({seen_at}), 0)::HUGEINT * {_TIES} + ({tie})::HUGEINT)"


def known_moment(known: str, name: str) -> str:
    """Return the time that a `known_at` map has for a column; null if it has none."""
    entry = f"map_extract({known}, '{name}')[1]"
    return moment(f"struct_extract({entry}, 'observed_at')", f"struct_extract({entry}, 'tie')")


def as_known(place: str) -> str:
    """Return a time, as `moment` writes it, as a value of `known_at`."""
    return (f"{{'observed_at': make_timestamptz(({place} // {_TIES})::BIGINT * 1000), "
            f"'tie': ({place} % {_TIES})::UBIGINT}}")


def key_of(table: Table) -> tuple[str, ...]:
    """Return the columns by which a rule groups rows: the parent of details, else the key."""
    if table.kind == "detail":
        return (table.parent_key,)
    return table.key


def place(table: Table) -> str:
    """Return the time of an observation; rows of one page from several runs have different ones."""
    page = "coalesce(page_id, '')"
    if any(c.name == "run_id" for c in table.body):
        page = f"{page} || '/' || coalesce(run_id, '')"
    return moment("observed_at", f"md5_number_upper({page})")


def complete_place() -> str:
    """Return the time of the newest complete observation in an entity's row; null if none."""
    whole = moment("observed_at", "md5_number_upper(coalesce(page_id, ''))")
    earlier = f"coalesce({known_moment('known_at', 'complete')}, {whole})"
    return f"CASE WHEN complete THEN CASE WHEN known_at IS NULL THEN {whole} ELSE {earlier} END END"


def touched_rows(table: Table, own: Sources, keys: str = "touched") -> str:
    """Return the rows a rule must read: fresh ones, and compacted ones with one of these keys."""
    parts = []
    if own.fresh:
        parts.append(f"SELECT * FROM {own.fresh}")
    if own.base:
        rows = f"SELECT base.* FROM {own.base} AS base"
        parts.append(f"{rows} SEMI JOIN {keys} ON {same(table, 'base', keys)}")
    return " UNION ALL BY NAME ".join(parts)


def merged(
    table: Table,
    rows: str,
    *,
    hidden: bool = False,
    constant: frozenset[str] = frozenset(),
    is_plain: bool = False,
) -> str:
    """Return a SELECT that merges rows by key.

    With `hidden` it also has `known_at`. All values of columns in `constant` are null. With
    `is_plain`, no row has `known_at`, and DuckDB plans the query in a third of the time.
    """
    key = quoted(table.key)
    values = [c for c in table.columns if c.name not in {*table.key, *_PROVENANCE, "complete"}]
    entity = table.kind == "entity"
    aggregates, whole = "", "NULL AS whole"
    if entity:
        aggregates = "bool_or(complete) AS complete, max(whole) AS whole, "
        whole = f"{complete_place()} AS whole"
    columns = []
    for c in values:
        if c.name in constant:
            columns.append(f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"')
            continue
        if c.merge == "any":
            known = f'count("{c.name}") = count(*)'
            columns.append(
                f'CASE WHEN bool_or("{c.name}") OR {known} THEN bool_or("{c.name}") END '
                f'AS "{c.name}"'
            )
            continue
        nulls = entity and c.null_is_known
        at = "place"
        if not is_plain:
            at = _value_place(c.name, nulls=nulls)
        known = f'"{c.name}" IS NOT NULL'
        if nulls:
            known += " OR complete"
        # Rows without a time do not count. With a FILTER for each column, a query takes far longer.
        at = f"CASE WHEN {known} THEN {at} END"
        columns.append(f'arg_max_null("{c.name}", {at}) AS "{c.name}"')
        if hidden:
            columns.append(f'max({at}) AS "at {c.name}"')
    inner = (
        f"SELECT {key}, {', '.join(columns)}, {aggregates}max(place) AS place, "
        f"max(observed_at) AS observed_at, arg_max(page_id, place) AS page_id "
        f"FROM (SELECT *, {place(table)} AS place, {whole} FROM ({rows})) GROUP BY {key}"
    )
    shown = quoted(c.name for c in table.columns)
    if not hidden:
        return f"SELECT {shown} FROM ({inner})"
    names = [c.name for c in values if c.name not in constant and c.merge == "newest"]
    entries = [
        f"{{'k': '{n}', 'v': "
        f"""CASE WHEN "{n}" IS NOT NULL AND "at {n}" <> place THEN "at {n}" END}}"""
        for n in names
    ]
    if entity:
        entries.append("{'k': 'complete', 'v': CASE WHEN whole <> place THEN whole END}")
    entry = f"{{'key': e.k, 'value': {as_known('e.v')}}}"
    older = f"[{entry} for e in [{', '.join(entries)}] if e.v IS NOT NULL]"
    return (
        f"SELECT {shown}, CASE WHEN len(older) > 0 THEN map_from_entries(older) END AS known_at "
        f"FROM (SELECT *, {older} AS older FROM ({inner}))"
    )


def _value_place(name: str, *, nulls: bool) -> str:
    null = ""
    if nulls:
        null = f'WHEN "{name}" IS NULL THEN whole '
    known = known_moment("known_at", name)
    return f"CASE WHEN known_at IS NULL THEN place {null}ELSE coalesce({known}, place) END"


def _united(table: Table, own: Sources, parent: Sources | None, *, touched: bool) -> str:
    rows = touched_rows(table, own)
    if table.merges:
        return merged(table, rows, is_plain=own.is_plain)
    key = quoted(table.key)
    rest = [c.name for c in table.columns if c.name not in table.key]
    if table.kind != "detail":
        columns = ", ".join(f'arg_max_null("{n}", place) AS "{n}"' for n in rest)
        placed = f"SELECT *, {place(table)} AS place FROM ({rows})"
        return f"SELECT {key}, {columns} FROM ({placed}) GROUP BY {key}"
    columns = ", ".join(f'any_value("{n}") AS "{n}"' for n in rest)
    kept = kept_parents(table, parent, touched=touched)
    return (  # `seen` is read twice; in memory it would have columns that no query needs
        f"WITH seen AS NOT MATERIALIZED (SELECT *, {place(table)} AS place FROM ({rows})), {kept} "
        f"SELECT {key}, {columns} FROM seen "
        f'SEMI JOIN kept ON seen."{table.parent_key}" = kept.parent '
        f"AND seen.place = kept.place GROUP BY {key}"
    )


def kept_parents(table: Table, parent: Sources | None, *, touched: bool) -> str:
    """Return the CTEs `head` and `kept` over `seen`.

    `head` has the time of each parent's newest rows, `kept` those that still hold.
    """
    key = quoted([table.parent_key])
    head = f"head AS (SELECT {key} AS parent, max(place) AS place FROM seen GROUP BY {key})"
    kept = "SELECT head.* FROM head"
    if last := _latest_complete(table, parent, touched=touched):
        holds = "last.whole IS NULL OR head.place >= last.whole"
        kept += f" LEFT JOIN ({last}) AS last ON last.parent = head.parent WHERE {holds}"
    return f"{head}, kept AS ({kept})"


def _latest_complete(table: Table, parent: Sources | None, *, touched: bool) -> str:
    """Return a SELECT of each parent's newest complete observation; empty text without parents."""
    if parent is None or parent.all is None:
        return ""
    key = quoted([TABLES[str(table.parent)].key[0]], "above.")
    among = ""
    if touched:
        among = f"SEMI JOIN touched ON {key} = touched.{quoted([table.parent_key])} "
    return (
        f"SELECT {key} AS parent, max({complete_place()}) AS whole "
        f"FROM {parent.all} AS above {among}"
        f"WHERE complete GROUP BY {key}"
    )


def touched(table: Table, own: Sources, parent: Sources | None) -> str:
    """Return a SELECT of the keys whose compacted rows may no longer hold.

    These are the keys of fresh rows, and those of parents with a fresh complete observation.
    """
    key = quoted(key_of(table))
    parts = []
    if own.fresh:
        parts.append(f"SELECT {key} FROM {own.fresh}")
    if parent and parent.fresh:
        column = quoted([TABLES[str(table.parent)].key[0]])
        parts.append(f"SELECT {column} AS {key} FROM {parent.fresh} WHERE complete")
    return f"SELECT DISTINCT {key} FROM ({' UNION ALL '.join(parts) or empty(table)})"


def same(table: Table, left: str, right: str = "touched") -> str:
    """Return a test that two rows have the same key; a part of a key may be null in both."""
    return " AND ".join(f'{left}."{k}" IS NOT DISTINCT FROM {right}."{k}"' for k in key_of(table))

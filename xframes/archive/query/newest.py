"""The newest known value, as SQL over a table's files.

An observation is one row of one page. Observations are ordered by time, those of one millisecond by a hash of their
page, so that every order of adding gives one answer. Three rules, by the kind of table:

- merged (entities, analytics, counts): for each key and column the value of the newest observation that knows the
  column. A value is known when it is not null; a null when the row is `complete` and the column not the owner's.
- grouped (details): for each parent the rows of its newest observation that has any, unless a newer complete
  observation of the parent has none.
- newest (everything else): for each key the newest row.

Compacted rows of merged tables stand for several observations. `observed_at` and `page_id` are the newest one's; where
a column was known earlier, the hidden map `known_at` tells when (`complete`: when the newest complete observation was).
A null in a complete row is known since that moment: then the newest who knows the column is the newest complete one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.archive.storage.parts import merges
from xframes.schema import TABLES, Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SQL_TYPES = {
    Type.STR: "VARCHAR", Type.INT: "BIGINT", Type.FLOAT: "DOUBLE", Type.BOOL: "BOOLEAN", Type.TIME: "TIMESTAMPTZ",
    Type.DATE: "DATE", Type.STRS: "VARCHAR[]", Type.JSON: "VARCHAR",
}
KNOWN_TYPE = "MAP(VARCHAR, STRUCT(observed_at TIMESTAMPTZ, tie UBIGINT))"
_PROVENANCE = ("observed_at", "page_id")
_TIES = 2**64


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a table's rows are: compacted files known to be unique by key, and all the others."""

    base: str | None = None
    fresh: str | None = None

    @property
    def all(self) -> str | None:
        """Every file, as one FROM clause."""
        both = [s for s in (self.base, self.fresh) if s]
        return f"({' UNION ALL BY NAME '.join(f'SELECT * FROM {s}' for s in both)})" if both else None


def quoted(names: Iterable[str], prefix: str = "") -> str:
    """Column names for a SELECT list."""
    return ", ".join(f'{prefix}"{n}"' for n in names)


def empty(table: Table, *, hidden: bool = True) -> str:
    """A SELECT with the table's columns and types and no rows; with `hidden`, also the column of compacted files."""
    columns = [f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"' for c in table.columns]
    if hidden and merges(table.name):
        columns.append(f"NULL::{KNOWN_TYPE} AS known_at")
    return f"SELECT {', '.join(columns)} WHERE false"


def failing(table: Table, message: str) -> str:
    """A SELECT with the table's columns that stops any query with this message."""
    columns = ", ".join(f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"' for c in table.columns)
    return f"SELECT {columns} FROM range(1) WHERE error('{message}') IS NULL"


def scan_file(path: str) -> str:
    """A FROM clause reading one file as it is."""
    return f"""read_parquet('{path.replace("'", "''")}')"""


def scan(table: Table, files: Sequence[str], *, exact: bool = False, numbered: int = 0) -> str:
    """A FROM clause reading files; unless they are `exact`, columns they lack (older ones, parts) read as null.

    With `numbered`, each row has a number `rid`, the same at every reading; files are counted from there.
    """
    paths = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
    if exact and not numbered:
        return f"read_parquet([{paths}])"
    if not numbered:
        return f"({empty(table)} UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], union_by_name = true))"
    names = ", ".join("'" + f.replace("\\", "/").rsplit("/", 1)[-1] + "'" for f in files)
    rid = f"(({numbered} + list_position([{names}], parse_filename(filename)))::BIGINT << 40) + file_row_number AS rid"
    return (
        f"({empty(table)} UNION ALL BY NAME SELECT * EXCLUDE (filename, file_row_number), {rid} "
        f"FROM read_parquet([{paths}], union_by_name = true, filename = true, file_row_number = true))"
    )


def view(table: Table, own: Sources, parent: Sources | None = None) -> str:
    """A SELECT of the table's newest known rows; `parent` are the files of a detail table's parent."""
    shown = quoted(c.name for c in table.columns)
    if own.all is None:
        return empty(table, hidden=False)
    deciding = parent.fresh if parent else None
    if own.base and not own.fresh and not deciding:
        return f"SELECT {shown} FROM {own.base}"
    rows = _united(table, own, parent, touched=bool(own.base))
    if not own.base:
        return f"SELECT {shown} FROM ({rows})"
    through = f"SELECT {shown} FROM {own.base} AS base ANTI JOIN touched ON {same(table, 'base')}"
    return f"WITH touched AS ({touched(table, own, parent)}) {through} UNION ALL SELECT {shown} FROM ({rows})"


def moment(seen_at: str, tie: str) -> str:
    """An observation's place in time as one number: milliseconds, then a hash of the page.

    Written out at each use: a macro would have to exist on every connection that reads a view.
    """
    return f"(coalesce(epoch_ms({seen_at}), 0)::HUGEINT * {_TIES} + ({tie})::HUGEINT)"


def known_moment(known: str, name: str) -> str:
    """The place in time that a `known_at` map has for a column; null without one."""
    entry = f"map_extract({known}, '{name}')[1]"
    return moment(f"struct_extract({entry}, 'observed_at')", f"struct_extract({entry}, 'tie')")


def as_known(place: str) -> str:
    """A place in time as a value of `known_at`."""
    return (f"{{'observed_at': make_timestamptz(({place} // {_TIES})::BIGINT * 1000), "
            f"'tie': ({place} % {_TIES})::UBIGINT}}")


def key_of(table: Table) -> tuple[str, ...]:
    """The columns a rule looks at together: the parent of details, the key of all others."""
    return (table.parent_key,) if table.kind == "detail" else table.key


def place(table: Table) -> str:
    """An observation's place in time; rows of one page told by several runs are told apart, too."""
    page = "coalesce(page_id, '')"
    if any(c.name == "run_id" for c in table.body):
        page = f"{page} || '/' || coalesce(run_id, '')"
    return moment("observed_at", f"md5_number_upper({page})")


def complete_place() -> str:
    """When the newest complete observation was that a row of an entity stands for; null when there was none."""
    whole = moment("observed_at", "md5_number_upper(coalesce(page_id, ''))")
    earlier = f"coalesce({known_moment('known_at', 'complete')}, {whole})"
    return f"CASE WHEN complete THEN CASE WHEN known_at IS NULL THEN {whole} ELSE {earlier} END END"


def touched_rows(table: Table, own: Sources, keys: str = "touched") -> str:
    """The rows the rule must look at: fresh ones, and compacted ones whose key is among `keys`."""
    parts = [f"SELECT * FROM {own.fresh}"] if own.fresh else []
    if own.base:
        parts.append(f"SELECT base.* FROM {own.base} AS base SEMI JOIN {keys} ON {same(table, 'base', keys)}")
    return " UNION ALL BY NAME ".join(parts)


def merged(table: Table, rows: str, *, hidden: bool = False, constant: frozenset[str] = frozenset()) -> str:
    """A SELECT merging rows by key. With `hidden`, also `known_at`; columns in `constant` hold nothing but nulls."""
    key = quoted(table.key)
    values = [c for c in table.columns if c.name not in {*table.key, *_PROVENANCE, "complete"}]
    entity = table.kind == "entity"
    complete = "bool_or(complete) AS complete, max(whole) AS whole, " if entity else ""
    columns = []
    for c in values:
        if c.name in constant:
            columns.append(f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"')
            continue
        nulls = entity and not c.owner
        at = _value_place(c.name, nulls=nulls)
        known = f'"{c.name}" IS NOT NULL' + (" OR complete" if nulls else "")
        columns.append(f'arg_max_null("{c.name}", {at}) FILTER ({known}) AS "{c.name}"')
        if hidden:
            columns.append(f'max({at}) FILTER ({known}) AS "at {c.name}"')
    whole = f"{complete_place()} AS whole" if entity else "NULL AS whole"
    inner = (
        f"SELECT {key}, {', '.join(columns)}, {complete}max(place) AS place, max(observed_at) AS observed_at, "
        f"arg_max(page_id, place) AS page_id FROM (SELECT *, {place(table)} AS place, {whole} FROM ({rows})) "
        f"GROUP BY {key}"
    )
    shown = quoted(c.name for c in table.columns)
    if not hidden:
        return f"SELECT {shown} FROM ({inner})"
    names = [c.name for c in values if c.name not in constant]
    entries = [
        f"""{{'k': '{n}', 'v': CASE WHEN "{n}" IS NOT NULL AND "at {n}" <> place THEN "at {n}" END}}""" for n in names
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
    null = f'WHEN "{name}" IS NULL THEN whole ' if nulls else ""
    known = known_moment("known_at", name)
    return f"CASE WHEN known_at IS NULL THEN place {null}ELSE coalesce({known}, place) END"


def _united(table: Table, own: Sources, parent: Sources | None, *, touched: bool) -> str:
    rows = touched_rows(table, own)
    if merges(table.name):
        return merged(table, rows)
    key = quoted(table.key)
    rest = [c.name for c in table.columns if c.name not in table.key]
    if table.kind != "detail":
        columns = ", ".join(f'arg_max_null("{n}", place) AS "{n}"' for n in rest)
        return f"SELECT {key}, {columns} FROM (SELECT *, {place(table)} AS place FROM ({rows})) GROUP BY {key}"
    columns = ", ".join(f'any_value("{n}") AS "{n}"' for n in rest)
    kept = kept_parents(table, parent, touched=touched)
    return (  # `seen` is read twice: kept in memory, it would hold columns nobody asked for
        f"WITH seen AS NOT MATERIALIZED (SELECT *, {place(table)} AS place FROM ({rows})), {kept} "
        f'SELECT {key}, {columns} FROM seen SEMI JOIN kept ON seen."{table.parent_key}" = kept.parent '
        f"AND seen.place = kept.place GROUP BY {key}"
    )


def kept_parents(table: Table, parent: Sources | None, *, touched: bool) -> str:
    """CTEs `head` and `kept` over `seen`: the place of each parent's newest rows; `kept` where those still hold."""
    key = quoted([table.parent_key])
    head = f"head AS (SELECT {key} AS parent, max(place) AS place FROM seen GROUP BY {key})"
    last = _latest_complete(table, parent, touched=touched)
    holds = "last.whole IS NULL OR head.place >= last.whole"
    over = f"LEFT JOIN ({last}) AS last ON last.parent = head.parent WHERE {holds}" if last else ""
    return f"{head}, kept AS (SELECT head.* FROM head {over})"


def _latest_complete(table: Table, parent: Sources | None, *, touched: bool) -> str:
    """A SELECT of each parent's newest complete observation (`parent`, `whole`); empty text without parent rows."""
    if parent is None or parent.all is None:
        return ""
    key = quoted([TABLES[str(table.parent)].key[0]], "above.")
    among = f"SEMI JOIN touched ON {key} = touched.{quoted([table.parent_key])} " if touched else ""
    return (
        f"SELECT {key} AS parent, max({complete_place()}) AS whole FROM {parent.all} AS above {among}"
        f"WHERE complete GROUP BY {key}"
    )


def touched(table: Table, own: Sources, parent: Sources | None) -> str:
    """A SELECT of the keys whose compacted rows may no longer hold: fresh rows have them, or complete parents do."""
    key = quoted(key_of(table))
    parts = [f"SELECT {key} FROM {own.fresh}"] if own.fresh else []
    if parent and parent.fresh:
        column = quoted([TABLES[str(table.parent)].key[0]])
        parts.append(f"SELECT {column} AS {key} FROM {parent.fresh} WHERE complete")
    return f"SELECT DISTINCT {key} FROM ({' UNION ALL '.join(parts) or empty(table)})"


def same(table: Table, left: str, right: str = "touched") -> str:
    """Whether two rows have one key; a part of a key may be null (a count's query may be unknown)."""
    return " AND ".join(f'{left}."{k}" IS NOT DISTINCT FROM {right}."{k}"' for k in key_of(table))

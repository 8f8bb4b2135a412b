"""Tables that xframes exported, read back: each row as X would have sent it, at its own time."""

from __future__ import annotations

import json
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import put_path
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import COUNT, FLAG, NUMBER, as_time
from xframes.reader.formats.source_format import Format
from xframes.registry import ACTIONS
from xframes.schema import TABLES, Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xframes.reader.formats.file_objects import Notes
    from xframes.registry import Action
    from xframes.schema import Col, Source

READMES = {"about", "README"}  # tables of one column with the README of an export
_MARKS = {"observed_at", "page_id"}
_HOLDERS = {"post": "tweets", "user": "users", "media": "media", "place": "places", "poll": "polls"}
_RULES = "rule_matches"  # the only relation that pages state themselves
_READS = {Type.INT: COUNT, Type.FLOAT: NUMBER, Type.BOOL: FLAG}
_IN_PARAMS = {"counts": ("query", "granularity"), "post_analytics": ("granularity",),
              "media_analytics": ("granularity",)}
_UNREADABLE = (ValueError, TypeError, KeyError, OverflowError)


def table_of(columns: Iterable[str], file: str) -> Table | None:
    """Return the table of ours that has these columns; the name of the file decides among several.

    None if the columns are not those of an export.
    """
    names = set(columns)
    if not names >= _MARKS:
        return None
    stem = PurePath(file.rpartition("!")[2]).name.partition(".")[0]
    fitting = [t for t in TABLES.values() if names >= set(t.key) and _share(t, names) == 1]
    return next((t for t in fitting if t.name == stem), fitting[0] if len(fitting) == 1 else None)


def _share(table: Table, names: set[str]) -> float:
    """Return the share of columns that the table has."""
    return len(names & {c.name for c in table.columns}) / len(names)


@cache
def _action(table: str) -> Action | None:
    """Return the action whose answers state the relations of a table."""
    return next((a for a in ACTIONS.values() if a.edge and a.edge.table == table), None)


def pages(
    table: Table, rows: Iterable[Mapping[str, Any]], notes: Notes
) -> Iterator[Converted]:
    """Return the pages of the rows of a table. Rows of one parent belong together."""
    is_stated = table.kind != "relation" or table.name == _RULES or _action(table.name) is not None
    if table.kind in {"operation", "view"} or not is_stated:
        notes.leave(f"rows of {table.name}", sum(1 for _ in rows))
        return
    waiting: list[dict[str, Any]] = []
    for row in rows:
        is_typed = any(not isinstance(value, str) for value in row.values())
        own = {name: value for name, value in row.items()
               if name and value is not None and (is_typed or value != "")}
        if waiting and _group(table, waiting[0]) != _group(table, own):
            yield from _page(table, waiting, notes)
            waiting = []
        waiting.append(own)
    if waiting:
        yield from _page(table, waiting, notes)


def _group(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what rows of one page share."""
    names: tuple[str, ...] = ("observed_at",)
    if table.parent:
        names += (table.parent_key,)
    action = _action(table.name)
    if action is not None and action.edge is not None and table.kind == "relation":
        names += (action.edge.arg_column,)
    elif table.name == _RULES:
        names += ("post_id",)
    names += _IN_PARAMS.get(table.name, ())
    return tuple(str(row.get(name)) for name in names)


def _page(
    table: Table, rows: Sequence[dict[str, Any]], notes: Notes
) -> Iterator[Converted]:
    try:
        at = as_time(rows[0]["observed_at"])
    except _UNREADABLE:
        at = None
    if table.kind == "relation":
        yield _relations(table, rows, at)
        return
    kind = table.object or ""
    if table.parent:
        objects = [_parent(table, rows, notes)]
    else:
        objects = [_object(table.body, row, notes) for row in rows]
    page: dict[str, Any] = {"data": objects}
    if kind in _HOLDERS and (table.kind != "entity" or kind not in {"post", "user"}):
        page = {"includes": {_HOLDERS[kind]: objects}}
    params = {n: str(rows[0][n]) for n in _IN_PARAMS.get(table.name, ()) if n in rows[0]}
    yield Converted(page, kind, observed_at=at, params=params, is_exact=True)


def _relations(table: Table, rows: Sequence[dict[str, Any]], at: Any) -> Converted:
    action = _action(table.name)
    if action is None or action.edge is None:
        rules = [{"id": row.get("rule_id"), "tag": row.get("tag"), "post_id": row.get("post_id")}
                 for row in sorted(rows, key=_position)]
        return Converted({"data": [], "matching_rules": rules}, "", observed_at=at, is_exact=True)
    data = [{"id": str(row[action.edge.row_column])} for row in rows
            if action.edge.row_column in row]
    args = {action.edge.arg: str(rows[0].get(action.edge.arg_column))}
    return Converted({"data": data}, "", action.name, args, at, is_exact=True)


def _parent(table: Table, rows: Sequence[dict[str, Any]], notes: Notes) -> dict[str, Any]:
    """Return the object to which the rows of a detail table belong."""
    parent = TABLES[str(table.parent)]
    whole: dict[str, Any] = {parent[parent.key[0]].path: str(rows[0].get(table.parent_key))}
    columns = [c for c in table.body if c.name not in {table.parent_key, table.const}]
    for row in sorted(rows, key=_position):
        path = _source(table, row).paths[-1]
        *above, last = path.split(".")
        here = whole
        for part in above:
            here = here.setdefault(part, {})
        own = _object(columns, row, notes)
        here.setdefault(last, []).append(own.get(".", own))
    return whole


def _position(row: Mapping[str, Any]) -> int:
    try:
        return int(COUNT(row.get("position", 0)))
    except _UNREADABLE:
        return 0


def _source(table: Table, row: Mapping[str, Any]) -> Source:
    for source in table.sources:
        if source.const is not None and source.const == row.get(str(table.const)):
            return source
    return table.sources[0]


def _object(
    columns: Sequence[Col], row: Mapping[str, Any], notes: Notes
) -> dict[str, Any]:
    """Return a row as an object of the API v2."""
    whole: dict[str, Any] = {}
    for col in columns:
        if col.name not in row or not col.path:
            continue
        try:
            value = _value(col, row[col.name])
        except _UNREADABLE:
            notes.add_value(col.name, row[col.name], f"expected: {col.type.value}")
            continue
        if col.path == ".":
            whole["."] = value
        else:
            put_path(whole, col.paths[-1], value)
    if row.get("text") and row.get("short_text") and row["text"] != row["short_text"]:
        whole["note_tweet"] = {"text": row["text"]}
        whole["text"] = row["short_text"]
    return whole


def _value(col: Col, value: Any) -> Any:
    if col.type in {Type.JSON, Type.STRS} and isinstance(value, str):
        return json.loads(value)
    if col.type in _READS:
        return _READS[col.type](value)
    if col.type is Type.TIME:
        return as_time(value).isoformat()
    if isinstance(value, str):
        return next((wire for wire, own in col.renames if own == value), value)
    return value if isinstance(value, list) else str(value)


PACKAGE = Format(
    "xframes-datapackage", "the description of xframes' exports", "flat", "json",
    certain=(("$schema", "resources", "xframes"),), convert=lambda _, __: [],
)
OWN = Format(
    "xframes", "xframes' own exports (CSV, JSON, JSON lines, Parquet, Excel, SQLite, DuckDB)",
    "flat", "table",
    tables=tuple(n for n, t in TABLES.items() if t.kind in {"entity", "relation"}),
    cannot_say="the pages and requests behind the rows",
)

"""What a query needs of a view: which columns, and whether in order.

A view that is put together from many tables is then created with no more than that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb


# What can be in a query whose columns are all named. Others (`*`, `COLUMNS`, `#1`, PIVOT,
# DESCRIBE) may read any column.
_PLAIN = {
    "AGGREGATE", "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION",
    "CONSTANT", "FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "PARAMETER", "SUBQUERY", "WINDOW",
    "BASE_TABLE", "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION", "SELECT_NODE",
    "SET_OPERATION_NODE", "TYPE",
}
_TABLES_BY_NAME = {"query", "query_table", "summary"}  # functions that name tables in a text
# Aggregates whose value does not depend on the order of rows
_UNORDERED = {
    "count", "count_star", "count_if", "sum", "avg", "mean", "min", "max", "median",
    "quantile_cont", "quantile_disc", "stddev", "stddev_samp", "stddev_pop", "var_samp", "var_pop",
    "variance", "bool_or", "bool_and", "approx_count_distinct", "mode", "corr",
}
# Functions whose value depends on it
_IN_ORDER = {
    "list", "array_agg", "first", "last", "string_agg", "group_concat", "listagg",
    "json_group_array", "json_group_object", "arbitrary", "any_value",
}


@dataclass
class Needs:
    """What a query needs of a view: some columns, and whether its rows need their order."""

    columns: set[str] = field(default_factory=set)
    are_ordered: bool = False


def needs_of(query: str, view: str, connection: duckdb.DuckDBPyConnection) -> Needs | None:
    """Return what a query needs of a view, as DuckDB parses it.

    None if it may need everything, or if that cannot be said.
    """
    parsed = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
    tree = json.loads(parsed[0]) if parsed else {}
    nodes = list(_nodes(tree))
    tables = [node for node in nodes if _is_table(node, view)]
    aliases = {view, *(str(node.get("alias")).lower() for node in tables)}
    needs = Needs()
    for node in nodes:
        names = _names(node)
        if not _is_plain(node) or (len(names) == 1 and names[0] in aliases):
            return None
        needs.columns.update(names)
    if tree.get("error") or not nodes:
        return None
    reading = [node for node in nodes if node.get("type") == "SELECT_NODE" and _reads(node, view)]
    needs.are_ordered = not all(map(_is_without_order, reading)) or any(map(_is_in_order, nodes))
    return needs


def _nodes(tree: Any, *, but: str = "") -> Iterator[dict[str, Any]]:
    """Yield all objects of a tree, but not those of a class and what is in them."""
    if isinstance(tree, dict):
        if but and tree.get("class") == but:
            return
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _nodes(branch, but=but)


def _is_table(node: dict[str, Any], name: str) -> bool:
    return node.get("type") == "BASE_TABLE" and str(node.get("table_name")).lower() == name


def _is_plain(node: dict[str, Any]) -> bool:
    """Whether all columns that a node of the tree reads are named in it."""
    is_part = "class" in node or "query_location" in node
    if is_part and (node.get("class") or node.get("type")) not in _PLAIN:
        return False
    if node.get("type") == "BASE_TABLE" and node.get("column_name_alias"):
        return False
    return _function(node) not in _TABLES_BY_NAME and node.get("ref_type") != "NATURAL"


def _names(node: dict[str, Any]) -> list[str]:
    """Return the names of columns in a node."""
    names = node.get("column_names") or node.get("using_columns") or []
    return [str(name).lower() for name in names]


def _reads(node: dict[str, Any], view: str) -> bool:
    """Whether a SELECT reads the view itself, not by a subquery."""
    sources = [node.get("from_table") or {}]
    while sources:
        source = sources.pop()
        if _is_table(source, view):
            return True
        if source.get("type") == "JOIN":
            sources += [source["left"], source["right"]]
    return False


def _is_without_order(node: dict[str, Any]) -> bool:
    """Whether the rows of a SELECT do not depend on the order of what it reads."""
    if node.get("group_expressions"):
        return True
    if any(m.get("type") == "ORDER_MODIFIER" for m in node.get("modifiers", [])):
        return True
    return all(
        any(_function(n) in _UNORDERED for n in _nodes(column, but="SUBQUERY"))
        for column in node.get("select_list", [])
    )


def _is_in_order(node: dict[str, Any]) -> bool:
    """Whether the value of a function depends on the order of rows."""
    is_window = node.get("class") == "WINDOW"
    return is_window or _function(node) in _IN_ORDER


def _function(node: dict[str, Any]) -> str:
    return str(node.get("function_name")).lower()

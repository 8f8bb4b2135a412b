"""Which SQL other people's pages or habits may run here: one SELECT over the tables, nothing else.

DuckDB itself parses the text and returns it as JSON. Everything in that JSON is compared with what
is allowed: tables are views of the archive or earlier parts of the same query, functions are on a
list, and all kinds of sources that are not known here are refused.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.frames import readable_sql
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

LONGEST = 100_000  # characters of a query
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# Sources of rows: parts of a query. BASE_TABLE and TABLE_FUNCTION are checked by name.
_SOURCES = frozenset({
    "BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "COLUMN_DATA", "EMPTY",
    "PIVOT",
})
_NODES = frozenset({
    "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
})
_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
# Functions that read more than their arguments: settings, catalogs, other statements, clocks to
# wait for, logs. Volatile ones are refused as well, but for these.
_HARMLESS = frozenset({"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7"})
_FOREIGN = re.compile(
    r"current_(?!date$|timestamp$|localtime)|get_?variable|getenv|json_(?:de)?serialize|"
    r"json_execute|in_search_path|pg_(?!typeof$|size_pretty$)|has_\w+_privilege|inet_|txid_|"
    r"\w*_description$|session_user$|user$|which_secret|sleep|query|read_|write_|get_block_size|"
    r"map_to_pg_oid|map_type_id_to_pg_oid|regexp_split_to_table|nextval|currval|setval|setseed|"
    r"stats$|vector_type$|error$|assert_true$|__internal",
)
_EXPRESSIONS = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT",
    "DEFAULT", "FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR",
    "SUBQUERY", "TYPE", "WINDOW",
})


def checked(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return a query that is one SELECT over the tables, without a semicolon at its end.

    Raises ArgumentError for every other text.
    """
    text = query.strip()
    if not text:
        raise ArgumentError("query: expected a SELECT, got no text")
    if len(text) > LONGEST:
        raise ArgumentError(f"query: expected at most {LONGEST:,} characters, got {len(text):,}")
    with readable_sql():
        statements = connection.extract_statements(text)
    if len(statements) != 1:
        raise ArgumentError(f"query: expected one statement, got {len(statements)}")
    alone = statements[0].query.strip().rstrip(";").strip()
    document = _document(connection, alone)
    _Walk(_functions(connection)).check(document["statements"])
    return alone


def _document(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    with readable_sql():
        rows = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [query]).fetchall()
    try:
        document: dict[str, Any] = json.loads(rows[0][0])
    except RecursionError:
        raise ArgumentError("query: expected less nesting") from None
    if document.get("error") or len(document.get("statements", ())) != 1:
        raise ArgumentError(
            "query: expected a SELECT; statements that change, load, set, attach or show "
            "something are refused"
        )
    return document


def _functions(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the functions of values that a query may call."""
    rows = connection.execute(
        "SELECT DISTINCT function_name, function_type, coalesce(stability, '') "
        "FROM duckdb_functions()"
    ).fetchall()
    return _allowed(frozenset(rows))


@cache
def _allowed(rows: frozenset[tuple[str, str, str]]) -> frozenset[str]:
    refused = {
        name for name, kind, stability in rows
        if _FOREIGN.match(name) or (stability == "VOLATILE" and name not in _HARMLESS)
    }
    named = {
        name for name, kind, _ in rows if kind in {"scalar", "aggregate", "macro", "window"}
    }
    return frozenset(named - refused)


class _Walk:
    """A check of every part of a statement."""

    def __init__(self, functions: frozenset[str]) -> None:
        self._functions = functions

    def check(self, statements: list[dict[str, Any]]) -> None:
        """Raise ArgumentError for the first part that is not allowed."""
        waiting = [(statement, frozenset[str]()) for statement in statements]
        while waiting:  # not recursive, because a statement can be deep
            part, names = waiting.pop()
            waiting += self._parts(part, names)

    def _parts(self, part: Any, names: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
        if isinstance(part, list):
            yield from ((item, names) for item in part)
        if not isinstance(part, dict):
            return
        if "cte_map" in part:
            yield from self._defined(part, names)
            for entry in part["cte_map"]["map"]:
                names |= {entry["key"].lower()}
        if part.get("type") == "RECURSIVE_CTE_NODE":
            names |= {part["cte_name"].lower()}
        self._check_kind(part, names)
        yield from ((value, names) for key, value in part.items() if key != "cte_map")

    @staticmethod
    def _defined(
        part: dict[str, Any], names: frozenset[str]
    ) -> Iterator[tuple[Any, frozenset[str]]]:
        """Yield the queries of WITH: each sees the names before it."""
        for entry in part["cte_map"]["map"]:
            name = entry["key"]
            if not _NAME.fullmatch(name):
                raise ArgumentError(f"query: expected a plain name after WITH, got {name!r:.60}")
            yield entry["value"], names
            names |= {name.lower()}

    def _check_kind(self, part: dict[str, Any], names: frozenset[str]) -> None:
        kind, family = part.get("type"), part.get("class")
        if family is not None:
            if family not in _EXPRESSIONS:
                raise ArgumentError(f"query: {str(family).lower()} is not allowed here")
            if family in {"FUNCTION", "WINDOW"} and "function_name" in part:
                self._check_function(part)
        elif kind == "TABLE_FUNCTION":
            self._check_table_function(part)
        elif kind == "BASE_TABLE":
            self._check_table(part, names)
        elif "alias" in part and "sample" in part and kind not in _SOURCES:
            raise ArgumentError(
                f"query: expected a SELECT over tables, got {str(kind).lower().replace('_', ' ')}"
            )
        elif "modifiers" in part and "cte_map" in part and kind not in _NODES:
            raise ArgumentError(f"query: {str(kind).lower()} is not allowed here")

    def _check_function(self, part: dict[str, Any]) -> None:
        name = part["function_name"].lower()
        place = (part.get("catalog") or "", part.get("schema") or "")
        is_known = name in self._functions or name in _TABLE_FUNCTIONS
        if not is_known or place not in {("", ""), ("", "main"), ("system", "main")}:
            raise ArgumentError(f"query: function {name!r:.60} is not allowed here")

    @staticmethod
    def _check_table_function(part: dict[str, Any]) -> None:
        function = part.get("function") or {}
        name = str(function.get("function_name", "")).lower()
        if function.get("class") != "FUNCTION" or name not in _TABLE_FUNCTIONS:
            raise ArgumentError(
                f"query: table function {name!r:.60} is not allowed here; tables are read by "
                "their names"
            )

    @staticmethod
    def _check_table(part: dict[str, Any], names: frozenset[str]) -> None:
        name = part["table_name"].lower()
        path = [step.lower() for step in (part.get("qualified_name") or {}).get("path", [])]
        place = (part.get("catalog_name") or "", part.get("schema_name") or "")
        is_plain = path in ([], [name]) and place == ("", "")
        is_main = place == ("", "main") and path in ([], ["main", name])
        is_known = name in TABLES or (name in names and is_plain)
        if not is_known or not (is_plain or is_main) or part.get("at_clause"):
            full = ".".join(filter(None, (*place, part["table_name"])))
            raise ArgumentError(
                f"query: expected a table of the archive, got {full!r:.80}; files and other "
                "catalogs cannot be read"
            )

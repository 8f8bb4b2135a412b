"""The tables that a query may read."""

from __future__ import annotations

import re

from xframes.schema import TABLES

_WORD = re.compile(r"\w+")
_CATALOG = ("show", "describe", "summarize", "information_schema", "duckdb_", "pragma", "sqlite_",
            "pg_")


def named_tables(query: str) -> list[str]:
    """Return the tables that a query may read: those whose names are among its words.

    A query about the tables themselves (`SHOW TABLES`, `information_schema`) needs all of them.
    """
    words = {word.lower() for word in _WORD.findall(query)}
    if any(word.startswith(_CATALOG) for word in words):
        return list(TABLES)
    return [name for name in TABLES if name in words]

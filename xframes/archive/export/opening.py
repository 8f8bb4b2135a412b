"""Opening an export again: a DuckDB with every table, without what the export left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.schema import TABLES
from xframes.sql import derivation, macros, newest

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def open_export(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with the tables of an export as Parquet; those left out are empty."""
    import duckdb

    connection = duckdb.connect(config={
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    })
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    macros.define(connection)
    for name, table in TABLES.items():
        rows = newest.empty(table, hidden=False)  # an export leaves out tables and columns
        if (folder / f"{name}.parquet").exists():
            file = newest.scan_file(str(folder / f"{name}.parquet"))
            rows += f" UNION ALL BY NAME FROM {file}"
        extra = ""
        if name == "posts":
            extra = f", {derivation.PLAIN_TEXT} AS plain_text"
        connection.execute(f'CREATE VIEW "{name}" AS SELECT *{extra} FROM ({rows})')
    return connection

"""The results that a report describes: a DuckDB in which they are the table `chosen`."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.archive.export.opening import open_export
from xframes.plot.canvas.moments import zone_of
from xframes.reporting.blocks import MOST_ROWS, Table

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    import pandas as pd

    from xframes.archive import Archive

_MEMORY = 1_000_000_000  # bytes DuckDB may use; the rest goes to a temporary folder


@dataclass(slots=True, weakref_slot=True)
class Selection:
    """Results of an archive, chosen by query and time.

    Parameters
    ----------
    connection
        A DuckDB with the archive's tables, and `chosen`: the chosen rows of `results`.
    archive
        The archive.
    name
        Its name.
    query
        The query whose results were chosen, or None.
    start
    end
        The time of the results, or None.
    tz
        Time zone of days and hours.
    is_pseudonymised
        Whether ids, handles and names are pseudonyms.
    """

    connection: duckdb.DuckDBPyConnection = field(repr=False)
    archive: Archive
    name: str
    query: str | None
    start: datetime | None
    end: datetime | None
    tz: str
    is_pseudonymised: bool
    definition: str = ""

    def sql(self, query: str) -> pd.DataFrame:
        """Run a query and return its rows as a DataFrame.

        Parameters
        ----------
        query
            SQL over the archive's tables and `chosen`. `{tz}` in it is the report's time zone.

        Returns
        -------
        DataFrame
            The rows.

        Examples
        --------
        >>> selection.sql("SELECT lang, count(*) AS posts FROM chosen GROUP BY lang")
        """
        rows: pd.DataFrame = self.connection.sql(self.written(query)).df()
        return rows

    def written(self, query: str) -> str:
        """Return a query with the report's time zone filled in."""
        return query.replace("{tz}", f"'{self.tz}'")

    def value(self, query: str) -> Any:
        """Run a query and return the first value of its first row; None without rows."""
        rows = self.connection.sql(self.written(query)).fetchall()
        return rows[0][0] if rows else None

    def table(self, title: str, query: str, most: int = MOST_ROWS) -> Table | None:
        """Return the first rows of a query as a table of the report; None without any."""
        written = self.written(query)
        # computed once: its rows are shown and counted
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE report_rows AS {written}")
        frame = self.connection.sql(f"FROM report_rows LIMIT {most}").df()
        count = self.value("SELECT count(*) FROM report_rows")
        self.connection.execute("DROP TABLE report_rows")
        if frame.empty:
            return None
        return Table(title, frame.dropna(axis="columns", how="all"), written, count)

    def has(self, table: str) -> bool:
        """Whether a table has rows."""
        return bool(self.value(f'SELECT count(*) FROM (SELECT 1 FROM "{table}" LIMIT 1)'))


def opened(
    archive: Archive, *, query: str | None, start: datetime | None, end: datetime | None, tz: str,
    key: str | bytes | None,
) -> Selection:
    """Return the results that a report describes. Raises ArgumentError for a bad argument."""
    zone_of(tz)
    folder = Path(tempfile.mkdtemp(prefix="xframes-report-"))
    connection = archive.connect()
    if key is not None:
        archive.export(folder / "tables", pseudonymise=key)
        connection = open_export(folder / "tables")
    connection.execute(f"SET memory_limit = '{_MEMORY}B'")
    connection.execute("SET temp_directory = $1", [str(folder)])
    chosen = definition(query, start, end)
    # a table, because every section reads it
    connection.execute(f"CREATE OR REPLACE TEMP TABLE chosen AS {chosen}")
    name = str(archive.path).rstrip("/").rpartition("/")[2]
    selection = Selection(
        connection, archive, name, query, start, end, tz, key is not None, chosen
    )
    weakref.finalize(selection, shutil.rmtree, folder, ignore_errors=True)
    return selection


def definition(query: str | None, start: datetime | None, end: datetime | None) -> str:
    """Return a SELECT of the results of a query and time."""
    tests = []
    if query is not None:
        text = query.replace("'", "''")
        tests.append(
            "id IN (SELECT matches.post_id FROM matches JOIN requests USING (page_id) "
            f"WHERE requests.params->>'query' = '{text}')"
        )
    for sign, time in ((">=", start), ("<", end)):
        if time is not None:
            tests.append(f"created_at {sign} TIMESTAMPTZ '{time:%Y-%m-%d %H:%M:%S}+00'")
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    return f"SELECT * FROM results{where}"

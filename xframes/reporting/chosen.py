"""The results that a report describes: a DuckDB in which they are the view `chosen`.

Nothing of them is held in memory. A query sees the columns that it names and no other: most columns
of results need joins.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.archive.export.opening import open_export
from xframes.plot.canvas.moments import zone_of
from xframes.reporting.blocks import MOST_ROWS, Table
from xframes.sql import derivation
from xframes.sql.needs import needs_of

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    import pandas as pd

    from xframes.archive import Archive

# Bytes DuckDB may use; the rest goes to a temporary folder. A query that may read every column of
# results joins and orders all of them.
_MEMORY, _MEMORY_OF_ALL = 350_000_000, 2_000_000_000


@dataclass(slots=True, weakref_slot=True)
class Selection:
    """Results of an archive, chosen by query and time.

    Parameters
    ----------
    connection
        A DuckDB with the archive's tables, and the view `chosen` of the chosen rows of `results`.
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
    definition
        SQL of `chosen`.
    has_edits
        Whether a post has several versions.
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
    has_edits: bool = True

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
        rows: pd.DataFrame = self._session(query, is_ordered=True).sql(self.written(query)).df()
        return rows

    def rows(self, query: str) -> pd.DataFrame:
        """Run a query that orders its rows itself, and return them as a DataFrame."""
        found: pd.DataFrame = self._session(query).sql(self.written(query)).df()
        return found

    def written(self, query: str) -> str:
        """Return a query with the report's time zone filled in."""
        return query.replace("{tz}", f"'{self.tz}'")

    def value(self, query: str) -> Any:
        """Run a query and return the first value of its first row; None without rows."""
        rows = self._session(query).sql(self.written(query)).fetchall()
        return rows[0][0] if rows else None

    def table(self, title: str, query: str, most: int = MOST_ROWS) -> Table | None:
        """Return the first rows of a query as a table of the report; None without any."""
        written = self.written(query)
        with self._session(query) as session:
            # computed once: its rows are shown and counted
            session.execute(f"CREATE TEMP TABLE report_rows AS {written}")
            frame = session.sql(f"FROM report_rows LIMIT {most}").df()
            count = session.execute("SELECT count(*) FROM report_rows").fetchall()[0][0]
            session.execute("DROP TABLE report_rows")
        if frame.empty:
            return None
        return Table(title, frame.dropna(axis="columns", how="all"), written, count)

    def _session(self, query: str, *, is_ordered: bool = False) -> duckdb.DuckDBPyConnection:
        """Return a session in which results have the columns that a query needs.

        With `is_ordered`, they have their order, if the query needs it.
        """
        session = self.connection.cursor()
        views = [view for view in ("chosen", "results") if re.search(rf"(?i)\b{view}\b", query)]
        needs = [needs_of(self.written(query), view, session) for view in views]
        memory = _MEMORY if all(needs) else _MEMORY_OF_ALL
        session.execute(f"SET memory_limit = '{memory}B'")
        columns = {"id", "created_at"}.union(*(need.columns for need in needs if need))
        if needs and all(needs) and not self.is_pseudonymised:  # a copy is stored as it is
            results = derivation.results(
                derivation.RECEIVED, columns, has_edits=self.has_edits,
                are_ordered=is_ordered and any(need.are_ordered for need in needs if need),
            )
            session.execute(f"CREATE TEMP VIEW results AS {results}")
            session.execute(f"CREATE TEMP VIEW chosen AS {self.definition}")
        return session

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
    connection.execute("SET temp_directory = $1", [str(folder)])
    chosen = definition(query, start, end)
    connection.execute(f"CREATE VIEW chosen AS {chosen}")
    edited = connection.execute("SELECT 1 FROM post_edits WHERE position > 0 LIMIT 1").fetchall()
    name = str(archive.path).rstrip("/").rpartition("/")[2]
    selection = Selection(
        connection, archive, name, query, start, end, tz, key is not None, chosen,
        bool(edited),
    )
    weakref.finalize(selection, shutil.rmtree, folder, ignore_errors=True)
    return selection


def definition(
    query: str | None, start: datetime | None, end: datetime | None, columns: str = "*"
) -> str:
    """Return a SELECT of the results of a query and time, or of some of their columns."""
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
    return f"SELECT {columns} FROM results{where}"

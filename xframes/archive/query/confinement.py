"""A DuckDB that reads nothing but an archive's files, in short sessions that each see one state.

Unlike a connection, it keeps no file between sessions, so that others can compact and purge.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.archive.query.views import Views, connect, stones_of
from xframes.sql import macros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import duckdb

    from xframes.archive.query.hiding import Stones
    from xframes.archive.storage.folder import Folder

SCHEMA = "_xframes"
"""The schema for tables of those who use the sessions; statements of others cannot name it."""
_MEMORY = 2_000_000_000  # bytes DuckDB may use; the rest goes to a temporary folder
_SPILL = 10_000_000_000  # bytes of that folder


@dataclass(frozen=True, slots=True)
class Session:
    """A transaction on the views of an archive.

    `states` has something for each table that differs if its rows may differ; `stones` differ if
    something was removed.
    """

    connection: duckdb.DuckDBPyConnection
    states: Mapping[str, Any]
    stones: Stones | None = None


class ConfinedViews(Views):
    """Views of an archive in a DuckDB that reads no other file and whose settings are locked."""

    def __init__(self, folder: Folder, spill: str) -> None:
        super().__init__(folder)
        self._spill = spill

    def _opened(self) -> duckdb.DuckDBPyConnection:
        connection = connect(self._folder)
        macros.define(connection)
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        confine(connection, [f"{str(self._folder.path).rstrip('/')}/"], self._spill)
        return connection

    def begin(self, names: Iterable[str], query: str = "") -> Session:
        """Begin a transaction that sees the present files of these tables.

        For one query, `results` has the columns that it needs.
        """
        wanted = list(names)
        with self._mutex:
            cursor = self.connection(wanted).cursor()
            cursor.begin()
            cursor.execute("SELECT count(*) FROM duckdb_views()").fetchall()  # it starts with this
            states = {
                name: tuple(map(self._known.get, self._with_sources([name], self._folder.files)))
                for name in wanted
            }
            if query and "results" in wanted:
                self.narrow(cursor, query)
        return Session(cursor, states, stones_of(self._folder))


def confine(connection: duckdb.DuckDBPyConnection, folders: list[str], spill: str) -> None:
    """Let a DuckDB read these folders only, and lock its settings."""
    listed = ", ".join("'" + folder.replace("'", "''") + "'" for folder in folders)
    connection.execute(f"SET memory_limit = '{_MEMORY}B'")
    connection.execute("SET temp_directory = $1", [spill])
    connection.execute(f"SET max_temp_directory_size = '{_SPILL}B'")
    connection.execute("SET python_enable_replacements = false")
    connection.execute(f"SET allowed_directories = [{listed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


class Confined:
    """What `Archive.confined` returns: sessions on the present rows of an archive."""

    def __init__(self, folder: Folder, freshen: Callable[[], None], spill: str) -> None:
        self._folder = folder
        self._freshen = freshen
        self._views = ConfinedViews(folder, spill)

    @contextmanager
    def session(self, tables: Iterable[str], query: str = "") -> Iterator[Session]:
        """Yield a session that sees one state of these tables; no file goes while it runs.

        For one query, `results` has the columns that it needs.
        """
        wanted = list(tables)
        self._freshen()
        with self._views.readers.reading():
            session = self._folder.steady(lambda: self._views.begin(wanted, query))
            try:
                yield session
            finally:
                session.connection.close()

    def own(self) -> duckdb.DuckDBPyConnection:
        """Return a session outside any transaction, for tables in SCHEMA."""
        return self._views.connection([]).cursor()

    def close(self) -> None:
        """Close the database."""
        self._views.close()

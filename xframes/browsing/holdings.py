"""What is browsed: an archive as it grows, or a copy of it with pseudonyms."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from xframes.archive import Archive
from xframes.archive.export.opening import open_export
from xframes.archive.query.confinement import SCHEMA, Session, confine
from xframes.archive.storage.bucket import is_url
from xframes.schema import TABLES
from xframes.sql import macros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb
    import pandas as pd

    from xframes.wire import Page


class Holdings(Protocol):
    """The tables and pages that are shown."""

    name: str
    is_pseudonymised: bool

    def session(self, tables: Iterable[str]) -> contextlib.AbstractContextManager[Session]:
        """Yield a session that sees one state of these tables."""
        ...

    def console(
        self, tables: Sequence[str]
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Yield a DuckDB for a checked statement of the user."""
        ...

    def own(self) -> duckdb.DuckDBPyConnection:
        """Return a session for tables of the browser itself."""
        ...

    def pages(self, page_ids: Iterable[str]) -> Iterator[Page]:
        """Read pages verbatim, without what was removed; none of a copy with pseudonyms."""
        ...

    def row_counts(self) -> dict[str, tuple[int, bool]]:
        """Return the rows of each table in files, and whether the table has exactly as many."""
        ...

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, also those that collect now, the newest first."""
        ...

    def close(self) -> None:
        """Close the database."""
        ...


class LiveHoldings:
    """An archive, at each request as it is then."""

    is_pseudonymised = False

    def __init__(self, archive: Archive) -> None:
        # an object of its own, whose database and settings are not the caller's
        self._source = archive  # a temporary one lives as long as this
        self._archive = Archive(str(archive.path))
        self._confined = self._archive.confined()
        self._registered: _Registered | None = None
        if is_url(str(archive.path)):
            self._registered = _Registered()
        self.name = _name_of(archive)

    def session(self, tables: Iterable[str]) -> contextlib.AbstractContextManager[Session]:
        """Yield a session that sees one state of these tables."""
        return self._confined.session(tables)

    @contextmanager
    def console(self, tables: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a DuckDB for a checked statement; of a bucket, it has the rows as Arrow."""
        with self.session(tables) as session:
            if self._registered is None:
                yield session.connection
                return
            self._registered.fill(session)
        with self._registered.connection.cursor() as cursor:
            yield cursor

    def own(self) -> duckdb.DuckDBPyConnection:
        """Return a session for tables of the browser itself."""
        return self._confined.own()

    def pages(self, page_ids: Iterable[str]) -> Iterator[Page]:
        """Read pages verbatim, without what was removed."""
        return self._archive.pages(page_ids=page_ids)

    def row_counts(self) -> dict[str, tuple[int, bool]]:
        """Return the rows of each table in files, and whether the table has exactly as many."""
        return self._archive.stored_rows()

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, also those that collect now, the newest first."""
        return _newest_first(records(self._archive.runs()))

    def close(self) -> None:
        """Close the database."""
        self._confined.close()
        self._archive.close()


class _Registered:
    """A DuckDB without any file system, whose tables are the rows of an archive as Arrow."""

    def __init__(self) -> None:
        import duckdb

        self.connection = duckdb.connect(config={
            "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        })
        self.connection.execute("SET GLOBAL TimeZone = 'UTC'")
        macros.define(self.connection)
        folder = tempfile.mkdtemp(prefix="xframes-browse-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        confine(self.connection, [], folder)
        self._states: dict[str, Any] = {}

    def fill(self, session: Session) -> None:
        """Register the tables of a session whose rows may have changed."""
        for name, state in session.states.items():
            if self._states.get(name) != state:
                rows = session.connection.sql(f'SELECT * FROM "{name}"').to_arrow_table()
                self.connection.cursor().from_arrow(rows).create_view(name, replace=True)
                self._states[name] = state


class CopiedHoldings:
    """A copy of an archive with pseudonyms, in memory: no file and no page can be read from it."""

    is_pseudonymised = True

    def __init__(self, archive: Archive, key: str | bytes) -> None:
        import duckdb

        folder = Path(tempfile.mkdtemp(prefix="xframes-browse-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        archive.export(folder / "tables", pseudonymise=key)
        self._connection = duckdb.connect(config={
            "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        })
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        macros.define(self._connection)
        self._connection.execute(f"CREATE SCHEMA {SCHEMA}")
        with open_export(folder / "tables") as exported:
            for name in TABLES:
                rows = exported.sql(f'SELECT * FROM "{name}"').to_arrow_table()
                self._connection.from_arrow(rows).create(name)
        shutil.rmtree(folder / "tables")
        confine(self._connection, [], str(folder))
        self.name = "pseudonymised archive"

    @contextmanager
    def session(self, tables: Iterable[str]) -> Iterator[Session]:
        """Yield a session; the copy has one state."""
        with self._connection.cursor() as cursor:
            cursor.begin()
            yield Session(cursor, dict.fromkeys(tables, 0))

    @contextmanager
    def console(self, tables: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a DuckDB for a checked statement of the user."""
        del tables
        with self._connection.cursor() as cursor:
            yield cursor

    def own(self) -> duckdb.DuckDBPyConnection:
        """Return a session for tables of the browser itself."""
        return self._connection.cursor()

    def pages(self, page_ids: Iterable[str]) -> Iterator[Page]:
        """Return no page: their bodies have no pseudonyms."""
        del page_ids
        return iter(())

    def row_counts(self) -> dict[str, tuple[int, bool]]:
        """Return the rows of each table."""
        with self.own() as cursor:
            return {
                name: (cursor.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0], True)
                for name in TABLES
            }

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, the newest first."""
        with self.own() as cursor:
            return _newest_first(cursor.sql("SELECT * FROM runs").to_arrow_table().to_pylist())

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dicts, with None for missing values."""
    plain = rows.astype(object)
    plain = plain.where(plain.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def _name_of(archive: Archive) -> str:
    return str(archive.path).rstrip("/").rpartition("/")[2] or str(archive.path)


def _newest_first(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(runs, key=lambda run: (str(run["started_at"]), run["run_id"]), reverse=True)

"""What is browsed: an archive as it grows, or a copy of it with pseudonyms."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import threading
import weakref
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

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

_BATCH_ROWS = 10_000


class Holdings(Protocol):
    """The tables and pages that are shown."""

    name: str
    is_pseudonymised: bool
    address: str | None
    """The archive, if it is on a disk, where another process can open it."""

    def session(self, tables: Iterable[str]) -> contextlib.AbstractContextManager[Session]:
        """Yield a session that sees one state of these tables."""
        ...

    def files(self, tables: Sequence[str]) -> contextlib.AbstractContextManager[dict[str, str]]:
        """Yield files of Arrow with the present rows of tables; none where there is an address."""
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
        self._snapshots = Snapshots()
        self.address = None
        if not is_url(str(archive.path)):
            self.address = str(archive.path)
        self.name = _name_of(archive)

    def session(self, tables: Iterable[str]) -> contextlib.AbstractContextManager[Session]:
        """Yield a session that sees one state of these tables."""
        return self._confined.session(tables)

    @contextmanager
    def files(self, tables: Sequence[str]) -> Iterator[dict[str, str]]:
        """Yield files of Arrow with the present rows of tables; none of an archive on a disk."""
        if self.address is not None:
            yield {}
            return
        with self.session(tables) as session, self._snapshots.opened(session) as paths:
            yield paths

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
        self._snapshots.close()


class Snapshots:
    """Rows of tables as files of Arrow, for processes that cannot read them where they are."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="xframes-browse-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._mutex = threading.Lock()
        self._numbers = itertools.count(1)
        self._newest: dict[str, tuple[Any, Path]] = {}  # by table, with the state of its rows
        self._readers: Counter[Path] = Counter()

    @contextmanager
    def opened(self, session: Session) -> Iterator[dict[str, str]]:
        """Yield a file with the rows of each table of a session, kept while the block runs."""
        with self._mutex:
            paths = {name: self._path(session, name) for name in session.states}
            self._readers.update(paths.values())
        try:
            yield {name: str(path) for name, path in paths.items()}
        finally:
            with self._mutex:
                self._readers.subtract(paths.values())
                for path in paths.values():
                    self._remove_old(path)

    def _path(self, session: Session, name: str) -> Path:
        state = session.states[name]
        before = self._newest.get(name)
        if before is not None and before[0] == state:
            return before[1]
        path = self._folder / f"{name}-{next(self._numbers)}.arrow"
        reader = session.connection.sql(f'SELECT * FROM "{name}"').to_arrow_reader(_BATCH_ROWS)
        with pa.ipc.new_file(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        self._newest[name] = (state, path)
        if before is not None:
            self._remove_old(before[1])
        return path

    def _remove_old(self, path: Path) -> None:
        """Remove a file that is not the newest of its table, if no query reads it."""
        if not self._readers[path] and path not in {file for _, file in self._newest.values()}:
            with contextlib.suppress(OSError):  # mapped by a process, on Windows
                path.unlink()

    def close(self) -> None:
        """Remove all files."""
        self._finalizer()


class CopiedHoldings:
    """A copy of an archive with pseudonyms, in memory: no file and no page can be read from it."""

    is_pseudonymised = True
    address: str | None = None

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
        self._snapshots = Snapshots()

    @contextmanager
    def session(self, tables: Iterable[str]) -> Iterator[Session]:
        """Yield a session; the copy has one state."""
        with self._connection.cursor() as cursor:
            cursor.begin()
            yield Session(cursor, dict.fromkeys(tables, 0))

    @contextmanager
    def files(self, tables: Sequence[str]) -> Iterator[dict[str, str]]:
        """Yield files of Arrow with the rows of tables."""
        with self.session(tables) as session, self._snapshots.opened(session) as paths:
            yield paths

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
        self._snapshots.close()


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dicts, with None for missing values."""
    plain = rows.astype(object)
    plain = plain.where(plain.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def _name_of(archive: Archive) -> str:
    return str(archive.path).rstrip("/").rpartition("/")[2] or str(archive.path)


def _newest_first(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(runs, key=lambda run: (str(run["started_at"]), run["run_id"]), reverse=True)

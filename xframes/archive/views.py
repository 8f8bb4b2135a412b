"""The DuckDB side of an archive: one view per table, always of the files there are."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive import merging
from xframes.archive.hiding import Stones
from xframes.archive.merging import Sources
from xframes.archive.places import opened
from xframes.archive.store import stored_schema
from xframes.schema import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from xframes.archive.folder import Files, Folder
    from xframes.archive.places import Place


def connect(folder: Folder | None = None, **config: Any) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB in UTC that downloads nothing, with the macros the views need; it reads that archive."""
    import duckdb

    offline = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    connection = duckdb.connect(config=offline | config)
    connection.execute("SET TimeZone = 'UTC'")
    with contextlib.suppress(duckdb.InvalidInputException):  # without ipywidgets notebooks have no bar
        connection.execute("SET enable_progress_bar = false")
    if folder is not None and folder.bucket:
        connection.register_filesystem(folder.bucket.for_duckdb())
    for macro in merging.MACROS:
        connection.execute(macro)
    return connection


class Readers:
    """Says to other processes that files are being read, so that a compaction leaves those it replaced for later.

    A shared lock on a file: any number of readers hold it, it ends with its process, and whoever removes files takes it
    alone for that moment.
    """

    def __init__(self, folder: Folder) -> None:
        self._path = folder.home / ".locks" / "readers.lock"
        self._descriptor: int | None = None
        self._count = 0

    def enter(self) -> None:
        """One more reading begins."""
        self._count += 1
        if self._count == 1:
            self._take(alone=False)

    def leave(self) -> None:
        """One reading has ended."""
        self._count -= 1
        if self._count == 0:
            self._release()

    @contextlib.contextmanager
    def alone(self, wait: float = 0) -> Iterator[bool]:
        """Whether nobody else reads, asked for so many seconds; while inside, nobody begins to."""
        until = time.monotonic() + wait
        while not (taken := self._take(alone=True)) and time.monotonic() < until:
            time.sleep(0.05)
        try:
            yield taken
        finally:
            self._release()
            if self._count:
                self._take(alone=False)

    def _take(self, *, alone: bool) -> bool:
        try:
            import fcntl

            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except ImportError:  # Windows: a file somebody has open cannot be removed there anyway
            return True
        except OSError:  # somebody reads, or the archive is read-only
            return False
        return True

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Views:
    """A connection whose views are brought up to date before each question."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._known: dict[str, tuple[Files, Files | None, Stones | None]] = {}
        self.readers = Readers(folder)

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, its views showing the files there are now."""
        if self._connection is None:
            # A frame that stands in the caller's code can be named in a query, as in `duckdb.sql`.
            self._connection = connect(self._folder, python_scan_all_frames=True)
        self._folder.look()
        files = {name: self._folder.files(name) for name in TABLES}
        stones = stones_of(self._folder)
        for name, table in TABLES.items():
            seen = (files[name], files[table.parent] if table.parent else None, stones)
            if self._known.get(name) != seen:
                self._create(self._connection, table, *seen)
                self._known[name] = seen
        return self._connection

    def _create(
        self, connection: duckdb.DuckDBPyConnection, table: Table, own: Files, parent: Files | None,
        stones: Stones | None,
    ) -> None:
        import duckdb

        from xframes.frames import PLAIN_TEXT

        plain = f", {PLAIN_TEXT} AS plain_text" if table.name == "posts" else ""
        create = f'CREATE OR REPLACE VIEW "{table.name}" AS SELECT *{plain} FROM'
        try:
            connection.execute(f"{create} ({merging.view(table, *sources(table, own, parent, stones=stones))})")
        except (duckdb.Error, pa.ArrowException, OSError) as error:  # a damaged file: the other tables stay usable
            if self._folder.vanished((*own.all, *(parent.all if parent else ()))):
                raise
            text = f"a file of {table.name} cannot be read; verify() tells which, rebuild() makes it anew ({error})"
            quoted = text.replace("'", "''")
            connection.execute(f"{create} (SELECT * FROM ({merging.empty(table, hidden=False)}) UNION ALL "
                               f"{merging.failing(table, quoted)})")

    def relation(self, query: str, params: object = None) -> Any:
        """Ask; files stay where they are as long as the relation lives. None when the query gives no rows."""
        self.readers.enter()
        try:
            found: Any = self._folder.steady(lambda: self.connection().sql(query, params=params))
        except BaseException:
            self.readers.leave()
            raise
        if found is None:
            self.readers.leave()
        else:
            weakref.finalize(found, self.readers.leave)
        return found

    def handed_out(self) -> duckdb.DuckDBPyConnection:
        """The connection, for somebody else; the files its views read stay where they are as long as it lives."""
        self.readers.enter()
        try:
            connection = self.connection()
        except BaseException:
            self.readers.leave()
            raise
        weakref.finalize(connection, self.readers.leave)
        return connection

    def arrow(self, query: str, params: object = None) -> pa.Table:
        """Ask, and fetch everything."""
        self.readers.enter()
        try:
            return self._folder.steady(lambda: self.connection().sql(query, params=params).to_arrow_table())
        finally:
            self.readers.leave()

    def counts(self) -> dict[str, int]:
        """Rows of every table, by name, all of one moment."""
        self.readers.enter()
        try:
            return self._folder.steady(self._count)
        finally:
            self.readers.leave()

    def _count(self) -> dict[str, int]:
        connection = self.connection()
        full = [name for name in TABLES if self._known[name][0].all]
        rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0] for name in full}
        return {name: rows.get(name, 0) for name in TABLES}

    def refresh(self) -> None:
        """Let the views forget files that are about to go; relations not yet evaluated then use the new ones."""
        if self._connection is not None:
            self.connection()

    def close(self) -> None:
        """Close the connection; relations made from it end with it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._known.clear()


def stones_of(folder: Folder) -> Stones | None:
    """The tombstones of an archive; None where nothing was ever removed.

    In a bucket they always hide everywhere: another machine may compact what it read before a purge.
    """
    files = folder.files("tombstones").all
    if not files:
        return None
    everywhere = folder.bucket is not None or bool(folder.buried)
    return Stones(merging.scan(TABLES["tombstones"], [str(p) for p in files]), everywhere=everywhere)


def sources(
    table: Table, own: Files, parent: Files | None = None, *, numbered: bool = False, stones: Stones | None = None
) -> tuple[Sources, Sources | None]:
    """What of these files can be trusted to be unique, and what must be merged.

    A single generation of compacted files is unique by key. Those of a detail table were made against their parent's
    rows: they are trusted only beside the parent's files of the same generation (or none).
    """
    generation = own.generation
    if parent is not None and parent.bases and set(parent.bases) != set(own.bases) and own.bases:
        generation = None
        parent_generation = None
    else:
        parent_generation = parent.generation if parent else None
    found = _sources(table, own, generation, numbered=numbered)
    if stones is not None:
        base = stones.hide(found.base, table.name) if stones.everywhere else found.base
        found = Sources(base, stones.hide(found.fresh, table.name))
    if parent is None:
        return found, None
    return found, _sources(TABLES[str(table.parent)], parent, parent_generation)


def _sources(table: Table, files: Files, generation: str | None, *, numbered: bool = False) -> Sources:
    base = files.bases[generation] if generation else ()
    fresh = files.parts if generation else files.all
    exact = all(is_exact(table.name, p) for p in base)
    return Sources(
        merging.scan(table, [str(p) for p in base], exact=exact, numbered=numbered and 1) if base else None,
        merging.scan(table, [str(p) for p in fresh], numbered=numbered and 1 + len(base)) if fresh else None,
    )


_EXACT: dict[Place, bool] = {}  # compacted files never change; their names are never used again


def is_exact(table: str, path: Place) -> bool:
    """Whether a compacted file has today's columns: then it can be read without looking at any other."""
    if path not in _EXACT:
        _EXACT[path] = pq.read_schema(opened(path)).equals(stored_schema(table))
    return _EXACT[path]

"""The DuckDB side of an archive: one view per table, always of the files there are."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.query import newest
from xframes.archive.query.hiding import Stones
from xframes.archive.query.newest import Sources
from xframes.archive.storage.parts import stored_schema
from xframes.archive.storage.paths import opened
from xframes.archive.storage.readers import Readers
from xframes.schema import TABLES, Table

if TYPE_CHECKING:

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder


def connect(folder: Folder | None = None, **config: Any) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB in UTC that downloads nothing and can read an archive's files.

    Its cursors are the same.
    """
    import duckdb

    offline = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    connection = duckdb.connect(config=offline | config)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    _hide_progress(connection)
    if folder is not None:
        folder.storage.register(connection)
    return connection


def _hide_progress(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    with contextlib.suppress(duckdb.InvalidInputException):  # notebooks without ipywidgets
        connection.execute("SET enable_progress_bar = false")


class Lease:
    """A reading that lasts as long as a DuckDB session, its relations and their readers."""

    def __init__(self, readers: Readers) -> None:
        self._held = pa.table({"held": pa.nulls(0)})
        readers.enter()
        self.end = weakref.finalize(self._held, readers.leave)

    def hold(self, session: duckdb.DuckDBPyConnection) -> None:
        """Let it last as long as this session."""
        _xframes_held = self._held  # the statement names it
        session.execute("PREPARE _held AS FROM _xframes_held")  # unlike a view, in no list

    def hold_all(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let it last as long as this connection or any of its cursors."""
        connection.execute("CREATE SCHEMA _xframes")
        session = connection.cursor()
        session.execute("USE _xframes")  # in the main schema, lists of tables would show it
        session.from_arrow(self._held).create_view("_held")


class Views:
    """A DuckDB whose views are updated before each query. Each query runs on a cursor of its own.

    So an open reader blocks no other query, and threads can share one object.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._mutex = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._known: dict[str, tuple[Files, Files | None, Stones | None]] = {}
        self.readers = Readers(folder)

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, its views showing the files there are now."""
        with self._mutex:
            if self._connection is None:
                # A query can name data frames of the caller, as in `duckdb.sql`.
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

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A session of its own that sees the same views."""
        cursor = self.connection().cursor()
        _hide_progress(cursor)
        return cursor

    def _create(
        self, connection: duckdb.DuckDBPyConnection, table: Table, own: Files, parent: Files | None,
        stones: Stones | None,
    ) -> None:
        import duckdb

        from xframes.frames import PLAIN_TEXT

        plain = f", {PLAIN_TEXT} AS plain_text" if table.name == "posts" else ""
        create = f'CREATE OR REPLACE VIEW "{table.name}" AS SELECT *{plain} FROM'
        try:
            connection.execute(f"{create} ({newest.view(table, *sources(table, own, parent, stones=stones))})")
        except (duckdb.Error, pa.ArrowException, OSError) as error:  # a damaged file: the other tables stay usable
            if self._folder.vanished((*own.all, *(parent.all if parent else ()))):
                raise
            text = f"a file of {table.name} cannot be read; verify() tells which, rebuild() makes it anew ({error})"
            quoted = text.replace("'", "''")
            connection.execute(f"{create} (SELECT * FROM ({newest.empty(table, hidden=False)}) UNION ALL "
                               f"{newest.failing(table, quoted)})")

    def relation(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Query the views. No file is removed while the relation or anything made from it lives."""
        lease = Lease(self.readers)
        try:
            return self._folder.steady(lambda: self._session(lease).sql(query, params=params))
        except BaseException:
            lease.end()  # the error keeps this frame
            raise

    def _session(self, lease: Lease) -> duckdb.DuckDBPyConnection:
        cursor = self.cursor()
        lease.hold(cursor)
        return cursor

    def open_connection(self) -> duckdb.DuckDBPyConnection:
        """Return the connection. No file is removed while it or a cursor of it lives."""
        lease = Lease(self.readers)
        try:
            connection = self._folder.steady(self.connection)
            lease.hold_all(connection)
        except BaseException:
            lease.end()
            raise
        return connection

    def arrow(self, query: str, params: object = None) -> pa.Table:
        """Ask, and fetch everything."""
        self.readers.enter()
        try:
            return self._folder.steady(
                lambda: self.cursor().sql(query, params=params).to_arrow_table()
            )
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
        cursor = self.cursor()
        full = [name for name in TABLES if self._known[name][0].all]
        cursor.begin()  # so that another thread changes no view meanwhile
        count = 'SELECT count(*) FROM "{}"'
        rows = {name: cursor.execute(count.format(name)).fetchall()[0][0] for name in full}
        return {name: rows.get(name, 0) for name in TABLES}

    def refresh(self) -> None:
        """Let the views forget files that are about to go; relations not yet evaluated then use the new ones."""
        if self._connection is not None:
            self.connection()

    def close(self) -> None:
        """Close the connection; relations made from it end with it."""
        with self._mutex:
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
    everywhere = folder.storage.is_shared or bool(folder.buried)
    return Stones(newest.scan(TABLES["tombstones"], [str(p) for p in files]), everywhere=everywhere)


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
        newest.scan(table, [str(p) for p in base], exact=exact, numbered=numbered and 1) if base else None,
        newest.scan(table, [str(p) for p in fresh], numbered=numbered and 1 + len(base)) if fresh else None,
    )


_EXACT: dict[Place, bool] = {}  # compacted files never change; their names are never used again


def is_exact(table: str, path: Place) -> bool:
    """Whether a compacted file has today's columns: then it can be read without looking at any other."""
    if path not in _EXACT:
        _EXACT[path] = pq.read_schema(opened(path)).equals(stored_schema(table))
    return _EXACT[path]

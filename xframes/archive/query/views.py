"""The DuckDB of an archive: one view per table, always over the present files."""

from __future__ import annotations

import contextlib
import threading
import weakref
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.query.hiding import Stones
from xframes.archive.storage.bookkeeping import BASE
from xframes.archive.storage.parts import stored_schema
from xframes.archive.storage.paths import opened
from xframes.archive.storage.readers import Readers
from xframes.schema import STORED, TABLES, Table
from xframes.sql import derivation, macros, newest
from xframes.sql.names import named_tables
from xframes.sql.newest import Scans, Sources

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder
    from xframes.archive.storage.records.settled import Settled

DUCKDB = newest.DuckDBScans()


def connect(folder: Folder | None = None, **config: Any) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB in UTC that downloads nothing and can read an archive's files.

    Its cursors have the same settings.
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
    """A reading of an archive's files that lasts as long as a DuckDB session and its relations."""

    def __init__(self, readers: Readers) -> None:
        self._token = pa.table({"held": pa.nulls(0)})
        readers.enter()
        self.end = weakref.finalize(self._token, readers.leave)

    def hold(self, session: duckdb.DuckDBPyConnection) -> None:
        """Extend it to the life of this session."""
        _xframes_held = self._token  # the statement refers to this name
        session.execute("PREPARE _held AS FROM _xframes_held")  # unlike a view, in no list

    def hold_all(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Extend it to the life of this connection and all its cursors."""
        connection.execute("CREATE SCHEMA _xframes")
        session = connection.cursor()
        session.execute("USE _xframes")  # in the main schema, lists of tables would show it
        session.from_arrow(self._token).create_view("_held")


class Views:
    """A DuckDB whose views are updated before each query. Each query runs on a cursor of its own.

    So an open result does not block other queries, and threads can share one object.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._mutex = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._known: dict[str, tuple[Any, ...]] = {}
        self.readers = Readers(folder)

    def connection(self, names: Iterable[str] = TABLES) -> duckdb.DuckDBPyConnection:
        """Return the connection, with the views of these tables updated to the present files."""
        with self._mutex:
            if self._connection is None:
                # A query can name data frames of the caller, as in `duckdb.sql`.
                self._connection = connect(self._folder, python_scan_all_frames=True)
                macros.define(self._connection)
            wanted = list(names)
            if wanted:
                self._folder.look()
                stones = stones_of(self._folder)
            for name in self._with_sources(wanted):
                self._update(TABLES[name], stones)
            return self._connection

    def _with_sources(self, names: Iterable[str]) -> list[str]:
        """Return tables after those that their views name."""
        wanted: dict[str, None] = {}
        for name in names:
            sources = (*derivation.SOURCES.get(name, ()), name)
            if "posts" in sources and has_unmarked(self._folder.files("posts")):
                wanted["matches"] = None
            wanted |= dict.fromkeys(sources)
        return list(wanted)

    def _update(self, table: Table, stones: Stones | None) -> None:
        """Create the view of a table, if its files are not those that it has."""
        assert self._connection is not None
        if table.kind == "view":
            if table.name not in self._known:
                query = derivation.results(derivation.RECEIVED)
                self._connection.execute(f'CREATE OR REPLACE VIEW "{table.name}" AS {query}')
                self._known[table.name] = ()
            return
        parent = edits = None
        if table.parent:
            parent = self._folder.files(table.parent)
        if table.name == "posts":
            edits = self._folder.files("post_edits")
        own = self._folder.files(table.name)
        state = (own, parent, stones, edits)
        if self._known.get(table.name) != state:
            self._create(table, own, parent, stones, edits)
            self._known[table.name] = state

    def cursor(self, names: Iterable[str] = TABLES) -> duckdb.DuckDBPyConnection:
        """Return a new session with the same views, those of these tables updated."""
        cursor = self.connection(names).cursor()
        _hide_progress(cursor)
        return cursor

    def _create(
        self,
        table: Table,
        own: Files,
        parent: Files | None,
        stones: Stones | None,
        edits: Files | None,
    ) -> None:
        import duckdb

        assert self._connection is not None
        create = f'CREATE OR REPLACE VIEW "{table.name}" AS'
        try:
            query = newest.view(table, *sources(table, own, parent, stones=stones))
            self._connection.execute(f"{create} {derived(table, query, own, edits)}")
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            files = list(own.all)
            for others in filter(None, (parent, edits)):
                files += others.all
            if self._folder.vanished(files):
                raise
            # A file is damaged: only queries of this table raise.
            query = failing(table, error)
            self._connection.execute(f"{create} {derived(table, query)}")

    def relation(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Query the views. No file is removed while the relation or anything made from it lives."""
        lease = Lease(self.readers)
        try:
            return self._folder.steady(lambda: self._relation(lease, query, params))
        except BaseException:
            lease.end()  # the error keeps this frame
            raise

    def _relation(self, lease: Lease, query: str, params: object) -> duckdb.DuckDBPyRelation:
        import duckdb

        try:
            return self._session(lease, named_tables(query)).sql(query, params=params)
        except duckdb.CatalogException:
            if len(self._known) == len(TABLES):
                raise
            return self._session(lease, TABLES).sql(query, params=params)

    def _session(self, lease: Lease, names: Collection[str]) -> duckdb.DuckDBPyConnection:
        cursor = self.cursor(names)
        if names:  # without a table, no file is read
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
        """Run a query and fetch all rows."""
        self.readers.enter()
        try:
            return self._folder.steady(
                lambda: self.cursor(named_tables(query)).sql(query, params=params).to_arrow_table()
            )
        finally:
            self.readers.leave()

    def counts(self) -> dict[str, int]:
        """Return the number of rows of every table, by name, all at the same moment."""
        self.readers.enter()
        try:
            return self._folder.steady(self._count)
        finally:
            self.readers.leave()

    def _count(self) -> dict[str, int]:
        cursor = self.cursor()
        full = [name for name in STORED if self._known[name][0].all]
        if "matches" in full:
            full.append("results")
        cursor.begin()  # so that no other thread changes a view meanwhile
        count = 'SELECT count(*) FROM "{}"'
        rows = {name: cursor.execute(count.format(name)).fetchall()[0][0] for name in full}
        return {name: rows.get(name, 0) for name in TABLES}

    def refresh(self) -> None:
        """Update the views, so that relations not yet evaluated do not use files to be removed."""
        if self._connection is not None:
            self.connection(list(self._known))

    def close(self) -> None:
        """Close the connection; relations made from it end with it."""
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
                self._known.clear()


def failing(table: Table, error: Exception) -> str:
    """Return a SELECT of a table's columns that stops any query, because a file is damaged."""
    text = (
        f"a file of table {table.name} cannot be read: verify() finds it, rebuild() "
        f"creates the table again ({error})"
    )
    empty = newest.empty(table, hidden=False)
    stop = newest.failing(table, text.replace("'", "''"))
    return f"SELECT * FROM ({empty}) UNION ALL {stop}"


def derived(
    table: Table,
    query: str,
    own: Files | None = None,
    edits: Files | None = None,
    scans: Scans = DUCKDB,
) -> str:
    """Return a SELECT of a table's newest known rows with what is derived from others."""
    if table.name == "counts" and own is not None and own.all:
        return derivation.counts(f"({query})", derivation.RECEIVED)
    if table.name != "posts":
        return query
    known = None
    if edits is not None and edits.all:
        known = _scan(STORED["post_edits"], edits.all, scans)
    are_unmarked = own is not None and has_unmarked(own)
    return derivation.posts(f"({query})", known, are_unmarked=are_unmarked)


def has_unmarked(posts: Files) -> bool:
    """Whether files of posts are from a version without `is_result`."""
    return any(lacks(path, "is_result") for path in posts.all)


@lru_cache(maxsize=20_000)  # files never change, and their names are never used again
def lacks(path: Place, column: str) -> bool:
    """Whether a file lacks values of a column that is never null, or cannot be read."""
    try:
        metadata = pq.read_metadata(opened(path))
        names = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
        if column not in names:
            return True
        place = names.index(column)
        groups = [metadata.row_group(i).column(place) for i in range(metadata.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError):
        return False
    return any(group.statistics is None or group.statistics.null_count for group in groups)


def stones_of(folder: Folder, scans: Scans = DUCKDB) -> Stones | None:
    """Return the tombstones of an archive; None if nothing was ever removed.

    In a bucket they filter all files, because another machine may compact rows that it read before
    a purge.
    """
    files = folder.files("tombstones").all
    if not files:
        return None
    everywhere = folder.storage.is_shared or bool(folder.buried)
    rows = scans.rows(TABLES["tombstones"], [str(p) for p in files])
    return Stones(rows, everywhere=everywhere)


def sources(
    table: Table,
    own: Files,
    parent: Files | None = None,
    *,
    stones: Stones | None = None,
    scans: Scans = DUCKDB,
) -> tuple[Sources, Sources | None]:
    """Return the table's files, and its parent's: those that are unique by key, and all others.

    Settled files are unique by key where their record says which rows hold. Without a record, a
    single generation of compacted files is. In a detail table both depend on the parent's rows:
    other files of the parent than those they were compared with may say something newer.
    """
    if own.settled:
        return _settled_sources(table, own, own.settled, parent, stones=stones, scans=scans)
    generation, parent_generation = own.generation, None
    if parent is not None:
        parent_generation = parent.generation
        if parent.bases and own.bases and set(parent.bases) != set(own.bases):
            generation = parent_generation = None
    own_sources = _sources(table, own, generation, scans)
    if stones is not None:
        base = own_sources.base
        if stones.everywhere:
            base = stones.hide(base, table.name)
        fresh = stones.hide(own_sources.fresh, table.name)
        own_sources = replace(own_sources, base=base, fresh=fresh)
    if parent is None:
        return own_sources, None
    return own_sources, _sources(TABLES[str(table.parent)], parent, parent_generation, scans)


def _sources(table: Table, files: Files, generation: str | None, scans: Scans) -> Sources:
    compacted: tuple[Place, ...] = ()
    others = files.all
    if generation:
        compacted = files.bases[generation]
        others = files.parts
    base = None
    if compacted:
        exact = all(is_exact(table.name, path) for path in compacted)
        base = scans.rows(table, [str(p) for p in compacted], exact=exact)
    is_plain = not any(_form(table.name, path).has_known_at for path in files.all)
    return Sources(base, _scan(table, others, scans), is_plain)


def _settled_sources(
    table: Table,
    own: Files,
    record: Settled,
    parent: Files | None,
    *,
    stones: Stones | None,
    scans: Scans,
) -> tuple[Sources, Sources | None]:
    base: str | None = scans.settled(table, runs_of(table, own, record), str(record.place))
    fresh = _scan(table, own.besides(record.files[table.name]), scans)
    if stones is not None:
        # compacted files have nothing that an earlier purge removed; parts may have come later
        if stones.everywhere or not all(map(BASE.fullmatch, record.files[table.name])):
            base = stones.hide(base, table.name)
        fresh = stones.hide(fresh, table.name)
    if parent is None:
        return Sources(base, fresh), None
    above = TABLES[str(table.parent)]
    newer = parent.besides(record.files.get(above.name, ()))
    older = [path for path in parent.all if path not in newer]
    return Sources(base, fresh), Sources(_scan(above, older, scans), _scan(above, newer, scans))


def runs_of(table: Table, own: Files, record: Settled) -> list[newest.Run]:
    """Return the settled files of a table, in the order of their numbers."""
    places = {path.name: path for path in own.all}
    dead = record.dead.get(table.name, {})
    runs = []
    for number, name in enumerate(record.files[table.name]):
        form = _form(table.name, places[name])
        has_dead = number in dead
        run = newest.Run(
            str(places[name]), number, has_dead, form.is_exact, form.is_compacted, form.rows
        )
        runs.append(run)
    return runs


def _scan(table: Table, files: Sequence[Place], scans: Scans) -> str | None:
    return scans.rows(table, [str(p) for p in files]) if files else None


def is_exact(table: str, path: Place) -> bool:
    """Whether a compacted file has the present columns, so that it can be read by itself."""
    return _form(table, path).is_compacted


@dataclass(frozen=True, slots=True)
class _Form:
    """What the footer of a file says: which columns it has, and how many rows.

    `is_exact`: the present columns of its table. `is_compacted`: those, and `known_at` where rows
    are merged. `has_known_at`: at least that one.
    """

    is_exact: bool
    is_compacted: bool
    has_known_at: bool
    rows: int


@lru_cache(maxsize=20_000)  # files never change, and their names are never used again
def _form(table: str, path: Place) -> _Form:
    metadata = pq.read_metadata(opened(path))
    schema = metadata.schema.to_arrow_schema()
    is_compacted = schema.equals(stored_schema(table))
    is_exact = is_compacted or schema.equals(TABLES[table].schema)
    return _Form(is_exact, is_compacted, "known_at" in schema.names, metadata.num_rows)

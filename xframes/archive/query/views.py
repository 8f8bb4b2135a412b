"""The DuckDB of an archive: one view per table, always over the present files."""

from __future__ import annotations

import contextlib
import threading
import weakref
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xframes.archive.query.hiding import Stones
from xframes.archive.storage.bookkeeping import BASE
from xframes.archive.storage.parts import stored_schema
from xframes.archive.storage.paths import opened
from xframes.archive.storage.readers import Readers
from xframes.schema import STORED, TABLES, Table
from xframes.sql import derivation, macros, newest
from xframes.sql.names import named_tables
from xframes.sql.needs import needs_of
from xframes.sql.newest import Scans, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder
    from xframes.archive.storage.records.settled import Settled

_MOST_READ = 50_000  # rows of `post_edits` that are read for a view; it takes 10 ms
DUCKDB = newest.DuckDBScans()


def connect(folder: Folder | None = None, **config: Any) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB in UTC that downloads nothing and can read an archive's files.

    Its cursors have the same settings.
    """
    import duckdb

    offline = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    connection = duckdb.connect(config=offline | config)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # DuckDB plans a relation twice, and would read the footer of each file each time
    connection.execute("SET GLOBAL parquet_metadata_cache = true")
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
            connection = self._connected()
            wanted = list(names)
            if wanted:
                self._folder.look()
                self._update_all(wanted)
            return connection

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = self._opened()
        return self._connection

    def _update_all(self, names: Iterable[str]) -> None:
        """Update the views of tables to the files that were last listed."""
        stones = stones_of(self._folder)
        files = cache(self._folder.files)  # those of a parent are needed for each detail table
        for name in self._with_sources(names, files):
            self._update(TABLES[name], stones, files)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        # A query can name data frames of the caller, as in `duckdb.sql`.
        connection = connect(self._folder, python_scan_all_frames=True)
        macros.define(connection)
        return connection

    def _with_sources(self, names: Iterable[str], files: Callable[[str], Files]) -> list[str]:
        """Return tables after those that their views name."""
        wanted: dict[str, None] = {}
        for name in names:
            sources = (*derivation.SOURCES.get(name, ()), name)
            if "posts" in sources and has_unmarked(files("posts")):
                wanted["matches"] = None
            wanted |= dict.fromkeys(sources)
        return list(wanted)

    def _update(
        self, table: Table, stones: Stones | None, files: Callable[[str], Files]
    ) -> None:
        """Create the view of a table, if its files are not those that it has."""
        assert self._connection is not None
        if table.kind == "view":
            has_edits = self._has_edits(files("post_edits"))
            if self._known.get(table.name) != (has_edits,):
                query = derivation.results(derivation.RECEIVED, has_edits=has_edits)
                self._connection.execute(f'CREATE OR REPLACE VIEW "{table.name}" AS {query}')
                self._known[table.name] = (has_edits,)
            return
        parent = edits = None
        if table.parent:
            parent = files(table.parent)
        if table.name == "posts":
            edits = files("post_edits")
        own = files(table.name)
        state = (own, parent, stones, edits)
        if self._known.get(table.name) != state:
            if edits is not None and not self._has_edits(edits):
                edits = None
            self._create(table, own, parent, stones, edits)
            self._known[table.name] = state

    def _has_edits(self, versions: Files) -> bool:
        """Whether any post has several versions; in a bucket, whether any may have."""
        return may_have_edits(self._folder, versions)

    def cursor(
        self, names: Collection[str] = TABLES, query: str = ""
    ) -> duckdb.DuckDBPyConnection:
        """Return a new session with the same views, those of these tables updated.

        In a session of one query, `results` has the columns that the query needs.
        """
        cursor = self.connection(names).cursor()
        _hide_progress(cursor)
        if query and "results" in names:
            self.narrow(cursor, query)
        return cursor

    def narrow(self, session: duckdb.DuckDBPyConnection, query: str) -> None:
        """Replace `results` in a session by what a query needs of it: most columns need joins."""
        needs = needs_of(query, "results", session)
        if needs is not None:
            select = derivation.results(
                derivation.RECEIVED, needs.columns, are_ordered=needs.are_ordered,
                has_edits=self._has_edits(self._folder.files("post_edits")),
            )
            session.execute(f"CREATE TEMP VIEW results AS {select}")

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

        names = named_tables(query)
        try:
            return self._session(lease, names, query).sql(query, params=params)
        except (duckdb.CatalogException, duckdb.BinderException):
            if len(self._known) == len(TABLES) and "results" not in names:
                raise
            return self._session(lease, TABLES).sql(query, params=params)

    def _session(
        self, lease: Lease, names: Collection[str], query: str = ""
    ) -> duckdb.DuckDBPyConnection:
        cursor = self.cursor(names, query)
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
                lambda: self.cursor(named_tables(query), query)
                .sql(query, params=params)
                .to_arrow_table()
            )
        finally:
            self.readers.leave()

    def table(self, table: Table, query: str) -> pa.Table:
        """Run a query of one table and fetch all rows; without files, nothing is run."""
        self.readers.enter()
        try:
            return self._folder.steady(lambda: self._table(table, query))
        finally:
            self.readers.leave()

    def _table(self, table: Table, query: str) -> pa.Table:
        cursor = self.cursor([table.name])
        if table.kind != "view" and not self._known[table.name][0].all:
            return table.schema.empty_table()
        return cursor.sql(query).to_arrow_table()

    def counts(self) -> dict[str, int]:
        """Return the number of rows of every table, by name, all at the same moment."""
        self.readers.enter()
        try:
            return self._folder.steady(self._count)
        finally:
            self.readers.leave()

    def _count(self) -> dict[str, int]:
        with self._mutex:
            connection = self._connected()
            self._folder.look()
            full = [name for name in STORED if self._folder.files(name).all]
            self._update_all(full)
            has_edits = self._has_edits(self._folder.files("post_edits"))
            cursor = connection.cursor()
        _hide_progress(cursor)
        cursor.begin()  # so that no other thread changes a view meanwhile
        rows = {name: _count_rows(cursor, TABLES[name]) for name in full}
        if "posts" in full and "matches" in full:
            found = derivation.found(has_edits=has_edits)
            (rows["results"], _) = cursor.execute(found).fetchall()[0]
        return {name: rows.get(name, 0) for name in TABLES}

    @property
    def empty(self) -> frozenset[str]:
        """The tables whose views have no files."""
        known = self._known.items()
        return frozenset(n for n, state in known if TABLES[n].kind != "view" and not state[0].all)

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


def _count_rows(cursor: duckdb.DuckDBPyConnection, table: Table) -> int:
    # for count(*) of a union, DuckDB would read all columns
    query = f'SELECT count("{table.columns[0].name}" IS NULL) FROM "{table.name}"'
    return int(cursor.execute(query).fetchall()[0][0])


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


@lru_cache(maxsize=20_000)  # as above
def has_edits(path: Place) -> bool:
    """Whether a file of `post_edits` has a post with another version, or may have, if it is large.

    The same if it cannot be read.
    """
    try:
        with pq.ParquetFile(opened(path)) as file:
            if file.metadata.num_rows > _MOST_READ:
                return True
            return any(
                pc.any(pc.not_equal(pair["post_id"], pair["edit_post_id"])).as_py()
                for pair in file.iter_batches(columns=["post_id", "edit_post_id"])
            )
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return True


def may_have_edits(folder: Folder, versions: Files) -> bool:
    """Whether any post has several versions; in a bucket, whether any may have."""
    if folder.storage.is_shared:
        return bool(versions.all)
    return any(map(has_edits, versions.all))


def stones_of(folder: Folder, scans: Scans = DUCKDB) -> Stones | None:
    """Return the tombstones of an archive; None if nothing was ever removed.

    In a bucket they filter all files, because another machine may compact rows that it read before
    a purge.
    """
    files = folder.files("tombstones").all
    if not files:
        return None
    everywhere = folder.storage.is_shared or bool(folder.new_tombstones)
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
    return Sources(base, _scan(table, others, scans), _is_plain(table, files))


def _is_plain(table: Table, files: Files) -> bool:
    """Whether no row of the files combines several observations."""
    return not any(_form(table.name, path).has_known_at for path in files.all)


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
    own_sources = Sources(base, fresh, _is_plain(table, own))
    if parent is None:
        return own_sources, None
    above = TABLES[str(table.parent)]
    newer = parent.besides(record.files.get(above.name, ()))
    older = [path for path in parent.all if path not in newer]
    return own_sources, Sources(_scan(above, older, scans), _scan(above, newer, scans))


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
    are merged. `has_known_at`: a row has been merged from several observations.
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
    return _Form(is_exact, is_compacted, _has_known_at(metadata), metadata.num_rows)


def _has_known_at(metadata: pq.FileMetaData) -> bool:
    """Whether any row has a `known_at`, or the file does not say that none has."""
    names = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    for place, name in enumerate(names):
        if name.startswith("known_at."):
            groups = [metadata.row_group(i).column(place) for i in range(metadata.num_row_groups)]
            return any(
                group.statistics is None or group.statistics.null_count != group.num_values
                for group in groups
            )
    return False

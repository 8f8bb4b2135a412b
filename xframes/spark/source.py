"""The data source `xframes` of Spark: a table of an archive, read by Python workers.

The driver writes the queries, one for each compacted or settled file and some for the rows that are
still to be merged, and each worker runs its own in DuckDB. Spark does not say which columns a query
needs, so all are read; the views of `register` read less.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from xframes.archive.ingest.access import Access
from xframes.archive.query import views
from xframes.archive.storage.paths import size_of
from xframes.archive.storage.readers import Readers
from xframes.errors import ArgumentError
from xframes.plan.values import moment
from xframes.spark import archive_layout as layout
from xframes.spark import duckdb_workers
from xframes.spark.past import views_until
from xframes.sql import derivation, newest

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence

    import pyarrow as pa

    from xframes.archive.storage.folder import Files, Folder
    from xframes.schema import Table

try:
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
except ImportError:  # the package can be imported without the extra `spark`
    DataSource = DataSourceReader = InputPartition = object

_BATCH_ROWS = 8_192
_SHARE_BYTES = 128_000_000  # of files whose rows one worker merges
_OLDER = "_xframes_older"


class XframesDataSource(DataSource):  # type: ignore[misc]  # pyspark is not always installed
    """A table of an archive as a data source of Spark.

    Its rows are those that `Archive.sql` shows. Options: `table` (a table of `xf.schema`) and
    `as_of` (a moment, as for `Archive.as_of`). Compacted and settled files are a partition each.
    `results`, `counts` and `as_of` are read by a single worker; `register` distributes them.

    Examples
    --------
    >>> spark.dataSource.register(xframes.spark.XframesDataSource)
    >>> spark.read.format("xframes").option("table", "posts").load("my-archive").count()
    """

    def __init__(self, options: MutableMapping[str, str]) -> None:
        super().__init__(options)
        self._table = layout.checked_table(options.get("table", ""))
        self._address = options.get("path", "")
        if not self._address:
            raise ArgumentError("path: expected the folder or URL of an archive in load(…), got "
                                "nothing")
        self._as_of = options.get("as_of")
        if self._as_of is not None:
            moment("as_of", self._as_of)  # an error before any work

    @classmethod
    def name(cls) -> str:
        """Return the name for `format`."""
        return "xframes"

    def schema(self) -> str:
        """Return the columns of the table."""
        return layout.columns(self._table)

    def reader(self, schema: object) -> TableReader:
        """Return a reader of the table."""
        del schema
        return TableReader(self._table, self._address, self._as_of)


class TableReader(DataSourceReader):  # type: ignore[misc]  # pyspark is not always installed
    """Reads a table of an archive.

    A partition is the query of its rows, or None for the whole table, with the ids of the older
    versions of edited posts.
    """

    def __init__(self, table: Table, address: str, as_of: str | None) -> None:
        self.table = table
        self.address = address
        self.as_of = as_of

    def partitions(self) -> Sequence[Any]:
        """Return the queries, for the archive's present files."""
        folder = layout.opened(self.address)
        readers = Readers(folder)
        with readers.reading():
            Access(folder, readers).freshen()
            planned = folder.steady(lambda: self._planned(folder))
        return [InputPartition(each) for each in planned]

    def _planned(self, folder: Folder) -> list[tuple[str | None, pa.Table | None]]:
        folder.look()
        table = self.table
        if self.as_of is not None or table.name in derivation.SOURCES:
            return [(None, None)]
        own = folder.files(table.name)
        if table.name == "posts" and views.has_unmarked(own):
            return [(None, None)]
        parent = None
        if table.parent:
            parent = folder.files(table.parent)
        queries = _queries(folder, table, own, parent)
        if table.name != "posts":
            return [(query, None) for query in queries]
        older, source = None, None
        if folder.files("post_edits").all:
            source = _OLDER
            with contextlib.closing(views.Views(folder)) as shown:
                older = shown.arrow("SELECT id FROM posts WHERE NOT is_latest")
        return [(derivation.posts(f"({query})", None, older=source), older) for query in queries]

    def read(self, partition: Any) -> Iterator[pa.RecordBatch]:
        """Read the rows of a partition, in a worker."""
        folder = layout.opened(self.address, only_read=True)
        with Readers(folder).reading():
            query, older = partition.value
            if query is None:
                yield from self._read_whole(folder)
                return
            tables = {}
            if older is not None:
                tables[_OLDER] = older
            for rows in duckdb_workers.read(folder, query, tables):
                yield layout.as_shown(rows, self.table)

    def _read_whole(self, folder: Folder) -> Iterator[pa.RecordBatch]:
        with contextlib.ExitStack() as stack:
            if self.as_of is not None:
                shown = stack.enter_context(views_until(folder, moment("as_of", self.as_of)))
            else:
                shown = stack.enter_context(contextlib.closing(views.Views(folder)))
            query = f'SELECT * FROM "{self.table.name}"'
            for rows in shown.relation(query).to_arrow_reader(_BATCH_ROWS):
                yield layout.as_shown(rows, self.table)


def _queries(
    folder: Folder, table: Table, own: Files, parent: Files | None
) -> Iterator[str]:
    """Find the queries of a table's newest known rows; together they are the table's view."""
    stones = views.stones_of(folder)
    compacted = _compacted(table, own, parent)
    for name in compacted:
        scans = _OneFile(table, name)
        rows, above = views.sources(table, own, parent, stones=stones, scans=scans)
        query = newest.unchanged(table, rows, above)
        yield newest.with_touched(table, rows, above, str(query))
    rows, above = views.sources(table, own, parent, stones=stones)
    shares = 1 + sum(map(size_of, own.besides(compacted))) // _SHARE_BYTES
    for share in range(shares):
        part = rows
        if shares > 1:
            part = newest.share_of(rows, newest.key_of(table), shares, share)
        query = newest.changed(table, part, above)
        if rows.all is not None and query is not None:
            yield newest.with_touched(table, part, above, query)


def _compacted(table: Table, own: Files, parent: Files | None) -> Sequence[str]:
    """Return the names of files that are unique by key, which `sources` calls the base."""
    if own.settled:
        return own.settled.files[table.name]
    if own.generation is None:
        return ()
    if parent is not None and parent.bases and set(parent.bases) != set(own.bases):
        return ()
    return [path.name for path in own.bases[own.generation]]


class _OneFile(newest.DuckDBScans):
    """Scans that read one of the table's compacted files instead of all."""

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self._name = name

    def rows(self, table: Table, files: Sequence[str], *, exact: bool = False) -> str:
        """All rows of files."""
        chosen = [path for path in files if path.endswith(f"/{self._name}")]
        if table is self._table and chosen:
            files = chosen
        return super().rows(table, files, exact=exact)

    def settled(self, table: Table, runs: Sequence[newest.Run], record: str) -> str:
        """The rows of settled files that hold."""
        chosen = [run for run in runs if run.path.endswith(f"/{self._name}")]
        return super().settled(table, chosen, record)

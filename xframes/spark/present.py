"""The rows of an archive as it is, for its views on Spark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.query import views
from xframes.archive.storage.paths import size_of
from xframes.schema import STORED, Table
from xframes.spark.duckdb_workers import frame_of
from xframes.spark.scans import SparkScans
from xframes.sql import newest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xframes.archive.storage.folder import Files, Folder
    from xframes.sql.newest import Sources


_NEWS_BYTES = 256_000_000  # of files whose rows one worker merges


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table, and those of its parent.

    `merged` are the rows that are neither unchanged nor, by the keys in `touched`, replaced, as
    data frames to be shared; None where Spark merges them in each query.
    """

    own: Sources
    parent: Sources | None
    merged: Any = None
    touched: Any = None


class PresentRows:
    """The rows of all tables, as scans of files."""

    def __init__(self, spark: Any, folder: Folder, *, is_native: bool) -> None:
        self._spark = spark
        self._folder = folder
        self._scans = SparkScans(spark, folder, is_native=is_native)
        self._stones = views.stones_of(folder, self._scans)
        self._edits = folder.files("post_edits")
        self.has_edits = views.may_have_edits(folder, self._edits)
        self.are_unmarked = views.has_unmarked(folder.files("posts"))

    def of(self, table: Table) -> Rows | str:
        """Return the rows of a table; a SELECT that stops any query if a file is damaged."""
        own, parent = self._folder.files(table.name), None
        if table.parent:
            parent = self._folder.files(table.parent)
        try:
            rows, above = views.sources(
                table, own, parent, stones=self._stones, scans=self._scans
            )
        except (pa.ArrowException, OSError) as error:
            if self._folder.vanished([*own.all, *(parent.all if parent else ())]):
                raise
            return views.derived(table, views.failing(table, error))
        if not 0 < _news_bytes(table, own, parent) <= _NEWS_BYTES:
            return Rows(rows, above)
        return self._merged(table, Rows(rows, above))

    def _merged(self, table: Table, rows: Rows) -> Rows:
        """Let DuckDB merge the rows in a worker: they are few, and Spark would plan it for long."""
        own, parent = self._folder.files(table.name), None
        if table.parent:
            parent = self._folder.files(table.parent)
        files, above = views.sources(table, own, parent, stones=views.stones_of(self._folder))
        changed = newest.changed(table, files, above)
        if changed is None:
            return rows
        query = newest.with_touched(table, files, above, changed)
        merged, touched = self._frame(query, table.schema.names, table), None
        if files.base is not None:
            keys = newest.touched(table, files, above)
            touched = self._frame(keys, newest.key_of(table), table)
        return replace(rows, merged=merged, touched=touched)

    def _frame(self, query: str, columns: Sequence[str], table: Table) -> Any:
        schema = pa.schema([table.schema.field(name) for name in columns])
        return frame_of(self._spark, self._folder.address, query, schema)

    def edits(self) -> str:
        """Return the name of all rows of `post_edits`."""
        return self._scans.rows(STORED["post_edits"], [str(path) for path in self._edits.all])

    def forget(self) -> None:
        """Drop the names of scans."""
        self._scans.forget()


def _news_bytes(table: Table, own: Files, parent: Files | None) -> int:
    known: Sequence[str] = ()
    if own.settled:
        known = own.settled.files[table.name]
    elif own.generation:
        known = [path.name for path in own.bases[own.generation]]
    places = own.besides(known)
    if parent is not None and own.settled:
        places += parent.besides(own.settled.files.get(str(table.parent), ()))
    elif parent is not None:
        places += parent.parts
    return sum(map(size_of, places))

"""The tables of an archive as temporary views of a Spark session."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from xframes.archive.ingest.access import Access
from xframes.archive.storage.readers import Readers
from xframes.plan.values import moment
from xframes.schema import STORED, TABLES, Table
from xframes.spark import archive_layout as layout
from xframes.spark import past
from xframes.spark.dialect import to_spark
from xframes.spark.present import PresentRows
from xframes.spark.shared_frames import SharedFrames
from xframes.spark.text_functions import text_function
from xframes.sql import derivation, macros, newest

if TYPE_CHECKING:
    import os

    from xframes.archive.storage.folder import Folder
    from xframes.plan.values import Time
    from xframes.spark.present import Rows

log = logging.getLogger("xframes")
# What each session keeps in memory for its views, until it registers others.
_SHARED: WeakKeyDictionary[Any, SharedFrames] = WeakKeyDictionary()


def register(
    spark: Any, url: str | os.PathLike[str], as_of: Time | None = None
) -> list[str]:
    """Create a temporary view for every table of an archive in a Spark session.

    The views have the names, columns and rows that `Archive.sql` shows: the newest known value of
    every column, without what was removed, with `results`, in UTC (the time zone of the session is
    set to it). The functions `words`, `emoji` and `domain` are there too. Spark reads the Parquet
    files itself, on any storage that it knows (`s3://` as `s3a://`); where it lacks the library for
    a URL, its Python workers read them through fsspec.
    They have the present rows. Call this again, which replaces the views, for rows that are added
    later, and when queries miss a file because the archive was compacted or rows were removed.

    Parameters
    ----------
    spark
        A SparkSession. Its workers need xframes, and the archive at the same path or URL.
    url
        A folder or a URL, as for `Archive`.
    as_of
        Show the archive as it was at this moment, from its pages: an aware datetime, ISO 8601 text
        or a date, which is its midnight in UTC. Default: the present.

    Returns
    -------
    list of str
        The names of the views.

    Raises
    ------
    ArchiveError
        If there is no archive, or no page as old as `as_of`.
    ArgumentError
        If `as_of` is invalid or lacks its time zone.

    Examples
    --------
    >>> xframes.spark.register(spark, "my-archive")
    >>> spark.sql("SELECT lang, count(*) FROM posts GROUP BY lang").show()
    """
    until = None
    if as_of is not None:
        until = moment("as_of", as_of)
    folder = layout.opened(url)
    readers = Readers(folder)
    with readers.reading():
        Access(folder, readers).freshen()
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        folder.steady(lambda: _create(spark, folder, until))
    return list(TABLES)


def _create(spark: Any, folder: Folder, until: Any) -> None:
    folder.look()
    for name, macro in macros.MACROS.items():
        spark.udf.register(name, text_function(name, macro.returns))
    shared = SharedFrames(spark)
    try:
        if until is None:
            rows = PresentRows(spark, folder, is_native=_is_native(spark, folder))
            _create_from(spark, rows, shared)
        elif past.is_small(folder):
            for name, frame in past.small_frames(spark, folder, until, shared).items():
                frame.createOrReplaceTempView(name)
        else:
            _create_from(spark, past.PastRows(spark, folder, until, shared), shared)
    except BaseException:
        shared.forget()
        raise
    finally:
        shared.drop_names()
    before = _SHARED.pop(spark, None)
    if before is not None:
        before.forget()
    _SHARED[spark] = shared


def _create_from(spark: Any, rows: PresentRows | past.PastRows, shared: SharedFrames) -> None:
    try:
        _Views(spark, rows, shared).create()
    finally:
        rows.forget()


def _is_native(spark: Any, folder: Folder) -> bool:
    """Whether Spark can read the archive's files itself."""
    if not folder.storage.is_shared:
        return True
    if folder.storage.in_process:
        return False
    try:
        spark.read.text(layout.hadoop_path(f"{folder.path}/xframes.json")).first()
    except Exception as error:  # noqa: BLE001  # each storage's library has errors of its own
        reason = str(error).strip().partition("\n")[0]
        log.warning(
            "%s: Spark cannot read this storage itself, so its Python workers read whole files "
            "through fsspec: %.300s", folder.path, reason,
        )
        return False
    return True


class _Views:
    """The views of an archive, as it is or was.

    What views read several times, or what takes many steps for few rows, is a shared frame: the
    rows that are not settled, merged, and which posts are older versions of others. So the plan of
    `results`, which names `posts` six times, stays short.
    """

    def __init__(
        self, spark: Any, rows: PresentRows | past.PastRows, shared: SharedFrames
    ) -> None:
        self._spark = spark
        self._rows = rows
        self._shared = shared

    def create(self) -> None:
        """Create the view of every table, and `results`."""
        # `posts` may need `matches`, and `counts` need `requests`
        for name in sorted(STORED, key=lambda name: name in {"posts", *derivation.SOURCES}):
            query = to_spark(self._query(STORED[name]))
            self._spark.sql(query).createOrReplaceTempView(name)
        has_edits = self._rows.has_edits
        results = derivation.results(derivation.RECEIVED, has_edits=has_edits)
        if has_edits:
            older = derivation.superseded("post_edits", "posts")
            results = results.replace(older, f"SELECT * FROM {self._shared.add(older)}")
        self._spark.sql(to_spark(results)).createOrReplaceTempView("results")

    def _query(self, table: Table) -> str:
        """Return the SELECT of a table: that of DuckDB, over scans of Spark and shared frames."""
        found = self._rows.of(table)
        if isinstance(found, str):
            return found
        query = self._merged(table, found)
        if table.name == "counts" and found.own.all is not None:
            return derivation.counts(f"({query})", derivation.RECEIVED)
        if table.name != "posts":
            return query
        older = None
        if self._rows.has_edits:
            older = self._shared.add(derivation.superseded(self._rows.edits(), f"({query})"))
        return derivation.posts(
            f"({query})", None, are_unmarked=self._rows.are_unmarked, older=older
        )

    def _merged(self, table: Table, rows: Rows) -> str:
        """Return a SELECT of the newest known rows; if few are merged, these are shared."""
        if rows.merged is None:
            return newest.view(table, rows.own, rows.parent)
        columns = newest.quoted(c.name for c in table.columns)
        merged = f"SELECT {columns} FROM {self._shared.add_frame(rows.merged)}"
        if rows.touched is None:
            return merged
        keys = f"SELECT * FROM {self._shared.add_frame(rows.touched)}"
        unchanged = newest.unchanged(table, rows.own, rows.parent)
        return f"WITH touched AS ({keys}) {unchanged} UNION ALL {merged}"

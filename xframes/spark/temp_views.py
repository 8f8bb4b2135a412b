"""The tables of an archive as temporary views of a Spark session."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pyarrow as pa

from xframes.archive.ingest.access import Access
from xframes.archive.query import views
from xframes.archive.storage.readers import Readers
from xframes.plan.values import moment
from xframes.schema import STORED, TABLES, Table
from xframes.spark import archive_layout as layout
from xframes.spark import past
from xframes.spark.dialect import to_spark
from xframes.spark.scans import SparkScans
from xframes.spark.text_functions import text_function
from xframes.sql import derivation, macros, newest

if TYPE_CHECKING:
    import os

    from xframes.archive.query.hiding import Stones
    from xframes.archive.storage.folder import Folder
    from xframes.plan.values import Time

log = logging.getLogger("xframes")
# What each session keeps in memory for its views of the past, until it registers others.
_CACHED: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


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
    cached = None
    if until is None:
        scans = SparkScans(spark, folder, is_native=_is_native(spark, folder))
        stones = views.stones_of(folder, scans)
        queries = {name: _query(folder, STORED[name], stones, scans) for name in STORED}
        frames = scans.frames
    else:
        cached = past.flattened(spark, folder, until)
        frames = past.scans(cached)
        queries = {name: _query_of_past(STORED[name]) for name in STORED}
    for name, macro in macros.MACROS.items():
        spark.udf.register(name, text_function(name, macro.returns))
    for name, frame in frames.items():
        frame.createOrReplaceTempView(name)
    try:
        # `posts` may need `matches`, and `counts` need `requests`
        for name in sorted(STORED, key=lambda name: name in {"posts", *derivation.SOURCES}):
            spark.sql(to_spark(queries[name])).createOrReplaceTempView(name)
        results = to_spark(derivation.results(derivation.RECEIVED))
        spark.sql(results).createOrReplaceTempView("results")
    finally:
        for name in frames:  # the views have what they need of them
            spark.catalog.dropTempView(name)
    before = _CACHED.pop(spark, None)
    if before is not None:
        before.unpersist()
    if cached is not None:
        _CACHED[spark] = cached


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


def _query(folder: Folder, table: Table, stones: Stones | None, scans: SparkScans) -> str:
    """Return the SELECT of a table, as DuckDB runs it, over scans of Spark."""
    parent = edits = None
    if table.parent:
        parent = folder.files(table.parent)
    if table.name == "posts":
        edits = folder.files("post_edits")
    own = folder.files(table.name)
    try:
        query = newest.view(table, *views.sources(table, own, parent, stones=stones, scans=scans))
        return views.derived(table, query, own, edits, scans)
    except (pa.ArrowException, OSError) as error:
        if folder.vanished([*own.all, *(parent.all if parent else ())]):
            raise
        return views.derived(table, views.failing(table, error))


def _query_of_past(table: Table) -> str:
    """Return the SELECT of a table over the rows of pages."""
    own = newest.Sources(fresh=past.scan_of(table.name), is_plain=True)
    parent = None
    if table.parent:
        parent = newest.Sources(fresh=past.scan_of(table.parent), is_plain=True)
    query = newest.view(table, own, parent)
    if table.name == "counts":
        return derivation.counts(f"({query})", derivation.RECEIVED)
    if table.name == "posts":
        return derivation.posts(f"({query})", past.scan_of("post_edits"))
    return query

"""Pages of any Spark DataFrame as tables: the same `Flattener`, in `mapInArrow`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.storage.parts import PAGES, gathered, size
from xframes.errors import ArgumentError
from xframes.flattening import Flattener
from xframes.schema import STORED
from xframes.wire import Page, Request, page_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyspark.sql import DataFrame

_NEEDED = ("body", "received_at")


@dataclass(frozen=True, slots=True)
class _Flattening:
    """Pages in, rows of one table out."""

    table: str
    schema: pa.Schema

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        flattener = Flattener()
        for pages in gathered(_pages(batches), size):
            tables = flattener.batch(pages)
            if self.table in tables:
                yield from tables[self.table].cast(self.schema).to_batches()


def flatten(
    pages: DataFrame, *, tables: str | Iterable[str] | None = None
) -> dict[str, DataFrame]:
    """Turn a DataFrame of pages into one DataFrame per table, as `xf.flatten` does.

    Nothing is read until a table is used; then its pages are flattened by the executors. Rows are
    those of each page: the newest of several observations is not chosen.

    Parameters
    ----------
    pages
        One row per page, with the columns of the files in an archive's `pages/`: at least `body`
        (binary or text) and `received_at`. Keep its batches small: a page may have 1 MB, see
        Spark's setting `spark.sql.execution.arrow.maxRecordsPerBatch`.
    tables
        Names of tables. Default: all that pages can have.

    Returns
    -------
    dict
        A DataFrame for each table.

    Raises
    ------
    ArgumentError
        If a column is missing, or a table is not known.

    Examples
    --------
    >>> jobs.flatten(spark.read.parquet("archive/pages"))["posts"].count()
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    if missing := [name for name in _NEEDED if name not in pages.columns]:
        got = ", ".join(pages.columns)
        raise ArgumentError(f"pages: expected a column {missing[0]}, got {got}")
    if isinstance(tables, str):
        tables = [tables]
    chosen = list(tables or STORED)
    if unknown := [name for name in chosen if name not in STORED]:
        expected = ", ".join(STORED)
        raise ArgumentError(f"tables: expected names among {expected}, got {unknown[0]!r}")
    columns = [name for name in PAGES.names if name in pages.columns]
    source = pages.select(*columns)
    found = {}
    for name in chosen:
        schema = STORED[name].schema
        work = _Flattening(name, pa.schema([_as_spark(field) for field in schema]))
        found[name] = source.mapInArrow(work.rows, from_arrow_schema(schema))
    return found


def _as_spark(field: pa.Field) -> pa.Field:
    """Return a column with the type that Spark has for it: its times have microseconds."""
    if pa.types.is_timestamp(field.type):
        return field.with_type(pa.timestamp("us", field.type.tz))
    return field


def _pages(batches: Iterable[pa.RecordBatch]) -> Iterator[Page]:
    for batch in batches:
        for row in batch.to_pylist():
            yield _page(row)


def _page(row: Mapping[str, Any]) -> Page:
    """Return a row as a page; one without an id gets that of its content."""
    body = row["body"]
    if isinstance(body, str):
        body = body.encode()
    request = Request(
        row.get("method") or "GET", row.get("path") or "", json.loads(row.get("params") or "{}"),
        row.get("action"), json.loads(row.get("args") or "{}"),
    )
    return Page(
        request, body, row["received_at"].astimezone(UTC), row.get("status") or 200,
        row.get("run_id"), row.get("page_id") or page_id(request, body),
    )

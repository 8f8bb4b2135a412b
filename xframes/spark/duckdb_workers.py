"""Queries that DuckDB runs in a Python worker of Spark, over an archive's files."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

from xframes.archive.query import views
from xframes.archive.storage.readers import Readers
from xframes.spark import archive_layout as layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from xframes.archive.storage.folder import Folder

_BATCH_ROWS = 8_192
_MEMORY = 512_000_000  # bytes DuckDB may use in a worker; the rest goes to a temporary folder


def frame_of(spark: Any, address: str, query: str, schema: pa.Schema) -> Any:
    """Return the rows of a query of an archive's files as a data frame, run by one worker."""
    types = ", ".join(f"`{field.name}` {layout.spark_type(field.type)}" for field in schema)
    run = partial(_run, address, query, schema)
    return spark.range(0, 1, 1, 1).mapInArrow(run, types)


def _run(
    address: str, query: str, schema: pa.Schema, numbers: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    folder = layout.opened(address, only_read=True)
    with Readers(folder).reading():
        for batch in numbers:
            for _ in range(batch.num_rows):
                for rows in read(folder, query, {}):
                    yield layout.as_spark(rows, schema)


def read(folder: Folder, query: str, tables: Mapping[str, pa.Table]) -> Iterator[pa.RecordBatch]:
    """Run a query with one thread in bounded memory; it can name these tables."""
    with tempfile.TemporaryDirectory() as scratch:
        connection = views.connect(
            folder, memory_limit=f"{_MEMORY}B", temp_directory=scratch, threads=1
        )
        with connection:
            for name, table in tables.items():
                connection.register(name, table)
            yield from connection.sql(query).to_arrow_reader(_BATCH_ROWS)

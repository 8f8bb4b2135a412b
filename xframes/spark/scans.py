"""The files of tables as data frames of Spark, under names that the SQL of views uses.

Spark reads Parquet itself where it knows the storage. Elsewhere Python workers read the files
through fsspec, whole: no column and no row is left out early.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.paths import opened
from xframes.archive.storage.records import settled
from xframes.schema import TABLES, Table
from xframes.spark import archive_layout as layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xframes.archive.storage.folder import Folder
    from xframes.sql.newest import Run

_BATCH_ROWS = 8_192
_DEAD = f"`{layout.FILE}` STRING, words ARRAY<BIGINT>"


class SparkScans:
    """Scans of an archive's files: temporary views of the session until `forget`.

    With `is_native`, Spark reads the files itself.
    """

    def __init__(self, spark: Any, folder: Folder, *, is_native: bool) -> None:
        self._spark = spark
        self._folder = folder
        self._is_native = is_native
        self._names: dict[tuple[Any, ...], str] = {}

    def rows(self, table: Table, files: Sequence[str], *, exact: bool = False) -> str:
        """Return the name of all rows of files."""
        del exact  # columns are read by their names, and those that a file lacks are null
        key = (table.name, tuple(files))
        if key not in self._names:
            self._names[key] = self._add(self._read(table, files, placed=False))
        return self._names[key]

    def settled(self, table: Table, runs: Sequence[Run], record: str) -> str:
        """Return the name of the rows of settled files that hold."""
        key = (table.name, tuple(run.path for run in runs), record)
        if key not in self._names:
            self._names[key] = self._add(self._settled(table, runs, record))
        return self._names[key]

    def _settled(self, table: Table, runs: Sequence[Run], record: str) -> Any:
        from pyspark.sql.functions import broadcast, expr

        frames = []
        if plain := [run.path for run in runs if not run.has_dead]:
            frames.append(self._read(table, plain, placed=False))
        if others := [run for run in runs if run.has_dead]:
            place = self._place(record)
            words = layout.dead_words(settled.known(place), table.name, others)
            dead = broadcast(self._spark.createDataFrame(words, _DEAD))
            rows = self._read(table, [run.path for run in others], placed=True)
            bit = (f"getbit(words[`{layout.POSITION}` DIV 64], "
                   f"CAST(`{layout.POSITION}` % 64 AS INT))")
            rows = rows.join(dead, layout.FILE, "left").where(expr(f"words IS NULL OR {bit} = 0"))
            frames.append(rows.drop(layout.FILE, layout.POSITION, "words"))
        united = frames[0]
        for frame in frames[1:]:
            united = united.unionAll(frame)
        return united

    def forget(self) -> None:
        """Drop the temporary views; views that use them have what they need."""
        for name in self._names.values():
            self._spark.catalog.dropTempView(name)

    def _add(self, frame: Any) -> str:
        name = f"_xframes_scan_{len(self._names)}"
        frame.createOrReplaceTempView(name)
        return name

    def _place(self, path: str) -> Any:
        return layout.place_of(self._bucket, path)

    @property
    def _bucket(self) -> Any:
        if self._folder.storage.is_shared:
            return self._folder.storage
        return None

    def _read(self, table: Table, files: Sequence[str], *, placed: bool) -> Any:
        if self._is_native:
            return self._read_natively(table, files, placed=placed)
        read = partial(read_files, self._folder.address, table.name, list(files), placed)
        schema = layout.columns(table, hidden=True, placed=placed)
        return self._spark.range(0, len(files), 1, len(files)).mapInArrow(read, schema)

    def _read_natively(self, table: Table, files: Sequence[str], *, placed: bool) -> Any:
        reader = self._spark.read.schema(layout.columns(table, hidden=True))
        rows = reader.parquet(*map(layout.hadoop_path, files))
        if placed:
            rows = rows.selectExpr(
                "*", f"_metadata.file_name AS `{layout.FILE}`",
                f"_metadata.row_index AS `{layout.POSITION}`",
            )
        return rows


def read_files(
    address: str, table: str, files: Sequence[str], placed: bool,
    numbers: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Read the files with these numbers, in a worker of Spark."""
    bucket = layout.bucket_of(address)
    for batch in numbers:
        for number in batch.column(0).to_pylist():
            place = layout.place_of(bucket, files[number])
            position = 0
            with pq.ParquetFile(opened(place)) as file:
                for rows in file.iter_batches(_BATCH_ROWS):
                    shown = layout.as_stored(rows, TABLES[table])
                    if placed:
                        shown = _placed(shown, place.name, position)
                    position += rows.num_rows
                    yield shown


def _placed(rows: pa.RecordBatch, name: str, position: int) -> pa.RecordBatch:
    numbers = pa.array(range(position, position + rows.num_rows), pa.int64())
    names = pa.repeat(pa.scalar(name), rows.num_rows)
    arrays = [*rows.columns, names, numbers]
    return pa.RecordBatch.from_arrays(
        arrays, names=[*rows.schema.names, layout.FILE, layout.POSITION]
    )

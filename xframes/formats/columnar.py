"""Parquet files."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from xframes.formats.declaration import Options, Rows

_SETTINGS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "write_page_checksum": True,
}
_GROUP_ROWS, _GROUP_BYTES = 122_880, 24_000_000


def write_parquet(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write a Parquet file; return the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    del options
    waiting: list[pa.Table] = []
    count = waiting_rows = size = 0
    with pq.ParquetWriter(file, rows.schema, **_SETTINGS) as writer:
        for batch in rows.batches:
            waiting.append(batch)
            count, waiting_rows, size = (
                count + len(batch),
                waiting_rows + len(batch),
                size + batch.nbytes,
            )
            if waiting_rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                writer.write_table(pa.concat_tables(waiting))
                waiting, waiting_rows, size = [], 0, 0
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return count

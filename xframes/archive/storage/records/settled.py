"""Records of which rows hold among the files of a family of tables, so that queries merge nothing.

A record lists files that were compared with each other, and their rows that others replace: the
number of the file and the position in it. All other rows of these files are unique by key, and the
newest. A record is only an aid: without it, or if one of its files is gone, queries merge the rows
of all files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import SETTLED, is_as_named, is_data_file
from xframes.archive.storage.paths import opened, size_of
from xframes.schema import STORED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from xframes.archive.storage.bucket import Place

SCHEMA = pa.schema([("table", pa.string()), ("file", pa.int64()), ("position", pa.int64())])
_FILES_KEY = b"xframes.settled"
_LARGEST = 256_000_000  # bytes of a record; one of ten million rows has a tenth


@dataclass(frozen=True, slots=True)
class Settled:
    """A record: the files of each table, in the order of their numbers, and their dead rows."""

    place: Place
    files: Mapping[str, tuple[str, ...]] = field(compare=False, repr=False)
    dead: Mapping[str, Mapping[int, int]] = field(compare=False, repr=False)

    def covers(self, table: str, names: Collection[str]) -> bool:
        """Whether it holds for a table that has these files: all those it names are there."""
        return bool(self.files.get(table)) and set(self.files[table]).issubset(names)

    def shadows(self, table: str) -> pa.Table:
        """The rows of a table that do not hold: `file` and `position`."""
        rows = pq.read_table(opened(self.place), filters=[("table", "=", table)])
        return rows.select(["file", "position"])


def write(
    path: Path, files: Mapping[str, tuple[str, ...]], shadows: Mapping[str, pa.Table]
) -> None:
    """Write a record; `shadows` has for each table the columns `file` and `position`."""
    names = {table: list(names) for table, names in files.items()}
    told = SCHEMA.with_metadata({_FILES_KEY: json.dumps(names).encode()})
    with pq.ParquetWriter(path, told, compression="zstd", write_page_checksum=True) as writer:
        for name in sorted(shadows):
            rows = shadows[name].sort_by([("file", "ascending"), ("position", "ascending")])
            if rows.num_rows:
                tables = pa.array([name] * rows.num_rows, pa.string())
                writer.write_table(pa.table([tables, rows["file"], rows["position"]], schema=told))


@lru_cache(maxsize=1_000)
def known(place: Place) -> Settled:
    """Read a record once: files never change, and their names are never used again."""
    return read(place)


def read(place: Place) -> Settled:
    """Read a record.

    Raises ValueError for one that this program would not write, FileNotFoundError if it is gone.
    """
    if size_of(place) > _LARGEST or not is_as_named(place):
        raise ValueError("it was changed, or is too large")
    try:
        with pq.ParquetFile(opened(place), page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(SCHEMA):
                raise ValueError("its columns are not those of a record")
            told = json.loads((file.metadata.metadata or {}).get(_FILES_KEY, b"null"))
            rows = file.read(["table", "file"])
    except (pa.ArrowException, RecursionError) as error:
        raise ValueError(str(error)) from error
    files = _checked(told)
    counts = rows.group_by(["table", "file"]).aggregate([([], "count_all")]).to_pylist()
    dead: dict[str, dict[int, int]] = {}
    for row in counts:
        if not 0 <= row["file"] < len(files.get(row["table"], ())):
            raise ValueError("it lists rows of files it does not name")
        dead.setdefault(row["table"], {})[row["file"]] = row["count_all"]
    return Settled(place, files, dead)


def _checked(told: Any) -> dict[str, tuple[str, ...]]:
    """The files a record names, if they are what a record can name."""
    if not isinstance(told, dict) or not set(told) <= set(STORED):
        raise ValueError("it names no tables")
    for names in told.values():
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not is_list or not all(map(is_data_file, names)):
            raise ValueError("it names something other than files of its tables")
        if len(set(names)) < len(names):
            raise ValueError("it names a file twice")
    return {table: tuple(names) for table, names in told.items()}


def records(names: Collection[str]) -> list[str]:
    """The names of records among others, the newest first."""
    return sorted(filter(SETTLED.fullmatch, names), reverse=True)

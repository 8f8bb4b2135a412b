"""Records of which rows hold among the files of a family of tables, so that queries merge nothing.

A record lists files that were compared with each other, and their rows that others replace: a bit
for each row of a file, set where the row does not hold. All other rows of these files are unique by
key, and the newest. A record is only an aid: without it, or if one of its files is gone, queries
merge the rows of all files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import SETTLED, is_as_named, is_data_file
from xframes.archive.storage.paths import opened, size_of
from xframes.schema import STORED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from xframes.archive.storage.bucket import Place

SCHEMA = pa.schema([("table", pa.string()), ("file", pa.int64()), ("dead", pa.binary())])
_FILES_KEY = b"xframes.settled"
_LARGEST = 256_000_000  # bytes of a record; one of ten million rows has a hundredth


@dataclass(frozen=True, slots=True)
class Settled:
    """A record: the files of each table, in the order of their numbers.

    `dead` has the number of dead rows of each file that has any, by the file's number.
    """

    place: Place
    files: Mapping[str, tuple[str, ...]] = field(compare=False, repr=False)
    dead: Mapping[str, Mapping[int, int]] = field(compare=False, repr=False)

    def covers(self, table: str, names: Collection[str]) -> bool:
        """Whether it holds for a table that has these files: all those it names are there."""
        return bool(self.files.get(table)) and set(self.files[table]).issubset(names)

    def bits(self, table: str) -> dict[str, np.ndarray]:
        """Return the bits of each file of a table that has dead rows, eight in a number."""
        rows = pq.read_table(opened(self.place), filters=[("table", "=", table)])
        names = self.files[table]
        pairs = zip(rows["file"].to_pylist(), rows["dead"].to_pylist(), strict=True)
        return {names[number]: np.frombuffer(bits, np.uint8) for number, bits in pairs}


def write(
    path: Path,
    files: Mapping[str, Sequence[str]],
    dead: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Write a record; `dead` has the bits of each table's files that have dead rows."""
    names = {table: list(names) for table, names in files.items()}
    schema = SCHEMA.with_metadata({_FILES_KEY: json.dumps(names).encode()})
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in sorted(dead):
            of_table = [(names[table].index(n), bits) for n, bits in dead[table].items()]
            rows = [
                {"table": table, "file": number, "dead": bits.tobytes()}
                for number, bits in sorted(of_table, key=itemgetter(0)) if bits.any()
            ]
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))


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
            names = json.loads((file.metadata.metadata or {}).get(_FILES_KEY, b"null"))
            rows = file.read().to_pylist()
    except (pa.ArrowException, RecursionError) as error:
        raise ValueError(str(error)) from error
    files = _checked(names)
    dead: dict[str, dict[int, int]] = {}
    for row in rows:
        table, number = row["table"], row["file"]
        if number is None or not 0 <= number < len(files.get(table, ())):
            raise ValueError("it lists rows of files it does not name")
        of_table = dead.setdefault(table, {})
        if number in of_table:
            raise ValueError("it lists the rows of a file twice")
        of_table[number] = count(np.frombuffer(row["dead"] or b"", np.uint8))
    return Settled(place, files, dead)


def count(bits: np.ndarray) -> int:
    """Return how many bits are set."""
    return int(np.unpackbits(bits).sum())


def _checked(names_by_table: Any) -> dict[str, tuple[str, ...]]:
    """The files a record names, if they are what a record can name."""
    if not isinstance(names_by_table, dict) or not set(names_by_table) <= set(STORED):
        raise ValueError("it names no tables")
    for names in names_by_table.values():
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not is_list or not all(map(is_data_file, names)):
            raise ValueError("it names something other than files of its tables")
        if len(set(names)) < len(names):
            raise ValueError("it names a file twice")
    return {table: tuple(names) for table, names in names_by_table.items()}


def records(names: Collection[str]) -> list[str]:
    """The names of records among others, the newest first."""
    return sorted(filter(SETTLED.fullmatch, names), reverse=True)

"""Reads what decides among the rows of a table: their keys, the times of their observations.

Files are read one row group at a time, and only row groups that can have the keys in question.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xframes.archive.storage.parts import stored_schema
from xframes.archive.storage.paths import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xframes.archive.storage.bucket import Place

_TEXTS = pa.dictionary(pa.int32(), pa.string())  # so that few texts are compared


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group of a file of a table: the file's number, and the position of the first row.

    `leaves` are the columns that the file has, with the place of the first leaf of each.
    """

    table: str
    file: int
    place: Place
    metadata: pq.FileMetaData
    leaves: Mapping[str, int]
    index: int
    start: int

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.metadata.row_group(self.index).num_rows)

    def read(self, names: Sequence[str]) -> pa.Table:
        """Read columns, texts as dictionaries.

        Columns that the file lacks, and a `known_at` without values, are null.
        """
        schema = stored_schema(self.table)
        types = {name: schema.field(name).type for name in names}
        texts = [name for name in names if types[name] == pa.string()]
        present = [name for name in names if self._has_values(name)]
        with pq.ParquetFile(
            opened(self.place), metadata=self.metadata,
            read_dictionary=[name for name in texts if name in present],
        ) as file:
            found = file.read_row_group(self.index, columns=present, use_threads=False)
        columns = []
        for name, type_ in types.items():
            wanted = _TEXTS if name in texts else type_
            if name not in present:
                column = pa.nulls(self.rows, wanted)
            elif found[name].type == wanted:
                column = found[name]
            else:
                column = found[name].cast(type_)
            columns.append(column)
        return pa.table(columns, names=list(types))

    def numbered(self, rows: pa.Table) -> pa.Table:
        """Add the `_file` and `_position` of each row of the group."""
        positions = np.arange(self.start, self.start + self.rows)
        file = pa.array(np.full(self.rows, self.file, np.int32))
        return rows.append_column("_file", file).append_column("_position", pa.array(positions))

    def may_have(self, column: str, ordered: pa.Array) -> bool:
        """Whether the statistics of a text column allow one of these ordered values."""
        if column not in self.leaves:
            return False
        bounds = self._bounds(column)
        if bounds is None:
            return True
        first = bisect_left(ordered, bounds[0], key=pa.StringScalar.as_py)
        return first < len(ordered) and ordered[first].as_py() <= bounds[1]

    def may_lie_within(self, column: str, lower: str, upper: str) -> bool:
        """Whether the statistics of a text column allow a value from `lower` to `upper`."""
        if column not in self.leaves:
            return False
        bounds = self._bounds(column)
        return bounds is None or (bounds[0] <= upper and lower <= bounds[1])

    def _bounds(self, column: str) -> tuple[str, str] | None:
        """Return the least and greatest text of a column; None where they are not known."""
        statistics = self.metadata.row_group(self.index).column(self.leaves[column]).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        lower, upper = statistics.min, statistics.max
        return (lower, upper) if isinstance(lower, str) else None

    def _has_values(self, name: str) -> bool:
        if name not in self.leaves:
            return False
        chunk = self.metadata.row_group(self.index).column(self.leaves[name])
        statistics = chunk.statistics
        if statistics is None or not statistics.has_null_count:
            return True
        return bool(statistics.null_count < chunk.num_values)


def row_groups(table: str, places: Mapping[int, Place]) -> list[RowGroup]:
    """Return the row groups of files by their numbers, in their order."""
    found = []
    for number, place in places.items():
        metadata = pq.read_metadata(opened(place))
        schema, start = metadata.schema, 0
        leaves: dict[str, int] = {}
        for leaf in range(metadata.num_columns):
            leaves.setdefault(schema.column(leaf).path.split(".")[0], leaf)
        for index in range(metadata.num_row_groups):
            group = RowGroup(table, number, place, metadata, leaves, index, start)
            start += group.rows
            found.append(group)
    return found


def batches(groups: Iterable[RowGroup], rows: int) -> Iterator[list[RowGroup]]:
    """Divide row groups into lists with about so many rows."""
    batch: list[RowGroup] = []
    count = 0
    for group in groups:
        if batch and count + group.rows > rows:
            yield batch
            batch, count = [], 0
        batch.append(group)
        count += group.rows
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that are looked for: the values of each key column."""

    columns: Mapping[str, pa.Array]
    ordered: pa.Array | None  # the texts of the first column; None if it has others

    @classmethod
    def of(cls, rows: pa.Table, names: Sequence[str]) -> Keys:
        """Return the keys of rows; `names` are the columns of a key."""
        columns = {name: plain(pc.unique(rows[name])) for name in names}
        first = columns[names[0]]
        ordered = None
        if first.type == pa.string() and not first.null_count:
            ordered = first.take(pc.sort_indices(first))
        return cls(columns, ordered)

    def includes(self, other: Keys) -> bool:
        """Whether all of another's keys are among these."""
        return all(
            pc.all(pc.is_in(values, value_set=self.columns[name])).as_py() is not False
            for name, values in other.columns.items()
        )

    def read(
        self, group: RowGroup, names: Sequence[str], holds: np.ndarray | None = None
    ) -> pa.Table | None:
        """Read rows of a row group that can have one of the keys; None if there is none.

        `names` begin with the columns of the key. `holds` has a flag for each row.
        """
        key = names[: len(self.columns)]
        if self.ordered is not None and not group.may_have(key[0], self.ordered):
            return None
        keys = group.read(key)
        flags = np.ones(len(keys), np.bool_) if holds is None else holds
        for name, values in zip(key, self.columns.values(), strict=True):
            flags = flags & _are_among(keys[name], values)
        chosen = pa.array(np.flatnonzero(flags))
        if not len(chosen):
            return None
        rest = group.read(names[len(key) :])
        rows = pa.table([*keys.columns, *rest.columns], names=list(names))
        return group.numbered(rows).take(chosen)


def plain(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return a column that may be a dictionary of texts as the texts."""
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    return column


def _are_among(column: pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    """Return a flag for each row: whether its value is one of these."""
    whole = column.combine_chunks()
    if not pa.types.is_dictionary(whole.type):
        flags = pc.is_in(whole, value_set=values)
    else:
        here = pc.is_in(whole.dictionary, value_set=values)
        flags = here.take(whole.indices).fill_null(values.null_count > 0)
    result: np.ndarray = flags.to_numpy(zero_copy_only=False)
    return result

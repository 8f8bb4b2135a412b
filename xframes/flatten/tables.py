"""Tables, each cut from its columns when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from xframes.flatten.columns import Columns, Index, constant
from xframes.schema import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xframes.wire import Page


class Rows:
    """Where the rows of a batch come from: a page for each, with its time and id as columns."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = [(page.received_at, page.page_id) for page in pages]
        self._repeated: list[pa.Array] = []

    def provenance(self, page_of_row: Index) -> list[pa.Array]:
        """`observed_at` and `page_id` of rows that come from these pages (by index)."""
        of_pages = self._columns
        length = len(page_of_row)
        if len(self._pages) > 1:
            index = pa.array(page_of_row, pa.int64())
            return [column.take(index) for column in of_pages]
        repeated = self._repeated  # another thread may put a shorter one in its place
        if not repeated or length > len(repeated[0]):  # all tables' are cut from the longest
            repeated = self._repeated = [pa.repeat(column[0], max(length, 1024)) for column in of_pages]
        return [column.slice(0, length) for column in repeated]

    @cached_property
    def _columns(self) -> list[pa.Array]:
        times, ids = zip(*self._pages, strict=True)
        return [pa.array(times, Type.TIME.arrow), pa.array(ids, pa.string())]


class Part(NamedTuple):
    """Some rows of a table: its columns, whose values Arrow holds by the time a table is cut, and where they are from.

    `where` names the objects they come from.
    """

    columns: Columns
    page_of_row: Index
    rows: Rows
    where: str | None = None

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return len(self.page_of_row)

    def table(self, name: str) -> pa.Table:
        """They as a table, with their provenance."""
        columns = [
            constant(None, col.type, self.num_rows) if c is None else c.array
            for c, col in zip(self.columns, TABLES[name].columns, strict=False)  # the last ones are the provenance's
        ]
        return pa.Table.from_arrays(columns + self.rows.provenance(self.page_of_row), _names(name))


class Tables(Mapping[str, pa.Table]):
    """Tables by name, in the schema's order, each with its declared columns.

    What was flattened is in Arrow's memory already; a table only gathers its columns. That is done when it is asked
    for: a page fills twenty tables, of which most readers look at a few.
    """

    def __init__(self, parts: Mapping[str, Sequence[Part | pa.Table]], names: Iterable[str] = TABLES) -> None:
        self._found: dict[str, Sequence[Part | pa.Table]] = {name: parts.get(name, ()) for name in names}

    def __getitem__(self, name: str) -> pa.Table:
        found = self._found[name]
        if len(found) == 1 and isinstance(found[0], pa.Table):
            return found[0]
        parts = [part.table(name) if isinstance(part, Part) else part for part in found]
        table = parts[0] if len(parts) == 1 else pa.concat_tables(parts) if parts else empty(name)
        self._found[name] = (table,)
        return table

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __reduce__(self) -> tuple[object, ...]:
        # Columns are cut from long arrays, which a pickled table would hold whole, one for each column.
        return _unpacked, ({name: _packed(self[name]) for name, count in self.row_counts.items() if count}, list(self))

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows of every table, by name, without making any."""
        return {name: sum(part.num_rows for part in parts) for name, parts in self._found.items()}


def _packed(table: pa.Table) -> pa.Buffer:
    """A table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _unpacked(packed: Mapping[str, pa.Buffer], names: Iterable[str]) -> Tables:
    return Tables({name: [pa.ipc.open_stream(buffer).read_all()] for name, buffer in packed.items()}, names)


@cache
def empty(name: str) -> pa.Table:
    """A table without rows."""
    return TABLES[name].schema.empty_table()


@cache
def _names(table: str) -> list[str]:
    """The names of its columns; with a schema, Arrow would compare every column's type with it."""
    return list(TABLES[table].schema.names)

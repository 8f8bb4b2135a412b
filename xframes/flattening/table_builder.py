"""The tables of a batch while they are filled, and each as an Arrow table when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from xframes.flattening.arrow_columns import Columns, Index, Objects, Pool, constant
from xframes.flattening.nodes import tree
from xframes.schema import STORED, TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xframes.flattening.contents import Contents
    from xframes.flattening.nodes import Structs
    from xframes.wire import Page


class Rows:
    """What the rows of a batch come from: a page for each, with its time and id as columns."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = [(page.received_at, page.page_id) for page in pages]
        self._repeated: list[pa.Array] = []

    def provenance(self, page_of_row: Index) -> list[pa.Array]:
        """Return `observed_at` and `page_id` of rows that come from these pages (by index)."""
        of_pages = self._columns
        length = len(page_of_row)
        if len(self._pages) > 1:
            index = pa.array(page_of_row, pa.int64())
            return [column.take(index) for column in of_pages]
        repeated = self._repeated  # another thread may replace it by a shorter one
        if not repeated or length > len(repeated[0]):  # all tables' are slices of the longest
            repeated = [pa.repeat(column[0], max(length, 1024)) for column in of_pages]
            self._repeated = repeated
        return [column.slice(0, length) for column in repeated]

    @cached_property
    def _columns(self) -> list[pa.Array]:
        times, ids = zip(*self._pages, strict=True)
        return [pa.array(times, Type.TIME.arrow), pa.array(ids, pa.string())]


class Part(NamedTuple):
    """Some rows of a table: its columns, and the page each row is from.

    The columns are Arrow arrays by the time a table is built. `where` names the objects they come
    from.
    """

    columns: Columns
    page_of_row: Index
    rows: Rows
    where: str | None = None

    @property
    def num_rows(self) -> int:
        """Return the number of rows."""
        return len(self.page_of_row)

    def table(self, name: str) -> pa.Table:
        """Return the rows as a table, with their provenance."""
        arrays = []
        # the declared columns end with those of the provenance
        for column, col in zip(self.columns, TABLES[name].columns, strict=False):
            if column is None:
                arrays.append(constant(None, col.type, self.num_rows))
            else:
                arrays.append(column.array)
        return pa.Table.from_arrays(arrays + self.rows.provenance(self.page_of_row), _names(name))


class TableBuilder:
    """The contents of a batch of pages, and the rows of the tables they fill.

    The pool must be built before a table is.
    """

    def __init__(
        self, pages: Sequence[Page], contents: Sequence[Contents], structs: Structs
    ) -> None:
        self.pages = pages
        self.contents = contents
        self.structs = structs
        self.pool = Pool()
        self.parts: dict[str, list[Part]] = {}
        self._rows = Rows(pages)

    def add(
        self, name: str, columns: Columns, page_of_row: Index, where: str | None = None
    ) -> None:
        """Add rows to a table. `where` names the objects they come from."""
        part = Part(columns, page_of_row, self._rows, where)
        self.parts.setdefault(name, []).append(part)

    def add_values(
        self, name: str, values: Mapping[str, Sequence[Any]], pages: Sequence[int]
    ) -> None:
        """Add rows by the plain values of each column, with the page each row comes from."""
        if pages:
            columns: Columns = [
                self.pool.column(values[c.name], c.type) for c in TABLES[name].body
            ]
            self.add(name, columns, pages)

    def add_rows(
        self, name: str, rows: Sequence[Mapping[str, Any]], pages: Sequence[int]
    ) -> None:
        """Add rows with the page each comes from. Columns that a row does not have are null."""
        if rows:
            values = {c.name: [row.get(c.name) for row in rows] for c in TABLES[name].body}
            self.add_values(name, values, pages)

    def add_objects(self, name: str, kind: str, page: int, constants: Mapping[str, Any]) -> None:
        """Add a page's main objects to a table.

        `constants` are the values of columns that do not come from the page's body; the `position`
        is an object's place on the page.
        """
        main = self.contents[page].main
        objects = Objects(main, tree(kind), self.structs, self.pool)
        values: dict[str, Sequence[Any]] = {"position": range(len(main))}
        values |= {column: [value] * len(main) for column, value in constants.items()}
        external = {c.name: self.pool.column(values[c.name], c.type)
                    for c in TABLES[name].body if not c.path}
        self.add(name, objects.columns(name, external), [page] * len(main), kind)


class Tables(Mapping[str, pa.Table]):
    """Tables by name, in the schema's order, each with its declared columns.

    The values are in Arrow's memory already; a table only collects its columns. It does so when it
    is first used: a page fills twenty tables, of which most readers look at a few.
    """

    def __init__(
        self, parts: Mapping[str, Sequence[Part | pa.Table]], names: Iterable[str] = STORED
    ) -> None:
        self._parts: dict[str, Sequence[Part | pa.Table]] = {n: parts.get(n, ()) for n in names}

    def __getitem__(self, name: str) -> pa.Table:
        parts = self._parts[name]
        if len(parts) == 1 and isinstance(parts[0], pa.Table):
            return parts[0]
        table = _combine(parts, name)
        self._parts[name] = (table,)
        return table

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __reduce__(self) -> tuple[object, ...]:
        # Columns are slices of long arrays. Pickled, a table would hold a whole one per column.
        packed = {name: _pack(self[name]) for name, count in self.row_counts.items() if count}
        return _unpack, (packed, list(self))

    @property
    def row_counts(self) -> dict[str, int]:
        """Return the number of rows of every table by name, without building any."""
        return {name: sum(p.num_rows for p in parts) for name, parts in self._parts.items()}


def _combine(parts: Sequence[Part | pa.Table], name: str) -> pa.Table:
    """Return the parts of a table as one."""
    tables = []
    for part in parts:
        if isinstance(part, Part):
            tables.append(part.table(name))
        else:
            tables.append(part)
    if not tables:
        return empty(name)
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables(tables)


def _pack(table: pa.Table) -> pa.Buffer:
    """Return a table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _unpack(packed: Mapping[str, pa.Buffer], names: Iterable[str]) -> Tables:
    tables = {name: [pa.ipc.open_stream(buffer).read_all()] for name, buffer in packed.items()}
    return Tables(tables, names)


@cache
def empty(name: str) -> pa.Table:
    """Return a table without rows."""
    return TABLES[name].schema.empty_table()


@cache
def _names(table: str) -> list[str]:
    """Return the names of a table's columns.

    With a schema in their place, Arrow would compare the type of each column with it.
    """
    return list(TABLES[table].schema.names)

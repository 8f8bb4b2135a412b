"""From lists of decoded objects to Arrow columns, with few Python steps per value."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache, partial
from itertools import chain, compress, count, repeat
from operator import is_not
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec.structs import astuple

from xframes.flattening.coercion import coerce
from xframes.flattening.nodes import ABSENT, Node, Structs
from xframes.schema import TABLES, Source, Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Index = Sequence[int] | np.ndarray[Any, np.dtype[np.int64]]
_LISTS = {type_: pa.list_(type_.arrow) for type_ in Type}
_NULL = msgspec.Raw(b"null")
_MOST_CACHED = 50_000  # rows of a constant column: the cache is some megabytes at most
# Between these is every time that a datetime can hold, in any time zone.
_FIRST, _LAST = "0001-01-02", "9999-12-31"


class Path(NamedTuple):
    """A parsed wire path: its first part and its dotted name.

    It may have a position in an array, or the name of a text inside JSON.
    """

    root: str
    name: str
    position: int | None
    member: str | None


@cache
def parse_path(path: str) -> tuple[Path, ...]:
    """Return the alternatives of a column's or source's path."""
    alternatives = []
    for alternative in path.split("|"):
        field, slash, text = alternative.partition("/")
        name, _, index = field.partition("[")
        position = member = None
        if index:
            position = int(index[:-1])
        if slash:
            member = text
        alternatives.append(Path(name.partition(".")[0], name, position, member))
    return tuple(alternatives)


class ReadPlan(NamedTuple):
    """How a table is read: its columns' types, and which column each plain wire path fills.

    `computed` are columns whose paths have alternatives, positions or renames. `external` are
    columns that are not on the wire at all.
    """

    types: tuple[Type, ...]
    plain: dict[str, int]
    computed: tuple[tuple[int, str, dict[str, str]], ...]
    external: tuple[tuple[int, str], ...]


@cache
def read_plan(table: str) -> ReadPlan:
    """Return how the columns of a table are read."""
    plain, computed, external = {}, [], []
    for place, col in enumerate(TABLES[table].body):
        if not col.path:
            external.append((place, col.name))
        elif col.renames or any(sign in col.path for sign in "|[/"):
            computed.append((place, col.path, dict(col.renames)))
        else:
            assert col.path not in plain, f"{table}: two columns read {col.path}"
            plain[col.path] = place
    types = tuple(c.type for c in TABLES[table].body)
    return ReadPlan(types, plain, tuple(computed), tuple(external))


class Field(NamedTuple):
    """A field of a node, with its dotted path from the objects that have it."""

    path: str
    array: bool
    absent: Any  # represents an object X did not send
    below: tuple[Field, ...] | None  # its own fields, where it is an object


def fields_of(node: Node, structs: Structs, prefix: str = "") -> tuple[Field, ...]:
    """Return the fields of a node in the order of its struct, with those of nested objects."""
    fields: tuple[Field, ...] | None = structs.derived.get((node, prefix))
    if fields is None:
        fields = tuple(_field(child, structs, prefix + name) for name, child in node.fields.items())
        structs.derived[node, prefix] = fields
    return fields


def _field(node: Node, structs: Structs, path: str) -> Field:
    if node.fields and not node.array:
        return Field(path, False, structs.absent(node), fields_of(node, structs, f"{path}."))
    return Field(path, node.array, None, None)


class Column:
    """Values that become one Arrow array when their pool is built: a slice of a longer array."""

    __slots__ = ("stretch", "values")
    # the longer array, where this one starts in it, and its length: set when it is built
    stretch: tuple[pa.Array, int, int]

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values

    @property
    def array(self) -> pa.Array:
        """Return the array. The pool must be built."""
        whole, start, length = self.stretch
        return whole.slice(start, length)


class LazyColumn(NamedTuple):
    """A column that follows from others, or is constant; it is built when it is used."""

    build: Callable[[], pa.Array]

    @property
    def array(self) -> pa.Array:
        """Return the array. Columns that it follows from must be built."""
        return self.build()


# In the order of the table's own columns, without provenance; None is a column of nulls.
Columns = list[Column | LazyColumn | None]


class Pool:
    """All columns of a batch, built together: one Arrow conversion for each type, then slices.

    A conversion takes some microseconds for the shortest list, and a page fills over a hundred
    columns.
    """

    def __init__(self) -> None:
        # values that no column can hold, with their rows
        self.misfits: dict[Column, list[tuple[int, Any]]] = {}
        self._columns: dict[Type, list[Column]] = {type_: [] for type_ in Type}

    def column(self, values: Sequence[Any], type_: Type) -> Column:
        """Add values. Those that do not fit are null when the pool is built, and in `misfits`."""
        column = Column(values)
        self._columns[type_].append(column)
        return column

    def build(self) -> None:
        """Build the array of every column added."""
        for type_, columns in self._columns.items():
            if columns:
                self._build(type_, columns)
                columns.clear()

    def _build(self, type_: Type, columns: list[Column]) -> None:
        try:
            whole = _convert_together([c.values for c in columns], type_)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            for column in columns:
                misfits: list[tuple[int, Any]] = []
                array = to_array(column.values, type_, misfits)
                column.stretch = array, 0, len(column.values)
                column.values = ()
                if misfits:
                    self.misfits[column] = misfits
            return
        start = 0
        for column in columns:
            length = len(column.values)
            column.stretch = whole, start, length
            column.values = ()
            start += length


def constant(value: str | bool | None, type_: Type, length: int) -> pa.Array:
    """Return a column of one value. Most columns of a page are null, so short ones are cached."""
    if length > _MOST_CACHED:
        return pa.repeat(pa.scalar(value, type_.arrow), length)
    return _short_constant(value, type_, length)


@lru_cache(maxsize=4096)
def _short_constant(value: str | bool | None, type_: Type, length: int) -> pa.Array:
    return _cached_constant(value, type_, max(128, 1 << length.bit_length())).slice(0, length)


@lru_cache(maxsize=256)
def _cached_constant(value: str | bool | None, type_: Type, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, type_.arrow), length)


class Objects:
    """Decoded objects of one kind (or the items of one array in them), column by column."""

    def __init__(
        self, items: Sequence[Any], node: Node, structs: Structs, pool: Pool
    ) -> None:
        self.items = items
        self.node = node
        self._structs = structs
        self._pool = pool
        # by wire path, without those that no object has
        self._values: dict[str, Sequence[Any]] = {".": items}
        if node.fields:
            self._explode(_transpose(items, None), fields_of(node, structs))

    def _explode(self, columns: Iterable[Sequence[Any]], fields: tuple[Field, ...]) -> None:
        """Read all fields of all objects: the values at every wire path that any of them has.

        Extra fields come after a struct's own, and are cut off here.
        """
        nulls = (None,) * len(self.items)
        for (path, array, absent, below), values in zip(fields, columns, strict=False):
            if below is not None:
                if values != (absent,) * len(values):  # the first that differs ends this
                    self._explode(_transpose(values, absent), below)
            elif array:
                if any(values):
                    self._values[path] = values
            elif values != nulls:
                self._values[path] = values

    def columns(self, table: str, external: Mapping[str, Column | LazyColumn]) -> Columns:
        """Return the table's own columns, one row per object.

        Columns that are not on the wire are taken from `external`; others are null.
        """
        plan = read_plan(table)
        types, plain = plan.types, plan.plain
        columns: Columns = [None] * len(types)
        for path, values in self._values.items():
            place = plain.get(path)
            if place is not None:
                columns[place] = self._pool.column(values, types[place])
        for place, paths, renames in plan.computed:
            computed = self._first_alternative(paths, renames)
            if computed is not None:
                columns[place] = self._pool.column(computed, types[place])
        for place, name in plan.external:
            columns[place] = external.get(name)
        return columns

    def _first_alternative(
        self, paths: str, renames: Mapping[str, str]
    ) -> Sequence[Any] | None:
        """Return the values of the first alternative each object has, or None without any."""
        values: Sequence[Any] | None = None
        for path in parse_path(paths):
            alternative = self._values.get(path.name)
            if alternative is None:
                continue
            if path.position is not None:
                alternative = _items_at(path.position, alternative)
            if path.member is not None:
                alternative = [_text_in(value, path.member) for value in alternative]
            values = alternative if values is None else _fill_nulls(values, alternative)
        if values is not None and renames:
            values = list(map(renames.get, values, values))
        return values

    def lists(self, source: Source) -> Sequence[Sequence[Any] | None] | None:
        """Return the array of a detail source in each object, or None when no object has any.

        Of alternatives, an object's first one counts. One inside a note counts when the note has
        text: then the entities are those of that text.
        """
        *others, last = parse_path(source.path)
        if not others:
            return self._values.get(last.name)
        lists = self._values.get(last.name)
        for path in reversed(others):
            rows = self._rows_with(path)
            if rows is None:
                continue
            own = self._values.get(path.name) or (ABSENT,) * len(self.items)
            lists = list(lists or (ABSENT,) * len(self.items))
            for row in compress(count(), rows):
                lists[row] = own[row]
        return lists

    def _rows_with(self, path: Path) -> Iterable[Any] | None:
        """Return a flag per object: whether an alternative of a source counts for it."""
        if path.name == path.root:
            return self._values.get(path.name)
        texts = self._values.get(f"{path.root}.text")
        if texts is None:
            return None
        return map(is_not, texts, repeat(None))

    def details(
        self, tables: Iterable[Table], spread: Spread
    ) -> Iterator[tuple[Table, Source, Objects, Placement]]:
        """Yield the items of each array these tables read that has any, and their placement."""
        for table in tables:
            for source in table.sources:
                lists = self.lists(source)
                if lists is None:
                    continue
                filled = list(filter(None, lists))
                if not filled:
                    continue
                items = list(chain.from_iterable(filled))
                node = _items_node(self.node, source.path)
                objects = Objects(items, node, self._structs, self._pool)
                placement = spread.place(lists, list(map(len, filled)), len(items))
                yield table, source, objects, placement


class Placement(NamedTuple):
    """What the items of an array belong to: ids of objects, positions in the array, pages."""

    ids: LazyColumn
    positions: LazyColumn
    pages: Index


class Spread:
    """How the items of all arrays spread over the objects that have them, computed together.

    On a page, numpy's calls take longer than the work they do.
    """

    def __init__(self, ids: Column, page_of_row: Index) -> None:
        self._ids = ids
        self._page_of_row = page_of_row
        # the objects that have items, and how many each; those of one array after the other
        self._rows: list[int] = []
        self._counts: list[int] = []
        self._total = 0

    def place(self, lists: Sequence[Any], counts: Sequence[int], length: int) -> Placement:
        """Return the placement of the next array's items.

        `counts` are the lengths of the lists that have any, `length` is their sum.
        """
        start, self._total = self._total, self._total + length
        rows = list(compress(count(), lists))
        self._rows += rows
        self._counts += counts
        first = self._page_of_row[0]
        pages: Index = [first] * length
        if self._page_of_row[-1] != first:
            pages = np.repeat(self._pages[rows], counts)
        ids = LazyColumn(partial(self._slice, 0, start, length))
        positions = LazyColumn(partial(self._slice, 1, start, length))
        return Placement(ids, positions, pages)

    @cached_property
    def _pages(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(self._page_of_row, np.int64)

    def _slice(self, which: int, start: int, length: int) -> pa.Array:
        return self._arrays[which].slice(start, length)

    @cached_property
    def _arrays(self) -> tuple[pa.Array, pa.Array]:
        counts = np.array(self._counts)
        ids = self._ids.array.take(pa.array(np.repeat(self._rows, counts)))
        starts = np.repeat(counts.cumsum() - counts, counts)
        return ids, pa.array(np.arange(self._total) - starts)


def _transpose(objects: Sequence[Any], absent: Any) -> Iterator[tuple[Any, ...]]:
    """Return every field of these objects, one after another."""
    try:
        return zip(*map(astuple, objects), strict=False)
    except TypeError:  # X sent null for an object
        present = [absent if item is None else item for item in objects]
        return zip(*map(astuple, present), strict=False)


@cache
def _items_node(node: Node, paths: str) -> Node:
    return node.at(parse_path(paths)[-1].name)


def _items_at(position: int, arrays: Sequence[Any]) -> list[Any]:
    """Return one item of each array, or null where the array is too short."""
    return [v[position] if v and len(v) > position else None for v in arrays]


def _text_in(value: msgspec.Raw | None, member: str) -> str | None:
    """Return the text with this name inside JSON; without a name, the JSON if it is a text."""
    if value is None:
        return None
    found = json.loads(bytes(value))
    if member:
        found = found.get(member) if isinstance(found, dict) else None
    if not isinstance(found, str):
        return None
    return str(coerce(found, Type.STR))


def _fill_nulls(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return [b if a is None else a for a, b in zip(first, second, strict=True)]


def rows_with_values(columns: Iterable[Column | LazyColumn | None]) -> list[bool] | None:
    """Return which rows have a value in any of these columns, or None when all have one.

    The columns must not be built yet.
    """
    filled = [c.values for c in columns if isinstance(c, Column)]
    for values in filled:
        if None not in values:
            return None
    return [any(map(is_not, row, repeat(None))) for row in zip(*filled, strict=True)]


def to_array(values: Sequence[Any], type_: Type, misfits: list[tuple[int, Any]]) -> pa.Array:
    """Convert values to an Arrow array. What does not fit becomes null and goes to `misfits`."""
    try:
        return _convert(values, type_)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    clean: list[Any] = []
    for row, value in enumerate(values):
        scalar = None
        if value is not None:
            try:
                scalar = pa.scalar(coerce(value, type_), type_.arrow).as_py()
            except (pa.ArrowException, TypeError, ValueError, OverflowError, KeyError):
                misfits.append((row, value))
        clean.append(scalar)
    return pa.array(clean, type_.arrow)


def _convert_together(columns: Sequence[Sequence[Any]], type_: Type) -> pa.Array:
    """Convert all columns of a type to one array: as the items of lists, where one step does it."""
    if type_ in {Type.TIME, Type.JSON}:
        return _convert(list(chain.from_iterable(columns)), type_)
    return pa.array(columns, _LISTS[type_]).values


def _convert(values: Sequence[Any], type_: Type) -> pa.Array:
    if type_ is Type.TIME:
        times = pa.array(values, pa.string()).cast(type_.arrow)
        texts = list(filter(None, values))
        if texts and not (min(texts) >= _FIRST and max(texts) < _LAST):
            raise OverflowError  # perhaps a year no datetime can hold, such as 0
        return times
    if type_ is Type.JSON:
        values = [None if value is None else _json_text(value) for value in values]
    return pa.array(values, type_.arrow)


def _json_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    return None if value == _NULL else bytes(value)

"""From lists of decoded objects to Arrow columns, with as few Python steps per value as can be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache, partial
from itertools import chain, compress, count, repeat
from operator import is_not
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec.structs import astuple

from xframes.flatten.coerce import coerce
from xframes.flatten.nodes import ABSENT, Node, Structs
from xframes.schema import TABLES, Source, Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Index = Sequence[int]


class Path(NamedTuple):
    """A wire path ready for use: its first part, its dotted name, and the position taken of an array (or None)."""

    root: str
    name: str
    position: int | None


@cache
def compiled(path: str) -> tuple[Path, ...]:
    """The alternatives of a column's or source's path."""
    found = []
    for one in path.split("|"):
        name, _, position = one.partition("[")
        found.append(Path(name.partition(".")[0], name, int(position[:-1]) if position else None))
    return tuple(found)


class Reading(NamedTuple):
    """How a table is read: its columns' types; where each plain wire path goes; the columns that take more thought.

    Those have alternatives, positions or renames (`chosen`), or stand not on the wire at all (`given`).
    """

    types: tuple[Type, ...]
    plain: dict[str, int]
    chosen: tuple[tuple[int, str, dict[str, str]], ...]
    given: tuple[tuple[int, str], ...]


@cache
def reading(table: str) -> Reading:
    """How the columns of a table are read."""
    plain, chosen, given = {}, [], []
    for place, col in enumerate(TABLES[table].body):
        if not col.path:
            given.append((place, col.name))
        elif "|" in col.path or "[" in col.path or col.renames:
            chosen.append((place, col.path, dict(col.renames)))
        else:
            assert col.path not in plain, f"{table}: two columns read {col.path}"
            plain[col.path] = place
    return Reading(tuple(c.type for c in TABLES[table].body), plain, tuple(chosen), tuple(given))


class Field(NamedTuple):
    """A field of a node, seen from the objects it belongs to: its dotted path, and its own fields when it is one."""

    path: str
    array: bool
    absent: Any  # what stands for an object X did not send
    below: tuple[Field, ...] | None


def fields_of(node: Node, structs: Structs, prefix: str = "") -> tuple[Field, ...]:
    """The fields of a node in the order its struct has them, those of nested objects below them."""
    found: tuple[Field, ...] | None = structs.derived.get((node, prefix))
    if found is None:
        found = structs.derived[node, prefix] = tuple(
            Field(prefix + name, False, structs.absent(child), fields_of(child, structs, f"{prefix}{name}."))
            if child.fields and not child.array else Field(prefix + name, child.array, None, None)
            for name, child in node.fields.items()
        )
    return found


class Column:
    """Values that become one Arrow array when their pool is built: a stretch of a longer one."""

    __slots__ = ("stretch", "values")
    stretch: tuple[pa.Array, int, int]  # the longer one, where it starts there, and its length: once it is built

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values

    @property
    def array(self) -> pa.Array:
        """The array, once it is built."""
        whole, start, length = self.stretch
        return whole.slice(start, length)


class Late(NamedTuple):
    """A column that follows from others, or is one value throughout: made when it is asked for."""

    make: Callable[[], pa.Array]

    @property
    def array(self) -> pa.Array:
        """The array; columns it follows from must be built."""
        return self.make()


Columns = list[Column | Late | None]  # in the order of the table's own, without provenance; None is null throughout


class Pool:
    """All columns of a batch, built together: one Arrow conversion for each type, then slices.

    A conversion costs some microseconds however short the list; a page fills over a hundred columns.
    """

    def __init__(self) -> None:
        self.bad: dict[Column, list[tuple[int, Any]]] = {}  # values that fit not, with their rows
        self._columns: dict[Type, list[Column]] = {type_: [] for type_ in Type}

    def column(self, values: Sequence[Any], type_: Type) -> Column:
        """Register values; those that fit not stand in `bad` once they are built, and are null."""
        column = Column(values)
        self._columns[type_].append(column)
        return column

    def build(self) -> None:
        """Make every registered column's array."""
        for type_, columns in self._columns.items():
            if columns:
                self._build(type_, columns)
                columns.clear()

    def _build(self, type_: Type, columns: list[Column]) -> None:
        try:
            whole = _converted([c.values for c in columns], type_)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            for column in columns:
                bad: list[tuple[int, Any]] = []
                column.stretch = to_array(column.values, type_, bad), 0, len(column.values)
                column.values = ()
                if bad:
                    self.bad[column] = bad
            return
        start = 0
        for column in columns:
            length = len(column.values)
            column.stretch = whole, start, length
            column.values = ()
            start += length


@lru_cache(maxsize=4096)
def constant(value: str | bool | None, type_: Type, length: int) -> pa.Array:
    """A column of one value. Most columns of a page are null throughout: they are kept, and cut from longer ones."""
    return _constant(value, type_, max(128, 1 << length.bit_length())).slice(0, length)


@lru_cache(maxsize=256)
def _constant(value: str | bool | None, type_: Type, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, type_.arrow), length)


class Objects:
    """Decoded objects of one kind (or the items of one array in them), seen column by column."""

    def __init__(self, items: Sequence[Any], node: Node, structs: Structs, pool: Pool) -> None:
        self.items = items
        self.node = node
        self._structs = structs
        self._pool = pool
        self._values: dict[str, Sequence[Any]] = {".": items}  # by wire path; those no object carries are missing
        if node.fields:
            self._explode(_transposed(items, None), fields_of(node, structs))

    def _explode(self, columns: Iterable[Sequence[Any]], fields: tuple[Field, ...]) -> None:
        """All fields of all objects at once: the values at every wire path that any of them carries.

        Names X invented come after a struct's own fields, and are cut off here.
        """
        nulls = (None,) * len(self.items)
        for (path, array, absent, below), values in zip(fields, columns, strict=False):
            if below is not None:
                if values != (absent,) * len(values):  # told by the first that differs
                    self._explode(_transposed(values, absent), below)
            elif any(values) if array else values != nulls:
                self._values[path] = values

    def columns(self, table: str, given: Mapping[str, Column | Late]) -> Columns:
        """The table's own columns, one row per object; those without a wire path as `given`."""
        types, plain, chosen, outside = reading(table)
        found: Columns = [None] * len(types)
        for path, values in self._values.items():
            if (place := plain.get(path)) is not None:
                found[place] = self._pool.column(values, types[place])
        for place, paths, renames in chosen:
            if (picked := self._chosen(paths, renames)) is not None:
                found[place] = self._pool.column(picked, types[place])
        for place, name in outside:
            found[place] = given[name]
        return found

    def _chosen(self, paths: str, renames: Mapping[str, str]) -> Sequence[Any] | None:
        """The values of the first alternative that is known, one per object; None when no object carries any."""
        values: Sequence[Any] | None = None
        for path in compiled(paths):
            found = self._values.get(path.name)
            if found is None:
                continue
            if (at := path.position) is not None:
                found = [v[at] if v and len(v) > at else None for v in found]
            values = found if values is None else _first_known(values, found)
        if values is not None and renames:
            values = list(map(renames.get, values, values))
        return values

    def lists(self, source: Source) -> Sequence[Sequence[Any] | None] | None:
        """The array of a detail source in each object, of the first alternative the object carries.

        An alternative inside a note holds from the note's text on: then the entities are those of the text taken.
        None when no object carries any.
        """
        *first, last = compiled(source.path)
        if not first:
            return self._values.get(last.name)
        chosen = self._values.get(last.name)
        for path in reversed(first):
            told = self._values.get(path.name if path.name == path.root else f"{path.root}.text")
            if told is not None:
                mine = self._values.get(path.name) or (ABSENT,) * len(told)
                chosen = list(chosen) if chosen else [ABSENT] * len(told)
                flags = told if path.name == path.root else map(is_not, told, repeat(None))
                for row in compress(count(), flags):
                    chosen[row] = mine[row]
        return chosen

    def details(self, tables: Iterable[Table], spread: Spread) -> Iterator[tuple[Table, Source, Objects, Placed]]:
        """The items of each array these tables read that has any, and where each belongs."""
        for table in tables:
            for source in table.sources:
                lists = self.lists(source)
                if lists is None or not (told := list(filter(None, lists))):
                    continue
                items = list(chain.from_iterable(told))
                node = _items_of(self.node, source.path)
                found = Objects(items, node, self._structs, self._pool)
                yield table, source, found, spread.place(lists, list(map(len, told)), len(items))


class Placed(NamedTuple):
    """Where the items of an array belong: their objects' ids, their places in the array, the pages they are on."""

    ids: Late
    positions: Late
    pages: Index


class Spread:
    """How the items of all arrays spread over the objects that have them, found for all at once.

    On a page, numpy's calls cost more than the work they do.
    """

    def __init__(self, ids: Column, page_of_row: Index) -> None:
        self._ids = ids
        self._page_of_row = page_of_row
        self._rows: list[int] = []  # the objects that have items,
        self._counts: list[int] = []  # and how many each; those of one array after the other
        self._items = 0

    def place(self, lists: Sequence[Any], counts: Sequence[int], items: int) -> Placed:
        """Where the items of the next array belong; `counts` are the lengths of the lists that have any."""
        start, self._items = self._items, self._items + items
        self._rows += compress(count(), lists)
        self._counts += counts
        pages = self._page_of_row
        if pages[0] == pages[-1]:
            pages = [pages[0]] * items
        else:
            pages = list(chain.from_iterable(map(repeat, compress(pages, lists), counts)))
        ids, positions = (Late(partial(self._slice, which, start, items)) for which in (0, 1))
        return Placed(ids, positions, pages)

    def _slice(self, which: int, start: int, length: int) -> pa.Array:
        return self._arrays[which].slice(start, length)

    @cached_property
    def _arrays(self) -> tuple[pa.Array, pa.Array]:
        counts = np.array(self._counts)
        ids = self._ids.array.take(pa.array(np.repeat(self._rows, counts)))
        return ids, pa.array(np.arange(self._items) - np.repeat(counts.cumsum() - counts, counts))


def _transposed(objects: Sequence[Any], absent: Any) -> Iterator[tuple[Any, ...]]:
    """Every field of these objects, in turn."""
    try:
        return zip(*map(astuple, objects), strict=False)
    except TypeError:  # X sent null for an object
        return zip(*(astuple(absent if one is None else one) for one in objects), strict=False)


@cache
def _items_of(node: Node, paths: str) -> Node:
    return node.at(compiled(paths)[-1].name)


def known(columns: Iterable[Column | Late | None]) -> list[bool] | None:
    """Which rows have a value in any of these columns, before they are built; None when all have."""
    found = [c.values for c in columns if isinstance(c, Column)]
    for values in found:
        if None not in values:
            return None
    return [any(map(is_not, row, repeat(None))) for row in zip(*found, strict=True)]


def _first_known(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return [b if a is None else a for a, b in zip(first, second, strict=True)]


def to_array(values: Sequence[Any], type_: Type, bad: list[tuple[int, Any]]) -> pa.Array:
    """Values as an Arrow array of the column's type; what does not fit goes to `bad` and becomes null."""
    try:
        return _convert(values, type_)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    clean: list[Any] = []
    for row, value in enumerate(values):
        try:
            clean.append(None if value is None else pa.scalar(coerce(value, type_), type_.arrow).as_py())
        except (pa.ArrowException, TypeError, ValueError, OverflowError, KeyError):
            bad.append((row, value))
            clean.append(None)
    return pa.array(clean, type_.arrow)


_FIRST, _LAST = "0001-01-02", "9999-12-31"  # between them is every time a datetime can hold, in any zone


_NULL = msgspec.Raw(b"null")


_LISTS = {type_: pa.list_(type_.arrow) for type_ in Type}


def _converted(columns: Sequence[Sequence[Any]], type_: Type) -> pa.Array:
    """All columns of a type as one array: as the items of lists, unless the values take more than one step."""
    if type_ in {Type.TIME, Type.JSON}:
        return _convert(list(chain.from_iterable(columns)), type_)
    return pa.array(columns, _LISTS[type_]).values


def _convert(values: Sequence[Any], type_: Type) -> pa.Array:
    if type_ is Type.TIME:
        times = pa.array(values, pa.string()).cast(type_.arrow)
        told = list(filter(None, values))
        if told and not (min(told) >= _FIRST and max(told) < _LAST):
            raise OverflowError  # perhaps a year no datetime can hold, such as 0
        return times
    if type_ is Type.JSON:
        values = [v if v is None or isinstance(v, str) else None if v == _NULL else bytes(v) for v in values]
    return pa.array(values, type_.arrow)

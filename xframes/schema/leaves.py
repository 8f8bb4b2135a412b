"""The fields of wire objects as trees, with the column read from each field."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from xframes.schema import TABLES, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.schema.declarations import Col, Source, Table


@dataclass(slots=True)
class Leaf:
    """A field of a wire object: the column read from it, and the fields inside it.

    `kind` is the kind of a whole object, and None for its parts.
    """

    col: Col | None = None
    fields: dict[str, Leaf] = field(default_factory=dict)
    kind: str | None = None

    def at(self, path: str) -> Leaf:
        """Return the field at a dotted path below this one; create it if it is missing."""
        leaf = self
        for part in path.split("."):
            if part:
                leaf = leaf.fields.setdefault(part.partition("[")[0], Leaf())
        return leaf


def alternatives(declared: Col | Source) -> tuple[str, ...]:
    """The wire paths of a column or of a detail table's array; those of API v1.1 last."""
    if not declared.legacy:
        return declared.paths
    return (*declared.paths, *declared.legacy.split("|"))


@cache
def leaves(kind: str) -> Leaf:
    """The fields of a kind of object, from all its tables."""
    root = Leaf(kind=kind)
    for table in tables_of(kind):
        for start in _starts(table):
            for col in table.body:
                for path in alternatives(col):
                    leaf = root.at(start)
                    if path != ".":  # the array's item itself
                        leaf = leaf.at(path)
                    leaf.col = leaf.col or col
    return root


def _starts(table: Table) -> Iterator[str]:
    """The paths from which the columns' paths start."""
    if not table.sources:
        yield ""
    for source in table.sources:
        yield from alternatives(source)


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of wire objects that tables are read from."""
    return tuple(dict.fromkeys(t.object for t in TABLES.values() if t.object))


@cache
def wire_names() -> frozenset[str]:
    """Every name in the wire path of a column."""
    return frozenset(name for kind in kinds() for name, _ in _walk(leaves(kind)))


def _walk(leaf: Leaf) -> Iterator[tuple[str, Leaf]]:
    for name, inner in leaf.fields.items():
        yield name, inner
        yield from _walk(inner)


@cache
def codes() -> Mapping[str, Col]:
    """Names of wire fields that are codes in every object that has them.

    Each has a column whose `values` are all known codes.
    """
    columns: dict[str, list[Col]] = {}
    for kind in kinds():
        for name, leaf in _walk(leaves(kind)):
            if leaf.col is not None:
                columns.setdefault(name, []).append(leaf.col)
    result = {}
    for name, cols in columns.items():
        if all(c.holds == "code" for c in cols):
            values = dict.fromkeys(chain.from_iterable(map(known, cols)))
            result[name] = replace(cols[0], values=tuple(values))
    return MappingProxyType(result)


def known(col: Col) -> tuple[str, ...]:
    """The known values of a code, on the wire and in the column."""
    return (*col.values, *(old for old, _ in col.renames))


"""Where on the wire each column stands: the fields of an object, told by its kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from xframes.schema import TABLES, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.schema.declarations import Col, Source, Table


@dataclass(slots=True)
class Leaf:
    """A field of a wire object: the column read from it, and the fields inside it.

    `kind` is that of a whole object; None for its parts.
    """

    col: Col | None = None
    fields: dict[str, Leaf] = field(default_factory=dict)
    kind: str | None = None

    def at(self, path: str) -> Leaf:
        """The field at a dotted path below this one, made where missing."""
        leaf = self
        for part in path.split("."):
            if part:
                leaf = leaf.fields.setdefault(part.partition("[")[0], Leaf())
        return leaf


def alternatives(declared: Col | Source) -> tuple[str, ...]:
    """The wire paths of a column or of a detail's array, those of API v1.1 last."""
    return (*declared.paths, *(declared.legacy.split("|") if declared.legacy else ()))


@cache
def leaves(kind: str) -> Leaf:
    """The fields of a kind of object; columns are read from what its tables and its details' tables say."""
    root = Leaf(kind=kind)
    for table in tables_of(kind):
        for start in _starts(table):
            for col in table.body:
                for path in alternatives(col):
                    leaf = root.at(start).at("" if path == "." else path)
                    leaf.col = leaf.col or col
    return root


def _starts(table: Table) -> Iterator[str]:
    """The paths below which a table's columns are read."""
    if not table.sources:
        yield ""
    for source in table.sources:
        yield from alternatives(source)


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of wire objects that become rows."""
    return tuple(dict.fromkeys(t.object for t in TABLES.values() if t.object))


@cache
def wire_names() -> frozenset[str]:
    """Every name of a field on the wire that some column is read from or below."""
    return frozenset(name for kind in kinds() for name, _ in _named(leaves(kind)))


def _named(leaf: Leaf) -> Iterator[tuple[str, Leaf]]:
    for name, inner in leaf.fields.items():
        yield name, inner
        yield from _named(inner)


@cache
def codes() -> Mapping[str, Col]:
    """Names that stand for codes in every object that has them, each with a column of all the codes known."""
    found: dict[str, list[Col]] = {}
    for kind in kinds():
        for name, leaf in _named(leaves(kind)):
            if leaf.col is not None:
                found.setdefault(name, []).append(leaf.col)
    same = {n: cols for n, cols in found.items() if all(c.holds == "code" for c in cols)}
    return MappingProxyType({
        name: replace(cols[0], values=tuple({v: None for c in cols for v in known(c)}))
        for name, cols in same.items()
    })


def known(col: Col) -> tuple[str, ...]:
    """The words of a code, as X writes them and as the column does."""
    return (*col.values, *(old for old, _ in col.renames))


"""By what the rows of each table can be chosen, sorted and searched; derived from the schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from xframes.schema import TABLES, Col, Table, Type
from xframes.sql import derivation

DAY = "day"
_MOST = 12  # facets of a table
_CODES = frozenset({"code", "fact", "query"})
_WORDS = frozenset({
    "handle", "name", "words", "label", "link", "preview", "profile", "query", "request", "report",
    "subject", "content", "fact",
})
_FOLLOWED = frozenset({"users", "runs"})  # tables whose ids are facets
_SEPARATOR = "\x1f"  # between the values of a key
RESULT = {"true": "result", "false": "included"}


@dataclass(frozen=True, slots=True)
class Facet:
    """A property of rows, with the number of rows of each of its values.

    `expression` is SQL of the value as text, over the table `p`. With `has_many`, the value is a
    JSON list. `names` is the table whose ids the values are.
    """

    name: str
    expression: str
    names: str | None = None
    has_many: bool = False
    is_flag: bool = False
    is_derived: bool = False

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.name.removesuffix("_id").removeprefix("is_").replace("_", " ")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the rows of a table are listed.

    `tie` is SQL of a text that is different for each row and orders rows of one time; `time` is
    the column of the default order. `texts` are the columns that a search reads.
    """

    table: Table
    facets: tuple[Facet, ...]
    sorts: tuple[str, ...]
    texts: tuple[str, ...]
    time: str | None
    tie: str

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name

    @property
    def lead(self) -> str | None:
        """The first column of the key, if it is an id: rows are looked up by it."""
        first = self.table[self.table.key[0]]
        return first.name if first.content == "id" else None

    def lead_of(self, tie: str) -> str:
        """Return the value of the first column of the key."""
        return tie.partition(_SEPARATOR)[0]


@cache
def shape_of(name: str) -> Shape:
    """Return how the rows of a table are listed."""
    table = TABLES[name]
    time = table.time or next((c.name for c in table.columns if c.type is Type.TIME), None)
    facets = [facet for column in table.columns for facet in _facets(column)]
    if time is not None:
        by_day = f"CAST(epoch_ms(p.\"{time}\") // 86400000 AS VARCHAR)"
        facets.insert(min(3, len(facets)), Facet(DAY, by_day))
    if name == "posts":
        facets = [
            Facet("kind", "p.kind", is_derived=True),
            Facet("query", "p.query", has_many=True, is_derived=True), *facets,
        ]
    facets.sort(key=_rank)
    sorts = [c.name for c in table.columns if _is_sortable(c)]
    texts = [c.name for c in table.columns if c.type is Type.STR and c.content in _WORDS]
    return Shape(
        table, tuple(facets[:_MOST]), tuple(sorts), tuple(texts), time, _tie(table),
    )


def _facets(column: Col) -> list[Facet]:
    value = f'p."{column.name}"'
    facet = Facet(column.name, value)
    if column.type is Type.BOOL and column.name != "complete":
        return [replace(facet, expression=f"CAST({value} AS VARCHAR)", is_flag=True)]
    if column.type is Type.STR and column.names in _FOLLOWED:
        return [replace(facet, names=column.names)]
    if column.type is Type.STR and column.names is None and column.content in _CODES:
        return [facet]
    return []


def _rank(facet: Facet) -> int:
    """Order what differs between rows of any archive before flags of few rows."""
    if facet.name == "is_result":
        return 0
    return 2 if facet.is_flag else 1


def _is_sortable(column: Col) -> bool:
    if column.type in {Type.TIME, Type.DATE}:
        return True
    is_number = column.type in {Type.INT, Type.FLOAT} and column.content == "public"
    return is_number and not column.owner and column.within is None


def _tie(table: Table) -> str:
    if len(table.key) == 1:
        return f'CAST(p."{table.key[0]}" AS VARCHAR)'
    values = ", ".join(f"coalesce(CAST(p.\"{c}\" AS VARCHAR), '')" for c in table.key)
    return f"concat_ws(chr({ord(_SEPARATOR)}), {values})"


def columns_of(shape: Shape, *, is_derived: bool) -> str:
    """Return SQL of the columns of an index: `tie`, `moment` and those of the facets."""
    at = "NULL"
    if shape.time is not None:
        at = f'p."{shape.time}"'
    columns = [f"{shape.tie} AS tie", f"{at} AS moment"]
    columns += [
        f'{f.expression} AS "{f.name}"' for f in shape.facets if is_derived or not f.is_derived
    ]
    return ", ".join(columns)


def first_index(shape: Shape) -> str:
    """Return a SELECT of the index of a table, without what is derived from other tables."""
    return f'SELECT {columns_of(shape, is_derived=False)} FROM "{shape.name}" AS p'


def whole_index(shape: Shape, first: str) -> str | None:
    """Return a SELECT of the index with what is derived, from the first one; None if it is all."""
    if not any(facet.is_derived for facet in shape.facets):
        return None
    derived = derivation.origins("p.id AS tie")
    return f"SELECT * FROM {first} AS first LEFT JOIN ({derived}) AS derived USING (tie)"


def sources_of(shape: Shape) -> tuple[str, ...]:
    """Return the tables that the index of a table reads."""
    if any(facet.is_derived for facet in shape.facets):
        return derivation.ORIGINS
    return (shape.name,)

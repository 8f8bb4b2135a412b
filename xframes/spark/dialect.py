"""Spark SQL from the SQL of DuckDB, by sqlglot and rules of our own.

Views are defined once, in DuckDB's SQL (`xframes.sql`). sqlglot translates most of it. These are
the rules for what it does not know, or what has another meaning in Spark:

========================================  =========================================================
DuckDB                                    Spark
========================================  =========================================================
HUGEINT, UBIGINT                          DECIMAL(38, 0), DECIMAL(20, 0)
arg_max_null(x, y)                        max_by(x, y), which also returns a null of the last row
arg_max(x, y), arg_min(x, y)              max_by, min_by over the rows in which x is not null
epoch_ms(time)                            unix_millis(time)
date_diff('day', a, b)                    datediff(date of b, date of a): midnights in between
structs that are compared                 nulls of a field after its values
md5_number_upper(x)                       the first eight bytes of md5(x), the last byte first
map_extract(m, k)[1]                      element_at(m, k)
list(x ORDER BY y) FILTER (WHERE c)       sorted collect_list of (y, x), nulls of y last
range(a, b, step)                         sequence without b, empty if a is not before b
FROM range(a)                             FROM range(a)
json_merge_patch(x, '{"k": null, …}')     JSON of the map x without the keys
error(x)                                  raise_error(x)
SELECT t.* REPLACE (x AS c)               the columns of the subquery t
OVER (window ROWS …), WINDOW              each window is written out
UNION ALL BY NAME, (NOT) MATERIALIZED     nothing: scans have the same columns in the same order
========================================  =========================================================
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@lru_cache(maxsize=1_000)
def to_spark(query: str) -> str:
    """Return a query of our own in Spark SQL.

    Raises ArgumentError for what no rule knows.
    """
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(query, read="duckdb")
    for union in tree.find_all(exp.SetOperation):
        union.set("by_name", False)
    for cte in tree.find_all(exp.CTE):
        cte.set("materialized", None)
    for select in tree.find_all(exp.Select):
        _write_windows(select)
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.GenerateSeries):
            _write_numbers(table)
    for order in _orders(tree):
        for struct in list(order.find_all(exp.Struct)):
            _put_nulls_last(struct)
    for star in list(tree.find_all(exp.Star)):
        if star.args.get("replace"):
            _write_columns(star)
    return str(_generator().generate(tree))


def _orders(tree: Any) -> Iterator[Any]:
    """Find what a query compares to sort lists, or to find the row with the largest value."""
    from sqlglot import exp

    yield from tree.find_all(exp.ArraySort)
    for node in tree.find_all(exp.ArgMax, exp.ArgMin):
        yield node.expression


def _put_nulls_last(struct: Any) -> None:
    """Let a struct sort as in DuckDB, by a field before each one that says whether it is null."""
    from sqlglot import exp

    fields = []
    for field in struct.expressions:
        is_null = exp.Is(this=field.expression.copy(), expression=exp.Null())
        fields.append(exp.PropertyEQ(
            this=exp.to_identifier(f"{field.this.name}_is_null"), expression=exp.paren(is_null)
        ))
        fields.append(field)
    struct.set("expressions", fields)


def _write_windows(select: Any) -> None:
    """Write out the windows that a SELECT names."""
    from sqlglot import exp

    named = {window.this.name: window for window in select.args.get("windows") or ()}
    if not named:
        return
    for window in select.find_all(exp.Window):
        alias = window.args.get("alias")
        if alias is not None and alias.name in named:
            whole = named[alias.name].copy()
            window.set("alias", None)
            window.set("partition_by", whole.args.get("partition_by"))
            window.set("order", whole.args.get("order"))
    select.set("windows", None)


def _write_numbers(table: Any) -> None:
    """Write a table of numbers as the one of Spark; sqlglot would write a list."""
    from sqlglot import exp

    bounds = (table.this.args.get(name) for name in ("start", "end", "step"))
    table.set("this", exp.Anonymous(this="range", expressions=[each for each in bounds if each]))


def _write_columns(star: Any) -> None:
    """Write out `t.* REPLACE (…)` as the columns of the subquery `t`."""
    from sqlglot import exp

    column = star.parent
    select = column.find_ancestor(exp.Select)
    name = column.args["table"]
    values = {value.alias: value.copy() for value in star.args["replace"]}
    columns = []
    for source in (select.args["from_"], *(select.args.get("joins") or ())):
        if source.this.alias_or_name == name.name:
            columns += [
                values.get(shown) or exp.column(shown, name.name, quoted=True)
                for shown in source.this.this.named_selects
            ]
    others = [other for other in select.expressions if other is not column]
    select.set("expressions", [*columns, *others])


@lru_cache(maxsize=1)
def _generator() -> Any:
    """Return sqlglot's generator of Spark SQL with the rules."""
    from sqlglot import exp
    from sqlglot.dialects.spark import Spark

    def over(name: str) -> Callable[[Any, Any], str]:
        def write(self: Any, node: Any) -> str:
            value, order = self.sql(node, "this"), self.sql(node, "expression")
            return f"{name}({value}, CASE WHEN {value} IS NULL THEN NULL ELSE {order} END)"

        return write

    class Generator(Spark.Generator):  # type: ignore[misc]  # untyped where not installed
        # sqlglot would move them all to the top, where several have one name
        EXPRESSIONS_WITHOUT_NESTED_CTES: ClassVar[set[Any]] = set()
        TYPE_MAPPING: ClassVar[dict[Any, str]] = {
            **Spark.Generator.TYPE_MAPPING,
            exp.DataType.Type.INT128: "DECIMAL(38, 0)",
            exp.DataType.Type.UBIGINT: "DECIMAL(20, 0)",
            exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP",
        }
        TRANSFORMS: ClassVar[dict[Any, Callable[[Any, Any], str]]] = {
            **Spark.Generator.TRANSFORMS,
            exp.ArgMax: over("MAX_BY"),
            exp.ArgMin: over("MIN_BY"),
            exp.UnixToTime: lambda self, node: f"UNIX_MILLIS({self.sql(node, 'this')})",
            exp.DateDiff: _date_diff,
            exp.GenerateSeries: _sequence,
            exp.Array: _array,
            exp.ArrayAgg: lambda self, node: _sorted_list(self, node, ""),
            exp.Filter: _filtered,
            exp.Bracket: _element,
            exp.Anonymous: _function,
        }

    return Generator(dialect=Spark(), unsupported_level=sqlglot_raise())


def sqlglot_raise() -> Any:
    """Return sqlglot's level that raises for what a dialect lacks."""
    from sqlglot import ErrorLevel

    return ErrorLevel.RAISE


def _date_diff(self: Any, node: Any) -> str:
    if node.text("unit").upper() != "DAY":
        raise ArgumentError(f"expected days, got {node.text('unit')}")
    end, start = self.sql(node, "this"), self.sql(node, "expression")
    return f"DATEDIFF(CAST({end} AS DATE), CAST({start} AS DATE))"


def _sequence(self: Any, node: Any) -> str:
    start, end, step = (self.sql(node, part) for part in ("start", "end", "step"))
    return (
        f"FILTER(SEQUENCE({start}, GREATEST({start}, {end}), {step or 1}), "
        f"member -> member < {end})"
    )


def _array(self: Any, node: Any) -> str:
    from sqlglot import exp
    from sqlglot.dialects.spark import Spark

    first = node.expressions[0] if node.expressions else None
    if not isinstance(first, exp.Comprehension):
        return str(Spark.Generator.TRANSFORMS[exp.Array](self, node))
    items, item = self.sql(first, "iterator"), self.sql(first, "expression")
    return f"TRANSFORM({items}, {item} -> {self.sql(first, 'this')})"


def _sorted_list(self: Any, node: Any, condition: str) -> str:
    from sqlglot import exp

    order = node.this
    if not isinstance(order, exp.Order):
        value = self.sql(order)
        if condition:
            value = f"CASE WHEN {condition} THEN {value} END"
        return f"COLLECT_LIST({value})"  # leaves out nulls
    value = self.sql(order, "this")
    (by,) = order.expressions
    key = self.sql(by, "this")
    entry = f"STRUCT({key} IS NULL AS a, {key} AS b, {value} AS c)"
    if condition:
        entry = f"CASE WHEN {condition} THEN {entry} END"
    return f"TRANSFORM(ARRAY_SORT(COLLECT_LIST({entry})), entry -> entry.c)"


def _filtered(self: Any, node: Any) -> str:
    from sqlglot import exp

    if isinstance(node.this, exp.ArrayAgg):
        return _sorted_list(self, node.this, self.sql(node.expression, "this"))
    return f"{self.sql(node, 'this')} FILTER({self.sql(node, 'expression').strip()})"


def _element(self: Any, node: Any) -> str:
    from sqlglot import exp

    if isinstance(node.this, exp.Anonymous) and node.this.name.lower() == "map_extract":
        known, key = node.this.expressions
        return f"ELEMENT_AT({self.sql(known)}, {self.sql(key)})"
    return str(self.bracket_sql(node))


def _function(self: Any, node: Any) -> str:
    name = node.name.lower()
    arguments = [self.sql(argument) for argument in node.expressions]
    if name not in _FUNCTIONS:
        raise ArgumentError(f"function {name}: expected one with a rule for Spark SQL")
    return _FUNCTIONS[name](*arguments)


def _md5_upper(text: str) -> str:
    pairs = ", ".join(f"SUBSTRING(MD5({text}), {start}, 2)" for start in range(15, 0, -2))
    return f"CONV(CONCAT({pairs}), 16, 10)"


def _without_keys(text: str, patch: str) -> str:
    keys = json.loads(patch[1:-1])
    names = ", ".join(f"'{key}'" for key in keys)
    members = f"MAP_FILTER(FROM_JSON({text}, 'MAP<STRING, STRING>'), (k, v) -> k NOT IN ({names}))"
    return f"TO_JSON({members})"


_FUNCTIONS: dict[str, Callable[..., str]] = {
    "arg_max_null": "MAX_BY({}, {})".format,
    "error": "RAISE_ERROR({})".format,
    "json_merge_patch": _without_keys,
    "md5_number_upper": _md5_upper,
    "range": lambda *bounds: f"RANGE({', '.join(bounds)})",
}

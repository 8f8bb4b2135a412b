"""Rows of a table, as a URL chooses them: filters, order, search, and pages by key."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from xframes.browsing.tabular.facets import DAY, RESULT, Facet, Shape, shape_of
from xframes.browsing.tabular.indexes import Index, searched
from xframes.errors import ArgumentError
from xframes.schema import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import duckdb
    import pyarrow as pa

PAGE_ROWS = 50
_MOST_VALUES = 12
_MOST_COUNTED = 500  # values of a facet that are remembered
_LAST_MS = 250_000_000_000_000  # milliseconds; DuckDB has no later times
_EPOCH = date(1970, 1, 1)
_LONGEST_SEARCH = 200  # characters
NOTHING = "(none)"  # the value of a facet for rows without one


@dataclass(frozen=True, slots=True)
class Choice:
    """What a URL says of a table: values of facets, words to search, order, and where to go on."""

    shape: Shape
    values: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    sort: str = ""
    is_ascending: bool = False
    after: tuple[Any, str] | None = None

    @classmethod
    def of(cls, name: str, args: Mapping[str, str]) -> Choice:
        """Return the choice of a URL. Raises ArgumentError for what the table does not have."""
        if name not in TABLES:
            raise ArgumentError(f"expected a table of the archive, got {name!r:.60}")
        shape = shape_of(name)
        values = {f.name: args[f.name] for f in shape.facets if args.get(f.name)}
        sort = args.get("sort", "")
        if sort and sort not in shape.sorts:
            raise ArgumentError(f"sort: expected one of {', '.join(shape.sorts)}, got {sort!r:.60}")
        words = args.get("q", "").strip()[:_LONGEST_SEARCH]
        after = None
        if args.get("after"):
            by = sort or shape.time
            after = _decoded(args["after"], shape.table[by].type if by else None)
        return cls(shape, values, words, sort, args.get("order") == "asc", after)

    @property
    def args(self) -> dict[str, str]:
        """The choice as arguments of a URL, without where to go on."""
        args = dict(self.values)
        if self.words:
            args["q"] = self.words
        if self.sort:
            args["sort"] = self.sort
        if self.is_ascending:
            args["order"] = "asc"
        return args

    def url(self, **changes: str | None) -> str:
        """Return the URL of this choice with some arguments changed; None removes one."""
        args = {**self.args, **changes}
        written = urlencode({name: value for name, value in args.items() if value is not None})
        return f"/table/{self.shape.name}" + (f"?{written}" if written else "")

    @property
    def needs_whole_index(self) -> bool:
        """Whether it chooses by something that is derived from other tables."""
        return any(f.is_derived and f.name in self.values for f in self.shape.facets)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a facet, and the number of rows that have it."""

    value: str
    label: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The most frequent values of a facet among the chosen rows."""

    facet: Facet
    values: tuple[Value, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class RowsPage:
    """One page of rows: their values, the handles of people in them, and where the next begins."""

    rows: pa.Table
    handles: Mapping[str, str]
    after: str | None


def _encoded(value: Any, tie: str) -> str:
    text = json.dumps([value, tie], separators=(",", ":"), default=_jsonable)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    return str(value)


def _decoded(text: str, kind: Type | None) -> tuple[Any, str]:
    try:
        padded = text + "=" * (-len(text) % 4)
        value, tie = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise ArgumentError("after: expected a value that a page of rows had as a link") from None
    if not isinstance(tie, str) or not _is_of(kind, value):
        raise ArgumentError("after: expected a value that a page of rows had as a link")
    return value, tie


def _is_of(kind: Type | None, value: Any) -> bool:
    """Whether a value of a URL can be one of a column by which rows are sorted."""
    if value is None:
        return True
    if kind is Type.DATE:
        return isinstance(value, str) and re.fullmatch(r"\d{4}-[01]\d-[0-3]\d", value) is not None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is Type.TIME:
        return isinstance(value, int) and is_number and abs(value) < _LAST_MS
    return kind is not None and is_number and abs(value) < 2**63


class Reading:
    """The rows of a choice, read with one session. The index may be missing, for large tables."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, choice: Choice, index: Index | None,
        search: str | None,
    ) -> None:
        self._connection = connection
        self._choice = choice
        self._index = index
        self._search = search  # a table of the keys of rows with the words

    def page(self) -> RowsPage:
        """Return the rows of one page."""
        keys = self._keys(PAGE_ROWS + 1)
        after = None
        if len(keys) > PAGE_ROWS:
            del keys[PAGE_ROWS:]
            after = _encoded(keys[-1][1], keys[-1][0])
        rows = self._rows([tie for tie, _ in keys])
        people: set[str] = set()
        for column in self._choice.shape.table.columns:
            if column.names == "users" and column.name != "id" and column.type is Type.STR:
                people.update(filter(None, rows[column.name].to_pylist()))
        return RowsPage(rows, self._handles(sorted(people)), after)

    def _keys(self, most: int) -> list[tuple[str, Any]]:
        source, tests, params = self._chosen()
        order = self._order()
        where = self._after(order, tests, params)
        direction = "ASC" if self._choice.is_ascending else "DESC"
        tie = self._tie()
        value = order
        if self._type_of_sort() == "timestamp":
            value = f"epoch_ms({order})"
        query = (
            f"SELECT {tie} AS tie, {value} AS value FROM {source} AS p{where} "
            f"ORDER BY {order} {direction} NULLS LAST, {tie} {direction} LIMIT {most}"
        )
        return self._connection.execute(query, params).fetchall()

    def _type_of_sort(self) -> str:
        shape = self._choice.shape
        name = self._choice.sort or shape.time
        return shape.table[name].type.value if name else ""

    def _order(self) -> str:
        """SQL of the value by which rows are sorted first."""
        choice, time = self._choice, self._choice.shape.time
        if self._uses_index:
            return "p.moment" if time else "NULL"
        if choice.sort or time:
            return f'p."{choice.sort or time}"'
        return "NULL"

    @property
    def _uses_index(self) -> bool:
        choice = self._choice
        return self._index is not None and choice.sort in {"", choice.shape.time}

    def _tie(self) -> str:
        return "p.tie" if self._uses_index else self._choice.shape.tie

    def _chosen(self) -> tuple[str, list[str], dict[str, Any]]:
        """Return a FROM clause, and tests of rows with their parameters."""
        name = self._choice.shape.name
        if self._index is not None and self._uses_index:
            tests, params = self._tests(indexed=True)
            return self._index.table, tests, params
        tests, params = self._stored_tests()
        return f'"{name}"', tests, params

    def _stored_tests(self) -> tuple[list[str], dict[str, Any]]:
        """Return tests of the rows of files; what is derived is looked up in the index."""
        if self._index is None:
            return self._tests(indexed=False)
        shape = self._choice.shape
        tests, params = self._facet_tests([f for f in shape.facets if not f.is_derived])
        derived, more = self._facet_tests([f for f in shape.facets if f.is_derived], indexed=True)
        if derived:
            keys = f"SELECT tie FROM {self._index.table} AS p WHERE {' AND '.join(derived)}"
            tests.append(f"{shape.tie} IN ({keys})")
        self._add_words(tests, params, shape.tie)
        return tests, params | more

    def _tests(self, *, indexed: bool, without: str = "") -> tuple[list[str], dict[str, Any]]:
        """Return tests of the rows of the index, or of the rows of files alone."""
        facets = [f for f in self._choice.shape.facets if f.name != without]
        tests, params = self._facet_tests(facets, indexed=indexed)
        self._add_words(tests, params, "p.tie" if indexed else None)
        return tests, params

    def _facet_tests(
        self, facets: Iterable[Facet], *, indexed: bool = False
    ) -> tuple[list[str], dict[str, Any]]:
        tests, params = [], dict[str, Any]()
        for facet in facets:
            value = self._choice.values.get(facet.name)
            if value is None:
                continue
            column = f'p."{facet.name}"' if indexed else facet.expression
            if value == NOTHING:
                tests.append(f"{column} IS NULL")
                continue
            params[f"of_{facet.name}"] = _stored(facet, value)
            test = f"{column} = $of_{facet.name}"
            if facet.has_many:
                test = f"list_contains(CAST({column} AS VARCHAR[]), $of_{facet.name})"
            tests.append(test)
        return tests, params

    def _add_words(self, tests: list[str], params: dict[str, Any], tie: str | None) -> None:
        """Add a test of the texts; with a key, by the keys that were found, where they are."""
        if self._choice.words and tie is not None and self._search is not None:
            tests.append(f"{tie} IN (SELECT tie FROM {self._search})")
        elif self._choice.words:
            tests.append(searched(self._choice.shape))
            params["words"] = self._choice.words

    def _after(self, order: str, tests: list[str], params: dict[str, Any]) -> str:
        """Return the WHERE clause, with where to go on."""
        if self._choice.after is not None:
            value, params["tie"] = self._choice.after
            sign = ">" if self._choice.is_ascending else "<"
            tie = f"{self._tie()} {sign} $tie"
            if value is None:
                tests.append(f"{order} IS NULL AND {tie}")
            else:
                params["value"] = value
                at = "$value"
                if self._type_of_sort() == "timestamp":
                    at = "make_timestamptz(CAST($value AS BIGINT) * 1000)"
                elif self._type_of_sort() == "date":
                    at = "CAST($value AS DATE)"
                tests.append(
                    f"({order} {sign} {at} OR ({order} = {at} AND {tie}) OR {order} IS NULL)"
                )
        return f" WHERE {' AND '.join(tests)}" if tests else ""

    def _rows(self, ties: list[str]) -> pa.Table:
        """Return the whole rows of some keys, in their order."""
        import pyarrow as pa

        shape = self._choice.shape
        params: dict[str, Any] = {"ties": ties}
        tests = [f"{shape.tie} IN (SELECT unnest($ties::VARCHAR[]))"]
        if shape.lead is not None and len(shape.table.key) > 1:
            leads = sorted({shape.lead_of(tie) for tie in ties})
            if all(leads):
                tests.insert(0, f'p."{shape.lead}" IN ({_listed(leads)})')
        elif shape.lead is not None:
            tests = [f'p."{shape.lead}" IN ({_listed(ties)})']  # files without one are skipped
            params = {}
        if not ties:
            tests, params = ["false"], {}
        columns = _columns(shape)
        if "text" in shape.texts and shape.table.object == "post":  # as people read it
            columns = columns.replace('p."text"', 'p.plain_text AS "text"')
        where = " AND ".join(tests)
        query = f'SELECT {columns}, {shape.tie} AS tie FROM "{shape.name}" AS p WHERE {where}'
        rows = self._connection.sql(query, params=params or None).to_arrow_table()
        places = {tie: number for number, tie in enumerate(ties)}
        order = sorted(
            range(rows.num_rows), key=lambda i: places.get(rows["tie"][i].as_py(), len(places))
        )
        return rows.take(pa.array(order, pa.int64())).drop_columns(["tie"])

    def batches(self, batch_rows: int, name: str) -> tuple[pa.Schema, Iterator[pa.Table]]:
        """Return all chosen rows, in order, for a download.

        `name` is the table, or a view with the same keys: `results` of posts.
        """
        import pyarrow as pa

        choice, shape = self._choice, shape_of(name)
        tests, params = self._stored_tests()
        if self._index is not None and name != choice.shape.name:
            tests, params = self._tests(indexed=True)
            where = f" WHERE {' AND '.join(tests)}" if tests else ""
            tests = [f"{shape.tie} IN (SELECT tie FROM {self._index.table} AS p{where})"]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        by = choice.sort if choice.sort in shape.table.schema.names else shape.time
        order = f'"{by}" DESC NULLS LAST' if by else "true"
        if choice.is_ascending:
            order = order.replace("DESC", "ASC")
        direction = "ASC" if choice.is_ascending else "DESC"
        relation = self._connection.sql(
            f'SELECT {_columns(shape)} FROM "{name}" AS p{where} '
            f"ORDER BY {order}, {shape.tie} {direction}", params=params or None,
        )
        reader = relation.to_arrow_reader(batch_rows)
        schema = shape.table.schema
        tables = (pa.Table.from_batches([batch]).cast(schema) for batch in reader)
        return schema, tables

    def total(self) -> int | None:
        """Return the number of chosen rows; None without an index."""
        if self._index is None:
            return None
        return self._counts()[0]

    def facets(self) -> list[FacetCounts]:
        """Count the values of each facet among the rows that all other facets choose."""
        if self._index is None:
            return []
        _, counts = self._counts()
        shown = []
        for facet in self._choice.shape.facets:
            found = self._facet(facet, counts.get(facet.name, []))
            if len(found.values) > 1 or facet.name in self._choice.values:
                shown.append(found)
        return shown

    def _counts(self) -> tuple[int, dict[str, list[tuple[str | None, int]]]]:
        """Return the number of rows, and those of each value of each facet; remember them."""
        assert self._index is not None
        key = (tuple(sorted(self._choice.values.items())), self._choice.words)
        counts = self._index.recall(key)
        if counts is None:
            counts = self._count(self._index)
            self._index.remember(key, counts)
        return counts  # type: ignore[no-any-return]  # the index remembers anything

    def _count(self, index: Index) -> tuple[int, dict[str, list[tuple[str | None, int]]]]:
        facets = [f for f in self._choice.shape.facets if index.is_whole or not f.is_derived]
        free = [f for f in facets if f.name not in self._choice.values]
        total, counts = self._grouped(index, free, "")
        for facet in facets:
            if facet.name in self._choice.values:
                counts |= self._grouped(index, [facet], facet.name)[1]
        return total, counts

    def _grouped(
        self, index: Index, facets: list[Facet], without: str
    ) -> tuple[int, dict[str, list[tuple[str | None, int]]]]:
        """Count rows and the values of several facets in one pass."""
        tests, params = self._tests(indexed=True, without=without)
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        names = [f'"{f.name}"' for f in facets]
        texts = [f"CAST({name} AS VARCHAR)" for name in names]
        sets = ", ".join(f"({name})" for name in ("", *names))
        bits = f"grouping({', '.join(names)})" if names else "0"
        # the rows of each set, by the bits of the columns that it does not have
        rows = self._connection.execute(
            f"WITH counted AS (SELECT {', '.join([*names, bits])} AS bits, count(*) AS number "
            f"FROM {index.table} AS p{where} GROUP BY GROUPING SETS ({sets})) "
            f"SELECT coalesce({', '.join([*texts, 'NULL'])}), bits, number FROM counted "
            "QUALIFY row_number() OVER (PARTITION BY bits ORDER BY number DESC) "
            f"<= {_MOST_COUNTED}", params,
        ).fetchall()
        whole = 2 ** len(facets) - 1
        places = {whole - 2 ** (len(facets) - 1 - n): f.name for n, f in enumerate(facets)}
        counts: dict[str, list[tuple[str | None, int]]] = {f.name: [] for f in facets}
        total = 0
        for value, place, number in rows:
            if place == whole:
                total = number
            else:
                counts[places[place]].append((value, number))
        return total, counts

    def _facet(self, facet: Facet, counts: list[tuple[str | None, int]]) -> FacetCounts:
        if facet.has_many:
            counts = _spread(counts)
        chosen = self._choice.values.get(facet.name)
        values = [(_shown(facet, value), number) for value, number in counts]
        values.sort(key=lambda item: (-item[1], item[0]))
        if facet.name == DAY:
            values.sort(key=lambda item: item[0], reverse=True)
        top = values[:_MOST_VALUES]
        if chosen is not None and chosen not in dict(top):
            top.append((chosen, dict(values).get(chosen, 0)))
        labels = self._labels(facet, [value for value, _ in top])
        return FacetCounts(
            facet,
            tuple(Value(v, labels.get(v, v), n, v == chosen) for v, n in top),
            len(values) > _MOST_VALUES,
        )

    def _labels(self, facet: Facet, values: list[str]) -> dict[str, str]:
        """Return values as people read them: handles for ids."""
        if facet.name == "is_result":
            return RESULT
        if facet.is_flag:
            return {"true": "yes", "false": "no"}
        if facet.names != "users":
            return {}
        return self._handles(values)

    def _handles(self, ids: list[str]) -> dict[str, str]:
        if not ids:
            return {}
        rows = self._connection.execute(
            f"SELECT id, any_value(username) FROM users WHERE id IN ({_listed(ids)}) GROUP BY id"
        ).fetchall()
        return {id_: f"@{name}" for id_, name in rows if name}


def _columns(shape: Shape) -> str:
    return ", ".join(f'p."{column.name}"' for column in shape.table.columns)


def _listed(values: list[str]) -> str:
    """SQL of texts; a list in the query itself is compared with the statistics of files."""
    return ", ".join("'" + value.replace("'", "''").replace("\0", "") + "'" for value in values)


def _spread(counts: list[tuple[str | None, int]]) -> list[tuple[str | None, int]]:
    """Count each value of lists."""
    sums: dict[str | None, int] = {}
    for text, number in counts:
        values: list[str | None] = [None] if text is None else json.loads(text)
        for value in values:
            sums[value] = sums.get(value, 0) + number
    return list(sums.items())


def _shown(facet: Facet, value: str | None) -> str:
    if value is None:
        return NOTHING
    if facet.name == DAY:
        return str(_EPOCH + timedelta(days=int(value)))
    return value


def _stored(facet: Facet, value: str) -> str:
    """Return the value in the index of one in a URL. Raises ArgumentError for a bad day."""
    if facet.name != DAY:
        return value
    try:
        return str((datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date() - _EPOCH).days)
    except ValueError:
        raise ArgumentError(f"day: expected a date such as 2026-01-31, got {value!r:.60}") from None

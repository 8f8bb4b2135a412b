"""Tables without people: what becomes of each column when an archive is exported under pseudonyms.

That follows from what the column's declaration says it holds. What is not among the kinds here is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.export.pseudonyms import People, is_x_url
from xframes.schema import TABLES, Col
from xframes.schema.references import carried, is_list, named, references, writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from xframes.archive.export.pseudonyms import Pseudonyms
    from xframes.schema import Table

# What becomes of each kind of column: kept, a kind of pseudonym, a way of rewriting.
_WAYS = {
    "public": "kept", "code": "fact", "handle": "username", "name": "name", "words": "text", "label": "text",
    "link": "text", "file": "text", "fact": "fact", "shown_link": "shown", "preview": "page", "query": "query",
}
_ADDRESSES = frozenset({"link", "shown_link", "preview", "file"})  # in a profile they lead to the person
# Tables that would name people in ways no rule can follow: messages, texts of errors, tokens, links to sign in with.
_UNMASKED = frozenset({"account", "messages", "log", "removed"})
UNMASKED = frozenset(t.name for t in TABLES.values() if t.private in _UNMASKED)
_SHOWN_LETTERS = 36  # of a link; X shows fewer, and handles are longer here


@cache
def rule(table: str, column: str) -> str | None:
    """What becomes of a column: kept, a kind of pseudonym, a way of rewriting; None when it is left out."""
    declared = TABLES[table]
    col = declared[column]
    if declared.private in _UNMASKED:
        return None
    if col.within is not None:
        return "place"
    if declared.object == "user" and col.holds in _ADDRESSES:
        return None
    if col.content == "id":
        return _pseudonym(named(table).get(column)) or "kept"
    return _WAYS.get(str(col.content))


def _pseudonym(target: str | None) -> str | None:
    """The kind of pseudonym that ids of a table's things get; None where they name nobody."""
    if target is None or TABLES[target].private is not None or writer(target) is None:
        return None
    return TABLES[target].object


_IDS = frozenset(filter(None, map(_pseudonym, TABLES)))


def is_pseudonym(table: str, column: str, *, posts: bool = True) -> bool:
    """Whether a column's values are pseudonyms; with `posts` false, ids of posts are not."""
    way = rule(table, column)
    return way in {"username", "name", *_IDS} and (posts or way != TABLES["posts"].object)


def people(connection: duckdb.DuckDBPyConnection) -> People:
    """Everybody the archive knows, by handle and id."""
    columns = [(t.name, c.name) for t in TABLES.values() for c in t.body if c.holds == "handle"]
    columns.append(("users", "id"))
    words = " UNION ".join(f'SELECT lower("{column}") FROM "{table}"' for table, column in columns)
    batches = connection.sql(words).to_arrow_reader(10_240)
    return People(word for batch in batches for word in batch[0].to_pylist() if word)


def masked_columns(table: str) -> list[Col]:
    """The columns of a table that stay under pseudonyms."""
    return [c for c in TABLES[table].columns if rule(table, c.name)]


@cache
def helpers(table: str) -> dict[str, str]:
    """What the rewriting of a row needs beside it, name → SQL: who wrote it, and the texts its places are in.

    In the SQL, `w` is the writer and `p` the row's parent.
    """
    declared = TABLES[table]
    if not _joins(declared) or all(rule(table, c.name) in {"kept", "fact", None, *_IDS} for c in declared.columns):
        return {}
    texts = {c.within for c in declared.columns if c.within} if declared.parent else set()
    return {"_username": "w.username", "_name": "w.name"} | {f"_{text}": f'p."{text}"' for text in sorted(texts)}


def source(table: str, rows: str) -> str:
    """A FROM clause of rows with what `helpers` names."""
    needed = helpers(table)
    if not needed:
        return rows
    more = ", ".join(f"{sql} AS {name}" for name, sql in needed.items())
    return f"(SELECT t.*, {more} FROM {rows} AS t {_joins(TABLES[table])})"


def _joins(table: Table) -> str:
    """The joins that give the rows of a table, `t`, their parents and writers; empty where nobody is known."""
    if own := writer(table.name):
        return f'LEFT JOIN users AS w ON w.id = t."{own}"'
    thing = TABLES[table.parent] if table.parent else table
    if thing.carrier:
        return _first_writer(thing, table.key[0])
    own = writer(thing.name)
    if own is None:
        return ""
    return f'LEFT JOIN "{thing.name}" AS p ON p.id = t."{table.parent_key}" LEFT JOIN users AS w ON w.id = p."{own}"'


def _first_writer(thing: Table, key: str) -> str:
    """The joins that give what posts carry its writer: who wrote the first post with it."""
    column, post = carried(thing.name)
    target = str(references(str(thing.carrier))[post])
    first = (f'SELECT c."{column}", arg_min(p."{writer(target)}", (length(p.id), p.id)) AS writer '
             f'FROM "{thing.carrier}" AS c JOIN "{target}" AS p ON p.id = c."{post}" GROUP BY ALL')
    return f'LEFT JOIN ({first}) AS c ON c."{column}" = t."{key}" LEFT JOIN users AS w ON w.id = c.writer'


@dataclass(frozen=True, slots=True)
class Mask:
    """Puts pseudonyms into the rows of a table."""

    table: str
    pseudonyms: Pseudonyms

    def batch(self, rows: pa.Table) -> pa.Table:
        """The rows without people; columns as `masked_columns` has them."""
        beside: dict[str, list[str | None]] = {
            h: rows[h].to_pylist() if h in rows.column_names else [None] * len(rows)
            for h in {"_username", "_name", *helpers(self.table)}
        }
        columns = {c.name: self._column(c, rows, beside) for c in masked_columns(self.table)}
        return pa.table(columns)

    def _column(self, col: Col, rows: pa.Table, beside: dict[str, list[str | None]]) -> Any:
        way = str(rule(self.table, col.name))
        if way == "kept":
            return rows[col.name]
        values = rows[col.name].to_pylist()
        if is_pseudonym(self.table, col.name):
            several = is_list(self.table, col.name)
            made: list[Any] = [self._ids(way, value) if several else self._id(way, value) for value in values]
        elif way == "place":
            made = self._places(col, values, rows, beside)
        elif way == "query":
            made = [None if value is None else self.pseudonyms.query(value) for value in values]
        else:
            links = rows[col.of].to_pylist() if col.of else [None] * len(values)
            made = self._texts(way, values, links, beside)
        return pa.array(made, col.type.arrow)

    def _id(self, kind: str, value: str | None) -> str | None:
        return None if value is None else self.pseudonyms.of(kind, value)

    def _ids(self, kind: str, values: list[str] | None) -> list[str] | None:
        return None if values is None else [self.pseudonyms.of(kind, value) for value in values]

    def _texts(
        self, way: str, values: Sequence[Any], links: Sequence[str | None], beside: dict[str, list[str | None]]
    ) -> list[Any]:
        made = list[Any]()
        for value, link, *who in zip(values, links, beside["_username"], beside["_name"], strict=True):
            if isinstance(value, list):
                made.append([self._text(way, item, link, who) for item in value])
            else:
                made.append(self._text(way, value, link, who))
        return made

    def _text(self, way: str, value: str | None, link: str | None, who: Sequence[str | None]) -> str | None:
        if value is None or (way == "page" and is_x_url(link)):
            return None
        if way == "shown" and link is not None and is_x_url(link):
            return _shown(self.pseudonyms.rewrite(link, *who).text)
        return self.pseudonyms.rewrite(value, *who).text

    def _places(
        self, col: Col, values: Sequence[int | None], rows: pa.Table, beside: dict[str, list[str | None]]
    ) -> list[int | None]:
        declared, within = TABLES[self.table], str(col.within)
        texts = beside[f"_{within}"] if declared.parent else rows[within].to_pylist()
        if declared.const is not None:  # a profile's link is no text: its places mean nothing and stay
            fields = rows[declared.const].to_pylist()
            texts = [t if f == within else None for t, f in zip(texts, fields, strict=True)]
        last = 1 if col.edge == "last" else 0  # the last code point itself
        return [
            value if value is None or text is None
            else self.pseudonyms.rewrite(text, *who).place(value + last, end=col.edge != "start") - last
            for value, text, *who in zip(values, texts, beside["_username"], beside["_name"], strict=True)
        ]

def _shown(url: str) -> str:
    """A link as X shows it: without its scheme, cut."""
    bare = url.split("://", 1)[-1].removeprefix("www.")
    return bare if len(bare) <= _SHOWN_LETTERS else f"{bare[:_SHOWN_LETTERS - 1]}…"

"""Masking: how each column changes in an export with pseudonyms.

It follows from what the column's declaration says it holds. Columns of other kinds are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.export.pseudonyms import People, is_x_url
from xframes.schema import STORED, TABLES, Col
from xframes.schema.references import carried, is_list, named, references, writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from xframes.archive.export.pseudonyms import Pseudonyms, Rewritten
    from xframes.schema import Table

# The rule for each kind of column: kept, a kind of pseudonym, or a way to rewrite its text.
_RULES = {
    "public": "kept",
    "code": "fact",
    "handle": "username",
    "name": "name",
    "words": "text",
    "label": "text",
    "link": "text",
    "file": "text",
    "fact": "fact",
    "shown_link": "shown",
    "preview": "page",
    "query": "query",
}
# Kinds of links, which in a profile lead to the person.
_ADDRESSES = frozenset({"link", "shown_link", "preview", "file"})
# Tables with names of people that no rule can find: messages, errors, tokens, links to log in.
_UNMASKED = frozenset({"account", "messages", "log", "removed", "published"})
UNMASKED = frozenset(t.name for t in TABLES.values() if t.private in _UNMASKED)
_SHOWN_LETTERS = 36  # of a link; more than X shows, because pseudonyms are longer than handles


@cache
def rule(table: str, column: str) -> str | None:
    """The rule for a column: kept, a kind of pseudonym, or a way to rewrite it.

    None: the column is left out.
    """
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
    return _RULES.get(str(col.content))


def _pseudonym(target: str | None) -> str | None:
    """The kind of pseudonym for ids of a table's rows; None if they do not identify a person."""
    if target is None or TABLES[target].private is not None or writer(target) is None:
        return None
    return TABLES[target].object


_IDS = frozenset(filter(None, map(_pseudonym, TABLES)))


def is_pseudonym(table: str, column: str, *, posts: bool = True) -> bool:
    """Whether a column's values become pseudonyms; with `posts=False`, post ids do not."""
    kind = rule(table, column)
    if kind == TABLES["posts"].object and not posts:
        return False
    return kind in {"username", "name", *_IDS}


def people(connection: duckdb.DuckDBPyConnection) -> People:
    """Read the handles and ids of all people in the archive."""
    columns = [(t.name, c.name) for t in STORED.values() for c in t.body if c.holds == "handle"]
    columns.append(("users", "id"))
    words = " UNION ".join(f'SELECT lower("{column}") FROM "{table}"' for table, column in columns)
    batches = connection.sql(words).to_arrow_reader(10_240)
    return People(word for batch in batches for word in batch[0].to_pylist() if word)


def masked_columns(table: str) -> list[Col]:
    """The columns of a table in an export with pseudonyms."""
    return [c for c in TABLES[table].columns if rule(table, c.name)]


@cache
def helpers(table: str) -> dict[str, str]:
    """Additional columns that rewriting a row needs: name → SQL.

    They are the writer's handle and name, and the parent's texts that positions refer to. In the
    SQL, `w` is the writer and `p` the row's parent.
    """
    declared = TABLES[table]
    simple_rules = {"kept", "fact", None, *_IDS}
    if not _joins(declared) or all(rule(table, c.name) in simple_rules for c in declared.columns):
        return {}
    columns = {"_username": "w.username", "_name": "w.name"}
    for of in _other_writers(declared):
        columns |= {f"_username_{of}": f'"w_{of}".username', f"_name_{of}": f'"w_{of}".name'}
    if declared.parent:
        for text in sorted({c.within for c in declared.columns if c.within}):
            columns[f"_{text}"] = f'p."{text}"'
    return columns


def source(table: str, rows: str) -> str:
    """SQL of a FROM clause of rows with the additional columns of `helpers`."""
    columns = helpers(table)
    if not columns:
        return rows
    more = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    return f"(SELECT t.*, {more} FROM {rows} AS t {_joins(TABLES[table])})"


def _other_writers(table: Table) -> list[str]:
    """The columns with the writers of texts that are not by the row's owner."""
    return list(dict.fromkeys(c.of for c in table.columns if c.of and c.holds == "words"))


def _joins(table: Table) -> str:
    """SQL of joins of a table's rows, `t`, with parents and writers; empty without a writer."""
    own = writer(table.name)
    if own:
        return f'LEFT JOIN users AS w ON w.id = t."{own}"' + "".join(
            f' LEFT JOIN users AS "w_{of}" ON "w_{of}".id = t."{of}"'
            for of in _other_writers(table)
        )
    parent = table
    if table.parent:
        parent = TABLES[table.parent]
    if parent.carrier:
        return _first_writer(parent, table.key[0])
    own = writer(parent.name)
    if own is None:
        return ""
    return (
        f'LEFT JOIN "{parent.name}" AS p ON p.id = t."{table.parent_key}" '
        f'LEFT JOIN users AS w ON w.id = p."{own}"'
    )


def _first_writer(table: Table, key: str) -> str:
    """SQL of joins with the writer of the first post that carries a row, e.g. a poll."""
    column, post = carried(table.name)
    target = str(references(str(table.carrier))[post])
    first = (
        f'SELECT c."{column}", arg_min(p."{writer(target)}", (length(p.id), p.id)) AS writer '
        f'FROM "{table.carrier}" AS c JOIN "{target}" AS p ON p.id = c."{post}" GROUP BY ALL'
    )
    return (
        f'LEFT JOIN ({first}) AS c ON c."{column}" = t."{key}" '
        "LEFT JOIN users AS w ON w.id = c.writer"
    )


@dataclass(frozen=True, slots=True)
class Mask:
    """Replaces people by pseudonyms in the rows of a table."""

    table: str
    pseudonyms: Pseudonyms

    def batch(self, rows: pa.Table) -> pa.Table:
        """Mask a batch of rows; the result has the columns of `masked_columns`."""
        extra: dict[str, list[str | None]] = {}
        for name in {"_username", "_name", *helpers(self.table)}:
            if name in rows.column_names:
                extra[name] = rows[name].to_pylist()
            else:
                extra[name] = [None] * len(rows)
        columns = {c.name: self._column(c, rows, extra) for c in masked_columns(self.table)}
        return pa.table(columns)

    def _column(self, col: Col, rows: pa.Table, extra: dict[str, list[str | None]]) -> Any:
        kind = str(rule(self.table, col.name))
        if kind == "kept":
            return rows[col.name]
        values = rows[col.name].to_pylist()
        masked: list[Any]
        if is_pseudonym(self.table, col.name):
            if is_list(self.table, col.name):
                masked = [self._ids(kind, value) for value in values]
            else:
                masked = [self._id(kind, value) for value in values]
        elif kind == "place":
            masked = self._positions(col, values, rows, extra)
        elif kind == "query":
            masked = [self._query(value) for value in values]
        else:
            links = [None] * len(values)
            if col.of and col.holds == "words":
                extra = extra | {name: extra[f"{name}_{col.of}"] for name in ("_username", "_name")}
            elif col.of:
                links = rows[col.of].to_pylist()
            masked = self._texts(kind, values, links, extra)
        return pa.array(masked, col.type.arrow)

    def _id(self, kind: str, value: str | None) -> str | None:
        if value is None:
            return None
        return self.pseudonyms.of(kind, value)

    def _ids(self, kind: str, values: list[str | None] | None) -> list[str | None] | None:
        if values is None:
            return None
        return [self._id(kind, value) for value in values]

    def _query(self, value: str | None) -> str | None:
        if value is None:
            return None
        return self.pseudonyms.query(value)

    def _texts(
        self,
        kind: str,
        values: Sequence[Any],
        links: Sequence[str | None],
        extra: dict[str, list[str | None]],
    ) -> list[Any]:
        masked = list[Any]()
        rows = zip(values, links, extra["_username"], extra["_name"], strict=True)
        for value, link, *author in rows:
            if isinstance(value, list):
                masked.append([self._text(kind, item, link, author) for item in value])
            else:
                masked.append(self._text(kind, value, link, author))
        return masked

    def _text(
        self, kind: str, value: str | None, link: str | None, author: Sequence[str | None]
    ) -> str | None:
        if value is None or (kind == "page" and is_x_url(link)):
            return None
        if kind == "shown" and link is not None and is_x_url(link):
            return _short_link(self.pseudonyms.rewrite(link, *author).text)
        return self.pseudonyms.rewrite(value, *author).text

    def _positions(
        self,
        col: Col,
        values: Sequence[int | None],
        rows: pa.Table,
        extra: dict[str, list[str | None]],
    ) -> list[int | None]:
        """Move positions in a text to the same places in its rewritten form."""
        declared, within = TABLES[self.table], str(col.within)
        texts = extra[f"_{within}"] if declared.parent else rows[within].to_pylist()
        positions: list[int | None] = []
        links = [False] * len(values)
        if declared.const is not None:  # positions in a profile's link stay: it has no text
            links = [field != within for field in rows[declared.const].to_pylist()]
        columns = zip(values, texts, links, extra["_username"], extra["_name"], strict=True)
        for value, text, is_link, *author in columns:
            if value is None or text is None or is_link:
                positions.append(value)
            else:
                new = self.pseudonyms.rewrite(text, *author)
                positions.append(_moved(value, new, col.edge))
        return positions


def _moved(position: int, text: Rewritten, edge: str | None) -> int:
    """The new position of an edge: `start`, `end` (after the last code point) or `last` (on it)."""
    if edge == "last":
        return text.place(position + 1, end=True) - 1
    return text.place(position, end=edge != "start")


def _short_link(url: str) -> str:
    """A link as X shows it: without its scheme, and truncated."""
    bare = url.split("://", 1)[-1].removeprefix("www.")
    if len(bare) <= _SHOWN_LETTERS:
        return bare
    return f"{bare[:_SHOWN_LETTERS - 1]}…"

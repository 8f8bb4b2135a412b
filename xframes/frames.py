"""The tables flattened from a set of pages, in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from xframes.errors import ArgumentError, XframesError
from xframes.flatten import Tables, flatten_pages
from xframes.plan.values import missing
from xframes.registry import ACTIONS, match
from xframes.schema import TABLES, table
from xframes.wire import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb
    import pandas as pd

PLAIN_TEXT = "replace(replace(replace(text, '&lt;', '<'), '&gt;', '>'), '&amp;', '&')"


def flatten(pages: Iterable[Page] | Page) -> Frames:
    """Flatten pages into Frames: every object, relation, measure and problem in them as rows of its table.

    Pure and total: no network, no clock; what cannot be read becomes a row of `problems`. Same post in `data` and
    `includes` of a page, or twice on it: one row, the main one. Rows of several pages stay apart (`observed_at`,
    `page_id`), so a post seen on two pages has two rows here; an archive's views unite them.

    Raises ArgumentError for what is no page, e.g. a file's name.
    """
    return Frames.from_pages(only_pages(pages))


def only_pages(given: Any) -> Iterator[Page]:
    """The pages given, or the one. Raises ArgumentError for what is none, with what reads some."""
    if isinstance(given, Page):
        given = [given]
    if isinstance(given, str | os.PathLike):
        raise ArgumentError(f"{given} is no page; if it is a file, xf.read_pages({str(given)!r}) reads its pages")
    if not isinstance(given, Iterable):
        raise ArgumentError(f"pages are needed, not {type(given).__name__}; xf.read_pages(…) reads them from a file")
    for page in given:
        if not isinstance(page, Page):
            raise ArgumentError(f"pages are needed, and {type(page).__name__} {str(page)[:40]!r} is none; "
                                "xf.read_pages(…) reads them from a file")
        yield page


def unescape(text: Any) -> Any:
    """X's text as people read it: `&lt;`, `&gt;` and `&amp;` resolved, once. Takes a string or a pandas Series.

    A missing one (None, NaN) stays what it is.
    """
    if missing(text):
        return text
    if not isinstance(text, str):
        return text.str.replace("&lt;", "<").str.replace("&gt;", ">").str.replace("&amp;", "&")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def to_pandas(arrow: pa.Table) -> pd.DataFrame:
    """Convert an Arrow table: Int64, boolean, str (`string` in pandas 2), datetime64[ms, UTC]; lists stay objects."""
    import pandas as pd

    text = pd.api.types.pandas_dtype("str")
    if not isinstance(text, pd.StringDtype):  # pandas 2 has no `str` of its own, and nullable text beside its Int64
        text = pd.StringDtype("pyarrow")
    mapper = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): text}
    return arrow.to_pandas(types_mapper=mapper.get, date_as_object=False)  # type: ignore[no-any-return]  # untyped


def connect(tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB in UTC that sees these tables, and so do its cursors.

    `posts` also has `plain_text`, the text unescaped.
    """
    import duckdb

    connection = duckdb.connect(config={
        "autoinstall_known_extensions": False, "autoload_known_extensions": False, "python_scan_all_frames": True,
    })
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    for name, arrow in tables.items():
        connection.from_arrow(arrow).create_view(f"_{name}")
        extra = f", {PLAIN_TEXT} AS plain_text" if name == "posts" else ""
        connection.execute(f'CREATE VIEW "{name}" AS SELECT *{extra} FROM "_{name}"')
    return connection


@contextmanager
def readable_sql() -> Iterator[None]:
    """DuckDB's errors in one line, as XframesError: what is wrong and what was meant, without the query repeated."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines()]
        told = [line for line in lines if line and not line.startswith("LINE ") and set(line) - {"^"}]
        raise XframesError(" ".join(told[:3])) from error


class Frames:
    """The tables of some pages: `frames.posts` is pandas, `frames["posts"]` is Arrow, `frames.sql("…")` is DuckDB.

    Every table of the schema is there, empty ones with their dtypes. The object itself exports its main table (what
    the action asked for; posts when unknown) through the Arrow PyCapsule interface, a fresh stream at each call.
    """

    def __init__(self, tables: Tables, pages: tuple[Page, ...], main: str) -> None:
        self._tables = tables
        self.pages = pages
        self.main = main
        self._connection: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def from_pages(cls, pages: Iterable[Page]) -> Frames:
        """Flatten pages; they stay at hand in `.pages`, verbatim."""
        kept = tuple(pages)
        return cls(flatten_pages(kept), kept, next((m for p in kept if (m := _main_table(p))), "posts"))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_connection": None}  # made anew by the first question to the copy

    @property
    def tables(self) -> dict[str, int]:
        """Rows of every table, by name, in the schema's order."""
        return self._tables.row_counts

    def __getitem__(self, name: str) -> pa.Table:
        table(name)  # names the tables there are when there is no such one
        return self._tables[name]

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in TABLES:
            raise AttributeError(f"Frames has no table or attribute {name!r}; the tables are: {', '.join(TABLES)}")
        return to_pandas(self._tables[name])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *TABLES]

    def _ipython_key_completions_(self) -> list[str]:
        return list(TABLES)

    def __len__(self) -> int:
        """Rows of the main table."""
        return self._tables.row_counts[self.main]

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Ask DuckDB over the tables by name, in UTC: a relation with `.df() .pl() .arrow() .fetchall()`.

        Frames in the caller's variables can be named as well. `params` fill `?` or `$name` in the query.
        Each query runs in a session of its own, so threads can share the object.

        Raises duckdb.Error for what DuckDB refuses.
        """
        if self._connection is None:
            self._connection = connect(self._tables)
        return self._connection.cursor().sql(query, params=params)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection that sees the tables by name: for JupySQL, pandas, Ibis."""
        return connect(self._tables)

    def __arrow_c_schema__(self) -> object:
        return self._tables[self.main].schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._tables[self.main].__arrow_c_stream__(requested_schema)

    @property
    def price(self) -> float | None:
        """What X bills for these pages in US dollars by the published price card; None where a price is unknown.

        Counts the main rows of each page once per request; X may bill a post read twice in a day only once.
        """
        from xframes.registry.prices import price

        requests = self._tables["requests"].select(["action", "row_count"]).to_pylist()
        found = [price(ACTIONS[r["action"]], r["row_count"]) if r["action"] in ACTIONS else None for r in requests]
        known = [p for p in found if p is not None]
        return sum(known) if known and len(known) == len(found) else None

    @property
    def span(self) -> tuple[Any, Any] | None:
        """First and last `created_at` of the posts (datetimes in UTC), or of the counts; None without any."""
        for name, column in (("posts", "created_at"), ("counts", "start_at")):
            limits = pc.min_max(self._tables[name][column]).as_py()
            if limits["min"] is not None:
                return limits["min"], limits["max"]
        return None

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {count:,}" for name, count in self.tables.items() if count)
        return f"<Frames: {rows or 'no rows'}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(name)}</td><td style='text-align:right'>{count:,}</td></tr>"
            for name, count in self.tables.items() if count
        )
        head = f"<p>{escape(self._summary())}</p><table><tr><th style='text-align:left'>table</th><th>rows</th></tr>"
        return f"<div>{head}{rows}</table>{self._sample()}</div>"

    def _summary(self) -> str:
        parts = [f"Frames: {self.tables['requests']:,} requests"]
        if self.span:
            parts.append(f"{self.span[0]:%Y-%m-%d %H:%M} to {self.span[1]:%Y-%m-%d %H:%M} UTC")
        if self.price is not None:
            parts.append(f"about ${self.price:,.2f} by X's price card")
        if self.tables["problems"]:
            parts.append(f"{self.tables['problems']:,} problems")
        return " · ".join(parts)

    def _sample(self) -> str:
        head = self._tables["posts"].slice(0, 3).select(["author_id", "text"]).to_pylist()
        shown = [(escape(p["author_id"] or ""), escape(unescape(p["text"] or "")[:140])) for p in head]
        start = "style='text-align:start'"  # and each text from the side it is read from
        rows = "".join(f"<tr><td {start}>{who}</td><td dir='auto' {start}>{text}</td></tr>" for who, text in shown)
        head_row = f"<tr><th {start}>author_id</th><th {start}>text</th></tr>"
        return f"<table>{head_row}{rows}</table>" if rows else ""


def _main_table(page: Page) -> str | None:
    action = ACTIONS.get(page.request.action or "")
    if action is None and page.request.path and (hit := match(page.request.method, page.request.path)):
        action = hit[0]
    if action is None:
        return None
    return "writes" if action.kind == "write" else action.rows

"""Frames: the tables of a set of pages, in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import contextmanager
from functools import cached_property
from html import escape
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, overload

import pyarrow as pa
import pyarrow.compute as pc

from xframes.billing.card import in_dollars, load
from xframes.billing.sums import money
from xframes.errors import ArgumentError, XframesError
from xframes.flattening import Tables, flatten_pages
from xframes.plan.values import missing
from xframes.registry import ACTIONS, match
from xframes.schema import TABLES, table
from xframes.screen import counted
from xframes.sql import macros
from xframes.sql.derivation import PLAIN_TEXT
from xframes.sql.memory import Observations, Things
from xframes.sql.names import named_tables
from xframes.wire import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb
    import pandas as pd

_INCLUDED = (("posts", "Post", "id"), ("users", "User", "id"), ("media", "Media", "media_key"))


def flatten(pages: Iterable[Page] | Page) -> Frames:
    """Flatten pages into Frames.

    Every object, relation, measure and problem on the pages becomes a row of its table. Objects
    that are on several pages have one row with the newest known values, as in an archive;
    `observations` has a row for each page (`observed_at`, `page_id`). What cannot be read becomes
    a row of `problems`.

    Parameters
    ----------
    pages
        Pages, or one page, e.g. from `xf.read_pages`.

    Returns
    -------
    Frames
        All tables, in the order of the pages.

    Raises
    ------
    ArgumentError
        Something that is not a page was passed, e.g. the name of a file.

    Examples
    --------
    >>> xf.flatten(xf.read_pages("data/tweet-words.ndjson")).posts
    """
    return Frames.from_pages(only_pages(pages))


def only_pages(given: Any) -> Iterator[Page]:
    """Yield the pages given, or the one page.

    Raises ArgumentError for anything else, saying how to read pages.
    """
    if isinstance(given, Page):
        given = [given]
    if isinstance(given, str | os.PathLike):
        raise ArgumentError(
            f"expected Page objects, got {str(given)!r}. To read the pages of a file, use "
            f"xf.read_pages({str(given)!r})"
        )
    if not isinstance(given, Iterable):
        raise ArgumentError(
            f"expected Page objects, got {type(given).__name__}. To read pages from a file, use "
            "xf.read_pages(path)"
        )
    for page in given:
        if not isinstance(page, Page):
            raise ArgumentError(
                f"expected Page objects, got {type(page).__name__} {str(page)[:40]!r}. "
                "To read pages from a file, use xf.read_pages(path)"
            )
        yield page


def unescape(text: Any) -> Any:
    """Replace `&lt;`, `&gt;` and `&amp;` in X's text by `<`, `>` and `&`, once.

    Parameters
    ----------
    text
        A string, or a pandas Series of strings.

    Returns
    -------
    str or pandas.Series
        The text as people read it. A missing value (None, NaN) is returned as it is.

    Examples
    --------
    >>> xf.unescape("R &amp; D")
    'R & D'
    """
    if missing(text):
        return text
    if not isinstance(text, str):
        return text.str.replace("&lt;", "<").str.replace("&gt;", ">").str.replace("&amp;", "&")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def to_pandas(arrow: pa.Table) -> pd.DataFrame:
    """Convert an Arrow table to pandas.

    Columns become Int64, boolean, str (`string` in pandas 2) and datetime64[ms, UTC]; lists stay
    Python objects.
    """
    import pandas as pd

    text = pd.api.types.pandas_dtype("str")
    if not isinstance(text, pd.StringDtype):  # pandas 2 has no `str` of its own
        text = pd.StringDtype("pyarrow")
    mapper = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): text}
    frame: pd.DataFrame = arrow.to_pandas(types_mapper=mapper.get, date_as_object=False)
    return frame


def connect(tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB in UTC whose sessions see these tables.

    `posts` also has the column `plain_text`, the text unescaped. The functions of `macros` are
    there too.
    """
    connection = _open()
    _show(connection, tables, tables)
    return connection


def _open() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(config={
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        "python_scan_all_frames": True,
    })
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    macros.define(connection)
    return connection


def _show(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], names: Iterable[str]
) -> None:
    """Let the sessions of a connection see some of these tables."""
    for name in names:
        connection.from_arrow(tables[name]).create_view(f"_{name}")
        extra = ""
        if name == "posts":
            extra = f", {PLAIN_TEXT} AS plain_text"
        connection.execute(f'CREATE VIEW "{name}" AS SELECT *{extra} FROM "_{name}"')


@contextmanager
def readable_sql() -> Iterator[None]:
    """Raise DuckDB's errors as XframesError, in one line, without the query."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines()]
        shown = [line for line in lines if set(line) - {"^"} and not line.startswith("LINE ")]
        raise XframesError(" ".join(shown[:3])) from error


class _Pandas(property):
    """A table of Frames as a pandas DataFrame, converted each time it is read."""

    def __init__(self, name: str) -> None:
        def read(frames: Frames) -> pd.DataFrame:
            return to_pandas(frames[name])

        read.__doc__ = f"Table `{name}`: {TABLES[name].doc}"
        super().__init__(read)

    # to type checkers, a property made by a call could be anything
    @overload
    def __get__(self, frames: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, frames: object, owner: type | None = None) -> pd.DataFrame: ...
    def __get__(self, frames: Any, owner: type | None = None) -> Any:
        return super().__get__(frames, owner)


class Frames:
    """The tables of some pages, with one row for each thing: an archive in memory.

    `frames.results` has the posts that the request found, in X's order, with their authors;
    `frames.posts` also has the posts that they refer to. Both are pandas DataFrames;
    `frames["posts"]` is the same as a pyarrow Table, and `frames.sql("…")` queries all tables with
    DuckDB. Every table of the schema is there; empty ones have their columns and types too. Times
    are UTC, ids are text.

    The object itself can be passed to whatever reads Arrow data, e.g. `pl.DataFrame(frames)`: it
    exports its main table. `len(frames)` is the number of rows of the main table.

    Parameters
    ----------
    tables
        The tables.
    pages
        The pages they come from.
    main
        Name of the main table.

    Attributes
    ----------
    pages
        The pages, verbatim.
    main
        Name of the main table: that of the rows the action returns, `posts` when the action is
        not known.

    Examples
    --------
    >>> frames = xf.search.recent("duckdb", limit=100)
    >>> frames.results[["username", "text", "like_count"]]
    """

    def __init__(
        self, tables: Tables | Observations, pages: tuple[Page, ...], main: str
    ) -> None:
        self._tables: Things | Observations
        if isinstance(tables, Tables):
            self._tables = Things(tables)
        else:
            self._tables = tables
        self.pages = pages
        self.main = main
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._shown: set[str] = set()
        self._lock = RLock()

    @classmethod
    def from_pages(cls, pages: Iterable[Page]) -> Frames:
        """Flatten pages, as `xf.flatten` does, without a check of what they are.

        Parameters
        ----------
        pages
            Pages.

        Returns
        -------
        Frames
            All tables, in the order of the pages, with the pages in `pages`.

        Examples
        --------
        >>> xf.Frames.from_pages(xf.read_pages("data/tweet-words.ndjson")).tables
        """
        kept = tuple(pages)
        mains = (_main_table(page) for page in kept)
        main = next((name for name in mains if name is not None), "posts")
        return cls(flatten_pages(kept), kept, main)

    def __getstate__(self) -> dict[str, Any]:
        # the first query of the copy opens its own connection
        state = self.__dict__ | {"_connection": None, "_shown": set()}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = RLock()

    @cached_property
    def observations(self) -> Frames:
        """The same tables with one row for each page that has the thing, in the pages' order.

        `is_latest` is not known for a single observation.
        """
        if isinstance(self._tables, Observations):
            return self
        return Frames(Observations(self._tables), self.pages, self.main)

    # one attribute for each table of the schema, which type checkers and editors see
    results = _Pandas("results")
    posts = _Pandas("posts")
    users = _Pandas("users")
    media = _Pandas("media")
    places = _Pandas("places")
    polls = _Pandas("polls")
    poll_options = _Pandas("poll_options")
    spaces = _Pandas("spaces")
    topics = _Pandas("topics")
    lists = _Pandas("lists")
    messages = _Pandas("messages")
    communities = _Pandas("communities")
    news = _Pandas("news")
    bookmark_folders = _Pandas("bookmark_folders")
    notes = _Pandas("notes")
    broadcasts = _Pandas("broadcasts")
    scheduled_broadcasts = _Pandas("scheduled_broadcasts")
    broadcast_messages = _Pandas("broadcast_messages")
    stream_likes = _Pandas("stream_likes")
    post_hashtags = _Pandas("post_hashtags")
    post_cashtags = _Pandas("post_cashtags")
    post_mentions = _Pandas("post_mentions")
    post_urls = _Pandas("post_urls")
    post_annotations = _Pandas("post_annotations")
    post_contexts = _Pandas("post_contexts")
    post_edits = _Pandas("post_edits")
    post_media = _Pandas("post_media")
    post_polls = _Pandas("post_polls")
    post_references = _Pandas("post_references")
    media_variants = _Pandas("media_variants")
    user_hashtags = _Pandas("user_hashtags")
    user_cashtags = _Pandas("user_cashtags")
    user_mentions = _Pandas("user_mentions")
    user_urls = _Pandas("user_urls")
    space_people = _Pandas("space_people")
    message_people = _Pandas("message_people")
    message_posts = _Pandas("message_posts")
    news_posts = _Pandas("news_posts")
    likes = _Pandas("likes")
    reposts = _Pandas("reposts")
    bookmarks = _Pandas("bookmarks")
    follows = _Pandas("follows")
    blocks = _Pandas("blocks")
    mutes = _Pandas("mutes")
    list_members = _Pandas("list_members")
    list_followers = _Pandas("list_followers")
    list_posts = _Pandas("list_posts")
    list_pins = _Pandas("list_pins")
    space_buyers = _Pandas("space_buyers")
    space_posts = _Pandas("space_posts")
    bookmark_folder_posts = _Pandas("bookmark_folder_posts")
    rule_matches = _Pandas("rule_matches")
    post_metrics = _Pandas("post_metrics")
    user_metrics = _Pandas("user_metrics")
    counts = _Pandas("counts")
    post_analytics = _Pandas("post_analytics")
    media_analytics = _Pandas("media_analytics")
    usage = _Pandas("usage")
    usage_daily = _Pandas("usage_daily")
    credits = _Pandas("credits")
    credit_grants = _Pandas("credit_grants")
    rule_counts = _Pandas("rule_counts")
    trends = _Pandas("trends")
    personalized_trends = _Pandas("personalized_trends")
    account_analytics = _Pandas("account_analytics")
    community_notes = _Pandas("community_notes")
    community_note_ratings = _Pandas("community_note_ratings")
    community_note_status = _Pandas("community_note_status")
    community_note_writers = _Pandas("community_note_writers")
    matches = _Pandas("matches")
    samples = _Pandas("samples")
    sample_windows = _Pandas("sample_windows")
    stream_rules = _Pandas("stream_rules")
    connections = _Pandas("connections")
    compliance_jobs = _Pandas("compliance_jobs")
    compliance_events = _Pandas("compliance_events")
    removals = _Pandas("removals")
    tombstones = _Pandas("tombstones")
    media_uploads = _Pandas("media_uploads")
    writes = _Pandas("writes")
    problems = _Pandas("problems")
    requests = _Pandas("requests")
    runs = _Pandas("runs")

    @property
    def tables(self) -> dict[str, int]:
        """Number of rows of every table, by name, in the order of the schema."""
        return self._tables.row_counts

    def __getitem__(self, name: str) -> pa.Table:
        table(name)  # its error names the tables
        return self._tables[name]

    if not TYPE_CHECKING:  # a type checker refuses other names by itself

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"Frames has no attribute {name!r}")
            raise AttributeError(
                f"Frames has no table or attribute {name!r}; the tables are: {', '.join(TABLES)}"
            )

    def _ipython_key_completions_(self) -> list[str]:
        return list(TABLES)

    def __len__(self) -> int:
        """Number of rows of the main table."""
        return self._tables.row_counts[self.main]

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Query the tables with DuckDB.

        Each query runs in a session of its own, so threads can share the object. Times are UTC.
        `words(text)` and `emoji(text)` list the words and emoji of a text, and `domain(link)` is
        the host of a link.

        Parameters
        ----------
        query
            SQL that names tables as in `tables`; `results` has the posts that a request returned.
            It can also name variables of the caller that hold a DataFrame or other Frames.
        params
            Values for `?` (a list) or `$name` (a dict) in the query. Default: none.

        Returns
        -------
        duckdb.DuckDBPyRelation
            The result, with `.df()`, `.pl()`, `.arrow()` and `.fetchall()`.

        Raises
        ------
        duckdb.Error
            DuckDB refuses the query.

        Examples
        --------
        >>> frames.sql("select lang, count(*) as posts from results group by lang").df()
        """
        with self._lock:
            if self._connection is None:
                self._connection = _open()
            names = [name for name in named_tables(query) if name not in self._shown]
            _show(self._connection, self._tables, names)
            self._shown.update(names)
        return self._connection.cursor().sql(query, params=params)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Open a DuckDB connection that sees the tables, e.g. for pandas, Ibis or JupySQL.

        Returns
        -------
        duckdb.DuckDBPyConnection
            An in-memory database with one view for each table. Times are UTC.

        Examples
        --------
        >>> pd.read_sql("select count(*) from posts", frames.connect())
        """
        return connect(self._tables)

    def __arrow_c_schema__(self) -> object:
        return self._tables[self.main].schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._tables[self.main].__arrow_c_stream__(requested_schema)

    @property
    def price(self) -> float | None:
        """Price of the pages in US dollars, by X's published price card. None when it is unknown.

        It counts the main rows of every request. X may bill a post that is read twice on one day
        only once.
        """
        from xframes.registry.prices import price

        requests = self._tables["requests"].select(["action", "row_count"]).to_pylist()
        total = 0.0
        for row in requests:
            action = ACTIONS.get(row["action"])
            cost = None
            if action is not None:
                cost = price(action, row["row_count"])
            if cost is None:
                return None
            total += cost
        return total if requests else None

    def _amount(self, price: float) -> str:
        """Write the price of main objects, to that with included ones, if none was billed before.

        What was billed is in the ledger (`xf.spend`).
        """
        card, total = load(), price
        for name, kind, key in _INCLUDED:
            count = 0
            if name != self.main and self.tables[name]:
                count = len(pc.unique(self._tables[name][key]))
            if name == self.main == "posts":
                count = len(pc.unique(self._tables[name][key]))
                count -= len(pc.unique(self._tables["matches"]["post_id"]))
            total += max(count, 0) * in_dollars(card.resource(kind).high)
        return f"about {money(price, total)}"

    @property
    def span(self) -> tuple[Any, Any] | None:
        """Earliest and latest time of the results, else of all posts or counts. None without any.

        Both are datetimes in UTC.
        """
        times = (("results", "created_at"), ("posts", "created_at"), ("counts", "start_at"))
        for name, column in times:
            limits = pc.min_max(self._tables[name][column]).as_py()
            if limits["min"] is not None:
                return limits["min"], limits["max"]
        return None

    def __repr__(self) -> str:
        counts = self.tables
        rows = ", ".join(
            f"{name} {count:,}"
            for name, count in counts.items()
            if count and name != "results"
        )
        if counts["posts"]:
            rows += f"; {self._found(counts)}"
        if self.price:
            rows += f"; {self._amount(self.price)}"
        return f"<Frames: {rows or 'no rows'}>"

    def _found(self, counts: Mapping[str, int]) -> str:
        """How many posts are results, and how many were only included with them."""
        latest = pc.sum(self._tables["posts"]["is_latest"]).as_py() or 0
        included = max(0, latest - counts["results"])
        return f"{counted(counts['results'], 'result')}, {included:,} included"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(name)}</td>"
            f"<td style='text-align:right'>{count:,}</td></tr>"
            for name, count in self.tables.items() if count
        )
        head = "<tr><th style='text-align:left'>table</th><th>rows</th></tr>"
        summary = f"<p>{escape(self._summary())}</p>"
        return f"<div>{summary}<table>{head}{rows}</table>{self._sample()}</div>"

    def _summary(self) -> str:
        parts = [f"Frames: {self.tables['requests']:,} requests"]
        if self.tables["posts"]:
            parts.append(self._found(self.tables))
        if self.span:
            parts.append(f"{self.span[0]:%Y-%m-%d %H:%M} to {self.span[1]:%Y-%m-%d %H:%M} UTC")
        if self.price is not None:
            parts.append(self._amount(self.price))
        if self.tables["problems"]:
            parts.append(f"{self.tables['problems']:,} problems")
        return " · ".join(parts)

    def _sample(self) -> str:
        columns = ["username", "author_id", "text"]
        head = self._tables["results"].slice(0, 3).select(columns).to_pylist()
        shown = [
            (escape(p["username"] or p["author_id"] or ""), escape((p["text"] or "")[:140]))
            for p in head
        ]
        start = "style='text-align:start'"  # and each text from the side it is read from
        rows = "".join(
            f"<tr><td {start}>{who}</td><td dir='auto' {start}>{text}</td></tr>"
            for who, text in shown
        )
        if not rows:
            return ""
        return f"<table><tr><th {start}>author</th><th {start}>text</th></tr>{rows}</table>"


def _main_table(page: Page) -> str | None:
    action = ACTIONS.get(page.request.action or "")
    if action is None and page.request.path:
        hit = match(page.request.method, page.request.path)
        if hit is not None:
            action = hit[0]
    if action is None:
        return None
    if action.kind == "write":
        return "writes"
    return action.rows

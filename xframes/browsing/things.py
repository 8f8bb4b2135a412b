"""One post, one person, one run, one page, and the archive as a whole."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.archive.query import threads
from xframes.archive.upkeep import history
from xframes.browsing.holdings import records
from xframes.errors import ArgumentError
from xframes.schema import TABLES
from xframes.schema.post_tables import METRICS
from xframes.sql import derivation

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from xframes.browsing.holdings import Holdings

_MOST = 200  # rows of each part of a page about one thing
_MOST_PAGES = 50  # whose observations are compared
_METRICS = ", ".join(f'"{column.name}"' for column in METRICS)
_POST_PARTS = (
    "post_hashtags", "post_cashtags", "post_mentions", "post_urls", "post_polls", "post_contexts",
    "post_annotations",
)
_POST_TABLES = (
    "posts", "users", "post_edits", "post_references", "post_media", "media", "media_variants",
    "post_metrics", "matches", "requests", "removals", *_POST_PARTS,
)
_PERSON_TABLES = (
    "users", "user_metrics", "posts", "user_urls", "post_mentions", "follows", "requests",
)
_RUN_TABLES = ("runs", "requests", "problems", "matches")


@dataclass(frozen=True, slots=True)
class Part:
    """Rows about a thing, under a title, and the SQL of all of them.

    `table` says what the columns mean.
    """

    title: str
    rows: pa.Table
    sql: str | None = None
    table: str | None = None
    is_cut: bool = False


class _Source:
    """The sessions that `threads` queries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Run a query and return a relation."""
        return self._connection.sql(query, params=params)


class Things:
    """Reads what the pages about one thing show."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings

    def overview(self) -> dict[str, Any]:
        """Return the tables with rows, the runs, what they cost, and what is missing."""
        counts = self._holdings.row_counts()
        runs = self._holdings.runs()
        with self._holdings.session(("posts", "post_edits", "problems", "tombstones")) as session:
            connection = session.connection
            found, included = connection.execute(derivation.found()).fetchall()[0]
            parts = {
                "gaps": _part(connection, "Gaps of streams", """
                    SELECT parameter AS action, value AS interval, detail, run_id
                    FROM problems WHERE kind = 'stream_gap' ORDER BY value DESC"""),
                "problems": _part(connection, "Problems by kind", """
                    SELECT kind, count(*) AS problems, any_value(title) AS title
                    FROM problems GROUP BY kind ORDER BY problems DESC, kind"""),
            }
            removed = _value(connection, "SELECT count(*) FROM tombstones")
        priced = [run for run in runs if run.get("price_low") is not None]
        return parts | {
            "tables": {name: count for name, count in counts.items() if count[0]},
            "found": found, "included": included, "runs": runs[:_MOST], "run_count": len(runs),
            "cost_low": sum(run["price_low"] for run in priced),
            "cost_high": sum(run["price_high"] or run["price_low"] for run in priced),
            "unpriced": len(runs) - len(priced), "removed": removed,
            "unfinished": [r for r in runs if r["state"] in {"interrupted", "failed"}],
            "running": [r for r in runs if r["state"] == "running"],
        }

    def post(self, id_: str) -> dict[str, Any] | None:
        """Return a post with its author, thread, media, versions and observations, or None."""
        with self._holdings.session(_POST_TABLES) as session:
            connection = session.connection
            post = _only(connection, "SELECT * FROM posts WHERE id = $id", id_)
            if post is None:
                return None
            author = None
            if post["author_id"] is not None:
                author = _only(connection, "SELECT * FROM users WHERE id = $id", post["author_id"])
            parts = [
                _part(connection, "Versions", """
                    SELECT edit_post_id AS post_id, posts.created_at, posts.plain_text AS text,
                        posts.is_latest
                    FROM (SELECT DISTINCT edit_post_id FROM post_edits
                        WHERE post_id = $id OR post_id IN
                            (SELECT post_id FROM post_edits WHERE edit_post_id = $id)) AS edits
                    LEFT JOIN posts ON posts.id = edit_post_id
                    ORDER BY try_cast(edit_post_id AS HUGEINT)""", id_),
                _part(connection, "What it refers to", """
                    SELECT type, referenced_post_id, posts.plain_text AS text, posts.author_id
                    FROM post_references AS r LEFT JOIN posts ON posts.id = r.referenced_post_id
                    WHERE post_id = $id ORDER BY r.position""", id_),
                _part(connection, "Removals that X reported",
                      "SELECT * FROM removals WHERE id = $id", id_),
                *_details(connection, _POST_PARTS, "post_id", id_),
            ]
            return {
                "post": post, "author": author, "thread": self._thread(connection, id_),
                "media": _rows(connection, """
                    SELECT media_key, type, alt_text, url, preview_image_url, variant_urls
                    FROM post_media JOIN media USING (media_key) LEFT JOIN (
                        SELECT media_key, list(url ORDER BY bit_rate DESC NULLS LAST)
                            FILTER (url IS NOT NULL) AS variant_urls
                        FROM media_variants GROUP BY media_key) USING (media_key)
                    WHERE post_media.post_id = $id ORDER BY position""", id_).to_pylist(),
                "observations": _part(connection, "Observations, newest first", f"""
                    SELECT observed_at, {_METRICS}, page_id, found.run_id AS result_of_run_id
                    FROM post_metrics LEFT JOIN (
                        SELECT page_id, any_value(run_id) AS run_id FROM matches
                        WHERE post_id = $id GROUP BY page_id) AS found USING (page_id)
                    WHERE post_id = $id ORDER BY observed_at DESC""", id_),
                "parts_of": [part for part in parts if part.rows.num_rows],
                "sql": _filled("SELECT * FROM posts WHERE id = $id", id_),
            }

    @staticmethod
    def _thread(connection: duckdb.DuckDBPyConnection, id_: str) -> list[dict[str, Any]]:
        """Return the posts of a thread that are near a post."""
        try:
            rows = threads.thread(_Source(connection), id_)
        except ArgumentError:
            return []
        posts = records(rows)
        place = next((n for n, row in enumerate(posts) if row["id"] == id_), 0)
        start = max(0, min(place - _MOST // 2, len(posts) - _MOST))
        return posts[start:start + _MOST]

    def person(self, id_: str) -> dict[str, Any] | None:
        """Return a person with their metrics, newest posts and observations, or None."""
        with self._holdings.session(_PERSON_TABLES) as session:
            connection = session.connection
            person = _only(connection, "SELECT * FROM users WHERE id = $id", id_)
            posts = _part(connection, "Newest posts", """
                SELECT id AS post_id, created_at, plain_text AS text, lang, like_count,
                    repost_count, reply_count, is_result
                FROM posts WHERE author_id = $id ORDER BY created_at DESC, id DESC""", id_, most=20)
            if person is None and not posts.rows.num_rows:
                return None
            return {
                "id": id_, "person": person,
                "parts_of": [part for part in (
                    posts, _part(connection, "Links of the profile",
                                 "SELECT * FROM user_urls WHERE user_id = $id", id_),
                ) if part.rows.num_rows],
                "observations": _part(connection, "Observations, newest first", """
                    SELECT * EXCLUDE (user_id, page_id), page_id FROM user_metrics
                    WHERE user_id = $id ORDER BY observed_at DESC""", id_),
                "mentions": _value(connection, """
                    SELECT count(DISTINCT post_id) FROM post_mentions WHERE user_id = $id""", id_),
                "followers": _value(
                    connection, "SELECT count(*) FROM follows WHERE followed_id = $id", id_),
                "following": _value(
                    connection, "SELECT count(*) FROM follows WHERE follower_id = $id", id_),
                "sql": _filled("SELECT * FROM users WHERE id = $id", id_),
            }

    def run(self, id_: str) -> dict[str, Any] | None:
        """Return a run with its requests, gaps and cost, or None."""
        run = next((run for run in self._holdings.runs() if run["run_id"] == id_), None)
        if run is None:
            return None
        with self._holdings.session(_RUN_TABLES) as session:
            connection = session.connection
            parts = [
                _part(connection, "Gaps", """
                    SELECT parameter AS action, value AS interval, detail FROM problems
                    WHERE run_id = $id AND kind = 'stream_gap' ORDER BY value""", id_),
                _part(connection, "Problems", """
                    SELECT kind, title, detail, parameter, value, resource_type, resource_id,
                        page_id
                    FROM problems WHERE run_id = $id AND kind <> 'stream_gap'
                    ORDER BY page_id, position""", id_),
                _part(connection, "Requests, newest first", """
                    SELECT observed_at, page_id, status, row_count, result_count, byte_count,
                        method, path, params
                    FROM requests WHERE run_id = $id
                    ORDER BY observed_at DESC, microsecond DESC""", id_),
            ]
            return {
                "run": run, "parts_of": [part for part in parts if part.rows.num_rows],
                "results": _value(connection, """
                    SELECT count(DISTINCT post_id) FROM matches WHERE run_id = $id""", id_),
                "sql": _filled("SELECT * FROM runs WHERE run_id = $id", id_),
            }

    def page(self, id_: str) -> dict[str, Any] | None:
        """Return a page as X sent it, without what was removed; None if unknown."""
        for page in self._holdings.pages([id_]):
            return {"page": page, "body": page.body.decode("utf-8", errors="replace")}
        return None

    def changes(self, table: str, id_: str) -> Part:
        """Return each observation of a post or person that differs from the one before."""
        metrics = {"posts": ("post_metrics", "post_id"), "users": ("user_metrics", "user_id")}
        source, key = metrics[table]
        with self._holdings.session((source, table)) as session:
            page_ids = [row[0] for row in session.connection.execute(f"""
                SELECT page_id, min(observed_at) FROM (
                    SELECT page_id, observed_at FROM {source} WHERE {key} = $id
                    UNION SELECT page_id, observed_at FROM "{table}" WHERE id = $id)
                WHERE page_id IS NOT NULL GROUP BY page_id ORDER BY 2 DESC
                LIMIT {_MOST_PAGES}""", {"id": id_}).fetchall()]
        rows = history.observations(self._holdings.pages(page_ids), TABLES[table].name, id_)
        return Part("Observations with a change, oldest first", rows, table=table)


def _details(
    connection: duckdb.DuckDBPyConnection, names: tuple[str, ...], key: str, id_: str
) -> list[Part]:
    return [
        _part(connection, name.removeprefix("post_"),
              f'SELECT * EXCLUDE ("{key}") FROM "{name}" WHERE "{key}" = $id ORDER BY position',
              id_, table=name)
        for name in names
    ]


def _part(
    connection: duckdb.DuckDBPyConnection, title: str, query: str, id_: str | None = None, *,
    most: int = _MOST, table: str | None = None,
) -> Part:
    rows = _rows(connection, f"{query} LIMIT {most}", id_)
    return Part(title, rows, _filled(query, id_), table, len(rows) == most)


def _filled(query: str, id_: str | None = None) -> str:
    """Return a query as people read and run it."""
    text = textwrap.dedent(query).strip()
    if id_ is None:
        return text
    return text.replace("$id", "'" + id_.replace("'", "''") + "'")


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, id_: str | None = None
) -> pa.Table:
    params = None
    if id_ is not None:
        params = {"id": id_}
    return connection.sql(query, params=params).to_arrow_table()


def _only(
    connection: duckdb.DuckDBPyConnection, query: str, id_: str
) -> dict[str, Any] | None:
    for row in _rows(connection, query, id_).to_pylist():
        return dict(row)
    return None


def _value(
    connection: duckdb.DuckDBPyConnection, query: str, id_: str | None = None
) -> Any:
    return _rows(connection, query, id_).column(0)[0].as_py()

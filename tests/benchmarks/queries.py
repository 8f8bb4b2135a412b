"""Six queries on an archive, against hand-written SQL on one sorted Parquet file per table."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

import xframes as xf
from tests.benchmarks.measuring import Contestant, Took, in_turn, timed
from tests.benchmarks.pages import post_id
from tests.benchmarks.report import Table, ms, times

if TYPE_CHECKING:
    from tests.benchmarks.setting import Setting

COLUMNS = ("state", "query", "SQL, ms", "archive, ms", "ratio", "CPU ratio", "aim, ms")
EXPORTED = {  # sorted by these columns
    "posts": "created_at, id", "users": "id", "post_hashtags": "post_id, position",
}
QUERIES = {
    "count": "SELECT count(*) FROM posts",
    "per day":
        "SELECT date_trunc('day', created_at) AS day, count(*) FROM posts "
        "GROUP BY ALL ORDER BY day",
    "hashtags":
        "SELECT tag, count(*) AS n FROM post_hashtags GROUP BY ALL ORDER BY n DESC, tag LIMIT 20",
    "authors ⋈ users":
        "SELECT username, count(*) AS n, sum(posts.like_count) "
        "FROM posts JOIN users ON users.id = author_id "
        "GROUP BY ALL ORDER BY n DESC, username LIMIT 20",
    "text": "SELECT count(*) FROM posts WHERE text ILIKE '%harbour lantern%'",
    "point": "SELECT id, author_id, text, created_at, like_count FROM posts WHERE id = $id",
}


@dataclass(frozen=True, slots=True)
class Aim:
    """How long a query may take: so many times the hand-written one's time, and some more."""

    ratio: float
    ms: float
    ms_a_million: float = 0
    count_ms_a_million: float = 0

    def seconds(self, query: str, sql: float, posts: int) -> float:
        """The aim for one query."""
        more = self.count_ms_a_million if query == "count" else 0
        each = more or self.ms_a_million
        return sql * self.ratio + (self.ms + each * posts / 1e6) / 1000


IMPORTED = Aim(1.5, 20)
COMPACTED = Aim(1.3, 10)
NEW = Aim(1.6, 20)
AGAIN = Aim(1.6, 0, ms_a_million=40, count_ms_a_million=80)


def run(setting: Setting) -> Iterator[Table]:
    """The queries in four states of the archive."""
    if not setting.times:
        return
    rows = [*rows_of(setting, "just imported", setting.imported, setting.posts, IMPORTED),
            *rows_of(setting, "compacted", setting.compacted, setting.posts, COMPACTED)]
    for state, file, aim in (
        ("compacted, then 1 % new", setting.new_file, NEW),
        ("compacted, then 1 % seen again", setting.again_file, AGAIN),
    ):
        with setting.copy(setting.compacted) as path:
            xf.Archive(path).import_pages(file, progress=False)
            rows += rows_of(setting, state, path, setting.posts, aim)
    yield Table(
        f"Queries: {setting.posts:,} posts", COLUMNS, rows,
        "The other side is DuckDB on one sorted file per table, exported from the same archive: "
        "unique, newest rows. Both return the same rows.",
    )


def rows_of(setting: Setting, state: str, path: Path, posts: int, aim: Aim) -> list[list[str]]:
    """Measure all queries in one state of an archive."""
    exported = setting.folder / "exported"
    exported.mkdir()
    try:
        with xf.Archive(path) as archive, contextlib.closing(bare(archive, exported)) as connection:
            took = _compare(setting, state, archive, connection, posts)
    finally:
        shutil.rmtree(exported)
    rows = []
    for name in QUERIES:
        one, other = took[name], took[_by_hand(name)]
        rows.append([
            state, name, ms(other.seconds), ms(one.seconds), times(one.seconds, other.seconds),
            times(one.cpu, other.cpu), f"≤ {ms(aim.seconds(name, other.seconds, posts))}"])
    return rows


def _by_hand(name: str) -> str:
    return f"{name}, by hand"


def bare(archive: xf.Archive, folder: Path) -> duckdb.DuckDBPyConnection:
    """Export an archive's tables, and return a connection that sees the files by name."""
    with contextlib.closing(archive.connect()) as source:
        source.execute(f"SET temp_directory = '{folder}'")
        for name, order in EXPORTED.items():
            rows = f"SELECT * FROM {name} ORDER BY {order}"
            source.execute(f"COPY ({rows}) TO '{folder}/{name}.parquet' (COMPRESSION zstd)")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in EXPORTED:
        connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{folder}/{name}.parquet')")
    return connection


def _compare(
    setting: Setting, state: str, archive: xf.Archive, connection: duckdb.DuckDBPyConnection,
    posts: int,
) -> dict[str, Took]:
    contestants: dict[str, Contestant] = {}
    for name, query in QUERIES.items():
        params = {"id": post_id(posts // 2)} if "$id" in query else None
        ours = partial(_query_archive, archive, query, params)
        theirs = partial(_query_bare, connection, query, params)
        if ours() != theirs():
            raise AssertionError(f"{state}, {name}: the archive and its export differ")
        contestants[name], contestants[_by_hand(name)] = timed(ours), timed(theirs)
    return in_turn(contestants, setting.rounds, setting.warmup)


def _query_archive(archive: xf.Archive, query: str, params: object) -> list[tuple[object, ...]]:
    return archive.sql(query, params).fetchall()


def _query_bare(
    connection: duckdb.DuckDBPyConnection, query: str, params: object
) -> list[tuple[object, ...]]:
    return connection.execute(query, params).fetchall()

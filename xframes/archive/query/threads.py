"""Conversations as trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from xframes.errors import ArgumentError
from xframes.sql import derivation

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pandas as pd


class Queryable(Protocol):
    """An Archive or Frames: a source of SQL queries."""

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Run a query and return a relation."""
        ...


def thread(source: Queryable, post_id: str | int) -> pd.DataFrame:
    """Return a conversation as `xf.networks.thread` describes it.

    An edited post is there once, as its newest version, also as the parent of replies to an older
    one.
    """
    import pandas as pd

    older = f"WITH older AS ({derivation.superseded('post_edits', 'posts')})"
    named = _column(source, f"""{older}
        SELECT coalesce(max(newest), $id) FROM older WHERE id = $id""", id=str(post_id))
    versions = named + _column(source, f"{older} SELECT id FROM older WHERE newest = $id",
                               id=named[0])
    conversations = versions + _column(source, f"""
        SELECT DISTINCT conversation_id FROM posts
        WHERE conversation_id IS NOT NULL AND id IN ({_listed(versions)})""")
    needed = "id, conversation_id, author_id, created_at, text, is_latest"
    # ids in the query itself are compared with the statistics of files
    rows = source.sql(f"""{older},
        near AS MATERIALIZED (
            SELECT {needed} FROM posts WHERE id = {_listed(named)}
            UNION SELECT {needed} FROM posts WHERE conversation_id IN ({_listed(conversations)}))
        SELECT p.id, coalesce(o.newest, r.referenced_post_id) AS parent_id,
            coalesce(c.newest, p.conversation_id) AS conversation_id, p.author_id,
            u.username, p.created_at, p.text
        FROM near AS p
        LEFT JOIN post_references AS r ON r.post_id = p.id AND r.type = 'replied_to'
        LEFT JOIN users AS u ON u.id = p.author_id
        LEFT JOIN older AS o ON o.id = r.referenced_post_id
        LEFT JOIN older AS c ON c.id = p.conversation_id
        WHERE p.is_latest ORDER BY p.created_at, p.id""").df()
    if rows.empty:
        raise ArgumentError(
            f"post {post_id} and its conversation have not been collected. Collect them, for "
            f'example with xf.search.all("conversation_id:{post_id}")'
        )
    posts = {row["id"]: row for row in rows.drop_duplicates("id").to_dict("records")}
    root = str(next(iter(rows["conversation_id"].dropna()), post_id))
    replies = _replies(posts, root)
    table = [_row(posts.get(place[0]), place) for place in _walk(replies, root, posts)]
    columns = ["id", "parent_id", "depth", "author_id", "username", "created_at", "text", "present"]
    return pd.DataFrame(table, columns=columns)


def _column(source: Queryable, query: str, **params: str) -> list[str]:
    """Return the first column of a query."""
    return [str(row[0]) for row in source.sql(query, params or None).fetchall()]


def _listed(ids: list[str]) -> str:
    """SQL of ids."""
    return ", ".join("'" + id_.replace("'", "''").replace("\0", "") + "'" for id_ in ids)


def _replies(posts: dict[str, Any], root: str) -> dict[str, list[str]]:
    """Return the replies to each post, oldest first; the root is the parent of missing parents."""
    replies: dict[str, list[str]] = {}
    for id_, row in posts.items():
        if id_ == root:
            continue
        parent = root
        if isinstance(row["parent_id"], str):
            parent = row["parent_id"]
        if parent not in posts and parent != root and parent not in replies:
            replies.setdefault(root, []).append(parent)
        replies.setdefault(parent, []).append(id_)
    return replies


def _walk(
    replies: dict[str, list[str]], root: str, posts: dict[str, Any]
) -> Iterator[tuple[str, str | None, int]]:
    """Return every post once, before its replies: its id, its parent's id and its depth.

    Without recursion, because threads can be deep.
    """
    done: set[str] = set()
    # All posts are below the root, except circles of replies, which begin at their oldest post.
    starts: list[tuple[str, str | None, int]] = [(root, None, 0)]
    starts += [(id_, root, 1) for id_ in posts if id_ != root]
    for start in starts:
        waiting = [start]
        while waiting:
            id_, parent, depth = waiting.pop()
            if id_ in done:
                continue
            done.add(id_)
            yield id_, parent, depth
            waiting += [(reply, id_, depth + 1) for reply in reversed(replies.get(id_, []))]


def _row(row: dict[str, Any] | None, place: tuple[str, str | None, int]) -> tuple[Any, ...]:
    if row is None:
        return *place, None, None, None, None, False
    values = (row["author_id"], row["username"], row["created_at"], row["text"])
    return *place, *values, True

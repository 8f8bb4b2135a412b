"""Conversations as trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pandas as pd


class Queryable(Protocol):
    """An Archive or Frames: what answers SQL."""

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Return a relation."""
        ...


def thread(source: Queryable, post_id: str | int) -> pd.DataFrame:
    """Return what `xf.networks.thread` describes."""
    import pandas as pd

    rows = source.sql(
        "SELECT p.id, r.referenced_post_id AS parent_id, p.conversation_id, p.author_id, u.username, p.created_at, "
        "p.text FROM posts p LEFT JOIN post_references r ON r.post_id = p.id AND r.type = 'replied_to' "
        "LEFT JOIN (SELECT id, arg_max(username, observed_at) AS username FROM users GROUP BY id) u "
        "ON u.id = p.author_id "
        "WHERE p.conversation_id IN (SELECT coalesce(max(conversation_id), $id) FROM posts WHERE id = $id) "
        "OR p.id = $id "
        "ORDER BY p.created_at, p.id, p.observed_at DESC", {"id": str(post_id)},
    ).df()
    if rows.empty:
        raise ArgumentError(f"neither the post {post_id} nor its conversation is here; collect it, e.g. with "
                            f'xf.search.all("conversation_id:{post_id}")')
    known = {row["id"]: row for row in rows.drop_duplicates("id").to_dict("records")}
    root = str(rows["conversation_id"].dropna().iloc[0]) if rows["conversation_id"].notna().any() else str(post_id)
    answers = _answers(known, root)
    found = [_row(known.get(one), one, parent, depth) for one, parent, depth in _walk(answers, root, known)]
    columns = ["id", "parent_id", "depth", "author_id", "username", "created_at", "text", "present"]
    return pd.DataFrame(found, columns=columns)


def _answers(known: dict[str, Any], root: str) -> dict[str, list[str]]:
    """The answers of each post, oldest first; a parent that is not here hangs on the root."""
    answers: dict[str, list[str]] = {}
    for one, row in known.items():
        parent = row["parent_id"] if isinstance(row["parent_id"], str) else root
        if one == root:
            continue
        if parent not in known and parent != root and parent not in answers:
            answers.setdefault(root, []).append(parent)
        answers.setdefault(parent, []).append(one)
    return answers


def _walk(answers: dict[str, list[str]], root: str, known: dict[str, Any]) -> Iterator[tuple[str, str | None, int]]:
    """Every post once, each before its answers, without recursion: threads are deep."""
    seen: set[str] = set()
    for start in (root, *known):  # all hang on the root, but for answers in circles, which begin at their oldest
        waiting = [(start, None, 0) if start == root else (start, root, 1)]
        while waiting:
            one, parent, depth = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            yield one, parent, depth
            waiting += [(answer, one, depth + 1) for answer in reversed(answers.get(one, []))]


def _row(row: dict[str, Any] | None, one: str, parent: str | None, depth: int) -> tuple[Any, ...]:
    if row is None:
        return one, parent, depth, None, None, None, None, False
    return one, parent, depth, row["author_id"], row["username"], row["created_at"], row["text"], True

"""Who answers, quotes, reposts, mentions or follows whom, and who uses which hashtag: edges, graphs, threads.

    edges = xf.networks.edges(archive, "reply")            # a DuckDB relation: source, target, weight, times
    graph = xf.networks.to_networkx(edges)
    xf.networks.write_graphml(edges, "replies.graphml")    # in flat memory, however many

`source` is an Archive or Frames. Nodes are ids of users (or hashtags); the newest known `username` is their label.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, quoteattr

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from os import PathLike

    import duckdb
    import networkx as nx
    import pandas as pd
    import pyarrow as pa

    from xframes.archive import Archive
    from xframes.frames import Frames

__all__ = ["KINDS", "conversations", "edges", "project", "thread", "to_networkx", "write_gexf", "write_graphml"]

Kind = Literal["reply", "quote", "repost", "mention", "follow", "hashtag"]
_BY_POST = """
    SELECT p.author_id AS source, {target} AS target, p.created_at AS time
    FROM posts p JOIN post_references r ON r.post_id = p.id AND r.type = '{type}'
    LEFT JOIN posts q ON q.id = r.referenced_post_id"""
_EDGES: dict[str, str] = {
    "reply": _BY_POST.format(type="replied_to", target="coalesce(p.in_reply_to_user_id, q.author_id)"),
    "quote": _BY_POST.format(type="quoted", target="q.author_id"),
    "repost": _BY_POST.format(type="reposted", target="q.author_id"),
    "mention": """
    SELECT p.author_id AS source, coalesce(m.user_id, '@' || lower(m.username)) AS target, p.created_at AS time
    FROM posts p JOIN post_mentions m ON m.post_id = p.id""",
    "follow": "SELECT follower_id AS source, followed_id AS target, observed_at AS time FROM follows",
    "hashtag": """
    SELECT DISTINCT p.author_id AS source, '#' || lower(h.tag) AS target, p.created_at AS time, p.id
    FROM posts p JOIN post_hashtags h ON h.post_id = p.id""",
}
KINDS = tuple(_EDGES)
_BATCH_ROWS = 50_000


def edges(
    source: Archive | Frames, kind: Kind, *, since: datetime | str | None = None, until: datetime | str | None = None,
    loops: bool = False,
) -> duckdb.DuckDBPyRelation:
    """Edges of one kind: a relation with `source`, `target`, `weight` (how often), `first_at` and `last_at`.

    Sorted by weight, heaviest first. `since` (inclusive) and `until` (exclusive) bound the posts by `created_at`
    (follows by when they were seen). Whom a post answers is known even if that post is not here; whom it quotes or
    reposts only if it is. `loops` keeps people who answer themselves.

    Raises ArgumentError for a kind there is not.
    """
    if kind not in _EDGES:
        raise ArgumentError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    return source.sql(
        f"SELECT source, target, count(*) AS weight, min(time) AS first_at, max(time) AS last_at FROM ({_EDGES[kind]}) "
        "WHERE source IS NOT NULL AND target IS NOT NULL AND ($loops OR source <> target) "
        "AND ($since::TIMESTAMPTZ IS NULL OR time >= $since::TIMESTAMPTZ) "
        "AND ($until::TIMESTAMPTZ IS NULL OR time < $until::TIMESTAMPTZ) "
        "GROUP BY source, target ORDER BY weight DESC, source, target",
        {"loops": loops, "since": since, "until": until},
    )


def project(source: Archive | Frames, kind: Kind = "hashtag", *, least: int = 1) -> duckdb.DuckDBPyRelation:
    """What is used together: edges between targets that share a source, e.g. hashtags of the same people.

    A relation with `source`, `target` (in the order of their names) and `weight` (how many share them), those with at
    least `least`, heaviest first.
    """
    if kind not in _EDGES:
        raise ArgumentError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    return source.sql(
        f"WITH used AS (SELECT DISTINCT source, target FROM ({_EDGES[kind]}) WHERE source IS NOT NULL) "
        "SELECT a.target AS source, b.target AS target, count(*) AS weight FROM used a JOIN used b "
        "ON a.source = b.source AND a.target < b.target GROUP BY 1, 2 HAVING count(*) >= $least "
        "ORDER BY weight DESC, source, target", {"least": least},
    )


def to_networkx(found: duckdb.DuckDBPyRelation, *, directed: bool = True) -> nx.DiGraph[str]:
    """Edges as a networkx graph; every column beside source and target is an attribute of the edge."""
    import networkx as nx

    frame = found.df()
    attributes = [c for c in frame.columns if c not in {"source", "target"}]
    graph: Any = nx.from_pandas_edgelist(
        frame, "source", "target", attributes or None, create_using=nx.DiGraph if directed else nx.Graph
    )
    return graph


# threads -------------------------------------------------------------------------------------------------------------


def conversations(source: Archive | Frames, *, least: int = 2) -> duckdb.DuckDBPyRelation:
    """Conversations with at least `least` posts here: `conversation_id`, `posts`, `authors`, `root_present`, times."""
    return source.sql(
        "SELECT conversation_id, count(*) AS posts, count(DISTINCT author_id) AS authors, "
        "bool_or(id = conversation_id) AS root_present, min(created_at) AS first_at, max(created_at) AS last_at "
        "FROM posts WHERE conversation_id IS NOT NULL GROUP BY conversation_id HAVING count(*) >= $least "
        "ORDER BY posts DESC, conversation_id", {"least": least},
    )


def thread(source: Archive | Frames, post_id: str | int) -> pd.DataFrame:
    """The conversation a post belongs to as a tree, in reading order: each post before its answers, oldest first.

    One row per post: id, parent_id, depth (0 for the root), author_id, username, created_at, text, present. Posts that
    are answered and not here have `present` False and nothing but their id: a missing root, or a deleted parent, whose
    answers hang on it.

    Raises ArgumentError when neither the post nor its conversation is here.
    """
    import pandas as pd

    rows = source.sql(
        "SELECT p.id, r.referenced_post_id AS parent_id, p.conversation_id, p.author_id, u.username, p.created_at, "
        "p.text FROM posts p LEFT JOIN post_references r ON r.post_id = p.id AND r.type = 'replied_to' "
        "LEFT JOIN (SELECT DISTINCT ON (id) id, username FROM users) u ON u.id = p.author_id "
        "WHERE p.conversation_id IN (SELECT coalesce(max(conversation_id), $id) FROM posts WHERE id = $id) "
        "OR p.id = $id "
        "ORDER BY p.created_at, p.id", {"id": str(post_id)},
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
    waiting: list[tuple[str, str | None, int]] = [(root, None, 0)]
    seen: set[str] = set()
    while waiting:
        one, parent, depth = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        yield one, parent, depth
        waiting += [(answer, one, depth + 1) for answer in reversed(answers.get(one, []))]
    for one in known.keys() - seen:  # answers that go round in circles, which X never sends
        yield one, root, 1


def _row(row: dict[str, Any] | None, one: str, parent: str | None, depth: int) -> tuple[Any, ...]:
    if row is None:
        return one, parent, depth, None, None, None, None, False
    return one, parent, depth, row["author_id"], row["username"], row["created_at"], row["text"], True


# files ---------------------------------------------------------------------------------------------------------------


def write_graphml(found: duckdb.DuckDBPyRelation, path: str | PathLike[str], *, directed: bool = True) -> None:
    """Write edges as GraphML, for Gephi, igraph or networkx, a batch at a time: memory is flat in their number."""
    columns = [c for c in found.columns if c not in {"source", "target"}]
    kinds = {c: "long" if str(t) in {"BIGINT", "INTEGER", "HUGEINT"} else "string"
             for c, t in zip(found.columns, found.types, strict=True)}
    with Path(path).open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        file.writelines(f'<key id="{c}" for="edge" attr.name="{c}" attr.type="{kinds[c]}"/>\n' for c in columns)
        file.write(f'<graph edgedefault="{"directed" if directed else "undirected"}">\n')
        file.writelines(f"<node id={quoteattr(_clean(node))}/>\n" for (node,) in _rows(_nodes(found)))
        for source, target, *values in _rows(found.select("source", "target", *columns)):
            data = "".join(f'<data key="{c}">{escape(_clean(v))}</data>' for c, v in zip(columns, values, strict=True)
                           if v is not None)
            file.write(f"<edge source={quoteattr(_clean(source))} target={quoteattr(_clean(target))}>{data}</edge>\n")
        file.write("</graph>\n</graphml>\n")


def write_gexf(found: duckdb.DuckDBPyRelation, path: str | PathLike[str], *, directed: bool = True) -> None:
    """Write edges as GEXF 1.2, for Gephi, with their weights; memory is flat in their number."""
    weighted = "weight" in found.columns
    with Path(path).open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n'
                   f'<graph defaultedgetype="{"directed" if directed else "undirected"}">\n<nodes>\n')
        for (node,) in _rows(_nodes(found)):
            name = quoteattr(_clean(node))
            file.write(f"<node id={name} label={name}/>\n")
        file.write("</nodes>\n<edges>\n")
        names = ("source", "target", "weight") if weighted else ("source", "target")
        for number, (source, target, *weight) in enumerate(_rows(found.select(*names))):
            heavy = f' weight="{weight[0]}"' if weight else ""
            ends = f"source={quoteattr(_clean(source))} target={quoteattr(_clean(target))}"
            file.write(f'<edge id="{number}" {ends}{heavy}/>\n')
        file.write("</edges>\n</graph>\n</gexf>\n")


def _nodes(found: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return found.select("source").union(found.select("target")).distinct()


def _rows(found: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    reader: pa.RecordBatchReader = (getattr(found, "to_arrow_reader", None) or found.fetch_arrow_reader)(_BATCH_ROWS)
    for batch in reader:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _clean(value: Any) -> str:
    """A value as text XML can hold."""
    return "".join(c for c in str(value) if c >= " " or c in "\t\n")

"""Who answers, quotes, reposts, mentions or follows whom, and who uses which hashtag: edges, graphs, threads.

    edges = xf.networks.edges(archive, "reply")            # a DuckDB relation: source, target, weight, times
    graph = xf.networks.to_networkx(edges)
    xf.networks.write_graphml(edges, "replies.graphml")    # in flat memory, however many

`source` is an Archive or Frames. Nodes are ids of users (or hashtags); `names=` gives them labels. A post counts once,
however often it was observed.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO
from xml.sax.saxutils import escape, quoteattr

from xframes.archive.query import threads
from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from os import PathLike

    import duckdb
    import networkx as nx
    import pandas as pd

    from xframes.archive import Archive
    from xframes.frames import Frames

__all__ = ["KINDS", "conversations", "edges", "project", "thread", "to_networkx", "write_gexf", "write_graphml"]


def __dir__() -> list[str]:
    return list(__all__)


Kind = Literal["reply", "quote", "repost", "mention", "follow", "hashtag"]
_BY_POST = """
    SELECT p.author_id AS source, {target} AS target, p.created_at AS time, p.id
    FROM posts p JOIN post_references r ON r.post_id = p.id AND r.type = '{type}'
    LEFT JOIN posts q ON q.id = r.referenced_post_id"""
_EDGES: dict[str, str] = {
    "reply": _BY_POST.format(type="replied_to", target="coalesce(p.in_reply_to_user_id, q.author_id)"),
    "quote": _BY_POST.format(type="quoted", target="q.author_id"),
    "repost": _BY_POST.format(type="reposted", target="q.author_id"),
    "mention": """
    SELECT p.author_id AS source, coalesce(m.user_id, '@' || lower(m.username)) AS target, p.created_at AS time, p.id
    FROM posts p JOIN post_mentions m ON m.post_id = p.id""",
    "follow": "SELECT follower_id AS source, followed_id AS target, observed_at AS time, 1 AS id FROM follows",
    "hashtag": """
    SELECT p.author_id AS source, '#' || lower(h.tag) AS target, p.created_at AS time, p.id
    FROM posts p JOIN post_hashtags h ON h.post_id = p.id""",
}
KINDS = tuple(_EDGES)
_BATCH_ROWS = 50_000
_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def edges(
    source: Archive | Frames, kind: Kind, *, since: datetime | str | None = None, until: datetime | str | None = None,
    loops: bool = False,
) -> duckdb.DuckDBPyRelation:
    """Edges of one kind: a relation with `source`, `target`, `weight` (in how many posts), `first_at` and `last_at`.

    Sorted by weight, heaviest first. `since` (inclusive) and `until` (exclusive) bound the posts by `created_at`
    (follows by when they were seen). Whom a post answers is known even if that post is not here; whom it quotes or
    reposts only if it is. `loops` keeps people who answer themselves.

    Raises ArgumentError for a kind there is not, and for what is no time.
    """
    if kind not in _EDGES:
        raise ArgumentError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    return source.sql(
        "SELECT source, target, count(DISTINCT id) AS weight, min(time) AS first_at, max(time) AS last_at "
        f"FROM ({_EDGES[kind]}) "
        "WHERE source IS NOT NULL AND target IS NOT NULL AND ($loops OR source <> target) "
        "AND ($since::TIMESTAMPTZ IS NULL OR time >= $since::TIMESTAMPTZ) "
        "AND ($until::TIMESTAMPTZ IS NULL OR time < $until::TIMESTAMPTZ) "
        "GROUP BY source, target ORDER BY weight DESC, source, target",
        {"loops": loops, "since": _moment(since), "until": _moment(until)},
    )


def _moment(when: datetime | str | None) -> datetime | None:
    """A bound in UTC; one without a zone is in UTC already."""
    import pandas as pd

    if when is None:
        return None
    try:
        found = pd.Timestamp(when)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{when!r} is no time; give a datetime, or text such as '2026-03-01T12:00Z'") from error
    return (found.tz_localize("UTC") if found.tzinfo is None else found).to_pydatetime()


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


def to_networkx(
    found: duckdb.DuckDBPyRelation, *, directed: bool = True, names: Mapping[str, str] | None = None
) -> nx.DiGraph:
    """Edges as a networkx graph; every column beside source and target is an attribute of the edge.

    `names`, a mapping from nodes, gives them a `label`, e.g. `dict(archive.sql("select id, username from users")
    .fetchall())`.
    """
    import networkx as nx

    frame = found.df()
    attributes = [c for c in frame.columns if c not in {"source", "target"}]
    graph: Any = nx.from_pandas_edgelist(
        frame, "source", "target", attributes or None, create_using=nx.DiGraph if directed else nx.Graph
    )
    nx.set_node_attributes(graph, dict(names or {}), "label")
    return graph


# threads -------------------------------------------------------------------------------------------------------------


def conversations(source: Archive | Frames, *, least: int = 2) -> duckdb.DuckDBPyRelation:
    """Conversations with at least `least` posts here: `conversation_id`, `posts`, `authors`, `root_present`, times."""
    return source.sql(
        "SELECT conversation_id, count(DISTINCT id) AS posts, count(DISTINCT author_id) AS authors, "
        "bool_or(id = conversation_id) AS root_present, min(created_at) AS first_at, max(created_at) AS last_at "
        "FROM posts WHERE conversation_id IS NOT NULL GROUP BY conversation_id HAVING count(DISTINCT id) >= $least "
        "ORDER BY posts DESC, conversation_id", {"least": least},
    )


def thread(source: Archive | Frames, post_id: str | int) -> pd.DataFrame:
    """The conversation a post belongs to as a tree, in reading order: each post before its answers, oldest first.

    One row per post: id, parent_id, depth (0 for the root), author_id, username, created_at, text, present. Posts that
    are answered and not here have `present` False and nothing but their id: a missing root, or a deleted parent, whose
    answers hang on it. An archive has it as `archive.thread(post_id)`.

    Raises ArgumentError when neither the post nor its conversation is here.
    """
    return threads.thread(source, post_id)


# files ---------------------------------------------------------------------------------------------------------------


def write_graphml(
    found: duckdb.DuckDBPyRelation, path: str | PathLike[str], *, directed: bool = True,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write edges as GraphML, for Gephi, igraph or networkx, a batch at a time: memory is flat in their number.

    Every column is an attribute of the edges. `names`, a mapping from nodes, gives them a `label`. Raises ArgumentError
    when there is no `source` or no `target`; then, and when the query fails, what stood at `path` stays.
    """
    columns = [c for c in _checked(found).columns if c not in {"source", "target"}]
    kinds = [_kind(str(t)) for c, t in zip(found.columns, found.types, strict=True) if c in columns]
    with _new(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        file.write('<key id="label" for="node" attr.name="label" attr.type="string"/>\n' if names else "")
        file.writelines(f'<key id="d{n}" for="edge" attr.name={_quoted(c)} attr.type="{kind}"/>\n'
                        for n, (c, kind) in enumerate(zip(columns, kinds, strict=True)))
        file.write(f'<graph edgedefault="{"directed" if directed else "undirected"}">\n')
        for node in _nodes(found):
            name = f'<data key="label">{escape(_clean(names[node]))}</data>' if names and node in names else ""
            file.write(f"<node id={_quoted(node)}>{name}</node>\n")
        for source, target, *values in _rows(found.select(*map(_column, ["source", "target", *columns]))):
            if source is not None and target is not None:
                data = "".join(f'<data key="d{n}">{escape(_clean(_said(v)))}</data>' for n, v in enumerate(values)
                               if v is not None)
                file.write(f"<edge source={_quoted(source)} target={_quoted(target)}>{data}</edge>\n")
        file.write("</graph>\n</graphml>\n")


def write_gexf(
    found: duckdb.DuckDBPyRelation, path: str | PathLike[str], *, directed: bool = True,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write edges as GEXF 1.2, for Gephi, with their weights; memory is flat in their number.

    `names`, a mapping from nodes, gives them another label than their id. Raises ArgumentError as `write_graphml` does.
    """
    weighted = "weight" in _checked(found).columns
    with _new(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n'
                   f'<graph defaultedgetype="{"directed" if directed else "undirected"}">\n<nodes>\n')
        for node in _nodes(found):
            file.write(f"<node id={_quoted(node)} label={_quoted((names or {}).get(node, node))}/>\n")
        file.write("</nodes>\n<edges>\n")
        columns = ("source", "target", "weight") if weighted else ("source", "target")
        for number, (source, target, *weight) in enumerate(_rows(found.select(*columns))):
            if source is not None and target is not None:
                heavy = f' weight="{_said(weight[0])}"' if weight and weight[0] is not None else ""
                file.write(f'<edge id="{number}" source={_quoted(source)} target={_quoted(target)}{heavy}/>\n')
        file.write("</edges>\n</graph>\n</gexf>\n")


def _checked(found: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    if not hasattr(found, "types"):
        raise ArgumentError(f"a {type(found).__name__} is no relation; give what edges(…) or archive.sql(…) gives")
    if missing := {"source", "target"} - set(found.columns):
        raise ArgumentError(f"edges have the columns source and target; there is no {' and no '.join(sorted(missing))}")
    return found


@contextmanager
def _new(path: str | PathLike[str]) -> Iterator[TextIO]:
    """A file that takes its place when it is whole."""
    target = Path(path)
    made = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with made.open("w", encoding="utf-8") as file:
            yield file
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def _kind(type_: str) -> str:
    """GraphML's word for a type of DuckDB."""
    if type_.lstrip("U").endswith("INT") or type_.lstrip("U") == "INTEGER":
        return "long"
    if type_ in {"FLOAT", "DOUBLE"} or type_.startswith("DECIMAL"):
        return "double"
    return "boolean" if type_ == "BOOLEAN" else "string"


def _nodes(found: duckdb.DuckDBPyRelation) -> Iterator[str]:
    ends = found.select("source").union(found.select("target")).distinct()
    return (str(node) for (node,) in _rows(ends) if node is not None)


def _rows(found: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    for batch in found.to_arrow_reader(_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _column(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _said(value: Any) -> str:
    """A value as XML's readers in Java and Python know it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "INF" if value > 0 else "-INF"
    return str(value)


def _quoted(value: Any) -> str:
    return quoteattr(_clean(value))


def _clean(value: Any) -> str:
    """A value as text XML can hold."""
    return _NOT_XML.sub("", str(value))

"""Networks of posts and people: who replies to, quotes, reposts, mentions or follows whom.

    edges = xf.networks.edges(archive, "reply")            # source, target, weight, times
    graph = xf.networks.to_networkx(edges)
    xf.networks.write_graphml(edges, "replies.graphml")    # memory does not grow with the edges

Nodes are ids of users, or hashtags; `names=` adds labels. Edges are of results, not of posts that
were only included; an edited post counts once, and reposts have the hashtags and mentions of their
originals. All functions that take a `source` accept an Archive or Frames.
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
from xframes.plan.values import moment
from xframes.sql import derivation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from os import PathLike

    import duckdb
    import networkx as nx
    import pandas as pd

    from xframes.archive import Archive
    from xframes.frames import Frames
    from xframes.plan.values import Time

__all__ = [
    "KINDS", "conversations", "edges", "project", "thread", "to_networkx", "write_gexf",
    "write_graphml",
]


def __dir__() -> list[str]:
    return list(__all__)


Kind = Literal["reply", "quote", "repost", "mention", "follow", "hashtag"]
_BY_POST = """
    SELECT p.author_id AS source, {target} AS target, p.created_at AS time, p.id
    FROM posts p JOIN post_references r ON r.post_id = p.id AND r.type = '{type}'
    LEFT JOIN posts q ON q.id = r.referenced_post_id WHERE p.id IN (SELECT id FROM results)"""
_MENTIONED = f"""
    SELECT p.author_id AS source, coalesce(m.user_id, '@' || lower(m.username)) AS target,
        p.created_at AS time, p.id
    FROM results p JOIN ({derivation.MENTIONS}) m ON m.post_id = p.content_post_id"""
_EDGES: dict[str, str] = {
    "reply": _BY_POST.format(
        type="replied_to", target="coalesce(p.in_reply_to_user_id, q.author_id)"
    ),
    "quote": _BY_POST.format(type="quoted", target="q.author_id"),
    "repost": _BY_POST.format(type="reposted", target="q.author_id"),
    "mention": _MENTIONED,
    "follow": """
    SELECT follower_id AS source, followed_id AS target, observed_at AS time, 1 AS id
    FROM follows""",
    "hashtag": """
    SELECT p.author_id AS source, '#' || lower(h.tag) AS target, p.created_at AS time, p.id
    FROM results p JOIN post_hashtags h ON h.post_id = p.content_post_id""",
}
KINDS = tuple(_EDGES)
_BATCH_ROWS = 50_000
_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def edges(
    source: Archive | Frames,
    kind: Kind,
    *,
    since: Time | None = None,
    until: Time | None = None,
    loops: bool = False,
) -> duckdb.DuckDBPyRelation:
    """Return the edges of one kind, the heaviest first.

    A reply has its target even if the other post was not collected. A quote or repost has a target
    only if the other post was collected. A mention without an id leads to the user of the archive
    who had the handle at that time; if there is none, its target is the handle, such as `@name`.

    Parameters
    ----------
    source
        An Archive or Frames.
    kind
        `reply`, `quote`, `repost`, `mention`, `follow` or `hashtag`.
    since
        Oldest time to include: an aware datetime, ISO 8601 text or a date, which is its midnight in
        UTC. It is compared with `created_at` of posts, for `follow` with `observed_at`. Default: no
        bound.
    until
        As `since`, the first time to exclude. Default: no bound.
    loops
        Keep edges from a node to itself, e.g. of people who reply to themselves.

    Returns
    -------
    DuckDBPyRelation
        `source`, `target`, `weight` (number of posts), `first_at` and `last_at`.

    Raises
    ------
    ArgumentError
        For an unknown kind, and for an invalid time.

    Examples
    --------
    >>> xf.networks.edges(archive, "reply", since="2026-02-23").df()
    """
    return source.sql(
        "SELECT source, target, count(DISTINCT id) AS weight, "
        "min(time) AS first_at, max(time) AS last_at "
        f"FROM ({_edges_of(kind)}) "
        "WHERE source IS NOT NULL AND target IS NOT NULL AND ($loops OR source <> target) "
        "AND ($since::TIMESTAMPTZ IS NULL OR time >= $since::TIMESTAMPTZ) "
        "AND ($until::TIMESTAMPTZ IS NULL OR time < $until::TIMESTAMPTZ) "
        "GROUP BY source, target ORDER BY weight DESC, source, target",
        {"loops": loops, "since": _moment("since", since), "until": _moment("until", until)},
    )


def _edges_of(kind: str) -> str:
    """SQL of the edges of a kind. Raises ArgumentError for an unknown kind."""
    if kind not in _EDGES:
        raise ArgumentError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    return _EDGES[kind]


def _moment(argument: str, when: Time | None) -> datetime | None:
    """Read a bound in UTC."""
    if when is None:
        return None
    return moment(argument, when)


def project(
    source: Archive | Frames, kind: Kind = "hashtag", *, least: int = 1
) -> duckdb.DuckDBPyRelation:
    """Return edges between targets with a common source, e.g. hashtags used by the same people.

    Parameters
    ----------
    source
        An Archive or Frames.
    kind
        A kind of edges, as for `edges`.
    least
        The smallest weight to include.

    Returns
    -------
    DuckDBPyRelation
        `source` and `target` (in alphabetical order) and `weight` (the number of common sources),
        the heaviest first.

    Raises
    ------
    ArgumentError
        For an unknown kind.

    Examples
    --------
    >>> xf.networks.project(archive, "hashtag", least=3).df()
    """
    return source.sql(
        f"WITH used AS (SELECT DISTINCT source, target FROM ({_edges_of(kind)}) "
        "WHERE source IS NOT NULL) "
        "SELECT a.target AS source, b.target AS target, count(*) AS weight "
        "FROM used a JOIN used b ON a.source = b.source AND a.target < b.target "
        "GROUP BY 1, 2 HAVING count(*) >= $least ORDER BY weight DESC, source, target",
        {"least": least},
    )


def to_networkx(
    relation: duckdb.DuckDBPyRelation,
    *,
    directed: bool = True,
    names: Mapping[str, str] | None = None,
) -> nx.DiGraph:
    """Make a networkx graph of edges (`pip install networkx`).

    Parameters
    ----------
    relation
        Edges with the columns `source` and `target`. Other columns become attributes of the edges.
    directed
        False: return an undirected graph.
    names
        Node → label, e.g. from ids of users to handles. Nodes without one have their ids as labels.
        Default: no labels.

    Returns
    -------
    DiGraph
        With `directed=False`, a Graph. With `names`, nodes have the attribute `label`.

    Examples
    --------
    >>> handles = dict(archive.sql("select id, username from users").fetchall())
    >>> graph = xf.networks.to_networkx(xf.networks.edges(archive, "reply"), names=handles)
    """
    import networkx as nx

    frame = relation.df()
    attributes = [c for c in frame.columns if c not in {"source", "target"}]
    graph: Any = nx.from_pandas_edgelist(
        frame,
        "source",
        "target",
        attributes or None,
        create_using=nx.DiGraph if directed else nx.Graph,
    )
    if names:
        labels = {node: _label(node, names) for node in graph.nodes}
        nx.set_node_attributes(graph, labels, "label")
    return graph


# threads -----------------------------------------------------------------------------------------


def conversations(source: Archive | Frames, *, least: int = 2) -> duckdb.DuckDBPyRelation:
    """Return the conversations, the longest first.

    Parameters
    ----------
    source
        An Archive or Frames.
    least
        The smallest number of collected posts of a conversation.

    Returns
    -------
    DuckDBPyRelation
        `conversation_id`, `posts` and `authors` (their numbers), `root_present` (whether its first
        post was collected), `first_at` and `last_at`.

    Examples
    --------
    >>> xf.networks.conversations(archive, least=10).df()
    """
    older = derivation.superseded("post_edits", "posts")
    return source.sql(
        f"WITH older AS ({older}) SELECT conversation_id, count(*) AS posts, "
        "count(DISTINCT author_id) AS authors, "
        "bool_or(posts.id = coalesce(older.newest, conversation_id)) AS root_present, "
        "min(created_at) AS first_at, max(created_at) AS last_at "
        "FROM posts LEFT JOIN older ON older.id = conversation_id "
        "WHERE conversation_id IS NOT NULL AND is_latest "
        "GROUP BY conversation_id HAVING count(*) >= $least "
        "ORDER BY posts DESC, conversation_id",
        {"least": least},
    )


def thread(source: Archive | Frames, post_id: str | int) -> pd.DataFrame:
    """Return the conversation of a post as a tree in reading order.

    Each post comes before its replies, and replies are sorted by time. A post that has replies but
    was not collected (the root, or a deleted post) has a row with `present` False and only its id.
    Archives also have this as `archive.thread(post_id)`.

    Parameters
    ----------
    source
        An Archive or Frames.
    post_id
        Any post of the conversation.

    Returns
    -------
    DataFrame
        One row per post: `id`, `parent_id`, `depth` (0 for the root), `author_id`, `username`,
        `created_at`, `text`, `present`.

    Raises
    ------
    ArgumentError
        If neither the post nor its conversation was collected.

    Examples
    --------
    >>> xf.networks.thread(frames, "1346889436626259968")
    """
    return threads.thread(source, post_id)


# files -------------------------------------------------------------------------------------------


def write_graphml(
    relation: duckdb.DuckDBPyRelation,
    path: str | PathLike[str],
    *,
    directed: bool = True,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write edges as GraphML, for Gephi, igraph or networkx.

    Edges are written in batches, so memory does not grow with their number. An existing file is
    replaced only when the new one is complete.

    Parameters
    ----------
    relation
        Edges with the columns `source` and `target`. Other columns become attributes of the edges.
    path
        The file to write.
    directed
        False: the edges have no direction.
    names
        Node → label, e.g. from ids of users to handles. Nodes without one have their ids as labels.
        Default: no labels.

    Raises
    ------
    ArgumentError
        If the relation has no column `source` or `target`.

    Examples
    --------
    >>> xf.networks.write_graphml(xf.networks.edges(archive, "reply"), "replies.graphml")
    """
    _check_edges(relation)
    names = names or {}
    types = {
        column: _graphml_type(str(type_))
        for column, type_ in zip(relation.columns, relation.types, strict=True)
        if column not in {"source", "target"}
    }
    direction = "directed" if directed else "undirected"
    with _new_file(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        if names:
            file.write('<key id="label" for="node" attr.name="label" attr.type="string"/>\n')
        for number, (column, type_) in enumerate(types.items()):
            name = _quoted(column)
            file.write(f'<key id="d{number}" for="edge" attr.name={name} attr.type="{type_}"/>\n')
        file.write(f'<graph edgedefault="{direction}">\n')
        for node in _nodes(relation):
            label = ""
            if names:
                label = f'<data key="label">{escape(_clean(_label(node, names)))}</data>'
            file.write(f"<node id={_quoted(node)}>{label}</node>\n")
        for source, target, *values in _edge_rows(relation, types):
            data = "".join(
                f'<data key="d{number}">{escape(_clean(_xml_text(value)))}</data>'
                for number, value in enumerate(values)
                if value is not None
            )
            ends = f"source={_quoted(source)} target={_quoted(target)}"
            file.write(f"<edge {ends}>{data}</edge>\n")
        file.write("</graph>\n</graphml>\n")


def write_gexf(
    relation: duckdb.DuckDBPyRelation,
    path: str | PathLike[str],
    *,
    directed: bool = True,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write edges with their weights as GEXF 1.2, for Gephi.

    Edges are written in batches, so memory does not grow with their number. An existing file is
    replaced only when the new one is complete.

    Parameters
    ----------
    relation
        Edges with the columns `source` and `target`, and `weight` if they have one.
    path
        The file to write.
    directed
        False: the edges have no direction.
    names
        Node → label, e.g. from ids of users to handles. Default: nodes have their ids as labels.

    Raises
    ------
    ArgumentError
        If the relation has no column `source` or `target`.

    Examples
    --------
    >>> xf.networks.write_gexf(xf.networks.edges(archive, "reply"), "replies.gexf")
    """
    _check_edges(relation)
    names = names or {}
    weights = [column for column in relation.columns if column == "weight"]
    direction = "directed" if directed else "undirected"
    with _new_file(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        file.write('<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n')
        file.write(f'<graph defaultedgetype="{direction}">\n<nodes>\n')
        for node in _nodes(relation):
            file.write(f"<node id={_quoted(node)} label={_quoted(_label(node, names))}/>\n")
        file.write("</nodes>\n<edges>\n")
        for number, (source, target, *values) in enumerate(_edge_rows(relation, weights)):
            ends = f"source={_quoted(source)} target={_quoted(target)}"
            weight = "".join(f' weight="{_xml_text(v)}"' for v in values if v is not None)
            file.write(f'<edge id="{number}" {ends}{weight}/>\n')
        file.write("</edges>\n</graph>\n</gexf>\n")


def _check_edges(relation: duckdb.DuckDBPyRelation) -> None:
    """Raise ArgumentError unless this is a relation with the columns of edges."""
    if not hasattr(relation, "types"):
        raise ArgumentError(
            "relation: expected the result of edges(…) or archive.sql(…), "
            f"got {type(relation).__name__}"
        )
    if not {"source", "target"}.issubset(relation.columns):
        raise ArgumentError(
            "relation: expected the columns source and target, "
            f"got {', '.join(relation.columns)}"
        )


@contextmanager
def _new_file(path: str | PathLike[str]) -> Iterator[TextIO]:
    """Open a temporary file that replaces `path` at the end, unless there was an error."""
    target = Path(path)
    temp = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temp.open("w", encoding="utf-8") as file:
            yield file
        temp.replace(target)
    finally:
        temp.unlink(missing_ok=True)


def _label(node: str, names: Mapping[str, str]) -> str:
    """The label of a node; its id if it has none, or one that is missing."""
    name = names.get(node)
    if not isinstance(name, str) or not name:
        return node
    return name


def _graphml_type(type_: str) -> str:
    """The type in GraphML for a type of DuckDB."""
    signed = type_.lstrip("U")
    if signed.endswith("INT") or signed == "INTEGER":
        return "long"
    if type_ in {"FLOAT", "DOUBLE"} or type_.startswith("DECIMAL"):
        return "double"
    if type_ == "BOOLEAN":
        return "boolean"
    return "string"


def _nodes(relation: duckdb.DuckDBPyRelation) -> Iterator[str]:
    ends = relation.select("source").union(relation.select("target")).distinct()
    return (str(node) for (node,) in _rows(ends) if node is not None)


def _edge_rows(
    relation: duckdb.DuckDBPyRelation, columns: Iterable[str]
) -> Iterator[tuple[Any, ...]]:
    """Read source, target and these columns of the edges with both ends."""
    selected = relation.select(*map(_column, ["source", "target", *columns]))
    return (row for row in _rows(selected) if row[0] is not None and row[1] is not None)


def _rows(relation: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    for batch in relation.to_arrow_reader(_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _column(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _xml_text(value: Any) -> str:
    """A value as text that XML readers in Java and Python understand."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float) or isfinite(value):
        return str(value)
    if isnan(value):
        return "NaN"
    return "INF" if value > 0 else "-INF"


def _quoted(value: Any) -> str:
    return quoteattr(_clean(value))


def _clean(value: Any) -> str:
    """A value as text without characters that XML cannot contain."""
    return _NOT_XML.sub("", str(value))

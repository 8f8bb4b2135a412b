"""Plots of networks and of conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, ground, ink
from xframes.plot.canvas.glyphs import dress
from xframes.plot.canvas.layout import label, spring
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import bare, numbers, rows, shorten, whole
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from xframes.networks import Kind

_SMALLEST, _LARGEST = 12.0, 420.0  # areas of nodes, in square points
_HEAD = 9.0  # size of the head of an arrow, in points
_MANY_EDGES = 300  # their heads are smaller
_KINDS = ("users", "hashtags")
_LETTERS_AN_INCH = 15.5
_DEEPEST = 30  # deeper replies are not moved further to the right


@dataclass(frozen=True)
class _Network:
    """The largest nodes of a network and the edges between them.

    `degrees` are the numbers of connections by node, most first, and `left_out` is the number of
    smaller nodes.
    """

    edges: pd.DataFrame
    degrees: pd.Series[int]
    left_out: int
    names: dict[str, str]
    is_directed: bool

    def name(self, node: str) -> str:
        return self.names.get(node, node)


def network_data(
    frame: Any, *, kind: Kind = "reply", most: int = 200, directed: bool = True,
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the numbers that `network` draws.

    Parameters
    ----------
    frame, kind, most, directed, names
        As for `network`.

    Returns
    -------
    pandas.DataFrame
        One row per edge between drawn nodes: `source`, `target`, `weight`, `source_name` and
        `target_name`. Without a direction, each pair has one row.

    Raises
    ------
    ArgumentError
        As `network`.

    Examples
    --------
    >>> xf.plot.network.data(archive, kind="mention")
    """
    net = _network(frame, kind, most, names, directed=directed)
    edges = net.edges
    if not net.is_directed:
        edges = _pairs(edges)
    return edges.assign(
        source_name=edges["source"].map(net.name), target_name=edges["target"].map(net.name)
    )


@plot(network_data)
def network(
    frame: Any, ax: Axes | None = None, *, kind: Kind = "reply", most: int = 200, labels: int = 12,
    directed: bool = True, names: Mapping[str, str] | None = None,
) -> Axes:
    """Draw a network: users or hashtags as nodes, and an arrow for each edge.

    An arrow leads from the author to the person whose post is replied to, quoted or reposted, who
    is mentioned or followed, or to the hashtag. The area of a node shows its number of connections,
    and the width of a line its weight in both directions. The same edges always result in the same
    picture. `network.data` returns the edges.

    Parameters
    ----------
    frame
        Frames or an Archive; or a frame of edges with `source`, `target` and, if present, `weight`,
        such as the result of `xf.networks.edges`; or a networkx graph.
    ax
        Axes to draw on. Without it, a new figure.
    kind
        Which edges of Frames or an Archive to draw, one of `xf.networks.KINDS`. Default: `reply`.
    most
        Largest number of nodes, at least 2: those with most connections are drawn. Default: 200.
    labels
        Number of nodes to label, largest first, if there is room. Default: 12.
    directed
        False: draw lines without arrows, for edges that have no direction, such as those of
        `xf.networks.project`. Default: arrows, except for undirected networkx graphs.
    names
        Labels by node. Default: the handle, or the graph's `label`, or the id.

    Returns
    -------
    Axes
        The axes, with the numbers of nodes and edges below the picture.

    Raises
    ------
    ArgumentError
        There are no edges, or `kind` is not in `xf.networks.KINDS`.

    Examples
    --------
    >>> xf.plot.network(archive, kind="mention", most=100)
    """
    net = _network(frame, kind, most, names, directed=directed)
    degrees, pairs = net.degrees, _pairs(net.edges)
    number = {node: nth for nth, node in enumerate(degrees.index)}
    ends = _ends(pairs, number)
    weights = pairs["weight"].to_numpy(dtype="float64")
    places = spring(len(number), ends, weights)
    ax = drawing.axes(ax, (8, 6.5))
    areas = _SMALLEST + (_LARGEST - _SMALLEST) * (degrees / degrees.max()).to_numpy()
    kinds = [_kind(str(node)) for node in degrees.index]
    _draw(ax, places, ends, weights, areas, kinds=kinds)
    if net.is_directed:
        _draw_heads(ax, places, _ends(net.edges, number), areas)
    label(
        ax, [(float(x), float(y)) for x, y in places],
        drawing.distinct([net.name(node) for node in degrees.index[:labels]], 24),
        [1 + area**0.5 / 2 for area in areas],
    )
    nodes = counted(len(number) + net.left_out, "node")
    if net.left_out:
        nodes = f"{len(number):,} of {nodes}"
    size = f"size: connections (at most {degrees.max():,})"
    drawing.note(ax, f"{nodes}, {counted(len(pairs), 'edge')}; {size}")
    return ax


def thread_data(
    frame: Any, *, post_id: str | int | None = None
) -> pd.DataFrame:
    """Return the posts that `thread` draws, in reading order.

    Parameters
    ----------
    frame, post_id
        As for `thread`.

    Returns
    -------
    pandas.DataFrame
        One row per post: `id`, `parent_id`, `depth`, `present` and, if they are in the frame,
        `username`, `author_id`, `text` and `created_at`.

    Raises
    ------
    ArgumentError
        As `thread`.

    Examples
    --------
    >>> xf.plot.thread.data(archive, post_id="1234567890")
    """
    return _conversation(frame, post_id)


@plot(thread_data)
def thread(
    frame: Any, ax: Axes | None = None, *, post_id: str | int | None = None, most: int = 40,
    texts: bool | None = None,
) -> Axes:
    """Draw a conversation as a tree: one row per post, with replies below the post they reply to.

    Posts that were not collected are hollow. `thread.data` returns the posts.

    Parameters
    ----------
    frame
        The result of `xf.networks.thread`, with `id`, `parent_id`, `depth`, `present` and, if
        present, `username`, `author_id` and `text`; or Frames or an Archive, with `post_id`.
    ax
        Axes to draw on. Without it, a new figure.
    post_id
        Any post of the conversation. Needed for Frames and an Archive.
    most
        Largest number of posts to draw with their text. Default: 40.
    texts
        True draws the text of the first `most` posts, and says how many posts follow. False draws
        only the shape of the tree. Default: text if there are at most `most` posts.

    Returns
    -------
    Axes
        The axes, with posts in reading order from the top.

    Raises
    ------
    ArgumentError
        The conversation is not in the frame, or `post_id` is missing.

    Examples
    --------
    >>> xf.plot.thread(archive, post_id="1234567890")
    """
    posts = _conversation(frame, post_id)
    if texts is None:
        texts = len(posts) <= most
    if texts:
        return _readable_tree(ax, posts.head(most), max(len(posts) - most, 0))
    ax = drawing.axes(ax, (8, 6))
    _tree(ax, posts, posts["depth"].to_numpy(), size=3, linewidth=0.4)
    drawing.measure(ax.xaxis, "depth of replies")
    drawing.measure(ax.yaxis, "posts in reading order")
    missing = int((~posts["present"].astype(bool)).sum())
    drawing.note(ax, f"{counted(len(posts), 'post')}, {missing:,} of them not collected (orange)")
    return ax


# networks ----------------------------------------------------------------------------------------


def _network(
    frame: Any, kind: Kind, most: int, names: Mapping[str, str] | None, *, directed: bool
) -> _Network:
    edges, node_names = _edges(frame, kind)
    if edges.empty:
        raise ArgumentError("no edges to draw; xf.networks.KINDS lists the kinds of an archive")
    node_names.update(names or {})
    is_directed = directed
    if hasattr(frame, "is_directed"):
        is_directed = directed and frame.is_directed()
    return _Network(*_largest(edges, most), node_names, is_directed)


def _edges(frame: Any, kind: Kind) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return edges between different nodes, each once, and names of nodes."""
    import pandas as pd

    from xframes import networks

    names: dict[str, str] = {}
    if whole(frame):
        found = networks.edges(frame, kind).df()
        users = frame.sql("""
            SELECT id, max(username) AS name FROM users WHERE username IS NOT NULL GROUP BY id
        """).df()
        names = {one: f"@{name}" for one, name in zip(users["id"], users["name"], strict=True)}
    elif hasattr(frame, "edges") and hasattr(frame, "nodes"):  # a networkx graph
        found, names = _of_graph(frame)
    else:
        found = rows(frame, "", ["source", "target", "weight"], optional=("weight",))
    if "weight" not in found:
        found = found.assign(weight=1.0)
    weight = numbers(found, ["weight"])["weight"].astype("float64").abs()  # strength without sign
    edges = pd.DataFrame({
        "source": found["source"].astype("string"), "target": found["target"].astype("string"),
        "weight": weight,
    }).dropna()
    return _summed(edges[edges["source"] != edges["target"]]), names


def _summed(edges: pd.DataFrame) -> pd.DataFrame:
    summed: pd.DataFrame = edges.groupby(["source", "target"], as_index=False).sum()
    return summed


def _pairs(edges: pd.DataFrame) -> pd.DataFrame:
    """Return each connected pair of nodes once, with the weight of both directions."""
    source, target = edges["source"], edges["target"]
    is_turned = source > target
    return _summed(edges.assign(
        source=source.mask(is_turned, target), target=target.mask(is_turned, source)
    ))


def _ends(edges: pd.DataFrame, number: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Return the numbers of the source and of the target of each edge."""
    ends: np.ndarray[Any, Any] = (
        edges[["source", "target"]].map(number.__getitem__).to_numpy(dtype="int64")
    )
    return ends


def _of_graph(graph: nx.Graph[Any]) -> tuple[pd.DataFrame, dict[str, str]]:
    import pandas as pd

    edges = list(graph.edges(data=True))
    frame = pd.DataFrame({
        "source": [str(source) for source, _, _ in edges],
        "target": [str(target) for _, target, _ in edges],
        "weight": [data.get("weight", 1) for _, _, data in edges],
    })
    nodes = graph.nodes(data=True)
    names = {str(node): str(data["label"]) for node, data in nodes if "label" in data}
    return frame, names


def _largest(edges: pd.DataFrame, most: int) -> tuple[pd.DataFrame, pd.Series[int], int]:
    """Return the edges between the nodes with most connections.

    Also return the number of connections of these nodes, most first, and how many nodes are left
    out.
    """
    import pandas as pd

    pairs = _pairs(edges)
    degrees = pd.concat([pairs["source"], pairs["target"]]).value_counts().sort_index()
    degrees = degrees.sort_values(ascending=False, kind="stable")
    largest = degrees.head(max(most, 2))
    nodes = largest.index
    inside = edges[edges["source"].isin(nodes) & edges["target"].isin(nodes)]
    return inside.reset_index(drop=True), largest, len(degrees) - len(largest)


def _draw(
    ax: Axes, places: np.ndarray[Any, Any], ends: np.ndarray[Any, Any],
    weights: np.ndarray[Any, Any], areas: Any, *, kinds: list[str],
) -> None:
    """Draw lines and nodes; if there are several kinds of nodes, add a legend of their colors."""
    from matplotlib.collections import LineCollection

    widths = 0.5 + 2.0 * weights / (weights.max(initial=0) or 1)
    lines = LineCollection(
        list(places[ends]), linewidths=widths, colors=GREY, alpha=0.5, zorder=1
    )
    ax.add_collection(lines)
    shades = [COLORS[_KINDS.index(kind)] for kind in kinds]
    ax.scatter(
        places[:, 0], places[:, 1], s=areas, color=shades, edgecolors=ground(ax), linewidths=0.7,
        zorder=2,
    )
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.08)
    _bare(ax)
    if len(set(kinds)) > 1:
        for kind, color in zip(_KINDS, COLORS, strict=False):
            ax.scatter([], [], color=color, label=f"{kind}: {kinds.count(kind):,}")
        drawing.legend(ax)


def _draw_heads(
    ax: Axes, places: np.ndarray[Any, Any], ends: np.ndarray[Any, Any], areas: Any
) -> None:
    """Draw the head of an arrow where each edge meets its target."""
    from matplotlib.patches import FancyArrowPatch

    size = _HEAD
    if len(ends) > _MANY_EDGES:
        size = _HEAD / 2
    for source, target in ends:
        head = FancyArrowPatch(
            (places[source][0], places[source][1]), (places[target][0], places[target][1]),
            arrowstyle="-|>,head_length=0.8,head_width=0.35", mutation_scale=size, linewidth=0,
            facecolor=GREY, edgecolor=GREY, shrinkA=0, shrinkB=float(areas[target]) ** 0.5 / 2,
            zorder=1.5,
        )
        head.set_in_layout(False)
        ax.add_patch(head)


def _kind(node: str) -> str:
    return "hashtags" if node.startswith("#") else "users"


def _bare(ax: Axes) -> None:
    """Remove ticks and frame. The label below the axes is kept."""
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


# threads -----------------------------------------------------------------------------------------


def _conversation(frame: Any, post_id: str | int | None) -> pd.DataFrame:
    """Return the posts of a conversation in reading order."""
    from xframes import networks

    if whole(frame):
        if post_id is None:
            raise ArgumentError(
                "post_id: expected a post of the conversation: xf.plot.thread(archive, post_id=…)"
            )
        frame = networks.thread(frame, post_id)
    columns = ["id", "parent_id", "depth", "present", "username", "author_id", "text", "created_at"]
    posts = rows(frame, "", columns, optional=tuple(columns[4:]))
    if posts.empty:
        raise ArgumentError("no posts of a conversation to draw")
    return posts


def _readable_tree(ax: Axes | None, posts: pd.DataFrame, left: int) -> Axes:
    """Draw a tree with the texts of its posts, and the number of posts that are left out."""
    height = len(posts)
    if left:
        height += 1
    ax = drawing.axes(ax, (8, max(2.0, 0.4 + 0.26 * height)))
    depth = posts["depth"].clip(upper=_DEEPEST).to_numpy()
    _tree(ax, posts, depth, size=22, linewidth=0.9)
    _write(ax, posts, left)
    return ax


def _tree(
    ax: Axes, posts: pd.DataFrame, depth: np.ndarray[Any, Any], *, size: float, linewidth: float
) -> None:
    from matplotlib.collections import LineCollection

    row = {one: nth for nth, one in enumerate(posts["id"])}
    lines = []
    for nth, parent_id in enumerate(posts["parent_id"]):
        if parent_id in row:
            above = row[parent_id]
            lines.append([(depth[above], above), (depth[above], nth), (depth[nth], nth)])
    ax.add_collection(LineCollection(lines, colors="#BBBBBB", linewidths=linewidth, zorder=1))
    is_present = posts["present"].astype(bool).to_numpy()
    height = posts.index.to_numpy()
    ax.scatter(
        depth[is_present], height[is_present], s=size, color=COLORS[0], zorder=2, label="posts"
    )
    ax.scatter(
        depth[~is_present], height[~is_present], s=size, zorder=2, facecolor=ground(ax),
        edgecolor=COLORS[3], label="not collected",
    )
    ax.set_ylim(len(posts) - 0.4, -0.6)
    ax.grid(visible=False)


def _write(ax: Axes, posts: pd.DataFrame, left: int) -> None:
    deepest = min(int(posts["depth"].max()), _DEEPEST)
    across = max(deepest, 3) * 3.2  # the tree takes at most a third of the width, text the rest
    ax.set_xlim(-0.5, across)
    inches = ax.get_position().width * ax.figure.bbox.width / ax.figure.canvas.figure.dpi
    room = _LETTERS_AN_INCH * inches
    for nth, post in enumerate(posts.to_dict("records")):
        depth = min(post["depth"], _DEEPEST)
        words = shorten(_line(post), int(room * (1 - depth / across)))
        text = ax.text(
            depth + across / 90, nth, words, va="center", fontsize=8,
            color=ink(ax) if post["present"] else GREY, clip_on=True,
        )
        text.set_in_layout(False)  # text that is too wide must not make the tree narrower
        dress(text)
    if left > 0:
        ax.text(0, len(posts), f"and {left:,} more", va="center", fontsize=8, color=GREY)
        ax.set_ylim(len(posts) + 0.6, -0.6)
    ax.set_axis_off()


def _line(post: Mapping[Any, Any]) -> str:
    """Return the author and the text of a post in one line."""
    from html import unescape

    if not post["present"]:
        return f"{post['id']} (not collected)"
    author = str(post.get("author_id") or post["id"])
    if isinstance(post.get("username"), str):
        author = f"@{post['username']}"
    if not isinstance(post.get("text"), str):
        return author
    return f"{author}: {bare(unescape(post['text']))}"

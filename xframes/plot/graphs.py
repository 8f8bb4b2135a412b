"""Networks and threads as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, GREY, ground, ink
from xframes.plot.canvas.glyphs import dress
from xframes.plot.canvas.layout import label, spring
from xframes.plot.canvas.rows import bare, numbers, rows, shorten, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from xframes.networks import Kind

_SMALLEST, _LARGEST = 12.0, 420.0  # areas of nodes, in square points
_KINDS = ("users", "hashtags")
_LETTERS_AN_INCH = 15.5
_STEP_BACK = 30  # answers nested deeper than this are not moved further to the right


def network(
    frame: Any, ax: Axes | None = None, *, kind: Kind = "reply", most: int = 200, labels: int = 12,
    names: Mapping[str, str] | None = None,
) -> Axes:
    """Draw who is connected with whom: nodes sized by how many others they are connected with, lines by weight.

    `frame` holds edges (`source`, `target`, and `weight` if there is one), as `xf.networks.edges` gives them; or is a
    networkx graph; or an archive or Frames, of which the edges of `kind` are drawn. Above `most` nodes those with most
    connections are drawn, and the note says so. The `labels` largest are named where there is room: by `names`, a
    mapping from ids, else by the handle an archive knows or the graph's `label`, else by id. The same edges always give
    the same picture.

    Raises ArgumentError when there are no edges, or no such kind.
    """
    edges, known = _edges(frame, kind)
    if edges.empty:
        raise ArgumentError("there are no edges to draw; see xf.networks.KINDS for those an archive may hold")
    known = {**known, **(names or {})}
    edges, degrees, left_out = _largest(edges, most)
    number = {node: nth for nth, node in enumerate(degrees.index)}
    ends = edges[["source", "target"]].map(number.__getitem__).to_numpy(dtype="int64")
    places = spring(len(number), ends, edges["weight"].to_numpy(dtype="float64"))
    ax = drawing.axes(ax, (8, 6.5))
    areas = _SMALLEST + (_LARGEST - _SMALLEST) * (degrees / degrees.max()).to_numpy()
    kinds = [_kind(str(node)) for node in degrees.index]
    _draw(ax, places, ends, edges["weight"].to_numpy(dtype="float64"), areas, kinds=kinds)
    named = list(degrees.index[:labels])
    label(ax, [(float(x), float(y)) for x, y in places], [shorten(known.get(node, node), 24) for node in named],
          [1 + area**0.5 / 2 for area in areas])
    shown = f"{len(number):,} of {len(number) + left_out:,} nodes" if left_out else f"{len(number):,} nodes"
    drawing.note(ax, f"{shown}, {len(edges):,} edges; size: connections (at most {degrees.max():,})")
    return ax


def thread(
    frame: Any, ax: Axes | None = None, *, post_id: str | int | None = None, most: int = 40, texts: bool | None = None
) -> Axes:
    """Draw a conversation as a tree: a row for each post, in reading order, answers below what they answer.

    `frame` is what `xf.networks.thread` gives (id, parent_id, depth, username, text, created_at, present), or an
    archive or Frames with `post_id`, any post of the conversation. Posts answered and not there are hollow. Up to
    `most` posts have their text beside them; of longer threads the shape alone is drawn. `texts` decides that for
    itself: True writes the first `most` posts and says how many are left.

    Raises ArgumentError when there is no post, or the conversation is not there.
    """
    from xframes import networks

    if whole(frame):
        if post_id is None:
            raise ArgumentError("say which conversation: xf.plot.thread(archive, post_id=…)")
        frame = networks.thread(frame, post_id)
    columns = ["id", "parent_id", "depth", "present", "username", "author_id", "text", "created_at"]
    posts = rows(frame, "", columns, optional=tuple(columns[4:]))
    if posts.empty:
        raise ArgumentError("there is no post of a conversation to draw")
    written = len(posts) <= most if texts is None else texts
    left = len(posts) - most if written else 0
    posts = posts.head(most) if written else posts
    ax = drawing.axes(ax, (8, max(2.0, 0.4 + 0.26 * (len(posts) + (left > 0)))) if written else (8, 6))
    _tree(ax, posts, 22 if written else 3)
    if written:
        _write(ax, posts, left)
    else:
        drawing.measure(ax.xaxis, "answers deep")
        drawing.measure(ax.yaxis, "posts in reading order")
        missing = int((~posts["present"].astype(bool)).sum())
        drawing.note(ax, f"{len(posts):,} posts, {missing:,} of them not here (orange)")
    return ax


# networks -------------------------------------------------------------------------------------------------------------


def _edges(frame: Any, kind: Kind) -> tuple[pd.DataFrame, dict[str, str]]:
    """Edges between different nodes as text, each pair once, and the names known of nodes."""
    import pandas as pd

    from xframes import networks

    names: dict[str, str] = {}
    if whole(frame):
        found = networks.edges(frame, kind).df()
        users = frame.sql("SELECT id, max(username) AS name FROM users WHERE username IS NOT NULL GROUP BY id").df()
        names = {one: f"@{name}" for one, name in zip(users["id"], users["name"], strict=True)}
    elif hasattr(frame, "edges") and hasattr(frame, "nodes"):  # a networkx graph
        found, names = _of_graph(frame)
    else:
        found = rows(frame, "", ["source", "target", "weight"], optional=("weight",))
    found = numbers(found if "weight" in found else found.assign(weight=1.0), ["weight"])
    weight = found["weight"].astype("float64").abs()  # of graphs with a sign: how strong, not which way
    source, target = found["source"].astype("string"), found["target"].astype("string")
    turned = (source > target).fillna(False)
    ordered = pd.DataFrame({
        "source": source.mask(turned, target), "target": target.mask(turned, source), "weight": weight}).dropna()
    ordered = ordered[ordered["source"] != ordered["target"]]
    summed: pd.DataFrame = ordered.groupby(["source", "target"], as_index=False).sum()
    return summed, names


def _of_graph(graph: nx.Graph[Any]) -> tuple[pd.DataFrame, dict[str, str]]:
    import pandas as pd

    edges = list(graph.edges(data=True))
    found = pd.DataFrame({"source": [str(a) for a, _, _ in edges], "target": [str(b) for _, b, _ in edges],
                          "weight": [data.get("weight", 1) for _, _, data in edges]})
    called = {str(node): str(data["label"]) for node, data in graph.nodes(data=True) if "label" in data}
    return found, called


def _largest(edges: pd.DataFrame, most: int) -> tuple[pd.DataFrame, pd.Series[int], int]:
    """Edges between the nodes with most connections, how many each has, most first, and how many nodes are left out."""
    import pandas as pd

    degrees = pd.concat([edges["source"], edges["target"]]).value_counts().sort_index()
    degrees = degrees.sort_values(ascending=False, kind="stable")
    kept = degrees.head(max(most, 2))
    inside = edges[edges["source"].isin(kept.index) & edges["target"].isin(kept.index)]
    return inside.reset_index(drop=True), kept, len(degrees) - len(kept)


def _draw(
    ax: Axes, places: np.ndarray[Any, Any], ends: np.ndarray[Any, Any], weights: np.ndarray[Any, Any], areas: Any,
    *, kinds: list[str],
) -> None:
    """Lines and nodes, in a colour for each kind of node where there are several."""
    from matplotlib.collections import LineCollection

    widths: Any = 0.5 + 2.0 * weights / (weights.max() or 1) if len(weights) else []
    ax.add_collection(LineCollection(list(places[ends]), linewidths=widths, colors=GREY, alpha=0.5, zorder=1))
    shades = [COLORS[_KINDS.index(kind)] for kind in kinds]
    ax.scatter(places[:, 0], places[:, 1], s=areas, color=shades, edgecolors=ground(ax), linewidths=0.7, zorder=2)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.08)
    _bare(ax)
    if len(set(kinds)) > 1:
        for kind, color in zip(_KINDS, COLORS, strict=False):
            ax.scatter([], [], color=color, label=f"{kind}: {kinds.count(kind):,}")
        drawing.legend(ax)


def _kind(node: str) -> str:
    return "hashtags" if node.startswith("#") else "users"


def _bare(ax: Axes) -> None:
    """No ticks and no frame; the label below stays."""
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


# threads --------------------------------------------------------------------------------------------------------------


def _tree(ax: Axes, posts: pd.DataFrame, size: float) -> None:
    from matplotlib.collections import LineCollection

    row = {one: nth for nth, one in enumerate(posts["id"])}
    depth = posts["depth"].clip(upper=_STEP_BACK).to_numpy() if size > 10 else posts["depth"].to_numpy()
    lines = [[(depth[row[parent]], row[parent]), (depth[row[parent]], nth), (depth[nth], nth)]
             for nth, parent in enumerate(posts["parent_id"]) if parent in row]
    ax.add_collection(LineCollection(lines, colors="#BBBBBB", linewidths=0.9 if size > 10 else 0.4, zorder=1))
    here = posts["present"].astype(bool).to_numpy()
    height = posts.index.to_numpy()
    ax.scatter(depth[here], height[here], s=size, color=COLORS[0], zorder=2, label="posts")
    hollow = {"facecolor": ground(ax), "edgecolor": COLORS[3], "label": "not here"}
    ax.scatter(depth[~here], height[~here], s=size, zorder=2, **hollow)
    ax.set_ylim(len(posts) - 0.4, -0.6)
    ax.grid(visible=False)


def _write(ax: Axes, posts: pd.DataFrame, left: int) -> None:
    deepest = min(int(posts["depth"].max()), _STEP_BACK)
    across = max(deepest, 3) * 3.2  # the tree takes a third of the width at most, texts the rest
    ax.set_xlim(-0.5, across)
    inches = ax.get_position().width * ax.figure.bbox.width / ax.figure.canvas.figure.dpi
    room = _LETTERS_AN_INCH * inches
    for nth, post in enumerate(posts.to_dict("records")):
        depth = min(post["depth"], _STEP_BACK)
        said = ax.text(depth + across / 90, nth, shorten(_said(post), int(room * (1 - depth / across))), va="center",
                       fontsize=8, color=ink(ax) if post["present"] else GREY, clip_on=True)
        said.set_in_layout(False)  # what is wider than was thought takes no room from the tree
        dress(said)
    if left > 0:
        ax.text(0, len(posts), f"and {left:,} more", va="center", fontsize=8, color=GREY)
        ax.set_ylim(len(posts) + 0.6, -0.6)
    ax.set_axis_off()


def _said(post: Mapping[Any, Any]) -> str:
    """Who said what, in one line."""
    from html import unescape

    if not post["present"]:
        return f"{post['id']} (not here)"
    name = post.get("username")
    who = f"@{name}" if isinstance(name, str) else str(post.get("author_id") or post["id"])
    return f"{who}: {bare(unescape(post['text']))}" if isinstance(post.get("text"), str) else who

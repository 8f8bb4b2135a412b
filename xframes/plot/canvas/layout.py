"""Positions of the nodes of a graph, and of labels that do not overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.plot.canvas.drawing import ground, ink
from xframes.plot.canvas.glyphs import dress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.text import Text

_STEPS = 220
_GOLDEN_ANGLE = 2.399963
_LABEL_SIZE = 8
_OFFSETS = (
    (0, 1, "center", "bottom"), (0, -1, "center", "top"),
    (1, 0, "left", "center"), (-1, 0, "right", "center"),
)


def spring(
    count: int, ends: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Return positions of the nodes 0 to `count` - 1, the same for the same input.

    The forces are those of Fruchterman and Reingold: connected nodes attract each other, and all
    nodes repel each other. A force toward the middle keeps separate parts of the graph in view.
    The first nodes start in the middle, so the largest nodes should come first.
    """
    import numpy as np

    nth = np.arange(count)
    turns = nth * _GOLDEN_ANGLE
    out = np.sqrt((nth + 0.5) / max(count, 1))
    at: np.ndarray[Any, Any] = np.column_stack([out * np.cos(turns), out * np.sin(turns)])
    pull = np.zeros((count, count))
    np.add.at(pull, (ends[:, 0], ends[:, 1]), weights)
    pull = np.log1p(pull + pull.T)
    size = 1 / np.sqrt(max(count, 1))
    for step in range(_STEPS):
        squares = (at**2).sum(axis=1)
        distances = squares[:, None] + squares[None, :] - 2 * at @ at.T  # squared
        distances = np.maximum(distances, (size / 100) ** 2)
        push = size**2 / distances - pull * np.sqrt(distances) / size
        force = push.sum(axis=1)[:, None] * at - push @ at - at * 1.5
        length = np.maximum(np.sqrt((force**2).sum(axis=1)), 1e-9)
        moves = np.minimum(length, 0.12 * (1 - step / _STEPS))
        at += force / length[:, None] * moves[:, None]
    return at


def label(
    ax: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str], gaps: Sequence[float]
) -> None:
    """Write labels next to the first points, `gaps` typographic points away from them.

    The first labels have priority. A label that would cover another label, or a point that has a
    label, is left out. Labels cover as few of the other points as possible.
    """
    canvas = ax.figure.canvas.figure  # the root figure, also of a subfigure
    canvas.draw_without_rendering()  # the layout decides where there is room
    circles = [_circle(ax, point, gap, canvas.dpi) for point, gap in zip(points, gaps, strict=True)]
    taken = circles[: len(texts)]
    frame = ax.get_window_extent()
    for point, text, gap in zip(points, texts, gaps, strict=False):
        tried = []
        for nth, offset in enumerate(_OFFSETS):
            written = _written(ax, point, text, gap, offset)
            box = written.get_window_extent()
            written.remove()
            if _is_inside(box, frame) and not any(box.overlaps(other) for other in taken):
                tried.append((sum(box.overlaps(other) for other in circles), nth, box))
        if tried:
            _, nth, box = min(tried, key=lambda each: each[:2])
            _written(ax, point, text, gap, _OFFSETS[nth])
            taken.append(box)


def _is_inside(box: Any, frame: Any) -> bool:
    across = frame.x0 <= box.x0 and box.x1 <= frame.x1
    return bool(across and frame.y0 <= box.y0 and box.y1 <= frame.y1)


def _written(
    ax: Axes, point: tuple[float, float], text: str, gap: float, offset: tuple[int, int, str, str]
) -> Text:
    from matplotlib.patheffects import withStroke

    x, y, horizontal, vertical = offset
    written: Any = ax.annotate(
        text, point, (x * gap, y * gap), textcoords="offset points",
        ha=horizontal, va=vertical, fontsize=_LABEL_SIZE, color=ink(ax), zorder=5,
        path_effects=[withStroke(linewidth=2.5, foreground=ground(ax))],
    )
    dress(written)
    return written  # type: ignore[no-any-return]  # Any: its type differs between versions


def _circle(ax: Axes, point: tuple[float, float], gap: float, dpi: float) -> Any:
    """Return the box around the circle at a point, a little smaller than the gap to its label."""
    from matplotlib.transforms import Bbox

    x, y = ax.transData.transform(point)
    half = max(gap - 1, 0) * dpi / 72 * 0.8
    return Bbox([[x - half, y - half], [x + half, y + half]])

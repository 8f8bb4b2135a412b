"""Pictures of a report as SVG: transparent, with text in the color of the page around it."""

from __future__ import annotations

import re
import warnings
from io import StringIO
from typing import TYPE_CHECKING, Any

from xframes.plot.canvas.drawing import STYLE
from xframes.plot.canvas.glyphs import kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#010203"
# Colors of texts and lines, which become the color of the page's text, light or dark
_INKS = re.compile(f"{_INK}|#333333|#dddddd", re.IGNORECASE)
_SETTINGS: dict[str, Any] = {
    "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "xtick.labelcolor": _INK, "ytick.labelcolor": _INK,
    "grid.color": "#8888884d", "svg.fonttype": "none",  # text stays text: it can be searched
}
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"|(<svg[^>]*?) height="[^"]*"')


def drawn(
    draw: Callable[[Axes], object], description: str, size: tuple[float, float] = (9, 3.2)
) -> str:
    """Return what a function draws on axes, as SVG."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    with plt.style.context([STYLE, _SETTINGS]), warnings.catch_warnings(), kept():
        warnings.simplefilter("ignore", UserWarning)  # a browser has other fonts
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        return svg_of(figure, description)


def svg_of(figure: Figure, description: str = "") -> str:
    """Return a figure as SVG that fits the width of the page."""
    import matplotlib as mpl

    target = StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": description or "xframes"}):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    text = _HEAD.sub("", target.getvalue(), count=1)
    for _ in range(2):
        text = _SIZE.sub(lambda hit: hit[1] or hit[2], text, count=1)
    return _INKS.sub("currentColor", text)

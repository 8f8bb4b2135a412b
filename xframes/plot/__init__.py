"""Plots of what was collected. Each takes `ax=None` (one is made when missing), returns the `Axes`, and never shows it.

    ax = xf.plot.counts(archive)
    ax.figure.savefig("counts.png")

`frame` is anything that holds the rows: Frames, an Archive, a pandas or polars DataFrame, an Arrow table, or a DuckDB
relation such as `archive.sql("select * from posts where lang = 'en'")`. Times are drawn in UTC, numbers with units
(1.2K, 3.4M). Texts of people are drawn in whichever installed fonts have their glyphs; what none has is a box.
"""

from __future__ import annotations

from xframes.plot.canvas.drawing import STYLE
from xframes.plot.completeness_plots import completeness, heatmap
from xframes.plot.engagement import analytics, metric_history
from xframes.plot.graphs import network, thread
from xframes.plot.maps import map  # noqa: A004  a map is called a map; nothing else is called so here
from xframes.plot.playback import retention
from xframes.plot.ranking import top
from xframes.plot.spending import usage
from xframes.plot.timing import counts, timeline

__all__ = [
    "STYLE", "analytics", "completeness", "counts", "heatmap", "map", "metric_history", "network", "retention",
    "thread", "timeline", "top", "usage",
]


def __dir__() -> list[str]:
    return list(__all__)

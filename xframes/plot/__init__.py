"""Plots of collected data. Each function returns matplotlib Axes and never shows them.

    ax = xf.plot.counts(archive, tz="Europe/Berlin")
    ax.figure.savefig("counts.png")
    numbers = xf.plot.counts.data(archive)        # what the plot draws, as a DataFrame

`frame` is Frames, an Archive, a pandas or polars DataFrame, an Arrow table, or a DuckDB relation
such as `archive.sql("SELECT * FROM posts WHERE lang = 'en'")`. Without `ax`, a new figure is made.
Plots over time take `tz=`, the time zone of the axis, by default UTC. Numbers are short (1.2K,
3.4M). Text is drawn in the installed fonts that have its characters. Characters that no font has
are drawn as boxes, with one warning; equal labels are numbered, and `data` has the text.
"""

from __future__ import annotations

from xframes.plot.canvas.drawing import STYLE
from xframes.plot.completeness_plots import completeness, heatmap
from xframes.plot.engagement import analytics, metric_history
from xframes.plot.graphs import network, thread
from xframes.plot.maps import map  # noqa: A004  the plot of a map is called map
from xframes.plot.playback import retention
from xframes.plot.ranking import top
from xframes.plot.spending import usage
from xframes.plot.timing import counts, timeline

__all__ = [
    "STYLE", "analytics", "completeness", "counts", "heatmap", "map", "metric_history", "network",
    "retention", "thread", "timeline", "top", "usage",
]


def __dir__() -> list[str]:
    return list(__all__)

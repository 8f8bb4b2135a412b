"""Axes, colours, numbers and dates that all plots share."""

from __future__ import annotations

from itertools import cycle, islice
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas.glyphs import dress, readable
from xframes.plot.canvas.rows import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

STYLE = Path(__file__).with_name("xframes.mplstyle")
"""The style sheet of axes made here; `plt.style.use(xf.plot.STYLE)` gives it to your own."""

COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#F0E442")  # Okabe and Ito
GREY = "#999999"
_INKS = ("#333333", "#DDDDDD")  # for texts on light ground, and on dark
_DARK: Any = {  # what the style sheet says of light ground, for a dark one
    "axes.labelcolor": _INKS[1], "xtick.labelcolor": _INKS[1], "ytick.labelcolor": _INKS[1], "text.color": _INKS[1],
    "axes.edgecolor": "#AAAAAA", "xtick.color": "#AAAAAA", "ytick.color": "#AAAAAA", "grid.color": "#444444",
}
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_INCHES_A_LABEL = 0.17  # of a legend, from one to the next
_INCHES_A_DATE = 0.6
HOLLOW: dict[str, Any] = {"marker": "o", "linestyle": "none", "fillstyle": "none", "markersize": 4}
LONGEST_LABEL = 40
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """The axes given, or new ones in the style of xframes."""
    if ax is not None:
        if not hasattr(ax, "figure"):
            raise ArgumentError(f"ax is where to draw, matplotlib's Axes, not {ax!r:.40}; name other arguments")
        return ax
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with plt.style.context([STYLE, _DARK] if _is_dark(mpl.rcParams["axes.facecolor"]) else STYLE):
        made: Axes = plt.subplots(figsize=size)[1]
        interactive = mpl.is_interactive()  # a notebook's first figure switches it on,
    mpl.interactive(interactive)  # and leaving the style would switch it off: later ones would not be shown
    return made


def _is_dark(color: Any) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4


def ground(ax: Axes) -> Any:
    """The colour behind what is drawn: that of the axes, else of the figure."""
    from matplotlib.colors import to_rgba

    seen = (one.get_facecolor() for one in (ax, ax.figure) if to_rgba(one.get_facecolor())[3] > 0.5)
    return next(seen, "white")


def ink(ax: Axes) -> str:
    """The colour of texts that stands out from the ground."""
    return _INKS[_is_dark(ground(ax))]


def colors(ax: Axes) -> Iterator[str]:
    """The colours in order, again and again; black as what stands out."""
    return cycle([ink(ax) if color == COLORS[6] and _is_dark(ground(ax)) else color for color in COLORS])


def strokes(ax: Axes) -> Iterator[dict[str, Any]]:
    """How lines look: the colours, then the colours dashed, and so on."""
    return ({"color": color, "linestyle": dash} for dash in cycle(DASHES) for color in islice(colors(ax), len(COLORS)))


def short(number: float) -> str:
    """A number in few characters: 950, 1.2K, 3.4M, 5B."""
    size = abs(number)
    scale, unit = next(((s, u) for s, u in _UNITS if size >= s * 0.99995), (1.0, ""))
    digits = 1 if round(size / scale, 1) < 100 and scale > 1 else 0
    if scale == 1 and size != round(size) and size < 99.95:
        return f"{number:.3g}"
    if scale == 1 and size >= 999.5:
        scale, unit = 1e3, "K"
    return f"{number / scale:.{digits}f}".removesuffix(".0") + unit


def measure(axis: Axis, label: str, *, whole: bool = True) -> None:
    """Give an axis of numbers its label, few round ticks, and their units."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_label_text(label)


def dates(ax: Axes) -> None:
    """Times along x, in UTC and in few words."""
    from datetime import UTC

    from matplotlib.dates import ConciseDateFormatter

    locator = _moments()(tz=UTC)
    ax.xaxis.axis_date(tz=UTC)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # as above
    ax.margins(x=0.01)
    ax.set_xlabel("time (UTC)")


def _moments() -> Any:
    """Matplotlib's choice of round moments, of which narrow axes get every second, third, …"""
    from matplotlib.dates import AutoDateLocator

    class Moments(AutoDateLocator):
        def __call__(self) -> Any:
            found = super().__call__()  # type: ignore[no-untyped-call]  # untyped there
            ax: Any = self.axis.axes  # type: ignore[union-attr]  # it has one by now
            room = max(1, int(ax.get_window_extent().width / ax.figure.canvas.figure.dpi / _INCHES_A_DATE))
            return found[:: -(-len(found) // room) or 1]

    return Moments


def finish(ax: Axes, label: str, title: str | None, *, whole: bool = True) -> None:
    """Times along x, numbers from zero along y, and a legend when it has a title."""
    dates(ax)
    measure(ax.yaxis, label, whole=whole)
    ax.set_ylim(bottom=0)
    if title is not None:
        legend(ax, title)


def legend(ax: Axes, title: str = "", *, within: Any = "upper left") -> None:
    """A legend beside the axes, its texts as people wrote them; in axes for which nobody makes room, `within` them."""
    from matplotlib.lines import Line2D

    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    figure: Any = ax.figure
    high = ax.get_position().height * figure.bbox.height / figure.canvas.figure.dpi
    most = max(3, int(high / _INCHES_A_LABEL) - 2)
    if len(handles) > most:
        labels = [*labels[:most], f"and {len(handles) - most:,} more"]
        handles = [*handles[:most], Line2D([], [], linestyle="none")]
    beside = figure.canvas.figure.get_layout_engine() is not None
    box = ax.legend(
        handles, [shorten(label, LONGEST_LABEL) for label in labels], title=shorten(title, LONGEST_LABEL),
        loc="upper left" if beside else within, bbox_to_anchor=(1, 1) if beside else None, alignment="left",
        frameon=not beside,
        fontsize="small", title_fontsize="small", labelcolor=ink(ax), facecolor=ground(ax), edgecolor="none",
        framealpha=0.8,
    )
    dress(*box.get_texts(), box.get_title())
    box.get_title().set_color(ink(ax))


def note(ax: Axes, text: str) -> None:
    """A remark below the axes, under the label of x, where no title of the caller's comes."""
    label = ax.get_xlabel()
    ax.set_xlabel(f"{label}\n{text}" if label else text)


def bars(ax: Axes, labels: Sequence[str], columns: Mapping[str, Sequence[float]], unit: str) -> None:
    """Bars from the top, one of each column for each label, with their numbers at the end."""
    height = 0.8 / len(columns)
    for nth, (color, (name, values)) in enumerate(zip(colors(ax), columns.items(), strict=False)):
        places = [row + (nth - (len(columns) - 1) / 2) * height for row in range(len(labels))]
        drawn = ax.barh(places, values, height * 0.92, color=color, label=name)
        said = ["" if isnan(value) else short(value) for value in values]
        ax.bar_label(drawn, said, padding=3, fontsize=8, color=ink(ax))
    ax.set_yticks(range(len(labels)), [readable(shorten(label, LONGEST_LABEL)) for label in labels])
    dress(*ax.get_yticklabels())
    ax.invert_yaxis()
    measure(ax.xaxis, unit)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    known = [value for values in columns.values() for value in values if not isnan(value)]
    ax.set_xlim(min(0, *known, 0) * 1.12, max(0, *known, 0) * 1.12 or 1)

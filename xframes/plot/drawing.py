"""Axes, colours, numbers and dates that all plots share."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.plot.glyphs import dress, readable
from xframes.plot.rows import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

STYLE = Path(__file__).with_name("xframes.mplstyle")
"""The style sheet of axes made here; `plt.style.use(xf.plot.STYLE)` gives it to your own."""

COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#F0E442")  # Okabe and Ito
GREY, INK = "#999999", "#333333"
HOLLOW: dict[str, Any] = {"marker": "o", "linestyle": "none", "fillstyle": "none", "markersize": 4}
LONGEST_LABEL = 40
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """The axes given, or new ones in the style of xframes."""
    if ax is not None:
        return ax
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        made: Axes = plt.subplots(figsize=size)[1]
        interactive = mpl.is_interactive()  # a notebook's first figure switches it on,
    mpl.interactive(interactive)  # and leaving the style would switch it off: later ones would not be shown
    return made


def colors() -> Iterator[str]:
    """The colours in order, again and again."""
    return cycle(COLORS)


def short(number: float) -> str:
    """A number in few characters: 950, 1.2K, 3.4M, 5B."""
    size = abs(number)
    scale, unit = next(((s, u) for s, u in _UNITS if size >= s * 0.99995), (1.0, ""))
    digits = 1 if round(size / scale, 1) < 100 and scale > 1 else 0
    if scale == 1 and size != round(size):
        return f"{number:.3g}"
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

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # untyped there
    ax.xaxis.axis_date(tz=UTC)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # as above
    ax.margins(x=0.01)
    ax.set_xlabel("time (UTC)")


def finish(ax: Axes, label: str, title: str | None, *, whole: bool = True) -> None:
    """Times along x, numbers from zero along y, and a legend when it has a title."""
    dates(ax)
    measure(ax.yaxis, label, whole=whole)
    ax.set_ylim(bottom=0)
    if title is not None:
        legend(ax, title)


def legend(ax: Axes, title: str = "") -> None:
    """A legend beside the axes, its texts as people wrote them."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    box = ax.legend(
        handles, [shorten(label, LONGEST_LABEL) for label in labels], title=title, loc="upper left",
        bbox_to_anchor=(1, 1), alignment="left", frameon=False, fontsize="small", title_fontsize="small",
    )
    dress(*box.get_texts(), box.get_title())


def note(ax: Axes, text: str) -> None:
    """A remark below the axes, under the label of x, where no title of the caller's comes."""
    label = ax.get_xlabel()
    ax.set_xlabel(f"{label}\n{text}" if label else text)


def bars(ax: Axes, labels: Sequence[str], columns: Mapping[str, Sequence[float]], unit: str) -> None:
    """Bars from the top, one of each column for each label, with their numbers at the end."""
    height = 0.8 / len(columns)
    for nth, (color, (name, values)) in enumerate(zip(COLORS, columns.items(), strict=False)):
        places = [row + (nth - (len(columns) - 1) / 2) * height for row in range(len(labels))]
        drawn = ax.barh(places, values, height * 0.92, color=color, label=name)
        ax.bar_label(drawn, [short(value) for value in values], padding=3, fontsize=8, color=INK)
    ax.set_yticks(range(len(labels)), [readable(shorten(label, LONGEST_LABEL)) for label in labels])
    dress(*ax.get_yticklabels())
    ax.invert_yaxis()
    measure(ax.xaxis, unit)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(0, max((max(values) for values in columns.values()), default=0) * 1.12 or 1)

"""Axes, colors, numbers, labels and dates that all plots share."""

from __future__ import annotations

from collections import Counter
from itertools import chain, cycle, islice
from math import floor, inf, isnan, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas.glyphs import dress, readable
from xframes.plot.canvas.moments import dates
from xframes.plot.canvas.rows import shorten, shorten_middle
from xframes.screen import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

STYLE = Path(__file__).with_name("xframes.mplstyle")
"""The style sheet of new axes. `plt.style.use(xf.plot.STYLE)` applies it to other figures."""

# the color-blind safe palette of Okabe and Ito
COLORS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#F0E442",
)
GREY = "#999999"
_DARK_INK = "#333333"  # text on a light background
_LIGHT_INK = "#DDDDDD"  # text on a dark background
_DARK: Any = {  # replaces the style sheet's values for a light background
    "axes.labelcolor": _LIGHT_INK, "xtick.labelcolor": _LIGHT_INK, "ytick.labelcolor": _LIGHT_INK,
    "text.color": _LIGHT_INK, "axes.edgecolor": "#AAAAAA", "xtick.color": "#AAAAAA",
    "ytick.color": "#AAAAAA", "grid.color": "#444444",
}
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_INCHES_A_LABEL = 0.17  # distance between two labels of a legend
_MOST_POINTS = 62  # more than two months of days: points would hide the line
_POINT: dict[str, Any] = {"marker": "o", "markersize": 3}
_FAR_APART = 100  # times that numbers differ, so that one axis cannot show both
LONGEST_LABEL = 40
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return the axes passed by the caller, or new ones in the style of xframes."""
    if ax is not None:
        if not hasattr(ax, "figure"):
            raise ArgumentError(
                f"ax: expected matplotlib Axes, got {ax!r:.40}. Pass the other arguments by name"
            )
        return ax
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    styles: list[Any] = [STYLE]
    if _is_dark(mpl.rcParams["axes.facecolor"]):
        styles.append(_DARK)
    with plt.style.context(styles):
        new: Axes = plt.subplots(figsize=size)[1]
        # The first figure of a notebook switches interactive mode on. Leaving the style context
        # would switch it off again, and later figures would not be shown.
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)
    return new


def _is_dark(color: Any) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4


def ground(ax: Axes) -> Any:
    """Return the background color: that of the axes, or of the figure if they are transparent."""
    from matplotlib.colors import to_rgba

    for part in (ax, ax.figure):
        color = part.get_facecolor()
        if to_rgba(color)[3] > 0.5:
            return color
    return "white"


def is_dark(ax: Axes) -> bool:
    """Whether the background is dark."""
    return _is_dark(ground(ax))


def ink(ax: Axes) -> str:
    """Return the color of text that is readable on the background."""
    return _LIGHT_INK if is_dark(ax) else _DARK_INK


def colors(ax: Axes) -> Iterator[str]:
    """Return the palette, repeated without end. On a dark background, black is replaced."""
    palette = list(COLORS)
    if is_dark(ax):
        palette[palette.index("#000000")] = ink(ax)
    return cycle(palette)


def strokes(ax: Axes) -> Iterator[dict[str, Any]]:
    """Return styles of lines without end: each color solid, then each color dashed, …"""
    for dash in cycle(DASHES):
        for color in islice(colors(ax), len(COLORS)):
            yield {"color": color, "linestyle": dash}


def short(number: float) -> str:
    """Return a number in few characters: 950, 1.2K, 3.4M, 5B."""
    size = abs(number)
    for scale, unit in _UNITS:
        if size >= scale * 0.99995:
            digits = int(round(size / scale, 1) < 100)
            return f"{number / scale:.{digits}f}".removesuffix(".0") + unit
    if size != round(size) and size < 99.95:
        return f"{number:.3g}"
    if size >= 999.5:
        return "-1K" if number < 0 else "1K"
    return f"{number:.0f}"


def amount(number: float, singular: str) -> str:
    """Return a short number with its noun: "1 post", "1.2K posts"."""
    return f"{short(number)} {noun(number, singular)}"


def measure(axis: Axis, label: str, *, whole: bool = True, smallest: float | None = None) -> None:
    """Set the label of a numeric axis, few round ticks, and short numbers as tick labels.

    With `smallest`, the axis is logarithmic from about this number, and linear below it, so that it
    also has zero.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator, SymmetricalLogLocator

    if smallest is not None:
        start = 10.0 ** min(floor(log10(smallest)), 0)
        ax: Any = axis.axes
        set_scale = ax.set_xscale if axis is ax.xaxis else ax.set_yscale
        set_scale("symlog", linthresh=start, linscale=0.4)
        axis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=start))
        label = f"{label} (log scale)"
    else:
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_label_text(label)


def smallest_of(series: Iterable[Iterable[float]]) -> float | None:
    """Return the smallest positive number if the maxima of some lines or bars differ by 100 times.

    On a linear axis, the smaller of them would look like zero. Return None otherwise.
    """
    positive = [[value for value in one if 0 < value < inf] for one in series]
    maxima = [max(one) for one in positive if one]
    if not maxima or max(maxima) < _FAR_APART * min(maxima):
        return None
    return min(map(min, filter(None, positive)))


def finish(
    ax: Axes, label: str, title: str | None, *, zone: ZoneInfo, whole: bool = True,
    smallest: float | None = None, is_cut: bool = False,
) -> None:
    """Format x as times and y as numbers from zero; add a legend unless `title` is None.

    `is_cut` leaves room for a hollow last point: next to the legend it would look like a mark of
    it.
    """
    dates(ax, zone, 0.04 if is_cut else 0.01)
    start, end = ax.dataLim.intervalx
    if start == end:  # for a single time, matplotlib would choose an axis of years
        ax.set_xlim(start - 0.5, end + 0.5)
    measure(ax.yaxis, label, whole=whole, smallest=smallest)
    ax.set_ylim(bottom=0)
    if whole and ax.dataLim.y1 < 1:  # only zeros
        ax.set_ylim(top=1)
    if title is not None:
        legend(ax, title)


def points(values: Any) -> dict[str, Any]:
    """Return the style of points on a line: of all points of a short one, else of lonely ones."""
    if len(values) <= _MOST_POINTS:
        return _POINT
    return lonely(values)


def lonely(values: Any) -> dict[str, Any]:
    """Return the style of points between missing values, which would be invisible on a line."""
    import numpy as np

    missing = np.isnan(np.concatenate([[np.nan], np.asarray(values, "float64"), [np.nan]]))
    places = np.flatnonzero(~missing[1:-1] & missing[:-2] & missing[2:])
    if not len(places):
        return {}
    return {**_POINT, "markevery": places.tolist()}


def hollow(ax: Axes, times: Any, values: Any, color: Any, label: str = "_hollow") -> None:
    """Draw hollow points, for spans that were cut short or not over."""
    ax.plot(
        times, values, marker="o", linestyle="none", fillstyle="none", markersize=4, color=color,
        label=label,
    )


def distinct(labels: Iterable[str], most: int = LONGEST_LABEL) -> list[str]:
    """Return labels of at most `most` columns in one line that differ from each other.

    Labels that are equal when they are cut at the end are cut in the middle. Those that still look
    the same, because no font has their characters, are numbered.
    """
    labels = list(labels)
    drawn = [readable(shorten(label, most)) for label in labels]
    for place in _repeated(drawn):
        drawn[place] = readable(shorten_middle(labels[place], most))
    numbers: Counter[str] = Counter()
    for place in _repeated(drawn):
        numbers[drawn[place]] += 1
        number = f" ({numbers[drawn[place]]})"
        drawn[place] = shorten(drawn[place], most - len(number)) + number
    return drawn


def _repeated(labels: Sequence[str]) -> list[int]:
    """Return the positions of labels that occur several times."""
    uses = Counter(labels)
    return [place for place, label in enumerate(labels) if uses[label] > 1]


def legend(ax: Axes, title: str = "", *, within: Any = "upper left") -> None:
    """Add a legend to the right of the axes.

    In a figure without a layout engine there is no room on the right: the legend is placed inside
    the axes, at `within`.
    """
    handles, labels = _entries(ax)
    if not handles:
        return
    figure: Any = ax.figure
    if figure.canvas.figure.get_layout_engine() is not None:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.02, 1), "frameon": False}
    else:
        place = {"loc": within, "frameon": True}
    box = ax.legend(
        handles, distinct(labels),
        title=shorten(title, LONGEST_LABEL), alignment="left", **place,
        fontsize="small", title_fontsize="small",
        labelcolor=ink(ax), facecolor=ground(ax), edgecolor="none", framealpha=0.8,
    )
    dress(*box.get_texts(), box.get_title())
    box.get_title().set_color(ink(ax))


def _entries(ax: Axes) -> tuple[list[Any], list[str]]:
    """Handles and labels of a legend, as many as the height of the axes has room for."""
    from matplotlib.lines import Line2D

    handles, labels = ax.get_legend_handles_labels()
    figure: Any = ax.figure
    inches = ax.get_position().height * figure.bbox.height / figure.canvas.figure.dpi
    most = max(3, int(inches / _INCHES_A_LABEL) - 2)
    if len(handles) <= most:
        return handles, labels
    rest = f"and {len(handles) - most:,} more"
    return [*handles[:most], Line2D([], [], linestyle="none")], [*labels[:most], rest]


def note(ax: Axes, text: str) -> None:
    """Write a remark below the label of x, where it cannot collide with a title."""
    label = ax.get_xlabel()
    if label:
        text = f"{label}\n{text}"
    ax.set_xlabel(text)


def bars(
    ax: Axes, labels: Sequence[str], columns: Mapping[str, Sequence[float]], unit: str
) -> None:
    """Draw horizontal bars from the top, one of each column for each label, with their numbers."""
    height = 0.8 / len(columns)
    for nth, (color, (name, values)) in enumerate(zip(colors(ax), columns.items(), strict=False)):
        offset = (nth - (len(columns) - 1) / 2) * height
        places = [row + offset for row in range(len(labels))]
        bar = ax.barh(places, values, height * 0.92, color=color, label=name)
        texts = ["" if isnan(value) else short(value) for value in values]
        ax.bar_label(bar, texts, padding=3, fontsize=8, color=ink(ax))
    ax.set_yticks(range(len(labels)), distinct(labels))
    dress(*ax.get_yticklabels())
    ax.invert_yaxis()
    smallest = smallest_of(columns.values())
    measure(ax.xaxis, unit, smallest=smallest)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    numbers = [0.0, *(value for value in chain(*columns.values()) if not isnan(value))]
    room = 1.12 if smallest is None else 2.5
    ax.set_xlim(min(numbers) * room, max(numbers) * room or 1)

"""What each plot has besides its picture: its numbers as a frame, and a warning about fonts."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, cast

from xframes.plot.canvas import glyphs

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes

Arguments = ParamSpec("Arguments")
DataArguments = ParamSpec("DataArguments")
_MOST_SHOWN = 8  # characters in a warning


class Plot(Protocol[Arguments, DataArguments]):
    """A function that draws. Its `data` returns the numbers that it draws, as a frame."""

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Axes:
        """Draw, and return the axes."""
        ...

    @property
    def data(self) -> Callable[DataArguments, pd.DataFrame]:
        """Return the numbers of the plot as a frame; it takes the plot's arguments without `ax`."""
        ...


def plot(
    data: Callable[DataArguments, pd.DataFrame],
) -> Callable[[Callable[Arguments, Axes]], Plot[Arguments, DataArguments]]:
    """Make a plot of a function that draws, and of one that returns the numbers it draws."""

    def decorate(draw: Callable[Arguments, Axes]) -> Plot[Arguments, DataArguments]:
        @wraps(draw)
        def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Axes:
            with glyphs.boxes() as lost:
                ax = draw(*args, **kwargs)
            if lost:
                warnings.warn(_advice(lost), stacklevel=2)
            return ax

        whole: Any = drawn
        whole.data = data
        return cast("Plot[Arguments, DataArguments]", whole)

    return decorate


def _advice(lost: set[str]) -> str:
    shown = "".join(sorted(lost)[:_MOST_SHOWN])
    more = len(lost) - len(shown)
    if more:
        shown += f" and {more:,} more"
    return (
        f"no installed font has the characters {shown}; they are drawn as boxes. To draw "
        f"them, {glyphs.FONTS}; `xframes doctor` lists what is missing"
    )

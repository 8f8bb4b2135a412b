"""Progress bars on long work."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Advance(Protocol):
    """Advances a progress bar, and shows a note behind it."""

    def __call__(self, count: int, note: Callable[[], str] = str) -> object:
        """Add `count` to what is done. `note` is called when the bar is drawn."""
        ...


def _ignore(count: int, note: Callable[[], str] = str) -> None:
    """Show nothing."""


@dataclass
class _Drawing:
    """A bar of tqdm; its note is read whenever tqdm draws again."""

    shown: Any
    note: Callable[[], str] = str
    drawn_at: float = -math.inf

    def __call__(self, count: int, note: Callable[[], str] = str) -> None:
        self.note = note
        if time.monotonic() - self.drawn_at >= self.shown.mininterval:
            self.drawn_at = time.monotonic()
            self.draw_note()
        self.shown.update(count)

    def draw_note(self) -> None:
        """Read the note."""
        if text := self.note():
            self.shown.set_postfix_str(neutral(text), refresh=False)


@contextmanager
def bar(
    progress: bool | None, what: str, unit: str, total: int | None = None
) -> Iterator[Advance]:
    """Show a progress bar while the block runs, and yield the function that advances it.

    `progress`: None shows a bar on a terminal only, True always, False never. A note is a text to
    show after the numbers, such as the price so far.
    """
    if progress is False:
        yield _ignore
        return
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notebooks without ipywidgets get plain bars
        from tqdm.auto import tqdm

    with tqdm(
        total=total,
        desc=neutral(what),
        unit=unit,
        unit_scale=True,
        disable=False if progress else None,  # None: on terminals only
    ) as shown:
        if shown.disable:
            yield _ignore
            return
        drawing = _Drawing(shown)
        yield drawing
        drawing.draw_note()

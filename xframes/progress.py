"""Progress bars on long work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator


class Advance(Protocol):
    """Advances a progress bar, and shows a note behind it."""

    def __call__(self, count: int, note: str = "") -> object:
        """Add `count` to what is done."""
        ...


def _ignore(count: int, note: str = "") -> None:
    """Show nothing."""


@contextmanager
def bar(
    progress: bool | None, what: str, unit: str, total: int | None = None
) -> Iterator[Advance]:
    """Show a progress bar while the block runs, and yield the function that advances it.

    `progress`: None shows a bar on a terminal only, True always, False never. `note` returns a text
    to show after the numbers, such as the price so far.
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

        def advance(count: int, note: str = "") -> None:
            if note:
                shown.set_postfix_str(neutral(note), refresh=False)
            shown.update(count)

        yield advance

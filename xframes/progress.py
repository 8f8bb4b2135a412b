"""Progress bars on long work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def bar(
    progress: bool | None, what: str, unit: str, total: int | None = None,
    note: Callable[[], str] | None = None,
) -> Iterator[Callable[[int], object]]:
    """Show a progress bar while the block runs, and yield the function that advances it.

    `progress`: None shows a bar on a terminal only, True always, False never. `note` returns a text
    to show after the numbers, such as the price so far.
    """
    if progress is False:
        yield lambda _: None
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
        def advance(amount: int) -> None:
            if note is not None and not shown.disable:
                shown.set_postfix_str(neutral(note()), refresh=False)
            shown.update(amount)

        yield advance

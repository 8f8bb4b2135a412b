"""Progress bars on long work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def bar(progress: bool | None, what: str, unit: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """A function to call with each advance. `progress`: None shows a bar on a terminal, True always, False never."""
    if progress is False:
        yield lambda _: None
        return
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a notebook without ipywidgets gets plain bars
        from tqdm.auto import tqdm

    disable = None if progress is None else False
    with tqdm(total=total, desc=neutral(what), unit=unit, unit_scale=True, disable=disable) as shown:
        yield shown.update

"""From pages to tables: pure, total, deterministic.

Every object in `data` and `includes` becomes a row of its table, with its details, relations and
metrics; every partial error, and everything that cannot be read, becomes a row of `problems`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xframes.flattening.batch import flatten_batch
from xframes.flattening.contents import unknown_field_problems
from xframes.flattening.decoder import Decoder
from xframes.flattening.table_builder import Tables, empty
from xframes.schema import STORED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from xframes.flattening.table_builder import Part
    from xframes.wire import Page

__all__ = ["BATCH_BYTES", "Flattener", "Tables", "batches", "empty", "flatten_pages"]

# JSON decoded before columns are built: a larger batch is not faster and needs more memory.
BATCH_BYTES = 2_000_000


class Flattener:
    """Flattens pages batch by batch, and reports each unknown field name once."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._reported: set[str] = set()

    def batch(self, pages: Sequence[Page]) -> Tables:
        """Return the tables of these pages that have rows."""
        parts = self.parts(pages)
        return Tables(parts, [name for name in STORED if name in parts])

    def parts(self, pages: Sequence[Page]) -> dict[str, list[Part]]:
        """Return the rows of these pages by table."""
        with _no_collection():
            return flatten_batch(pages, self._decoder)

    def unknown_fields(self) -> pa.Table:
        """Return rows of `problems` for field names that no column reads, each name once.

        Call it after all pages are flattened.
        """
        unknown = sorted(self._decoder.unknown.items())
        new = {name: page for name, page in unknown if name not in self._reported}
        self._reported |= new.keys()
        if not new:
            return empty("problems")
        return unknown_field_problems(new)


def batches(pages: Iterable[Page], size: int = BATCH_BYTES) -> Iterator[list[Page]]:
    """Yield pages in lists of about `size` bytes of JSON."""
    batch: list[Page] = []
    length = 0
    for page in pages:
        batch.append(page)
        length += len(page.body)
        if length >= size:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def flatten_pages(pages: Iterable[Page]) -> Tables:
    """Return every table of the schema with the rows of these pages, also those without rows."""
    flattener = Flattener()
    parts: dict[str, list[Part | pa.Table]] = {}
    for batch in batches(pages):
        for name, of_batch in flattener.parts(batch).items():
            parts.setdefault(name, []).extend(of_batch)
    unknown = flattener.unknown_fields()
    if unknown.num_rows:
        parts.setdefault("problems", []).append(unknown)
    return Tables(parts)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Turn the garbage collector off: a batch creates many objects, which it would scan often.

    None of them is in a cycle.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

"""Pages in, tables out: pure, total, deterministic.

Every object in `data` and `includes` becomes a row of its table, with its details, relations and measures; every
partial error, and everything that cannot be read, becomes a row of `problems`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xframes.flatten.assemble import Batch
from xframes.flatten.decode import Decoder
from xframes.flatten.reports import unknown_problems
from xframes.flatten.tables import Tables, empty
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from xframes.flatten.tables import Part
    from xframes.wire import Page

__all__ = ["BATCH_BYTES", "Flattener", "Tables", "batches", "empty", "flatten_pages"]

BATCH_BYTES = 2_000_000  # JSON read before columns are built: larger gains nothing and costs memory


class Flattener:
    """Flattens pages batch by batch, remembering which unknown field names it met."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._reported: set[str] = set()

    def batch(self, pages: Sequence[Page]) -> Tables:
        """The tables of these pages that have rows."""
        parts = self.parts(pages)
        return Tables(parts, [name for name in TABLES if name in parts])

    def parts(self, pages: Sequence[Page]) -> dict[str, list[Part]]:
        """The rows of these pages, by table."""
        with _no_collection():
            return Batch(pages, self._decoder).parts()

    def unknown_fields(self) -> pa.Table:
        """`problems` rows for field names no column knows, each reported once; call it when all pages are read."""
        fresh = {n: p for n, p in sorted(self._decoder.unknown.items()) if n not in self._reported}
        self._reported |= fresh.keys()
        return unknown_problems(fresh) if fresh else empty("problems")


def batches(pages: Iterable[Page], size: int = BATCH_BYTES) -> Iterator[list[Page]]:
    """Pages in lists of about `size` bytes of JSON."""
    batch: list[Page] = []
    held = 0
    for page in pages:
        batch.append(page)
        held += len(page.body)
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def flatten_pages(pages: Iterable[Page]) -> Tables:
    """Every table of the schema, filled from these pages; tables without rows keep their schema."""
    flattener = Flattener()
    parts: dict[str, list[Part | pa.Table]] = {}
    for batch in batches(pages):
        for name, found in flattener.parts(batch).items():
            parts.setdefault(name, []).extend(found)
    unknown = flattener.unknown_fields()
    if unknown.num_rows:
        parts.setdefault("problems", []).append(unknown)
    return Tables(parts)


@contextmanager
def _no_collection() -> Iterator[None]:
    """A batch makes many objects and no cycles: the collector would only scan them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

"""Pages in, tables out: pure, total, deterministic.

Every object in `data` and `includes` becomes a row of its table, with its details, relations and measures; every
partial error, and everything that cannot be read, becomes a row of `problems`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from xframes.flatten.assemble import Batch
from xframes.flatten.decode import Decoder
from xframes.flatten.reports import unknown_problems
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xframes.wire import Page

__all__ = ["BATCH_BYTES", "Flattener", "batches", "flatten_pages"]

BATCH_BYTES = 2_000_000  # JSON read before columns are built: larger gains nothing and costs memory


class Flattener:
    """Flattens pages batch by batch, remembering which unknown field names it met."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._reported: set[str] = set()

    def batch(self, pages: Sequence[Page]) -> dict[str, pa.Table]:
        """The tables of these pages that have rows, each with its declared schema."""
        with _no_collection():
            return Batch(pages, self._decoder).tables()

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


def flatten_pages(pages: Iterable[Page]) -> dict[str, pa.Table]:
    """Every table of the schema, filled from these pages; tables without rows keep their schema."""
    flattener = Flattener()
    parts: dict[str, list[pa.Table]] = {}
    for batch in batches(pages):
        for name, table in flattener.batch(batch).items():
            parts.setdefault(name, []).append(table)
    unknown = flattener.unknown_fields()
    if unknown.num_rows:
        parts.setdefault("problems", []).append(unknown)
    return {name: _united(parts[name]) if name in parts else empty(name) for name in TABLES}


@cache
def empty(name: str) -> pa.Table:
    """A table without rows."""
    return TABLES[name].schema.empty_table()


def _united(parts: list[pa.Table]) -> pa.Table:
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts)


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

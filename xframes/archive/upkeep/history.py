"""What was known when: from the pages, which keep every observation."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from xframes.archive.ingest.imports import add_pages
from xframes.errors import ArchiveError
from xframes.flattening import Flattener, empty
from xframes.schema import table as declared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.archive.storage.folder import Folder
    from xframes.wire import Page


def observations(pages: Iterable[Page], table: str, id_: str) -> pa.Table:
    """Every observation of one thing, oldest first, those left out that say just what the one before said.

    Rows of the entity's table, or of one of its details' (all rows of each observation).
    """
    home = declared(table)
    key = home.parent_key if home.kind == "detail" else home.key[0]
    flattener, needle, parts = Flattener(), id_.encode(), list[pa.Table]()
    for page in pages:
        if needle in page.body:
            rows = flattener.batch([page]).get(table)
            if rows is not None:
                parts.append(rows.filter(pc.equal(rows[key], id_)))
    found = pa.concat_tables([p for p in parts if p.num_rows]) if any(p.num_rows for p in parts) else empty(table)
    order = ("observed_at", "page_id", *(k for k in home.key if k not in {"observed_at", "page_id"}))
    found = found.sort_by([(column, "ascending") for column in order])
    return found if home.kind == "detail" else found.filter(pa.array(_news(found), pa.bool_()))


def _news(found: pa.Table) -> list[bool]:
    """Which rows say something the row before did not."""
    before: dict[str, object] = {}
    flags = []
    for row in found.drop_columns(["observed_at", "page_id"]).to_pylist():
        flags.append(row != before)
        before = row
    return flags


def moment(when: datetime | str) -> datetime:
    """A moment as people give it. Raises ArchiveError for what is none or has no zone."""
    found: object = when
    if isinstance(when, str):
        with suppress(ValueError):
            found = datetime.fromisoformat(when)
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise ArchiveError(f"as_of needs a time with its zone, e.g. '2026-01-31T12:00:00Z', not {when!r:.40}")
    return found


def copy_until(folder: Folder, pages: Iterable[Page], when: datetime) -> tempfile.TemporaryDirectory[str]:
    """A temporary archive of the pages received until a moment, and nothing of what was removed since.

    Raises ArchiveError when there was no page yet.
    """
    home = tempfile.TemporaryDirectory(prefix="xframes-as-of-")
    then = type(folder)(home.name)
    if not add_pages(then, (p for p in pages if p.received_at <= when)):
        home.cleanup()
        raise ArchiveError(f"{folder.path} has no page received until {when:%Y-%m-%d %H:%M:%S %Z}")
    return home

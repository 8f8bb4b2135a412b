"""Past states of an archive, from its pages, which keep every observation."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from xframes.archive.ingest.imports import add_pages
from xframes.errors import ArchiveError
from xframes.flattening import Flattener, empty
from xframes.schema import table as declared

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from xframes.archive.storage.folder import Folder
    from xframes.wire import Page


def observations(pages: Iterable[Page], table: str, id_: str) -> pa.Table:
    """Return the observations of one entity, oldest first, without repetitions.

    An observation with the same values as the one before it is left out. `table` is the entity's
    table, or one of its detail tables (then all rows of every observation are returned).
    """
    home = declared(table)
    is_detail = home.kind == "detail"
    key = home.key[0]
    if is_detail:
        key = home.parent_key
    rows = _rows_of(pages, table, key, id_)
    order = dict.fromkeys(("observed_at", "page_id", *home.key))
    rows = rows.sort_by([(column, "ascending") for column in order])
    if is_detail:
        return rows
    return rows.filter(pa.array(_changes(rows), pa.bool_()))


def _rows_of(pages: Iterable[Page], table: str, key: str, id_: str) -> pa.Table:
    """The rows of a table with an id in their key column."""
    flattener, needle = Flattener(), id_.encode()
    parts = [empty(table)]
    for page in pages:
        if needle in page.body:
            rows = flattener.batch([page]).get(table)
            if rows is not None:
                parts.append(rows.filter(pc.equal(rows[key], id_)))
    return pa.concat_tables(parts)


def _changes(rows: pa.Table) -> list[bool]:
    """For each row, whether it differs from the row before it."""
    before: dict[str, object] = {}
    flags = []
    for row in rows.drop_columns(["observed_at", "page_id"]).to_pylist():
        flags.append(row != before)
        before = row
    return flags


def copy_until(
    folder: Folder, pages: Iterable[Page], when: datetime
) -> tempfile.TemporaryDirectory[str]:
    """Create a temporary archive of the pages received until a moment.

    It does not contain what was removed later. Raises ArchiveError if the archive has no page that
    old.
    """
    home = tempfile.TemporaryDirectory(prefix="xframes-as-of-")
    copy = type(folder)(home.name)
    if not add_pages(copy, (p for p in pages if p.received_at <= when)):
        home.cleanup()
        raise ArchiveError(
            f"as_of: {folder.path} has no page received until {when:%Y-%m-%d %H:%M:%S %Z}"
        )
    return home

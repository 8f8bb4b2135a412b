"""The text and HTML that show an archive, with rows counted from the footers of files."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.query.views import Views
from xframes.archive.storage.paths import opened
from xframes.errors import ArchiveError
from xframes.schema import STORED
from xframes.screen import counted, neutral
from xframes.sql import derivation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

_NOTE = (
    "≤: rows in files, before several observations of the same thing are merged; "
    "archive.tables counts merged rows"
)


@lru_cache(maxsize=10_000)
def rows_in(path: Place) -> int:
    """Return the number of rows in a Parquet file, from its footer. A file never changes."""
    return int(pq.read_metadata(opened(path)).num_rows)


def stored(folder: Folder) -> dict[str, tuple[int, bool]]:
    """Return the rows in the files of each table, and whether the table has exactly as many.

    Otherwise it may have fewer, never more. A file that cannot be read counts as empty; `verify`
    reports it.
    """
    counts = {}
    folder.look()
    has_tombstones = bool(folder.new_tombstones)
    for name in STORED:
        files = folder.files(name)
        count, whole = 0, True
        for path in files.all:
            try:
                count += rows_in(path)
            except (OSError, ValueError, pa.ArrowException):
                whole = False
        unique = len(files.bases) <= 1 and not files.parts
        if files.settled is not None:
            unique = not files.besides(files.settled.files[name])
            count -= sum(files.settled.dead.get(name, {}).values())
        counts[name] = (count, unique and whole and not has_tombstones)
    return counts


# What `found` says of each open archive, and of which files
_FOUND: WeakKeyDictionary[Folder, tuple[object, str]] = WeakKeyDictionary()


def found(folder: Folder) -> str:
    """Return how many posts are results, and how many were only included with them.

    Empty without posts, and if they cannot be read. Rows are counted again if files have changed.
    """
    files = {name: folder.files(name) for name in ("posts", "post_edits", "matches", "tombstones")}
    if not files["posts"].all:
        return ""
    earlier = _FOUND.get(folder)
    if earlier is None or earlier[0] != files:
        earlier = (files, _found(folder))
        _FOUND[folder] = earlier
    return earlier[1]


def _found(folder: Folder) -> str:
    import duckdb

    with suppress(duckdb.Error, ArchiveError, OSError), closing(Views(folder)) as views:
        (row,) = views.arrow(derivation.found()).to_pylist()
        results, included = row.values()
        if results or included:
            return f"{counted(results, 'result')}, {included:,} included"
    return ""


def text(folder: Folder) -> str:
    """Return the archive in one line."""
    tables = {name: rows for name, rows in stored(folder).items() if rows[0]}
    rows = ", ".join(f"{name} {count:,}" for name, (count, _) in tables.items())
    if not _is_exact(tables):
        rows = f"at most {rows}"
    if results := found(folder):
        rows += f"; {results}"
    return neutral(f"<Archive {folder.path}: {rows or _without_rows(folder)}>")


def _without_rows(folder: Folder) -> str:
    """Say why there are no rows."""
    return "empty" if folder.exists else "not created yet"


def _is_exact(tables: Mapping[str, tuple[int, bool]]) -> bool:
    return all(exact for _, exact in tables.values())


def html(folder: Folder) -> str:
    """Return the archive as HTML for notebooks."""
    tables = {name: rows for name, rows in stored(folder).items() if rows[0]}
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(name)}</td>"
        f"<td style='text-align:right'>{'' if exact else '≤ '}{count:,}</td></tr>"
        for name, (count, exact) in tables.items()
    )
    state, table, note = f": {_without_rows(folder)}", "", ""
    if rows:
        state = ""
        if results := found(folder):
            state = f": {results}"
        head = "<tr><th style='text-align:left'>table</th><th>rows</th></tr>"
        table = f"<table>{head}{rows}</table>"
    if not _is_exact(tables):
        note = f"<p><small>{_NOTE}</small></p>"
    return (
        f"<div><p>Archive <b><bdi>{escape(str(folder.path))}</bdi></b>{state}</p>"
        f'{table}{note}<pre>archive.sql("select * from posts")</pre></div>'
    )

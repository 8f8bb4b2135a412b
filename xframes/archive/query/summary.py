"""What an archive shows of itself: how much is there, told by the files' footers, so that it is quick at any size."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.paths import opened
from xframes.schema import TABLES
from xframes.screen import neutral

if TYPE_CHECKING:
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

_NOTE = "≤: counted in files, before what several observations say of the same thing is united; archive.tables counts"


@lru_cache(maxsize=10_000)
def rows_in(path: Place) -> int:
    """Rows of a Parquet file, by its footer. Files never change, and their names are never used again."""
    return int(pq.read_metadata(opened(path)).num_rows)


def stored(folder: Folder) -> dict[str, tuple[int, bool]]:
    """Rows the files of each table hold, and whether the table has as many: it may have fewer, never more.

    A file that cannot be read counts nothing; `verify` tells which.
    """
    found = {}
    folder.look()
    buried = bool(folder.buried)
    for name in TABLES:
        files = folder.files(name)
        count, whole = 0, True
        for path in files.all:
            try:
                count += rows_in(path)
            except (OSError, ValueError, pa.ArrowException):
                whole = False
        unique = len(files.bases) <= 1 and not files.parts
        found[name] = (count, unique and whole and not buried)
    return found


def text(folder: Folder) -> str:
    """The archive in one line."""
    found = {name: rows for name, rows in stored(folder).items() if rows[0]}
    most = "" if all(exact for _, exact in found.values()) else "at most "
    rows = ", ".join(f"{name} {count:,}" for name, (count, _) in found.items())
    return neutral(f"<Archive {folder.path}: {most}{rows or 'empty'}>")


def html(folder: Folder) -> str:
    """The archive as a notebook shows it."""
    found = {name: rows for name, rows in stored(folder).items() if rows[0]}
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(name)}</td>"
        f"<td style='text-align:right'>{'' if exact else '≤ '}{count:,}</td></tr>"
        for name, (count, exact) in found.items()
    )
    table = f"<table><tr><th style='text-align:left'>table</th><th>rows</th></tr>{rows}</table>" if rows else ""
    note = "" if all(exact for _, exact in found.values()) else f"<p><small>{_NOTE}</small></p>"
    return (
        f"<div><p>Archive <b><bdi>{escape(str(folder.path))}</bdi></b>{'' if rows else ': empty'}</p>"
        f'{table}{note}<pre>archive.sql("select * from posts")</pre></div>'
    )

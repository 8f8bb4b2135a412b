"""How an archive is, at a glance: what footers, the journal and the folder tell. `verify` reads everything."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage.folder import Folder
from xframes.archive.storage.parts import PAGES, PAGES_UNHASHED, stored_schema
from xframes.archive.storage.paths import opened, size_of
from xframes.archive.upkeep.compaction import MOST_PARTS
from xframes.errors import ArchiveError
from xframes.schema import TABLES

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from xframes.archive.ingest.journal import Journal, RunRow
    from xframes.archive.storage.bucket import Place

Sign = tuple[str, str, str, str]  # what was looked at; ok, warn or wrong; what was found; what to do
_ROOM = 1_000_000_000  # bytes free on the disk from which people need not hear of it
_UNREADABLE = (OSError, ValueError, pa.ArrowException)


def signs(path: str | os.PathLike[str]) -> Iterator[Sign]:
    """Look an archive over, without changing it: format, pages, tables, journal, runs, room on the disk."""
    try:
        folder = Folder(path)
    except ArchiveError as error:
        yield "archive", "wrong", str(error), "name another folder, or put back what is missing from a copy"
        return
    if not folder.exists:
        yield "archive", "wrong", f"{folder.path} holds no archive", "name its folder; collecting makes a new one"
        return
    yield _format(folder)
    yield from _files(folder)
    if folder.journal.exists():
        yield from _journal(folder)
    if folder.buried:
        yield ("removals", "warn", "something removed is hidden, but still in files",
               f"xframes compact --archive {_shown(folder)}")
    free = shutil.disk_usage(folder.home).free
    if free < _ROOM:
        yield "disk", "warn", f"{_size(free)} free", "make room: compacting needs about as much again as the tables"


def _format(folder: Folder) -> Sign:
    told = json.loads((folder.path / "xframes.json").read_text(encoding="utf-8"))
    made = f", made {str(told.get('created_at'))[:10]} by xframes {told.get('writer_version')}"
    said = f"{folder.path}: format {told['format_version']}{made}"
    if not folder.writable:
        return "archive", "warn", f"{said}; it cannot be written to", "queries work; to collect, get the right to write"
    return "archive", "ok", said, ""


def _files(folder: Folder) -> Iterator[Sign]:
    """Every footer: whether it can be read, and its columns are those of today."""
    rows, size, bad = _read(folder.page_parts(), PAGES, PAGES_UNHASHED.names)
    said = f"{rows:,} in {len(folder.page_parts()):,} files, {_size(size)}"
    yield _told("pages", said, bad, folder, "put the file back from a copy: pages cannot be made anew")
    rows, size, bad, count, parts = 0, 0, [], 0, 0
    for name, table in TABLES.items():
        files = folder.files(name)
        more, bytes_, broken = _read(files.all, stored_schema(name), (*table.key, "page_id"))
        rows, size, bad, count = rows + more, size + bytes_, bad + broken, count + len(files.all)
        parts = max(parts, len(files.parts))
    said = f"{rows:,} rows in {count:,} files, {_size(size)}"
    yield _told("tables", said, bad, folder, f"xframes rebuild --archive {_shown(folder)}")
    if parts > MOST_PARTS:
        yield ("tables", "warn", f"a table has {parts:,} files yet to be united, which makes queries slow",
               f"xframes compact --archive {_shown(folder)}")


def _read(paths: tuple[Place, ...], schema: pa.Schema, needed: Iterable[str]) -> tuple[int, int, list[str]]:
    rows, size, bad = 0, 0, []
    for path in paths:
        try:
            footer = pq.ParquetFile(opened(path))
            with footer:
                found = footer.schema_arrow
                rows += footer.metadata.num_rows
            size += size_of(path)
        except _UNREADABLE as error:
            bad.append(f"{path.name} cannot be read ({type(error).__name__})")
            continue
        wrong = [f.name for f in found if (i := schema.get_field_index(f.name)) >= 0 and schema.field(i).type != f.type]
        wrong += [name for name in needed if name not in found.names]
        if wrong:
            bad.append(f"{path.name} lacks these columns, or has them in another type: {', '.join(wrong)}")
    return rows, size, bad


def _told(part: str, said: str, bad: list[str], folder: Folder, advice: str) -> Sign:
    if not bad:
        return part, "ok", said, ""
    return (part, "wrong", f"{said}; {len(bad):,} damaged, e.g. {bad[0]}",
            f"xframes verify --archive {_shown(folder)} names each; {advice}")


def _journal(folder: Folder) -> Iterator[Sign]:
    try:
        with open_journal(folder.journal) as journal:
            wrong = journal.check()
            if wrong is None:
                waiting = sum(journal.pending().values())
                yield "journal", "ok", f"sound; {_size(waiting)} of pages wait for their place in the tables", ""
                yield _runs(folder, journal)
                return
    except ArchiveError as error:
        wrong = str(error)
    yield "journal", "wrong", wrong, "put journal.sqlite back from a copy; or move it away: pages/ stays whole"


def _runs(folder: Folder, journal: Journal) -> Sign:
    runs = journal.runs()
    going = {run.run_id for run in runs if run.state == "running" and folder.is_held(run.owner or "")}
    stopped = [run for run in runs if run.state in {"interrupted", "running"} and run.run_id not in going]
    open_ = [run for run in stopped if run.plan is not None]
    said = f"{len(runs):,} in all, {len(going):,} going on now, {len(stopped):,} stopped on their way"
    if not open_:
        return "runs", "ok", said, ""
    last = open_[-1]
    return ("runs", "warn", f"{said}, the last of them {last.action} at {_when(last)}",
            f"xframes resume {last.run_id} --archive {_shown(folder)}")


def _when(run: RunRow) -> str:
    ended: datetime = run.ended_at or run.recorded_at
    return f"{ended:%Y-%m-%d %H:%M} UTC"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def _shown(folder: Folder) -> str:
    import shlex

    return shlex.quote(str(folder.path))

"""A quick check of an archive by footers, journal and folder. `verify` reads everything."""

from __future__ import annotations

import json
import shlex
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
from xframes.schema import STORED
from xframes.screen import counted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from xframes.archive.ingest.journal import Journal, RunRow
    from xframes.archive.storage.bucket import Place

Sign = tuple[str, str, str, str]  # the part checked; ok, warn or wrong; the result; what to do
_FREE_BYTES = 1_000_000_000  # less free space on the disk than this is a warning
_UNREADABLE = (OSError, ValueError, pa.ArrowException)


def signs(path: str | os.PathLike[str]) -> Iterator[Sign]:
    """Check format, pages, tables, journal, runs and disk space of an archive; change nothing."""
    try:
        folder = Folder(path)
    except ArchiveError as error:
        advice = "pass another folder, or restore the missing file from a copy"
        yield "archive", "wrong", str(error), advice
        return
    if not folder.exists:
        advice = "pass the folder of an archive; a collection creates a new one"
        yield "archive", "wrong", f"no archive in {folder.path}", advice
        return
    yield _format(folder)
    yield from _files(folder)
    if folder.journal.exists():
        yield from _journal(folder)
    if folder.new_tombstones:
        result = "removed data is hidden, but still in files"
        yield "removals", "warn", result, f"xframes compact --archive {_quoted_path(folder)}"
    free = shutil.disk_usage(folder.home).free
    if free < _FREE_BYTES:
        advice = "free some space: a compaction needs about as much space again as the tables"
        yield "disk", "warn", f"{_size(free)} free", advice


def _format(folder: Folder) -> Sign:
    """The format of the archive, and whether this user may write to it."""
    info = json.loads((folder.path / "xframes.json").read_text(encoding="utf-8"))
    created = f"{str(info.get('created_at'))[:10]} by xframes {info.get('writer_version')}"
    result = f"{folder.path}: format {info['format_version']}, created {created}"
    if not folder.writable:
        advice = "to collect, get write permission; queries work without it"
        return "archive", "warn", f"{result}; no write permission", advice
    return "archive", "ok", result, ""


def _files(folder: Folder) -> Iterator[Sign]:
    """Read the footer of every file: it must be readable and have the columns of this version."""
    rows, size, bad = _read(folder.page_parts(), PAGES, PAGES_UNHASHED.names)
    files = counted(len(folder.page_parts()), "file")
    advice = "restore the file from a copy: pages cannot be rebuilt"
    yield _sign("pages", f"{rows:,} in {files}, {_size(size)}", bad, folder, advice)
    rows, size, bad, count, parts = 0, 0, [], 0, 0
    for name, table in STORED.items():
        of_table = folder.files(name)
        needed = (*table.key, "page_id")
        more_rows, more_size, more_bad = _read(of_table.all, stored_schema(name), needed)
        rows += more_rows
        size += more_size
        bad += more_bad
        count += len(of_table.all)
        parts = max(parts, len(of_table.parts))
    result = f"{counted(rows, 'row')} in {counted(count, 'file')}, {_size(size)}"
    yield _sign("tables", result, bad, folder, f"xframes rebuild --archive {_quoted_path(folder)}")
    if parts > MOST_PARTS:
        result = f"a table has {parts:,} files that are not compacted, so queries are slow"
        yield "tables", "warn", result, f"xframes compact --archive {_quoted_path(folder)}"


def _read(
    paths: tuple[Place, ...], schema: pa.Schema, needed: Iterable[str]
) -> tuple[int, int, list[str]]:
    """Read footers and return the number of rows, the size in bytes, and what is wrong."""
    rows, size, bad = 0, 0, []
    for path in paths:
        try:
            footer = pq.ParquetFile(opened(path))
            with footer:
                columns = footer.schema_arrow
                rows += footer.metadata.num_rows
            size += size_of(path)
        except _UNREADABLE as error:
            bad.append(f"{path.name} cannot be read ({type(error).__name__})")
            continue
        wrong = [column.name for column in columns if not _has_type(schema, column)]
        wrong += [name for name in needed if name not in columns.names]
        if wrong:
            bad.append(f"{path.name}: columns missing or of another type: {', '.join(wrong)}")
    return rows, size, bad


def _has_type(schema: pa.Schema, column: pa.Field) -> bool:
    """Whether a column has the type that the schema says; columns it does not have are right."""
    index = schema.get_field_index(column.name)
    return index < 0 or bool(schema.field(index).type == column.type)


def _sign(part: str, result: str, bad: list[str], folder: Folder, advice: str) -> Sign:
    if not bad:
        return part, "ok", result, ""
    result = f"{result}; {len(bad):,} damaged, e.g. {bad[0]}"
    verify = f"xframes verify --archive {_quoted_path(folder)}"
    return part, "wrong", result, f"{verify} lists the damaged files; {advice}"


def _journal(folder: Folder) -> Iterator[Sign]:
    try:
        with open_journal(folder.journal) as journal:
            problem = journal.check()
            if problem is None:
                waiting = journal.pending_bytes()
                yield "journal", "ok", f"sound; {_size(waiting)} of pages not yet in the tables", ""
                yield _runs(folder, journal)
                return
    except ArchiveError as error:
        problem = str(error)
    advice = "restore journal.sqlite from a copy, or move it away; pages/ is not affected"
    yield "journal", "wrong", problem, advice


def _runs(folder: Folder, journal: Journal) -> Sign:
    """The number of runs, and the last one that can be resumed."""
    runs = journal.runs()
    active = {
        run.run_id
        for run in runs
        if run.state == "running" and folder.is_held(run.owner or "")
    }
    stopped = [
        run
        for run in runs
        if run.state in {"interrupted", "running"} and run.run_id not in active
    ]
    resumable = [run for run in stopped if run.plan is not None]
    result = f"{counted(len(runs), 'run')}: {len(active):,} running, {len(stopped):,} interrupted"
    if not resumable:
        return "runs", "ok", result, ""
    last = resumable[-1]
    advice = f"xframes resume {last.run_id} --archive {_quoted_path(folder)}"
    return "runs", "warn", f"{result}; the last one: {last.action} at {_when(last)}", advice


def _when(run: RunRow) -> str:
    ended: datetime = run.ended_at or run.recorded_at
    return f"{ended:%Y-%m-%d %H:%M} UTC"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def _quoted_path(folder: Folder) -> str:
    """The path of an archive, quoted for a shell."""
    return shlex.quote(str(folder.path))

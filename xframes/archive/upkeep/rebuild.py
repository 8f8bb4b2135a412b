"""Rebuild: make the tables again from the pages."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.ingest.imports import write_rows
from xframes.archive.storage import workers
from xframes.archive.storage.folder import Folder, marker
from xframes.archive.storage.parts import gathered, part_runs, read_part, runs_table, size
from xframes.archive.storage.paths import opened, size_of
from xframes.errors import ArchiveError
from xframes.progress import bar
from xframes.schema import STORED
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files
    from xframes.archive.storage.readers import Readers
    from xframes.wire import Page

_PATIENCE = 10.0  # seconds to wait for readers of the old tables


def rebuild(
    folder: Folder,
    readers: Readers,
    processes: int | None,
    progress: bool | None,
    *,
    lose: bool = False,
) -> None:
    """Rebuild all tables from `pages/` in a separate folder, then replace the old ones at once.

    Nothing else is written meanwhile: collections keep their pages in the journal, imports wait.
    """
    locks = folder.lock("compact"), folder.lock("flush")
    with locks[0], locks[1], folder.owned(), folder.scratch("rebuild") as scratch:
        folder.recover_locked()
        folder.look()
        old = {name: folder.files(name) for name in STORED}
        parts = folder.page_parts()
        runs = [run for path in parts for run in part_runs(path)]
        if not lose:
            _refuse_loss(folder, parts, old)
        pages = (page for path in parts for page in read_part(path))
        packed = sum(map(size_of, parts))
        new_tables = flatten_into(scratch / "made", pages, packed, processes, progress)
        keep_runs(new_tables, runs, old["runs"].all)
        swap_tables(folder, new_tables, old)
        with readers.alone(wait=_PATIENCE) as alone:
            if alone:
                folder.finish_removals()


def _refuse_loss(folder: Folder, parts: Iterable[Place], old: Mapping[str, Files]) -> None:
    """Raise ArchiveError if the tables have rows of pages that are missing."""
    missing = pages_named(path for files in old.values() for path in files.all) - page_ids(parts)
    if missing:
        raise ArchiveError(
            f"{folder.path}: a rebuild would lose the rows of {counted(len(missing), 'page')} that "
            f"pages/ lacks (e.g. {min(missing)}). Merge a copy of the archive that has the pages, "
            "or pass lose=True"
        )


def flatten_into(
    home: Path, pages: Iterable[Page], packed: int, processes: int | None, progress: bool | None
) -> Folder:
    """Create an archive at `home` with the tables of these pages, and without the pages.

    `packed` is the size of their files in bytes; with `processes=None` it decides whether to use
    one process or one for each core.
    """
    new_tables = Folder(home)
    new_tables.create()
    if processes is None:
        processes = 1
        if packed >= workers.WORTH_BYTES // 8:  # pages in files are compressed
            processes = workers.cores()
    sink = workers.sink(workers.Target(new_tables.address, keep_pages=False, lock=None), processes)
    try:
        with bar(progress, "rebuild", "B") as advance:
            for batch in gathered(pages, size):
                sink.add(batch)
                advance(sum(len(p.body) for p in batch))
    except BaseException:
        sink.abort()
        raise
    _, unknown = sink.finish()
    problems = pa.Table.from_pylist(unknown, schema=STORED["problems"].schema)
    write_rows(new_tables, {"problems": problems})
    return new_tables


def keep_runs(
    new_tables: Folder, runs: Sequence[Mapping[str, Any]], tables: Iterable[Place]
) -> None:
    """Write records of runs into rebuilt tables, from the pages and from the old tables."""
    schema = STORED["runs"].schema
    records = [runs_table(runs)]
    for path in tables:
        with suppress(OSError, ValueError, pa.ArrowException):  # verify reports such files
            rows = pq.read_table(opened(path))
            # files of earlier versions have fewer columns
            rows = pa.concat_tables([schema.empty_table(), rows], promote_options="default")
            records.append(rows.select(schema.names).cast(schema))
    write_rows(new_tables, {"runs": pa.concat_tables(records)})


def swap_tables(folder: Folder, new_tables: Folder, old: Mapping[str, Files]) -> None:
    """Replace these files by the tables of another archive on the same disk, all or nothing."""
    moves = adopt(folder, new_tables)
    for name, files in old.items():
        if files.all:
            replaced = folder.tables / name / f"replaced-{folder.new_id()}.json"
            moves[marker(folder, files.all)] = replaced
    folder.commit(moves)


def adopt(folder: Folder, new_tables: Folder) -> dict[Path, Place]:
    """Move the tables of another archive on the same disk to temporary files.

    Returns the final path of each.
    """
    moves: dict[Path, Place] = {}
    for name in STORED:
        for path in new_tables.files(name).all:
            assert isinstance(path, Path)
            temp = folder.new_temp()
            path.rename(temp)
            moves[temp] = folder.tables / name / path.name
    return moves


def page_ids(parts: Iterable[Place]) -> set[str]:
    """The ids of the pages in these files."""
    ids: set[str] = set()
    for part in parts:
        ids.update(pq.read_table(opened(part), columns=["page_id"])["page_id"].to_pylist())
    return ids


def pages_named(files: Iterable[Place]) -> set[str]:
    """The ids of the pages that rows of these table files come from; skips unreadable files."""
    ids: set[str] = set()
    for path in files:
        with suppress(ValueError, OSError, pa.ArrowException):
            column = pq.read_table(opened(path), columns=["page_id"])["page_id"]
            ids.update(i for i in column.unique().to_pylist() if i is not None)
    return ids

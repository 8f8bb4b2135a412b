"""Adding another archive: its files, and the pages in its journal."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from xframes.archive.ingest.flush import DIED
from xframes.archive.ingest.journal import open_copy
from xframes.archive.storage.parts import (
    IMPORT_BYTES,
    Writer,
    examine_table,
    gathered,
    part_runs,
    read_part,
    size,
)
from xframes.archive.storage.paths import fetch
from xframes.errors import ArchiveError
from xframes.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive.ingest.journal import RunRow
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

log = logging.getLogger("xframes")
_MERGE_TRIES = 10  # listings of an archive that is being compacted while it is merged


def copy_files(folder: Folder, source: Folder) -> int:
    """Copy the files of another archive beside one's own, each once; gives how many came.

    The other is only read. Raises ArchiveError when something of it is damaged: then nothing of it came.
    """
    moves: dict[Path, Place] = {}
    done: set[str] = set()
    folder.look()
    with folder.owned():
        for _ in range(_MERGE_TRIES):
            source.look()
            try:
                _copy_missing(folder, source, moves, done)
            except FileNotFoundError:  # a compaction there has replaced it meanwhile
                continue
            break
        else:
            raise ArchiveError(f"{source.path} changed {_MERGE_TRIES} times while it was read; try again later")
        removed = sum(pq.read_metadata(t).num_rows for t, f in moves.items() if f.parent.name == "tombstones")
        if removed:
            log.warning("%s: %d removals of %s apply here too", folder.path, removed, source.path)
        with folder.lock("flush"):
            folder.forget_purges()  # what was removed here may stand in what came
            folder.commit(moves)
    return len(moves)


def _copy_missing(folder: Folder, source: Folder, moves: dict[Path, Place], done: set[str]) -> None:
    """Copy what is not here, checked, to temporary files; notes where each belongs."""
    for inside, path in source.contents().items():
        final = folder.path / inside
        if inside in done or final.exists():
            continue
        temp = folder.new_temp()
        fetch(path, temp)
        try:
            _check_copy(temp, inside)
        except ArchiveError as error:
            raise ArchiveError(f"{source.path} is not merged: {inside} is damaged. Repair that archive first "
                               f"(verify(repair=True)): {error}") from error
        moves[temp] = final
        done.add(inside)


def _check_copy(path: Path, inside: str) -> None:
    """Raise ArchiveError unless a file that came from elsewhere holds what its place says."""
    if inside.startswith("pages/"):
        part_runs(path)
        for _ in read_part(path):
            pass
        return
    faults = [detail for _, detail in examine_table(path, TABLES[inside.split("/")[1]], set())]
    if faults:
        raise ArchiveError("; ".join(faults))


def add_journal(folder: Folder, source: Folder) -> None:
    """Add the pages and runs that another archive has in its journal alone; the journal is only read."""
    from xframes.flattening import Flattener

    if not source.journal.exists():
        return
    with open_copy(source.journal) as journal:
        writer = Writer(folder, Flattener())
        lock = folder.lock("flush")
        try:
            for run_id in journal.pending():
                for batch in gathered((page for _, page in journal.read(run_id)), size):
                    writer.add(batch)
                    if writer.bytes >= IMPORT_BYTES:
                        writer.flush(lock)
            runs = [_as_left(source, run).record() for run in journal.unwritten()]
            if runs or writer.tally:
                writer.flush(lock, runs, writer.unknown_fields())
        except BaseException:
            writer.discard()
            raise


def _as_left(source: Folder, run: RunRow) -> RunRow:
    """A run of another archive as it is now: whose process has ended is not running any more."""
    if run.state != "running" or source.is_held(run.owner or ""):
        return run
    return replace(run, state="interrupted", error=DIED)

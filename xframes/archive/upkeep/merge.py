"""Merge: add the files of another archive, and the pages in its journal."""

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
from xframes.screen import counted

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive.ingest.journal import RunRow
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

log = logging.getLogger("xframes")
MERGE_TRIES = 10  # how often to list an archive that another process compacts meanwhile


def copy_files(folder: Folder, source: Folder) -> int:
    """Copy the files of another archive that this one lacks, and return how many were copied.

    The other archive is only read. Raises ArchiveError if one of its files is damaged; then nothing
    is copied.
    """
    moves: dict[Path, Place] = {}
    paths: set[str] = set()
    folder.look()
    with folder.owned():
        for _ in range(MERGE_TRIES):
            source.look()
            try:
                _copy_missing(folder, source, moves, paths)
            except FileNotFoundError:  # a compaction of the other archive replaced the file
                continue
            break
        else:
            raise busy(source)
        tombstones = [temp for temp, final in moves.items() if final.parent.name == "tombstones"]
        warn_of_removals(folder, source, sum(pq.read_metadata(t).num_rows for t in tombstones))
        with folder.lock("flush"):
            folder.forget_purges()  # the new files may contain what was removed here
            folder.commit(moves)
    return len(moves)


def busy(source: Folder) -> ArchiveError:
    """Return the error for an archive that changes too often to be read."""
    return ArchiveError(
        f"{source.path} changed {MERGE_TRIES} times while it was read; merge it later"
    )


def warn_of_removals(folder: Folder, source: Folder, removals: int) -> None:
    """Log how many removals another archive brings."""
    if removals:
        log.warning(
            "%s: %s of %s now also apply here",
            folder.path, counted(removals, "removal"), source.path,
        )


def _copy_missing(
    folder: Folder, source: Folder, moves: dict[Path, Place], paths: set[str]
) -> None:
    """Copy missing files to temporary files and check them.

    Adds their final places to `moves`, and their paths inside the archive to `paths`.
    """
    for inside, path in source.contents().items():
        final = folder.path / inside
        if inside in paths or final.exists():
            continue
        temp = folder.new_temp()
        copy_file(source, inside, path, temp)
        moves[temp] = final
        paths.add(inside)


def copy_file(source: Folder, inside: str, path: Place, temp: Path) -> None:
    """Copy a file of another archive to a temporary one, and check it.

    `inside` is its path inside the archive. Raises ArchiveError if it is damaged.
    """
    fetch(path, temp)
    try:
        _check_copy(temp, inside)
    except ArchiveError as error:
        raise ArchiveError(
            f"{source.path} was not merged, because its file {inside} is damaged ({error}). "
            "First repair that archive with verify(repair=True)"
        ) from error


def _check_copy(path: Path, inside: str) -> None:
    """Raise ArchiveError unless a copied file has the content that its path says."""
    if inside.startswith("pages/"):
        part_runs(path)
        for _ in read_part(path):
            pass
        return
    faults = [detail for _, detail in examine_table(path, TABLES[inside.split("/")[1]], set())]
    if faults:
        raise ArchiveError("; ".join(faults))


def add_journal(folder: Folder, source: Folder) -> None:
    """Add the pages and runs that are only in the journal of another archive.

    The journal is only read.
    """
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
            runs = [_present_state(source, run).record() for run in journal.unwritten()]
            if runs or writer.tally:
                writer.flush(lock, runs, writer.unknown_fields())
        except BaseException:
            writer.discard()
            raise


def _present_state(source: Folder, run: RunRow) -> RunRow:
    """Mark a run of another archive as interrupted if its process has ended."""
    if run.state != "running" or source.is_held(run.owner or ""):
        return run
    return replace(run, state="interrupted", error=DIED)

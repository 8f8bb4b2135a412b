"""The archive's housekeeping: compaction of all tables, small page files put together, tables rebuilt from pages."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import Timeout

from xframes.archive.bookkeeping import part_name
from xframes.archive.compaction import (
    MEMORY,
    MOST_PARTS,
    compact_family,
    families,
    worth_compacting,
)
from xframes.archive.folder import marker
from xframes.archive.places import fetch, opened, size_of
from xframes.archive.store import PagesFile, examine_table, part_runs, read_part
from xframes.errors import ArchiveError
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xframes.archive.folder import Files, Folder
    from xframes.archive.places import Place
    from xframes.archive.views import Views

log = logging.getLogger("xframes")
_SMALL_PAGES = 8_000_000  # a file of pages this small on disk is put together with others
_MERGED_PAGES = 64_000_000
_FRESH_SHARE = 10  # compacted data this many times larger than the fresh is not rewritten for it
_MERGE_TRIES = 10  # listings of an archive that is being compacted while it is merged


def compact(folder: Folder, views: Views, *, memory: int = MEMORY) -> int:
    """Compact every table that gains by it, and put small page files together; gives how many files went."""
    with folder.lock("compact"), folder.owned():
        folder.look()
        gone = sum(
            folder.steady(partial(compact_family, folder, names, memory=memory))
            for names in families()
            if worth_compacting(folder.files(n) for n in names)
        )
        gone += folder.steady(partial(merge_pages, folder))
        clear(folder, views)
    return gone


def tidy(folder: Folder, views: Views) -> None:
    """Compact what has gathered too many parts, unless another process is at it.

    Where the fresh parts are small beside what is compacted already, they are only put together: rewriting a large
    table for every few rows would cost more than it gains.
    """
    with contextlib.suppress(Timeout), folder.lock("compact").acquire(timeout=0), folder.owned():
        folder.look()
        if folder.buried:  # the purge still to come tells by the posts whose last it was
            return
        worked = folder.bucket is not None and folder.bucket.replaced  # it may be time to remove them
        for names in families():
            files = [folder.files(n) for n in names]
            if max(len(f.parts) for f in files) <= MOST_PARTS:
                continue
            fresh, base = sum(f.bytes for f in files), sum(f.base_bytes for f in files)
            folder.steady(partial(compact_family, folder, names, only_parts=fresh * _FRESH_SHARE < base))
            worked = True
        if len(folder.page_parts()) > MOST_PARTS:
            worked = bool(folder.steady(partial(merge_pages, folder, MOST_PARTS))) or worked
        if worked:
            clear(folder, views)


def clear(folder: Folder, views: Views) -> None:
    """Remove replaced files if nobody reads now (else a later compaction does), and what dead processes left."""
    with views.readers.alone(count_own=True) as nobody:
        views.refresh()
        if nobody:
            folder.finish_removals(at_once=False)
    with contextlib.suppress(Timeout), folder.lock("flush").acquire(timeout=0):
        folder.sweep()


def merge_pages(folder: Folder, more_than: int = 1) -> int:
    """Put small files of pages together, each page once; gives how many files went."""
    small = [p for p in folder.page_parts() if size_of(p) < _SMALL_PAGES]
    if len(small) <= more_than:
        return 0
    for group in _groups(small):
        if len(group) < 2:
            continue
        temp = folder.new_temp()
        file = PagesFile(temp)
        seen: set[str] = set()
        runs: dict[str, dict[str, Any]] = {}
        for path in group:
            for page in read_part(path):
                if page.page_id not in seen:
                    seen.add(page.page_id)
                    file.add([page])
            for run in part_runs(path):
                if run["observed_at"] >= runs.get(run["run_id"], run)["observed_at"]:
                    runs[run["run_id"]] = run
        file.close(list(runs.values()))
        merged = folder.pages / part_name(temp, beside=group[0])
        folder.place({temp: merged})
        folder.place({marker(folder, group): folder.pages / f"replaced-{temp.stem}.json"})
        folder.note_made_of(group, [merged])
    return len(small)


def merge(folder: Folder, source: Folder) -> int:
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
                _copy_files(folder, source, moves, done)
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


def _copy_files(folder: Folder, source: Folder, moves: dict[Path, Place], done: set[str]) -> None:
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


def _groups(paths: Iterable[Place]) -> Iterator[list[Place]]:
    group: list[Place] = []
    size = 0
    for path in paths:
        group.append(path)
        size += size_of(path)
        if size >= _MERGED_PAGES:
            yield group
            group, size = [], 0
    yield group


def swap_tables(folder: Folder, made: Folder, old: Mapping[str, Files]) -> None:
    """Let the tables of another archive, on the same disk, take the place of these files, all or nothing."""
    moves = adopt(folder, made)
    for name, files in old.items():
        if files.all:
            moves[marker(folder, files.all)] = folder.tables / name / f"replaced-{folder.new_id()}.json"
    folder.commit(moves)


def adopt(folder: Folder, made: Folder) -> dict[Path, Place]:
    """Take over the tables of another archive on the same disk as temporary files; gives where each belongs."""
    moves: dict[Path, Place] = {}
    for name in TABLES:
        for path in made.files(name).all:
            assert isinstance(path, Path)
            temp = folder.new_temp()
            path.rename(temp)
            moves[temp] = folder.tables / name / path.name
    return moves


def page_ids(parts: Iterable[Place]) -> set[str]:
    """The ids of the pages in these files."""
    return {i for p in parts for i in pq.read_table(opened(p), columns=["page_id"])["page_id"].to_pylist()}


def pages_named(files: Iterable[Place]) -> set[str]:
    """The ids of the pages that rows of these table files come from; files that cannot be read name none."""
    found: set[str] = set()
    for path in files:
        with contextlib.suppress(ValueError, OSError, pa.ArrowException):
            column = pq.read_table(opened(path), columns=["page_id"])["page_id"]
            found.update(i for i in column.unique().to_pylist() if i is not None)
    return found

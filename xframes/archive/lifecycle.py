"""The archive's housekeeping: compaction of all tables, small page files put together, tables rebuilt from pages."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from filelock import Timeout

from xframes.archive.compaction import (
    MEMORY,
    MOST_PARTS,
    compact_family,
    families,
    worth_compacting,
)
from xframes.archive.folder import REBUILT, marker, remove, sync
from xframes.archive.places import fetch, opened, size_of
from xframes.archive.store import PagesFile, part_runs, read_part
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
    with views.readers.alone() as nobody:
        if nobody:
            views.refresh()
            folder.finish_removals(TABLES, at_once=False)
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
        began = group[0].name.removeprefix("part-")[:12]  # the merged file keeps the first one's place in time
        merged = folder.pages / f"part-{began}{temp.stem[12:]}.parquet"
        folder.place({temp: merged})
        folder.place({marker(folder, group): folder.pages / f"replaced-{temp.stem}.json"})
        folder.note_made_of(group, [merged])
    return len(small)


def merge(folder: Folder, other: Folder) -> int:
    """Copy the files of another archive beside one's own, each once; gives how many came. Nobody may be changing it."""
    moves: dict[Path, Place] = {}
    folder.look()
    with folder.owned():
        for path in (*other.page_parts(), *(p for name in TABLES for p in other.files(name).all)):
            final = folder.path / other.inside(path)
            if not final.exists():
                temp = folder.new_temp()
                fetch(path, temp)
                moves[temp] = final
        with folder.lock("flush"):
            folder.forget_purges()  # what was removed here may stand in what came
            folder.commit(moves)
    return len(moves)


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


def swap_tables(folder: Folder, rebuilt: Path, old: Mapping[str, Files]) -> None:
    """Let rebuilt tables take the place of the old ones; whatever moment this stops at, opening the archive ends it.

    `old` are the files there were when the rebuild began: in a bucket other machines may have added some since.
    """
    if folder.bucket:
        _swap_objects(folder, rebuilt, old)
        return
    # From here on they are whole, and will be used.
    rebuilt.rename(folder.temp / f"{REBUILT}{folder.new_id()}")
    _finish_swap(folder)


def _swap_objects(folder: Folder, rebuilt: Path, old: Mapping[str, Files]) -> None:
    moves: dict[Path, Place] = {}
    for path in sorted(rebuilt.glob("*/*.parquet")):
        temp = folder.temp / path.name.removeprefix("part-")
        path.rename(temp)
        moves[temp] = folder.tables / path.parent.name / path.name
    for name, files in old.items():
        if files.all:
            moves[marker(folder, files.all)] = folder.tables / name / f"replaced-{folder.new_id()}.json"
    folder.commit(moves)


def repair_on_open(folder: Folder) -> None:
    """Finish a rebuild that was cut short after its tables were whole."""
    if _rebuilt(folder):
        with folder.lock("compact"), folder.lock("flush"):
            if _rebuilt(folder):
                _finish_swap(folder)
                log.warning("%s: completed a rebuild that another process began", folder.path)


def _finish_swap(folder: Folder) -> None:
    ready = _rebuilt(folder)
    if not ready:
        return
    assert isinstance(folder.tables, Path)  # in a bucket a rebuild is a commit
    old = folder.temp / f"old-{folder.new_id()}"
    with contextlib.suppress(FileNotFoundError):
        folder.tables.rename(old)
    ready[-1].rename(folder.tables)
    sync(folder.home)
    for path in (*ready[:-1], old):
        remove(path)


def _rebuilt(folder: Folder) -> list[Path]:
    return sorted(folder.temp.glob(f"{REBUILT}*")) if folder.temp.is_dir() else []


def rebuild_source(folder: Folder) -> tuple[Place, ...]:
    """The page files a rebuild reads, each checked to be readable before anything is thrown away."""
    parts = folder.page_parts()
    for path in parts:
        try:
            pq.read_metadata(opened(path))
        except (OSError, ValueError) as error:
            raise ArchiveError(f"{path} cannot be read, and what stands in it could not be rebuilt: {error}") from error
    return parts

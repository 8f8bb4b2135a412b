"""The archive's housekeeping: compaction of all tables, small page files put together, tables rebuilt from pages."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from xframes.archive.storage.bookkeeping import part_name
from xframes.archive.storage.folder import marker
from xframes.archive.storage.parts import PagesFile, part_runs, read_part
from xframes.archive.storage.paths import size_of
from xframes.archive.upkeep.compaction import (
    MEMORY,
    MOST_PARTS,
    compact_family,
    families,
    worth_compacting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xframes.archive.query.views import Views
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

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
        worked = folder.storage.has_replaced  # it may be time to remove them
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
            folder.finish_removals()
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

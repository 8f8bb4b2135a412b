"""Compaction of a whole archive: all tables, and small files of pages."""

from __future__ import annotations

import contextlib
import gc
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from xframes.archive.storage.bookkeeping import part_name
from xframes.archive.storage.folder import marker
from xframes.archive.storage.parts import PagesFile, part_runs, read_part
from xframes.archive.storage.paths import size_of
from xframes.archive.upkeep import levels, settling
from xframes.archive.upkeep.compaction import (
    MEMORY,
    MOST_PARTS,
    Worker,
    compact_family,
    families,
    worth_compacting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from xframes.archive.query.views import Views
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder

log = logging.getLogger("xframes")
_SMALL_PAGES = 8_000_000  # bytes; smaller files of pages are merged
_MERGED_PAGES = 64_000_000  # bytes after which a merged file is complete
_TIDY_MEMORY = 200_000_000  # bytes of DuckDB; an import has other things in memory
FRESH_SHARE = 10  # compacted files are not rewritten if this many times larger than the parts


def compact(folder: Folder, views: Views, *, memory: int = MEMORY) -> int:
    """Compact every table that has parts, and merge small files of pages.

    Returns how many files were replaced.
    """
    with (
        folder.lock("compact"), folder.owned(), Worker(folder, memory) as worker,
        folder.listed_once(),
    ):
        folder.look()
        folder.upgrade()
        replaced = sum(
            folder.steady(partial(_compact, folder, names, worker))
            for names in families()
            if worth_compacting(folder.files(n) for n in names)
        )
        replaced += folder.steady(partial(merge_pages, folder))
        clear(folder, views)
    return replaced


def _compact(folder: Folder, names: Sequence[str], worker: Worker) -> int:
    """Compact a family; of a large one only files that are not sorted or have many dead rows."""
    if is_large(folder, names):
        settling.settle(folder, [names], worker)
    chosen = levels.unsorted(folder, names)
    if chosen is None:
        return compact_family(folder, names, worker)
    if not chosen:
        return 0
    return levels.put_together(folder, names, chosen, worker)


def is_large(folder: Folder, names: Sequence[str]) -> bool:
    """Whether a family has so much that merging it at each query would take long."""
    files = [folder.files(name) for name in names]
    if sum(f.bytes + f.base_bytes for f in files) >= settling.WORTH_BYTES:
        return True
    return max(len(f.parts) for f in files) > settling.WORTH_PARTS


def _settle(folder: Folder, worker: Worker) -> bool:
    """Settle large tables, and put files of like size together; False if nothing was done."""
    large = [names for names in families() if is_large(folder, names)]
    is_done = settling.settle(folder, large, worker)
    for names in large:
        if chosen := levels.due(folder, names):
            levels.put_together(folder, names, chosen, worker)
            is_done = True
    return is_done


def tidy(folder: Folder, views: Views) -> None:
    """Settle large tables, and compact those with too many parts, unless another process does.

    If the parts are small compared with the compacted files, they are only merged with each other,
    because rewriting a large table for a few rows would cost more than it gains.
    """
    with (
        contextlib.suppress(Timeout),
        folder.lock("compact").acquire(timeout=0),
        folder.owned(),
        Worker(folder, _TIDY_MEMORY) as worker,
        folder.listed_once(),
    ):
        folder.look()
        if folder.new_tombstones:  # the next purge finds authors by the rows of removed posts
            return
        needs_clear = folder.steady(partial(_settle, folder, worker)) or folder.storage.has_replaced
        for names in families():
            files = [folder.files(n) for n in names]
            if max(len(f.parts) for f in files) <= MOST_PARTS or all(map(levels.is_settled, files)):
                continue
            parts_bytes = sum(f.bytes for f in files)
            base_bytes = sum(f.base_bytes for f in files)
            only_parts = parts_bytes * FRESH_SHARE < base_bytes
            folder.steady(partial(compact_family, folder, names, worker, only_parts=only_parts))
            needs_clear = True
        if len(folder.page_parts()) > MOST_PARTS:
            merged = folder.steady(partial(merge_pages, folder, MOST_PARTS))
            needs_clear = needs_clear or merged > 0
        if needs_clear:
            clear(folder, views)


def clear(folder: Folder, views: Views) -> None:
    """Remove replaced files and the temporary files of dead processes.

    While other processes read, replaced files stay; a later compaction removes them.
    """
    with views.readers.alone(count_own=True) as alone:
        pass
    if not alone:
        gc.collect()  # a result that only a circle of references keeps is not read any more
    with views.readers.alone(count_own=True) as alone:
        views.refresh()
        if alone:
            folder.finish_removals()
    with contextlib.suppress(Timeout), folder.lock("flush").acquire(timeout=0):
        folder.sweep()


def merge_pages(folder: Folder, more_than: int = 1) -> int:
    """Merge small files of pages, each page once, and return how many files were replaced.

    Nothing is merged unless there are more small files than `more_than`.
    """
    groups = mergeable_pages(folder, more_than)
    for group in groups:
        temp, merged = merged_pages(folder, group)
        folder.place({temp: merged})
        folder.place({marker(folder, group): folder.pages / f"replaced-{temp.stem}.json"})
        folder.note_made_of(group, [merged])
    return sum(map(len, groups))


def mergeable_pages(folder: Folder, more_than: int = 1) -> list[list[Place]]:
    """Return the small files of pages, in groups that become one file each.

    None unless there are more small files than `more_than`.
    """
    small = [p for p in folder.page_parts() if size_of(p) < _SMALL_PAGES]
    if len(small) <= more_than:
        return []
    return [group for group in _groups(small) if len(group) > 1]


def merged_pages(folder: Folder, group: Sequence[Place]) -> tuple[Path, Place]:
    """Write the pages of several files into a temporary one, each once; return it and its place."""
    temp = folder.new_temp()
    file = PagesFile(temp)
    written: set[str] = set()
    runs: dict[str, dict[str, Any]] = {}
    for path in group:
        for page in read_part(path):
            if page.page_id not in written:
                written.add(page.page_id)
                file.add([page])
        for run in part_runs(path):
            if run["observed_at"] >= runs.get(run["run_id"], run)["observed_at"]:
                runs[run["run_id"]] = run
    file.close(list(runs.values()))
    return temp, folder.pages / part_name(temp, next_to=group[0])


def _groups(paths: Iterable[Place]) -> Iterator[list[Place]]:
    """Split files into groups of about the size of a merged file."""
    group: list[Place] = []
    size = 0
    for path in paths:
        group.append(path)
        size += size_of(path)
        if size >= _MERGED_PAGES:
            yield group
            group, size = [], 0
    yield group

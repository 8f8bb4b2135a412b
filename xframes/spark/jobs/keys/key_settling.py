"""Settling on Spark: new files are compared with those below, one task for each range of keys.

The comparison is that of one machine. A task returns which rows do not hold any more, as a bit for
each row of a file; the driver writes the record.
"""

from __future__ import annotations

import logging
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
from filelock import Timeout

from xframes.archive.storage.paths import opened
from xframes.archive.upkeep import lifecycle, settling
from xframes.archive.upkeep.compaction import MEMORY, Worker, families
from xframes.archive.upkeep.deciding import key_ranges
from xframes.errors import ArchiveError
from xframes.schema import TABLES
from xframes.spark.jobs.keys.key_sampling import Division, sampled_cuts
from xframes.spark.jobs.staging import ListedFolder, Listing, Stage, Staged
from xframes.spark.jobs.tasks import slots

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from xframes.archive.storage.bucket import Place
    from xframes.archive.upkeep.settling import Settling
    from xframes.spark.jobs.staging import Job

log = logging.getLogger("xframes")
_LEAST_ROWS = 100_000  # fewer are not worth a task


@dataclass(frozen=True, slots=True)
class _KeyRange:
    """A range of the keys of a table; `family` has its tables, the parent last."""

    family: tuple[str, ...]
    table: str
    lower: str | None
    upper: str | None


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a task found: the compressed bits of rows by file, and staged files of merged rows."""

    dead: dict[str, bytes]
    merged: list[Staged]


@dataclass(frozen=True, slots=True)
class _Compare:
    """The task that compares the rows of a range of keys."""

    stage: Stage
    listing: Listing
    memory: int

    def __call__(self, range_: _KeyRange) -> _Compared:
        folder, table = ListedFolder(self.stage, self.listing), TABLES[range_.table]
        each = settling.begin(folder, range_.family, self.memory)[table.name]
        with Worker(folder, self.memory) as worker:
            connection = worker.connection
            keys = key_ranges.between(connection, table, range_.lower, range_.upper)
            known = dict(each.state.dead)
            folder.place(each.compare(connection, keys))
        packed = {
            name: zlib.compress(bits.tobytes())
            for name, bits in each.state.dead.items()
            if bits is not known.get(name)
        }
        return _Compared(packed, folder.take())


def tidy(job: Job) -> None:
    """Settle large tables after rows were added, unless another process compacts."""
    folder = job.folder
    with suppress(Timeout), folder.lock("compact").acquire(timeout=0), folder.listed_once():
        folder.look()
        if folder.new_tombstones:  # the next purge finds authors by the rows of removed posts
            return
        try:
            settle(job, [names for names in families() if lifecycle.is_large(folder, names)])
        except ArchiveError as error:  # another machine has replaced files: its rows are as good
            log.warning("%s: settling is postponed: %s", folder.path, error)


def settle(job: Job, large: Iterable[Sequence[str]], memory: int = MEMORY) -> None:
    """Settle families of tables, the parent last in each.

    Needs the lock `compact`, and files that are listed once.
    """
    folder = job.folder
    begun = [settling.begin(folder, names, memory) for names in large]
    begun = [each for each in begun if any(one.has_news for one in each.values())]
    if not begun:
        return
    ranges = _ranges(job, begun)
    messages = job.run(_Compare(job.stage, Listing.of(folder), memory), ranges)
    staged = [file for message in messages for file in message.merged]
    merged: dict[str, list[str]] = {}
    for file in staged:
        table, name = file.path.split("/")[-2:]
        merged.setdefault(table, []).append(name)
    news = {name: one for each in begun for name, one in each.items() if one.has_news}
    for name, one in news.items():
        one.add_files(merged.get(name, ()))
    for range_, message in zip(ranges, messages, strict=True):
        for name, packed in message.dead.items():
            bits = np.frombuffer(zlib.decompress(packed), np.uint8)
            news[range_.table].state.add_bits(name, bits)
    folder.upgrade()
    own: dict[Path, Place] = {}
    old: list[Place] = []
    for each in begun:
        states = {name: one.state for name, one in each.items()}
        temp, place, records = settling.write_record(folder, list(each)[-1], states)
        own[temp] = place
        old += records
    job.publish(staged, own=own, replaced=old)


def _ranges(job: Job, begun: Sequence[dict[str, Settling]]) -> list[_KeyRange]:
    """Divide what is new in each table by keys, for the cores."""
    tasks: dict[str, tuple[tuple[str, ...], int]] = {}
    samples = []
    for each in begun:
        family = tuple(each)
        for name, one in each.items():
            if not one.has_news:
                continue
            table, places = name, one.new_files
            if not places:
                table, places = family[-1], one.new_parents
            rows = sum(pq.read_metadata(opened(path)).num_rows for path in places)
            count = max(1, min(2 * slots(job.spark), rows // _LEAST_ROWS))
            tasks[name] = family, count
            if count > 1:
                samples += [Division(name, table, job.folder.inside(path)) for path in places]
    cuts = sampled_cuts(job, samples, {name: count for name, (_, count) in tasks.items()})
    ranges = []
    for name, (family, _) in tasks.items():
        bounds = [None, *cuts.get(name, ()), None]
        ranges += [
            _KeyRange(family, name, lower, upper) for lower, upper in pairwise(bounds)
        ]
    return ranges

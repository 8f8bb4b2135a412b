"""Compaction on Spark: rows that hold are sorted, one task for each range of keys of a table.

The plan is that of one machine. New files are settled first, so that which rows hold is known, and
only files that are not sorted, or have many dead rows, are rewritten. A table of many ranges is
first divided by ranges into staged files, so that no task reads all of it; of a few ranges, each
task reads the files itself. Ranges have like numbers of rows, even if one author wrote half of the
posts. A small family of tables is compacted by one task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import base_name
from xframes.archive.storage.parts import LEVELLED, stored_schema
from xframes.archive.storage.paths import size_of
from xframes.archive.takedown import orders
from xframes.archive.upkeep import levels, lifecycle, settling
from xframes.archive.upkeep.compaction import (
    BATCH_ROWS,
    MEMORY,
    Worker,
    families,
    unique_rows,
    worth_compacting,
    write_sorted,
)
from xframes.archive.upkeep.deciding import key_ranges
from xframes.archive.upkeep.deciding.contest import Facts
from xframes.schema import TABLES
from xframes.spark.jobs import staging
from xframes.spark.jobs.keys import key_settling
from xframes.spark.jobs.keys.key_sampling import Division, sampled_cuts
from xframes.spark.jobs.staging import (
    ListedFolder,
    Listing,
    Stage,
    Staged,
    TaskFolder,
    Written,
)
from xframes.spark.jobs.takedown_job import SpreadPurge
from xframes.spark.jobs.tasks import grouped, slots
from xframes.sql.newest import quoted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    from pyspark.sql import SparkSession

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.spark.jobs.staging import Job

RANGE_BYTES = 384_000_000  # of the files of a table, which one task sorts
_WHOLE_BYTES = 24_000_000  # of a family; a smaller one is compacted by one task
_LEAST_BYTES = 12_000_000  # a smaller range is not worth a task
_FEW = 3  # ranges: the files are read so many times rather than written divided and read again
_DIVIDED_BYTES = 64_000_000  # of files that a task divides into one
_GROUP_BYTES = 16_000_000  # Arrow data of one range in one row group of a divided file


@dataclass(frozen=True, slots=True)
class _Range:
    """A range of the keys of the chosen settled files of a table, of `count` ranges.

    Its rows are in the chosen files, or, divided, in staged files.
    """

    table: str
    chosen: tuple[str, ...]
    number: int
    count: int
    lower: str | None = None
    upper: str | None = None
    divided: tuple[Staged, ...] = ()


@dataclass(frozen=True, slots=True)
class _Whole:
    """A small family of tables, the parent last."""

    family: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Undivided:
    """Settled files of a table to be divided at cuts."""

    table: str
    files: tuple[str, ...]


def compact(
    spark: SparkSession, url: str | os.PathLike[str], *, memory: int = MEMORY,
    range_bytes: int = RANGE_BYTES,
) -> Written:
    """Rewrite the tables so that their rows are unique and sorted, by tasks on Spark.

    As `Archive.compact`: large sorted files stay where they are, with their few rows that do not
    hold. What was removed is erased first, and small files of pages are merged. The new files
    replace the old ones at once.

    Parameters
    ----------
    spark
        The Spark session, as in `import_pages`.
    url
        The archive.
    memory
        Memory that a task may use for rows, in bytes, approximately.
    range_bytes
        Bytes of the files of a table that a task sorts. They become one file.

    Returns
    -------
    Written
        What was written, and how many files it replaces.

    Raises
    ------
    ArchiveError
        If the archive cannot be written, or another machine changed the same files meanwhile.

    Examples
    --------
    >>> jobs.compact(spark, "s3://bucket/archive")
    """
    with staging.job(spark, url) as job:
        folder = job.folder
        orders.purge(job.access, SpreadPurge(job))
        with folder.lock("compact"), folder.listed_once():
            folder.look()
            folder.upgrade()
            plan = _Plan.of(job, memory, range_bytes)
            sort = _Sort(job.stage, Listing.of(folder), folder.new_id(), memory)
            staged = [*chain.from_iterable(job.run(sort, plan.tasks(job, range_bytes)))]
            pages = lifecycle.mergeable_pages(folder)
            groups = [tuple(map(folder.inside, group)) for group in pages]
            merged = job.run(_PagesMerge(job.stage), groups)
            rewritten = list(plan.replaced(folder))
            own, replaced = plan.records(folder, staged)
            written = job.publish(
                [*staged, *chain.from_iterable(merged)], own=own,
                replaced=[*replaced, *chain.from_iterable(pages)],
            )
            for old, table in rewritten:
                home = f"tables/{table}/"
                new = [folder.path / f.path for f in staged if f.path.startswith(home)]
                folder.note_made_of(old, new)
            for group, new_files in zip(pages, merged, strict=True):
                folder.note_made_of(group, [folder.path / f.path for f in new_files])
            lifecycle.clear(folder, job.views)
    return written


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to rewrite: small families as a whole, and files of the tables of large ones."""

    whole: list[tuple[str, ...]]
    chosen: dict[tuple[str, ...], dict[str, list[str]]]

    @classmethod
    def of(cls, job: Job, memory: int, range_bytes: int) -> _Plan:
        """Settle large families, and decide which of their files are rewritten."""
        folder = job.folder
        least = min(range_bytes, _WHOLE_BYTES)
        whole: list[tuple[str, ...]] = []
        large = []
        for names in map(tuple, families()):
            files = [folder.files(name) for name in names]
            if not worth_compacting(files):
                continue
            if sum(each.bytes + each.base_bytes for each in files) < least:
                whole.append(names)
            else:
                large.append(names)
        key_settling.settle(job, large, memory)
        folder.look()
        chosen = {}
        for names in large:
            found = levels.unsorted(folder, names, large_rows=0)
            if found is None:  # another process has added rows since
                whole.append(names)
            elif found:
                chosen[names] = found
        return cls(whole, chosen)

    def tasks(self, job: Job, range_bytes: int) -> list[_Whole | _Range]:
        """Return the tasks; first the rounds that they need are run."""
        tables = {name: files for of in self.chosen.values() for name, files in of.items()}
        counts = {name: _count(job, name, files, range_bytes) for name, files in tables.items()}
        many = {name: files for name, files in tables.items() if counts[name] > 1}
        samples = [
            Division(name, name, f"tables/{name}/{file}")
            for name, files in many.items() for file in files
        ]
        cuts = sampled_cuts(job, samples, counts)
        divided = _divided(job, {n: f for n, f in many.items() if counts[n] > _FEW}, cuts)
        tasks: list[_Whole | _Range] = [_Whole(names) for names in self.whole]
        for name, files in tables.items():
            bounds = [None, *cuts.get(name, ()), None]
            count = len(bounds) - 1
            tasks += [
                _Range(name, tuple(files), n, count, lower, upper, divided.get(name, ()))
                for n, (lower, upper) in enumerate(pairwise(bounds))
            ]
        return tasks

    def replaced(self, folder: Folder) -> Iterator[tuple[list[Place], str]]:
        """Return the files of each table that are rewritten."""
        for names in self.whole:
            for name in names:
                if files := folder.files(name).all:
                    yield list(files), name
        for of_family in self.chosen.values():
            for name, chosen in of_family.items():
                yield [path for path in folder.files(name).all if path.name in chosen], name

    def records(
        self, folder: Folder, staged: Sequence[Staged]
    ) -> tuple[dict[Path, Place], list[Place]]:
        """Write the records of the large families; return them, and all files that are replaced."""
        old = [path for places, _ in self.replaced(folder) for path in places]
        heads = {names[-1] for names in self.whole}
        old += [place for place in folder.records() if place.parent.name in heads]
        own: dict[Path, Place] = {}
        for names, chosen in self.chosen.items():
            states, _ = levels.states_without({n: folder.files(n) for n in names}, chosen)
            for file in staged:
                table, name = file.path.split("/")[-2:]
                if table in chosen:
                    states[table].files.append(name)
            temp, place, records = settling.write_record(folder, names[-1], states)
            own[temp] = place
            old += records
        return own, old


def _count(job: Job, name: str, files: Sequence[str], range_bytes: int) -> int:
    """Return how many ranges the files of a table have: by their size and the cores."""
    home = job.folder.tables / name
    size = sum(size_of(home / file) for file in files)
    return int(max(1, min(slots(job.spark), size // _LEAST_BYTES), -(-size // range_bytes)))


def _divided(
    job: Job, tables: Mapping[str, Sequence[str]], cuts: Mapping[str, list[str]]
) -> dict[str, tuple[Staged, ...]]:
    """Divide the rows of tables at the cuts into staged files."""
    tasks = []
    for name, files in tables.items():
        home = job.folder.tables / name
        sizes = {file: size_of(home / file) for file in files}
        groups = grouped(files, sizes.__getitem__, _DIVIDED_BYTES)
        tasks += [_Undivided(name, group) for group in groups]
    divide = _Divide(job.stage, Listing.of(job.folder), {name: cuts[name] for name in tables})
    found: dict[str, tuple[Staged, ...]] = {}
    for task, file in zip(tasks, job.run(divide, tasks), strict=True):
        found[task.table] = (*found.get(task.table, ()), file)
    return found


@dataclass(frozen=True, slots=True)
class _Divide:
    """The task that writes the rows of files divided by ranges, each in row groups of its own."""

    stage: Stage
    listing: Listing
    cuts: Mapping[str, Sequence[str]]

    def __call__(self, task: _Undivided) -> Staged:
        folder, table = ListedFolder(self.stage, self.listing), TABLES[task.table]
        source = levels.source_of(folder, table, folder.files(table.name), task.files)
        cuts = ["", *self.cuts[table.name]]
        with Worker(folder) as worker:
            bounds = pa.table({"cut": pa.array(cuts, pa.string()), "number": range(len(cuts))})
            worker.connection.register("bounds", bounds)
            rank = key_ranges.rank_text(table, key_ranges.range_key(table))
            columns = quoted(stored_schema(table.name).names)
            query = (
                f"SELECT {columns}, number AS _range FROM (SELECT *, {rank} AS _rank "
                f"FROM {source}) AS rows ASOF JOIN bounds ON rows._rank >= bounds.cut "
                "ORDER BY number"
            )
            temp = folder.new_temp()
            _write_ranges(temp, worker.connection, query)
        folder.place({temp: folder.tables / table.name / temp.name})
        (file,) = folder.take()
        return file


def _write_ranges(temp: Path, connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Write rows that come in the order of `_range`, each range in row groups of its own."""
    reader = connection.sql(query).to_arrow_reader(BATCH_ROWS)
    waiting: list[pa.RecordBatch] = []
    current = 0
    # the statistics say which row groups a range has
    options = {"compression": "lz4", "write_statistics": ["_range"]}
    with pq.ParquetWriter(temp, reader.schema, **options) as writer:
        for batch in reader:
            for number, rows in _by_range(batch):
                size = sum(each.nbytes for each in waiting)
                if waiting and (number != current or size >= _GROUP_BYTES):
                    writer.write_table(pa.Table.from_batches(waiting, reader.schema))
                    waiting = []
                current = number
                waiting.append(rows)
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, reader.schema))


def _by_range(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    numbers = batch.column("_range").to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
    for start, end in pairwise(starts):
        if end > start:
            yield int(numbers[start]), batch.slice(start, end - start)


@dataclass(frozen=True, slots=True)
class _Sort:
    """The task that writes the sorted rows of a range of keys, or of a small family."""

    stage: Stage
    listing: Listing
    generation: str
    memory: int

    def __call__(self, task: _Whole | _Range) -> list[Staged]:
        folder = ListedFolder(self.stage, self.listing)
        with Worker(folder, self.memory) as worker:
            if isinstance(task, _Whole):
                self._compact(folder, task, worker)
            else:
                self._sort(folder, task, worker)
        return folder.take()

    def _compact(self, folder: ListedFolder, task: _Whole, worker: Worker) -> None:
        files = {name: folder.files(name) for name in task.family}
        parent = files[task.family[-1]]
        for name, own in files.items():
            table, above = TABLES[name], None
            if table.parent:
                above = parent
            if own.all:
                rows = unique_rows(folder, table, own, above, worker)
                self._place(folder, name, write_sorted(folder, table, rows), 0)
        worker.forget()

    def _sort(self, folder: ListedFolder, task: _Range, worker: Worker) -> None:
        table = TABLES[task.table]
        files = folder.files(table.name)
        facts = Facts.of(path for path in files.all if path.name in task.chosen)
        facts = replace(facts, rows=facts.rows // task.count)
        if task.divided:
            paths = ", ".join(f"'{folder.at(file)}'" for file in task.divided)
            source = f"(FROM read_parquet([{paths}]) WHERE _range = {task.number})"
        else:
            source = levels.source_of(folder, table, files, task.chosen)
            keys = key_ranges.between(worker.connection, table, task.lower, task.upper)
            source = f"(FROM {source} WHERE {keys.holds(key_ranges.range_key(table))})"
        rows = levels.sorted_rows(table, source, facts, worker)
        temps = write_sorted(folder, table, rows, LEVELLED)
        self._place(folder, table.name, temps, 10 * task.number)

    def _place(self, folder: ListedFolder, name: str, temps: Sequence[Path], first: int) -> None:
        home = folder.tables / name
        folder.place({
            temp: home / base_name(temp, self.generation, first + n) for n, temp in enumerate(temps)
        })


@dataclass(frozen=True, slots=True)
class _PagesMerge:
    """The task that merges small files of pages."""

    stage: Stage

    def __call__(self, paths: Sequence[str]) -> list[Staged]:
        folder = TaskFolder(self.stage)
        temp, place = lifecycle.merged_pages(folder, [folder.path / path for path in paths])
        folder.place({temp: place})
        return folder.take()

"""Compaction on Spark: the rows of a family of tables are merged one range of keys after the other.

Three rounds of tasks: keys are sampled for the cuts between ranges, each file is divided by these
cuts into a staged file, and each range is merged by the functions that one machine uses. Ranges
have like numbers of rows, even if one author wrote half of the posts. A small family is merged by
one task.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import base_name
from xframes.archive.storage.folder import Files, head_of
from xframes.archive.storage.parts import stored_schema
from xframes.archive.storage.paths import opened
from xframes.archive.takedown import orders
from xframes.archive.upkeep import lifecycle
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
from xframes.schema import TABLES, Table
from xframes.spark.jobs import staging
from xframes.spark.jobs.staging import (
    ListedFolder,
    Listing,
    Stage,
    Staged,
    TaskFolder,
    Written,
)
from xframes.spark.jobs.takedown_job import SpreadPurge
from xframes.spark.jobs.tasks import slots
from xframes.sql import newest
from xframes.sql.newest import quoted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    from pyspark.sql import SparkSession

    from xframes.archive.storage.bucket import Place
    from xframes.spark.jobs.staging import Job

RANGE_BYTES = 384_000_000  # of the files of a family, which one task merges
_LEAST_BYTES = 24_000_000  # a smaller range is not worth a task
_SAMPLE = 1_000  # keys of each file
_GROUP_BYTES = 16_000_000  # Arrow data of one range in one row group of a divided file


@dataclass(frozen=True, slots=True)
class Division:
    """A file of a table that is divided by the cuts of its family."""

    family: int
    table: str
    path: str


@dataclass(frozen=True, slots=True)
class _Divided:
    """A staged file in which each range of keys has row groups of its own: by number of range."""

    table: str
    file: Staged
    groups: dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class _Merging:
    """A range of keys of a family to merge: whole files, or row groups of divided files.

    `groups` has the files of each table by their paths inside the archive, `pieces` the divided
    files with the row groups to read.
    """

    family: tuple[str, ...]
    generation: str
    number: int
    whole: dict[str, list[str]] = field(default_factory=dict)
    pieces: dict[str, list[tuple[Staged, list[int]]]] = field(default_factory=dict)


def compact(
    spark: SparkSession, url: str | os.PathLike[str], *, memory: int = MEMORY,
    range_bytes: int = RANGE_BYTES,
) -> Written:
    """Rewrite the tables so that their rows are unique and sorted, by tasks on Spark.

    Every table that has new files is rewritten as a whole. What was removed is erased first, and
    small files of pages are merged. The new files replace the old ones at once.

    Parameters
    ----------
    spark
        The Spark session, as in `import_pages`.
    url
        The archive.
    memory
        Memory that a task may use for rows, in bytes, approximately.
    range_bytes
        Bytes of the files of a table and its details that a task merges. They become one file of
        each table.

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
        with folder.lock("compact"):
            folder.look()
            folder.upgrade()
            plan = _Plan.of(job, range_bytes)
            staged = job.run(_Merge(job.stage, Listing.of(folder), memory), plan.merging())
            pages = lifecycle.mergeable_pages(folder)
            groups = [tuple(map(folder.inside, group)) for group in pages]
            merged = job.run(_PagesMerge(job.stage), groups)
            replaced = [*plan.files(), *plan.records(), *chain.from_iterable(pages)]
            files = [*chain.from_iterable(staged), *chain.from_iterable(merged)]
            written = job.publish(files, replaced=replaced)
            for table, old in plan.by_table().items():
                home = f"tables/{table}/"
                new = [folder.path / f.path for f in files if f.path.startswith(home)]
                folder.note_made_of(old, new)
            for group, new_files in zip(pages, merged, strict=True):
                folder.note_made_of(group, [folder.path / f.path for f in new_files])
            lifecycle.clear(folder, job.views)
    return written


@dataclass(frozen=True, slots=True)
class _Plan:
    """The families to compact with their files, as listed once, and the ranges of each."""

    job: Job
    families: list[tuple[str, ...]]
    listed: dict[str, Files]
    counts: list[int]

    @classmethod
    def of(cls, job: Job, range_bytes: int) -> _Plan:
        """List the files, and decide how many ranges each family has."""
        folder = job.folder
        chosen: list[tuple[str, ...]] = []
        listed: dict[str, Files] = {}
        counts = []
        for names in families():
            files = {name: folder.files(name) for name in names}
            if worth_compacting(files.values()):
                chosen.append(tuple(names))
                listed |= files
                size = sum(each.bytes + each.base_bytes for each in files.values())
                shares = min(2 * slots(job.spark), size // _LEAST_BYTES)
                counts.append(int(max(1, shares, -(-size // range_bytes))))
        return cls(job, chosen, listed, counts)

    def by_table(self) -> dict[str, tuple[Place, ...]]:
        """Return the files of each table that is rewritten."""
        return {name: files.all for name, files in self.listed.items() if files.all}

    def files(self) -> Iterator[Place]:
        """Return all files that are rewritten."""
        yield from chain.from_iterable(self.by_table().values())

    def records(self) -> Iterator[Place]:
        """Return the records of which rows hold that name rewritten files."""
        heads = {head_of(name) for names in self.families for name in names}
        for place in self.job.folder.records():
            if place.parent.name in heads:
                yield place

    def merging(self) -> list[_Merging]:
        """Return the tasks that merge ranges; first the rounds that they need are run."""
        divided = self._divided()
        generation = self.job.folder.new_id()
        found = []
        for family, names in enumerate(self.families):
            if self.counts[family] == 1:
                whole = {name: self._paths(name) for name in names if self._paths(name)}
                found.append(_Merging(names, generation, 0, whole))
                continue
            pieces: dict[int, dict[str, list[tuple[Staged, list[int]]]]] = {}
            for each in divided.get(family, ()):
                for number, groups in each.groups.items():
                    of_range = pieces.setdefault(number, {})
                    of_range.setdefault(each.table, []).append((each.file, groups))
            found += [
                _Merging(names, generation, number, pieces=of_range)
                for number, of_range in sorted(pieces.items())
            ]
        return found

    def _paths(self, name: str) -> list[str]:
        return [self.job.folder.inside(path) for path in self.listed[name].all]

    def _divisions(self, family: int, names: Iterable[str]) -> Iterator[Division]:
        for name in names:
            for path in self._paths(name):
                yield Division(family, name, path)

    def _divided(self) -> dict[int, list[_Divided]]:
        """Divide the files of large families by ranges."""
        large = [n for n, count in enumerate(self.counts) if count > 1]
        heads = {n: self._sampled(n) for n in large}
        samples = [
            Division(n, head, path) for n, head in heads.items() for path in self._paths(head)
        ]
        keys: dict[int, list[tuple[str, float]]] = {}
        for each, sample in zip(samples, self.job.run(Sample(self.job.stage), samples),
                                strict=True):
            keys.setdefault(each.family, []).extend(sample)
        cuts = {n: cuts_of(keys.get(n, []), self.counts[n]) for n in large}
        names = [(n, name) for n in large for name in self.families[n]]
        divisions = [Division(n, name, path) for n, name in names for path in self._paths(name)]
        messages = self.job.run(_Divide(self.job.stage, cuts), divisions)
        divided: dict[int, list[_Divided]] = {}
        for division, message in zip(divisions, messages, strict=True):
            divided.setdefault(division.family, []).append(message)
        return divided

    def _sampled(self, family: int) -> str:
        """Return the table of a family whose keys are sampled: that of most bytes."""
        return max(self.families[family], key=lambda n: _bytes(self.listed[n]))


def _bytes(files: Files) -> int:
    return files.bytes + files.base_bytes


def cuts_of(sample: Iterable[tuple[str, float]], count: int) -> list[str]:
    """Return the keys between ranges of like weight."""
    ordered = sorted(sample)
    if not ordered:
        return []
    weights = np.cumsum([weight for _, weight in ordered])
    wanted = weights[-1] * np.arange(1, count) / count
    return sorted({ordered[n][0] for n in np.searchsorted(weights, wanted)})


def _rank(table: Table) -> str:
    """SQL of a row's place in the order of a family: by the parent's key, if it has details."""
    names = next(names for names in families() if table.name in names)
    key = key_ranges.range_key(table)
    if len(names) > 1:
        key = key[:1]
    return key_ranges.rank_text(table, key)


@dataclass(frozen=True, slots=True)
class Sample:
    """The task that samples the keys of a file; each represents a number of rows.

    A family is divided by the keys of the parent; without `by_family`, a table by its own keys.
    """

    stage: Stage
    by_family: bool = True

    def __call__(self, division: Division) -> list[tuple[str, float]]:
        """Return keys, each with the number of rows."""
        folder = TaskFolder(self.stage)
        table = TABLES[division.table]
        place = folder.path / division.path
        rows = pq.read_metadata(opened(place)).num_rows
        with Worker(folder) as worker:
            key = _rank(table)
            if not self.by_family:
                key = key_ranges.rank_text(table, key_ranges.range_key(table))
            query = (
                f"SELECT {key} AS rank FROM {newest.scan(table, [str(place)])} "
                f"USING SAMPLE reservoir({_SAMPLE} ROWS) REPEATABLE (1)"
            )
            ranks = worker.connection.sql(query).fetchall()
        return [(rank, rows / len(ranks)) for (rank,) in ranks]


@dataclass(frozen=True, slots=True)
class _Divide:
    """The task that divides a file by ranges of keys."""

    stage: Stage
    cuts: Mapping[int, Sequence[str]]

    def __call__(self, division: Division) -> _Divided:
        folder = TaskFolder(self.stage)
        table = TABLES[division.table]
        cuts = ["", *self.cuts[division.family]]
        with Worker(folder) as worker:
            bounds = pa.table({"cut": pa.array(cuts, pa.string()), "number": range(len(cuts))})
            worker.connection.register("bounds", bounds)
            rows = newest.scan(table, [str(folder.path / division.path)])
            columns = quoted(stored_schema(table.name).names)
            query = (
                f"SELECT {columns}, number AS _range FROM (SELECT *, {_rank(table)} AS _rank "
                f"FROM {rows}) AS rows ASOF JOIN bounds ON rows._rank >= bounds.cut "
                "ORDER BY number"
            )
            temp = folder.new_temp()
            groups = _write_ranges(temp, worker.connection, query)
        folder.place({temp: folder.tables / table.name / temp.name})
        (file,) = folder.take()
        return _Divided(table.name, file, groups)


def _write_ranges(
    temp: Path, connection: duckdb.DuckDBPyConnection, query: str
) -> dict[int, list[int]]:
    """Write rows that come in the order of ranges; return the row groups of each range."""
    reader = connection.sql(query).to_arrow_reader(BATCH_ROWS)
    schema = pa.schema([each for each in reader.schema if each.name != "_range"])
    groups: dict[int, list[int]] = {}
    waiting: list[pa.RecordBatch] = []
    current = count = 0
    with pq.ParquetWriter(temp, schema, compression="lz4", write_statistics=False) as writer:
        for batch in reader:
            for number, rows in _by_range(batch):
                if waiting and (
                    number != current or sum(b.nbytes for b in waiting) >= _GROUP_BYTES
                ):
                    writer.write_table(pa.Table.from_batches(waiting, schema))
                    groups.setdefault(current, []).append(count)
                    count += 1
                    waiting = []
                current = number
                waiting.append(rows.select(schema.names))
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))
            groups.setdefault(current, []).append(count)
    return groups


def _by_range(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    numbers = batch.column("_range").to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
    for start, end in pairwise(starts):
        if end > start:
            yield int(numbers[start]), batch.slice(start, end - start)


@dataclass(frozen=True, slots=True)
class _Merge:
    """The task that merges one range of keys of a family of tables."""

    stage: Stage
    listing: Listing
    memory: int

    def __call__(self, merging: _Merging) -> list[Staged]:
        folder = ListedFolder(self.stage, self.listing)
        with folder.scratch("range") as scratch, Worker(folder, self.memory) as worker:
            files = {name: _files(folder, merging, name, scratch) for name in merging.family}
            parent = files[merging.family[-1]]
            for name in merging.family:
                table = TABLES[name]
                if not files[name].all:
                    continue
                above = None
                if table.parent:
                    above = parent
                rows = unique_rows(folder, table, files[name], above, worker)
                temps = write_sorted(folder, table, rows)
                home = folder.tables / name
                folder.place({
                    temp: home / base_name(temp, merging.generation, 10 * merging.number + n)
                    for n, temp in enumerate(temps)
                })
            worker.forget()
        return folder.take()


def _files(folder: TaskFolder, merging: _Merging, name: str, scratch: Path) -> Files:
    """Return the rows of a table in a range as files."""
    if name in merging.whole:
        return Files(parts=tuple(folder.path / path for path in merging.whole[name]))
    pieces = merging.pieces.get(name)
    if not pieces:
        return Files()
    path = scratch / f"{name}.parquet"
    with pq.ParquetWriter(path, _read_schema(folder, pieces), compression="lz4") as writer:
        for staged, groups in pieces:
            with pq.ParquetFile(opened(folder.at(staged))) as file:
                for group in groups:
                    writer.write_table(file.read_row_group(group))
    return Files(parts=(path,))


def _read_schema(folder: TaskFolder, pieces: Sequence[tuple[Staged, Any]]) -> pa.Schema:
    return pq.read_schema(opened(folder.at(pieces[0][0])))


@dataclass(frozen=True, slots=True)
class _PagesMerge:
    """The task that merges small files of pages."""

    stage: Stage

    def __call__(self, paths: Sequence[str]) -> list[Staged]:
        folder = TaskFolder(self.stage)
        temp, place = lifecycle.merged_pages(folder, [folder.path / path for path in paths])
        folder.place({temp: place})
        return folder.take()

"""Rebuild on Spark: all tables again from the pages, and pages of any source as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.ingest.imports import write_rows
from xframes.archive.storage.folder import Folder
from xframes.archive.storage.parts import part_runs, read_part
from xframes.archive.storage.paths import opened, size_of
from xframes.archive.storage.workers import only_once
from xframes.archive.upkeep.rebuild import adopt, keep_runs
from xframes.errors import ArchiveError
from xframes.schema import STORED
from xframes.screen import counted
from xframes.spark.jobs import staging
from xframes.spark.jobs.keys import key_settling
from xframes.spark.jobs.page_import import Flattened, stage_pages
from xframes.spark.jobs.staging import Stage, TaskFolder, Written
from xframes.spark.jobs.tasks import grouped, slots

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from pyspark.sql import SparkSession

    from xframes.archive.storage.bucket import Place
    from xframes.spark.jobs.staging import Job

_TASK_BYTES = 32_000_000  # of files of pages, which are compressed: about one part of an import
_PATIENCE = 10.0  # seconds to wait for readers of the old tables


@dataclass(frozen=True, slots=True)
class _Flattening:
    """The task that flattens files of pages, named by their paths inside the archive."""

    stage: Stage

    def __call__(self, paths: Sequence[str]) -> tuple[Flattened, list[dict[str, Any]]]:
        folder = TaskFolder(self.stage)
        places = [folder.path / path for path in paths]
        pages = (page for place in places for page in read_part(place))
        message = stage_pages(self.stage, pages, Flattened(), keep_pages=False)
        return message, [run for place in places for run in part_runs(place)]


def rebuild(spark: SparkSession, url: str | os.PathLike[str], *, lose: bool = False) -> Written:
    """Rebuild every table of an archive from its pages, by tasks on Spark.

    Queries use the old tables until the new ones are complete, which then replace them at once.

    Parameters
    ----------
    spark
        The Spark session, as in `import_pages`.
    url
        The archive.
    lose
        Drop rows whose page is missing from the archive.

    Returns
    -------
    Written
        What was written, and how many files it replaces.

    Raises
    ------
    ArchiveError
        If a page is damaged, or if the tables have rows of missing pages (unless `lose`). The
        tables then stay as they are.

    Examples
    --------
    >>> jobs.rebuild(spark, "s3://bucket/archive")
    """
    with staging.job(spark, url) as job:
        folder = job.folder
        with folder.lock("compact"), folder.lock("flush"), folder.scratch("rebuild") as scratch:
            folder.recover_locked()
            folder.look()
            parts = folder.page_parts()
            old = {name: folder.files(name) for name in STORED}
            files = [path for of_table in old.values() for path in of_table.all]
            if not lose:
                _refuse_loss(job, parts, files)
            most = sum(map(size_of, parts)) // (2 * slots(spark))
            groups = grouped(parts, size_of, max(1, min(_TASK_BYTES, most)))
            items = [tuple(map(folder.inside, group)) for group in groups]
            messages = job.run(_Flattening(job.stage), items)
            unknown = only_once(row for message, _ in messages for row in message.unknown)
            new_tables = Folder(scratch / "made")
            new_tables.create()
            problems = pa.Table.from_pylist(unknown, schema=STORED["problems"].schema)
            write_rows(new_tables, {"problems": problems})
            runs = [run for _, of_task in messages for run in of_task]
            keep_runs(new_tables, runs, old["runs"].all)
            staged = [each for message, _ in messages for each in message.staged]
            written = job.publish(
                staged, own=adopt(folder, new_tables), replaced=[*files, *folder.records()],
                lock=staging.held(),
            )
        key_settling.tidy(job)
        with job.views.readers.alone(wait=_PATIENCE) as alone:
            if alone:
                folder.finish_removals()
    return written


@dataclass(frozen=True, slots=True)
class _PageIds:
    """The task that reads which pages the rows of files come from."""

    stage: Stage

    def __call__(self, paths: Iterable[str]) -> Iterator[pa.RecordBatch]:
        folder = TaskFolder(self.stage)
        for path in paths:
            with pq.ParquetFile(opened(folder.path / path)) as file:
                for group in range(file.num_row_groups):
                    ids = file.read_row_group(group, ["page_id"])["page_id"].unique()
                    yield pa.RecordBatch.from_arrays([ids], names=["page_id"])


def _refuse_loss(job: Job, parts: Sequence[Place], files: Sequence[Place]) -> None:
    """Raise ArchiveError if the tables have rows of pages that are missing.

    Spark compares the ids, which may be too many for the driver.
    """
    named, present = _page_ids(job, files), _page_ids(job, parts)
    missing = named.dropna().distinct().join(present, "page_id", "left_anti")
    first = missing.limit(1).collect()
    if first:
        raise ArchiveError(
            f"{job.folder.path}: a rebuild would lose the rows of "
            f"{counted(missing.count(), 'page')} that pages/ lacks (e.g. {first[0]['page_id']}). "
            "Merge a copy of the archive that has the pages, or pass lose=True"
        )


def _page_ids(job: Job, places: Sequence[Place]) -> Any:
    paths = [job.folder.inside(place) for place in places]
    read = _PageIds(job.stage)

    def serve(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from read(paths[number] for number in batch.column(0).to_pylist())

    spread = max(1, min(len(paths), 4 * slots(job.spark)))
    numbers = job.spark.range(0, len(paths), 1, spread)
    return numbers.mapInArrow(serve, "page_id string")

"""Merge on Spark: tasks copy and check the files of another archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.archive.storage.folder import Folder
from xframes.archive.storage.paths import size_of
from xframes.archive.storage.readers import Readers
from xframes.archive.takedown import orders
from xframes.archive.upkeep.merge import (
    MERGE_TRIES,
    add_journal,
    busy,
    copy_file,
    warn_of_removals,
)
from xframes.errors import ArchiveError
from xframes.spark.jobs import staging
from xframes.spark.jobs.keys import key_settling
from xframes.spark.jobs.staging import Stage, Staged, TaskFolder, Written
from xframes.spark.jobs.takedown_job import SpreadPurge
from xframes.spark.jobs.tasks import grouped, slots

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

    from xframes.spark.jobs.staging import Job

_TASK_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class _Copying:
    """The task that copies files of another archive.

    It gets pairs of paths: inside any archive, and where the file is now in that one.
    """

    stage: Stage
    source: str

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[Staged]:
        folder, source = TaskFolder(self.stage), Folder(self.source, only_read=True)
        for inside, now in pairs:
            temp = folder.new_temp()
            try:
                copy_file(source, inside, source.path / now, temp)
            except FileNotFoundError:  # a compaction of the other archive replaced the file
                temp.unlink(missing_ok=True)
                continue
            folder.place({temp: folder.path / inside})
        return folder.take()


def merge(
    spark: SparkSession, url: str | os.PathLike[str], other: str | os.PathLike[str]
) -> Written:
    """Add everything from another archive by copying its files, by tasks on Spark.

    All files are checked. They become visible at once, at the end.

    Parameters
    ----------
    spark
        The Spark session, as in `import_pages`.
    url
        The archive. It is created if it is missing.
    other
        The archive to add, which is not changed.

    Returns
    -------
    Written
        The numbers of rows, files and bytes that were copied.

    Raises
    ------
    ArchiveError
        If `other` is not an archive, or one of its files is damaged. Then nothing is added.

    Examples
    --------
    >>> jobs.merge(spark, "s3://bucket/archive", "s3://bucket/of-a-colleague")
    """
    source = Folder(other, only_read=True)
    if not source.exists:
        raise ArchiveError(f"{source.path} is not an archive")
    with staging.job(spark, url, create=True) as job:
        with Readers(source).reading():
            staged = _copied(job, source)
            removals = sum(f.rows for f in staged if f.path.startswith("tables/tombstones/"))
            warn_of_removals(job.folder, source, removals)
            with job.folder.lock("flush"):
                job.folder.forget_purges()  # the new files may contain what was removed here
                written = job.publish(staged, lock=staging.held())
            add_journal(job.folder, source)
        orders.purge(job.access, SpreadPurge(job))
        key_settling.tidy(job)
    return written


def _copied(job: Job, source: Folder) -> list[Staged]:
    """Stage copies of the files that the archive lacks."""
    job.folder.look()
    staged: list[Staged] = []
    for _ in range(MERGE_TRIES):
        source.look()
        present = {each.path for each in staged}
        missing = {
            inside: place for inside, place in source.contents().items()
            if inside not in present and not (job.folder.path / inside).exists()
        }
        if not missing:
            return staged
        pairs = [(inside, source.inside(place)) for inside, place in missing.items()]
        sizes = dict(zip(pairs, map(size_of, missing.values()), strict=True))
        most = sum(sizes.values()) // (2 * slots(job.spark))
        groups = grouped(pairs, sizes.__getitem__, max(1, min(_TASK_BYTES, most)))
        work = _Copying(job.stage, source.address)
        staged += [each for some in job.run(work, groups) for each in some]
    raise busy(source)

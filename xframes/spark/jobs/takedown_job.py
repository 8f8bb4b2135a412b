"""Takedown on Spark: tasks look for what must be removed, and rewrite the files that have it.

What belongs to a removed post or person is decided on the driver, by the queries of one machine
over the columns of ids; the order of steps is that of a purge on one machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from xframes.archive.storage.page_redaction import Traces
from xframes.archive.storage.paths import size_of
from xframes.archive.takedown import orders
from xframes.archive.takedown.erasure import PageSizes, Rewritten
from xframes.archive.takedown.removal import file_without, is_clean, traces_in
from xframes.spark.jobs import staging
from xframes.spark.jobs.staging import Stage, TaskFolder
from xframes.spark.jobs.tasks import grouped, slots

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from pyspark.sql import SparkSession

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.redaction import Targets
    from xframes.spark.jobs.staging import Job, Staged

_TASK_BYTES = 128_000_000


@dataclass(frozen=True, slots=True)
class _Swap:
    """A rewritten file: the path of the old one inside the archive, and the staged new one."""

    path: str
    staged: Staged
    stays: np.ndarray


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """The task that rewrites files without the targets; `sizes` are those of rewritten pages."""

    stage: Stage
    targets: Targets
    sizes: Mapping[str, tuple[int, int]]

    def __call__(self, paths: Sequence[str]) -> tuple[list[_Swap], dict[str, tuple[int, int]]]:
        folder, sizes, swaps = TaskFolder(self.stage), PageSizes(self.sizes), []
        for path in paths:
            new = file_without(folder, folder.path / path, self.targets, sizes)
            if new is not None:
                folder.place({new.temp: new.place})
                (staged,) = folder.take()
                swaps.append(_Swap(path, staged, new.stays))
        added = {id_: size for id_, size in sizes.sizes.items() if id_ not in self.sizes}
        return swaps, added


@dataclass(frozen=True, slots=True)
class _Tracing:
    """The task that reads what files of pages say of the targets."""

    stage: Stage
    targets: Targets

    def __call__(self, paths: Sequence[str]) -> Traces:
        folder = TaskFolder(self.stage)
        return traces_in([folder.path / path for path in paths], self.targets)


@dataclass(frozen=True, slots=True)
class _Checking:
    """The task that finds the files that contain something of the targets."""

    stage: Stage
    targets: Targets

    def __call__(self, paths: Sequence[str]) -> list[str]:
        folder, sizes = TaskFolder(self.stage), PageSizes()
        return [
            path for path in paths
            if not is_clean(folder, folder.path / path, self.targets, sizes)
        ]


class SpreadPurge:
    """The work of a purge, spread over the executors."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def traces(self, parts: Sequence[Place], targets: Targets) -> Traces:
        """Return what files of pages say of the targets."""
        traces = Traces()
        for each in self._job.run(_Tracing(self._job.stage, targets), self._groups(parts)):
            traces.handles |= each.handles
            traces.shown |= each.shown
            traces.words |= each.words
        return traces

    def rewritten(self, paths: Sequence[Place], targets: Targets) -> dict[Place, Rewritten]:
        """Rewrite the files that contain something of the targets: pages first, then tables."""
        folder = self._job.folder
        pages = [path for path in paths if path.parent == folder.pages]
        swaps: dict[Place, Rewritten] = {}
        sizes: dict[str, tuple[int, int]] = {}
        for some in (pages, [path for path in paths if path.parent != folder.pages]):
            work = _Rewriting(self._job.stage, targets, sizes)
            for of_task, added in self._job.run(work, self._groups(some)):
                for swap in of_task:
                    temp = folder.temp / swap.staged.name
                    place = folder.path / swap.staged.path
                    swaps[folder.path / swap.path] = Rewritten(temp, place, swap.stays)
                sizes |= added
        return swaps

    def unclean(self, paths: Sequence[Place], targets: Targets) -> list[Place]:
        """Return the files that contain something of the targets, or cannot be read."""
        found = self._job.run(_Checking(self._job.stage, targets), self._groups(paths))
        return [self._job.folder.path / path for path in chain.from_iterable(found)]

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """Publish staged files and those of the driver, all or none. Needs the flush lock."""
        folder, stage = self._job.folder, self._job.stage.name
        for temp in moves:
            if temp.exists():
                folder.storage.stage(temp, stage)
        folder.publish(stage, {temp.name: final for temp, final in moves.items()})

    def _groups(self, paths: Sequence[Place]) -> list[tuple[str, ...]]:
        most = sum(map(size_of, paths)) // (2 * slots(self._job.spark))
        groups = grouped(paths, size_of, max(1, min(_TASK_BYTES, most)))
        return [tuple(map(self._job.folder.inside, group)) for group in groups]


def remove(
    spark: SparkSession, url: str | os.PathLike[str], post_ids: Iterable[str | int] = (),
    user_ids: Iterable[str | int] = (), *, reason: str,
) -> dict[str, int]:
    """Remove posts and people for good, by tasks on Spark, as `Archive.remove` does.

    They are hidden at once. Then the files that have something of them are rewritten, and replaced
    at once.

    Parameters
    ----------
    spark
        The Spark session, as in `import_pages`.
    url
        The archive.
    post_ids, user_ids, reason
        As in `Archive.remove`.

    Returns
    -------
    dict
        As in `Archive.remove`.

    Raises
    ------
    ArgumentError
        If an id is invalid, or the archive does not know a handle.
    ArchiveError
        If there is nothing to remove, or files cannot be rewritten now.

    Examples
    --------
    >>> jobs.remove(spark, "s3://bucket/archive", post_ids=["20"], reason="deleted at X")
    """
    with staging.job(spark, url) as job:
        return orders.remove(job.access, post_ids, user_ids, reason, SpreadPurge(job))

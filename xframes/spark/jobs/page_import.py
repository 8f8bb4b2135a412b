"""Import of files on Spark: tasks read, flatten and stage; the driver publishes all at once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from xframes.archive.ingest.imports import ImportFailed, importing, printable
from xframes.archive.storage.parts import IMPORT_BYTES, Tally, gathered, size
from xframes.archive.storage.workers import Work, only_once
from xframes.archive.takedown import orders
from xframes.reader import NotPages, choices
from xframes.spark.jobs import splits, staging
from xframes.spark.jobs.keys import key_settling
from xframes.spark.jobs.staging import Stage, Staged, StageTarget, TaskFolder, Written
from xframes.spark.jobs.takedown_job import SpreadPurge
from xframes.spark.jobs.tasks import slots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import SparkSession

    from xframes.reader import Choices
    from xframes.spark.jobs.splits import Piece, Source
    from xframes.wire import Page

_LEAST_BYTES = 16_000_000  # a smaller share of a file is not worth a task
_TASKS_PER_SLOT = 2  # so that no core waits long for the last task


@dataclass(slots=True)
class Flattened:
    """The message of a task: what it staged, the counts of each run, and what it could not read.

    `empty` are pieces without pages, which is a fault only if the other pieces have none either.
    """

    staged: list[Staged] = field(default_factory=list)
    tally: dict[str | None, Tally] = field(default_factory=dict)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    empty: list[tuple[Piece, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The task that reads pieces of files."""

    stage: Stage
    chosen: Choices

    def __call__(self, pieces: Sequence[Piece]) -> Flattened:
        message = Flattened()
        return stage_pages(self.stage, self._pages(pieces, message), message)

    def _pages(self, pieces: Sequence[Piece], message: Flattened) -> Iterator[Page]:
        for piece in pieces:
            chosen = replace(self.chosen, is_named=piece.source.is_named)
            try:
                yield from splits.read(piece, chosen)
            except NotPages as error:
                if piece.members is not None:
                    message.empty.append((piece, str(error)))
                    continue
                faults = message.damaged if piece.source.is_named else message.refused
                faults[piece.run_id] = str(error)
            except Exception as error:  # noqa: BLE001  # the other files are read all the same
                text = str(error) or type(error).__name__
                message.damaged[piece.run_id] = printable(text)


def stage_pages(
    stage: Stage, pages: Iterable[Page], message: Flattened, *, keep_pages: bool = True
) -> Flattened:
    """Flatten pages, stage their files, and return the message with what was done."""
    folder = TaskFolder(stage)
    work = Work(StageTarget(stage.address, keep_pages, None, folder))
    try:
        for batch in gathered(pages, size):
            work.add(batch)
        tally, message.unknown = work.finish()
    except BaseException:
        work.abort()
        raise
    message.tally = {run_id: replace(count, keys={}) for run_id, count in tally.items()}
    message.staged = folder.staged
    return message


def import_pages(
    spark: SparkSession, url: str | os.PathLike[str],
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *,
    include: str | Iterable[str] = (), columns: Mapping[str, str] | None = None,
    observed_at: datetime | str | None = None, task_bytes: int = IMPORT_BYTES,
) -> Written:
    """Import files of pages or posts into an archive, each as a run, by tasks on Spark.

    Large files of lines are divided by bytes, a large zip or tar by the files in it; other files
    are read by one task each. All pages and rows become visible at once, at the end. The id of a
    run comes from the name and the first bytes of its file, so importing a file again adds nothing.

    Parameters
    ----------
    spark
        The Spark session. Its executors need xframes, and must reach the archive and the files at
        the same paths or URLs.
    url
        The archive: a folder that all executors share, or a URL. It is created if it is missing.
    paths
        A file, a folder (all files in it), or several of both; also URLs of fsspec.
    include, columns, observed_at
        As in `Archive.import_pages`.
    task_bytes
        Bytes that a task reads at most, unless one file that cannot be divided has more. They
        become one file of each table.

    Returns
    -------
    Written
        The numbers of rows by table, of files and of bytes, and the ids of the runs.

    Raises
    ------
    ArchiveError
        If a file is missing, or, after all others are imported, could not be read to its end.

    Examples
    --------
    >>> jobs.import_pages(spark, "s3://bucket/archive", "s3://bucket/raw")
    """
    chosen = choices(include, columns, observed_at)
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    files = splits.sources(dict.fromkeys(os.fspath(path) for path in paths))
    with staging.job(spark, url, create=True) as job:
        ids = [file.run_id() for file in files]
        names = {run_id: printable(file.name) for run_id, file in zip(ids, files, strict=True)}
        total = sum(file.size for file in files)
        most = total // (_TASKS_PER_SLOT * slots(spark))
        most = min(task_bytes, max(_LEAST_BYTES, most))
        arguments = {run_id: {"file": name} for run_id, name in names.items()}
        with importing(job.folder, arguments) as end:
            pieces = splits.pieces(files, ids, most, chosen, job.run)
            messages = job.run(_Reading(job.stage, chosen), pieces)
            staged = [each for message in messages for each in message.staged]
            written = job.publish(staged)
            tally = merged_tally(messages)
            damaged, refused = _faults(messages, tally)
            unknown = only_once(row for message in messages for row in message.unknown)
            end(tally, damaged | refused, unknown)
        orders.remove_returned(job.access, SpreadPurge(job))
        key_settling.tidy(job)
    faults = [*damaged.values(), *_empty_folders(files, ids, refused)]
    if faults:
        raise ImportFailed("some files could not be read to the end (the pages before the fault "
                           f"were added): {'; '.join(faults)}")
    return replace(written, runs=tuple(dict.fromkeys(ids)))


def merged_tally(messages: Iterable[Flattened]) -> dict[str | None, Tally]:
    """Add up the counts of tasks by run."""
    tally: dict[str | None, Tally] = {}
    for message in messages:
        for run_id, count in message.tally.items():
            tally.setdefault(run_id, Tally()).merge(count)
    return tally


def _faults(
    messages: Iterable[Flattened], tally: Mapping[str | None, Tally]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return why files were not read to the end, and why files of folders have no pages."""
    damaged: dict[str, str] = {}
    refused: dict[str, str] = {}
    for message in messages:
        for of_run, why in message.damaged.items():
            if of_run in damaged:
                damaged[of_run] += f"; {why}"
            else:
                damaged[of_run] = why
        refused |= message.refused
        for piece, reason in message.empty:
            if piece.run_id not in tally:
                faults = damaged if piece.source.is_named else refused
                faults.setdefault(piece.run_id, reason)
    for run_id, count in tally.items():
        if count.failed is not None:
            damaged.setdefault(str(run_id), printable(count.failed))
    return damaged, refused


def _empty_folders(
    files: Sequence[Source], ids: Sequence[str], refused: Mapping[str, str]
) -> Iterator[str]:
    """Return a message for each folder of which no file could be read."""
    by_root: dict[str, list[str]] = {}
    for file, run_id in zip(files, ids, strict=True):
        if not file.is_named:
            by_root.setdefault(file.root, []).append(run_id)
    for root, of_root in by_root.items():
        if all(run_id in refused for run_id in of_root):
            reasons = "; ".join(dict.fromkeys(refused[run_id] for run_id in of_root))
            yield printable(f"{root} has no pages: {reasons}")

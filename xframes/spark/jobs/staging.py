"""Staged files: written by tasks, and published by the driver, all at once.

Until then they are not part of the archive. A task writes files under names that no other attempt
uses, and returns them in its message. The driver publishes the files of the messages that Spark
returned, all or none, and with them the markers that hide what they replace. Everything else that
was staged is removed: at the end of the job, or, if the driver dies, by the next process that
removes temporary files of the archive.
"""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from filelock import Timeout

from xframes.archive.ingest.access import Access
from xframes.archive.query.views import Views
from xframes.archive.storage.bucket import STAGING
from xframes.archive.storage.folder import Files, Folder, marker, new_id
from xframes.archive.storage.records import settled
from xframes.archive.storage.temporary import owner_of
from xframes.archive.storage.workers import Target
from xframes.errors import ArchiveError, ArgumentError
from xframes.schema import STORED
from xframes.spark.jobs import tasks

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from pyspark.sql import SparkSession

    from xframes.archive.storage.bucket import Place

    _Task = TypeVar("_Task")
    _Message = TypeVar("_Message")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the tasks of one job write: the archive's address, and the names of the job."""

    address: str
    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A finished file that is not part of the archive yet: its name, and its path in the archive.

    The path ends with the checksum of the content.
    """

    name: str
    path: str
    rows: int
    bytes: int


class TaskFolder(Folder):
    """The archive as a task sees it: it reads files, and stages what it would commit.

    Temporary files belong to the driver's job. Nothing is listed, locked or completed.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.staged: list[Staged] = []
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        super().__init__(stage.address)

    def check(self) -> bool:
        """Return True: the driver has checked the archive."""
        return True

    @property
    def local(self) -> Path:
        """A folder on this machine for the task alone."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="xframes-")
        return Path(self._scratch.name)

    def new_temp(self, suffix: str = ".parquet") -> Path:
        """Return the path of a new file that only this attempt uses."""
        home = self.temp
        if self.storage.is_shared:
            home = self.local
        return home / f"{new_id(self.now(), self.stage.owner)}{suffix}"

    def at(self, staged: Staged) -> Place:
        """Return where a staged file is."""
        if self.storage.is_shared:
            return self.path / f"{STAGING}/{self.stage.name}/{staged.name}"
        return self.temp / staged.name

    def take(self) -> list[Staged]:
        """Return what was staged since the last call."""
        staged, self.staged = self.staged, []
        return staged

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Create a temporary folder on this machine, and remove it at the end."""
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=self.local) as folder:
            yield Path(folder)

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """Stage finished files for the driver."""
        for temp, final in moves.items():
            rows = pq.read_metadata(temp).num_rows
            staged = Staged(temp.name, self.inside(final), rows, temp.stat().st_size)
            self.storage.stage(temp, self.stage.name)
            self.staged.append(staged)

    def place(self, moves: Mapping[Path, Place]) -> None:
        """Stage finished files for the driver."""
        self.commit(moves)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of an archive's tables at one moment, so that all tasks see the same rows."""

    names: dict[str, tuple[list[str], str | None]]
    new_tombstones: list[str]

    @classmethod
    def of(cls, folder: Folder) -> Listing:
        """List the present files."""
        names = {}
        for table in STORED:
            files = folder.files(table)
            record = None
            if files.settled:
                record = folder.inside(files.settled.place)
            names[table] = ([path.name for path in files.all], record)
        return cls(names, [path.name for path in folder.new_tombstones])


class ListedFolder(TaskFolder):
    """An archive as it was when it was listed."""

    def __init__(self, stage: Stage, listing: Listing) -> None:
        super().__init__(stage)
        self._listing = listing

    def look(self) -> None:
        """Do nothing: the files are those of the listing."""

    def files(self, table: str) -> Files:
        """Return the files of a table."""
        names, record = self._listing.names[table]
        home = self.tables / table
        known = None
        if record:
            known = settled.known(self.path / record)
        return Files.of({name: home / name for name in names}, known)

    @property
    def new_tombstones(self) -> tuple[Place, ...]:
        """The files of tombstones that no purge has handled yet."""
        return tuple(self.tables / "tombstones" / name for name in self._listing.new_tombstones)


@dataclass(frozen=True, slots=True)
class StageTarget(Target):
    """The stage of a job as the target of `workers.Work`."""

    task_folder: TaskFolder | None = None

    def folder(self) -> Folder:
        """Return the folder of the task."""
        assert self.task_folder
        return self.task_folder


@dataclass(frozen=True, slots=True)
class Written:
    """What a job wrote.

    Parameters
    ----------
    rows
        Number of rows written, by table; of pages under `pages`.
    files
        Number of files written.
    bytes
        Their size.
    replaced
        Number of files that they replace.
    runs
        Ids of the runs that an import created.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    replaced: int = 0
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One job on an archive: its Spark session, its archive and its stage."""

    spark: SparkSession
    folder: Folder
    views: Views
    access: Access
    stage: Stage

    def run(
        self, work: Callable[[_Task], _Message], items: Sequence[_Task]
    ) -> list[_Message]:
        """Run tasks on the executors, and return their messages in order."""
        return tasks.run(self.spark, items, work)

    def publish(
        self, staged: Iterable[Staged], *, own: Mapping[Path, Place] | None = None,
        replaced: Iterable[Place] = (), lock: AbstractContextManager[object] | None = None,
    ) -> Written:
        """Publish staged files and the driver's `own` temporary files, and hide those replaced.

        All or none. With `lock`, the caller holds the flush lock. Raises ArchiveError if another
        machine has replaced one of the files meanwhile.
        """
        folder = self.folder
        staged, replaced = list(staged), list(replaced)
        local = dict(own or {})
        for home in dict.fromkeys(place.parent for place in replaced):
            old = [place for place in replaced if place.parent == home]
            local[marker(folder, old)] = home / f"replaced-{folder.new_id()}.json"
        moves = {each.name: folder.path / each.path for each in staged}
        for temp, final in local.items():
            moves[temp.name] = final
            folder.storage.stage(temp, self.stage.name)
        with lock or folder.lock("flush"):
            if folder.storage.is_shared and replaced:
                self._check_present(replaced)
            if moves:
                folder.publish(self.stage.name, moves)
        return _written(staged, len(replaced))

    def _check_present(self, places: Iterable[Place]) -> None:
        self.folder.look()
        present = {*self.folder.contents().values(), *self.folder.records()}
        missing = [place for place in places if place not in present]
        if missing:
            raise ArchiveError(
                f"{self.folder.path}: another job replaced {missing[0].name} meanwhile; nothing "
                "was changed. Run this job again"
            )


@contextlib.contextmanager
def job(
    spark: SparkSession, url: str | os.PathLike[str], *, create: bool = False
) -> Iterator[Job]:
    """Open an archive for a job, and remove what is staged and not published at the end."""
    folder = Folder(url)
    if folder.storage.in_process:
        raise ArgumentError(
            f"url: expected a folder or a URL that all executors can reach, got {folder.address!r}"
        )
    if create:
        folder.create()
    folder.require()
    if not folder.exists:
        raise ArchiveError(f"{folder.path} is not an archive")
    folder.for_writing()
    views = Views(folder)
    access = Access(folder, views.readers)
    with access.writing():
        access.freshen()
        folder.look()
        folder.recover()
        with contextlib.suppress(Timeout), folder.lock("flush").acquire(timeout=0):
            folder.sweep()
        with folder.owned():
            note = folder.new_temp(".json")
            note.touch()
            stage = Stage(folder.address, str(owner_of(note.name)), note.stem)
            try:
                yield Job(spark, folder, views, access, stage)
            finally:
                views.close()
                _forget(folder, stage)


def _forget(folder: Folder, stage: Stage) -> None:
    if folder.storage.is_shared:
        folder.look()
        folder.storage.forget_stages([stage.name], folder.now().timestamp())


def held() -> AbstractContextManager[object]:
    """Return the lock of a caller that holds the flush lock already."""
    return nullcontext()


def _written(staged: Iterable[Staged], replaced: int) -> Written:
    rows: dict[str, int] = {}
    files = size = 0
    for each in staged:
        table = each.path.split("/")[-2]
        rows[table] = rows.get(table, 0) + each.rows
        files += 1
        size += each.bytes
    return Written(rows, files, size, replaced)

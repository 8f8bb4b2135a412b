"""The archive's folder: its format file, where files stand, how one appears (whole or not at all), and the locks.

In object storage the pages and tables are objects; journal, locks and temporary files stay in a folder of this machine.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

from xframes import __version__
from xframes.archive.bucket import Bucket, is_url
from xframes.archive.places import Object, Place, size_of
from xframes.archive.temporary import Ownership, owner_of
from xframes.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

log = logging.getLogger("xframes")
FORMAT = 1
_BASE = re.compile(r"base-(?P<generation>[0-9a-f]+)-\d+\.parquet")
_INTENT = "commit-"  # lists files about to appear together
REBUILT = "rebuilt-"  # folders of finished tables that only have to take the old ones' place
GRACE_SECONDS = 600.0  # what was replaced in a bucket stays so long for readers on other machines: no lock shows them
_TRIES = 4
_Result = TypeVar("_Result")


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id(now: datetime, owner: str = "") -> str:
    """An id that sorts by time: milliseconds since 1970, an owner's token, random digits; all hexadecimal."""
    return f"{int(now.timestamp() * 1000):012x}{owner}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Files:
    """The Parquet files of one table: compacted ones by generation, and parts."""

    bases: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    parts: tuple[Place, ...] = ()

    @property
    def generation(self) -> str | None:
        """The one generation of compacted files; None when there is none, or several (after a crash or a merge)."""
        return next(iter(self.bases)) if len(self.bases) == 1 else None

    @property
    def all(self) -> tuple[Place, ...]:
        """Every file, compacted ones first."""
        return (*(p for paths in self.bases.values() for p in paths), *self.parts)

    @property
    def bytes(self) -> int:
        """Size on disk of the parts."""
        return sum(size_of(p) for p in self.parts)

    @property
    def base_bytes(self) -> int:
        """Size on disk of the compacted files."""
        return sum(size_of(p) for paths in self.bases.values() for p in paths)


class Folder:
    """An archive's folder on a local disk, or its objects below a URL and its `home` on this machine.

    Raises ArchiveError when the path is a file, a folder that holds something else, an archive of a format this version
    does not know, or a URL that cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str] | Object, now: Callable[[], datetime] = utc_now) -> None:
        self.address = (str(path) if isinstance(path, Object) else os.fspath(path)).removeprefix("file://")
        self.bucket = Bucket(self.address) if is_url(self.address) else None
        self.path: Place = self.bucket.root if self.bucket else Path(self.address).expanduser()
        self.home = self.path if isinstance(self.path, Path) else self.path.bucket.home
        self.now = now
        self.pages = self.path / "pages"
        self.tables = self.path / "tables"
        self.journal = self.home / "journal.sqlite"
        self.temp = self.home / ".tmp"
        self._locks = self.home / ".locks"
        self._ownership = Ownership(self.temp, self._locks)
        self._format = self.path / "xframes.json"
        self.exists = self.check()

    def check(self) -> bool:
        """Whether the folder is an archive; False when there is nothing yet."""
        if isinstance(self.path, Path) and self.path.is_file():
            raise ArchiveError(f"{self.path} is a file, not an archive's folder")
        try:
            document = json.loads(self._format.read_text(encoding="utf-8"))
            version = int(document["format_version"])
        except FileNotFoundError:
            self.look()
            if any(not name.startswith(".") for name in names_in(self.path)):
                raise ArchiveError(f"{self.path} is not empty and not an xframes archive (no xframes.json)") from None
            return False
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ArchiveError(f"{self._format} cannot be read: {error}") from None
        if version > FORMAT:
            raise ArchiveError(
                f"{self.path} has archive format {version}, made by xframes {document.get('writer_version')}; this "
                f"version reads up to format {FORMAT}: upgrade xframes"
            )
        if self.bucket:
            self._settle()
        return True

    def _settle(self) -> None:
        """Make the folder on this machine of an archive in a bucket."""
        try:
            for folder in (self.temp, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            (self.home / "archive.txt").write_text(f"{self.path}\n", encoding="utf-8")
        except OSError as error:
            raise ArchiveError(f"{self.path} keeps its journal in {self.home}, which cannot be written ({error}); "
                               "XFRAMES_JOURNALS names another folder for journals") from None

    def create(self) -> None:
        """Make the folder an archive; nothing happens when it is one. Raises ArchiveError when it cannot be written."""
        if self.exists:
            self.for_writing()
            return
        if self.bucket:
            self._settle()
        for folder in (self.temp, self._locks):
            folder.mkdir(parents=True, exist_ok=True)
        document = {"format_version": FORMAT, "created_at": self.now().isoformat(timespec="seconds"),
                    "writer_version": __version__}
        with self.owned():
            temp = self.new_temp(".json")
            temp.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            # Before anything else shows: another process may be looking right now.
            self.place({temp: self._format})
        for place in (self.pages, self.tables):
            if isinstance(place, Path):
                place.mkdir(exist_ok=True)
        self.exists = True

    @property
    def writable(self) -> bool:
        """Whether this user may change the archive."""
        return os.access(self.home, os.W_OK)

    def for_writing(self) -> None:
        """Raise ArchiveError when this user may not change the archive."""
        if not self.writable:
            raise ArchiveError(f"{self.path} is read-only for you: it can be asked, not changed; copy it to change it")

    @property
    def in_process(self) -> bool:
        """Whether other processes see nothing of the archive: those in this process's memory."""
        return self.bucket is not None and self.bucket.in_process

    def look(self) -> None:
        """See what there is now; only buckets need to be looked at, a disk is seen at every question."""
        if self.bucket:
            self.bucket.look()

    def steady(self, work: Callable[[], _Result]) -> _Result:
        """Do work over the files there are; where another machine has replaced some meanwhile, over the new ones."""
        for _ in range(_TRIES if self.bucket else 0):
            assert self.bucket is not None
            before = self.bucket.losses
            try:
                return work()
            except Exception:
                self.look()
                if self.bucket.losses == before:
                    raise
        return work()

    def vanished(self, paths: Iterable[Place]) -> bool:
        """Whether another machine has replaced one of these."""
        if self.bucket:
            self.look()
        return self.bucket is not None and not all(p.exists() for p in paths)

    def inside(self, place: Place) -> str:
        """Where a file stands inside the archive, with slashes."""
        if isinstance(self.path, Path) and isinstance(place, Path):
            return place.relative_to(self.path).as_posix()
        assert isinstance(place, Object)
        return place.key

    def new_id(self) -> str:
        """A fresh id that sorts by time."""
        return new_id(self.now())

    def new_temp(self, suffix: str = ".parquet") -> Path:
        """Name a temporary file on the same disk, to be given its place by `place`; it says whose it is."""
        self.temp.mkdir(parents=True, exist_ok=True)
        return self.temp / f"{new_id(self.now(), self._ownership.token())}{suffix}"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Own the temporary files this thread makes inside; those left at the end are removed, always."""
        with self._ownership.owned() as token:
            try:
                yield
            finally:
                if not self._intents():  # a commit that failed halfway is completed from them
                    for entry in self.temp.glob(f"*{token}*"):
                        if owner_of(entry.name) == token:
                            remove(entry)

    def place(self, moves: Mapping[Path, Place]) -> None:
        """Give finished files their names, durably: content first, then names, then the folders that hold them."""
        for temp in moves:
            sync(temp)
        self._move(moves)

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """As `place`, but all or nothing: what a crash leaves half done, `recover` completes. Needs the flush lock."""
        if not moves:
            return
        for temp in moves:
            sync(temp)
        intent = self.temp / f"{_INTENT}{self.new_id()}.json"
        draft = self.new_temp(".json")
        draft.write_text(json.dumps([[temp.name, self.inside(final)] for temp, final in moves.items()]))
        self.place({draft: intent})  # from here on the files will be there, whatever happens
        self._move(moves)
        intent.unlink()

    def recover(self) -> None:
        """Complete the commits of processes that died on the way."""
        if not self._intents():
            return
        with contextlib.suppress(Timeout), self.lock("flush").acquire(timeout=10):
            self.recover_locked()

    def recover_locked(self) -> None:
        """The same for a caller that holds the flush lock."""
        for intent in self._intents():
            named = json.loads(intent.read_text())
            moves = {self.temp / temp: self.path / final for temp, final in named}
            self._move({temp: final for temp, final in moves.items() if temp.exists()})
            intent.unlink()
            log.warning("%s: completed what another process began: %d files", self.path, len(moves))

    def _intents(self) -> list[Path]:
        return sorted(self.temp.glob(f"{_INTENT}*.json")) if self.temp.is_dir() else []

    def _move(self, moves: Mapping[Path, Place]) -> None:
        if self.bucket:
            self.bucket.put({temp: final for temp, final in moves.items() if isinstance(final, Object)})
        local = {temp: final for temp, final in moves.items() if isinstance(final, Path)}
        for final in local.values():
            if not final.parent.is_dir():
                final.parent.mkdir(parents=True, exist_ok=True)
                sync(final.parent.parent)
        for temp, final in local.items():
            temp.replace(final)
        for parent in {final.parent for final in local.values()}:
            sync(parent)

    def files(self, table: str) -> Files:
        """The files of a table, without those a finished compaction has replaced."""
        return list_files(self.tables / table)

    @property
    def buried(self) -> tuple[Place, ...]:
        """The files of tombstones that no purge has dealt with yet: what they name must be hidden everywhere."""
        done = self.purged
        return tuple(p for p in self.files("tombstones").all if p.name not in done)

    @property
    def purged(self) -> frozenset[str]:
        """The names of files the last purge has left: tombstones it dealt with, and what is free of them."""
        return frozenset(read_replaced(self._purged))

    def note_purged(self, names: Iterable[str]) -> None:
        """Note that nothing is left in these files of what the tombstones among them name."""
        temp = self.new_temp(".json")
        temp.write_text(json.dumps(sorted(set(names))))
        self.place({temp: self._purged})

    def note_made_of(self, old: Iterable[Place], new: Iterable[Place]) -> None:
        """Note that files made of those a purge has left are as clean. Needs the lock `compact`."""
        if not self.purged:
            return
        with self.lock("flush"):  # a merge may just forget the purges
            done = self.purged
            if done.issuperset(p.name for p in old):
                self.note_purged(done.union(p.name for p in new))

    def forget_purges(self) -> None:
        """Note that files may again hold what tombstones name."""
        if isinstance(self._purged, Path):
            self._purged.unlink(missing_ok=True)
        else:
            self._purged.bucket.delete([self._purged.key])

    @property
    def _purged(self) -> Place:
        return self.tables / "tombstones" / "purged.json"

    def page_parts(self) -> tuple[Place, ...]:
        """The files that hold the pages, in the order of time."""
        return list_files(self.pages).parts

    def finish_removals(self, tables: Iterable[str], *, at_once: bool = True) -> None:
        """Remove the files that were replaced. Nobody on this machine may be reading.

        Unless `at_once`, those in a bucket stay until readers on other machines can be expected to be done.
        """
        until = None if at_once or not self.bucket else self.now().timestamp() - GRACE_SECONDS
        old, markers = list[Place](), list[Place]()
        for home in (self.pages, *(self.tables / name for name in tables)):
            for name in names_in(home):
                if name.startswith("replaced-") and (until is None or int(name[9:21], 16) / 1000 < until):
                    old += [home / gone for gone in read_replaced(home / name)]
                    markers.append(home / name)
        for several in (old, markers):
            if self.bucket:
                self.bucket.delete(p.key for p in several if isinstance(p, Object))
            for path in several:
                if isinstance(path, Path):
                    remove(path)

    def lock(self, name: str) -> FileLock:
        """A lock other processes see; it ends with the process that holds it."""
        self._locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self._locks / f"{name}.lock")

    def forget_lock(self, name: str) -> None:
        """Remove the file of a lock nobody will ask for again."""
        (self._locks / f"{name}.lock").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what dead processes left half written, for a caller that holds the flush lock.

        Nothing is removed while a commit or a rebuild waits to be completed: it needs these files.
        """
        if self._intents() or any(self.temp.glob(f"{REBUILT}*")):
            return
        for entry in self._ownership.abandoned():
            remove(entry)
        self._ownership.forget_dead()

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A temporary folder inside the archive, removed at the end."""
        folder = self.temp / f"{name}-{new_id(self.now(), self._ownership.token())}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)


def names_in(folder: Place) -> list[str]:
    """The names in a folder, sorted; none when it is missing."""
    if isinstance(folder, Object):
        return folder.bucket.names(folder.key)
    try:
        return sorted(e.name for e in os.scandir(folder))
    except FileNotFoundError:
        return []


def list_files(folder: Place) -> Files:
    """The Parquet files in a table's folder, without those listed in a `replaced-*.json` beside them."""
    names = names_in(folder)
    gone = {old for name in names if name.startswith("replaced-") for old in read_replaced(folder / name)}
    bases: dict[str, tuple[Place, ...]] = {}
    parts = []
    for name in names:
        if name in gone:
            continue
        if hit := _BASE.fullmatch(name):
            bases[hit["generation"]] = (*bases.get(hit["generation"], ()), folder / name)
        elif name.startswith("part-") and name.endswith(".parquet"):
            parts.append(folder / name)
    return Files(bases, tuple(parts))


def marker(folder: Folder, replaced: Iterable[Place]) -> Path:
    """A temporary file naming files of one table that others replace; it counts when it stands beside them."""
    temp = folder.new_temp(".json")
    temp.write_text(json.dumps([p.name for p in replaced]))
    return temp


def read_replaced(path: Place) -> list[str]:
    """The names a `replaced-*.json` lists; none when another process has just removed it."""
    try:
        return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError):
        return []


def remove(path: Path) -> None:
    """Remove a file or folder, whoever else is removing it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file's content, or a folder's names, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows keeps names durable by itself and opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The archive's folder: its format file, where files stand, how one appears (whole or not at all), and the locks.

In object storage the pages and tables are objects; journal, locks and temporary files stay in a folder of this machine.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

from xframes.archive.storage import settled
from xframes.archive.storage.bookkeeping import (
    BASE,
    INTENT,
    LOCK,
    MARKER,
    OWN_NAMES,
    PART,
    PURGED,
    is_data_file,
    is_link,
    read_document,
    read_moves,
    read_names,
)
from xframes.archive.storage.bucket import Bucket, Object, Place, is_url
from xframes.archive.storage.disk import Disk, remove, sync
from xframes.archive.storage.paths import size_of
from xframes.archive.storage.settled import Settled
from xframes.archive.storage.temporary import Ownership, owner_of
from xframes.errors import ArchiveError
from xframes.schema import TABLES
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

log = logging.getLogger("xframes")
FORMAT = 1
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
    settled: Settled | None = None

    @classmethod
    def of(cls, files: Mapping[str, Place], settled: Settled | None = None) -> Files:
        """Sort files by what their names say they are."""
        bases: dict[str, tuple[Place, ...]] = {}
        for name in sorted(files):
            if hit := BASE.fullmatch(name):
                bases[hit["generation"]] = (*bases.get(hit["generation"], ()), files[name])
        parts = tuple(files[name] for name in sorted(files) if PART.fullmatch(name))
        return cls(bases, parts, settled)

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


def head_of(table: str) -> str:
    """The table in whose folder the record of its family is."""
    return TABLES[table].parent or table


def _storage(address: str) -> Disk | Bucket:
    if is_url(address):
        return Bucket(address)
    return Disk(Path(address).expanduser())


class Folder:
    """An archive's folder on a local disk, or its objects below a URL and its `home` on this machine.

    With `only_read` nothing is ever written to it: no lock, no recovery, no flush.

    Raises ArchiveError when the path is a file, a folder that holds something else or reaches outside itself through
    links, an archive of a format this version does not know, or a URL that cannot be read.
    """

    def __init__(
        self, path: str | os.PathLike[str] | Object, now: Callable[[], datetime] = utc_now, *,
        only_read: bool = False,
    ) -> None:
        self.address = (str(path) if isinstance(path, Object) else os.fspath(path)).removeprefix("file://")
        self.storage = _storage(self.address)
        self.path: Place = self.storage.root
        self.home = self.storage.home
        self.now = now
        self.pages = self.path / "pages"
        self.tables = self.path / "tables"
        self.journal = self.home / "journal.sqlite"
        self.temp = self.home / ".tmp"
        self._locks = self.home / ".locks"
        self._local = Disk(self.home)
        self._ownership = Ownership(self.temp, self._locks)
        self._format = self.path / "xframes.json"
        self._only_read = only_read
        self._refused: set[str] = set()
        self.exists = self.check()

    def check(self) -> bool:
        """Whether the folder is an archive; False when there is nothing yet."""
        self.storage.check()
        try:
            for name in (*OWN_NAMES, *(f"tables/{table}" for table in TABLES)):
                if is_link(self.home / name):
                    raise ArchiveError(f"{self.home / name} is a link, and an archive is not read through links: "
                                       "put what it points to in its place")
        except OSError as error:
            raise ArchiveError(f"{self.path} cannot be read: {error.strerror}") from None
        try:
            document = read_document(self._format)
            version = int(document["format_version"])
        except FileNotFoundError:
            self.look()
            if any(not name.startswith(".") for name in self.storage.top_names()):
                raise ArchiveError(f"{self.path} is not empty and not an xframes archive (no xframes.json)") from None
            return False
        except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
            raise ArchiveError(f"{self._format} cannot be read: {error}") from None
        if version > FORMAT:
            raise ArchiveError(
                f"{self.path} has archive format {version}, made by xframes {document.get('writer_version')}; this "
                f"version reads up to format {FORMAT}: upgrade xframes"
            )
        self.storage.settle((self.temp, self._locks))
        return True

    def create(self) -> None:
        """Make the folder an archive; nothing happens when it is one. Raises ArchiveError when it cannot be written."""
        if self.exists:
            self.for_writing()
            return
        self.storage.settle((self.temp, self._locks))
        for folder in (self.temp, self._locks):
            folder.mkdir(parents=True, exist_ok=True)
        document = {"format_version": FORMAT, "created_at": self.now().isoformat(timespec="seconds"),
                    "writer_version": VERSION}
        with self.owned():
            temp = self.new_temp(".json")
            temp.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            # Before anything else shows: another process may be looking right now.
            self.place({temp: self._format})
        self.storage.create((self.pages, self.tables))
        self.exists = True

    @property
    def writable(self) -> bool:
        """Whether this user may change the archive."""
        return not self._only_read and os.access(self.home, os.W_OK)

    def for_writing(self) -> None:
        """Raise ArchiveError when this user may not change the archive."""
        if not self.writable:
            raise ArchiveError(f"no write permission for archive {self.path} (queries still work). "
                               "Copy it to modify it")

    def look(self) -> None:
        """See what there is now."""
        self.storage.look()

    def steady(self, work: Callable[[], _Result]) -> _Result:
        """Do work over the files there are; where another machine has replaced some meanwhile, over the new ones."""
        for _ in range(_TRIES):
            before = self.storage.losses
            try:
                return work()
            except Exception:
                self.look()
                if self.storage.losses == before:
                    raise
        return work()

    def vanished(self, paths: Iterable[Place]) -> bool:
        """Whether another machine has replaced one of these."""
        self.look()
        return self.storage.is_shared and not all(path.exists() for path in paths)

    def inside(self, place: Place) -> str:
        """Where a file stands inside the archive, with slashes."""
        return self.storage.inside(place)

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
        self.storage.put(moves)

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """As `place`, but all or nothing: what a crash leaves half done, `recover` completes. Needs the flush lock."""
        if not moves:
            return
        for temp in moves:
            sync(temp)
        intent = self.temp / f"commit-{self.new_id()}.json"
        draft = self.new_temp(".json")
        draft.write_text(json.dumps([[temp.name, self.inside(final)] for temp, final in moves.items()]))
        sync(draft)
        self._local.put({draft: intent})  # from here on the files will be there, whatever happens
        self.storage.put(moves)
        intent.unlink()

    def recover(self) -> None:
        """Complete the commits of processes that died on the way."""
        if not self.writable or not self._intents():
            return
        with contextlib.suppress(Timeout), self.lock("flush").acquire(timeout=10):
            self.recover_locked()

    def recover_locked(self) -> None:
        """Complete commits for a caller that holds the flush lock."""
        for intent, moves in self._intents().items():
            self.storage.put({temp: final for temp, final in moves.items() if _is_plain_file(temp)})
            intent.unlink()
            log.warning("%s: completed what another process began: %d files", self.path, len(moves))

    @property
    def pending(self) -> dict[Place, Path]:
        """Files of commits that are not completed, by where they belong: for reading without writing anything."""
        return {final: temp for moves in self._intents().values() for temp, final in moves.items()
                if is_data_file(final.name) and _is_plain_file(temp)}

    def _intents(self) -> dict[Path, dict[Path, Place]]:
        """The intents of commits with their moves; what names anything but this archive's own files is refused."""
        found = {}
        for name in self._local.names(self.temp) if self.temp.is_dir() else ():
            intent = self.temp / name
            if not INTENT.fullmatch(name):
                continue
            try:
                moves = read_moves(intent)
            except FileNotFoundError:
                continue
            except ValueError as error:
                self.refuse(intent, str(error))
                continue
            found[intent] = {self.temp / temp: self.path / final for temp, final in moves}
        return found

    def temp_names(self) -> list[str]:
        """The names of temporary files. Raises ArchiveError when they cannot be listed."""
        return self._local.names(self.temp)

    def refuse(self, place: Place, reason: str) -> None:
        """Say, once, that a file of this archive's bookkeeping is not used, and why."""
        if str(place) not in self._refused:
            self._refused.add(str(place))
            log.warning("%s is not used: %s", place, reason)

    def files(self, table: str) -> Files:
        """The files of a table, without those a finished compaction has replaced, and what is settled among them."""
        files = self._listed(self.tables / table)
        home = self.tables / head_of(table)
        above = files if head_of(table) == table else self._listed(home)
        for name in settled.records(above):
            try:
                record = settled.read(above[name])
            except FileNotFoundError:  # another process has just written a newer one
                continue
            except (OSError, ValueError) as error:
                self.refuse(home / name, str(error))
                continue
            if record.covers(table, files):
                return Files.of(files, record)
        return Files.of(files)

    def contents(self) -> dict[str, Place]:
        """Every file of pages and tables: its place inside the archive with slashes, and where it can be read."""
        homes = {"pages": self.pages} | {f"tables/{name}": self.tables / name for name in TABLES}
        return {f"{inside}/{name}": place for inside, home in homes.items()
                for name, place in self._listed(home).items() if is_data_file(name)}

    def _listed(self, home: Place) -> dict[str, Place]:
        """The files of a folder by name; those of pending commits too where they cannot be completed."""
        names = self.storage.names(home)
        gone = {old for name in names if MARKER.fullmatch(name) for old in self._replaced(home / name)}
        files = {name: home / name for name in names if name not in gone}
        if self.writable:
            return files
        waiting = {final.name: temp for final, temp in self.pending.items() if final.parent == home}
        return waiting | files

    def _replaced(self, marker: Place) -> list[str]:
        try:
            return read_names(marker)
        except ValueError as error:
            self.refuse(marker, str(error))
            return []

    @property
    def buried(self) -> tuple[Place, ...]:
        """The files of tombstones that no purge has dealt with yet: what they name must be hidden everywhere."""
        done = self.purged
        return tuple(p for p in self.files("tombstones").all if p.name not in done)

    @property
    def purged(self) -> frozenset[str]:
        """The names of files the last purge has left: tombstones it dealt with, and what is free of them."""
        return frozenset(self._replaced(self._purged))

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
        self.storage.delete([self._purged])

    @property
    def _purged(self) -> Place:
        return self.tables / "tombstones" / PURGED

    def page_parts(self) -> tuple[Place, ...]:
        """The files that hold the pages, in the order of time."""
        return Files.of(self._listed(self.pages)).parts

    def replaced(self) -> dict[Place, list[Place]]:
        """The files that others have replaced and that are still there, by the marker that names them."""
        homes = (self.pages, *(self.tables / name for name in TABLES))
        markers = [home / name for home in homes for name in self.storage.names(home) if MARKER.fullmatch(name)]
        return {marker: [p for n in self._replaced(marker) if (p := marker.parent / n).exists()] for marker in markers}

    def finish_removals(self, *, at_once: bool = False) -> None:
        """Delete the files that were replaced. No process on this machine may be reading.

        Unless `at_once`, those that readers on other machines may need stay for the storage's grace.
        """
        ready = self.replaced()
        if self.storage.grace_seconds and not at_once:
            until = self.now().timestamp() - self.storage.grace_seconds
            ready = {mark: old for mark, old in ready.items() if _marked_at(mark) < until}
        self.storage.delete([path for old in ready.values() for path in old])
        self.storage.delete(list(ready))

    def lock(self, name: str) -> FileLock:
        """A lock other processes see; it ends with the process that holds it.

        Raises ArchiveError for a name that is none of ours: owners of runs are read from the journal.
        """
        path = self._lock_path(name)
        self._locks.mkdir(parents=True, exist_ok=True)
        return FileLock(path)

    def _lock_path(self, name: str) -> Path:
        path = self._locks / f"{name}.lock"
        if not LOCK.fullmatch(name) or is_link(path):
            raise ArchiveError(f"{self.path}: {name!r:.80} is not a lock of this archive")
        return path

    def is_held(self, name: str) -> bool:
        """Whether a process holds a lock, as far as that shows without writing anything."""
        if not LOCK.fullmatch(name):
            return False
        try:
            import fcntl

            descriptor = os.open(self._lock_path(name), os.O_RDONLY | os.O_NOFOLLOW)
        except ImportError:  # Windows: unknown
            return True
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def forget_lock(self, name: str) -> None:
        """Remove the file of a lock nobody will ask for again."""
        self._lock_path(name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what dead processes left half written, for a caller that holds the flush lock.

        Nothing is removed while a commit waits to be completed: it needs these files.
        """
        if self._intents():
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


def _marked_at(marker: Place) -> float:
    """When a marker was written, in seconds since 1970: its name begins with the milliseconds."""
    hit = MARKER.fullmatch(marker.name)
    assert hit
    return int(hit["id"][:12], 16) / 1000


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not is_link(path)


def marker(folder: Folder, replaced: Iterable[Place]) -> Path:
    """A temporary file naming files of one table that others replace; it counts when it stands beside them."""
    temp = folder.new_temp(".json")
    temp.write_text(json.dumps([p.name for p in replaced]))
    return temp

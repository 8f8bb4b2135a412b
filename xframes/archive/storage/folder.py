"""The archive's folder: its format file, its files and how they appear, and its locks.

In object storage, pages and tables are objects; the journal, locks and temporary files stay in a
folder on this machine.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

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
from xframes.archive.storage.records import settled
from xframes.archive.storage.temporary import Ownership, owner_of
from xframes.errors import ArchiveError
from xframes.schema import STORED
from xframes.screen import counted
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from xframes.archive.storage.records.settled import Settled

log = logging.getLogger("xframes")
FORMAT = 2
_TRIES = 4
_Result = TypeVar("_Result")


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def new_id(now: datetime, owner: str = "") -> str:
    """Return a new hexadecimal id that sorts by time.

    It has the milliseconds since 1970, the owner's token and random digits.
    """
    return f"{int(now.timestamp() * 1000):012x}{owner}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Files:
    """The Parquet files of one table: compacted ones by generation, and parts."""

    bases: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    parts: tuple[Place, ...] = ()
    settled: Settled | None = None

    @classmethod
    def of(cls, files: Mapping[str, Place], settled: Settled | None = None) -> Files:
        """Sort files by their names into compacted files and parts."""
        bases: dict[str, tuple[Place, ...]] = {}
        for name in sorted(files):
            if hit := BASE.fullmatch(name):
                bases[hit["generation"]] = (*bases.get(hit["generation"], ()), files[name])
        parts = tuple(files[name] for name in sorted(files) if PART.fullmatch(name))
        return cls(bases, parts, settled)

    @property
    def generation(self) -> str | None:
        """The generation of the compacted files; None without compacted files, or with several.

        After a crash or a merge there may be several.
        """
        if len(self.bases) != 1:
            return None
        return next(iter(self.bases))

    @property
    def all(self) -> tuple[Place, ...]:
        """All files, compacted ones first."""
        return (*chain.from_iterable(self.bases.values()), *self.parts)

    def besides(self, names: Collection[str]) -> list[Place]:
        """Return the files with other names than these."""
        return [path for path in self.all if path.name not in names]

    @property
    def bytes(self) -> int:
        """Size of the parts in bytes."""
        return sum(size_of(p) for p in self.parts)

    @property
    def base_bytes(self) -> int:
        """Size of the compacted files in bytes."""
        return sum(size_of(p) for p in chain.from_iterable(self.bases.values()))


def head_of(table: str) -> str:
    """Return the table whose folder has the records of a table's family."""
    return STORED[table].parent or table


def _storage(address: str) -> Disk | Bucket:
    if is_url(address):
        return Bucket(address)
    return Disk(Path(address).expanduser())


class Folder:
    """An archive's folder on a local disk, or its objects below a URL and its `home` folder here.

    With `only_read`, nothing is written to it: no lock, no recovery, no flush.

    Raises ArchiveError if the path is a file, a folder with other content or with links that lead
    outside, an archive of an unknown format, or a URL that cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Object,
        now: Callable[[], datetime] = utc_now,
        *,
        only_read: bool = False,
    ) -> None:
        address = str(path)
        if not isinstance(path, Object):
            address = os.fspath(path)
        self.address = address.removeprefix("file://")
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
        self._snapshot = threading.local()
        self.exists = self.check()

    def check(self) -> bool:
        """Check the folder, and return whether it is an archive; False if it is empty."""
        self.storage.check()
        self._refuse_links()
        try:
            document = read_document(self._format)
            version = int(document["format_version"])
        except FileNotFoundError:
            self.look()
            if any(not name.startswith(".") for name in self.storage.top_names()):
                if self._format.exists():  # another process has created the archive meanwhile
                    return self.check()
                raise ArchiveError(f"{self.path} is not empty and not an xframes archive "
                                   "(it has no xframes.json)") from None
            return False
        except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
            raise ArchiveError(f"{self._format} cannot be read: {error}") from None
        if version > FORMAT:
            raise ArchiveError(
                f"{self.path} has archive format {version}, written by xframes "
                f"{document.get('writer_version')}; this version reads formats up to {FORMAT}. "
                "Upgrade xframes"
            )
        self.storage.settle((self.temp, self._locks))
        return True

    def _refuse_links(self) -> None:
        tables = [f"tables/{table}" for table in STORED]
        try:
            links = [self.home / n for n in (*OWN_NAMES, *tables) if is_link(self.home / n)]
        except OSError as error:
            raise ArchiveError(f"{self.path} cannot be read: {error.strerror}") from None
        if links:
            raise ArchiveError(f"{links[0]} is a link, and archives are not read through links. "
                               "Replace it by what it points to")

    def create(self) -> None:
        """Make the folder an archive if it is not one yet.

        Raises ArchiveError if it cannot be written.
        """
        if self.exists:
            self.for_writing()
            return
        self.storage.settle((self.temp, self._locks))
        for folder in (self.temp, self._locks):
            folder.mkdir(parents=True, exist_ok=True)
        document = {
            "format_version": FORMAT,
            "created_at": self.now().isoformat(timespec="seconds"),
            "writer_version": VERSION,
        }
        with self.owned():
            # Before any other file: another process may be looking right now.
            self._write_format(document)
        self.storage.create((self.pages, self.tables))
        self.exists = True

    def upgrade(self) -> None:
        """Note the present format, if an older version created the archive.

        Its files stay as they are. Before the first record of which rows hold: versions that do
        not know records would leave them behind.
        """
        document = read_document(self._format)
        if int(document["format_version"]) < FORMAT:
            self._write_format({**document, "format_version": FORMAT, "writer_version": VERSION})

    def _write_format(self, document: Mapping[str, object]) -> None:
        temp = self.new_temp(".json")
        temp.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        self.place({temp: self._format})

    def require(self) -> None:
        """Raise ArchiveError if there is neither an archive nor an empty folder for one."""
        if not self.exists:
            self.exists = self.check()
        if not self.exists and not self.storage.is_present:
            raise ArchiveError(f"no archive at {self.path}. Check the path, or collect or import "
                               "into it first, which creates it")

    @property
    def writable(self) -> bool:
        """Whether this user may change the archive."""
        return not self._only_read and os.access(self.home, os.W_OK)

    def for_writing(self) -> None:
        """Raise ArchiveError if this user may not change the archive."""
        if not self.writable:
            raise ArchiveError(f"no write permission for archive {self.path} (queries still work). "
                               "Copy it to modify it")

    def look(self) -> None:
        """List the files as they are now, so that later calls see them.

        What a job began to publish in a bucket is completed first.
        """
        self._forget_listing()
        self.storage.look()
        if self.storage.unpublished():
            self.recover()

    @contextlib.contextmanager
    def listed_once(self) -> Iterator[None]:
        """List the files of each table once, as long as the block runs, for this thread.

        It sees what it moves or deletes itself, but not what other processes add meanwhile. Needs
        the lock `compact`, without which files are not replaced.
        """
        self._snapshot.files = {}
        try:
            yield
        finally:
            del self._snapshot.files

    def _forget_listing(self, homes: Iterable[str] = STORED) -> None:
        """Forget the files of tables with these names, and of those whose record is with them."""
        known: dict[str, Files] = getattr(self._snapshot, "files", {})
        changed = set(homes)
        for name in list(known):
            if name in changed or head_of(name) in changed:
                del known[name]

    def steady(self, work: Callable[[], _Result]) -> _Result:
        """Do work on the present files; again if another machine replaced some meanwhile."""
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
        """Look again, and return whether another machine has replaced one of these files."""
        self.look()
        return self.storage.is_shared and not all(path.exists() for path in paths)

    def inside(self, place: Place) -> str:
        """Return the path of a file inside the archive, with slashes."""
        return self.storage.inside(place)

    def new_id(self) -> str:
        """Return a new id that sorts by time."""
        return new_id(self.now())

    def new_temp(self, suffix: str = ".parquet") -> Path:
        """Return the path of a new temporary file on the same disk; its name says who owns it.

        `place` or `commit` move it to its final path.
        """
        self.temp.mkdir(parents=True, exist_ok=True)
        return self.temp / f"{new_id(self.now(), self._ownership.token())}{suffix}"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Own the temporary files this thread creates in the block; remove the rest at the end."""
        with self._ownership.owned() as token:
            try:
                yield
            finally:
                if not self._intents():  # they are needed to complete a commit that failed halfway
                    for entry in self.temp.glob(f"*{token}*"):
                        if owner_of(entry.name) == token:
                            remove(entry)

    def place(self, moves: Mapping[Path, Place]) -> None:
        """Move finished files to their final paths durably: content, then names, then folders."""
        for temp in moves:
            sync(temp)
        self._put(moves)

    def _put(self, moves: Mapping[Path, Place]) -> None:
        self.storage.put(moves)
        self._forget_listing({final.parent.name for final in moves.values()})

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """Move finished files to their final paths, all or none. Needs the flush lock.

        After a crash in between, `recover` completes the rest.
        """
        if not moves:
            return
        for temp in moves:
            sync(temp)
        intent = self.temp / f"commit-{self.new_id()}.json"
        draft = self.new_temp(".json")
        pairs = [[temp.name, self.inside(final)] for temp, final in moves.items()]
        draft.write_text(json.dumps(pairs))
        sync(draft)
        self._local.put({draft: intent})  # from here on the files will appear, even after a crash
        self._put(moves)
        intent.unlink()

    def publish(self, stage: str, moves: Mapping[str, Place]) -> None:
        """Move staged files of a job to their final paths, all or none. Needs the flush lock.

        `moves` has their names. After a crash in between, `recover` completes the rest.
        """
        if self.storage.is_shared:
            self.storage.publish(stage, moves)
        else:
            self.commit({self.temp / name: final for name, final in moves.items()})

    def recover(self) -> None:
        """Complete the commits of processes that ended on the way."""
        if not self.writable or not (self._intents() or self.storage.unpublished()):
            return
        with contextlib.suppress(Timeout), self.lock("flush").acquire(timeout=10):
            self.recover_locked()

    def recover_locked(self) -> None:
        """Complete commits. The caller holds the flush lock."""
        for intent, moves in self._intents().items():
            self._put({temp: final for temp, final in moves.items() if _is_plain_file(temp)})
            intent.unlink()
            files = counted(len(moves), "file")
            log.warning("%s: completed the commit of another process: %s", self.path, files)
        for published in self.storage.unpublished():
            try:
                staged = read_moves(published)
            except FileNotFoundError:
                continue
            except ValueError as error:
                self.refuse(published, str(error))
                continue
            self.storage.complete(published, {name: self.path / final for name, final in staged})
            files = counted(len(staged), "file")
            log.warning("%s: completed the commit of a job: %s", self.path, files)

    @property
    def pending(self) -> dict[Place, Place]:
        """Temporary files of commits not completed yet, by final path: to read without writing."""
        moves: dict[Place, Place] = {}
        for intent in self.storage.unpublished():
            with contextlib.suppress(OSError, ValueError):  # completed meanwhile, or not ours
                staged = self.storage.staged(intent, read_moves(intent))
                moves |= {self.path / final: temp for final, temp in staged.items()}
        for files in self._intents().values():
            data = {temp: final for temp, final in files.items() if is_data_file(final.name)}
            moves |= {final: temp for temp, final in data.items() if _is_plain_file(temp)}
        return moves

    def _intents(self) -> dict[Path, dict[Path, Place]]:
        """Return the commits not completed yet: their intents, with the moves of each.

        An intent that names anything but this archive's own files is refused.
        """
        if not self.temp.is_dir():
            return {}
        intents = {}
        for name in self._local.names(self.temp):
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
            intents[intent] = {self.temp / temp: self.path / final for temp, final in moves}
        return intents

    def temp_names(self) -> list[str]:
        """Return the names of temporary files. Raises ArchiveError if they cannot be listed."""
        return self._local.names(self.temp)

    def refuse(self, place: Place, reason: str) -> None:
        """Log, once, that a file that lists names is not used, and why."""
        if str(place) not in self._refused:
            self._refused.add(str(place))
            log.warning("%s is not used: %s", place, reason)

    def files(self, table: str) -> Files:
        """Return the files of a table, without those that a finished compaction has replaced."""
        known: dict[str, Files] = getattr(self._snapshot, "files", {})
        if table not in known:
            files = self._listed(self.tables / table)
            known[table] = Files.of(files, self._settled(table, files))
        return known[table]

    def records(self) -> list[Place]:
        """Return the files that say which rows hold, those in use and older ones.

        A folder that cannot be listed has none.
        """
        found: list[Place] = []
        for head in dict.fromkeys(map(head_of, STORED)):
            home = self.tables / head
            with contextlib.suppress(ArchiveError):
                found += [home / name for name in settled.records(self._listed(home))]
        return found

    def _settled(self, table: str, files: Mapping[str, Place]) -> Settled | None:
        """Return the newest record of which rows hold that is right for these files."""
        home = self.tables / head_of(table)
        records = files
        if home.name != table:
            records = self._listed(home)
        for name in settled.records(records):
            try:
                record = settled.known(records[name])
            except FileNotFoundError:  # another process has just written a newer one
                continue
            except (OSError, ValueError) as error:
                self.refuse(home / name, str(error))
                continue
            if record.covers(table, files):
                return record
        return None

    def contents(self) -> dict[str, Place]:
        """Return all files of pages and tables by their path inside the archive, with slashes."""
        homes = {"pages": self.pages} | {f"tables/{name}": self.tables / name for name in STORED}
        contents: dict[str, Place] = {}
        for inside, home in homes.items():
            files = self._listed(home)
            contents |= {f"{inside}/{n}": files[n] for n in files if is_data_file(n)}
        return contents

    def _listed(self, home: Place) -> dict[str, Place]:
        """Return the files of a folder by name, with those of commits that cannot be completed."""
        names = self.storage.names(home)
        gone: set[str] = set()
        for name in names:
            if MARKER.fullmatch(name):
                gone.update(self._replaced(home / name))
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
    def new_tombstones(self) -> tuple[Place, ...]:
        """The files of tombstones that no purge has handled yet: queries hide what they name."""
        cleaned = self.purged
        return tuple(p for p in self.files("tombstones").all if p.name not in cleaned)

    @property
    def purged(self) -> frozenset[str]:
        """Names of files that the last purge has left clean, and of tombstones that it handled."""
        return frozenset(self._replaced(self._purged))

    def note_purged(self, names: Iterable[str]) -> None:
        """Record that these files have nothing left of what the tombstones among them name."""
        temp = self.new_temp(".json")
        temp.write_text(json.dumps(sorted(set(names))))
        self.place({temp: self._purged})

    def note_made_of(self, old: Iterable[Place], new: Iterable[Place]) -> None:
        """Record that new files are as clean as the old ones they are made of.

        Nothing is recorded unless a purge left all old ones clean. Needs the lock `compact`.
        """
        if not self.purged:
            return
        with self.lock("flush"):  # a merge may forget the purges at this moment
            cleaned = self.purged
            if cleaned.issuperset(p.name for p in old):
                self.note_purged(cleaned.union(p.name for p in new))

    def forget_purges(self) -> None:
        """Record that files may again have rows of what tombstones name."""
        self.storage.delete([self._purged])

    @property
    def _purged(self) -> Place:
        return self.tables / "tombstones" / PURGED

    def page_parts(self) -> tuple[Place, ...]:
        """Return the files with the pages, in the order of time."""
        return Files.of(self._listed(self.pages)).parts

    def replaced(self) -> dict[Place, list[Place]]:
        """Return the replaced files that still exist, by the marker that names them."""
        replaced = {}
        for home in (self.pages, *(self.tables / name for name in STORED)):
            for name in filter(MARKER.fullmatch, self.storage.names(home)):
                files = [home / old for old in self._replaced(home / name)]
                replaced[home / name] = [file for file in files if file.exists()]
        return replaced

    def finish_removals(self, *, at_once: bool = False) -> None:
        """Delete replaced files. No process on this machine may be reading.

        Unless `at_once`, files stay for the storage's grace period if readers on other machines may
        need them.
        """
        ready = self.replaced()
        if self.storage.grace_seconds and not at_once:
            until = self.now().timestamp() - self.storage.grace_seconds
            ready = {mark: old for mark, old in ready.items() if _marked_at(mark) < until}
        self.storage.delete(list(chain.from_iterable(ready.values())))
        self.storage.delete(list(ready))
        self._forget_listing()

    def lock(self, name: str) -> FileLock:
        """Return a lock that all processes see; it ends with the process that holds it.

        Raises ArchiveError for a name that xframes never uses: names of locks of runs are read from
        the journal.
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
        """Whether a process holds a lock, as far as this can be seen without writing."""
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
        """Remove the file of a lock that is not needed again."""
        self._lock_path(name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the half-written files of dead processes. The caller holds the flush lock.

        Nothing is removed while a commit waits to be completed, because it needs these files.
        """
        if self._intents():
            return
        abandoned = self._ownership.abandoned()
        stages = [entry.stem for entry in abandoned]
        self.storage.forget_stages(stages, self.now().timestamp())
        for entry in abandoned:
            remove(entry)
        self._ownership.forget_dead()

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Create a temporary folder inside the archive, and remove it at the end."""
        folder = self.temp / f"{name}-{new_id(self.now(), self._ownership.token())}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)


def _marked_at(marker: Place) -> float:
    """Return when a marker was written, in seconds since 1970; its name has the milliseconds."""
    hit = MARKER.fullmatch(marker.name)
    assert hit
    return int(hit["id"][:12], 16) / 1000


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not is_link(path)


def marker(folder: Folder, replaced: Iterable[Place]) -> Path:
    """Write a temporary file that names replaced files of a table.

    It takes effect when it is moved into the folder of those files.
    """
    temp = folder.new_temp(".json")
    temp.write_text(json.dumps([p.name for p in replaced]))
    return temp

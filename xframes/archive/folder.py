"""The archive's folder: its format file, where files stand, how one appears (whole or not at all), and the locks."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from xframes import __version__
from xframes.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

log = logging.getLogger("xframes")
FORMAT = 1
_BASE = re.compile(r"base-(?P<generation>[0-9a-f]+)-\d+\.parquet")
_INTENT = "commit-"  # lists files about to appear together
_STALE_SECONDS = 86_400  # a temporary file this old belongs to nobody alive


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id(now: datetime) -> str:
    """An id that sorts by time: milliseconds since 1970 and random digits, in hexadecimal."""
    return f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Files:
    """The Parquet files of one table: compacted ones by generation, and parts."""

    bases: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    parts: tuple[Path, ...] = ()

    @property
    def generation(self) -> str | None:
        """The one generation of compacted files; None when there is none, or several (after a crash or a merge)."""
        return next(iter(self.bases)) if len(self.bases) == 1 else None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file, compacted ones first."""
        return (*(p for paths in self.bases.values() for p in paths), *self.parts)

    @property
    def bytes(self) -> int:
        """Size on disk of the parts."""
        return sum(p.stat().st_size for p in self.parts)

    @property
    def base_bytes(self) -> int:
        """Size on disk of the compacted files."""
        return sum(p.stat().st_size for paths in self.bases.values() for p in paths)


class Folder:
    """An archive's folder on a local disk.

    Raises ArchiveError when the path is a URL, a file, a folder that holds something else, or an archive of a format
    this version does not know.
    """

    def __init__(self, path: str | os.PathLike[str], now: Callable[[], datetime] = utc_now) -> None:
        text = os.fspath(path)
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
            raise ArchiveError(f"{text}: archives are local folders; object storage is not supported yet")
        self.path = Path(text).expanduser()
        self.now = now
        self.pages = self.path / "pages"
        self.tables = self.path / "tables"
        self.journal = self.path / "journal.sqlite"
        self.temp = self.path / ".tmp"
        self._locks = self.path / ".locks"
        self._format = self.path / "xframes.json"
        self.exists = self.check()

    def check(self) -> bool:
        """Whether the folder is an archive; False when there is nothing yet."""
        if self.path.is_file():
            raise ArchiveError(f"{self.path} is a file, not an archive's folder")
        try:
            document = json.loads(self._format.read_text(encoding="utf-8"))
            version = int(document["format_version"])
        except FileNotFoundError:
            if self.path.is_dir() and any(not e.name.startswith(".") for e in self.path.iterdir()):
                raise ArchiveError(f"{self.path} is not empty and not an xframes archive (no xframes.json)") from None
            return False
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ArchiveError(f"{self._format} cannot be read: {error}") from None
        if version > FORMAT:
            raise ArchiveError(
                f"{self.path} has archive format {version}, made by xframes {document.get('writer_version')}; this "
                f"version reads up to format {FORMAT}: upgrade with `pip install -U xframes-x`"
            )
        return True

    def create(self) -> None:
        """Make the folder an archive; nothing happens when it is one. Raises ArchiveError when it cannot be written."""
        if self.exists:
            self.for_writing()
            return
        for folder in (self.temp, self._locks):
            folder.mkdir(parents=True, exist_ok=True)
        document = {"format_version": FORMAT, "created_at": self.now().isoformat(timespec="seconds"),
                    "writer_version": __version__}
        temp = self.temp / f"format-{self.new_id()}.json"
        temp.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        self.place({temp: self._format})  # before anything else shows: another process may be looking right now
        for folder in (self.pages, self.tables):
            folder.mkdir(exist_ok=True)
        self.exists = True

    @property
    def writable(self) -> bool:
        """Whether this user may change the archive."""
        return os.access(self.path, os.W_OK)

    def for_writing(self) -> None:
        """Raise ArchiveError when this user may not change the archive."""
        if not self.writable:
            raise ArchiveError(f"{self.path} is read-only for you: it can be asked, not changed; copy it to change it")

    def new_id(self) -> str:
        """A fresh id that sorts by time."""
        return new_id(self.now())

    def new_temp(self, suffix: str = ".parquet") -> Path:
        """The name of a temporary file on the same disk, to be given its place by `place`."""
        self.temp.mkdir(exist_ok=True)
        return self.temp / f"{self.new_id()}{suffix}"

    def place(self, moves: Mapping[Path, Path]) -> None:
        """Give finished files their names, durably: content first, then names, then the folders that hold them."""
        for temp in moves:
            sync(temp)
        self._move(moves)

    def commit(self, moves: Mapping[Path, Path]) -> None:
        """As `place`, but all or nothing: what a crash leaves half done, `recover` completes. Needs the flush lock."""
        if not moves:
            return
        for temp in moves:
            sync(temp)
        intent = self.temp / f"{_INTENT}{self.new_id()}.json"
        draft = self.new_temp(".json")
        draft.write_text(json.dumps([[temp.name, str(final.relative_to(self.path))] for temp, final in moves.items()]))
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

    def _move(self, moves: Mapping[Path, Path]) -> None:
        for final in moves.values():
            if not final.parent.is_dir():
                final.parent.mkdir(parents=True, exist_ok=True)
                sync(final.parent.parent)
        for temp, final in moves.items():
            temp.replace(final)
        for parent in {final.parent for final in moves.values()}:
            sync(parent)

    def files(self, table: str) -> Files:
        """The files of a table, without those a finished compaction has replaced."""
        return list_files(self.tables / table)

    @property
    def buried(self) -> tuple[Path, ...]:
        """The files of tombstones that no purge has dealt with yet: what they name must be hidden everywhere."""
        done = set(read_replaced(self._purged))
        return tuple(p for p in self.files("tombstones").all if p.name not in done)

    def note_purged(self, stones: Iterable[Path]) -> None:
        """Note that nothing these tombstones name is left in any file."""
        temp = self.new_temp(".json")
        temp.write_text(json.dumps(sorted(p.name for p in stones)))
        self.place({temp: self._purged})

    def forget_purges(self) -> None:
        """Note that files may again hold what tombstones name."""
        self._purged.unlink(missing_ok=True)

    @property
    def _purged(self) -> Path:
        return self.tables / "tombstones" / "purged.json"

    def page_parts(self) -> tuple[Path, ...]:
        """The files that hold the pages, in the order of time."""
        return list_files(self.pages).parts

    def lock(self, name: str) -> FileLock:
        """A lock other processes see; it ends with the process that holds it."""
        self._locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self._locks / f"{name}.lock")

    def forget_lock(self, name: str) -> None:
        """Remove the file of a lock nobody will ask for again."""
        (self._locks / f"{name}.lock").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove temporary files of processes long dead, unless a commit waits to be completed."""
        for entry in self.temp.iterdir() if self.temp.is_dir() and not self._intents() else ():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                    remove(entry)

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A temporary folder inside the archive, removed at the end."""
        folder = self.temp / f"{name}-{self.new_id()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)


def list_files(folder: Path) -> Files:
    """The Parquet files in a table's folder, without those listed in a `replaced-*.json` beside them."""
    try:
        names = sorted(e.name for e in os.scandir(folder))
    except FileNotFoundError:
        return Files()
    gone = {old for name in names if name.startswith("replaced-") for old in read_replaced(folder / name)}
    bases: dict[str, tuple[Path, ...]] = {}
    parts = []
    for name in names:
        if name in gone:
            continue
        if hit := _BASE.fullmatch(name):
            bases[hit["generation"]] = (*bases.get(hit["generation"], ()), folder / name)
        elif name.startswith("part-") and name.endswith(".parquet"):
            parts.append(folder / name)
    return Files(bases, tuple(parts))


def read_replaced(path: Path) -> list[str]:
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

"""Archives on a local disk: the same methods as `Bucket`, for files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from xframes.archive.storage.bookkeeping import MARKER, PURGED, is_kept_file, is_link
from xframes.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import duckdb

    from xframes.archive.storage.bucket import Place


class Disk:
    """A folder on a local disk. Every query reads its present state, and locks show who reads."""

    is_shared = False
    in_process = False
    grace_seconds = 0.0
    losses = 0
    has_replaced = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root

    def check(self) -> None:
        """Raise ArchiveError if the path is a file and not a folder."""
        try:
            is_file = self.root.is_file()
        except OSError as error:
            raise ArchiveError(f"{self.root} cannot be read: {error.strerror}") from None
        if is_file:
            raise ArchiveError(f"{self.root} is a file, not the folder of an archive")

    @property
    def is_present(self) -> bool:
        """Whether the folder exists; it may be empty."""
        return self.root.exists()

    def settle(self, folders: Iterable[Path]) -> None:
        """Do nothing: an archive on a disk keeps everything in its own folder."""

    def create(self, folders: Iterable[Place]) -> None:
        """Create folders of the archive."""
        for folder in folders:
            _local(folder).mkdir(exist_ok=True)

    def look(self) -> None:
        """Do nothing: a disk has no listing to update."""

    def names(self, folder: Place) -> list[str]:
        """Return the names in a folder, sorted. No names if the folder is missing.

        Files with names of data files count only if they are regular files. Raises ArchiveError if
        the folder is a link or cannot be listed.
        """
        path = _local(folder)
        if is_link(path):
            raise ArchiveError(f"{path} is a link, and archives are not read through links. "
                               "Replace it by what it points to")
        try:
            return sorted(e.name for e in os.scandir(path)
                          if not is_kept_file(e.name) or e.is_file(follow_symlinks=False))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArchiveError(f"{path} cannot be listed: {error.strerror}") from None

    def strays(self, folder: Place) -> Iterator[tuple[str, str]]:
        """Find what is in a folder of data files but is not one: its name, and what is wrong."""
        path = _local(folder)
        if not path.is_dir() or is_link(path):
            return
        for entry in os.scandir(path):
            if entry.is_symlink():
                yield entry.name, "it is a link; files of an archive are not read through links"
            elif not entry.is_file(follow_symlinks=False):
                yield entry.name, "it is not a file"
            elif not _is_own(entry.name):
                yield entry.name, "its name is not one that xframes uses; the file is not read"

    def top_names(self) -> list[str]:
        """Return the names in the archive's folder, which may be a link itself."""
        return self.names(self.root.resolve())

    def inside(self, place: Place) -> str:
        """Return the path of a file relative to the archive, with slashes."""
        return _local(place).relative_to(self.root).as_posix()

    def put(self, moves: Mapping[Path, Place]) -> None:
        """Move finished files to their final paths and force the new names to the disk."""
        local = {temp: _local(final) for temp, final in moves.items()}
        for final in local.values():
            if not final.parent.is_dir():
                final.parent.mkdir(parents=True, exist_ok=True)
                sync(final.parent.parent)
        for temp, final in local.items():
            temp.replace(final)
        for parent in {final.parent for final in local.values()}:
            sync(parent)

    def stage(self, temp: Path, stage: str) -> None:
        """Force a finished file to the disk. It stays in the archive's folder of such files."""
        del stage
        sync(temp)

    def publish(self, stage: str, moves: Mapping[str, Place]) -> None:
        """Do nothing: a folder commits staged files as its own."""

    def unpublished(self) -> list[Path]:
        """Return nothing: a folder completes its commits itself."""
        return []

    def staged(self, intent: Place, moves: Iterable[tuple[str, str]]) -> dict[str, Path]:
        """Return nothing: a folder knows its commits itself."""
        del intent, moves
        return {}

    def complete(self, intent: Place, moves: Mapping[str, Place]) -> None:
        """Do nothing: a folder completes its commits itself."""

    def forget_stages(self, dead: Iterable[str], now: float) -> None:
        """Do nothing: staged files are temporary files, which a folder removes."""

    def delete(self, places: Iterable[Place]) -> None:
        """Delete files, even if other processes are deleting them too."""
        for place in places:
            remove(_local(place))

    def delete_folder(self, folder: Place) -> None:
        """Delete a folder with everything in it."""
        remove(_local(folder))

    def forget_versions(self) -> None:
        """Do nothing: a disk keeps no earlier versions of a file."""

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: DuckDB reads local files itself."""


def _is_own(name: str) -> bool:
    return is_kept_file(name) or MARKER.fullmatch(name) is not None or name == PURGED


def _local(place: Place) -> Path:
    if not isinstance(place, Path):
        raise TypeError(f"expected a path on a local disk, got {place}")
    return place


def remove(path: Path) -> None:
    """Remove a file or folder, even if other processes are removing it too."""
    if path.is_dir() and not is_link(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file's content, or a folder's names, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows writes names to the disk itself and cannot open folders
    flags = os.O_RDWR
    if path.is_dir():
        flags = os.O_RDONLY
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Owners of temporary files: a file's name has its owner's token, and a living owner holds a lock.

So the half-written files of a dead process can be removed at once, and files that a living process
is writing are never touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from xframes.archive.storage.bookkeeping import is_link

if TYPE_CHECKING:
    from collections.abc import Iterator

# An id that sorts by time: milliseconds since 1970, then the owner's token, then random digits.
_OWNED = re.compile(r"(?:[a-z-]+-)?[0-9a-f]{12}(?P<owner>[0-9a-f]{8})[0-9a-f]{8}(?:\.[a-z]+)?")
_LOCK = re.compile(r"temp-(?P<owner>[0-9a-f]{8})\.lock")


class Owner:
    """A token and its lock, which is held until `end`, or until the object or the process ends."""

    def __init__(self, locks: Path) -> None:
        locks.mkdir(parents=True, exist_ok=True)
        self.process = os.getpid()
        while True:
            self.token = secrets.token_hex(4)
            lock = _lock(locks, self.token)
            lock.acquire()
            if os.path.exists(lock.lock_file):
                break
            lock.release()  # `forget_dead` removed the file before it was locked
        self.end = weakref.finalize(self, _end, lock, self.process)


def _end(lock: FileLock, process: int) -> None:
    if os.getpid() == process:  # a forked child has a copy of this object but owns no files
        lock.release()
        with contextlib.suppress(OSError):  # no token is used twice, so the file is not needed
            os.unlink(lock.lock_file)


def _lock(locks: Path, token: str) -> FileLock:
    return FileLock(locks / f"temp-{token}.lock", thread_local=False)


class Ownership:
    """The owners of the temporary files in one folder, for this process."""

    def __init__(self, temp: Path, locks: Path) -> None:
        self._temp = temp
        self._locks = locks
        self._guard = threading.Lock()
        self._usual: Owner | None = None
        self._inner = threading.local()

    def token(self) -> str:
        """Return the token for a new file: of this thread's block `owned`, else of this object."""
        inner: list[Owner] = getattr(self._inner, "owners", [])
        if inner and inner[-1].process == os.getpid():
            return inner[-1].token
        with self._guard:
            if self._usual is None or self._usual.process != os.getpid():
                self._usual = Owner(self._locks)
            return self._usual.token

    @contextlib.contextmanager
    def owned(self) -> Iterator[str]:
        """Own the files this thread creates inside the block; afterwards the rest has no owner.

        Yields the token in their names.
        """
        owner = Owner(self._locks)
        owners: list[Owner] = self._inner.__dict__.setdefault("owners", [])
        owners.append(owner)
        try:
            yield owner.token
        finally:
            owners.remove(owner)
            owner.end()

    def abandoned(self) -> list[Path]:
        """Return the entries of the folder without a living owner, in the order of their names."""
        if not self._temp.is_dir():
            return []
        alive: dict[str | None, bool] = {None: False}
        dead = []
        for entry in sorted(self._temp.iterdir()):
            token = owner_of(entry.name)
            if token not in alive:
                alive[token] = self._is_alive(str(token))
            if not alive[token]:
                dead.append(entry)
        return dead

    def forget_dead(self) -> None:
        """Remove the locks of dead owners."""
        for path in list(self._locks.glob("temp-*.lock")):
            if hit := _LOCK.fullmatch(path.name):
                self._is_alive(hit["owner"])

    def _is_alive(self, token: str) -> bool:
        lock = _lock(self._locks, token)
        if is_link(Path(lock.lock_file)):  # a lock would empty the file that the link points to
            os.unlink(lock.lock_file)
        if not os.path.exists(lock.lock_file):
            return False
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        _end(lock, os.getpid())
        return False


def owner_of(name: str) -> str | None:
    """Return the owner's token in the name of a temporary file or folder; None if it has none."""
    if hit := _OWNED.fullmatch(name):
        return hit["owner"]
    return None

"""Locks that show which processes read an archive, so that others do not remove its files."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.archive.storage.folder import Folder


class Readers:
    """The processes that read an archive now.

    A shared lock on a file: any number of readers hold it, and it ends with its process. A process
    that removes files needs the lock for itself alone. Threads share one object.
    """

    patience = 30.0  # seconds to wait for readers of files that must be deleted

    def __init__(self, folder: Folder) -> None:
        self._folder = folder  # a temporary archive lives as long as something reads it
        self._path = folder.home / ".locks" / "readers.lock"
        self._descriptor: int | None = None
        self._readings: list[None] = []  # one for each; appending and popping are atomic
        self._shared = False
        self._mutex = threading.RLock()
        self._busy = False

    def enter(self) -> None:
        """Start to read."""
        self._readings.append(None)
        try:
            self._settle(wait=True)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Stop reading. This never waits, because the garbage collector may call it at any time."""
        self._readings.pop()
        self._settle(wait=False)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keep all files while the block runs."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    @contextlib.contextmanager
    def alone(self, wait: float = 0, *, count_own: bool = False) -> Iterator[bool]:
        """Wait for other readers to finish, and keep new ones out while the block runs.

        `wait` is in seconds. Yields whether no other process reads now. With `count_own`, readings
        through this object count too.
        """
        until = time.monotonic() + wait
        while True:
            with self._exclusive(count_own=count_own) as is_alone:
                if is_alone or time.monotonic() >= until:
                    yield is_alone
                    return
            time.sleep(0.05)

    @contextlib.contextmanager
    def _exclusive(self, *, count_own: bool) -> Iterator[bool]:
        try:
            with self._mutex:
                if count_own and self._readings:
                    yield False
                    return
                self._busy = True
                try:
                    yield self._take(alone=True)
                finally:
                    self._busy = False
                    self._release()
        finally:
            self._settle(wait=True)

    def _settle(self, *, wait: bool) -> None:
        """Hold the shared lock while there are readings, and release it otherwise.

        A thread that has released the mutex checks again, for threads that did not wait for it.
        """
        while bool(self._readings) != self._shared and self._mutex.acquire(blocking=wait):
            try:
                if self._busy:  # called by the garbage collector within this block, or in `alone`
                    return
                self._busy = True
                try:
                    if self._readings:
                        self._take(alone=False)
                        self._shared = True
                    else:
                        self._release()
                finally:
                    self._busy = False
            finally:
                self._mutex.release()

    def _take(self, *, alone: bool) -> bool:
        try:
            import fcntl

            if self._descriptor is None:
                # A read-only archive gets no new file, and links are not followed.
                flags = os.O_RDONLY
                if self._folder.writable:
                    flags = os.O_RDWR | os.O_CREAT
                self._descriptor = os.open(self._path, flags | os.O_NOFOLLOW, 0o666)
            mode = fcntl.LOCK_SH
            if alone:
                mode = fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.flock(self._descriptor, mode)
        except ImportError:  # Windows: a file that a process has open cannot be removed anyway
            return True
        except OSError:  # another process reads, or the archive is read-only
            return False
        return True

    def _release(self) -> None:
        self._shared = False
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

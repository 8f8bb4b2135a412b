"""Who reads an archive's files now, so that other processes do not remove them."""

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
    """Tells other processes that files are being read, so that they do not remove them.

    A shared lock on a file: any number of readers hold it, it ends with its process, and a process
    that removes files takes it alone for that moment. Threads share one object.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder  # a temporary archive lives as long as anything that reads it
        self._path = folder.home / ".locks" / "readers.lock"
        self._descriptor: int | None = None
        self._readings: list[None] = []  # one for each; appending and popping are atomic
        self._shared = False
        self._mutex = threading.RLock()
        self._busy = False

    def enter(self) -> None:
        """Begin to read."""
        self._readings.append(None)
        try:
            self._settle(wait=True)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Stop reading. Never waits: the garbage collector may call it at any point."""
        self._readings.pop()
        self._settle(wait=False)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the files while the block runs."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    @contextlib.contextmanager
    def alone(self, wait: float = 0, *, count_own: bool = False) -> Iterator[bool]:
        """Whether no other process reads, tried for so many seconds; while inside, none begins to.

        With `count_own`, also whether nothing is being read through this object.
        """
        until = time.monotonic() + wait
        while True:
            with self._exclusive(count_own=count_own) as taken:
                if taken or time.monotonic() >= until:
                    yield taken
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
        """Hold the shared lock if anything is being read.

        A thread that has the mutex looks again after giving it back, for those that did not wait.
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
                # An archive that is only read gets no new file; a link is followed nowhere.
                way = os.O_RDWR | os.O_CREAT if self._folder.writable else os.O_RDONLY
                self._descriptor = os.open(self._path, way | os.O_NOFOLLOW, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except ImportError:  # Windows: a file somebody has open cannot be removed there anyway
            return True
        except OSError:  # somebody reads, or the archive is read-only
            return False
        return True

    def _release(self) -> None:
        self._shared = False
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

"""Pages → parts on several cores, in flat memory: the parent reads, worker processes flatten and write."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

from xframes.archive.storage.parts import Tally
from xframes.archive.storage.worker import Target, Work, receive, send
from xframes.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xframes.wire import Page

WORTH_BYTES = 48_000_000  # less than this is done before a second process has imported its libraries

Result = tuple[dict[str | None, Tally], list[dict[str, Any]]]
"""What came of each run, and `problems` rows of the field names no column knows."""


class Sink(Protocol):
    """Where batches of pages go."""

    def add(self, pages: Sequence[Page]) -> None:
        """Take a batch of about 2 MB."""

    def finish(self) -> Result:
        """Write the rest."""

    def abort(self) -> None:
        """Drop what is not written."""


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sink(target: Target, processes: int) -> Sink:
    """A sink with so many worker processes; with one, the work is done in this process."""
    return Pool(target, processes) if processes > 1 else Work(target)


class Pool:
    """Worker processes, each fed by a thread; a queue as long as there are workers keeps memory flat."""

    def __init__(self, target: Target, processes: int) -> None:
        program = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            f"from xframes.archive.storage.worker import main\nmain({pickle.dumps(target)!r})"
        )
        self._queue: queue.Queue[bytes] = queue.Queue(processes)
        self._answers: list[Any] = []
        self._failed = threading.Event()
        self._workers = [
            subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # our own program
            for _ in range(processes)
        ]
        self._threads = [threading.Thread(target=self._feed, args=(w,), daemon=True) for w in self._workers]
        for thread in self._threads:
            thread.start()

    def add(self, pages: Sequence[Page]) -> None:
        """Take a batch; waits while all workers are busy. Raises ArchiveError when one has failed."""
        self._put(pickle.dumps(pages, protocol=pickle.HIGHEST_PROTOCOL))

    def finish(self) -> Result:
        """Wait for the workers to write the rest. Raises ArchiveError when one has failed."""
        for _ in self._workers:
            self._put(b"")
        for thread in self._threads:
            thread.join()
        if self._failed.is_set():
            self._raise()
        self._close()
        tally: dict[str | None, Tally] = {}
        for counts, _ in self._answers:
            for run_id, count in counts.items():
                tally.setdefault(run_id, Tally()).merge(count)
        return tally, _once(row for _, rows in self._answers for row in rows)

    def abort(self) -> None:
        """Stop the workers; what they have not written is dropped."""
        for worker in self._workers:
            worker.kill()
        for _ in self._workers:
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(b"")
        for thread in self._threads:
            thread.join()
        self._close()

    def _feed(self, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdin is not None
        assert worker.stdout is not None
        with contextlib.suppress(OSError):  # the worker is gone; its answer says why
            while True:
                data = self._queue.get()
                send(worker.stdin, data)
                if not data:
                    break
        answer = receive(worker.stdout)
        found = pickle.loads(answer) if answer else f"it ended with {worker.wait()}"  # noqa: S301  # from our own process
        self._answers.append(found)
        if isinstance(found, str):
            self._failed.set()

    def _put(self, data: bytes) -> None:
        while not self._failed.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(data, timeout=0.2)
                return
        self._raise()

    def _raise(self) -> None:
        text = next(a for a in self._answers if isinstance(a, str))
        self.abort()
        last = text.strip().rsplit("\n", 1)[-1]
        raise ArchiveError(f"the archive could not be written: {last}") from RuntimeError(f"in a worker: {text}")

    def _close(self) -> None:
        for worker in self._workers:
            for stream in (worker.stdin, worker.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            worker.wait()


def _once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each unknown field name once, on the earliest page any worker met it."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (r["observed_at"], r["page_id"])):
        found.setdefault(row["parameter"], row)
    return list(found.values())

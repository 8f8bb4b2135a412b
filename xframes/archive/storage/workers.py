"""Pages → parts on several cores, in flat memory: the parent reads, worker processes flatten and write.

A worker is plain Python, so a caller's script needs no `if __name__ == "__main__"`. Pages come in
on its stdin, its answer goes to stdout. Messages are pickles behind their length; an empty one says
that all pages were sent.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from typing import IO, TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from xframes.archive.storage.folder import Folder
from xframes.archive.storage.parts import IMPORT_BYTES, Tally, Unflattened, Writer
from xframes.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xframes.wire import Page

_LENGTH = struct.Struct("<Q")
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
            f"from xframes.archive.storage.workers import main\nmain({pickle.dumps(target)!r})"
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


@dataclass(frozen=True, slots=True)
class Target:
    """Where the parts go: an archive by its address.

    `keep_pages`: pages are written, too. `lock`: taken for the moment in which parts appear; None when the archive is
    the caller's alone.
    """

    archive: str
    keep_pages: bool = True
    lock: str | None = "flush"


class Work:
    """Flattens batches and writes parts, in this process."""

    def __init__(self, target: Target) -> None:
        from xframes.flattening import Flattener

        folder = Folder(target.archive)
        self._writer = Writer(folder, Flattener(), target.keep_pages)
        self._lock: AbstractContextManager[object] = folder.lock(target.lock) if target.lock else nullcontext()

    def add(self, pages: Sequence[Page]) -> None:
        """Take a batch. A page of an import that cannot be flattened fails its own run alone."""
        try:
            self._writer.add(pages)
        except Unflattened as error:
            if not self._writer.keep_pages:  # a rebuild must not lose it
                raise
            if len(pages) == 1:
                self._writer.tally.setdefault(pages[0].run_id, Tally()).failed = str(error)
            else:
                for page in pages:
                    self.add([page])
        if self._writer.bytes >= IMPORT_BYTES:
            self._writer.flush(self._lock)

    def finish(self) -> tuple[dict[str | None, Tally], list[dict[str, Any]]]:
        """Write the rest; gives the tally by run, and `problems` rows of the field names no column knows."""
        self._writer.flush(self._lock)
        return self._writer.tally, self._writer.unknown_fields().to_pylist()

    def abort(self) -> None:
        """Drop what is not written."""
        self._writer.discard()


def send(stream: IO[bytes], data: bytes) -> None:
    """Write one message."""
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message; None when the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


class _NoPandas(MetaPathFinder):
    """Hides pandas: pyarrow would load it, 60 MB, at the first list it sees; workers never use it.

    A hook, as None in `sys.modules` is not understood by pyarrow's compiled modules.
    """

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, and leave other modules to the next finder."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def main(target: bytes) -> None:
    """Serve one parent until it says that all was sent; when it goes away, drop what is not written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints goes to stderr, not between the messages
    sys.meta_path.insert(0, _NoPandas())
    if "jemalloc" in pa.supported_memory_backends():  # gives memory back sooner than the default: 40 MB less a worker
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        send(out, pickle.dumps(_serve(Work(pickle.loads(target)), sys.stdin.buffer)))  # noqa: S301  # from the parent
    except Exception:  # noqa: BLE001  # told to the parent, which raises it
        send(out, pickle.dumps(traceback.format_exc()))


def _serve(work: Work, stream: IO[bytes]) -> object:
    try:
        while data := receive(stream):
            work.add(pickle.loads(data))  # noqa: S301  # from the parent process, not from outside
        if data is not None:
            return work.finish()
    except BaseException:
        work.abort()
        raise
    work.abort()
    raise EOFError("the parent process is gone")

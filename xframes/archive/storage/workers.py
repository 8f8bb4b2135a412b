"""Pages to parts on several cores, with bounded memory.

The parent process reads pages, worker processes flatten and write them; so does the parent while
they are all busy. A worker is plain Python, so a caller's script needs no `if __name__ ==
"__main__"`. Pages arrive on its stdin, its result leaves on stdout. Messages are pickles after
their length; an empty one ends the pages.
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
WORTH_BYTES = 48_000_000  # less than this is done before a second process has imported libraries
_WAITING = 2  # batches for each worker, so that it has work while this process is at its own

Result = tuple[dict[str | None, Tally], list[dict[str, Any]]]
"""The tally of each run, and `problems` rows for field names that no column reads."""


class Sink(Protocol):
    """Takes batches of pages and writes them."""

    def add(self, pages: Sequence[Page]) -> None:
        """Add a batch of about 2 MB."""

    def finish(self) -> Result:
        """Write the rest, and return the result."""

    def abort(self) -> None:
        """Drop what is not written."""


def cores() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sink(target: Target, processes: int) -> Sink:
    """Return a sink with so many worker processes; with one, this process does the work."""
    if processes > 1:
        return Pool(target, processes)
    return Work(target)


class Pool:
    """So many processes: this one, and workers that threads feed through a short queue.

    This process works on what does not fit in the queue, which bounds the memory.
    """

    def __init__(self, target: Target, processes: int) -> None:
        program = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            f"from xframes.archive.storage.workers import main\nmain({pickle.dumps(target)!r})"
        )
        self._target = target
        self._own: Work | None = None
        self._queue: queue.Queue[bytes] = queue.Queue(_WAITING * (processes - 1))
        self._answers: list[Any] = []
        self._failed = threading.Event()
        self._workers = [_start(program) for _ in range(processes - 1)]
        self._threads = [
            threading.Thread(target=self._feed, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def add(self, pages: Sequence[Page]) -> None:
        """Add a batch. Raises ArchiveError if a worker has failed."""
        if not self._queue.full():
            self._put(pickle.dumps(pages, protocol=pickle.HIGHEST_PROTOCOL))
            return
        if self._own is None:
            self._own = Work(self._target)
        self._own.add(pages)

    def finish(self) -> Result:
        """Wait for the workers to write the rest. Raises ArchiveError if one has failed."""
        for _ in self._workers:
            self._put(b"")
        if self._own is not None:
            self._answers.append(self._own.finish())
        for thread in self._threads:
            thread.join()
        if self._failed.is_set():
            self._raise()
        self._close()
        tally: dict[str | None, Tally] = {}
        rows: list[dict[str, Any]] = []
        for counts, problems in self._answers:
            rows += problems
            for run_id, count in counts.items():
                tally.setdefault(run_id, Tally()).merge(count)
        return tally, only_once(rows)

    def abort(self) -> None:
        """Stop the workers, and drop what is not written."""
        if self._own is not None:
            self._own.abort()
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
        result = _load(receive(worker.stdout)) or f"it ended with {worker.wait()}"
        self._answers.append(result)
        if isinstance(result, str):
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
        cause = RuntimeError(f"in a worker: {text}")
        raise ArchiveError(f"the archive could not be written: {last}") from cause

    def _close(self) -> None:
        for worker in self._workers:
            for stream in (worker.stdin, worker.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            worker.wait()


def _start(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _load(answer: bytes | None) -> Any:
    if not answer:
        return None
    return pickle.loads(answer)  # noqa: S301  # from our own process


def only_once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each unknown field name once, from the earliest page with it."""
    first: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (r["observed_at"], r["page_id"])):
        first.setdefault(row["parameter"], row)
    return list(first.values())


@dataclass(frozen=True, slots=True)
class Target:
    """The archive to write to, by its address.

    With `keep_pages`, pages are written too. `lock` is held while parts appear; None if the caller
    is the only user of the archive.
    """

    archive: str
    keep_pages: bool = True
    lock: str | None = "flush"

    def folder(self) -> Folder:
        """Open the archive."""
        return Folder(self.archive)


class Work:
    """Flattens batches and writes parts in this process."""

    def __init__(self, target: Target) -> None:
        from xframes.flattening import Flattener

        folder = target.folder()
        self._writer = Writer(folder, Flattener(), target.keep_pages)
        self._lock: AbstractContextManager[object] = nullcontext()
        if target.lock:
            self._lock = folder.lock(target.lock)

    def add(self, pages: Sequence[Page]) -> None:
        """Add a batch. In an import, a page that cannot be flattened fails only its own run."""
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

    def finish(self) -> Result:
        """Write the rest, and return the tally by run and `problems` rows for unknown fields."""
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
    """Read one message; None if the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        return None
    return data


class _NoPandas(MetaPathFinder):
    """Hides pandas, which pyarrow would load (60 MB) for the first list; imports never use it.

    A hook, because pyarrow's compiled modules do not respect None in `sys.modules`.
    """

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, and leave other modules to the next finder."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def save_memory() -> None:
    """Take 100 MB less in a process that only imports; pandas cannot be loaded any more."""
    sys.meta_path.insert(0, _NoPandas())
    if "jemalloc" in pa.supported_memory_backends():  # 40 MB less than the default
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def main(target: bytes) -> None:
    """Serve the parent until all pages are written; if the parent ends, drop the rest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # printed text goes to stderr, not between the messages
    save_memory()
    try:
        work = Work(pickle.loads(target))  # noqa: S301  # from the parent
        send(out, pickle.dumps(_serve(work, sys.stdin.buffer)))
    except Exception:  # noqa: BLE001  # sent to the parent, which raises it
        send(out, pickle.dumps(traceback.format_exc()))


def _serve(work: Work, stream: IO[bytes]) -> object:
    try:
        while data := receive(stream):
            work.add(pickle.loads(data))  # noqa: S301  # from the parent
        if data is not None:
            return work.finish()
    except BaseException:
        work.abort()
        raise
    work.abort()
    raise EOFError("the parent process is gone")

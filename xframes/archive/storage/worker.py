"""The work of an import: pages → parts. Also a process that does it: pages come in on stdin, an answer goes to stdout.

The process is plain Python (`workers.Pool` starts it), so a caller's script needs no `if __name__ == "__main__"`.
Messages are pickles behind their length; an empty one says that all pages were sent.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
import traceback
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.storage.folder import Folder
from xframes.archive.storage.parts import IMPORT_BYTES, Tally, Unflattened, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xframes.wire import Page

_LENGTH = struct.Struct("<Q")


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
        from xframes.flatten import Flattener

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
    """Hides pandas: pyarrow would load it, 60 MB, at the first list it looks at, and workers have no use for it."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, know nothing of other modules."""
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

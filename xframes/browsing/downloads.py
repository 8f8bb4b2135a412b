"""Downloads: rows in a format of the exports, sent while they are read."""

from __future__ import annotations

import io
import queue
import threading
from typing import TYPE_CHECKING, Any

from xframes import formats
from xframes.formats import Format, Options, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

BATCH_ROWS = 10_000
SECONDS = 3_600.0  # that a download may take
_CHUNK = 64_000  # bytes
_MOST_WAITING = 16  # chunks


def offered() -> tuple[Format, ...]:
    """Return the formats that can be sent row by row."""
    return tuple(f for f in formats.row_formats() if f.write is not None)


class _Stopped(Exception):
    """The browser does not read on."""


class _Pipe(io.RawIOBase):
    """A file that is written by one thread and read by another."""

    def __init__(self) -> None:
        self.chunks: queue.Queue[bytes | Exception | None] = queue.Queue(_MOST_WAITING)
        self.is_stopped = threading.Event()
        self._buffer = bytearray()
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._buffer += view
        self._length += len(view)
        if len(self._buffer) >= _CHUNK:
            self.flush()
        return len(view)

    def flush(self) -> None:
        if self._buffer:
            self.put(bytes(self._buffer))
            self._buffer.clear()

    def put(self, item: bytes | Exception | None) -> None:
        """Hand something to the reader. Raises _Stopped if the reader has left."""
        while not self.is_stopped.is_set():
            try:
                self.chunks.put(item, timeout=0.5)
            except queue.Full:
                continue
            return
        raise _Stopped


def sent(
    format: Format, rows: Callable[[], AbstractContextManager[Rows]], *, is_result: bool
) -> Iterator[bytes]:
    """Return the bytes of a file. Raises what reading the rows raises, before the first byte.

    `rows` opens the rows; it is called in the thread that writes.
    """
    pipe = _Pipe()
    options = Options(is_result=is_result, spreadsheet=format.spreadsheet == "quoted")

    def work() -> None:
        assert format.write is not None
        try:
            with rows() as opened:
                format.write(pipe, opened, options)  # type: ignore[arg-type]  # a file to write
            pipe.flush()
            pipe.put(None)
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001  the reader raises it
            if not pipe.is_stopped.is_set():
                pipe.put(error)

    threading.Thread(target=work, daemon=True, name="xframes-download").start()
    first = pipe.chunks.get()
    if isinstance(first, Exception):
        raise first
    return _read(pipe, first)


def _read(pipe: _Pipe, first: bytes | None) -> Iterator[bytes]:
    chunk: bytes | Exception | None = first
    try:
        while chunk is not None:
            if isinstance(chunk, Exception):
                raise chunk  # the connection ends without an end of the file
            yield chunk
            chunk = pipe.chunks.get()
    finally:
        pipe.is_stopped.set()

"""How the files of an import are divided into tasks.

A large file of lines is divided by bytes; every other file is read by one task, small files
together. The times of pages depend on their number in the file, so the lines are counted first.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from xframes.archive.ingest.imports import HEAD_BYTES, check_paths, files_below, import_id
from xframes.archive.storage.bucket import is_url
from xframes.errors import ArchiveError
from xframes.reader import has_lines_of_pages, is_page
from xframes.spark.jobs.tasks import grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import, on a disk that all executors see or at a URL.

    `root` is what the user named: the file itself, or a folder with it.
    """

    address: str
    root: str
    size: int

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.address.rpartition("/")[2]

    @property
    def is_named(self) -> bool:
        """Whether the user named the file itself."""
        return self.address == self.root

    def open(self) -> IO[bytes]:
        """Open the file to read its bytes."""
        if not is_url(self.address):
            return open(self.address, "rb")
        file: IO[bytes] = _filesystem(self.address).open(self.address, "rb")
        return file

    def modified_at(self) -> datetime:
        """Return when the file was written, in whole seconds."""
        if is_url(self.address):
            return datetime.fromtimestamp(
                int(_filesystem(self.address).modified(self.address).timestamp()), UTC
            )
        return datetime.fromtimestamp(int(os.stat(self.address).st_mtime), UTC)

    @contextlib.contextmanager
    def as_path(self) -> Iterator[Path]:
        """Return the file as a path on this machine, a copy if it is at a URL."""
        if not is_url(self.address):
            yield Path(self.address)
            return
        with tempfile.TemporaryDirectory(prefix="xframes-") as home:
            path = Path(home) / self.name
            _filesystem(self.address).get_file(self.address, str(path))
            seconds = self.modified_at().timestamp()
            os.utime(path, (seconds, seconds))
            yield path

    def run_id(self) -> str:
        """Return the id of the run that imports the file: the same on every machine."""
        with self.open() as file:
            return import_id(self.name, file.read(HEAD_BYTES))


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to read in a task, or its bytes from `start` to `end`.

    `number` is how many pages the file has before `start`.
    """

    source: Source
    run_id: str
    start: int = 0
    end: int | None = None
    number: int = 0

    @property
    def size(self) -> int:
        """The bytes to read."""
        if self.end is None:
            return self.source.size
        return self.end - self.start


class Span(io.RawIOBase):
    """The bytes of a file from one position to another, as a file."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file = file
        self._left = end - start
        file.seek(start)

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer and return the number of bytes read."""
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def span(file: IO[bytes], start: int, end: int) -> IO[bytes]:
    """Return the bytes of a file between two positions as a file with a buffer."""
    return io.BufferedReader(Span(file, start, end), _BUFFER)


def sources(paths: Iterable[str]) -> list[Source]:
    """Return the files that are named, and all files in folders that are named, in order.

    Raises ArchiveError if one does not exist.
    """
    found: list[Source] = []
    for address in paths:
        if is_url(address):
            found += _at_url(address.rstrip("/"))
            continue
        root = Path(address).expanduser().absolute()
        check_paths([root])
        found += [Source(str(p), str(root), p.stat().st_size) for p in files_below(root)]
    return found


def pieces(
    files: Sequence[Source], ids: Sequence[str], most: int, *, has_mapping: bool,
    run: Callable[[Callable[[Piece], Piece | None], Sequence[Piece]], list[Piece | None]],
) -> list[tuple[Piece, ...]]:
    """Divide files into tasks of about `most` bytes, in order. `run` counts lines by tasks."""
    whole = [Piece(file, run_id) for file, run_id in zip(files, ids, strict=True)]
    large = [p for p in whole if p.size > most and not has_mapping and _has_lines(p.source)]
    parts = {piece: _cut(piece, most) for piece in large}
    flat = [part for some in parts.values() for part in some]
    counted = dict(zip(flat, run(count_lines, flat), strict=True))
    result: list[Piece] = []
    for piece in whole:
        of_file = [counted[part] for part in parts.get(piece, ())]
        if None in of_file or not of_file:
            result.append(piece)
            continue
        number = 0
        for part in of_file:
            assert part
            result.append(replace(part, number=number))
            number += part.number
    return grouped(result, lambda piece: piece.size, most)


def count_lines(piece: Piece) -> Piece | None:
    """Return a piece with the bounds of the lines that begin in it, and their count as `number`.

    None if a line is not one page by itself.
    """
    assert piece.end is not None
    with piece.source.open() as raw:
        begin = max(0, piece.start - 1)
        file = span(raw, begin, piece.source.size)
        position = begin
        if piece.start:
            position += len(file.readline())
        start, number = position, 0
        while position < piece.end and (line := file.readline()):
            position += len(line)
            if not line.strip():
                continue
            if not is_page(line, is_first=piece.start == 0 and number == 0):
                return None
            number += 1
    return replace(piece, start=start, end=position, number=number)


def _cut(piece: Piece, most: int) -> list[Piece]:
    count = -(-piece.size // most)
    bounds = [piece.size * n // count for n in range(count + 1)]
    return [
        replace(piece, start=start, end=end)
        for start, end in pairwise(bounds)
    ]


def _has_lines(source: Source) -> bool:
    with source.open() as file:
        return has_lines_of_pages(source.name, file.read(HEAD_BYTES))


def _at_url(address: str) -> list[Source]:
    fs = _filesystem(address)
    about = fs.find(address, detail=True)
    scheme = address.partition("://")[0]
    found = [
        Source(f"{scheme}://{path.lstrip('/')}", address, int(about[path]["size"]))
        for path in sorted(about)
    ]
    if not found:
        raise ArchiveError(f"no such file: {address}")
    return found


def _filesystem(address: str) -> Any:
    import fsspec

    return fsspec.core.url_to_fs(address)[0]

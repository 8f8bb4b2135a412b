"""How the files of an import are divided into tasks.

A large file of lines is divided by bytes, a large zip or tar by its members; every other file is
read by one task, small files together. The times of pages depend on their number in the file, so
they are counted first.
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
from xframes.reader import (
    FileReport,
    has_lines_of_pages,
    is_page,
    member_sizes,
    read_file,
    read_lines,
    read_members,
)
from xframes.spark.jobs.tasks import grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from xframes.reader import Choices
    from xframes.wire import Page

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
    """A file to read in a task, its bytes from `start` to `end`, or some of its members.

    `number` is how many pages the file has before them. `share` is the size of the members.
    """

    source: Source
    run_id: str
    start: int = 0
    end: int | None = None
    number: int = 0
    members: range | None = None
    share: int = 0

    @property
    def size(self) -> int:
        """The bytes to read."""
        if self.members is not None:
            return self.share
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
    files: Sequence[Source], ids: Sequence[str], most: int, chosen: Choices,
    run: Callable[[Callable[[Piece], Piece | None], Sequence[Piece]], list[Piece | None]],
) -> list[tuple[Piece, ...]]:
    """Divide files into tasks of about `most` bytes, in order. `run` counts pages by tasks."""
    whole = [Piece(file, run_id) for file, run_id in zip(files, ids, strict=True)]
    parts = {piece: _divided(piece, most, chosen) for piece in whole if piece.size > most}
    flat = [part for some in parts.values() for part in some]
    counted = dict(zip(flat, run(Count(chosen), flat), strict=True))
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


def read(piece: Piece, chosen: Choices) -> Iterator[Page]:
    """Read the pages of a piece."""
    source = piece.source
    if piece.end is None and piece.members is None:
        with source.as_path() as path:
            yield from read_file(path, piece.run_id, chosen, FileReport())
        return
    path, modified_at = Path(source.address), source.modified_at()
    with source.open() as file:
        if piece.members is not None:
            yield from read_members(
                file, path, piece.run_id, chosen, modified_at=modified_at, number=piece.number,
                members=piece.members,
            )
            return
        assert piece.end is not None
        lines = span(file, piece.start, piece.end)
        yield from read_lines(
            lines, path, piece.run_id, chosen, modified_at=modified_at, number=piece.number,
        )


@dataclass(frozen=True, slots=True)
class Count:
    """The task that counts the pages of a piece."""

    chosen: Choices

    def __call__(self, piece: Piece) -> Piece | None:
        """Return the piece with the count as `number`; None if it cannot be read alone."""
        if piece.members is None:
            return count_lines(piece)
        number = 0
        with contextlib.suppress(Exception):  # the task that reads it raises it again
            for _ in read(piece, self.chosen):
                number += 1
        return replace(piece, number=number)


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


def _divided(piece: Piece, most: int, chosen: Choices) -> list[Piece]:
    """Return the pieces of a large file; none if it must be read whole."""
    source = piece.source
    with source.open() as file:
        head = file.read(HEAD_BYTES)
        if has_lines_of_pages(source.name, head):
            if chosen.columns:
                return []
            return _cut(piece, most)
        file.seek(0)
        try:
            sizes = member_sizes(source.name, file)
        except Exception:  # noqa: BLE001  # the task that reads the file raises it again
            return []
    groups = grouped(range(len(sizes)), sizes.__getitem__, most)
    if len(groups) < 2:
        return []
    return [
        replace(piece, members=range(group[0], group[-1] + 1), share=sum(sizes[n] for n in group))
        for group in groups
    ]


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

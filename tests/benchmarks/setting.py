"""Where the benchmarks work: a temporary folder with files of pages and archives of them, each made
once."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import xframes as xf
from tests.benchmarks.pages import pages_again, search_pages, write_pages

ROUNDS = 5
LARGE = 100_000  # from so many posts on, what takes minutes is run once
_FILE_BYTES_A_POST = 4_700
_ARCHIVE_BYTES_A_POST = 1_250
_COLLECTED = datetime(2025, 6, 1, tzinfo=UTC)


def bytes_needed(posts: int) -> int:
    """Room on the disk that all benchmarks need at once, about."""
    archives = 8  # imported, compacted, and the year twice, with files about to be replaced
    return 500_000_000 + posts * (_FILE_BYTES_A_POST + archives * _ARCHIVE_BYTES_A_POST)


@dataclass  # without slots: cached_property needs a dict
class Setting:
    """A folder, the number of posts, and what to measure."""

    folder: Path
    posts: int
    times: bool = True
    memory: bool = True
    rounds: int = ROUNDS

    @property
    def long_rounds(self) -> int:
        """How often to run what takes long."""
        return self.rounds if self.posts < LARGE else 1

    @property
    def warmup(self) -> int:
        """How often to run what is short before it counts."""
        return int(self.rounds > 1)

    @property
    def share(self) -> int:
        """1 % of the posts."""
        return max(1, self.posts // 100)

    @cached_property
    def file(self) -> Path:
        """All posts, as a search returns them."""
        return self.write("posts", 0, self.posts)

    @cached_property
    def new_file(self) -> Path:
        """1 % new posts, the next ones."""
        return self.write("new", self.posts, self.share)

    @cached_property
    def again_file(self) -> Path:
        """1 % of the posts seen again, spread at random over all."""
        path = self.folder / "again.jsonl"
        numbers = random.Random(4).sample(range(self.posts), self.share)
        write_pages(path, pages_again(sorted(numbers)))
        return _dated(path, days=2)

    def write(self, name: str, first: int, posts: int) -> Path:
        """Write a file of so many posts from a number on."""
        path = self.folder / f"{name}.jsonl"
        write_pages(path, search_pages(first, posts))
        return _dated(path, days=1 if first else 0)

    @cached_property
    def imported(self) -> Path:
        """An archive of all posts, just imported."""
        path = self.folder / "imported"
        xf.Archive(path).import_pages(self.file, progress=False)
        return path

    @cached_property
    def compacted(self) -> Path:
        """The same, compacted."""
        path = self.folder / "compacted"
        copy_archive(self.imported, path)
        xf.Archive(path).compact()
        return path

    @contextlib.contextmanager
    def copy(self, archive: Path) -> Iterator[Path]:
        """A copy of an archive, which may be changed and is removed afterwards."""
        path = self.folder / "copy"
        copy_archive(archive, path)
        try:
            yield path
        finally:
            shutil.rmtree(path)


def copy_archive(archive: Path, path: Path) -> None:
    """Copy an archive; its Parquet files, which never change, are linked where the disk can."""
    shutil.copytree(archive, path, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _dated(path: Path, days: int) -> Path:
    """A file's time is when its pages were received."""
    when = (_COLLECTED + timedelta(days=days)).timestamp()
    os.utime(path, (when, when))
    return path

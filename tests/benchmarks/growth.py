"""What it costs an archive to grow: imports and compactions of 1 %, a year of collections."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict

import xframes as xf
from tests.benchmarks import queries
from tests.benchmarks.measuring import Stopwatch, Took, in_turn, peak_memory, python, timed
from tests.benchmarks.pages import search_pages
from tests.benchmarks.report import Table, at_most, both, ratio, seconds, times
from xframes.client import Answer
from xframes.screen import counted

if TYPE_CHECKING:
    from tests.benchmarks.setting import Setting

YEAR = 365
_DAYS_OF_QUERIES = 4
_FRESH_EVERY = 5  # days between collections into an empty archive, to compare with
_DAILY_SHARE = 250  # of 500,000 posts, 2,000 a day
_NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)  # of the first day
_COMPACT = "import sys, xframes as xf; xf.Archive(sys.argv[1]).compact({})"


def run(setting: Setting) -> Iterator[Table]:
    """Imports and compactions, memory, a year."""
    if setting.times:
        yield growth(setting)
    if setting.memory:
        yield memory(setting)
    if setting.times:
        yield from year(setting)


def growth(setting: Setting) -> Table:
    """1 % more, compared with all."""
    took = in_turn({
        "first import": _importing(setting, None, setting.file),
        "import of 1 % new": _importing(setting, setting.compacted, setting.new_file),
        "import of 1 % seen again": _importing(setting, setting.compacted, setting.again_file),
        "full compaction": _compacting(setting, setting.imported, None),
        "compaction of 1 % new": _compacting(setting, setting.compacted, setting.new_file),
        "compaction of 1 % seen again":
            _compacting(setting, setting.compacted, setting.again_file),
    }, setting.long_rounds)
    first, full = took["first import"], took["full compaction"]
    rows = [["first import", *both(first), ratio(1), ""]]
    for name in ("import of 1 % new", "import of 1 % seen again"):
        aim = f"≤ {seconds(first.seconds * 0.03 + 1)} s"
        rows.append([name, *both(took[name]), times(took[name].cpu, first.cpu), aim])
    rows.append(["full compaction", *both(full), ratio(1), ""])
    for name, share in (("compaction of 1 % new", 0.05), ("compaction of 1 % seen again", 0.3)):
        rows.append([name, *both(took[name]), times(took[name].cpu, full.cpu), at_most(share)])
    return Table(
        f"Growth: {setting.posts:,} posts and 1 % more",
        ("what", "seconds", "CPU seconds", "CPU ratio to all", "aim"), rows,
        f"Medians of {counted(setting.long_rounds, 'round')}. New posts are recent, those seen "
        "again spread at random. An import includes any compaction it sets off.",
    )


def _importing(setting: Setting, archive: Path | None, file: Path) -> Callable[[Stopwatch], None]:
    def work(watch: Stopwatch) -> None:
        if archive is None:
            path = setting.folder / "first"
            with watch:
                xf.Archive(path).import_pages(file, progress=False)
            shutil.rmtree(path)
            return
        with setting.copy(archive) as path, watch:
            xf.Archive(path).import_pages(file, progress=False)

    return work


def _compacting(setting: Setting, archive: Path, file: Path | None) -> Callable[[Stopwatch], None]:
    def work(watch: Stopwatch) -> None:
        with setting.copy(archive) as path, xf.Archive(path) as changed:
            if file is not None:
                changed.import_pages(file, progress=False)
            with watch:
                changed.compact()

    return work


def memory(setting: Setting) -> Table:
    """The most memory of a compaction, as a process of its own."""
    rows = []
    for state, archive, file in (
        ("all, just imported", setting.imported, None),
        ("1 % seen again", setting.compacted, setting.again_file),
    ):
        for label, options in (("128 MB", "memory=128_000_000"), ("default", "")):
            with setting.copy(archive) as path:
                if file is not None:
                    xf.Archive(path).import_pages(file, progress=False)
                peak = peak_memory(*python(_COMPACT.format(options), path))
            rows.append([state, label, f"{peak / 1e6:,.0f}", "≤ 400"])
    return Table(
        f"Growth: memory of a compaction, {setting.posts:,} posts",
        ("what is compacted", "`memory`", "MB at most", "aim, MB"), rows,
        "Resident memory of the whole process, libraries included.",
    )


class X:
    """A client whose searches find the posts of each day, and a clock that moves day by day."""

    def __init__(self, posts_a_day: int) -> None:
        self.posts_a_day = posts_a_day
        self.now = _NOON
        self._bodies: list[bytes] = []
        self.client = xf.Client(
            "invented", transport=self._answer, sleep=self._sleep, now=lambda: self.now)

    def collect(self, day: int, path: Path, watch: Stopwatch) -> None:
        """Collect one day; its pages are generated beforehand."""
        self.now = max(self.now, _NOON + timedelta(days=day))
        self._bodies = list(search_pages(day * self.posts_a_day, self.posts_a_day))
        with watch, xf.Archive(path, now=lambda: self.now) as archive:
            xf.search.recent("harbour", client=self.client, into=archive, progress=False)

    def _answer(self, _: object) -> Answer:
        return Answer(200, CaseInsensitiveDict(), self._bodies.pop(0))

    def _sleep(self, length: float) -> None:
        self.now += timedelta(seconds=length)


def year(setting: Setting) -> Iterator[Table]:
    """Daily collections into one archive, and some of them into empty archives to compare."""
    days = min(YEAR, max(_FRESH_EVERY, setting.posts // 25))
    posts_a_day = max(1, setting.posts // _DAILY_SHARE)
    x = X(posts_a_day)
    path, fresh = setting.folder / "year", setting.folder / "day"
    whole, most_files = Stopwatch(), 0
    alone: list[Took] = []
    rows: list[list[str]] = []
    for day in range(days):
        x.collect(day, path, whole)
        most_files = max(most_files, _most_files(path))
        if day % _FRESH_EVERY == 0:
            watch = Stopwatch()
            x.collect(day, fresh, watch)
            alone.append(watch.took)
            shutil.rmtree(fresh)
        if day + 1 in _days_of_queries(days):
            posts = (day + 1) * posts_a_day
            rows += queries.rows_of(setting, f"day {day + 1}", path, posts, queries.NEW)
    full = _full_compaction(path, setting.folder / "year-at-once")
    one = median(took.cpu for took in alone)
    compaction = whole.took.cpu - days * one
    yield Table(
        f"A year: {days} daily collections of {posts_a_day:,} posts",
        ("what", "measured", "aim"), [
            ["files of one table, at most on any day", str(most_files), "≤ 100"],
            ["all collections, CPU seconds", seconds(whole.took.cpu), ""],
            ["one collection into an empty archive, CPU seconds", seconds(one), ""],
            ["compactions: the difference, CPU seconds", seconds(compaction), ""],
            ["one full compaction of the result, CPU seconds", seconds(full.cpu), ""],
            ["compactions, as full compactions", times(compaction, full.cpu), at_most(3)],
        ],
        "Collected by `search.recent` through journal and tables; only the network is replaced.",
    )
    yield Table("A year: queries as it grows", ("day", *queries.COLUMNS[1:]), rows)
    shutil.rmtree(path)


def _days_of_queries(days: int) -> Iterable[int]:
    return {days * i // _DAYS_OF_QUERIES for i in range(1, _DAYS_OF_QUERIES + 1)}


def _most_files(path: Path) -> int:
    return max(sum(1 for _ in table.glob("*.parquet")) for table in (path / "tables").iterdir())


def _full_compaction(source: Path, path: Path) -> Took:
    """Compact an archive of the same pages, added at once."""
    with xf.Archive(source) as collected, xf.Archive(path) as archive:
        archive.add(collected.pages())
        took = in_turn({"compact": timed(archive.compact)}, 1)["compact"]
    shutil.rmtree(path)
    return took

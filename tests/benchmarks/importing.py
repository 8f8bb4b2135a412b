"""Importing a file, compared with the floor and with what others need for the posts alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import xframes as xf
from tests.benchmarks.measuring import (
    Contestant,
    Stopwatch,
    in_turn,
    on_cores,
    peak_memory,
    python,
    run_on_cores,
    timed,
    xframes,
)
from tests.benchmarks.report import Table, at_most, both, ratio, times
from tests.benchmarks.rivals import NORMALIZE, RIVALS, floor, is_installed
from xframes.screen import counted

if TYPE_CHECKING:
    from tests.benchmarks.setting import Setting

MOST_POSTS = 50_000  # about 200 MB: the others hold all posts in memory
_FLOOR = "floor: msgspec typed decode, bare Parquet write"
_OURS = "xframes import_pages: all tables and pages"
_NORMALIZED = "json_normalize of the posts, 1 core"
_ONE, _TWO = "xframes import, 1 core", "xframes import, 2 cores"


def run(setting: Setting) -> Iterator[Table]:
    """In process, as commands, and memory."""
    posts = min(setting.posts, MOST_POSTS)
    file = setting.file if posts == setting.posts else setting.write("sample", 0, posts)
    if setting.times:
        yield in_process(setting, file, posts)
        yield commands(setting, file, posts)
    if setting.memory:
        yield memory(setting)
    if file != setting.file:
        file.unlink()


def in_process(setting: Setting, file: Path, posts: int) -> Table:
    """One core, libraries already imported."""
    work = setting.folder / "import"
    contestants: dict[str, Contestant] = {
        _FLOOR: lambda watch: floor(file, work, watch),
        _OURS: lambda watch: _import(file, work, watch),
    }
    for name, (package, rival) in RIVALS.items():
        if is_installed(package):
            contestants[name] = timed(lambda rival=rival: rival(file, work))
    work.mkdir()
    with on_cores(1):
        took = in_turn(contestants, setting.long_rounds)
    shutil.rmtree(work)
    rows = []
    for name in (_FLOOR, _OURS, *RIVALS):
        if name not in took:
            rows.append([name, "not installed", "", "", "", ""])
            continue
        aim = at_most(2) if name == _OURS else ""
        speed = f"{file.stat().st_size / took[name].cpu / 1e6:,.0f}"
        rows.append([name, *both(took[name]), speed, times(took[name].cpu, took[_FLOOR].cpu), aim])
    return Table(
        f"Import in process: {posts:,} posts, {_megabytes(file)} MB, one core",
        ("what", "seconds", "CPU seconds", "MB/s", "CPU ratio to the floor", "aim"), rows,
        f"Medians of {counted(setting.long_rounds, 'round')} in turn. Others read the posts alone.",
    )


def _import(file: Path, folder: Path, watch: Stopwatch) -> None:
    path = folder / "archive"
    with watch:
        xf.Archive(path).import_pages(file, processes=1, progress=False)
    shutil.rmtree(path)


def commands(setting: Setting, file: Path, posts: int) -> Table:
    """Whole processes, from their start to their end."""
    took = in_turn({
        _NORMALIZED: timed(lambda: run_on_cores(1, *python(NORMALIZE, file))),
        _ONE: lambda watch: _command(setting, file, 1, watch),
        _TWO: lambda watch: _command(setting, file, 2, watch),
    }, setting.long_rounds)
    faster = times(took[_ONE].seconds, took[_TWO].seconds)
    compared = {
        _NORMALIZED: [ratio(1), ""],
        _ONE: [f"{times(took[_ONE].cpu, took[_NORMALIZED].cpu)} (CPU)", at_most(1)],
        _TWO: [f"{faster} as fast as 1 core", f"≥ {ratio(1.8)}"],
    }
    return Table(
        f"Import as a command: {posts:,} posts, {_megabytes(file)} MB",
        ("command", "seconds", "CPU seconds", "compared", "aim"),
        [[name, *both(took[name]), *cells] for name, cells in compared.items()],
        f"Medians of {counted(setting.long_rounds, 'round')} in turn, of whole processes.",
    )


def _command(setting: Setting, file: Path, cores: int, watch: Stopwatch) -> None:
    path = setting.folder / "command"
    with watch:
        run_on_cores(cores, *xframes("import", file, "--archive", path, "--processes", cores))
    shutil.rmtree(path)


def memory(setting: Setting) -> Table:
    """The most memory of an import, all its processes summed."""
    rows = []
    for processes in (1, 2):
        path = setting.folder / "command"
        command = xframes("import", setting.file, "--archive", path, "--processes", processes)
        peak = f"{peak_memory(*command) / 1e6:,.0f}"
        rows.append([f"xframes import, processes: {processes}", peak, "≤ 400"])
        shutil.rmtree(path)
    return Table(
        f"Import: memory, {setting.posts:,} posts, {_megabytes(setting.file)} MB",
        ("command", "MB at most", "aim, MB"), rows,
        "Resident memory of all processes summed, sampled every 20 ms.",
    )


def _megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:,.0f}"

"""How the benchmarks measure: in turn, as medians, by the clock, the processor and in memory."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE_SECONDS = 0.02


def processor_time() -> float:
    """Seconds of processor time used by this process and the children it has waited for."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock and of processor time."""

    seconds: float
    cpu: float

    def __add__(self, other: Took) -> Took:
        return Took(self.seconds + other.seconds, self.cpu + other.cpu)


class Stopwatch:
    """Adds up the time spent in `with stopwatch:`."""

    def __init__(self) -> None:
        self.took = Took(0, 0)

    def __enter__(self) -> None:
        self._start = Took(time.perf_counter(), processor_time())

    def __exit__(self, *_: object) -> None:
        end = Took(time.perf_counter(), processor_time())
        self.took += Took(end.seconds - self._start.seconds, end.cpu - self._start.cpu)


Contestant = Callable[[Stopwatch], object]
"""Does its work, and holds the stopwatch around what counts."""


def timed(work: Callable[[], object]) -> Contestant:
    """Something of which everything counts."""

    def run(watch: Stopwatch) -> None:
        with watch:
            work()

    return run


def in_turn(
    contestants: Mapping[str, Contestant], rounds: int, warmup: int = 0
) -> dict[str, Took]:
    """Run all contestants in each round. Returns the medians of the rounds after the warm-up."""
    times: dict[str, list[Took]] = {name: [] for name in contestants}
    for _ in range(warmup + rounds):
        for name, contestant in contestants.items():
            watch = Stopwatch()
            contestant(watch)
            times[name].append(watch.took)
    return {name: medians(found[warmup:]) for name, found in times.items()}


def medians(times: Sequence[Took]) -> Took:
    """The median of each clock."""
    return Took(median(took.seconds for took in times), median(took.cpu for took in times))


@contextlib.contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Bind this process, and the children it starts, to so many cores where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    for thread in _threads():
        os.sched_setaffinity(thread, _last_cores(count))
    try:
        yield
    finally:
        for thread in _threads():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, before)


def _threads() -> list[int]:
    return [thread.id for thread in psutil.Process().threads()]


def _last_cores(count: int) -> set[int]:
    return set(sorted(os.sched_getaffinity(0))[-count:])


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def xframes(*arguments: object) -> tuple[str, ...]:
    """The `xframes` command of this Python."""
    return (sys.executable, "-m", "xframes.cli", *map(str, arguments))


def python(program: str, *arguments: object) -> tuple[str, ...]:
    """A program for this Python."""
    return (sys.executable, "-c", program, *map(str, arguments))


def run_on_cores(count: int, *command: object) -> str:
    """A command's output; where the system can, it is bound to so many cores."""
    pin = None
    if hasattr(os, "sched_setaffinity"):
        pin = partial(os.sched_setaffinity, 0, _last_cores(count))
    return subprocess.run(
        [*map(str, command)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, preexec_fn=pin, cwd=ROOT,
    ).stdout


def peak_memory(*command: object) -> int:
    """The most bytes that a command and all processes below it held at once."""
    peak = 0
    with subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, cwd=ROOT,
                          stderr=subprocess.DEVNULL) as process:
        top = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, resident(top))
            time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def resident(process: psutil.Process) -> int:
    """The memory of a process and all below it; those that have just ended count nothing."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    return total


def used_below(pid: int) -> float:
    """Return the processor time of all processes below this one, and of those that have ended."""
    parents, times, ticks = {}, {}, os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            times[int(entry.name)] = sum(map(int, fields[11:15])) / ticks
    below, wanted = 0.0, [pid]
    while wanted:
        above = wanted.pop()
        children = [child for child, parent in parents.items() if parent == above]
        below += sum(times[child] for child in children)
        wanted += children
    return below

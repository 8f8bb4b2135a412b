"""What the benchmarks under pytest share: rounds in which everything compared runs in turn, printed
as ratios.

Times are processor times, of child processes too: other work on the machine changes them least.
Nothing is asserted about them. `pytest tests/benchmarks --benchmark-only -n 0` prints each ratio;
`--benchmark-json FILE` keeps them.

Each ratio is printed of medians and of means. They differ where dicts are made: Python's garbage
collector scans all the process holds once in many rounds, which no median shows and every mean
does.
"""

from __future__ import annotations

from statistics import mean, median

import pytest

from tests.benchmarks.measuring import processor_time
from tests.benchmarks.pages import write


def pytest_collection_modifyitems(items):
    for item in items:
        if "benchmark" in item.fixturenames:
            item.add_marker(pytest.mark.benchmark(timer=processor_time, min_rounds=1))


@pytest.fixture
def tell(benchmark, capsys):
    """Keeps a number with the benchmark, and prints it."""

    def tell(what: str, number: float) -> None:
        benchmark.extra_info[what] = round(number, 2)
        with capsys.disabled():
            print(f"\n  {benchmark.name}: {what} {number:,.2f}", end="")

    return tell


@pytest.fixture
def compare(benchmark, tell):
    """Runs something and its rivals in turn, and prints how many times as long as each it takes."""

    def compare(ours, rivals, *, rounds: int, warmup: int = 1) -> float:
        times: dict[str, list[float]] = {name: [] for name in rivals}

        def run_rivals() -> None:
            for name, rival in rivals.items():
                start = processor_time()
                rival()
                times[name].append(processor_time() - start)

        benchmark.pedantic(ours, setup=run_rivals, rounds=rounds, warmup_rounds=warmup)
        took = benchmark.stats.stats
        for name, seconds in times.items():
            tell(f"times {name}:", took.median / median(seconds[warmup:]))
            tell(f"times {name}, mean:", took.mean / mean(seconds[warmup:]))
        return took.median

    return compare


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A file of invented pages of so many megabytes, and the posts in it; each is made once."""
    known = {}

    def made(megabytes: int):
        if megabytes not in known:
            path = tmp_path_factory.mktemp("made") / f"made-{megabytes}.jsonl"
            known[megabytes] = path, write(path, megabytes)
        return known[megabytes]

    yield made
    for path, _ in known.values():
        path.unlink()

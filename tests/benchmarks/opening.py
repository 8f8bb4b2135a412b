"""What a query costs before it reads anything: sessions, opening, the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

import xframes as xf
from tests.benchmarks.measuring import Took, in_turn, python, run_on_cores, timed, xframes
from tests.benchmarks.report import Table, at_most, ms, times

if TYPE_CHECKING:
    from tests.benchmarks.setting import Setting

_TIMES = 50
_COUNT = "SELECT count(*) FROM posts"
_BARE = "import duckdb; print(duckdb.connect().execute('select 1').fetchall())"


def run(setting: Setting) -> Iterator[Table]:
    """In two states of an archive."""
    if not setting.times:
        return
    rows = [*_rows(setting, "just imported", setting.imported),
            *_rows(setting, "compacted", setting.compacted)]
    yield Table(
        f"Opening: {setting.posts:,} posts",
        ("state", "what", "ms", "CPU ms", "bare DuckDB, ms", "CPU ratio", "aim"), rows,
        "Bare: an open connection for `select 1`; a new one over the table's files, read as they "
        "are, for opening; Python with duckdb alone for the command.",
    )


def _rows(setting: Setting, state: str, path: Path) -> Iterator[list[str]]:
    files = f"{path}/tables/posts/*.parquet"
    with xf.Archive(path) as archive, duckdb.connect() as connection:
        took = in_turn({
            "select 1": timed(lambda: _often(lambda: archive.sql("SELECT 1").fetchall())),
            "bare select 1":
                timed(lambda: _often(lambda: connection.execute("SELECT 1").fetchall())),
            "open": timed(lambda: _open(path)),
            "bare open": timed(lambda: _open_bare(files)),
            "command": timed(lambda: run_on_cores(2, *xframes("sql", _COUNT, "--archive", path))),
            "bare command": timed(lambda: run_on_cores(2, *python(_BARE))),
        }, setting.rounds, setting.warmup)
    once = {name: Took(took[name].seconds / _TIMES, took[name].cpu / _TIMES)
            for name in ("select 1", "bare select 1")}
    select, bare = once["select 1"], once["bare select 1"]
    yield _row(state, 'archive.sql("select 1")', select, bare, at_most(2))
    yield _row(state, "open, count(*)", took["open"], took["bare open"], "")
    command, bare = took["command"], took["bare command"]
    yield _row(state, "xframes sql, count(*)", command, bare, "≤ 600 CPU ms")


def _row(state: str, what: str, ours: Took, bare: Took, aim: str) -> list[str]:
    return [state, what, ms(ours.seconds), ms(ours.cpu), ms(bare.seconds),
            times(ours.cpu, bare.cpu), aim]


def _often(work) -> None:
    for _ in range(_TIMES):
        work()


def _open(path: Path) -> None:
    with xf.Archive(path) as archive:
        archive.sql(_COUNT).fetchall()


def _open_bare(files: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SELECT count(*) FROM read_parquet('{files}')").fetchall()

"""Importing files: all tables and the verbatim pages as Parquet, beside what others need for the posts alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial

import duckdb
import pandas as pd
import psutil
import pytest
from twarc.expansions import flatten

import xframes as xf

NORMALIZE = """
import json, sys
import pandas as pd
posts = []
for line in open(sys.argv[1], encoding="utf-8"):
    posts += json.loads(line)["data"]
print(len(pd.json_normalize(posts)))
"""


def run_on_one_core(*command) -> str:
    """A command's output; where the system can, it is bound to one core."""
    pin = partial(os.sched_setaffinity, 0, {max(os.sched_getaffinity(0))}) if hasattr(os, "sched_setaffinity") else None
    return subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=pin).stdout


def xframes(*arguments) -> tuple[str, ...]:
    return (sys.executable, "-m", "xframes.cli", *map(str, arguments))


def test_xframes_import_as_a_whole_process_on_one_core(compare, tell, made, tmp_path):
    path, posts = made(150)
    archive = tmp_path / "archive"

    def ours() -> None:
        shutil.rmtree(archive, ignore_errors=True)
        run_on_one_core(*xframes("import", path, "--archive", archive, "--processes", 1))

    def normalize() -> None:
        assert int(run_on_one_core(sys.executable, "-c", NORMALIZE, path)) == posts

    took = compare(ours, {"json_normalize of the posts, as a process": normalize}, rounds=5)
    tell("MB/s:", path.stat().st_size / took / 1e6)
    with xf.Archive(archive) as made_of:
        assert made_of.tables["matches"] == posts


def test_import_beside_json_normalize_twarc_and_duckdb(compare, made, tmp_path):
    path, posts = made(30)
    archive = tmp_path / "archive"

    def ours() -> None:
        shutil.rmtree(archive, ignore_errors=True)
        xf.Archive(archive).import_pages(path, processes=1, progress=False)

    def normalize() -> None:
        with path.open(encoding="utf-8") as file:
            found = [post for line in file for post in json.loads(line)["data"]]
        assert len(pd.json_normalize(found)) == posts

    def twarc() -> None:
        with path.open(encoding="utf-8") as file:
            found = [post for line in file for post in flatten(json.loads(line))]
        assert len(pd.json_normalize(found)) == posts

    def read_json() -> None:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute(
                "COPY (SELECT unnest(data, max_depth := 2) FROM read_json(?, format = 'newline_delimited')) "
                f"TO '{tmp_path}/posts.parquet'", [str(path)],
            )

    compare(ours, {
        "json_normalize of the posts": normalize, "twarc's flatten and json_normalize": twarc,
        "DuckDB's read_json of the posts, to Parquet": read_json,
    }, rounds=5)


@pytest.mark.parametrize("megabytes", [125, 500, 2000])
def test_memory_of_an_import_with_two_processes(benchmark, tell, made, tmp_path, megabytes):
    path, _ = made(megabytes)
    peak = 0

    def ours() -> None:
        nonlocal peak
        archive = tmp_path / "archive"
        with subprocess.Popen(xframes("import", path, "--archive", archive, "--processes", 2),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                peak = max(peak, resident(psutil.Process(process.pid)))
                time.sleep(0.02)
        assert process.returncode == 0
        shutil.rmtree(archive)

    benchmark.pedantic(ours, rounds=1)
    tell("MB of memory at most, all processes:", peak / 1e6)
    assert peak


def resident(process: psutil.Process) -> int:
    """The memory of a process and all below it; those that have just ended count nothing."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total

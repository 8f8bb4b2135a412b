"""Importing files: all tables and the verbatim pages as Parquet, beside what others need for the
posts alone."""

from __future__ import annotations

import shutil
from functools import partial

import pytest

import xframes as xf
from tests.benchmarks.measuring import peak_memory, python, run_on_cores, xframes
from tests.benchmarks.rivals import NORMALIZE, RIVALS, is_installed


def test_xframes_import_as_a_whole_process_on_one_core(compare, tell, made, tmp_path):
    path, posts = made(150)
    archive = tmp_path / "archive"

    def ours() -> None:
        shutil.rmtree(archive, ignore_errors=True)
        run_on_cores(1, *xframes("import", path, "--archive", archive, "--processes", 1))

    def normalize() -> None:
        assert int(run_on_cores(1, *python(NORMALIZE, path))) == posts

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

    def check(rival) -> None:
        assert rival(path, tmp_path) == posts

    compare(ours, {name: partial(check, rival) for name, (package, rival) in RIVALS.items()
                   if is_installed(package)}, rounds=5)


@pytest.mark.parametrize("megabytes", [125, 500, 2000])
def test_memory_of_an_import_with_two_processes(benchmark, tell, made, tmp_path, megabytes):
    path, _ = made(megabytes)
    peak = 0

    def ours() -> None:
        nonlocal peak
        archive = tmp_path / "archive"
        command = xframes("import", path, "--archive", archive, "--processes", 2)
        peak = max(peak, peak_memory(*command))
        shutil.rmtree(archive)

    benchmark.pedantic(ours, rounds=1)
    tell("MB of memory at most, all processes:", peak / 1e6)
    assert peak

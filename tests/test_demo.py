"""The demonstration: does what the README shows, twice in one folder, and leaves an archive that answers."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import xframes as xf

pytestmark = pytest.mark.slow  # the demonstration takes seconds, and runs once for all of them
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def demo(folder, *words):
    environment = {k: v for k, v in os.environ.items() if "TOKEN" not in k} | {"COLUMNS": "100"}
    return subprocess.run([sys.executable, "-W", "error", "-m", "xframes.cli", "demo", *words], cwd=folder, check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, env=environment)


def processor_time():
    """Seconds of processor time of the programs started so far: other work on the machine does not change them."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    began = processor_time()
    result = demo(folder)
    return folder, result, processor_time() - began


def test_it_ends_well_and_soon(shown):
    _, result, seconds = shown

    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert seconds < 30


def test_it_prints_what_the_readme_shows(shown):
    block = re.search(r"```console\n\$ xframes demo\n(.*?)```", README, re.DOTALL)
    assert block
    assert shown[1].stdout == block[1]


def test_its_archive_answers_and_its_pictures_are_there(shown):
    folder = shown[0] / "xframes-demo"

    assert sorted(p.name for p in folder.iterdir()) == ["archive", "counts.png", "timeline.png"]
    assert all(p.read_bytes()[1:4] == b"PNG" for p in folder.glob("*.png"))
    archive = xf.Archive(folder / "archive")
    assert set(archive.runs()["state"]) == {"done"}
    assert archive.sql("select count(*) from posts").fetchall()[0][0] > 600
    assert archive.verify().ok


def test_it_works_a_second_time_in_the_same_folder(shown):
    before = xf.Archive(shown[0] / "xframes-demo" / "archive").tables
    result = demo(shown[0])

    assert result.returncode == 0, result.stderr
    assert shown[1].stdout.split("1. Who")[1] == result.stdout.split("1. Who")[1]
    after = xf.Archive(shown[0] / "xframes-demo" / "archive").tables
    assert after["posts"] == before["posts"]
    assert after["runs"] == 2 * before["runs"]


def test_it_goes_where_it_is_told(tmp_path):
    result = demo(tmp_path, "--out", "elsewhere/deep")

    assert result.returncode == 0, result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["elsewhere"]

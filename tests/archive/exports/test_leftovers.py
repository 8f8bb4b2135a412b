"""What killed exports leave beside their target: the next one removes it, and nothing of one that is running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archives import NOW, page, post
from xframes.archive import Archive

ROOT = Path(__file__).parents[3]
EXPORT = """
import sys, time
from xframes.archive import Archive
from xframes.archive.export import job
checksum = job.datapackage.checksum
def slow(path):
    print("on its way", flush=True)
    sys.stdin.readline()
    return checksum(path)
job.datapackage.checksum = slow
Archive(sys.argv[1]).export(sys.argv[2], tables=["posts"], format="csv", overwrite=True)
"""


@pytest.fixture
def archive(tmp_path):
    with Archive(tmp_path / "archive", now=lambda: NOW) as made:
        made.add(page(*(post(n) for n in range(5))))
        yield made


@pytest.fixture
def exporting(archive, tmp_path):
    """An export in another process, on its way when this returns."""
    child = subprocess.Popen([sys.executable, "-c", EXPORT, str(archive.path), str(tmp_path / "out")],
                             text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert child.stdout.readline() == "on its way\n"
    yield child
    child.kill()
    child.communicate()


def hidden(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


@pytest.mark.slow
def test_the_next_export_removes_what_a_killed_one_left(archive, exporting, tmp_path):
    exporting.send_signal(signal.SIGKILL)
    exporting.wait()
    (tmp_path / ".out.part-of-something-else").write_text("mine")
    (tmp_path / ".out.part-0123abcd-tmp").mkdir()  # nobody knows whose
    assert len(hidden(tmp_path)) == 4
    archive.export(tmp_path / "other")
    assert len(hidden(tmp_path)) == 4
    archive.export(tmp_path / "out")
    assert hidden(tmp_path) == [".out.part-0123abcd-tmp", ".out.part-of-something-else"]


@pytest.mark.slow
def test_an_export_that_is_running_keeps_its_files(archive, exporting, tmp_path):
    before = hidden(tmp_path)
    archive.export(tmp_path / "out")
    assert hidden(tmp_path) == before
    exporting.communicate("go on\n" * 5)
    assert exporting.returncode == 0
    assert hidden(tmp_path) == []
    assert (tmp_path / "out" / "posts.csv").exists()


@pytest.mark.slow
def test_an_earlier_export_that_was_moved_aside_is_put_back(archive, exporting, tmp_path):
    exporting.send_signal(signal.SIGKILL)
    exporting.wait()
    (beside,) = (p for p in tmp_path.glob(".out.part-*") if not p.name.endswith("-tmp"))
    archive.export(tmp_path / "earlier")
    (tmp_path / "earlier").rename(tmp_path / f"{beside.name}-old")
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever ends it
        archive.export(tmp_path / "out", where="no such column")
    assert (tmp_path / "out" / "datapackage.json").exists()
    assert hidden(tmp_path) == []

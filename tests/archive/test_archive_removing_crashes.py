"""Takedown after crashes, beside living processes, and where files cannot be rewritten now."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import xframes as xf
from tests.removals import ADA, GONE, MARKS, NOW, OTHER, SECRET, nowhere, page
from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage.readers import Readers

resource = pytest.importorskip("resource", reason="limits of a process, and signals")
ROOT = Path(__file__).parents[2]
# Writes the pages of a file's lines into an archive, and stops with its files half written.
IMPORT = """
import sys, time
import xframes as xf
from xframes.archive.storage import parts
from xframes.archive.storage.folder import Folder
from xframes.archive.storage.parts import Writer
from xframes.flattening import Flattener

archive, path = sys.argv[1:]
folder = Folder(archive)
parts.HELD_BYTES = parts.PAGE_GROUP_BYTES = 1
writer = Writer(folder, Flattener(), folder.tables)
writer.add(list(xf.read_pages(path)))
print("half written", flush=True)
sys.stdin.readline()
writer.flush(folder.lock("flush"))
"""


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as made:
        yield made


@contextlib.contextmanager
def importing(archive, tmp_path):
    """A process that has half written the page of the post that goes."""
    path = tmp_path / "pages.jsonl"
    path.write_bytes(page(GONE, OTHER, seconds=7).body)
    child = subprocess.Popen([sys.executable, "-c", IMPORT, str(archive.path), str(path)], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        assert child.stdout.readline() == "half written\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def temporary(archive):
    return list((archive.path / ".tmp").iterdir())


@pytest.mark.slow
def test_what_a_killed_process_left_half_written_goes_at_once(archive, tmp_path):
    archive.add([page(GONE, OTHER)])
    with importing(archive, tmp_path) as child:
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert temporary(archive)
        archive.remove(["10"], reason="why")
        assert temporary(archive) == []
        nowhere(archive, *MARKS)
    assert list((archive.path / ".locks").glob("temp-*")) == []


@pytest.mark.slow
def test_a_living_process_keeps_its_files_and_brings_nothing_back(archive, tmp_path):
    archive.add([page(GONE, OTHER)])
    with importing(archive, tmp_path) as child:
        before = temporary(archive)
        archive.remove(["10"], reason="why")
        assert temporary(archive) == before
        child.communicate("go on\n")
        assert child.returncode == 0
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    assert not any(SECRET.encode() in one.body for one in archive.pages())
    assert archive.purge() > 0
    nowhere(archive, *MARKS)
    assert archive.verify().ok


def test_files_of_no_living_owner_go(archive):
    archive.add([page(GONE, OTHER)])
    left = archive.path / ".tmp" / "left.parquet"
    left.write_text(SECRET)
    (archive.path / ".tmp" / "scratch").mkdir()
    (archive.path / ".tmp" / "scratch" / "spill").write_text(SECRET)
    archive.remove(["10"], reason="why")
    assert temporary(archive) == []


def test_an_operation_that_fails_leaves_nothing_behind(archive):
    archive.add([page(GONE, OTHER)])
    archive.add([page(GONE, OTHER, seconds=3)])
    victim = max((archive.path / "tables" / "matches").glob("*.parquet"))
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-30] + bytes(30))
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever it is: what it leaves is what matters here
        archive.compact()
    assert temporary(archive) == []
    victim.write_bytes(whole)
    archive.remove(["10"], reason="why")
    nowhere(archive, *MARKS)


# hidden, and not yet purged ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(archive):
    """Another process that keeps reading."""
    program = ("import sys, xframes as xf; archive = xf.Archive(sys.argv[1])\n"
               "relation = archive.sql('SELECT id FROM posts'); print('reads', flush=True); sys.stdin.readline()")
    child = subprocess.Popen([sys.executable, "-c", program, str(archive.path)], text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        assert child.stdout.readline() == "reads\n"
        yield
    finally:
        child.communicate("done\n")


@pytest.fixture
def hasty(monkeypatch):
    """A purge that does not wait for readers."""
    monkeypatch.setattr(Readers, "patience", 0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_what_cannot_be_purged_yet_is_recorded_and_shows_nowhere(archive):
    run = archive.add([page(GONE, OTHER)])
    with reading(archive):
        with pytest.raises(xf.errors.ArchiveError):
            archive.remove(["10"], reason="why")
        for pages in (archive.pages(), archive.pages(run.run_id)):
            assert not any(mark.encode() in one.body for one in pages for mark in MARKS)
        frames = run.frames()
        assert frames.posts["id"].tolist() == ["20"]
        assert frames["media"].num_rows == 0
        assert xf.flatten(archive.pages())["posts"]["id"].to_pylist() == ["20"]
        assert archive.changes("posts", "10").empty
        assert archive.changes("users", "1").empty
        with archive.as_of(NOW) as then:
            assert then["posts"]["id"].to_pylist() == ["20"]
        assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    archive.purge()
    nowhere(archive, *MARKS)


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_compacting_beside_readers_waits_for_them_only_where_something_must_go(archive):
    archive.add([page(GONE, OTHER)])
    archive.remove(["10"], reason="why")
    archive.add([page(OTHER, seconds=3)])
    with reading(archive):
        for seconds in (5, 7):
            archive.compact()
            archive.add([page(OTHER, seconds=seconds)])
        with pytest.raises(xf.errors.ArchiveError):
            archive.remove(["20"], reason="why")
        with pytest.raises(xf.errors.ArchiveError):
            archive.compact()
    archive.compact()
    nowhere(archive, SECRET, OTHER["text"])


def test_pages_that_come_after_a_purge_show_nothing_of_it_either(archive):
    archive.add([page(OTHER)])
    archive.remove(["10"], ["1"], reason="why")
    with open_journal(archive.path / "journal.sqlite") as journal:
        journal.start([("run-late", "search.recent", {}, None)], None, NOW)
        journal.append([replace(page(GONE, OTHER, seconds=5), run_id="run-late")])
        journal.update("run-late", NOW, state="done")
    found = [one.body for one in archive.pages("run-late")]
    assert len(found) == 1
    assert not any(mark.encode() in found[0] for mark in MARKS)
    assert archive.purge() > 0
    nowhere(archive, *MARKS)


def test_without_a_removal_pages_are_given_as_they_are(archive):
    one = page(GONE, OTHER)
    archive.add([one])
    assert [p.body for p in archive.pages()] == [one.body]


# where files cannot be rewritten now ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_removal_is_recorded_beside_a_damaged_file(archive):
    archive.add([page(GONE, OTHER)])
    archive.add([page(OTHER, seconds=3)])
    victim = max((archive.path / "tables" / "users").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-30] + bytes(30))
    with pytest.raises(xf.errors.ArchiveError):
        archive.remove(["10"], reason="why")
    assert archive.sql("SELECT id FROM posts").fetchall() == [("20",)]
    assert archive.sql("SELECT resource_id FROM tombstones ORDER BY ALL").fetchall() == [("10",), ("9",)]
    archive.verify(repair=True)
    archive.purge()
    nowhere(archive, *MARKS)


@pytest.mark.slow
def test_a_removal_is_recorded_when_the_disk_is_full(archive, monkeypatch):
    archive.add([page(GONE, OTHER, *({"id": str(n), "text": os.urandom(300).hex(), "author_id": "2"}
                                     for n in range(100, 400)))])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # tombstones fit, the file of pages does not
    try:
        with pytest.raises(xf.errors.ArchiveError):
            archive.remove(["10"], reason="why")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "10" not in archive.ids()
    assert "9" in archive["tombstones"]["resource_id"].to_pylist()
    assert temporary(archive) == []
    archive.purge()
    nowhere(archive, *MARKS)
    assert archive.verify().ok


READ_ONLY = """
import os, sys
import xframes as xf
with xf.Archive(sys.argv[2]) as other:  # whoever has no rights may not import what is still needed
    other.add(xf.read_pages(sys.argv[3]))
    other.remove(["10"], reason="why")
    other.sql("SELECT 1").fetchall()
os.setuid(65534)
with xf.Archive(sys.argv[1]) as archive:
    try:
        archive.remove(["10"], reason="why")
    except xf.errors.ArchiveError as error:
        print("refused", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="becomes a user without rights")
def test_a_removal_is_recorded_where_pages_is_read_only(archive, tmp_path):
    archive.add([page(GONE, OTHER)])
    archive.close()
    (tmp_path / "pages.jsonl").write_bytes(page(GONE).body)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o005:  # pytest's own folders are closed to others
            folder.chmod(0o755)
    for path in archive.path.rglob("*"):
        os.chown(path, 65534, 65534)
    os.chown(archive.path, 65534, 65534)
    (archive.path / "pages").chmod(0o555)
    done = subprocess.run([sys.executable, "-c", READ_ONLY, *map(str, (
        archive.path, tmp_path / "other", tmp_path / "pages.jsonl"))], capture_output=True, text=True,
                          check=False, env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)})
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr
    (archive.path / "pages").chmod(0o755)
    with xf.Archive(archive.path, now=lambda: NOW) as again:
        assert again.sql("SELECT id FROM posts").fetchall() == [("20",)]
        again.purge()
        nowhere(again, *MARKS)
        again.rebuild()
        assert again["tombstones"]["resource_id"].to_pylist() == ["10", "9"]
        assert again.verify().ok


def test_a_purge_that_was_killed_after_its_files_leaves_no_name_in_the_journal(archive, monkeypatch):
    archive.add([page(GONE, OTHER, users=[ADA])])
    with open_journal(archive.path / "journal.sqlite") as journal:
        journal.start([("run-x", "users.by_username", {"username": "ada_lov"}, None)], None, NOW)
        journal.update("run-x", NOW, state="failed", error="no user [ada_lov]")
        journal.written(journal.runs())
    monkeypatch.setattr("xframes.archive.storage.folder.Folder.sweep", _die)
    with pytest.raises(KeyboardInterrupt):
        archive.remove(user_ids=["1"], reason="why")
    monkeypatch.undo()
    archive.purge()
    nowhere(archive, '"ada_lov"', "[ada_lov]")


def _die(folder):
    raise KeyboardInterrupt

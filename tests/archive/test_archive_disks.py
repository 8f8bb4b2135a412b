"""Disks that are full, read-only, or not where they should be: queries go on, changes stop."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from dataclasses import replace

import pytest
from filelock import FileLock

from tests.archives import NOW, Server, page, post, search
from xframes.archive import Archive
from xframes.archive.ingest.journal import open_journal
from xframes.errors import ArchiveError, Interrupted

COUNT = "select count(*) from posts"


def mount(*words):
    """Run mount, or skip the test with what it says."""
    try:
        done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True,
                              check=False)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


class Disk:
    """A small disk of its own."""

    def __init__(self, path):
        self.path = path
        self.filling = path / "filling"

    def fill(self):
        with self.filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self):
        self.filling.unlink()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    mount("-t", "tmpfs", "-o", "size=3m", "xframes-test", path)
    yield Disk(path)
    subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def archive(disk):
    """50 posts in tables; 50 more in the journal, left by a process that ended."""
    with Archive(disk.path / "archive") as archive:
        archive.add(page(*(post(n) for n in range(50))))
        leave_in_journal(archive)
        yield archive


def leave_in_journal(archive):
    left = page(*(post(n) for n in range(50, 100)), seconds=9, run_id="run-1")
    with open_journal(archive.path / "journal.sqlite") as journal:
        journal.start([("run-1", "search.recent", {"query": "cats"}, search().to_json())],
                      "run-1", NOW)
        journal.append([replace(left, run_id="run-1")])


READING = {
    "sql": lambda archive, _: archive.sql(COUNT).fetchall()[0][0],
    "frame": lambda archive, _: len(archive.frame("posts")),
    "tables": lambda archive, _: archive.tables["posts"],
    "connect": lambda archive, _: archive.connect().execute(COUNT).fetchall()[0][0],
    "pages": lambda archive, _: len(list(archive.pages())) * 50,
    "runs": lambda archive, _: len(archive.runs()) * 25,
    "run": lambda archive, _: archive.run("run-1").pages * 50,
    "ids": lambda archive, _: len(archive.ids(included=True)),
    "export": lambda archive, path: archive.export(path / "export", format="csv")["posts"],
    "verify": lambda archive, _: archive.verify().pages * 50,
    "open": lambda archive, _: Archive(archive.path).tables["posts"],
}
WRITING = {
    "add": lambda archive, _: archive.add(page(*(post(n) for n in range(500, 600)), seconds=20)),
    "compact": lambda archive, _: archive.compact(),
    "rebuild": lambda archive, _: archive.rebuild(),
    "remove": lambda archive, _: archive.remove(post_ids=["7"], reason="r"),
    "merge": lambda archive, path: archive.merge(path / "other"),
    "import": lambda archive, path: archive.import_pages(path / "pages.jsonl", processes=1),
    "import in workers": lambda archive, path: archive.import_pages(path / "pages.jsonl",
                                                                    processes=2),
    "collect": lambda archive, _: archive.collect(search(), Server()),
    "resume": lambda archive, _: archive.resume("run-1", Server()),
    "keeping": lambda archive, _: keep(archive),
}


def keep(archive):
    with archive.keeping("write.posts", {}) as kept:
        kept(page(post(900)))


@pytest.fixture
def others(tmp_path):
    """What is imported and merged, on a disk with room."""
    (tmp_path / "pages.jsonl").write_bytes(page(post(700)).body)
    with Archive(tmp_path / "other") as other:
        other.add(page(post(800)))
    return tmp_path


def temporary(archive):
    return sorted(p.name for p in (archive.path / ".tmp").iterdir())


@pytest.mark.slow
def test_reading_goes_on_on_a_full_disk_and_logs_what_is_not_shown(archive, disk, tmp_path, caplog):
    disk.fill()
    for name, read in READING.items():
        assert read(archive, tmp_path) == 50, name
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2, "one for each archive object"
    assert "run-1" in warnings[0].getMessage()
    assert temporary(archive) == []
    disk.free()
    assert archive.tables["posts"] == 100
    assert archive.verify().ok


@pytest.mark.slow
def test_changes_on_a_full_disk_raise_an_archive_error_and_lose_nothing(archive, disk, others):
    disk.fill()
    for name, write in WRITING.items():
        with pytest.raises(ArchiveError) as raised:
            write(archive, others)
        assert "disk" in str(raised.value), name
    with pytest.raises(ArchiveError):
        Archive(disk.path / "new").add(page(post(1)))
    disk.free()
    assert archive.tables["posts"] == 100
    assert archive.verify().ok
    assert archive.resume("run-1", Server()).state == "done"
    for name in ("add", "compact", "merge", "import", "keeping", "remove"):
        WRITING[name](archive, others)
    assert archive.verify().ok


def test_files_half_written_do_not_stay_on_a_full_disk(archive, disk, others):
    disk.fill()
    for name in ("add", "compact", "remove", "merge", "import in workers"):
        with pytest.raises(ArchiveError):
            WRITING[name](archive, others)
        assert temporary(archive) == [], name


def test_a_collection_that_fills_the_disk_can_be_resumed(disk, caplog):
    with Archive(disk.path / "archive") as archive:
        server = Server(pages=120, size=100)
        with pytest.raises(Interrupted) as stopped:
            archive.collect(search(), server)
        disk.fill()
        kept = stopped.value.pages
        assert 0 < kept < 120
        assert archive.runs()["page_count"].tolist() == [kept]
        assert archive.tables["posts"] < kept * 100
        assert any(f"{kept:,} pages" in record.getMessage() for record in caplog.records)
        disk.free()
        mount("-o", "remount,size=60m", disk.path)
        assert stopped.value.resume().pages == 120
        assert archive.tables["posts"] == 12_000
        assert archive.verify().ok


@pytest.mark.slow
def test_temporary_files_on_another_file_system(tmp_path, others, caplog):
    with Archive(tmp_path / "archive") as archive:
        archive.add(page(*(post(n) for n in range(50))))
        leave_in_journal(archive)
        mount("-t", "tmpfs", "xframes-test", archive.path / ".tmp")
        try:
            for name, read in READING.items():
                assert read(archive, tmp_path) == 50, name
            assert any("run-1" in r.getMessage() and ".tmp" in r.getMessage()
                       for r in caplog.records)
            for name, write in WRITING.items():
                with pytest.raises(ArchiveError) as raised:
                    write(archive, others)
                assert ".tmp" in str(raised.value), name
        finally:
            subprocess.run(["umount", "-l", archive.path / ".tmp"], check=True)
        found = {int(i) for (i,) in archive.sql("select id from posts").fetchall()}
        assert found >= set(range(100)) - {7}  # what was in the journal, and what was collected; 7 was removed
        assert archive.verify().ok


@pytest.mark.slow
def test_a_file_system_that_becomes_read_only(archive, disk, tmp_path, others, caplog):
    mount("-o", "remount,ro", disk.path)
    for name, read in READING.items():
        assert read(archive, tmp_path) == 50, name
    assert any("run-1" in record.getMessage() for record in caplog.records)
    for write in WRITING.values():
        with pytest.raises(ArchiveError):
            write(archive, others)
    mount("-o", "remount,rw", disk.path)
    assert archive.tables["posts"] == 100


def test_errors_of_the_callers_own_block_stay_what_they_are(tmp_path):
    with Archive(tmp_path / "archive") as archive:
        def fail():
            with archive.keeping("write.posts", {}) as kept:
                kept(page(post(1)))
                os.stat(tmp_path / "missing")

        with pytest.raises(FileNotFoundError):
            fail()
        assert archive.tables["posts"] == 1
        assert archive.runs()["state"].tolist() == ["interrupted"]


@pytest.mark.slow
def test_what_waits_while_another_process_writes_is_logged_and_shown_later(tmp_path, caplog):
    with Archive(tmp_path / "archive") as archive:
        archive.add(page(*(post(n) for n in range(50))))
        leave_in_journal(archive)
        with FileLock(archive.path / ".locks" / "flush.lock"):
            assert archive.tables["posts"] == 50
            assert archive.tables["posts"] == 50
            assert sum("not shown" in record.getMessage() for record in caplog.records) == 1
        assert archive.tables["posts"] == 100

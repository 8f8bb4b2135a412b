"""Disks that are full or read-only, files torn by a crash, what an older process left: repaired, and said; never lost."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import xframes as xf
from xframes.archive.ingest.journal import open_journal
from xframes.errors import ArchiveError
from xframes.wire import Page, Request

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = Request("GET", "/2/tweets/search/recent", {"query": "cats"}, "search.recent")


def page(number, size=5):
    posts = [{"id": str(number * size + i), "text": f"post {number * size + i}"} for i in range(size)]
    return Page(REQUEST, json.dumps({"data": posts}).encode(), NOW + timedelta(seconds=number))


def ids(archive):
    return sorted(int(i) for (i,) in archive.sql("SELECT id FROM posts").fetchall())


def child(program, *words):
    return subprocess.run([sys.executable, "-W", "error", "-c", program, *map(str, words)], capture_output=True,
                          text=True, timeout=300, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)})


# a full disk ----------------------------------------------------------------------------------------------------------

FULL = """
import json, resource, signal, sys
from datetime import UTC, datetime
import xframes as xf
from xframes.archive.ingest import collection
from xframes.plan import plan
from xframes.wire import Page
from xframes.wire import Request

path, most, flush = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
collection.FLUSH_BYTES = flush

class Server:
    def send(self, request):
        number = int(request.params.get("next_token", "t0")[1:])
        if number:
            print(number - 1, flush=True)  # whoever asks for a page has kept the one before
        posts = [{"id": str(number * 50 + i), "text": f"post {number * 50 + i} " + "words " * 30} for i in range(50)]
        meta = {"next_token": f"t{number + 1}"} if number < 59 else {}
        return Page(request, json.dumps({"data": posts, "meta": meta}).encode(), datetime(2026, 3, 1, tzinfo=UTC))

archive = xf.Archive(path)
if most:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    if archive.path.exists():
        archive.resume(archive.runs()["run_id"][0], Server())
    else:
        archive.collect(plan("search.recent", {"query": "cats"}, now=datetime.now(UTC)), Server())
except xf.XframesError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are set as on Unix")
@pytest.mark.parametrize(("most", "flush"), [(150_000, 10_000_000), (120_000, 80_000)],
                         ids=lambda n: f"{n:,}")
def test_a_full_disk_ends_a_collection_with_all_kept_and_it_goes_on_when_there_is_room(tmp_path, most, flush):
    full = child(FULL, tmp_path / "a", most, flush)
    assert full.returncode == 1
    assert full.stderr.startswith(("ArchiveError: ", "Interrupted: ")), full.stderr
    assert "Traceback" not in full.stderr
    kept = [int(line) for line in full.stdout.split()]
    with xf.Archive(tmp_path / "a") as archive:
        assert set(ids(archive)) >= {n * 50 + i for n in kept for i in range(50)}
        assert archive.verify().ok, archive.verify()
        assert set(archive.runs()["state"]) == {"interrupted"}
    again = child(FULL, tmp_path / "a", 0, flush)
    assert again.returncode == 0, again.stderr
    with xf.Archive(tmp_path / "a") as archive:
        assert ids(archive) == list(range(3_000))
        assert archive.verify().ok


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are set as on Unix")
@pytest.mark.parametrize("what", ["compact()", "rebuild(processes=1)", "remove(post_ids=['7'], reason='r')", "merge(sys.argv[2])"])
def test_a_full_disk_while_keeping_house_changes_nothing(tmp_path, what):
    with xf.Archive(tmp_path / "a") as archive, xf.Archive(tmp_path / "b") as other:
        archive.add([page(n) for n in range(6)])
        for n in range(6, 12):
            archive.add(page(n))
        other.add([page(n, size=900) for n in range(2)])
    program = f"""
import resource, signal, sys
import xframes as xf
archive = xf.Archive(sys.argv[1])
archive.tables
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
archive.{what}
"""
    full = child(program, tmp_path / "a", tmp_path / "b")
    assert full.returncode == 1, full.stderr
    with xf.Archive(tmp_path / "a") as archive:
        found = ids(archive)
        assert set(found) | {7} == set(range(60))
        assert archive.verify().ok, archive.verify()
        if "remove" not in what:
            assert 7 in found
        exec(f"archive.{what.replace('sys.argv[2]', repr(str(tmp_path / 'b')))}")
        assert archive.verify().ok


# read-only ------------------------------------------------------------------------------------------------------------

READ = """
import os, sys
import xframes as xf
from xframes.errors import ArchiveError

def ask(archive):
    assert archive.sql("SELECT count(*) FROM posts").fetchall() == [(15,)]
    assert len(archive.runs()) == len(archive.frame("runs")) == 3
    assert len(list(archive.pages())) == 3
    assert archive.verify().ok, archive.verify()
    assert archive.run(archive.runs()["run_id"][0]).state == "done"

def changes(archive):
    yield archive.compact
    yield archive.rebuild
    yield lambda: archive.add(list(archive.pages()))
    yield lambda: archive.merge(sys.argv[2])
    yield lambda: archive.remove(post_ids=["1"], reason="r")

with xf.Archive(sys.argv[2]) as spare:  # everything is imported before this process loses its rights
    ask(spare)
    for change in changes(spare):
        change()
if os.geteuid() == 0:  # root may write anything
    os.setuid(65534)
with xf.Archive(sys.argv[1]) as archive:
    ask(archive)
    for change in changes(archive):
        try:
            change()
        except ArchiveError as error:
            assert sys.argv[1] in str(error), error
        else:
            raise AssertionError(change)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of Unix")
def test_a_read_only_archive_can_be_asked_and_says_why_it_cannot_be_changed():
    home = Path(tempfile.mkdtemp())  # below pytest's own folders nobody else may look
    home.chmod(0o755)
    path, spare = home / "a", home / "b"
    with xf.Archive(path) as archive:
        for n in range(3):
            archive.add(page(n))
    shutil.copytree(path, spare)
    everything = [path, *path.rglob("*")]
    for each in everything:
        each.chmod(0o555 if each.is_dir() else 0o444)
    try:
        found = child(READ, path, spare)
        assert found.returncode == 0, found.stderr
    finally:
        for each in everything:
            each.chmod(0o755 if each.is_dir() else 0o644)
        shutil.rmtree(home)


# what a crash leaves --------------------------------------------------------------------------------------------------


def test_torn_temporary_files_are_not_seen_and_go_when_they_are_old(tmp_path):
    with xf.Archive(tmp_path / "a") as archive:
        archive.add(page(0))
        whole = next((archive.path / "tables" / "posts").glob("*.parquet")).read_bytes()
        torn = [archive.path / ".tmp" / name for name in ("0123-torn.parquet", "0124-torn.json", "rebuild-0125")]
        torn[0].write_bytes(whole[: len(whole) // 2])
        torn[1].write_text('[["half a')
        torn[2].mkdir()
        (torn[2] / "part-1.parquet").write_bytes(whole[:100])
        for each in torn:
            os.utime(each, (1, 1))
    with xf.Archive(tmp_path / "a") as archive:
        assert ids(archive) == list(range(5))
        assert archive.verify().ok
        archive.add(page(1))
        archive.compact()
        assert ids(archive) == list(range(10))
        assert not any(each.exists() for each in torn)


def test_a_commit_cut_short_is_completed_when_the_archive_is_opened_and_said(tmp_path, caplog):
    path = tmp_path / "a"
    with xf.Archive(path) as archive:
        archive.add(page(0))
        (part,) = (path / "tables" / "posts").glob("*.parquet")
        late = f"{'8' * 20}.parquet"
        part.rename(path / ".tmp" / late)
        (path / ".tmp" / f"commit-{'9' * 20}.json").write_text(json.dumps([[late, f"tables/posts/{part.name}"]]))
    with caplog.at_level(logging.WARNING, "xframes"), xf.Archive(path) as archive:
        assert ids(archive) == list(range(5))
        assert not list((path / ".tmp").glob("commit-*"))
    assert any(str(path) in record.getMessage() for record in caplog.records)


def test_what_a_dead_process_journalled_shows_at_once_and_its_run_is_interrupted(tmp_path, caplog):
    path = tmp_path / "a"
    with xf.Archive(path) as archive:
        archive.add(page(0))
    with open_journal(path / "journal.sqlite") as journal:  # a process that ended without a word
        journal.start([("run-old", "search.recent", {"query": "cats"}, None)], "run-old", NOW)
        one = page(1)
        journal.append([Page(one.request, one.body, one.received_at, run_id="run-old")], rows=5)
    with caplog.at_level(logging.WARNING, "xframes"), xf.Archive(path) as archive:
        assert ids(archive) == list(range(10))
        assert archive.runs().set_index("run_id")["state"]["run-old"] == "interrupted"
    assert "run-old" in caplog.text


@pytest.fixture
def no_journal(tmp_path):
    """An archive whose journal is something else."""
    path = tmp_path / "a"
    with xf.Archive(path) as archive:
        archive.add(page(0))
    for name in ("journal.sqlite-wal", "journal.sqlite-shm"):
        (path / name).unlink(missing_ok=True)
    (path / "journal.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    return path


def test_a_journal_that_is_no_journal_is_named(no_journal):
    with xf.Archive(no_journal) as archive, pytest.raises(ArchiveError, match=r"journal\.sqlite"):
        archive.runs()


def test_a_journal_of_an_older_process_gets_the_columns_it_lacks(tmp_path):
    path = tmp_path / "a"
    with xf.Archive(path) as archive:
        archive.add(page(0))
    connection = sqlite3.connect(path / "journal.sqlite")
    connection.execute("DROP TABLE runs")
    connection.commit()
    connection.close()
    with xf.Archive(path) as archive:
        assert len(archive.runs()) == 1  # the run stands in parts
        archive.add(page(1))
        assert ids(archive) == list(range(10))


# repair ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hurt(tmp_path):
    """An archive of three pages, and a function that writes over the middle of one of its files."""
    with xf.Archive(tmp_path / "a") as archive:
        for n in range(3):
            archive.add(page(n))

    def spoil(pattern):
        path = min((tmp_path / "a").glob(pattern))
        content = bytearray(path.read_bytes())
        content[4 : len(content) - 8] = bytes(len(content) - 12)
        path.write_bytes(content)
        return path

    return spoil


def test_damaged_tables_are_set_aside_and_made_anew(tmp_path, hurt):
    path = hurt("tables/posts/*.parquet")
    with xf.Archive(tmp_path / "a") as archive:
        assert [f.kind for f in archive.verify().findings] == ["unreadable_file"]
        report = archive.verify(repair=True)
        assert report.ok, report
        assert report.repaired == [f"moved tables/posts/{path.name} to damaged/", "rebuilt the tables from the pages"]
        assert ids(archive) == list(range(15))
        assert (tmp_path / "a" / "damaged" / "tables" / "posts" / path.name).exists()


def test_what_was_set_aside_goes_when_something_is_removed(tmp_path, hurt):
    hurt("tables/posts/*.parquet")
    with xf.Archive(tmp_path / "a") as archive:
        archive.verify(repair=True)
        archive.remove(post_ids=["7"], reason="field_params")
        assert not (tmp_path / "a" / "damaged").exists()
        assert 7 not in ids(archive)


@pytest.mark.slow
def test_rows_that_are_missing_or_of_no_page_are_found_and_repaired(tmp_path):
    with xf.Archive(tmp_path / "a") as archive:
        for n in range(3):
            archive.add(page(n))
        for name in ("requests", "matches"):
            min((archive.path / "tables" / name).glob("*.parquet")).unlink()
        assert {(f.kind, f.where) for f in archive.verify().findings} == {
            ("missing_rows", "requests"), ("missing_rows", "matches")}
        report = archive.verify(repair=True)
        assert report.ok, report
        assert archive.tables["matches"] == 15
        with xf.Archive(tmp_path / "b") as other:
            other.add(page(9))
            strange = next((other.path / "tables" / "posts").glob("*.parquet"))
            shutil.copy(strange, archive.path / "tables" / "posts" / strange.name)
        assert [(f.kind, f.where) for f in archive.verify().findings] == [("missing_page", "posts")]
        for _ in range(2):  # rows whose page is missing are never taken for wrong
            assert {f.kind for f in archive.verify(repair=True).findings} == {"missing_page"}
            assert ids(archive) == [*range(15), *range(45, 50)]
        assert archive.sql("SELECT count(*) FROM problems WHERE kind = 'missing_page'").fetchall() == [(1,)]
        with pytest.raises(ArchiveError):
            archive.rebuild()
        assert ids(archive) == [*range(15), *range(45, 50)]
        archive.rebuild(lose=True)
        assert ids(archive) == list(range(15))
        assert archive.verify().ok


@pytest.mark.slow
def test_damaged_pages_come_back_from_a_copy(tmp_path, hurt):
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    hurt("pages/*.parquet")
    with xf.Archive(tmp_path / "a") as archive:
        report = archive.verify(repair=True)
        assert {f.kind for f in report.findings} == {"missing_page"}
        assert ids(archive) == list(range(15))  # what the tables say stays
        assert {f.kind for f in archive.verify(repair=True).findings} == {"missing_page"}
        assert ids(archive) == list(range(15))
        archive.merge(tmp_path / "copy")
        assert archive.verify().ok
        archive.rebuild()
        assert ids(archive) == list(range(15))


def test_a_damaged_journal_is_set_aside(no_journal):
    with xf.Archive(no_journal) as archive:
        assert [f.kind for f in archive.verify().findings] == ["journal"]
        report = archive.verify(repair=True)
        assert report.ok, report
        assert "moved journal.sqlite to damaged/" in report.repaired
        archive.add(page(1))
        assert ids(archive) == list(range(10))

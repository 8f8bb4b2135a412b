"""Collecting into an archive: kept page by page, stopped, gone on with, beside others at work."""

import gzip
import json
import os
import sqlite3
import threading

import pandas as pd
import pytest

from tests.archives import NOW, Server, names, page, post, search
from xframes.archive import Archive
from xframes.archive.ingest import collection as collecting_module
from xframes.archive.ingest import flush
from xframes.archive.ingest.journal import open_journal
from xframes.errors import ArchiveError, Interrupted, RateLimited, Unavailable


@pytest.fixture
def archive(tmp_path):
    with Archive(tmp_path / "archive") as made:
        yield made


def test_a_collection_ends_in_the_tables(archive):
    run = archive.collect(search(), Server(pages=3))
    assert (run.action, run.state, run.pages, run.rows) == ("search.recent", "done", 3, 30)
    assert archive.tables["posts"] == 30
    assert archive.sql("select count(*) from matches where run_id = ?", [run.run_id]).fetchall() == [(30,)]
    assert len(run.frames()) == 30
    (row,) = archive.runs().to_dict("records")
    assert (row["state"], row["page_count"], row["row_count"]) == ("done", 3, 30)
    assert json.loads(row["arguments"]) == {"query": "cats"}
    assert archive.sql("select state from runs").fetchall() == [("done",)]
    assert archive.resume(run.run_id) == run
    assert not list((archive.path / ".locks").glob("run-*"))


def test_a_page_is_on_disk_before_the_next_is_asked_for(archive):
    def look(number):
        if number:
            journal = sqlite3.connect(archive.path / "journal.sqlite")
            assert journal.execute("SELECT count(*) FROM pages").fetchone() == (number,)
            point = json.loads(journal.execute("SELECT resume_point FROM runs").fetchone()[0])
            assert (point["token"], point["pages"]) == (f"t{number}", number)
            journal.close()
            assert names(archive.path / "pages") == []  # parts are written by size or at the end, never for a page

    archive.collect(search(), Server(pages=4, before=look))
    assert archive.tables["posts"] == 40
    with open_journal(archive.path / "journal.sqlite") as journal:
        assert journal.pending() == []


def test_a_large_page_takes_few_sheets_of_the_journal_and_a_journal_of_small_ones_still_works(archive, tmp_path):
    run = archive.collect(search(), Server(pages=1))
    connection = sqlite3.connect(archive.path / "journal.sqlite")
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    assert 450_000 / size < 60
    small = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(small)
    connection.executescript("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; CREATE TABLE runs (run_id TEXT)")
    connection.execute("DROP TABLE runs")
    connection.close()
    with open_journal(small) as journal:
        journal.append([page(post(1), run_id=run.run_id)])
        assert [one.run_id for _, one in journal.read(run.run_id)] == [run.run_id]


@pytest.mark.parametrize("failure", [
    Unavailable("gone"), KeyboardInterrupt(),
    *(pytest.param(error, marks=pytest.mark.slow) for error in (RateLimited("slow down"), OSError("net"))),
])
def test_what_stops_a_collection_keeps_what_came_and_resume_completes_it(archive, failure):
    server = Server(pages=5, failures={2: failure})
    with pytest.raises(Interrupted) as caught:
        archive.collect(search(), server)
    error = caught.value
    assert error.__cause__ is failure
    assert (error.pages, error.rows, error.next_token, error.frames) == (2, 20, "t2", None)
    assert archive.tables["posts"] == 20
    assert archive.runs()["state"].tolist() == ["interrupted"]
    assert archive.runs()["error"].tolist() == [str(failure) or "KeyboardInterrupt"]
    run = error.resume()
    assert (run.run_id, run.state, run.pages, run.rows) == (error.run_id, "done", 5, 50)
    assert server.field_params == [0, 1, 2, 2, 3, 4]
    assert archive.tables["posts"] == 50
    assert archive.runs()["state"].tolist() == ["done"]
    assert pd.isna(archive.runs()["error"][0])
    assert archive.verify().ok


def test_another_process_can_go_on(archive):
    with pytest.raises(Interrupted) as caught:
        archive.collect(search(limit=45), Server(pages=9, failures={3: Unavailable("gone")}))
    run = Archive(archive.path).resume(caught.value.run_id, Server(pages=9))
    assert (run.state, run.pages, run.rows) == ("done", 5, 50)


def test_a_collection_without_a_page_raises_what_stopped_it(archive):
    with pytest.raises(Unavailable, match="gone"):
        archive.collect(search(), Server(failures={0: Unavailable("gone")}))
    (row,) = archive.runs().to_dict("records")
    assert (row["state"], row["page_count"], row["error"]) == ("failed", 0, "gone")
    assert archive.resume(row["run_id"], Server(pages=1)).rows == 10


def test_runs_that_cannot_be_resumed_say_why(archive, tmp_path):
    archive.path.mkdir()
    with pytest.raises(ArchiveError, match="'nope'"):
        archive.resume("nope")
    with pytest.raises(ArchiveError, match="'nope'"):
        archive.run("nope")
    file = tmp_path / "bad.jsonl.gz"
    file.write_bytes(gzip.compress(page(post(1)).body + b"\n" + os.urandom(100_000))[:-2000])
    with pytest.raises(ArchiveError, match=r"bad\.jsonl\.gz"):
        archive.import_pages(file)
    run_id = archive.runs()["run_id"][0]
    with pytest.raises(ArchiveError, match=run_id):
        archive.resume(run_id)


def test_a_living_run_is_left_alone_a_dead_one_is_not(archive):
    seen = []

    def look(number):
        if number == 2:
            other = Archive(archive.path)
            seen.append((other.tables["posts"], other.runs()["state"].tolist(), other.runs()["page_count"].tolist()))
            run_id = other.runs()["run_id"][0]
            with pytest.raises(ArchiveError, match=run_id):
                other.resume(run_id, Server())
            other.close()

    archive.collect(search(), Server(pages=4, before=look))
    assert seen == [(0, ["running"], [2])]
    assert archive.tables["posts"] == 40
    # A run whose process is gone: its lock is free.
    with open_journal(archive.path / "journal.sqlite") as journal:
        journal.start([("dead", "search.recent", {}, search().to_json())], "dead", NOW)
        journal.append([page(post(99), run_id="dead")], rows=1)
    assert archive.tables["posts"] == 41
    states = archive.runs().set_index("run_id")
    assert states.loc["dead", "state"] == "interrupted"
    assert states.loc["dead", "error"] == flush.DIED
    assert archive.sql("select state from runs where run_id = 'dead'").fetchall() == [("interrupted",)]


def test_a_long_collection_is_flushed_by_size(archive, monkeypatch):
    monkeypatch.setattr(collecting_module, "FLUSH_BYTES", 4000)
    parts = []
    archive.collect(search(), Server(pages=12, before=lambda _: parts.append(len(names(archive.path / "pages")))))
    assert 2 <= max(parts) <= 6
    assert archive.tables["posts"] == 120
    assert archive.tables["requests"] == 12
    assert archive.tables["runs"] == 1


def test_pages_stay_safe_in_the_journal_while_the_archive_is_busy(archive, monkeypatch):
    monkeypatch.setattr(collecting_module, "FLUSH_BYTES", 1)
    archive.add(page(post(500)))
    held = threading.Event()
    done = threading.Event()

    def rebuilding():
        with archive._folder.lock("flush"):
            held.set()
            done.wait(10)

    thread = threading.Thread(target=rebuilding)
    thread.start()
    held.wait(10)

    def look(number):
        if number == 4:
            done.set()
            thread.join()

    archive.collect(search(), Server(pages=5, before=look))
    assert archive.tables["posts"] == 51

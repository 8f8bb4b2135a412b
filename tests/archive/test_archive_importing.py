"""Files into an archive: streaming, several processes, damage, importing again."""

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from xframes.archive import Archive
from xframes.archive.storage import workers
from xframes.errors import ArchiveError
from xframes.reader import read_pages
from xframes.schema import TABLES

ROOT = Path(__file__).parents[2]


def line(number, size=5):
    posts = [{"id": str(number * size + i), "text": f"text {i} " * 20, "author_id": str(number), "lang": "en",
              "entities": {"hashtags": [{"tag": "cats", "start": 0, "end": 4}]}} for i in range(size)]
    users = [{"id": str(number), "name": "n", "username": f"u{number}"}]
    return json.dumps({"data": posts, "includes": {"users": users}, "meta": {"result_count": size}}) + "\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pages.jsonl"
    path.write_text("".join(line(i) for i in range(60)))
    return path


@pytest.mark.parametrize("processes", [1, 2, None])
def test_a_file_becomes_tables_in_one_run(tmp_path, file, processes):
    archive = Archive(tmp_path / "archive")
    (run,) = archive.import_pages(file, processes=processes)
    assert (run.action, run.state, run.pages, run.rows) == ("import", "done", 60, 300)
    found = {name: rows for name, rows in archive.tables.items() if rows}
    assert found == {"results": 300, "posts": 300, "users": 60, "user_metrics": 60, "post_hashtags": 300, "matches": 300,
                     "requests": 60, "runs": 1}
    assert json.loads(archive.runs()["arguments"][0]) == {"file": "pages.jsonl"}
    assert sorted(p.body for p in archive.pages()) == sorted(s.encode() for s in file.read_text().splitlines())
    assert archive.verify().ok
    assert not list((archive.path / ".tmp").iterdir())


@pytest.mark.slow
def test_importing_again_adds_nothing(tmp_path, file):
    archive = Archive(tmp_path / "archive")
    (first,) = archive.import_pages([file])
    before = {name: archive[name] for name in TABLES if name != "runs"}
    (again,) = archive.import_pages([str(file), file], processes=2)
    assert again == first
    assert all(before[name].equals(archive[name]) for name in before)
    assert archive.tables["runs"] == 1
    archive.compact()
    assert all(before[name].equals(archive[name]) for name in before)


def test_each_file_is_a_run_empty_and_compressed_ones_too(tmp_path, file):
    packed = tmp_path / "more.jsonl.gz"
    packed.write_bytes(gzip.compress(line(500).encode()))
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    archive = Archive(tmp_path / "archive")
    runs = archive.import_pages([file, packed, empty])
    assert [(r.pages, r.rows) for r in runs] == [(60, 300), (1, 5), (0, 0)]
    assert len({r.run_id for r in runs}) == 3
    assert len(runs[1].frames()["posts"]) == 5


def test_what_cannot_be_read_is_kept_and_told(tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_bytes(line(1).encode() + b'{"data": [{"id": "9", "text": \xff\xfe\n' + line(2).encode() + b'{"cut": \n')
    archive = Archive(tmp_path / "archive")
    (run,) = archive.import_pages(path)
    assert run.pages == 4
    assert archive.tables["posts"] >= 10
    assert archive.sql("select count(distinct page_id) from problems where kind = 'unreadable_page'").fetchall() == [(2,)]
    assert archive.verify().ok


def test_a_damaged_file_keeps_what_came_before_and_the_others(tmp_path, file):
    packed = gzip.compress("".join(line(1000 + i) for i in range(4000)).encode())
    damaged = tmp_path / "damaged.jsonl.gz"
    damaged.write_bytes(packed[: len(packed) // 2])
    archive = Archive(tmp_path / "archive")
    with pytest.raises(ArchiveError, match=r"damaged\.jsonl\.gz"):
        archive.import_pages([damaged, file])
    states = archive.runs().set_index("action")["state"].tolist()
    assert sorted(states) == ["done", "failed"]
    assert archive.tables["posts"] > 300
    with pytest.raises(ArchiveError, match=r"missing\.jsonl"):
        archive.import_pages([file, tmp_path / "missing.jsonl"])


@pytest.mark.slow
def test_what_fails_in_a_worker_reaches_the_caller(tmp_path, file):
    archive = Archive(tmp_path / "archive")
    archive.import_pages(file)
    temp = archive.path / ".tmp"
    temp.rmdir()
    temp.write_text("in the way")
    with pytest.raises(ArchiveError, match="FileExistsError") as caught:
        archive.import_pages(file, processes=2)
    assert "Traceback" in str(caught.value.__cause__)
    temp.unlink()
    assert archive.runs()["state"].tolist() == ["interrupted"]
    assert archive.import_pages(file, processes=2)[0].state == "done"


def test_this_process_works_on_what_the_workers_have_no_time_for(tmp_path, file):
    archive = Archive(tmp_path / "archive")
    folder = archive._folder
    folder.create()
    pages = list(read_pages(file, "run"))
    with folder.owned():
        pool = workers.Pool(workers.Target(folder.address), 2)
        for page in pages:
            pool.add([page])
        tally, _ = pool.finish()
    assert (tally["run"].pages, tally["run"].rows) == (60, 300)
    parts = list((archive.path / "pages").glob("part-*.parquet"))
    assert len(parts) == 2  # one of each process
    assert archive.tables["posts"] == 300


def test_a_worker_that_is_killed_is_noticed(tmp_path, file, monkeypatch):
    archive = Archive(tmp_path / "archive")
    real = workers.Pool.add

    def kill(self, pages):
        self._workers[0].kill()
        self._workers[0].wait()
        real(self, pages)

    monkeypatch.setattr(workers.Pool, "add", kill)
    with pytest.raises(ArchiveError, match="-9"):
        archive.import_pages(file, processes=2)


def test_reading_that_stops_on_the_way_leaves_an_interrupted_run(tmp_path, file, monkeypatch):
    archive = Archive(tmp_path / "archive")

    def stop(self, pages):
        raise KeyboardInterrupt

    monkeypatch.setattr(workers.Pool, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        archive.import_pages(file, processes=2)
    assert archive.runs()["state"].tolist() == ["interrupted"]
    assert archive.tables["posts"] == 0


@pytest.mark.slow
def test_field_names_x_invented_are_reported_once(tmp_path):
    path = tmp_path / "new.jsonl"
    path.write_text("".join(json.dumps({"data": [{"id": str(i), "text": "t", "shiny": 1}]}) + "\n" for i in range(50)))
    archive = Archive(tmp_path / "archive")
    for processes in (1, 2):
        archive.import_pages(path, processes=processes)
    rebuilt = "select parameter from problems where kind = 'unknown_field' group by all"
    assert archive.sql(rebuilt).fetchall() == [("post.shiny",)]
    archive.rebuild()
    assert archive.sql(rebuilt).fetchall() == [("post.shiny",)]


@pytest.mark.slow
def test_a_script_needs_no_main_guard(tmp_path, file):
    script = tmp_path / "script.py"
    script.write_text(
        "from xframes.archive import Archive\n"
        f"runs = Archive({str(tmp_path / 'archive')!r}).import_pages({str(file)!r}, processes=2)\n"
        "print(runs[0].rows)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (done.stdout, done.stderr) == ("300\n", "")


@pytest.mark.slow
def test_memory_stays_flat_with_two_processes(tmp_path):
    path = tmp_path / "large.jsonl"
    with path.open("w") as file:
        for i in range(2000):
            file.write(line(i, size=100))
    command = ["-m", "xframes.cli", "import", str(path), "--archive", str(tmp_path / "a"), "--processes", "2"]
    process = psutil.Popen([sys.executable, *command], env=os.environ | {"PYTHONPATH": str(ROOT)})
    peak = 0
    began = datetime.now(UTC)
    while process.poll() is None:
        try:
            peak = max(peak, sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]))
        except psutil.NoSuchProcess:
            continue
        assert (datetime.now(UTC) - began).total_seconds() < 900
    assert process.returncode == 0
    assert peak < 450_000_000
    assert Archive(tmp_path / "a").tables["posts"] == 200_000

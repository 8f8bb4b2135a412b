"""Processes killed at any moment, and several at once: no acknowledged page is lost, nothing shows twice."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xframes.archive import Archive

ROOT = Path(__file__).parents[2]
CHILD = """
import json, os, sys, time
from datetime import UTC, datetime, timedelta
from xframes.archive import Archive
from xframes.archive.ingest import collection
from xframes.archive.upkeep import levels, lifecycle, settling
from xframes.plan import plan
from xframes.wire import Page
from xframes.wire import Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
home, what, name = sys.argv[1:4]
log = open(os.path.join(home, f"log-{name}"), "a")

def say(word):
    log.write(f"{word}\\n")
    log.flush()

def page(number, token=None, seconds=0, size=5):
    posts = [{"id": str(number * size + i), "text": "t" * 50, "lang": "en"} for i in range(size)]
    meta = {"result_count": size} | ({"next_token": token} if token else {})
    request = Request("GET", "/2/tweets/search/recent", {"query": "cats"}, "search.recent")
    return Page(request, json.dumps({"data": posts, "meta": meta}).encode(), NOW + timedelta(seconds=seconds))

class Server:
    def send(self, request):
        number = int(request.params.get("next_token", "t0")[1:])
        say(f"asked {number}")
        time.sleep(0.005)
        found = page(number, f"t{number + 1}" if number < 119 else None, number)
        return Page(request, found.body, found.received_at)

archive = Archive(os.path.join(home, "archive"))
"""
COLLECT = CHILD + """
collection.FLUSH_BYTES = 5000
lifecycle.MOST_PARTS = 5
settling.WORTH_BYTES, levels.MOST_RUNS, levels.LARGE_ROWS = 0, 3, 0
runs = archive.runs()
if len(runs):
    (run_id,) = runs["run_id"]
    archive.resume(run_id, Server())
else:
    archive.collect(plan("search.recent", {"query": "cats"}, now=NOW), Server())
say("done")
"""
KEEP_HOUSE = CHILD + """
if int(what) % 2:  # every other time as in a large archive
    settling.WORTH_BYTES, levels.MOST_RUNS, levels.LARGE_ROWS = 0, 3, 0
number = int(what)
while True:
    number += 1
    archive.add(page(number, seconds=number % 7))
    say(f"added {number}")
    step = number % 5
    if step == 1:
        archive.compact()
    elif step == 2:
        archive.rebuild()
    elif step == 4:
        for n in (number + 1, number + 2):
            archive.add(page(n))
            say(f"added {n}")
        number += 2
"""
ADD = CHILD + """
lifecycle.MOST_PARTS = 8
for number in range(int(what), int(what) + 25):
    archive.add(page(number))
    say(f"added {number}")
"""
COMPACT = CHILD + """
until = time.monotonic() + float(what)
while time.monotonic() < until:
    archive.compact()
"""
READ = CHILD + """
until = time.monotonic() + float(what)
last = 0
while time.monotonic() < until:
    rows = archive.sql("select count(*), count(distinct id) from posts").fetchall()[0]
    assert rows[0] == rows[1] >= last, (rows, last)
    last = rows[0]
    assert archive.tables["posts"] >= last
    relation = archive.sql("select id from posts")
    time.sleep(0.01)
    assert len(relation.fetchall()) >= last
"""


def start(home, program, what="", name="one"):
    (home / "archive").mkdir(parents=True, exist_ok=True)  # it is read before anything is written to it
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, str(home), str(what), name], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def end(process, *, killed=False):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == (-signal.SIGKILL if killed else 0), errors


def said(home, word, name="one"):
    with contextlib.suppress(FileNotFoundError):
        return [int(line.split()[1]) for line in (home / f"log-{name}").read_text().splitlines() if line.startswith(word)]
    return []


def ids(archive):
    return sorted(int(i) for i in archive["posts"]["id"].to_pylist())


def collect_with_kills(home, seed, most):
    chance = random.Random(seed)
    kills = 0
    while True:
        process = start(home, COLLECT)
        delay = chance.uniform(0.5, 1.6) if kills < most else 60
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        if process.poll() is not None:
            end(process)
            break
        process.kill()
        end(process, killed=True)
        kills += 1
        asked = said(home, "field_params")
        archive = Archive(home / "archive")
        kept = set(ids(archive))
        for number in asked:  # whoever asks for a page has the one before on disk
            assert number == 0 or number * 5 - 1 in kept
        assert archive.verify().ok
        if asked:
            ends = {"interrupted", "done"} if 599 in kept else {"interrupted"}
            assert set(archive.runs()["state"]) <= ends
        archive.close()
    archive = Archive(home / "archive")
    assert ids(archive) == list(range(600))
    assert archive.tables["requests"] == 120
    assert archive.tables["matches"] == 600
    assert archive.runs()["state"].tolist() == ["done"]
    assert archive.runs()["page_count"].tolist() == [120]
    assert archive.verify().ok
    return kills


@pytest.mark.slow
def test_a_killed_collection_loses_no_page_and_resume_completes_it(tmp_path):
    assert collect_with_kills(tmp_path, seed=1, most=2) >= 1


def keep_house_with_kills(home, seed, kills):
    chance = random.Random(seed)
    for _ in range(kills):
        number = max(said(home, "added"), default=0)
        process = start(home, KEEP_HOUSE, number)
        until = time.monotonic() + 20
        while max(said(home, "added"), default=0) == number and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.9))
        process.kill()
        end(process, killed=True)
        archive = Archive(home / "archive")
        found = ids(archive)
        assert len(found) == len(set(found))
        for number in said(home, "added"):
            assert set(range(number * 5, number * 5 + 5)) <= set(found)
        assert archive.verify().ok
        archive.close()


@pytest.mark.slow
def test_a_process_killed_while_compacting_and_rebuilding_loses_nothing(tmp_path):
    keep_house_with_kills(tmp_path, seed=3, kills=3)


def several_at_once(home, seconds):
    writers = [start(home, ADD, 1000 * (i + 1), f"writer{i}") for i in range(2)]
    others = [start(home, READ, seconds, "reader"), start(home, COMPACT, seconds, "compactor")]
    for process in [*writers, *others]:
        end(process)
    archive = Archive(home / "archive")
    assert ids(archive) == [n * 5 + i for w in (1000, 2000) for n in range(w, w + 25) for i in range(5)]
    assert archive.tables["requests"] == 50
    assert archive.verify().ok
    archive.compact()
    assert len(list((archive.path / "tables" / "posts").glob("*.parquet"))) == 1


@pytest.mark.slow
def test_two_writers_a_reader_and_a_compactor_at_once(tmp_path):
    several_at_once(tmp_path, 2)


@pytest.mark.slow
def test_two_processes_collect_into_one_archive(tmp_path):
    (tmp_path / "archive").mkdir()
    program = COLLECT.replace('runs = archive.runs()\nif len(runs):', "if False:")
    processes = [start(tmp_path, program, name=name) for name in ("one", "two")]
    for process in processes:
        end(process)
    archive = Archive(tmp_path / "archive")
    assert ids(archive) == list(range(600))
    assert archive.runs()["state"].tolist() == ["done", "done"]
    assert json.loads(archive.runs()["arguments"][0]) == {"query": "cats"}
    assert archive.verify().ok


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the command forks")
@pytest.mark.parametrize(("what", "much"), [("kills", 6), ("together", 2)])
def test_the_stress_command_finds_nothing_wrong(what, much):
    """What `python tests/stress.py kills 1000` and `together 300` do, for less long."""
    done = subprocess.run([sys.executable, str(ROOT / "tests" / "stress.py"), what, str(much)], capture_output=True,
                          text=True, timeout=1500, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{much} {'kills' if what == 'kills' else 's'}")


@pytest.mark.slow
def test_two_processes_may_make_an_archive_at_the_same_moment(tmp_path):
    program = """
import os, sys
from xframes.archive import Archive
from xframes.wire import Page
from xframes.wire import Request
from datetime import UTC, datetime
home, go = sys.argv[1:]
page = Page(Request("GET", ""), b'{"data": [{"id": "1", "text": "t"}]}', datetime(2026, 1, 1, tzinfo=UTC))
print("ready", flush=True)
while not os.path.exists(go):
    pass
Archive(home).add(page)
"""
    for number in range(3):
        home, go = tmp_path / f"archive-{number}", tmp_path / f"go-{number}"
        words = [sys.executable, "-c", program, str(home), str(go)]
        both = [subprocess.Popen(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) for _ in range(2)]
        assert [process.stdout.readline() for process in both] == [b"ready\n"] * 2
        go.touch()
        for process in both:
            process.communicate(timeout=300)
        assert [process.returncode for process in both] == [0, 0]
        archive = Archive(home)
        assert archive.sql("SELECT id FROM posts").fetchall() == [("1",)]
        archive.close()

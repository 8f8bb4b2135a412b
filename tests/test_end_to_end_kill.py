"""Real processes killed at any moment of a collection over HTTP: nothing asked for is lost, and resuming completes it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import xframes as xf
from xframes.sandbox import Fault

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROGRAM = """
import sys
import xframes as xf
from xframes.archive.ingest import collection

collection.FLUSH_BYTES = 1_000_000  # every third page or so, pages become parts
path, query = sys.argv[1:]
archive = xf.Archive(path)
runs = archive.runs()
if len(runs):
    archive.resume(runs["run_id"][0])
else:
    xf.search.recent(query, into=archive)
"""


@pytest.fixture
def x():
    """One for each test: clients that read in its headers that a window is used up would wait for the next."""
    with xf.sandbox.start(posts=4000, users=30, now=NOW, rate_limits=False) as made:
        yield made


def people(x, number):
    """Those who post most: a query for what they posted, and the ids it should find."""
    found = sorted(x.community.by_author, key=lambda p: -len(x.community.by_author[p]))[:number]
    since = (NOW - timedelta(days=7)).timestamp() * 1000
    ids = [str(p.id) for person in found for p in x.community.by_author[person] if p.at >= since]
    return " OR ".join(f"from:{x.community.people[p].username}" for p in found), ids


def start(x, path, query):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XFRAMES_BEARER_TOKEN": x.bearer_token, "XFRAMES_BASE_URL": x.url,
           "XFRAMES_CONFIG": str(path.parent / "none.toml")}
    return subprocess.Popen([sys.executable, "-W", "error", "-c", PROGRAM, str(path), query], env=env,
                            stderr=subprocess.PIPE, text=True)


def kill(process, moment):
    """Kill it when `moment()` has come; whether it was still alive."""
    until = time.monotonic() + 300
    while process.poll() is None and not moment():
        assert time.monotonic() < until
        time.sleep(0.001)
    process.kill()
    _, errors = process.communicate(timeout=300)
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode != 0


def check(archive, asked):
    """Every page whose successor was asked for is there, whole and once."""
    given = [json.loads(page.body)["meta"].get("next_token") for page in archive.pages()]
    assert {a.params["next_token"] for a in asked if "next_token" in a.params} <= set(given)
    assert len(given) == len(set(given))
    matched = archive.sql("SELECT count(*), count(DISTINCT post_id) FROM matches").fetchall()
    posts = archive.sql("SELECT count(*), count(DISTINCT id) FROM posts").fetchall()
    assert [rows == distinct for rows, distinct in matched + posts] == [True, True]
    report = archive.verify()
    assert report.ok, report


def complete(archive, run, whole):
    """The collection is what it would have been without interruption."""
    assert (run.state, run.rows, run.pages) == ("done", len(whole), -(-len(whole) // 100))
    assert sorted(i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()) == sorted(whole)
    assert archive.sql("SELECT count(*) FROM posts JOIN matches ON id = post_id").fetchall() == [(len(whole),)]
    assert archive.tables["requests"] == run.pages
    assert archive.runs()["state"].tolist() == ["done"]


def killed_once_and_resumed(x, path, chance):
    query, whole = people(x, 3)
    before = len(x.requests)
    target, delay = before + chance.randrange(1, len(whole) // 100), chance.uniform(0, 0.05)
    process = start(x, path, query)
    killed = kill(process, lambda: len(x.requests) >= target and not time.sleep(delay))
    asked = x.requests[before:]
    with xf.Archive(path) as archive, xf.Client(x.bearer_token, base_url=x.url, sleep=lambda _: None) as client:
        check(archive, asked)
        (run_id,) = archive.runs()["run_id"]
        run = archive.resume(run_id, client)
        check(archive, x.requests[before:])
        complete(archive, run, whole)
    assert len(x.requests) - before in (run.pages, run.pages + 1)  # at most the page under way is asked for again
    return killed


@pytest.mark.slow
def test_a_killed_collection_keeps_what_it_asked_for_and_resume_completes_it(x, tmp_path):
    chance = random.Random(2)
    kills = [killed_once_and_resumed(x, tmp_path / str(n), chance) for n in range(2)]
    assert any(kills)


@pytest.mark.slow
def test_killed_between_a_request_and_its_answer_nothing_is_lost_and_nothing_twice(x, tmp_path):
    query, whole = people(x, 3)
    before = len(x.requests)
    x.faults.add(Fault("slow", at=4, seconds=0.3))
    assert kill(start(x, tmp_path / "a", query), lambda: len(x.requests) - before >= 4)
    with xf.Archive(tmp_path / "a") as archive, xf.Client(x.bearer_token, base_url=x.url) as client:
        check(archive, x.requests[before:])
        assert archive.tables["requests"] == 3
        complete(archive, archive.resume(archive.runs()["run_id"][0], client), whole)


@pytest.mark.slow
def test_a_collection_killed_again_and_again_comes_to_its_end(x, tmp_path):
    chance = random.Random(3)
    query, whole = people(x, 8)
    path, before, kills = tmp_path / "a", len(x.requests), 0
    for _ in range(3):
        target, delay = len(x.requests) + chance.randrange(1, 5), chance.uniform(0, 0.05)
        ends = time.monotonic() + chance.uniform(0.3, 1.0)
        if chance.random() < 0.25:  # while it starts: importing, opening the archive, writing what the last one left
            alive = kill(start(x, path, query), lambda: time.monotonic() >= ends)  # noqa: B023  asked in this round only
        else:
            alive = kill(start(x, path, query), lambda: len(x.requests) >= target and not time.sleep(delay))  # noqa: B023  the same
        kills += alive
        with xf.Archive(path) as archive:
            check(archive, x.requests[before:])
    assert kills
    process = start(x, path, query)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    with xf.Archive(path) as archive:
        check(archive, x.requests[before:])
        complete(archive, archive.run(archive.runs()["run_id"][0]), whole)

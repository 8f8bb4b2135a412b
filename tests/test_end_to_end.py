"""Whole collections over real HTTP, with everything a network does to them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes.sandbox import Fault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUERY = "the OR a OR is OR of OR to OR in OR on OR my"
START = "2010-11-06T00:00:00Z"


def client_of(x):
    return xf.Client(bearer_token=x.bearer_token, base_url=x.url, on_wait=lambda *_: None,
                     sleep=lambda seconds: time.sleep(min(seconds, 0.02)))


def faults():
    return [Fault("reset", at=2), Fault("cut", at=4), Fault("503", at=6), Fault("html", at=8),
            Fault("rate_limit", at=10, seconds=1), Fault("empty_page", at=12), Fault("invalid_json", at=14)]


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(posts=9000, users=300, now=NOW, rate_limits=False) as made:
        yield made


@pytest.fixture
def broken(x):
    x.faults.clear()
    x.faults.add(*faults())
    yield x
    x.faults.clear()


def everything(x):
    """What an undisturbed collection finds, in order."""
    x.faults.clear()
    with client_of(x) as client:
        found = xf.search.all(QUERY, start_time=START, client=client)["matches"]["post_id"].to_pylist()
    assert len(found) == len(set(found)) > 5000
    return found


def test_five_thousand_posts_survive_everything_in_memory(x):
    whole = everything(x)
    x.faults.add(*faults())
    with client_of(x) as client:
        frames = xf.search.all(QUERY, start_time=START, limit=5000, client=client)
    assert frames["matches"]["post_id"].to_pylist() == whole[:5000]
    assert all(fault.done for fault in x.faults)


def test_five_thousand_posts_survive_everything_in_an_archive(x, tmp_path):
    whole = everything(x)
    x.faults.add(*faults())
    with client_of(x) as client, xf.Archive(tmp_path / "a") as archive:
        run = xf.search.all(QUERY, start_time=START, limit=5000, into=archive, client=client)
        assert run.rows == 5000
        found = [i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()]
        assert sorted(found) == sorted(whole[:5000])
        shown = archive.sql("SELECT count(*), count(DISTINCT id) FROM posts WHERE id IN (SELECT post_id FROM matches)")
        assert shown.fetchall() == [(5000, 5000)]
        assert archive.verify().ok


def test_a_usage_cap_keeps_what_came_and_goes_on_later(broken):
    whole = everything(broken)
    broken.faults.add(Fault("usage_capped", at=3))
    with client_of(broken) as client:
        with pytest.raises(xf.Interrupted) as caught:
            xf.search.all(QUERY, start_time=START, limit=3000, client=client)
        assert len(caught.value.frames["matches"]) == 1000
        frames = caught.value.resume()
    assert frames["matches"]["post_id"].to_pylist() == whole[:3000]


def test_a_cursor_that_repeats_is_an_error_with_everything_kept(x):
    x.faults.clear()
    x.faults.add(Fault("repeat_cursor", at=3))
    with client_of(x) as client, pytest.raises(xf.Interrupted, match="second time") as caught:
        xf.search.all(QUERY, start_time=START, client=client)
    assert len(set(caught.value.frames["matches"]["post_id"].to_pylist())) == 1500
    x.faults.clear()


PROGRAM = """
import sys
import xframes as xf
client = xf.Client(bearer_token=sys.argv[1], base_url=sys.argv[2])
archive = xf.Archive(sys.argv[3])
runs = archive.runs()
if len(runs):
    archive.resume(runs["run_id"][0], client)
else:
    xf.search.recent(sys.argv[4], into=archive, client=client)
"""


@pytest.mark.slow
def test_a_killed_collection_keeps_every_page_whose_successor_was_asked_for_and_goes_on(x, tmp_path):
    x.faults.clear()
    with client_of(x) as client:
        whole = set(xf.search.recent(QUERY, client=client)["matches"]["post_id"].to_pylist())
    rng = random.Random(11)
    for kill in range(6):
        path, asked = tmp_path / f"a{kill}", len(x.requests)
        words = [sys.executable, "-c", PROGRAM, x.bearer_token, x.url, str(path), QUERY]
        child = subprocess.Popen(words, env=os.environ)
        target = asked + rng.randrange(2, 25)
        while len(x.requests) < target and child.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        child.kill()
        child.wait()
        tokens = [r.params["next_token"] for r in x.requests[asked:] if "next_token" in r.params]
        with xf.Archive(path) as archive:
            kept = {t for (t,) in archive.sql("SELECT next_token FROM requests").fetchall()}
            assert set(tokens) <= kept, "a page whose successor was asked for is gone"
        assert subprocess.run(words, env=os.environ, check=False, timeout=120).returncode == 0
        with xf.Archive(path) as archive:
            assert {i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()} == whole
            assert archive.verify().ok


def test_no_secret_is_left_in_an_archive_or_an_error(broken, tmp_path, caplog):
    caplog.set_level("DEBUG")
    broken.faults.add(Fault("usage_capped", at=3))
    with client_of(broken) as client, xf.Archive(tmp_path / "a") as archive, pytest.raises(xf.Interrupted) as caught:
        xf.search.all(QUERY, into=archive, client=client)
    secret = f"Bearer {broken.bearer_token}"
    assert secret not in caplog.text
    assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert not [p for p in (tmp_path / "a").rglob("*") if p.is_file() and b"Authorization" in p.read_bytes()]

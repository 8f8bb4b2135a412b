"""Streams over real HTTP: complete through drops, stalls and duplicates; ended gently, by limits, signals, kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import xframes as xf
from tests.clients import TOKEN, Handler, serving
from xframes import errors
from xframes.archive.ingest import collection as collecting_module
from xframes.sandbox import StreamFault


@pytest.fixture
def x():
    with xf.sandbox.start(posts=600, users=60) as made:
        made.stream.rate = 5000
        made.stream.keep_alive = 0.2
        made.stream.waits = True
        made.stream.add_rules({"value": "the OR a OR is OR on", "tag": "words"})
        yield made


@pytest.fixture
def client(x):
    with xf.Client(bearer_token=x.bearer_token, base_url=x.url, on_wait=lambda *_: None) as made:
        yield made


def test_a_limit_ends_it(x, client):
    found = xf.streams.filtered(limit=50, client=client)
    assert found["matches"].num_rows == 50
    assert found["matches"]["post_id"].to_pylist() == [str(i) for i in x.stream.sent[:50]]
    assert set(found["rule_matches"]["tag"].to_pylist()) == {"words"}
    assert client.bytes_received > 50 * 200


def test_a_time_ends_it_even_in_silence(x, client):
    x.stream.rate = 0.001
    began = time.monotonic()
    xf.streams.filtered(duration=1, client=client)
    assert time.monotonic() - began < 30  # the next post comes after a minute or more


def test_without_rules_nothing_is_collected(client, x):
    x.stream.rules.clear()
    with pytest.raises(errors.ArgumentError, match="add_stream_rules"):
        xf.streams.filtered(limit=1, client=client)


POST = b'{"data":{"id":"1","text":"t"}}\r\n'
HELD = b'{"title":"ConnectionException","connection_issue":"TooManyConnections","type":"x/problems/streaming-connection"}'


@pytest.mark.parametrize(("refusal", "slept"), [
    ((HELD, 429), [5.0, 10.0]),
    ((b"<html>Log in to this network</html>", 200, "text/html; charset=utf-8"), [5.0, 10.0]),
    ((b"", 503), [5.0, 10.0]),
])
def test_what_is_no_stream_is_tried_again_at_the_documented_pace(refusal, slept):
    body, status, *kind = refusal
    waits = []
    with serving() as server, xf.Client(TOKEN, base_url=server.url, sleep=waits.append, on_wait=lambda *_: None) as client:
        server.script += [lambda h: h.reply(body, status, content_type=(kind or ["application/json"])[0])] * 2
        server.script += [lambda h: Handler.reply(h, POST)]
        found = xf.streams.filtered(limit=1, client=client)
    assert found["posts"]["id"].to_pylist() == ["1"]
    assert waits == slept
    assert "unreadable_page" not in found["problems"]["kind"].to_pylist()


def test_the_sample_needs_no_rules(x, client):
    x.stream.rules.clear()
    assert xf.streams.sample(limit=20, client=client)["matches"].num_rows == 20


@pytest.mark.slow
def test_a_stream_into_an_archive_is_there_with_its_gaps_and_survives_a_rebuild(x, client, tmp_path):
    x.stream.faults += [StreamFault("drop", at=20), StreamFault("duplicate", at=30, times=5), StreamFault("reset", at=40),
                        StreamFault("garbage", at=50), StreamFault("disconnect", at=60)]
    with xf.Archive(tmp_path / "a") as archive:
        run = xf.streams.filtered(limit=150, into=archive, client=client)
        assert (run.state, run.rows) == ("done", 150)
        ids = [i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()]
        assert len(ids) == len(set(ids)) == 150
        assert set(ids) <= set(x.stream.sent)
        gaps = archive.sql("SELECT value, detail FROM problems WHERE kind = 'stream_gap' ORDER BY value").fetchall()
        assert len(gaps) == archive.runs()["gap_count"][0] == 3
        kinds = {k for (k,) in archive.sql("SELECT kind FROM problems").fetchall()}
        assert {"operational-disconnect", "unreadable_page"} <= kinds
        assert archive.verify().ok
        tables = ("posts", "matches", "rule_matches", "users", "runs", "problems")
        before = {name: archive.sql(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in tables}
        archive.rebuild(processes=1)
        assert {name: archive.sql(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in tables} == before
        assert archive.verify().ok


def test_pages_are_committed_while_others_are_flushed(x, client, tmp_path, monkeypatch):
    kept = []
    on = threading.Event()
    monkeypatch.setattr(collecting_module, "FLUSH_BYTES", 100_000)
    real, append = collecting_module.flush, collecting_module.open_journal

    def slow(folder, **how):
        if not on.is_set():
            with append(folder.journal) as journal:
                before = journal.runs()[0].row_count
                deadline = time.monotonic() + 60
                while journal.runs()[0].row_count <= before and time.monotonic() < deadline:
                    time.sleep(0.01)
                kept.append(journal.runs()[0].row_count - before)
            on.set()
        return real(folder, **how)

    monkeypatch.setattr(collecting_module, "flush", slow)
    x.stream.rate = 200
    with xf.Archive(tmp_path / "a") as archive:
        assert xf.streams.filtered(limit=200, into=archive, client=client).rows == 200
        assert kept[0] > 0
        assert archive.sql("SELECT count(*) FROM matches").fetchall() == [(200,)]


def test_a_flush_that_fails_ends_the_stream_with_everything_kept(x, client, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting_module, "FLUSH_BYTES", 100_000)
    real, failures = collecting_module.flush, [OSError("no space left")]

    def failing(folder, **how):
        if failures:
            raise failures.pop()
        return real(folder, **how)

    monkeypatch.setattr(collecting_module, "flush", failing)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with xf.Archive(tmp_path / "a") as archive:
        with pytest.raises(xf.Interrupted, match="no space left") as caught:
            xf.streams.filtered(into=archive, client=client)
        # the traceback still refers to the stream, which has ended nevertheless
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        assert archive.sql("SELECT count(*) FROM matches").fetchall() == [(caught.value.rows,)]


@pytest.mark.slow
def test_thousands_of_posts_with_drops_stalls_and_duplicates_arrive_complete(tmp_path, monkeypatch):
    monkeypatch.setattr("xframes.client.STALL_SECONDS", 2)  # so long nothing but a stall is silent
    words = ["the OR a OR is OR of OR to OR in OR on OR my OR this OR with OR for", "lang:de der OR die OR das OR und OR ein",
             "lang:es el OR la OR de OR que OR un", "lang:fr le OR la OR de OR et OR un", "lang:pt o OR a OR de OR e OR um"]
    kinds = ["drop", "stall", "duplicate", "swap"]  # what a reset throws away only a backfill brings back
    with (
        xf.sandbox.start(posts=5_000, users=400) as x,
        xf.Client(bearer_token=x.bearer_token, base_url=x.url, on_wait=lambda *_: None,
                  sleep=lambda seconds: time.sleep(min(seconds, 0.2))) as client,
        xf.Archive(tmp_path / "a") as archive,
    ):
        x.stream.rate, x.stream.keep_alive, x.stream.waits = 5_000, 0.1, True
        x.stream.add_rules(*({"value": value, "tag": str(n)} for n, value in enumerate(words)))
        x.stream.faults += [StreamFault(kinds[n % 4], at=100 + 220 * n, seconds=60, times=7) for n in range(8)]
        run = xf.streams.filtered(limit=2_000, into=archive, client=client)
        got = [i for (i,) in archive.sql("SELECT id FROM posts WHERE id IN (SELECT post_id FROM matches)").fetchall()]
        gaps = archive.sql("SELECT detail FROM problems WHERE kind = 'stream_gap' ORDER BY value").fetchall()
        sent, published = list(dict.fromkeys(x.stream.sent)), x.stream.published
        assert not set(x.stream.lost) & set(published[:published.index(sent[1_999])])
        assert sorted(got) == sorted(sent[:2_000])
        assert len(got) == len(set(got)) == run.rows == 2_000
        connects = sum(asked.path.endswith("/stream") for asked in x.requests)
        assert len(gaps) == connects - 1 >= 4  # two drops and two stalls; duplicates and swaps leave none
        assert archive.verify().ok


def test_a_backfill_brings_back_what_resets_threw_away(client, x):
    x.stream.waits, x.stream.rate = False, 300
    x.stream.faults += [StreamFault("reset", at=40), StreamFault("reset", at=90)]
    found = xf.streams.filtered(backfill_minutes=5, limit=150, client=client)
    got = found["matches"]["post_id"].to_pylist()
    assert len(set(got)) == 150
    assert set(got) == {str(i) for i in dict.fromkeys(x.stream.sent)} & set(got)
    first = [str(i) for i in x.stream.published if str(i) in {str(s) for s in x.stream.sent}][:140]
    assert set(first) <= set(got)
    assert "stream_gap" in found["problems"]["kind"].to_pylist()


PROGRAM = """
import sys
import xframes as xf
client = xf.Client(bearer_token=sys.argv[1], base_url=sys.argv[2])
archive = xf.Archive(sys.argv[3])
run = xf.streams.filtered(into=archive, client=client)
print(run.state, run.rows, flush=True)
"""


def rows(path):
    """The rows of an archive's run that are committed."""
    if not (path / "xframes.json").exists():
        return 0
    with xf.Archive(path) as archive:
        return int(archive.runs()["row_count"].sum())


def collecting(x, path, *command, least=30):
    """A process that collects, as soon as the archive has committed so many rows."""
    command = command or ("-c", PROGRAM, x.bearer_token, x.url, str(path))
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE,
                             env=os.environ | {"PYTHONWARNINGS": "error", "XFRAMES_BEARER_TOKEN": x.bearer_token})
    deadline = time.monotonic() + 120
    sent = len(x.stream.sent)
    while len(x.stream.sent) < sent + 10 and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)  # it starts; to open the archive again and again would slow it down
    while rows(path) < least and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert rows(path) >= least
    return child


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_everything_kept(x, tmp_path, number):
    x.stream.rate = 50
    child = collecting(x, tmp_path / "a")
    child.send_signal(number)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    state, kept = out.decode().split()
    with xf.Archive(tmp_path / "a") as archive:
        assert state == "done"
        assert archive.sql("SELECT count(*) FROM matches").fetchall() == [(int(kept),)]
        assert int(kept) >= 30


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_committed(x, tmp_path):
    x.stream.rate = 50
    child = collecting(x, tmp_path / "a")
    committed = rows(tmp_path / "a")
    child.kill()
    child.communicate(timeout=60)
    with xf.Archive(tmp_path / "a") as archive:
        (kept,) = archive.sql("SELECT count(*) FROM matches").fetchall()[0]
        assert committed <= kept <= len(x.stream.sent)
        assert set(archive.runs()["state"]) == {"interrupted"}
        assert archive.verify().ok


@pytest.mark.slow
def test_the_shell_collects_until_ctrl_c(x, tmp_path):
    x.stream.rate = 50
    command = ("-m", "xframes.cli", "streams", "filtered", "--archive", str(tmp_path / "a"), "--base-url", x.url,
               "--duration", "300", "--format", "jsonl", "--table", "matches")
    child = collecting(x, tmp_path / "a", *command)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    with xf.Archive(tmp_path / "a") as archive:
        assert len(out.splitlines()) == archive.runs()["row_count"][0] >= 30
        assert set(archive.runs()["state"]) == {"done"}


RESUME = """
import sys
import xframes as xf
client = xf.Client(bearer_token=sys.argv[1], base_url=sys.argv[2])
with xf.Archive(sys.argv[3]) as archive:
    archive.resume(archive.runs()["run_id"][0], client)
"""


@pytest.mark.slow
def test_a_killed_stream_goes_on_and_tells_of_the_time_between(x, tmp_path):
    x.stream.rate = 50
    child = collecting(x, tmp_path / "a")
    child.kill()
    child.communicate(timeout=60)
    child = collecting(x, tmp_path / "a", "-c", RESUME, x.bearer_token, x.url, str(tmp_path / "a"),
                       least=rows(tmp_path / "a") + 20)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 0
    with xf.Archive(tmp_path / "a") as archive:
        assert archive.runs()["state"].tolist() == ["done"]
        ((told,),) = archive.sql("SELECT detail FROM problems WHERE kind = 'stream_gap'").fetchall()
        assert "not listening" in told

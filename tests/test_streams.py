"""Streams: complete through drops, stalls and duplicates, with their gaps told; ended gently, by limits, signals, kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

import xframes as xf
from xframes import errors, streaming
from xframes.plan import plan
from xframes.sandbox import StreamFault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Scripted:
    """A client whose connections are told beforehand: lists of lines, ended by an error or in order."""

    def __init__(self, *connections):
        self.connections = list(connections)
        self.at = NOW
        self.slept = []

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    def stream(self, _request, _hang_up=None):
        if not self.connections:
            raise errors.Forbidden("no more", status=403)
        for step in self.connections.pop(0):
            if isinstance(step, Exception):
                raise step
            self.at += timedelta(seconds=1)
            yield step


def line(n, rules=("7",)):
    return json.dumps({"data": {"id": str(n), "text": "t"}, "matching_rules": [{"id": r} for r in rules]}).encode()


def listened(client, **arguments):
    listener = streaming.Listener(client, plan("streams.filtered", arguments, now=NOW))
    listener.start()
    found = []
    while listener.running:
        found += listener.take()
    return found, listener


def frames(pages):
    return xf.flatten(pages)


LOST = errors.Unavailable("reset")


def test_posts_come_once_and_keep_alives_are_no_pages():
    found, listener = listened(Scripted([b"", line(1), b"", line(2), line(1), LOST], [line(2), line(3), LOST]))
    assert [json.loads(p.body)["data"]["id"] for p in found if b'"data"' in p.body] == ["1", "2", "3"]
    assert listener.posts == 3
    assert isinstance(listener.error, errors.Forbidden)


def test_a_post_that_matches_another_rule_later_is_kept():
    found, _ = listened(Scripted([line(1, ["7"]), line(1, ["7", "8"]), LOST]))
    assert set(frames(found)["rule_matches"]["rule_id"].to_pylist()) == {"7", "8"}


def test_every_gap_is_a_problem_with_its_times_and_cause():
    client = Scripted([line(1), LOST], [line(2)])
    found, _ = listened(client, backfill_minutes=2)
    told = [r for r in frames(found)["problems"].to_pylist() if r["kind"] == "stream-gap"]
    assert len(told) == 2
    since, until = told[0]["value"].split("/")
    assert datetime.fromisoformat(since) <= datetime.fromisoformat(until)
    assert "reset" in told[0]["detail"]
    assert "backfill_minutes=2" in told[0]["detail"]
    assert "X ended the connection" in told[1]["detail"]


def test_waits_grow_as_x_documents():
    down = errors.Unavailable("HTTP 503", status=503)
    limited = errors.RateLimited("429", status=429)
    client = Scripted([LOST], [LOST], [LOST], [down], [down], [down], [limited], [limited], [line(1), LOST], [LOST])
    listened(client)
    assert client.slept == [0.25, 0.5, 5.0, 10.0, 20.0, 60.0, 120.0, 0.25]


def test_a_connection_x_still_holds_is_no_rate_limit():
    held = errors.RateLimited("TooManyConnections", status=429, kind="streaming-connection")
    client = Scripted([held], [held], [line(1)])
    listened(client, limit=1)
    assert client.slept == [5.0, 10.0]


def test_x_says_when_to_come_back():
    client = Scripted([errors.RateLimited("429", status=429, retry_at=NOW + timedelta(seconds=700))], [line(1)])
    listened(client, limit=1)
    assert client.slept == [700.0]


def test_messages_of_x_in_the_stream_are_problems():
    message = json.dumps({"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
                                      "detail": "bye", "type": "https://api.x.com/2/problems/operational-disconnect"}]})
    found, _ = listened(Scripted([line(1), message.encode()]))
    assert "operational-disconnect" in frames(found)["problems"]["kind"].to_pylist()


def test_a_line_nobody_can_read_is_kept_and_said():
    found, _ = listened(Scripted([b"{garbage", line(1), LOST]))
    assert "unreadable_page" in frames(found)["problems"]["kind"].to_pylist()
    assert frames(found)["posts"]["id"].to_pylist() == ["1"]


def test_without_rules_the_way_out_is_told():
    _, listener = listened(Scripted([errors.InvalidRequest("409", status=409)]))
    with pytest.raises(errors.ArgumentError, match="add_stream_rules"):
        raise listener.error


# over real HTTP ------------------------------------------------------------------------------------------------------


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


def test_a_time_ends_it_even_in_silence(x, client):
    x.stream.rate = 0.01
    began = time.monotonic()
    xf.streams.filtered(duration=1, client=client)
    assert time.monotonic() - began < 4


def test_without_rules_nothing_is_collected(client, x):
    x.stream.rules.clear()
    with pytest.raises(errors.ArgumentError, match="has no rules"):
        xf.streams.filtered(limit=1, client=client)


def test_the_sample_needs_no_rules(x, client):
    x.stream.rules.clear()
    assert xf.streams.sample(limit=20, client=client)["matches"].num_rows == 20


def test_a_stream_into_an_archive_is_there_with_its_gaps_and_survives_a_rebuild(x, client, tmp_path):
    x.stream.faults += [StreamFault("drop", at=20), StreamFault("duplicate", at=30, times=5), StreamFault("reset", at=40),
                        StreamFault("garbage", at=50), StreamFault("disconnect", at=60)]
    with xf.Archive(tmp_path / "a") as archive:
        run = xf.streams.filtered(limit=150, into=archive, client=client)
        assert (run.state, run.rows) == ("done", 150)
        ids = [i for (i,) in archive.sql("SELECT post_id FROM matches ORDER BY post_id").fetchall()]
        assert ids == sorted(dict.fromkeys(str(i) for i in x.stream.sent[:155]))[:150] or len(set(ids)) == 150
        gaps = archive.sql("SELECT value, detail FROM problems WHERE kind = 'stream-gap' ORDER BY value").fetchall()
        assert len(gaps) == 3
        kinds = {k for (k,) in archive.sql("SELECT kind FROM problems").fetchall()}
        assert {"operational-disconnect", "unreadable_page"} <= kinds
        assert archive.verify().ok
        before = archive.tables
        archive.rebuild(processes=1)
        assert archive.tables == before


@pytest.mark.slow
def test_ten_thousand_posts_with_twenty_drops_stalls_and_duplicates_arrive_complete(tmp_path, monkeypatch):
    monkeypatch.setattr("xframes.client.STALL_SECONDS", 0.5)
    words = ["the OR a OR is OR of OR to OR in OR on OR my OR this OR with OR for", "lang:de der OR die OR das OR und OR ein",
             "lang:es el OR la OR de OR que OR un", "lang:fr le OR la OR de OR et OR un", "lang:pt o OR a OR de OR e OR um"]
    kinds = ["drop", "stall", "duplicate", "swap"]  # what a reset throws away only a backfill brings back
    with (
        xf.sandbox.start(posts=16_000, users=400) as x,
        xf.Client(bearer_token=x.bearer_token, base_url=x.url, on_wait=lambda *_: None,
                  sleep=lambda seconds: time.sleep(min(seconds, 0.2))) as client,
        xf.Archive(tmp_path / "a") as archive,
    ):
        x.stream.rate, x.stream.keep_alive, x.stream.waits = 5_000, 0.1, True
        x.stream.add_rules(*({"value": value, "tag": str(n)} for n, value in enumerate(words)))
        x.stream.faults += [StreamFault(kinds[n % 4], at=200 + 450 * n, seconds=1.5, times=7) for n in range(20)]
        run = xf.streams.filtered(limit=10_000, into=archive, client=client)
        got = [i for (i,) in archive.sql("SELECT id FROM posts WHERE id IN (SELECT post_id FROM matches)").fetchall()]
        gaps = archive.sql("SELECT detail FROM problems WHERE kind = 'stream-gap' ORDER BY value").fetchall()
        assert x.stream.lost == []
        sent = list(dict.fromkeys(str(i) for i in x.stream.sent))
        assert sorted(got) == sorted(sent[:10_000])
        assert len(got) == len(set(got)) == run.rows == 10_000
        assert len(gaps) >= 10  # five drops and five stalls; duplicates and swaps leave none
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
    assert "stream-gap" in found["problems"]["kind"].to_pylist()


PROGRAM = """
import sys
import xframes as xf
client = xf.Client(bearer_token=sys.argv[1], base_url=sys.argv[2])
archive = xf.Archive(sys.argv[3])
run = xf.streams.filtered(into=archive, client=client)
print(run.state, run.rows, flush=True)
"""


def collecting(x, path):
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, x.bearer_token, x.url, str(path)], stdout=subprocess.PIPE,
                             env=os.environ | {"PYTHONWARNINGS": "error"})
    deadline = time.monotonic() + 20
    while len(x.stream.sent) < 100 and time.monotonic() < deadline:
        time.sleep(0.05)
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_everything_kept(x, tmp_path, number):
    x.stream.rate = 200
    child = collecting(x, tmp_path / "a")
    child.send_signal(number)
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0
    state, rows = out.decode().split()
    with xf.Archive(tmp_path / "a") as archive:
        assert state == "done"
        assert archive.sql("SELECT count(*) FROM matches").fetchall() == [(int(rows),)]
        assert int(rows) >= 90


def test_a_kill_loses_at_most_what_was_not_committed(x, tmp_path):
    x.stream.rate = 200
    child = collecting(x, tmp_path / "a")
    time.sleep(1.5)
    sent = len(x.stream.sent)
    child.kill()
    child.communicate(timeout=20)
    with xf.Archive(tmp_path / "a") as archive:
        (kept,) = archive.sql("SELECT count(*) FROM matches").fetchall()[0]
        assert kept >= sent - 220  # a second of posts
        assert set(archive.runs()["state"]) == {"interrupted"}
        assert archive.verify().ok

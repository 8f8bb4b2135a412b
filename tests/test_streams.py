"""Streams: complete through drops, stalls and duplicates, with their gaps told; ended gently, by limits, signals, kills."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

import xframes as xf
from xframes import errors, streaming
from xframes.archive import collecting as collecting_module
from xframes.client.streaming import lines
from xframes.plan import plan
from xframes.sandbox import StreamFault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Scripted:
    """A client whose connections are told beforehand: lists of lines, ended by an error or in order."""

    def __init__(self, *connections):
        self.connections = list(connections)
        self.at = NOW
        self.slept = []
        self.told = []

    def now(self):
        return self.at

    def wait(self, seconds, why):
        self.slept.append(seconds)
        self.told.append(why)
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
    return found + listener.last(), listener


def gaps(pages):
    return [row for row in frames(pages)["problems"].to_pylist() if row["kind"] == "stream_gap"]


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


def test_a_post_that_comes_again_by_the_same_rules_in_another_order_is_the_same():
    found, listener = listened(Scripted([line(1, ["7", "8"]), line(1, ["8", "7"]), line(1, ["7"]), line(2), line(3)]), limit=2)
    assert [json.loads(p.body)["data"]["id"] for p in found] == ["1", "2"]
    assert listener.posts == 2


def test_a_line_that_only_a_lenient_reader_reads_counts_and_comes_once():
    broken = line(1).replace(b'"t"', b'"\xff\xfe"').replace(b'"id": "1"', b'"id": "1", "n": NaN')
    found, listener = listened(Scripted([broken, broken, line(2)]), limit=2)
    assert [p.body for p in found] == [broken, line(2)]
    assert listener.posts == 2


def test_every_gap_is_a_problem_with_its_times_and_cause():
    found, listener = listened(Scripted([line(1), LOST], [b"", line(2)]))
    told = gaps(found)
    assert len(told) == listener.gaps == 2
    assert told[0]["value"] == "2026-03-01T12:00:01.000+00:00/2026-03-01T12:00:02.000+00:00"
    assert "reset" in told[0]["detail"]
    assert "X ended the connection" in told[1]["detail"]
    assert all("nothing of it was asked for again" in gap["detail"] for gap in told)


def test_one_outage_is_one_gap_until_something_is_heard_again():
    down = errors.Unavailable("HTTP 503", status=503)
    found, _ = listened(Scripted([line(1), LOST], [down], [down], [line(2)]), limit=2)
    (gap,) = gaps(found)
    assert gap["value"] == "2026-03-01T12:00:01.000+00:00/2026-03-01T12:00:17.000+00:00"
    assert "reset; then: HTTP 503;" in gap["detail"]


def test_a_gap_says_whether_the_backfill_reached_back_far_enough():
    down = errors.Unavailable("HTTP 503", status=503)
    short, _ = listened(Scripted([line(1), LOST], [line(2)]), limit=2, backfill_minutes=1)
    long, _ = listened(Scripted([line(1), *[down]], *[[down]] * 4, [line(2)]), limit=2, backfill_minutes=1)
    again, _ = listened(Scripted([line(1), LOST], [line(2)]), limit=2, start_time="2026-03-01T11:00:00Z")
    assert "backfill_minutes=1 asked for all of it again" in gaps(short)[0]["detail"]
    assert "asked for its end again, the rest is missing" in gaps(long)[0]["detail"]
    assert "start_time=2026-03-01T11:00:00Z asked for it again" in gaps(again)[0]["detail"]


def test_a_stream_that_is_ended_in_an_outage_tells_of_it():
    client = Scripted([line(1), errors.Unavailable("HTTP 503", status=503)], [line(2)])
    listener = streaming.Listener(client, plan("streams.filtered", {}, now=NOW))
    client.wait = lambda *_: listener.stop()
    listener.start()
    found = []
    while listener.running:
        found += listener.take()
    found += listener.last()
    assert "HTTP 503" in gaps(found)[0]["detail"]
    assert frames(found)["posts"]["id"].to_pylist() == ["1"]
    assert listener.error is None


def test_what_is_refused_from_the_first_leaves_no_page():
    found, listener = listened(Scripted([errors.Unavailable("HTTP 503", status=503)], [errors.Unauthorized("401", status=401)]))
    assert found == []
    assert isinstance(listener.error, errors.Unauthorized)


def test_going_on_tells_of_the_time_nobody_listened_and_drops_what_a_backfill_repeats():
    before, listener = listened(Scripted([line(1), line(2)]), limit=2, backfill_minutes=5)
    state = streaming._after(listener, streaming.State(), before)
    client = Scripted([line(1), line(2), line(3)])
    client.at = NOW + timedelta(minutes=3)
    later = streaming.Listener(client, plan("streams.filtered", {"limit": 3, "backfill_minutes": 5}, now=NOW))
    later.start(state, before)
    found = []
    while later.running:
        found += later.take()
    assert [json.loads(p.body)["data"]["id"] for p in found if b'"data"' in p.body] == ["3"]
    assert later.posts == 3
    (gap,) = gaps(found)
    assert gap["value"] == "2026-03-01T12:00:02.000+00:00/2026-03-01T12:03:01.000+00:00"
    assert "nobody listened; backfill_minutes=5 asked for all of it again" in gap["detail"]


def test_waits_grow_as_x_documents():
    down = errors.Unavailable("HTTP 503", status=503)
    limited = errors.RateLimited("429", status=429)
    client = Scripted([LOST], [LOST], [LOST], [down], [down], [down], [limited], [limited], [line(1), LOST], [LOST])
    listened(client)
    assert client.slept == [0.25, 0.5, 5.0, 10.0, 20.0, 60.0, 120.0, 0.25]
    assert client.told[2] == "streams.filtered lost its connection: HTTP 503"


def test_a_connection_that_lived_without_a_post_worked_too():
    down = errors.Unavailable("HTTP 503", status=503)
    client = Scripted([down], [down], [b""] * 60 + [LOST], [down], [b"", LOST], [down], [line(1)])
    listened(client, limit=1)
    assert client.slept == [5.0, 10.0, 5.0, 0.25, 10.0]


def test_a_connection_x_still_holds_is_no_rate_limit():
    held = errors.RateLimited("TooManyConnections", status=429, kind="streaming-connection")
    client = Scripted([held], [held], [line(1)])
    listened(client, limit=1)
    assert client.slept == [5.0, 10.0]


def test_x_says_when_to_come_back():
    client = Scripted([errors.RateLimited("429", status=429, retry_at=NOW + timedelta(seconds=700))], [line(1)])
    listened(client, limit=1)
    assert client.slept == [700.0]


BYE = json.dumps({"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
                              "detail": "bye", "type": "https://api.x.com/2/problems/operational-disconnect"}]}).encode()


def test_messages_of_x_in_the_stream_are_problems_and_the_cause_of_the_gap():
    found, _ = listened(Scripted([line(1), BYE], [line(2)]), limit=2)
    assert frames(found)["problems"]["kind"].to_pylist() == ["operational-disconnect", "stream_gap"]
    assert "operational-disconnect; UpstreamOperationalDisconnect; bye" in gaps(found)[0]["detail"]


def test_a_recovery_of_past_time_ends_by_itself_unless_x_cuts_it_short():
    past = {"start_time": "2026-03-01T10:00:00Z", "end_time": "2026-03-01T11:00:00Z"}
    whole, listener = listened(Scripted([line(1), line(2)], [line(3)]), **past)
    assert (listener.posts, listener.error, gaps(whole)) == (2, None, [])
    _, listener = listened(Scripted([line(1), BYE], [line(1), line(2)]), **past)
    assert (listener.posts, listener.error) == (2, None)


def test_the_last_line_of_an_orderly_end_needs_no_end():
    answer = urllib3.HTTPResponse(io.BytesIO(b"one\r\n\r\ntwo"), preload_content=False)
    assert list(lines(types.SimpleNamespace(raw=answer))) == [b"one", b"", b"two"]


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
    assert client.bytes_received > 50 * 200


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
                deadline = time.monotonic() + 10
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
    with xf.Archive(tmp_path / "a") as archive:
        with pytest.raises(xf.Interrupted, match="no space left") as caught:
            xf.streams.filtered(into=archive, client=client)
        assert archive.sql("SELECT count(*) FROM matches").fetchall() == [(caught.value.rows,)]


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
        gaps = archive.sql("SELECT detail FROM problems WHERE kind = 'stream_gap' ORDER BY value").fetchall()
        sent, published = list(dict.fromkeys(x.stream.sent)), x.stream.published
        assert not set(x.stream.lost) & set(published[:published.index(sent[9_999])])
        assert sorted(got) == sorted(sent[:10_000])
        assert len(got) == len(set(got)) == run.rows == 10_000
        assert len(gaps) == 10  # five drops and five stalls; duplicates and swaps leave none
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


def collecting(x, path, *command):
    before = len(x.stream.sent)
    command = command or ("-c", PROGRAM, x.bearer_token, x.url, str(path))
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE,
                             env=os.environ | {"PYTHONWARNINGS": "error", "XFRAMES_BEARER_TOKEN": x.bearer_token})
    deadline = time.monotonic() + 20
    while len(x.stream.sent) < before + 100 and time.monotonic() < deadline:
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


def test_the_shell_collects_until_ctrl_c(x, tmp_path):
    x.stream.rate = 200
    command = ("-m", "xframes.cli", "streams", "filtered", "--archive", str(tmp_path / "a"), "--base-url", x.url,
               "--duration", "60", "--format", "json", "--table", "matches")
    child = collecting(x, tmp_path / "a", *command)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0
    with xf.Archive(tmp_path / "a") as archive:
        assert len(out.splitlines()) == archive.runs()["row_count"][0] >= 90
        assert set(archive.runs()["state"]) == {"done"}


RESUME = """
import sys
import xframes as xf
client = xf.Client(bearer_token=sys.argv[1], base_url=sys.argv[2])
with xf.Archive(sys.argv[3]) as archive:
    archive.resume(archive.runs()["run_id"][0], client)
"""


def test_a_killed_stream_goes_on_and_tells_of_the_time_between(x, tmp_path):
    x.stream.rate = 200
    child = collecting(x, tmp_path / "a")
    time.sleep(1.2)  # pages are committed by now
    child.kill()
    child.communicate(timeout=20)
    child = collecting(x, tmp_path / "a", "-c", RESUME, x.bearer_token, x.url, str(tmp_path / "a"))
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)
    assert child.returncode == 0
    with xf.Archive(tmp_path / "a") as archive:
        assert archive.runs()["state"].tolist() == ["done"]
        ((told,),) = archive.sql("SELECT detail FROM problems WHERE kind = 'stream_gap'").fetchall()
        assert "nobody listened" in told

"""Listening to a stream, by connections told beforehand: each post once, every gap told, waits as X documents."""

from __future__ import annotations

import io
import json
import types
from datetime import UTC, datetime, timedelta

import pytest
import requests
import urllib3

import xframes as xf
from xframes import errors
from xframes.client.connection import lines
from xframes.paging import streaming
from xframes.plan import plan

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
BYE = json.dumps({"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
                              "detail": "bye", "type": "https://api.x.com/2/problems/operational-disconnect"}]}).encode()


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
    assert all("was not requested again" in gap["detail"] for gap in told)


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
    assert "backfill_minutes=1 requested all of it again" in gaps(short)[0]["detail"]
    assert "requested its end again, the rest is missing" in gaps(long)[0]["detail"]
    assert "start_time=2026-03-01T11:00:00Z requested it again" in gaps(again)[0]["detail"]


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
    assert "backfill_minutes=5 requested all of it again" in gap["detail"]


def test_waits_grow_as_x_documents():
    down = errors.Unavailable("HTTP 503", status=503)
    limited = errors.RateLimited("429", status=429)
    client = Scripted([LOST], [LOST], [LOST], [down], [down], [down], [limited], [limited], [line(1), LOST], [LOST])
    listened(client)
    assert client.slept == [0.25, 0.5, 5.0, 10.0, 20.0, 60.0, 120.0, 0.75, 1.0]
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


def test_a_connection_that_said_nothing_but_a_problem_did_not_work():
    told = json.dumps({"title": "Service Unavailable", "type": "about:blank", "status": 503}).encode()
    client = Scripted([told], [told], [BYE], [b"garbage"], [line(1), LOST], [line(2)])
    listened(client, limit=2)
    assert client.slept == [0.25, 0.5, 0.75, 1.0]


def test_a_connection_worked_when_it_lasted_not_when_it_brought_a_post():
    client = Scripted(*([line(n)] for n in range(4)), [b""] * 30 + [line(9), LOST], [line(10)], [line(11)])
    listened(client, limit=7)
    assert client.slept == [0.25, 0.5, 0.75, 0.25]  # the first reconnection is immediate, also after the long one


def test_x_says_when_to_come_back():
    client = Scripted([errors.RateLimited("429", status=429, retry_at=NOW + timedelta(seconds=700))], [line(1)])
    listened(client, limit=1)
    assert client.slept == [700.0]


def test_messages_of_x_in_the_stream_are_problems_and_the_cause_of_the_gap():
    found, _ = listened(Scripted([line(1), BYE], [line(2)]), limit=2)
    assert frames(found)["problems"]["kind"].to_pylist() == ["operational-disconnect", "stream_gap"]
    assert "operational-disconnect; UpstreamOperationalDisconnect; bye" in gaps(found)[0]["detail"]
    (cause,) = xf.gaps(frames(found))["cause"]
    assert cause.endswith("operational-disconnect; UpstreamOperationalDisconnect; bye")


def test_a_recovery_of_past_time_ends_by_itself_unless_x_cuts_it_short():
    past = {"start_time": "2026-03-01T10:00:00Z", "end_time": "2026-03-01T11:00:00Z"}
    whole, listener = listened(Scripted([line(1), line(2)], [line(3)]), **past)
    assert (listener.posts, listener.error, gaps(whole)) == (2, None, [])
    _, listener = listened(Scripted([line(1), BYE], [line(1), line(2)]), **past)
    assert (listener.posts, listener.error) == (2, None)


def test_the_last_line_of_an_orderly_end_needs_no_end():
    answer = urllib3.HTTPResponse(io.BytesIO(b'{"data":1}\r\n\r\n{"data":2}'), preload_content=False)
    assert list(lines(types.SimpleNamespace(raw=answer))) == [b'{"data":1}', b"", b'{"data":2}']


def test_a_connection_that_ends_within_a_line_is_lost_and_the_piece_is_no_page():
    """Where neither length nor chunks tell a body's end, a lost connection looks like an orderly one."""
    answer = urllib3.HTTPResponse(io.BytesIO(b'{"data":1}\r\n{"data":{"id":"2"'), preload_content=False)
    found = lines(types.SimpleNamespace(raw=answer))
    assert next(found) == b'{"data":1}'
    with pytest.raises(requests.ConnectionError, match="within a line"):
        next(found)


def test_a_line_nobody_can_read_is_kept_and_said():
    found, _ = listened(Scripted([b"{garbage", line(1), LOST]))
    assert "unreadable_page" in frames(found)["problems"]["kind"].to_pylist()
    assert frames(found)["posts"]["id"].to_pylist() == ["1"]


def test_without_rules_the_way_out_is_told():
    _, listener = listened(Scripted([errors.InvalidRequest("409", status=409)]))
    with pytest.raises(errors.ArgumentError, match="add_stream_rules"):
        raise listener.error

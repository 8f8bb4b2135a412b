"""The sandbox's streams and their rules over HTTP: what is delivered, what is lost, and every fault on the wire."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest
import requests

from tests.sandbox.servers import NOW, streaming
from xframes import sandbox, schema
from xframes.sandbox import StreamFault

from .streams import SAMPLE, connect, ids, lines, matching

server = pytest.fixture(streaming)


# what is delivered ---------------------------------------------------------------------------------------------------


def test_every_matching_post_is_delivered_once_in_order_as_one_line_of_json(common):
    answer = connect(common)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["x-rate-limit-limit"] == "50"
    got = ids(answer)
    assert got == matching(common, "the OR a OR to") == common.stream.sent
    assert common.stream.finished
    assert common.stream.published == [str(post.id) for post in common.community.listed]
    assert common.stream.lost == []


def test_an_envelope_names_every_rule_that_matches(server):
    server.stream.add_rules({"value": "the OR a", "tag": "one"}, {"value": "the OR to"}, {"value": "from:nobody_here"})
    one, two, _ = server.stream.rules
    named = {"one": matching(server, "the OR a"), "two": matching(server, "the OR to")}
    with connect(server) as answer:
        found = [json.loads(line) for line in lines(answer)]
    assert {len(each["matching_rules"]) for each in found} == {1, 2}
    for each in found:
        wanted = [{"id": str(one), "tag": "one"}] if each["data"]["id"] in named["one"] else []
        wanted += [{"id": str(two)}] if each["data"]["id"] in named["two"] else []
        assert each["matching_rules"] == wanted
        assert set(each["data"]) == {"id", "text", "edit_history_tweet_ids"}


def test_fields_and_expansions_are_those_asked_for(common):
    asked = {schema.fields_param(o, "tweet"): ",".join(schema.fields(o, "tweet")) for o in schema.COMPANIONS["post"]}
    with connect(common, **asked, expansions=",".join(schema.EXPANSIONS["tweet"]["post"])) as answer:
        found = [json.loads(line) for line in lines(answer)]
    assert all(each["data"]["author_id"] in {u["id"] for u in each["includes"]["users"]} for each in found)
    assert {"tweets", "media", "users"} <= {kind for each in found for kind in each["includes"]}
    with connect(common, **{"tweet.fields": "nonsense"}) as answer:
        assert answer.status_code == 400


def test_the_sample_stream_delivers_all_of_the_feed_without_rules(server):
    with connect(server, SAMPLE, expansions="author_id") as answer:
        found = [json.loads(line) for line in lines(answer)]
    assert [each["data"]["id"] for each in found] == [str(post.id) for post in server.community.listed]
    assert all("matching_rules" not in each for each in found)


def test_silence_is_broken_by_blank_lines_at_the_pace_set(common):
    common.stream.rate = 0
    common.stream.keep_alive = 0.1
    began = time.monotonic()
    with connect(common) as answer:
        got = b""
        while len(got) < 10:
            got += answer.raw.read1(10)
        assert got == b"\r\n" * 5  # one at once, then one each tenth of a second
        assert 0.35 < time.monotonic() - began < 30  # X's own pace is 20 seconds a line


def test_the_rate_is_that_of_publishing(common):
    common.stream.rate = 200
    began = time.monotonic()
    with connect(common) as answer:
        for line in lines(answer, silence=50):
            if len(common.stream.published) >= 100 and json.loads(line)["data"]["id"] == common.stream.sent[-1]:
                break
        assert time.monotonic() - began > 0.4


def test_a_post_made_while_connected_is_delivered_at_once(common):
    common.stream.rate = 0
    author = next(p for p in common.community.people.values() if p.standing == "active")
    old = next(post for post in reversed(common.community.listed) if str(post.id) in matching(common, "the OR a OR to"))
    new = dataclasses.replace(old, id=common.community.new_id(old.at), author=author, wire=None)
    with connect(common) as answer:
        reader = lines(answer, silence=100)
        common.community.enter(new)
        assert json.loads(next(reader))["data"]["id"] == str(new.id)


# who may connect -----------------------------------------------------------------------------------------------------


def test_without_rules_there_is_nothing_to_connect_to(server):
    with connect(server) as answer:
        assert answer.status_code == 409
        assert answer.json()["connection_issue"] == "RuleConfigurationIssue"
        assert answer.json()["type"].endswith("/streaming-connection")


def test_a_second_connection_is_refused_until_the_first_has_gone(common):
    common.stream.rate = 0
    with connect(common), connect(common) as second:
        assert second.status_code == 429
        assert second.json()["connection_issue"] == "TooManyConnections"
    with connect(common) as third:
        assert third.status_code == 200


def test_a_person_cannot_connect_and_the_connects_are_counted(server):
    with connect(server, token=server.user_token) as answer:
        assert answer.status_code == 403
    with sandbox.start(posts=10, users=10, now=NOW) as counted:
        found = [connect(counted).status_code for _ in range(51)]
    assert found == [409] * 50 + [429]


def test_a_stopped_sandbox_ends_its_streams():
    with sandbox.start(posts=10, users=10) as made:
        made.stream.add_rules({"value": "the"})
        answer = connect(made)
    with answer, pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(lines(answer, silence=1000))


# what is lost --------------------------------------------------------------------------------------------------------


def read_until_cut(answer):
    """The lines that came before the connection broke, and what broke it."""
    got = []
    with answer:
        try:
            for line in lines(answer):
                got.append(line)  # noqa: PERF402  kept when the connection breaks
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError) as error:
            return got, error
    return got, None


def test_what_is_published_while_nobody_listens_is_lost(common):
    common.stream.faults.append(StreamFault("drop", at=20))
    common.stream.rate = 500
    first, error = read_until_cut(connect(common))
    assert len(first) == 20
    assert error is not None
    time.sleep(0.1)
    second, error = read_until_cut(connect(common))
    assert error is None
    lost = common.stream.lost
    assert lost
    assert len(first) + len(second) + len(lost) == len(matching(common, "the OR a OR to"))
    assert not set(lost) & {json.loads(line)["data"]["id"] for line in first + second}


def test_backfill_brings_back_what_was_lost_and_what_was_not(common):
    common.stream.faults.append(StreamFault("drop", at=20))
    common.stream.rate = 500
    first, _ = read_until_cut(connect(common))
    time.sleep(0.1)
    second, _ = read_until_cut(connect(common, backfill_minutes=2))
    assert [json.loads(line)["data"]["id"] for line in second] == matching(common, "the OR a OR to")
    assert second[:20] == first
    assert common.stream.lost == []
    assert connect(common, backfill_minutes=6).status_code == 400


def test_a_feed_that_waits_loses_nothing_without_backfill(common):
    common.stream.waits = True
    common.stream.faults += [StreamFault("drop", at=at) for at in range(10, 110, 10)]
    got = []
    for _ in range(10):
        part, error = read_until_cut(connect(common))
        assert len(part) == 10
        assert error is not None
        got += part
        time.sleep(0.02)
    got += read_until_cut(connect(common))[0]
    assert [json.loads(line)["data"]["id"] for line in got] == matching(common, "the OR a OR to")
    assert common.stream.lost == []


def test_a_time_in_the_past_is_sent_again_and_then_the_stream_ends(server):
    server.stream.add_rules({"value": "the OR a OR to"})
    first = ids(connect(server))
    assert ids(connect(server, start_time="2026-03-10T11:59:00Z")) == first
    with connect(server, start_time="2026-03-10T11:00:00Z", end_time="2026-03-10T11:30:00Z") as answer:
        assert list(lines(answer)) == []  # an orderly end, not silence


# faults --------------------------------------------------------------------------------------------------------------


def test_a_reset_breaks_the_connection(common):
    common.stream.faults.append(StreamFault("reset", at=5))
    got, error = read_until_cut(connect(common))
    assert len(got) <= 5
    assert error is not None
    with connect(common) as again:
        assert again.status_code == 200


def test_a_stall_is_silence_without_keep_alives(common):
    common.stream.keep_alive = 0.05
    common.stream.faults.append(StreamFault("stall", at=5, seconds=0.6))
    began = time.monotonic()
    with connect(common) as answer:
        reader = lines(answer)
        for _ in range(5):
            next(reader)
        assert answer.raw.read1(1) not in (b"", b"\r")  # the next post, with no keep-alive before it
        assert time.monotonic() - began > 0.6


def test_a_client_that_leaves_in_a_stall_can_come_back_at_once(common):
    common.stream.faults.append(StreamFault("stall", at=5, seconds=60))
    answer = connect(common)
    reader = lines(answer)
    for _ in range(5):
        next(reader)
    answer.close()
    with connect(common) as again:
        assert again.status_code == 200


def test_a_disconnect_says_why_and_ends_in_order(common):
    common.stream.faults.append(StreamFault("disconnect", at=5))
    got, error = read_until_cut(connect(common))
    assert error is None
    assert len(got) == 6
    [said] = json.loads(got[5])["errors"]
    assert said["title"] == "operational-disconnect"
    assert said["type"].endswith("/operational-disconnect")


def test_garbage_duplicates_and_swaps_come_where_they_were_set(common):
    common.stream.faults += [StreamFault("garbage", at=3), StreamFault("duplicate", at=6, times=2),
                             StreamFault("swap", at=12)]
    wanted = matching(common, "the OR a OR to")
    got, _ = read_until_cut(connect(common))
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.pop(3))
    found = [json.loads(line)["data"]["id"] for line in got]
    # six posts, the last two of them again, then on; after the twelfth sent two change places
    assert found[:8] == [*wanted[:6], *wanted[4:6]]
    assert found[8:12] == wanted[6:10]
    assert found[12:14] == [wanted[11], wanted[10]]
    assert found[14:] == wanted[12:]
    assert found == common.stream.sent
    assert common.stream.faults == []


def test_an_impossible_fault_is_refused():
    for wrong in (("explode", 1), ("drop", 0), ("stall", 1, -1.0), ("duplicate", 1, 0.0, 0)):
        with pytest.raises(ValueError, match="expected"):
            StreamFault(*wrong)


@pytest.mark.slow
def test_ten_thousand_posts_with_twenty_drops_stalls_and_duplicates_can_be_had_complete():
    with sandbox.start(posts=10_000, users=300, now=NOW, rate_limits=False) as made:
        made.stream.add_rules({"value": "lang:en the OR a OR to OR from:nobody_here"})
        made.stream.rate, made.stream.keep_alive = 20_000, 0.1
        made.stream.faults += [StreamFault(("drop", "stall", "duplicate")[n % 3], at=100 * (n + 1), seconds=0.05, times=7)
                               for n in range(20)]
        got = []
        while not (made.stream.finished and not made.stream.faults):
            got += read_until_cut(connect(made, backfill_minutes=5))[0]
        found = {json.loads(line)["data"]["id"] for line in got}
        assert found == set(matching(made, "lang:en the OR a OR to OR from:nobody_here"))
        assert made.stream.lost == []

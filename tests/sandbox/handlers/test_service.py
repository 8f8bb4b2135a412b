"""X's actions about credits, connections, events and broadcasts, as the sandbox plays them: into tables of their own."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes import errors, write
from xframes.sandbox.services.occurrences import occurrences
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(posts=300, users=30, now=NOW, rate_limits=False) as made:
        yield made


@pytest.fixture(scope="module")
def client(x):
    options = {"oauth2": x.user_token, "base_url": x.url, "sleep": lambda _: None, "writes": True}
    with xf.Client(x.bearer_token, **options) as made:
        yield made


def test_credits_fall_with_the_posts_that_are_read(x, client):
    first = xf.call("usage.credits", client=client)
    assert first["credits"].select(["total_balance", "prepaid_balance"]).to_pylist() == [
        {"total_balance": 20.0, "prepaid_balance": 0.0}]
    xf.search.recent("the OR a", limit=10, client=client)
    later = xf.call("usage.credits", client=client)
    assert later.credits["total_balance"].item() == pytest.approx(20 - 0.05)
    (grant,) = later["credit_grants"].to_pylist()
    assert (grant["position"], grant["expires_at"]) == (0, datetime(2026, 3, 31, tzinfo=UTC))


def test_rules_are_counted_and_all_are_deleted(x, client):
    write.add_stream_rules(["tea", "coffee"], client=client)
    (row,) = xf.call("streams.rule_counts", client=client)["rule_counts"].to_pylist()
    assert (row["rule_count"], row["project_rule_count"], row["app_cap"]) == (2, 2, 1000)
    write.delete_stream_rules(delete_all=True, client=client)
    assert not x.stream.rules
    with pytest.raises(errors.ArgumentError, match="delete_all"):
        write.delete_stream_rules(["tea"], delete_all=True, client=client)


def test_a_connection_is_listed_and_closed(x, client):
    x.stream.keep_alive = 0.05
    lines = client.stream(Request("GET", "/2/tweets/sample/stream", {}, "streams.sample"))
    next(lines)
    (row,) = xf.call("connections.list", client=client)["connections"].to_pylist()
    assert (row["endpoint"], row["connected_at"]) == ("sample_stream", NOW)
    assert not len(xf.call("connections.list", endpoints=["filtered_stream"], client=client).connections)
    answer = xf.call("write.close_connections", uuids=[row["id"], "another"], client=client).writes["answer"].item()
    assert [each["success"] for each in json.loads(answer)["results"]] == [True, False]
    list(lines)
    deadline = time.monotonic() + 5
    while not len(past := xf.call("connections.list", status="inactive", client=client).connections):
        assert time.monotonic() < deadline
    assert past["disconnected_at"].notna().all()
    assert xf.call("write.close_all_connections", client=client).writes["status"].item() == 200
    assert xf.call("write.close_connections_of", endpoint="sample_stream", client=client).writes["status"].item() == 200


def test_notes_and_the_posts_they_can_be_about(x, client):
    assert not len(xf.call("notes.written", client=client).notes)
    found = xf.call("notes.eligible_posts", limit=20, client=client)
    assert found["matches"]["post_id"].to_pylist() == [str(p.id) for p in x.community.listed[:-21:-1]]


def test_a_broadcast_from_its_schedule_to_its_chat(client):
    times = {"scheduled_start_ms": "1772400000000", "scheduled_end_ms": "1772403600000"}
    xf.call("write.schedule_broadcast", source_id="s", title="Stars", **times, client=client)
    (plan,) = xf.call("broadcasts.scheduled", client=client)["scheduled_broadcasts"].to_pylist()
    assert plan["scheduled_start_at"] == datetime.fromtimestamp(1772400000, UTC)
    xf.call("write.update_broadcast", scheduled_id=plan["id"], scheduled_broadcast_id=plan["id"], title="Moons", **times,
            client=client)
    assert xf.call("broadcasts.scheduled_get", scheduled_id=plan["id"], client=client).scheduled_broadcasts["title"].item() == "Moons"
    xf.call("write.start_broadcast", scheduled_id=plan["id"], client=client)
    (live,) = xf.call("broadcasts.list", client=client)["broadcasts"].to_pylist()
    assert (live["id"], live["title"], live["started_at"]) == (plan["broadcast_id"], "Moons", NOW)
    id_ = {"broadcast_id": live["id"], "client": client}
    xf.call("write.send_broadcast_message", text="Hello", **id_)
    (message,) = xf.call("broadcasts.chat", **id_)["broadcast_messages"].to_pylist()
    assert (message["text"], message["created_at"]) == ("Hello", NOW)
    xf.call("write.mute_broadcast_user", user_id=5, **id_)
    xf.call("write.unmute_broadcast_user", user_id=5, **id_)
    xf.call("write.delete_broadcast_message", message_id=message["id"], **id_)
    assert not len(xf.call("broadcasts.chat", **id_).broadcast_messages)
    xf.call("write.delete_broadcast", scheduled_id=plan["id"], client=client)
    with pytest.raises(errors.NotFound):
        xf.call("write.delete_broadcast", scheduled_id=plan["id"], client=client)
    assert xf.call("broadcasts.get", broadcast_id="1", client=client).problems["kind"].tolist() == ["resource-not-found"]


def test_folders_are_created_and_messages_deleted(x, client):
    xf.call("write.create_bookmark_folder", name="Tea", client=client)
    assert "Tea" in xf.call("users.bookmark_folders", client=client).bookmark_folders["name"].tolist()
    ids = xf.messages.events(client=client).messages["id"].tolist()
    assert xf.call("write.delete_message", event_id=ids[0], client=client).writes["status"].item() == 200
    assert xf.messages.events(client=client).messages["id"].tolist() == ids[1:]
    with pytest.raises(errors.NotFound):
        xf.call("write.delete_message", event_id=ids[0], client=client)


@pytest.mark.parametrize(("name", "parts", "table"), [
    ("posts_compliance", 4, "compliance_events"), ("users_compliance", 4, "compliance_events"),
    ("likes_compliance", None, "compliance_events"), ("labels", None, "compliance_events"),
    ("likes_sample10", 2, "stream_likes"), ("likes_firehose", 20, "stream_likes"),
])
def test_a_stream_of_events_has_what_happened(x, client, name, parts, table):
    x.stream.rate = 1e6
    every = [each for each in occurrences(x.community, f"streams.{name}") if each.at < NOW.timestamp() * 1000]
    mine = [each for each in every if parts is None or each.id % parts == 0]
    partition = {"partition": 1} if parts else {}
    found = xf.call(f"streams.{name}", limit=len(mine), client=client, **partition)
    assert found.tables[table] == len(mine) > 0
    assert not found.tables["problems"]
    assert [each.at for each in every] == sorted(each.at for each in every)


def test_events_and_likes_become_rows():
    events = [
        ("posts_compliance", "/2/tweets/compliance/stream",
         {"delete": {"event_at": "2026-03-01T10:00:00.000Z", "tweet": {"id": "10", "author_id": "1"}}}),
        ("users_compliance", "/2/users/compliance/stream",
         {"user_suspend": {"event_at": "2026-03-01T11:00:00.000Z", "user": {"id": "2"}}}),
        ("likes_compliance", "/2/likes/compliance/stream",
         {"delete": {"event_at": "2026-03-01T12:00:00.000Z", "favorite": {"id": "30", "user_id": "3"}}}),
        ("likes_sample10", "/2/likes/sample10/stream",
         {"id": "ab", "liked_tweet_id": "10", "tweet_author_id": "1", "created_at": "2026-03-01T12:00:00.000Z"}),
    ]
    found = xf.flatten(Page(Request("GET", path, {}, f"streams.{name}"), json.dumps({"data": data}).encode(), NOW)
                       for name, path, data in events)
    rows = found["compliance_events"].sort_by("event_at").to_pylist()
    assert [(r["kind"], r["post_id"], r["user_id"], r["event_at"].hour) for r in rows] == [
        ("delete", "10", "1", 10), ("user_suspend", None, "2", 11), ("delete", "30", "3", 12)]
    assert json.loads(rows[1]["event"])["user"] == {"id": "2"}
    (like,) = found["stream_likes"].to_pylist()
    assert (like["post_id"], like["author_id"]) == ("10", "1")
    assert not found.tables["problems"]


def test_an_answer_may_have_chosen_fields(client):
    counts = xf.counts.recent("tea", count_fields=["start", "end", "tweet_count"], client=client)
    assert len(counts.counts)
    job = write.create_compliance_job("tweets", job_fields="status", client=client).compliance_jobs
    assert (job["status"].item(), job["name"].isna().item()) == ("created", True)

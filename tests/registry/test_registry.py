"""The declarations of all actions, what follows from them, and what each gives when called by its name."""

from __future__ import annotations

import inspect
import json
import re

import pytest

import xframes as xf
from tests.declared import ACTIONS, KINDS, LISTED, NOW, READS, minimal, named
from xframes import registry, schema, write
from xframes.collect.dispatch import signature
from xframes.errors import ArgumentError
from xframes.plan import options
from xframes.registry.prices import PER_REQUEST, PER_RESOURCE
from xframes.wire import Page

# the declarations themselves -----------------------------------------------------------------------------------------


@named(ACTIONS)
def test_tables_columns_and_prices_exist(action):
    assert action.rows is None or action.rows in schema.TABLES
    if action.edge:
        columns = {c.name for c in schema.table(action.edge.table).columns}
        assert {action.edge.arg_column, action.edge.row_column} < columns
        assert action.param(action.edge.arg)
    assert action.price is None or action.price in PER_RESOURCE | PER_REQUEST
    assert re.fullmatch(r"[a-z-]+(/[a-z0-9-]+)+", action.docs)
    for group in (*action.exclusive, *action.needed, *action.together, *action.ordered):
        for name in group:
            assert action.param(name)
    assert set(action.auth) <= set(KINDS)


@named([a for a in LISTED if a.kind == "read"])
def test_every_read_has_a_collector_as_declared(action):
    area, _, name = action.name.partition(".")
    function = getattr(getattr(xf, area), name)
    assert inspect.signature(function, eval_str=True) == signature(action)


class Planned:
    """Takes a collection as an archive does, and returns what it was given."""

    def collect(self, plan, client, *, progress=None):
        return plan, client, progress


@named([a for a in LISTED if a.kind == "read"])
def test_every_argument_of_a_collector_arrives_in_its_plan(action):
    area, _, name = action.name.partition(".")
    function = getattr(getattr(xf, area), name)
    client = Canned()
    for param in action.params:
        arguments = minimal(action, param)
        plan, *_ = function(**arguments, client=client, into=Planned())
        assert plan.action == action.name
        assert arguments.keys() == plan.arguments.keys()
        assert (plan.limit, plan.since, plan.refresh) == (None, None, False)
    taken = options(action)
    chosen = {"limit": 500, "since": "last", "refresh": True, "fields": [], "expansions": []}
    chosen = {key: value for key, value in chosen.items() if key in taken}
    made = function(**minimal(action), **chosen, client=client, into=Planned(), progress=True)
    plan, *handled = made
    assert handled == [client, True]
    assert (plan.limit or 500, plan.since or "last", plan.refresh, plan.field_params) == (500, "last", "refresh" in taken, {})
    assert [plan.limit is None, plan.since is None] == ["limit" not in taken, "since" not in taken]


# what they give ------------------------------------------------------------------------------------------------------

ANSWERS = {  # two main rows where there can be two
    "post": [{"id": "20", "text": "b", "author_id": "7"}, {"id": "10", "text": "a", "author_id": "8"}],
    "user": [{"id": "20", "username": "b", "name": "B"}, {"id": "10", "username": "a", "name": "A"}],
    "list": [{"id": "20", "name": "b"}, {"id": "10", "name": "a"}],
    "space": [{"id": "1b", "state": "live"}, {"id": "1a", "state": "ended"}],
    "dm": [{"id": "20", "event_type": "MessageCreate", "text": "b"}, {"id": "10", "event_type": "MessageCreate", "text": "a"}],
    "media": [{"media_key": "3_1", "type": "photo"}, {"media_key": "3_2", "type": "photo"}],
    "rule": [{"id": "20", "value": "b"}, {"id": "10", "value": "a"}],
    "compliance_job": [{"id": "20", "type": "tweets", "status": "created"}],
    "media_upload": [{"id": "20", "size": 5, "processing_info": {"state": "pending"}}],
    "community": [{"id": "20", "name": "b", "access": "Public"}, {"id": "10", "name": "a"}],
    "news": [{"rest_id": "20", "name": "b"}, {"id": "10", "name": "a", "cluster_posts_results": [{"post_id": "5"}]}],
    "note": [{"id": "20", "info": {"post_id": "5", "text": "b"}}, {"id": "10"}],
    "broadcast": [{"id": "1B", "title": "b", "start_ms": "1772000000000"}, {"broadcast_id": "1A", "total_watched": "5"}],
    "scheduled_broadcast": [{"scheduled_broadcast_id": "1S", "scheduled_start_ms": "1772000000000"}],
    "broadcast_message": [{"id": "20", "text": "b", "author_id": "1"}, {"id": "10"}],
    "connection": [{"id": "20", "endpoint_name": "filtered_stream"}, {"id": "10"}],
    "credits": {"total_balance": 20.0, "free_grants": [{"amount": 10.0, "expires_at": "2026-04-01T00:00:00.000Z"}]},
    "rule_count": {"cap_per_project": "9", "client_app_rules_count": {"client_app_id": "2", "rule_count": 5}},
    "bookmark_folder": [{"id": "20", "name": "b"}, {"id": "10", "name": "a"}],
    "trend": [{"trend_name": "b", "tweet_count": 5}, {"trend_name": "a"}],
    "personalized_trend": [{"trend_name": "b", "category": "Chess", "post_count": "5K"}, {"trend_name": "a", "post_count": 5}],
    "count": [{"start": "2026-03-01T00:00:00.000Z", "end": "2026-03-01T01:00:00.000Z", "tweet_count": 0}],
    "post_analytics": [{"id": "1", "timestamped_metrics": [
        {"timestamp": "2026-03-01T00:00:00Z", "metrics": {"impressions": 5}}]}],
    "media_analytics": [{"media_key": "3_1", "timestamped_metrics": [
        {"timestamp": "2026-03-01T00:00:00Z", "metrics": {"video_views": 5}}]}],
    "usage": {"project_id": "1", "project_cap": "9", "daily_client_app_usage": [
        {"client_app_id": "2", "usage": [{"date": "2026-03-01T00:00:00.000Z", "usage": "4"}]}],
        "daily_project_usage": {"project_id": "1", "usage": [{"date": "2026-03-01T00:00:00.000Z", "usage": 5}]}},
}


class Canned(xf.Client):
    """A client whose X answers every action with the same few objects."""

    def __init__(self):
        super().__init__("invented-token", now=lambda: NOW)
        self.sent = []

    def send(self, request):
        self.sent.append(request)
        action = registry.action(request.action)
        data = ANSWERS[action.objects]
        single = action.single and action.objects != "trend"
        body = {"data": data[0] if single else data, "meta": {"result_count": len(data)}}
        return Page(request, json.dumps(body).encode(), NOW)


@named([a for a in READS if not a.streaming])
def test_every_read_called_by_its_name_fills_its_table_and_states_its_relation(action):
    own = [p.name for p in action.params if p.where == "path" and not p.required]
    arguments = {name: value for name, value in minimal(action).items() if name not in own}
    client = Canned()
    frames = xf.call(action.name, client=client, **arguments)
    assert frames.tables[action.rows] >= 1
    assert set(frames.problems["kind"]) <= {"not_returned"}, frames.problems.to_dict("records")
    assert (client.sent[-1].method, client.sent[-1].action) == (action.method, action.name)
    assert [r.action for r in client.sent[:-1]] == ["users.me"] * len(own)  # whose it is was asked for
    if own:
        assert client.sent[-1].path.startswith("/2/users/20/")
    if action.edge:
        given = "20" if action.edge.arg in own else str(arguments[action.edge.arg])
        rows = frames[action.edge.table].to_pylist()
        assert [(r[action.edge.arg_column], r[action.edge.row_column], r["position"]) for r in rows] == [
            (given, "20", 0), (given, "10", 1)]


def test_a_name_or_argument_that_does_not_exist_is_told_with_the_nearest():
    with pytest.raises(ArgumentError, match=r"users\.followes.*users\.follow"):
        xf.call("users.followes", user_id=1)
    with pytest.raises(ArgumentError, match=r"users\.followers.*'user'.*user_id"):
        xf.call("users.followers", user=1, client=Canned())
    with pytest.raises(ArgumentError, match=r"users\.search.*'q'"):
        xf.call("users.search", q="a", client=Canned())
    with pytest.raises(ArgumentError, match=r"lists\.get.*list_id"):
        xf.call("lists.get", client=Canned())
    with pytest.raises(ArgumentError, match=r"write\.append_upload.*write\.upload_media"):
        xf.call("write.append_upload", media_id="1")


@named([a for a in ACTIONS if a.kind == "write" and not a.path.startswith("/2/media/upload/")])
def test_every_write_is_called_by_its_name(action, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(20))
    arguments = {name: tmp_path / "a.jpg" if value == "a.jpg" else value for name, value in minimal(action).items()
                 if action.param(name).where != "path" or action.param(name).required}
    made = xf.call(action.name, dry_run=True, **arguments)
    assert (made.method, made.action) == (action.method, action.name)


def test_the_functions_named_are_there():
    for name in xf.actions(all=True)["function"]:
        path = name.removeprefix("xf.").split(".")
        if not name.startswith("xf.call("):
            assert callable(getattr(write if path[0] == "write" else getattr(xf, path[0]), path[1]))


def test_expandable_objects_are_those_with_expansions():
    from xframes.registry.actions import EXPANDABLE
    from xframes.schema import EXPANSIONS

    assert EXPANSIONS["tweet"].keys() == EXPANSIONS["post"].keys() == EXPANDABLE

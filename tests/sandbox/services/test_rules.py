"""The rules of the sandbox's stream over HTTP."""

from __future__ import annotations

import json

import pytest
import requests

from tests.sandbox.servers import streaming
from xframes.sandbox.queries.syntax import QueryError

from .streams import RULES, change, connect, lines

server = pytest.fixture(streaming)


# rules ---------------------------------------------------------------------------------------------------------------


def listed(server, **params):
    headers = {"Authorization": f"Bearer {server.bearer_token}"}
    return requests.get(server.url + RULES, params=params, headers=headers, timeout=20).json()


def test_rules_are_added_listed_and_deleted(server):
    made = change(server, {"add": [{"value": "coffee", "tag": "drink"}, {"value": "tea lang:en"}]}).json()
    assert made["meta"]["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
    assert [(each["value"], each.get("tag")) for each in made["data"]] == [("coffee", "drink"), ("tea lang:en", None)]
    assert "errors" not in made
    found = listed(server)
    assert found["data"] == made["data"]
    assert found["meta"] == {"sent": "2026-03-10T12:00:00.000Z", "result_count": 2}
    one, two = (each["id"] for each in made["data"])
    assert [each["id"] for each in listed(server, ids=f"{two},12")["data"]] == [two]
    gone = change(server, {"delete": {"ids": [one, "12"]}}).json()
    assert gone["meta"]["summary"] == {"deleted": 1, "not_deleted": 1}
    assert gone["errors"][0]["errors"][0]["parameters"] == {"ids": ["12"]}
    assert change(server, {"delete": {"values": ["tea lang:en"]}}).json()["meta"]["summary"]["deleted"] == 1
    assert listed(server) == {"meta": {"sent": "2026-03-10T12:00:00.000Z", "result_count": 0}}


def test_duplicates_and_invalid_rules_are_errors_beside_those_that_were_made(server):
    [held] = change(server, {"add": [{"value": "coffee"}]}).json()["data"]
    answer = change(server, {"add": [{"value": "coffee", "tag": "again"}, {"value": "has:media"}, {"value": "tea"},
                                     {"value": "tea"}, {"value": "x" * 1025}]})
    assert answer.status_code == 200
    made = answer.json()
    assert made["meta"]["summary"] == {"created": 1, "not_created": 4, "valid": 3, "invalid": 2}
    assert [each["value"] for each in made["data"]] == ["tea"]
    kinds = [each["type"].rpartition("/")[2] for each in made["errors"]]
    assert kinds == ["duplicate-rules", "invalid-rules", "duplicate-rules", "invalid-rules"]
    assert made["errors"][0]["id"] == held["id"]
    assert "alone" in made["errors"][1]["details"][0]


def test_a_dry_run_says_what_would_be_and_changes_nothing(server):
    body = {"add": [{"value": "coffee"}, {"value": "coffee"}]}
    made = change(server, body, {"dry_run": "true"}).json()
    assert made["meta"]["summary"] == {"created": 1, "not_created": 1, "valid": 2, "invalid": 0}
    assert server.stream.rules == {}
    change(server, body)
    assert change(server, {"delete": {"values": ["coffee"]}}, {"dry_run": "true"}).json()["meta"]["summary"] == {
        "deleted": 1, "not_deleted": 0}
    assert len(server.stream.rules) == 1


def test_all_rules_go_at_once_and_a_thousand_is_the_most(server):
    change(server, {"add": [{"value": f"word{n}"} for n in range(999)]})
    made = change(server, {"add": [{"value": "one"}, {"value": "many"}]}).json()
    assert [each["value"] for each in made["data"]] == ["one"]
    assert made["errors"][0]["type"].endswith("/rule-cap")
    first = listed(server, max_results=600)
    rest = listed(server, max_results=600, pagination_token=first["meta"]["next_token"])
    assert len(first["data"]) + len(rest["data"]) == 1000
    assert "next_token" not in rest["meta"]
    assert change(server, params={"delete_all": "true"}).json()["meta"]["summary"] == {"deleted": 1000, "not_deleted": 0}


@pytest.mark.parametrize("body", [
    {}, {"add": []}, {"add": "coffee"}, {"add": [{"tag": "x"}]}, {"add": [{"value": "x", "color": "red"}]},
    {"add": [{"value": "x", "tag": 1}]}, {"delete": {}}, {"delete": {"ids": ["1"], "values": ["x"]}},
    {"delete": {"ids": "1"}}, {"add": [{"value": "x"}], "delete": {"ids": ["1"]}}, {"change": []}, [],
])
def test_a_body_that_is_no_change_of_rules_is_400(server, body):
    answer = change(server, body)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/invalid-request")


def test_rules_need_the_app_and_query_parameters_are_checked(server):
    headers = {"Authorization": f"Bearer {server.user_token}"}
    body = {"add": [{"value": "x"}]}
    assert requests.post(server.url + RULES, json=body, headers=headers, timeout=20).status_code == 403
    assert change(server, body, {"dry_run": "maybe"}).status_code == 400
    assert change(server, body, {"wet_run": "true"}).status_code == 400
    assert server.stream.rules == {}
    with pytest.raises(QueryError):
        server.stream.add_rules({"value": "("})


def test_a_rule_added_while_connected_matches_from_then_on(server):
    server.stream.add_rules({"value": "from:nobody_here"})
    server.stream.rate = 0
    with connect(server) as answer:
        reader = lines(answer, silence=100)
        change(server, {"add": [{"value": "the OR a OR to", "tag": "late"}]})
        server.stream.rate = 4000
        assert json.loads(next(reader))["matching_rules"][0]["tag"] == "late"


def test_rules_of_which_none_is_made_are_a_refusal_but_not_in_a_dry_run(server):
    body = {"add": [{"value": "tea ("}]}
    refused = change(server, body)
    assert refused.status_code == 400
    assert refused.json()["meta"]["summary"] == {"created": 0, "not_created": 1, "valid": 0, "invalid": 1}
    assert refused.json()["errors"][0]["value"] == "tea ("
    assert change(server, body, {"dry_run": "true"}).status_code == 200

"""The sandbox's answers against the response schemas X publishes: every key and every type, in both vocabularies."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from xframes import sandbox, schema

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
SPECS = {"tweet": "x-openapi-2.159.json", "post": "x-openapi-2.167.json"}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
# 2.159 does not declare these of problems about a field; recorded answers have them.
RECORDED = {"parameter", "value", "resource_id"}

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="X's published specifications are not at hand"),
]


class Spec:
    """Compares values with the schemas of one specification; `wrong` lists what does not fit."""

    def __init__(self, words):
        self.document = json.loads((REFERENCE / SPECS[words]).read_text())
        self.words = words
        self.wrong = []

    def resolved(self, node):
        while "$ref" in node:
            node = self.document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return node

    def check_answer(self, template, body):
        operation = self.document["paths"][template]["get"]
        self.wrong = []
        self.check(body, operation["responses"]["200"]["content"]["application/json"]["schema"], "")
        return self.wrong

    def chosen(self, value, node):
        """The schema of this value: where a discriminator decides, the one it names."""
        node = self.resolved(node)
        named = node.get("discriminator", {})
        target = named.get("mapping", {}).get(value.get(named.get("propertyName"))) if isinstance(value, dict) else None
        return self.resolved({"$ref": target}) if target else node

    def properties(self, node):
        node = self.resolved(node)
        found, required = dict(node.get("properties", {})), set(node.get("required", ()))
        for part in node.get("allOf", ()):
            more, needed = self.properties(part)
            found |= more
            required |= needed
        return found, required

    def check(self, value, node, at):
        node = self.chosen(value, node)
        kind = node.get("type") or ("object" if self.properties(node)[0] else None)
        if kind and (not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
            self.wrong.append((at, f"{value!r:.40} is no {kind}"))
        elif kind == "string" and "enum" in node:  # which may be at odds with a pattern beside it
            if value not in node["enum"]:
                self.wrong.append((at, f"{value} is none of {node['enum']}"))
        elif kind == "string" and not re.search(node.get("pattern", ""), value):
            self.wrong.append((at, f"{value} does not match {node['pattern']}"))
        elif kind == "array":
            for item in value:
                self.check(item, node["items"], f"{at}[]")
        elif kind == "object":
            self.check_object(value, node, at)

    def check_object(self, value, node, at):
        declared, required = self.properties(node)
        self.wrong += [(at, f"{name} is missing") for name in required - value.keys()]
        for name, inner in value.items():
            if name in declared:
                self.check(inner, declared[name], f"{at}.{name}")
            elif declared and not self.may_be_asked(name, at):
                self.wrong.append((at, f"{name} is not in the specification"))

    def may_be_asked(self, name, at):
        """Fields the parameters of 2.159 list and its objects lack."""
        kind = {"data": "post", "tweets": "post", "posts": "post", "users": "user", "media": "media", "errors": "errors"}.get(
            at.replace("[]", "").rsplit(".", 1)[-1], "")
        if at == ".errors[]":
            return name in RECORDED
        parameter = {"post": "tweet.fields", "user": "user.fields", "media": "media.fields"}.get(kind)
        listed = [p for path in self.document["paths"].values() for p in path.get("get", {}).get("parameters", ())]
        named = [self.document["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in listed]
        kinds = {parameter, "user.fields"} if at.startswith(".data") else {parameter}
        return any(name in p["schema"].get("items", {}).get("enum", ()) for p in named if p["name"] in kinds)


@pytest.fixture(scope="module", params=["tweet", "post"])
def answers(request):
    """One answer of every action the first collectors use, with everything asked for: [(path template, body)]."""
    words = request.param

    def full(kind, **more):
        fields = {schema.fields_param(o, words): ",".join(schema.fields(o, words, owner=True)) for o in schema.COMPANIONS[kind]}
        return fields | {"expansions": ",".join(schema.EXPANSIONS[words][kind])} | more

    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with sandbox.start(posts=2000, users=150, now=now, words=words, rate_limits=False) as made, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {made.bearer_token}"
        people, posts = made.community.people, made.community.posts.values()
        loudest = max(made.community.by_author, key=lambda author: len(made.community.by_author[author]))
        unlisted = ",".join(str(p.id) for p in posts if not p.listed)[: 20 * 90 - 1]
        asked = [
            ("/2/tweets/search/recent", {}, full("post", query="the OR a", max_results=100)),
            ("/2/tweets/search/all", {}, full("post", query="the OR a", max_results=500)),
            ("/2/tweets/counts/recent", {}, {"query": "the"}),
            ("/2/tweets/counts/all", {}, {"query": "the", "granularity": "day", "start_time": "2025-06-01T00:00:00Z"}),
            ("/2/tweets", {}, full("post", ids=unlisted.rpartition(",")[0])),
            ("/2/tweets/{id}", {"id": made.community.listed[-1].id}, full("post")),
            ("/2/users", {}, full("user", ids=",".join(map(str, list(people)[:100])))),
            ("/2/users/by/username/{username}", {"username": people[loudest].username}, full("user")),
            ("/2/users/{id}/tweets", {"id": loudest}, full("post", max_results=100)),
            ("/2/users/{id}/mentions", {"id": loudest}, full("post", max_results=100)),
        ]
        found = []
        for template, args, params in asked:
            answer = session.get(made.url + template.format(**args), params=params, timeout=30)
            assert answer.status_code == 200, answer.text[:300]
            found.append((template, answer.json()))
    return words, found


def test_everything_the_sandbox_says_is_in_the_specification(answers):
    words, found = answers
    spec = Spec(words)
    for template, body in found:
        assert spec.check_answer(template, body) == [], template
    assert {kind for _, body in found for kind in body.get("includes", {})} >= {"users", "media", "polls", "places"}
    assert sum("errors" in body for _, body in found) >= 6


def test_what_is_not_in_the_specification_would_be_found(answers):
    words, found = answers
    spec = Spec(words)
    template, body = found[0]
    for change in (
        lambda b: b["data"][0].update(colour="red"), lambda b: b["data"][0].update(text=5),
        lambda b: b["meta"].update(next_tokens="x"), lambda b: b["includes"]["users"][0].update(verified="yes"),
        lambda b: b["includes"]["media"][0].update(size=1), lambda b: b["errors"][0].update(reason="why"),
        lambda b: b["data"][0].update(public_metrics={"likes": 1}), lambda b: b.update(datum=[]),
    ):
        spoilt = copy.deepcopy(body)
        change(spoilt)
        assert spec.check_answer(template, spoilt), change

"""The declarations of all actions, against X's listing and both of its published specifications."""

from __future__ import annotations

import inspect
import json
import re
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

import xframes as xf
from xframes import registry, schema
from xframes.collect.engine import signature
from xframes.plan import plan
from xframes.registry.prices import PER_REQUEST, PER_RESOURCE

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
reference = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="X's published specifications are not at hand"),
]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACTIONS = list(registry.ACTIONS.values())
LISTED = [a for a in ACTIONS if a.listed]
READS = [a for a in ACTIONS if a.kind == "read"]
KINDS = {"app": "BearerToken", "oauth1": "UserToken", "oauth2": "OAuth2UserToken"}

# Where a declaration leaves the specification, and why: (action, what).
DEVIATIONS = {
    ("counts.recent", "auth oauth2"): "2.159 takes the app's token only, 2.167 a person's too",
    ("users.bookmarks", "auth oauth1"): "2.159 takes OAuth 2.0 only, 2.167 OAuth 1.0a too",
    ("write.upload_media", "body media_type"): "2.159 only; the file's type is told by its bytes",
    ("write.upload_media", "body shared"): "2.159 only; media of one request are shared by their id",
}
LENGTHS = {"search.recent", "search.all", "counts.recent", "counts.all"}  # self-serve takes shorter queries than the spec


def named(ids):
    return pytest.mark.parametrize("action", ids, ids=lambda a: a.name)


def minimal(action):
    """The fewest arguments an action can be asked with."""
    found = {}
    for p in action.params:
        first = next((group[0] for group in action.needed if p.name in group), None)
        if p.required or p.where == "path" or p.name == first:
            found[p.name] = sample(p)
    return found


def sample(p):
    if p.choices:
        return [p.choices[0]] if p.many else p.choices[0]
    texts = ["1", "123456789012345", "3_1", "EN", "video/mp4"]
    text = next(t for t in texts if not p.pattern or re.fullmatch(p.pattern, t))
    if p.many:
        return [text, "2"] if (p.min or 0) > 1 else [text]
    start = NOW - timedelta(days=3 if p.name == "start_time" else 1)
    return {"int": p.min or 1, "time": start, "bool": True, "json": [{"value": "cats", "tag": "c"}], "file": "a.jpg",
            "seconds": 5}.get(p.kind, text)


# X's listing ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listing():
    return json.loads((REFERENCE / "actions.json").read_text())


@pytest.fixture(scope="module", params=["x-openapi-2.159.json", "x-openapi-2.167.json"])
def spec(request):
    return Spec(json.loads((REFERENCE / request.param).read_text()), "post" if "167" in request.param else "tweet")


class Spec:
    """One of X's specifications."""

    def __init__(self, document, words):
        self.document, self.words = document, words

    def resolved(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def operation(self, action):
        return self.document["paths"][action.path][action.method.lower()]

    def has(self, action):
        return action.method.lower() in self.document["paths"].get(action.path, {})

    def parameters(self, action):
        found = [self.resolved(p) for p in self.operation(action).get("parameters", ())]
        return {p["name"]: p for p in found}

    def body(self, action):
        content = self.operation(action).get("requestBody", {}).get("content", {})
        kind = content.get("application/json") or content.get("multipart/form-data") or {}
        return self.resolved(kind.get("schema", {}))

    def properties(self, node):
        node = self.resolved(node)
        found = dict(node.get("properties", {}))
        for part in (*node.get("oneOf", ()), *node.get("anyOf", ()), *node.get("allOf", ())):
            found |= self.properties(part)
        return found

    def wrong(self, value, node, at=""):  # noqa: C901  one check after another
        """What in a value does not fit its schema."""
        node = self.resolved(node)
        options = node.get("oneOf") or node.get("anyOf")
        if options and not node.get("properties"):
            tried = [list(self.wrong(value, option, at)) for option in options]
            yield from min(tried, key=len)
            return
        kind = node.get("type")
        expected = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "number": (int, float)}
        if kind in expected and not isinstance(value, expected[kind]):
            yield f"{at}: {value!r} is no {kind}"
        elif isinstance(value, dict):
            known = self.properties(node)
            yield from (f"{at}.{n} is unknown" for n in value.keys() - known.keys())
            yield from (f"{at}.{n} is missing" for n in set(node.get("required", ())) - value.keys())
            for name in value.keys() & known.keys():
                yield from self.wrong(value[name], known[name], f"{at}.{name}")
        elif isinstance(value, list):
            if not node.get("minItems", 0) <= len(value) <= node.get("maxItems", 10**6):
                yield f"{at}: {len(value)} items"
            for item in value:
                yield from self.wrong(item, node.get("items", {}), f"{at}[]")
        elif "enum" in node and value not in node["enum"]:
            yield f"{at}: {value!r} is none of {node['enum']}"
        elif isinstance(value, str) and not re.search(node.get("pattern", ""), value):
            yield f"{at}: {value!r} does not match {node['pattern']}"
        elif isinstance(value, int) and not node.get("minimum", value) <= value <= node.get("maximum", value):
            yield f"{at}: {value} is out of bounds"


class TestListing:
    pytestmark = reference

    def test_all_79_are_there_in_order_with_their_names(self, listing):
        assert [a.name for a in LISTED] == [entry["name"] for entry in listing]
        assert [a.n for a in LISTED] == list(range(1, 80))
        assert list(xf.actions()["name"]) == [entry["name"] for entry in listing]
        assert sum(a.kind == "read" for a in LISTED) == 48

    def test_method_path_and_arguments_are_the_listings(self, listing):
        for entry in listing:
            action = registry.action(entry["name"])
            assert (action.method, action.path) == (entry["api"]["method"], entry["api"]["path"])
            known = {p.name: p.required for p in action.params} | ({"limit": False} if action.streaming else {})
            for arg in entry["args"]:
                name = arg.rstrip("?")
                assert name == "..." or known.get(name) is not arg.endswith("?"), (action.name, arg)

    def test_rate_limits_are_the_documented_ones(self, listing):
        for entry in listing:
            action, told = registry.action(entry["name"]), entry["rate_limit_docs"] or {}
            app, user = told.get("per_app") or "", told.get("per_user") or ""
            if action.auth == ("app",):
                user = ""
            assert action.limits == (app, user), action.name


class TestSpecification:
    pytestmark = reference

    @named(ACTIONS)
    def test_its_parameters_are_xs(self, spec, action):
        if not spec.has(action):
            pytest.skip(f"{action.path} is not in this specification")
        known = spec.parameters(action)
        for p in action.params:
            if p.where in {"path", "query"}:
                node = known[p.wire]["schema"]
                self.compare(action, p, known[p.wire], spec.resolved(node))
        required = {n for n, p in known.items() if p.get("required")}
        assert required <= {p.wire for p in action.params if p.required or p.where == "path" or p.default}, action.name

    @staticmethod
    def compare(action, p, declared, node):
        item = node.get("items", node)
        assert bool(p.required or p.default or p.where == "path") >= bool(declared.get("required"))
        assert p.many == (node.get("type") == "array"), p.name
        if p.choices and "enum" in item:
            assert set(p.choices) == set(item["enum"]), p.name
        if p.kind == "int":
            assert (p.min or 0, p.max) == (node.get("minimum", 0), node.get("maximum", p.max)), p.name
        if p.many and not p.choices:
            assert (p.min or 0) >= node.get("minItems", 0), p.name
            assert p.max == node.get("maxItems", p.max), p.name
        if p.kind in {"str", "query"} and action.name not in LENGTHS:
            assert p.max == node.get("maxLength", p.max), p.name

    @named(ACTIONS)
    def test_its_credentials_are_xs(self, spec, action):
        if not spec.has(action):
            pytest.skip(f"{action.path} is not in this specification")
        taken = {name: scopes for one in spec.operation(action)["security"] for name, scopes in one.items()}
        for kind, name in KINDS.items():
            if (action.name, f"auth {kind}") not in DEVIATIONS:
                assert (kind in action.auth) == (name in taken), kind
        if action.scopes:
            assert set(taken.get("OAuth2UserToken", action.scopes)) == set(action.scopes)

    @named(READS)
    def test_its_pages_are_xs(self, spec, action):
        if not spec.has(action):
            pytest.skip(f"{action.path} is not in this specification")
        known = spec.parameters(action)
        if action.paged:
            node = spec.resolved(known["max_results"]["schema"])
            assert action.paged == (node["minimum"], node["maximum"])
        assert action.token is None or action.token in known
        if "pagination_token" in known or "next_token" in known:
            assert action.token in known

    @named(ACTIONS)
    def test_the_request_fits_the_specification(self, spec, action):
        if not spec.has(action):
            pytest.skip(f"{action.path} is not in this specification")
        made = plan(action.name, minimal(action), now=NOW, words=spec.words)
        request = made.request(max_results=made.page_size(0))
        assert re.fullmatch(re.sub(r"\{\w+\}", "[^/{}]+", action.path), request.path)
        known = spec.parameters(action)
        for name, value in request.params.items():
            assert name in known, name
            node = spec.resolved(known[name]["schema"])
            items = value.split(",") if node.get("type") == "array" else [value]
            for item in items:
                allowed = spec.resolved(node.get("items", node)).get("enum")
                assert allowed is None or item in allowed, (name, item)
        missing = {n for n, p in known.items() if p.get("required") and p["in"] == "query"} - request.params.keys()
        assert not missing
        if request.body is not None and not any(p.kind == "file" for p in action.params):
            assert list(spec.wrong(request.body, spec.body(action))) == []

    @named([a for a in ACTIONS if any(p.where == "body" for p in a.params)])
    def test_every_property_of_the_body_can_be_given(self, spec, action):
        if not spec.has(action):
            pytest.skip(f"{action.path} is not in this specification")
        roots = {p.wire.split(".")[0].removesuffix("[]") for p in action.params if p.where == "body"}
        known = set(spec.properties(spec.body(action)))
        if action.path.endswith("/rules"):
            roots |= {"add", "delete"}  # two actions share the call
        left = {what.removeprefix("body ") for name, what in DEVIATIONS if name == action.name}
        assert known - left <= roots, "what X takes and no argument gives"
        if spec.words == "post":  # the newer one has them all
            assert roots <= known


# the declarations themselves -----------------------------------------------------------------------------------------


@named(ACTIONS)
def test_tables_columns_and_prices_exist(action):
    assert action.rows is None or action.rows in schema.TABLES
    if action.edge:
        columns = {c.name for c in schema.table(action.edge.table).columns}
        assert {action.edge.arg_column, action.edge.row_column} < columns
        assert action.param(action.edge.arg)
    assert action.price is None or action.price in PER_RESOURCE | PER_REQUEST
    for group in (*action.exclusive, *action.needed, *action.together, *action.ordered):
        for name in group:
            assert action.param(name)
    assert set(action.auth) <= set(KINDS)


@named([a for a in LISTED if a.kind == "read"])
def test_every_read_has_a_collector_as_declared(action):
    area, _, name = action.name.partition(".")
    function = getattr(import_module(f"xframes.collect.{area}"), name)
    shown = inspect.signature(function)
    wanted = signature(action)
    assert [(p.name, p.kind) for p in shown.parameters.values()] == [(p.name, p.kind) for p in wanted.parameters.values()]
    assert {p.name: p.default for p in shown.parameters.values()} == {p.name: p.default for p in wanted.parameters.values()}
    assert action.endpoint in inspect.getdoc(function).replace("\n", " ")
    assert getattr(getattr(xf, area), name) is function

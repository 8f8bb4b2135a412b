"""The declarations of all actions, against X's listing and both of its published specifications."""

from __future__ import annotations

import re

import pytest

import xframes as xf
from tests.declared import ACTIONS, KINDS, LISTED, NOW, minimal, named
from tests.specifications import SPECS, extract, specification
from xframes import registry
from xframes.plan import plan

# Where a declaration leaves one of the specifications, and why: (action, difference).
_SELF_SERVE = "what the documentation says self-serve accounts may send; `query_limit` widens it"
_NEWER = "2.167 takes it, 2.159 does not know it"
DEVIATIONS = {
    **{(name, "query: length"): _SELF_SERVE for name in ("search.recent", "search.all", "counts.recent", "counts.all")},
    **{(name, "oauth1 credentials"): _NEWER for name in (
        "users.bookmarks", "users.bookmark_folders", "users.bookmarks_by_folder", "news.search")},
    **{(name, "oauth2 credentials"): _NEWER for name in ("counts.recent", "trends.by_woeid")},
    ("users.bookmarks_by_folder", "page size"): _NEWER,
    ("users.bookmarks_by_folder", "token"): "2.159 answers with a next_token and names no parameter that takes it",
    ("spaces.posts", "token"): "2.159 answers with a next_token and names no parameter that takes it",
    **{("write.create_post", f"{name} is not in it"): _NEWER for name in (
        "media.title", "media.description", "media.preview_media_id", "media.embeddable", "media.call_to_actions",
        "paid_partnership", "made_with_ai")},
    ("write.bookmark", "folder_id is not in it"): _NEWER,
    ("write.create_compliance_job", "compliance_job.fields is not in it"): _NEWER,
    **{(f"counts.{name}", f"search_count.fields: {what}"): "a list in 2.159, text in 2.167, each in its own words"
       for name in ("all", "recent") for what in ("one or many", "choices")},
    ("write.create_conversation", "message is required"): "one of text and media_ids is, and makes it",
    ("write.add_stream_rules", "delete cannot be given"): "write.delete_stream_rules shares the call",
    ("write.delete_stream_rules", "add cannot be given"): "write.add_stream_rules shares the call",
    ("write.upload_media", "media_category: choices"): "uploads in chunks take more of them, and it makes those too",
    ("write.upload_media", "media_category is required"): "told by the file unless given",
    ("write.upload_media", "media_type cannot be given"): "2.159 only; told by the file",
    ("write.upload_media", "shared cannot be given"): "2.159 only; uploads in chunks take it",
    ("write.upload_media", "additional_owners: one or many"): "a list in 2.159, text in 2.167",
    ("write.initialize_upload", "total_bytes: bounds"): "a file of no bytes is no medium",
}
# Fields that came in tweet words between the two specifications.
LATER = {"tweet.fields": {"paid_partnership", "matched_media_notes", "note_request_suggestions"},
         "note.fields": {"scoring_status"}}
# Operations that a specification does not have.
MISSING = {"usage.credits": ("tweet", "post"), "write.create_bookmark_folder": ("tweet",)}
MISSING |= {a.name: ("tweet",) for a in ACTIONS if a.path.startswith("/2/broadcasts")}


# X's listing ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listing():
    return extract("actions.json")


@pytest.fixture(scope="module", params=SPECS)
def spec(request):
    return Spec(request.param)


class Spec:
    """One of X's specifications."""

    def __init__(self, words):
        self.document, self.words = specification(words), words

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

    def at(self, action, wire):
        """The schema of a place in the body; None where there is none. A list of objects is told by their members."""
        node = self.body(action)
        for part in wire.split("."):
            found = self.properties(node).get(part.removesuffix("[]"))
            if found is None:
                return None
            node = self.resolved(found)
            if part.endswith("[]"):
                return {**node, "items": self.at_item(node, wire.split(".")[-1])}
        return node

    def at_item(self, node, name):
        return self.properties(node["items"])[name]

    def required(self, action):
        return set(self.body(action).get("required", ()))

    def unreachable(self, action):
        """Names of the body, and of the objects in it, that no argument gives."""
        wires = [p.wire.replace("[]", "") for p in action.params if p.where == "body"]
        whole = {p.wire for p in action.params if p.kind == "json"}

        def below(node, prefix=""):
            for name, child in self.properties(node).items():
                at = f"{prefix}{name}"
                if at in whole:
                    continue
                if any(w.startswith(f"{at}.") for w in wires):
                    inner = self.resolved(child)
                    yield from below(inner.get("items", inner), f"{at}.")
                elif at not in wires:
                    yield at
        return sorted(below(self.body(action)))

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
    def test_all_79_are_there_in_order_with_their_names(self, listing):
        assert [a.name for a in LISTED] == [entry["name"] for entry in listing]
        assert [a.n for a in LISTED] == list(range(1, 80))
        assert list(xf.actions()["name"]) == [entry["name"] for entry in listing]
        assert sum(a.kind == "read" for a in LISTED) == 48

    def test_method_path_and_arguments_are_the_listings(self, listing):
        for entry in listing:
            action = registry.action(entry["name"])
            assert (action.method, action.path) == (entry["method"], entry["path"])
            known = {p.name: p.required for p in action.params} | ({"limit": False} if action.streaming else {})
            for arg in entry["args"]:
                name = arg.rstrip("?")
                assert name == "..." or known.get(name) is not arg.endswith("?"), (action.name, arg)

    def test_rate_limits_are_the_documented_ones(self, listing):
        for entry in listing:
            action = registry.action(entry["name"])
            app, user = entry["per_app"] or "", entry["per_user"] or ""
            if action.auth == ("app",):
                user = ""
            assert action.limits == (app, user), action.name


# X's specifications --------------------------------------------------------------------------------------------------

PROBES = ["1", "x", "1" * 15, "1" * 19, "1" * 20, "1_1", "_1", "1-1", "x-1", "Ab3", "A" * 13, "A" * 14, "A" * 16, "a b'c",
          "a-b", "EN", "en", "ENG", "é", ""]


def differences(spec, action):
    """Where a declaration leaves a specification, in a few words each."""
    known = spec.parameters(action)
    for p in action.params:
        node = known.get(p.wire, {}).get("schema") if p.where in {"path", "query"} else spec.at(action, p.wire)
        if p.where != "local" and node is None:
            yield f"{p.wire} is not in it"
        elif p.where != "local":
            yield from (f"{p.wire}: {what}" for what in bounds(p, spec.resolved(node), spec))
    sent = {p.wire for p in action.params if p.required or p.where == "path" or p.default is not None}
    sent |= {p.wire.split(".")[0] for p in action.params if p.where == "body" and p.required}
    needed = {name for name, p in known.items() if p.get("required")} | spec.required(action)
    yield from (f"{name} is required" for name in needed - sent)
    yield from credentials(spec, action)
    yield from pages(spec, action, known)
    yield from (f"{name} cannot be given" for name in spec.unreachable(action))


def bounds(p, node, spec):
    """Where the bounds of an argument are not those of its schema."""
    if p.kind in {"json", "file"}:
        return
    item = spec.resolved(node.get("items", node)) if p.many else node
    if p.many != (node.get("type") == "array"):
        yield "one or many"
    if p.choices and set(p.choices) != set(item.get("enum", p.choices)):
        yield "choices"
    if p.kind == "int" and (p.min or 0, p.max) != (node.get("minimum", p.min or 0), node.get("maximum", p.max)):
        yield "bounds"
    if p.many and (p.min or 0, p.max) != (node.get("minItems", p.min or 0), node.get("maxItems", p.max)):
        yield "items"
    if p.kind in {"str", "query"} and not p.pattern and not p.choices:
        told = (node.get("minLength", p.min), node.get("maxLength", p.max))
        if (p.min, p.max) != told:
            yield "length"
    if "pattern" in item:
        ours, theirs = re.compile(p.pattern or r"[\s\S]*"), re.compile(item["pattern"])
        if any(bool(ours.fullmatch(probe)) != bool(theirs.search(probe)) for probe in PROBES):
            yield "pattern"


def credentials(spec, action):
    taken = {name: scopes for one in spec.operation(action)["security"] for name, scopes in one.items()}
    yield from (f"{kind} credentials" for kind, name in KINDS.items() if (kind in action.auth) != (name in taken))
    if "OAuth2UserToken" in taken and "oauth2" in action.auth and set(taken["OAuth2UserToken"]) != set(action.scopes):
        yield "scopes"


def pages(spec, action, known):
    if action.kind == "write" or action.streaming:
        return
    size = spec.resolved(known["max_results"]["schema"]) if "max_results" in known else {}
    told = next(((p.min, p.max) for p in action.params if p.name == "max_results"), action.paged)
    if (told or (None, None)) != (size.get("minimum"), size.get("maximum")):
        yield "page size"
    if (action.token or not {"pagination_token", "next_token"} & known.keys()) and action.token not in {None, *known}:
        yield "token"


class TestSpecification:
    @named(ACTIONS)
    def test_a_declaration_says_what_x_publishes(self, spec, action):
        if spec.words in MISSING.get(action.name, ()):
            assert not spec.has(action)
            return
        assert spec.has(action)
        allowed = {what for name, what in DEVIATIONS if name == action.name}
        assert [what for what in differences(spec, action) if what not in allowed] == []

    def test_every_reason_is_still_needed(self):
        found = {(a.name, what) for words in SPECS for s in [Spec(words)] for a in ACTIONS if s.has(a)
                 for what in differences(s, a)}
        assert set(DEVIATIONS) - found == set()

    @named(ACTIONS)
    def test_every_argument_makes_a_request_that_fits(self, spec, action):
        for arguments in [minimal(action), *(minimal(action, p) for p in action.params)] * spec.has(action):
            made = plan(action.name, arguments, now=NOW, words=spec.words)
            self.check(spec, action, made.request(max_results=made.page_size(0), token="t" * 16 if action.token else None))

    @staticmethod
    def check(spec, action, request):
        assert re.fullmatch(re.sub(r"\{\w+\}", "[^/{}]+", action.path), request.path)
        known = spec.parameters(action)
        allowed = {what for name, what in DEVIATIONS if name == action.name}
        for name, value in request.params.items():
            if {action.token: "token", "max_results": "page size"}.get(name) in allowed:
                continue
            if f"{name} is not in it" in allowed:
                continue
            assert name in known, name
            node = spec.resolved(known[name]["schema"])
            typed = value.split(",") if node.get("type") == "array" else int(value) if node["type"] == "integer" else value
            typed = value == "true" if node["type"] == "boolean" else typed
            if isinstance(typed, list) and name in LATER and spec.words == "tweet":
                typed = [each for each in typed if each not in LATER[name]]
            assert list(spec.wrong(typed, node, name)) == []
        assert {n for n, p in known.items() if p.get("required") and p["in"] == "query"} <= request.params.keys()
        if request.params.get("delete_all"):
            assert request.body == {}
        elif request.body is not None and not any(p.kind == "file" for p in action.params):
            unknown = {f".{p.wire} is unknown" for p in action.params if f"{p.wire} is not in it" in allowed}
            assert set(spec.wrong(request.body, spec.body(action))) <= unknown

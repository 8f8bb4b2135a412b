"""The extracts of X's published specifications: whole, small, free of prose, and renewed by their script."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .specifications import FIXTURES, SPECS, extract, specification

# A document as X publishes it, with prose wherever OpenAPI allows it; names of X's may be words of OpenAPI.
PUBLISHED = {
    "openapi": "3.0.0", "info": {"version": "9.1", "description": "prose"}, "tags": [{"name": "prose"}],
    "servers": [{"description": "prose", "url": "prose"}],
    "paths": {"/2/things/{id}": {"get": {
        "operationId": "getThing", "summary": "prose", "description": "prose", "externalDocs": {"url": "prose"},
        "security": [{"OAuth2UserToken": ["thing.read"]}], "tags": ["prose"],
        "parameters": [{"$ref": "#/components/parameters/Fields"},
                       {"name": "id", "in": "path", "required": True, "description": "prose", "style": "prose",
                        "schema": {"type": "string", "pattern": "^[0-9]+$", "example": "prose"}}],
        "responses": {"200": {"description": "prose", "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Thing"}, "example": "prose"}}},
            "default": {"description": "prose", "content": {}}},
    }}},
    "components": {
        "parameters": {"Fields": {"name": "thing.fields", "in": "query", "description": "prose", "schema": {
            "type": "array", "items": {"type": "string", "enum": ["description", "example"], "x-names": "prose"}}}},
        "schemas": {
            "Thing": {"description": "prose", "type": "object", "required": ["example"], "title": "prose",
                      "properties": {"description": {"type": "string", "description": "prose", "maxLength": 9},
                                     "example": {"$ref": "#/components/schemas/Kind"}}},
            "Kind": {"discriminator": {"propertyName": "type", "mapping": {"a": "#/components/schemas/A"}}},
            "A": {"allOf": [{"type": "object", "description": "prose"}], "example": {"type": "prose"}},
            "Unused": {"description": "prose"},
        },
    },
}
LISTED = [{"name": "things.get", "args": ["id", "limit?"], "category": "prose", "deviation": "prose", "api": {
    "method": "GET", "path": "/2/things/{id}", "rule": "prose"}, "rate_limit_docs": {"per_app": "1/15min", "notes": "prose"}}]


@pytest.fixture
def renew(tmp_path):
    """Runs a copy of the script on files; gives the extracts in its folder by name, or its complaint."""
    script = tmp_path / "fixtures" / "renew.py"
    script.parent.mkdir()
    script.write_text((FIXTURES / "renew.py").read_text(encoding="utf-8"), encoding="utf-8")

    def run(*documents):
        paths = [tmp_path / f"{n}.json" for n in range(len(documents))]
        for path, document in zip(paths, documents, strict=True):
            path.write_text(json.dumps(document), encoding="utf-8")
        done = subprocess.run([sys.executable, script, *paths], check=False, capture_output=True, text=True)
        found = {p.name: p.read_text(encoding="utf-8") for p in script.parent.glob("*.json")}
        return found if done.returncode == 0 else done.stderr

    return run


def test_facts_stay_and_prose_goes(renew):
    made = renew(PUBLISHED, LISTED)
    assert set(made) == {"x-openapi-9.1.json", "actions.json"}
    assert not [name for name, text in made.items() if "prose" in text]
    found = json.loads(made["x-openapi-9.1.json"])
    operation = found["paths"]["/2/things/{id}"]["get"]
    assert operation["security"] == [{"OAuth2UserToken": ["thing.read"]}]
    assert operation["parameters"][1]["schema"] == {"type": "string", "pattern": "^[0-9]+$"}
    schemas = found["components"]["schemas"]
    assert set(schemas) == {"Thing", "Kind", "A"}
    assert schemas["Thing"]["properties"]["description"] == {"type": "string", "maxLength": 9}
    assert found["components"]["parameters"]["Fields"]["schema"]["items"]["enum"] == ["description", "example"]
    assert json.loads(made["actions.json"])[0]["per_app"] == "1/15min"


def test_two_documents_of_one_version_and_other_files_are_refused(renew):
    assert isinstance(renew(PUBLISHED, PUBLISHED), str)
    assert isinstance(renew({"anything": "else"}), str)


@pytest.mark.parametrize("words", SPECS)
def test_an_extract_leads_nowhere_else(words):
    found = specification(words)
    assert len(found["paths"]) > 100

    def check(node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                section, name = node["$ref"].split("/")[-2:]
                assert name in found["components"][section]
            node = list(node.values())
        for part in node if isinstance(node, list) else ():
            check(part)

    check(found)


def test_the_extracts_are_small_and_as_the_script_writes_them(renew):
    sizes = [path.stat().st_size for path in FIXTURES.glob("*.json")]
    assert sum(sizes) < 700_000
    # An extract is an extract of itself: a second run drops and reorders nothing.
    for name in SPECS.values():
        again = renew(extract(name) | {"openapi": "3.0.0", "info": {"version": extract(name)["version"]}})[name]
        assert again == (FIXTURES / name).read_text(encoding="utf-8")

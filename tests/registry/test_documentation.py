"""Docstrings of collectors and writes: what the source says, and what declarations fill in."""

from __future__ import annotations

import ast
import inspect
import re
from operator import attrgetter
from pathlib import Path

import pytest

import xframes as xf
from tests.declared import LISTED, named
from xframes import registry, write  # noqa: F401  `xf.write` exists once it is imported
from xframes.registry.actions import DOCS
from xframes.registry.documentation import TITLE, bounds, facts
from xframes.registry.prices import PER_REQUEST, PER_RESOURCE, dollars

FUNCTIONS = [*LISTED, registry.action("write.add_stream_rules")]
SECTIONS = ["Parameters", "Returns", "Raises", "Examples"]


def function(action):
    area, _, name = action.name.partition(".")
    return getattr(getattr(xf, area), name)


def source(action):
    """The docstring as its author wrote it."""
    made = function(action)
    tree = ast.parse(Path(inspect.getsourcefile(made)).read_text(encoding="utf-8"))
    (found,) = [
        ast.get_docstring(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name == made.__name__
        and ast.get_docstring(node)
    ]
    return found


def sections(text):
    """The lines of each section by its title; those before the first have none."""
    found, lines = {"": []}, text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"-"}:
            found[line] = []
        elif not line or set(line) != {"-"}:
            next(reversed(found.values())).append(line)
    return found


def entries(lines):
    found = {}
    for line in filter(None, lines):
        if line.startswith(" "):
            found[next(reversed(found))] += f" {line.strip()}"
        else:
            found[line] = ""
    return {name: text.strip() for name, text in found.items()}


def numbers(text):
    return {number.replace(",", "") for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}


@named(FUNCTIONS)
def test_what_is_shown_is_whole(action):
    shown = inspect.getdoc(function(action))
    parts = sections(shown)
    assert list(parts) == ["", *SECTIONS, TITLE]
    taken = list(inspect.signature(function(action)).parameters)
    said = entries(parts["Parameters"])
    assert list(said) == taken
    assert [
        name
        for part in ("Parameters", "Raises")
        for name, text in entries(parts[part]).items()
        if not text
    ] == []
    for param in action.params:
        assert all(bound in said[param.name] for bound in bounds(action, param))
    assert " ".join(" ".join(parts[TITLE]).split()) == " ".join(facts(action))
    assert max(map(len, shown.splitlines())) <= 100


@named(FUNCTIONS)
def test_the_source_has_every_parameter_and_no_fact_of_the_declaration(action):
    written = source(action)
    parts = sections(written)
    assert list(parts) == ["", *SECTIONS]
    assert list(entries(parts["Parameters"])) == list(
        inspect.signature(function(action)).parameters
    )
    assert re.match(r"[A-Z][a-z]+ [^\n]*\.$", parts[""][0]), "an imperative first line"
    assert re.match(
        rf"(?:[\w.\[\], ]+ = )?>>> .*\b{action.name.partition('.')[2]}\(",
        "\n".join(parts["Examples"]),
    )
    prose = "\n".join(
        line for title, lines in parts.items() if title != "Examples" for line in lines
    )
    declared = " ".join(
        [*facts(action), *(bound for param in action.params for bound in bounds(action, param))]
    )
    assert numbers(prose) & numbers(declared) == set()
    assert action.endpoint not in prose
    assert action.docs not in prose


@named(FUNCTIONS)
def test_what_is_filled_in_is_what_the_declaration_holds(action):
    told = " ".join(facts(action))
    windows = [w for pool in (action.app, action.user) for w in pool]
    assert {str(w.requests) for w in windows} <= numbers(told)
    assert {str(size) for size in action.paged or ()} <= numbers(told)
    assert {str(p.max) for p in action.params if p.splits} <= numbers(told)
    assert all(scope in told for scope in action.scopes if "oauth2" in action.auth)
    assert action.note.lower() in told.lower()
    assert action.endpoint in told
    assert action.docs
    assert f"{DOCS}{action.docs}" in told
    price = {**PER_RESOURCE, **PER_REQUEST}.get(action.price)
    assert price is None or (dollars(price) in told and action.price in told)


OTHERS = ["call", "actions", "hydrate", "write.bulk", "write.run_compliance_job"]
OTHERS += ["write.set_stream_rules"]


@pytest.mark.parametrize("name", OTHERS)
def test_functions_of_several_actions_are_documented_as_well(name):
    function = attrgetter(name)(xf)
    parts = sections(inspect.getdoc(function))
    assert set(SECTIONS) - set(parts) <= {"Raises"}
    assert list(entries(parts["Parameters"])) == list(inspect.signature(function).parameters)
    assert [
        name
        for part in ("Parameters", "Raises")
        for name, text in entries(parts.get(part, [])).items()
        if not text
    ] == []

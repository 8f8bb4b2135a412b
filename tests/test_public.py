"""The public surface: `__all__` of each public module lists its names, and `dir()` shows no others."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import xframes as xf
from xframes import registry, write

ROOT = Path(__file__).parents[1]
AREAS = ["analytics", "compliance", "counts", "lists", "media", "messages", "posts", "search", "spaces", "streams",
         "timelines", "usage", "users"]
MODULES = [*(getattr(xf, area).__name__ for area in AREAS),
           "xframes.errors", "xframes.networks", "xframes.plot", "xframes.sandbox", "xframes.schema"]
# `write` is imported by name; `archive` has what collections and checks return.
COMPANIONS = ["xframes.archive", "xframes.write"]


def test_every_public_module_is_examined_here():
    assert {value.__name__ for name in xf.__all__ if isinstance(value := getattr(xf, name), ModuleType)} == set(MODULES)


@pytest.mark.parametrize("name", ["xframes", "xframes.client", *MODULES, *COMPANIONS])
def test_a_module_shows_the_names_it_lists(name):
    module = import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    assert [n for n in dir(module) if not n.startswith("__")] == sorted(module.__all__)
    for public in module.__all__:
        assert getattr(module, public) is not None


@pytest.mark.parametrize("name", [*MODULES, *COMPANIONS])
def test_a_module_lists_all_that_it_defines(name):
    module = import_module(name)
    defined = {n for n, value in vars(module).items() if not n.startswith("_") and (
        inspect.isfunction(value) or inspect.isclass(value)) and inspect.getmodule(value) is module}
    assert defined <= set(module.__all__)


def test_the_package_says_that_it_is_typed():
    assert (Path(xf.__file__).parent / "py.typed").is_file()


def parts(name, namespace):
    """What a dotted name means to a user who imported xframes as xf, and write."""
    first, *rest = name.split(".")
    found = namespace[first]
    for part in rest:
        if not isinstance(found, ModuleType | type):
            return found  # attributes of values are not known before they are made
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("all", [False, True])
def test_every_function_that_actions_names_can_be_called(all):
    for name in xf.actions(all=all)["function"]:
        if called := re.fullmatch(r'xf\.call\("(.*)"\)', name):
            assert called[1] in registry.ACTIONS
        else:
            assert callable(parts(name, {"xf": xf, "write": write}))


FILES = [ROOT / "README.md", *sorted((ROOT / "xframes").rglob("*.py"))]
FILES += sorted(path for path in (ROOT / "notebooks").iterdir() if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_and_documents_name_functions_that_exist(path):
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"(?<![\w.])xf(?:\.[a-z_]\w*)+", text, re.IGNORECASE))
    names |= set(re.findall(r"(?<![\w.])write\.[a-z_]\w*(?=\()", text))
    assert not any(name.startswith("xf.write") for name in names)  # only there once it is imported
    for name in names:
        assert parts(name, {"xf": xf, "write": write}) is not None

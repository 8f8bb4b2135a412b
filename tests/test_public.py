"""The public surface: `__all__` of each public module lists its names, and `dir()` shows no others."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import xframes as xf

AREAS = ["analytics", "compliance", "counts", "lists", "media", "messages", "posts", "search", "spaces", "streams",
         "timelines", "usage", "users"]
MODULES = [*(getattr(xf, area).__name__ for area in AREAS),
           "xframes.errors", "xframes.networks", "xframes.plot", "xframes.sandbox", "xframes.schema"]
# `write` is a companion that is imported by name, and `archive` the home of what collections and checks return.
COMPANIONS = ["xframes.archive", "xframes.write"]


def test_every_public_module_is_examined_here():
    assert {value.__name__ for name in xf.__all__ if isinstance(value := getattr(xf, name), ModuleType)} == set(MODULES)


@pytest.mark.parametrize("name", ["xframes", *MODULES, *COMPANIONS])
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

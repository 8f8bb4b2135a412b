"""The sandbox's packages: small, without circles of imports, with names that say which module is meant."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import xframes

ROOT = Path(xframes.__file__).parent
SANDBOX = ROOT / "sandbox"
MOST = 12  # modules of a package


def name_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imported(name, path):
    """The modules a module imports, also for types and inside functions."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level < 2, f"{name} imports from above its package by dots"
            base = ".".join(filter(None, [package if node.level else "", node.module]))
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def test_no_circle_of_imports_not_even_of_types():
    graph = {
        name: {each for each in imported(name, path) if each in MODULES and each != name}
        for name, path in MODULES.items() if path.is_relative_to(SANDBOX)
    }
    assert sum(map(len, graph.values())) > 100  # it looked at something
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_package_is_large():
    packages = Counter(path.parent for path in SANDBOX.rglob("*.py"))
    assert len(packages) > 5
    assert {str(package): number for package, number in packages.items() if number > MOST} == {}


def test_base_names_of_modules_are_unique_in_all_of_xframes():
    stems = defaultdict(list)
    for path in ROOT.rglob("*.py"):
        if path.stem != "__init__":
            stems[path.stem].append(path)
    ours = {path.stem for path in SANDBOX.rglob("*.py")} - {"__init__"}
    assert {stem: stems[stem] for stem in ours if len(stems[stem]) > 1} == {}


def test_lines_have_at_most_100_columns():
    long = [
        f"{path}:{number}" for path in SANDBOX.rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if len(line) > 100
    ]
    assert long == []

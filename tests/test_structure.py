"""The shape of the code that CONTRIBUTING describes: rooms without circles, and how lines read."""

import ast
import json
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import xframes
from tests.words import words_of_line, words_of_markdown

ROOT = Path(xframes.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
HOOKS = {"locals", "globals", "currentframe", "_getframe"}


@cache
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


@cache
def lines():
    return [line for path in SOURCES for line in path.read_text(encoding="utf-8").splitlines()]


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("xframes", exclude_type_checking_imports=False)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert list(TopologicalSorter(imports).static_order())  # raises CycleError, naming the circle


def test_no_package_has_more_than_twelve_modules():
    sizes = Counter(path.parent.relative_to(ROOT).as_posix() for path in SOURCES)
    assert {package: size for package, size in sizes.items() if size > 12} == {}


def test_base_names_of_modules_are_unique():
    names = Counter(path.stem for path in SOURCES if path.name != "__init__.py")
    packages = Counter(path.parent.name for path in SOURCES if path.name == "__init__.py")
    repeated = {name for name, count in (names + packages).items() if count > 1}
    allowed = {
        "archive",  # archive/archive.py is the façade of archive/
        "formats",  # reader/formats/ has the formats that are read, formats/ those that are written
        "streams",  # reader/formats/streams/ has files of streams, collect/ their collectors
        "__main__",
    }
    assert repeated - allowed == set()


def test_arguments_can_be_followed():
    """No function reads its caller's variables, and only the package itself loads names lazily."""
    found = set()
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in HOOKS:
                found.add((path.relative_to(ROOT).as_posix(), node.func.id))
            if isinstance(node, ast.Attribute) and node.attr in HOOKS:
                found.add((path.relative_to(ROOT).as_posix(), node.attr))
        if any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body):
            found.add((path.relative_to(ROOT).as_posix(), "__getattr__"))
    assert found == {("__init__.py", "__getattr__"), ("__init__.py", "globals")}


def test_lines_are_short():
    long = sum(len(line) > 100 for line in lines())
    assert long < 0.01 * len(lines())


def test_conditional_expressions_are_rare():
    count = sum(isinstance(node, ast.IfExp) for tree in trees().values() for node in ast.walk(tree))
    assert count < 80 * len(lines()) / 10_000


def test_comprehensions_have_one_loop():
    loops = [(path.name, node.lineno) for path, tree in trees().items() for node in ast.walk(tree)
             if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
             and len(node.generators) > 2]
    assert loops == []


INVENTED = {"lexicon.py", "object_json.py", "oauth.py"}  # texts of the sandbox's people and X's pages


def texts(path):
    """The docstrings, comments and strings of a module, with their lines."""
    import io
    import tokenize

    with tokenize.open(path) as file:
        source = file.read()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name not in INVENTED], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_words_are_the_fields(path):
    found = [(number, word) for number, line in texts(path) for word in words_of_line(line)]
    assert found == []


REPOSITORY = ROOT.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_words_of_documents_are_the_fields(name):
    assert words_of_markdown((REPOSITORY / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted((REPOSITORY / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_words_of_notebooks_are_the_fields(path):
    """Texts, and the comments of the code."""
    found = []
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            text = "\n".join(line.partition("# ")[2] for line in text.splitlines())
        found += [(number, *hit) for hit in words_of_markdown(text)]
    assert found == []


def test_words_are_found_outside_code_only():
    assert words_of_markdown("It `asks`.\n```\ntold\n```\nIt is no\nlonger.") == []
    assert words_of_markdown("One.\nIt asks\n`ask`\nX goes\non.") == [(2, "asks"), (4, "goes\non")]

"""The reference: every public name is on it, with what declarations fill in, and faults fail."""

from __future__ import annotations

import html
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock

import xframes as xf
from xframes import registry, write
from xframes.archive import Archive, Run
from xframes.client import Client
from xframes.registry.documentation import facts
from xframes.wire import Page, Request

ROOT = Path(__file__).parents[1]
AREAS = [name for name in xf.__all__ if isinstance(getattr(xf, name), ModuleType)]
SHOWN = {
    "xf": xf,
    **{f"xf.{name}": getattr(xf, name) for name in AREAS},
    "write": write,
}
CLASSES = [("xf", Client), ("xf", Archive), ("xf", xf.Frames), ("xframes/archive", Run)]
CLASSES += [("xframes/wire", Page), ("xframes/wire", Request), ("xf/errors", xf.Interrupted)]

pytestmark = pytest.mark.slow


def build(root, target):
    """Build a checkout's reference, as its documents say."""
    return subprocess.run(
        [sys.executable, str(root / ".ci" / "reference"), str(target)],
        cwd=target.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id):
    """The reference; of several processes that test it, one builds it."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    target = shared / "reference" / "site"
    with FileLock(shared / "reference.lock"):
        if not target.parent.exists():
            target.parent.mkdir()
            done = build(ROOT, target)
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""
    return target


def read(site, page):
    return (site / f"{page}.html").read_text(encoding="utf-8")


def anchors(text):
    return {html.unescape(name) for name in re.findall(r'\bid="([^"]+)"', text)}


def words(text):
    """What a page shows, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


@pytest.mark.parametrize("name", SHOWN)
def test_every_public_name_is_on_the_page_of_its_module(site, name):
    module = SHOWN[name]
    names = {each for each in module.__all__ if not isinstance(getattr(module, each), ModuleType)}
    page = read(site, name.replace(".", "/"))
    assert names <= anchors(page)
    for each in names:
        made = getattr(module, each)
        first = (inspect.getdoc(made) or "").partition("\n")[0]
        if callable(made) and re.fullmatch(r"[\w .,]+", first):
            assert first in words(page), each


@pytest.mark.parametrize(("page", "made"), CLASSES, ids=[made.__name__ for _, made in CLASSES])
def test_every_public_member_of_a_class_is_on_it(site, page, made):
    found = anchors(read(site, page))
    members = {name for name in dir(made) if not name.startswith("_")}
    if issubclass(made, Exception):
        members -= set(dir(Exception))
    assert {f"{made.__name__}.{name}" for name in members} <= found


@pytest.mark.parametrize("name", [a.name for a in registry.ACTIONS.values() if a.listed])
def test_the_limits_of_declarations_are_filled_in(site, name):
    action = registry.action(name)
    area = name.partition(".")[0]
    page = words(read(site, "write" if area == "write" else f"xf/{area}"))
    for fact in facts(action):
        assert " ".join(fact.split()) in page


def test_documents_and_notebooks_are_on_it(site):
    assert "With your own key" in read(site, "index")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        page = read(site, f"notebooks/{path.stem}")
        assert "import xframes as xf" in words(page)
        assert f'<img src="{path.stem}-1.png"' in page


def test_a_search_finds_everything_without_a_server(site):
    index = (site / "search.js").read_text(encoding="utf-8")
    for name in ("xf.search.recent", "write.create_post", "xf.Frames.sql", "xf.errors.RateLimited"):
        assert f'"{name}"' in index
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "search.js" in text
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"']([^\"']+)", text)
        assert [url for url in loaded if re.match(r"(?:\w+:)?//", url)] == []


def test_faults_fail(tmp_path):
    root = tmp_path / "checkout"
    leave = shutil.ignore_patterns("__pycache__")
    for name in ("xframes", "notebooks", ".ci", "data"):
        shutil.copytree(ROOT / name, root / name, ignore=leave)
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root / name)
    with (root / "README.md").open("a", encoding="utf-8") as file:
        file.write("\n[a](data/nowhere.csv) [b](#no-such-place) ![c](https://example.com/c.png)\n")
    usage = root / "xframes" / "collect" / "accounts" / "usage.py"
    text = usage.read_text(encoding="utf-8")
    text = text.replace('"""\n\nfrom', ' See `xf.serch.recent`."""\n\nfrom', 1)
    usage.write_text(text + "\n\ndef odd(one: Undefined) -> None:\n    ...\n\n__all__ += ['odd']\n")

    done = build(root, tmp_path / "site")
    assert done.returncode != 0
    for fault in (
        "data/nowhere.csv",
        "#no-such-place",
        "https://example.com/c.png",
        "xf.serch.recent",
        "Undefined",
    ):
        assert fault in done.stderr

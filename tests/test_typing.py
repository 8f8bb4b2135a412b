"""What type checkers make of calls: results by `into` and `dry_run`, and mistakes refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CALLS = ROOT / "tests" / "typing" / "calls.py"
WRONG = {
    number
    for number, line in enumerate(CALLS.read_text().splitlines(), 1)
    if line.endswith("# error")
}

pytestmark = pytest.mark.slow


def program(name):
    found = shutil.which(
        name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    return found or pytest.skip(f"{name} is not installed")


def output(*command):
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MYPYPATH": str(ROOT)},
    )


def test_mypy():
    shown = output(program("mypy"), "--strict", "--output", "json", str(CALLS))
    found = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("{")]
    assert {problem["line"] for problem in found if problem["severity"] == "error"} == WRONG, (
        shown.stdout + shown.stderr
    )


def test_pyright(tmp_path):
    project = tmp_path / "pyrightconfig.json"
    project.write_text(
        json.dumps(
            {
                "include": [str(CALLS)],
                "extraPaths": [str(ROOT)],
                "typeCheckingMode": "strict",
                "reportMissingTypeStubs": False,
            }
        )
    )
    shown = output(
        program("basedpyright"),
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--project",
        str(project),
    )
    found = json.loads(shown.stdout)["generalDiagnostics"]
    assert {
        problem["range"]["start"]["line"] + 1 for problem in found if problem["severity"] == "error"
    } == WRONG, found

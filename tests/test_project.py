"""The project's own files: what an sdist holds, how it is cited, and what the workflow runs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import xframes as xf

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_one_version_everywhere():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {PROJECT['project']['version']}" in lines
    assert xf.__version__ == PROJECT["project"]["version"]
    assert "cff-version: 1.2.0" in lines


def test_the_sdist_holds_what_the_tests_read():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"xframes", "tests", "data", "notebooks", ".ci", "CITATION.cff"} <= set(included)
    assert not [name for name in included if not (ROOT / name).exists()]


def test_every_dependency_declares_one_minimum():
    """`.ci/minimums` installs exactly these."""
    extras = PROJECT["project"]["optional-dependencies"]
    for need in (*PROJECT["project"]["dependencies"], *extras["excel"], *extras["gcs"], *extras["s3"]):
        name, least = need.split(">=")
        assert name
        assert all(part.isdigit() for part in least.split("."))

"""Test names: every process that runs tests must know them by the same names, whenever and wherever it collects them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_names_change_with_no_moment_hash_or_zone(request):
    """Those of another process are those of this one, as far as this one runs them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", str(ROOT / "tests")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu"},
    )
    names = set(done.stdout.splitlines())
    assert len(names) > 1000, done.stderr
    assert {item.nodeid for item in request.session.items} <= names

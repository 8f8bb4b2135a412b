"""Test names: every process that runs tests must know them by the same names, whenever and wherever it collects them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_names_change_with_no_moment_hash_or_zone():
    running = []
    for seed, zone in (("1", "UTC"), ("2", "Asia/Kathmandu")):
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", str(ROOT / "tests")]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone}))
        time.sleep(2.1)  # a ZIP file's times are of two seconds
    first, second = (process.communicate(timeout=300)[0].splitlines()[:-1] for process in running)
    assert len(first) > 1000
    assert first == second

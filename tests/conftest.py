"""What every test stands on: nothing of the person or machine that runs it, neither credentials nor settings."""

from __future__ import annotations

import gc
import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import xframes as xf

# The same examples each time, however slow the machine; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

_OURS = re.compile(r"XFRAMES_\w+|(X_|X_API_|TWITTER_)?BEARER_TOKEN|CONSUMER_(KEY|SECRET)|ACCESS_TOKEN(_SECRET)?")
_OTHERS = re.compile(r"\w+_proxy|NETRC|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|AWS_\w+|TQDM_\w+", re.IGNORECASE)

_MEMORY = Path("/dev/shm")
_ROOM = 3_000_000_000  # bytes; containers have little there by default


def pytest_configure():
    """Put the files of tests into memory where there is room: each commit of an archive waits for the disk.

    `PYTEST_DEBUG_TEMPROOT=/tmp` puts them on the disk.
    """
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_make_parametrize_id(val, argname):
    """Bytes name no test: what is packed holds its moment, and every process must give a test the same name."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_finish():
    """What was imported and collected stays to the end: no later collection of garbage looks at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def nobodys_machine(tmp_path_factory):
    """An environment without what would change a test; programs the tests start inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if _OURS.fullmatch(name) or _OTHERS.fullmatch(name):
                patch.delenv(name)
        home = tmp_path_factory.mktemp("nobody")
        patch.setenv("XFRAMES_CONFIG", str(home / "config.toml"))
        patch.setenv("XFRAMES_JOURNALS", str(home / "journals"))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))  # of the ledger
        yield


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No credentials, no default client, and a config file of the test's own, which is not there yet; gives its path."""
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))
    xf.use(None)
    yield tmp_path / "config.toml"
    xf.use(None)

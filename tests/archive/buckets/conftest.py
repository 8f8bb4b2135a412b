"""No test finds what another left in memory, and none keeps its journals where another does."""

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    import fsspec

    monkeypatch.setenv("XFRAMES_JOURNALS", str(tmp_path / "journals"))
    fsspec.filesystem("memory").store.clear()
    return tmp_path / "journals"

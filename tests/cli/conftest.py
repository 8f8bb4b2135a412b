"""What the tests of the shell share: a sandbox with its key in the environment, an archive with two pages in it."""

import pytest

import xframes as xf


@pytest.fixture(scope="module")
def sandbox():
    with xf.sandbox.start(seed=7, posts=600, users=80) as running:
        yield running


@pytest.fixture
def key(sandbox, monkeypatch, tmp_path):
    """Credentials as a shell would give them."""
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "no-config.toml"))
    monkeypatch.setenv("XFRAMES_BASE_URL", sandbox.url)
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", sandbox.bearer_token)
    return sandbox


@pytest.fixture(scope="module")
def archive(sandbox, tmp_path_factory):
    """An archive with two pages of search in it."""
    folder = tmp_path_factory.mktemp("cli") / "archive"
    client = xf.Client(bearer_token=sandbox.bearer_token, base_url=sandbox.url)
    xf.search.recent("coffee", limit=120, into=xf.Archive(folder), client=client)
    return folder

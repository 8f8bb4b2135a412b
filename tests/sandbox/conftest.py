"""What the tests of the sandbox ask with: an app's and a person's ways over HTTP, whichever `server` a file starts."""

from __future__ import annotations

import pytest
import requests

from xframes import sandbox

from .servers import NOW, asking


@pytest.fixture(scope="module")
def started():
    with sandbox.start(posts=1500, users=120, now=NOW, rate_limits=False) as made:
        yield made


@pytest.fixture
def server(started):
    """One sandbox for all tests of a file that only read, without the faults of the test before."""
    started.faults.clear()
    return started


@pytest.fixture(scope="module")
def session():
    with requests.Session() as made:
        yield made


@pytest.fixture
def ask(server, session):
    """Ask the server: `ask(path, params, token=…, at=…)` gives the response."""

    def get(path, params=None, token="sandbox", at=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return session.get((at or server).url + path, params=params, headers=headers, timeout=20)

    return get


@pytest.fixture
def send(server, session):
    """Ask or write as the sandbox's user: `send("POST", path, body, token=…, at=…)` gives the response."""

    def go(method, path, body=None, token="sandbox-user", at=None, **params):
        headers = {"Authorization": f"Bearer {token}"}
        return session.request(method, (at or server).url + path, json=body, params=params, headers=headers, timeout=20)

    return go


@pytest.fixture
def rows(send):
    """The rows of a read, of its first page."""

    def get(path, **params):
        answer = send("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json().get("data", [])

    return get


@pytest.fixture
def post(send):
    """Post and return the answer's data."""

    def go(text="Fog over the harbour again", **more):
        answer = send("POST", "/2/tweets", {"text": text, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    return go


@pytest.fixture
def app(server):
    """Ask as the app: `app(method, path, …)`."""
    return asking(server, server.bearer_token)


@pytest.fixture
def me(server):
    """Ask as a person: `me(method, path, …)`."""
    return asking(server, server.user_token)


@pytest.fixture
def common(server):
    """A sandbox whose stream has one rule, which most posts match."""
    server.stream.add_rules({"value": "the OR a OR to", "tag": "common"})
    return server

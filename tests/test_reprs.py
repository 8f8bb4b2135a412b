"""What objects show of themselves: short, telling, every text of others escaped, no secret."""

from datetime import UTC, datetime, timedelta

import pytest

import xframes as xf
from xframes.client import Answer, Client
from xframes.schema import TABLES
from xframes.wire import Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = "AAAAAAAAAAAAAAAAAAAAverysecret"


@pytest.fixture
def client():
    reset = str(int((NOW + timedelta(minutes=10)).timestamp()))
    headers = {"x-rate-limit-limit": "450", "x-rate-limit-remaining": "448", "x-rate-limit-reset": reset}
    return Client(TOKEN, base_url="https://ada:passw0rd@x.test/<b>", now=lambda: NOW,
                  transport=lambda _: Answer(200, headers, b'{"data": []}'))


def test_a_client_shows_its_limits_and_no_secret(client):
    client.send(Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent"))
    shown = client._repr_html_()

    assert "bearer token" in shown
    assert "search.recent</td><td>448 of 450</td><td>12:10:01</td>" in shown
    assert "1 request," in shown
    assert "&lt;b&gt;" in shown
    for text in (shown, repr(client)):
        assert TOKEN not in text
        assert "passw0rd" not in text
    assert client.limits == {"search.recent": (450, 448, NOW + timedelta(minutes=10, seconds=1))}


def test_a_client_without_credentials_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "none.toml"))
    for name in ("BEARER_TOKEN", "CONSUMER_KEY", "ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    shown = Client()._repr_html_()
    assert "no credentials" in shown
    assert "<table>" not in shown


def test_a_table_names_its_columns_in_one_line():
    shown = repr(xf.schema.table("follows"))
    assert shown.startswith("<Table follows (relation): ")
    assert "columns follower_id, followed_id" in shown
    assert "\n" not in shown
    assert len(repr(TABLES["posts"])) < 2000


def test_keys_complete():
    assert xf.flatten([])._ipython_key_completions_() == list(TABLES)
    assert TABLES["follows"]._ipython_key_completions_()[:2] == ["follower_id", "followed_id"]

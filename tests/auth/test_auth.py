"""Which credentials an action gets, and that they never show."""

from __future__ import annotations

import pytest

from tests.clients import KEYS, OK, SEARCH, answering
from xframes import errors
from xframes.auth import Credentials, OAuth1, OAuth2
from xframes.client import Client
from xframes.registry.actions import Action
from xframes.wire import Request

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def server():
    with answering() as made:
        yield made


def action(*auth, scopes=()):
    return Action("some.action", "GET /2/x", auth=auth, scopes=scopes)


@pytest.mark.parametrize(
    ("takes", "owner", "expected"),
    [(("app", "oauth1", "oauth2"), False, "app"), (("oauth1", "oauth2"), False, "oauth1"),
     (("oauth2",), False, "oauth2"), (("app", "oauth1", "oauth2"), True, "oauth1"), (("app",), True, "app"),
     ((), False, "app")],
)
def test_each_action_gets_the_first_kind_it_takes(takes, owner, expected):
    held = Credentials("bearer-token", KEYS, "access-token")
    assert held.choose(action(*takes), owner=owner) == expected


def test_a_token_without_the_scope_is_not_used():
    short = OAuth2(access_token="access-token", scopes=("tweet.read",))
    needs = action("oauth2", scopes=("tweet.read", "like.write"))
    with pytest.raises(errors.ConfigError, match=r"some.action .*like.write.*xframes login"):
        Credentials(oauth2=short).choose(needs)
    assert Credentials(oauth1=KEYS, oauth2=short).choose(action("oauth2", "oauth1", scopes=("like.write",))) == "oauth1"


def test_fields_for_owners_take_a_persons_credentials(server):
    kinds = []
    server.answer = lambda handler, _: kinds.append(handler.headers["Authorization"].split()[0]) or (200, OK)
    with Client("bearer-token", KEYS, base_url=server.url) as client:
        client.send(SEARCH)
        client.send(Request("GET", SEARCH.path, {"tweet.fields": "id,non_public_metrics"}, SEARCH.action))
    assert kinds == ["Bearer", "OAuth"]


def test_credentials_in_part_are_named(monkeypatch):
    for name in ("XFRAMES_CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN"):
        monkeypatch.setenv(name, "some-value")
    with pytest.raises(errors.ConfigError, match="access_token_secret"):
        Credentials.find().choose(action("oauth1"))
    monkeypatch.setenv("XFRAMES_ACCESS_TOKEN_SECRET", "some-value")
    assert Credentials.find().held == ("oauth1",)
    with pytest.raises(errors.ConfigError, match="access token"):
        OAuth1("a-key", "a-secret", "a-token")
    with pytest.raises(errors.ConfigError, match="access token or refresh token"):
        OAuth2("id")


def test_nothing_of_them_shows():
    held = Credentials("bearer-token", KEYS, OAuth2("id", "hidden", "access", "refresh"))
    shown = f"{held!r} {vars(held)!r} {held.oauth1!r} {held.oauth2!r}"
    for secret in ("bearer-token", *KEYS, "hidden", "'access'", "'refresh'"):
        assert secret not in shown

"""Logging in and speaking for a person, over real HTTP: PKCE, refresh in the middle, a PIN, scopes, kinds of credential."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime

import pytest
import requests

import xframes as xf
from xframes import errors, write
from xframes.auth import oauth2
from xframes.auth.authorization import READ_SCOPES, login, login_oauth1
from xframes.auth.tokens import tokens_path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    import os

    for name in [n for n in os.environ if re.search(r"TOKEN|XFRAMES|CONSUMER|ACCESS", n)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def x():
    with xf.sandbox.start(posts=800, users=80, now=NOW) as made:
        yield made


def visit(url):
    """Open a page as a browser does, which follows the redirect to the loopback address."""
    threading.Thread(target=requests.get, args=(url,), kwargs={"timeout": 60}).start()


def logged_in(x, **more):
    return login(x.client_id, client_secret=x.client_secret, base_url=x.url, authorize_url=x.authorize_url,
                 redirect_uri="http://127.0.0.1:0/callback", open_url=visit, **more)


def test_a_login_by_pkce_speaks_for_the_person(x):
    logged_in(x)
    with xf.Client.from_env(base_url=x.url) as client:
        assert client.kinds == ("oauth2",)
        assert xf.users.me(client=client).users["id"].tolist() == [x.user_id]
        assert len(xf.timelines.home(limit=20, client=client).posts)
    assert x.client_secret not in repr(client)


def test_a_public_app_needs_no_secret(x):
    found = login(x.public_client_id, base_url=x.url, authorize_url=x.authorize_url, open_url=visit,
                  redirect_uri="http://127.0.0.1:0/callback", scopes=["tweet.read", "users.read", "offline.access"])
    with xf.Client(oauth2=found, base_url=x.url) as client:
        assert client.user_id() == x.user_id


def test_a_no_is_an_error(x):
    x.oauth.denies = True
    with pytest.raises(errors.Unauthorized, match="not granted"):
        logged_in(x)


def test_a_token_that_ends_in_the_middle_of_a_collection_loses_nothing(x):
    logged_in(x)
    late = time.time()
    with xf.Client.from_env(base_url=x.url, on_wait=lambda *_: None, sleep=lambda _: None) as client:
        asked = []
        send = client.send

        def send_late(request):
            asked.append(request)
            if len(asked) == 3:
                x.oauth.clock = lambda: late + 8000  # the token's two hours are over
            return send(request)

        client.send = send_late
        frames = xf.search.recent("the OR a OR is", limit=300, client=client)
    assert len(asked) >= 3
    found = frames["matches"]["post_id"].to_pylist()
    assert len(found) == len(set(found)) > 200
    with xf.Client(bearer_token=x.bearer_token, base_url=x.url) as app:
        x.oauth.clock = time.time
        whole = xf.search.recent("the OR a OR is", limit=300, client=app)
    assert found == whole["matches"]["post_id"].to_pylist()


def test_a_login_server_that_fails_for_a_moment_costs_nothing(x, monkeypatch):
    logged_in(x, scopes=[*READ_SCOPES, "tweet.write"])
    now, waits, failing = time.time(), [], []

    def fetched(*given, fetch=oauth2.fetch, **more):
        if failing:
            raise errors.Unavailable("the login: HTTP 503", status=failing.pop())
        return fetch(*given, **more)

    monkeypatch.setattr(oauth2, "fetch", fetched)
    with xf.Client.from_env(base_url=x.url, on_wait=lambda *_: None, sleep=waits.append, writes=True) as client:
        x.oauth.clock = lambda: now + 8000  # the token's two hours are over
        failing += [503, 503]
        assert xf.users.me(client=client).users["id"].tolist() == [x.user_id]
        assert len(waits) == 2

        x.oauth.clock = lambda: now + 16_000
        failing += [503]
        with pytest.raises(errors.Unavailable, match="the login"):  # not OutcomeUnknown: X refused it
            write.create_post("Good morning", client=client)
        posted = [r for r in x.requests if r.action == "write.create_post"]
        assert len(posted) == 1  # refused for its token, and not sent again


def test_an_expired_token_without_a_refresh_token_says_so(x):
    token = x.issue_token(scopes=["tweet.read", "users.read"], seconds=0.01)
    time.sleep(0.05)
    with xf.Client(oauth2=token.access_token, base_url=x.url) as client, pytest.raises(errors.Unauthorized) as caught:
        xf.users.me(client=client)
    assert token.access_token not in str(caught.value)


def test_a_missing_scope_is_named(x):
    token = x.issue_token(scopes=["tweet.read", "users.read"])
    with xf.Client(oauth2=token.access_token, base_url=x.url) as client, pytest.raises(
        errors.Forbidden, match=r"bookmark\.read"
    ):
        xf.users.bookmarks(client=client)


def test_a_login_without_the_scope_is_not_even_tried(x):
    logged_in(x, scopes=["tweet.read", "users.read", "offline.access"])
    before = len(x.requests)
    with xf.Client.from_env(base_url=x.url) as client, pytest.raises(errors.ConfigError, match=r"bookmark\.read.*xframes login"):
        xf.users.bookmarks(x.user_id, client=client)
    assert len(x.requests) == before


def test_a_login_by_pin_signs_requests_that_are_verified(x):
    def ask(url):
        return re.search(r"<code>(\w+)</code>", requests.get(url, timeout=60).text)[1]

    key, secret, *_ = x.oauth1
    login_oauth1(key, secret, base_url=x.url, ask=ask)
    with xf.Client.from_env(base_url=x.url) as client:
        assert "oauth1" in client.kinds
        assert client.user_id() == x.user_id
        assert len(xf.search.recent('(the OR "a b") -zebra', limit=10, client=client).posts)


def test_a_signature_with_a_wrong_secret_is_refused(x):
    key, secret, token, _ = x.oauth1
    with xf.Client(oauth1=(key, secret, token, "wrong"), base_url=x.url) as client, pytest.raises(errors.Unauthorized) as caught:
        client.user_id()
    assert secret not in str(caught.value)


def test_an_apps_keys_are_enough_for_what_apps_may_do(x):
    key, secret, *_ = x.oauth1
    from xframes.auth import OAuth1

    with xf.Client(oauth1=OAuth1(key, secret), base_url=x.url) as client:
        assert len(xf.search.recent("the", limit=10, client=client).posts)
        with pytest.raises(errors.ConfigError, match=r"users\.me needs an OAuth 1\.0a user context or an OAuth 2\.0"):
            xf.users.me(client=client)


def test_what_takes_the_app_only_is_not_asked_with_a_person(x):
    with xf.Client(oauth2=x.user_token, base_url=x.url) as client, pytest.raises(errors.ConfigError, match="bearer token"):
        xf.usage.posts(client=client)


def test_stored_tokens_are_for_their_owner_only(x):
    logged_in(x)
    assert tokens_path().stat().st_mode & 0o777 == 0o600
    assert set(READ_SCOPES) >= {"offline.access"}

"""OAuth 2.0: logins by RFC 7636, tokens that renew themselves."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from click.testing import CliRunner

from tests.clients import OK, POST, SEARCH, answering, chain
from xframes import errors
from xframes.auth import OAuth2
from xframes.auth.authorization import login
from xframes.auth.oauth2 import app_token
from xframes.auth.tokens import tokens_path
from xframes.cli import main
from xframes.client import Client

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def server():
    with answering() as made:
        yield made


class Tokens:
    """X's token endpoint: every refresh token works once, access tokens end when told to."""

    def __init__(self, server, refresh="refresh-0"):
        self.count, self.refresh, self.good, self.forms, self.challenge = 0, refresh, set(), [], None
        self.lock = threading.Lock()
        self.scope = "tweet.read users.read offline.access"
        server.answer = self

    def __call__(self, handler, body):
        if handler.path != "/2/oauth2/token":
            token = handler.headers["Authorization"].removeprefix("Bearer ")
            return (200, OK) if token in self.good else (401, {"title": "Unauthorized", "status": 401})
        form = {k: v[0] for k, v in parse_qs(body).items()}
        with self.lock:
            self.forms.append((form, handler.headers.get("Authorization")))
            verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            right = form.get("refresh_token") == self.refresh if form["grant_type"] == "refresh_token" else (
                form.get("code") == "the-code" and verifier.decode().rstrip("=") == self.challenge
            )
            if not right:
                return 400, {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
            self.count += 1
            self.refresh, access = f"refresh-{self.count}", f"access-{self.count}"
            self.good = {access}
            return 200, {"access_token": access, "refresh_token": self.refresh, "expires_in": 7200, "scope": self.scope,
                         "token_type": "bearer"}


def reveal(secret):
    return secret.reveal()


def test_a_token_that_ends_in_the_middle_is_renewed_and_nothing_is_lost(server):
    x = Tokens(server)
    tokens = OAuth2("id", None, "access-of-yesterday", "refresh-0")
    with Client(oauth2=tokens, base_url=server.url) as client:
        assert client.send(SEARCH).body == OK
        x.good.clear()  # ends between two pages
        assert client.send(SEARCH).body == OK
        assert client.requests_made == 4
    assert [form["refresh_token"] for form, _ in x.forms] == ["refresh-0", "refresh-1"]
    assert x.forms[0] == ({"grant_type": "refresh_token", "refresh_token": "refresh-0", "client_id": "id"}, None)
    assert tokens.scopes == ("tweet.read", "users.read", "offline.access")


def test_a_token_is_renewed_before_it_ends(server):
    x = Tokens(server)
    clock = [time.time()]
    tokens = OAuth2("id", "secret-of-the-client", refresh_token="refresh-0", clock=lambda: clock[0])
    with Client(oauth2=tokens, base_url=server.url) as client:
        client.send(SEARCH)
        client.send(SEARCH)
        assert x.count == 1
        clock[0] += 7200 - 30
        client.send(SEARCH)
    assert x.count == 2
    assert client.requests_made == 3
    assert x.forms[0][1] == "Basic " + base64.b64encode(b"id:secret-of-the-client").decode()
    assert "client_id" not in x.forms[0][0]


def test_renewed_tokens_are_kept_for_the_next_process(server, monkeypatch):
    x = Tokens(server)
    monkeypatch.setenv("XFRAMES_OAUTH2_CLIENT_ID", "id")
    monkeypatch.setenv("XFRAMES_OAUTH2_REFRESH_TOKEN", "refresh-0")
    for _ in range(3):  # the environment stays as it was; X takes refresh-0 only once
        with Client.from_env(base_url=server.url) as client:
            assert client.kinds == ("oauth2",)
            client.send(SEARCH)
    assert x.count == 1
    assert tokens_path().stat().st_mode & 0o777 == 0o600
    tokens_path().chmod(0o640)
    with pytest.raises(errors.ConfigError, match="chmod 600"):
        Client.from_env()


def test_tokens_that_cannot_be_kept_are_not_used_up(server, tmp_path):
    x = Tokens(server)
    (tmp_path / "tokens.json.lock").mkdir()  # in the way
    tokens = OAuth2("id", None, None, "refresh-0", path=tmp_path / "tokens.json")
    with Client(oauth2=tokens, base_url=server.url) as client, pytest.raises(errors.ConfigError, match=r"tokens\.json"):
        client.send(SEARCH)
    assert x.count == 0


def test_many_threads_and_clients_renew_once(server):
    x = Tokens(server)
    tokens = [OAuth2("id", None, "access-of-yesterday", "refresh-0") for _ in range(3)]
    clients = [Client(oauth2=one, base_url=server.url) for one in tokens]
    with ThreadPoolExecutor(6) as pool:
        pages = list(pool.map(lambda n: clients[n % 3].send(SEARCH), range(24)))
    for client in clients:
        client.close()
    assert (len(pages), x.count) == (24, 1)


def test_a_login_that_has_ended_says_so(server):
    Tokens(server, refresh="another")
    tokens = OAuth2("id", None, "old-access-token", "refresh-0")
    with Client(oauth2=tokens, base_url=server.url) as client, pytest.raises(
        errors.Unauthorized, match=r"xframes login"
    ) as caught:
        client.send(SEARCH)
    assert "refresh-0" not in f"{caught.value!r} {caught.value.__context__!r}"
    with Client(oauth2="just-an-access-token", base_url=server.url) as client, pytest.raises(
        errors.Unauthorized, match=r"OAuth 2\.0"
    ):
        client.send(SEARCH)


@pytest.mark.parametrize(("status", "expected"), [(503, errors.Unavailable), (400, errors.Unauthorized)])
def test_a_write_that_got_no_token_was_not_sent_and_says_so(server, status, expected):
    asked = []
    server.answer = lambda handler, _: asked.append(handler.path) or (status, {"error": "server_error"})
    like = replace(POST, action="write.like", path="/2/users/1/likes")
    with (
        Client(oauth2=OAuth2("id", None, None, "refresh-0"), base_url=server.url, writes=True) as client,
        pytest.raises(expected),
    ):
        client.send(like)
    assert asked == ["/2/oauth2/token"]


def browser(x, *, state=None, error=None):
    """Opens the login page and says yes (or no)."""
    def open_url(url):
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        x.field_params, x.challenge = asked, asked["code_challenge"]
        back = {"state": state or asked["state"]} | ({"error": error} if error else {"code": "the-code"})
        target = asked["redirect_uri"]

        def visit():
            requests.get(target + "x", timeout=60)  # anything else that comes by
            requests.get(target, params={"state": "wrong", "code": "evil"}, timeout=60)
            requests.get(target, params=back, timeout=60)

        threading.Thread(target=visit).start()

    return open_url


def test_logging_in_with_pkce(server):
    x = Tokens(server)
    made = login(
        "id", base_url=server.url, redirect_uri="http://127.0.0.1:0/callback", open_url=browser(x),
        authorize_url=f"{server.url}/i/oauth2/authorize", scopes=["tweet.read", "users.read", "offline.access"],
    )
    assert reveal(made.access_token) == "access-1"
    assert (x.field_params["response_type"], x.field_params["code_challenge_method"]) == ("code", "S256")
    assert x.field_params["scope"] == "tweet.read users.read offline.access"
    assert x.forms[0][0]["redirect_uri"] == x.field_params["redirect_uri"]
    assert tokens_path().stat().st_mode & 0o777 == 0o600
    with Client.from_env(base_url=server.url) as client:
        assert client.send(SEARCH).body == OK
        x.good.clear()
        assert client.send(SEARCH).body == OK
    assert reveal(OAuth2.stored().access_token) == "access-2"


def test_a_login_refused_or_forgotten(server):
    x = Tokens(server)
    options = {"base_url": server.url, "redirect_uri": "http://127.0.0.1:0/callback"}
    with pytest.raises(errors.Unauthorized, match="access_denied"):
        login("id", open_url=browser(x, error="access_denied"), **options)
    with pytest.raises(errors.Unauthorized, match="0 s"):
        login("id", open_url=lambda _: None, timeout=0.05, **options)
    with pytest.raises(errors.ConfigError, match="redirect_uri"):
        login("id", redirect_uri="https://example.com/callback")


def test_idle_connections_do_not_hold_up_a_login(server):
    x = Tokens(server)
    answer, idle = browser(x), []

    def open_url(url):
        back = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        idle.extend(socket.create_connection((back.hostname, back.port)) for _ in range(8))
        idle[0].sendall(b"GET /callback?st")  # and never more
        answer(url)

    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        login("id", base_url=server.url, redirect_uri="http://127.0.0.1:0/callback", open_url=open_url)
        assert time.monotonic() - began < 3
        for one in idle:
            stack.enter_context(one).settimeout(10)
            assert one.recv(1) == b""  # it was closed
    assert not [thread for thread in threading.enumerate() if not thread.daemon and thread.name.startswith("xframes")]


def test_a_code_no_code_looks_like_is_a_refusal(server):
    x = Tokens(server)

    def open_url(url):
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        query = {"state": asked["state"], "code": "a b\u00e9"}
        threading.Thread(target=requests.get, args=(asked["redirect_uri"], query), kwargs={"timeout": 60}).start()

    with pytest.raises(errors.Unauthorized):
        login("id", base_url=server.url, redirect_uri="http://127.0.0.1:0/callback", open_url=open_url)
    assert x.forms == []


GOOD = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 7200, "scope": "tweet.read"}
LISTED = [{"a": 1}, [], ["x"], True]
ODD_ANSWERS = [
    *(GOOD | {"expires_in": odd} for odd in ("soon", -1, "-1", "nan", 1e300, 10**400, "9" * 500, *LISTED)),
    *(GOOD | {name: odd} for name in ("access_token", "refresh_token") for odd in (*LISTED, 7)),
    GOOD | {"access_token": "a b"}, {"access_token": None}, [], "text", 7, None, b"", b"[" * 5000, b"{" + b" " * 99,
]


@pytest.mark.parametrize("odd", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
def test_odd_answers_of_the_token_endpoint_are_errors_without_secrets(server, odd):
    server.answer = lambda handler, body: (200, odd)
    made = OAuth2("id", "client-secret", "access-0", "refresh-0")
    with pytest.raises(errors.XframesError) as caught:
        made.renew(server.url, made.access_token)
    said = " ".join(f"{one} {one!r}" for one in chain(caught.value))
    assert not any(secret in said for secret in ("access-1", "refresh-1", "refresh-0"))
    assert reveal(made.access_token) == "access-0"
    with pytest.raises(errors.XframesError):
        app_token(server.url, "key", "secret")


@pytest.mark.parametrize(("more", "expected"), [
    ({"expires_in": "7200"}, True), ({"expires_in": 7200.5, "scope": ["x"]}, True), ({"scope": {}}, True),
    ({"expires_in": None}, False),
])
def test_answers_that_can_be_understood_are(server, more, expected):
    server.answer = lambda handler, body: (200, GOOD | more)
    made = OAuth2("id", "client-secret", "access-0", "refresh-0")
    made.renew(server.url, made.access_token)
    assert (reveal(made.access_token), made.expires_at is not None) == ("access-1", expected)


@pytest.mark.parametrize("record", [{"expires_at": "soon"}, {"access_token": {}}, {"scopes": "x"}, {"client_id": 7}])
def test_a_damaged_file_of_tokens_is_an_error(record):
    tokens_path().parent.mkdir(parents=True, exist_ok=True)
    tokens_path().write_text(json.dumps({"login": {"access_token": "a" * 9} | record}))
    tokens_path().chmod(0o600)
    with pytest.raises(errors.ConfigError):
        OAuth2.stored()


# the shell -----------------------------------------------------------------------------------------------------------


def test_logging_in_from_the_shell(server, monkeypatch):
    x = Tokens(server)
    monkeypatch.setattr("webbrowser.open", browser(x))
    words = ["login", "--client-id", "id", "--base-url", server.url, "--redirect-uri", "http://127.0.0.1:0/callback"]
    shown = CliRunner().invoke(main, [*words, "--scope", "tweet.read", "--scope", "offline.access"])
    assert shown.exit_code == 0, shown.output
    assert x.field_params["scope"] == "tweet.read offline.access"
    assert str(tokens_path()) in shown.stderr
    assert "access-1" not in shown.output
    assert reveal(OAuth2.stored().access_token) == "access-1"


def test_logging_in_needs_an_app(monkeypatch):
    for name in ("XFRAMES_OAUTH2_CLIENT_ID", "XFRAMES_CONSUMER_KEY", "CONSUMER_KEY"):
        monkeypatch.delenv(name, raising=False)
    shown = CliRunner().invoke(main, ["login"])
    assert (shown.exit_code, "--client-id" in shown.output) == (2, True)
    shown = CliRunner().invoke(main, ["login", "--oauth1"])
    assert (shown.exit_code, "XFRAMES_CONSUMER_KEY" in shown.output) == (1, True)

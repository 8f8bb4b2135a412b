"""OAuth: signatures by RFC 5849, logins by RFC 7636, tokens that renew themselves, and the choice among credentials."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import pytest
import requests
from click.testing import CliRunner

from xframes import errors
from xframes.auth import Credentials, OAuth1, OAuth2
from xframes.auth.credentials import BEARER_NAMES, OAUTH1_NAMES, OAUTH2_NAMES
from xframes.auth.login import login, login_oauth1
from xframes.auth.tokens import tokens_path
from xframes.cli import main
from xframes.client import Client
from xframes.registry.types import Action
from xframes.wire import Request

OK = b'{"data":[{"id":"1"}]}'
KEYS = ("key-of-the-app", "secret-of-the-app", "token-of-a-person", "secret-of-a-person")
SEARCH = Request("GET", "/2/tweets/search/recent", {"query": "q"}, "search.recent")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No credentials anywhere but in a folder of the test's own."""
    ours = [*BEARER_NAMES, *(n for names in OAUTH2_NAMES.values() for n in names), "XFRAMES_BASE_URL"]
    for name in [*ours, *(f"{prefix}{n.upper()}" for prefix in ("XFRAMES_", "") for n in OAUTH1_NAMES)]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))


# OAuth 1.0a ----------------------------------------------------------------------------------------------------------


PHOTOS = "http://photos.example.net/photos"
RFC_KEYS = ("dpf43f3p2l4k3l03", "kd94hf93k423kf44", "nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")


def test_the_checking_server_signs_as_rfc_5849_does():
    """The worked examples of section 1.2: the photo asked for, and before it the token."""
    photo = {"oauth_consumer_key": RFC_KEYS[0], "oauth_token": RFC_KEYS[2], "oauth_signature_method": "HMAC-SHA1",
             "oauth_timestamp": "137131202", "oauth_nonce": "chapoH", "file": "vacation.jpg", "size": "original"}
    assert signature("GET", PHOTOS, photo.items(), RFC_KEYS[1], RFC_KEYS[3]) == "MdpQcU8iPSUjWoN/UDMsK2sui9I="
    token = {"oauth_consumer_key": RFC_KEYS[0], "oauth_token": "hh5s93j4hdidpola", "oauth_verifier": "hfdp7dh39dks9884",
             "oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": "137131201", "oauth_nonce": "walatlh"}
    url = "https://photos.example.net/token"
    assert signature("POST", url, token.items(), RFC_KEYS[1], "hdhd0244k9j7ao03") == "gKgrFCywp7rO0OXSjdot/IHF7IU="


def test_requests_are_signed_like_the_published_example():
    """OAuth Core 1.0, appendix A.5: the same keys, with the oauth_version that X is sent too."""
    unsigned = requests.Request("GET", f"{PHOTOS}?file=vacation.jpg&size=original").prepare()
    signed = OAuth1(*RFC_KEYS).sign(unsigned, nonce="kllo9940pd9333jh", timestamp="1191242096")
    assert 'oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D"' in signed.headers["Authorization"]


def test_forms_are_signed_other_bodies_are_not():
    for data, more in (({"a": "1 2"}, [("a", "1 2")]), (b"a=1", [])):
        kind = None if more else {"Content-Type": "application/octet-stream"}
        request = requests.Request("POST", "https://photos.example.net/initiate", data=data, headers=kind).prepare()
        header = OAuth1(*RFC_KEYS).sign(request).headers["Authorization"]
        given = {k: unquote(v) for k, v in re.findall(r'(\w+)="([^"]*)"', header)}
        sent = given.pop("oauth_signature")
        assert sent == signature("POST", request.url, [*more, *given.items()], RFC_KEYS[1], RFC_KEYS[3])


def signature(method, url, parameters, app_secret, token_secret):
    """RFC 5849 section 3.4, written down once more, so that the library is not checked by itself."""
    pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in parameters if k != "realm")
    base = "&".join(quote(x, safe="~") for x in (method, url, "&".join(f"{k}={v}" for k, v in pairs)))
    key = f"{quote(app_secret, safe='~')}&{quote(token_secret, safe='~')}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def verified(handler, token_secret=KEYS[3]):
    """Whether a request carries a right OAuth 1.0a signature."""
    scheme, _, given = handler.headers["Authorization"].partition(" ")
    header = {k: unquote(v) for k, v in re.findall(r'(\w+)="([^"]*)"', given)}
    sent = header.pop("oauth_signature")
    parts = urlsplit(handler.path)
    parameters = [*parse_qsl(parts.query, keep_blank_values=True), *header.items()]
    expected = signature(handler.command, f"{handler.server.url}{parts.path}", parameters, KEYS[1], token_secret)
    fresh = abs(int(header["oauth_timestamp"]) - time.time()) < 60
    return scheme == "OAuth" and fresh and hmac.compare_digest(sent, expected)


# a server ------------------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status, answer = self.server.answer(self, body)
        answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = serve  # noqa: N815  http.server's own names
    do_POST = serve  # noqa: N815  the same

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.daemon_threads, made.url = True, f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("query", ["plain", 'a+b "c d" #e @f é 😀 %41 & ? = ~*!()\'', "a=b&c"])
def test_signed_requests_are_believed_by_a_server_that_checks(server, query):
    server.answer = lambda handler, _: (200, OK) if verified(handler) else (401, {"title": "Unauthorized"})
    request = Request("GET", "/2/tweets/search/recent", {"query": query, "max_results": "10"}, "search.recent")
    post = Request("POST", "/2/tweets", {}, "write.create_post", {}, {"text": query})
    with Client(oauth1=KEYS, base_url=server.url, writes=True) as client:
        assert client.send(request).body == OK
        assert client.send(post).body == OK
    with Client(oauth1=(*KEYS[:3], "wrong"), base_url=server.url) as client, pytest.raises(
        errors.Unauthorized, match=r"does not accept an OAuth 1\.0a user context"
    ):
        client.send(request)


def test_an_apps_keys_get_its_bearer_token(server):
    asked = []

    def answer(handler, body):
        asked.append((handler.path, handler.headers["Authorization"], body))
        return 200, {"access_token": "made%2Fof%3Dkeys"} if "oauth2" in handler.path else OK

    server.answer = answer
    with Client(oauth1=KEYS, base_url=server.url) as client:
        for _ in range(2):
            client.send(Request("GET", "/2/tweets/search/all", {"query": "q"}, "search.all"))
    basic = base64.b64encode(f"{KEYS[0]}:{KEYS[1]}".encode()).decode()
    assert asked[0] == ("/oauth2/token", f"Basic {basic}", "grant_type=client_credentials")
    assert [a[1] for a in asked[1:]] == ["Bearer made%2Fof%3Dkeys"] * 2


def test_logging_in_with_a_pin(server):
    def answer(handler, _):
        if handler.path == "/oauth/request_token":
            return 200, b"oauth_token=first&oauth_token_secret=once&oauth_callback_confirmed=true"
        if 'oauth_verifier="1234567"' not in handler.headers["Authorization"]:
            return 401, b"no"
        return 200, f"oauth_token={KEYS[2]}&oauth_token_secret={KEYS[3]}&user_id=7&screen_name=a".encode()

    server.answer = answer
    seen = []
    login_oauth1(*KEYS[:2], base_url=server.url, ask=lambda url: seen.append(url) or " 1234567 ")
    assert seen == [f"{server.url}/oauth/authorize?oauth_token=first"]
    assert tokens_path().stat().st_mode & 0o777 == 0o600
    assert Credentials.find().oauth1.revealed() == KEYS
    with pytest.raises(errors.Unauthorized, match=r"the OAuth 1\.0a login failed") as caught:
        login_oauth1(*KEYS[:2], base_url=server.url, ask=lambda _: "wrong")
    assert caught.value.__context__ is None


# OAuth 2.0 -----------------------------------------------------------------------------------------------------------


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
    with Client(oauth2=tokens, base_url=server.url) as client, pytest.raises(errors.ConfigError, match="must be kept"):
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
        errors.Unauthorized, match=r"the OAuth 2\.0 login has ended .*run: xframes login"
    ) as caught:
        client.send(SEARCH)
    assert "refresh-0" not in f"{caught.value!r} {caught.value.__context__!r}"
    with Client(oauth2="just-an-access-token", base_url=server.url) as client, pytest.raises(
        errors.Unauthorized, match=r"does not accept an OAuth 2\.0 user token"
    ):
        client.send(SEARCH)


def browser(x, *, state=None, error=None):
    """Opens the login page and says yes (or no)."""
    def open_url(url):
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        x.asked, x.challenge = asked, asked["code_challenge"]
        back = {"state": state or asked["state"]} | ({"error": error} if error else {"code": "the-code"})
        target = asked["redirect_uri"]

        def visit():
            requests.get(target + "x", timeout=5)  # anything else that comes by
            requests.get(target, params={"state": "wrong", "code": "evil"}, timeout=5)
            requests.get(target, params=back, timeout=5)

        threading.Thread(target=visit).start()

    return open_url


def test_logging_in_with_pkce(server):
    x = Tokens(server)
    made = login(
        "id", base_url=server.url, redirect_uri="http://127.0.0.1:0/callback", open_url=browser(x),
        authorize_url=f"{server.url}/i/oauth2/authorize", scopes=["tweet.read", "users.read", "offline.access"],
    )
    assert reveal(made.access_token) == "access-1"
    assert (x.asked["response_type"], x.asked["code_challenge_method"]) == ("code", "S256")
    assert x.asked["scope"] == "tweet.read users.read offline.access"
    assert x.forms[0][0]["redirect_uri"] == x.asked["redirect_uri"]
    assert tokens_path().stat().st_mode & 0o777 == 0o600
    with Client.from_env(base_url=server.url) as client:
        assert client.send(SEARCH).body == OK
        x.good.clear()
        assert client.send(SEARCH).body == OK
    assert reveal(OAuth2.stored().access_token) == "access-2"


def test_a_login_refused_or_forgotten(server):
    x = Tokens(server)
    options = {"base_url": server.url, "redirect_uri": "http://127.0.0.1:0/callback"}
    with pytest.raises(errors.Unauthorized, match="not granted \\(access_denied\\)"):
        login("id", open_url=browser(x, error="access_denied"), **options)
    with pytest.raises(errors.Unauthorized, match="no answer in 0 s"):
        login("id", open_url=lambda _: None, timeout=0.05, **options)
    with pytest.raises(errors.ConfigError, match="must be on this machine"):
        login("id", redirect_uri="https://example.com/callback")


# the choice ----------------------------------------------------------------------------------------------------------


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
    with pytest.raises(errors.ConfigError, match=r"some.action needs the scopes like.write, .*log in again"):
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
    with pytest.raises(errors.ConfigError, match="in part: access_token_secret not set"):
        Credentials.find().choose(action("oauth1"))
    monkeypatch.setenv("XFRAMES_ACCESS_TOKEN_SECRET", "some-value")
    assert Credentials.find().held == ("oauth1",)
    with pytest.raises(errors.ConfigError, match="needs the access token and its secret, both"):
        OAuth1("a-key", "a-secret", "a-token")
    with pytest.raises(errors.ConfigError, match="access token or refresh token"):
        OAuth2("id")


def test_nothing_of_them_shows():
    held = Credentials("bearer-token", KEYS, OAuth2("id", "hidden", "access", "refresh"))
    shown = f"{held!r} {vars(held)!r} {held.oauth1!r} {held.oauth2!r}"
    for secret in ("bearer-token", *KEYS, "hidden", "'access'", "'refresh'"):
        assert secret not in shown


# the shell -----------------------------------------------------------------------------------------------------------


def test_logging_in_from_the_shell(server, monkeypatch):
    x = Tokens(server)
    monkeypatch.setattr("webbrowser.open", browser(x))
    words = ["login", "--client-id", "id", "--base-url", server.url, "--redirect-uri", "http://127.0.0.1:0/callback"]
    shown = CliRunner().invoke(main, [*words, "--scope", "tweet.read", "--scope", "offline.access"])
    assert shown.exit_code == 0, shown.output
    assert x.asked["scope"] == "tweet.read offline.access"
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

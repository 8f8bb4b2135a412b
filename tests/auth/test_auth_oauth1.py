"""OAuth 1.0a: signatures by RFC 5849, logins with a PIN, an app's keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
import requests

from tests.clients import KEYS, OK, Handler, answering, serving
from xframes import errors
from xframes.auth import Credentials, OAuth1
from xframes.auth.authorization import login_oauth1
from xframes.auth.tokens import tokens_path
from xframes.client import Client
from xframes.wire import Request

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def server():
    with answering() as made:
        yield made


# signatures ----------------------------------------------------------------------------------------------------------

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

# over HTTP -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["plain", 'a+b "c d" #e @f é 😀 %41 & ? = ~*!()\'', "a=b&c"])
def test_signed_requests_are_believed_by_a_server_that_checks(server, query):
    server.answer = lambda handler, _: (200, OK) if verified(handler) else (401, {"title": "Unauthorized"})
    request = Request("GET", "/2/tweets/search/recent", {"query": query, "max_results": "10"}, "search.recent")
    post = Request("POST", "/2/tweets", {}, "write.create_post", {}, {"text": query})
    with Client(oauth1=KEYS, base_url=server.url, writes=True) as client:
        assert client.send(request).body == OK
        assert client.send(post).body == OK
    with Client(oauth1=(*KEYS[:3], "wrong"), base_url=server.url) as client, pytest.raises(
        errors.Unauthorized, match=r"OAuth 1\.0a"
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


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_keys_that_get_no_bearer_token_say_what_is_needed(server, status):
    server.answer = lambda *_: (status, {"title": "No", "status": status})
    with Client(oauth1=KEYS, base_url=server.url) as client, pytest.raises(
        errors.Unauthorized, match=r"No.*XFRAMES_BEARER_TOKEN"
    ) as caught:
        client.send(Request("GET", "/2/tweets/search/all", {"query": "q"}, "search.all"))
    assert not any(key in str(caught.value) for key in KEYS)


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
    with pytest.raises(errors.Unauthorized, match=r"OAuth 1\.0a") as caught:
        login_oauth1(*KEYS[:2], base_url=server.url, ask=lambda _: "wrong")
    assert caught.value.__context__ is None


def test_logging_in_with_a_pin_follows_nobody_elsewhere(server):
    server.answer = lambda *_: (200, b"oauth_token=first&oauth_token_secret=once&oauth_callback_confirmed=true")
    with serving() as first:
        first.script.append(lambda handler: Handler.reply(handler, b"", 307, location=f"{server.url}/oauth/request_token"))
        with pytest.raises(errors.Unauthorized, match=r"TooManyRedirects"):
            login_oauth1(*KEYS[:2], base_url=first.url, ask=lambda _: "1234567")

"""The sandbox's credentials over HTTP: bearer tokens, scopes, PKCE, refresh, OAuth 1.0a signatures and its PIN."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from requests_oauthlib import OAuth1, OAuth1Session

import xframes as xf
from xframes import sandbox
from xframes.auth.authorization import login
from xframes.sandbox import Fault
from xframes.sandbox.server.signatures import base_string, sign

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BACK = "http://127.0.0.1:8738/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SEARCH, LIKED = "/2/tweets/search/recent?query=the", "/2/users/{}/liked_tweets"


@pytest.fixture
def server():
    with sandbox.start(posts=300, users=60, now=NOW, rate_limits=False) as made:
        yield made


def ask(server, path, token=None, **more):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(server.url + path, headers=headers, timeout=60, **more)


def authorize(server, **changes):
    """What the browser brings back from the page where a person agrees."""
    asked = {"response_type": "code", "client_id": server.client_id, "redirect_uri": BACK, "state": "s 1",
             "scope": "tweet.read users.read offline.access", "code_challenge": CHALLENGE,
             "code_challenge_method": "S256"} | changes
    answer = requests.get(server.authorize_url, params=asked, allow_redirects=False, timeout=60)
    if answer.status_code != 302:
        return answer.status_code
    assert answer.headers["Location"].startswith(asked["redirect_uri"])
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def trade(server, auth="confidential", path="/2/oauth2/token", **form):
    """Ask the token endpoint as the confidential client, the public one, or with other HTTP Basic."""
    basic = (server.client_id, server.client_secret) if auth == "confidential" else auth if auth != "public" else None
    if auth == "public":
        form["client_id"] = server.public_client_id
    session = requests.Session()
    session.trust_env = False
    with session:
        return session.post(server.url + path, data=form, auth=basic, timeout=60)


def redeem(server, bought, auth="confidential", **changes):
    form = {"grant_type": "authorization_code", "code": bought, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return trade(server, auth, **(form | changes))


# bearer tokens and scopes --------------------------------------------------------------------------------------------


def test_missing_unknown_and_ended_tokens_are_401(server):
    ended = server.issue_token(seconds=-1).access_token
    for token in (None, "nonsense", ended, f"{server.bearer_token}x"):
        answer = ask(server, SEARCH, token)
        assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
    for token in (server.bearer_token, server.user_token, server.issue_token().access_token):
        assert ask(server, SEARCH, token).status_code == 200


def test_a_token_ends_when_its_time_has_come(server):
    token = server.issue_token(["tweet.read", "users.read"], seconds=100)
    assert token.refresh_token is None
    assert ask(server, SEARCH, token.access_token).status_code == 200
    server.oauth.clock = lambda: time.time() + 101
    assert ask(server, SEARCH, token.access_token).status_code == 401


def test_the_wrong_kind_of_credential_is_403_and_names_the_kinds_that_are_taken(server):
    answer = ask(server, LIKED.format(server.user_id), server.bearer_token)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/unsupported-authentication")
    assert "[OAuth 1.0a User Context, OAuth 2.0 User Context]" in answer.json()["detail"]
    counts = requests.get(f"{server.url}/2/tweets/counts/recent?query=the", auth=OAuth1(*server.oauth1), timeout=60)
    assert counts.status_code == 403
    assert "OAuth 1.0a User Context is forbidden" in counts.json()["detail"]


def test_a_missing_scope_is_403_and_named(server):
    token = server.issue_token(["tweet.read", "users.read"]).access_token
    answer = ask(server, LIKED.format(server.user_id), token)
    assert answer.status_code == 403
    assert answer.json()["detail"] == ("This endpoint requires the OAuth 2.0 scopes [like.read, tweet.read, users.read]; "
                                       "the token was not granted [like.read].")
    assert ask(server, SEARCH, token).status_code == 200
    with pytest.raises(ValueError, match=r"tweet\.eat"):
        server.issue_token(["tweet.eat"])


def test_the_app_gets_its_bearer_token_for_its_key_and_secret(server):
    key, secret, *_ = server.oauth1
    got = trade(server, (key, secret), "/oauth2/token", grant_type="client_credentials")
    assert got.json() == {"token_type": "bearer", "access_token": server.bearer_token}
    assert trade(server, (key, "wrong"), "/oauth2/token", grant_type="client_credentials").status_code == 403
    assert trade(server, (key, secret), "/oauth2/token", grant_type="password").status_code == 403
    client = xf.Client(oauth1=server.oauth1[:2], base_url=server.url)
    assert len(xf.search.recent("the OR a", limit=10, client=client).posts)


# OAuth 2.0 with PKCE -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["confidential", "public"])
@pytest.mark.parametrize("method", ["S256", "plain"])
def test_a_code_buys_tokens_for_the_verifier_behind_the_challenge(server, kind, method):
    client = server.client_id if kind == "confidential" else server.public_client_id
    challenge = CHALLENGE if method == "S256" else VERIFIER
    back = authorize(server, client_id=client, code_challenge=challenge, code_challenge_method=method)
    assert back["state"] == "s 1"
    got = redeem(server, back["code"], kind)
    assert got.status_code == 200
    made = got.json()
    assert made["token_type"] == "bearer"
    assert made["expires_in"] == 7200
    assert made["scope"].split() == ["offline.access", "tweet.read", "users.read"]
    assert ask(server, SEARCH, made["access_token"]).status_code == 200
    assert ask(server, LIKED.format(server.user_id), made["access_token"]).status_code == 403


def test_without_offline_access_there_is_no_refresh_token(server):
    got = redeem(server, authorize(server, scope="tweet.read users.read")["code"]).json()
    assert "refresh_token" not in got


@pytest.mark.parametrize(("changes", "words"), [
    ({"code_verifier": "another-verifier-of-at-least-43-characters-0123"}, "code verifier"),
    ({"code_verifier": ""}, "code verifier"),
    ({"redirect_uri": BACK + "/"}, "redirect uri"),
    ({"code": "made up"}, "authorization code"),
    ({"grant_type": "password"}, "grant type"),
])
def test_a_token_request_that_does_not_fit_its_code_is_refused(server, changes, words):
    answer = redeem(server, authorize(server)["code"], **changes)
    assert answer.status_code == 400
    assert words in answer.json()["error_description"]


def test_a_code_works_once_for_thirty_seconds_and_for_its_own_client(server):
    code = authorize(server)["code"]
    assert redeem(server, code).status_code == 200
    assert redeem(server, code).status_code == 400
    assert redeem(server, authorize(server)["code"], "public").status_code == 400
    late = authorize(server)["code"]
    server.oauth.clock = lambda: time.time() + 30
    assert redeem(server, late).status_code == 400


def test_a_confidential_client_must_show_its_secret(server):
    code = authorize(server)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    bare = requests.post(f"{server.url}/2/oauth2/token", data=form | {"client_id": server.client_id}, timeout=60)
    assert (bare.status_code, bare.json()["error_description"]) == (401, "Missing valid authorization header")
    assert redeem(server, code, (server.client_id, "wrong")).status_code == 401
    assert redeem(server, code).status_code == 200


def test_a_refresh_token_works_once_and_the_next_one_goes_on(server):
    first = redeem(server, authorize(server)["code"]).json()
    second = trade(server, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["scope"] == first["scope"]
    assert ask(server, SEARCH, second["access_token"]).status_code == 200
    again = trade(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")
    assert trade(server, "public", grant_type="refresh_token",
                 refresh_token=second["refresh_token"]).status_code == 400  # another client's
    assert trade(server, grant_type="refresh_token", refresh_token=second["refresh_token"]).status_code == 200


def test_a_revoked_token_is_of_no_use_nor_is_its_refresh_token(server):
    made = server.issue_token()
    assert trade(server, path="/2/oauth2/revoke", token=made.access_token).json() == {"revoked": True}
    assert ask(server, SEARCH, made.access_token).status_code == 401
    assert trade(server, grant_type="refresh_token", refresh_token=made.refresh_token).status_code == 400
    lone = server.issue_token(["tweet.read", "users.read"])
    trade(server, path="/2/oauth2/revoke", token=lone.access_token)
    assert ask(server, SEARCH, lone.access_token).status_code == 401
    trade(server, path="/2/oauth2/revoke", token=server.bearer_token)
    assert ask(server, SEARCH, server.bearer_token).status_code == 200


def test_a_person_can_say_no_and_a_page_asked_wrongly_gives_nothing(server):
    assert authorize(server, deny="1") == {"error": "access_denied", "state": "s 1"}
    server.oauth.denies = True
    assert authorize(server)["error"] == "access_denied"
    server.oauth.denies = False
    assert authorize(server, scope="tweet.eat")["error"] == "invalid_scope"
    assert authorize(server, code_challenge="")["error"] == "invalid_request"
    for wrong in ({"client_id": "unknown"}, {"redirect_uri": ""}, {"state": ""}, {"response_type": "token"}):
        assert authorize(server, **wrong) == 400


def test_codes_and_tokens_are_not_among_the_requests_noted(server):
    redeem(server, authorize(server)["code"])
    assert [(each.method, each.path, each.params) for each in server.requests] == [
        ("GET", "/i/oauth2/authorize", {}), ("POST", "/2/oauth2/token", {})]


def test_faults_happen_to_token_endpoints_too(server):
    server.faults.add(Fault("503", path="/2/oauth2/token"))
    assert redeem(server, authorize(server)["code"]).status_code == 503


# OAuth 1.0a ----------------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_example_in_rfc_5849():
    given = [("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q"),
             ("oauth_consumer_key", "9djdj82h48djs9d2"), ("oauth_token", "kkk9d7dh3k39sjv7"),
             ("oauth_signature_method", "HMAC-SHA1"), ("oauth_timestamp", "137131201"), ("oauth_nonce", "7d8f3e4a")]
    text = base_string("post", "http://example.com/request", given)
    assert text == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2"
        "%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26"
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7")
    assert sign(text, "j49sk3j29djd", "dh893hdasih9") == "r6/TJjbCOr97/+UU0NsvSne7s5g="


def test_a_signed_request_is_a_persons_and_every_character_of_its_query_counts(server):
    query = {"query": "café (the OR \"a b\") -x", "max_results": "10"}
    good = requests.get(f"{server.url}/2/tweets/search/recent", params=query, auth=OAuth1(*server.oauth1), timeout=60)
    assert good.status_code == 200
    liked = requests.get(server.url + LIKED.format(server.user_id), auth=OAuth1(*server.oauth1), timeout=60)
    assert liked.status_code != 403


@pytest.mark.parametrize("wrong", range(4))
def test_a_signature_with_another_text_is_401(server, wrong):
    texts = [text + "x" if n == wrong else text for n, text in enumerate(server.oauth1)]
    assert requests.get(server.url + SEARCH, auth=OAuth1(*texts), timeout=60).status_code == 401


def test_a_signature_for_another_request_another_time_or_a_used_nonce_is_401(server):
    def signed(path=SEARCH, **more):
        request = requests.Request("GET", server.url + path, auth=OAuth1(*server.oauth1, **more)).prepare()
        with requests.Session() as session:
            return session.send(request, timeout=60), request.headers["Authorization"]

    answer, header = signed()
    assert answer.status_code == 200
    for path in (SEARCH, SEARCH + "r", "/2/users/me"):  # the same again, and the same header elsewhere
        assert requests.get(server.url + path, headers={"Authorization": header}, timeout=60).status_code == 401
    assert signed(timestamp=str(int(time.time()) - 1000))[0].status_code == 401
    assert signed(timestamp=str(int(time.time()) - 100))[0].status_code == 200
    assert signed(signature_method="PLAINTEXT")[0].status_code == 401


def test_the_pin_buys_the_access_token(server):
    key, secret, token, token_secret = server.oauth1
    with OAuth1Session(key, secret, callback_uri="oob") as session:
        first = session.fetch_request_token(f"{server.url}/oauth/request_token")
        assert first["oauth_callback_confirmed"] == "true"
        page = requests.get(f"{server.url}/oauth/authorize", params={"oauth_token": first["oauth_token"]}, timeout=60)
        pin = re.search(r"<code>(\d{7})</code>", page.text)[1]
        got = session.fetch_access_token(f"{server.url}/oauth/access_token", verifier=pin)
    assert (got["oauth_token"], got["oauth_token_secret"], got["user_id"]) == (token, token_secret, server.user_id)
    assert got["screen_name"] == server.community.people[int(server.user_id)].username


def test_a_wrong_pin_buys_nothing_and_a_callback_is_called(server):
    key, secret, *_ = server.oauth1
    with OAuth1Session(key, secret, callback_uri=BACK) as session:
        first = session.fetch_request_token(f"{server.url}/oauth/request_token")
        page = requests.get(f"{server.url}/oauth/authenticate", params={"oauth_token": first["oauth_token"]},
                            allow_redirects=False, timeout=60)
        back = parse_qs(urlsplit(page.headers["Location"]).query)
        assert back["oauth_token"] == [first["oauth_token"]]
        with pytest.raises(ValueError, match="code 401"):
            session.fetch_access_token(f"{server.url}/oauth/access_token", verifier="0" + back["oauth_verifier"][0])
        got = session.fetch_access_token(f"{server.url}/oauth/access_token", verifier=back["oauth_verifier"][0])
    assert got["user_id"] == server.user_id
    assert ask(server, "/oauth/authorize?oauth_token=unknown").status_code == 401
    assert requests.post(f"{server.url}/oauth/request_token", timeout=60).status_code == 401


# with xframes' own client --------------------------------------------------------------------------------------------


def test_xframes_logs_in_and_renews_a_token_that_ends_in_the_middle(server, tmp_path):
    found = login(
        server.client_id, client_secret=server.client_secret, scopes=("tweet.read", "users.read", "offline.access"),
        base_url=server.url, authorize_url=server.authorize_url, redirect_uri="http://127.0.0.1:0/callback",
        open_url=lambda url: threading.Thread(target=lambda: requests.get(url, timeout=60)).start(),
        path=tmp_path / "tokens.json", timeout=60,
    )
    client = xf.Client(oauth2=found, base_url=server.url)
    assert len(xf.search.recent("the OR a", limit=10, client=client).posts)
    server.oauth.clock = lambda: time.time() + 7300  # X's clock: the token has ended, ours does not know
    assert len(xf.search.recent("the OR a", limit=10, client=client).posts)
    assert [each.path for each in server.requests].count("/2/oauth2/token") == 2


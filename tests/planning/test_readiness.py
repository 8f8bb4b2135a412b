"""Whether an action can be called: known before the call, and in the same words when X refuses."""

import pytest
import requests

import xframes as xf
from tests.cli.running import run
from tests.clients import Scripted, answer, problem
from xframes.auth import OAuth2
from xframes.client import Client
from xframes.errors import ArgumentError, Forbidden, InvalidRequest, UsageCapped
from xframes.wire import Request

APP, PERSON = "invented-app-9b2e", "invented-person-4f1c"
LIKE = Request("POST", "/2/users/7/likes", {}, "write.like", {}, {"tweet_id": "1"})
SAMPLE = Request("GET", "/2/tweets/sample/stream", {}, "streams.sample")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def no_requests(monkeypatch):
    monkeypatch.setattr(requests.Session, "send", lambda *_, **__: pytest.fail("a request was sent"))


def kinds(access):
    return [obstacle.kind for obstacle in access.obstacles]


def user(*scopes):
    return Client(oauth2=OAuth2("app", access_token=PERSON, scopes=scopes))


@pytest.mark.usefixtures("no_requests")
def test_credentials_scopes_and_access_levels():
    app = Client(APP)
    assert kinds(xf.can("search.recent", client=app)) == []
    assert kinds(xf.can("write.like", client=app)) == ["credentials", "removed"]
    assert kinds(xf.can("streams.sample", client=app)) == ["tier"]
    assert kinds(xf.can("timelines.home", client=app)) == ["credentials"]
    assert kinds(xf.can("users.bookmarks", client=user("tweet.read", "users.read"))) == ["scopes"]
    full = xf.can("write.bookmark", client=user("bookmark.write", "tweet.read", "users.read"))
    assert full
    assert (full.uses, full.accepted, full.held, full.missing_scopes) == ("oauth2", ("oauth2",), ("oauth2",), ())


@pytest.mark.usefixtures("no_requests")
def test_facts_of_the_call():
    access = xf.can("write.like", client=user("tweet.read", "users.read"))
    assert not access
    assert access.missing_scopes == ("like.write",)
    assert access.removed
    assert (access.price_low, access.price_high, access.per) == (0.015, 0.015, "request")
    search = xf.can("search.recent", client=Client(APP))
    assert (search.price_low, search.per, search.tier) == (0.005, "object", "self-serve")
    assert search.price_high > search.price_low
    assert xf.can("usage.posts", client=Client(APP)).price_high == 0


@pytest.mark.usefixtures("no_requests")
def test_every_action_has_an_answer():
    client = Client(APP)
    for name in xf.actions(all=True)["name"]:
        access = xf.can(name, client=client)
        assert bool(access) == (not access.obstacles)
        assert name in repr(access)
        assert name in access._repr_html_()


@pytest.mark.usefixtures("no_requests")
def test_without_credentials_it_says_which_are_missing(monkeypatch):
    for name in ("XFRAMES_BEARER_TOKEN", "X_BEARER_TOKEN", "BEARER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    xf.use(None)
    access = xf.can("search.recent")
    assert (kinds(access), access.held, access.uses) == (["credentials"], (), None)


@pytest.mark.usefixtures("no_requests")
def test_queries():
    client = Client(APP)
    assert xf.can("search.recent", query="coffee lang:en", client=client).query.ok
    refused = xf.can("counts.recent", query="coffee since:2026-01-01", client=client)
    assert (kinds(refused), bool(refused)) == (["query"], False)
    assert "^^^" in repr(refused)
    assert xf.can("search.recent", query="x" * 600, client=Client(APP, query_limit=4096))
    assert not xf.can("search.recent", query="x" * 600, client=client)
    with pytest.raises(ArgumentError):
        xf.can("users.me", query="coffee", client=client)
    with pytest.raises(ArgumentError):
        xf.can("search.recnt", client=client)


def test_limits_that_x_reported():
    scripted = Scripted(answer(200, b'{"data":[],"meta":{}}', x_rate_limit_limit=15, x_rate_limit_remaining=3, x_rate_limit_reset=1773144900))
    scripted.send()
    assert xf.can("search.recent", client=scripted.client).reported[:2] == (15, 3)


@pytest.mark.parametrize(("request_", "refusal", "words"), [
    (LIKE, problem(403, "client-forbidden"), xf.can("write.like", client=Client(APP)).obstacles[-1].reason),
    (SAMPLE, problem(403, "client-forbidden", reason="client-not-enrolled"), xf.can("streams.sample", client=Client(APP)).obstacles[0].reason),
    (Request("GET", "/2/tweets", {"ids": "1"}, "posts.lookup"), answer(403, {"detail": "access to a subset of X API V2", "status": 403}), "access level"),
    (LIKE, problem(403, "unsupported-authentication"), "like.write tweet.read users.read"),
    (LIKE, problem(403, "oauth1-permissions"), "no permission"),
    (Request("GET", "/2/tweets", {"ids": "1"}, "posts.lookup"), answer(403, {"detail": "missing scope", "status": 403}), "tweet.read users.read"),
])
def test_refusals_have_the_same_words(request_, refusal, words):
    with Client(APP, oauth2=PERSON, writes=True, transport=lambda _: refusal) as client, pytest.raises(Forbidden) as caught:
        client.send(request_)
    assert words in str(caught.value)


def test_credits_and_caps_have_the_same_words():
    for refusal in (problem(402, "credits-depleted"), answer(402, {"title": "Payment Required", "status": 402})):
        with pytest.raises(UsageCapped) as caught:
            Scripted(refusal).send()
        assert "no credits left" in str(caught.value)


def test_a_refused_query_is_explained():
    query = Request("GET", "/2/tweets/search/recent", {"query": "coffee filter:links"}, "search.recent")
    with pytest.raises(InvalidRequest) as caught:
        Scripted(problem(400, "invalid-request", errors=[{"message": "There were errors processing your request"}])).send(query)
    assert "has:links" in str(caught.value)


def test_the_command(monkeypatch):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", APP)
    allowed = run("can", "search", "recent", "--query", "coffee -is:retweet")
    assert allowed.exit_code == 0
    assert "^^^" in allowed.stdout
    refused = run("can", "write.create-post", "--format", "json")
    assert refused.exit_code == 1
    assert '"credentials"' in refused.stdout
    assert run("can", "nothing.here").exit_code == 2

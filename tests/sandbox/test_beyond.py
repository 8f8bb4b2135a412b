"""X's reads beyond the listing, as the sandbox plays them: by the same functions, into the same tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes import errors

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(posts=1500, users=120, now=NOW, rate_limits=False) as made:
        yield made


@pytest.fixture(scope="module")
def client(x):
    with xf.Client(x.bearer_token, oauth2=x.user_token, base_url=x.url, sleep=lambda _: None) as made:
        yield made


def test_the_reposts_of_a_post_are_those_the_community_knows(x, client):
    (_, id), known = max(
        ((key, posts) for key, posts in x.community.referring.items() if key[0] == "retweeted"),
        key=lambda item: len(item[1]),
    )
    found = xf.call("posts.reposts", post_id=id, client=client)
    assert found["matches"]["post_id"].to_pylist() == [str(post.id) for post in reversed(known)] != []
    with pytest.raises(errors.NotFound):
        xf.call("posts.reposts", post_id=1, client=client)


def test_reposts_of_me(x, client):
    me = x.community.people[int(x.user_id)]
    known = [str(p.id) for p in reversed(x.community.listed) if p.original and p.original.author is me]
    assert xf.call("users.reposts_of_me", client=client)["matches"]["post_id"].to_pylist() == known != []


def test_people_are_found_by_words_and_by_their_organisation(x, client):
    firm = next(p.employer for p in x.community.people.values() if p.employer)
    found = xf.call("users.search", query=firm.username, client=client)
    assert str(firm.id) in found["users"]["id"].to_pylist()
    assert not len(xf.call("users.search", query="zzzzzz", client=client).users)
    known = {str(p.id) for p in x.community.people.values() if p.employer is firm}
    people = xf.call("users.affiliates", user_id=firm.id, client=client).users
    assert known <= set(people["id"])


def test_media_by_key(x, client):
    keys = list(x.community.media)[:3]
    found = xf.call("media.lookup", media_keys=[*keys, "3_1"], client=client)
    assert found["media"]["media_key"].to_pylist() == keys
    assert "3_1" in found["problems"]["resource_id"].to_pylist()
    assert xf.call("media.get", media_key=keys[0], client=client)["media"]["media_key"].to_pylist() == keys[:1]


def test_one_event_of_a_conversation(x, client):
    event = x.community.mail(x.community.people[int(x.user_id)])[0].events[0]
    found = xf.call("messages.get", event_id=event.id, client=client)
    assert found["messages"]["id"].to_pylist() == [str(event.id)]
    with pytest.raises(errors.NotFound):
        xf.call("messages.get", event_id=1, client=client)


def test_trends_are_the_tags_of_the_last_day(x, client):
    found = xf.call("trends.by_woeid", woeid=1, max_trends=5, client=client)["trends"]
    counts = found["post_count"].to_pylist()
    assert 0 < len(counts) <= 5
    assert counts == sorted(counts, reverse=True)
    assert all(name.startswith("#") for name in found["name"].to_pylist())
    near = xf.call("trends.personalized", client=client)["personalized_trends"]
    assert set(near["name"].to_pylist()) <= set(xf.call("trends.by_woeid", woeid=1, max_trends=50, client=client)["trends"]["name"].to_pylist())


def test_what_is_not_played_says_so(client):
    with pytest.raises(errors.XframesError, match=r"does not answer news\.get"):
        xf.call("news.get", news_id=1, client=client)

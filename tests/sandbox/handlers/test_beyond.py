"""X's reads beyond the listing, as the sandbox plays them: by the same functions, into the same tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

import xframes as xf
from xframes import errors
from xframes.registry import ACTIONS
from xframes.sandbox.handlers import HANDLERS, RAW

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


def test_every_action_is_played():
    played = {*HANDLERS, *RAW}
    assert {name for name, action in ACTIONS.items() if name not in played} == {
        name for name, action in ACTIONS.items() if action.streaming
    }


def missing(frames):
    """The ids X says it does not have."""
    return [r["resource_id"] for r in frames["problems"].to_pylist() if r["kind"] == "resource-not-found"]


def test_folders_hold_all_bookmarks_and_nothing_else(client):
    folders = xf.call("users.bookmark_folders", client=client)["bookmark_folders"].to_pylist()
    assert len({folder["name"] for folder in folders}) == len(folders) > 1
    held = [
        id
        for folder in folders
        for id in xf.call("users.bookmarks_by_folder", folder_id=folder["id"], client=client)["bookmark_folder_posts"][
            "post_id"].to_pylist()
    ]
    kept = xf.users.bookmarks(client=client)["matches"]["post_id"].to_pylist()
    assert sorted(held) == sorted(kept) != []
    with pytest.raises(errors.NotFound):
        xf.call("users.bookmarks_by_folder", folder_id=1, client=client)


def test_the_posts_of_a_space_are_its_peoples_while_it_went_on(x, client):
    found = 0
    for space in x.community.spaces.values():
        people = {str(p.id) for p in (space.creator, *space.hosts, *space.speakers)}
        frames = xf.call("spaces.posts", space_id=space.id, client=client)
        main = frames["matches"]["post_id"].to_pylist()
        assert {r["author_id"] for r in frames["posts"].to_pylist() if r["id"] in main} <= people
        found += len(main)
    assert found
    with pytest.raises(errors.NotFound):
        xf.call("spaces.posts", space_id="1zzzzzzzzzzzz", client=client)


def test_communities_are_those_posts_are_in(x, client):
    ids = {str(post.community_id) for post in x.community.listed if post.community_id}
    for id in sorted(ids)[:3]:
        (one,) = xf.call("communities.get", community_id=id, client=client)["communities"].to_pylist()
        assert one["id"] == id
        assert 0 < one["member_count"] < len(x.community.people)
        word = one["name"].split()[0]
        assert id in xf.call("communities.search", query=word, client=client)["communities"]["id"].to_pylist()
    assert not len(xf.call("communities.search", query="zzzz", client=client).communities)
    assert missing(xf.call("communities.get", community_id=1, client=client)) == ["1"]


@pytest.mark.parametrize("words", ["tweet", "post"])
def test_news_are_made_of_the_posts_of_a_day(words):
    with (
        xf.sandbox.start(posts=1500, users=120, now=NOW, words=words, rate_limits=False) as x,
        xf.Client(x.bearer_token, base_url=x.url, sleep=lambda _: None) as client,
    ):
        week = xf.call("news.search", query="people", max_results=100, client=client)
        recent = xf.call("news.search", query="people", max_results=100, max_age_hours=24, client=client)
        assert 0 < len(recent.news) < len(week.news)
        assert recent.news["updated_at"].min() >= pd.Timestamp(NOW) - pd.Timedelta(hours=24)
        assert week.news["updated_at"].is_monotonic_decreasing
        story = week["news"].to_pylist()[-1]
        shown = [r["post_id"] for r in week["news_posts"].to_pylist() if r["news_id"] == story["id"]]
        posts = [x.community.posts[int(id)] for id in shown]
        assert {post.topic for post in posts} == {int(story["id"]) % 100}
        assert {f"{pd.Timestamp(post.at, unit='ms'):%Y-%m-%d}" for post in posts} == {f"{story['updated_at']:%Y-%m-%d}"}
        (again,) = xf.call("news.get", news_id=story["id"], client=client)["news"].to_pylist()
        assert {k: v for k, v in again.items() if k not in {"observed_at", "page_id"}} == {
            k: v for k, v in story.items() if k not in {"observed_at", "page_id"}
        }
        assert missing(xf.call("news.get", news_id=1, client=client)) == ["1"]

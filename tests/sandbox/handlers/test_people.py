"""The sandbox's people over HTTP: whom they follow, what they like and keep, their lists, Spaces and messages."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from tests.sandbox.servers import NOW, ids
from xframes import sandbox, schema


@pytest.fixture(scope="module")
def server():
    with sandbox.start(posts=1200, users=120, now=NOW, rate_limits=False) as made:
        yield made


@pytest.fixture
def ask(send):
    """Ask the server as its user: `ask(path, token=…, at=…, **params)` gives the response."""
    return partial(send, "GET")


@pytest.fixture
def everything(ask):
    """All rows of an action, page by page."""

    def walk(path, **params):
        found, token = [], None
        while True:
            more = {} if token is None else {"pagination_token": token}
            body = ask(path, **params, **more).json()
            found += body.get("data", [])
            assert body["meta"]["result_count"] == len(body.get("data", []))
            token = body["meta"].get("next_token")
            if token is None:
                return found

    return walk


def standing(server, kind):
    return next(p for p in server.community.people.values() if p.standing == kind)


def me(server):
    return server.community.people[int(server.user_id)]


# accounts ------------------------------------------------------------------------------------------------------------


def test_the_user_tokens_person_is_me_and_the_app_is_nobody(server, ask):
    said = ask("/2/users/me", **{"user.fields": "created_at,public_metrics"}).json()["data"]
    assert said["id"] == server.user_id
    assert said == ask(f"/2/users/{server.user_id}", **{"user.fields": "created_at,public_metrics"}).json()["data"] | {
        "public_metrics": said["public_metrics"]}
    assert ask("/2/users/me", token="sandbox").status_code == 403


def test_names_are_looked_up_regardless_of_case_and_the_missing_are_told(server, ask):
    known, gone = me(server), standing(server, "suspended")
    body = ask("/2/users/by", usernames=f"{known.username.upper()},nobody_at_all,{gone.username}").json()
    assert ids(body["data"]) == [server.user_id]
    assert [(e["parameter"], e["value"], e["title"]) for e in body["errors"]] == [
        ("usernames", "nobody_at_all", "Not Found Error"), ("usernames", gone.username, "Forbidden")]


@pytest.mark.parametrize(("path", "way"), [("followers", "followers"), ("following", "following")])
def test_follows_are_those_of_the_community_whatever_the_size_of_a_page(server, everything, path, way):
    person = max(server.community.people.values(), key=lambda p: (p.standing == "active", len(getattr(p, way))))
    expected = [str(p.id) for p in reversed(getattr(person, way)) if p.standing != "suspended"]
    assert len(expected) > 30
    assert ids(everything(f"/2/users/{person.id}/{path}", max_results=7)) == expected
    assert ids(everything(f"/2/users/{person.id}/{path}", max_results=1000)) == expected


def test_what_is_about_a_protected_account_is_for_itself_and_its_followers(server, ask):
    hidden = standing(server, "protected")
    assert me(server) not in hidden.followers
    for path in ("followers", "following", "liked_tweets", "owned_lists", "list_memberships", "followed_lists"):
        body = ask(f"/2/users/{hidden.id}/{path}").json()
        assert "data" not in body
        assert body["errors"][0]["title"] == "Authorization Error", path
    assert ask(f"/2/users/{hidden.id}").json()["data"]["id"] == str(hidden.id)


@pytest.mark.parametrize("path", ["blocking", "muting", "bookmarks", "pinned_lists", "timelines/reverse_chronological"])
def test_what_people_keep_for_themselves_is_for_nobody_else(server, ask, everything, path):
    assert ask(f"/2/users/{server.user_id}/{path}").json()["data"]
    other = next(p.id for p in server.community.people.values() if str(p.id) != server.user_id)
    refused = ask(f"/2/users/{other}/{path}")
    assert refused.status_code == 403
    assert str(other) in refused.json()["detail"]
    assert ask(f"/2/users/{server.user_id}/{path}", token="sandbox").status_code == 403


def test_how_i_stand_to_others_is_told_when_asked(server, ask):
    for path, word in (("following", "following"), ("followers", "followed_by"), ("muting", "muting"),
                       ("blocking", "blocking")):
        body = ask(f"/2/users/{server.user_id}/{path}", **{"user.fields": "connection_status"}).json()
        assert all(word in person["connection_status"] for person in body["data"])


# posts ---------------------------------------------------------------------------------------------------------------


def test_likes_agree_both_ways(server, ask, everything):
    post = max(server.community.likers, key=lambda post: len(server.community.likers[post]))
    people = everything(f"/2/tweets/{post}/liking_users", max_results=3)
    assert len(people) > 5
    for person in people[:5]:
        if server.community.people[int(person["id"])].standing == "active":
            assert str(post) in ids(everything(f"/2/users/{person['id']}/liked_tweets", max_results=100))
    counted = ask(f"/2/tweets/{post}", **{"tweet.fields": "public_metrics"}).json()["data"]["public_metrics"]
    assert counted["like_count"] >= len(people)


def test_quotes_and_reposts_are_those_a_search_finds(server, everything, ask):
    for kind, path, operator in (("quoted", "quote_tweets", "quotes_of_tweet_id"),
                                 ("retweeted", "retweeted_by", "retweets_of_tweet_id")):
        of = max((len([p for p in posts if p.listed]), id) for (k, id), posts in server.community.referring.items()
                 if k == kind and server.community.posts[id].listed)[1]
        fields = {"expansions": "author_id"} if kind == "quoted" else {}
        found = everything(f"/2/tweets/{of}/{path}", max_results=10, **fields)
        searched = ask("/2/tweets/search/all", token="sandbox", query=f"{operator}:{of}", max_results=500,
                       start_time="2015-01-01T00:00:00Z", expansions="author_id").json()["data"]
        assert len(found) > 1
        assert ids(found) == [row["id"] if kind == "quoted" else row["author_id"] for row in searched]


def test_quotes_leave_out_what_is_excluded(server, everything):
    both = [(id, posts) for (kind, id), posts in server.community.referring.items()
            if kind == "quoted" and any(p.reply_to for p in posts) and server.community.posts[id].listed]
    of, posts = both[0]
    kept = ids(everything(f"/2/tweets/{of}/quote_tweets", max_results=10, exclude="replies"))
    assert kept == [str(p.id) for p in reversed(posts) if p.reply_to is None and p.listed]


def test_about_a_post_that_is_gone_there_is_nothing_to_tell(server, ask):
    gone = next(p.id for p in server.community.posts.values() if p.state == "deleted")
    for path in ("quote_tweets", "liking_users", "retweeted_by"):
        answer = ask(f"/2/tweets/{gone}/{path}")
        assert answer.status_code == 200
        assert answer.json().keys() == {"errors"}


def test_the_home_timeline_is_what_those_i_follow_posted_this_week_and_nobody_muted(server, everything):
    mine = me(server)
    muted = {p.id for p in server.community.kept(mine).mutes}
    near = {p.id for p in (mine, *mine.following)} - muted
    assert muted & {p.id for p in mine.following}
    since = (NOW - timedelta(days=7)).timestamp() * 1000
    expected = [str(p.id) for p in reversed(server.community.listed) if p.author.id in near and p.at >= since]
    home = f"/2/users/{server.user_id}/timelines/reverse_chronological"
    assert len(expected) > 50
    assert ids(everything(home, max_results=20)) == expected
    originals = everything(home, max_results=100, exclude="replies,retweets", **{"tweet.fields": "referenced_tweets"})
    kinds = {ref["type"] for row in originals for ref in row.get("referenced_tweets", [])}
    assert kinds <= {"quoted"}
    assert 0 < len(originals) < len(expected)


def test_private_measures_are_told_of_my_own_young_posts_only(server, ask):
    mine = [p for p in server.community.by_author[int(server.user_id)] if p.original is None]
    young, old = mine[-1], next(p for p in mine if p.at < (NOW - timedelta(days=31)).timestamp() * 1000)
    other = next(p for p in server.community.listed if p.author is not young.author)
    fields = {"tweet.fields": "organic_metrics,non_public_metrics,public_metrics"}
    body = ask("/2/tweets", ids=f"{young.id},{old.id},{other.id}", **fields).json()
    told = {row["id"]: row for row in body["data"]}
    assert told[str(young.id)]["organic_metrics"].items() <= told[str(young.id)]["public_metrics"].items()
    assert "non_public_metrics" in told[str(young.id)]
    assert not any("organic_metrics" in told[str(p.id)] for p in (old, other))
    assert {e["value"] for e in body["errors"]} == {str(old.id), str(other.id)}
    assert "errors" in ask("/2/tweets", token="sandbox", ids=str(young.id), **fields).json()


# lists ---------------------------------------------------------------------------------------------------------------


def test_lists_agree_whichever_way_they_are_asked(server, ask, everything):
    shared = max((each for each in server.community.lists.values() if not each.private), key=lambda e: len(e.members))
    one = ask(f"/2/lists/{shared.id}", **{"list.fields": ",".join(schema.fields("list", "tweet")), "expansions": "owner_id"})
    data, members = one.json()["data"], everything(f"/2/lists/{shared.id}/members", max_results=4)
    followers = everything(f"/2/lists/{shared.id}/followers", max_results=4)
    assert one.json()["includes"]["users"][0]["id"] == data["owner_id"] == str(shared.owner.id)
    assert (data["member_count"], data["follower_count"]) == (len(members), len(followers))
    for people, path in ((members, "list_memberships"), (followers, "followed_lists")):
        seen = [p for p in people if server.community.people[int(p["id"])].standing == "active"]
        assert all(str(shared.id) in ids(everything(f"/2/users/{p['id']}/{path}")) for p in seen[:4])
    assert str(shared.id) in ids(everything(f"/2/users/{shared.owner.id}/owned_lists"))


def test_the_posts_of_a_list_are_those_of_its_members(server, everything, ask):
    shared = next(each for each in server.community.lists.values() if not each.private)
    found = everything(f"/2/lists/{shared.id}/tweets", max_results=33, expansions="author_id")
    members = {str(p.id) for p in shared.members}
    assert {row["author_id"] for row in found} <= members
    assert ids(found) == [str(p.id) for p in reversed(server.community.listed) if str(p.author.id) in members]
    assert ask(f"/2/lists/{shared.id}/tweets").json()["meta"].keys() == {"result_count", "next_token"}


def test_private_lists_are_there_for_their_owner_only(server, ask):
    with sandbox.start(posts=200, users=120, now=NOW) as other:
        hidden = next(each for each in other.community.lists.values() if each.owner is not me(other))
        hidden.private = True
        body = ask(f"/2/lists/{hidden.id}", at=other).json()
        assert body["errors"][0]["title"] == "Not Found Error"
        hidden.owner = me(other)
        assert ask(f"/2/lists/{hidden.id}", at=other).json()["data"]["id"] == str(hidden.id)
        assert str(hidden.id) in ids(ask(f"/2/users/{other.user_id}/owned_lists", at=other).json()["data"])
        assert str(hidden.id) not in str(ask(f"/2/users/{other.user_id}/owned_lists", at=other, token="sandbox").json())


# Spaces --------------------------------------------------------------------------------------------------------------


def test_spaces_are_found_by_title_and_state_and_ended_ones_by_id_only(server, ask):
    spaces = server.community.spaces.values()
    for state in ("live", "scheduled"):
        body = ask("/2/spaces/search", query="HOUR", state=state, **{"space.fields": "title,state"}).json()
        assert sorted(ids(body["data"])) == sorted(each.id for each in spaces if each.state == state)
        assert body["meta"] == {"result_count": len(body["data"])}
    both = ask("/2/spaces/search", query="hour").json()["data"]
    ended = next(each for each in spaces if each.state == "ended")
    assert ended.id not in ids(both)
    assert len(ask("/2/spaces/search", query="hour", max_results=2).json()["data"]) == 2
    assert ask("/2/spaces/search", query="nothing of the kind").json() == {"meta": {"result_count": 0}}
    assert ask(f"/2/spaces/{ended.id}").json()["data"] == {"id": ended.id, "state": "ended"}
    assert "meta" not in ask("/2/spaces", ids=ended.id).json()


def test_missing_spaces_and_creators_are_told_one_by_one(server, ask):
    space = next(iter(server.community.spaces.values()))
    body = ask("/2/spaces", ids=f"{space.id},1unknownSpace").json()
    assert ids(body["data"]) == [space.id]
    assert [(e["resource_type"], e["value"]) for e in body["errors"]] == [("space", "1unknownSpace")]
    creators = ask("/2/spaces/by/creator_ids", user_ids=f"{space.creator.id},12").json()
    assert space.id in ids(creators["data"])
    assert creators["errors"][0]["value"] == "12"


def test_the_buyers_of_a_space_are_told_to_its_creator(server, ask):
    mine, other = (next(each for each in server.community.spaces.values() if each.ticketed and (each.creator is me(server)) is own)
                   for own in (True, False))
    assert ids(ask(f"/2/spaces/{mine.id}/buyers").json()["data"]) == [str(p.id) for p in mine.buyers]
    assert ask(f"/2/spaces/{other.id}/buyers").json()["errors"][0]["title"] == "Authorization Error"


# messages ------------------------------------------------------------------------------------------------------------


def test_messages_are_the_same_asked_together_or_by_conversation(server, everything):
    fields = {"dm_event.fields": "dm_conversation_id,sender_id,participant_ids,created_at"}
    all_ = everything("/2/dm_events", max_results=9, **fields)
    assert ids(all_) == sorted(ids(all_), key=int, reverse=True)
    conversations = {event["dm_conversation_id"] for event in all_}
    assert any("-" in each for each in conversations)
    assert any("-" not in each for each in conversations)
    assert all(server.user_id in each.split("-") for each in conversations if "-" in each)
    apart = [event for each in conversations for event in everything(f"/2/dm_conversations/{each}/dm_events", **fields)]
    assert sorted(apart, key=lambda e: -int(e["id"])) == all_
    pair = next(each for each in conversations if "-" in each)
    other = next(part for part in pair.split("-") if part != server.user_id)
    assert everything(f"/2/dm_conversations/with/{other}/dm_events", **fields) == [
        event for event in all_ if event["dm_conversation_id"] == pair]


def test_events_are_of_the_kinds_asked_for(everything):
    kinds = {kind: everything("/2/dm_events", event_types=kind) for kind in
             ("MessageCreate", "ParticipantsJoin", "ParticipantsLeave")}
    assert all(kinds.values())
    assert all(event["text"] for event in kinds["MessageCreate"])
    assert all("text" not in event and event["participant_ids"] for event in kinds["ParticipantsJoin"])
    assert len(everything("/2/dm_events")) == sum(map(len, kinds.values()))


def test_messages_bring_their_media_their_posts_and_their_people(ask):
    body = ask("/2/dm_events", max_results=100, expansions="sender_id,attachments.media_keys,referenced_tweets.id",
               **{"dm_event.fields": "entities,referenced_tweets,attachments"}).json()
    keys = {key for event in body["data"] for key in event.get("attachments", {}).get("media_keys", ())}
    posts = {each["id"] for event in body["data"] for each in event.get("referenced_tweets", ())}
    assert {m["media_key"] for m in body["includes"]["media"]} == keys != set()
    assert set(ids(body["includes"]["tweets"])) == posts != set()
    for event in body["data"]:
        for url in event.get("urls", ()):
            assert event["text"][url["start"] : url["end"]] == url["url"]


def test_a_conversation_of_others_is_none_of_ours(server, ask):
    one, other = [p.id for p in server.community.people.values() if str(p.id) != server.user_id][:2]
    assert ask(f"/2/dm_conversations/{min(one, other)}-{max(one, other)}/dm_events").status_code == 403
    assert ask("/2/dm_conversations/with/12/dm_events").json() == {"meta": {"result_count": 0}}


# all of it -----------------------------------------------------------------------------------------------------------


def test_the_same_seed_and_now_give_the_same_people_and_messages(ask):
    def bodies():
        with sandbox.start(seed=11, posts=300, users=60, now=NOW) as made:
            own = made.user_id
            return [ask(path, at=made).content for path in (
                "/2/dm_events", f"/2/users/{own}/bookmarks", f"/2/users/{own}/muting", f"/2/users/{own}/blocking",
                f"/2/users/{own}/pinned_lists", f"/2/users/{own}/liked_tweets", f"/2/users/{own}/followers")]

    assert bodies() == bodies()


def test_post_words_reach_lists_spaces_and_messages(ask):
    with sandbox.start(posts=400, users=80, now=NOW, words="post") as made:
        space = next(iter(made.community.spaces.values()))
        said = ask(f"/2/spaces/{space.id}", at=made, expansions="topic_ids,creator_id").json()
        assert said["data"]["topic_ids"] == [topic["id"] for topic in said["includes"]["topics"]]
        body = ask("/2/dm_events", at=made, max_results=100, expansions="referenced_posts", **{"dm_event.fields": "entities"})
        assert {"posts"} == body.json()["includes"].keys()
        assert any("referenced_posts" in event for event in body.json()["data"])
        assert not any("referenced_tweets" in event or "urls" in event for event in body.json()["data"])
        person = ask("/2/users/me", at=made, **{"user.fields": "public_metrics"}).json()["data"]["public_metrics"]
        assert {"post_count", "media_count"} <= person.keys()

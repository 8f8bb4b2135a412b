"""Writing to the sandbox over HTTP: what is done with posts, people, lists and messages, and what every read shows of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.sandbox.servers import NOW, ids, metrics, original, own, somebody, written_to
from xframes import sandbox

server = pytest.fixture(written_to)


# what is done with posts ---------------------------------------------------------------------------------------------


def test_a_like_is_seen_from_both_sides_and_counted(server, send, rows):
    of = next(p for p in reversed(server.community.listed) if p.original is None
              and server.community.people[int(server.user_id)] not in server.community.likers.get(p.id, ()))
    before = metrics(send, of.id)["like_count"]
    for _ in range(2):  # the second changes nothing
        assert send("POST", own(server, "likes"), {"tweet_id": str(of.id)}).json() == {"data": {"liked": True}}
    assert of.likes - before < 3
    assert metrics(send, of.id)["like_count"] > before
    assert ids(rows(f"/2/tweets/{of.id}/liking_users"))[0] == server.user_id
    assert ids(rows(own(server, "liked_tweets")))[0] == str(of.id)
    assert send("DELETE", own(server, f"likes/{of.id}")).json() == {"data": {"liked": False}}
    assert server.user_id not in ids(rows(f"/2/tweets/{of.id}/liking_users"))
    assert str(of.id) not in ids(rows(own(server, "liked_tweets"), max_results=100))


def test_the_likes_of_a_post_made_here_are_exactly_those_it_got(server, send, post):
    made = post()["id"]
    assert metrics(send, made) == dict.fromkeys(metrics(send, made), 0)
    send("POST", own(server, "likes"), {"tweet_id": made})
    assert metrics(send, made)["like_count"] == 1
    send("DELETE", own(server, f"likes/{made}"))
    assert metrics(send, made)["like_count"] == 0


def test_bookmarks_come_and_go(server, send, rows):
    of = original(server)
    before = ids(rows(own(server, "bookmarks"), max_results=100))
    assert send("POST", own(server, "bookmarks"), {"tweet_id": str(of.id)}).json() == {"data": {"bookmarked": True}}
    assert ids(rows(own(server, "bookmarks"), max_results=100)) == [str(of.id), *(id for id in before if id != str(of.id))]
    assert send("DELETE", own(server, f"bookmarks/{of.id}")).json() == {"data": {"bookmarked": False}}
    assert str(of.id) not in ids(rows(own(server, "bookmarks"), max_results=100))


def test_a_repost_is_a_post_of_its_own_and_can_be_undone(server, send, rows):
    me = server.community.people[int(server.user_id)]
    of = next(p for p in reversed(server.community.listed) if p.original is None and p.author is not me
              and all(r.author is not me for r in server.community.referring.get(("retweeted", p.id), ())))
    before = metrics(send, of.id)["retweet_count"]
    made = send("POST", own(server, "retweets"), {"tweet_id": str(of.id)}).json()["data"]
    assert made["retweeted"]
    assert send("POST", own(server, "retweets"), {"tweet_id": str(of.id)}).json()["data"] == made
    assert ids(rows(f"/2/tweets/{of.id}/retweeted_by"))[0] == server.user_id
    seen = send("GET", f"/2/tweets/{made['id']}", expansions="referenced_tweets.id").json()
    assert seen["data"]["text"].startswith(f"RT @{of.author.username}: ")
    assert metrics(send, of.id)["retweet_count"] > before
    assert ids(rows(own(server, "tweets")))[0] == made["id"]
    assert send("DELETE", own(server, f"retweets/{of.id}")).json() == {"data": {"retweeted": False}}
    assert rows("/2/tweets", ids=made["id"]) == []
    assert server.user_id not in ids(rows(f"/2/tweets/{of.id}/retweeted_by"))


# people --------------------------------------------------------------------------------------------------------------


def test_follows_change_both_sides_and_the_home_timeline(server, send, rows):
    me = server.community.people[int(server.user_id)]
    muted = {p.id for p in server.community.kept(me).mutes}
    other = next(p.author for p in reversed(server.community.listed) if p.author is not me
                 and p.author not in me.following and p.author.id not in muted)
    home = own(server, "timelines/reverse_chronological")

    def authors():
        return {row["author_id"] for row in rows(home, max_results=100, expansions="author_id")}

    assert str(other.id) not in authors()
    answer = send("POST", own(server, "following"), {"target_user_id": str(other.id)})
    assert answer.json() == {"data": {"following": True, "pending_follow": False}}
    assert ids(rows(own(server, "following")))[0] == str(other.id)
    assert ids(rows(f"/2/users/{other.id}/followers"))[0] == server.user_id
    assert str(other.id) in authors()
    assert send("POST", own(server, "muting"), {"target_user_id": str(other.id)}).json() == {"data": {"muting": True}}
    assert ids(rows(own(server, "muting")))[0] == str(other.id)
    assert str(other.id) not in authors()
    assert send("DELETE", own(server, f"muting/{other.id}")).json() == {"data": {"muting": False}}
    assert send("DELETE", own(server, f"following/{other.id}")).json() == {"data": {"following": False}}
    assert str(other.id) not in ids(rows(own(server, "following"), max_results=1000)) + ids(rows(own(server, "muting")))
    assert str(other.id) not in authors()


def test_a_protected_account_is_asked_first(server, send, rows):
    hidden = somebody(server, "protected")
    answer = send("POST", own(server, "following"), {"target_user_id": str(hidden.id)})
    assert answer.json() == {"data": {"following": False, "pending_follow": True}}
    seen = send("GET", f"/2/users/{hidden.id}", **{"user.fields": "connection_status"}).json()["data"]
    assert "follow_request_sent" in seen["connection_status"]
    assert "following" not in seen["connection_status"]
    assert str(hidden.id) not in ids(rows(own(server, "following"), max_results=1000))


def test_writes_about_what_is_not_there_are_a_404_and_about_oneself_a_403(server, send):
    gone = somebody(server, "suspended")
    for path, name, value in (("following", "target_user_id", "12"), ("muting", "target_user_id", str(gone.id)),
                              ("likes", "tweet_id", "12"), ("bookmarks", "tweet_id", "12"),
                              ("retweets", "tweet_id", "12"), ("pinned_lists", "list_id", "12")):
        answer = send("POST", own(server, path), {name: value})
        assert answer.status_code == 404
        assert (answer.json()["title"], answer.json()["parameter"], answer.json()["value"]) == ("Not Found Error", name, value)
    for path in ("following", "muting"):
        assert send("POST", own(server, path), {"target_user_id": server.user_id}).status_code == 403


# lists ---------------------------------------------------------------------------------------------------------------


def test_a_list_lives_from_its_making_to_its_end(server, send, rows):
    made = send("POST", "/2/lists", {"name": "Bakers", "description": "Flour first", "private": True})
    assert made.status_code == 201
    kept = made.json()["data"]["id"]
    assert made.json() == {"data": {"id": kept, "name": "Bakers"}}
    fields = {"list.fields": "description,member_count,follower_count,private,created_at,owner_id"}
    member = next(p.author for p in reversed(server.community.listed) if str(p.author.id) != server.user_id)
    assert send("POST", f"/2/lists/{kept}/members", {"user_id": str(member.id)}).json() == {"data": {"is_member": True}}
    assert send("POST", own(server, "followed_lists"), {"list_id": kept}).json() == {"data": {"following": True}}
    pins = ids(rows(own(server, "pinned_lists")))
    assert send("POST", own(server, "pinned_lists"), {"list_id": kept}).json() == {"data": {"pinned": True}}
    assert send("GET", f"/2/lists/{kept}", **fields).json()["data"] == {
        "id": kept, "name": "Bakers", "description": "Flour first", "private": True, "member_count": 1,
        "follower_count": 1, "created_at": "2026-03-10T12:00:00.000Z", "owner_id": server.user_id}
    assert ids(rows(own(server, "owned_lists")))[0] == kept
    assert ids(rows(own(server, "followed_lists")))[0] == kept
    assert ids(rows(own(server, "pinned_lists"))) == [kept, *pins]
    assert ids(rows(f"/2/users/{member.id}/list_memberships"))[0] == kept
    assert ids(rows(f"/2/lists/{kept}/members")) == [str(member.id)]
    assert ids(rows(f"/2/lists/{kept}/tweets"))[0] == str(server.community.by_author[member.id][-1].id)
    assert send("PUT", f"/2/lists/{kept}", {"name": "Millers", "private": False}).json() == {"data": {"updated": True}}
    assert send("GET", f"/2/lists/{kept}", token="sandbox").json()["data"] == {"id": kept, "name": "Millers"}
    assert send("DELETE", f"/2/lists/{kept}/members/{member.id}").json() == {"data": {"is_member": False}}
    assert rows(f"/2/lists/{kept}/members") == []
    assert send("DELETE", own(server, f"followed_lists/{kept}")).json() == {"data": {"following": False}}
    assert send("DELETE", own(server, f"pinned_lists/{kept}")).json() == {"data": {"pinned": False}}
    assert send("DELETE", f"/2/lists/{kept}").json() == {"data": {"deleted": True}}
    assert "errors" in send("GET", f"/2/lists/{kept}").json()
    for path in ("owned_lists", "followed_lists", "pinned_lists"):
        assert kept not in ids(rows(own(server, path)))


def test_nobody_changes_the_lists_of_others(server, send):
    other = next(each for each in server.community.lists.values() if str(each.owner.id) != server.user_id)
    other.private = False
    assert send("PUT", f"/2/lists/{other.id}", {"name": "Mine"}).status_code == 403
    assert send("DELETE", f"/2/lists/{other.id}").status_code == 403
    assert send("POST", f"/2/lists/{other.id}/members", {"user_id": server.user_id}).status_code == 403
    assert send("POST", own(server, "followed_lists"), {"list_id": str(other.id)}).status_code == 200


# messages ------------------------------------------------------------------------------------------------------------


def test_a_message_is_the_newest_of_its_conversation(server, send, rows):
    other, shared = somebody(server), original(server)
    text = f"Seen this? https://x.com/{shared.author.username}/status/{shared.id} & hello"
    sent = send("POST", f"/2/dm_conversations/with/{other.id}/messages", {"text": text})
    assert sent.status_code == 201
    data = sent.json()["data"]
    low, high = sorted((int(server.user_id), other.id))
    assert data == {"dm_conversation_id": f"{low}-{high}", "dm_event_id": data["dm_event_id"]}
    fields = {"dm_event.fields": "dm_conversation_id,sender_id,created_at,referenced_tweets"}
    [newest, *_] = rows("/2/dm_events", **fields)
    assert (newest["id"], newest["sender_id"], newest["event_type"]) == (data["dm_event_id"], server.user_id, "MessageCreate")
    assert newest["referenced_tweets"] == [{"id": str(shared.id)}]
    assert newest["text"].endswith(" &amp; hello")
    assert rows(f"/2/dm_conversations/with/{other.id}/dm_events", **fields)[0] == newest
    again = send("POST", f"/2/dm_conversations/{data['dm_conversation_id']}/messages", {"text": "Hello?"})
    assert again.status_code == 201
    assert ids(rows(f"/2/dm_conversations/{data['dm_conversation_id']}/dm_events"))[:2] == [
        again.json()["data"]["dm_event_id"], newest["id"]]


def test_a_group_begins_with_everybody_joining(server, send, rows):
    others = [p for p in server.community.people.values() if p.standing == "active" and str(p.id) != server.user_id][:3]
    body = {"conversation_type": "Group", "participant_ids": [str(p.id) for p in others], "message": {"text": "Hello"}}
    made = send("POST", "/2/dm_conversations", body)
    assert made.status_code == 201
    group = made.json()["data"]
    events = rows(f"/2/dm_conversations/{group['dm_conversation_id']}/dm_events")
    assert [event["event_type"] for event in events] == ["MessageCreate", "ParticipantsJoin"]
    assert events[0]["id"] == group["dm_event_id"]
    assert set(events[1]["participant_ids"]) == {server.user_id, *(str(p.id) for p in others)}
    assert send("POST", f"/2/dm_conversations/{group['dm_conversation_id']}/messages", {"text": "More"}).status_code == 201


def test_what_cannot_be_sent_leaves_no_trace(server, send, rows):
    before = len(server.community.conversations), rows("/2/dm_events", max_results=100)
    other = somebody(server)
    group = {"conversation_type": "Group", "participant_ids": [str(other.id), "12"], "message": {"text": "Hello"}}
    assert send("POST", "/2/dm_conversations", group).status_code == 404
    assert send("POST", "/2/dm_conversations/with/12/messages", {"text": "Hello"}).status_code == 404
    assert send("POST", f"/2/dm_conversations/with/{server.user_id}/messages", {"text": "Hello"}).status_code == 403
    assert send("POST", "/2/dm_conversations/12-13/messages", {"text": "Hello"}).status_code == 403
    assert send("POST", "/2/dm_conversations/123456789012345678/messages", {"text": "Hello"}).status_code == 403
    assert rows("/2/dm_events", max_results=100) == before[1]


# many at once --------------------------------------------------------------------------------------------------------


def test_many_writers_lose_nothing(server, send, rows):
    def one(number):
        headers = {"Authorization": "Bearer sandbox-user"}
        body = {"text": f"turnstile {number}"}
        return requests.post(f"{server.url}/2/tweets", json=body, headers=headers, timeout=20).json()["data"]["id"]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(one, range(60)))
    assert len(set(made)) == 60
    assert sorted(ids(rows("/2/tweets/search/recent", query="turnstile", max_results=100)), key=int) == sorted(made, key=int)
    assert server.community.listed == sorted(server.community.listed, key=lambda p: p.id)


def test_the_same_writes_give_the_same_answers(session):
    def said():
        with sandbox.start(posts=100, users=40, now=NOW) as made:
            headers = {"Authorization": f"Bearer {made.user_token}"}
            body = {"text": "Once more https://grain.example/x"}
            posted = session.post(made.url + "/2/tweets", json=body, headers=headers, timeout=20).content
            sent = session.post(made.url + f"/2/dm_conversations/with/{somebody(made).id}/messages", json=body,
                                headers=headers, timeout=20).content
            return posted, sent

    assert said() == said()

"""Writing to the sandbox over HTTP: what a write answers, what it changes for every read, and what X would refuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests

from xframes import registry, sandbox
from xframes.sandbox.draft import weight
from xframes.sandbox.handlers import HANDLERS, RAW

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVER = "2015-01-01T00:00:00Z"


@pytest.fixture
def server():
    with sandbox.start(posts=250, users=60, now=NOW, rate_limits=False) as made:
        yield made


@pytest.fixture(scope="module")
def session():
    with requests.Session() as made:
        yield made


@pytest.fixture
def send(server, session):
    """Ask or write as the sandbox's user: `send("POST", path, body)` gives the response."""

    def go(method, path, body=None, token="sandbox-user", **params):
        headers = {"Authorization": f"Bearer {token}"}
        return session.request(method, server.url + path, json=body, params=params, headers=headers, timeout=20)

    return go


@pytest.fixture
def rows(send):
    """The rows of a read, of its first page."""

    def get(path, **params):
        answer = send("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json().get("data", [])

    return get


@pytest.fixture
def post(send):
    """Post and return the answer's data."""

    def go(text="Fog over the harbour again", **more):
        answer = send("POST", "/2/tweets", {"text": text, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    return go


def ids(rows):
    return [row["id"] for row in rows]


def own(server, path):
    return f"/2/users/{server.user_id}/{path}"


def somebody(server, standing="active"):
    return next(p for p in server.community.people.values() if p.standing == standing and str(p.id) != server.user_id)


def original(server, of=None):
    me = int(server.user_id)
    return next(p for p in reversed(server.community.listed)
                if p.original is None and (p.author.id != me if of is None else p.author.id == of))


def metrics(send, id):
    return send("GET", f"/2/tweets/{id}", **{"tweet.fields": "public_metrics"}).json()["data"]["public_metrics"]


# every action --------------------------------------------------------------------------------------------------------


def test_every_action_has_somebody_who_answers_it():
    listed = {each.name for each in registry.ACTIONS.values() if each.listed and not each.streaming}
    assert listed <= HANDLERS.keys() | RAW.keys()


# posting -------------------------------------------------------------------------------------------------------------


def test_a_new_post_is_found_wherever_posts_are_found(server, send, rows, post):
    made = post("Marmalade experiment number nine")
    assert made == {"id": made["id"], "text": "Marmalade experiment number nine"}
    assert int(made["id"]) > max(p.id for p in server.community.listed[:-1])
    assert ids(rows("/2/tweets/search/recent", query="marmalade experiment")) == [made["id"]]
    found = send("GET", "/2/tweets/search/all", token="sandbox", query="marmalade experiment").json()
    assert ids(found["data"]) == [made["id"]]
    counted = send("GET", "/2/tweets/counts/recent", token="sandbox", query="marmalade experiment").json()
    assert counted["meta"]["total_tweet_count"] == 1
    assert sum(bucket["tweet_count"] for bucket in counted["data"]) == 1
    assert ids(rows(own(server, "tweets")))[0] == made["id"]
    assert ids(rows(own(server, "timelines/reverse_chronological")))[0] == made["id"]
    seen = send("GET", f"/2/tweets/{made['id']}", **{"tweet.fields": "author_id,conversation_id,created_at"}).json()["data"]
    assert seen == {**made, "author_id": server.user_id, "conversation_id": made["id"],
                    "created_at": "2026-03-10T12:00:00.000Z", "edit_history_tweet_ids": [made["id"]]}
    me = send("GET", "/2/users/me", **{"user.fields": "most_recent_tweet_id"}).json()["data"]
    assert me["most_recent_tweet_id"] == made["id"]


def test_tags_mentions_and_links_become_entities_of_the_escaped_text(server, send, post):
    other = somebody(server)
    text = f"Salt & pepper for @{other.username} and @nobody_here_1: #Bread2 $BEAN https://grain.example/a_b?c=1. #1 a@b"
    id = post(text)["id"]
    seen = send("GET", f"/2/tweets/{id}", **{"tweet.fields": "entities"}).json()["data"]
    shown = seen["text"]
    assert shown.startswith("Salt &amp; pepper for @")
    cut = {kind: [shown[e["start"] : e["end"]] for e in found] for kind, found in seen["entities"].items()}
    assert cut == {"mentions": [f"@{other.username}"], "hashtags": ["#Bread2"], "cashtags": ["$BEAN"],
                   "urls": [seen["entities"]["urls"][0]["url"]]}
    assert seen["entities"]["mentions"][0]["id"] == str(other.id)
    assert seen["entities"]["urls"][0]["expanded_url"] == "https://grain.example/a_b?c=1"
    assert id in ids(send("GET", f"/2/users/{other.id}/mentions").json()["data"])
    assert ids(send("GET", "/2/tweets/search/recent", query="#bread2 url:grain").json()["data"]) == [id]


def test_a_reply_joins_the_conversation_and_counts(server, send, rows, post):
    root = original(server)
    root.reply_settings = "everyone"
    before = metrics(send, root.id)["reply_count"]
    made = post("I would have said so too", reply={"in_reply_to_tweet_id": str(root.id)})
    seen = send("GET", f"/2/tweets/{made['id']}", expansions="referenced_tweets.id,in_reply_to_user_id",
                **{"tweet.fields": "conversation_id"}).json()
    assert seen["data"]["conversation_id"] == str(root.conversation_id)
    assert seen["data"]["in_reply_to_user_id"] == str(root.author.id)
    assert seen["data"]["referenced_tweets"] == [{"type": "replied_to", "id": str(root.id)}]
    assert made["text"] == "I would have said so too"
    assert metrics(send, root.id)["reply_count"] > before
    assert made["id"] in ids(rows("/2/tweets/search/recent", query=f"conversation_id:{root.conversation_id}"))
    assert made["id"] in ids(rows("/2/tweets/search/recent", query=f"in_reply_to_tweet_id:{root.id}"))


def test_a_reply_opens_with_the_mentions_it_asks_for(server, send, post):
    root = original(server)
    root.reply_settings = "everyone"
    made = post("quite", reply={"in_reply_to_tweet_id": str(root.id), "auto_populate_reply_metadata": True})
    assert made["text"].startswith(f"@{root.author.username} ")
    seen = send("GET", f"/2/tweets/{made['id']}", **{"tweet.fields": "display_text_range"}).json()["data"]
    begin, end = seen["display_text_range"]
    assert made["text"][begin:end] == "quite"
    alone = post("quite", reply={"in_reply_to_tweet_id": str(root.id), "auto_populate_reply_metadata": True,
                                 "exclude_reply_user_ids": [str(root.author.id)]})
    assert f"@{root.author.username}" not in alone["text"]


def test_only_those_who_may_can_reply(server, send):
    root = original(server)
    root.entities = {kind: each for kind, each in root.entities.items() if kind != "mentions"}
    body = {"text": "May I?", "reply": {"in_reply_to_tweet_id": str(root.id)}}
    root.reply_settings = "mentionedUsers"
    assert send("POST", "/2/tweets", body).status_code == 403
    root.reply_settings = "everyone"
    assert send("POST", "/2/tweets", body).status_code == 201


def test_a_quote_counts_and_is_listed(server, send, rows, post):
    of = original(server)
    before = metrics(send, of.id)["quote_count"]
    made = post("Worth reading", quote_tweet_id=str(of.id))
    assert ids(rows(f"/2/tweets/{of.id}/quote_tweets"))[0] == made["id"]
    assert metrics(send, of.id)["quote_count"] > before
    assert made["text"].startswith("Worth reading https://t.co/")
    send("DELETE", f"/2/tweets/{made['id']}")
    assert made["id"] not in ids(rows(f"/2/tweets/{of.id}/quote_tweets"))


def test_a_poll_is_open_and_empty(send, post):
    made = post("Tea or coffee?", poll={"options": ["tea", "coffee"], "duration_minutes": 60})
    body = send("GET", f"/2/tweets/{made['id']}", expansions="attachments.poll_ids",
                **{"poll.fields": "duration_minutes,end_datetime,voting_status"}).json()
    [poll] = body["includes"]["polls"]
    assert [(o["label"], o["votes"]) for o in poll["options"]] == [("tea", 0), ("coffee", 0)]
    assert (poll["duration_minutes"], poll["end_datetime"], poll["voting_status"]) == (60, "2026-03-10T13:00:00.000Z", "open")


def test_place_community_reply_settings_and_the_rest_are_kept(server, send, post):
    place = next(each for each in server.community.places.values() if each.kind == "city")
    made = post("Here", geo={"place_id": place.id}, community_id="1500000000000000001", reply_settings="following",
                paid_partnership=True, made_with_ai=True, card_uri="card://77")
    seen = send("GET", f"/2/tweets/{made['id']}",
                **{"tweet.fields": "geo,community_id,reply_settings,paid_partnership,card_uri"}).json()["data"]
    assert seen["geo"] == {"place_id": place.id}
    assert (seen["community_id"], seen["reply_settings"]) == ("1500000000000000001", "following")
    assert (seen["paid_partnership"], seen["card_uri"]) == (True, "card://77")
    assert server.community.posts[int(made["id"])].made["made_with_ai"]


def test_uploaded_media_are_attached(server, send):
    raw = b"\x89PNG\r\n\x1a\n" + bytes(64)
    uploaded = requests.post(f"{server.url}/2/media/upload", data={"media_category": "tweet_image"}, files={"media": raw},
                             headers={"Authorization": "Bearer sandbox-user"}, timeout=20).json()["data"]
    made = send("POST", "/2/tweets", {"media": {"media_ids": [uploaded["id"]]}})
    assert made.status_code == 201
    body = send("GET", f"/2/tweets/{made.json()['data']['id']}", expansions="attachments.media_keys").json()
    assert body["includes"]["media"] == [{"media_key": uploaded["media_key"], "type": "photo"}]
    refused = send("POST", "/2/tweets", {"media": {"media_ids": ["12"]}})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["message"] == "Your media IDs are invalid."
    sent = send("POST", f"/2/dm_conversations/with/{somebody(server).id}/messages",
                {"attachments": [{"media_id": uploaded["id"]}]})
    assert sent.status_code == 201
    events = send("GET", "/2/dm_events", **{"dm_event.fields": "attachments"}).json()["data"]
    assert events[0]["attachments"] == {"media_keys": [uploaded["media_key"]]}


def test_promoted_only_posts_are_found_by_their_id_alone(server, rows, post):
    made = post("Only for advertisements", nullcast=True)
    assert ids(rows("/2/tweets", ids=made["id"])) == [made["id"]]
    assert made["id"] not in ids(rows(own(server, "tweets")))
    assert rows("/2/tweets/search/recent", query="advertisements") == []


def test_long_posts_are_for_verified_accounts(server, send, post):
    me = server.community.people[int(server.user_id)]
    text = "Kneading takes patience. " * 20
    me.verified = "none"
    assert send("POST", "/2/tweets", {"text": text}).status_code == 400
    me.verified = "blue"
    made = post(text)
    seen = send("GET", f"/2/tweets/{made['id']}", **{"tweet.fields": "note_tweet"}).json()["data"]
    assert seen["note_tweet"]["text"] == text
    assert weight(seen["text"]) <= 280
    assert send("POST", "/2/tweets", {"text": "x" * 25_001}).status_code == 400


@pytest.mark.parametrize(("text", "fits"), [
    ("x" * 280, True), ("x" * 281, False), ("日" * 140, True), ("日" * 141, False),
    ("https://grain.example/" + "y" * 400 + " " + "x" * 256, True), ("🍞" * 141, False),
])
def test_280_are_counted_as_x_counts_them(server, send, text, fits):
    server.community.people[int(server.user_id)].verified = "none"
    answer = send("POST", "/2/tweets", {"text": text})
    assert answer.status_code == (201 if fits else 400)


def test_an_edit_is_a_new_version_in_the_chain(server, send, rows, post):
    first = post("Rye laof")["id"]
    second = post("Rye loaf", edit_options={"previous_post_id": first})["id"]
    seen = rows("/2/tweets", ids=f"{first},{second}", **{"tweet.fields": "edit_controls,conversation_id"})
    assert [row["edit_history_tweet_ids"] for row in seen] == [[first, second]] * 2
    assert [row["edit_controls"]["edits_remaining"] for row in seen] == [4, 4]
    assert {row["conversation_id"] for row in seen} == {first}
    assert ids(rows(own(server, "tweets")))[0] == second
    assert first not in ids(rows(own(server, "tweets")))
    assert rows("/2/tweets/search/recent", query="laof") == []
    again = send("POST", "/2/tweets", {"text": "Rye", "edit_options": {"previous_post_id": first}})
    assert again.status_code == 403
    assert send("DELETE", f"/2/tweets/{first}").json() == {"data": {"deleted": True}}
    assert rows("/2/tweets", ids=f"{first},{second}") == []


def test_five_edits_and_no_more(send, post):
    id = post("Draft 0")["id"]
    for number in range(1, 6):
        id = post(f"Draft {number}", edit_options={"previous_post_id": id})["id"]
    assert send("POST", "/2/tweets", {"text": "Draft 6", "edit_options": {"previous_post_id": id}}).status_code == 403


def test_a_deleted_post_is_gone_with_its_reposts(server, send, rows, post):
    me = int(server.user_id)
    liked = next(p for p in server.community.listed if p.author.id == me and server.community.referring.get(("retweeted", p.id)))
    repost = server.community.referring[("retweeted", liked.id)][0]
    word = post("Farewell gooseberry")["id"]
    for id in (liked.id, word):
        assert send("DELETE", f"/2/tweets/{id}").json() == {"data": {"deleted": True}}
        body = send("GET", f"/2/tweets/{id}").json()
        assert body["errors"][0]["type"].endswith("/resource-not-found")
        assert "data" not in body
        assert send("DELETE", f"/2/tweets/{id}").status_code == 404
    assert rows("/2/tweets", ids=f"{repost.id}") == []
    assert rows("/2/tweets/search/recent", query="gooseberry") == []
    assert str(liked.id) not in ids(rows(own(server, "tweets"), max_results=100))
    assert all(liked not in posts for posts in server.community.liked.values())


def test_nobody_deletes_the_posts_of_others(server, send):
    assert send("DELETE", f"/2/tweets/{original(server).id}").status_code == 403


def test_replies_in_my_conversation_can_be_hidden_and_shown(server, send, post):
    root = post("Ask me anything")["id"]
    reply = post("Why?", reply={"in_reply_to_tweet_id": root})["id"]
    assert send("PUT", f"/2/tweets/{reply}/hidden", {"hidden": True}).json() == {"data": {"hidden": True}}
    assert server.community.posts[int(reply)].hidden
    assert send("PUT", f"/2/tweets/{reply}/hidden", {"hidden": False}).json() == {"data": {"hidden": False}}
    assert send("PUT", f"/2/tweets/{root}/hidden", {"hidden": True}).status_code == 403
    assert send("PUT", f"/2/tweets/{reply}/hidden", {}).status_code == 400


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


# bodies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "body", "named"), [
    ("/2/tweets", {}, "text"), ("/2/tweets", {"text": "x", "colour": "red"}, "colour"), ("/2/tweets", {"text": 5}, "text"),
    ("/2/tweets", {"text": ""}, "text"), ("/2/tweets", {"text": None}, "text"),
    ("/2/tweets", {"text": "x", "reply": {"in_reply_to_tweet_id": 5}}, "reply.in_reply_to_tweet_id"),
    ("/2/tweets", {"text": "x", "reply": {"in_reply_to_tweet_id": "abc"}}, "reply.in_reply_to_tweet_id"),
    ("/2/tweets", {"text": "x", "reply": {"to": "5"}}, "reply.to"), ("/2/tweets", {"text": "x", "reply": "5"}, "reply"),
    ("/2/tweets", {"text": "x", "reply": {"exclude_reply_user_ids": ["5"]}}, "reply.in_reply_to_tweet_id"),
    ("/2/tweets", {"text": "x", "poll": {"options": ["a"], "duration_minutes": 60}}, "poll.options"),
    ("/2/tweets", {"text": "x", "poll": {"options": ["a", "b" * 26], "duration_minutes": 60}}, "poll.options"),
    ("/2/tweets", {"text": "x", "poll": {"options": ["a", "b"], "duration_minutes": 4}}, "poll.duration_minutes"),
    ("/2/tweets", {"text": "x", "poll": {"options": ["a", "b"]}}, "poll.duration_minutes"),
    ("/2/tweets", {"text": "x", "poll": {"duration_minutes": 60}}, "poll.options"),
    ("/2/tweets", {"text": "x", "reply_settings": "nobody"}, "reply_settings"),
    ("/2/tweets", {"text": "x", "nullcast": "true"}, "nullcast"), ("/2/tweets", {"text": "x", "nullcast": 1}, "nullcast"),
    ("/2/tweets", {"text": "x", "geo": {"place_id": "nowhere"}}, "geo.place_id"),
    ("/2/tweets", {"media": {"media_ids": []}}, "media.media_ids"),
    ("/2/tweets", {"media": {"media_ids": ["1", "2", "3", "4", "5"]}}, "media.media_ids"),
    ("/2/tweets", {"text": "x", "quote_tweet_id": "5", "poll": {"options": ["a", "b"], "duration_minutes": 60}},
     "quote_tweet_id"),
    ("/2/lists", {}, "name"), ("/2/lists", {"name": ""}, "name"), ("/2/lists", {"name": "x" * 26}, "name"),
    ("/2/lists", {"name": "x", "description": "y" * 101}, "description"), ("/2/lists", {"name": "x", "private": 0}, "private"),
    ("/2/users/ME/likes", {}, "tweet_id"), ("/2/users/ME/likes", {"tweet_id": ["5"]}, "tweet_id"),
    ("/2/users/ME/likes", {"tweet_id": "9" * 19}, "tweet_id"), ("/2/users/ME/likes", {"post_id": "5"}, "post_id"),
    ("/2/dm_conversations", {"participant_ids": ["5", "6"], "message": {"text": "x"}}, "conversation_type"),
    ("/2/dm_conversations", {"conversation_type": "Pair", "participant_ids": ["5", "6"], "message": {"text": "x"}},
     "conversation_type"),
    ("/2/dm_conversations", {"conversation_type": "Group", "participant_ids": ["5"], "message": {"text": "x"}},
     "participant_ids"),
    ("/2/dm_conversations", {"conversation_type": "Group", "participant_ids": ["5", "6"]}, "message.text"),
    ("/2/dm_conversations/with/5/messages", {"attachments": [{"media": "5"}]}, "attachments.media"),
    ("/2/dm_conversations/with/5/messages", {"attachments": {"media_id": "5"}}, "attachments"),
    ("/2/dm_conversations/with/5/messages", {"attachments": ["5"]}, "attachments[]"),
    ("/2/dm_conversations/with/5/messages", {"text": "x" * 10_001}, "text"),
])
def test_a_body_x_would_refuse_is_a_400_that_names_the_place(server, send, path, body, named):
    before = len(server.community.posts)
    answer = send("POST", path.replace("ME", server.user_id), body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"].endswith("/invalid-request")
    assert named in [name for error in answer.json()["errors"] for name in error["parameters"]], answer.text
    assert len(server.community.posts) == before


def test_all_that_is_wrong_with_a_body_comes_at_once(send):
    answer = send("POST", "/2/lists", {"name": "x" * 26, "private": "yes", "colour": "red"})
    assert {name for error in answer.json()["errors"] for name in error["parameters"]} == {"name", "private", "colour"}


@pytest.mark.parametrize("raw", [b"{", b"[1]", b'"text"', b"\xff"])
def test_a_body_that_is_no_json_object_is_a_400(server, session, raw):
    headers = {"Authorization": "Bearer sandbox-user", "Content-Type": "application/json"}
    answer = session.post(server.url + "/2/tweets", data=raw, headers=headers, timeout=20)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/invalid-request")


def test_writes_are_for_people_and_for_their_own_account(server, send):
    other = somebody(server)
    assert send("POST", "/2/tweets", {"text": "x"}, token="sandbox").status_code == 403
    for method, path, body in (
        ("POST", "likes", {"tweet_id": "5"}), ("DELETE", "likes/5", None), ("POST", "bookmarks", {"tweet_id": "5"}),
        ("POST", "retweets", {"tweet_id": "5"}), ("POST", "following", {"target_user_id": "5"}),
        ("DELETE", "following/5", None), ("DELETE", "muting/5", None), ("POST", "pinned_lists", {"list_id": "5"}),
    ):
        answer = send(method, f"/2/users/{other.id}/{path}", body)
        assert answer.status_code == 403, path
        assert server.user_id in answer.json()["detail"]


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

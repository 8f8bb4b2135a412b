"""Writing to the sandbox over HTTP: every action, posting, and bodies X would refuse."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox.servers import ids, metrics, original, own, somebody, written_to
from xframes import registry
from xframes.sandbox.handlers import HANDLERS, RAW
from xframes.sandbox.world.draft import weight

server = pytest.fixture(written_to)


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

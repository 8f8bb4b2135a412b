"""The sandbox's answers against the response schemas X publishes: every key and every type, in both vocabularies."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime

import pytest
import requests

from tests.specifications import specification
from xframes import sandbox, schema

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
# 2.159 does not declare these of problems about a field; recorded answers have them.
RECORDED = {"parameter", "value", "resource_id"}
# Fields of posts that came in tweet words between the two specifications.
SINCE = {"paid_partnership", "matched_media_notes", "note_request_suggestions"}


class Spec:
    """Compares values with the schemas of one specification; `wrong` lists what does not fit."""

    def __init__(self, words):
        self.document = specification(words)
        self.words = words
        self.wrong = []

    def resolved(self, node):
        while "$ref" in node:
            node = self.document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return node

    def check_answer(self, template, body, method="get", status=200):
        answers = self.document["paths"][template][method]["responses"]
        self.wrong = []
        # Lists are made with a 201 by X and in 2.167; 2.159 declares a 200.
        found = answers.get(str(status)) or answers["200"]
        self.check(body, found["content"]["application/json"]["schema"], "")
        return self.wrong

    def chosen(self, value, node):
        """The schema of this value: where a discriminator decides, the one it names."""
        node = self.resolved(node)
        named = node.get("discriminator", {})
        target = named.get("mapping", {}).get(value.get(named.get("propertyName"))) if isinstance(value, dict) else None
        return self.resolved({"$ref": target}) if target else node

    def properties(self, node):
        node = self.resolved(node)
        found, required = dict(node.get("properties", {})), set(node.get("required", ()))
        for part in node.get("allOf", ()):
            more, needed = self.properties(part)
            found |= more
            required |= needed
        return found, required

    def check(self, value, node, at):
        node = self.chosen(value, node)
        kind = node.get("type") or ("object" if self.properties(node)[0] else None)
        if kind and (not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
            self.wrong.append((at, f"{value!r:.40} is no {kind}"))
        elif kind == "string" and "enum" in node:  # which may be at odds with a pattern beside it
            if value not in node["enum"]:
                self.wrong.append((at, f"{value} is none of {node['enum']}"))
        elif kind == "string" and not re.search(node.get("pattern", ""), value):
            self.wrong.append((at, f"{value} does not match {node['pattern']}"))
        elif kind == "array":
            for item in value:
                self.check(item, node["items"], f"{at}[]")
        elif kind == "object":
            self.check_object(value, node, at)

    def check_object(self, value, node, at):
        declared, required = self.properties(node)
        self.wrong += [(at, f"{name} is missing") for name in required - value.keys()]
        for name, inner in value.items():
            if name in declared:
                self.check(inner, declared[name], f"{at}.{name}")
            elif declared and not self.may_be_asked(name, at):
                self.wrong.append((at, f"{name} is not in the specification"))

    def may_be_asked(self, name, at):
        """Fields the parameters of 2.159 list and its objects lack."""
        kind = {"data": "post", "tweets": "post", "posts": "post", "users": "user", "media": "media", "errors": "errors"}.get(
            at.replace("[]", "").rsplit(".", 1)[-1], "")
        if at == ".errors[]":
            return name in RECORDED
        if kind == "post" and name in SINCE:
            return True
        parameter = {"post": "tweet.fields", "user": "user.fields", "media": "media.fields"}.get(kind)
        listed = [p for path in self.document["paths"].values() for p in path.get("get", {}).get("parameters", ())]
        named = [self.document["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in listed]
        more = {"user.fields", "media.fields", "community.fields"} if at.startswith(".data") else set()
        kinds = {parameter, *more}
        return any(name in p["schema"].get("items", {}).get("enum", ()) for p in named if p["name"] in kinds)


def asking_fully(words):
    """A function that gives the parameters asking for every field and expansion of an object, and more."""

    def full(kind, **more):
        fields = {schema.fields_param(o, words): ",".join(schema.fields(o, words, owner=True)) for o in schema.COMPANIONS[kind]}
        expansions = {"expansions": ",".join(schema.EXPANSIONS[words][kind])} if kind in schema.EXPANSIONS[words] else {}
        return fields | expansions | more

    return full


@pytest.fixture(scope="module", params=["tweet", "post"])
def answers(request):
    """One answer of every action the first collectors use, with everything asked for: [(path template, body)]."""
    words = request.param
    full = asking_fully(words)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with sandbox.start(posts=2000, users=150, now=now, words=words, rate_limits=False) as made, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {made.bearer_token}"
        people, posts = made.community.people, made.community.posts.values()
        loudest = max(made.community.by_author, key=lambda author: len(made.community.by_author[author]))
        unlisted = ",".join(str(p.id) for p in posts if not p.listed)[: 20 * 90 - 1]
        asked = [
            ("/2/tweets/search/recent", {}, full("post", query="the OR a", max_results=100)),
            ("/2/tweets/search/all", {}, full("post", query="the OR a", max_results=100)),
            ("/2/tweets/counts/recent", {}, {"query": "the"}),
            ("/2/tweets/counts/all", {}, {"query": "the", "granularity": "day", "start_time": "2025-06-01T00:00:00Z"}),
            ("/2/tweets", {}, full("post", ids=unlisted.rpartition(",")[0])),
            ("/2/tweets/{id}", {"id": made.community.listed[-1].id}, full("post")),
            ("/2/users", {}, full("user", ids=",".join(map(str, list(people)[:100])))),
            ("/2/users/by/username/{username}", {"username": people[loudest].username}, full("user")),
            ("/2/users/{id}/tweets", {"id": loudest}, full("post", max_results=100)),
            ("/2/users/{id}/mentions", {"id": loudest}, full("post", max_results=100)),
        ]
        found = []
        for template, args, params in asked:
            answer = session.get(made.url + template.format(**args), params=params, timeout=30)
            assert answer.status_code == 200, answer.text[:300]
            found.append((template, answer.json()))
    return words, found


def test_everything_the_sandbox_says_is_in_the_specification(answers):
    words, found = answers
    spec = Spec(words)
    for template, body in found:
        assert spec.check_answer(template, body) == [], template
    assert {kind for _, body in found for kind in body.get("includes", {})} >= {"users", "media", "polls", "places"}
    assert sum("errors" in body for _, body in found) >= 6


def test_what_is_not_in_the_specification_would_be_found(answers):
    words, found = answers
    spec = Spec(words)
    template, body = found[0]
    for change in (
        lambda b: b["data"][0].update(colour="red"), lambda b: b["data"][0].update(text=5),
        lambda b: b["meta"].update(next_tokens="x"), lambda b: b["includes"]["users"][0].update(verified="yes"),
        lambda b: b["includes"]["media"][0].update(size=1), lambda b: b["errors"][0].update(reason="why"),
        lambda b: b["data"][0].update(public_metrics={"likes": 1}), lambda b: b.update(datum=[]),
    ):
        spoilt = copy.deepcopy(body)
        change(spoilt)
        assert spec.check_answer(template, spoilt), change


@pytest.fixture(scope="module", params=["tweet", "post"])
def person(request):
    """A person's requests to a sandbox of either vocabulary: `ask(method, template, path values, params, body)`."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    spec = Spec(request.param)
    started = sandbox.start(posts=1000, users=100, now=now, words=request.param, rate_limits=False)
    with started as made, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {made.user_token}"

        def ask(method, template, values=None, params=None, body=None):
            url = made.url + template.format(**(values or {}))
            answer = session.request(method, url, params=params, json=body, timeout=30)
            assert answer.status_code in {200, 201}, answer.text
            said = answer.json()
            assert spec.check_answer(template, said, method.lower(), answer.status_code) == [], template
            return said

        yield made, asking_fully(request.param), ask


def test_what_people_keep_and_say_to_each_other_is_in_the_specification(person):
    made, full, ask = person
    community, me = made.community, made.user_id
    post = max(community.likers, key=lambda number: len(community.likers[number]))
    quoted = max(community.referring, key=lambda r: (r[0] == "quoted", len(community.referring[r])))[1]
    shared = next(each.id for each in community.lists.values() if not each.private and each.followers)
    space = next(each for each in community.spaces.values() if each.creator.id == int(me))
    talk = community.mail(community.people[int(me)])[0]
    other = next(p.id for p in talk.people if p.id != int(me))
    people, posts = full("user", max_results=50), full("post", max_results=50)
    lists, spaces, events = full("list", max_results=50), full("space"), full("dm", max_results=100)
    for template, values, params in (
        ("/2/users/{id}", {"id": me}, full("user")), ("/2/users/me", {}, full("user")),
        ("/2/users/by", {}, full("user", usernames=",".join(p.username for p in list(community.people.values())[:60]))),
        ("/2/users/{id}/followers", {"id": me}, people), ("/2/users/{id}/following", {"id": me}, people),
        ("/2/users/{id}/blocking", {"id": me}, people), ("/2/users/{id}/muting", {"id": me}, people),
        ("/2/users/{id}/bookmarks", {"id": me}, posts), ("/2/users/{id}/liked_tweets", {"id": me}, posts),
        ("/2/users/{id}/timelines/reverse_chronological", {"id": me}, posts),
        ("/2/users/{id}/followed_lists", {"id": other}, lists), ("/2/users/{id}/owned_lists", {"id": me}, lists),
        ("/2/users/{id}/list_memberships", {"id": me}, lists), ("/2/users/{id}/pinned_lists", {"id": me}, full("list")),
        ("/2/tweets/{id}/quote_tweets", {"id": quoted}, posts), ("/2/tweets/{id}/liking_users", {"id": post}, people),
        ("/2/tweets/{id}/retweeted_by", {"id": post}, people), ("/2/lists/{id}", {"id": shared}, full("list")),
        ("/2/lists/{id}/tweets", {"id": shared}, posts), ("/2/lists/{id}/members", {"id": shared}, people),
        ("/2/lists/{id}/followers", {"id": shared}, people),
        ("/2/spaces/search", {}, full("space", query="hour", state="all")),
        ("/2/spaces", {}, full("space", ids=",".join([*community.spaces, "1nobodyknows1"]))),
        ("/2/spaces/by/creator_ids", {}, full("space", user_ids=me)), ("/2/spaces/{id}", {"id": space.id}, spaces),
        ("/2/spaces/{id}/buyers", {"id": space.id}, people), ("/2/dm_events", {}, events),
        ("/2/dm_conversations/{id}/dm_events", {"id": talk.id}, events),
        ("/2/dm_conversations/with/{participant_id}/dm_events", {"participant_id": other}, events),
    ):
        body = ask("GET", template, values, params)
        assert body.get("data") or body["meta"] == {"result_count": 0}, template
    assert ask("GET", "/2/dm_events", None, events)["includes"].keys() >= {"users", "media"}


def test_what_is_beyond_the_listing_is_in_the_specification(person):
    made, full, ask = person
    community, me = made.community, made.user_id
    reposted = max(community.referring, key=lambda r: (r[0] == "retweeted", len(community.referring[r])))[1]
    firm = next(each.employer for each in community.people.values() if each.employer)
    event = community.mail(community.people[int(me)])[0].events[0]
    people, posts = full("user", max_results=50), full("post", max_results=50)
    keys, media = list(community.media)[:20], {"media.fields": posts["media.fields"]}
    found = {}
    for template, values, params in (
        ("/2/tweets/{id}/retweets", {"id": reposted}, posts), ("/2/users/reposts_of_me", {}, posts),
        ("/2/users/search", {}, {**people, "query": firm.username}), ("/2/users/{id}/affiliates", {"id": firm.id}, people),
        ("/2/media", {}, {"media_keys": ",".join([*keys, "3_1"]), **media}),
        ("/2/media/{media_key}", {"media_key": keys[0]}, media),
        ("/2/dm_events/{event_id}", {"event_id": event.id}, full("dm")), ("/2/users/personalized_trends", {}, {}),
        ("/2/spaces/{id}/tweets", {"id": next(iter(community.spaces))}, posts),
        ("/2/users/{id}/bookmarks/folders", {"id": me}, {}),
        ("/2/communities/search", {}, full("community", query="people")),
        ("/2/news/search", {}, full("news", query="people")),
    ):
        body = ask("GET", template, values, params)
        assert body.get("data") or template.endswith("trends"), template
        found[template] = body
    folder, story, group = (found[t]["data"][0] for t in (
        "/2/users/{id}/bookmarks/folders", "/2/news/search", "/2/communities/search"))
    ask("GET", "/2/users/{id}/bookmarks/folders/{folder_id}", {"id": me, "folder_id": folder["id"]})
    ask("GET", "/2/news/{id}", {"id": story.get("rest_id") or story["id"]}, full("news"))
    ask("GET", "/2/communities/{id}", {"id": group["id"]}, full("community"))
    ask("GET", "/2/trends/by/woeid/{woeid}", {"woeid": 1})


def test_what_writes_answer_is_in_the_specification(person):
    made, _, ask = person
    community, me = made.community, made.user_id
    mine = {"id": me}
    other = next(str(p.id) for p in community.people.values() if p.standing == "active" and str(p.id) != me)
    post = str(next(p.id for p in community.listed if p.original is None and str(p.author.id) != me))
    said = ask("POST", "/2/tweets", None, None, {"text": "Good morning"})["data"]
    ask("POST", "/2/users/{id}/likes", mine, None, {"tweet_id": post})
    ask("DELETE", "/2/users/{id}/likes/{tweet_id}", mine | {"tweet_id": post})
    ask("POST", "/2/users/{id}/bookmarks", mine, None, {"tweet_id": post})
    ask("DELETE", "/2/users/{id}/bookmarks/{tweet_id}", mine | {"tweet_id": post})
    ask("POST", "/2/users/{id}/retweets", mine, None, {"tweet_id": post})
    ask("DELETE", "/2/users/{id}/retweets/{source_tweet_id}", mine | {"source_tweet_id": post})
    ask("POST", "/2/users/{id}/following", mine, None, {"target_user_id": other})
    ask("DELETE", "/2/users/{source_user_id}/following/{target_user_id}", {"source_user_id": me, "target_user_id": other})
    ask("POST", "/2/users/{id}/muting", mine, None, {"target_user_id": other})
    ask("DELETE", "/2/users/{source_user_id}/muting/{target_user_id}", {"source_user_id": me, "target_user_id": other})
    reply = ask("POST", "/2/tweets", None, None, {"text": "And you?", "reply": {"in_reply_to_tweet_id": said["id"]}})["data"]
    ask("PUT", "/2/tweets/{tweet_id}/hidden", {"tweet_id": reply["id"]}, None, {"hidden": True})
    ask("DELETE", "/2/tweets/{id}", {"id": said["id"]})
    kept = ask("POST", "/2/lists", None, None, {"name": "Neighbours"})["data"]["id"]
    ask("PUT", "/2/lists/{id}", {"id": kept}, None, {"description": "From down the road"})
    ask("POST", "/2/lists/{id}/members", {"id": kept}, None, {"user_id": other})
    ask("DELETE", "/2/lists/{id}/members/{user_id}", {"id": kept, "user_id": other})
    ask("POST", "/2/users/{id}/followed_lists", mine, None, {"list_id": kept})
    ask("DELETE", "/2/users/{id}/followed_lists/{list_id}", mine | {"list_id": kept})
    ask("POST", "/2/users/{id}/pinned_lists", mine, None, {"list_id": kept})
    ask("DELETE", "/2/users/{id}/pinned_lists/{list_id}", mine | {"list_id": kept})
    ask("DELETE", "/2/lists/{id}", {"id": kept})
    sent = ask("POST", "/2/dm_conversations/with/{participant_id}/messages", {"participant_id": other}, None, {"text": "Hi"})
    ask("POST", "/2/dm_conversations/{dm_conversation_id}/messages", sent["data"], None, {"text": "Are you there?"})
    third = next(str(p.id) for p in community.people.values() if p.standing == "active" and str(p.id) not in {me, other})
    ask("POST", "/2/dm_conversations", None, None, {
        "conversation_type": "Group", "participant_ids": [other, third], "message": {"text": "Hello, both"}})

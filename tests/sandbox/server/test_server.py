"""The sandbox over HTTP, asked directly: what it is, both vocabularies, and what X refuses."""

from __future__ import annotations

import gc
import http.client
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import requests

from tests.sandbox.servers import ALL, NOW, QUERY, RECENT
from xframes import sandbox, schema
from xframes.errors import ConfigError
from xframes.sandbox import Fault
from xframes.sandbox.world.snowflakes import snowflake
from xframes.schema.words import RENAMES


def everything(objects, words="tweet"):
    """The parameters that ask for all fields and expansions of an object and its companions."""
    asked = {schema.fields_param(o, words): ",".join(schema.fields(o, words)) for o in schema.COMPANIONS[objects]}
    return asked | {"expansions": ",".join(schema.EXPANSIONS[words][objects])}



# deterministic, local, well-behaved ----------------------------------------------------------------------------------


def test_the_same_seed_and_now_give_the_same_bytes(ask):
    asked = [(RECENT, everything("post") | {"query": QUERY, "max_results": 100}), (RECENT, {"query": QUERY}),
             ("/2/tweets/counts/recent", {"query": QUERY}), (RECENT, {"query": "("}), ("/2/users", {"ids": "12,13"})]

    def bodies(seed, now=NOW):
        with sandbox.start(seed=seed, posts=200, users=40, now=now) as made:
            return [ask(path, params, at=made).content for path, params in asked * 2]

    first = bodies(3)
    assert first == bodies(3)
    assert first[0] != bodies(4)[0]
    assert first[0] != bodies(3, NOW + timedelta(seconds=1))[0]


def test_it_listens_on_this_machine_only(server):
    assert server.url == f"http://127.0.0.1:{server.port}"
    with socket.create_connection(("127.0.0.1", server.port), 2) as made:
        assert made.getpeername()[0] == "127.0.0.1"
    with pytest.raises(OSError, match=r".+"):  # every other address of the loopback network, like those outside it
        socket.create_connection(("127.0.0.2", server.port), 2).close()


def test_a_taken_port_impossible_sizes_and_naive_times_are_refused(server):
    with pytest.raises(ConfigError, match=f"cannot listen on port {server.port}.*port=0"):
        sandbox.start(port=server.port, posts=1, users=3)
    for wrong, words in (({"posts": 0}, "at least 1 post"), ({"now": datetime(2026, 3, 1)}, "aware"),  # noqa: DTZ001  naive on purpose
                         ({"words": "toot"}, "'tweet' or 'post'"), ({"bearer_token": ""}, "bearer_token")):
        with pytest.raises(ValueError, match=words):
            sandbox.start(**wrong)


def test_one_connection_serves_many_requests_even_those_that_bring_a_body(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": f"Bearer {server.bearer_token}"}
    held = None
    for method, path, body in (("GET", "/2/tweets?ids=12", None), ("POST", "/2/tweets", b'{"text":"GET /2/tweets"}'),
                               ("GET", f"{RECENT}?query=the", None), ("GET", "/nowhere", None),
                               ("DELETE", "/2/tweets/1", b""), ("GET", f"{RECENT}?query=the", None)):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        assert answer.version == 11
        answer.read()
        assert held in (None, connection.sock)
        held = connection.sock
        assert held is not None
    assert answer.status == 200
    connection.close()


def test_what_was_asked_is_listed_without_credentials(server, ask):
    before = len(server.requests)
    ask("/2/tweets/20", {"tweet.fields": "lang"}, token=server.user_token)
    ask("/2/nothing", token=None)
    found = server.requests[before:]
    assert [(a.method, a.path, a.params, a.action) for a in found] == [
        ("GET", "/2/tweets/20", {"tweet.fields": "lang"}, "posts.get"), ("GET", "/2/nothing", {}, None)]
    assert server.user_token not in repr(found)


def test_many_threads_are_answered(server, ask):
    before = len(server.requests)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: requests.get(
            server.url + RECENT, {"query": QUERY, "max_results": 10 + n}, timeout=20,
            headers={"Authorization": f"Bearer {server.bearer_token}"}).json(), range(48)))
    assert [a["meta"]["result_count"] for a in answers] == [10 + n for n in range(48)]
    assert len(server.requests) - before == 48


def test_a_stopped_sandbox_leaves_nothing_behind(ask, capfd):
    threads = threading.active_count()
    made = sandbox.start(posts=50, users=10, now=NOW, faults=[Fault("slow", at=2, seconds=0.3)])
    lost = []

    def wait():
        try:
            ask(RECENT, {"query": "a"}, at=made)
        except requests.ConnectionError as error:
            lost.append(error)

    waiting = threading.Thread(target=wait)
    with requests.Session() as kept:
        kept.get(made.url + RECENT, timeout=20)  # leaves its connection open
        waiting.start()
        while len(made.requests) < 2:
            time.sleep(0.01)
        assert "listening: 50 posts by 10 people" in repr(made)
        made.stop()
        waiting.join()
        made.stop()
        with pytest.raises(requests.ConnectionError):
            kept.get(made.url, timeout=5)
    until = time.monotonic() + 60
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.02)
    assert threading.active_count() <= threads
    assert lost
    assert "stopped" in repr(made)
    gc.collect()  # a socket left open would warn here, and warnings are errors
    assert capfd.readouterr() == ("", "")


def test_a_client_that_hangs_up_is_no_reason_for_noise(server, ask, capfd):
    for text in (b"GET / HT", f"GET {ALL}?query=a&max_results=500 HTTP/1.1\r\n\r\n".encode(), b"\xff\x00\r\n\r\n",
                 b"POST /2/tweets HTTP/1.1\r\nContent-Length: 50\r\n\r\nshort"):
        with socket.create_connection(("127.0.0.1", server.port), 2) as made:
            made.sendall(text)
    time.sleep(0.1)
    assert ask(RECENT, {"query": "the"}).status_code == 200
    assert capfd.readouterr() == ("", "")


# two vocabularies ----------------------------------------------------------------------------------------------------


def keys(value):
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in keys(v)}
    return {k for v in value for k in keys(v)} if isinstance(value, list) else set()


def test_answers_speak_one_vocabulary_and_requests_may_use_either(server, ask):
    new = {"retweet_count": "repost_count", "tweet_count": "post_count", "tweets": "posts", **RENAMES}
    with sandbox.start(posts=1500, users=120, now=NOW, words="post") as renamed:
        seen = {}
        for words, at in (("tweet", server), ("post", renamed)):
            answers = [ask(RECENT, everything("post", asked) | {"query": QUERY, "max_results": 100}, at=at)
                       for asked in ("tweet", "post")]
            assert [a.status_code for a in answers] == [200, 200]
            seen[words] = [keys(a.json()) for a in answers]
            found = [{p["id"] for p in a.json()["data"]} for a in answers]
            assert found[0] == found[1]
        for old, renamed_keys in zip(seen["tweet"], seen["post"], strict=True):
            assert {new.get(name, name) for name in old} - {"annotations"} >= renamed_keys - {"media_count"}
            assert not old & set(new.values())
            assert not renamed_keys & new.keys()
        assert seen["tweet"][0] >= new.keys()
        count = ask("/2/tweets/counts/recent", {"query": "the"}, at=renamed).json()
        assert count["meta"]["total_post_count"] == sum(b["post_count"] for b in count["data"]) > 0


def test_nothing_but_the_default_fields_comes_unasked(ask):
    (post, *_) = ask(RECENT, {"query": QUERY}).json()["data"]
    assert post.keys() == {"id", "text", "edit_history_tweet_ids"}
    body = ask(RECENT, {"query": QUERY, "expansions": "author_id", "user.fields": "verified"}).json()
    assert body["data"][0].keys() == {"id", "text", "edit_history_tweet_ids", "author_id"}
    assert body["includes"].keys() == {"users"}
    assert body["includes"]["users"][0].keys() == {"id", "name", "username", "verified"}


# refusals ------------------------------------------------------------------------------------------------------------

OLD, LATE = "2026-02-01T00:00:00Z", "2026-03-10T11:59:55Z"


@pytest.mark.parametrize(("path", "params", "named"), [
    (RECENT, {"query": "a", "colour": "red"}, "colour"),
    (RECENT, {"query": "a", "tweets.fields": "id"}, "tweets.fields"),
    (RECENT, {}, "query"),
    (RECENT, {"query": ""}, "query"),
    (RECENT, {"query": "a" * 513}, "query"),
    (RECENT, {"query": "(a OR"}, "query"),
    (RECENT, {"query": "is:nullcast-y"}, "query"),
    (RECENT, {"query": "a", "max_results": "9"}, "max_results"),
    (RECENT, {"query": "a", "max_results": "101"}, "max_results"),
    (RECENT, {"query": "a", "max_results": "ten"}, "max_results"),
    (ALL, {"query": "a", "max_results": "501"}, "max_results"),
    (RECENT, {"query": "a", "sort_order": "newest"}, "sort_order"),
    (RECENT, {"query": "a", "tweet.fields": "id,nothing"}, "tweet.fields"),
    (RECENT, {"query": "a", "post.fields": ""}, "post.fields"),
    (RECENT, {"query": "a", "expansions": "author"}, "expansions"),
    (RECENT, {"query": "a", "start_time": "2026-03-09"}, "start_time"),
    (RECENT, {"query": "a", "start_time": "2026-03-09T25:00:00Z"}, "start_time"),
    (RECENT, {"query": "a", "start_time": "2026-03-09T10:00:00"}, "start_time"),
    (RECENT, {"query": "a", "start_time": OLD}, "start_time"),
    (RECENT, {"query": "a", "end_time": LATE}, "end_time"),
    (RECENT, {"query": "a", "start_time": "2026-03-09T10:00:00Z", "end_time": "2026-03-09T10:00:00Z"}, "end_time"),
    (ALL, {"query": "a", "start_time": "2026-03-09T10:00:00Z", "end_time": "2026-03-08T10:00:00Z"}, "end_time"),
    (RECENT, {"query": "a", "since_id": "x"}, "since_id"),
    (RECENT, {"query": "a", "since_id": "12"}, "since_id"),
    (ALL, {"query": "a", "since_id": "20", "until_id": "20"}, "until_id"),
    (ALL, {"query": "a", "since_id": "20", "start_time": OLD}, "since_id"),
    (RECENT, {"query": "a", "start_time": "2026-03-09T10:00:00Z", "until_id": str(2**62)}, "until_id"),
    (ALL, {"query": "a", "end_time": "2026-03-09T10:00:00Z", "since_id": "20"}, "since_id"),
    (ALL, {"query": "a", "tweet.fields": "id,context_annotations", "max_results": "101"}, "max_results"),
    (RECENT, {"query": "a", "next_token": "abc"}, "next_token"),
    ("/2/tweets/counts/recent", {"query": "a", "granularity": "week"}, "granularity"),
    ("/2/tweets/counts/recent", {"query": "a", "max_results": "10"}, "max_results"),
    ("/2/tweets", {}, "id"),
    ("/2/tweets", {"ids": "1,x"}, "id"),
    ("/2/tweets", {"ids": ",".join(map(str, range(1, 102)))}, "id"),
    ("/2/tweets/abc", {}, "id"),
    ("/2/users", {"ids": "99999999999999999999"}, "id"),
    ("/2/users/by/username/a-b", {}, "username"),
    ("/2/users/12/tweets", {"max_results": "4"}, "max_results"),
    ("/2/users/12/tweets", {"exclude": "quotes"}, "exclude"),
    ("/2/users/12/tweets", {"start_time": "2010-01-01T00:00:00Z"}, "start_time"),
    ("/2/users/12/mentions", {"exclude": "replies"}, "exclude"),
])
def test_what_x_refuses_is_a_400_that_names_the_parameter(ask, path, params, named):
    answer = ask(path, params)
    problem = answer.json()
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (problem["title"], problem["type"].rsplit("/", 1)[1]) == ("Invalid Request", "invalid-request")
    assert [list(error["parameters"]) for error in problem["errors"]] == [[named]]
    assert all(error["message"] for error in problem["errors"])


def test_all_complaints_come_at_once(ask):
    errors = ask(RECENT, {"query": "", "max_results": "1", "x": "y"}).json()["errors"]
    assert Counter(name for e in errors for name in e["parameters"]) == {"query": 1, "max_results": 1, "x": 1}


def test_the_edges_of_what_x_takes_are_taken(ask):
    week = (NOW - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for params in ({"start_time": week}, {"end_time": "2026-03-10T11:59:50Z"}, {"max_results": "10"},
                   {"max_results": "100"}, {"start_time": "2026-03-09T10:00:00+02:00"},
                   {"since_id": str(snowflake(int((NOW - timedelta(days=6)).timestamp() * 1000)))}):
        assert ask(RECENT, {"query": "a" * 512} | params).status_code == 200, params
    assert ask("/2/tweets", {"ids": ",".join(map(str, range(1, 101)))}).status_code == 200
    assert ask(ALL, {"query": "a", "start_time": "2007-01-01T00:00:00Z", "max_results": "500"}).status_code == 200


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Basic sandbox", "sandbox", "Bearer sand box"])
def test_without_a_known_credential_it_is_a_401(server, session, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = session.get(server.url + RECENT, params={"query": "a"}, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")


def test_the_wrong_kind_of_credential_is_a_403_that_names_the_right_ones(server, ask):
    answer = ask("/2/tweets/counts/all", {"query": "a"}, token=server.user_token)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/unsupported-authentication")
    assert "[OAuth 2.0 Application-Only]" in answer.json()["detail"]
    answer = ask(f"/2/users/{server.user_id}/timelines/reverse_chronological")
    assert answer.status_code == 403
    assert "[OAuth 1.0a User Context, OAuth 2.0 User Context]" in answer.json()["detail"]


def test_paths_x_does_not_have_are_a_404(ask):
    for path in ("/", "/2", "/2/tweets/1/nothing", "/1.1/statuses/show.json", "/2/tweets/search/recent/x"):
        assert ask(path).status_code == 404, path

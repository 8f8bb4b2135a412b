"""The sandbox's answers over HTTP: rate limits, what cannot be shown, counts, pages, and every fault on the wire."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from datetime import timedelta

import pytest
import requests

from tests.sandbox.servers import ALL, NOW, QUERY, RECENT
from xframes import registry, sandbox
from xframes.sandbox import Fault
from xframes.sandbox.server.rate_limits import Limits


def loudest(server, standing="active"):
    people = [p for p in server.community.people.values() if p.standing == standing]
    return max(people, key=lambda p: len(server.community.by_author.get(p.id, ())))


# rate limits ---------------------------------------------------------------------------------------------------------


def test_every_answer_tells_the_rate_limit_and_the_last_is_a_429(ask):
    params = {"query": "zebra"}
    with sandbox.start(posts=5, users=5, now=NOW) as made:
        left = [int(ask("/2/tweets/counts/recent", params, at=made).headers["x-rate-limit-remaining"]) for _ in range(300)]
        assert left == list(range(299, -1, -1))
        refused = ask("/2/tweets/counts/recent", params, at=made)
        assert (refused.status_code, refused.json()["title"]) == (429, "Too Many Requests")
        assert refused.headers["x-rate-limit-limit"] == "300"
        assert refused.headers["x-rate-limit-remaining"] == "0"
        assert 0 < int(refused.headers["x-rate-limit-reset"]) - time.time() <= 901
        assert ask(RECENT, params, at=made).headers["x-rate-limit-limit"] == "450"  # every action has its own,
        mine = ask("/2/tweets/counts/recent", params, token=made.user_token, at=made)  # and so has every person
        assert (mine.status_code, mine.headers["x-rate-limit-remaining"]) == (200, "299")
        for answer in (ask("/x", at=made), ask(RECENT, {}, at=made), ask(RECENT, params, token="no", at=made)):
            assert answer.status_code >= 400
            assert {"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"} <= {h.lower() for h in answer.headers}


def test_two_searches_of_the_archive_in_a_second_are_too_fast(ask):
    now = [1000.0]
    with sandbox.start(posts=5, users=5, now=NOW, clock=lambda: now[0]) as made:
        assert ask(ALL, {"query": "a"}, at=made).status_code == 200
        refused = ask(ALL, {"query": "a"}, at=made)
        assert refused.status_code == 429
        assert int(refused.headers["x-rate-limit-remaining"]) > 0
        now[0] += 1.05
        assert ask(ALL, {"query": "a"}, at=made).status_code == 200


def test_a_window_that_is_over_starts_anew_and_refusals_do_not_count():
    now = [1000.0]
    limits = Limits(enforce=True, clock=lambda: now[0])
    action = registry.action("posts.quotes")
    standings = [limits.count(action, "app") for _ in range(80)]
    assert [s.refused for s in standings] == [False] * 75 + [True] * 5
    assert {s.reset for s in standings} == {1901}
    now[0] = 1899.9
    assert limits.count(action, "app").refused
    now[0] = 1900.0
    assert (limits.count(action, "app").remaining, limits.count(action, "user 1").remaining) == (74, 74)
    assert not any(Limits(enforce=False).count(action, "app").refused for _ in range(99))


# what cannot be shown ------------------------------------------------------------------------------------------------


def test_what_cannot_be_shown_is_a_partial_error_beside_the_rest(server, ask):
    posts = server.community.posts.values()
    live = next(p for p in posts if p.listed)
    deleted = next(p for p in posts if p.state == "deleted" and p.author.standing == "active")
    protected = next(p for p in posts if p.author.standing == "protected" and p.state == "live")
    suspended = next(p for p in posts if p.author.standing == "suspended" and p.state == "live")
    asked = [live, deleted, protected, suspended]
    body = ask("/2/tweets", {"ids": ",".join([*(str(p.id) for p in asked), "7", str(live.id)])}).json()
    assert [p["id"] for p in body["data"]] == [str(live.id)]
    said = {e["resource_id"]: (e["type"].rsplit("/", 1)[1], e["title"], e["parameter"]) for e in body["errors"]}
    gone = ("resource-not-found", "Not Found Error", "ids")
    assert said == {str(deleted.id): gone, "7": gone, str(suspended.id): gone,
                    str(protected.id): ("not-authorized-for-resource", "Authorization Error", "ids")}
    alone = ask(f"/2/tweets/{deleted.id}")
    assert (alone.status_code, alone.json().keys()) == (200, {"errors"})


def test_suspended_and_protected_accounts_are_told_apart(server, ask):
    hidden, banned = loudest(server, "protected"), loudest(server, "suspended")
    body = ask("/2/users", {"ids": f"{hidden.id},{banned.id}", "user.fields": "protected"}).json()
    assert [(u["id"], u["protected"]) for u in body["data"]] == [(str(hidden.id), True)]
    assert [(e["title"], e["resource_id"]) for e in body["errors"]] == [("Forbidden", str(banned.id))]
    for what in ("tweets", "mentions"):
        (error,) = ask(f"/2/users/{hidden.id}/{what}").json()["errors"]
        assert error["type"].endswith("/not-authorized-for-resource")
    (error,) = ask("/2/users/by/username/nobody_at_all").json()["errors"]
    assert (error["value"], error["parameter"]) == ("nobody_at_all", "username")


def test_references_to_what_is_gone_are_partial_errors_of_a_search(ask):
    body = ask(ALL, {"query": QUERY, "max_results": 500, "expansions": "referenced_tweets.id"}).json()
    included = {p["id"] for p in body["includes"]["tweets"]}
    wanted = {r["id"] for p in body["data"] for r in p.get("referenced_tweets", ())}
    missing = {e["resource_id"] for e in body["errors"] if e["parameter"] == "referenced_tweets.id"}
    assert missing
    assert included.isdisjoint(missing)
    assert wanted <= included | missing


# counts and measures -------------------------------------------------------------------------------------------------


def walk(ask, path, params):
    """All pages of a request, following next tokens."""
    answers, more = [], {}
    while True:
        answers.append(ask(path, params | more).json())
        token = answers[-1]["meta"].get("next_token")
        if token is None:
            return answers
        more = {"next_token" if "search" in path or "counts" in path else "pagination_token": token}


@pytest.mark.parametrize("query", ["the", "coffee OR has:media", '"of the" -is:retweet', "zebracorn"])
@pytest.mark.parametrize(("area", "span"), [
    ("recent", {}), ("recent", {"start_time": "2026-03-06T13:14:15Z", "end_time": "2026-03-09T01:02:03Z"}),
    ("all", {}), ("all", {"start_time": "2025-06-01T00:00:30Z"}),
])
def test_counts_agree_with_the_search_of_the_same_query(ask, query, area, span):
    size = {"max_results": "100" if area == "recent" else "500"}
    found = [p for page in walk(ask, f"/2/tweets/search/{area}", {"query": query, "tweet.fields": "created_at", **size, **span})
             for p in page.get("data", ())]
    for granularity in ("day", "hour") if area == "all" else ("day", "hour", "minute"):
        pages = walk(ask, f"/2/tweets/counts/{area}", {"query": query, "granularity": granularity, **span})
        buckets = sorted((b for page in pages for b in page["data"]), key=lambda b: b["start"])
        assert sum(p["meta"]["total_tweet_count"] for p in pages) == sum(b["tweet_count"] for b in buckets) == len(found)
        assert [b["end"] for b in buckets[:-1]] == [b["start"] for b in buckets[1:]]  # no gap, no overlap
        for bucket in buckets if granularity == "day" else ():
            within = sum(bucket["start"] <= p["created_at"] < bucket["end"] for p in found)
            assert within == bucket["tweet_count"]
    if "start_time" in span:
        assert buckets[0]["start"] == span["start_time"].replace("Z", ".000Z")


def test_measures_grow_between_reads_and_never_fall(server, ask):
    young = max((p for p in server.community.listed if p.original is None), key=lambda p: p.likes)
    reads = [ask(f"/2/tweets/{young.id}", {"tweet.fields": "public_metrics"}).json()["data"]["public_metrics"] for _ in range(12)]
    for name in reads[0]:
        values = [r[name] for r in reads]
        assert values == sorted(values)
    assert reads[-1]["like_count"] > reads[0]["like_count"]
    author = [ask(f"/2/users/by/username/{young.author.username}", {"user.fields": "public_metrics"}).json() for _ in range(2)]
    first, second = (a["data"]["public_metrics"]["followers_count"] for a in author)
    assert second > first


# pages ---------------------------------------------------------------------------------------------------------------


def ids(pages):
    return [post["id"] for page in pages for post in page.get("data", ())]


@pytest.mark.parametrize(("path", "sizes"), [(RECENT, (10, 37, 100)), (ALL, (41, 500)), ("tweets", (5, 33)), ("mentions", (5, 7))])
def test_pages_hold_everything_once_newest_first_whatever_their_size(server, ask, path, sizes):
    person = loudest(server)
    held = server.community.by_author[person.id] if path == "tweets" else server.community.mentions[person.id]
    params: dict[str, object] = {}
    if path in (RECENT, ALL):
        params = {"query": f"from:{person.username}"}
        since = NOW - timedelta(days=7) if path == RECENT else (NOW - timedelta(days=30)).replace(hour=0)
        held = [p for p in server.community.by_author[person.id] if p.at >= since.timestamp() * 1000]
    else:
        path = f"/2/users/{person.id}/{path}"
    assert len(held) > 10
    for size in sizes:
        pages = walk(ask, path, params | {"max_results": size})
        assert ids(pages) == [str(p.id) for p in reversed(held)]
        assert [p["meta"]["result_count"] for p in pages[:-1]] == [size] * (len(pages) - 1)
        for page in pages:
            assert (page["meta"]["newest_id"], page["meta"]["oldest_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])


def test_by_relevance_each_post_comes_once_too(ask):
    params = {"query": QUERY, "max_results": 50}
    by_time, by_rank = (ids(walk(ask, RECENT, params | more)) for more in ({}, {"sort_order": "relevancy"}))
    assert len(by_rank) == len(set(by_rank))
    assert sorted(by_rank) == sorted(by_time)
    assert by_rank != by_time


def test_previous_tokens_lead_back_page_by_page(server, ask):
    path = f"/2/users/{loudest(server).id}/tweets"
    pages = walk(ask, path, {"max_results": 7})
    assert "previous_token" not in pages[0]["meta"]
    back = [pages[-1]]
    while "previous_token" in back[0]["meta"]:
        back.insert(0, ask(path, {"max_results": 7, "pagination_token": back[0]["meta"]["previous_token"]}).json())
    assert ids(back) == ids(pages)


def test_a_token_is_good_for_its_own_request_alone(ask):
    token = ask(RECENT, {"query": "the"}).json()["meta"]["next_token"]
    second = ask(RECENT, {"query": "the", "next_token": token}).json()
    assert ids([ask(RECENT, {"query": "the", "pagination_token": token, "tweet.fields": "lang"}).json()]) == ids([second])
    for params in ({"query": "a", "next_token": token}, {"query": "the", "next_token": token[:-1]},
                   {"query": "the", "next_token": token.upper()}, {"query": "the", "next_token": token, "pagination_token": token}):
        assert ask(RECENT, params).status_code == 400, params
    assert ask(ALL, {"query": "the", "next_token": token}).status_code == 400


# faults --------------------------------------------------------------------------------------------------------------

GOOD = {"query": "the", "max_results": 10}


@pytest.mark.parametrize("kind", ["500", "502", "503", "504"])
def test_a_server_error_comes_as_xs_or_its_gateways(server, ask, kind):
    server.faults.add(Fault(kind, times=2))
    for _ in range(2):
        answer = ask(RECENT, GOOD)
        assert answer.status_code == int(kind)
        shown = "text/html" if kind in {"502", "504"} else "application/problem+json"
        assert answer.headers["Content-Type"].startswith(shown)
    assert ask(RECENT, GOOD).status_code == 200
    assert all(fault.done for fault in server.faults)


def test_the_three_kinds_of_429(server, ask):
    began = int(time.time())
    server.faults.add(Fault("rate_limit", at=1, seconds=60), Fault("too_fast", at=2), Fault("usage_capped", at=3))
    limited, fast, capped = (ask(RECENT, GOOD) for _ in range(3))
    assert [a.status_code for a in (limited, fast, capped)] == [429] * 3
    assert limited.headers["x-rate-limit-remaining"] == "0"
    assert began + 59 <= int(limited.headers["x-rate-limit-reset"]) <= time.time() + 60
    assert int(fast.headers["x-rate-limit-remaining"]) > 0
    assert capped.json()["type"].endswith("/usage-capped")
    assert "usage-capped" not in limited.text + fast.text


def test_a_reset_is_a_reset_and_a_cut_body_is_shorter_than_promised(server, ask):
    whole = ask(RECENT, GOOD).content
    server.faults.add(Fault("reset", at=1), Fault("cut", at=2))
    with pytest.raises(requests.ConnectionError, match="Connection reset"):
        ask(RECENT, GOOD)
    with socket.create_connection(("127.0.0.1", server.port), 5) as made:
        made.sendall(f"GET {RECENT}?query=the&max_results=10 HTTP/1.1\r\nAuthorization: Bearer sandbox\r\n\r\n".encode())
        received = b""
        while part := made.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(whole)}".encode() in head
    assert body == whole[: len(whole) // 2]


def test_faults_are_no_reason_for_noise(server, ask, capfd):
    server.faults.add(*(Fault(kind, at=at) for at, kind in enumerate(["reset", "cut", "html", "503"] * 3, 1)))
    for _ in range(12):
        with contextlib.suppress(requests.RequestException):
            ask(RECENT, GOOD)
    assert all(fault.done for fault in server.faults)
    time.sleep(0.1)
    assert capfd.readouterr() == ("", "")


def test_html_and_broken_json_come_with_a_200(server, ask):
    server.faults.add(Fault("html", at=1), Fault("invalid_json", at=2))
    page, broken = ask(RECENT, GOOD), ask(RECENT, GOOD)
    assert (page.status_code, broken.status_code) == (200, 200)
    assert page.headers["Content-Type"].startswith("text/html")
    assert broken.headers["Content-Type"].startswith("application/json")
    for answer in (page, broken):
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.text)


def test_slow_is_right_but_late(server, ask):
    server.faults.add(Fault("slow", seconds=0.4))
    began = time.monotonic()
    assert len(ask(RECENT, GOOD).json()["data"]) == 10
    assert time.monotonic() - began >= 0.4


def test_a_repeated_cursor_is_the_token_that_was_asked_with(server, ask):
    token = ask(RECENT, GOOD).json()["meta"]["next_token"]
    right = ask(RECENT, GOOD | {"next_token": token}).json()
    server.faults.add(Fault("repeat_cursor"))
    wrong = ask(RECENT, GOOD | {"next_token": token}).json()
    assert wrong["meta"]["next_token"] == token != right["meta"]["next_token"]
    assert ids([wrong]) == ids([right])


@pytest.mark.parametrize("at", [1, 2])
def test_an_empty_page_withholds_no_row(server, ask, at):
    whole = ids(walk(ask, RECENT, GOOD))
    server.faults.add(Fault("empty_page", at=at, times=2))
    pages = walk(ask, RECENT, GOOD)
    assert [p["meta"]["result_count"] for p in pages[at - 1 : at + 1]] == [0, 0]
    assert ["data" in p for p in pages[at - 1 : at + 1]] == [False, False]
    assert ids(pages) == whole
    tokens = [p["meta"]["next_token"] for p in pages[:-1]]
    assert len(tokens) == len(set(tokens))


def test_money_and_limits_of_a_day_are_said_as_x_says_them(server, ask):
    server.faults.add(Fault("credits_depleted"), Fault("daily_limit", at=2, seconds=72_000), Fault("lost_page", at=3))
    broke, limited, lost = (ask(RECENT, GOOD) for _ in range(3))
    assert (broke.status_code, broke.json()["type"].rsplit("/", 1)[-1]) == (402, "credits-depleted")
    assert (limited.status_code, limited.headers["x-app-limit-24hour-remaining"]) == (429, "0")
    assert int(limited.headers["x-rate-limit-remaining"]) > 0
    assert lost.json() == {"meta": {"result_count": 0}}


def test_a_fault_may_concern_large_pages_only(server, ask):
    server.faults.add(Fault("503", above=50, times=9))
    assert [ask(RECENT, GOOD | {"max_results": size}).status_code for size in ("100", "50", "51")] == [503, 200, 503]


def test_a_fault_strikes_where_it_should_and_nowhere_else(server, ask):
    server.faults.add(Fault("503", at=2, path="/2/users/*/tweets", times=2))
    asked = [RECENT, "/2/users/1/tweets", "/2/users/1/mentions", "/2/users/2/tweets", RECENT, "/2/users/3/tweets", "/2/users/4/tweets"]
    assert [ask(path, GOOD if path == RECENT else None).status_code for path in asked] == [200, 200, 200, 503, 200, 503, 200]
    for wrong in ({"kind": "fire"}, {"kind": "503", "at": 0}, {"kind": "slow", "seconds": -1}, {"kind": "503", "times": 0}):
        with pytest.raises(ValueError, match="expected"):
            Fault(**wrong)

"""The sandbox's compliance jobs, analytics and usage over HTTP."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.sandbox.servers import HALF_PAST, asking, processing
from xframes import sandbox
from xframes.sandbox.handlers.reads.analytics_reads import media_totals

server = pytest.fixture(processing)


# compliance ----------------------------------------------------------------------------------------------------------


def put(job, ids, **headers):
    return requests.put(job["upload_url"], data="\n".join(ids), headers={"Content-Type": "text/plain"} | headers, timeout=20)


def wait(app, job):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = app("GET", f"/2/compliance/jobs/{job['id']}").json()["data"]
        if found["status"] == "complete":
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def by_reason(server, kind):
    """Ids of each reason, and some without any."""
    community = server.community
    found = {}
    for id, each in (community.posts if kind == "tweets" else community.people).items():
        standing = (each.author if kind == "tweets" else each).standing
        reason = "deleted" if kind == "tweets" and each.state == "deleted" else standing
        found.setdefault(reason, []).append(str(id))
    return found


@pytest.mark.parametrize("kind", ["tweets", "users"])
def test_a_job_says_of_every_id_that_must_go_why(server, app, kind):
    made = app("POST", "/2/compliance/jobs", json={"type": kind, "name": "monthly"})
    job = made.json()["data"]
    assert made.status_code == 200
    assert (job["status"], job["type"], job["name"], job["resumable"]) == ("created", kind, "monthly", False)
    assert job["upload_url"].startswith(server.url)
    reasons = by_reason(server, kind)
    assert requests.get(job["download_url"], timeout=20).status_code == 404
    assert put(job, [id for ids in reasons.values() for id in ids] + ["12", "", "no id"]).status_code == 200
    assert app("GET", f"/2/compliance/jobs/{job['id']}").json()["data"]["status"] == "in_progress"
    assert requests.get(job["download_url"], timeout=20).status_code == 404
    assert wait(app, job)["id"] == job["id"]
    told = [json.loads(line) for line in requests.get(job["download_url"], timeout=20).text.splitlines()]
    assert {(each["id"], each["reason"]) for each in told} == {
        (id, reason) for reason, ids in reasons.items() if reason != "active" for id in ids}
    assert {each["reason"] for each in told} >= {"suspended", "protected"}
    assert {each["action"] for each in told} == {"delete"}
    assert all(each["created_at"].endswith("Z" if kind == "tweets" else "+00:00") for each in told)
    assert kind == "users" or {"redacted_at" in each for each in told} == {True, False}


def test_a_second_job_of_the_same_type_waits_for_the_first(server, app):
    server.compliance.processing_seconds = 60
    first = app("POST", "/2/compliance/jobs", json={"type": "tweets"}).json()["data"]
    put(first, ["12"])
    refused = app("POST", "/2/compliance/jobs", json={"type": "tweets"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "conflict")
    assert app("POST", "/2/compliance/jobs", json={"type": "users"}).status_code == 200
    server.compliance.clock = lambda: time.time() + 61
    assert app("POST", "/2/compliance/jobs", json={"type": "tweets"}).status_code == 200


def test_the_upload_address_is_signed_takes_no_credentials_and_ends_after_a_quarter_of_an_hour(server, app):
    job = app("POST", "/2/compliance/jobs", json={"type": "tweets"}).json()["data"]
    assert put(job, ["1"], Authorization=f"Bearer {server.bearer_token}").status_code == 400
    assert put(job, ["1"], **{"Content-Type": "text/csv"}).status_code == 403
    assert requests.post(job["upload_url"], data="1", timeout=20).status_code == 405
    forged = job["upload_url"][:-1] + ("0" if job["upload_url"][-1] != "0" else "1")
    assert put({"upload_url": forged}, ["1"]).status_code == 403
    assert put({"upload_url": job["download_url"]}, ["1"]).status_code == 405
    server.compliance.clock = lambda: time.time() + 901
    assert put(job, ["1"]).status_code == 400
    assert app("GET", f"/2/compliance/jobs/{job['id']}").json()["data"]["status"] == "expired"


def test_jobs_are_listed_by_type_and_status_and_a_missing_one_is_named(server, app):
    one, two = (app("POST", "/2/compliance/jobs", json={"type": "users"}).json()["data"] for _ in range(2))
    put(one, ["12"])
    wait(app, one)
    found = app("GET", "/2/compliance/jobs", params={"type": "users"}).json()
    assert [each["id"] for each in found["data"]] == [one["id"], two["id"]]
    done = app("GET", "/2/compliance/jobs", params={"type": "users", "status": "complete"}).json()
    assert [each["id"] for each in done["data"]] == [one["id"]]
    assert "data" not in app("GET", "/2/compliance/jobs", params={"type": "tweets"}).json()
    assert app("GET", "/2/compliance/jobs").status_code == 400
    assert app("GET", "/2/compliance/jobs/12").json()["errors"][0]["type"].endswith("resource-not-found")
    for body in ({}, {"type": "lists"}, {"type": "users", "name": "x" * 65}, {"type": "users", "resumable": 1},
                 {"type": "users", "more": 1}):
        assert app("POST", "/2/compliance/jobs", json=body).status_code == 400


# analytics -----------------------------------------------------------------------------------------------------------


def times(days, end=HALF_PAST):
    return {"start_time": f"{end - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}", "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def sums(rows):
    found = {}
    for row in rows:
        for name, value in row["metrics"].items():
            found[name] = found.get(name, 0) + value
    return found


@pytest.fixture
def mine(server):
    """Posts of the person, recent enough for 30 days to hold their whole life, with views."""
    since = (HALF_PAST - timedelta(days=29)).timestamp() * 1000
    found = [post for post in server.community.listed
             if str(post.author.id) == server.user_id and post.at > since and post.original is None]
    assert len(found) > 5
    return found


def test_hours_days_and_weeks_sum_to_the_total_and_the_total_is_what_the_post_shows(me, mine):
    asked = {"ids": ",".join(str(post.id) for post in mine), **times(30)}
    found = {}
    for granularity in ("hourly", "daily", "weekly", "total"):
        data = me("GET", "/2/tweets/analytics", params=asked | {"granularity": granularity}).json()["data"]
        assert [each["id"] for each in data] == asked["ids"].split(",")
        found[granularity] = [sums(each["timestamped_metrics"]) for each in data]
        if granularity == "total":
            assert all(len(each["timestamped_metrics"]) == 1 for each in data)
    assert found["hourly"] == found["daily"] == found["weekly"] == found["total"]
    for post, total in zip(mine, found["total"], strict=True):
        assert (total["impressions"], total["likes"], total["retweets"]) == (post.impressions, post.likes, post.reposts)
        assert all(value >= 0 for value in total.values())
    assert sum(each["engagements"] for each in found["total"]) > 0


def test_two_halves_of_a_window_add_up_to_it(me, mine):
    post = mine[len(mine) // 2]
    middle = datetime.fromtimestamp(post.at / 1000, UTC).replace(microsecond=0) + timedelta(hours=3)
    asked = {"ids": str(post.id), "granularity": "daily"}
    whole = me("GET", "/2/tweets/analytics", params=asked | times(29.5)).json()["data"][0]
    halves = [me("GET", "/2/tweets/analytics", params=asked | part).json()["data"][0]
              for part in (times(10, middle), times((HALF_PAST - middle) / timedelta(days=1), HALF_PAST))]
    one, two = (sums(each["timestamped_metrics"]) for each in halves)
    assert {name: one[name] + two[name] for name in one} == sums(whole["timestamped_metrics"])
    stamps = [row["timestamp"] for row in whole["timestamped_metrics"]]
    assert stamps == sorted(set(stamps))
    assert all(each.endswith("T00:00:00Z") for each in stamps)


def test_other_peoples_and_missing_posts_are_errors_and_only_the_metrics_asked_for_come(server, me, mine):
    other = next(post for post in server.community.listed if str(post.author.id) != server.user_id)
    body = me("GET", "/2/tweets/analytics", params={
        "ids": f"{mine[0].id},{other.id},12", **times(30), "analytics.fields": "impressions,likes"}).json()
    assert [each["id"] for each in body["data"]] == [str(mine[0].id)]
    assert set(body["data"][0]["timestamped_metrics"][0]["metrics"]) == {"impressions", "likes"}
    kinds = {each["resource_id"]: each["type"].rpartition("/")[2] for each in body["errors"]}
    assert kinds == {str(other.id): "not-authorized-for-resource", "12": "resource-not-found"}


def test_media_analytics_are_of_ones_own_media_and_agree_too(server, me):
    posts = list(server.community.posts.values())
    own = [(post, each) for post in posts for each in post.media
           if str(post.author.id) == server.user_id and post.original is None and post.state == "live"]
    foreign = next(each for post in posts for each in post.media if str(post.author.id) != server.user_id)
    assert own
    post, medium = own[-1]
    at = datetime.fromtimestamp(post.at / 1000, UTC)
    end = min(HALF_PAST, at + timedelta(days=29))
    asked = {"media_keys": f"{medium.key},{foreign.key},7_12", **times(30, end)}
    found = []
    for granularity in ("hourly", "daily", "total"):
        answer = me("GET", "/2/media/analytics", params=asked | {"granularity": granularity})
        if at < HALF_PAST - timedelta(days=365):
            pytest.skip("the community's person has no medium of the last year")
        body = answer.json()
        assert [each["media_key"] for each in body["data"]] == [medium.key]
        assert {each["resource_id"] for each in body["errors"]} == {foreign.key, "7_12"}
        found.append(sums(body["data"][0]["timestamped_metrics"]))
    assert found[0] == found[1] == found[2]
    assert set(found[0]) >= {"video_views", "playback_complete", "watch_time_ms"}


def test_each_video_is_watched_in_its_own_way():
    names = ("playback_start", "playback25", "playback50", "playback75", "playback_complete")
    shares, watched = set(), []
    for nth in range(40):
        made = media_totals(f"7_{nth}", 10_000, 1000 + 5000 * nth)
        assert made == media_totals(f"7_{nth}", 10_000, 1000 + 5000 * nth)
        curve = [made[name] for name in names]
        assert curve == sorted(curve, reverse=True)
        assert 0 < curve[-1] < curve[0] == made["video_views"]
        watched.append(made["watch_time_ms"] / 10_000 / (1000 + 5000 * nth))
        assert curve[-1] < watched[-1] * 10_000 < curve[0]
        shares.add(tuple(curve))
    assert len(shares) == 40
    assert sum(watched[20:]) < sum(watched[:20])  # of long videos people see a smaller part


def test_analytics_are_a_persons_and_their_window_is_checked(app, me, mine):
    asked = {"ids": str(mine[0].id), **times(30)}
    assert app("GET", "/2/tweets/analytics", params=asked).status_code == 403
    assert me("GET", "/2/tweets/analytics", params=asked | {"granularity": "yearly"}).status_code == 400
    assert me("GET", "/2/tweets/analytics", params=asked | times(400)).status_code == 400
    assert me("GET", "/2/tweets/analytics", params={"ids": "1"}).status_code == 400


# usage ---------------------------------------------------------------------------------------------------------------


def usage(app, **params):
    fields = "daily_project_usage,daily_client_app_usage,project_usage"
    return app("GET", "/2/usage/tweets", params={"usage.fields": fields} | params).json()["data"]


def test_usage_is_what_was_read_today_each_post_once(server, app):
    before = usage(app)
    assert all(day["date"] < "2026-03-10" for day in before["daily_project_usage"]["usage"])
    pages = [app("GET", "/2/tweets/search/recent", params={"query": "the OR a", "max_results": n}).json() for n in (50, 80)]
    other = next(post for post in server.community.listed if post.original is None and str(post.id) not in
                 {each["id"] for page in pages for each in page["data"]})
    app("GET", f"/2/tweets/{other.id}")
    app("GET", "/2/users/by/username/nobody_here")
    read = {each["id"] for page in pages for each in page["data"]} | {str(other.id)}
    after = usage(app)
    today = {"date": "2026-03-10T00:00:00.000Z", "usage": str(len(read))}
    assert after["daily_project_usage"]["usage"] == [*before["daily_project_usage"]["usage"], today]
    assert server.usage.today == len(read) == 81
    assert int(after["project_usage"]) == int(before["project_usage"]) + len(read)
    [mine] = after["daily_client_app_usage"]
    assert mine["usage"] == after["daily_project_usage"]["usage"]
    assert mine["usage_result_count"] == len(mine["usage"])


def test_the_past_is_the_same_for_the_same_seed_and_longer_when_asked(server, app):
    short, long = usage(app), usage(app, days=90)
    assert long["daily_project_usage"]["usage"][-len(short["daily_project_usage"]["usage"]):] == (
        short["daily_project_usage"]["usage"])
    assert 50 < len(long["daily_project_usage"]["usage"]) < 90  # days without usage are left out
    assert isinstance(long["project_cap"], str)
    assert isinstance(long["cap_reset_day"], int)
    with sandbox.start(posts=50, users=20, now=HALF_PAST) as other:
        assert usage(asking(other, other.bearer_token), days=90) == long
    assert "daily_project_usage" not in app("GET", "/2/usage/tweets").json()["data"]
    assert app("GET", "/2/usage/tweets", params={"days": 91}).status_code == 400


def test_posts_of_streams_are_used_too(server, app):
    server.stream.add_rules({"value": "the OR a"})
    server.stream.rate = 1000
    with app("GET", "/2/tweets/search/stream", stream=True) as answer:
        found = set()
        for line in answer.iter_lines(chunk_size=None):
            if line:
                found.add(json.loads(line)["data"]["id"])
            if len(found) == 20:
                break
    until = time.monotonic() + 60
    while server.stream._links and time.monotonic() < until:
        time.sleep(0.02)
    made = server.usage.today - len(set(server.stream.sent) | found)
    assert made in (0, 1)  # one more may have been made when it found nobody to send it to

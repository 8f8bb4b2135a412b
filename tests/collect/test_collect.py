"""Collectors from end to end, against the sandbox over real HTTP."""

from __future__ import annotations

import inspect
import json
import logging
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pandas as pd
import pytest

import xframes as xf
from xframes import collect, errors, registry
from xframes.client import Answer
from xframes.collect.dispatch import signature
from xframes.sandbox import Fault
from xframes.wire import Page

RECENT = "/2/tweets/search/recent"
SPINE = ["search.recent", "search.all", "counts.recent", "counts.all", "timelines.user", "timelines.mentions",
         "posts.lookup", "posts.get", "users.lookup", "users.by_username"]
QUERY = "a OR the OR to"


@pytest.fixture(scope="module")
def started():
    with xf.sandbox.start(posts=16000, rate_limits=False, bearer_token="invented-bearer-token") as made:
        yield made


@pytest.fixture
def sandbox(started):
    started.faults.clear()
    return started


@pytest.fixture
def client(sandbox):
    with xf.Client(sandbox.bearer_token, base_url=sandbox.url, sleep=lambda _: None, on_wait=lambda *_: None) as made:
        yield made


def ids(frames):
    return frames.matches.sort_values(["page_id", "position"])["post_id"].tolist()


# declarations --------------------------------------------------------------------------------------------------------


def collectors():
    for module in (m for m in vars(collect).values() if isinstance(m, ModuleType) and m.__name__.count(".") == 3):
        area = module.__name__.rsplit(".", 1)[1]
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{area}.{name}", function


@pytest.mark.parametrize(("name", "function"), list(collectors()))
def test_a_collectors_signature_is_its_declaration(name, function):
    assert inspect.signature(function, eval_str=True) == signature(registry.action(name))


def test_the_spine_is_there():
    assert set(SPINE) <= {name for name, _ in collectors()}
    listed = xf.actions()
    assert list(listed.columns) == ["name", "kind", "method", "path", "function", "title"]
    assert set(SPINE) <= set(listed["name"])
    assert len(xf.actions(all=True)) == len(registry.ACTIONS)


# collecting ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_thousand_posts_through_everything_that_goes_wrong(sandbox, client):
    kinds = [("reset", 3), ("cut", 9), ("503", 15), ("html", 22), ("rate_limit", 30), ("invalid_json", 37), ("504", 44)]
    sandbox.faults.add(*(Fault(kind, at=at, path=RECENT) for kind, at in kinds))
    before = len(sandbox.requests)
    frames = xf.search.recent(QUERY, limit=5000, client=client)
    found = frames.matches["post_id"]
    assert len(found) == found.nunique() == 5000
    assert len(sandbox.requests) - before == client.requests_made == 50 + len(kinds)
    main = frames.posts.set_index("id").loc[found]
    assert main["created_at"].is_monotonic_decreasing  # none missing in between: pages follow each other in time
    sandbox.faults.clear()
    again = xf.search.recent(QUERY, limit=5000, client=client).matches["post_id"]
    newest = set(again) - set(found)  # posted while we looked
    assert len(newest) < 50
    assert set(found) - set(again) <= set(found.tail(len(newest)))


@pytest.mark.slow
def test_every_collector_answers(sandbox, client):
    some = xf.search.recent(QUERY, limit=20, client=client, fields=["author_id"], expansions="author_id")
    author, post = some.posts["author_id"].iloc[0], some.matches["post_id"].iloc[0]
    username = some.users.set_index("id").loc[author, "username"]
    assert xf.timelines.user(author, limit=5, client=client).posts["author_id"].iloc[0] == author
    assert "posts" in xf.timelines.mentions(int(author), client=client).tables
    assert xf.posts.get(post, client=client).matches["post_id"].tolist() == [post]
    assert xf.users.by_username(f"@{username}", client=client).users["id"].iloc[0] == author  # an employer may follow
    assert author in xf.users.lookup([author, int(author), "12"], client=client).users["id"].tolist()
    assert len(xf.search.all(QUERY, limit=500, client=client).matches) == 500
    span = {"start_time": sandbox.now - timedelta(days=3), "end_time": sandbox.now - timedelta(hours=1)}
    daily, hourly = (xf.counts.recent("the", granularity=g, **span, client=client).counts for g in ("day", "hour"))
    assert daily["post_count"].sum() == hourly["post_count"].sum() > 0
    assert len(xf.counts.all("the", granularity="day", client=client).counts) >= 30
    assert xf.call("posts.get", post_id=post, client=client).matches["post_id"].tolist() == [post]


@pytest.fixture
def person(sandbox):
    """A client of somebody with an account, who has bookmarks, lists and messages."""
    with xf.Client(sandbox.bearer_token, oauth1=sandbox.oauth1, oauth2=sandbox.user_token, base_url=sandbox.url) as made:
        yield made


def test_what_belongs_to_a_person_is_asked_of_the_person_who_asks(sandbox, person):
    me = sandbox.user_id
    for name, table, column in [
        ("users.blocking", "blocks", "user_id"), ("users.muting", "mutes", "user_id"),
        ("users.bookmarks", "bookmarks", "user_id"), ("users.pinned_lists", "list_pins", "user_id"),
    ]:
        frames = xf.call(name, client=person)
        assert set(frames[table][column].to_pylist()) == {me}, name
        assert frames[table]["position"].to_pylist()[:3] == [0, 1, 2][: len(frames[table])]
        assert frames.tables[registry.action(name).rows] >= len(frames[table])
    assert xf.users.me(client=person).users["id"].tolist() == [me]
    home = xf.timelines.home(limit=100, client=person)
    assert len(home.matches) >= 100
    assert set(xf.messages.events(client=person).messages["event_type"]) >= {"MessageCreate"}
    with pytest.raises(errors.XframesError, match=r"users\.blocking: "):
        xf.users.blocking(user_id="12", client=person)  # X shows nobody else's


def test_relations_hold_both_ways(person):
    found = xf.search.recent(QUERY, limit=100, client=person)
    user = found.posts["author_id"].mode().iloc[0]
    followers = xf.users.followers(user, client=person).follows
    assert set(followers["followed_id"]) == {user}
    fan = followers.sort_values("position")["follower_id"].iloc[0]
    assert user in set(xf.users.following(fan, client=person).follows["followed_id"])
    liked = xf.users.liked_posts(fan, limit=20, client=person)["likes"].to_pylist()
    for row in liked[:1]:
        assert fan in xf.posts.liking_users(row["post_id"], client=person)["likes"]["user_id"].to_pylist()
    lists = xf.users.list_memberships(user, client=person)["list_members"]["list_id"].to_pylist()
    for one in lists[:1]:
        assert user in xf.lists.members(one, client=person)["list_members"]["user_id"].to_pylist()
        assert xf.lists.get(one, client=person).lists["id"].tolist() == [one]
    assert liked or lists


def test_analytics_of_40_days_come_in_one_table(sandbox, person):
    mine = [post.id for post in sandbox.community.posts.values() if str(post.author.id) == sandbox.user_id][:120]
    span = {"start_time": sandbox.now - timedelta(days=40), "end_time": sandbox.now}
    frames = xf.analytics.posts([*mine, 12], **span, granularity="daily", client=person)
    rows = frames.post_analytics
    assert not rows.duplicated(["post_id", "granularity", "at"]).any()
    assert rows["at"].dt.hour.eq(0).all()
    assert set(rows["post_id"]) <= set(map(str, mine))
    assert rows["impressions"].sum() > 0
    assert "12" in set(frames.problems["resource_id"])


def test_lookups_of_many_ids_are_split_and_complete(sandbox, client):
    wanted = xf.search.recent(QUERY, limit=350, client=client).matches["post_id"]
    before = client.requests_made
    found = xf.posts.lookup(wanted, client=client)
    assert client.requests_made - before == 4
    assert set(found.matches["post_id"]) == set(wanted)


def test_a_small_limit_is_xs_smallest_page(client):
    assert len(xf.search.recent(QUERY, limit=3, client=client).matches) == 10


def test_an_empty_page_is_not_the_end(sandbox, client):
    whole = xf.timelines.user(heavy(client), client=client)
    sandbox.faults.add(Fault("empty_page", at=1))
    assert set(xf.timelines.user(heavy(client), client=client).matches["post_id"]) >= set(whole.matches["post_id"])


def heavy(client):
    posts = xf.search.recent(QUERY, limit=500, client=client).posts
    return posts["author_id"].mode().iloc[0]


# what comes back -----------------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PROBLEM = "https://api.x.com/2/problems/"


class Told(xf.Client):
    """A client whose X answers with these bodies, one after another."""

    def __init__(self, *bodies):
        super().__init__("invented-token", now=lambda: NOW)
        self.bodies = list(bodies)

    def send(self, request):
        return Page(request, json.dumps(self.bodies.pop(0)).encode(), NOW)


def test_a_lookup_says_what_became_of_each_id():
    def problem(kind, value, title, detail=""):
        return {"type": PROBLEM + kind, "title": title, "detail": detail, "parameter": "ids", "resource_type": "user",
                "value": value, "resource_id": value}

    frames = xf.users.lookup(range(1, 7), client=Told({"data": [{"id": "3", "username": "c", "name": "C"}], "errors": [
        problem("resource-not-found", "1", "Not Found Error"), problem("resource-not-found", "2", "Forbidden", "suspended"),
        problem("not-authorized-for-resource", "4", "Authorization Error"),
        problem("resource-unavailable", "5", "Withheld Error"),
    ]}))
    assert frames.users["id"].tolist() == ["3"]
    found = frames.problems.set_index("resource_id")
    assert found["kind"].to_dict() == {
        "1": "resource-not-found", "2": "resource-not-found", "4": "not-authorized-for-resource",
        "5": "resource-unavailable", "6": "not_returned"}
    assert found.loc["2", "title"] == "Forbidden"
    assert "neither 6 nor a reason" in found.loc["6", "detail"]


def bucket(start, end, count, word="tweet_count", day="2026-03-09"):
    return {"start": f"{day}T{start}.000Z", "end": f"{day}T{end}.000Z", word: count}


@pytest.mark.parametrize("word", ["tweet_count", "post_count"])
def test_buckets_x_leaves_out_are_none_and_marked(word):
    told = [("10:20:05", "11:00:00", 3), ("11:00:00", "12:00:00", 0), ("15:00:00", "16:00:00", 7), ("16:00:00", "16:30:00", 1)]
    frames = xf.counts.recent("q", client=Told({"data": [bucket(*b, word) for b in told], "meta": {"total_tweet_count": 11}}))
    counts = frames.counts.sort_values("start_at")
    assert counts["post_count"].tolist() == [3, 0, 0, 0, 0, 7, 1]
    assert counts["filled"].tolist() == [False, False, True, True, True, False, False]
    assert (counts["end_at"].iloc[:-1].to_numpy() == counts["start_at"].iloc[1:].to_numpy()).all()
    assert counts["start_at"].iloc[3] == pd.Timestamp("2026-03-09T13:00Z")
    assert set(counts["granularity"]) == {"hour"}
    assert frames.sql("select total_post_count, row_count from requests").fetchall() == [(11, 4)]


def test_only_gaps_a_page_can_have_are_filled():
    days = [{"start": f"2026-0{m}-0{d}T00:00:00.000Z", "end": f"2026-0{m}-0{d + 1}T00:00:00.000Z", "tweet_count": 1}
            for m, d in [(1, 1), (1, 3), (3, 5)]]
    told = Told({"data": days, "meta": {"next_token": "t"}}, {"meta": {"total_tweet_count": 0}})
    counts = xf.counts.all("q", granularity="day", start_time="2026-01-01T00:00:00Z", client=told).counts
    assert counts.loc[counts["filled"], "start_at"].tolist() == [pd.Timestamp("2026-01-02", tz="UTC")]  # not two months
    odd = xf.counts.recent("q", client=Told({"data": [bucket("10:00:00", "11:00:00", 1), {"start": "?", "end": "!"}]}))
    assert not odd.counts["filled"].any()
    assert set(odd.problems["kind"]) == {"bad_value"}


def test_usage_is_told_of_the_project_and_of_each_app():
    days = [{"date": "2026-03-08T00:00:00.000Z", "usage": "4"}, {"date": "2026-03-09T00:00:00.000Z", "usage": 5}]
    frames = xf.usage.posts(client=Told({"data": {
        "project_id": 1, "project_cap": "3000000", "project_usage": "9", "cap_reset_day": 5,
        "daily_project_usage": {"project_id": "1", "usage": days},
        "daily_client_app_usage": [{"client_app_id": "7", "usage": days[:1]}, {"client_app_id": "8", "usage_result_count": 0}],
    }}))
    rows = frames.usage_daily[["scope", "id", "usage"]].to_numpy().tolist()
    assert rows == [["project", "1", 4], ["project", "1", 5], ["app", "7", 4]]
    assert frames.usage[["project_cap", "project_usage", "cap_reset_day"]].to_numpy().tolist() == [[3000000, 9, 5]]


# interruptions -------------------------------------------------------------------------------------------------------


def test_what_came_is_kept_and_the_rest_can_be_had(sandbox, client, caplog):
    caplog.set_level(logging.DEBUG)
    sandbox.faults.add(Fault("usage_capped", at=4, path=RECENT))
    with pytest.raises(xf.Interrupted, match=r"search\.recent.*3 pages, 300 rows") as caught:
        xf.search.recent(QUERY, limit=777, client=client)
    stop = caught.value
    assert (len(stop.frames.matches), stop.rows, stop.pages) == (300, 300, 3)
    assert stop.next_token
    assert isinstance(stop.__cause__, errors.UsageCapped)
    whole = stop.resume(client=client)
    assert len(whole.matches) == whole.matches["post_id"].nunique() == 777
    error = stop
    while error is not None:
        assert sandbox.bearer_token not in f"{error!r} {error} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    assert sandbox.bearer_token not in caplog.text


def test_ctrl_c_loses_nothing(sandbox, client):
    class Impatient(xf.Client):
        def send(self, request):
            if self.requests_made == 2:
                raise KeyboardInterrupt
            return super().send(request)

    with Impatient(sandbox.bearer_token, base_url=sandbox.url) as impatient, pytest.raises(
        xf.Interrupted, match="KeyboardInterrupt"
    ) as caught:
        xf.search.recent(QUERY, limit=300, client=impatient)
    assert (caught.value.pages, caught.value.rows) == (2, 200)
    assert isinstance(caught.value.__cause__, KeyboardInterrupt)
    assert len(caught.value.frames.matches) == 200
    assert len(caught.value.resume(client=client).matches) == 300


def test_an_error_before_any_page_is_itself(sandbox, client):
    sandbox.faults.add(Fault("usage_capped", path=RECENT))
    with pytest.raises(errors.UsageCapped):
        xf.search.recent(QUERY, client=client)
    with pytest.raises(errors.InvalidRequest, match=r"search\.recent: "):
        xf.search.recent("lang:en", client=client)


def test_a_repeated_token_stops_and_resuming_counts_its_page_once(sandbox, client):
    sandbox.faults.add(Fault("repeat_cursor", at=3, path=RECENT))
    with pytest.raises(xf.Interrupted, match="next_token") as caught:
        xf.search.recent(QUERY, limit=600, sort_order="relevancy", client=client)
    assert len(caught.value.frames.matches) == 300  # the page itself is good
    whole = caught.value.resume()
    assert len(whole.matches) == whole.matches["post_id"].nunique() == 600


# where it goes, and what is shown -------------------------------------------------------------------------------------


def test_into_decides_what_comes_back(client):
    class Shelf:
        def collect(self, plan, client, *, progress=None):
            return plan, client, progress

    plan, used, progress = xf.posts.lookup([1, 2], into=Shelf(), client=client, progress=False)
    assert (plan.arguments, used, progress) == ({"post_ids": ["1", "2"]}, client, False)
    with pytest.raises(errors.ArgumentError, match=r"into.*'my-archive'"):
        xf.call("posts.get", post_id="1", into="my-archive", client=client)


def test_into_an_archive(sandbox, client, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    sandbox.faults.add(Fault("usage_capped", at=3, path=RECENT))
    with pytest.raises(xf.Interrupted) as caught:
        xf.search.recent(QUERY, limit=250, into=archive, client=client)
    run = caught.value.resume(client=client)
    assert (run.state, run.rows) == ("done", 250)
    assert archive.sql("select count(distinct post_id) from matches").fetchall() == [(250,)]


def test_arguments_are_checked_before_anything_is_asked(sandbox, client):
    before = len(sandbox.requests)
    for arguments in ({"query": ""}, {"query": "q", "limit": 0}, {"query": "q", "start_time": "2026-01-01"},
                      {"query": "q", "fields": ["nothing"]}, {"query": "q", "nothing": 1}):
        with pytest.raises(errors.ArgumentError):
            xf.call("search.recent", client=client, **arguments)
    with pytest.raises(errors.ArgumentError, match=r"search\.resent.*search\.recent"):
        xf.call("search.resent", query="q", client=client)
    assert len(sandbox.requests) == before


def test_progress_is_shown_when_asked_for_and_never_off_a_terminal(client, capsys):
    xf.search.recent(QUERY, limit=200, client=client)
    assert not capsys.readouterr().err
    xf.search.recent(QUERY, limit=200, client=client, progress=True)
    shown = capsys.readouterr().err
    assert "search.recent" in shown
    assert "200/200" in shown


def test_the_default_client_is_the_one_in_use(client):
    xf.use(client)
    try:
        assert len(xf.search.recent(QUERY, limit=10).matches) == 10
    finally:
        xf.use(None)


@pytest.mark.parametrize("wrong", ["token", xf.Client])
def test_what_is_no_client_or_archive_is_refused_by_name(client, wrong):
    with pytest.raises(errors.ArgumentError, match="Client"):
        xf.use(wrong)
    with pytest.raises(errors.ArgumentError, match="client"):
        xf.search.recent(QUERY, limit=10, client=wrong)
    with pytest.raises(errors.ArgumentError, match="into"):
        xf.hydrate(["1"], into="my-archive", client=client)


@pytest.mark.parametrize(("call", "hint"), [
    (lambda client: xf.timelines.user("Some_body1", client=client), "'@Some_body1'"),
    (lambda client: xf.users.lookup(["1", "somebody"], client=client), "'@somebody'"),
    (lambda client: xf.posts.get("https://x.com/i/status/19?s=20", client=client), " 19$"),
])
def test_a_name_or_link_in_an_ids_place_is_told_the_way_to_the_id(client, call, hint):
    with pytest.raises(errors.ArgumentError, match=hint):
        call(client)


def test_post_words_are_asked_and_read(sandbox):
    with xf.Client(sandbox.bearer_token, base_url=sandbox.url, words="post") as client:
        frames = xf.search.recent(QUERY, limit=100, client=client)
    assert len(frames.matches) == 100
    assert "post.fields" in frames.pages[0].request.params


def test_empty_pages_without_an_end_interrupt_a_collection_that_can_go_on(tmp_path):
    asked = []

    def answer(request):
        asked.append(request.params.get("next_token"))
        body = {"meta": {"result_count": 0, "next_token": f"t{len(asked)}"}}
        if len(asked) == 61:
            body = {"data": [{"id": "1", "text": "tea"}], "meta": {}}
        return Answer(200, {}, json.dumps(body).encode())

    with xf.Client("invented-bearer-token", transport=answer, sleep=lambda _: None) as client:
        for into in (None, xf.Archive(tmp_path / "archive")):
            asked.clear()
            with pytest.raises(xf.Interrupted) as caught:
                xf.search.recent("tea", limit=10, client=client, into=into)
            assert (len(asked), caught.value.next_token, caught.value.pages) == (50, "t50", 50)
            found = caught.value.resume()
            assert (len(asked), asked[50]) == (61, "t50")
            frames = found if into is None else found.frames()
            assert frames.posts["id"].tolist() == ["1"]

"""Estimates contain what collections then cost."""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import matplotlib as mpl
import pytest

import xframes as xf
from tests.cli.running import run
from tests.invoices import Shop, serving
from xframes.client import Client

mpl.use("Agg")
from matplotlib import pyplot as plt

QUERIES = [
    "coffee", "duckdb", "climate", "cycling", "chess", "tea", "coffee lang:en", "climate -is:reply", "coffee has:hashtags",
    "(coffee OR tea)", "duckdb is:reply", "nothing_matches_this",
]


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(seed=3) as running:
        yield running


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def client(x):
    return Client(x.bearer_token, oauth2=x.user_token, base_url=x.url)


def price_of(client, collect):
    low, high = client.meter.so_far()
    collect()
    after = client.meter.so_far()
    return round(after[0] - low, 9), round(after[1] - high, 9)


def assert_contains(found, low, high):
    way = found.ways[-1]
    assert way.low[0] <= low <= way.low[1]
    assert way.high[0] <= high <= way.high[1]
    assert found.price_low <= low
    assert high <= found.price_high


def assert_within(way, low, high):
    assert way.low[0] - 1e-9 <= low <= way.low[1] + 1e-9, way
    assert way.high[0] - 1e-9 <= high <= way.high[1] + 1e-9, way


def collect_in(way, query, client, folder):
    if way == "with everything":
        xf.search.recent(query, client=client)
        return
    archive = xf.Archive(folder)
    xf.search.recent(query, expansions="lean", client=client, into=archive)
    if way == "with people":
        xf.complete(archive, "users", client=client)


WAYS = ["posts only", "with people", "with everything"]


@pytest.mark.parametrize(("way", "sample"), list(zip(WAYS, [None, False, None], strict=True)))
def test_each_way_to_collect_costs_what_its_range_says(way, sample, x, client, tmp_path):
    query = "climate"
    found = xf.cost("search.recent", query=query, sample=sample, client=client)
    (expected,) = (one for one in found.ways if one.name == way)
    assert_within(expected, *price_of(client, lambda: collect_in(way, query, client, tmp_path / "a")))


NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def large():
    with xf.sandbox.start(seed=3, posts=8000, users=600, now=NOW, rate_limits=False) as running:
        yield running


def timed(sandbox, clock=lambda: NOW):
    return Client(sandbox.bearer_token, base_url=sandbox.url, now=clock, sleep=lambda seconds: None)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_posts_that_are_read_narrow_the_range(way, large, tmp_path):
    client = timed(large)
    found = xf.cost("search.recent", query="coffee", client=client)
    low, high = found.own_price
    assert found.rows > 250
    assert 40 <= found.read <= 200
    assert low == pytest.approx(0.005 + 0.005 * found.read)
    assert low <= high < 2
    (expected,) = (one for one in found.ways if one.name == way)
    for least, most in (expected.low, expected.high):
        assert most <= 1.5 * least
    assert_within(expected, *price_of(client, lambda: collect_in(way, "coffee", client, tmp_path / "a")))


def test_nothing_is_read_if_not_wanted_or_not_affordable(large):
    for options, arguments in (({}, {"sample": False}), ({"budget": xf.Budget(usd=0.05)}, {})):
        client = Client(large.bearer_token, base_url=large.url, now=lambda: NOW, **options)
        found = xf.cost("search.recent", query="coffee", client=client, **arguments)
        assert found.ways[-1].high[1] > 3 * found.ways[-1].high[0]
    assert xf.cost("search.recent", query="coffee", sample=False, client=timed(large)).own_price == (0.005, 0.005)
    with pytest.raises(xf.errors.Interrupted):
        xf.cost("search.recent", query="coffee", client=client, sample=True)


def test_posts_that_were_billed_for_another_query_do_not_widen_the_range(large):
    client = timed(large)
    xf.search.recent("cycling", client=client)
    assert xf.cost("search.recent", query="cycling", client=client).price_low == 0
    found = xf.cost("search.recent", query="coffee", client=client)
    assert found.paid_today - found.read < 0.1 * found.rows
    for way in found.ways:
        for least, most in (way.low, way.high):
            assert most <= 1.7 * least


def test_a_server_that_counts_nothing_or_has_ids_without_times():
    shop = Shop(posts=60)
    with serving(shop) as url:
        client = Client("app-of-the-shop", base_url=url)
        xf.search.recent("t1", client=client)
        found = xf.cost("search.recent", query="all", client=client)
    assert (found.posts, found.read, found.price_high) == (0, 0, 0)


TWENTY = [
    ("search.recent", "coffee", {}), ("search.all", "climate", {}), ("search.all", "duckdb", {"start_time": NOW - timedelta(days=20)}),
    ("search.all", "tea OR coffee", {"start_time": NOW - timedelta(days=25), "end_time": NOW - timedelta(days=1)}),
    ("search.recent", "coffee lang:en", {}), ("search.all", "climate -is:reply", {}), ("search.all", "coffee has:media", {}),
    ("search.all", "duckdb is:reply", {}), ("search.all", "nothing_matches_this", {}), ("search.all", "cycling", {}),
    ("search.recent", "climate", {"limit": 90}), ("search.all", "(tea OR chess OR coffee) has:hashtags", {}),
    ("search.recent", "chess OR tea", {"start_time": NOW - timedelta(days=3), "end_time": NOW - timedelta(days=1)}),
    ("search.all", "tea OR climate OR chess OR coffee OR duckdb", {}), ("search.all", "coffee has:mentions", {}),
    ("search.all", "climate", {"sort_order": "relevancy"}), ("search.recent", "coffee", {"start_time": NOW - timedelta(hours=40)}),
    ("search.all", "from:{most}", {}), ("search.all", "coffee OR from:{most}", {}), ("search.all", "duckdb is:quote", {}),
]


def collected(large, way, action, arguments, folder):
    """Return what a way to collect costs, in both readings."""
    client = timed(large)
    archive = xf.Archive(folder)
    if way.name != "with everything":
        arguments = arguments | {"expansions": "lean"}
    xf.call(action, client=client, into=archive, **arguments)
    if way.name == "with people":
        xf.complete(archive, "users", client=client)
    return client.meter.so_far()


@pytest.mark.slow
def test_twenty_queries_cost_what_their_ranges_say(large, tmp_path, monkeypatch):
    names = Counter(post.author.username for post in large.community.listed)
    ((most, _),) = names.most_common(1)
    outside, wide = [], []
    for number, (action, query, bounds) in enumerate(TWENTY):
        folder, arguments = tmp_path / f"{number}", bounds | {"query": query.format(most=most)}
        monkeypatch.setenv("XDG_DATA_HOME", str(folder / "cost"))
        found = xf.cost(action, client=timed(large), **arguments)
        assert found.own_price[1] < 2.5
        for way in found.ways:
            shutil.copytree(folder / "cost", folder / way.name)  # the same day, three times
            monkeypatch.setenv("XDG_DATA_HOME", str(folder / way.name))
            prices = collected(large, way, action, arguments, folder / f"archive {way.name}")
            for price, (least, greatest) in zip(prices, (way.low, way.high), strict=True):
                if not least - 1e-9 <= price <= greatest + 1e-9:
                    outside.append((query, way, price))
                if found.posts >= 60 and greatest > 1.5 * least:
                    wide.append((query, way.name, greatest / least))
    assert len(outside) <= 6, outside  # of 120
    assert len(wide) <= 8, wide


def test_an_archive_of_the_same_query_narrows_the_range(large, tmp_path):
    clock = [NOW - timedelta(days=1)]
    client = timed(large, lambda: clock[0])
    archive = xf.Archive(tmp_path / "a")
    xf.search.recent("coffee", limit=150, expansions="lean", client=client, into=archive)
    clock[0] += timedelta(days=1)  # nothing of it was billed today
    found = xf.cost("search.recent", query="coffee", client=client, into=archive)
    blind = xf.cost("search.recent", query="coffee", sample=False, client=client)
    everything, before = found.ways[-1].high, blind.ways[-1].high
    assert everything[1] / everything[0] < 0.5 * before[1] / before[0]
    assert_within(found.ways[-1], *price_of(client, lambda: xf.search.recent("coffee", client=client)))


def test_the_setting_picks_one_reading(client, monkeypatch):
    found = xf.cost("search.recent", query="tea", client=client)
    way = found.ways[-1]
    assert (found.price_low, found.price_high) == (way.low[0], way.high[1])
    for reading in ("low", "high"):
        monkeypatch.setenv("XFRAMES_PRICE_READING", reading)
        assert (found.price_low, found.price_high) == getattr(way, reading)
        assert list(found.frame.iloc[-1][["price_low", "price_high"]]) == list(getattr(way, reading))


def test_the_cost_of_a_sample_is_that_of_its_posts_and_counts(large):
    client, now = timed(large), NOW
    times = {"start_time": now - timedelta(days=5), "end_time": now - timedelta(minutes=2)}
    arguments = {"query": "coffee", "posts": 60, "seed": 4, **times}
    found = xf.cost("search.sample", client=client, **arguments)
    assert 30 < found.posts <= 60
    assert found.own_price[0] == 0.005
    assert "xf.search.sample(" in found.call
    low, high = price_of(client, lambda: xf.search.sample(client=client, progress=False, **arguments))
    assert_within(found.ways[0], low, high)
    assert found.price_high == pytest.approx(0.005 + 60 * 0.005)


def test_lists_cost_the_sum_less_what_they_have_in_common(x, client):
    queries = ["tea", "tea lang:en", "coffee"]
    found = xf.cost("search.recent", query=queries, sample=False, client=client)
    single = [xf.cost("search.recent", query=query, sample=False, client=client) for query in queries]
    assert found.posts == sum(one.posts for one in single)
    assert found.own_price[0] == pytest.approx(0.02)  # three counts, and one of all
    assert found.price_high == pytest.approx(sum(one.price_high for one in single))
    assert found.ways[0].low[1] < 3 * found.ways[0].low[0]
    low, high = price_of(client, lambda: xf.search.recent(queries, client=client))
    assert_within(found.ways[-1], low, high)
    people = xf.search.recent("tea", client=client).users
    handles = [f"@{people.username[0]}", people.id[1]]
    users = xf.cost("timelines.user", user_id=handles, client=client, limit=20)
    assert "user_id=['@" in users.call
    low, high = price_of(client, lambda: xf.timelines.user(handles, client=client, limit=20))
    assert_within(users.ways[-1], low, high)


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_ranges_of_searches_contain_what_they_cost(number, x, client):
    arguments = {"query": QUERIES[number], "limit": [None, 40][number % 2], "expansions": [None, "lean"][number // 2 % 2]}
    found = xf.cost("search.recent", sample=False, client=client, **arguments)
    assert found.source == "counts"
    assert found.own_price == (0.005, 0.005)
    low, high = price_of(client, lambda: xf.call("search.recent", client=client, **{k: v for k, v in arguments.items() if v}))
    assert_contains(found, low, high)
    posts_only = next(way for way in found.ways if way.name == "posts only")
    assert posts_only.low[1] <= 1.5 * posts_only.low[0]


def test_what_was_billed_today_is_taken_into_account(x, client, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    xf.search.recent("tea", client=client, into=archive)
    found = xf.cost("search.recent", query="tea", client=client, into=archive)
    assert found.held == found.posts > 0
    assert found.paid_today >= found.posts
    assert found.price_low == 0
    assert xf.cost("search.recent", query="tea", client=client, into=archive, since="last").posts == 0


@pytest.mark.parametrize(("action", "arguments", "source"), [
    ("users.followers", {"limit": 50}, "profile"), ("timelines.user", {}, "profile"), ("users.lookup", {"user_ids": ["1", "2"]}, "list"),
    ("counts.recent", {"query": "tea"}, "limit"), ("users.me", {}, "id"),
])
def test_other_actions(action, arguments, source, x, client):
    if action in {"users.followers", "timelines.user"}:
        arguments = arguments | {"user_id": x.user_id}
    found = xf.cost(action, client=client, **arguments)
    assert found.source == source
    low, high = price_of(client, lambda: xf.call(action, client=client, **arguments))
    assert_contains(found, low, high)


def test_without_a_bound_there_is_no_upper_price(client):
    found = xf.cost("lists.posts", list_id="1", client=client)
    assert found.price_high == float("inf")
    assert "without an upper bound" in repr(found)


def test_lookups_of_what_an_archive_has_cost_nothing(x, client, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    xf.search.recent("tea", limit=10, client=client, into=archive)
    found = xf.cost("posts.lookup", post_ids=archive.ids(), client=client, into=archive)
    assert (found.requests, found.price_high) == (0, 0)


def test_it_is_a_frame_and_a_text_and_ends_with_the_call(client):
    found = xf.cost("search.recent", query="tea", client=client)
    assert list(found.frame.way) == ["posts only", "with people", "with everything"]
    assert list(found["price_low"]) == list(found.frame.price_low)
    assert {"price_low", "price_high", "posts", "requests", "seconds", "cap_share"} <= set(found.frame.columns)
    assert found.call in repr(found).splitlines()[-1]
    assert "<table>" in found._repr_html_()
    assert found.buckets.post_count.sum() == found.posts
    assert found.ways[0].call == "xf.search.recent(query='tea', expansions='lean')"
    with pytest.raises(xf.errors.ArgumentError):
        xf.cost("search.recent", query="tea", colour="red", client=client)
    for arguments in ({}, {"query": "tea", "limit": 3}):
        with pytest.raises(xf.errors.ArgumentError):
            xf.cost("search.sample", client=client, **arguments)
    for name in ("write.like", "search.everything"):
        with pytest.raises(xf.errors.ArgumentError):
            xf.cost(name, client=client)


def test_a_picture(client):
    found = xf.cost("search.recent", query="tea", client=client)
    ax = found.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == [way.name for way in found.ways]
    assert len(ax.collections) == 2
    assert found.plot(ax=plt.figure().gca()).get_xlabel() == "US dollars"
    plt.close("all")
    with pytest.raises(xf.errors.ArgumentError):
        xf.cost("lists.posts", list_id="1", client=client).plot()


def test_in_the_shell(x, monkeypatch, tmp_path):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", x.bearer_token)
    monkeypatch.setenv("XFRAMES_BASE_URL", x.url)
    for command in (("cost", "search", "recent", "tea"), ("search", "recent", "tea", "--cost")):
        shown = run(*command, "--limit", 30, "--format", "json")
        assert shown.exit_code == 0, shown.stderr
        assert [row["posts"] for row in json.loads(shown.stdout)] == [30, 30, 30]
        assert "xf.search.recent" in shown.stderr.splitlines()[-1]
    shown = run("cost", "search", "all", "tea", "--archive", tmp_path / "a")
    assert shown.exit_code == 0, shown.stderr
    (tmp_path / "queries.txt").write_text("tea\ncoffee\n")
    shown = run("search", "recent", "--from-file", tmp_path / "queries.txt", "--cost", "--format", "json")
    assert shown.exit_code == 0, shown.stderr
    assert json.loads(shown.stdout)[0]["posts"] > 30
    shown = run("search", "recent", "tea", "--limit", 20, "--cost", "--no-sample")
    assert shown.exit_code == 0, shown.stderr
    assert run("search", "recent", "tea", "--sample").exit_code == 2
    times = ("--start-time", datetime.now(UTC) - timedelta(days=3), "--end-time", datetime.now(UTC) - timedelta(hours=1))
    times = [str(part).replace(" ", "T") for part in times]
    shown = run("cost", "search", "sample", "tea", *times, "--posts", 40)
    assert shown.exit_code == 0, shown.stderr
    assert "xf.search.sample" in shown.stderr.splitlines()[-1]
    assert run("search", "sample", "tea", *times).exit_code == 2

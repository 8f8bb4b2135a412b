"""Estimates contain what collections then cost."""

import json

import matplotlib as mpl
import pytest

import xframes as xf
from tests.cli.running import run
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


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_ranges_of_searches_contain_what_they_cost(number, x, client):
    arguments = {"query": QUERIES[number], "limit": [None, 40][number % 2], "expansions": [None, "lean"][number // 2 % 2]}
    found = xf.cost("search.recent", client=client, **arguments)
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

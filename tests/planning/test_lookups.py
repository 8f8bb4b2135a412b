"""Lean collections, and the lookups that complete them."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

import xframes as xf
from tests.cli.running import run
from tests.invoices import Shop, serving
from xframes.client import Client
from xframes.plan import plan

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def shop():
    made = Shop(posts=300)
    for post in made.posts:  # mentions as X sends them: an entity, and a person with an expansion
        post["entities"] = {"mentions": [{"username": f"user{id}", "id": id, "start": 0, "end": 1} for id in post["mentioned"]]}
    with serving(made) as made.url:
        yield made


def column(archive, query):
    return {value for (value,) in archive.sql(query).fetchall()}


def test_lean_requests_nothing_that_is_billed(shop):
    frames = xf.search.recent("t0", expansions="lean", client=Client("key-of-no-one", base_url=shop.url))
    (_, params), *_ = shop.field_params
    assert "expansions" not in params
    assert {"author_id", "referenced_tweets"} <= set(params["tweet.fields"].split(","))
    assert frames.posts.author_id.notna().all()
    assert shop.total()[0] == shop.total()[1] == len(frames.posts) * 0.005


def test_every_action_takes_lean():
    for name, arguments in (("search.recent", {"query": "q"}), ("users.get", {"user_id": "1"}), ("counts.recent", {"query": "q"})):
        assert "expansions" not in plan(name, {**arguments, "expansions": "lean"}, now=NOW).field_params


def test_in_post_words_authors_are_unknown(caplog):
    with caplog.at_level(logging.WARNING, "xframes"):
        planned = plan("search.recent", {"query": "q", "expansions": "lean"}, now=NOW, words="post")
    assert len(caplog.records) == 1
    client = Client("key-of-no-one", transport=lambda request: None)
    assert planned.in_words_of(client).field_params == plan("search.recent", {"query": "q", "expansions": "lean"}, now=NOW).field_params


@pytest.mark.parametrize(("days", "size"), [(3, 30)])
def test_lean_and_completion_pay_each_person_and_post_once_over_many_days(days, size, shop, tmp_path):
    clock = [NOW - timedelta(days=40)]
    shop.clock = lambda: clock[0]
    client = Client("key-of-no-one", base_url=shop.url, now=lambda: clock[0], sleep=lambda seconds: None)
    lean, full = xf.Archive(tmp_path / "lean"), xf.Archive(tmp_path / "full")
    posts, shop.posts = shop.posts, []
    for day in range(days):
        clock[0] += timedelta(days=1)
        shop.posts = posts[size * day : size * (day + 1)]
        xf.search.recent("t0", expansions="lean", client=client, into=lean)
        xf.complete(lean, "users", client=client)
    paid = shop.total()
    main = [post for post in posts[: days * size] if "t0" in post["topics"]]
    referenced = {reference["id"] for post in main for reference in post.get("referenced_tweets", [])} - {p["id"] for p in main}
    people = column(lean, "select id from users")
    assert paid[0] == pytest.approx(0.005 * (len(main) + len(referenced)) + 0.01 * len(people))
    assert paid[0] == pytest.approx(paid[1])
    xf.posts.lookup([post["id"] for post in main], client=client, into=full)
    assert people == column(full, "select id from users")
    before = shop.requests
    assert xf.complete(lean, client=client).pages == 0
    assert shop.requests == before


@pytest.mark.slow
def test_what_is_old_is_looked_up_again(shop, tmp_path):
    client = Client("key-of-no-one", base_url=shop.url)
    archive = xf.Archive(tmp_path / "a")
    xf.search.recent("t0", limit=20, expansions="lean", client=client, into=archive)
    first = xf.complete(archive, client=client)
    assert first.rows > 0
    assert xf.complete(archive, max_age=timedelta(days=1), client=client).rows == 0
    assert xf.complete(archive, max_age=0, client=client).rows == first.rows
    assert xf.complete(archive, "users", ids=["100", "139"], max_age=0, client=client).rows == 2


def test_metrics_are_read_again_by_a_schedule(shop, tmp_path):
    clock = [datetime(2026, 3, 10, 10, 30, tzinfo=UTC)]
    client = Client("key-of-no-one", base_url=shop.url, now=lambda: clock[0])
    archive = xf.Archive(tmp_path / "a")
    for post in shop.posts:
        post["public_metrics"] = {"like_count": 1}
    xf.search.recent("t0", limit=20, expansions="lean", client=client, into=archive)
    refreshed = []
    for hours in (0.2, 0.6, 4, 6, 1):
        clock[0] += timedelta(hours=hours)
        refreshed.append(xf.complete(archive, "posts", refresh=[1, 6], client=client).rows)
    assert refreshed == [0, 20, 0, 20, 0]
    assert archive.tables["post_metrics"] == 60


@pytest.mark.parametrize("arguments", [{"what": "lists"}, {"max_age": "old"}, {"refresh": []}, {"refresh": [1], "what": "users"}, {"refresh": 3}])
def test_invalid_arguments(arguments, tmp_path):
    arguments = {"what": "posts"} | arguments
    with pytest.raises(xf.errors.ArgumentError):
        xf.complete(xf.Archive(tmp_path / "a"), client=Client("key-of-no-one"), **arguments)


def test_in_the_shell(shop, monkeypatch, tmp_path):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", "token")
    monkeypatch.setenv("XFRAMES_BASE_URL", shop.url)
    shown = run("search", "recent", "t0", "--limit", 20, "--with-people", "--archive", tmp_path / "a")
    assert shown.exit_code == 0, shown.stderr
    assert "expansions" not in shop.field_params[0][1]
    assert {path for path, _ in shop.field_params} == {"/2/tweets/search/recent", "/2/tweets", "/2/users"}
    assert run("complete", "users", "--archive", tmp_path / "a").exit_code == 0
    assert run("search", "recent", "t0", "--with-people").exit_code == 2
    assert run("search", "recent", "t0", "--limit", 10, "--expansions", "author_id").exit_code == 0
    assert shop.field_params[-1][1]["expansions"] == "author_id"

"""What users see of prices: frames of spending, runs, commands, and the check of a large collection."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import xframes as xf
from tests.cli.running import run
from tests.invoices import Shop, serving
from xframes.billing import guard
from xframes.billing.card import load
from xframes.client import Client, check_price
from xframes.plan import plan
from xframes.wire import Page, Request

NOW = datetime.now(UTC)


@pytest.fixture
def shop():
    made = Shop()
    with serving(made) as made.url:
        yield made


def test_spending_is_summed_by_day_action_run_and_archive(shop, tmp_path):
    client = Client("app-token", base_url=shop.url)
    one, other = xf.Archive(tmp_path / "one"), xf.Archive(tmp_path / "other")
    first = xf.search.recent("t0", client=client, into=one)
    xf.search.recent("t0", client=client, into=other)
    xf.users.lookup(["100", "139"], client=client, into=one, refresh=True)
    spent = xf.spend()
    assert {"day", "action", "query", "run_id", "archive", "price_low", "price_high"} <= set(spent.columns)
    assert (spent.price_low.sum(), spent.price_high.sum()) == pytest.approx(shop.total())
    assert list(xf.spend(by="action").action) == ["search.recent", "users.lookup"]
    assert list(spent[spent.run_id == first.run_id].archive) == [str(one.path)]
    total = one.spend().price_low.sum() + other.spend().price_low.sum()
    assert total == pytest.approx(shop.total()[0])
    assert other.spend(by=["action"]).price_low.sum() == 0  # the same posts on the same day
    with pytest.raises(xf.errors.ArgumentError):
        xf.spend(by="colour")


def test_runs_have_prices_also_elsewhere(shop, tmp_path, monkeypatch):
    archive = xf.Archive(tmp_path / "a")
    found = xf.search.recent("t0", client=Client("app-token", base_url=shop.url), into=archive)
    assert (found.price_low, found.price_high) == pytest.approx(shop.total())
    assert "$" in repr(found)
    (row,) = archive.sql("select price_low, price_high from runs").fetchall()
    assert row == pytest.approx(shop.total())
    archive.close()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
    moved = xf.Archive(tmp_path / "a")
    assert moved.runs().price_high.sum() == pytest.approx(shop.total()[1])
    assert moved.spend(by="action").price_high.sum() == pytest.approx(shop.total()[1])
    assert len(xf.spend()) == 0


def test_a_reading_can_be_picked(shop, monkeypatch):
    xf.search.recent("t0", client=Client("app-token", base_url=shop.url))
    monkeypatch.setenv("XFRAMES_PRICE_READING", "low")
    spent = xf.spend()
    assert spent.price_low.sum() == spent.price_high.sum() == pytest.approx(shop.total()[0])
    assert xf.Budget(usd=1).reading == "low"


def test_spending_is_compared_with_what_x_counts(shop):
    xf.search.recent("t0", client=Client("app-token", base_url=shop.url))
    today = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00.000Z")
    body = {"data": {"project_id": "1", "daily_project_usage": {"project_id": "1", "usage": [{"date": today, "usage": "134"}]}}}
    page = Page(Request("GET", "/2/usage/tweets", {}, "usage.posts"), json.dumps(body).encode(), NOW)
    spent = xf.spend(by="day", usage=xf.flatten(page))
    assert list(spent.usage_posts) == [134]
    assert list(spent.usage_less_main) == [0]
    assert list(spent.usage_less_all) == [134 - spent.posts[0]] != [0]
    with pytest.raises(xf.errors.ArgumentError):
        xf.spend(by="action", usage=xf.flatten(page))


def again_in(caplog):
    """The numbers of objects of which a warning says that X bills them again."""
    return [int(re.search(r"for ([0-9,]+) object", record.message)[1]) for record in caplog.records if "again" in record.message]


@pytest.mark.parametrize("into", [True, False])
def test_a_resumption_on_another_day_says_what_is_billed_again(into, shop, tmp_path, caplog):
    clock = [datetime(2026, 3, 10, 22, tzinfo=UTC)]
    shop.clock = lambda: clock[0]
    client = Client("app-token", base_url=shop.url, now=lambda: clock[0])
    archive = xf.Archive(tmp_path / "a") if into else None
    shop.faults[:] = [None, 402]
    with pytest.raises(xf.Interrupted) as stop:
        xf.search.recent("all", client=client, into=archive)
    included = {(kind, id) for _, kind, id in shop.high} - {(kind, id) for _, kind, id in shop.low}
    clock[0] += timedelta(hours=3)
    shop.faults[:] = [None, 402]
    with caplog.at_level(logging.WARNING, "xframes"), pytest.raises(xf.Interrupted) as again:
        stop.value.resume()
    assert again_in(caplog) == [len(included)]
    caplog.clear()
    clock[0] += timedelta(minutes=1)
    again.value.resume()
    assert all(more < len(included) for more in again_in(caplog))  # some were billed that day
    assert set(xf.spend(by=["day", "run_id"]).day.astype(str)) == {"2026-03-10", "2026-03-11"}
    assert xf.spend().price_high.sum() == pytest.approx(shop.total()[1])


def credits(at, balance):
    body = {"data": {"total_balance": balance, "prepaid_balance": balance, "free_balance": 0.0, "free_grants": []}}
    return Page(Request("GET", "/2/usage/credits", {}, "usage.credits"), json.dumps(body).encode(), at)


def test_spending_is_compared_with_the_balance_by_day(shop):
    clock = [datetime(2026, 3, 10, 9, tzinfo=UTC)]
    shop.clock = lambda: clock[0]
    client = Client("app-token", base_url=shop.url, now=lambda: clock[0])
    balance, pages = 20.0, []

    def report(added=0.0, unbilled=0.0):
        spent = shop.total()[1] - unbilled
        clock[0] += timedelta(minutes=1)
        pages.append(credits(clock[0], round(balance - spent + added, 6)))

    xf.users.lookup(["101"], client=client)  # before the first report
    report()
    xf.search.recent("t0", limit=20, client=client)
    report()
    clock[0] += timedelta(days=1)
    xf.search.recent("t1", limit=20, client=client)  # without a report that day
    clock[0] += timedelta(days=1)
    xf.search.recent("t0", limit=20, client=client)
    report(added=5.0, unbilled=0.1)
    spent = xf.spend(by="day", usage=xf.flatten(pages))
    low, high = (spent.price_low.sum(), spent.price_high.sum())
    assert (low, high) == pytest.approx(shop.total())
    first, none, last = spent.to_dict("records")
    assert first["credits_used"] == pytest.approx(first["price_high"] - 0.01)
    assert first["credits_less_high"] == pytest.approx(-0.01)
    assert pd.isna(none["credits_used"])
    assert (str(last["credits_since"])[:10], last["credits_added"]) == ("2026-03-10", pytest.approx(5.1 - none["price_high"] - last["price_high"]))
    assert last["credits_used"] == 0
    clock[0] += timedelta(days=1)
    report(unbilled=-2.0)  # by another machine
    *_, other = xf.spend(by="day", usage=xf.flatten(pages)).to_dict("records")
    assert (other["price_high"], other["credits_less_low"]) == (0, pytest.approx(7.1))


def test_kinds_without_a_row_are_named(shop):
    xf.search.recent("t0", client=Client("app-token", base_url=shop.url))
    assert list(xf.spend(by="day").unpriced) == ["Media"]


def test_commands_show_dollars(shop, monkeypatch, tmp_path):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", "app-token")
    monkeypatch.setenv("XFRAMES_BASE_URL", shop.url)
    shown = run("search", "recent", "t0", "--limit", 10, "--format", "csv")
    assert "$0.05" in shown.stderr.splitlines()[-1]
    shown = run("search", "recent", "all", "--budget", "1", "--archive", tmp_path / "a")
    assert shown.exit_code == 3
    run_id = shown.stderr.split("xframes resume ")[1].split()[0]
    assert run("resume", run_id, "--archive", tmp_path / "a", "--budget", "50").exit_code == 0
    shown = run("spend", "--format", "json")
    assert sum(row["price_high"] for row in json.loads(shown.stdout)) == pytest.approx(shop.total()[1])
    assert "$" in shown.stderr
    assert run("spend", "--by", "run_id", "--archive", tmp_path / "a", "--format", "csv").exit_code == 0
    assert run("search", "recent", "t0", "--budget", "much").exit_code == 2
    shown = run("prices", "--format", "csv")
    assert "Post,object,0.005" in shown.stdout


# without a budget --------------------------------------------------------------------------------


def planned(name, **arguments):
    return plan(name, arguments, now=NOW)


def test_a_large_collection_at_x_needs_a_budget(monkeypatch, caplog):
    large = planned("search.recent", query="coffee", limit=500)
    with pytest.raises(xf.errors.BudgetError):
        check_price(Client("key-of-no-one"), large)
    with pytest.raises(xf.errors.BudgetError):
        xf.search.recent("coffee", limit=500, client=Client("key-of-no-one"))
    check_price(Client("key-of-no-one", budget=xf.Budget(usd=50)), large)
    check_price(Client("key-of-no-one", base_url="http://127.0.0.1:1"), large)
    check_price(Client("key-of-no-one", transport=lambda request: None), large)
    check_price(Client("key-of-no-one"), planned("search.recent", query="coffee", limit=50))
    check_price(Client("key-of-no-one"), planned("counts.recent", query="coffee"))
    assert caplog.records == []
    with caplog.at_level(logging.WARNING, "xframes"):
        check_price(Client("key-of-no-one"), planned("search.recent", query="coffee"))
    assert len(caplog.records) == 1
    monkeypatch.setenv("XFRAMES_MAX_PRICE", "100")
    check_price(Client("key-of-no-one"), large)


def test_a_person_at_a_terminal_confirms(monkeypatch):
    large = planned("users.lookup", user_ids=[str(number) for number in range(1, 1500)])
    answers = []
    monkeypatch.setattr("sys.stdin", type("In", (), {"isatty": lambda self: True, "readline": lambda self: answers.pop()})())
    monkeypatch.setattr("sys.stderr", type("Out", (), {"isatty": lambda self: True, "write": lambda self, text: None, "flush": lambda self: None})())
    monkeypatch.delitem(__import__("sys").modules, "ipykernel", raising=False)
    answers[:] = ["y\n"]
    guard.check_price(large, load())
    answers[:] = ["\n"]
    with pytest.raises(xf.errors.BudgetError):
        guard.check_price(large, load())


def test_nothing_was_spent():
    spent = xf.spend()
    assert isinstance(spent, pd.DataFrame)
    assert spent.price_low.sum() == 0

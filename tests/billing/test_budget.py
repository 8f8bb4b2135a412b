"""No request is sent that could exceed a budget."""

import multiprocessing
import re

import pytest

import xframes as xf
from tests.clients import Scripted, answer
from tests.invoices import Shop, serving
from xframes.billing.ledger import Ledger, ledger_path

SPAWN = multiprocessing.get_context("spawn")


def client(url, **budget):
    return xf.Client("app-token", base_url=url, budget=xf.Budget(**budget), sleep=lambda seconds: None)


def drain(url, query, folder):
    with pytest.raises(xf.Interrupted):
        xf.search.recent(query, client=client(url, usd=1.0, per="day"), into=xf.Archive(folder))


@pytest.mark.parametrize("reading", ["low", "high"])
@pytest.mark.parametrize("into", [True, False])
def test_a_budget_is_not_exceeded_and_the_run_can_be_resumed(reading, into, tmp_path, totals):
    shop = Shop()
    archive = xf.Archive(tmp_path / "a") if into else None
    with serving(shop) as url:
        with pytest.raises(xf.Interrupted) as stop:
            xf.search.recent("all", client=client(url, usd=1.0, reading=reading), into=archive)
        assert isinstance(stop.value.__cause__, xf.errors.BudgetReached)
        spent = shop.total()[reading == "high"]
        assert 0.4 < spent <= 1.0
        assert totals() == pytest.approx(shop.total())
        with pytest.raises(xf.Interrupted):  # a run includes its resumptions
            stop.value.resume()
        assert shop.total()[reading == "high"] == spent
        result = stop.value.resume(client=client(url, usd=100))
        assert (result.frames() if into else result).tables["matches"] == 400


def test_a_budget_holds_in_the_low_reading_too_after_others_included_its_posts(tmp_path):
    shop = Shop()
    with serving(shop) as url:
        xf.search.recent("u0", client=client(url, usd=100))
        before = shop.total()
        with pytest.raises(xf.Interrupted):
            xf.search.recent("u3", client=client(url, usd=0.3), expansions="lean", into=xf.Archive(tmp_path / "a"))
    low, high = (after - earlier for after, earlier in zip(shop.total(), before, strict=True))
    assert high < low <= 0.3 + 1e-9


@pytest.mark.slow
def test_two_processes_share_a_budget(tmp_path, totals):
    shop = Shop(posts=600)
    with serving(shop) as url:
        jobs = [SPAWN.Process(target=drain, args=(url, query, str(tmp_path / query))) for query in ("all", "t1")]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        assert [job.exitcode for job in jobs] == [0, 0]
    assert 0.4 < shop.total()[1] <= 1.0
    assert totals() == pytest.approx(shop.total())


def test_pages_shrink_to_what_is_left():
    shop = Shop()
    with serving(shop) as url, pytest.raises(xf.Interrupted):
        xf.search.recent("all", client=client(url, usd=1.0))
    sizes = [int(params["max_results"]) for _, params in shop.field_params]
    assert sizes[0] == 18
    assert all(10 <= size <= 18 for size in sizes)
    assert "mentions" not in shop.field_params[0][1]["expansions"]


def test_lookups_shrink_and_lose_no_id():
    shop = Shop()
    ids = [str(10_000 + number) for number in range(230)]
    with serving(shop) as url:
        with pytest.raises(xf.Interrupted) as stop:
            xf.posts.lookup(ids, client=client(url, usd=1.2))
        assert shop.total()[1] <= 1.2
        frames = stop.value.resume(client=client(url, usd=20))
    assert sorted(frames.matches.post_id) == ids
    looked_up = [id for _, params in shop.field_params for id in params["ids"].split(",")]
    assert sorted(looked_up) == ids


def test_nothing_is_sent_if_the_smallest_page_could_exceed_it(tmp_path):
    shop = Shop()
    with serving(shop) as url:
        for archive in (None, xf.Archive(tmp_path / "a")):
            with pytest.raises(xf.Interrupted) as stop:
                xf.search.recent("all", client=client(url, usd=0.5), into=archive)
            assert isinstance(stop.value.__cause__, xf.errors.BudgetReached)
        assert shop.requests == 0
        run = archive.resume(stop.value.run_id, client=client(url, usd=50))
        assert run.rows == 400


@pytest.mark.parametrize("bound", [{"posts": 100}, {"requests": 3}])
def test_other_bounds(bound):
    shop = Shop()
    with serving(shop) as url:
        shop.faults[:] = [503]
        with pytest.raises(xf.Interrupted) as stop:
            xf.search.recent("all", client=client(url, **bound))
    if "requests" in bound:
        assert shop.requests == 3
    else:
        assert len([key for key in shop.high if key[1] == "post"]) <= 100
        assert stop.value.rows > 50


def test_a_lost_request_is_sent_again_within_the_budget(totals):
    shop = Shop()
    with serving(shop) as url:
        shop.faults[:] = ["drop", "drop"]
        with pytest.raises(xf.Interrupted):
            xf.search.recent("all", client=client(url, usd=1.0))
        assert 0.4 < shop.total()[1] <= 1.0
        assert totals() == pytest.approx(shop.total())


def test_a_stream_stops_at_its_budget(totals):
    with xf.sandbox.start(seed=3) as x:
        one = xf.Client(x.bearer_token, base_url=x.url, budget=xf.Budget(usd=0.2))
        with pytest.raises(xf.Interrupted) as stop:
            xf.streams.sample(limit=200, duration=20, client=one)
    assert isinstance(stop.value.__cause__, xf.errors.BudgetReached)
    low, high = totals()
    assert 0.1 < high <= 0.2
    assert low == pytest.approx(0.005 * len(set(stop.value.frames.matches.post_id)))


def test_requests_of_a_client_without_a_collection_share_its_budget():
    page = answer(200, {"data": [{"id": "1"}], "meta": {}})
    one = Scripted(*[page] * 5, budget=xf.Budget(requests=2))
    one.send()
    one.send()
    with pytest.raises(xf.errors.BudgetReached):
        one.send()
    assert sum(row["requests"] for row in Ledger(ledger_path()).rows()) == 2


def test_budgets_of_a_day_can_be_retried_the_next_day():
    one = Scripted(budget=xf.Budget(requests=0, per="day"))
    with pytest.raises(xf.errors.BudgetReached) as stop:
        one.send()
    assert stop.value.retryable
    assert stop.value.retry_at.isoformat() == "2026-03-11T00:00:00+00:00"


@pytest.mark.parametrize("arguments", [
    {}, {"usd": -1}, {"usd": "5"}, {"posts": 1.5}, {"usd": 1, "per": "week"}, {"usd": 1, "reading": "both"}, {"usd": True},
])
def test_invalid_budgets_are_refused(arguments):
    with pytest.raises(xf.errors.ArgumentError):
        xf.Budget(**arguments)


def test_settings(monkeypatch):
    monkeypatch.setenv("XFRAMES_BUDGET", "2.5/month")
    assert Scripted().client.meter.budget == xf.Budget(usd=2.5, per="month")
    monkeypatch.setenv("XFRAMES_BUDGET", "5")
    assert Scripted().client.meter.budget == xf.Budget(usd=5.0)
    assert Scripted(budget=xf.Budget(posts=1)).client.meter.budget == xf.Budget(posts=1)
    monkeypatch.setenv("XFRAMES_BUDGET", "much")
    with pytest.raises(xf.errors.ConfigError):
        Scripted()
    with pytest.raises(xf.errors.ArgumentError):
        Scripted(budget=5)
    assert re.search(r"5", str(xf.Budget(usd=5)))

"""The ledger equals the invoice of a server that bills by the card."""

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import xframes as xf
from tests.clients import SEARCH, Scripted, answer
from tests.invoices import ME, Shop, serving
from xframes.billing.ledger import Ledger, ledger_path
from xframes.client import Client, Retries
from xframes.wire import Request

START = datetime(2026, 3, 10, 22, tzinfo=UTC)
FORK = multiprocessing.get_context("spawn")


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


def fast(url, token="app-token", **options):
    return xf.Client(token, base_url=url, sleep=lambda seconds: None, **options)


def rows(**only):
    return [row for row in Ledger(ledger_path()).rows() if only.items() <= row.items()]


def collect_in_process(url, query, folder):
    xf.search.recent(query, client=fast(url), into=xf.Archive(folder))


def test_a_mixed_day_equals_the_invoice(tmp_path, totals):
    clock = Clock()
    shop = Shop(clock=clock)
    with serving(shop) as url:
        client = fast(url, now=clock)
        one, other = xf.Archive(tmp_path / "one"), xf.Archive(tmp_path / "other")
        shop.faults[:] = [503, None, "drop", None]
        xf.search.recent("t0", client=client, into=one)
        xf.search.recent("u0", client=client, limit=60)
        xf.users.lookup([str(100 + number) for number in range(60)], client=client, into=other)
        xf.posts.lookup([str(10_000 + number) for number in range(0, 500, 3)], client=client)
        xf.counts.recent("t0", client=client)
        xf.timelines.user("105", client=client, into=other)
        assert totals() == pytest.approx(shop.total())
        shop.faults[:] = [None, 402]
        with pytest.raises(xf.Interrupted) as stop:
            xf.search.recent("all", client=client, into=one)
        assert totals() == pytest.approx(shop.total())
        clock.now += timedelta(hours=3)  # midnight
        stop.value.resume()
        xf.search.recent("t0", client=client, into=other)
        assert totals() == pytest.approx(shop.total())
    assert {row["day"] for row in rows()} == {"2026-03-10", "2026-03-11"}
    assert totals(day="2026-03-10") == pytest.approx([amount / 1000 for amount in shop.invoice[START.date()]])
    assert sum(row["requests"] for row in rows()) == shop.requests
    assert not any(row["in_flight"] for row in rows())


def test_a_row_can_be_lower_in_the_high_reading_but_no_sum(totals):
    shop = Shop()
    with serving(shop) as url:
        xf.search.recent("t1", limit=100, client=fast(url))
        xf.users.lookup(["100", "101"], client=fast(url))
    (lookup,) = rows(action="users.lookup")
    assert (lookup["low"], lookup["high"]) == (20_000_000, 0)
    assert totals() == pytest.approx(shop.total())
    assert totals()[0] < totals()[1]


def test_ones_own_timeline_costs_less(totals):
    shop = Shop()
    with serving(shop) as url:
        user = xf.Client(oauth2="user-token", base_url=url)
        xf.timelines.user(ME, client=user, limit=50)
        assert totals()[0] == pytest.approx(0.05)
        xf.timelines.user("107", client=user)
        assert totals() == pytest.approx(shop.total())


def test_a_client_with_both_tokens_reads_its_own_as_the_user(totals):
    shop = Shop()
    with serving(shop) as url:
        both = xf.Client("app-token", oauth2="user-token", base_url=url)
        xf.timelines.user(ME, client=both, limit=50)
        xf.timelines.user("107", client=both)
        xf.search.recent("t1", client=fast(url))  # the same app, by its bearer token
        assert shop.total()[0] < 0.5
        assert totals() == pytest.approx(shop.total())


@pytest.mark.slow
def test_two_processes_and_two_archives_are_billed_as_one_app(tmp_path, totals):
    shop = Shop()
    with serving(shop) as url:
        jobs = [FORK.Process(target=collect_in_process, args=(url, query, str(tmp_path / query))) for query in ("t0", "u0")]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        assert [job.exitcode for job in jobs] == [0, 0]
    assert totals() == pytest.approx(shop.total())


KILLED = """
import sys, xframes as xf
url, folder = sys.argv[1:]
xf.search.recent("t0", client=xf.Client("app-token", base_url=url), into=xf.Archive(folder))
"""


def test_what_was_in_flight_at_a_kill_counts_in_high_until_it_is_answered(tmp_path, totals):
    shop = Shop()
    with serving(shop) as url:
        shop.faults[:] = [None, "hang"]
        job = subprocess.Popen([sys.executable, "-c", KILLED, url, str(tmp_path / "a")])
        while shop.requests < 2:
            time.sleep(0.01)
        time.sleep(0.1)
        job.send_signal(signal.SIGKILL)
        job.wait()
        (row,) = rows()
        assert row["in_flight"] == 1
        low, high = totals()
        assert low == pytest.approx(0.5)
        assert high > shop.total()[1]
        archive = xf.Archive(tmp_path / "a")
        (run,) = archive.runs().run_id
        archive.resume(run, client=fast(url))
        assert totals() == pytest.approx(shop.total())
        assert rows()[0]["in_flight"] == 0


def test_a_request_without_an_answer_stays_in_the_high_reading(totals):
    shop = Shop()
    with serving(shop) as url:
        shop.faults[:] = ["drop"] * 2
        with pytest.raises(xf.errors.Unavailable):
            xf.search.recent("t0", client=fast(url, retries=Retries(attempts=2)))
        (row,) = rows()
        assert (row["low"], row["in_flight"], row["requests"]) == (0, 1, 2)
        assert totals()[1] >= shop.total()[1]


def test_refusals_cost_nothing(totals):
    shop = Shop()
    with serving(shop) as url:
        shop.faults[:] = [402]
        with pytest.raises(xf.errors.ApiError):
            xf.search.recent("t0", client=fast(url))
    assert totals() == (0, 0)
    assert rows()[0]["requests"] == 1


def test_apps_are_told_apart_by_a_hash_that_users_tokens_do_not_enter(monkeypatch, tmp_path):
    shop = Shop()
    with serving(shop) as url:
        for options in ({"bearer_token": "one"}, {"bearer_token": "two"},
                        {"oauth2": xf.Client("x", oauth2="user-1")._credentials.oauth2}, {"oauth2": "user-2"}):
            token = options.pop("bearer_token", None)
            xf.users.lookup(["100"], client=xf.Client(token, base_url=url, **options))
        assert len({row["app"] for row in rows()}) == 3
        assert [row["low"] for row in rows()].count(10_000_000) == 3
        monkeypatch.setenv("XFRAMES_APP", "lab")
        for token in ("one", "two"):
            xf.users.lookup(["101"], client=xf.Client(token, base_url=url))
    content = b"".join(path.read_bytes() for path in ledger_path().parent.iterdir())
    assert b"user-1" not in content
    assert sum(row["low"] for row in rows(query="")) == 4 * 10_000_000


COUNTS = Request("GET", "/2/tweets/counts/recent", {"query": "q"}, "counts.recent")
COUNTED = answer(200, {"data": [], "meta": {}})


def test_a_request_that_is_billed_each_time_counts_twice_if_its_first_answer_is_lost(totals):
    Scripted(ConnectionError("no answer"), COUNTED).send(COUNTS)
    assert totals() == pytest.approx((0.005, 0.01))
    assert rows()[0]["in_flight"] == 1
    Scripted(answer(200, b'{"data": ['), COUNTED).send(COUNTS)  # X answered, so it billed
    assert totals() == pytest.approx((0.015, 0.02))


def test_a_free_request_that_is_sent_again_is_not_in_flight(totals):
    free = Request("GET", "/2/usage/tweets", {}, "usage.posts")
    Scripted(ConnectionError("no answer"), answer(200, {"data": {"project_id": "1"}})).send(free)
    assert totals() == (0, 0)
    assert rows()[0]["in_flight"] == 0


@pytest.mark.parametrize(("date", "day"), [
    (None, "2026-03-10"), ("Tue, 10 Mar 2026 23:59:58 GMT", "2026-03-10"),
    ("Wed, 11 Mar 2026 00:00:03 GMT", "2026-03-11"), ("Fri, 13 Mar 2026 00:00:03 GMT", "2026-03-10"),
    ("not a time", "2026-03-10"),
])
def test_midnight_between_request_and_answer_is_decided_by_the_servers_clock(date, day, totals):
    clock, dates = Clock(), [date] if date else []
    clock.now = datetime(2026, 3, 10, 23, 59, 55, tzinfo=UTC)

    def slow(_):
        clock.now += timedelta(seconds=10)
        headers = {"date": dates.pop()} if dates else {}
        return answer(200, {"data": [{"id": "1"}], "meta": {}}, **headers)

    client = Client("key-of-no-one", now=clock, transport=slow)
    client.send(SEARCH)
    client.send(SEARCH)  # after midnight
    assert [row["day"] for row in rows()] == sorted({day, "2026-03-11"})
    assert totals() == pytest.approx((0.005, 0.005) if day == "2026-03-11" else (0.01, 0.01))


def test_ids_are_removed_after_the_day():
    clock = Clock()
    shop = Shop(clock=clock)
    with serving(shop) as url:
        xf.search.recent("t0", limit=20, client=fast(url, now=clock))
        clock.now += timedelta(days=1)
        xf.users.lookup(["139"], client=fast(url, now=clock))
    with sqlite3.connect(ledger_path()) as sql:
        found = sql.execute("SELECT day, count(*) FROM billed GROUP BY day").fetchall()
    sql.close()
    assert found == [("2026-03-11", 1)]


def test_without_a_place_for_the_ledger_requests_are_sent(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    page = answer(200, {"data": [{"id": "1"}], "meta": {}})
    assert Scripted(page).send().status == 200
    with pytest.raises(xf.errors.ConfigError):
        Scripted(page, budget=xf.Budget(usd=1)).send()


def test_threads_with_clients_of_their_own_share_the_ledger(totals):
    def work(first):
        for number in range(15):
            page = answer(200, {"data": [{"id": str(id)} for id in range(first + number, first + number + 20)], "meta": {}})
            Scripted(page).send()

    threads = [threading.Thread(target=work, args=(first,)) for first in (1, 8, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals()[0] == pytest.approx(0.005 * 63)
    assert sum(row["requests"] for row in rows()) == 45


def test_the_ledger_is_private():
    xf_client = Scripted(answer(200, {"data": [{"id": "1"}], "meta": {}}))
    xf_client.send()
    assert Path(ledger_path()).stat().st_mode & 0o077 == 0

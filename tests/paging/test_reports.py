"""What a collection says on its way: log lines, the time it has reached, and how long it will probably take."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from tests.clients import NOW, Scripted, answer, limited
from xframes.paging.pages import State
from xframes.paging.reports import reports
from xframes.plan import plan
from xframes.plan.post_ids import first_id, posted_at


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "xframes")
    return lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]


class Clock:
    def __init__(self):
        self.at = NOW

    def __call__(self):
        return self.at


def travel(planned, clock, states, first=State(), seconds=6):  # noqa: B008  a state does not change
    with reports(planned, first, clock, False) as report:
        for state in states:
            clock.at += timedelta(seconds=seconds)
            report(state)


def back(hours):
    return str(first_id(NOW - timedelta(hours=hours)))


def test_a_collection_logs_its_start_every_ten_pages_and_its_end(lines):
    made = plan("search.recent", {"query": "q", "limit": 5000}, now=NOW)
    travel(made, Clock(), [State(pages=n, rows=100 * n) for n in range(1, 26)])
    start, ten, twenty, end = lines()
    assert all(part in start for part in ("search.recent", "5,000"))
    assert "10 pages, 1,000 rows" in ten
    assert "20 pages, 2,000 rows" in twenty
    assert "25 pages, 2,500 rows" in end


def test_how_long_it_takes_follows_from_the_times_of_post_ids(lines):
    made = plan("search.recent", {"query": "q", "start_time": NOW - timedelta(hours=40)}, now=NOW)
    travel(made, Clock(), [State(pages=n, rows=100 * n, lowest=back(n)) for n in range(1, 11)])
    # 10 hours of 40 in a minute: three more minutes
    assert "back to 2026-03-10 02:00 UTC, about 3 min left, until 12:04 UTC" in lines()[1]


@pytest.mark.parametrize(("arguments", "expected"), [
    ({"limit": 2000}, "about 60 s left"), ({"since_id": back(20)}, "about 60 s left"), ({}, "left"),
    ({"end_time": NOW - timedelta(hours=5), "start_time": NOW - timedelta(hours=15)}, "about 60 s left"),
])
def test_by_rows_or_by_time_whichever_is_further(arguments, expected, lines):
    made = plan("search.recent", {"query": "q"} | arguments, now=NOW)
    travel(made, Clock(), [State(pages=n, rows=100 * n, lowest=back(n)) for n in range(1, 11)])
    assert expected in lines()[1]


@pytest.mark.parametrize("action", ["search.all", "counts.all"])
def test_without_a_start_the_full_archive_is_searched_as_far_back_as_x_does(action, lines):
    made = plan(action, {"query": "q"}, now=NOW)
    travel(made, Clock(), [State(pages=n, rows=n, lowest=back(36 * n)) for n in range(1, 11)])
    assert "about 60 s left" in lines()[1]  # 15 days of 30 in a minute


def test_a_resumed_collection_counts_from_where_it_continues(lines):
    made = plan("search.recent", {"query": "q", "limit": 2000}, now=NOW)
    first = State(pages=10, rows=1000)
    travel(made, Clock(), [State(pages=n, rows=100 * n) for n in range(11, 21)], first)
    start, _, end = lines()
    assert "10 pages, 1,000 rows" in start
    assert "20 pages" in end


def test_where_nothing_says_the_time_no_time_is_said(lines):
    made = plan("users.followers", {"user_id": "7"}, now=NOW)
    travel(made, Clock(), [State(pages=n, rows=n) for n in range(1, 11)])
    assert "left" not in lines()[1]
    assert "back" not in lines()[1]


def test_what_a_collection_cost_is_not_computed_where_nobody_sees_it():
    made = plan("search.recent", {"query": "q"}, now=NOW)
    with reports(made, State(), Clock(), False, price=lambda: pytest.fail("nothing shows it")) as report:
        for number in range(1, 21):
            report(State(pages=number, rows=10 * number))


def test_a_bar_reads_what_a_collection_cost_when_it_is_drawn(capsys):
    made, costs = plan("search.recent", {"query": "q"}, now=NOW), []

    def price():
        costs.append(f"${len(costs)}.00")
        return costs[-1]

    with reports(made, State(), Clock(), True, price) as report:
        for number in range(1, 501):
            report(State(pages=number, rows=10 * number))
    assert len(costs) < 100
    assert costs[-1] in capsys.readouterr().err


def test_a_collection_that_stops_says_so(lines):
    made = plan("search.recent", {"query": "q"}, now=NOW)
    with pytest.raises(OSError, match="full"), reports(made, State(pages=2, rows=20), Clock(), False):
        raise OSError("full")
    assert "stopped after 2 pages, 20 rows" in lines()[-1]


def test_a_wait_says_the_time_at_which_it_ends():
    reset = int(NOW.timestamp()) + 300
    scripted = Scripted(limited(x_rate_limit_limit=450, x_rate_limit_remaining=0, x_rate_limit_reset=reset), answer())
    scripted.send()
    assert "until 2026-03-10 12:05:01 UTC" in scripted.told[0]


@pytest.mark.parametrize("at", [datetime(2026, 3, 10, tzinfo=UTC), datetime(2010, 11, 5, tzinfo=UTC)])
def test_ids_and_times_are_inverse(at):
    id_ = first_id(at)
    assert posted_at(id_) == at
    assert posted_at(id_ - 1) < at
    assert first_id(datetime(2006, 3, 21, tzinfo=UTC)) is None
    assert posted_at(10**40).year == 9999

"""Pacing: at the limit, never over it, never in the way of short collections. No clock runs here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xframes.client.pacing import Pacer
from xframes.registry.actions import Window, windows

T0 = 1_700_000_000.0
POOL = ("app", "search.recent")


class Server:
    """X's side: fixed windows that begin with the first request; headers speak of the longest."""

    def __init__(self, declared: tuple[Window, ...], used: int = 0, age: float = 100.0) -> None:
        self.declared = declared
        self.long = max(declared, key=lambda w: w.seconds)
        self.began = dict.fromkeys(declared, float("-inf"))
        self.used = dict.fromkeys(declared, 0)
        if used:
            self.began[self.long], self.used[self.long] = T0 - age, used

    def ask(self, at: float) -> bool:
        for w in self.declared:
            if at >= self.began[w] + w.seconds:
                self.began[w], self.used[w] = at, 0
        served = all(self.used[w] < w.requests for w in self.declared)
        for w in self.declared:
            self.used[w] += served
        return served

    @property
    def headers(self) -> dict[str, str]:
        left, reset = self.long.requests - self.used[self.long], self.began[self.long] + self.long.seconds
        return told(self.long.requests, left, int(reset) + 1)


def told(limit: object, left: object, reset: object) -> dict[str, str]:
    return {"x-rate-limit-limit": f"{limit}", "x-rate-limit-remaining": f"{left}", "x-rate-limit-reset": f"{reset}"}


def run(requests, limits, *, used=0, latency=0.1, headers=True):
    """Seconds a collection takes, and the longest wait in it; fails when a request is refused."""
    declared, pacer, now, longest = windows(limits), Pacer(), T0, 0.0
    server = Server(declared, used)
    for n in range(requests):
        wait = pacer.reserve(POOL, declared, now, most=1e9)
        longest, now = max(longest, wait), now + wait
        assert server.ask(now + latency / 2), f"request {n} refused"
        now += latency
        if headers:
            pacer.learn(POOL, declared, server.headers, now)
    return now - T0, longest


@pytest.mark.parametrize("requests", [1, 10, 100, 337])
def test_short_collections_never_wait(requests):
    assert run(requests, "450/15min")[1] == 0


def test_a_long_collection_runs_at_the_limit_and_spreads_its_waits():
    took, longest = run(1000, "450/15min")
    assert 1800 <= took < 1840  # two windows are full after 30 minutes, the rest goes at once
    assert longest < 10  # and not one sleep of a quarter of an hour


def test_several_windows_hold_at_once():
    took, longest = run(50, "1/sec, 300/15min")
    assert 49 <= took < 53
    assert longest < 1.2
    took, _ = run(700, "1/sec, 300/15min")
    assert 1800 <= took < 1920


def test_what_others_used_is_learnt_from_the_headers():
    assert run(5, "450/15min", used=440) == (pytest.approx(0.5), 0)
    took, _ = run(100, "450/15min", used=440)  # ten are left, then 800 seconds to the reset
    assert 800 <= took < 830


@settings(deadline=None)
@given(st.integers(1, 900), st.sampled_from(["450/15min", "15/15min", "300/15min", "1/sec, 300/15min"]), st.booleans())
def test_never_refused_and_never_slower_than_the_limits_steady_rate(requests, limits, headers):
    took, _ = run(requests, limits, headers=headers, latency=0.01)
    steady = max(w.seconds / w.requests for w in windows(limits))
    assert took <= requests * (steady + 0.07) + 2


def test_a_larger_limit_than_declared_is_believed():
    declared, pacer = windows("300/15min"), Pacer()
    pacer.reserve(POOL, declared, T0)
    pacer.learn(POOL, declared, told(5000, 4999, int(T0) + 900), T0)
    assert all(pacer.reserve(POOL, declared, T0) == 0 for _ in range(1000))


def test_an_undocumented_limit_is_learnt():
    pacer = Pacer()
    assert pacer.reserve(POOL, (), T0) == 0
    pacer.learn(POOL, (), told(5, 0, int(T0) + 60), T0)
    assert pacer.reserve(POOL, (), T0) == pytest.approx(61)


@pytest.mark.parametrize("bad", [{}, told("a", 1, 2), told(450, 0, 5), told(450, 0, 10**12)])
def test_headers_that_make_no_sense_change_nothing(bad):
    declared, pacer = windows("450/15min"), Pacer()
    pacer.reserve(POOL, declared, T0)
    pacer.learn(POOL, declared, bad, T0)
    assert pacer.reserve(POOL, declared, T0) == 0


def test_the_answer_of_a_window_that_is_over_changes_nothing():
    declared, pacer = windows("15/15min"), Pacer()
    for _ in range(15):
        pacer.reserve(POOL, declared, T0)
    wait = pacer.reserve(POOL, declared, T0)  # the first of the next window
    pacer.learn(POOL, declared, told(15, 0, int(T0) + 900), T0 + 1)
    assert pacer.reserve(POOL, declared, T0 + wait) == 0


def test_a_refusal_holds_everybody_in_its_pool():
    declared, pacer = windows("450/15min"), Pacer()
    pacer.hold(POOL, declared, T0 + 30)
    assert pacer.reserve(POOL, declared, T0) == 30
    assert pacer.reserve(("user", "search.recent"), declared, T0) == 0
    assert pacer.reserve(POOL, declared, T0 + 31) == 0


def test_a_wait_beyond_patience_counts_nothing():
    declared, pacer = windows("2/24hrs"), Pacer()
    assert [pacer.reserve(POOL, declared, T0) for _ in range(3)] == [0, 0, 86400]
    assert pacer.reserve(POOL, declared, T0 + 86400) == 0
    assert pacer.reserve(POOL, declared, T0 + 86400) == 0


def test_threads_get_places_of_their_own():
    declared, pacer = windows("1/sec"), Pacer()
    with ThreadPoolExecutor(8) as pool:
        places = sorted(pool.map(lambda _: pacer.reserve(POOL, declared, T0), range(40)))
    assert all(later - earlier >= 1 for earlier, later in pairwise(places))

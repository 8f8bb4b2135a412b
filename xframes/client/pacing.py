"""When the next request may go: pure arithmetic over X's rate-limit windows, told the time by its caller.

A window gives three quarters of its requests at once, so that short collections never wait, and spreads the last
quarter over the time to its reset, so that a long one runs at the limit instead of in bursts and sleeps. However many
requests: none goes later than X's own steady rate (seconds / requests apart) would let it go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from xframes.wire import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.registry import Window

_AT_ONCE = 0.75  # the part of a window's requests that is not spread
_FEW = 10  # requests of one client in one window that are never spread, even when others have used most of it
_SPREAD_SECONDS = (60, 3600)  # windows worth spreading: a second is too short, a day too long to hold anybody up
_MARGIN = 0.05  # seconds added to short windows, for the way between here and X
_SKEW = 2.0  # seconds; X gives its resets in whole ones


@dataclass(slots=True)
class _Quota:
    """One window as far as it is known: what is left, and when it begins anew (Unix seconds)."""

    requests: int
    seconds: float
    left: int = 0
    reset: float = 0.0
    next: float = 0.0
    mine: int = 0  # requests counted here since the window began
    told: bool = False  # by X's headers, not only counted here
    before: float = 0.0  # the reset of the window before this one

    def earliest(self, at: float) -> float:
        """The first time from `at` on when one more request may go."""
        if at >= self.reset:
            return at
        return max(at, self.next) if self.left > 0 else self.reset

    def take(self, at: float) -> None:
        """Count one request that goes at `at`."""
        if at >= self.reset:
            margin = _MARGIN if self.seconds < _SPREAD_SECONDS[0] else 0
            self.before, self.reset, self.left = self.reset, at + self.seconds + margin, self.requests
            self.next, self.told, self.mine = at, False, 0
        self.left -= 1
        self.mine += 1
        spread = _SPREAD_SECONDS[0] <= self.seconds <= _SPREAD_SECONDS[1]
        if spread and self.mine >= _FEW and self.left < self.requests * (1 - _AT_ONCE):
            self.next = at + (self.reset - at) / (self.left + 1)

    def learn(self, requests: int, left: int, reset: float, now: float) -> None:
        """Believe X, unless its answer belongs to a window that is over."""
        reset += 1  # X's resets are whole seconds, and its clock is not this one
        if reset <= now or reset <= self.before + _SKEW or (self.told and reset < self.reset - _SKEW):
            return
        same = self.told and reset <= self.reset + _SKEW and requests == self.requests
        self.left = min(self.left, left) if same else left
        self.requests, self.reset, self.told = requests, reset, True


@dataclass(slots=True)
class _Pool:
    quotas: list[_Quota]
    held: float = 0.0


@dataclass
class Pacer:
    """Paces the requests of one client. Pools are named by the caller, e.g. `("app", "search.recent")`.

    All times are Unix seconds. Threads may share a pacer: each reservation takes a place of its own.
    """

    _pools: dict[tuple[str, str], _Pool] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def reserve(self, pool: tuple[str, str], windows: Iterable[Window], now: float, *, most: float = 3600.0) -> float:
        """Seconds to wait before sending the next request, which is counted; more than `most` counts nothing."""
        with self._lock:
            found = self._pool(pool, windows)
            at = max(now, found.held)
            for _ in found.quotas:  # each may push the time into another one's wait
                at = max([at, *(q.earliest(at) for q in found.quotas)])
            if at - now <= most:
                for quota in found.quotas:
                    quota.take(at)
            return at - now

    def learn(
        self, pool: tuple[str, str], windows: Iterable[Window], headers: Mapping[str, str], now: float
    ) -> None:
        """Correct the counts by an answer's x-rate-limit headers; they speak of the window X counts in now."""
        names = ("limit", "remaining", "reset")
        requests, left, reset = (
            whole_number(headers.get(f"x-rate-limit-{name}")) for name in names
        )
        if requests is None or left is None or reset is None:
            return
        with self._lock:
            quotas = self._pool(pool, windows).quotas
            if quota := _meant(quotas, requests, reset - now):
                quota.learn(requests, left, float(reset), now)
            elif all(q.seconds < _SPREAD_SECONDS[0] for q in quotas) and now < reset <= now + _SPREAD_SECONDS[1]:
                quotas.append(_Quota(requests, 900, left, reset + 1.0, now, told=True))  # nobody documents this limit

    def told(self) -> dict[tuple[str, str], tuple[int, int, float]]:
        """What X last said of each pool: requests in its window, how many are left, and when it ends (Unix seconds)."""
        with self._lock:
            return {
                name: (quota.requests, max(0, quota.left), quota.reset)
                for name, pool in self._pools.items() for quota in pool.quotas if quota.told
            }

    def hold(self, pool: tuple[str, str], windows: Iterable[Window], until: float) -> None:
        """Let no request go before `until`: X refused one."""
        with self._lock:
            found = self._pool(pool, windows)
            found.held = max(found.held, until)

    def _pool(self, pool: tuple[str, str], windows: Iterable[Window]) -> _Pool:
        if pool not in self._pools:
            self._pools[pool] = _Pool([_Quota(w.requests, w.seconds) for w in windows])
        return self._pools[pool]


def _meant(quotas: list[_Quota], requests: int, ahead: float) -> _Quota | None:
    """The window a header speaks of: the one of that size, else the shortest that can reset so far ahead."""
    for quota in quotas:
        if quota.requests == requests and ahead <= quota.seconds + _SKEW:
            return quota
    fitting = [q for q in quotas if q.seconds >= _SPREAD_SECONDS[0] and ahead <= q.seconds + _SKEW]
    return min(fitting, key=lambda q: q.seconds, default=None)

"""Calculate when the next request can be sent within X's rate limits.

Three quarters of a window's requests are sent without a wait, so that short collections never wait.
The last quarter is spread over the time until the reset, so that a long collection runs steadily at
the limit. No request is later than at X's steady rate (seconds / requests apart). The caller passes
the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from xframes.wire import clock_lead, used_up, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.registry import Window

_AT_ONCE = 0.75  # share of a window's requests that is not spread
_FEW = 10  # requests per window that are never spread, even if other clients used most of it
# Windows to spread: a second is too short, and in a window of a day a wait would be too long.
_SPREAD_SECONDS = (60, 3600)
_MARGIN = 0.05  # seconds added to short windows, for the time to reach X
_SKEW = 2.0  # seconds; X sends resets in whole seconds
_HEADERS = ("limit", "remaining", "reset")  # after x-rate-limit-


@dataclass(slots=True)
class _Quota:
    """One window as far as it is known: requests left, and its reset (Unix seconds)."""

    requests: int
    seconds: float
    left: int = 0
    reset: float = 0.0
    next: float = 0.0
    mine: int = 0  # requests of this client since the window started
    reported: bool = False  # X sent these numbers; otherwise they are only counted here
    before: float = 0.0  # the reset of the window before this one

    def earliest(self, at: float) -> float:
        """Return the first time, not before `at`, when one more request can be sent."""
        if at >= self.reset:
            return at
        if self.left <= 0:
            return self.reset
        return max(at, self.next)

    def take(self, at: float) -> None:
        """Count one request that is sent at `at`."""
        if at >= self.reset:
            self.before = self.reset
            self.reset = at + self.seconds
            if self.seconds < _SPREAD_SECONDS[0]:
                self.reset += _MARGIN
            self.left = self.requests
            self.next, self.reported, self.mine = at, False, 0
        self.left -= 1
        self.mine += 1
        is_spread = _SPREAD_SECONDS[0] <= self.seconds <= _SPREAD_SECONDS[1]
        if is_spread and self.mine >= _FEW and self.left < self.requests * (1 - _AT_ONCE):
            self.next = at + (self.reset - at) / (self.left + 1)

    def learn(self, requests: int, left: int, reset: float, now: float) -> None:
        """Use the numbers that X sent, unless they belong to a window that is over."""
        reset += 1  # X's resets are whole seconds, and its clock can differ
        if reset <= now or reset <= self.before + _SKEW:
            return
        if self.reported and reset < self.reset - _SKEW:
            return
        if self.reported and reset <= self.reset + _SKEW and requests == self.requests:
            left = min(self.left, left)  # the same window: an older response can arrive later
        self.requests, self.left, self.reset, self.reported = requests, left, reset, True


@dataclass(slots=True)
class _Pool:
    quotas: list[_Quota]
    held: float = 0.0


@dataclass
class Pacer:
    """Paces the requests of one client, also of several threads.

    The caller names the pools, e.g. `("app", "search.recent")`. All times are Unix seconds.
    """

    _pools: dict[tuple[str, str], _Pool] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def reserve(
        self, name: tuple[str, str], windows: Iterable[Window], now: float, *, most: float = 3600.0
    ) -> float:
        """Count the next request, and return the seconds to wait before it.

        If this is more than `most`, the request is not counted.
        """
        with self._lock:
            pool = self._pool(name, windows)
            at = max(now, pool.held)
            for _ in pool.quotas:  # the wait of one window can end within that of another
                at = max([at, *(quota.earliest(at) for quota in pool.quotas)])
            if at - now <= most:
                for quota in pool.quotas:
                    quota.take(at)
            return at - now

    def learn(
        self, name: tuple[str, str], windows: Iterable[Window], headers: Mapping[str, str],
        now: float,
    ) -> None:
        """Correct the counts by the x-rate-limit headers of a response, and those of a day."""
        moment = datetime.fromtimestamp(now, UTC)
        limit = used_up(headers, moment)
        if limit is not None:
            self.hold(name, windows, limit.until.timestamp())
        requests, left, reset = (
            whole_number(headers.get(f"x-rate-limit-{key}")) for key in _HEADERS
        )
        if requests is None or left is None or reset is None:
            return
        reset += round(clock_lead(headers, moment))
        with self._lock:
            quotas = self._pool(name, windows).quotas
            quota = _matching(quotas, requests, reset - now)
            if quota is not None:
                quota.learn(requests, left, float(reset), now)
                return
            is_undocumented = all(quota.seconds < _SPREAD_SECONDS[0] for quota in quotas)
            if is_undocumented and now < reset <= now + _SPREAD_SECONDS[1]:
                quotas.append(_Quota(requests, 900, left, reset + 1.0, now, reported=True))

    def limits(self) -> dict[tuple[str, str], tuple[int, int, float]]:
        """Return the limits that X reported, by pool: requests per window, left, and its end."""
        limits = {}
        with self._lock:
            for name, pool in self._pools.items():
                for quota in pool.quotas:
                    if quota.reported:
                        limits[name] = (quota.requests, max(0, quota.left), quota.reset)
        return limits

    def hold(self, name: tuple[str, str], windows: Iterable[Window], until: float) -> None:
        """Allow no request before `until`, because X refused one."""
        with self._lock:
            pool = self._pool(name, windows)
            pool.held = max(pool.held, until)

    def _pool(self, name: tuple[str, str], windows: Iterable[Window]) -> _Pool:
        if name not in self._pools:
            self._pools[name] = _Pool([_Quota(w.requests, w.seconds) for w in windows])
        return self._pools[name]


def _matching(quotas: list[_Quota], requests: int, ahead: float) -> _Quota | None:
    """Return the window that a header reports, which resets `ahead` seconds from now.

    It is the one with as many requests, or else the shortest that is long enough.
    """
    for quota in quotas:
        if quota.requests == requests and ahead <= quota.seconds + _SKEW:
            return quota
    long_enough = [
        quota for quota in quotas
        if quota.seconds >= _SPREAD_SECONDS[0] and ahead <= quota.seconds + _SKEW
    ]
    return min(long_enough, key=lambda quota: quota.seconds, default=None)

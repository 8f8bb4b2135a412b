"""Count requests against the rate limits that the actions declare, as X does."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from xframes.sandbox.protocol.reply import Quota

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.registry import Action, Window

_UNDECLARED = 300  # requests in 15 minutes where X documents no limit


class Limits:
    """Requests per pool (app or user) and action; `enforce=False` counts and never refuses."""

    def __init__(self, *, enforce: bool, clock: Callable[[], float] = time.time) -> None:
        self._enforce = enforce
        self._clock = clock
        self._lock = Lock()
        self._windows: dict[tuple[str, str, int], tuple[float, int]] = {}

    def count(self, action: Action, pool: str) -> Quota:
        """Count one request and return what its caller has left.

        The headers describe the longest window; a shorter one (1 a second) refuses without
        appearing there.
        """
        declared = (action.user if pool != "app" else action.app) or action.app or action.user
        now = self._clock()
        with self._lock:
            long = max(declared, key=lambda window: window.seconds, default=None)
            seconds, limit = 900, _UNDECLARED  # also X's headers for a per-second limit alone
            if long is not None and long.seconds >= 60:
                seconds, limit = long.seconds, long.requests
            for window in declared:
                if window.seconds < 60 and self._over(action, pool, window, now) and self._enforce:
                    began, used = self._windows.get((action.name, pool, seconds), (now, 0))
                    left, reset = max(1, limit - used), int(began + seconds) + 1
                    return Quota(limit, left, reset, refused=True, too_fast=True)
            began, used = self._began(action, pool, seconds, now)
            reset = int(began + seconds) + 1
            if used >= limit and self._enforce:
                return Quota(limit, 0, reset, refused=True)
            self._windows[(action.name, pool, seconds)] = (began, used + 1)
            return Quota(limit, max(0, limit - used - 1), reset)

    def _began(self, action: Action, pool: str, seconds: int, now: float) -> tuple[float, int]:
        began, used = self._windows.get((action.name, pool, seconds), (now, 0))
        if now >= began + seconds:
            return now, 0
        return began, used

    def _over(self, action: Action, pool: str, window: Window, now: float) -> bool:
        """Count one request in a short window and return whether it is one too many."""
        began, used = self._began(action, pool, window.seconds, now)
        if used < window.requests:
            self._windows[(action.name, pool, window.seconds)] = (began, used + 1)
        return used >= window.requests

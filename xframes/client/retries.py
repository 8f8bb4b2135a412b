"""How patient a client is: when a failed request is tried again, and when not."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.client.failures import NOT_SENT, TOO_LARGE, unknown
from xframes.errors import RateLimited, Unavailable

if TYPE_CHECKING:
    from datetime import datetime

    from xframes.errors import ApiError
    from xframes.wire import Request


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a client retries one request.

    A write is never sent again, unless X refused it by a rate limit.

    Parameters
    ----------
    attempts
        Number of times to send a read that gets no usable answer.
    silent
        Seconds to retry such a read for, at most.
    wait
        Seconds to wait for rate limits, at most, in all.
    """

    attempts: int = 6
    silent: float = 180.0
    wait: float = 3600.0

    def pause(self, failures: int) -> float:
        """Return the seconds before the next attempt: doubling, at most 30, at random below that.

        At random, so that clients that failed together do not retry together.
        """
        return min(30.0, 0.5 * 2.0 ** (failures - 1)) * random.SystemRandom().uniform(0.5, 1.0)


@dataclass(slots=True)
class Trying:
    """The tries of one request so far."""

    retries: Retries
    started: datetime
    failures: int = 0
    refusals: int = 0
    waited: float = 0.0
    renewed: bool = False

    def next(self, error: ApiError, request: Request, now: datetime) -> float:
        """Seconds until the next try; raises when there is none."""
        ahead = (error.retry_at - now).total_seconds() if error.retry_at else 0.0
        if isinstance(error, RateLimited):
            self.refusals += 1
            seconds = max(ahead, 2.0 ** min(self.refusals - 1, 12))
            if self.waited + seconds > self.retries.wait:
                raise error
            self.waited += seconds
            return seconds
        if request.method != "GET":
            refused = not error.retryable and error.kind != TOO_LARGE
            raise error if refused or error.kind == NOT_SENT else unknown(request, error)
        if not error.retryable:
            raise error
        self.failures += 1
        silent = (now - self.started).total_seconds() - self.waited
        seconds = max(ahead, self.retries.pause(self.failures))
        if self.failures >= self.retries.attempts or silent + seconds > self.retries.silent:
            message = f"{error} (given up after {self.failures} tries in {silent:.0f} s)"
            raise Unavailable(message, status=error.status, action=error.action, kind=error.kind,
                              problems=error.problems, retry_at=error.retry_at)
        return seconds

"""Decide when a failed request is retried, and after which wait."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xframes.client.failures import NOT_SENT, TOO_LARGE, unknown
from xframes.errors import RateLimited, Unavailable
from xframes.registry import ACTIONS
from xframes.screen import counted
from xframes.wire import whole_number

if TYPE_CHECKING:
    from datetime import datetime

    from xframes.errors import ApiError
    from xframes.wire import Request

_OVERLOADED = frozenset({503, 504})  # statuses by which X also refuses pages that are too large
_FAILURES = 2  # with one size of pages, before a smaller one is requested
_FACTOR = 5
_SMALLEST = 10  # rows of a page that is not made smaller


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a client retries one request.

    A write is never retried, unless X refused it by a rate limit.

    Parameters
    ----------
    attempts
        Largest number of attempts of a read without a valid response. Default: 6.
    silent
        Seconds within which a read is retried, without waits for rate limits. Default: 180.
    wait
        Seconds to wait for rate limits in total. Default: 3600.

    Examples
    --------
    >>> client = xf.Client("my-bearer-token", retries=Retries(attempts=3, wait=60))
    """

    attempts: int = 6
    silent: float = 180.0
    wait: float = 3600.0

    def pause(self, failures: int) -> float:
        """Return the seconds before the next attempt, doubled each time, at most 30.

        A random part is subtracted, so that many clients do not retry at the same time.
        """
        return min(30.0, 0.5 * 2.0 ** (failures - 1)) * random.SystemRandom().uniform(0.5, 1.0)


@dataclass(slots=True)
class Trying:
    """The attempts of one request so far."""

    retries: Retries
    started: datetime
    failures: int = 0
    refusals: int = 0
    waited: float = 0.0
    renewed: bool = False
    overloads: int = 0  # with the same size of pages

    def next(self, error: ApiError, request: Request, now: datetime) -> float:
        """Return the seconds before the next attempt, or raise the error if there is none."""
        ahead = 0.0
        if error.retry_at:
            ahead = (error.retry_at - now).total_seconds()
        if isinstance(error, RateLimited):
            self.refusals += 1
            seconds = max(ahead, 2.0 ** min(self.refusals - 1, 12))
            if self.waited + seconds > self.retries.wait:
                raise error
            self.waited += seconds
            return seconds
        if request.method != "GET":
            is_refused = not error.retryable and error.kind != TOO_LARGE
            if is_refused or error.kind == NOT_SENT:
                raise error
            raise unknown(request, error)
        if not error.retryable:
            raise error
        self.failures += 1
        silent = (now - self.started).total_seconds() - self.waited
        seconds = max(ahead, self.retries.pause(self.failures))
        if self.failures >= self.retries.attempts or silent + seconds > self.retries.silent:
            attempts = counted(self.failures, "try", "tries")
            raise Unavailable(
                f"{error} (given up after {attempts} in {silent:.0f} s)",
                status=error.status, action=error.action, kind=error.kind,
                problems=error.problems, retry_at=error.retry_at,
            )
        return seconds

    def request_after(self, error: ApiError, request: Request) -> Request:
        """Return the request of the next attempt: for a smaller page, if X fails repeatedly."""
        action = ACTIONS.get(request.action or "")
        size = whole_number(request.params.get("max_results"))
        if error.status not in _OVERLOADED or action is None or action.paged is None:
            return request
        self.overloads += 1
        if size is None or size <= _SMALLEST or self.overloads < _FAILURES:
            return request
        self.overloads = 0
        smaller = max(_SMALLEST, size // _FACTOR)
        return replace(request, params={**request.params, "max_results": str(smaller)})

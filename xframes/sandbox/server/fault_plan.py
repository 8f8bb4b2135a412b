"""Faults on demand: what goes wrong between a client and X, and at which request."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FaultKind = Literal[
    "rate_limit",
    "too_fast",
    "daily_limit",
    "usage_capped",
    "credits_depleted",
    "403",
    "500",
    "502",
    "503",
    "504",
    "reset",
    "cut",
    "html",
    "slow",
    "repeat_cursor",
    "expired_token",
    "empty_page",
    "lost_page",
    "invalid_json",
]
# Faults that replace X's answer, before any count or look-up.
REPLACING: frozenset[str] = frozenset(
    {
        "rate_limit", "too_fast", "daily_limit", "usage_capped", "credits_depleted", "403", "500",
        "502", "503", "504", "reset", "html",
    }
)


@dataclass(slots=True)
class Fault:
    """One fault: at the `at`-th request (from 1) that matches `path`, and the next `times - 1`.

    | kind | what the client meets |
    |---|---|
    | `rate_limit` | 429, nothing remaining, the window resets in `seconds` |
    | `too_fast` | 429 of a per-second limit: requests remain in the window |
    | `daily_limit` | 429 of a limit of 24 hours, which resets in `seconds` |
    | `usage_capped` | 429 whose problem type is usage-capped |
    | `credits_depleted` | 402 whose problem type is credits-depleted |
    | `403` | that status, whatever the credentials |
    | `500` `502` `503` `504` | that status; 502 and 504 with an HTML body, as gateways answer |
    | `reset` | the connection is reset, no answer |
    | `cut` | Content-Length promises the body, half of it comes, the connection closes |
    | `html` | 200 with a web page |
    | `slow` | the right answer after `seconds` |
    | `repeat_cursor` | the right answer, but its next_token is the request's own (needs one) |
    | `expired_token` | 400, because the token of the request is not valid any more (needs one) |
    | `empty_page` | no data, result_count 0, and a next_token that leads to the withheld page |
    | `lost_page` | no data, result_count 0 and no next_token, although the token is valid |
    | `invalid_json` | 200, a JSON body with a byte missing from its middle |

    `path` is a request path such as `/2/tweets/search/recent`, with `*` as a wildcard; None matches
    all. With `above`, only requests with a larger `max_results` match. Matching requests count from
    the moment the fault is added; `seen` is their number.
    """

    kind: FaultKind
    at: int = 1
    path: str | None = None
    times: int = 1
    seconds: float = 2.0
    above: int | None = None
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            kinds = ", ".join(get_args(FaultKind))
            raise ValueError(f"kind: expected one of {kinds}, got {self.kind!r}")
        if self.at < 1 or self.times < 1 or self.seconds < 0:
            raise ValueError(
                "expected at >= 1, times >= 1 and seconds >= 0, "
                f"got at={self.at}, times={self.times}, seconds={self.seconds}"
            )

    @property
    def done(self) -> bool:
        """Whether it has happened `times` times."""
        return self.seen >= self.at + self.times - 1

    def strikes(self, path: str, size: int = 0) -> bool:
        """Count a request of `size` rows and say whether the fault happens to it."""
        if self.above is not None and size <= self.above:
            return False
        if self.path is not None and not fnmatch.fnmatchcase(path, self.path):
            return False
        self.seen += 1
        return self.at <= self.seen < self.at + self.times


class Faults:
    """The faults of a sandbox; iterate to list them, `add` more at any time."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._lock = Lock()

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def add(self, *faults: Fault) -> None:
        """Add faults; they count requests from now."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def next_for(self, path: str, size: int = 0) -> Fault | None:
        """Count a request for every fault; return the first fault that happens to it, if any."""
        with self._lock:
            due = [fault for fault in self._faults if fault.strikes(path, size)]
        return next(iter(due), None)

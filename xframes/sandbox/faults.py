"""Faults on demand: what goes wrong between a client and X, at the request a test says."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FaultKind = Literal[
    "rate_limit", "too_fast", "usage_capped", "500", "502", "503", "504", "reset", "cut", "html", "slow",
    "repeat_cursor", "empty_page", "invalid_json",
]
# Faults that answer in X's place, before anything is counted or looked up.
INSTEAD: frozenset[str] = frozenset(
    {"rate_limit", "too_fast", "usage_capped", "500", "502", "503", "504", "reset", "html"}
)


@dataclass(slots=True)
class Fault:
    """One fault: at the `at`-th request (from 1) whose path matches `path`, and the `times - 1` matching ones after it.

    | kind | what the client meets |
    |---|---|
    | `rate_limit` | 429, nothing remaining, the window resets in `seconds` |
    | `too_fast` | 429 of a per-second limit: requests remain in the window |
    | `usage_capped` | 429 whose problem type is usage-capped |
    | `500` `502` `503` `504` | that status; 502 and 504 with an HTML body, as gateways answer |
    | `reset` | the connection is reset, no answer |
    | `cut` | Content-Length promises the body, half of it comes, the connection closes |
    | `html` | 200 with a web page |
    | `slow` | the right answer after `seconds` |
    | `repeat_cursor` | the right answer, but its next_token is the token that was asked with (needs one) |
    | `empty_page` | no data, result_count 0, and a next_token under which the withheld page comes |
    | `invalid_json` | 200, a JSON body with a byte missing from its middle |

    `path` is a request path such as `/2/tweets/search/recent`, with `*` for anything; None matches all. Requests that
    match are counted from when the fault was added; `seen` counts them. `seconds` is 2 unless given.
    """

    kind: FaultKind
    at: int = 1
    path: str | None = None
    times: int = 1
    seconds: float = 2.0
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"there is no fault {self.kind!r}; the faults are: {', '.join(get_args(FaultKind))}")
        if self.at < 1 or self.times < 1 or self.seconds < 0:
            raise ValueError("a fault happens at request 1 or later, at least once, after no negative time")

    @property
    def done(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.seen >= self.at + self.times - 1

    def strikes(self, path: str) -> bool:
        """Count a request and say whether the fault happens to it."""
        if self.path is not None and not fnmatch.fnmatchcase(path, self.path):
            return False
        self.seen += 1
        return self.at <= self.seen < self.at + self.times


class Faults:
    """The faults of a sandbox; iterate to see them, `add` more at any time."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._lock = Lock()

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def add(self, *faults: Fault) -> None:
        """Add faults; their requests are counted from now."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def striking(self, path: str) -> Fault | None:
        """Count a request against every fault and return the one that happens to it, the first added if several."""
        with self._lock:
            struck = [fault for fault in self._faults if fault.strikes(path)]
        return struck[0] if struck else None

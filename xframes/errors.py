"""Every error xframes raises, with one base class.

    XframesError
    ├── ArgumentError            a value refused before any request was made (also a ValueError)
    ├── ConfigError              credentials or settings are missing or unreadable
    ├── ArchiveError             an archive cannot be read or written as asked
    ├── OutcomeUnknown           a write was sent and no answer came back
    ├── Interrupted              a collection stopped before its end; carries what was collected
    └── ApiError                 X answered with a failure, or no usable answer came
        ├── InvalidRequest       400: X refuses a parameter
        ├── Unauthorized         401: the credentials are missing or wrong
        ├── Forbidden            403: this kind of credential, scope or tier may not do this
        ├── NotFound             404
        ├── RateLimited          429: wait until `retry_at`
        ├── UsageCapped          429: the project's cap is used up; waiting does not help
        └── Unavailable          5xx, connection failures and bodies that are not JSON
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = [
    "ApiError", "ArchiveError", "ArgumentError", "ConfigError", "Forbidden", "Interrupted", "InvalidRequest",
    "NotFound", "OutcomeUnknown", "RateLimited", "Unauthorized", "Unavailable", "UsageCapped", "XframesError",
]


def __dir__() -> list[str]:
    return list(__all__)



class XframesError(Exception):
    """Base of every error raised on purpose by xframes."""


class ArgumentError(XframesError, ValueError):
    """An argument was refused before any request; the message names it and the way out."""


class ConfigError(XframesError):
    """Credentials or settings are missing, unreadable or contradictory."""


class ArchiveError(XframesError):
    """An archive cannot be read or written as asked."""


class OutcomeUnknown(XframesError):
    """A write was sent but its answer never arrived: it may or may not have happened."""


class ApiError(XframesError):
    """X answered with a failure, or with nothing usable.

    Attributes: `status` (HTTP status, None without an answer), `action`, `kind` (last segment of X's problem type),
    `problems` (X's own error items), `retryable`, and `retry_at` (aware UTC time, None when unknown).
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        action: str | None = None,
        kind: str | None = None,
        problems: Sequence[Mapping[str, Any]] = (),
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.action = action
        self.kind = kind
        self.problems = list(problems)
        self.retry_at = retry_at


class InvalidRequest(ApiError):
    """400: X refuses a parameter; the message repeats which and why."""


class Unauthorized(ApiError):
    """401: no credentials, or X does not accept them."""


class Forbidden(ApiError):
    """403: this credential, scope or access tier may not do this."""


class NotFound(ApiError):
    """404: there is no such thing."""


class RateLimited(ApiError):
    """429 with a rate limit: retry after `retry_at`."""

    retryable = True


class UsageCapped(ApiError):
    """429 `usage-capped`: the account's or project's cap is used up until it resets or is raised."""


class Unavailable(ApiError):
    """5xx, a lost connection, a cut body, or a body that is not JSON: worth another try for reads."""

    retryable = True


class Interrupted(XframesError):
    """A collection stopped before its end.

    Attributes: `frames` (what was collected, as Frames; None when it went into an archive), `run_id`, `pages`, `rows`,
    `next_token` (where X would continue), and `__cause__` (what stopped it). `resume()` goes on from there and returns
    what the finished collection would have returned.
    """

    def __init__(
        self, message: str, *, frames: Any = None, run_id: str | None = None, pages: int = 0, rows: int = 0,
        next_token: str | None = None, resume: Any = None,
    ) -> None:
        super().__init__(message)
        self.frames = frames
        self.run_id = run_id
        self.pages = pages
        self.rows = rows
        self.next_token = next_token
        self._resume = resume

    def resume(self, **overrides: Any) -> Any:
        """Go on from the last page kept; `overrides` may give another `client` or `progress`."""
        if self._resume is None:
            raise XframesError("this collection cannot be resumed: it kept no page and no run; start it again")
        return self._resume(**overrides)

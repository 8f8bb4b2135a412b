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

import copy
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

__all__ = [
    "ApiError", "ArchiveError", "ArgumentError", "ConfigError", "Forbidden", "Interrupted", "InvalidRequest",
    "NotFound", "OutcomeUnknown", "RateLimited", "Resumable", "Unauthorized", "Unavailable", "UsageCapped",
    "XframesError",
]


def __dir__() -> list[str]:
    return list(__all__)

# What process pools set as the cause of an error that came from another process.
_REMOTE = {"_RemoteTraceback", "RemoteTraceback"}
_CAUSE: Any = vars(BaseException)["__cause__"]


class XframesError(Exception):
    """Base of every error raised on purpose by xframes.

    Its text is safe to print: control characters of foreign text are escaped. It can be pickled and
    copied, with its attributes and its cause; a cause that cannot be pickled arrives as its text.
    `media_id` is the id of the upload that failed, None for all else.
    """

    media_id: str | None = None
    _shared: ClassVar[tuple[str, ...]] = ()  # attributes a deep copy shares

    def __str__(self) -> str:
        return neutral(super().__str__(), keep="\n\t")

    @property
    def __cause__(self) -> BaseException | None:
        found: BaseException | None = _CAUSE.__get__(self)
        return found

    @__cause__.setter
    def __cause__(self, cause: BaseException | None) -> None:
        """Set the cause; the worker's traceback, which pools set, goes behind one that is known."""
        last = self.__cause__
        if last is None or type(cause).__name__ not in _REMOTE:
            _CAUSE.__set__(self, cause)
            return
        while last.__cause__ is not None:
            last = last.__cause__
        last.__cause__ = cause

    def __reduce__(self) -> tuple[Any, ...]:
        causes = tuple(_portable(cause) for cause in _causes(self))
        return _arrived, (type(self), self.args, self._portable_state(), causes)

    def _portable_state(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __copy__(self) -> Self:
        return self._copied(dict(self.__dict__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._copied({name: value if name in self._shared else copy.deepcopy(value, memo)
                             for name, value in self.__dict__.items()})

    def _copied(self, state: dict[str, Any]) -> Self:
        made: Self = _arrived(type(self), self.args, state, ())
        made.__cause__, made.__context__ = self.__cause__, self.__context__
        made.__suppress_context__ = self.__suppress_context__
        return made.with_traceback(self.__traceback__)


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
    `next_token` (where X would continue), `media_id` (of an upload), and `__cause__` (what stopped
    it). `resume()` goes on from there and returns what the finished collection would have returned.
    In another process it uses the `client` given to it, or the default one.
    """

    _shared = ("frames", "_resume")

    def __init__(
        self, message: str, *, frames: Any = None, run_id: str | None = None, pages: int = 0, rows: int = 0,
        next_token: str | None = None, media_id: str | None = None, resume: Any = None,
    ) -> None:
        super().__init__(message)
        self.frames = frames
        self.run_id = run_id
        self.pages = pages
        self.rows = rows
        self.next_token = next_token
        self.media_id = media_id
        self._resume = resume

    def resume(self, **overrides: Any) -> Any:
        """Go on from the last page kept; `overrides` may give another `client` or `progress`."""
        if self._resume is None:
            way = "start it again" if self.run_id is None else f'use archive.resume("{self.run_id}")'
            raise XframesError(f"this collection cannot be resumed from here; {way}")
        return self._resume(**overrides)

    def _portable_state(self) -> dict[str, Any]:
        return self.__dict__ | {"_resume": _packed(self._resume)}


class Resumable:
    """Work that stopped and can go on, in another process too. Credentials stay in their process."""

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"client": None}


# from one process to another ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Packed:
    """A way to resume that came from another process; opened only when it is used."""

    data: bytes

    def __call__(self, **overrides: Any) -> Any:
        resume = pickle.loads(self.data)  # noqa: S301  as trusted as the error that brought it
        return resume(**overrides)


def _packed(resume: Any) -> _Packed | None:
    if resume is None or isinstance(resume, _Packed):
        return resume
    try:
        return _Packed(pickle.dumps(resume))
    except Exception:  # noqa: BLE001  whatever an object's own pickling raises
        return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What caused an error, and what caused that; an XframesError brings its own causes."""
    seen = {id(error)}
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = None if isinstance(cause, XframesError) else cause.__cause__


def _portable(cause: BaseException) -> BaseException:
    """The cause, or its text where it cannot be pickled and read again."""
    try:
        pickle.loads(pickle.dumps(cause))  # noqa: S301  our own bytes
    except Exception:  # noqa: BLE001  whatever an object's own pickling raises
        return XframesError(f"{type(cause).__name__}: {cause}")
    return cause


def _arrived(
    cls: type[XframesError], args: tuple[Any, ...], state: dict[str, Any],
    causes: tuple[BaseException, ...],
) -> Any:
    """An error as it was: made without its constructor, whose arguments are its attributes."""
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    last: BaseException = error
    for cause in causes:
        last.__cause__ = cause
        last = cause
    return error

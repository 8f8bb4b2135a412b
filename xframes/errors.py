"""Every error that xframes raises, with one base class.

    XframesError
    ├── ArgumentError            an invalid argument; no request was made (also a ValueError)
    ├── ConfigError              credentials or settings are missing, unreadable or invalid
    ├── ArchiveError             an archive cannot be read or written
    ├── NotRecorded              a replay has no answer to a request
    ├── BudgetError              a collection may cost more than the limit without a budget
    ├── BudgetReached            the next request could exceed the budget
    ├── OutcomeUnknown           a write was sent and no answer came back
    ├── Interrupted              a collection stopped early; carries what was collected
    └── ApiError                 X answered with a failure, or no usable answer came
        ├── InvalidRequest       400: X refuses a parameter
        ├── Unauthorized         401: the credentials are missing or wrong
        ├── Forbidden            403: this kind of credential, scope or tier is not enough
        ├── NotFound             404: X has no such object
        ├── RateLimited          429: wait until `retry_at`
        ├── UsageCapped          402, 429: credits or a cap are used up; waiting does not help
        └── Unavailable          5xx, connection failures and bodies that are not JSON

Each of them has `retryable`, `retry_at`, `status` and `action`:

- `retryable`: whether the same call may succeed later without any change. True for RateLimited,
  for Unavailable (except HTTP 501 and answers that are too large), and for Interrupted when one of
  them stopped the collection.
- `retry_at`: the earliest time at which a retry makes sense, in UTC. None when it is unknown.
- `status`: the HTTP status of X's answer. None without an answer.
- `action`: the action that failed, e.g. `"search.recent"`. None when it is unknown.
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
    "ApiError", "ArchiveError", "ArgumentError", "BudgetError", "BudgetReached", "ConfigError",
    "Forbidden", "Interrupted", "InvalidRequest", "NotFound", "NotRecorded", "OutcomeUnknown",
    "RateLimited", "Resumable", "Unauthorized", "Unavailable", "UsageCapped", "XframesError",
]


def __dir__() -> list[str]:
    return list(__all__)

# Process pools set one of these as the cause of an error from another process.
_REMOTE = {"_RemoteTraceback", "RemoteTraceback"}
_CAUSE: Any = vars(BaseException)["__cause__"]


class XframesError(Exception):
    """Base class of every error that xframes raises on purpose.

    The message is safe to print: control characters in foreign text are escaped. Errors can be
    pickled and copied, with their attributes and their cause. A cause that cannot be pickled
    arrives as its text.

    Parameters
    ----------
    args
        The message.
    status
        HTTP status of X's answer. Default: None, there was no answer.
    action
        Name of the action that failed, e.g. `"search.recent"`. Default: None, it is unknown.
    retryable
        Whether the same call may succeed later without any change. Default: what is usual for the
        class, which is False except for RateLimited and Unavailable.
    retry_at
        Earliest time for a retry, in UTC. Default: None, it is unknown.

    Attributes
    ----------
    media_id
        Id of the upload that failed. None for all other errors.
    """

    status: int | None = None
    action: str | None = None
    retryable: bool = False
    retry_at: datetime | None = None
    media_id: str | None = None
    _shared: ClassVar[tuple[str, ...]] = ()  # attributes a deep copy shares

    def __init__(
        self, *args: object, status: int | None = None, action: str | None = None,
        retryable: bool | None = None, retry_at: datetime | None = None,
    ) -> None:
        super().__init__(*args)
        values = {"status": status, "action": action, "retryable": retryable, "retry_at": retry_at}
        self.__dict__.update({name: value for name, value in values.items() if value is not None})

    def __str__(self) -> str:
        return neutral(super().__str__(), keep="\n\t")

    @property
    def __cause__(self) -> BaseException | None:
        cause: BaseException | None = _CAUSE.__get__(self)
        return cause

    @__cause__.setter
    def __cause__(self, cause: BaseException | None) -> None:
        """Set the cause. The traceback that a process pool sets is added after a known cause."""
        last = self.__cause__
        if last is None or type(cause).__name__ not in _REMOTE:
            _CAUSE.__set__(self, cause)
            return
        while last.__cause__ is not None:
            last = last.__cause__
        last.__cause__ = cause

    def __reduce__(self) -> tuple[Any, ...]:
        causes = tuple(_to_pickle(cause) for cause in _causes(self))
        return _restore, (type(self), self.args, self._state_to_pickle(), causes)

    def _state_to_pickle(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __copy__(self) -> Self:
        return self._copy_with(dict(self.__dict__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._copy_with({name: value if name in self._shared else copy.deepcopy(value, memo)
                             for name, value in self.__dict__.items()})

    def _copy_with(self, state: dict[str, Any]) -> Self:
        result: Self = _restore(type(self), self.args, state, ())
        result.__cause__, result.__context__ = self.__cause__, self.__context__
        result.__suppress_context__ = self.__suppress_context__
        return result.with_traceback(self.__traceback__)


class ArgumentError(XframesError, ValueError):
    """An argument is invalid; no request was made. The message names it and what is expected."""


class ConfigError(XframesError):
    """Credentials or settings are missing, unreadable or contradictory."""


class ArchiveError(XframesError):
    """An archive cannot be read or written."""


class NotRecorded(XframesError):
    """A replay has no answer to a request. The message names the nearest request that it has."""


class BudgetError(XframesError):
    """A collection without a budget may cost more than the limit; no request was made.

    The message has the call with a budget.
    """


class BudgetReached(XframesError):
    """The next request could exceed the budget, so it was not sent.

    `retry_at` is when the next day or month begins, for a budget of these. It is the cause of the
    Interrupted that a collection raises.
    """


class OutcomeUnknown(XframesError):
    """A write was sent but no answer came back: X may have carried it out or not.

    It is not retryable, because a retry could do it twice. The message says where to look.
    """


class ApiError(XframesError):
    """X answered with a failure, or with nothing usable.

    Parameters
    ----------
    message
        The message.
    status
    action
    retryable
    retry_at
        See XframesError.
    kind
        Kind of the problem: the last segment of X's problem type, e.g. `"invalid-request"`.
        Default: None, X named none.
    problems
        X's own error items. Default: none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        action: str | None = None,
        retryable: bool | None = None,
        retry_at: datetime | None = None,
        kind: str | None = None,
        problems: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(
            message, status=status, action=action, retryable=retryable, retry_at=retry_at
        )
        self.kind = kind
        self.problems = list(problems)


class InvalidRequest(ApiError):
    """400: X refuses a parameter. The message repeats which one and why."""


class Unauthorized(ApiError):
    """401: the credentials are missing, or X does not accept them."""


class Forbidden(ApiError):
    """403: this credential, scope or access tier does not allow the action."""


class NotFound(ApiError):
    """404: X has no such object."""


class RateLimited(ApiError):
    """429: a rate limit is used up. It is retryable, from `retry_at` on."""

    retryable = True


class UsageCapped(ApiError):
    """402 or 429 `usage-capped`: credits, or the cap of the account or project, are used up.

    It is not retryable: credits must be bought (at https://console.x.com), or the cap must be
    reset or raised first. `retry_at` is the time of the reset, where X states it.
    """


class Unavailable(ApiError):
    """5xx, a lost connection, a cut body, or a body that is not JSON.

    It is retryable, except for HTTP 501 and for answers that are too large.
    """

    retryable = True


class _OfCause:
    """An attribute that defaults to that of the error's cause."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, error: XframesError | None, owner: type | None = None) -> Any:
        cause = None
        if error is not None:
            cause = error.__cause__
        source = cause if isinstance(cause, XframesError) else XframesError
        return getattr(source, self.name)


class Interrupted(XframesError):
    """A collection, an upload or a bulk write stopped before its end.

    `status`, `retryable` and `retry_at` are those of the error that stopped it (`__cause__`).
    After any other cause, e.g. Ctrl-C or a full disk, it is not retryable, but can be resumed.

    Parameters
    ----------
    message
        The message.
    frames
        What was collected, as Frames. None when it is in an archive.
    run_id
        Id of the archive's run. None without an archive.
    pages
        Number of pages collected.
    rows
        Number of main rows collected.
    next_token
        Token of the page where X would continue. None when there is none.
    media_id
        Id of the upload that stopped. None for everything else.
    resume
        Function that continues the work. None when it can only be repeated.
    status
    action
    retryable
    retry_at
        See XframesError. Default: those of the cause.

    Examples
    --------
    >>> try:
    ...     frames = xf.search.recent("climate", limit=1000)
    ... except xf.Interrupted as stop:
    ...     if stop.retryable:
    ...         frames = stop.resume()
    """

    status = _OfCause()
    action = _OfCause()
    retryable = _OfCause()
    retry_at = _OfCause()
    _shared = ("frames", "_resume")

    def __init__(
        self, message: str, *, frames: Any = None, run_id: str | None = None, pages: int = 0,
        rows: int = 0, next_token: str | None = None, media_id: str | None = None,
        resume: Any = None, status: int | None = None, action: str | None = None,
        retryable: bool | None = None, retry_at: datetime | None = None,
    ) -> None:
        super().__init__(
            message, status=status, action=action, retryable=retryable, retry_at=retry_at
        )
        self.frames = frames
        self.run_id = run_id
        self.pages = pages
        self.rows = rows
        self.next_token = next_token
        self.media_id = media_id
        self._resume = resume

    def resume(self, **overrides: Any) -> Any:
        """Continue after the last page that was saved.

        Parameters
        ----------
        overrides
            `client` to send with, and whether to show a `progress` bar. Default: the client of
            the stopped collection; in another process the default client.

        Returns
        -------
        Frames
            What the finished collection would have returned: Frames, a Run or a table.

        Raises
        ------
        Interrupted
            It stopped again.
        XframesError
            It cannot be resumed from here; the message says what to do instead.

        Examples
        --------
        >>> stop.resume(client=xf.Client(bearer_token="…"))
        """
        if self._resume is None:
            hint = "start it again"
            if self.run_id is not None:
                hint = f'use archive.resume("{self.run_id}")'
            raise XframesError(f"this collection cannot be resumed from here; {hint}")
        return self._resume(**overrides)

    def _state_to_pickle(self) -> dict[str, Any]:
        return self.__dict__ | {"_resume": _pack(self._resume)}


class Resumable:
    """Work that stopped and can be resumed, in another process too.

    Credentials are not sent to the other process.
    """

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"client": None}


# Errors about one of several queries or users: the others can still be collected.
ABOUT_ONE = (InvalidRequest, NotFound)


# from one process to another ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Packed:
    """A function that resumes, pickled by another process. It is unpickled when it is called."""

    data: bytes

    def __call__(self, **overrides: Any) -> Any:
        resume = pickle.loads(self.data)  # noqa: S301  as trusted as the error that has it
        return resume(**overrides)


def _pack(resume: Any) -> _Packed | None:
    if resume is None or isinstance(resume, _Packed):
        return resume
    try:
        return _Packed(pickle.dumps(resume))
    except Exception:  # noqa: BLE001  an object's own pickling may raise any error
        return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the cause of an error, the cause of that, …, up to an XframesError: it has the rest."""
    seen = {id(error)}
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = None if isinstance(cause, XframesError) else cause.__cause__


def _to_pickle(cause: BaseException) -> BaseException:
    """Return the cause, or an XframesError with its text if the cause cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(cause))  # noqa: S301  our own bytes
    except Exception:  # noqa: BLE001  an object's own pickling may raise any error
        substitute = XframesError(f"{type(cause).__name__}: {cause}")
        if isinstance(cause, XframesError):
            substitute = XframesError(
                *substitute.args, status=cause.status, action=cause.action,
                retryable=cause.retryable, retry_at=cause.retry_at,
            )
        return substitute
    return cause


def _restore(
    cls: type[XframesError], args: tuple[Any, ...], state: dict[str, Any],
    causes: tuple[BaseException, ...],
) -> Any:
    """Return an error as it was pickled. Its constructor is not called: it has other arguments."""
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    last: BaseException = error
    for cause in causes:
        last.__cause__ = cause
        last = cause
    return error

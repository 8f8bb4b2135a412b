"""Explain the failure of one attempt, without secrets."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from xframes.auth import KINDS, redact, redact_all
from xframes.auth.transport import TooLarge
from xframes.errors import ApiError, InvalidRequest, OutcomeUnknown, Unavailable
from xframes.registry import ACTIONS

if TYPE_CHECKING:
    from xframes.registry import Action
    from xframes.wire import Request

NOT_SENT = "not-sent"  # the kind of a failure before the request was sent
TOO_LARGE = "too-large"  # the kind of a response that was not read to its end
_UNSENT = (  # errors of requests before a request is sent
    requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError,
)


def lost(error: Exception, request: Request) -> Unavailable:
    """Return the error of an attempt without a response, with its innermost cause."""
    name = request.action or request.path
    if isinstance(error, TooLarge):
        refused = Unavailable(f"{name}: {error}", action=request.action, kind=TOO_LARGE)
        refused.retryable = False  # the response would have the same size again
        return refused
    cause = _innermost(error)
    kind = None
    if isinstance(error, _UNSENT) or isinstance(cause, urllib3.exceptions.NewConnectionError):
        kind = NOT_SENT
    reason = redact(f"{type(cause).__name__}: {cause}")[:200]
    return Unavailable(f"{name}: no answer from X ({reason})", action=request.action, kind=kind)


def _innermost(error: BaseException) -> BaseException:
    """Return the error that caused an error of requests or urllib3."""
    while True:
        candidates = [getattr(error, "reason", None), *error.args]
        causes = [each for each in candidates if isinstance(each, BaseException)]
        if not causes:
            return error
        error = causes[0]


def explained(
    error: ApiError, status: int, location: str, action: Action | None, kind: str
) -> ApiError:
    """Return the error with advice after X's own message, and without secrets."""
    message, credentials = str(error), KINDS[kind][0]
    if 300 <= status < 400:
        host = "another address"
        with suppress(ValueError):  # an invalid URL
            host = urlsplit(location).netloc or host
        message += (
            f"; the server redirects to {host}, and redirects are not followed. Check base_url"
        )
        error = InvalidRequest(message, status=status, action=error.action)
    elif status == 401:
        message += (
            f" (X does not accept {credentials}: check that it is complete and current, and that "
            f"its app belongs to a project. It is set by {KINDS[kind][1]})"
        )
    elif status == 403 and action is not None:
        message += f" ({_access(action, credentials)})"
    error.args = (redact(message),)
    error.problems = redact_all(error.problems)
    return error


def _access(action: Action, credentials: str) -> str:
    """Say which credentials an action accepts."""
    accepted = " or ".join(KINDS[kind][0] for kind in action.auth)
    if action.scopes:
        accepted += f", scopes {' '.join(action.scopes)}"
    parts = [f"sent with {credentials}", f"{action.name} takes {accepted}"]
    if action.note:
        parts.append(action.note)
    return "; ".join([*parts, "your access tier may matter too"])


def unknown(request: Request, error: ApiError) -> OutcomeUnknown:
    """Return the error of a write that was sent and not answered."""
    name = request.action or f"{request.method} {request.path}"
    action = ACTIONS.get(request.action or "")
    check = "check at X"
    if action is not None and action.seen:
        check = f"xf.{action.seen} shows"
    return OutcomeUnknown(
        f"{name}: sent, but its outcome is unknown ({error}). It was not sent again; {check} "
        "whether it happened"
    )

"""What went wrong with one try, in words that help and hold no secret."""

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

NOT_SENT = "not-sent"  # the kind of a failure that came before anything was sent
TOO_LARGE = "too-large"  # the kind of an answer that was not read to its end


def lost(error: Exception, request: Request) -> Unavailable:
    """A try without an answer; the innermost reason says most."""
    if isinstance(error, TooLarge):
        what = request.action or request.path
        return Unavailable(  # it would be as large again
            f"{what}: {error}", action=request.action, kind=TOO_LARGE, retryable=False
        )
    cause: BaseException = error
    while True:
        inner = [getattr(cause, "reason", None), *cause.args]
        found = next((i for i in inner if isinstance(i, BaseException)), None)
        if found is None:
            break
        cause = found
    unsent = isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError))
    unsent = unsent or isinstance(cause, urllib3.exceptions.NewConnectionError)
    what = redact(f"{type(cause).__name__}: {cause}")[:200]
    return Unavailable(f"{request.action or request.path}: no answer from X ({what})", action=request.action,
                       kind=NOT_SENT if unsent else None)


def explained(error: ApiError, status: int, location: str, action: Action | None, kind: str) -> ApiError:
    """The error with what helps beside X's own words, and without secrets."""
    message, sent = str(error), KINDS[kind][0]
    if 300 <= status < 400:
        host = "elsewhere"
        with suppress(ValueError):  # what is no URL has no host
            host = urlsplit(location).netloc or host
        message += f"; the server redirects to {host}, and redirects are not followed: is base_url right?"
        error = InvalidRequest(message, status=status, action=error.action)
    elif status == 401:
        message += f" (X does not accept {sent}: is it complete, current, and its app part of a project? "
        message += f"It is set by {KINDS[kind][1]})"
    elif status == 403 and action is not None:
        takes = " or ".join(KINDS[k][0] for k in action.auth)
        scopes = f", scopes {' '.join(action.scopes)}" if action.scopes else ""
        note = f"; {action.note}" if action.note else ""
        message += f" (sent with {sent}; {action.name} takes {takes}{scopes}{note}; your access tier may matter too)"
    error.args = (redact(message),)
    error.problems = redact_all(error.problems)
    return error


def unknown(request: Request, error: ApiError) -> OutcomeUnknown:
    """The error of a write that was sent and not answered."""
    what = request.action or f"{request.method} {request.path}"
    action = ACTIONS.get(request.action or "")
    look = f"xf.{action.seen} shows" if action is not None and action.seen else "look at X"
    return OutcomeUnknown(
        f"{what}: sent, but its outcome is unknown ({error}). It was not sent again; {look} whether it happened",
        status=error.status, action=request.action,
    )

"""What went wrong with one try, in words that help and hold no secret."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from xframes.auth import KINDS, redact, redact_all
from xframes.auth.transport import TooLarge
from xframes.errors import ApiError, InvalidRequest, OutcomeUnknown, Unavailable
from xframes.registry import ACTIONS
from xframes.schema import COMPANIONS, EXPANSIONS, Vocabulary, fields, fields_param
from xframes.settings import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.registry import Action
    from xframes.wire import Request

NOT_SENT = "not-sent"  # the kind of a failure that came before anything was sent
_FIELDS: dict[Vocabulary, str] = {"tweet": "tweet.fields", "post": "post.fields"}
_OTHER: dict[Vocabulary, Vocabulary] = {"tweet": "post", "post": "tweet"}
_LONGEST_TEXT, _MOST_PROBLEMS = 1000, 100  # of an answer that may be anybody's
_PARAMETER = re.compile(r"[a-z_]+\.fields\b|\bexpansions\b")
_QUOTED = re.compile(r"[\[`'\"]([\w.,]+)[\]`'\"]")
_ALLOWED = re.compile(r"\b(?:one|any) of\b|\ballowed (?:values|parameters)\b|\bexpected\b")
_UNKNOWN = re.compile(
    r"one of|invalid|unknown|unrecogni[sz]ed|unsupported|unexpected|\bnot (?:a )?"
    r"(?:valid|allowed|known|supported|recogni[sz]ed|exist)|no such",
    re.IGNORECASE,
)
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
    unsent = isinstance(
        error,
        (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError),
    )
    unsent = unsent or isinstance(cause, urllib3.exceptions.NewConnectionError)
    what = redact(f"{type(cause).__name__}: {cause}")[:200]
    return Unavailable(
        f"{request.action or request.path}: no answer from X ({what})",
        action=request.action,
        kind=NOT_SENT if unsent else None,
    )


def explained(
    error: ApiError, status: int, location: str, action: Action | None, kind: str
) -> ApiError:
    """Return the error with advice added to X's own words, without secrets."""
    message, sent = str(error), KINDS[kind][0]
    if 300 <= status < 400:
        host = "elsewhere"
        with suppress(ValueError):  # an invalid URL has no host
            host = urlsplit(location).netloc or host
        message += (
            f"; the server redirects to {host}, and redirects are not followed: is base_url right?"
        )
        error = InvalidRequest(message, status=status, action=error.action)
    elif status == 401:
        message += (
            f" (X does not accept {sent}: is it complete, current, and its app part of a project? "
        )
        message += f"It is set by {KINDS[kind][1]})"
    elif status == 403 and action is not None:
        takes = " or ".join(KINDS[k][0] for k in action.auth)
        scopes = f", scopes {' '.join(action.scopes)}" if action.scopes else ""
        note = f"; {action.note}" if action.note else ""
        accepted = f"{action.name} takes {takes}{scopes}{note}"
        message += f" (sent with {sent}; {accepted}; your access tier may matter too)"
    elif isinstance(error, InvalidRequest) and action is not None and not action.streaming:
        message += _other_words(error.problems)
    error.args = (redact(message),)
    error.problems = redact_all(error.problems)
    return error


def _other_words(problems: Sequence[Mapping[str, Any]]) -> str:
    """The advice to send X's other words, when a server refuses the parameters of those sent."""
    refused = [_refused_words(problem) for problem in problems[:_MOST_PROBLEMS]]
    sent = next((words for words in refused if words is not None), None)
    if sent is None:
        return ""
    other = _OTHER[sent]
    return (
        f". This server may know only X's {other} words ({_FIELDS[other]} instead of "
        f"{_FIELDS[sent]}). To send those, "
        f'use Client(words="{other}"), {WORDS.variable}={other} or --words {other}'
    )


def _refused_words(problem: Mapping[str, Any]) -> Vocabulary | None:
    """The vocabulary whose own parameter or value a problem calls unknown, if it does."""
    text = next((str(problem[n]) for n in ("message", "detail", "title") if problem.get(n)), "")
    text = text[:_LONGEST_TEXT]
    subject = _ALLOWED.split(text)[0]  # what is allowed is named after it
    parameters = problem.get("parameters")
    names = set(_PARAMETER.findall(str(problem.get("parameter") or subject)[:_LONGEST_TEXT]))
    if isinstance(parameters, dict):
        names = set(parameters)
    quoted = {value for values in _QUOTED.findall(subject) for value in values.split(",")}
    for words, name in _FIELDS.items():
        if name in names and "value" not in subject and _UNKNOWN.search(text):
            return words
        own = _own_values(words)
        if any(not own.get(each, frozenset()).isdisjoint(quoted) for each in names):
            return words
    return None


@cache
def _own_values(words: Vocabulary) -> dict[str, frozenset[str]]:
    """The values of `*.fields` and `expansions` that only this vocabulary has, by parameter."""
    here, there = _values(words), _values(_OTHER[words])
    return {name: values - there[name] for name, values in here.items()}


def _values(words: Vocabulary) -> dict[str, frozenset[str]]:
    found = {
        fields_param(each, "tweet"): frozenset(fields(each, words, owner=True))
        for each in COMPANIONS
    }
    found["post.fields"] = found["tweet.fields"]
    found["expansions"] = frozenset().union(*EXPANSIONS[words].values())
    return found


def unknown(request: Request, error: ApiError) -> OutcomeUnknown:
    """The error of a write that was sent and not answered."""
    what = request.action or f"{request.method} {request.path}"
    action = ACTIONS.get(request.action or "")
    look = f"xf.{action.seen} shows" if action is not None and action.seen else "look at X"
    return OutcomeUnknown(
        f"{what}: sent, but its outcome is unknown ({error}). It was not sent again; "
        f"{look} whether it happened",
        status=error.status,
        action=request.action,
    )

"""Explain the failure of one attempt, without secrets."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from xframes.auth import KINDS, redact, redact_all
from xframes.auth.obstacles import reported_obstacle
from xframes.auth.transport import TooLarge
from xframes.errors import ApiError, InvalidRequest, OutcomeUnknown, Unavailable
from xframes.plan.query_check import check_query, is_query_action
from xframes.plan.values import QUERY_MOST
from xframes.registry import ACTIONS
from xframes.schema import COMPANIONS, EXPANSIONS, Vocabulary, fields, fields_param
from xframes.settings import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.auth.obstacles import Obstacle
    from xframes.registry import Action
    from xframes.wire import Request

NOT_SENT = "not-sent"  # the kind of a failure before the request was sent
TOO_LARGE = "too-large"  # the kind of a response that was not read to its end
_UNSENT = (  # errors of requests before a request is sent
    requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError,
)
_FIELDS: dict[Vocabulary, str] = {"tweet": "tweet.fields", "post": "post.fields"}
_OTHER: dict[Vocabulary, Vocabulary] = {"tweet": "post", "post": "tweet"}
_LONGEST_TEXT, _MOST_PROBLEMS = 1000, 100  # of a response of any server
_PARAMETER = re.compile(r"[a-z_]+\.fields\b|\bexpansions\b")
_QUOTED = re.compile(r"[\[`'\"]([\w.,]+)[\]`'\"]")
_ALLOWED = re.compile(r"\b(?:one|any) of\b|\ballowed (?:values|parameters)\b|\bexpected\b")
_UNKNOWN = re.compile(
    r"one of|invalid|unknown|unrecogni[sz]ed|unsupported|unexpected|\bnot (?:a )?"
    r"(?:valid|allowed|known|supported|recogni[sz]ed|exist)|no such", re.IGNORECASE,
)


def lost(error: Exception, request: Request) -> Unavailable:
    """Return the error of an attempt without a response, with its innermost cause."""
    name = request.action or request.path
    if isinstance(error, TooLarge):
        return Unavailable(  # not retryable: the response would have the same size again
            f"{name}: {error}", action=request.action, kind=TOO_LARGE, retryable=False
        )
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
    error: ApiError, status: int, location: str, request: Request, kind: str
) -> ApiError:
    """Return the error with advice after X's own message, and without secrets.

    `query` is the query of the request, in which the advice may find what X refuses.
    """
    message, credentials = str(error), KINDS[kind][0]
    action = ACTIONS.get(request.action or "")
    obstacle = reported_obstacle(error, action)
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
        message += f" ({_access(action, credentials, obstacle)})"
    elif obstacle is not None and obstacle.kind != "credits":  # the message says it already
        message += f" ({obstacle})"
    elif isinstance(error, InvalidRequest) and action is not None and not action.streaming:
        message += (
            _mixed_bounds(action, request)
            or _other_words(error.problems)
            or _of_query(request.params.get("query"), action)
        )
    error.args = (redact(message),)
    error.problems = redact_all(error.problems)
    return error


def _of_query(query: str | None, action: Action) -> str:
    """Say what is wrong with a refused query, in the words of the check before a call."""
    if query is None or not is_query_action(action.name):
        return ""
    errors = check_query(query, action.name, QUERY_MOST).errors
    if not errors:
        return ""
    part = query[errors[0].start : errors[0].end]
    return f" (in the query, {part[:60]!r}: {errors[0].message})"


def _access(action: Action, credentials: str, obstacle: Obstacle | None) -> str:
    """Say which credentials an action accepts, and what X's refusal means."""
    accepted = " or ".join(KINDS[kind][0] for kind in action.auth)
    if action.scopes:
        accepted += f", scopes {' '.join(action.scopes)}"
    parts = [f"sent with {credentials}", f"{action.name} takes {accepted}", action.note]
    meaning = "your access tier may matter too"
    if obstacle is not None:
        meaning = str(obstacle)
    return "; ".join(filter(None, [meaning, *parts]))


def _mixed_bounds(action: Action, request: Request) -> str:
    """Advise to use one kind of bounds if the request has a pair that X refuses."""
    for pair in action.mixed_bounds:
        if all(name in request.params for name in pair):
            return (
                f". X does not accept {' together with '.join(pair)}: pass start_time and "
                "end_time, or since_id and until_id"
            )
    return ""


def _other_words(problems: Sequence[Mapping[str, Any]]) -> str:
    """Advise to use X's other words if a server refuses the parameters of those that were sent."""
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
    """Return the vocabulary of the parameter or value that a problem reports as unknown, if any."""
    texts = (problem.get(name) for name in ("message", "detail", "title"))
    text = next((str(text) for text in texts if text), "")[:_LONGEST_TEXT]
    subject = _ALLOWED.split(text)[0]  # after it, the message names what is allowed
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
    """Return the values of `*.fields` and `expansions` that only one vocabulary has."""
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
    """Return the error of a write that was sent and not answered."""
    name = request.action or f"{request.method} {request.path}"
    action = ACTIONS.get(request.action or "")
    check = "check at X"
    if action is not None and action.seen:
        check = f"xf.{action.seen} shows"
    return OutcomeUnknown(
        f"{name}: sent, but its outcome is unknown ({error}). It was not sent again; {check} "
        "whether it happened",
        status=error.status, action=request.action,
    )

"""The WSGI application: one request in, one answer out, in the order X does things.

Faults first (they stand for what is between a client and X), then routing, credentials, rate limit, parameters, and the
action's handler.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from xframes.registry import match

from . import problems
from .asked import check
from .faults import INSTEAD, Fault, Faults
from .handlers import HANDLERS
from .handlers.context import Context
from .limits import Limits, Standing
from .paging import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from xframes.registry import Action
    from xframes.schema import Vocabulary

    from .auth import Credentials
    from .community import Community

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
HTML = "text/html; charset=utf-8"
_PAGE = b"<!DOCTYPE html><html><head><title>Hold on</title></head><body><p>Something went wrong.</p></body></html>"
_STATUS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error",
           501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


@dataclass(frozen=True, slots=True)
class Asking:
    """What was asked of the sandbox: never with credentials. `action` is None for paths X does not have."""

    method: str
    path: str
    params: dict[str, str]
    action: str | None


@dataclass(slots=True)
class Reply:
    """An answer before it is sent. `cut` keeps the promised length and sends half, `reset` sends nothing at all."""

    status: int
    body: bytes
    type: str = JSON
    standing: Standing | None = None
    cut: bool = False
    reset: bool = False


class App:
    """A local X. `requests` lists what was asked; `clock` gives its present in Unix milliseconds."""

    def __init__(
        self, community: Community, credentials: Credentials, *, words: Vocabulary, limits: Limits, faults: Faults,
        clock: Callable[[], int],
    ) -> None:
        self.community = community
        self.credentials = credentials
        self.words: Vocabulary = words
        self.limits = limits
        self.faults = faults
        self.clock = clock
        self.requests: list[Asking] = []
        self._tokens = Tokens(f"{community.seed} {community.now}")
        self._lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        reply = self._reply(environ)
        if reply.reset:
            environ["xframes.reset"]()
            return []
        headers = [("Content-Type", reply.type), ("Content-Length", str(len(reply.body)))]
        headers += (reply.standing or _standing()).headers
        if reply.cut:
            headers.append(("Connection", "close"))
        start_response(f"{reply.status} {_STATUS.get(reply.status, 'Unknown')}", headers)
        return [reply.body[: len(reply.body) // 2] if reply.cut else reply.body]

    def _reply(self, environ: WSGIEnvironment) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        found = match(method, path)
        action, path_args = found or (None, {})
        with self._lock:
            params = {name: ",".join(values) for name, values in query.items()}
            self.requests.append(Asking(method, path, params, action.name if action else None))
        fault = self.faults.striking(path)
        if fault is not None and fault.kind in INSTEAD:
            return self._instead(fault)
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        standing: Standing | None = None
        try:
            if action is None:
                raise problems.no_route(f"{method} {path}")
            credential = self.credentials.identify(environ, self.words)
            credential.may(action, self.words)
            standing = self.limits.count(action, credential.pool)
            if standing.refused:
                return Reply(429, _json(problems.too_many()), PROBLEM, standing)
            hollow = fault is not None and fault.kind == "empty_page"
            body = self._body(action, path_args, query, hollow=hollow, viewer_id=credential.user_id)
        except problems.Refusal as refusal:
            return Reply(refusal.status, _json(refusal.body), PROBLEM, standing)
        if fault is not None and fault.kind == "repeat_cursor":
            asked = params.get("next_token") or params.get("pagination_token")
            if asked and "next_token" in body.get("meta", {}):
                body["meta"]["next_token"] = asked
        return _spoilt(Reply(200, _json(body), JSON, standing), fault)

    def _body(
        self, action: Action, path_args: dict[str, str], query: dict[str, list[str]], *, hollow: bool,
        viewer_id: int | None,
    ) -> dict[str, Any]:
        handler = HANDLERS.get(action.name)
        if handler is None:
            raise problems.not_served(action.name)
        now = self.clock()
        asked = check(action, path_args, query, now=now, words=self.words)
        viewer = None if viewer_id is None else self.community.people.get(viewer_id)
        return handler(Context(self.community, asked, self.words, now, self._tokens, viewer, hollow))

    def _instead(self, fault: Fault) -> Reply:
        """What a fault answers in X's place."""
        if fault.kind == "reset":
            return Reply(0, b"", reset=True)
        if fault.kind == "html":
            return Reply(200, _PAGE, HTML)
        if fault.kind in {"rate_limit", "too_fast", "usage_capped"}:
            standing = Standing(300, 0, int(time.time() + fault.seconds)) if fault.kind == "rate_limit" else _standing()
            body = problems.usage_capped(self.words) if fault.kind == "usage_capped" else problems.too_many()
            return Reply(429, _json(body), PROBLEM, standing)
        status = int(fault.kind)
        if status in {502, 504}:  # a gateway answers these, not X
            return Reply(status, _PAGE, HTML)
        return Reply(status, _json(problems.unavailable(status)), PROBLEM)


def _standing() -> Standing:
    """The rate limit X shows where it has counted nothing."""
    return Standing(300, 299, int(time.time()) + 900)


def _spoilt(reply: Reply, fault: Fault | None) -> Reply:
    """What a fault makes of the right answer."""
    if fault is not None and fault.kind == "cut":
        reply.cut = True
    elif fault is not None and fault.kind == "invalid_json":
        middle = reply.body.index(b'":')
        reply.body = reply.body[:middle] + reply.body[middle + 1 :]
    return reply


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

"""The WSGI application: one request in, one answer out, in the order X does things.

Faults first (they stand for what is between a client and X), then routing, credentials, rate limit, parameters, and the
action's handler.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from xframes.registry import match

from . import bodies, problems
from .asked import check
from .faults import INSTEAD, Fault, Faults
from .handlers import CREATED, HANDLERS, RAW
from .handlers.context import Context
from .handlers.raw import Call
from .limits import Limits, Standing
from .paging import Tokens
from .reply import HTML, PROBLEM, Reply, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from xframes.registry import Action
    from xframes.schema import Vocabulary

    from .auth import Credential
    from .community import Community
    from .services import Services

_PAGE = b"<!DOCTYPE html><html><head><title>Hold on</title></head><body><p>Something went wrong.</p></body></html>"
_STATUS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
           504: "Gateway Timeout"}


@dataclass(frozen=True, slots=True)
class Asking:
    """What was asked of the sandbox: never with credentials. `action` is None for paths X does not have."""

    method: str
    path: str
    params: dict[str, str]
    action: str | None


class App:
    """A local X. `requests` lists what was asked; `clock` gives its present in Unix milliseconds."""

    def __init__(
        self, community: Community, services: Services, *, words: Vocabulary, limits: Limits, faults: Faults,
        clock: Callable[[], int],
    ) -> None:
        self.community = community
        self.services = services
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
        headers = [("Content-Type", reply.type), *reply.headers, *(reply.standing or _standing()).headers]
        if reply.stream is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        elif reply.status != 204:
            headers.append(("Content-Length", str(len(reply.body))))
        if reply.cut:
            headers.append(("Connection", "close"))
        start_response(f"{reply.status} {_STATUS.get(reply.status, 'Unknown')}", headers)
        if reply.stream is not None:
            return reply.stream
        return [reply.body[: len(reply.body) // 2] if reply.cut else reply.body]

    def _reply(self, environ: WSGIEnvironment) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        found = match(method, path)
        action, path_args = found or (None, {})
        page = self.services.page(environ)
        params = {} if page else _params(environ)  # pages are asked with codes and tokens
        with self._lock:
            self.requests.append(Asking(method, path, params, action.name if action else None))
        fault = self.faults.striking(path)
        if fault is not None and fault.kind in INSTEAD:
            return self._instead(fault)
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if page is not None:
            return page()
        standing: Standing | None = None
        try:
            if action is None:
                raise problems.no_route(f"{method} {path}")
            credential = self.services.credentials.identify(environ)
            credential.may(action, self.words)
            standing = self.limits.count(action, credential.pool)
            if standing.refused:
                return Reply(429, to_json(problems.too_many()), PROBLEM, standing)
            reply = self._answer(action, environ, path_args, credential, fault)
        except problems.Refusal as refusal:
            return Reply(refusal.status, to_json(refusal.body), PROBLEM, standing)
        reply.standing = standing
        return _spoilt(reply, fault)

    def _answer(
        self, action: Action, environ: WSGIEnvironment, path_args: dict[str, str], credential: Credential,
        fault: Fault | None,
    ) -> Reply:
        """The right answer to a request that may be made. Raises Refusal for one X does not fulfil."""
        now, viewer_id = self.clock(), credential.user_id
        viewer = None if viewer_id is None else self.community.people.get(viewer_id)
        if action.name in RAW:
            said = RAW[action.name](Call(environ, path_args, _params(environ), self.services, self.words, now, viewer))
            return Reply(200, to_json(said)) if said else Reply(204, b"")
        asked = check(action, path_args, _query(environ), self._document(action, environ), now=now, words=self.words)
        _own(action, asked.args, viewer_id)
        hollow = fault is not None and fault.kind == "empty_page"
        context = Context(self.community, asked, self.words, now, self._tokens, self.services, viewer, hollow)
        if action.streaming:
            lines = self.services.stream.open(context, gone=environ["xframes.gone"], reset=environ["xframes.reset"])
            return Reply(200, b"", stream=lines)
        with self.community.lock:  # what one request changes, another sees whole
            body = HANDLERS[action.name](context)
        self.services.usage.see(action, body)
        if fault is not None and fault.kind == "repeat_cursor" and asked.token and "next_token" in body.get("meta", {}):
            body["meta"]["next_token"] = asked.token
        return Reply(201 if action.name in CREATED else 200, to_json(body))

    def _document(self, action: Action, environ: WSGIEnvironment) -> dict[str, Any] | None:
        """The JSON of a write's body, None where the action takes none. Raises Refusal (400) for anything else."""
        if not any(param.where == "body" for param in action.params):
            return None
        try:
            return bodies.document(environ)
        except bodies.BodyError as error:
            raise problems.invalid(self.words, ("body", [], str(error))) from None

    def _instead(self, fault: Fault) -> Reply:
        """What a fault answers in X's place."""
        if fault.kind == "reset":
            return Reply(0, b"", reset=True)
        if fault.kind == "html":
            return Reply(200, _PAGE, HTML)
        if fault.kind in {"rate_limit", "too_fast", "usage_capped"}:
            standing = Standing(300, 0, int(time.time() + fault.seconds)) if fault.kind == "rate_limit" else _standing()
            body = problems.usage_capped(self.words) if fault.kind == "usage_capped" else problems.too_many()
            return Reply(429, to_json(body), PROBLEM, standing)
        status = int(fault.kind)
        if status in {502, 504}:  # a gateway answers these, not X
            return Reply(status, _PAGE, HTML)
        return Reply(status, to_json(problems.unavailable(status)), PROBLEM)


def _own(action: Action, args: dict[str, Any], viewer_id: int | None) -> None:
    """Raise Refusal (403) when a path names somebody else where X takes only the authenticated user."""
    for param in action.params:
        if param.where == "path" and not param.required and args.get(param.name) != viewer_id:
            raise problems.forbidden(f"The `{param.wire}` query parameter value [{args.get(param.name)}] must be the "
                                     f"same as the authenticating user [{viewer_id}]")


def _query(environ: WSGIEnvironment) -> dict[str, list[str]]:
    return parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)


def _params(environ: WSGIEnvironment) -> dict[str, str]:
    return {name: ",".join(values) for name, values in _query(environ).items()}


def _standing() -> Standing:
    """The rate limit X shows where it has counted nothing."""
    return Standing(300, 299, int(time.time()) + 900)


def _spoilt(reply: Reply, fault: Fault | None) -> Reply:
    """What a fault makes of the right answer."""
    if fault is None or not reply.body:
        return reply
    if fault.kind == "cut":
        reply.cut = True
    elif fault.kind == "invalid_json":
        middle = reply.body.index(b'":')
        reply.body = reply.body[:middle] + reply.body[middle + 1 :]
    return reply

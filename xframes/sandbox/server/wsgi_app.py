"""The WSGI application: one request in, one answer out, in the order in which X works.

Faults come first (they happen between a client and X), then the path, credentials, rate limit,
parameters, and the action's handler.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from xframes.registry import match
from xframes.sandbox.handlers import CREATED, HANDLERS, RAW
from xframes.sandbox.handlers.calls import Call
from xframes.sandbox.handlers.context import Context
from xframes.sandbox.protocol import bodies, problem_json
from xframes.sandbox.protocol.page_tokens import Tokens
from xframes.sandbox.protocol.reply import HTML, PROBLEM, Quota, Reply, to_json
from xframes.sandbox.protocol.request_params import check
from xframes.sandbox.services.broadcast import Listener
from xframes.sandbox.services.occurrences import occurrences

from .fault_plan import REPLACING, Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from xframes.registry import Action
    from xframes.sandbox.services.occurrences import Occurrence
    from xframes.sandbox.services.service_set import Services
    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Post
    from xframes.schema import Vocabulary

    from .callers import Credential, Credentials
    from .oauth import OAuth
    from .rate_limits import Limits

_PAGE = (b"<!DOCTYPE html><html><head><title>Hold on</title></head>"
         b"<body><p>Something went wrong.</p></body></html>")
_REFUSED = {
    "usage_capped": (429, problem_json.usage_capped),
    "credits_depleted": (402, problem_json.credits_depleted),
    "403": (403, problem_json.not_permitted),
}
_REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 302: "Found", 400: "Bad Request",
    401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to the sandbox, without credentials; `action` is None for unknown paths."""

    method: str
    path: str
    params: dict[str, str]
    action: str | None


class App:
    """A local X. `requests` lists the requests so far; `clock` is in Unix milliseconds."""

    def __init__(
        self, community: Community, services: Services, oauth: OAuth, *, words: Vocabulary,
        limits: Limits, faults: Faults, clock: Callable[[], int],
    ) -> None:
        self.community = community
        self.services = services
        self.oauth = oauth
        self.words: Vocabulary = words
        self.limits = limits
        self.faults = faults
        self.clock = clock
        self.requests: list[Asking] = []
        self._tokens = Tokens(f"{community.seed} {community.now}")
        self._lock = Lock()

    @property
    def credentials(self) -> Credentials:
        """The credentials it accepts."""
        return self.oauth.credentials

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        reply = self._reply(environ)
        if reply.reset:
            environ["xframes.reset"]()
            return []
        quota = reply.quota or _untouched_quota()
        headers = [("Content-Type", reply.type), *reply.headers, *quota.headers]
        if reply.stream is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        elif reply.status != 204:
            headers.append(("Content-Length", str(len(reply.body))))
        if reply.cut:
            headers.append(("Connection", "close"))
        start_response(f"{reply.status} {_REASONS.get(reply.status, 'Unknown')}", headers)
        if reply.stream is not None:
            return reply.stream
        if reply.cut:
            return [reply.body[: len(reply.body) // 2]]
        return [reply.body]

    def _reply(self, environ: WSGIEnvironment) -> Reply:
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        action, path_args = match(method, path) or (None, {})
        page = self._page(environ)
        self._log(environ, path, action, has_secrets=page is not None)
        fault = self.faults.next_for(path, _size(environ))
        if fault is not None and fault.kind in REPLACING:
            return self._replacement(fault)
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if page is not None:
            return page(environ)
        quota: Quota | None = None
        try:
            if action is None:
                raise problem_json.no_route(f"{method} {path}")
            caller = self.credentials.identify(environ)
            caller.check(action, self.words)
            quota = self.limits.count(action, caller.pool)
            if quota.refused:
                return Reply(429, to_json(problem_json.too_many()), PROBLEM, quota)
            reply = self._answer(action, environ, path_args, caller, fault)
        except problem_json.Refusal as refusal:
            return Reply(refusal.status, to_json(refusal.body), PROBLEM, quota)
        reply.quota = quota
        _damage(reply, fault)
        return reply

    def _page(self, environ: WSGIEnvironment) -> Callable[[WSGIEnvironment], Reply] | None:
        """Return what answers a path outside the API: pages of OAuth, addresses of jobs."""
        path = environ["PATH_INFO"]
        if path.startswith("/compliance/"):
            return self.services.compliance.answer
        return self.oauth.pages.get((environ["REQUEST_METHOD"], path))

    def _log(
        self, environ: WSGIEnvironment, path: str, action: Action | None, *, has_secrets: bool
    ) -> None:
        """Add a request to `requests`, without parameters if they are codes and tokens."""
        params: dict[str, str] = {}
        if not has_secrets:
            params = _params(environ)
        name = None if action is None else action.name
        with self._lock:
            self.requests.append(Asking(environ["REQUEST_METHOD"], path, params, name))

    def _answer(
        self, action: Action, environ: WSGIEnvironment, path_args: dict[str, str],
        caller: Credential, fault: Fault | None,
    ) -> Reply:
        """Return the answer to a permitted request. Raises Refusal for one that X refuses."""
        now, viewer = self.clock(), None
        if caller.user_id is not None:
            viewer = self.community.people.get(caller.user_id)
        if action.name in RAW:
            call = Call(
                environ, path_args, _params(environ), self.services, self.words, now, viewer
            )
            body = RAW[action.name](call)
            return Reply(200, to_json(body)) if body else Reply(204, b"")
        request = check(
            action, path_args, _query(environ), self._document(action, environ),
            now=now, words=self.words,
        )
        _check_own(action, request.args, caller.user_id)
        hollow = fault is not None and fault.kind == "empty_page"
        if fault is not None and fault.kind == "lost_page":
            return Reply(200, to_json({"meta": {"result_count": 0}}))
        tokens = self._tokens
        if fault is not None and fault.kind == "expired_token" and request.token:
            tokens = Tokens("later")
        context = Context(
            self.community, request, self.words, now, tokens, self.services, viewer, hollow
        )
        if action.streaming:
            stream, listener = self.services.stream, _listener(context, environ)
            if action.objects == "post":
                return Reply(200, b"", stream=stream.open(listener))
            lines = _requested(occurrences(self.community, action.name), action, request.args, now)
            return Reply(200, b"", stream=stream.replay(listener, lines))
        with self.community.lock:  # other requests see all of its changes or none
            body = HANDLERS[action.name](context)
        self.services.usage.see(action, body)
        repeats = fault is not None and fault.kind == "repeat_cursor"
        if repeats and request.token and "next_token" in body.get("meta", {}):
            body["meta"]["next_token"] = request.token
        return Reply(201 if action.name in CREATED else 200, to_json(body))

    def _document(self, action: Action, environ: WSGIEnvironment) -> dict[str, Any] | None:
        """Return the JSON of a write's body, or None if the action takes no body.

        Raises Refusal (400) for anything else.
        """
        if not any(param.where == "body" for param in action.params):
            return None
        try:
            return bodies.document(environ)
        except bodies.BodyError as error:
            raise problem_json.invalid(self.words, ("body", [], str(error))) from None

    def _replacement(self, fault: Fault) -> Reply:
        """Return the answer of a fault that replaces X's."""
        if fault.kind == "reset":
            return Reply(0, b"", reset=True)
        if fault.kind == "html":
            return Reply(200, _PAGE, HTML)
        if fault.kind in {"rate_limit", "too_fast", "daily_limit"}:
            return _limited(fault)
        if fault.kind in _REFUSED:
            status, body = _REFUSED[fault.kind]
            return Reply(status, to_json(body(self.words)), PROBLEM)
        status = int(fault.kind)
        if status in {502, 504}:  # a gateway answers these, not X
            return Reply(status, _PAGE, HTML)
        return Reply(status, to_json(problem_json.unavailable(status)), PROBLEM)


def _requested(
    lines: list[Occurrence], action: Action, args: dict[str, Any], now: int
) -> list[Occurrence]:
    """Return the lines until now in the partition and times that a client requests."""
    parts = {param.max for param in action.params if param.name == "partition"}
    for count in filter(None, parts):
        lines = [each for each in lines if each.id % count + 1 == args["partition"]]
    first, end = args.get("start_time", 0), args.get("end_time", now)
    return [each for each in lines if first <= each.at < end]


def _listener(context: Context, environ: WSGIEnvironment) -> Listener:
    """Return the client of a stream, for which posts are written as in any answer."""

    def write(post: Post) -> dict[str, Any]:
        answer = context.answer()
        return answer.body(answer.posts([post])[0])

    return Listener(
        filtered=context.request.action.name == "streams.filtered", args=context.request.args,
        words=context.words, write=write, gone=environ["xframes.gone"],
        reset=environ["xframes.reset"],
    )


def _check_own(action: Action, args: dict[str, Any], viewer_id: int | None) -> None:
    """Raise Refusal (403) if a path names a person other than the only one X takes: the user."""
    for param in action.params:
        value = args.get(param.name)
        if param.where == "path" and not param.required and value != viewer_id:
            raise problem_json.forbidden(
                f"The `{param.wire}` query parameter value [{value}] must be the "
                f"same as the authenticating user [{viewer_id}]"
            )


def _query(environ: WSGIEnvironment) -> dict[str, list[str]]:
    return parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)


def _params(environ: WSGIEnvironment) -> dict[str, str]:
    return {name: ",".join(values) for name, values in _query(environ).items()}


def _size(environ: WSGIEnvironment) -> int:
    """Return the `max_results` of a request; 0 without one."""
    text = _params(environ).get("max_results", "")
    return int(text) if text.isdecimal() else 0


def _limited(fault: Fault) -> Reply:
    """Return the 429 of a limit of 15 minutes, a second or 24 hours."""
    reset, quota, headers = int(time.time() + fault.seconds), None, []
    if fault.kind == "rate_limit":
        quota = Quota(300, 0, reset)
    if fault.kind == "daily_limit":
        for pool in ("user", "app"):
            values = {"limit": 25, "remaining": 0, "reset": reset}
            headers += [(f"x-{pool}-limit-24hour-{name}", str(n)) for name, n in values.items()]
    return Reply(
        429, to_json(problem_json.too_many()), PROBLEM, quota, headers=tuple(headers)
    )


def _untouched_quota() -> Quota:
    """Return the rate limit that X shows for requests it does not count."""
    return Quota(300, 299, int(time.time()) + 900)


def _damage(reply: Reply, fault: Fault | None) -> None:
    """Apply a fault to an answer."""
    if fault is None or not reply.body:
        return
    if fault.kind == "cut":
        reply.cut = True
    elif fault.kind == "invalid_json":
        middle = reply.body.index(b'":')
        reply.body = reply.body[:middle] + reply.body[middle + 1 :]

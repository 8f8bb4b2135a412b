"""Who may read: requests of the browser that has the token, to this host, from its own pages."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

HOST = "127.0.0.1"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_OTHER_HOST = "Expected the address that `xframes browse` printed."


class Admission:
    """Decides on requests.

    Attributes
    ----------
    token
        The secret in the first URL. The browser gets another one for it, as a cookie.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self._cookie = f"xframes-{port}"  # cookies of one host are shared by its ports
        self._hosts = (f"{HOST}:{port}", f"localhost:{port}")

    def answer(self, request: Request, posts: frozenset[str]) -> Response | None:
        """Return the answer to a request that is refused or brings the token; else None.

        `posts` are the paths that may be posted to.
        """
        refusal = self._refusal(request, posts)
        if refusal is not None:
            return refusal
        if request.path == "/" and "token" in request.args:
            return self._exchanged(request.args["token"])
        if not self._is_known(request):
            return _unknown()
        return None

    def _refusal(self, request: Request, posts: frozenset[str]) -> Response | None:
        host = request.environ.get("HTTP_HOST", "")
        if host not in self._hosts:  # a name that another site lets lead here
            return _text(421, _OTHER_HOST)
        allowed = {"GET", "HEAD"}
        if request.path in posts:
            allowed.add("POST")
        if request.method not in allowed:
            answer = _text(405, "This page can only be read.")
            answer.headers["Allow"] = ", ".join(sorted(allowed))
            return answer
        if not self._is_own(request, host):
            return _text(403, "Other sites cannot read this page.")
        return None

    @staticmethod
    def _is_own(request: Request, host: str) -> bool:
        """Whether a request is from an own page, or from the person at the browser."""
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            return False
        site = request.headers.get("Sec-Fetch-Site")
        if site is None:  # an old browser, or a program
            return request.method != "POST" or origin is not None
        if request.method == "POST":
            return site == "same-origin"
        return site in {"same-origin", "none"}

    def _exchanged(self, token: str) -> Response:
        """Return the redirect that brings the cookie."""
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return _unknown()
        answer = Response(status=303, headers={"Location": "/"})
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict", path="/")
        return answer

    def _is_known(self, request: Request) -> bool:
        value = request.cookies.get(self._cookie, "")
        return hmac.compare_digest(value.encode(), self._session.encode())


def protect(response: Response) -> Response:
    """Add the headers that keep a page to itself, and out of caches unless it says otherwise."""
    for name, value in _HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _unknown() -> Response:
    return _text(403, "Open the address that `xframes browse` printed: it has a token.")


def _text(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")

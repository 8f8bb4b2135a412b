"""Issue tokens: OAuth 2.0 with PKCE and refresh, an app's bearer token, OAuth 1.0a with a PIN.

The invented person agrees at once, unless `denies` is set. X's addresses and answers:
docs.x.com/fundamentals/authentication.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from xframes.sandbox.protocol import bodies
from xframes.sandbox.protocol.reply import HTML, JSON, Reply, to_json

from .callers import SCOPES, Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIEnvironment

    from .callers import Credentials

_ACCESS_SECONDS = 7200.0
_FORM = "text/html; charset=utf-8"  # X's media type for its form-encoded answers
_NO_STORE = (("Cache-Control", "no-store"),)


@dataclass(frozen=True, slots=True)
class Issued:
    """A person's OAuth 2.0 tokens. `refresh_token` is None without the scope offline.access."""

    access_token: str
    refresh_token: str | None
    expires_in: float
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Grant:
    """The consent of a person; for a code also its redirect URI, PKCE challenge and expiry."""

    client_id: str
    user_id: int
    scopes: frozenset[str]
    redirect_uri: str = ""
    challenge: str = ""
    method: str = "plain"
    ends: float = 0.0


@dataclass(slots=True)
class _Request:
    """An OAuth 1.0a request token: its secret, callback, and the PIN after consent."""

    secret: str
    callback: str
    verifier: str = ""


class _RefusedError(Exception):
    """A token request X answers with an OAuth error."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.reply = Reply(
            status, to_json({"error": error, "error_description": description}), JSON
        )


class OAuth:
    """The token endpoints and the login pages.

    With `denies`, the person refuses; a code expires after `code_seconds`. `username` is the
    person's.
    """

    def __init__(self, credentials: Credentials, username: str) -> None:
        self.credentials = credentials
        self._username = username
        name = credentials.bearer_token
        self.client_id, self.client_secret = f"{name}-client", f"{name}-client-secret"
        self.public_client_id = f"{name}-public-client"
        self.denies = False
        self.code_seconds = 30.0
        self._codes: dict[str, _Grant] = {}
        self._refreshes: dict[str, _Grant] = {}
        self._pairs: dict[str, str] = {}  # access token → its refresh token, to end both
        self._requests: dict[str, _Request] = {}
        self.pages: dict[tuple[str, str], Callable[[WSGIEnvironment], Reply]] = {
            ("GET", "/i/oauth2/authorize"): self._authorize,
            ("POST", "/2/oauth2/token"): self._token,
            ("POST", "/2/oauth2/revoke"): self._revoke,
            ("POST", "/oauth2/token"): self._app_token,
            ("POST", "/oauth/request_token"): self._request_token,
            ("GET", "/oauth/authorize"): self._pin,
            ("GET", "/oauth/authenticate"): self._pin,
            ("POST", "/oauth/access_token"): self._access_token,
        }

    @property
    def clock(self) -> Callable[[], float]:
        """The clock, in Unix seconds; tests replace it."""
        return self.credentials.clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self.credentials.clock = clock

    def issue(
        self,
        scopes: Iterable[str] | None = None,
        seconds: float = _ACCESS_SECONDS,
        user_id: int | None = None,
        client_id: str | None = None,
    ) -> Issued:
        """Return new tokens of a person. Default: all scopes.

        Raises ValueError for unknown scopes.
        """
        wanted = SCOPES if scopes is None else frozenset(scopes)
        if unknown := wanted - SCOPES:
            known, wrong = ", ".join(sorted(SCOPES)), ", ".join(sorted(unknown))
            raise ValueError(f"scopes: expected some of {known}, got {wrong}")
        person = self.credentials.user_id if user_id is None else user_id
        access, refresh = secrets.token_urlsafe(48), None
        self.credentials.tokens[access] = Credential(
            "oauth2", person, wanted, self.clock() + seconds
        )
        if "offline.access" in wanted:
            refresh = secrets.token_urlsafe(48)
            self._refreshes[refresh] = _Grant(client_id or self.client_id, person, wanted)
            self._pairs[access] = refresh
        return Issued(access, refresh, seconds, tuple(sorted(wanted)))

    # -- OAuth 2.0 --------------------------------------------------------------------------------

    def _authorize(self, environ: WSGIEnvironment) -> Reply:
        """Show the login page: redirect the browser with a code, or with access_denied."""
        params = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        back = params.get("redirect_uri", "")
        is_known = params.get("client_id") in {self.client_id, self.public_client_id}
        is_code = params.get("response_type") == "code"
        if not (is_known and back and is_code and params.get("state")):
            return _page(400, "Something went wrong. You weren't able to give access to the App.")
        scopes = frozenset(params.get("scope", "").split())
        method = params.get("code_challenge_method", "plain")
        answer = {"state": params["state"]}
        if self.denies or "deny" in params:
            answer["error"] = "access_denied"
        elif not scopes or not scopes <= SCOPES:
            answer["error"] = "invalid_scope"
        elif not params.get("code_challenge") or method not in {"S256", "plain"}:
            answer["error"] = "invalid_request"
        else:
            code = answer["code"] = secrets.token_urlsafe(48)
            ends = self.clock() + self.code_seconds
            self._codes[code] = _Grant(
                params["client_id"], self.credentials.user_id, scopes, back,
                params["code_challenge"], method, ends,
            )
        return _redirect(back, answer)

    def _token(self, environ: WSGIEnvironment) -> Reply:
        """Exchange a code or a refresh token for tokens; either works once."""
        params = dict(bodies.form(environ))
        try:
            client_id = self._client(environ, params)
            grant = self._grant(params, client_id)
        except _RefusedError as refusal:
            return refusal.reply
        tokens = self.issue(grant.scopes, user_id=grant.user_id, client_id=client_id)
        body: dict[str, Any] = {
            "token_type": "bearer", "expires_in": int(tokens.expires_in),
            "access_token": tokens.access_token, "scope": " ".join(tokens.scopes),
        }
        if tokens.refresh_token is not None:
            body["refresh_token"] = tokens.refresh_token
        return Reply(200, to_json(body), JSON, headers=_NO_STORE)

    def _client(self, environ: WSGIEnvironment, params: dict[str, str]) -> str:
        """Return the client's id: by HTTP Basic with a secret, or (public client) from the body."""
        basic = _basic(environ)
        if basic is not None:
            if basic == (self.client_id, self.client_secret):
                return self.client_id
            raise _RefusedError(401, "unauthorized_client", "Invalid client credentials")
        if params.get("client_id") == self.public_client_id:
            return self.public_client_id
        if params.get("client_id") == self.client_id:
            raise _RefusedError(401, "unauthorized_client", "Missing valid authorization header")
        raise _RefusedError(400, "invalid_request", "Value passed for the client id was invalid.")

    def _grant(self, params: dict[str, str], client_id: str) -> _Grant:
        if params.get("grant_type") == "authorization_code":
            return self._redeem_code(params, client_id)
        if params.get("grant_type") == "refresh_token":
            return self._redeem_refresh_token(params, client_id)
        raise _RefusedError(
            400, "unsupported_grant_type", "Value passed for the grant type was invalid."
        )

    def _redeem_code(self, params: dict[str, str], client_id: str) -> _Grant:
        grant = self._codes.pop(params.get("code", ""), None)  # works once, even if refused
        if grant is None or grant.client_id != client_id or self.clock() >= grant.ends:
            message = "Value passed for the authorization code was invalid."
            raise _RefusedError(400, "invalid_request", message)
        if params.get("redirect_uri") != grant.redirect_uri:
            message = ("Value passed for the redirect uri did not match the uri of "
                       "the authorization code.")
            raise _RefusedError(400, "invalid_request", message)
        verifier = params.get("code_verifier", "")
        if grant.method == "S256":
            digest = hashlib.sha256(verifier.encode()).digest()
            verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not secrets.compare_digest(verifier.encode(), grant.challenge.encode()):
            message = "Value passed for the code verifier did not match the code challenge."
            raise _RefusedError(400, "invalid_request", message)
        return grant

    def _redeem_refresh_token(self, params: dict[str, str], client_id: str) -> _Grant:
        token = params.get("refresh_token", "")
        grant = self._refreshes.get(token)
        is_own = grant is not None and grant.client_id == client_id
        if grant is None or not is_own or self._refreshes.pop(token, None) is None:
            raise _RefusedError(400, "invalid_request", "Value passed for the token was invalid.")
        return grant

    def _revoke(self, environ: WSGIEnvironment) -> Reply:
        """Revoke an access token with its refresh token, or the other way round."""
        params = dict(bodies.form(environ))
        try:
            self._client(environ, params)
        except _RefusedError as refusal:
            return refusal.reply
        token = params.get("token", "")
        for access, refresh in list(self._pairs.items()):
            if token in {access, refresh}:
                self.credentials.tokens.pop(access, None)
                self._refreshes.pop(refresh, None)
                del self._pairs[access]
        if token in self.credentials.tokens and token != self.credentials.bearer_token:
            del self.credentials.tokens[token]
        return Reply(200, to_json({"revoked": True}), JSON)

    def _app_token(self, environ: WSGIEnvironment) -> Reply:
        """Return the app's bearer token for its consumer key and secret."""
        problem: dict[str, Any] | None = None
        if _basic(environ) != self.credentials.oauth1[:2]:
            problem = {"code": 99, "message": "Unable to verify your credentials",
                       "label": "authenticity_token_error"}
        elif dict(bodies.form(environ)).get("grant_type") != "client_credentials":
            problem = {"code": 170, "message": "Missing required parameter: grant_type",
                       "label": "forbidden_missing"}
        if problem is not None:
            return Reply(403, to_json({"errors": [problem]}), JSON)
        body = {"token_type": "bearer", "access_token": self.credentials.bearer_token}
        return Reply(200, to_json(body), JSON)

    # -- OAuth 1.0a -------------------------------------------------------------------------------

    def _request_token(self, environ: WSGIEnvironment) -> Reply:
        params = self.credentials.signed_params(environ, {"": ""})
        if params is None or not params.get("oauth_callback"):
            return _not_authenticated()
        token, secret = secrets.token_urlsafe(20), secrets.token_urlsafe(24)
        self._requests[token] = _Request(secret, params["oauth_callback"])
        return _form(oauth_token=token, oauth_token_secret=secret, oauth_callback_confirmed="true")

    def _pin(self, environ: WSGIEnvironment) -> Reply:
        """Show the login page: the PIN, or a redirect of the browser with it."""
        token = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("oauth_token", "")
        request = self._requests.get(token)
        if request is None:
            return _page(401, "Whoa there! The request token for this page is invalid.")
        if self.denies:
            if request.callback == "oob":
                return _page(200, "OK, you've denied the app access.")
            return _redirect(request.callback, {"denied": token})
        request.verifier = request.verifier or f"{secrets.randbelow(10**7):07d}"
        if request.callback == "oob":
            text = "Enter this PIN to complete the authorization process:"
            return _page(200, text, request.verifier)
        answer = {"oauth_token": token, "oauth_verifier": request.verifier}
        return _redirect(request.callback, answer)

    def _access_token(self, environ: WSGIEnvironment) -> Reply:
        known = {token: request.secret for token, request in self._requests.items()}
        params = self.credentials.signed_params(environ, known)
        if params is None:
            return _not_authenticated()
        request = self._requests.get(params["oauth_token"])
        verifier = params.get("oauth_verifier")
        if not verifier:
            verifier = dict(bodies.form(environ)).get("oauth_verifier", "")
        if request is None or not request.verifier or verifier != request.verifier:
            return _not_authenticated()
        del self._requests[params["oauth_token"]]
        _, _, token, secret = self.credentials.oauth1
        return _form(oauth_token=token, oauth_token_secret=secret,
                     user_id=str(self.credentials.user_id), screen_name=self._username)


def _basic(environ: WSGIEnvironment) -> tuple[str, str] | None:
    """Return the id and secret of HTTP Basic, which are percent-encoded first (RFC 6749 2.3.1)."""
    scheme, _, coded = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return unquote(name), unquote(secret)


def _form(**fields: str) -> Reply:
    return Reply(200, urlencode(fields).encode(), _FORM, headers=_NO_STORE)


def _redirect(address: str, answer: dict[str, str]) -> Reply:
    glue = "&" if "?" in address else "?"
    return Reply(302, b"", HTML, headers=(("Location", f"{address}{glue}{urlencode(answer)}"),))


def _page(status: int, text: str, code: str = "") -> Reply:
    body = f"<p>{html.escape(text)}</p>"
    if code:
        body += f"<p><kbd><code>{html.escape(code)}</code></kbd></p>"
    page = f"<!DOCTYPE html><html><head><title>X</title></head><body>{body}</body></html>"
    return Reply(status, page.encode(), HTML)


def _not_authenticated() -> Reply:
    error = {"code": 32, "message": "Could not authenticate you."}
    return Reply(401, to_json({"errors": [error]}), JSON)

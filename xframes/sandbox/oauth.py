"""How tokens are got: OAuth 2.0 with PKCE and refresh, an app's own bearer token, and OAuth 1.0a with a PIN.

The person at the other end always says yes, and at once, unless `denies` says otherwise. X's addresses and answers:
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

from . import bodies
from .auth import SCOPES, Credential
from .reply import HTML, JSON, Reply, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIEnvironment

    from .auth import Credentials
    from .community import Community

_ACCESS_SECONDS = 7200.0
_FORM = "text/html; charset=utf-8"  # what X says of its form-encoded answers
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
    """What a person agreed to; of a code also where it was sent, its PKCE challenge, and until when it may be used."""

    client_id: str
    user_id: int
    scopes: frozenset[str]
    redirect_uri: str = ""
    challenge: str = ""
    method: str = "plain"
    ends: float = 0.0


@dataclass(slots=True)
class _Request:
    """An OAuth 1.0a request token: its secret, where the answer goes, and the PIN once the person agreed."""

    secret: str
    callback: str
    verifier: str = ""


class _RefusedError(Exception):
    """A token request X answers with an OAuth error."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.reply = Reply(status, to_json({"error": error, "error_description": description}), JSON)


class OAuth:
    """The token endpoints and the pages people see. `denies` makes the person say no; codes live `code_seconds`."""

    def __init__(self, credentials: Credentials, community: Community) -> None:
        self._credentials = credentials
        self._community = community
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
            ("GET", "/i/oauth2/authorize"): self._authorize, ("POST", "/2/oauth2/token"): self._token,
            ("POST", "/2/oauth2/revoke"): self._revoke, ("POST", "/oauth2/token"): self._app_token,
            ("POST", "/oauth/request_token"): self._request_token, ("GET", "/oauth/authorize"): self._pin,
            ("GET", "/oauth/authenticate"): self._pin, ("POST", "/oauth/access_token"): self._access_token,
        }

    @property
    def clock(self) -> Callable[[], float]:
        """What tells the time in Unix seconds; tests put another in its place."""
        return self._credentials.clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self._credentials.clock = clock

    def issue(
        self, scopes: Iterable[str] | None = None, seconds: float = _ACCESS_SECONDS, user_id: int | None = None,
        client_id: str | None = None,
    ) -> Issued:
        """Return new tokens of a person: all scopes unless given. Raises ValueError for scopes X does not have."""
        wanted = SCOPES if scopes is None else frozenset(scopes)
        if unknown := wanted - SCOPES:
            raise ValueError(f"there is no scope {', '.join(sorted(unknown))}; there are {', '.join(sorted(SCOPES))}")
        person = self._credentials.user_id if user_id is None else user_id
        access, refresh = secrets.token_urlsafe(48), None
        self._credentials.tokens[access] = Credential("oauth2", person, wanted, self.clock() + seconds)
        if "offline.access" in wanted:
            refresh = secrets.token_urlsafe(48)
            self._refreshes[refresh] = _Grant(client_id or self.client_id, person, wanted)
            self._pairs[access] = refresh
        return Issued(access, refresh, seconds, tuple(sorted(wanted)))

    # -- OAuth 2.0 ----------------------------------------------------------------------------------------------

    def _authorize(self, environ: WSGIEnvironment) -> Reply:
        """The page where a person agrees: sends the browser back with a code, or with access_denied."""
        asked = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        back = asked.get("redirect_uri", "")
        known = asked.get("client_id") in {self.client_id, self.public_client_id}
        if not known or not back or asked.get("response_type") != "code" or not asked.get("state"):
            return _page(400, "Something went wrong. You weren't able to give access to the App.")
        scopes = frozenset(asked.get("scope", "").split())
        method = asked.get("code_challenge_method", "plain")
        answer = {"state": asked["state"]}
        if self.denies or "deny" in asked:
            answer["error"] = "access_denied"
        elif not scopes or not scopes <= SCOPES:
            answer["error"] = "invalid_scope"
        elif not asked.get("code_challenge") or method not in {"S256", "plain"}:
            answer["error"] = "invalid_request"
        else:
            code = answer["code"] = secrets.token_urlsafe(48)
            self._codes[code] = _Grant(asked["client_id"], self._credentials.user_id, scopes, back,
                                       asked["code_challenge"], method, self.clock() + self.code_seconds)
        return _redirect(back, answer)

    def _token(self, environ: WSGIEnvironment) -> Reply:
        """Tokens for a code, or for a refresh token, which then is used up."""
        asked = dict(bodies.form(environ))
        try:
            client_id = self._client(environ, asked)
            grant = self._granted(asked, client_id)
        except _RefusedError as refused:
            return refused.reply
        made = self.issue(grant.scopes, user_id=grant.user_id, client_id=client_id)
        body: dict[str, Any] = {"token_type": "bearer", "expires_in": int(made.expires_in),
                                "access_token": made.access_token, "scope": " ".join(made.scopes)}
        if made.refresh_token is not None:
            body["refresh_token"] = made.refresh_token
        return Reply(200, to_json(body), JSON, headers=_NO_STORE)

    def _client(self, environ: WSGIEnvironment, asked: dict[str, str]) -> str:
        """Which client asks: the confidential one shows its secret by HTTP Basic, the public one its id in the body."""
        basic = _basic(environ)
        if basic is not None:
            if basic == (self.client_id, self.client_secret):
                return self.client_id
            raise _RefusedError(401, "unauthorized_client", "Invalid client credentials")
        if asked.get("client_id") == self.public_client_id:
            return self.public_client_id
        if asked.get("client_id") == self.client_id:
            raise _RefusedError(401, "unauthorized_client", "Missing valid authorization header")
        raise _RefusedError(400, "invalid_request", "Value passed for the client id was invalid.")

    def _granted(self, asked: dict[str, str], client_id: str) -> _Grant:
        if asked.get("grant_type") == "authorization_code":
            return self._redeemed(asked, client_id)
        if asked.get("grant_type") == "refresh_token":
            return self._refreshed(asked, client_id)
        raise _RefusedError(400, "unsupported_grant_type", "Value passed for the grant type was invalid.")

    def _redeemed(self, asked: dict[str, str], client_id: str) -> _Grant:
        grant = self._codes.pop(asked.get("code", ""), None)  # once, whatever comes of it
        if grant is None or grant.client_id != client_id or self.clock() >= grant.ends:
            raise _RefusedError(400, "invalid_request", "Value passed for the authorization code was invalid.")
        if asked.get("redirect_uri") != grant.redirect_uri:
            raise _RefusedError(400, "invalid_request", "Value passed for the redirect uri did not match the uri of "
                                                        "the authorization code.")
        verifier = asked.get("code_verifier", "")
        if grant.method == "S256":
            digest = hashlib.sha256(verifier.encode()).digest()
            verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not secrets.compare_digest(verifier.encode(), grant.challenge.encode()):
            raise _RefusedError(400, "invalid_request", "Value passed for the code verifier did not match the code "
                                                        "challenge.")
        return grant

    def _refreshed(self, asked: dict[str, str], client_id: str) -> _Grant:
        token = asked.get("refresh_token", "")
        grant = self._refreshes.get(token)
        if grant is None or grant.client_id != client_id or self._refreshes.pop(token, None) is None:
            raise _RefusedError(400, "invalid_request", "Value passed for the token was invalid.")
        return grant

    def _revoke(self, environ: WSGIEnvironment) -> Reply:
        """End an access token, or a refresh token with the access token it came with."""
        asked = dict(bodies.form(environ))
        try:
            self._client(environ, asked)
        except _RefusedError as refused:
            return refused.reply
        token = asked.get("token", "")
        for access, refresh in list(self._pairs.items()):
            if token in {access, refresh}:
                self._credentials.tokens.pop(access, None)
                self._refreshes.pop(refresh, None)
                del self._pairs[access]
        if token in self._credentials.tokens and token != self._credentials.bearer_token:
            del self._credentials.tokens[token]
        return Reply(200, to_json({"revoked": True}), JSON)

    def _app_token(self, environ: WSGIEnvironment) -> Reply:
        """The app's bearer token for its consumer key and secret."""
        problem: dict[str, Any] | None = None
        if _basic(environ) != self._credentials.oauth1[:2]:
            problem = {"code": 99, "message": "Unable to verify your credentials", "label": "authenticity_token_error"}
        elif dict(bodies.form(environ)).get("grant_type") != "client_credentials":
            problem = {"code": 170, "message": "Missing required parameter: grant_type", "label": "forbidden_missing"}
        if problem is not None:
            return Reply(403, to_json({"errors": [problem]}), JSON)
        return Reply(200, to_json({"token_type": "bearer", "access_token": self._credentials.bearer_token}), JSON)

    # -- OAuth 1.0a ---------------------------------------------------------------------------------------------

    def _request_token(self, environ: WSGIEnvironment) -> Reply:
        given = self._credentials.signed(environ, {"": ""})
        if given is None or not given.get("oauth_callback"):
            return _not_authenticated()
        token, secret = secrets.token_urlsafe(20), secrets.token_urlsafe(24)
        self._requests[token] = _Request(secret, given["oauth_callback"])
        return _form(oauth_token=token, oauth_token_secret=secret, oauth_callback_confirmed="true")

    def _pin(self, environ: WSGIEnvironment) -> Reply:
        """The page where a person agrees: shows the PIN, or sends the browser back with it."""
        token = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("oauth_token", "")
        found = self._requests.get(token)
        if found is None:
            return _page(401, "Whoa there! The request token for this page is invalid.")
        if self.denies:
            if found.callback == "oob":
                return _page(200, "OK, you've denied the app access.")
            return _redirect(found.callback, {"denied": token})
        found.verifier = found.verifier or f"{secrets.randbelow(10**7):07d}"
        if found.callback != "oob":
            return _redirect(found.callback, {"oauth_token": token, "oauth_verifier": found.verifier})
        return _page(200, "Enter this PIN to complete the authorization process:", found.verifier)

    def _access_token(self, environ: WSGIEnvironment) -> Reply:
        given = self._credentials.signed(environ, {token: kept.secret for token, kept in self._requests.items()})
        if given is None:
            return _not_authenticated()
        found = self._requests.get(given["oauth_token"])
        verifier = given.get("oauth_verifier") or dict(bodies.form(environ)).get("oauth_verifier", "")
        if found is None or not found.verifier or verifier != found.verifier:
            return _not_authenticated()
        del self._requests[given["oauth_token"]]
        _, _, token, secret = self._credentials.oauth1
        person = self._community.people[self._credentials.user_id]
        return _form(oauth_token=token, oauth_token_secret=secret, user_id=str(person.id), screen_name=person.username)


def _basic(environ: WSGIEnvironment) -> tuple[str, str] | None:
    """The id and secret of HTTP Basic; they are percent-encoded first (RFC 6749 2.3.1)."""
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


def _page(status: int, says: str, code: str = "") -> Reply:
    shown = f"<p><kbd><code>{html.escape(code)}</code></kbd></p>" if code else ""
    body = f"<!DOCTYPE html><html><head><title>X</title></head><body><p>{html.escape(says)}</p>{shown}</body></html>"
    return Reply(status, body.encode(), HTML)


def _not_authenticated() -> Reply:
    return Reply(401, to_json({"errors": [{"code": 32, "message": "Could not authenticate you."}]}), JSON)

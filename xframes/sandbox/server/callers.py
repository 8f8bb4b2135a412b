"""Identify the caller (an app, or a person through it), and check what its token allows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.registry import ACTIONS
from xframes.sandbox.protocol import problem_json

from . import signatures

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    from xframes.registry import Action
    from xframes.schema import Vocabulary

_NAMES = {"app": "OAuth 2.0 Application-Only", "oauth1": "OAuth 1.0a User Context",
          "oauth2": "OAuth 2.0 User Context"}
SCOPES = frozenset({"offline.access", "users.email"}).union(
    *(action.scopes for action in ACTIONS.values())
)


@dataclass(frozen=True, slots=True)
class Credential:
    """The caller of a request. `kind` is app, oauth1 or oauth2.

    `user_id` is the person behind it (None for apps), `scopes` what an OAuth 2.0 token allows,
    `ends` the Unix second at which it expires (None: never).
    """

    kind: str
    user_id: int | None = None
    scopes: frozenset[str] = SCOPES
    ends: float | None = None

    @property
    def pool(self) -> str:
        """The rate limit it counts against: the app's, or that person's."""
        if self.user_id is None:
            return "app"
        return f"user {self.user_id}"

    def is_expired(self, now: float) -> bool:
        """Whether it has expired at a Unix second."""
        return self.ends is not None and now >= self.ends

    def check(self, action: Action, words: Vocabulary) -> None:
        """Raise Refusal (403) if the action needs another kind of credential or more scopes."""
        if action.auth and self.kind not in action.auth:
            accepted = [_NAMES[kind] for kind in action.auth]
            raise problem_json.wrong_credential(words, _NAMES[self.kind], accepted)
        missing = [scope for scope in action.scopes if scope not in self.scopes]
        if self.kind == "oauth2" and missing:
            raise problem_json.missing_scopes(action.scopes, missing)


class Credentials:
    """The credentials a sandbox accepts.

    `tokens` are bearer tokens: the app's, and those of people (OAuth 2.0). `oauth1` is a person's
    OAuth 1.0a context: consumer key and secret, access token and secret. `clock` is in Unix
    seconds.
    """

    def __init__(self, bearer_token: str, user_id: int) -> None:
        if not bearer_token:
            raise ValueError("bearer_token: expected a text, got ''")
        self.bearer_token = bearer_token
        self.user_token = f"{bearer_token}-user"
        self.user_id = user_id
        self.oauth1 = (
            f"{bearer_token}-key",
            f"{bearer_token}-key-secret",
            f"{user_id}-{bearer_token}",
            f"{bearer_token}-access-secret",
        )
        self.tokens = {
            bearer_token: Credential("app"),
            self.user_token: Credential("oauth2", user_id),
        }
        self.clock: Callable[[], float] = time.time
        self._signatures = signatures.Signatures()

    def identify(self, environ: WSGIEnvironment) -> Credential:
        """Return the caller.

        Raises Refusal (401) for missing, unknown and expired credentials, and wrong signatures.
        """
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            credential = self.tokens.get(token.strip())
            if credential is not None and not credential.is_expired(self.clock()):
                return credential
        elif scheme.lower() == "oauth":
            params = self.signed_params(environ, {self.oauth1[2]: self.oauth1[3]})
            if params is not None:
                return Credential("oauth1", self.user_id)
        raise problem_json.unauthorized()

    def signed_params(
        self, environ: WSGIEnvironment, secrets: dict[str, str]
    ) -> dict[str, str] | None:
        """Return the OAuth 1.0a parameters of a request, or None if its signature is wrong.

        `secrets` maps the accepted tokens to their secrets, `""` a request without a token.
        """
        params = signatures.header(environ)
        secret = secrets.get(params.get("oauth_token", ""))
        if secret is None or params.get("oauth_consumer_key") != self.oauth1[0]:
            return None
        try:
            self._signatures.check(environ, params, (self.oauth1[1], secret), self.clock())
        except signatures.Unsigned:
            return None
        return params

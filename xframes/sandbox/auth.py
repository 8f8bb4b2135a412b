"""Who asks: an app with its bearer token, or a person through it; and what a token may do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.registry import ACTIONS

from . import problems, signatures

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    from xframes.registry import Action
    from xframes.schema import Vocabulary

_NAMES = {"app": "OAuth 2.0 Application-Only", "oauth1": "OAuth 1.0a User Context", "oauth2": "OAuth 2.0 User Context"}
SCOPES = frozenset({each for action in ACTIONS.values() for each in action.scopes} | {"offline.access", "users.email"})


@dataclass(frozen=True, slots=True)
class Credential:
    """A recognised caller. `kind` is app, oauth1 or oauth2; `user_id` is the person it speaks for, None for apps.

    `scopes` is what an OAuth 2.0 token may do, `ends` the Unix second it ends at (None: never).
    """

    kind: str
    user_id: int | None = None
    scopes: frozenset[str] = SCOPES
    ends: float | None = None

    @property
    def pool(self) -> str:
        """Whose rate limit it draws on: the app's, or that person's."""
        return "app" if self.user_id is None else f"user {self.user_id}"

    def may(self, action: Action, words: Vocabulary) -> None:
        """Raise Refusal (403) when the action does not take this kind of credential, or needs a scope it lacks."""
        if action.auth and self.kind not in action.auth:
            raise problems.wrong_credential(words, _NAMES[self.kind], [_NAMES[kind] for kind in action.auth])
        if self.kind == "oauth2" and not self.scopes.issuperset(action.scopes):
            raise problems.missing_scopes(action.scopes, [s for s in action.scopes if s not in self.scopes])


class Credentials:
    """The credentials a sandbox accepts.

    `tokens` are bearer tokens: the app's, and those of people (OAuth 2.0). `oauth1` is a person's OAuth 1.0a context:
    consumer key and secret, access token and secret. `clock` tells the time in Unix seconds.
    """

    def __init__(self, bearer_token: str, user_id: int) -> None:
        if not bearer_token:
            raise ValueError("the bearer token must not be empty")
        self.bearer_token = bearer_token
        self.user_token = f"{bearer_token}-user"
        self.user_id = user_id
        self.oauth1 = (f"{bearer_token}-key", f"{bearer_token}-key-secret", f"{user_id}-{bearer_token}",
                       f"{bearer_token}-access-secret")
        self.tokens = {bearer_token: Credential("app"), self.user_token: Credential("oauth2", user_id)}
        self.clock: Callable[[], float] = time.time
        self._signatures = signatures.Signatures()

    def identify(self, environ: WSGIEnvironment) -> Credential:
        """Return who asks. Raises Refusal (401) for missing, unknown and ended credentials, and wrong signatures."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            found = self.tokens.get(token.strip())
            if found is not None and (found.ends is None or self.clock() < found.ends):
                return found
        elif scheme.lower() == "oauth":
            given = self.signed(environ, {self.oauth1[2]: self.oauth1[3]})
            if given is not None:
                return Credential("oauth1", self.user_id)
        raise problems.unauthorized()

    def signed(self, environ: WSGIEnvironment, secrets: dict[str, str]) -> dict[str, str] | None:
        """Return the OAuth 1.0a parameters of a request signed by this app with one of these tokens, else None.

        `secrets` are tokens and their secrets; `""` stands for a request without a token.
        """
        given = signatures.header(environ)
        secret = secrets.get(given.get("oauth_token", ""))
        if secret is None or given.get("oauth_consumer_key") != self.oauth1[0]:
            return None
        try:
            self._signatures.check(environ, given, (self.oauth1[1], secret), self.clock())
        except signatures.Unsigned:
            return None
        return given

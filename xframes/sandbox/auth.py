"""Who asks: an app with its bearer token, or a person through it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import problems

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from xframes.registry import Action
    from xframes.schema import Vocabulary

_NAMES = {"app": "OAuth 2.0 Application-Only", "oauth1": "OAuth 1.0a User Context", "oauth2": "OAuth 2.0 User Context"}


@dataclass(frozen=True, slots=True)
class Credential:
    """A recognised caller. `kind` is app, oauth1 or oauth2; `user_id` is the person it speaks for, None for apps."""

    kind: str
    user_id: int | None = None

    @property
    def pool(self) -> str:
        """Whose rate limit it draws on: the app's, or that person's."""
        return "app" if self.user_id is None else f"user {self.user_id}"

    def may(self, action: Action, words: Vocabulary) -> None:
        """Raise Refusal (403) when the action does not take this kind of credential."""
        if action.auth and self.kind not in action.auth:
            raise problems.wrong_credential(words, _NAMES[self.kind], [_NAMES[kind] for kind in action.auth])


class Credentials:
    """The credentials a sandbox accepts: an app's bearer token, and an OAuth 2.0 token of one of its people."""

    def __init__(self, bearer_token: str, user_token: str, user_id: int) -> None:
        if not bearer_token or bearer_token == user_token:
            raise ValueError("the bearer token must not be empty, nor the user token")
        self._known = {bearer_token: Credential("app"), user_token: Credential("oauth2", user_id)}

    def identify(self, environ: WSGIEnvironment, words: Vocabulary) -> Credential:  # noqa: ARG002  scopes will need words
        """Return who asks. Raises Refusal (401) for missing and for unknown credentials."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            for known, credential in self._known.items():
                if hmac.compare_digest(known.encode(), token.strip().encode()):
                    return credential
        raise problems.unauthorized()

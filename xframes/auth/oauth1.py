"""OAuth 1.0a: an app's keys, and a person's tokens for it. Requests are signed by requests-oauthlib (RFC 5849)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.auth.secrets import Secret, secret
from xframes.errors import ConfigError
from xframes.sealing import sealed, sealed_init

if TYPE_CHECKING:
    import requests

_NAMES = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


@sealed_init
@dataclass(frozen=True, slots=True)
class OAuth1:
    """The four texts of an OAuth 1.0a user context. Without the two access tokens it only gets app-only tokens.

    Raises ConfigError when the access token or its secret is missing while the other is there.
    """

    consumer_key: str | Secret
    consumer_secret: str | Secret
    access_token: str | Secret | None = None
    access_token_secret: str | Secret | None = None

    def __post_init__(self) -> None:
        for name in _NAMES:
            object.__setattr__(self, name, secret(getattr(self, name), name))
        if self.consumer_key is None or self.consumer_secret is None:
            raise ConfigError("OAuth 1.0a needs the consumer key and its secret")
        if (self.access_token is None) != (self.access_token_secret is None):
            raise ConfigError("OAuth 1.0a needs the access token and its secret, both")

    @property
    def user(self) -> bool:
        """Whether it speaks for a person."""
        return self.access_token is not None

    def revealed(self) -> tuple[str, str, str | None, str | None]:
        """The four texts, for signing."""
        key, key_secret, token, token_secret = (
            one.reveal() if isinstance(one := getattr(self, name), Secret) else None for name in _NAMES
        )
        return str(key), str(key_secret), token, token_secret

    @sealed
    def sign(
        self, request: requests.PreparedRequest, *, nonce: str | None = None, timestamp: str | None = None
    ) -> requests.PreparedRequest:
        """Sign a request: method, URL and form parameters; other bodies are not part of the signature.

        `nonce` and `timestamp` are made up unless given.
        """
        from requests_oauthlib import OAuth1 as Signer

        key, key_secret, token, token_secret = self.revealed()
        signed: requests.PreparedRequest = Signer(
            key, key_secret, token, token_secret, nonce=nonce, timestamp=timestamp
        )(request)
        header: str | bytes = signed.headers["Authorization"]
        signed.headers["Authorization"] = header.decode("ascii") if isinstance(header, bytes) else header
        return signed

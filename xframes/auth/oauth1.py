"""OAuth 1.0a: the keys of an app and the tokens of a person. requests-oauthlib signs (RFC 5849)."""

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
    """OAuth 1.0a credentials of an app and a person.

    Without the two access tokens, they are exchanged for a bearer token of the app.

    Parameters
    ----------
    consumer_key
        The app's API key.
    consumer_secret
        The app's API key secret.
    access_token
        The person's access token. Default: none, only the app's credentials.
    access_token_secret
        The person's access token secret.

    Raises
    ------
    ConfigError
        A key is missing, or one of the two access tokens.

    Examples
    --------
    >>> client = xf.Client(oauth1=OAuth1("key", "secret", "token", "token-secret"))
    """

    consumer_key: str | Secret
    consumer_secret: str | Secret
    access_token: str | Secret | None = None
    access_token_secret: str | Secret | None = None

    def __post_init__(self) -> None:
        for name in _NAMES:
            object.__setattr__(self, name, secret(getattr(self, name), name))
        if self.consumer_key is None or self.consumer_secret is None:
            raise ConfigError("OAuth 1.0a: expected the consumer key and its secret, got only one")
        if (self.access_token is None) != (self.access_token_secret is None):
            raise ConfigError("OAuth 1.0a: expected the access token and its secret, got only one")

    @property
    def user(self) -> bool:
        """Whether these are the credentials of a person."""
        return self.access_token is not None

    def revealed(self) -> tuple[str, str, str | None, str | None]:
        """Return the four texts, for signing."""
        values = (getattr(self, name) for name in _NAMES)
        texts = (value.reveal() if isinstance(value, Secret) else None for value in values)
        key, key_secret, token, token_secret = texts
        return str(key), str(key_secret), token, token_secret

    @sealed
    def sign(
        self, request: requests.PreparedRequest, *, nonce: str | None = None,
        timestamp: str | None = None,
    ) -> requests.PreparedRequest:
        """Sign the method, the URL and the form parameters of a request, but no other body.

        `nonce` and `timestamp` are random and the current time by default.
        """
        from requests_oauthlib import OAuth1 as Signer

        key, key_secret, token, token_secret = self.revealed()
        signed: requests.PreparedRequest = Signer(
            key, key_secret, token, token_secret, nonce=nonce, timestamp=timestamp
        )(request)
        header: str | bytes = signed.headers["Authorization"]
        if isinstance(header, bytes):
            signed.headers["Authorization"] = header.decode("ascii")
        return signed

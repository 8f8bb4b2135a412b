"""OAuth 2.0: a person's tokens, refreshed when they run out, and an app's own bearer token.

Tokens are fetched with plain form posts: oauthlib's helpers refuse every server without TLS, loopback ones too.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from xframes import wire
from xframes.auth import tokens
from xframes.auth.secrets import Secret, redact, secret
from xframes.auth.sessions import late, session_for
from xframes.errors import ApiError, ConfigError, Unauthorized, Unavailable
from xframes.sealing import sealed, sealed_init

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import requests

TOKEN_PATH = "/2/oauth2/token"  # noqa: S105  a path of X's API
APP_TOKEN_PATH = "/oauth2/token"  # noqa: S105  the same
TIMEOUT = (10, 60)  # seconds to connect, and between bytes
_EARLY = 60  # seconds before its end at which a token is renewed
_LONGEST = 1e9  # seconds; no token lives for 30 years


@sealed_init
@dataclass(slots=True)
class OAuth2:
    """A person's OAuth 2.0 tokens. With a refresh token they renew themselves, once for all threads and processes.

    `expires_at` is in Unix seconds, `scopes` what the token may do (empty: unknown). Renewed tokens are kept in the
    file `path` (default: beside the config file, 0600), because X takes each refresh token only once.
    """

    client_id: str = ""
    client_secret: str | Secret | None = None
    access_token: str | Secret | None = None
    refresh_token: str | Secret | None = None
    expires_at: float | None = None
    scopes: tuple[str, ...] = ()
    path: Path | None = field(default=None, repr=False)
    key: str = field(default="", repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self.client_secret = secret(self.client_secret, "client_secret")
        self.access_token = secret(self.access_token, "access_token")
        self.refresh_token = secret(self.refresh_token, "refresh_token")
        self.path = self.path or tokens.tokens_path()
        if isinstance(self.refresh_token, Secret) and not self.key:
            origin = f"{self.client_id} {self.refresh_token.reveal()}"
            self.key = hashlib.sha256(origin.encode()).hexdigest()[:16]
        if self.key:
            self._adopt(tokens.load(self.path, self.key))
        if self.access_token is None and self.refresh_token is None:
            raise ConfigError("OAuth 2.0 needs a person's access token or refresh token; `xframes login` gets both")

    @classmethod
    @sealed
    def stored(cls, path: Path | None = None) -> OAuth2 | None:
        """The tokens `xframes login` left, or None."""
        path = path or tokens.tokens_path()
        record = tokens.load(path, tokens.LOGIN)
        if record is None:
            return None
        return cls(record.get("client_id", ""), record.get("client_secret"), record.get("access_token"), path=path,
                   key=tokens.LOGIN)

    @property
    def renewable(self) -> bool:
        """Whether new tokens can be had without the person."""
        return self.refresh_token is not None

    def current(self, base_url: str) -> Secret:
        """The access token, renewed first when it is about to end."""
        ending = self.expires_at is not None and self.expires_at - _EARLY <= self.clock()
        if self.renewable and (self.access_token is None or ending):
            self.renew(base_url, self.access_token if isinstance(self.access_token, Secret) else None)
        if not isinstance(self.access_token, Secret):
            raise Unauthorized("there is no OAuth 2.0 access token; run: xframes login")
        return self.access_token

    @sealed
    def renew(self, base_url: str, rejected: Secret | None) -> None:
        """Get new tokens in exchange for the refresh token, unless another thread or process just did.

        `rejected` is the access token that does not work any more. Raises Unauthorized when X does not take the refresh
        token, Unavailable when no answer came.
        """
        assert self.path is not None
        with self._lock, tokens.locked(self.path):
            self._adopt(tokens.load(self.path, self.key) if self.key else None)
            held = self.access_token
            if isinstance(held, Secret) and (rejected is None or held.reveal() != rejected.reveal()):
                return
            assert isinstance(self.refresh_token, Secret)
            form: dict[str, str | Secret] = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
            try:
                self._adopt(fetch(base_url, form, self.client_id, self.client_secret, clock=self.clock))
            except Unavailable:
                raise
            except ApiError as error:
                raise Unauthorized(f"the OAuth 2.0 login has ended ({error}); run: xframes login", status=401) from None
            self.save()

    @sealed
    def save(self) -> None:
        """Write the tokens to their file; the caller holds its lock."""
        assert self.path is not None
        tokens.save(self.path, self.key or tokens.LOGIN, self._record())

    def _record(self) -> dict[str, Any]:
        def text(one: str | Secret | None) -> str | None:
            return one.reveal() if isinstance(one, Secret) else one

        return {
            "client_id": self.client_id, "client_secret": text(self.client_secret),
            "access_token": text(self.access_token), "refresh_token": text(self.refresh_token),
            "expires_at": self.expires_at, "scopes": list(self.scopes),
        }

    def _adopt(self, record: Mapping[str, Any] | None) -> None:
        if not record or not record.get("access_token"):
            return
        self.access_token = Secret(record["access_token"], "access_token")
        self.refresh_token = secret(record.get("refresh_token"), "refresh_token") or self.refresh_token
        self.expires_at = record.get("expires_at")
        self.scopes = tuple(record.get("scopes") or self.scopes)


@sealed
def fetch(
    base_url: str, form: Mapping[str, str | Secret], client_id: str, client_secret: str | Secret | None, *,
    path: str = TOKEN_PATH, clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Ask a token endpoint: access_token, refresh_token, expires_at, scopes.

    Confidential clients show id and secret by HTTP Basic, public ones put their id into the form
    (docs.x.com: fundamentals/authentication/oauth-2-0/user-access-token). Raises what `wire.classify` says.
    """
    answer = _post(base_url + path, form, client_id, secret(client_secret, "client_secret"))
    error = wire.classify(
        answer.status_code, answer.headers, answer.content, action="the login", now=datetime.now(UTC)
    )
    if error is not None:
        error.args = (redact(str(error)),)
        raise error
    try:
        return _tokens(wire.read_json(answer.content), clock())
    except ValueError as fault:
        why = str(fault)
    # outside the handler: no token in its context
    raise Unavailable(f"the login: {why}", status=answer.status_code)


def _tokens(found: Any, now: float) -> dict[str, Any]:
    """What a token endpoint's answer says.

    Raises ValueError, without any token in it, for what is missing or of another type.
    """
    answer = found if isinstance(found, dict) else {}
    access, refresh, lives = map(answer.get, ("access_token", "refresh_token", "expires_in"))
    if not isinstance(access, str) or not access.strip():
        raise ValueError("the answer holds no access token")
    if refresh is not None and not isinstance(refresh, str):
        raise ValueError(f"refresh_token: expected text, got {type(refresh).__name__}")
    scope = answer.get("scope")
    return {
        "access_token": access, "refresh_token": refresh or None,
        "expires_at": None if lives is None else now + _seconds(lives),
        "scopes": scope.split() if isinstance(scope, str) else [],
    }


def _seconds(lives: Any) -> float:
    """How long a token lives: a number, or its text."""
    is_number = isinstance(lives, int | float | str) and not isinstance(lives, bool)
    try:
        seconds = float(lives) if is_number else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:  # false for NaN, too
        raise ValueError(f"expires_in: expected a number of seconds, got {str(lives)[:20]!r}")
    return seconds


@sealed
def app_token(base_url: str, consumer_key: str, consumer_secret: str) -> Secret:
    """An app-only bearer token for an app's key and secret. Raises Unauthorized when X does not know them."""
    form = {"grant_type": "client_credentials"}
    record = fetch(base_url, form, consumer_key, Secret(consumer_secret, "consumer_secret"), path=APP_TOKEN_PATH)
    return Secret(record["access_token"], "bearer_token")


def _post(
    url: str, form: Mapping[str, str | Secret], client_id: str, client_secret: Secret | None
) -> requests.Response:
    import requests
    import urllib3
    from requests.auth import HTTPBasicAuth

    from xframes.auth.transport import TooLarge

    fields = form if client_secret is not None else {**form, "client_id": client_id}

    def fill(request: requests.PreparedRequest) -> requests.PreparedRequest:
        texts = {name: one.reveal() if isinstance(one, Secret) else one for name, one in fields.items()}
        request.prepare_body(texts, None)
        if client_secret is not None:
            HTTPBasicAuth(client_id, client_secret.reveal())(request)  # sets the header
        return request

    try:
        with session_for(url) as session:
            return session.post(url, auth=late(fill), timeout=TIMEOUT, allow_redirects=False)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        failure = str(error) if isinstance(error, TooLarge) else type(error).__name__
    raise Unavailable(f"the login: no answer ({failure})")  # outside the handler: its cause holds the headers

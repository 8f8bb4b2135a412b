"""OAuth 2.0: the tokens of a person, renewed when they expire, and the bearer token of an app.

Tokens are fetched with plain form posts, because oauthlib refuses all servers without TLS, also on
this machine.
"""

from __future__ import annotations

import hashlib
import math
import time
from contextlib import suppress
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
_EARLY = 60  # seconds before it expires, a token is renewed
_LONGEST = 1e9  # seconds; no token is valid for 30 years


@sealed_init
@dataclass(slots=True)
class OAuth2:
    """OAuth 2.0 tokens of a person.

    With a refresh token, they are renewed once for all threads and processes. X accepts each
    refresh token only once, so renewed tokens are stored in a file.

    Parameters
    ----------
    client_id
        The app's OAuth 2.0 client id. Needed to renew the tokens.
    client_secret
        The app's OAuth 2.0 client secret. Only confidential clients have one.
    access_token
        The person's access token.
    refresh_token
        The person's refresh token. Without it, the tokens cannot be renewed.
    expires_at
        Time when the access token expires, in Unix seconds. Default: unknown.
    scopes
        Scopes of the tokens. Default: unknown.
    path
        File of renewed tokens. Default: `tokens.json` next to the config file, readable by its
        owner only.
    key
        Name of the record in the file. Default: derived from the client id and refresh token.
    clock
        Function that returns the current time in Unix seconds. Tests replace it.

    Raises
    ------
    ConfigError
        There is neither an access token nor a refresh token, or the file cannot be read.

    Examples
    --------
    >>> client = xf.Client(oauth2=OAuth2("client-id", refresh_token="…"))
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
            raise ConfigError(
                "OAuth 2.0: expected an access token or refresh token, got neither. "
                "To log in, use: xframes login"
            )

    @classmethod
    @sealed
    def stored(cls, path: Path | None = None) -> OAuth2 | None:
        """Return the tokens that `xframes login` stored, or None."""
        path = path or tokens.tokens_path()
        record = tokens.load(path, tokens.LOGIN)
        if record is None:
            return None
        return cls(
            record.get("client_id", ""), record.get("client_secret"), record.get("access_token"),
            path=path, key=tokens.LOGIN,
        )

    @property
    def renewable(self) -> bool:
        """Whether the tokens can be renewed without the person."""
        return self.refresh_token is not None

    def current(self, base_url: str) -> Secret:
        """Return the access token; before it expires, renew it first."""
        is_ending = self.expires_at is not None and self.expires_at - _EARLY <= self.clock()
        if self.renewable and (self.access_token is None or is_ending):
            self.renew(base_url, secret(self.access_token, "access_token"))
        if not isinstance(self.access_token, Secret):
            raise Unauthorized("no OAuth 2.0 access token. To log in, use: xframes login")
        return self.access_token

    @sealed
    def renew(self, base_url: str, rejected: Secret | None) -> None:
        """Exchange the refresh token for new tokens, unless another thread or process just did.

        `rejected` is the access token that X refused. Raises Unauthorized if X refuses the refresh
        token, and Unavailable if X does not answer.
        """
        assert self.path is not None
        with self._lock, tokens.locked(self.path):
            if self.key:
                self._adopt(tokens.load(self.path, self.key))
            current = self.access_token
            if isinstance(current, Secret) and (
                rejected is None or current.reveal() != rejected.reveal()
            ):
                return
            assert isinstance(self.refresh_token, Secret)
            form: dict[str, str | Secret] = {
                "grant_type": "refresh_token", "refresh_token": self.refresh_token,
            }
            try:
                record = fetch(
                    base_url, form, self.client_id, self.client_secret, clock=self.clock
                )
            except Unavailable:
                raise
            except ApiError as error:
                raise Unauthorized(
                    f"the OAuth 2.0 login has ended ({error}). To log in again, use: xframes login",
                    status=401,
                ) from None
            self._adopt(record)
            self.save()

    @sealed
    def save(self) -> None:
        """Write the tokens to their file, which the caller has locked."""
        assert self.path is not None
        tokens.save(self.path, self.key or tokens.LOGIN, self._record())

    def _record(self) -> dict[str, Any]:
        return {
            "client_id": self.client_id, "client_secret": _text(self.client_secret),
            "access_token": _text(self.access_token), "refresh_token": _text(self.refresh_token),
            "expires_at": self.expires_at, "scopes": list(self.scopes),
        }

    def _adopt(self, record: Mapping[str, Any] | None) -> None:
        if not record or not record.get("access_token"):
            return
        self.access_token = Secret(record["access_token"], "access_token")
        refresh_token = secret(record.get("refresh_token"), "refresh_token")
        self.refresh_token = refresh_token or self.refresh_token
        self.expires_at = record.get("expires_at")
        self.scopes = tuple(record.get("scopes") or self.scopes)


def _text(value: str | Secret | None) -> str | None:
    if isinstance(value, Secret):
        return value.reveal()
    return value


@sealed
def fetch(
    base_url: str, form: Mapping[str, str | Secret], client_id: str,
    client_secret: str | Secret | None, *, path: str = TOKEN_PATH,
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Fetch tokens: access_token, refresh_token, expires_at, scopes.

    Confidential clients send their id and secret by HTTP Basic, public clients their id in the form
    (docs.x.com: fundamentals/authentication/oauth-2-0/user-access-token). Raises the error that
    `wire.classify` returns.
    """
    answer = _post(base_url + path, form, client_id, secret(client_secret, "client_secret"))
    error = wire.classify(
        answer.status_code, answer.headers, answer.content, action="the login",
        now=datetime.now(UTC),
    )
    if error is not None:
        error.args = (redact(str(error)),)
        raise error
    try:
        return _tokens(wire.read_json(answer.content), clock())
    except ValueError as fault:
        why = str(fault)
    # outside the handler, whose error could hold tokens
    raise Unavailable(f"the login: {why}", status=answer.status_code)


def _tokens(found: Any, now: float) -> dict[str, Any]:
    """Check the response of a token endpoint.

    Raises ValueError, without tokens in its text, for a missing value or another type.
    """
    answer = found if isinstance(found, dict) else {}
    access, refresh, lives = map(answer.get, ("access_token", "refresh_token", "expires_in"))
    if not isinstance(access, str) or not access.strip():
        raise ValueError("access_token is missing in the response")
    if refresh is not None and not isinstance(refresh, str):
        raise ValueError(f"refresh_token: expected text, got {type(refresh).__name__}")
    expires_at = None
    if lives is not None:
        expires_at = now + _seconds(lives)
    scope = answer.get("scope")
    return {
        "access_token": access, "refresh_token": refresh or None, "expires_at": expires_at,
        "scopes": scope.split() if isinstance(scope, str) else [],
    }


def _seconds(lives: Any) -> float:
    """Return the lifetime of a token, a number or its text."""
    seconds = math.nan
    if isinstance(lives, int | float | str) and not isinstance(lives, bool):
        with suppress(ValueError, OverflowError):
            seconds = float(lives)
    if not 0 <= seconds <= _LONGEST:  # also for NaN
        raise ValueError(f"expires_in: expected a number of seconds, got {str(lives)[:20]!r}")
    return seconds


@sealed
def app_token(base_url: str, consumer_key: str, consumer_secret: str) -> Secret:
    """Fetch the bearer token of an app. Raises Unauthorized if X refuses its key and secret."""
    form = {"grant_type": "client_credentials"}
    key_secret = Secret(consumer_secret, "consumer_secret")
    record = fetch(base_url, form, consumer_key, key_secret, path=APP_TOKEN_PATH)
    return Secret(record["access_token"], "bearer_token")


def _post(
    url: str, form: Mapping[str, str | Secret], client_id: str, client_secret: Secret | None
) -> requests.Response:
    import requests
    import urllib3
    from requests.auth import HTTPBasicAuth

    from xframes.auth.transport import TooLarge

    fields = dict(form)
    if client_secret is None:
        fields["client_id"] = client_id

    def fill(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.prepare_body({name: _text(value) for name, value in fields.items()}, None)
        if client_secret is not None:
            HTTPBasicAuth(client_id, client_secret.reveal())(request)  # sets the header
        return request

    try:
        with session_for(url) as session:
            return session.post(url, auth=late(fill), timeout=TIMEOUT, allow_redirects=False)
    except TooLarge as error:
        failure = str(error)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        failure = type(error).__name__
    # outside the handlers, whose errors hold the headers
    raise Unavailable(f"the login: no answer ({failure})")

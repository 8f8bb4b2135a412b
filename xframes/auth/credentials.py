"""Find credentials, and choose those that an action accepts."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, Any

from xframes.auth import tokens
from xframes.auth.oauth1 import OAuth1
from xframes.auth.oauth2 import OAuth2, app_token
from xframes.auth.secrets import Secret, secret
from xframes.auth.sessions import late
from xframes.errors import ApiError, ConfigError, Unauthorized
from xframes.sealing import sealed
from xframes.settings import APP, from_environment, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from xframes.registry import Action

KINDS = {
    "app": ("the app's bearer token (app-only)", "XFRAMES_BEARER_TOKEN or Client(bearer_token=…)"),
    "oauth1": (
        "an OAuth 1.0a user context",
        ("XFRAMES_CONSUMER_KEY and …_CONSUMER_SECRET, …_ACCESS_TOKEN, …_ACCESS_TOKEN_SECRET, "
         "or Client(oauth1=…)"),
    ),
    "oauth2": (
        "an OAuth 2.0 user token",
        "`xframes login`, XFRAMES_OAUTH2_ACCESS_TOKEN, or Client(oauth2=…)",
    ),
}
DEMO = "without a key, try `xframes demo` or `xframes sandbox`"
# Environment variables by setting, first our names, then those of other tools.
BEARER_NAMES = (
    "XFRAMES_BEARER_TOKEN", "X_BEARER_TOKEN", "X_API_BEARER_TOKEN", "BEARER_TOKEN",
    "TWITTER_BEARER_TOKEN",
)
OAUTH1_NAMES = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
OAUTH2_NAMES = {
    "client_id": ("XFRAMES_OAUTH2_CLIENT_ID",),
    "client_secret": ("XFRAMES_OAUTH2_CLIENT_SECRET",),
    "access_token": ("XFRAMES_OAUTH2_ACCESS_TOKEN",),
    "refresh_token": ("XFRAMES_OAUTH2_REFRESH_TOKEN",),
}


class Credentials:
    """The credentials of a client, by kind.

    `oauth1` is an OAuth1 or its four texts in order, `oauth2` an OAuth2 or an access token.
    """

    @sealed
    def __init__(
        self, bearer_token: str | Secret | None = None,
        oauth1: OAuth1 | tuple[str, ...] | list[str] | None = None,
        oauth2: OAuth2 | str | None = None,
    ) -> None:
        if isinstance(bearer_token, str) and bearer_token.strip().lower().startswith("bearer "):
            bearer_token = bearer_token.strip()[7:]
        self.bearer_token = secret(bearer_token, "bearer_token")
        if oauth1 is not None and not isinstance(oauth1, OAuth1):
            oauth1 = OAuth1(*oauth1)
        if oauth2 is not None and not isinstance(oauth2, OAuth2):
            oauth2 = OAuth2(access_token=oauth2)
        self.oauth1 = oauth1
        self.oauth2 = oauth2
        self.lacks = ""
        self._lock = Lock()

    @classmethod
    @sealed
    def find(cls) -> Credentials:
        """Find each kind in the environment, else in `[default]` of the config file.

        Raises ConfigError if the config file, or the file of stored tokens, cannot be read, or can
        be read by other users.
        """
        config = table()
        bearer = from_environment(*BEARER_NAMES) or text(config, "bearer_token")
        app = {
            name: from_environment(f"XFRAMES_{name.upper()}", name.upper()) or text(config, name)
            for name in OAUTH1_NAMES
        }
        user = {
            name: from_environment(*variables) or text(config, f"oauth2_{name}")
            for name, variables in OAUTH2_NAMES.items()
        }
        oauth1, lacks = _oauth1(app)
        if user["access_token"] or user["refresh_token"]:
            oauth2: OAuth2 | None = _oauth2(user)
        else:
            oauth2 = OAuth2.stored()
        credentials = cls(bearer, oauth1, oauth2)
        credentials.lacks = lacks
        return credentials

    @property
    def held(self) -> tuple[str, ...]:
        """The kinds of these credentials: app, oauth1, oauth2."""
        kinds = []
        if self.bearer_token is not None:
            kinds.append("app")
        if self.oauth1 is not None and self.oauth1.user:
            kinds.append("oauth1")
        if self.oauth2 is not None:
            kinds.append("oauth2")
        return tuple(kinds)

    def choose(self, action: Action | None, *, owner: bool = False, name: str = "") -> str:
        """Return the first kind that the action accepts and these credentials have.

        With `owner`, for fields that only an owner can read, a person's credentials come before the
        app's. Raises ConfigError that names the action (or `name`, the function it belongs to), the
        kinds and scopes that it accepts, and how to set them.
        """
        kinds = tuple(KINDS)
        if action is not None:
            kinds = action.auth or kinds
            name = name or action.name
        order = kinds
        if owner:
            order = tuple(sorted(kinds, key=lambda kind: kind == "app"))
        for kind in order:
            if kind in self.held and not (kind == "oauth2" and self.missing_scopes(action)):
                return kind
        if "app" in kinds and self.oauth1 is not None:
            return "app"  # X exchanges the app's key and secret for a bearer token
        known = None
        if action is not None:
            known = action.name
        requirement = self._requirement(action, kinds, name or known or "this request")
        raise ConfigError(requirement, action=known)

    def signer(
        self, kind: str, base_url: str
    ) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        """Return the function that signs requests with a kind of credentials."""
        if kind == "oauth1":
            assert self.oauth1 is not None
            return late(self.oauth1.sign)
        token = self._token(kind, base_url)

        def bearer(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
            return request

        return late(bearer)

    def _token(self, kind: str, base_url: str) -> Secret:
        if kind == "oauth2" and self.oauth2:
            return self.oauth2.current(base_url)
        return self._app(base_url)

    def oauth2_token(self) -> Secret | None:
        """Return the current access token, to know later which token X refused."""
        if self.oauth2 is None or not isinstance(self.oauth2.access_token, Secret):
            return None
        return self.oauth2.access_token

    def renew(self, base_url: str, rejected: Secret | None) -> bool:
        """Fetch a new token after X refused one. Return False if that is impossible."""
        if self.oauth2 is None or not self.oauth2.renewable:
            return False
        self.oauth2.renew(base_url, rejected)
        return True

    @sealed
    def apps(self, salt: bytes, server: str = "") -> list[str]:
        """Return hashes that identify the app: of its key, its id and its bearer token.

        Users' access tokens are not among them. A name in the settings is the only one.
        `server` is another server than X.
        """
        names = [APP.value] if APP.value is not None else self._names_of_app()
        return [
            hashlib.blake2b(f"{server} {name}".encode(), digest_size=16, salt=salt).hexdigest()
            for name in names
        ]

    def _names_of_app(self) -> list[str]:
        names = []
        if self.oauth1 is not None:
            names.append(self.oauth1.revealed()[0])
        if self.oauth2 is not None and self.oauth2.client_id:
            names.append(self.oauth2.client_id)
        if self.bearer_token is not None:
            names.append(self.bearer_token.reveal())
        return names or [""]

    @property
    def user_id(self) -> str | None:
        """The id of the user, where the credentials show it: in OAuth 1.0a access tokens."""
        if self.oauth1 is None or not self.oauth1.user:
            return None
        return self._user_of_token()

    @sealed
    def _user_of_token(self) -> str | None:
        assert self.oauth1 is not None
        first, dash, _ = str(self.oauth1.revealed()[2]).partition("-")
        if dash and first.isdecimal():
            return first
        return None

    @sealed
    def _app(self, base_url: str) -> Secret:
        with self._lock:
            if self.bearer_token is None:
                assert self.oauth1 is not None
                key, key_secret, *_ = self.oauth1.revealed()
                try:
                    self.bearer_token = app_token(base_url, key, key_secret)
                except ApiError as error:
                    if error.retryable:
                        raise
                    raise Unauthorized(
                        f"no bearer token for the app's key and secret ({error}). "
                        f"Set {KINDS['app'][1]}", status=error.status,
                    ) from None
            return self.bearer_token

    def missing_scopes(self, action: Action | None) -> list[str]:
        """Return the scopes that the action needs and the OAuth 2.0 token does not have.

        Empty if the scopes of the token are not known.
        """
        if action is None or self.oauth2 is None or not self.oauth2.scopes:
            return []
        return [scope for scope in action.scopes if scope not in self.oauth2.scopes]

    def _requirement(self, action: Action | None, kinds: tuple[str, ...], name: str) -> str:
        """Return the message of the error if no credentials fit."""
        missing = self.missing_scopes(action)
        if "oauth2" in kinds and missing:
            return (
                f"{name} needs the scopes {' '.join(missing)}, which the OAuth 2.0 token does not "
                "have. To log in again with them, use: xframes login"
            )
        needs = needed(action, kinds)
        holds = ", ".join(KINDS[kind][0] for kind in self.held) or "no credentials"
        if self.lacks and "oauth1" in kinds:
            holds += f" ({self.lacks})"
        fix = "; ".join(KINDS[kind][1] for kind in kinds)
        if not self.held:
            fix += f"; {DEMO}"
        return f"{name} needs {needs}; this client holds {holds}. Set {fix}"

    def __repr__(self) -> str:
        if "_lock" not in vars(self):  # the constructor raised an error
            return "<Credentials: incomplete>"
        return f"<Credentials: {', '.join(self.held) or 'none'}>"


def needed(action: Action | None, kinds: tuple[str, ...]) -> str:
    """Return what a call needs: kinds of credentials and, for OAuth 2.0, scopes."""
    needs = " or ".join(KINDS[kind][0] for kind in kinds)
    if action is not None and action.scopes and "oauth2" in kinds:
        needs += f" with the scopes {' '.join(action.scopes)}"
    return needs


def text(config: Mapping[str, Any], name: str) -> str | None:
    """Return a text of the config file, or None. Raises ConfigError if it is not text."""
    value = config.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"config file: {name}: expected text, got {type(value).__name__}")
    return value or None


def _oauth1(values: Mapping[str, str | None]) -> tuple[OAuth1 | None, str]:
    """Return the OAuth 1.0a credentials, and which of their texts are missing, for errors."""
    unset = [name for name in OAUTH1_NAMES if values[name] is None]
    if len(unset) == len(OAUTH1_NAMES):
        record = tokens.load(tokens.tokens_path(), tokens.OAUTH1)
        if not record:
            return None, ""
        stored: list[Any] = [record.get(name) for name in OAUTH1_NAMES]
        return OAuth1(*stored), ""
    lacks = ""
    if unset:
        lacks = f"OAuth 1.0a is incomplete: {', '.join(unset)} not set"
    key, key_secret, token, token_secret = (values[name] for name in OAUTH1_NAMES)
    if key is None or key_secret is None:
        return None, lacks
    if token is None or token_secret is None:
        return OAuth1(key, key_secret), lacks
    return OAuth1(key, key_secret, token, token_secret), lacks


def _oauth2(values: Mapping[str, str | None]) -> OAuth2:
    return OAuth2(
        values["client_id"] or "", values["client_secret"], values["access_token"],
        values["refresh_token"],
    )

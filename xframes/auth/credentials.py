"""Which credentials there are, and which of them an action takes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from xframes.auth import tokens
from xframes.auth.oauth1 import OAuth1
from xframes.auth.oauth2 import OAuth2, app_token
from xframes.auth.secrets import Secret, secret
from xframes.auth.sessions import late
from xframes.errors import ApiError, ConfigError, Unauthorized
from xframes.sealing import sealed
from xframes.settings import from_environment, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from xframes.registry import Action

KINDS = {
    "app": ("the app's bearer token (app-only)", "XFRAMES_BEARER_TOKEN or Client(bearer_token=…)"),
    "oauth1": (
        "an OAuth 1.0a user context",
        "XFRAMES_CONSUMER_KEY and …_CONSUMER_SECRET, …_ACCESS_TOKEN, …_ACCESS_TOKEN_SECRET, or Client(oauth1=…)",
    ),
    "oauth2": ("an OAuth 2.0 user token", "`xframes login`, XFRAMES_OAUTH2_ACCESS_TOKEN, or Client(oauth2=…)"),
}
DEMO = "without a key, try `xframes demo` or `xframes sandbox`"
# Environment variables by setting, ours first, then the names other tools have made common.
BEARER_NAMES = ("XFRAMES_BEARER_TOKEN", "X_BEARER_TOKEN", "X_API_BEARER_TOKEN", "BEARER_TOKEN", "TWITTER_BEARER_TOKEN")
OAUTH1_NAMES = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
OAUTH2_NAMES = {
    "client_id": ("XFRAMES_OAUTH2_CLIENT_ID",), "client_secret": ("XFRAMES_OAUTH2_CLIENT_SECRET",),
    "access_token": ("XFRAMES_OAUTH2_ACCESS_TOKEN",), "refresh_token": ("XFRAMES_OAUTH2_REFRESH_TOKEN",),
}


class Credentials:
    """The credentials a client holds, and the choice among them.

    `oauth1` may be an OAuth1 or its four texts in order; `oauth2` an OAuth2 or just an access token.
    """

    @sealed
    def __init__(
        self, bearer_token: str | Secret | None = None, oauth1: OAuth1 | tuple[str, ...] | list[str] | None = None,
        oauth2: OAuth2 | str | None = None,
    ) -> None:
        if isinstance(bearer_token, str) and bearer_token.strip().lower().startswith("bearer "):
            bearer_token = bearer_token.strip()[7:]
        self.bearer_token = secret(bearer_token, "bearer_token")
        self.oauth1 = oauth1 if isinstance(oauth1, OAuth1) or oauth1 is None else OAuth1(*oauth1)
        self.oauth2 = oauth2 if isinstance(oauth2, OAuth2) or oauth2 is None else OAuth2(access_token=oauth2)
        self.lacks = ""
        self._lock = Lock()

    @classmethod
    @sealed
    def find(cls) -> Credentials:
        """Those of the environment, then of the config file's table `[default]`, each kind by itself.

        Raises ConfigError when the config file, or the file of stored tokens, is unreadable or open to others.
        """
        config = table()
        bearer = from_environment(*BEARER_NAMES) or text(config, "bearer_token")
        own = {n: from_environment(f"XFRAMES_{n.upper()}", n.upper()) or text(config, n) for n in OAUTH1_NAMES}
        user = {n: from_environment(*names) or text(config, f"oauth2_{n}") for n, names in OAUTH2_NAMES.items()}
        oauth1, lacks = _oauth1(own)
        given = bool(user["access_token"] or user["refresh_token"])
        made = cls(bearer, oauth1, _oauth2(user) if given else OAuth2.stored())
        made.lacks = lacks
        return made

    @property
    def held(self) -> tuple[str, ...]:
        """The kinds it holds."""
        there = {"app": self.bearer_token, "oauth1": self.oauth1 and self.oauth1.user, "oauth2": self.oauth2}
        return tuple(kind for kind, yes in there.items() if yes)

    def choose(self, action: Action | None, *, owner: bool = False, name: str = "") -> str:
        """The first kind the action takes that is held; a person's before the app's for fields only an owner sees.

        Raises ConfigError naming the action (or what it is a part of, `name`), the kinds (and scopes)
        it takes, and where to put them.
        """
        takes = (action.auth if action else ()) or tuple(KINDS)
        order = sorted(takes, key=lambda kind: kind == "app") if owner else takes
        for kind in order:
            if kind in self.held and not (kind == "oauth2" and action and self._lacking(action)):
                return kind
        if "app" in takes and self.oauth1 is not None:
            return "app"  # to be had for the app's key and secret
        known = action.name if action else None
        what = self._what_is_needed(action, takes, name or known or "this request")
        raise ConfigError(what, action=known)

    def signer(self, kind: str, base_url: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        """What authorises a request of that kind, as requests takes it; reveals nothing before it is sent."""
        if kind == "oauth1":
            assert self.oauth1 is not None
            return late(self.oauth1.sign)
        token = self.oauth2.current(base_url) if kind == "oauth2" and self.oauth2 else self._app(base_url)

        def bearer(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
            return request

        return late(bearer)

    def oauth2_token(self) -> Secret | None:
        """The person's access token held now, to say later which one X refused."""
        held = self.oauth2.access_token if self.oauth2 else None
        return held if isinstance(held, Secret) else None

    def renew(self, base_url: str, rejected: Secret | None) -> bool:
        """After X refused a person's token: get a new one. False when that is impossible."""
        if self.oauth2 is None or not self.oauth2.renewable:
            return False
        self.oauth2.renew(base_url, rejected)
        return True

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
                    message = f"no bearer token for the app's key and secret ({error}); set {KINDS['app'][1]}"
                    raise Unauthorized(message, status=error.status) from None
            return self.bearer_token

    def _lacking(self, action: Action) -> list[str]:
        """Scopes the action needs that the OAuth 2.0 token is known not to have."""
        known = self.oauth2.scopes if self.oauth2 else ()
        return [scope for scope in action.scopes if scope not in known] if known else []

    def _what_is_needed(self, action: Action | None, takes: tuple[str, ...], name: str) -> str:
        if action and "oauth2" in takes and self.oauth2 and (lacking := self._lacking(action)):
            return (f"{name} needs the scopes {' '.join(lacking)}, which the OAuth 2.0 token does not have; "
                    "log in again with them: xframes login")
        wanted = " or ".join(KINDS[kind][0] for kind in takes)
        scopes = f" with the scopes {' '.join(action.scopes)}" if action and action.scopes and "oauth2" in takes else ""
        holds = ", ".join(KINDS[kind][0] for kind in self.held) or "nothing"
        ways = "; ".join(KINDS[kind][1] for kind in takes)
        hint = f" ({self.lacks})" if self.lacks and "oauth1" in takes else ""
        demo = "" if self.held else f"; {DEMO}"
        return f"{name} needs {wanted}{scopes}; this client holds {holds}{hint}. Set {ways}{demo}"

    def __repr__(self) -> str:
        if "_lock" not in vars(self):  # making it raised
            return "<Credentials: incomplete>"
        return f"<Credentials: {', '.join(self.held) or 'none'}>"


def text(config: Mapping[str, Any], name: str) -> str | None:
    """A text of the config file, or None. Raises ConfigError when it is no text."""
    found = config.get(name)
    if found is not None and not isinstance(found, str):
        raise ConfigError(f"{name} in the config file must be text")
    return found or None


def _oauth1(found: Mapping[str, str | None]) -> tuple[OAuth1 | None, str]:
    """An OAuth 1.0a context of what is set, and what it lacks, for the error of somebody who needs it."""
    unset = [name for name in OAUTH1_NAMES if found[name] is None]
    lacks = f"OAuth 1.0a is there in part: {' and '.join(unset)} not set" if unset and len(unset) < 4 else ""
    key, key_secret, token, token_secret = (found[name] for name in OAUTH1_NAMES)
    if len(unset) == len(OAUTH1_NAMES) and (record := tokens.load(tokens.tokens_path(), tokens.OAUTH1)):
        stored: list[Any] = [record.get(name) for name in OAUTH1_NAMES]
        return OAuth1(*stored), ""
    if key is None or key_secret is None:
        return None, lacks
    if token is None or token_secret is None:
        return OAuth1(key, key_secret), lacks
    return OAuth1(key, key_secret, token, token_secret), lacks


def _oauth2(found: Mapping[str, str | None]) -> OAuth2:
    return OAuth2(found["client_id"] or "", found["client_secret"], found["access_token"], found["refresh_token"])

"""Logging in: a person says yes in a browser, and the tokens are kept beside the config file (0600).

OAuth 2.0 uses PKCE with a loopback address (RFC 7636, RFC 8252), OAuth 1.0a a PIN to copy. X's addresses:
docs.x.com/fundamentals/authentication.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import webbrowser
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from xframes.auth import tokens
from xframes.auth.oauth1 import OAuth1
from xframes.auth.oauth2 import TIMEOUT, OAuth2, fetch
from xframes.auth.secrets import Secret, secret
from xframes.auth.sessions import ANSWER_SECONDS
from xframes.errors import ConfigError, Unauthorized
from xframes.sealing import sealed
from xframes.settings import BASE_URL, on_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

AUTHORIZE_URL = "https://x.com/i/oauth2/authorize"
REDIRECT_URI = "http://127.0.0.1:8738/callback"
READ_SCOPES = (
    "tweet.read", "users.read", "follows.read", "like.read", "list.read", "space.read", "mute.read", "block.read",
    "bookmark.read", "dm.read", "offline.access",
)
_IDLE_SECONDS = 3  # for a browser to say what it wants
_POLL_SECONDS = 0.05
_DONE = b"<!DOCTYPE html><title>xframes</title><p>Done. You can close this window.</p>"


@dataclass(slots=True)
class _Callback:
    """What the browser brings back to the loopback address."""

    path: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    code: Secret | None = None
    refused: str | None = None
    answered: Event = field(default_factory=Event, repr=False)

    def take(self, target: str) -> bool:
        """Read one request's target; False when it is not the answer waited for."""
        parts = urlsplit(target)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != self.path or not hmac.compare_digest(given.get("state", "").encode(), self.state.encode()):
            return False
        with suppress(ConfigError):  # no code looks like that
            self.code = secret(given.get("code"), "code")
        self.refused = None if self.code else given.get("error", "no code came")
        return True


@sealed
def login(
    client_id: str, *, client_secret: str | None = None, scopes: Sequence[str] = READ_SCOPES, base_url: str = BASE_URL,
    authorize_url: str = AUTHORIZE_URL, redirect_uri: str = REDIRECT_URI, timeout: float = 300.0,
    open_url: Callable[[str], object] = webbrowser.open, path: Path | None = None,
) -> OAuth2:
    """Log a person in by OAuth 2.0 with PKCE; the tokens are stored, and every later client finds them.

    `redirect_uri` must be one the app has registered with X, on this machine; port 0 takes a free one. `client_secret`
    is for confidential clients. Without the scope `offline.access` the login ends after two hours.

    Raises Unauthorized when the person refuses, does not answer in `timeout` seconds, or X refuses; ConfigError for an
    address that is not on this machine.
    """
    host = urlsplit(redirect_uri)
    if host.scheme != "http" or host.hostname not in {"127.0.0.1", "localhost"}:
        raise ConfigError(f"redirect_uri must be on this machine, like {REDIRECT_URI}, not {redirect_uri}")
    callback = _Callback(host.path or "/")
    verifier = Secret(secrets.token_urlsafe(64), "verifier")
    with _listening(host.port or 0, callback) as port:
        address = f"http://{host.hostname}:{port}{host.path}"
        open_url(f"{authorize_url}?{urlencode(_asking(client_id, address, scopes, callback.state, verifier))}")
        callback.answered.wait(timeout)
    if callback.code is None:
        raise Unauthorized(f"the login was not granted ({callback.refused or f'no answer in {timeout:.0f} s'})")
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code", "code": callback.code, "redirect_uri": address, "code_verifier": verifier,
    }
    record = fetch(base_url, form, client_id, client_secret)  # at once: X's codes live 30 seconds
    path = path or tokens.tokens_path()
    with tokens.locked(path):
        scopes_given = record["scopes"] or list(scopes)
        record |= {"client_id": client_id, "client_secret": client_secret, "scopes": scopes_given}
        tokens.save(path, tokens.LOGIN, record)
    found = OAuth2.stored(path)
    assert found is not None
    return found


@sealed
def login_oauth1(
    consumer_key: str | Secret, consumer_secret: str | Secret, *, base_url: str = BASE_URL, ask: Callable[[str], str],
    path: Path | None = None,
) -> OAuth1:
    """Log a person in by OAuth 1.0a with a PIN; the tokens are stored, and every later client finds them.

    `ask(url)` sends the person to a page of X and gives the PIN shown there. Raises Unauthorized when X refuses the
    app's keys or the PIN.
    """
    import requests
    from requests_oauthlib import OAuth1Session
    from requests_oauthlib.oauth1_session import TokenMissing, TokenRequestDenied

    from xframes.auth.transport import TooLarge, limit

    app = OAuth1(consumer_key, consumer_secret)
    key, key_secret, *_ = app.revealed()
    failure = "the PIN"
    try:
        with OAuth1Session(key, key_secret, callback_uri="oob") as session:
            limit(session, ANSWER_SECONDS)
            session.trust_env, session.max_redirects = not on_this_machine(base_url), 0
            first = session.fetch_request_token(f"{base_url}/oauth/request_token", timeout=TIMEOUT)
            pin = ask(f"{base_url}/oauth/authorize?{urlencode({'oauth_token': first['oauth_token']})}")
            got = session.fetch_access_token(f"{base_url}/oauth/access_token", verifier=pin.strip(), timeout=TIMEOUT)
        made = OAuth1(app.consumer_key, app.consumer_secret, got["oauth_token"], got["oauth_token_secret"])
    except (TokenMissing, TokenRequestDenied, ValueError, KeyError, requests.RequestException) as error:
        failure = str(error) if isinstance(error, TooLarge) else type(error).__name__
    else:
        _keep(made, path or tokens.tokens_path())
        return made
    raise Unauthorized(f"the OAuth 1.0a login failed ({failure})")  # outside the handler: its cause holds the request


def _keep(made: OAuth1, path: Path) -> None:
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    with tokens.locked(path):
        tokens.save(path, tokens.OAUTH1, dict(zip(names, made.revealed(), strict=True)))


def _asking(client_id: str, redirect_uri: str, scopes: Sequence[str], state: str, verifier: Secret) -> dict[str, str]:
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return {
        "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "scope": " ".join(scopes),
        "state": state, "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


@contextmanager
def _listening(port: int, callback: _Callback) -> Iterator[int]:
    """Wait for the browser in a thread; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_SECONDS

        def do_GET(self) -> None:
            taken = callback.take(self.path)
            self.send_response(200 if taken else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(_DONE if taken else b"")

        def finish(self) -> None:
            """End the connection; an answer counts when the browser has been told."""
            super().finish()
            if callback.code is not None or callback.refused is not None:
                callback.answered.set()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the target holds the code."""

    try:
        server = _Server(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ConfigError(f"cannot listen on port {port} ({error.strerror}); register another redirect_uri") from None
    with server:
        Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    """Each connection has its own thread: browsers open some and say nothing."""

    daemon_threads = True  # they keep no process from ending

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that leaves is no error."""

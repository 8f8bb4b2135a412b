"""Log in: a person agrees in a browser, and the tokens are stored next to the config file (0600).

OAuth 2.0 uses PKCE with a loopback address (RFC 7636, RFC 8252), OAuth 1.0a a PIN. X's addresses
are documented in docs.x.com/fundamentals/authentication.
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
from socket import SHUT_RDWR, socket
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
    "tweet.read", "users.read", "follows.read", "like.read", "list.read", "space.read",
    "mute.read", "block.read", "bookmark.read", "dm.read", "offline.access",
)
_IDLE_SECONDS = 3  # until a browser sends its request
_POLL_SECONDS = 0.05
_DONE = b"<!DOCTYPE html><title>xframes</title><p>Done. You can close this window.</p>"


@dataclass(slots=True)
class _Callback:
    """The result of a login, which the browser sends to the loopback address."""

    path: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    code: Secret | None = None
    refused: str | None = None
    answered: Event = field(default_factory=Event, repr=False)

    def take(self, target: str) -> bool:
        """Read the target of one request. Return False if it is not the result of this login."""
        parts = urlsplit(target)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        state = params.get("state", "")
        is_ours = hmac.compare_digest(state.encode(), self.state.encode())
        if parts.path != self.path or not is_ours:
            return False
        with suppress(ConfigError):  # raised for an invalid code
            self.code = secret(params.get("code"), "code")
        if self.code is None:
            self.refused = params.get("error", "no code was sent")
        return True


@sealed
def login(
    client_id: str, *, client_secret: str | None = None, scopes: Sequence[str] = READ_SCOPES,
    base_url: str = BASE_URL, authorize_url: str = AUTHORIZE_URL, redirect_uri: str = REDIRECT_URI,
    timeout: float = 300.0, open_url: Callable[[str], object] = webbrowser.open,
    path: Path | None = None,
) -> OAuth2:
    """Log in by OAuth 2.0 with PKCE, and store the tokens, where every later client finds them.

    Parameters
    ----------
    client_id
        The app's OAuth 2.0 client id.
    client_secret
        The app's OAuth 2.0 client secret. Only confidential clients have one.
    scopes
        Scopes to request. Default: all scopes for reading. Without `offline.access`, the login
        ends after two hours.
    base_url
        Server of the API.
    authorize_url
        Page where the person agrees.
    redirect_uri
        Address on this machine that the app has registered with X. Port 0 is any free port.
    timeout
        Seconds to wait for the person. Default: 300.
    open_url
        Function that opens the page. Default: in the browser.
    path
        File of tokens. Default: `tokens.json` next to the config file.

    Returns
    -------
    OAuth2
        The stored tokens.

    Raises
    ------
    Unauthorized
        The person refused, did not answer in time, or X refused the login.
    ConfigError
        The address is not on this machine, or its port is in use.

    Examples
    --------
    >>> from xframes.auth.authorization import login
    >>> client = xf.Client(oauth2=login("my-client-id"))
    """
    host = urlsplit(redirect_uri)
    if host.scheme != "http" or host.hostname not in {"127.0.0.1", "localhost"}:
        raise ConfigError(
            f"redirect_uri: expected an address on this machine, such as {REDIRECT_URI}, "
            f"got {redirect_uri}"
        )
    callback = _Callback(host.path or "/")
    verifier = Secret(secrets.token_urlsafe(64), "verifier")
    with _listening(host.port or 0, callback) as port:
        address = f"http://{host.hostname}:{port}{host.path}"
        params = _authorize_params(client_id, address, scopes, callback.state, verifier)
        open_url(f"{authorize_url}?{urlencode(params)}")
        callback.answered.wait(timeout)
    if callback.code is None:
        reason = callback.refused or f"no answer in {timeout:.0f} s"
        raise Unauthorized(f"the login was not granted ({reason})")
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code", "code": callback.code, "redirect_uri": address,
        "code_verifier": verifier,
    }
    record = fetch(base_url, form, client_id, client_secret)  # immediately: codes live 30 seconds
    path = path or tokens.tokens_path()
    with tokens.locked(path):
        record |= {
            "client_id": client_id, "client_secret": client_secret,
            "scopes": record["scopes"] or list(scopes),
        }
        tokens.save(path, tokens.LOGIN, record)
    stored = OAuth2.stored(path)
    assert stored is not None
    return stored


@sealed
def login_oauth1(
    consumer_key: str | Secret, consumer_secret: str | Secret, *, base_url: str = BASE_URL,
    ask: Callable[[str], str], path: Path | None = None,
) -> OAuth1:
    """Log in by OAuth 1.0a with a PIN, and store the tokens, where every later client finds them.

    Parameters
    ----------
    consumer_key
        The app's API key.
    consumer_secret
        The app's API key secret.
    base_url
        Server of the API.
    ask
        Function that opens the page of X with this URL, and returns the PIN that the page shows.
    path
        File of tokens. Default: `tokens.json` next to the config file.

    Returns
    -------
    OAuth1
        The stored tokens, with the app's keys.

    Raises
    ------
    Unauthorized
        X refused the app's keys or the PIN.

    Examples
    --------
    >>> from xframes.auth.authorization import login_oauth1
    >>> login_oauth1("key", "secret", ask=lambda url: input(f"Open {url} and type the PIN: "))
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
            params = urlencode({"oauth_token": first["oauth_token"]})
            pin = ask(f"{base_url}/oauth/authorize?{params}")
            second = session.fetch_access_token(
                f"{base_url}/oauth/access_token", verifier=pin.strip(), timeout=TIMEOUT
            )
        user = OAuth1(
            app.consumer_key, app.consumer_secret, second["oauth_token"],
            second["oauth_token_secret"],
        )
    except (TokenMissing, TokenRequestDenied, ValueError, KeyError) as error:
        failure = type(error).__name__
    except TooLarge as error:
        failure = str(error)
    except requests.RequestException as error:
        failure = type(error).__name__
    else:
        _store(user, path or tokens.tokens_path())
        return user
    # outside the handlers, whose errors hold the request
    raise Unauthorized(f"the OAuth 1.0a login failed ({failure})")


def _store(user: OAuth1, path: Path) -> None:
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    with tokens.locked(path):
        tokens.save(path, tokens.OAUTH1, dict(zip(names, user.revealed(), strict=True)))


def _authorize_params(
    client_id: str, redirect_uri: str, scopes: Sequence[str], state: str, verifier: Secret
) -> dict[str, str]:
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return {
        "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri,
        "scope": " ".join(scopes), "state": state, "code_challenge_method": "S256",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }


@contextmanager
def _listening(port: int, callback: _Callback) -> Iterator[int]:
    """Wait for the browser in a thread, and yield the port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_SECONDS

        def do_GET(self) -> None:
            status, body = 404, b""
            if callback.take(self.path):
                status, body = 200, _DONE
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def finish(self) -> None:
            """End the connection. The login continues only after the browser has its response."""
            super().finish()
            if callback.code is not None or callback.refused is not None:
                callback.answered.set()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing, because the target has the code."""

    try:
        server = _Server(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ConfigError(
            f"redirect_uri: cannot listen on port {port} ({error.strerror}). Register another port"
        ) from None
    with server:
        Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.end_connections()


class _Server(ThreadingHTTPServer):
    """A server with one thread per connection, because browsers open some without a request."""

    daemon_threads = True  # so that the process can end

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._connections: set[socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """End those that wait for a request, and their threads."""
        for connection in self._connections.copy():
            with suppress(OSError):  # the browser has closed it
                connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: a browser may close its connection."""

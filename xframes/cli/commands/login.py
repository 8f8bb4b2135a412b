"""`xframes login`: get and store a user's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from xframes.cli import output, servers
from xframes.errors import ConfigError
from xframes.settings import BASE_URL, from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITES = (
    "tweet.write", "tweet.moderate.write", "follows.write", "like.write", "list.write",
    "mute.write", "bookmark.write", "dm.write", "media.write",
)


@click.command("login", short_help="Log in as a user.")
@click.option(
    "--client-id", envvar="XFRAMES_OAUTH2_CLIENT_ID", metavar="ID",
    help="OAuth 2.0 client id of the app. Default: XFRAMES_OAUTH2_CLIENT_ID.",
)
@click.option("--writes", is_flag=True, help="Also request the scopes that writes need.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE",
    help="Scope to request. May be repeated. Default: all scopes that read, and offline.access, "
    "which lets xframes renew the tokens.",
)
@click.option(
    "--redirect-uri", default="http://127.0.0.1:8738/callback", show_default=True,
    help="Callback URI, as registered with the app at X.",
)
@click.option(
    "--oauth1", is_flag=True,
    help="Log in with OAuth 1.0a and a PIN instead. Needs XFRAMES_CONSUMER_KEY and "
    "XFRAMES_CONSUMER_SECRET.",
)
@click.option("--no-browser", is_flag=True, help="Print the address and do not open a browser.")
@servers.base_url(envvar="XFRAMES_BASE_URL")
def login_(
    client_id: str | None, scopes: tuple[str, ...], redirect_uri: str, base_url: str | None, *,
    writes: bool, oauth1: bool, no_browser: bool,
) -> None:
    """Log in as a user in the browser (OAuth 2.0 with PKCE) and store the tokens.

    Only you can read the file with the tokens, and xframes renews them when they expire. The
    secret of a confidential app is read from XFRAMES_OAUTH2_CLIENT_SECRET.

    \b
    Example:
      xframes login --client-id YOUR_APPS_CLIENT_ID
    """
    server = (base_url or BASE_URL).rstrip("/")
    show = _show(browser=not no_browser)
    if oauth1:
        _login_oauth1(server, show)
    elif client_id is None:
        raise click.UsageError(
            "expected --client-id or XFRAMES_OAUTH2_CLIENT_ID; "
            "X's developer console shows the client id of your app"
        )
    else:
        _login_oauth2(client_id, server, scopes, redirect_uri, show, writes=writes)


def _login_oauth1(server: str, show: Callable[[str], None]) -> None:
    from xframes.auth.authorization import login_oauth1
    from xframes.auth.secrets import secret
    from xframes.auth.tokens import tokens_path

    names = ("CONSUMER_KEY", "CONSUMER_SECRET")
    key, key_secret = (
        secret(from_environment(f"XFRAMES_{name}", name), name.lower()) for name in names
    )
    if key is None or key_secret is None:
        raise ConfigError(
            "--oauth1 needs the variables XFRAMES_CONSUMER_KEY and XFRAMES_CONSUMER_SECRET"
        )

    def pin(url: str) -> str:
        show(url)
        return str(click.prompt("PIN"))

    login_oauth1(key, key_secret, base_url=server, ask=pin)
    output.say(f"Logged in with OAuth 1.0a; the tokens are in {tokens_path()}", err=True)


def _login_oauth2(
    client_id: str, server: str, scopes: tuple[str, ...], redirect_uri: str,
    show: Callable[[str], None], *, writes: bool,
) -> None:
    from xframes.auth.authorization import AUTHORIZE_URL, READ_SCOPES, login
    from xframes.auth.tokens import tokens_path

    page = AUTHORIZE_URL
    if server != BASE_URL:
        page = f"{server}/i/oauth2/authorize"
    if not scopes:
        scopes = tuple(READ_SCOPES)
        if writes:
            scopes += _WRITES
    tokens = login(
        client_id, client_secret=from_environment("XFRAMES_OAUTH2_CLIENT_SECRET"),
        base_url=server, authorize_url=page, scopes=scopes, redirect_uri=redirect_uri,
        open_url=show,
    )
    granted = " ".join(tokens.scopes)
    output.say(f"Logged in with the scopes {granted}; the tokens are in {tokens_path()}", err=True)


def _show(*, browser: bool) -> Callable[[str], None]:
    """Return a function that prints the address to open, and opens it if `browser`."""

    def show(url: str) -> None:
        output.say(f"Authorize the app at:\n{url}", err=True, lines=True)
        if browser:
            import webbrowser

            webbrowser.open(url)

    return show


COMMANDS = (login_,)

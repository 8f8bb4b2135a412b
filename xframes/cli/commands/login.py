"""Logging in: a person says yes in a browser, and later commands speak for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from xframes.cli import output
from xframes.errors import ConfigError
from xframes.settings import BASE_URL, from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITES = ("tweet.write", "tweet.moderate.write", "follows.write", "like.write", "list.write", "mute.write",
           "bookmark.write", "dm.write", "media.write")


@click.command("login", short_help="Log in as a person.")
@click.option("--client-id", envvar="XFRAMES_OAUTH2_CLIENT_ID", metavar="ID",
              help="The app's OAuth 2.0 client id (or XFRAMES_OAUTH2_CLIENT_ID).")
@click.option("--writes", is_flag=True, help="Ask for the scopes of writing, too.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="Ask for this scope; repeat. By default all "
              "that read, and offline.access, which keeps the login alive.")
@click.option("--redirect-uri", default="http://127.0.0.1:8738/callback", show_default=True,
              help="As registered with the app at X.")
@click.option("--oauth1", is_flag=True, help="OAuth 1.0a with a PIN instead; needs XFRAMES_CONSUMER_KEY and …_SECRET.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--base-url", envvar="XFRAMES_BASE_URL", help="Another server than X's, e.g. a sandbox's URL.")
def login_(
    client_id: str | None, scopes: tuple[str, ...], redirect_uri: str, base_url: str | None, *, writes: bool,
    oauth1: bool, no_browser: bool,
) -> None:
    """Log in as a person, by OAuth 2.0 with PKCE: the browser asks, the tokens are stored (readable by you alone).

    Tokens renew themselves. A confidential app's secret is read from XFRAMES_OAUTH2_CLIENT_SECRET.

    \b
    Example:
      xframes login --client-id YOUR_APPS_CLIENT_ID
    """
    from xframes.auth.authorization import AUTHORIZE_URL, READ_SCOPES, login, login_oauth1
    from xframes.auth.secrets import secret
    from xframes.auth.tokens import tokens_path

    show = _show(browser=not no_browser)
    server = (base_url or BASE_URL).rstrip("/")
    if oauth1:
        names = ("CONSUMER_KEY", "CONSUMER_SECRET")
        key, key_secret = (secret(from_environment(f"XFRAMES_{n}", n), n.lower()) for n in names)
        if key is None or key_secret is None:
            raise ConfigError("an OAuth 1.0a login needs XFRAMES_CONSUMER_KEY and XFRAMES_CONSUMER_SECRET")
        login_oauth1(key, key_secret, base_url=server, ask=lambda url: (show(url), click.prompt("PIN"))[1])
        output.say(f"Logged in by OAuth 1.0a; the tokens are in {tokens_path()}", err=True)
        return
    if client_id is None:
        raise click.UsageError("--client-id (or XFRAMES_OAUTH2_CLIENT_ID) is needed: see your app's keys at X")
    page = AUTHORIZE_URL if server == BASE_URL else f"{server}/i/oauth2/authorize"
    found = login(
        client_id, client_secret=from_environment("XFRAMES_OAUTH2_CLIENT_SECRET"), base_url=server, authorize_url=page,
        scopes=scopes or (*READ_SCOPES, *(_WRITES if writes else ())), redirect_uri=redirect_uri, open_url=show,
    )
    output.say(f"Logged in with the scopes {' '.join(found.scopes)}; the tokens are in {tokens_path()}", err=True)


def _show(*, browser: bool) -> Callable[[str], None]:
    def show(url: str) -> None:
        output.say(f"Say yes at:\n{url}", err=True, lines=True)
        if browser:
            import webbrowser

            webbrowser.open(url)

    return show


COMMANDS = (login_,)

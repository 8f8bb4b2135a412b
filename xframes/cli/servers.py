"""The options of commands that send requests: which server, its words, and a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xframes.settings import BUDGET, MAX_PRICE, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--base-url`, `--words` and `--replay`, which `common.client_for` reads."""
    about = (
        "Vocabulary of requests: tweet.fields or post.fields. "
        f"Default: {WORDS.variable}, else the config file, else {WORDS.default}."
    )
    words = click.option("--words", type=click.Choice(WORDS.values), help=about)
    replay = click.option(
        "--replay", metavar="DIR", expose_value=False, callback=_keep,
        type=click.Path(exists=True, file_okay=False),
        help="Archive whose pages answer the requests: no network and no credentials are needed.",
    )
    return base_url()(words(replay(command)))


def budget(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--budget` and `--yes`, which `common.client_for` reads from the context."""
    about = (
        f"Dollars that the collection may cost, e.g. 5, or 20/month. Default: {BUDGET.variable}, "
        "else the config file, else no bound."
    )
    yes = f"Collect also what may cost more than {MAX_PRICE.default} dollars without a budget."
    added = click.option("--yes", is_flag=True, expose_value=False, callback=_keep, help=yes)
    bound = click.option(
        "--budget", metavar="USD", expose_value=False, callback=_keep, help=about,
    )
    return bound(added(command))


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        ctx.meta[f"xframes.{param.name}"] = value


def base_url(**more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `--base-url URL`; `more` are further arguments of `click.option`."""
    about = "URL of another server than X, e.g. of a sandbox."
    return click.option("--base-url", metavar="URL", help=about, **more)

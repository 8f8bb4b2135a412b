"""The options of commands that send requests: which server, and in which words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xframes.settings import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--base-url` and `--words`."""
    about = (
        "Vocabulary of requests: tweet.fields or post.fields. "
        f"Default: {WORDS.variable}, else the config file, else {WORDS.default}."
    )
    words = click.option("--words", type=click.Choice(WORDS.values), help=about)
    return base_url()(words(command))


def base_url(**more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `--base-url URL`; `more` are further arguments of `click.option`."""
    about = "URL of another server than X, e.g. of a sandbox."
    return click.option("--base-url", metavar="URL", help=about, **more)

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
    url = click.option("--base-url", help="URL of another server than X, e.g. of a sandbox.")
    return url(words(command))

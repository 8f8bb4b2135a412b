"""Commands that need no credentials: the demo and the sandbox."""

from __future__ import annotations

import signal
import sys
import threading
from functools import partial
from pathlib import Path

import click

from xframes.cli import completion, output
from xframes.cli.commands import doctor


@click.command(short_help="Run a demo without credentials.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default="xframes-demo",
    show_default=True, metavar="DIR", help="Folder for the archive and the plots.",
)
def demo(out: Path) -> None:
    """Collect, archive, query and plot invented posts. Takes a few seconds.

    The posts come from a sandbox, a local server that answers like X. No credentials and no
    network are needed.

    \b
    Example:
      xframes demo --out /tmp/demo
    """
    from xframes.demo import run

    run(out, say=partial(output.say, lines=True), show=lambda rows: output.write(rows, "table"))


@click.command(short_help="Run a local server that answers like X.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0,
    help="Port to listen on. Default: a free one.",
)
@click.option(
    "--seed", type=int, default=7, show_default=True,
    help="Seed of the invented community; the same seed creates the same one.",
)
@click.option(
    "--posts", type=click.IntRange(min=1), default=3000, show_default=True,
    help="Number of posts that a search can find.",
)
@click.option(
    "--users", type=click.IntRange(min=1), default=300, show_default=True,
    help="Number of accounts.",
)
def sandbox(port: int, seed: int, posts: int, users: int) -> None:
    """Run a local server that answers like X, to learn and test with, until Ctrl-C.

    Prints its URL and two tokens, an app's and a user's, which are valid only there. All people
    and posts are invented. Only programs on this machine can connect.

    \b
    Example:
      xframes sandbox --port 8085
    """
    from xframes.sandbox import start

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        running = start(port=port, seed=seed, posts=posts, users=users)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with running:
        # posts are sent whenever a client is connected to a stream
        running.stream.rate, running.stream.waits = 20.0, True
        click.echo(f"The sandbox runs at {running.url} (Ctrl-C stops it). In another shell, run:\n")
        click.echo(f"export XFRAMES_BASE_URL={running.url}")
        click.echo(f"export XFRAMES_BEARER_TOKEN={running.bearer_token}")
        click.echo(f"export XFRAMES_OAUTH2_ACCESS_TOKEN={running.user_token}")
        click.echo("xframes search recent 'coffee lang:en' --limit 20")
        sys.stdout.flush()
        while not done.wait(timeout=0.5):  # with a timeout, so that Ctrl-C is seen on Windows too
            pass


FIRST = (demo,)
LAST = (sandbox, *doctor.COMMANDS, *completion.COMMANDS)

"""Commands that need no key: the demonstration, and the local X it runs against."""

from __future__ import annotations

import signal
import sys
import threading
from functools import partial
from pathlib import Path

import click

from xframes.cli import completion, output
from xframes.cli.commands import doctor


@click.command(short_help="See it work, without a key.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="xframes-demo", show_default=True,
              metavar="DIR", help="Where the archive and the plots go.")
def demo(out: Path) -> None:
    """Collect, archive, ask SQL and plot, against a local X: no key, no network, a few seconds.

    \b
    Example:
      xframes demo --out /tmp/demo
    """
    from xframes.demo import run

    run(out, say=partial(output.say, lines=True), show=lambda rows: output.write(rows, "table"))


@click.command(short_help="Run a local X to learn and test with.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; by default on a free port.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another community.")
@click.option("--posts", type=click.IntRange(min=1), default=3000, show_default=True, help="Posts a search can find.")
@click.option("--users", type=click.IntRange(min=1), default=300, show_default=True, help="Accounts.")
def sandbox(port: int, seed: int, posts: int, users: int) -> None:
    """A local X to learn and test with: prints its URL and runs until Ctrl-C.

    Every person and post in it is invented. It answers on this machine only; the tokens it prints, an
    app's and a person's, are good nowhere else.

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
        running.stream.rate, running.stream.waits = 20.0, True  # there are posts to hear whenever somebody listens
        click.echo(f"A local X listens on {running.url} (Ctrl-C stops it). In another shell:\n")
        click.echo(f"export XFRAMES_BASE_URL={running.url}")
        click.echo(f"export XFRAMES_BEARER_TOKEN={running.bearer_token}")
        click.echo(f"export XFRAMES_OAUTH2_ACCESS_TOKEN={running.user_token}")
        click.echo("xframes search recent 'coffee lang:en' --limit 20")
        sys.stdout.flush()
        while not done.wait(timeout=0.5):  # with a timeout, so that Ctrl-C is seen on Windows too
            pass


FIRST = (demo,)
LAST = (sandbox, *doctor.COMMANDS, *completion.COMMANDS)

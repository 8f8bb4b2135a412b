"""Commands that tell what an archive has and lacks: check, hydrate, completeness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output, servers
from xframes.cli.common import archive_option, client_for, listed, resumable

if TYPE_CHECKING:
    from xframes.schema import Vocabulary

_TABLE = click.option("--table", type=click.Choice(["posts", "users"]), default="posts", show_default=True,
                      help="What the ids name.")


@click.command(short_help="Look shared ids up into an archive.")
@click.argument("ids", nargs=-1, required=True, metavar="FILE|IDS...")
@archive_option(exists=False)
@_TABLE
@click.option("--refresh", is_flag=True, help="Ask for what the archive holds already, too.")
@output.options
@servers.options
@click.pass_context
def hydrate(
    ctx: click.Context, *, ids: tuple[str, ...], folder: Path, table: Any, refresh: bool, format_: str | None,
    into: Path | None, base_url: str | None, words: Vocabulary | None,
) -> None:
    """Add what X shows of posts or users to an archive: of ids, of a text file with one id a line, or of stdin (`-`).

    Prints a row for each id with its fate: found, stored (here already), not_found, suspended, not_authorized, …

    \b
    Example:
      xframes hydrate ids.txt --archive my-archive
    """
    from xframes import hydrate as look_up
    from xframes.archive import Archive

    file = len(ids) == 1 and (Path(ids[0]).is_file() or not set(ids[0]) <= set("-0123456789,"))
    given = Path(ids[0]) if file else listed(ids)
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        client = client_for(base_url, words)
        found = look_up(given, into=archive, table=table, refresh=refresh, client=client)
    output.write(found, format_, into)


@click.command(short_help="Look up what has vanished, and why.")
@click.argument("ids", nargs=-1, required=True)
@archive_option()
@_TABLE
@output.options
@servers.options
@click.pass_context
def check(
    ctx: click.Context, *, ids: tuple[str, ...], folder: Path, table: Any, format_: str | None, into: Path | None,
    base_url: str | None, words: Vocabulary | None,
) -> None:
    """Look posts or users up again (IDS, or `-` for stdin) and print what became of each.

    \b
    Example:
      xframes check 1900000000000000001 --archive my-archive
    """
    from xframes.archive import Archive

    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        found = archive.check(listed(ids), table=table, client=client_for(base_url, words))
    output.write(found, format_, into)


@click.command(short_help="Compare what was collected with what X counts.")
@click.argument("query", required=False)
@archive_option()
@click.option("--granularity", type=click.Choice(["minute", "hour", "day"]), help="By default the finest counted.")
@output.options
def completeness(
    query: str | None, folder: Path, granularity: str | None, format_: str | None, into: Path | None
) -> None:
    """How much of what X counts for QUERY was collected, span by span, and the price of the rest.

    Count first: `xframes counts recent QUERY --archive DIR`. Without QUERY: the gaps of streams.

    \b
    Example:
      xframes completeness 'coffee lang:en' --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        found = archive.completeness(query, granularity=granularity)
    output.write(found, format_, into)


COMMANDS = (check, hydrate, completeness)

"""Commands before and around collections: whether an action can be called, and watching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from xframes.cli import output, servers
from xframes.cli.common import client_for, rows_table

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.plan.query_check import QueryCheck
    from xframes.schema import Vocabulary


@click.command(short_help="Say whether an action can be called, and what it needs.")
@click.argument("action", nargs=-1, required=True)
@click.option(
    "--query", metavar="QUERY", help="Query to check offline: operators, length, what X ignores.",
)
@servers.options
@output.options
@click.pass_context
def can(
    ctx: click.Context, *, action: tuple[str, ...], query: str | None, base_url: str | None,
    words: Vocabulary | None, format_: str | None, into: Path | None,
) -> None:
    """Say whether ACTION can be called with your credentials, what it needs and what it costs.

    Sends no request. The exit code is 1 if something is known against it. A query is checked
    offline; a caret shows where X would refuse it.

    \b
    Example:
      xframes can search recent --query "coffee lang:en"
    """
    from xframes import can as checked

    name = ".".join(action).replace("-", "_")
    access = checked(name, query=query, client=client_for(base_url, words, writes=True))
    if format_ is None and into is None:
        output.say(str(access), lines=True)
    else:
        rows = [{"about": about, "value": value} for about, value in access.rows()]
        rows += _findings(access.query)
        output.write(rows_table(rows), format_, into, most=len(rows))
    ctx.exit(int(not access))


def _findings(query: QueryCheck | None) -> list[dict[str, str]]:
    if query is None:
        return []
    parts = [(note, query.query[note.start : note.end]) for note in query.notes]
    return [
        {"about": f"query {note.kind}", "value": f"{part}: {note.message}"} for note, part in parts
    ]


COMMANDS = (can,)

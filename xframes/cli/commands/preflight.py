"""Commands before and around collections: whether an action can be called, and watching."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output, servers
from xframes.cli.common import client_for, print_price, rows_table

if TYPE_CHECKING:
    from xframes.plan.query_check import QueryCheck
    from xframes.planning.watches.watching import WatchEvent
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


@click.command(short_help="Repeat collections, checks and conditions of a file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="Do what is due and exit, e.g. for cron.")
@click.option("--dry-run", is_flag=True, help="Send nothing; print what is due, and its price.")
@servers.options
@servers.budget
@output.options
@click.pass_context
def watch(
    ctx: click.Context, *, file: Path, once: bool, dry_run: bool, base_url: str | None,
    words: Vocabulary | None, format_: str | None, into: Path | None,
) -> None:
    """Repeat the collections, metric re-reads, compliance checks and conditions of FILE (TOML).

    It can be stopped (Ctrl-C, SIGTERM) and started again at any time. The exit code is that of a
    condition with `exit_code`, 3 if a task was stopped by a budget or limit, 1 if one failed.

    \b
    Example:
      xframes watch watch.toml --dry-run
    """
    from xframes import watch as watching

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    ctx.call_on_close(lambda: signal.signal(signal.SIGTERM, before))
    client = client_for(base_url, words, writes=True)
    events = watching(
        file, once=once, dry_run=dry_run, client=client,
        on_event=None if format_ or into or dry_run else _say_event,
    )
    if format_ or into or dry_run:
        output.write(events, format_, into, most=999)
    if not dry_run:
        print_price(client)
    ctx.exit(_code(events))


def _say_event(event: WatchEvent) -> None:
    from xframes.billing.sums import money

    price = ""
    if event.price_high:
        price = f" ({money(event.price_low, event.price_high)})"
    output.say(f"{event.at:%Y-%m-%d %H:%M:%S} {event.task}: {event.outcome}, {event.detail}{price}")


def _code(events: Any) -> int:
    """Return the exit code: of a condition, else of tasks that stopped or failed at the end."""
    codes = events["exit_code"].dropna()
    if len(codes):
        return int(codes.iloc[-1])
    last = set(events.groupby("task")["outcome"].last())
    if "failed" in last:
        return 1
    return 3 if "stopped" in last else 0


COMMANDS = (can, watch)

"""Commands about money: what was spent, and X's price card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output
from xframes.cli.common import ArchivePath
from xframes.registry.prices import LIVE

if TYPE_CHECKING:
    from xframes.billing.card import Card


@click.command(
    short_help="Show what a collection would cost.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def cost(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Show what a collecting COMMAND would cost, for each way to collect.

    Searches are counted first, which costs one request of counts. It is the same as --cost on the
    command.

    \b
    Example:
      xframes cost search recent 'coffee lang:en'
    """
    top = ctx.find_root().command
    area, action, *arguments = [*command, "", ""][: max(len(command), 2)]
    group = top.get_command(ctx, area) if isinstance(top, click.Group) else None
    collector = group.get_command(ctx, action) if isinstance(group, click.Group) else None
    if collector is None or not any(param.name == "cost" for param in collector.params):
        raise click.UsageError(
            "expected a collecting command such as search recent, "
            f"got {' '.join(command[:2])}"
        )
    with collector.make_context(f"xframes {area} {action}", ["--cost", *arguments], ctx) as inner:
        collector.invoke(inner)


@click.command(short_help="Show what requests cost.")
@click.option(
    "--by", metavar="NAMES",
    help="Columns to sum by, joined by commas: day, app, server, action, query, run_id, archive. "
    "Default: day,action.",
)
@click.option(
    "--archive", "folder", type=ArchivePath(exists=True, file_okay=False, path_type=Path),
    metavar="DIR", help="Show only the runs of this archive.",
)
@click.option(
    "--usage", type=ArchivePath(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="With --by day: compare with X's own counts and balances in this archive (from `xframes "
    "usage posts` and `xframes usage credits`).",
)
@output.options
def spend(
    by: str | None, folder: Path | None, usage: Path | None, format_: str | None, into: Path | None
) -> None:
    """Show what requests cost in US dollars, of all apps and archives on this machine.

    price_low counts main objects, price_high also those that they include; X bills each object once
    a day for each app. Requests in flight count with the most that they can cost in price_high.

    \b
    Example:
      xframes spend --by day
    """
    from xframes.archive import Archive
    from xframes.planning.spending_report import spend as spent

    names = [name.strip() for name in (by or "day,action").split(",")]
    if usage is not None:
        with Archive(usage) as archive:
            rows = spent(names, usage=archive)
    elif folder is None:
        rows = spent(names)
    else:
        with Archive(folder) as archive:
            rows = archive.spend(names)
    output.write(rows, format_, into)
    _say_total(rows)


def _say_total(rows: Any) -> None:
    from xframes.billing.sums import money

    output.say(f"total: {money(rows['price_low'].sum(), rows['price_high'].sum())}", err=True)


@click.command(short_help="Show X's price card, or fetch the present one.")
@click.option("--update", is_flag=True, help="Fetch X's live card into the config folder.")
@click.option(
    "--from", "source", metavar="URL", default=LIVE, show_default=True,
    help="Where --update fetches the card.",
)
@output.options
def prices(update: bool, source: str, format_: str | None, into: Path | None) -> None:
    """Show the price card in force: dollars per object returned, or per request.

    XFRAMES_PRICES names a file with another card. No credentials are sent with --update.

    \b
    Example:
      xframes prices
    """
    from xframes.billing.card import load
    from xframes.client.live_card import fetch_card

    card = fetch_card(source) if update else load()
    output.write(_rows(card), format_, into, most=999)
    output.say(f"{card} ({card.age_days} days old)", err=True)


def _rows(card: Card) -> Any:
    import pyarrow as pa

    from xframes.registry.prices import EARLIER, OWNED

    rows = [{"name": name, "per": "object", "price": amount, "note": None}
            for name, amount in card.resources.items()]
    rows += [{"name": name, "per": "request", "price": amount, "note": None}
             for name, amount in card.requests.items()]
    own = "if the id is yours and you own the app"
    if not card.is_priced("OwnedRead"):
        rows.append({"name": "OwnedRead", "per": "object", "price": OWNED, "note": own})
    for name, amount in EARLIER.items():
        if not card.is_priced(name):
            note = "not on the card; this is the price of an earlier one, for the high reading"
            rows.append({"name": name, "per": "object", "price": amount, "note": note})
    return pa.Table.from_pylist(rows)


COMMANDS = (cost, spend, prices)

"""Commands about what an archive has and lacks: check, hydrate, completeness, samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output, servers
from xframes.cli.commands.collectors import Moment, show_cost
from xframes.cli.common import archive_option, client_for, print_price, resumable, show_runs
from xframes.cli.handed_in import id_file_options, ids_or_file

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.schema import Vocabulary

_TABLE = click.option(
    "--table", type=click.Choice(["posts", "users"]), default="posts", show_default=True,
    help="What the ids are.",
)


@click.command(short_help="Look up a list of ids into an archive.")
@click.argument("ids", nargs=-1, required=True, metavar="FILE|IDS...")
@archive_option(exists=False)
@_TABLE
@id_file_options
@click.option("--refresh", is_flag=True, help="Request again what the archive already has.")
@output.options
@servers.options
@servers.budget
@click.pass_context
def hydrate(
    ctx: click.Context, *, ids: tuple[str, ...], folder: Path, table: Any, column: str | None,
    skip_bad: bool, refresh: bool, format_: str | None, into: Path | None, base_url: str | None,
    words: Vocabulary | None,
) -> None:
    """Look up posts or users by id and add them to an archive.

    Pass the ids, a file of ids, or `-` to read stdin. A file has one id or link per line, or is a
    table (CSV) with a column of ids, or JSON; it may be compressed. Prints one row per id with its
    fate: found, stored (the archive had it), not_found, suspended, not_authorized, …

    \b
    Example:
      xframes hydrate ids.csv.gz --column tweet_id --archive my-archive
    """
    from xframes import hydrate as look_up
    from xframes.archive import Archive

    found = ids_or_file(ids, table, column, skip_bad=skip_bad)
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        client = client_for(base_url, words)
        fates = look_up(found, into=archive, table=table, refresh=refresh, client=client)
    output.write(fates, format_, into)
    print_price(client)


@click.command(short_help="Look up which posts or users are gone, and why.")
@click.argument("ids", nargs=-1, required=True, metavar="FILE|IDS...")
@archive_option()
@_TABLE
@id_file_options
@output.options
@servers.options
@servers.budget
@click.pass_context
def check(
    ctx: click.Context, *, ids: tuple[str, ...], folder: Path, table: Any, column: str | None,
    skip_bad: bool, format_: str | None, into: Path | None, base_url: str | None,
    words: Vocabulary | None,
) -> None:
    """Look up posts or users again and print the fate of each.

    Pass the ids, a file of ids as for `xframes hydrate`, or `-` to read stdin.

    \b
    Example:
      xframes check 1900000000000000001 --archive my-archive
    """
    from xframes.archive import Archive

    found = ids_or_file(ids, table, column, skip_bad=skip_bad)
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        client = client_for(base_url, words)
        fates = archive.check(found, table=table, client=client)
    output.write(fates, format_, into)
    print_price(client)


@click.command("complete", short_help="Look up people and posts that an archive lacks.")
@click.argument("what", type=click.Choice(["users", "posts"]), default="users")
@archive_option()
@click.option(
    "--max-age", type=click.FloatRange(min=0), metavar="DAYS",
    help="Look up again what was read longer ago. Default: only what is missing.",
)
@click.option(
    "--refresh", metavar="HOURS",
    help="With posts: hours after publication at which to read metrics of collected posts again, "
    "e.g. 1,6,24,72.",
)
@output.options
@servers.options
@servers.budget
@click.pass_context
def complete(
    ctx: click.Context, *, what: Any, folder: Path, max_age: float | None, refresh: str | None,
    format_: str | None, into: Path | None, base_url: str | None, words: Vocabulary | None,
) -> None:
    """Look up the people (users) or referenced posts that an archive's posts name and it lacks.

    Each is looked up once, 100 in a request. Users include the authors of referenced posts, which
    are looked up first.

    \b
    Example:
      xframes complete users --archive my-archive
    """
    from xframes import complete as look_up
    from xframes.archive import Archive

    hours = None
    if refresh:
        try:
            hours = [float(hour) for hour in refresh.split(",")]
        except ValueError:
            raise click.BadParameter(f"--refresh: expected hours, got {refresh!r}") from None
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        client = client_for(base_url, words)
        run = look_up(archive, what, max_age=max_age, refresh=hours, client=client)
        show_runs([run], format_, into)
    print_price(client)


@click.command(short_help="Compare an archive with X's counts.")
@click.argument("query", required=False)
@archive_option()
@click.option(
    "--granularity", type=click.Choice(["minute", "hour", "day"]),
    help="Length of the intervals to compare. Default: the finest with counts.",
)
@output.options
def completeness(
    query: str | None, folder: Path, granularity: str | None, format_: str | None, into: Path | None
) -> None:
    """Compare the posts collected for QUERY with X's counts, one row per interval.

    Each row has the price of the missing posts. Collect the counts first with
    `xframes counts recent QUERY --archive DIR`. Without QUERY, print the gaps of streams.

    \b
    Example:
      xframes completeness 'coffee lang:en' --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        rows = archive.completeness(query, granularity=granularity)
    output.write(rows, format_, into)


@click.command("sample", short_help="Sample the posts that match a query.")
@click.argument("query")
@archive_option(exists=False, required=False)
@click.option(
    "--start-time", type=Moment(), required=True, help="Oldest time to include; dates are UTC.",
)
@click.option(
    "--end-time", type=Moment(), required=True, help="End of the time, which is not included.",
)
@click.option(
    "--posts", type=click.IntRange(min=1), help="The most posts to read. Default: 1,000.",
)
@click.option(
    "--usd", type=click.FloatRange(min=0),
    help="The most dollars that the sample may cost, counts included, instead of --posts.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Chooses the windows. Default: a random one.",
)
@click.option("--cost", is_flag=True, help="Show what it would cost, and read no posts.")
@output.options
@servers.options
@servers.budget
@click.pass_context
def sample(
    ctx: click.Context, *, query: str, folder: Path | None, start_time: Any, end_time: Any,
    posts: int | None, usd: float | None, seed: int | None, cost: bool, format_: str | None,
    into: Path | None, base_url: str | None, words: Vocabulary | None,
) -> None:
    """Sample the posts that match QUERY, so that `xframes estimate` can estimate shares of all.

    X's counts are requested first. Then windows of time with a few posts each are drawn, and all
    of their posts are read. The price is printed before the first search.

    \b
    Example:
      xframes search sample tea --start-time 2026-05-01 --end-time 2026-06-01 --archive my-archive
    """
    from xframes import search
    from xframes.archive import Archive
    from xframes.planning.costs.costing import cost as cost_of

    chosen = {"start_time": start_time, "end_time": end_time, "posts": posts, "usd": usd}
    if cost:
        client = client_for(base_url, words)
        found = cost_of("search.sample", query=query, seed=seed, client=client, **chosen)
        show_cost(found, format_, into)
        return
    if folder is None:
        raise click.UsageError("missing option '--archive DIR'")
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        client = client_for(base_url, words)
        run = search.sample(
            query, **chosen, seed=seed, into=archive, client=client,
        )
        show_runs([run], format_, into)
    print_price(client)


@click.command(short_help="Estimate shares and totals of all posts from a sample.")
@click.argument("what")
@archive_option()
@click.option(
    "--sample", "sample_id", metavar="ID",
    help="Sample to use, from the table samples. Default: the last one collected.",
)
@output.options
def estimate(
    what: str, folder: Path, sample_id: str | None, format_: str | None, into: Path | None
) -> None:
    """Estimate the share and total of each value of WHAT, a column of posts or an SQL expression.

    The intervals (95 %) follow the design of the sample. Collect one with `xframes search sample`.

    \b
    Example:
      xframes estimate lang --archive my-archive
    """
    from xframes import estimate as estimated
    from xframes.archive import Archive

    with Archive(folder) as archive:
        rows = estimated(archive, what, sample_id=sample_id)
    output.write(rows, format_, into)


COMMANDS = (check, hydrate, complete, completeness, estimate)
IN_AREAS = {"search": (sample,)}  # commands in the groups of read actions

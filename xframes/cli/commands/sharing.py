"""Sharing an archive: `xframes export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xframes.cli import output
from xframes.cli.common import archive_option
from xframes.cli.completion import tables as complete_tables
from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMATS = ("parquet", "csv", "jsonl", "excel", "duckdb", "ids")
KEY = "XFRAMES_PSEUDONYM_KEY"


def _selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is exported."""
    for option in (
        click.option("--posts", metavar="SQL",
                     help="Only the posts whose ids this query gives, and what hangs on them."),
        click.option("--where", metavar="SQL", help="Only posts of which this holds, e.g. \"lang = 'en'\"."),
        click.option("--included", is_flag=True, help="With ids: also posts that answers only included."),
        click.option("--table", "tables", multiple=True, metavar="NAME", shell_complete=complete_tables,
                     help="A table; repeat. By default all with rows, but those that concern only whoever collected."),
    ):
        command = option(command)
    return command


@click.command(short_help="Write tables of an archive for others.")
@click.argument("target", type=click.Path(path_type=Path))
@archive_option()
@click.option("--format", "format_", type=click.Choice(FORMATS),
              help="By default what TARGET's suffix says, else parquet.")
@_selection
@click.option("--pseudonymise", is_flag=True,
              help=f"Pseudonyms for people and posts, by the key in {KEY}; keep it to give the same ones again.")
@click.option("--keep-post-ids", is_flag=True, help="With --pseudonymise: posts keep X's ids.")
@click.option("--spreadsheet", is_flag=True,
              help="CSV for spreadsheets, which run text that begins with =, +, - or @ as a formula: put an "
              "apostrophe before it. Without this option, text stays as X sent it, for pandas and R.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
def export(
    *, target: Path, folder: Path, format_: str | None, tables: tuple[str, ...], included: bool, where: str | None,
    posts: str | None, pseudonymise: bool, keep_post_ids: bool, spreadsheet: bool, overwrite: bool,
) -> None:
    """Write an archive's tables to the folder TARGET, with a README and a datapackage.json that describe them.

    TARGET is one file when it ends in .xlsx, .duckdb or .txt (ids), or with one --table in .parquet, .csv or .jsonl.

    \b
    Example:
      xframes export shared --format csv --where "lang = 'en'" --archive my-archive
    """
    from xframes.archive import Archive
    from xframes.frames import readable_sql

    key = _key() if pseudonymise else None
    with Archive(folder) as archive, readable_sql():
        counts = archive.export(
            target, tables=tables or None, format=format_, where=where, posts=posts, pseudonymise=key,
            keep_post_ids=keep_post_ids, included=included, overwrite=overwrite, spreadsheet=spreadsheet,
        )
    output.say(f"{sum(counts.values()):,} rows of {len(counts):,} tables in {target}", err=True)


def _key() -> str:
    """The key, which never stands on the command line: other users of the machine see those."""
    key = os.environ.get(KEY, "")
    if not key:
        raise ArgumentError(
            f"pseudonyms need a key: put one into {KEY}, e.g. from "
            '`python -c "import secrets; print(secrets.token_hex(32))"`, and keep it'
        )
    return key


COMMANDS = (export,)

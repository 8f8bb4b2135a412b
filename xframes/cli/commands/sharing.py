"""Showing an archive to others: `xframes export`, `xframes report` and `xframes browse`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xframes import formats
from xframes.cli import output
from xframes.cli.common import ArchivePath, archive_option
from xframes.cli.completion import tables as complete_tables
from xframes.errors import ArgumentError
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from xframes.formats import FormatName

KEY = "XFRAMES_PSEUDONYM_KEY"


def _selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is exported."""
    for option in (
        click.option(
            "--posts",
            metavar="SQL",
            help="Only the posts whose ids this query returns, and what belongs to them.",
        ),
        click.option(
            "--where", metavar="SQL", help="Only posts of which this holds, e.g. \"lang = 'en'\"."
        ),
        click.option(
            "--included",
            is_flag=True,
            help="With ids: also posts that were only included in responses.",
        ),
        click.option(
            "--table",
            "tables",
            multiple=True,
            metavar="NAME",
            shell_complete=complete_tables,
            help="Table to export (repeatable). Default: all non-empty tables except private ones "
            "(messages, bookmarks, …).",
        ),
    ):
        command = option(command)
    return command


_HELP = f"""Write tables of an archive to TARGET.

TARGET is a folder if it has no suffix or ends with a slash; a README and a datapackage.json in it
describe the tables. With the suffix of a format, TARGET is one file; formats with one file per
table then need one --table.

\b
Formats:
{formats.described(formats.FORMATS, "  ", 78)}

\b
Example:
  xframes export shared --format csv --where "lang = 'en'" --archive my-archive
"""


@click.command(short_help="Write tables of an archive for others.", help=_HELP)
@click.argument("target", type=click.Path())
@archive_option()
@click.option(
    "--format",
    "format_",
    type=click.Choice([f.name for f in formats.FORMATS]),
    help=f"Default: the suffix of TARGET, else {formats.DEFAULT}.",
)
@_selection
@click.option(
    "--pseudonymise",
    is_flag=True,
    help=f"Replace ids, handles and names by pseudonyms, made with the key in {KEY}. Keep the key "
    "to get the same ones again.",
)
@click.option("--keep-post-ids", is_flag=True, help="With --pseudonymise: keep X's ids of posts.")
@click.option(
    "--spreadsheet",
    is_flag=True,
    help="CSV for spreadsheets, which run text that begins with =, +, - or @ as a formula: put an "
    "apostrophe before it. Without this option, text stays as X sent it, for pandas and R.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
def export(
    *,
    target: str,
    folder: Path,
    format_: FormatName | None,
    tables: tuple[str, ...],
    included: bool,
    where: str | None,
    posts: str | None,
    pseudonymise: bool,
    keep_post_ids: bool,
    spreadsheet: bool,
    overwrite: bool,
) -> None:
    """Write tables of an archive; the help is `_HELP`, with the formats in it."""
    from xframes.archive import Archive
    from xframes.frames import readable_sql

    key = _key() if pseudonymise else None
    with Archive(folder) as archive, readable_sql():
        counts = archive.export(
            target,
            tables=tables or None,
            format=format_,
            where=where,
            posts=posts,
            pseudonymise=key,
            keep_post_ids=keep_post_ids,
            included=included,
            overwrite=overwrite,
            spreadsheet=spreadsheet,
        )
    rows, written = counted(sum(counts.values()), "row"), counted(len(counts), "table")
    output.say(f"{rows} of {written} in {target}", err=True)


def _key() -> str:
    """Read the key from the environment: other users of the machine can see command lines."""
    key = os.environ.get(KEY, "")
    if not key:
        raise ArgumentError(
            f"--pseudonymise: expected a key in {KEY}, e.g. from "
            '`python -c "import secrets; print(secrets.token_hex(32))"`; '
            "keep it to get the same pseudonyms again"
        )
    return key


@click.command(short_help="Describe an archive as an HTML file.")
@click.argument(
    "folder", metavar="ARCHIVE", type=ArchivePath(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "-o", "--output", "target", required=True, metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write.",
)
@click.option("--query", metavar="TEXT", help="Only results of this query.")
@click.option("--start", metavar="TIME", help="Only results posted at this time or later.")
@click.option("--end", metavar="TIME", help="Only results posted before this time.")
@click.option("--tz", default="UTC", metavar="NAME", show_default=True,
              help="Time zone of days and hours, such as Europe/Berlin.")
@click.option("--title", metavar="TEXT", help="Headline. Default: the name of the archive.")
@click.option("--section", "sections", multiple=True, metavar="NAME",
              help="Section to write (repeatable). Default: all that have something to show.")
@click.option("--pseudonymise", is_flag=True,
              help=f"Show pseudonyms for ids, handles and names, made with the key in {KEY}.")
def report(
    *, folder: Path, target: Path, query: str | None, start: str | None, end: str | None, tz: str,
    title: str | None, sections: tuple[str, ...], pseudonymise: bool,
) -> None:
    """Describe the results in ARCHIVE as one HTML file to read without Python, offline.

    \b
    Example:
      xframes report my-archive -o report.html --tz Europe/Berlin
    """
    from xframes.archive import Archive
    from xframes.frames import readable_sql
    from xframes.reporting import report as describe

    key = _key() if pseudonymise else None
    with Archive(folder) as archive, readable_sql():
        describe(
            archive, target, query=query, start=start, end=end, tz=tz, title=title,
            sections=sections or None, pseudonymise=key,
        )
    output.say(f"wrote {target}", err=True)


@click.command(short_help="Look at an archive in a browser.")
@click.argument(
    "folder", metavar="ARCHIVE", type=ArchivePath(exists=True, file_okay=False, path_type=Path)
)
@click.option("--pseudonymise", is_flag=True,
              help="Show a copy with pseudonyms for ids, handles and names, made with the key in "
              f"{KEY}, without the pages of X.")
def browse(*, folder: Path, pseudonymise: bool) -> None:
    """Show ARCHIVE, a folder or a URL such as s3://…, in a browser on this machine, until Ctrl-C.

    Prints an address with a token. Only programs on this machine can connect, and only the browser
    that opened the address is answered. Nothing can be changed, and nothing is loaded from
    elsewhere. The pages show what a running collection adds.

    \b
    Example:
      xframes browse my-archive
    """
    from xframes.archive import Archive
    from xframes.browsing import start

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    key = _key() if pseudonymise else None
    with Archive(folder) as archive, start(archive, pseudonymise=key) as server:
        click.echo(server.url)
        output.say("The address is for this machine only (Ctrl-C stops it)", err=True)
        sys.stdout.flush()
        while not done.wait(timeout=0.5):  # with a timeout, so that Ctrl-C is seen on Windows too
            pass


COMMANDS = (export, report, browse)

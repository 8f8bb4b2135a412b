"""Commands on an archive: import, sql, runs, resume, compact, rebuild, verify."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xframes.cli import output, servers
from xframes.cli.common import (
    ArchivePath,
    archive_option,
    client_for,
    listed,
    print_problems,
    resumable,
    rows_table,
    show_run,
)
from xframes.cli.terminal import MOST_ROWS
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.schema import Vocabulary

_PROCESSES = click.option("--processes", type=click.IntRange(min=1), metavar="N",
                          help="How many to work with; by default one per core when there is much to read.")
_BATCH_ROWS = 10_000


@click.command("import", short_help="Read files of pages or posts into an archive.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@archive_option(exists=False)
@_PROCESSES
@output.options
def import_(
    files: tuple[Path, ...], folder: Path, processes: int | None, format_: str | None, into: Path | None
) -> None:
    """Import FILES of pages or posts, folders of them, or stdin (`-`).

    NDJSON, JSON documents, twarc's files and its CSV, academictwitteR's folders, posts of v1.1, an account's export
    (its zip), packed or not (gz, zst, bz2, xz, zip, tar): what a file is, its content says.

    Prints how many rows each table of the archive has then, and on stderr what could not be read. A file imported
    twice adds nothing.

    \b
    Example:
      xframes import pages/*.jsonl --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive, _spooled(files) as paths:
        runs = archive.import_pages(paths, processes=processes)
        pages, rows = sum(run.pages for run in runs), sum(run.rows for run in runs)
        counts = [{"table": name, "rows": count} for name, count in archive.tables.items() if count]
        no_rows = rows_table([{"table": "", "rows": 0}]).slice(1)
        output.write(rows_table(counts) if counts else no_rows, format_, into, most=999)
        output.say(f"{len(runs):,} files, {pages:,} pages, {rows:,} rows read", err=True)
        for (error,) in archive.sql("SELECT error FROM runs WHERE state = 'failed' AND list_contains($runs, run_id)",
                                    {"runs": [run.run_id for run in runs]}).fetchall():
            output.say(f"not read: {error}", err=True)
        print_problems(archive, [run.run_id for run in runs])


@contextlib.contextmanager
def _spooled(files: tuple[Path, ...]) -> Iterator[list[Path]]:
    """The files, with stdin (`-`) as a temporary one: a file can be read twice."""
    if Path("-") not in files:
        yield list(files)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin.jsonl"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [path if one == Path("-") else one for one in files]


@click.command(short_help="Ask an archive with SQL.")
@click.argument("query")
@archive_option()
@click.option("--rows", type=click.IntRange(min=1), default=MOST_ROWS, show_default=True,
              help="How many rows a table shows; the other formats write all.")
@output.options
def sql(query: str, folder: Path, rows: int, format_: str | None, into: Path | None) -> None:
    """Ask an archive with DuckDB's SQL, in UTC; QUERY `-` is read from stdin. `xframes schema` lists the tables.

    \b
    Example:
      xframes sql "select lang, count(*) from posts group by lang" --archive my-archive
    """
    from xframes.archive import Archive
    from xframes.frames import readable_sql

    query = sys.stdin.read() if query == "-" else query
    if not query.strip():
        raise click.UsageError("the query is empty; it may be, e.g., 'select count(*) from posts'")
    with Archive(folder) as archive, readable_sql():
        with _ended_by_ctrl_c():
            found = archive.sql(query)
            answer = None if found is None else found.to_arrow_reader(_BATCH_ROWS)
        if answer is not None:
            output.write(answer, format_, into, most=rows, more="--rows shows more, --format csv all")


@contextlib.contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """While DuckDB is at work: it would go on to its end before Python heard of Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@click.command(short_help="List the collections of an archive.")
@archive_option()
@output.options
def runs(folder: Path, format_: str | None, into: Path | None) -> None:
    """Collections and imports of an archive, oldest first: what was asked, how far it came, how it ended.

    \b
    Example:
      xframes runs --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        output.write(archive.runs(), format_, into, most=999)


@click.command(short_help="Go on with a collection that stopped.")
@click.argument("run_id")
@archive_option()
@output.options
@servers.options
@click.pass_context
def resume(
    ctx: click.Context, *, run_id: str, folder: Path, format_: str | None, into: Path | None,
    base_url: str | None, words: Vocabulary | None,
) -> None:
    """Go on with a run that stopped on its way, from the last page kept; prints the run.

    \b
    Example:
      xframes resume 0a1b2c3d --archive my-archive
    """
    from xframes.archive import Archive

    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        show_run(archive.resume(run_id, client=client_for(base_url, words)), format_, into)
        print_problems(archive, [run_id])


@click.command(short_help="Remove posts or people from an archive.")
@archive_option()
@click.option("--post", "post_ids", multiple=True, metavar="ID", help="A post; repeat, or `-` to read ids from stdin.")
@click.option("--user", "user_ids", multiple=True, metavar="ID",
              help="A person with all their posts, by id or by a @handle the archive knows; the same.")
@click.option("--reason", required=True, help="Why; it is kept with the ids in the table `tombstones`.")
def remove(folder: Path, post_ids: tuple[str, ...], user_ids: tuple[str, ...], reason: str) -> None:
    """Remove posts and people for good: hidden at once, then taken out of every file. They do not come back.

    Prints how many were found here, and how many ids are barred from now on: an id that is not here
    cannot come later. If files cannot be rewritten now, the removal is recorded and hidden all the
    same; `xframes compact` takes it out of the files later.

    \b
    Example:
      xframes remove --post 1900000000000000001 --reason "deleted at X" --archive my-archive
    """
    from xframes.archive import Archive

    if not post_ids and not user_ids:
        raise click.UsageError("nothing to remove: give --post or --user")
    with Archive(folder) as archive:
        gone = archive.remove(listed(post_ids), listed(user_ids), reason=reason)
    found, barred = gone["posts"] + gone["users"], gone["barred"]
    people = counted(gone["users"], "person", "people")
    which = f" and removed ({counted(gone['posts'], 'post')}, {people})" if found else ""
    output.say(f"{found:,} found here{which}, {counted(barred, 'id')} barred", err=True)


@click.command(short_help="Add everything of another archive.")
@click.argument("other", type=ArchivePath(exists=True, file_okay=False, path_type=Path))
@archive_option(exists=False)
def merge(other: Path, folder: Path) -> None:
    """Add everything of the archive OTHER, in any order, any number of times. What was removed stays removed.

    \b
    Example:
      xframes merge from-the-other-machine --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        output.say(f"{archive.merge(other):,} files came", err=True)


@click.command(short_help="Rewrite the tables sorted and unique.")
@archive_option()
def compact(folder: Path) -> None:
    """Rewrite an archive's tables sorted and unique, so that queries are plain scans. Happens by itself, too.

    \b
    Example:
      xframes compact --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        archive.compact()


@click.command(short_help="Make the tables anew from the pages.")
@archive_option()
@_PROCESSES
@click.option("--lose", is_flag=True, help="Drop rows whose page is missing; by default they are an error.")
def rebuild(folder: Path, processes: int | None, lose: bool) -> None:
    """Make every table anew from the pages kept, with this version's columns.

    \b
    Example:
      xframes rebuild --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        archive.rebuild(processes=processes, lose=lose)


@click.command(short_help="Read a whole archive and compare.")
@archive_option()
@click.option("--repair", is_flag=True, help="Replace damaged files by what the pages say; copies stay in damaged/.")
@output.options
@click.pass_context
def verify(ctx: click.Context, folder: Path, repair: bool, format_: str | None, into: Path | None) -> None:
    """Read a whole archive and compare; prints what is wrong. Exit code 1 when something is.

    \b
    Example:
      xframes verify --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        report = archive.verify(repair=repair)
    for what in report.repaired:
        output.say(f"repaired: {what}", err=True)
    if not report.ok:
        output.write(report.frame(), format_, into, most=999)
    count = counted(len(report.findings), "finding") if report.findings else "nothing wrong"
    read = f"{counted(report.pages, 'page')} and {counted(report.files, 'table file')}"
    output.say(f"{read} read: {count}", err=True)
    ctx.exit(0 if report.ok else 1)


COMMANDS = (import_, sql, runs, resume, remove, merge, compact, rebuild, verify)

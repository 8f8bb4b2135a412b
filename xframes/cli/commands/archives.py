"""Commands on an archive: import, sql, runs, resume, remove, merge, compact, rebuild, verify."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
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
    show_runs,
    single_runs,
)
from xframes.cli.terminal import MOST_ROWS
from xframes.errors import ArchiveError, ArgumentError
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xframes.archive import Archive
    from xframes.archive.ingest.imports import ImportedFile
    from xframes.schema import Vocabulary

_PROCESSES = click.option(
    "--processes", type=click.IntRange(min=1), metavar="N",
    help="Number of processes. Default: one per core for large inputs, else one.",
)
_BATCH_ROWS = 10_000
_MOST_FILES = 50  # with a line each


@click.command("import", short_help="Read files of pages or posts into an archive.")
@click.argument(
    "files", nargs=-1, required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
)
@archive_option(exists=False)
@click.option(
    "--with", "include", metavar="KINDS", default="",
    help="What of an account's export to import besides its posts, separated by commas: likes, "
         "follows, blocks, mutes, lists, messages, profile, deleted, or all.",
)
@click.option(
    "--map", "mapping", metavar="COLUMN=OURS", multiple=True,
    help="Columns of a table and the columns of posts or users that they fill, e.g. "
         "tweet_id=id,favs=like_count.",
)
@click.option(
    "--observed-at", metavar="TIME",
    help="When the data were collected, for files that do not say it. Default: the file's time.",
)
@_PROCESSES
@output.options
def import_(  # noqa: PLR0917  one parameter for each option
    files: tuple[Path, ...], folder: Path, include: str, mapping: tuple[str, ...],
    observed_at: str | None, processes: int | None, format_: str | None, into: Path | None,
) -> None:
    """Import FILES of pages or posts, folders of such files, or stdin (`-`).

    Accepts pages of X, posts of API v1.1, exports of accounts, tables, and files of many other
    tools (`xframes formats` lists them). Files may be compressed (gz, zst, bz2, xz) or in a zip or
    tar. The content of a file decides how it is read.

    Prints one row per file with its pages and rows, and on stderr what was stored by table, left
    and refused. Importing a file twice adds nothing. Exits with 1 if a file could not be read to
    its end, or nothing of it could be stored.

    \b
    Example:
      xframes import pages/*.jsonl --archive my-archive
    """
    from xframes.archive import Archive
    from xframes.archive.ingest.imports import ImportFailed
    from xframes.archive.storage.workers import save_memory

    columns = _mapping(mapping)
    if click.get_current_context().find_root().obj:
        save_memory()
    with Archive(folder) as archive, _spooled(files) as paths:
        try:
            runs = archive.import_pages(
                paths, processes=processes, include=include, columns=columns,
                observed_at=observed_at,
            )
        except ImportFailed as error:
            show_runs([archive.run(file.run_id) for file in error.files], format_, into)
            _print_import(archive, error.files)
            raise
        show_runs(runs, format_, into)
        done = [run.file for run in runs if run.file is not None]
        _print_import(archive, done)
        if lost := _without_rows(done):
            raise ArchiveError(f"nothing could be stored of {', '.join(lost)}")


def _mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the columns of `--map`. Raises ArgumentError."""
    columns = {}
    for pair in (part for text in pairs for part in text.split(",") if part.strip()):
        name, equals, target = pair.partition("=")
        if not equals or not name.strip() or not target.strip():
            raise ArgumentError(f"--map: expected COLUMN=OURS, e.g. favs=like_count, got {pair!r}")
        columns[name.strip()] = target.strip()
    return columns


def _without_rows(files: Sequence[ImportedFile]) -> list[str]:
    """Return the files of which nothing was stored, though they had something and were chosen.

    Files of a folder count only if nothing of all files was stored.
    """
    empty = [f for f in files if (f.refused or f.problems) and not f.stored and not f.left]
    if any(file.stored for file in files):
        empty = [file for file in empty if file.is_named]
    return [file.name for file in empty]


def _print_import(archive: Archive, files: Sequence[ImportedFile]) -> None:
    """Print on stderr what an import stored, left and refused, the sum of all files last."""
    print_problems(archive, [file.run_id for file in files])
    _print_unread([file for file in files if file.error is not None])
    times = sum(file.has_time_of_file and bool(file.stored) for file in files)
    if times:
        output.say(
            f"observed_at is the file's time in {counted(times, 'file')}, whose data do not say "
            "when they were collected. --observed-at sets it", err=True,
        )
    own = [file for file in files if file.stored or file.left or file.refused]
    shown = [file for file in own if file.is_named or file.stored]
    for file in shown[:_MOST_FILES]:
        _print_counts(file.name, [file], with_left=file.is_named)
    if len(own) > 1:
        pages = counted(sum(file.tally.pages for file in files), "page")
        _print_counts(f"{counted(len(files), 'file')}, {pages}", own)
    elif not own:
        output.say("nothing stored", err=True)


def _print_unread(files: Sequence[ImportedFile]) -> None:
    """Print which files were not read; of those in folders, one of each kind and their number."""
    kinds: dict[str, list[str]] = {}
    for file in files:
        reason = str(file.error)
        if file.is_named:
            output.say(f"not read: {reason}", err=True)
        else:
            kinds.setdefault(reason.partition(" is ")[2] or reason, []).append(reason)
    for reasons in kinds.values():
        more = ""
        if len(reasons) > 1:
            more = f" (and {counted(len(reasons) - 1, 'file')} for the same reason)"
        output.say(f"not read: {reasons[0]}{more}", err=True)


def _print_counts(
    name: str, files: Sequence[ImportedFile], *, with_left: bool = True
) -> None:
    from xframes.archive.ingest.imports import total_stored
    from xframes.schema import TABLES

    stored, left = total_stored(files), Counter[str]()
    for file in files:
        left.update(file.left)
    amounts = ", ".join(f"{table} {stored[table]:,}" for table in TABLES if table in stored)
    output.say(f"{name}: stored {amounts or 'nothing'}", err=True)
    if left and with_left:
        kinds = ", ".join(f"{label} ({number:,})" for label, number in left.items())
        output.say(f"{name}: left: {kinds}. --with imports likes, follows, … or all", err=True)
    for reason in dict.fromkeys(reason for file in files for reason in file.refused):
        if len(files) == 1:
            output.say(f"{name}: refused: {reason}", err=True)


@contextlib.contextmanager
def _spooled(files: tuple[Path, ...]) -> Iterator[list[Path]]:
    """Copy stdin (`-`) to a temporary file, which can be read twice. Yields the paths to read."""
    stdin = Path("-")
    if stdin not in files:
        yield list(files)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "stdin.jsonl"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        copies = {stdin: copy}
        yield [copies.get(path, path) for path in files]


@click.command(short_help="Query an archive with SQL.")
@click.argument("query")
@archive_option()
@click.option(
    "--rows", type=click.IntRange(min=1), default=MOST_ROWS, show_default=True,
    help="Number of rows to show with --format table; the other formats write all rows.",
)
@output.options
def sql(query: str, folder: Path, rows: int, format_: str | None, into: Path | None) -> None:
    """Query an archive with DuckDB's SQL; times are UTC. If QUERY is `-`, read it from stdin.

    `xframes schema` lists the tables and their columns. words(text) and emoji(text) list the
    words and emoji of a text, and domain(link) is the host of a link.

    \b
    Example:
      xframes sql "select lang, count(*) from results group by lang" --archive my-archive
    """
    from xframes.archive import Archive
    from xframes.frames import readable_sql

    if query == "-":
        query = sys.stdin.read()
    if not query.strip():
        raise click.UsageError("QUERY is empty; try 'select count(*) from posts'")
    with Archive(folder) as archive, readable_sql():
        with _stopped_by_ctrl_c():
            result = archive.sql(query)  # None for a statement without a result
            reader = None if result is None else result.to_arrow_reader(_BATCH_ROWS)
        if reader is not None:
            more = "use --rows to show more, --format csv to write all"
            output.write(reader, format_, into, most=rows, more=more)


@contextlib.contextmanager
def _stopped_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C stop a query at once: Python handles it only after DuckDB has finished."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@click.command(short_help="List the runs of an archive.")
@archive_option()
@output.options
def runs(folder: Path, format_: str | None, into: Path | None) -> None:
    """List the collections and imports of an archive, oldest first.

    Each row has the action, its arguments, the pages and rows so far, and the state.

    \b
    Example:
      xframes runs --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        output.write(archive.runs(), format_, into, most=999)


@click.command(short_help="Resume a collection that stopped.")
@click.argument("run_id")
@archive_option()
@output.options
@servers.options
@servers.budget
@click.pass_context
def resume(
    ctx: click.Context, *, run_id: str, folder: Path, format_: str | None, into: Path | None,
    base_url: str | None, words: Vocabulary | None,
) -> None:
    """Resume a collection after its last stored page, and print the run.

    A run of a list of queries or users is resumed together with the others of the list.

    \b
    Example:
      xframes resume 0a1b2c3d --archive my-archive
    """
    from xframes.archive import Archive

    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        runs = single_runs(archive.resume(run_id, client=client_for(base_url, words)))
        show_runs(runs, format_, into)
        print_problems(archive, [run.run_id for run in runs])


@click.command(short_help="Remove posts or people from an archive.")
@archive_option()
@click.option(
    "--post", "post_ids", multiple=True, metavar="ID",
    help="Id of a post. May be repeated; `-` reads ids from stdin.",
)
@click.option(
    "--user", "user_ids", multiple=True, metavar="ID",
    help="Id of a user, or a @handle that the archive has: removes the user and all their posts. "
    "May be repeated; `-` reads them from stdin.",
)
@click.option(
    "--reason", required=True, help="Reason, stored with the ids in the table `tombstones`.",
)
def remove(folder: Path, post_ids: tuple[str, ...], user_ids: tuple[str, ...], reason: str) -> None:
    """Remove posts and people from an archive for good.

    They are hidden immediately and then removed from every file. Their ids are barred: the
    archive ignores them when they are collected, imported or merged later. Prints how many were
    found and how many ids are barred.

    If files cannot be rewritten now, the removal is recorded and what it names is hidden;
    `xframes compact` removes it from the files later.

    \b
    Example:
      xframes remove --post 1900000000000000001 --reason "deleted at X" --archive my-archive
    """
    from xframes.archive import Archive

    if not post_ids and not user_ids:
        raise click.UsageError("expected --post or --user")
    with Archive(folder) as archive:
        removed = archive.remove(listed(post_ids), listed(user_ids), reason=reason)
    posts, people = removed["posts"], removed["users"]
    summary = f"{posts + people:,} found here"
    if posts + people:
        amounts = [counted(posts, "post"), counted(people, "person", "people")]
        summary += f" and removed ({', '.join(amounts)})"
    output.say(f"{summary}, {counted(removed['barred'], 'id')} barred", err=True)


@click.command(short_help="Add the content of another archive.")
@click.argument("other", type=ArchivePath(exists=True, file_okay=False, path_type=Path))
@archive_option(exists=False)
def merge(other: Path, folder: Path) -> None:
    """Add all pages and rows of the archive OTHER. Merging it again adds only what is new.

    What was removed from either archive stays removed.

    \b
    Example:
      xframes merge from-the-other-machine --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        output.say(f"{counted(archive.merge(other), 'file')} added", err=True)


@click.command(short_help="Rewrite the tables sorted and unique.")
@archive_option()
def compact(folder: Path) -> None:
    """Rewrite the tables of an archive sorted and without duplicate rows; queries become faster.

    Runs automatically when a table has many parts.

    \b
    Example:
      xframes compact --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        archive.compact()


@click.command(short_help="Rebuild the tables from the pages.")
@archive_option()
@_PROCESSES
@click.option(
    "--lose", is_flag=True, help="Drop rows whose page is missing. Default: stop with an error.",
)
def rebuild(folder: Path, processes: int | None, lose: bool) -> None:
    """Rebuild every table from the stored pages, with the columns of this version.

    \b
    Example:
      xframes rebuild --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        archive.rebuild(processes=processes, lose=lose)


@click.command(short_help="Check every file of an archive.")
@archive_option()
@click.option(
    "--repair", is_flag=True,
    help="Rebuild damaged files from the pages; the damaged ones are moved to damaged/.",
)
@output.options
@click.pass_context
def verify(
    ctx: click.Context, folder: Path, repair: bool, format_: str | None, into: Path | None
) -> None:
    """Read every file of an archive, compare rows with pages and print what is wrong.

    The exit code is 1 if something is wrong.

    \b
    Example:
      xframes verify --archive my-archive
    """
    from xframes.archive import Archive

    with Archive(folder) as archive:
        report = archive.verify(repair=repair)
    for description in report.repaired:
        output.say(f"repaired: {description}", err=True)
    result = "nothing wrong"
    if report.findings:
        result = counted(len(report.findings), "finding")
    if not report.ok:
        output.write(report.frame(), format_, into, most=999)
    read = f"{counted(report.pages, 'page')} and {counted(report.files, 'table file')}"
    output.say(f"{read} read: {result}", err=True)
    ctx.exit(int(not report.ok))


COMMANDS = (import_, sql, runs, resume, remove, merge, compact, rebuild, verify)

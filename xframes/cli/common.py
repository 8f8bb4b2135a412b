"""What several commands share: the archive option, lists of ids, the client and their output."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from xframes.cli import output
from xframes.errors import ConfigError, Interrupted
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.archive import Archive, Run
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.schema import Vocabulary

_ID_TITLES = frozenset({"id", "post_id", "user_id", "author_id", "username"})


class ArchivePath(click.Path):
    """A folder, or the URL of an archive in object storage."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check that a required archive exists. A URL is returned unchanged."""
        if "://" not in str(value):
            return super().convert(value, param, ctx)
        from xframes.archive.storage.folder import Folder

        if self.exists and not Folder(str(value)).exists:
            self.fail(f"no archive at {value}; collect or import into it first", param, ctx)
        return value


def archive_option(*, exists: bool = True, required: bool = True) -> Callable[..., Any]:
    """Add `--archive DIR`. With `exists`, the archive must be there already."""
    kind = ArchivePath(exists=exists, file_okay=False, path_type=Path)
    about = "Folder or URL of the archive."
    if not exists:
        about = "Folder or URL of the archive (created if missing)."
    return click.option(
        "--archive", "folder", required=required, type=kind, metavar="DIR", help=about,
    )


def single_runs(run: Run) -> list[Run]:
    """Return the runs of a list of queries or users, or the only run."""
    return list(getattr(run, "runs", [run]))


def show_runs(runs: list[Run], format_: str | None, into: Path | None) -> None:
    """Print finished runs, one row each."""
    rows = [
        {"run_id": run.run_id, "action": run.action, "state": run.state, "pages": run.pages,
         "rows": run.rows, "archive": str(run.archive.path)}
        for run in runs
    ]
    output.write(rows_table(rows), format_, into, most=999)


def rows_table(rows: list[dict[str, Any]]) -> Any:
    """Return rows as an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pylist(rows)


class ProblemKind(NamedTuple):
    """The problems of one kind: their number, and the text of the first."""

    kind: str
    number: int
    text: str


def problems(source: Archive | Frames, run_ids: list[str] | None = None) -> list[ProblemKind]:
    """Return the problems of the table `problems` by kind, the most frequent kind first."""
    rows = source.sql(
        "SELECT kind, count(*) AS count, "
        "first(coalesce(detail, title) ORDER BY page_id, position) AS example "
        "FROM problems WHERE $runs IS NULL OR list_contains($runs::VARCHAR[], run_id) "
        "GROUP BY kind ORDER BY count DESC, kind", {"runs": run_ids},
    ).fetchall()
    return [ProblemKind(kind, number, " ".join(str(text).split())) for kind, number, text in rows]


def print_problems(source: Archive | Frames, run_ids: list[str] | None = None) -> None:
    """Print the rows of the table `problems` on stderr, one line per kind with an example."""
    for kind, number, text in problems(source, run_ids):
        output.say(f"{counted(number, 'problem')} of kind {kind}, e.g. {text[:160]}", err=True)


def listed(values: tuple[str, ...]) -> list[str]:
    """Return the items of a list argument, which commas or spaces separate.

    For a single `-` they are read from stdin, without the title of a column in the first line.
    """
    if values != ("-",):
        return [item for value in values for item in _items(value)]
    items = sys.stdin.read().replace(",", " ").split()
    if items and items[0] in _ID_TITLES:
        del items[0]
    return items


def _items(text: str) -> list[str]:
    return [item for item in text.split(",") if item]


def client_for(
    base_url: str | None, words: Vocabulary | None = None, *, writes: bool = False
) -> Client:
    """Return a client with the user's credentials, for X, another server or a replay.

    Missing credentials are reported by the first request.
    """
    from xframes.billing.budget import Budget
    from xframes.client import Client

    meta = click.get_current_context().meta
    budget = None
    if "xframes.budget" in meta:
        try:
            budget = Budget.read(meta["xframes.budget"], "--budget")
        except ConfigError as error:
            raise click.BadParameter(str(error)) from None
    replay = None
    if "xframes.replay" in meta:
        from xframes.archive import Archive

        replay = Archive(meta["xframes.replay"])
    client = Client(
        base_url=base_url, words=words, writes=writes, budget=budget, replay=replay
    )
    client.guarded = client.guarded and "xframes.yes" not in meta
    return client


def print_price(client: Client) -> None:
    """Print on stderr what the requests of a client cost."""
    from xframes.billing.sums import money

    prices = client.meter.so_far()
    if prices is not None and any(prices):
        requests = counted(client.requests_made, "request")
        output.say(f"{requests}, {money(*prices)}", err=True)


@contextmanager
def resumable(
    ctx: click.Context, folder: Path, base_url: str | None, words: Vocabulary | None
) -> Iterator[None]:
    """Note the command that resumes a collection, for the message when it stops early."""
    try:
        yield
    except Interrupted as error:
        if error.run_id is not None:
            command = ["xframes", "resume", error.run_id, "--archive", str(folder)]
            for option, value in (("--base-url", base_url), ("--words", words)):
                if value:
                    command += [option, value]
            ctx.find_root().meta["xframes.next"] = shlex.join(command)
        raise

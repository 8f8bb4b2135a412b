"""What several commands share: the archive option, lists of ids, the client, and what they print."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output
from xframes.errors import Interrupted
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.archive import Archive, Run
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.schema import Vocabulary


class ArchivePath(click.Path):
    """A folder, or the URL of an archive in object storage as it was given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Leave URLs alone, and look whether there is an archive where there must be one, as for folders."""
        if "://" not in str(value):
            return super().convert(value, param, ctx)
        from xframes.archive.storage.folder import Folder

        if self.exists and not Folder(str(value)).exists:
            self.fail(f"there is no archive at {value}; collecting or importing makes one", param, ctx)
        return value


def archive_option(*, exists: bool = True) -> Callable[..., Any]:
    """`--archive DIR`, of an archive that is there or of one that may be made."""
    kind = ArchivePath(exists=exists, file_okay=False, path_type=Path)
    about = "The archive." if exists else "The archive (made when missing)."
    return click.option("--archive", "folder", required=True, type=kind, metavar="DIR", help=about)


def show_run(run: Run, format_: str | None, into: Path | None) -> None:
    """Print a finished run as one row."""
    row = {"run_id": run.run_id, "action": run.action, "state": run.state, "pages": run.pages, "rows": run.rows,
           "archive": str(run.archive.path)}
    output.write(rows_table([row]), format_, into)


def rows_table(rows: list[dict[str, Any]]) -> Any:
    """Rows as an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pylist(rows)


def print_problems(found: Archive | Frames, run_ids: list[str] | None = None) -> None:
    """Print on stderr what X could not give and what could not be read, one line for each kind."""
    rows = found.sql(
        "SELECT kind, count(*) AS count, first(coalesce(detail, title) ORDER BY page_id, position) AS example "
        "FROM problems WHERE $runs IS NULL OR list_contains($runs::VARCHAR[], run_id) "
        "GROUP BY kind ORDER BY count DESC, kind", {"runs": run_ids},
    ).fetchall()
    for kind, count, example in rows:
        what = f"{counted(count, 'problem')} of kind {kind}"
        output.say(f"{what}, e.g. {' '.join(str(example).split())[:160]}", err=True)


def listed(values: tuple[str, ...]) -> list[str]:
    """A list from the command line, commas parting as spaces do, or for `-` from stdin, where a head is no item."""
    if values != ("-",):
        return [part for value in values for part in value.split(",") if part]
    found = sys.stdin.read().replace(",", " ").split()
    return found[1:] if found and found[0] in {"id", "post_id", "user_id", "author_id", "username"} else found


def client_for(
    base_url: str | None, words: Vocabulary | None = None, *, writes: bool = False
) -> Client:
    """Return a client with the user's credentials, for X or for another server."""
    from xframes.client import Client

    return Client(base_url=base_url, words=words, writes=writes)


@contextmanager
def resumable(
    ctx: click.Context, folder: Path, base_url: str | None, words: Vocabulary | None
) -> Iterator[None]:
    """Note the command that resumes a collection when it stops early."""
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

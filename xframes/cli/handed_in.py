"""Lists that users hand in: on the command line, in files, or on standard input."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli.common import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STDIN = Path("-")


def id_file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--column` and `--skip-bad`, which say how a file of ids is read."""
    for option in (
        click.option(
            "--skip-bad", is_flag=True, help="Leave out lines that are not ids. Default: stop.",
        ),
        click.option(
            "--column", metavar="NAME",
            help="Column of the file with the ids. Default: id, post_id, tweet_id or user_id, else "
            "the only column with ids.",
        ),
    ):
        command = option(command)
    return command


def ids_or_file(
    words: tuple[str, ...], table: str, column: str | None, *, skip_bad: bool
) -> list[str]:
    """Return the ids of a command line, of the file that it names, or of stdin (`-`)."""
    if not _is_file(words):
        return listed(words)
    return ids_in(Path(words[0]), table, column, skip_bad=skip_bad)


def ids_in(path: Path, table: str, column: str | None, *, skip_bad: bool) -> list[str]:
    """Return the ids of a file, or of stdin (`-`)."""
    from xframes.reader.id_files import ids_of

    with file_or_stdin(path) as file:
        return ids_of(file, table, column, skip_bad=skip_bad)


def _is_file(words: tuple[str, ...]) -> bool:
    """Whether the argument is the path of a file and not a list of ids."""
    if len(words) != 1:
        return False
    return Path(words[0]).is_file() or not set(words[0]) <= set("0123456789,")


@contextlib.contextmanager
def file_or_stdin(path: Path) -> Iterator[Path]:
    """Return a path as it is; copy stdin (`-`) to a temporary file, which can be read twice."""
    if path != _STDIN:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "stdin"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield copy

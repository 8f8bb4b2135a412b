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

    from xframes.registry import Param

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


def require_values(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Check that there are either values of an argument, or a file of them."""
    if value and ctx.params.get("from_file"):
        raise click.UsageError(f"expected {param.human_readable_name} or --from-file, got both")
    if not value and not ctx.params.get("from_file"):
        raise click.UsageError(f"missing {param.human_readable_name}, or --from-file FILE")
    return value


def values_of_file(
    param: Param, path: Path | None, column: str | None, *, skip_bad: bool
) -> dict[str, Any]:
    """Return the values of an argument that a file lists, by its name; empty without a file."""
    if path is None:
        if column is not None or skip_bad:
            raise click.UsageError("--column and --skip-bad need --from-file FILE")
        return {}
    if param.names:
        return {param.name: ids_in(path, param.names, column, skip_bad=skip_bad)}
    return {param.name: _lines(path)}


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file that are not empty, each once."""
    from xframes.reader.id_files import lines_of

    with file_or_stdin(path) as file:
        return lines_of(file)


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

"""The output of commands that print rows: in any of the formats, on the screen or in a file."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import contextmanager
from io import BytesIO
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes import formats
from xframes.cli.terminal import MOST_ROWS, render
from xframes.formats import Format, Options, Rows
from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    import pyarrow as pa

_MORE = "there are more"
_ANY_WIDTH = 1_000_000  # a file has no right edge
_RESULT = "result"  # the table's name in a file that holds tables


def _write_table(file: IO[bytes], rows: Rows, options: Options) -> int:
    """Write rows as aligned text; return the number of lines."""
    import pyarrow as pa

    batches = chain.from_iterable(batch.to_batches() for batch in rows.batches)
    reader = pa.RecordBatchReader.from_batches(rows.schema, batches)
    lines = 0
    for line in render(reader, rows=options.most, more=options.more, width=options.width):
        file.write(f"{line}\n".encode())
        lines += 1
    return lines


_TABLE = Format(
    name="table",
    label="table",
    suffixes=(".txt",),
    media_type="text/plain",
    about="Aligned columns of text, as many as fit the terminal, and the first rows.",
    write=_write_table,
    text=True,
)


def choices() -> tuple[Format, ...]:
    """Return the formats of rows: the table of a terminal, and those of files."""
    return (_TABLE, *formats.row_formats())


def say(text: str, *, head: str = "", err: bool = False, lines: bool = False) -> None:
    """Print a message for people, on one line unless it has several `lines`.

    Its control characters are escaped. `head` is printed before it as it is: our own words, maybe
    in colour.
    """
    said = text if lines else " ".join(text.splitlines())
    click.echo(head + neutral(said, keep="\n\t"), err=err)


def put(text: str) -> None:
    """Print a line of data: verbatim to files and pipes, safely on a terminal."""
    with _place(None) as file:
        file.write(f"{text}\n".encode())


def options(command: Any) -> Any:
    """Add `--format`, `--output` and `--spreadsheet`, the options of commands that print rows.

    They are checked before the command runs, so before it sends a request, which costs.
    """
    if isinstance(command, click.Command):
        command.callback = _checked(command.callback)
    else:
        command = _checked(command)
    chosen = click.option(
        "--format",
        "format_",
        type=click.Choice([f.name for f in choices()]),
        help=f"Format of the rows. Default: the suffix of --output; without it, {_TABLE.name} on a "
        f"terminal, csv elsewhere. {', '.join(f.name for f in choices() if f.whole)} need "
        f"--output. Suffixes: {formats.listing(choices())}.",
    )
    into = click.option(
        "--output",
        "into",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the rows to this file instead of printing them.",
    )
    quoted = click.option(
        "--spreadsheet",
        is_flag=True,
        expose_value=False,
        callback=_note_spreadsheet,
        help="CSV for spreadsheets, which run text that begins with =, +, - or @ as a formula: put "
        "an apostrophe before it. Without this option, text stays as it is, for pandas and R.",
    )
    return chosen(into(quoted(command)))


def _checked(function: Any) -> Any:
    @functools.wraps(function)
    def run(*arguments: Any, format_: str | None, into: Path | None, **more: Any) -> Any:
        check(format_, into)
        return function(*arguments, format_=format_, into=into, **more)

    return run


_SPREADSHEET = "xframes.spreadsheet"  # in a context's `meta`; see `check`


def _note_spreadsheet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Keep the option where rows are written: no command does anything else by it."""
    del param
    ctx.meta[_SPREADSHEET] = value


def _for_spreadsheet() -> bool:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_SPREADSHEET))


def write(
    rows: Any,
    format_: str | None = None,
    output: Path | None = None,
    *,
    most: int = MOST_ROWS,
    more: str = _MORE,
) -> None:
    """Write rows: anything with the Arrow stream protocol.

    A table says `more` below it if rows are missing. A file is written under a temporary name and
    renamed when complete. Columns of the same name get a number.
    """
    import pyarrow as pa

    reader = _named_apart(pa.RecordBatchReader.from_stream(rows))
    chosen = check(format_, output)
    result = Rows(_RESULT, reader.schema, (pa.Table.from_batches([batch]) for batch in reader))
    how = Options(
        is_result=True,
        spreadsheet=_for_spreadsheet(),
        most=most,
        more=more,
        width=None if output is None else _ANY_WIDTH,
    )
    if chosen.write_all is not None and output is not None:
        with _replaced(output) as path:
            chosen.write_all(path, [result], how)
    if chosen.write is not None:
        with _place(output) as file:
            chosen.write(file, result, how)


def check(format_: str | None, output: Path | None) -> Format:
    """Return the format of the rows.

    Raises ArgumentError or click's UsageError for what cannot be written.
    """
    chosen = _chosen(format_, output)
    formats.check_spreadsheet(chosen, choices(), wanted=_for_spreadsheet())
    if output is None and chosen.whole:
        raise click.UsageError(f"format {chosen.name} is a file; add --output FILE{chosen.suffix}")
    if output is None and not chosen.text and sys.stdout.isatty():
        raise click.UsageError(
            f"format {chosen.name} is not for a terminal; add --output FILE{chosen.suffix}"
        )
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"{output}: the folder {output.parent} does not exist")
    if output is not None and chosen.whole and not _is_plain_file(output):
        raise click.UsageError(f"{output}: expected a regular file for format {chosen.name}")
    return chosen


def _chosen(format_: str | None, output: Path | None) -> Format:
    if output is None:
        default = "table" if sys.stdout.isatty() and not _for_spreadsheet() else "csv"
        return formats.by_name(format_ or default, choices())
    found = formats.choose(output, format_, choices())
    if found is None:
        raise click.UsageError(
            f"{output}: expected a suffix, or --format; the formats are: "
            f"{formats.listing(choices())}"
        )
    if found.whole and output.suffix and output.suffix.lower() not in found.suffixes:
        expected = " or ".join(found.suffixes)
        raise click.UsageError(
            f"{output}: expected {expected} for format {found.name}, got {output.suffix!r}"
        )
    return found


def _is_plain_file(output: Path) -> bool:
    """Whether the path is a regular file or a new one: devices and pipes are not replaced."""
    return output.is_file() or not output.exists()


def _named_apart(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows under names that differ: `id`, `id_1`, … as DuckDB's data frames have them."""
    import pyarrow as pa

    given = reader.schema.names
    if len(set(given)) == len(given):
        return reader
    names: list[str] = []
    for name in given:
        tries = (name if not n else f"{name}_{n}" for n in count())
        names.append(next(t for t in tries if t not in names and (t == name or t not in given)))
    schema = pa.schema(
        [field.with_name(name) for field, name in zip(reader.schema, names, strict=True)]
    )
    return pa.RecordBatchReader.from_batches(
        schema, (batch.rename_columns(names) for batch in reader)
    )


class _Screen(BytesIO):
    """A terminal that is sent lines of data."""

    def __init__(self, terminal: IO[bytes]) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, data: Any) -> int:
        """Write whole lines, with escapes for what would steer the terminal."""
        return self._terminal.write(neutral(data.decode(), keep="\n\t").encode())


@contextmanager
def _place(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        sys.stdout.flush()  # what was said before comes before
        yield _Screen(sys.stdout.buffer) if sys.stdout.isatty() else sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if _is_plain_file(output):
        with _replaced(output) as path, path.open("wb") as file:
            yield file
        return
    with _reporting(output), output.open("wb") as file:
        yield _Screen(file) if file.isatty() else file


@contextmanager
def _replaced(output: Path) -> Iterator[Path]:
    """A temporary path, whose file takes the place of `output` when complete."""
    place = Path(os.path.realpath(output))
    staged = place.with_name(f".{place.name}.part")
    staged.unlink(missing_ok=True)
    try:
        with _reporting(output):
            yield staged
            staged.replace(place)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _reporting(output: Path) -> Iterator[None]:
    """Name the file in errors of the system."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror or error}") from error

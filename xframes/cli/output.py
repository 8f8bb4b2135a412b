"""Rows to where the user wants them: a table, CSV, JSON or Parquet, on the screen or in a file."""

from __future__ import annotations

import csv
import json
import os
import sys
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO, StringIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli.scalars import finite, jsonable, plain
from xframes.cli.terminal import MOST_ROWS, render
from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import IO

    import pyarrow as pa

FORMATS = ("table", "csv", "json", "jsonl", "parquet")
_MORE = "there are more"
_ANY_WIDTH = 1_000_000  # a file has no right edge
_SUFFIXES = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
             ".txt": "table"}


def say(text: str, *, head: str = "", err: bool = False, lines: bool = False) -> None:
    """Print a message for people, on one line unless it has several `lines`; it cannot steer the terminal.

    `head` comes before it as it is: our own words, maybe in colour.
    """
    said = text if lines else " ".join(text.splitlines())
    click.echo(head + neutral(said, keep="\n\t"), err=err)


def put(text: str) -> None:
    """Print a line of data: verbatim to files and pipes, safely on a terminal."""
    with _place(None) as file:
        file.write(f"{text}\n".encode())


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that prints rows: `--format`, `--output` and `--spreadsheet`."""
    chosen = click.option(
        "--format", "format_", type=click.Choice(FORMATS),
        help="How rows are printed: `table` (on a terminal), `csv` (the default elsewhere), `json` (one array), "
        "`jsonl` (one object a line) or `parquet`. With --output, the file's suffix decides.",
    )
    into = click.option(
        "--output", "into", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows to this file instead."
    )
    quoted = click.option(
        "--spreadsheet", is_flag=True, expose_value=False, callback=_note_spreadsheet,
        help="CSV for spreadsheets, which run text that begins with =, +, - or @ as a formula: put an "
        "apostrophe before it. Without this option, text stays as it is, for pandas and R.",
    )
    return chosen(into(quoted(command)))


_SPREADSHEET = "xframes.spreadsheet"  # in a context's `meta`; see `check`


def _note_spreadsheet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Keep the option where rows are written: no command does anything else by it."""
    del param
    ctx.meta[_SPREADSHEET] = value


def _for_spreadsheet() -> bool:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_SPREADSHEET))


def write(
    rows: Any, format_: str | None = None, output: Path | None = None, *, most: int = MOST_ROWS, more: str = _MORE
) -> None:
    """Write rows: anything with the Arrow stream protocol. `more` is said under a table that does not show them all.

    A file is written beside its place and moved there when whole. Columns of one name get a number.
    """
    import pyarrow as pa

    reader = _named_apart(pa.RecordBatchReader.from_stream(rows))
    format_ = check(format_, output)
    with _place(output) as file:
        if format_ == "table":
            for line in render(reader, rows=most, more=more, width=None if output is None else _ANY_WIDTH):
                file.write(f"{line}\n".encode())
        elif format_ == "csv":
            _csv(reader, file)
        elif format_ == "json":
            _json(reader, file)
        elif format_ == "jsonl":
            _jsonl(reader, file)
        else:
            _parquet(reader, file)


def check(format_: str | None, output: Path | None) -> str:
    """The format rows will be written in. Refuses what cannot be written: to be asked before X is, which costs."""
    format_ = format_ or _default_format(output)
    if _for_spreadsheet() and format_ != "csv":
        raise click.UsageError(f"--spreadsheet is for CSV, and this is {format_}; add --format csv")
    if format_ == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("parquet is not for a terminal; add --output FILE")
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"{output}: there is no folder {output.parent}")
    return format_


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
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    return pa.RecordBatchReader.from_batches(schema, (batch.rename_columns(names) for batch in reader))


def _default_format(output: Path | None) -> str:
    if output is None:
        return "table" if sys.stdout.isatty() and not _for_spreadsheet() else "csv"
    try:
        return _SUFFIXES[output.suffix.lower()]
    except KeyError:
        raise click.UsageError(f"{output}: the suffix is none of {', '.join(_SUFFIXES)}; say which --format") from None


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
    plain_file = output.is_file() or not output.exists()  # else a device or a pipe, written to as it stands
    place = Path(os.path.realpath(output)) if plain_file else output
    beside = place.with_name(f".{place.name}.part")
    try:
        with (beside if plain_file else place).open("wb") as file:
            yield _Screen(file) if file.isatty() else file
        if plain_file:
            beside.replace(place)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _csv(reader: pa.RecordBatchReader, file: IO[bytes]) -> None:
    text = _quoted if _for_spreadsheet() else plain
    file.write(_records([[text(name) for name in reader.schema.names]]))
    for batch in reader:
        columns = [[text(value) for value in column.to_pylist()] for column in batch.columns]
        file.write(_records(zip(*columns, strict=True)))


def _quoted(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula; numbers are none."""
    from xframes.archive.export.formats import FORMULA

    text = plain(value)
    return f"'{text}" if not isinstance(value, int | float | Decimal) and FORMULA.match(text) else text


def _records(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO(newline="")
    plainly, quoting = (csv.writer(text, lineterminator="\n", quoting=q) for q in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    for row in rows:  # a bare carriage return ends a row for many readers, and Python 3.11 does not quote it
        (quoting if any("\r" in cell for cell in row) else plainly).writerow(row)
    return text.getvalue().encode()


def _json(reader: pa.RecordBatchReader, file: IO[bytes]) -> None:
    """One array, each object on a line of its own."""
    before = "[\n"
    for row in _objects(reader):
        file.write(f"{before}{row}".encode())
        before = ",\n"
    file.write(b"[]\n" if before == "[\n" else b"\n]\n")


def _jsonl(reader: pa.RecordBatchReader, file: IO[bytes]) -> None:
    for row in _objects(reader):
        file.write(f"{row}\n".encode())


def _objects(reader: pa.RecordBatchReader) -> Iterator[str]:
    for batch in reader:
        for row in batch.to_pylist():
            yield json.dumps(finite(row), ensure_ascii=False, default=jsonable)


def _parquet(reader: pa.RecordBatchReader, file: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)

"""Commands about xframes itself: the tables and their columns, and the actions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from xframes.cli import output
from xframes.cli.completion import tables

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="List the tables and their columns.")
@click.argument("table", required=False, shell_complete=tables)
@output.options
def schema(table: str | None, format_: str | None, into: Path | None) -> None:
    """List the tables, or the columns of one TABLE with type, meaning and path in X's answers.

    Without TABLE, `--format table` (the default on a terminal) lists the tables; the other
    formats write the whole data dictionary, one row per column.

    \b
    Example:
      xframes schema posts
    """
    from xframes.schema import TABLES, dictionary

    if table is not None:
        if table not in TABLES:
            raise click.BadParameter(f"no table {table!r}; the tables are: {', '.join(TABLES)}")
        columns = dictionary([table])[["column", "type", "key", "meaning", "wire_path"]]
        output.write(columns, format_, into, most=len(columns))
    elif format_ == "table" or (format_ is None and into is None and sys.stdout.isatty()):
        output.write(_tables(), "table", into, most=len(TABLES))
        output.say(
            "(`xframes schema TABLE` lists its columns; `--format csv` writes the whole "
            "dictionary)", err=True,
        )
    else:
        output.write(dictionary(), format_, into)


def _tables() -> object:
    import pyarrow as pa

    from xframes.schema import TABLES

    return pa.Table.from_pylist([
        {"table": t.name, "kind": t.kind, "columns": len(t.columns), "meaning": t.doc}
        for t in TABLES.values()
    ])


@click.command(short_help="List the actions of X's API.")
@click.option(
    "--kind", type=click.Choice(["read", "write"]), help="List only reads, or only writes.",
)
@click.option(
    "--all", "all_", is_flag=True, help="Also list actions that are not part of X's listing.",
)
@output.options
def actions(kind: str | None, all_: bool, format_: str | None, into: Path | None) -> None:
    """List the actions of X's API in the order of X's listing.

    Each row has the action's name, kind, method, path, Python function and title.

    \b
    Example:
      xframes actions --kind read
    """
    from xframes.collect import actions as listed

    rows = listed(all=all_)
    if kind:
        rows = rows[rows["kind"] == kind].reset_index(drop=True)
    output.write(rows, format_, into, most=len(rows))


@click.command(short_help="List the formats of files that are imported.")
@output.options
def formats(format_: str | None, into: Path | None) -> None:
    """List the formats of files that `xframes import` knows, and how well it reads each.

    Each row has the format's name, the tools that write it, whether it is read, the tables it
    fills, the word of `--with` it needs, what it does not have, and the way out where it is
    refused.

    \b
    Example:
      xframes formats
    """
    import pyarrow as pa

    from xframes.reader.formats.listing import rows

    listed = rows()
    output.write(pa.Table.from_pylist(listed), format_, into, most=len(listed))


COMMANDS = (schema, actions, formats)

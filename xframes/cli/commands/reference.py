"""Commands that answer without X: the tables and their columns, and the actions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from xframes.cli import output
from xframes.cli.completion import tables

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="The tables and their columns.")
@click.argument("table", required=False, shell_complete=tables)
@output.options
def schema(table: str | None, format_: str | None, into: Path | None) -> None:
    """The tables, or the columns of one TABLE: name, type, meaning, and where X sends it.

    Without TABLE, `--format table` (the default on a terminal) lists the tables; the other formats write the whole
    data dictionary, one row per column.

    \b
    Example:
      xframes schema posts
    """
    from xframes.schema import TABLES, dictionary

    if table is not None:
        if table not in TABLES:
            raise click.BadParameter(f"there is no table {table!r}; the tables are: {', '.join(TABLES)}")
        columns = dictionary([table])[["column", "type", "key", "meaning", "wire_path"]]
        output.write(columns, format_, into, most=len(columns))
    elif format_ == "table" or (format_ is None and into is None and sys.stdout.isatty()):
        output.write(_tables(), "table", into, most=len(TABLES))
        output.say("(`xframes schema TABLE` shows its columns, `--format csv` writes the whole dictionary)", err=True)
    else:
        output.write(dictionary(), format_, into)


def _tables() -> object:
    import pyarrow as pa

    from xframes.schema import TABLES

    return pa.Table.from_pylist(
        [{"table": t.name, "kind": t.kind, "columns": len(t.columns), "meaning": t.doc} for t in TABLES.values()]
    )


@click.command(short_help="The actions of X's API.")
@click.option("--kind", type=click.Choice(["read", "write"]), help="Only actions that read, or that write.")
@click.option("--all", "all_", is_flag=True, help="Also those X has beyond the 79 listed.")
@output.options
def actions(kind: str | None, all_: bool, format_: str | None, into: Path | None) -> None:
    """The actions of X's API in the listing's order: name, method and path, and the function that carries them out.

    \b
    Example:
      xframes actions --kind read
    """
    from xframes.collect import actions as listed

    found = listed(all=all_)
    found = found[found["kind"] == kind].reset_index(drop=True) if kind else found
    output.write(found, format_, into, most=len(found))


COMMANDS = (schema, actions)

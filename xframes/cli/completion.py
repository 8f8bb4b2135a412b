"""`xframes completion`: the script that lets a shell complete commands, options and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_XFRAMES_COMPLETE"  # set by the scripts of click


@click.command("completion", short_help="Complete commands with the Tab key.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, tables and archives.

    \b
    To use it in every new shell, add the line of your shell to its start-up file:
      eval "$(xframes completion bash)"    in ~/.bashrc
      eval "$(xframes completion zsh)"     in ~/.zshrc
      xframes completion fish | source     in ~/.config/fish/config.fish

    \b
    Example:
      xframes completion bash
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(ctx.find_root().command, {}, "xframes", _VARIABLE).source())


def tables(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of tables that begin with a text, for a parameter's `shell_complete`."""
    del ctx, param
    from click.shell_completion import CompletionItem

    from xframes.schema import TABLES

    return [
        CompletionItem(table.name, help=table.doc)
        for table in TABLES.values()
        if table.name.startswith(incomplete)
    ]


COMMANDS = (completion,)

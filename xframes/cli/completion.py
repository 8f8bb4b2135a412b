"""`xframes completion`: the shell's own script that completes commands, options, tables and archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_XFRAMES_COMPLETE"  # what click's scripts set when they ask


@click.command("completion", short_help="Complete commands with the Tab key.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, tables and archives.

    \b
    For good, add the line for your shell to its start-up file:
      eval "$(xframes completion bash)"    in ~/.bashrc
      eval "$(xframes completion zsh)"     in ~/.zshrc
      xframes completion fish | source     in ~/.config/fish/config.fish

    \b
    Example:
      xframes completion bash
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "xframes", _VARIABLE).source())


def tables(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of tables that begin so, for a parameter's `shell_complete`."""
    del ctx, param
    from click.shell_completion import CompletionItem

    from xframes.schema import TABLES

    return [CompletionItem(t.name, help=t.doc) for t in TABLES.values() if t.name.startswith(incomplete)]


COMMANDS = (completion,)

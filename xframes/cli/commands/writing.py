"""One subcommand per write action, derived from its declaration.

The command of `write.like` is `xframes write like`.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output, servers
from xframes.cli.commands.collectors import arguments_of, declared, example, parameter
from xframes.cli.common import ArchivePath, client_for, print_problems
from xframes.errors import Interrupted
from xframes.registry import ACTIONS, Param

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xframes.registry import Action
    from xframes.wire import Request

_MEDIA_ID = Param(
    "media_id", "id", where="local",
    doc="Id of an upload that stopped, to continue it. Default: a new upload.",
)
_ONE_OF = {
    "text": "--text 'Good morning'", "name": "--name Observatories",
    "values": "--values 'coffee lang:en'",
}


def group() -> click.Group:
    """Return the group of the commands that change something at X."""
    writes = click.Group("write", help="Post, like, follow, upload: change something at X.")
    for action in ACTIONS.values():
        if action.kind == "write" and action.step_of is None:
            writes.add_command(_command(action))
    return writes


def _command(action: Action) -> click.Command:
    def run(ctx: click.Context, **values: Any) -> None:
        _write(ctx, action, **values)

    name = action.name.partition(".")[2].replace("_", "-")
    params = list(action.params)
    if action.name == "write.upload_media":
        params.append(_MEDIA_ID)
    command: Callable[..., Any] = click.pass_context(run)
    for decorate in reversed([*map(parameter, params), *_options()]):
        command = decorate(command)
    return click.command(name, help=_help(action, name), short_help=action.title)(command)


def _help(action: Action, name: str) -> str:
    words = ["xframes write", name, *(example(p) for p in action.params if p.required)]
    words += [_ONE_OF[group[0]] for group in action.needed]
    return (
        f"{action.title} ({action.endpoint}).\n\n"
        f"Print a row of the table writes, with the arguments and X's answer.\n\n"
        f"\b\nExample:\n  {' '.join(words)} --yes\n\n{declared(action)}"
    )


def _options() -> list[Callable[..., Any]]:
    """Return the options that every writing command has."""
    return [
        click.option(
            "--yes", is_flag=True, help="Skip the confirmation; required without a terminal.",
        ),
        click.option("--dry-run", is_flag=True, help="Print the request as JSON and send nothing."),
        click.option(
            "--archive", "folder", type=ArchivePath(file_okay=False, path_type=Path),
            metavar="DIR", help="Archive that also keeps X's answer (created if missing).",
        ),
        output.options,
        servers.base_url(),
    ]


def _write(
    ctx: click.Context, action: Action, *, yes: bool, dry_run: bool, folder: Path | None,
    format_: str | None, into: Path | None, base_url: str | None, **values: Any,
) -> None:
    from xframes.archive import Archive
    from xframes.collect import call

    arguments = arguments_of(action, values)
    if dry_run:
        shown = _shown(call(action.name, **arguments, dry_run=True))
        output.put(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    if not yes:
        _confirm(ctx)
    archive = None if folder is None else Archive(folder)
    with client_for(base_url, writes=True) as client:
        try:
            frames = call(action.name, **arguments, client=client, into=archive)
        except Interrupted as error:
            if error.media_id is not None and action.name == "write.upload_media":
                options = {"media_id": error.media_id, "archive": folder, "base_url": base_url}
                ctx.find_root().meta["xframes.next"] = _again(action, arguments | options)
            raise
    output.write(frames["writes"], format_, into)
    if frames.tables["problems"]:
        print_problems(frames)


def _again(action: Action, arguments: Mapping[str, Any]) -> str:
    """Return the command that continues a write."""
    required = [p.name for p in action.params if p.required]
    words = ["xframes", *action.name.replace("_", "-").split(".")]
    words += [str(arguments[name]) for name in required]
    for name, value in arguments.items():
        if name not in required and value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, "--yes"])


def _confirm(ctx: click.Context) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{ctx.command_path} changes something at X: add --yes to do it, or --dry-run to "
            "print the request"
        )
    click.confirm(f"{ctx.command_path} changes something at X. Continue?", abort=True, err=True)


def _shown(request: Request) -> dict[str, Any]:
    """Return the parts of a request to print; files by their size."""
    shown: dict[str, Any] = {
        "method": request.method, "path": request.path, "params": dict(request.params),
        "body": request.body,
    }
    if request.files is not None:
        shown["files"] = {name: f"{len(data):,} bytes" for name, data in request.files.items()}
    return shown

"""The `xframes` command: its subcommands, its error messages and its exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import click

from xframes import errors
from xframes.cli import output
from xframes.cli.commands import (
    archives,
    collectors,
    gaps,
    local,
    login,
    money,
    preflight,
    reference,
    sharing,
    writing,
)
from xframes.screen import counted, neutral
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

FAILED, USAGE, STOPPED = 1, 2, 3


class Program(click.Group):
    """The top command. It lists commands in order of use and prints an error as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        del ctx
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run the program; the object of its context is whether this process is for it alone."""
        options.setdefault("obj", args is None)
        return super().main(args, *rest, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand. An error becomes a line on stderr and an exit code."""
        if ctx.params.get("debug"):
            sys.excepthook = _show_traceback
            return super().invoke(ctx)
        with _traced(), _readable(ctx):
            return super().invoke(ctx)


@click.group(
    cls=Program,
    context_settings={
        "help_option_names": ["-h", "--help"], "max_content_width": 100,
        "token_normalize_func": lambda name: name.replace("_", "-"),
    },
)
@click.version_option(VERSION, prog_name="xframes")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Collect from the X API v2 into typed tables, archive them as Parquet, query them with SQL.

    Credentials are read from the environment (XFRAMES_BEARER_TOKEN) or the config file, never
    from the command line.

    \b
    Exit codes: 0 done, 1 failed, 2 usage, 3 stopped by a limit or budget (resumable).

    \b
    Example:
      xframes demo
    """
    del debug  # read by Program.invoke


for _command in (
    *local.FIRST, *login.COMMANDS, *collectors.groups(gaps.IN_AREAS), writing.group(),
    *archives.COMMANDS, *gaps.COMMANDS, *preflight.COMMANDS, *money.COMMANDS,
    *sharing.COMMANDS, *reference.COMMANDS, *local.LAST,
):
    main.add_command(_command)


@contextlib.contextmanager
def _readable(ctx: click.Context) -> Iterator[None]:
    """Turn errors into one line on stderr and an exit code."""
    try:
        with _warnings():
            yield
        sys.stdout.flush()
    except errors.Interrupted as error:
        output.say(f"xframes: {_stop(error)}", err=True)
        if "xframes.next" in ctx.meta:
            output.say(f"xframes: to continue, run: {ctx.meta['xframes.next']}", err=True)
        raise SystemExit(_code(error.__cause__)) from None
    except errors.ArgumentError as error:
        _say(error)
        raise SystemExit(USAGE) from None
    except errors.XframesError as error:
        _say(error)
        raise SystemExit(_code(error)) from None
    except click.ClickException as error:
        quoting = neutral(error.message, keep="\n")  # an argument, or a file's name
        error.message = quoting  # type: ignore[misc]  # final to type checkers only
        raise
    except OSError as error:
        if error.errno != errno.EPIPE:
            _say(error)
            raise SystemExit(FAILED) from None
        _leave_pipe()  # the reader, e.g. head, stopped reading: not a failure


@contextlib.contextmanager
def _warnings() -> Iterator[None]:
    """Print warnings for users as one line on stderr, each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _show_warning
        yield


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    output.say(f"xframes: {' '.join(str(message).split())}", err=True)


@contextlib.contextmanager
def _traced() -> Iterator[None]:
    """Print the traceback of an unexpected error, and exit."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:  # noqa: BLE001  any error is shown with its traceback
        _show_traceback(type(error), error, error.__traceback__)
        raise SystemExit(FAILED) from None


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback with control characters escaped: it may quote any text."""
    output.say("".join(traceback.format_exception(kind, error, trace)), err=True, lines=True)


def _code(error: BaseException | None) -> int:
    """Return the exit code for an error."""
    if isinstance(error, errors.RateLimited | errors.UsageCapped | errors.BudgetReached):
        return STOPPED
    return FAILED


def _stop(error: errors.Interrupted) -> str:
    """Say how far a collection or a write came. The error's own message names Python methods."""
    if error.__cause__ is None:
        return _message(error)
    amounts = ""
    if error.pages:
        amounts = f" after {counted(error.pages, 'page')}, {counted(error.rows, 'row')}"
    return f"stopped{amounts}: {_message(error.__cause__)}"


def _say(error: Exception) -> None:
    output.say(f"xframes: {_message(error)}", err=True)


def _message(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _leave_pipe() -> None:
    """Send buffered output to the null device, so that the interpreter's last flush is silent."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""One subcommand per read action, made from its declaration: `search.recent` is `xframes search recent`."""

from __future__ import annotations

import json
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output, servers
from xframes.cli.common import ArchivePath, client_for, listed, print_problems, resumable, show_run
from xframes.cli.completion import tables
from xframes.errors import Interrupted
from xframes.registry import ACTIONS
from xframes.registry.documentation import TITLE, facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xframes.registry import Action, Param
    from xframes.schema import Vocabulary

_AREAS = {  # in the order of the list of commands
    "search": "Posts that match a query.",
    "counts": "How many posts match a query.",
    "timelines": "Posts of, about and for a user.",
    "posts": "Posts by id, who quoted, liked and reposted them.",
    "users": "Users, whom they follow, what they like and keep.",
    "lists": "Lists, their posts, members and followers.",
    "spaces": "Spaces, by id, creator or title.",
    "messages": "Your direct messages.",
    "streams": "Posts as they are made.",
    "analytics": "Engagement with your own posts and media.",
    "usage": "Posts read against your project's cap.",
    "media": "Media by key, and how uploads stand.",
    "compliance": "Jobs that tell what is gone.",
    "communities": "Communities.",
    "trends": "What people talk about.",
    "news": "News stories X makes of posts.",
}
_EXAMPLES = {  # what an argument looks like, for the example in every command's help
    "query": "'coffee lang:en'", "ids": "1900000000000000001 1900000000000000002", "id": "1900000000000000001",
    "username": "XDevelopers", "usernames": "XDevelopers X", "keys": "3_1900000000000000001", "str": "coffee",
    "int": "1",
}
_NAMED = {"media_key": "3_1900000000000000001", "space_id": "1zqKVXPQhvZJB",
          "space_ids": "1zqKVXPQhvZJB 1rmGPkyzWXZKN", "start_time": "2026-01-01",
          "end_time": "2026-01-31", "rules": """'[{"value": "coffee", "tag": "c"}]'""", "path": "cat.png",
          "conversation_id": "1900000000000000001", "language_code": "EN", "name": "Observatories"}


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A time: ISO 8601 with its zone, or a date, which is midnight in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse, or refuse with the way out."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-01-31 or 2026-01-31T18:00:00Z", param, ctx)
        if found.tzinfo is None:
            if len(value) > len("2026-01-31"):
                self.fail(f"{value!r} names no time zone; for UTC write {value}Z", param, ctx)
            found = found.replace(tzinfo=UTC)
        return found


class Some(click.Choice):  # type: ignore[type-arg]  # the same
    """One or more of the choices, joined by commas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is no choice."""
        return ",".join(super(Some, self).convert(part, param, ctx) for part in value.split(","))


class Json(click.ParamType):  # type: ignore[type-arg]  # the same
    """A value written as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse, or refuse."""
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"{value!r} is no JSON: {error}", param, ctx)


def groups() -> list[click.Group]:
    """The groups of commands: one for each first part of the actions' names."""
    found: dict[str, click.Group] = {}
    for action in ACTIONS.values():
        area, _, name = action.name.partition(".")
        if action.kind != "read":
            continue
        if area not in found:
            found[area] = click.Group(area, help=_AREAS.get(area, f"The actions of {area}."))
        found[area].add_command(_command(action, name.replace("_", "-")))
    return [found[area] for area in sorted(found, key=lambda a: (list(_AREAS).index(a) if a in _AREAS else 99, a))]


def _command(action: Action, name: str) -> click.Command:
    def run(ctx: click.Context, **given: Any) -> None:
        _collect(ctx, action, **given)

    command: Callable[..., Any] = click.pass_context(run)
    for decorate in reversed([*map(parameter, action.params), *_common(action)]):
        command = decorate(command)
    return click.command(name, help=_help(action, name), short_help=action.title)(command)


def _help(action: Action, name: str) -> str:
    words = [f"xframes {action.name.partition('.')[0]} {name}"]
    words += [example(p) for p in action.params if p.required]
    several = [p.name.upper() for p in action.params if p.required and p.many]
    many = f" With `-` as {several[0]}, they are read from standard input." if several else ""
    rest = " --limit 500" if action.paged or action.streaming else ""
    return (
        f"{action.title} ({action.endpoint}).\n\n"
        f"Print the rows of the table {action.rows}. With --archive, add everything X sends to the "
        "archive and print the run; with --table, --format or --output, print the rows too."
        f"{many}\n\n"
        f"\b\nExample:\n  {' '.join(words)}{rest} --archive my-archive\n\n{declared(action)}"
    )


def declared(action: Action) -> str:
    """The end of a command's help: limits, price, credentials and source, by the declaration."""
    lines = textwrap.TextWrapper(76, break_long_words=False, break_on_hyphens=False)
    wrapped = [part for fact in facts(action) for part in lines.wrap(fact)]
    return "\n  ".join([f"\b\n{TITLE}:", *wrapped])


def example(param: Param) -> str:
    """What the parameter's argument looks like."""
    return param.choices[0] if param.choices else _NAMED.get(param.name) or _EXAMPLES[param.kind]


def _collect(
    ctx: click.Context, action: Action, *, folder: Path | None, table: str | None, format_: str | None,
    into: Path | None, base_url: str | None, words: Vocabulary | None, **given: Any,
) -> None:
    from xframes.archive import Archive, Run
    from xframes.collect import call
    from xframes.schema import TABLES

    if table is not None and table not in TABLES:
        raise click.BadParameter(f"there is no table {table!r}; the tables are: {', '.join(TABLES)}")
    shown = table or action.rows or "posts"
    arguments = arguments_of(action, given)
    client = client_for(base_url, words)
    if folder is None:
        try:
            frames = call(action.name, **arguments, client=client)
        except Interrupted as error:
            if error.frames is not None and len(error.frames):  # paid for, so it is shown; the exit code says the rest
                output.write(error.frames[shown], format_, into)
            raise
        output.write(frames[shown], format_, into)
        if frames.tables["problems"] and shown != "problems":
            print_problems(frames)
        return
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        run: Run = call(action.name, **arguments, into=archive, client=client)
        if table or format_ or into:
            output.write(run.frames()[shown], format_, into)
        else:
            show_run(run, format_, into)
        print_problems(archive, [run.run_id])


def arguments_of(action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the command line gave, as the action's function takes it."""
    texts = {param.name for param in action.params if param.kind == "texts"}  # these may hold commas and spaces
    named = {name: value for name, value in given.items() if value is not None and value != ()}
    return {name: listed(value) if isinstance(value, tuple) and name not in texts else value
            for name, value in named.items()}


def parameter(param: Param) -> Callable[..., Any]:
    """The argument or option of a parameter."""
    if param.required:  # `-` reads a list from stdin; see listed
        return click.argument(param.name, nargs=-1 if param.many else 1, required=True, type=_type(param))
    flag = f"--{param.name.replace('_', '-')}"
    if param.kind == "bool":
        return click.option(f"{flag}/--no-{flag[2:]}", param.name, default=None, help=param.doc or None)
    return click.option(flag, param.name, type=_type(param), multiple=param.many, help=_about(param))


def _type(param: Param) -> click.ParamType[Any]:
    if param.choices:
        return Some(param.choices) if param.many else click.Choice(param.choices)
    return _TYPES[param.kind](param) if param.kind in _TYPES else click.STRING


_TYPES: dict[str, Callable[[Param], click.ParamType[Any]]] = {
    "time": lambda _: Moment(), "int": lambda param: click.IntRange(param.min, param.max),
    "seconds": lambda param: click.FloatRange(param.min), "json": lambda _: Json(),
    "file": lambda _: click.Path(exists=True, dir_okay=False),
}


def _about(param: Param) -> str | None:
    return f"{param.doc} May be repeated.".strip() if param.many else param.doc or None


def _common(action: Action) -> list[Callable[..., Any]]:
    """Options every collecting command has."""
    found: list[Callable[..., Any]] = [
        click.option("--archive", "folder", type=ArchivePath(file_okay=False, path_type=Path), metavar="DIR",
                     help="Archive to collect into (created if missing)."),
        click.option("--table", metavar="NAME", shell_complete=tables,
                     help=f"Print the rows of this table instead of {action.rows}."),
        output.options,
        servers.options,
    ]
    if action.follows:
        newer = "With --archive: collect only posts newer than the last run of the same query."
        found.insert(0, click.option("--since", type=click.Choice(["last"]), help=newer))
    if action.looks_up is not None:
        again = "With --archive: request again what the archive already has."
        found.insert(0, click.option("--refresh", is_flag=True, help=again))
    if action.paged or action.token or action.streaming:
        most = f"Stop after this many rows of {action.rows}. Default: no bound."
        found.insert(0, click.option("--limit", type=click.IntRange(min=1), help=most))
    return found

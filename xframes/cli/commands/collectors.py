"""One subcommand per read action, derived from its declaration.

The command of `search.recent` is `xframes search recent`.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xframes.cli import output, servers
from xframes.cli.common import (
    ArchivePath,
    client_for,
    listed,
    print_price,
    print_problems,
    problems,
    resumable,
    show_runs,
    single_runs,
)
from xframes.cli.completion import tables
from xframes.cli.handed_in import id_file_options, require_values, values_of_file
from xframes.errors import Interrupted, NotFound
from xframes.registry import ACTIONS
from xframes.registry.documentation import TITLE, facts
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from xframes.archive import Archive, Run
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.planning.costs.expected_cost import Cost
    from xframes.registry import Action, Param
    from xframes.schema import Vocabulary

_AREAS = {  # in the order of the list of commands
    "search": "Search posts.",
    "counts": "Count the posts that match a query.",
    "timelines": "Collect the posts, mentions or home timeline of a user.",
    "posts": "Look up posts, their quotes and reposts, and who liked them.",
    "users": "Look up users, their relations, likes, bookmarks and lists.",
    "lists": "Look up lists, their posts, members and followers.",
    "spaces": "Look up and search Spaces.",
    "messages": "Collect your direct messages.",
    "streams": "Collect posts while they are published.",
    "analytics": "Collect the engagement with your own posts and media.",
    "usage": "Show the posts your project has read, and its credits.",
    "media": "Look up media and the status of uploads.",
    "compliance": "Look up compliance jobs.",
    "communities": "Look up and search communities.",
    "trends": "Collect trends.",
    "news": "Look up and search news stories.",
    "notes": "Collect your Community Notes, and posts that can have some.",
    "broadcasts": "Look up broadcasts, their chats and schedules.",
    "connections": "List the connections to streams.",
}
_EXAMPLES = {  # values of arguments by kind, for the example in the help of a command
    "query": "'coffee lang:en'", "ids": "1900000000000000001 1900000000000000002",
    "id": "1900000000000000001", "username": "XDevelopers", "usernames": "XDevelopers X",
    "keys": "3_1900000000000000001", "str": "coffee", "int": "1",
}
_NAMED = {  # values of arguments by name, preferred
    "media_key": "3_1900000000000000001", "space_id": "1zqKVXPQhvZJB",
    "space_ids": "1zqKVXPQhvZJB 1rmGPkyzWXZKN", "start_time": "2026-01-01",
    "end_time": "2026-01-31", "rules": """'[{"value": "coffee", "tag": "c"}]'""",
    "path": "cat.png", "conversation_id": "1900000000000000001", "language_code": "EN",
    "name": "Observatories", "broadcast_id": "1zqKVXPQhvZJB", "scheduled_id": "1zqKVXPQhvZJB",
    "scheduled_broadcast_id": "1000000000001", "uuids": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "scheduled_start_ms": "1772000000000",
    "scheduled_end_ms": "1772003600000",
}


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A time in ISO 8601 with its zone, or a date, which means midnight in UTC."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parse the time, or refuse it with an example."""
        from xframes.errors import ArgumentError
        from xframes.plan.values import moment

        try:
            return moment(self.name, value)
        except ArgumentError as error:
            self.fail(str(error), param, ctx)


class Some(click.Choice):  # type: ignore[type-arg]  # the same
    """One or more of the choices, joined by commas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check each part."""
        return ",".join(super(Some, self).convert(part, param, ctx) for part in value.split(","))


class Json(click.ParamType):  # type: ignore[type-arg]  # the same
    """A value written as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the JSON, or refuse it."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"expected JSON, got {value!r}: {error}", param, ctx)


def groups(further: Mapping[str, Iterable[click.Command]]) -> list[click.Group]:
    """Return the groups of commands, one per area such as `search`, with `further` commands."""
    areas: dict[str, click.Group] = {}
    for action in ACTIONS.values():
        area, _, name = action.name.partition(".")
        if action.kind != "read":
            continue
        if area not in areas:
            areas[area] = click.Group(area, help=_AREAS.get(area, f"The actions of {area}."))
        areas[area].add_command(_command(action, name.replace("_", "-")))
    for area, commands in further.items():
        for command in commands:
            areas[area].add_command(command)
    order = [*_AREAS, *sorted(areas.keys() - _AREAS.keys())]
    return [areas[area] for area in order if area in areas]


def _command(action: Action, name: str) -> click.Command:
    def run(
        ctx: click.Context, *, cost: bool, read_some: bool | None = None, **values: Any
    ) -> None:
        if cost:
            _show_cost(action, read_some=read_some, **values)
            return
        if read_some is not None:
            raise click.UsageError("--sample and --no-sample need --cost")
        _collect(ctx, action, **values)

    command: Callable[..., Any] = click.pass_context(run)
    listed = file_param(action)
    params = [parameter(param, in_file=param == listed) for param in action.params]
    for decorate in reversed([*params, *_from_file(listed), *_common(action)]):
        command = decorate(command)
    return click.command(name, help=_help(action, name), short_help=action.title)(command)


def file_param(action: Action) -> Param | None:
    """Return the argument whose values a file can list: a run for each line, or a lookup of all."""
    if action.repeats is not None:
        return action.repeats
    return next((param for param in action.params if param.splits), None)


def _from_file(param: Param | None) -> list[Callable[..., Any]]:
    """Return the options that read the values of an argument from a file."""
    if param is None:
        return []
    name = param.name.upper()
    of_ids = [id_file_options] if param.names else []
    return [
        click.option(
            "--from-file", type=click.Path(allow_dash=True, dir_okay=False, path_type=Path),
            metavar="FILE", is_eager=True,
            help=f"Read {name} from this file instead, one per line (`-` for standard input)."
            + (" Each is collected as a run of its own." if not param.many else ""),
        ),
        *of_ids,
    ]


def _show_cost(
    action: Action, *, folder: Path | None, format_: str | None, into: Path | None,
    base_url: str | None, words: Vocabulary | None, read_some: bool | None,
    from_file: Path | None = None,
    column: str | None = None, skip_bad: bool = False, **values: Any,
) -> None:
    from xframes.archive import Archive
    from xframes.planning.costs.costing import cost

    for option in ("table", "with_people"):
        values.pop(option, None)
    arguments = arguments_of(action, values)
    param = file_param(action)
    if param is not None:
        arguments |= values_of_file(param, from_file, column, skip_bad=skip_bad)
    client = client_for(base_url, words)
    archive = None if folder is None else Archive(folder)
    found = cost(action.name, **arguments, into=archive, sample=read_some, client=client)
    show_cost(found, format_, into)


def show_cost(found: Cost, format_: str | None, into: Path | None) -> None:
    """Print what a collection would cost: the ways to collect, then facts and the call."""
    output.write(found.frame, format_, into)
    output.say(repr(found).strip("<>"), err=True, lines=True)


def _help(action: Action, name: str) -> str:
    required = [param for param in action.params if param.required]
    words = [f"xframes {action.name.partition('.')[0]} {name}", *map(example, required)]
    if action.paged or action.streaming:
        words.append("--limit 500")
    text = (
        f"{action.title} ({action.endpoint}).\n\n"
        f"Print the rows of the table {action.shown}. With --archive, add everything X sends to "
        "the archive and print the run; with --table, --format or --output, print the rows too."
    )
    lists = [param.name.upper() for param in required if param.many]
    if lists:
        text += f" If {lists[0]} is `-`, read the list from standard input."
    return f"{text}\n\n\b\nExample:\n  {' '.join(words)} --archive my-archive\n\n{declared(action)}"


def declared(action: Action) -> str:
    """Return the last part of a command's help: limits, price, credentials and source."""
    lines = textwrap.TextWrapper(76, break_long_words=False, break_on_hyphens=False)
    wrapped = [part for fact in facts(action) for part in lines.wrap(fact)]
    return "\n  ".join([f"\b\n{TITLE}:", *wrapped])


def example(param: Param) -> str:
    """Return a value of a parameter, for an example."""
    if param.choices:
        return param.choices[0]
    if param.name in _NAMED:
        return _NAMED[param.name]
    return _EXAMPLES[param.kind]


def _collect(
    ctx: click.Context, action: Action, *, folder: Path | None, table: str | None,
    format_: str | None, into: Path | None, base_url: str | None,
    words: Vocabulary | None, from_file: Path | None = None, column: str | None = None,
    skip_bad: bool = False, with_people: bool = False, **values: Any,
) -> None:
    from xframes.archive import Archive
    from xframes.collect import call
    from xframes.planning.lookups import complete
    from xframes.schema import TABLES

    if table is not None and table not in TABLES:
        raise click.BadParameter(f"no table {table!r}; the tables are: {', '.join(TABLES)}")
    if with_people:
        if folder is None:
            raise click.UsageError("--with-people needs --archive DIR, which knows who is missing")
        values["expansions"] = values.get("expansions") or "lean"
    rows = table or action.shown or "results"
    arguments = arguments_of(action, values)
    param = file_param(action)
    if param is not None:
        arguments |= values_of_file(param, from_file, column, skip_bad=skip_bad)
    client = client_for(base_url, words)
    if folder is None:
        _print_rows(action, arguments, rows, client=client, format_=format_, into=into)
        print_price(client)
        return
    with resumable(ctx, folder, base_url, words), Archive(folder) as archive:
        run: Run = call(action.name, **arguments, into=archive, client=client)
        runs = single_runs(run)
        _check_present(action, archive, run.rows, [run.run_id])
        if table or format_ or into:
            output.write(run.frames()[rows], format_, into)
        else:
            show_runs(runs, format_, into)
        print_problems(archive, [each.run_id for each in runs])
        if with_people:
            complete(archive, "users", client=client)
    print_price(client)


def _print_rows(
    action: Action, arguments: Mapping[str, Any], rows: str, *, client: Client,
    format_: str | None, into: Path | None,
) -> None:
    """Collect into memory, and print a table; also what came before an error, which X bills."""
    from xframes.collect import call

    try:
        frames: Frames = call(action.name, **arguments, client=client)
    except Interrupted as error:
        if error.frames is not None and len(error.frames):
            output.write(error.frames[rows], format_, into)
        raise
    _check_present(action, frames, len(frames[action.rows or "posts"]))
    output.write(frames[rows], format_, into)
    if frames.tables["problems"] and rows != "problems":
        print_problems(frames)


def _check_present(
    action: Action, source: Archive | Frames, rows: int, run_ids: list[str] | None = None
) -> None:
    """Raise NotFound with X's reason if the one object that was requested is missing.

    X answers such a request with 200 or with 404, and both are failures.
    """
    if not action.single or rows:
        return
    reasons = problems(source, run_ids)
    if reasons:
        raise NotFound(f"{action.name}: {reasons[0].text}", action=action.name)


def arguments_of(action: Action, values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the values of a command line to the arguments of an action's function.

    Options that were not used are left out. A list is split at commas, except a list of texts,
    which may contain commas.
    """
    texts = {param.name for param in action.params if param.kind == "texts"}
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or value == ():
            continue
        if isinstance(value, tuple) and name not in texts:
            arguments[name] = listed(value)
        else:
            arguments[name] = value
    return arguments


def parameter(param: Param, *, in_file: bool = False) -> Callable[..., Any]:
    """Return the argument or option of a parameter; `in_file`: a file may have its values."""
    if param.required:
        count = -1 if param.many else 1
        check = require_values if in_file else None
        return click.argument(
            param.name, nargs=count, required=not in_file, type=_type(param), callback=check
        )
    flag = f"--{param.name.replace('_', '-')}"
    if param.kind == "bool":
        return click.option(
            f"{flag}/--no-{flag[2:]}", param.name, default=None, help=_about(param),
        )
    return click.option(
        flag, param.name, type=_type(param), multiple=param.many, help=_about(param),
    )


def _type(param: Param) -> click.ParamType[Any]:
    if param.choices and param.many:
        return Some(param.choices)
    if param.choices:
        return click.Choice(param.choices)
    kind = _TYPES.get(param.kind)
    if kind is None:
        return click.STRING
    return kind(param)


_TYPES: dict[str, Callable[[Param], click.ParamType[Any]]] = {
    "time": lambda _: Moment(),
    "int": lambda param: click.IntRange(param.min, param.max),
    "seconds": lambda param: click.FloatRange(param.min),
    "json": lambda _: Json(),
    "file": lambda _: click.Path(exists=True, dir_okay=False),
}


def _about(param: Param) -> str | None:
    """Return the help of an option: its meaning, its bound and what leaving it out means."""
    parts = [param.doc, _bound(param)]
    if param.default is not None:
        parts.append(f"Default: {str(param.default).lower()}.")
    if param.many:
        parts.append("May be repeated.")
    return " ".join(filter(None, parts)) or None


def _bound(param: Param) -> str:
    """Say which times, texts and lists X accepts. The type of an option shows its numbers."""
    if param.earliest is not None:
        return f"Not before {_earliest(param.earliest)}."
    if param.max is None or param.kind == "int":
        return ""
    if param.kind == "str":
        return f"At most {counted(param.max, 'character')}."
    return f"At most {counted(param.max, 'value')}."


def _earliest(text: str) -> str:
    """Say which time a bound such as `-7d` or an ISO date means."""
    days = re.fullmatch(r"-(\d+)d", text)
    if days is None:
        return text.partition("T")[0]
    return f"{counted(int(days[1]), 'day')} ago"


def _common(action: Action) -> list[Callable[..., Any]]:
    """Return the options that every collecting command has, and those that the action allows."""
    about = "Show what it would cost for each way to collect, and collect nothing."
    options: list[Callable[..., Any]] = [click.option("--cost", is_flag=True, help=about)]
    if action.paged is not None and action.objects == "post":
        options.append(click.option(
            "--sample/--no-sample", "read_some", default=None,
            help="With --cost: whether to read posts, which X bills, to narrow the ranges. "
            "Default: for searches, at most 200.",
        ))
    if action.paged or action.token or action.streaming:
        options.append(click.option(
            "--limit", type=click.IntRange(min=1),
            help=f"Stop after this many rows of {action.shown}. Default: no bound.",
        ))
    if action.paged is not None:
        least, most = action.paged
        options.append(click.option(
            "--max-results", type=click.IntRange(least, most),
            help="Most rows of a page. Default: as many as X sends.",
        ))
    if action.looks_up is not None:
        options.append(click.option(
            "--refresh", is_flag=True,
            help="With --archive: request again what the archive already has.",
        ))
    if action.expands:
        options.append(click.option(
            "--expansions", metavar="NAMES",
            help="Related objects to include, which X may bill: all (the default), lean (none), or "
            "X's names of expansions joined by commas.",
        ))
    if action.expands and action.objects == "post" and not action.streaming:
        options.append(click.option(
            "--with-people", is_flag=True,
            help="With --archive: collect lean, then look up people and referenced posts that the "
            "archive does not have, each once.",
        ))
    if action.follows:
        options.append(click.option(
            "--since", type=click.Choice(["last"]),
            help="With --archive: collect only posts newer than the last run of the same query.",
        ))
    return [
        *options,
        click.option(
            "--archive", "folder", type=ArchivePath(file_okay=False, path_type=Path),
            metavar="DIR", help="Archive to collect into (created if missing).",
        ),
        click.option(
            "--table", metavar="NAME", shell_complete=tables,
            help=f"Print the rows of this table instead of {action.shown}.",
        ),
        output.options,
        servers.options,
        servers.budget,
    ]

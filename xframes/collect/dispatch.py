"""What every collector does: arguments → plan → pages → Frames, or a run of an archive."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, cast

from xframes import registry
from xframes.client import Client, check_price, checked, current, price_note
from xframes.errors import ArgumentError, BudgetReached, Interrupted, Resumable
from xframes.frames import Frames
from xframes.paging.pages import State
from xframes.paging.steps import steps
from xframes.plan import options, plan
from xframes.registry.documentation import takes_numbers
from xframes.screen import counted
from xframes.wire import Purpose

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    from xframes.plan import Plan
    from xframes.registry import Action, Param
    from xframes.wire import Page

    R = DefaultTypeVar("R", default=Frames)
    """What a collector returns: Frames; with an archive as `into`, a Run."""
else:
    R = TypeVar("R")  # defaults of type variables are Python 3.13's

__all__ = [
    "Exclude", "Fields", "Id", "Ids", "Into", "Names", "R", "Seconds", "Time", "annotation",
    "carry_out", "collect", "function", "own_ids", "signature",
]

Id: TypeAlias = str | int
Ids: TypeAlias = str | int | Iterable[str | int]
Names: TypeAlias = str | Iterable[str]
Fields: TypeAlias = str | Iterable[str] | Mapping[str, Any]
Time: TypeAlias = datetime | str
Seconds: TypeAlias = float | timedelta
Exclude: TypeAlias = Literal["replies", "retweets"]

Made_co = TypeVar("Made_co", covariant=True)
_HANDLING = ("into", "client", "progress")  # arguments of every collector, not part of its plan


class Into(Protocol[Made_co]):
    """A target to collect into instead of memory, e.g. an Archive."""

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Made_co:
        """Carry out a plan and return its result."""
        ...


def collect(
    name: str, /, *, into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None, **arguments: Any,
) -> R:
    """Carry out an action with the arguments of its collector.

    Parameters
    ----------
    name
        Name of a read action, e.g. `"search.recent"`.
    into
        Archive to collect into. Default: keep the result in memory.
    client
        Client to send with. Default: the one set with `xf.use`, else one with the credentials of
        the environment or the config file.
    progress
        Whether to show a progress bar. Default: on terminals and in notebooks only.
    arguments
        Arguments of the action. None means the same as a missing argument.

    Returns
    -------
    Frames
        The tables of all pages. With `into`, what its `collect` returns.

    Raises
    ------
    ArgumentError
        Before any request, for arguments that X would refuse.
    XframesError
        The client's error, if it happened before the first page.
    Interrupted
        An error or Ctrl-C stopped the collection after the first page. It carries what was
        collected and how to resume.

    Examples
    --------
    >>> collect("users.search", query="duckdb", limit=100).users
    """
    action = registry.action(name)
    client = client or current(name)
    if isinstance(client, type) or not hasattr(client, "now"):
        raise ArgumentError(
            f"{name}: client: expected a Client such as xf.Client(bearer_token=…), "
            f"got {client!r:.60}", action=name,
        )
    values = {key: value for key, value in arguments.items() if value is not None}
    own = own_ids(action, values)
    # the user's own id is filled in later: all arguments are checked before its request
    planned = plan(
        name, dict.fromkeys(own, "0") | values, now=client.now(), words=client.words,
        query_limit=client.query_limit,
    )
    checked(client, name)  # before any request, also that for the user's id
    if own:
        own_arguments = dict.fromkeys(own, client.user_id())
        planned = replace(planned, arguments=planned.arguments | own_arguments)
    return carry_out(planned, into, client, progress)


def carry_out(
    planned: Plan, into: Into[R] | None, client: Client, progress: bool | None,
    earlier: Iterable[Page] = (),
) -> R:
    """Carry out a checked plan, into an archive or into memory.

    `earlier` are pages that the result in memory also has. Raises as `collect` does.
    """
    name = planned.action
    if planned.since is not None and into is None:
        raise ArgumentError(f'{name}: since="last" needs into=archive', action=name)
    if into is None:
        check_price(client, planned)
        # R's default is Frames
        return cast("R", _InMemory(planned, client, earlier=tuple(earlier)).run(progress))
    if not hasattr(into, "collect"):
        raise ArgumentError(
            f"{name}: into: expected an Archive such as xf.Archive('my-archive'), got {into!r:.60}",
            action=name,
        )
    return into.collect(planned, client, progress=progress)


def own_ids(action: Action, values: Mapping[str, Any]) -> list[str]:
    """Return the missing arguments whose default is the authenticated user's id."""
    return [
        param.name
        for param in action.params
        if param.where == "path" and not param.required and param.name not in values
    ]


@dataclass
class _InMemory(Resumable):
    """A collection into memory. If X repeats a token, its page is kept once."""

    plan: Plan
    client: Client
    run_id: str = field(default_factory=lambda: f"memory-{secrets.token_hex(8)}")
    state: State = field(default_factory=State)
    pages: dict[tuple[str, ...], Page] = field(default_factory=dict)
    earlier: tuple[Page, ...] = ()

    def run(self, progress: bool | None) -> Frames:
        from xframes.progress import bar

        try:
            note = partial(price_note, self.client, self.run_id)
            expected = self.plan.expected
            with bar(progress, self.plan.action, " rows", expected, note) as advance:
                pages = list(self.pages.values())
                plan = replace(self.plan, purpose=Purpose(self.run_id))
                for new_pages, state in steps(self.client, plan, self.state, pages):
                    self.pages |= {self._key(page): page for page in new_pages}
                    advance(state.rows - self.state.rows)
                    self.state = state
        except (Exception, KeyboardInterrupt) as error:  # X bills the pages received before it
            if not self.pages and not isinstance(error, BudgetReached):
                raise
            raise self._interrupted(error) from error
        return self._frames()

    def _frames(self) -> Frames:
        return Frames.from_pages([*self.pages.values(), *self.earlier])

    def _key(self, page: Page) -> tuple[str, ...]:
        """Return the page's request, or the page's id for a stream, which has one request."""
        if self.plan.declared.streaming:
            return (page.page_id,)
        return (page.request.path, *page.request.params.values())

    def _interrupted(self, error: BaseException) -> Interrupted:
        reason = str(error) or type(error).__name__
        pages, rows = len(self.pages), self.state.rows
        amount = f"{counted(pages, 'page')}, {counted(rows, 'row')}"
        return Interrupted(
            f"{self.plan.action} stopped after {amount}: {reason}. "
            "The rows are in `.frames`; call `.resume()` to continue",
            frames=self._frames(), pages=pages, rows=rows,
            next_token=self.state.token, resume=self._resume,
            action=self.plan.action,
        )

    def _resume(self, *, client: Client | None = None, progress: bool | None = None) -> Frames:
        client = checked(client or self.client, self.plan.action)
        planned = self.plan.in_words_of(client)
        resumed = _InMemory(
            planned, client, self.run_id, self.state, dict(self.pages), self.earlier
        )
        return resumed.run(progress)


def function(action: Action) -> str:
    """Return the function that carries out the action, as users write it.

    `xf.search.recent` for a read, `write.like` for a write (after `from xframes import write`).
    A read without a function of its own is carried out by `xf.call`.
    """
    if action.kind == "write":
        return action.step_of or action.name
    if action.listed:
        return f"xf.{action.name}"
    return f'xf.call("{action.name}")'


def signature(action: Action) -> inspect.Signature:
    """Return the signature of an action's collector, derived from the declaration."""
    positional = [p for p in action.params if p.required or p.where == "path"]
    keyword = [p for p in action.params if p not in positional]
    parameters = [
        _argument(p, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for p in sorted(positional, key=lambda p: not p.required)
    ]
    parameters += [_argument(p, inspect.Parameter.KEYWORD_ONLY) for p in keyword]
    for name in options(action):
        default, kind = _OPTIONS[name]
        only = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, only, default=default, annotation=kind))
    shared = inspect.signature(collect, eval_str=True)
    parameters += [shared.parameters[name] for name in _HANDLING]
    return shared.replace(parameters=parameters)


def annotation(param: Param) -> Any:
    """Return the type of an argument, derived from its declaration."""
    kind = _type(param)
    if param.required:
        return kind
    return kind | None


def _type(param: Param) -> Any:
    if param.choices:
        choice: Any = Literal.__getitem__(param.choices)
        if param.many:
            return choice | Iterable[choice]
        return choice
    if param.kind in {"id", "ids"} and not takes_numbers(param):
        return Names if param.many else str
    return _TYPES[param.kind]


_TYPES: dict[str, Any] = {
    "str": str, "query": str, "int": int, "seconds": Seconds, "bool": bool, "time": Time, "id": Id,
    "ids": Ids, "username": str, "usernames": Names, "keys": Names, "texts": Names, "json": Any,
    "file": str | PathLike[str],
}
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "since": (None, Literal["last"] | None), "limit": (None, int | None), "fields": ("all", Fields),
    "expansions": ("all", Names), "refresh": (False, bool),
}


def _argument(param: Param, kind: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if param.required else None
    return inspect.Parameter(param.name, kind, default=default, annotation=annotation(param))

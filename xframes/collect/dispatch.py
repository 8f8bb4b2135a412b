"""What every collector does: arguments → plan → pages → Frames, or a run of an archive."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, cast

from xframes import registry
from xframes.client import (
    Client,
    check_price,
    checked,
    current,
    price_note,
    warn_of_another_day,
)
from xframes.errors import ABOUT_ONE, ArgumentError, BudgetReached, Interrupted, Resumable
from xframes.frames import Frames
from xframes.paging.handles import LOOKUP, announce, handles_in, replaced, resolved
from xframes.paging.pages import State
from xframes.paging.pool import Work, at_once, most_serious, together
from xframes.paging.reports import reports
from xframes.paging.steps import steps
from xframes.plan import options, plan
from xframes.plan.values import Time, items_of
from xframes.reader.rounding import Rounding
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
    "carry_out", "collect", "function", "is_many", "own_ids", "plans_of", "signature",
]

Id: TypeAlias = str | int
Ids: TypeAlias = str | int | Iterable[str | int]
Names: TypeAlias = str | Iterable[str]
Fields: TypeAlias = str | Iterable[str] | Mapping[str, Any]
Seconds: TypeAlias = float | timedelta
Exclude: TypeAlias = Literal["replies", "retweets"]

Made_co = TypeVar("Made_co", covariant=True)
_HANDLING = ("into", "client", "progress")  # arguments of every collector, not part of its plan


class Into(Protocol[Made_co]):
    """A target to collect into instead of memory, e.g. an Archive."""

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Made_co:
        """Carry out a plan and return its result."""
        ...

    def collect_all(
        self, plans: Sequence[Plan], client: Client, *, progress: bool | None = None
    ) -> Made_co:
        """Carry out plans, one run each, and return their common result."""
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
    values = {key: _kept(value) for key, value in arguments.items() if value is not None}
    own = own_ids(action, values)
    handles = handles_in(action, values)
    # ids are filled in later: all arguments are checked before the requests for them
    stand_ins = replaced(action, values, dict.fromkeys(handles, "0"))
    plans = plans_of(action, dict.fromkeys(own, "0") | stand_ins, client)
    checked(client, name)  # before any request, also those for ids
    if handles:
        values = replaced(action, values, ids_of_handles(handles, name, into, client))
        plans = plans_of(action, dict.fromkeys(own, "0") | values, client)
    if own:
        own_arguments = dict.fromkeys(own, client.user_id())
        plans = [replace(p, arguments=p.arguments | own_arguments) for p in plans]
    return carry_out(plans, into, client, progress, is_many=is_many(action, values))


def carry_out(
    plans: Sequence[Plan], into: Into[R] | None, client: Client, progress: bool | None, *,
    is_many: bool = False, earlier: Iterable[Page] = (),
) -> R:
    """Carry out checked plans of one action, into an archive or into memory.

    `is_many`: the result is that of a list, also of one. `earlier` are pages that the result in
    memory also has. Raises as `collect` does.
    """
    name = plans[0].action
    if plans[0].since is not None and into is None:
        raise ArgumentError(f'{name}: since="last" needs into=archive', action=name)
    if into is None:
        for planned in plans:
            check_price(client, planned)
        Rounding.of(plans[0]).warn(name)
        parts = [_Fetching(planned) for planned in plans]
        in_memory = _InMemory(parts, client, tuple(earlier))
        return cast("R", in_memory.run(progress))  # R's default is Frames
    if not hasattr(into, "collect"):
        raise ArgumentError(
            f"{name}: into: expected an Archive such as xf.Archive('my-archive'), got {into!r:.60}",
            action=name,
        )
    if is_many:
        return into.collect_all(plans, client, progress=progress)
    return into.collect(plans[0], client, progress=progress)


def _kept(value: Any) -> Any:
    """Return a value that can be read more than once."""
    return list(value) if hasattr(value, "__next__") else value


def is_many(action: Action, values: Mapping[str, Any]) -> bool:
    """Whether the argument that a run has one value of is a list of values."""
    param = action.repeats
    if param is None or param.name not in values:
        return False
    value = values[param.name]
    return not isinstance(value, str | bytes | Mapping) and hasattr(value, "__iter__")


def plans_of(action: Action, values: Mapping[str, Any], client: Client) -> list[Plan]:
    """Return a plan for each value of a list, without duplicates, or the only plan."""
    param = action.repeats
    if param is None or not is_many(action, values):
        return [_planned(action, values, client)]
    plans: dict[str, Plan] = {}
    for position, value in enumerate(items_of(param, values[param.name])):
        try:
            planned = _planned(action, {**values, param.name: value}, client)
        except ArgumentError as error:
            raise ArgumentError(
                f"{error} (item {position} of {param.name})", action=action.name
            ) from None
        plans.setdefault(str(planned.arguments[param.name]), planned)
    if not plans:
        raise ArgumentError(f"{action.name}: {param.name} is empty", action=action.name)
    return list(plans.values())


def _planned(action: Action, values: Mapping[str, Any], client: Client) -> Plan:
    return plan(
        action.name, values, now=client.now(), words=client.words, query_limit=client.query_limit
    )


def ids_of_handles(
    handles: list[str], name: str, into: Into[Any] | None, client: Client, *,
    known: Any = None,
) -> dict[str, str]:
    """Return the user ids of handles, from the archive or else from X.

    What X is requested for goes into the archive `into`. `known` is an archive that is only read.
    """
    def look_up(missing: list[str]) -> dict[str, str]:
        announce(missing, name)
        if into is not None:
            collect(LOOKUP, usernames=missing, into=into, client=client, progress=False)
            return {}
        users = collect(LOOKUP, usernames=missing, client=client, progress=False)["users"]
        names = map(str.lower, users["username"].to_pylist())
        return dict(zip(names, users["id"].to_pylist(), strict=True))

    return resolved(handles, known or into, look_up, name)


def own_ids(action: Action, values: Mapping[str, Any]) -> list[str]:
    """Return the missing arguments whose default is the authenticated user's id."""
    return [
        param.name
        for param in action.params
        if param.where == "path" and not param.required and param.name not in values
    ]


@dataclass
class _Fetching:
    """One plan with the pages fetched so far. If X repeats a token, its page is kept once."""

    plan: Plan
    run_id: str = field(default_factory=lambda: f"memory-{secrets.token_hex(8)}")
    state: State = field(default_factory=State)
    pages: dict[tuple[str, ...], Page] = field(default_factory=dict)
    is_finished: bool = False

    def fetch(self, client: Client, progress: bool | None) -> Work[None]:
        """Fetch the pages that are left."""
        plan = replace(self.plan, purpose=Purpose(self.run_id))
        price = partial(price_note, client, self.run_id)
        pages = list(self.pages.values())
        with (
            reports(plan, self.state, client.now, progress, price) as report,
            steps(client, plan, self.state, pages) as source,
        ):
            while (step := (yield source)) is not None:
                new_pages, state = step
                self.pages |= {self._key(page): page for page in new_pages}
                report(state)
                self.state = state
        self.is_finished = True

    def _key(self, page: Page) -> tuple[str, ...]:
        """Return the page's request, or the page's id for a stream, which has one request."""
        if self.plan.declared.streaming:
            return (page.page_id,)
        return (page.request.path, *page.request.params.values())


@dataclass
class _InMemory(Resumable):
    """A collection into memory, of one plan or of several."""

    parts: list[_Fetching]
    client: Client
    earlier: tuple[Page, ...] = ()

    def run(self, progress: bool | None) -> Frames:
        works = [
            partial(part.fetch, self.client, progress)
            for part in self.parts
            if not part.is_finished
        ]
        errors = together(works, at_once(self.client), lambda e: not isinstance(e, ABOUT_ONE))
        if errors:
            error = most_serious(errors.values())
            raise self._stopped(error) from error
        return self._frames()

    def _frames(self) -> Frames:
        return Frames.from_pages([*self._pages(), *self.earlier])

    def _pages(self) -> list[Page]:
        return [page for part in self.parts for page in part.pages.values()]

    def _stopped(self, error: BaseException) -> BaseException:
        """Return the error to raise: with the pages fetched before, which X bills, if any."""
        pages = self._pages()
        if not pages and not isinstance(error, BudgetReached):
            raise error
        action = self.parts[0].plan.action
        reason = str(error) or type(error).__name__
        rows = sum(part.state.rows for part in self.parts)
        amount = f"{counted(len(pages), 'page')}, {counted(rows, 'row')}"
        token = next((part.state.token for part in self.parts if not part.is_finished), None)
        return Interrupted(
            f"{action} stopped after {amount}: {reason}. "
            "The rows are in `.frames`; call `.resume()` to continue",
            frames=self._frames(), pages=len(pages), rows=rows,
            next_token=token, resume=self._resume, action=action,
        )

    def _resume(self, *, client: Client | None = None, progress: bool | None = None) -> Frames:
        client = checked(client or self.client, self.parts[0].plan.action)
        parts = [
            replace(part, plan=part.plan.in_words_of(client), pages=dict(part.pages))
            for part in self.parts
        ]
        for part in parts:
            if not part.is_finished and not part.plan.declared.streaming:
                warn_of_another_day(client, part.plan, part.pages.values())
        return _InMemory(parts, client, self.earlier).run(progress)


def function(action: Action) -> str:
    """Return the function that carries out the action, as users write it.

    `xf.search.recent` for a read, `write.like` for a write (after `from xframes import write`).
    An action without a function of its own is carried out by `xf.call`.
    """
    if action.kind == "write" and not action.by_call:
        return action.step_of or action.name
    if action.listed:
        return f"xf.{action.name}"
    return f'xf.call("{action.name}")'


def signature(action: Action) -> inspect.Signature:
    """Return the signature of an action's collector, derived from the declaration."""
    positional = [p for p in action.params if p.required or p.where == "path"]
    keyword = [p for p in action.params if p not in positional]
    parameters = [
        _argument(action, p, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for p in sorted(positional, key=lambda p: not p.required)
    ]
    parameters += [_argument(action, p, inspect.Parameter.KEYWORD_ONLY) for p in keyword]
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
    "since": (None, Literal["last"] | None), "limit": (None, int | None),
    "max_results": (None, int | None), "fields": ("all", Fields),
    "expansions": ("all", Names), "refresh": (False, bool),
}


def _argument(action: Action, param: Param, kind: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if param.required else None
    shown = annotation(param)
    if param == action.repeats:
        shown = Ids if shown == Id else Names
    return inspect.Parameter(param.name, kind, default=default, annotation=shown)

"""What every collector does: arguments → plan → pages → frames in memory, or a run of an archive."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, cast

from xframes import registry
from xframes.client import Client, checked, current
from xframes.errors import ArgumentError, Interrupted, Resumable
from xframes.frames import Frames
from xframes.paging.pages import State
from xframes.paging.steps import steps
from xframes.plan import options, plan
from xframes.registry.documentation import takes_numbers

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    from xframes.plan import Plan
    from xframes.registry import Action, Param
    from xframes.wire import Page

    R = DefaultTypeVar("R", default=Frames)
    """What a collector returns: Frames, or with `into=` what that returns (an archive: a Run)."""
else:
    R = TypeVar("R")  # defaults of type variables are Python 3.13's

__all__ = [
    "Exclude", "Fields", "Id", "Ids", "Into", "Names", "R", "Seconds", "Time", "annotation",
    "collect", "function", "signature",
]

Id: TypeAlias = str | int
Ids: TypeAlias = str | int | Iterable[str | int]
Names: TypeAlias = str | Iterable[str]
Fields: TypeAlias = str | Iterable[str] | Mapping[str, Any]
Time: TypeAlias = datetime | str
Seconds: TypeAlias = float | timedelta
Exclude: TypeAlias = Literal["replies", "retweets"]

Made_co = TypeVar("Made_co", covariant=True)
_HANDLING = ("into", "client", "progress")  # arguments of every collector that are no part of its plan


class Into(Protocol[Made_co]):
    """Where a collection can go instead of memory, e.g. an Archive."""

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Made_co:
        """Carry out a plan."""
        ...


def collect(
    name: str, /, *, into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None, **arguments: Any,
) -> R:
    """Carry out an action with the arguments of its collector; return Frames, or what `into` does.

    Raises ArgumentError before any request; the client's errors when not a single page came; Interrupted, with all that
    came and a way to go on, for whatever stops it later (Ctrl-C too).
    """
    action = registry.action(name)
    client = client or current(name)
    if isinstance(client, type) or not hasattr(client, "now"):
        raise ArgumentError(
            f"{name}: client must be a Client, e.g. xf.Client(bearer_token=…), not {client!r:.60}",
            action=name,
        )
    given = {key: value for key, value in arguments.items() if value is not None}
    own = [p.name for p in action.params if p.where == "path" and not p.required and p.name not in given]
    whole = dict.fromkeys(own, "0") | given  # all is checked before anything is asked, this too
    made = plan(name, whole, now=client.now(), words=client.words, query_limit=client.query_limit)
    checked(client, name)  # before any request for it, such as whose it is
    if own:  # whose it is, unless told: the person's who asks
        made = replace(made, arguments=made.arguments | dict.fromkeys(own, client.user_id()))
    if made.since is not None and into is None:
        raise ArgumentError(
            f"{name}: since='last' goes on from what an archive has: give into=archive, too", action=name
        )
    if into is None:
        return cast("R", _Gathering(made, client).run(progress))  # without `into`, R is its default
    if not hasattr(into, "collect"):
        raise ArgumentError(
            f"{name}: into must be an Archive, e.g. xf.Archive('my-archive'), not {into!r:.60}",
            action=name,
        )
    return into.collect(made, client, progress=progress)


@dataclass
class _Gathering(Resumable):
    """A collection into memory. A page asked for twice, because X repeated a token, is kept once."""

    plan: Plan
    client: Client
    state: State = field(default_factory=State)
    pages: dict[tuple[str, ...], Page] = field(default_factory=dict)

    def run(self, progress: bool | None) -> Frames:
        from xframes.progress import bar

        try:
            with bar(progress, self.plan.action, " rows", self.plan.expected) as advance:
                for found, state in steps(self.client, self.plan, self.state, list(self.pages.values())):
                    self.pages |= {self._asked(page): page for page in found}
                    advance(state.rows - self.state.rows)
                    self.state = state
        except (Exception, KeyboardInterrupt) as error:  # whatever it is: what came has been paid for
            if not self.pages:
                raise
            raise self._interrupted(error) from error
        return Frames.from_pages(self.pages.values())

    def _asked(self, page: Page) -> tuple[str, ...]:
        """What tells pages apart: what was asked, or of a stream, which asks once, the page itself."""
        if self.plan.declared.streaming:
            return (page.page_id,)
        return (page.request.path, *page.request.params.values())

    def _interrupted(self, error: BaseException) -> Interrupted:
        why = str(error) or type(error).__name__
        frames = Frames.from_pages(self.pages.values())
        what = f"{self.plan.action} stopped after {len(self.pages):,} pages, {self.state.rows:,} rows: {why}"
        return Interrupted(
            f"{what}. What came is in `.frames`; `.resume()` goes on from there", frames=frames, pages=len(self.pages),
            rows=self.state.rows, next_token=self.state.token, resume=self._resume,
            action=self.plan.action,
        )

    def _resume(self, *, client: Client | None = None, progress: bool | None = None) -> Frames:
        client = checked(client or self.client, self.plan.action)
        made = self.plan.in_words_of(client)
        return _Gathering(made, client, self.state, dict(self.pages)).run(progress)


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
    """The signature the action's collector must have, by its declaration."""
    first = [p for p in action.params if p.required or p.where == "path"]
    rest = [p for p in action.params if p not in first]
    found = [_argument(p) for p in sorted(first, key=lambda p: not p.required)]
    found += [_argument(p, keyword=True) for p in rest]
    for name in options(action):
        default, kind = _OPTIONS[name]
        only = inspect.Parameter.KEYWORD_ONLY
        found.append(inspect.Parameter(name, only, default=default, annotation=kind))
    shared = inspect.signature(collect, eval_str=True)
    found += [shared.parameters[name] for name in _HANDLING]
    return shared.replace(parameters=found)


def annotation(param: Param) -> Any:
    """The type of an argument, by its declaration."""
    if param.choices:
        choice: Any = Literal.__getitem__(param.choices)
        found: Any = choice | Iterable[choice] if param.many else choice
    elif param.kind in {"id", "ids"} and not takes_numbers(param):
        found = Names if param.many else str
    else:
        found = _TYPES[param.kind]
    return found if param.required else found | None


_TYPES: dict[str, Any] = {
    "str": str, "query": str, "int": int, "seconds": Seconds, "bool": bool, "time": Time, "id": Id,
    "ids": Ids, "username": str, "usernames": Names, "keys": Names, "texts": Names, "json": Any,
    "file": str | PathLike[str],
}
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "since": (None, Literal["last"] | None), "limit": (None, int | None), "fields": ("all", Fields),
    "expansions": ("all", Names), "refresh": (False, bool),
}


def _argument(param: Param, *, keyword: bool = False) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if keyword else inspect.Parameter.POSITIONAL_OR_KEYWORD
    default = inspect.Parameter.empty if param.required else None
    return inspect.Parameter(param.name, kind, default=default, annotation=annotation(param))

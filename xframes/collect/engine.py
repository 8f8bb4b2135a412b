"""What every collector does: arguments → plan → pages → frames in memory, or a run of an archive."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from xframes import registry
from xframes.client import checked, current
from xframes.errors import ArgumentError, Interrupted, Resumable
from xframes.frames import Frames
from xframes.paging import State
from xframes.plan import options, plan
from xframes.streaming import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import TypeVar as DefaultTypeVar

    from xframes.client import Client
    from xframes.plan import Plan
    from xframes.registry import Action
    from xframes.wire import Page

    R = DefaultTypeVar("R", default=Frames)
    """What a collector gives: Frames, or with `into=` whatever that makes of the collection (an archive: a Run)."""

__all__ = ["Into", "collect", "function", "signature"]

Made_co = TypeVar("Made_co", covariant=True)
_HANDLING = ("into", "client", "progress")  # arguments of every collector that are no part of its plan
_DEFAULTS = {"fields": "all", "expansions": "all", "refresh": False}


class Into(Protocol[Made_co]):
    """Where a collection can go instead of memory, e.g. an Archive."""

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Made_co:
        """Carry out a plan."""
        ...


def collect(name: str, arguments: Mapping[str, Any]) -> Any:
    """Carry out an action with the arguments of its collector; gives Frames, or what `into` makes of it.

    Raises ArgumentError before any request; the client's errors when not a single page came; Interrupted, with all that
    came and a way to go on, for whatever stops it later (Ctrl-C too).
    """
    action = registry.action(name)
    client: Client = arguments.get("client") or current(name)
    if isinstance(client, type) or not hasattr(client, "now"):
        raise ArgumentError(f"{name}: client must be a Client, e.g. xf.Client(bearer_token=…), not {client!r:.60}")
    given = {key: value for key, value in arguments.items() if key not in _HANDLING and value is not None}
    own = [p.name for p in action.params if p.where == "path" and not p.required and p.name not in given]
    whole = dict.fromkeys(own, "0") | given  # all is checked before anything is asked, this too
    made = plan(name, whole, now=client.now(), words=client.words, query_limit=client.query_limit)
    checked(client, name)  # before any request for it, such as whose it is
    if own:  # whose it is, unless told: the person's who asks
        made = replace(made, arguments=made.arguments | dict.fromkeys(own, client.user_id()))
    into, progress = arguments.get("into"), arguments.get("progress")
    if made.since is not None and into is None:
        raise ArgumentError(f"{name}: since='last' goes on from what an archive has: give into=archive, too")
    if into is None:
        return _Gathering(made, client).run(progress)
    if not hasattr(into, "collect"):
        raise ArgumentError(f"{name}: into must be an Archive, e.g. xf.Archive('my-archive'), not {into!r:.60}")
    return into.collect(made, client, progress=progress)


@dataclass
class _Gathering(Resumable):
    """A collection into memory. A page asked for twice, because X repeated a token, is kept once."""

    plan: Plan
    client: Client
    state: State = field(default_factory=State)
    pages: dict[tuple[str, ...], Page] = field(default_factory=dict)

    def run(self, progress: bool | None) -> Frames:
        from xframes.archive.progress import bar

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
        )

    def _resume(self, *, client: Client | None = None, progress: bool | None = None) -> Frames:
        client = checked(client or self.client, self.plan.action)
        return _Gathering(self.plan, client, self.state, dict(self.pages)).run(progress)


def function(action: Action) -> str:
    """How the action is called, e.g. `xf.search.recent`; reads beyond the listing by their name alone."""
    if action.listed or action.kind == "write":
        return f"xf.{action.step_of or action.name}"
    return f'xf.call("{action.name}")'


def signature(action: Action) -> inspect.Signature:
    """The signature the action's collector must have, by its declaration."""
    kinds = inspect.Parameter
    first = [p for p in action.params if p.required or p.where == "path"]
    found = [
        kinds(p.name, kinds.POSITIONAL_OR_KEYWORD, default=kinds.empty if p.required else None)
        for p in sorted(first, key=lambda p: not p.required)
    ]
    rest: dict[str, Any] = dict.fromkeys(p.name for p in action.params if p not in first)
    rest |= {name: _DEFAULTS.get(name) for name in options(action)} | dict.fromkeys(_HANDLING)
    return inspect.Signature([*found, *(kinds(n, kinds.KEYWORD_ONLY, default=d) for n, d in rest.items())])

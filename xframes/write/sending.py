"""What every write does: arguments → plan → request → the client → one page, kept and told as tables."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from xframes import registry
from xframes.client import current
from xframes.errors import ArgumentError, InvalidRequest
from xframes.frames import Frames
from xframes.plan import plan
from xframes.wire import Request, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.wire import Page

__all__ = ["Sending", "Written", "keeping", "opened", "rejected", "request", "write"]

Written: TypeAlias = Frames | Request


def write(
    name: str, /, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False, **arguments: Any,
) -> Written:
    """Carry out a write action once: Frames whose main table `writes` has one row; with `dry_run` its Request.

    Raises ArgumentError before any request (of a client without `writes=True`, too), InvalidRequest when X answers that
    it did not do it, the client's errors, OutcomeUnknown when no answer came.
    """
    if dry_run:
        return request(name, arguments, client)
    client = opened(client, name)
    made = request(name, arguments, client, ask=True)
    with keeping(into, name, made.args) as keep:
        return Frames.from_pages([Sending(client, keep).send(made)])


def opened(client: Client | None, name: str, action: str | None = None) -> Client:
    """The client given, or the default one.

    Raises ArgumentError when it may not write, ConfigError when it holds no credential the action takes.
    """
    found = client or current(name, action)
    found.may_write(name)
    found.may_send(name, action)
    return found


def request(name: str, given: Mapping[str, Any], client: Client | None = None, *, ask: bool = False) -> Request:
    """The request of a write, its arguments checked.

    A path that needs the id of the person who asks gets it from X when `ask` is set; else it stands there as `{id}`.
    """
    action = registry.action(name)
    given = {key: value for key, value in given.items() if value is not None}
    own = [p.name for p in action.params if p.where == "path" and not p.required and p.name not in given]
    made = plan(name, dict.fromkeys(own, "0") | given, now=client.now() if client else datetime.now(UTC))
    mine = dict.fromkeys(own, client.user_id()) if own and ask and client else {}
    rest = {key: value for key, value in made.arguments.items() if key not in own}
    return replace(made, arguments=rest | mine).request()


def keeping(
    into: Archive | None, name: str, arguments: Mapping[str, Any]
) -> AbstractContextManager[Callable[[Page], object]]:
    """Where pages of writes are kept: a run of the archive, or nowhere."""
    if into is None:
        return nullcontext(lambda _: None)
    if not hasattr(into, "keeping"):
        raise ArgumentError(
            f"{name}: into must be an Archive, e.g. xf.Archive('my-archive'), not {into!r:.60}",
            action=name,
        )
    return into.keeping(name, arguments)


def check(page: Page) -> None:
    """Raise InvalidRequest when X's answer says that it did not do what was asked, or not all of it.

    X answers 200 to rules it rejects and to some things it refuses. A dry run at X only asks what it would reject.
    """
    action = registry.ACTIONS[page.request.action or ""]
    data, problems = rejected(page)
    if not problems or page.request.params.get("dry_run") == "true" or (data and action.rows != "stream_rules"):
        return
    listed = "; ".join(_told(problem) for problem in problems[:10])
    more = f" and {len(problems) - 10:,} more" if len(problems) > 10 else ""
    done = f"; {len(data):,} others were taken" if isinstance(data, list) and data else ""
    raise InvalidRequest(f"{action.name}: X refused {listed}{more}{done}", status=page.status, action=action.name,
                         problems=problems)


def rejected(page: Page) -> tuple[Any, list[dict[str, Any]]]:
    """What an answer gives and what it refuses."""
    try:
        found = read_json(page.body)
    except ValueError:  # an answer without a body
        return None, []
    found = found if isinstance(found, dict) else {}
    errors = found.get("errors")
    return found.get("data"), [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []


def _told(problem: Mapping[str, Any]) -> str:
    what = problem.get("value") or problem.get("resource_id")
    why = [str(problem[name]) for name in ("title", "detail", "message") if problem.get(name)]
    why += [str(d) for d in problem.get("details", ())] if isinstance(problem.get("details"), list) else []
    return f"{what!r}: {': '.join(why)}" if what else ": ".join(why) or "it without a reason"


@dataclass(frozen=True, slots=True)
class Sending:
    """Several requests that belong together: one client, one place where their pages are kept."""

    client: Client
    keep: Callable[[Page], object]

    def send(self, made: Request) -> Page:
        """Send one of them and keep its page. Raises InvalidRequest when X answers that it did not do it."""
        page = self.client.send(made)
        self.keep(page)
        check(page)
        return page

    def ask(self, name: str, /, **given: Any) -> Page:
        """As `send`, by the action's name and arguments."""
        return self.send(request(name, given, self.client, ask=True))

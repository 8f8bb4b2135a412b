"""What every write does: arguments → plan → request → client → one page → Frames."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from xframes import registry
from xframes.client import current
from xframes.collect.dispatch import ids_of_handles, own_ids
from xframes.errors import ArgumentError, InvalidRequest
from xframes.frames import Frames
from xframes.paging.handles import handles_in, refuse_lookup, replaced, resolved
from xframes.plan import plan
from xframes.screen import counted
from xframes.wire import Request, describe, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.wire import Page

__all__ = ["Sending", "Written", "answer", "open_run", "request", "write", "writing_client"]

Written: TypeAlias = Frames | Request
_PROBLEMS_SHOWN = 10


def write(
    name: str, /, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False, **arguments: Any,
) -> Written:
    """Carry out a write action once.

    Parameters
    ----------
    name
        Name of the action, e.g. `"write.like"`.
    into
        Archive that also keeps X's answer. Default: none.
    client
        Client to send with, made with `writes=True`. Default: the one set with `xf.use`, else one
        with the credentials of the environment or the config file.
    dry_run
        Return the Request and send nothing.
    arguments
        Arguments of the action. None means the same as a missing argument.

    Returns
    -------
    Frames
        `writes` has one row. With `dry_run`, the Request.

    Raises
    ------
    ArgumentError
        Before any request, for arguments that X would refuse and a client without `writes=True`.
    InvalidRequest
        X answered that it did not carry it out.
    OutcomeUnknown
        No answer came: it may have been carried out.
    ApiError
        X refused the request or could not be reached.

    Examples
    --------
    >>> write("write.like", post_id="1900000000000000001")
    """
    action = registry.action(name)
    values = {key: value for key, value in arguments.items() if value is not None}
    handles = handles_in(action, values)
    if dry_run:
        if handles:
            arguments = replaced(action, values, resolved(handles, into, refuse_lookup, name))
        return request(name, arguments, client)
    client = writing_client(client, name)
    if handles:
        request(name, replaced(action, values, dict.fromkeys(handles, "0")), client)  # checks all
        arguments = replaced(action, values, ids_of_handles(handles, name, into, client))
    to_send = request(name, arguments, client, fill_own_id=True)
    with open_run(into, name, to_send.args) as keep:
        return Frames.from_pages([Sending(client, keep).send(to_send)])


def writing_client(client: Client | None, name: str, action: str | None = None) -> Client:
    """Return the client, or the default one, after checks.

    Raises ArgumentError if it cannot write, ConfigError if it has no credential for the action.
    """
    client = client or current(name, action)
    client.may_write(name)
    client.may_send(name, action)
    return client


def request(
    name: str, arguments: Mapping[str, Any], client: Client | None = None, *,
    fill_own_id: bool = False,
) -> Request:
    """Check the arguments of a write and return its request.

    A path may contain the id of the authenticated user. With `fill_own_id` it is requested from
    X; otherwise the path contains `{id}`.
    """
    action = registry.action(name)
    values = {key: value for key, value in arguments.items() if value is not None}
    own = own_ids(action, values)
    now = client.now() if client else datetime.now(UTC)
    planned = plan(name, dict.fromkeys(own, "0") | values, now=now)
    filled = {key: value for key, value in planned.arguments.items() if key not in own}
    if own and fill_own_id and client:
        filled |= dict.fromkeys(own, client.user_id())
    return replace(planned, arguments=filled).request()


def open_run(
    into: Archive | None, name: str, arguments: Mapping[str, Any]
) -> AbstractContextManager[Callable[[Page], object]]:
    """Open a run of the archive. Yields the function that stores a page; without archive, none is.

    Raises ArgumentError if `into` is not an Archive.
    """
    if into is None:
        return nullcontext(lambda _: None)
    if not hasattr(into, "keeping"):
        raise ArgumentError(
            f"{name}: into: expected an Archive such as xf.Archive('my-archive'), got {into!r:.60}",
            action=name,
        )
    return into.keeping(name, arguments)


def check(page: Page) -> None:
    """Raise InvalidRequest if X answered that it did not carry out the write, or only in part.

    X answers with status 200 to rules that it rejects and to some refused writes. The answer to a
    dry run at X lists what it would reject and is not an error.
    """
    action = registry.ACTIONS[page.request.action or ""]
    data, problems = answer(page)
    if not problems or page.request.params.get("dry_run") == "true":
        return
    if data and action.rows != "stream_rules":
        return
    raise InvalidRequest(
        f"{action.name}: {_refusal(data, problems)}", status=page.status, action=action.name,
        problems=problems,
    )


def _refusal(data: Any, problems: list[dict[str, Any]]) -> str:
    """Say what X refused and how many others it accepted."""
    text = "X refused " + "; ".join(map(describe, problems[:_PROBLEMS_SHOWN]))
    if len(problems) > _PROBLEMS_SHOWN:
        text += f" and {len(problems) - _PROBLEMS_SHOWN:,} more"
    if isinstance(data, list) and data:
        text += f"; it accepted {counted(len(data), 'other')}"
    return text


def answer(page: Page) -> tuple[Any, list[dict[str, Any]]]:
    """Return the `data` of X's answer and its `errors`."""
    try:
        body = read_json(page.body)
    except ValueError:  # an answer without a body
        return None, []
    if not isinstance(body, dict):
        return None, []
    errors = body.get("errors")
    if not isinstance(errors, list):
        errors = []
    return body.get("data"), [error for error in errors if isinstance(error, dict)]


@dataclass(frozen=True, slots=True)
class Sending:
    """The client and the function that stores pages, for several requests of one write."""

    client: Client
    keep: Callable[[Page], object]

    def send(self, to_send: Request) -> Page:
        """Send a request and store its page. Raises InvalidRequest if X did not carry it out."""
        page = self.client.send(to_send)
        self.keep(page)
        check(page)
        return page

    def call(self, name: str, /, **arguments: Any) -> Page:
        """Send the request of an action, as `send` does."""
        return self.send(request(name, arguments, self.client, fill_own_id=True))

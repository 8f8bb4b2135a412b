"""Fetch the pages of a plan, each with the state from which the collection can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from xframes.errors import ArgumentError, InvalidRequest, Unavailable
from xframes.plan.post_ids import has_time_without_ids, one_kind_of_bounds, posted_at
from xframes.plan.values import stamp
from xframes.screen import counted
from xframes.settings import MAX_EMPTY
from xframes.wire import read_outline, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.plan import Plan
    from xframes.wire import Outline, Page, Request

__all__ = ["Sender", "State", "pages"]


class Sender(Protocol):
    """The part of a client that fetches pages."""

    def send(self, request: Request) -> Page:
        """Return the page of a request, or raise an error."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """The point where a collection is resumed, also by another process, as JSON.

    `batch` is the request of a list that is split into several requests, `token` that of the next
    page. `rows` and `pages` count what was fetched. `oldest` is the oldest time and `lowest` the
    lowest post id of these pages. `end_time` and `until_id` replace those of the plan after X ended
    its pages early, or refused a token. In streams, `heard` is the time of the newest page, and
    `gaps` the number of gaps. `part` is the number of values of the batch's list that were
    requested already, if a budget made its requests smaller.
    """

    batch: int = 0
    token: str | None = None
    rows: int = 0
    pages: int = 0
    done: bool = False
    end_time: str | None = None
    oldest: str | None = None
    lowest: str | None = None
    until_id: str | None = None
    heard: str | None = None
    gaps: int | None = None
    part: int = 0

    def to_json(self) -> str:
        """Return the state as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> State:
        """Read a state from JSON text. Raises ArgumentError if the text is not a state."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise ArgumentError(f"this version cannot resume from the state: {error}") from None


_START = State()


def pages(client: Sender, plan: Plan, state: State = _START) -> Iterator[tuple[Page, State]]:
    """Yield the pages of a plan that follow a state, each with the state after it.

    A batch ends with a page without `next_token`; a short or empty page does not end it. If that
    page is empty, it is requested once more: X sometimes sends no rows for a valid token. `limit`
    counts main rows, and the last page may exceed it. If X refuses a token, or sends one for the
    second time, older rows are requested by `until_id` (counts: `end_time`) instead, if the action
    has this parameter. After a page that the client had to make smaller, all are as small.

    Raises as `client.send` does, and Unavailable if X sends a token for the second time and older
    rows cannot be requested, or sends too many empty pages in a row (the setting
    `max_empty_pages`). The collection can be resumed from the last state.
    """
    tokens, empty, most, is_repeated = {state.token}, 0, MAX_EMPTY.value, False
    largest: int | None = None
    while not state.done and not _is_enough(plan, state.rows):
        size = plan.page_size(state.rows, largest)
        request = plan.request(
            state.batch, token=state.token, max_results=size, changes=_changes(plan, state),
            skip=state.part,
        )
        try:
            page = client.send(request)
        except InvalidRequest as error:
            older = _older(plan, state)
            if older is None or not _blames_token(error):
                raise
            state, tokens = older, {None}
            continue
        if page.request.params != request.params:
            largest = whole_number(page.request.params.get("max_results"))
        outline = page.outline or read_outline(page.body)
        page = replace(page, outline=None)  # what follows does not need it
        rows, token = len(outline.rows), _token(outline)
        if not is_repeated and _is_lost(plan, state, rows, token):
            is_repeated, state = True, replace(state, pages=state.pages + 1)
            yield page, state
            continue
        is_repeated = False
        if token is None or token not in tokens or _is_enough(plan, state.rows + rows):
            counts = replace(state, rows=state.rows + rows, pages=state.pages + 1)
            state = _after(plan, counts, token, outline, page.request)
        elif (older := _older_after(plan, state, outline)) is not None:
            state = older
        else:
            yield page, replace(state, pages=state.pages + 1)
            raise Unavailable(
                f"{plan.action}: X sent a next_token for the second time: its pages would repeat",
                action=plan.action, kind="repeated-cursor",
            )
        tokens = {None} if state.token is None else tokens | {state.token}
        empty = 0 if rows or token is None else empty + 1
        yield page, state
        if empty >= most and not state.done:
            raise Unavailable(
                f"{plan.action}: X sent {counted(empty, 'page')} in a row without rows, but with a "
                f"next_token. Resume to request more. {MAX_EMPTY.variable} (in the config file "
                f"{MAX_EMPTY.name}) sets how many are allowed",
                action=plan.action, kind="empty-pages",
            )


def _is_lost(plan: Plan, state: State, rows: int, token: str | None) -> bool:
    """Whether X ended the pages by an empty one, although it had announced rows by a token."""
    is_last = rows == 0 and token is None and state.token is not None
    return is_last and plan.declared.rows != "counts"


def _is_enough(plan: Plan, rows: int) -> bool:
    return plan.limit is not None and rows >= plan.limit


def _after(
    plan: Plan, state: State, token: str | None, outline: Outline, sent: Request
) -> State:
    """Return the state after a page: its next page, the next batch, or the end."""
    part = plan.part_after(sent, state.batch, state.part)
    if part is not None:
        return replace(state, part=part)
    reached = _reached(plan, state, outline)
    if _is_enough(plan, state.rows):
        return replace(state, token=None, done=True)
    if token is not None:
        return replace(reached, token=token)
    if plan.action == "counts.all" and _ended_early(plan, reached):
        return replace(reached, token=None, end_time=reached.oldest)
    if state.batch + 1 < plan.batches:
        return replace(
            state, batch=state.batch + 1, token=None, end_time=None, oldest=None, lowest=None,
            until_id=None, part=0,
        )
    return replace(reached, token=None, done=True)


# how far back ------------------------------------------------------------------------------------


def _reached(plan: Plan, state: State, outline: Outline) -> State:
    """Return the state with the lowest post id, or the oldest time of counts, of the pages so far.

    The state of any other action does not change.
    """
    names = {param.name for param in plan.declared.params}
    if "until_id" not in names or plan.arguments.get("sort_order", "recency") != "recency":
        return state
    rows = list(filter(None, outline.rows))
    if plan.declared.rows == "counts":
        times = (state.oldest, *(_stamp(row.start) for row in rows))
        return replace(state, oldest=min(filter(None, times), default=None))
    ids = (state.lowest, *(row.id for row in rows))
    numbers = [int(id) for id in ids if id is not None and str(id).isdecimal()]
    if not numbers:
        return replace(state, lowest=None)
    return replace(state, lowest=str(min(numbers)))


def _older(plan: Plan, state: State) -> State | None:
    """Return the state that requests older rows without a token.

    None if the action cannot request them, or no rows were fetched since the last such request.
    """
    if plan.declared.rows == "counts":
        if state.oldest is None or state.oldest == state.end_time:
            return None
        return replace(state, token=None, end_time=state.oldest)
    if state.lowest is None or state.lowest == state.until_id:
        return None
    if has_time_without_ids(plan.arguments):
        # the second of the oldest post is requested again
        end_time = stamp(posted_at(int(state.lowest)) + timedelta(seconds=1))
        if end_time == state.end_time:
            return None
        return replace(state, token=None, end_time=end_time)
    return replace(state, token=None, until_id=state.lowest)


def _older_after(plan: Plan, state: State, outline: Outline) -> State | None:
    """Return the state that requests older rows after a page with a repeated token.

    A page that does not reach further back is a repeated page, and its rows are not counted.
    """
    reached = _reached(plan, state, outline)
    older = _older(plan, reached)
    if older is None:
        return None
    rows = len(outline.rows)
    if reached == state:
        rows = 0
    return replace(older, rows=state.rows + rows, pages=state.pages + 1)


def _changes(plan: Plan, state: State) -> dict[str, str | None]:
    """Return the arguments of the plan that the state replaces."""
    if state.until_id is not None:
        bounds = {"until_id": state.until_id, "end_time": None}  # X accepts only one of them
    elif state.end_time is not None:
        bounds = {"end_time": state.end_time, "until_id": None}
    else:
        return {}
    names = ("start_time", "since_id")
    bounds |= {name: plan.arguments[name] for name in names if name in plan.arguments}
    return one_kind_of_bounds(bounds)


def _blames_token(error: InvalidRequest) -> bool:
    text = f"{error} {json.dumps(error.problems, default=str)}"
    return "next_token" in text or "pagination_token" in text


def _ended_early(plan: Plan, state: State) -> bool:
    """Whether X's counts ended before they reached start_time.

    False if the last request did not reach further back, so that this happens a limited number of
    times, even if X has no older counts.
    """
    start, oldest = plan.arguments.get("start_time"), state.oldest
    if start is None or oldest is None:
        return False
    end = state.end_time or plan.arguments.get("end_time")
    return bool(oldest > start and (end is None or oldest < end))


def _stamp(text: str | None) -> str | None:
    """Return a time of X in whole seconds, as in plans; None for an invalid time."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


def _token(outline: Outline) -> str | None:
    """Return `meta.next_token`; None for an empty one."""
    token = (outline.meta or {}).get("next_token")
    if not token:
        return None
    return str(token)

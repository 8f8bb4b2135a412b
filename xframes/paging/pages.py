"""The one page loop: a plan and a place to start → pages, each with the place where the collection goes on after it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from xframes.errors import ArgumentError, InvalidRequest, Unavailable
from xframes.settings import MAX_EMPTY
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.plan import Plan
    from xframes.wire import Page, Request

__all__ = ["Sender", "State", "pages"]


class Sender(Protocol):
    """What the loop needs of a client."""

    def send(self, request: Request) -> Page:
        """Give the request's page, or raise."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """Where a collection goes on: the resume point. JSON-able, for another process may do it.

    `batch` counts the requests a long list is split into, `token` is the next page's, `rows` and `pages` what came so
    far. `oldest` is the oldest time, `lowest` the lowest post id that the pages reached; `end_time` and `until_id`
    replace the plan's where X's pages ended early, or a token was worth nothing. Streams: `heard` is the time of the
    newest page, `gaps` counts the gaps.
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

    def to_json(self) -> str:
        """The state as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> State:
        """A state from its JSON text. Raises ArgumentError when it is none."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise ArgumentError(f"not a state this version can go on from: {error}") from None


class _Sheet(msgspec.Struct):
    """The little the loop reads of a page: nothing of its rows is decoded."""

    data: msgspec.Raw = msgspec.Raw(b"")
    meta: dict[str, msgspec.Raw] | None = None


_sheets = msgspec.json.Decoder(_Sheet)
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_START = State()


def pages(client: Sender, plan: Plan, state: State = _START) -> Iterator[tuple[Page, State]]:
    """The pages of a plan from a state on, each with the state after it.

    A short or empty page is not the end; a missing `next_token` is. `limit` counts main rows; X's smallest page may
    overshoot a small one. When X does not take a token any more, or gives one for the second time, what is older than
    the pages so far is asked for anew (`until_id`, for counts `end_time`), where the action has such a parameter.

    Raises whatever `client.send` raises, and Unavailable for a `next_token` seen before where
    nothing can be asked anew (going on would go round in circles), and after many pages in a row
    that hold no row and promise another one (the setting `max_empty_pages`). The last state given
    is where to go on.
    """
    seen, empty, most = {state.token}, 0, MAX_EMPTY.value
    while not state.done and not _enough(plan, state.rows):
        size = plan.page_size(state.rows)
        request = plan.request(state.batch, token=state.token, max_results=size, changes=_changes(state))
        try:
            page = client.send(request)
        except InvalidRequest as error:
            further = _anew(plan, state) if _blames_token(error) else None
            if further is None:
                raise
            state, seen = further, {None}
            continue
        rows, token, data = _read(page.body)
        if token is None or token not in seen or _enough(plan, state.rows + rows):
            state = _after(plan, replace(state, rows=state.rows + rows, pages=state.pages + 1), token, data)
        elif (further := _around(plan, state, rows, data)) is not None:
            state = further
        else:
            yield page, replace(state, pages=state.pages + 1)
            raise Unavailable(
                f"{plan.action}: X sent a next_token for the second time, so its pages would repeat",
                action=plan.action, kind="repeated-cursor",
            )
        seen = {None} if state.token is None else {*seen, state.token}
        empty = empty + 1 if token is not None and not rows else 0
        yield page, state
        if empty >= most and not state.done:
            raise Unavailable(
                f"{plan.action}: {empty:,} pages in a row had no row and promised another page. "
                f"Resume to request the next ones; {MAX_EMPTY.variable} (or {MAX_EMPTY.name} in "
                "the config file) allows more in a row", action=plan.action, kind="empty-pages",
            )


def _enough(plan: Plan, rows: int) -> bool:
    return plan.limit is not None and rows >= plan.limit


def _after(plan: Plan, state: State, token: str | None, data: msgspec.Raw) -> State:
    """The state after a page with this next_token: the next page, what an ending asks for, the next batch, the end."""
    reached = _reached(plan, state, data)
    if _enough(plan, state.rows):
        return replace(state, token=None, done=True)
    if token is not None:
        return replace(reached, token=token)
    if plan.action == "counts.all" and _ended_early(plan, reached):
        return replace(reached, token=None, end_time=reached.oldest)
    if state.batch + 1 < plan.batches:
        return replace(state, batch=state.batch + 1, token=None, end_time=None, oldest=None)
    return replace(reached, token=None, done=True)


# how far back ---------------------------------------------------------------------------------------------------------


class _Dated(msgspec.Struct):
    id: str | int | None = None
    start: str | None = None


def _reached(plan: Plan, state: State, data: msgspec.Raw) -> State:
    """The state with how far back the pages have come: posts by id, counts by time; of anything else, as it is."""
    names = {p.name for p in plan.declared.params}
    if "until_id" not in names or plan.arguments.get("sort_order", "recency") != "recency":
        return state
    try:
        found = msgspec.json.decode(data, type=list[_Dated])
    except msgspec.MsgspecError:
        return state
    if plan.declared.rows == "counts":
        times = [t for t in (state.oldest, *(_stamp(each.start) for each in found)) if t]
        return replace(state, oldest=min(times, default=None))
    ids = [int(i) for i in (state.lowest, *(each.id for each in found)) if i is not None and str(i).isdecimal()]
    return replace(state, lowest=str(min(ids)) if ids else None)


def _anew(plan: Plan, state: State) -> State | None:
    """The state that asks for what is older without a token; None where nothing can, or nothing new has come."""
    if plan.declared.rows == "counts":
        if state.oldest is None or state.oldest == state.end_time:
            return None
        return replace(state, token=None, end_time=state.oldest)
    if state.lowest is None or state.lowest == state.until_id:
        return None
    return replace(state, token=None, until_id=state.lowest)


def _around(plan: Plan, state: State, rows: int, data: msgspec.Raw) -> State | None:
    """The state after a page with a token seen before; a page that reaches no further has been here before."""
    reached = _reached(plan, state, data)
    further = _anew(plan, reached)
    if further is None:
        return None
    return replace(further, rows=state.rows + (rows if reached != state else 0), pages=state.pages + 1)


def _changes(state: State) -> dict[str, str | None]:
    """The plan's arguments that a state replaces."""
    if state.until_id is not None:
        return {"until_id": state.until_id, "end_time": None}  # X takes one of them
    return {"end_time": state.end_time, "until_id": None} if state.end_time is not None else {}


def _blames_token(error: InvalidRequest) -> bool:
    said = f"{error} {json.dumps(error.problems, default=str)}"
    return "next_token" in said or "pagination_token" in said


def _ended_early(plan: Plan, state: State) -> bool:
    """Whether X's counts ended before the asked start_time.

    The end_time moves back each time, so it comes to an end even when X has nothing older.
    """
    start, end = plan.arguments.get("start_time"), state.end_time or plan.arguments.get("end_time")
    oldest = state.oldest
    return start is not None and oldest is not None and oldest > start and (end is None or oldest < end)


def _stamp(text: str | None) -> str | None:
    """A time of X in whole seconds, as plans hold them; None for what is none."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


# reading -------------------------------------------------------------------------------------------------------------


def _read(body: bytes) -> tuple[int, str | None, msgspec.Raw]:
    """Rows of `data` (a list, an object or nothing), `meta.next_token`, and `data` itself, undecoded."""
    try:
        sheet = _sheets.decode(body)
        first = bytes(sheet.data).lstrip()[:1]
        rows = len(_rows.decode(sheet.data)) if first == b"[" else int(first == b"{")
        token = msgspec.json.decode(sheet.meta["next_token"]) if sheet.meta and "next_token" in sheet.meta else None
        data = sheet.data
    except (msgspec.MsgspecError, RecursionError):
        rows, token, data = _read_leniently(body)
    return rows, str(token) if token else None, data


def _read_leniently(body: bytes) -> tuple[int, Any, msgspec.Raw]:
    try:
        document = read_json(body)
    except ValueError:  # an answer without a body
        document = None
    found = document if isinstance(document, dict) else {}
    data, meta = found.get("data"), found.get("meta")
    rows = len(data) if isinstance(data, list) else int(isinstance(data, dict))
    return rows, meta.get("next_token") if isinstance(meta, dict) else None, msgspec.Raw(json.dumps(data).encode())

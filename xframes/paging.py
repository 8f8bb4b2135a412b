"""The one page loop: a plan and a place to start → pages, each with the place where the collection goes on after it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from xframes.errors import ArgumentError, Unavailable
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    far, `end_time` replaces the plan's when X's pages ended early, `oldest` is the oldest time the pages reached.
    Streams: `heard` is the time of the newest page, `gaps` counts the gaps.
    """

    batch: int = 0
    token: str | None = None
    rows: int = 0
    pages: int = 0
    done: bool = False
    end_time: str | None = None
    oldest: str | None = None
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
    overshoot a small one. A page whose `next_token` was seen before is given (with the state that asks for it again),
    then Unavailable is raised: going on would go round in circles. Raises also whatever `client.send` raises; the last
    state given is where to go on.
    """
    seen = {state.token}
    while not state.done and not _enough(plan, state.rows):
        request = plan.request(
            state.batch, token=state.token, max_results=plan.page_size(state.rows),
            changes={"end_time": state.end_time} if state.end_time else None,
        )
        page = client.send(request)
        rows, token, data = _read(page.body)
        if token in seen and token is not None and not _enough(plan, state.rows + rows):
            yield page, replace(state, pages=state.pages + 1)
            raise Unavailable(
                f"{plan.action}: X sent a next_token for the second time, so its pages would repeat",
                action=plan.action, kind="repeated-cursor",
            )
        state = _after(plan, replace(state, rows=state.rows + rows, pages=state.pages + 1), token, data)
        if state.token is None:
            seen.clear()
        seen.add(state.token)
        yield page, state


def _enough(plan: Plan, rows: int) -> bool:
    return plan.limit is not None and rows >= plan.limit


def _after(plan: Plan, state: State, token: str | None, data: msgspec.Raw) -> State:
    """The state after a page with this next_token: the next page, what an ending asks for, the next batch, the end."""
    further = _ENDINGS[plan.action](plan, state, data) if plan.action in _ENDINGS else state
    if _enough(plan, state.rows):
        return replace(state, token=None, done=True)
    if token is not None:
        return replace(further, token=token, end_time=state.end_time)
    if further.end_time != state.end_time:
        return replace(further, token=None)
    if state.batch + 1 < plan.batches:
        return replace(state, batch=state.batch + 1, token=None, end_time=None, oldest=None)
    return replace(further, token=None, done=True)


# endings -------------------------------------------------------------------------------------------------------------


class _Bucket(msgspec.Struct):
    start: str | None = None


def _older_counts(plan: Plan, state: State, data: msgspec.Raw) -> State:
    """Counts may end before the asked start_time: then the state asks for what is older than the oldest bucket.

    The end_time moves back each time, so it comes to an end even when X has nothing older.
    """
    try:
        buckets = msgspec.json.decode(data, type=list[_Bucket])
    except msgspec.MsgspecError:
        buckets = []
    oldest = min([t for t in (state.oldest, *(_stamp(b.start) for b in buckets)) if t], default=None)
    start, end = plan.arguments.get("start_time"), state.end_time or plan.arguments.get("end_time")
    early = start is not None and oldest is not None and oldest > start and (end is None or oldest < end)
    return replace(state, oldest=oldest, end_time=oldest if early else state.end_time)


def _stamp(text: str | None) -> str | None:
    """A time of X in whole seconds, as plans hold them; None for what is none."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


# What may be left when an action's pages end; for most nothing is.
_ENDINGS: dict[str, Callable[[Plan, State, msgspec.Raw], State]] = {"counts.all": _older_counts}


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

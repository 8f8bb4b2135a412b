"""The request that a handler answers, and the pages it answers with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol.answer import Answer, page_meta
from xframes.sandbox.protocol.page_tokens import END, Cursor, D, TokenError, Tokens, leaf, slice_of
from xframes.sandbox.protocol.problem_json import invalid, unauthorized
from xframes.sandbox.world.snowflakes import snowflake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xframes.sandbox.protocol.request_params import CheckedRequest
    from xframes.sandbox.services.service_set import Services
    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Person
    from xframes.schema import Vocabulary


@dataclass(frozen=True, slots=True)
class Context:
    """One checked request to a community, at an instant (Unix milliseconds).

    `viewer` is the authenticated user, None for an app. `hollow` means a page without rows whose
    next token leads to the rows (a fault).
    """

    community: Community
    request: CheckedRequest
    words: Vocabulary
    now: int
    tokens: Tokens
    services: Services
    viewer: Person | None = None
    hollow: bool = False

    def answer(self) -> Answer:
        """Return an empty answer to fill."""
        return Answer(self.community, self.request, self.words, self.now, self.viewer)

    @property
    def me(self) -> Person:
        """The authenticated user."""
        if self.viewer is None:
            raise unauthorized()
        return self.viewer

    def refuse(self, name: str, value: str, message: str) -> Exception:
        """Return the 400 for one parameter."""
        return invalid(self.words, (name, [value], message))

    def cursor(self, low: int = 0, high: int = END, at: int | None = None) -> Cursor:
        """Return where the page begins: at its token, at `at`, or at the newest of the window.

        The window is in ids, both inclusive; a token carries the window of its first request.
        """
        if self.request.token is None:
            if at is None:
                at = high + 1
            return Cursor(at, low, high)
        try:
            return self.tokens.read(self.request.token, self.request.scope)
        except TokenError:
            name = self.request.action.token or "next_token"
            message = f"The `{name}` query parameter value is not a token of this request"
            raise self.refuse(name, self.request.token, message) from None

    def links(self, forth: Cursor | None, back: Cursor | None) -> dict[str, str]:
        """Return next_token and previous_token, for the pages that exist."""
        named = {"next_token": forth, "previous_token": back}
        return {name: self.tokens.write(cursor, self.request.scope)
                for name, cursor in named.items() if cursor is not None}

    def page(
        self,
        rows: Sequence[D],
        keep: Callable[[D], bool] = lambda _: True,
        *,
        low: int = 0,
        high: int = END,
        previous: bool = True,
        span: bool = True,
        kind: str = "posts",
    ) -> dict[str, Any]:
        """Answer with one page of the rows (oldest first) for which `keep` is true.

        `kind` is posts or events; `previous` adds a previous_token, `span` the newest and oldest
        id.
        """
        cursor = self.cursor(low, high)
        if self.hollow:
            return self.blank(cursor)
        found = leaf(rows, keep, cursor, self.request.size)
        answer = self.answer()
        data = getattr(answer, kind)(found.rows)
        links = self.links(found.next, found.previous)
        if not previous:
            links.pop("previous_token", None)
        return answer.body(data, page_meta(found.rows, links, span=span))

    def whole(self, kind: str, rows: Sequence[Any], answer: Answer | None = None) -> dict[str, Any]:
        """Answer with all rows, where X has no pages; `answer` may have errors already."""
        answer = answer or self.answer()
        return answer.body(getattr(answer, kind)(rows), {"result_count": len(rows)})

    def rows(
        self, kind: str, rows: Sequence[Any], cursor: Cursor | None = None, *, span: bool = False
    ) -> dict[str, Any]:
        """Answer with one page of rows without order by id; `kind` names a method of Answer."""
        cursor = cursor or self.cursor(at=0)
        if self.hollow:
            return self.blank(cursor)
        page, forth, back = slice_of(rows, cursor, self.request.size)
        answer = self.answer()
        data = getattr(answer, kind)(page)
        return answer.body(data, page_meta(page, self.links(forth, back), span=span))

    def blank(self, cursor: Cursor) -> dict[str, Any]:
        """Answer with an empty page and a new token that leads to the page."""
        return {
            "meta": {"result_count": 0, **self.links(replace(cursor, turn=cursor.turn + 1), None)}
        }


Handler = Callable[[Context], dict[str, Any]]


def window(args: dict[str, Any], low: int = 0, high: int = END) -> tuple[int, int]:
    """Return the ids (both inclusive) from start_time or since_id to end_time or until_id."""
    if "start_time" in args:
        low = max(low, snowflake(args["start_time"]))
    if "end_time" in args:
        high = min(high, snowflake(args["end_time"]) - 1)
    if "since_id" in args:
        low = max(low, args["since_id"] + 1)
    if "until_id" in args:
        high = min(high, args["until_id"] - 1)
    return max(0, low), max(0, high)

"""What a handler gets and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xframes.sandbox.answer import Answer, page_meta
from xframes.sandbox.model import snowflake
from xframes.sandbox.paging import END, Cursor, D, TokenError, Tokens, leaf, slice_of
from xframes.sandbox.problems import invalid, unauthorized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xframes.sandbox.asked import Asked
    from xframes.sandbox.community import Community
    from xframes.sandbox.model import Person
    from xframes.sandbox.services import Services
    from xframes.schema import Vocabulary


@dataclass(frozen=True, slots=True)
class Context:
    """One request on its way: what it asks, of which community, at which instant (Unix ms).

    `hollow` asks for a page without rows whose next token brings the rows after all (a fault).
    """

    community: Community
    asked: Asked
    words: Vocabulary
    now: int
    tokens: Tokens
    services: Services
    viewer: Person | None = None
    hollow: bool = False

    def answer(self) -> Answer:
        """Return an empty answer to fill."""
        return Answer(self.community, self.asked, self.words, self.now, self.viewer)

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
        """Return where this request's page begins: at its token, else at `at`, else at the newest of the window.

        The window is given in ids, both inclusive; a token brings the one its first request resolved to.
        """
        if self.asked.token is None:
            return Cursor(high + 1 if at is None else at, low, high)
        try:
            return self.tokens.read(self.asked.token, self.asked.scope)
        except TokenError:
            name = self.asked.action.token or "next_token"
            message = f"The `{name}` query parameter value is not a token of this request"
            raise self.refuse(name, self.asked.token, message) from None

    def links(self, forth: Cursor | None, back: Cursor | None) -> dict[str, str]:
        """Return next_token and previous_token, where there are such pages."""
        named = {"next_token": forth, "previous_token": back}
        return {name: self.tokens.write(at, self.asked.scope) for name, at in named.items() if at is not None}

    def page(
        self, rows: Sequence[D], keep: Callable[[D], bool] = lambda _: True, *, low: int = 0, high: int = END,
        previous: bool = True, span: bool = True, kind: str = "posts",
    ) -> dict[str, Any]:
        """Answer with one page of the rows (given oldest first) that `keep` keeps; `kind` is posts or events.

        `previous` offers the way back; `span` says the newest and oldest id.
        """
        cursor = self.cursor(low, high)
        if self.hollow:
            return self.blank(cursor)
        found = leaf(rows, keep, cursor, self.asked.size)
        answer = self.answer()
        data = getattr(answer, kind)(found.rows)
        links = self.links(found.next, found.previous if previous else None)
        return answer.body(data, page_meta(found.rows if span else (), len(found.rows), links))

    def whole(self, kind: str, rows: Sequence[Any], answer: Answer | None = None) -> dict[str, Any]:
        """Answer with all rows, where X has no pages; an `answer` brings what could not be found."""
        answer = answer or self.answer()
        return answer.body(getattr(answer, kind)(rows), page_meta((), len(rows), {}))

    def rows(
        self, kind: str, rows: Sequence[Any], cursor: Cursor | None = None, *, span: bool = False
    ) -> dict[str, Any]:
        """Answer with one page of rows counted from the first: `kind` is people, posts, lists or spaces."""
        cursor = cursor or self.cursor(at=0)
        if self.hollow:
            return self.blank(cursor)
        page, forth, back = slice_of(rows, cursor, self.asked.size)
        answer = self.answer()
        data = getattr(answer, kind)(page)
        return answer.body(data, page_meta(page if span else (), len(page), self.links(forth, back)))

    def blank(self, cursor: Cursor) -> dict[str, Any]:
        """Answer with an empty page and a token, unlike the one asked with, under which the page comes."""
        return {"meta": {"result_count": 0, **self.links(replace(cursor, turn=cursor.turn + 1), None)}}


Handler = Callable[[Context], dict[str, Any]]


def window(args: dict[str, Any], low: int = 0, high: int = END) -> tuple[int, int]:
    """Return the ids (both inclusive) between a request's start_time or since_id and its end_time or until_id."""
    if "start_time" in args:
        low = max(low, snowflake(args["start_time"]))
    if "end_time" in args:
        high = min(high, snowflake(args["end_time"]) - 1)
    if "since_id" in args:
        low = max(low, args["since_id"] + 1)
    if "until_id" in args:
        high = min(high, args["until_id"] - 1)
    return max(0, low), max(0, high)

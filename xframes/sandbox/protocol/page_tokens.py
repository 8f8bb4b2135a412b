"""Pages of an answer and the tokens between them.

A token is opaque to clients, but complete: it has the start of the next page and the window of the
first request, so a collection stays in its window however long it takes, and a token never expires.
It works only with the request it came from.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Dated(Protocol):
    """A row that is ordered by its id: a post, an event."""

    @property
    def id(self) -> int:
        """Larger for what came later."""


T = TypeVar("T")
D = TypeVar("D", bound=Dated)
_LAYOUT = ">BBQQQ"
_DIGEST = 8
END = 2**63 - 1  # an id above all ids


class TokenError(ValueError):
    """A token that does not belong to this request."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins, and the window it lies in (ids, both ends included).

    `at` is the id above the page's first post; for rows without order by id, the number of rows
    before the page. With `back`, the page ends just above `at`. `turn` distinguishes tokens that
    lead to the same page.
    """

    at: int
    low: int = 0
    high: int = END
    back: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Leaf(Generic[D]):
    """One page: its rows newest first, and the cursors to both sides (None at the ends)."""

    rows: list[D]
    next: Cursor | None
    previous: Cursor | None


class Tokens:
    """Writer and reader of tokens; `key` makes them specific to one sandbox."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def _seal(self, packed: bytes, scope: str) -> bytes:
        return hashlib.blake2b(
            packed + scope.encode(), key=self._key[:64], digest_size=_DIGEST
        ).digest()

    def write(self, cursor: Cursor, scope: str) -> str:
        """Return the token of a cursor, valid for requests of the same scope."""
        packed = struct.pack(
            _LAYOUT, cursor.back, cursor.turn % 256, cursor.at, cursor.low, cursor.high
        )
        return base64.b32hexencode(packed + self._seal(packed, scope)).decode().rstrip("=").lower()

    def read(self, token: str, scope: str) -> Cursor:
        """Return the cursor of a token. Raises TokenError for tokens of another scope or server."""
        try:
            raw = base64.b32hexdecode(token.upper() + "=" * (-len(token) % 8))
            back, turn, at, low, high = struct.unpack(_LAYOUT, raw[:-_DIGEST])
        except (binascii.Error, struct.error, ValueError):
            raise TokenError(token) from None
        if self._seal(raw[:-_DIGEST], scope) != raw[-_DIGEST:] or token != token.lower():
            raise TokenError(token)
        return Cursor(at, low, high, bool(back), turn)


def leaf(posts: Sequence[D], keep: Callable[[D], bool], cursor: Cursor, size: int) -> Leaf[D]:
    """Return one page, newest first, of the rows (oldest first) for which `keep` is true.

    It examines only as many rows as the page needs.
    """
    first = bisect_left(posts, cursor.low, key=_id)
    last = bisect_right(posts, cursor.high, key=_id)
    edge = bisect_left(posts, cursor.at, lo=first, hi=last, key=_id)
    if cursor.back:
        above = bisect_right(posts, cursor.at, lo=first, hi=last, key=_id)
        found = _gather((posts[i] for i in range(above, last)), keep, size + 1)
        rows = found[:size][::-1]
        return _sides(rows, cursor, older=True, newer=len(found) > size)
    found = _gather((posts[i] for i in range(edge - 1, first - 1, -1)), keep, size + 1)
    return _sides(found[:size], cursor, older=len(found) > size, newer=cursor.at <= cursor.high)


def _id(row: Dated) -> int:
    return row.id


def _gather(posts: Iterable[D], keep: Callable[[D], bool], most: int) -> list[D]:
    found: list[D] = []
    for post in posts:
        if keep(post):
            found.append(post)
            if len(found) == most:
                break
    return found


def _sides(rows: list[D], cursor: Cursor, *, older: bool, newer: bool) -> Leaf[D]:
    forth = replace(cursor, at=rows[-1].id, back=False) if rows and older else None
    back = replace(cursor, at=rows[0].id, back=True) if rows and newer else None
    return Leaf(rows, forth, back)


def slice_of(
    rows: Sequence[T], cursor: Cursor, size: int
) -> tuple[list[T], Cursor | None, Cursor | None]:
    """Return one page of rows without order by id, and the cursors to both sides."""
    start = min(cursor.at, len(rows))
    page = list(rows[start : start + size])
    forth = replace(cursor, at=start + size) if start + size < len(rows) else None
    back = replace(cursor, at=max(0, start - size)) if start else None
    return page, forth, back

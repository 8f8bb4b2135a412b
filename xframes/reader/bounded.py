"""Lines, documents and lists of a file, none of which is held beyond the bound in the settings."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from xframes.reader.damage import TooLong
from xframes.settings import MAX_LINE
from xframes.wire import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_BYTES = 16_000_000  # a list up to this size is one value; of a larger one each item is
_PIECE = 1 << 20
_DEEPEST = 1000  # brackets in brackets: no reader of JSON goes as deep
_WALKED = 2  # lists in lists whose items are values
_BETWEEN = re.compile(rb"[ \t\r\n,\0\x1e\]]*")
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT = re.compile(_STRING, re.DOTALL)
_BRACKETS = re.compile(rb'[^"\[\]{}]*+(?:%s[^"\[\]{}]*+)*+([\[{]+|[\]}])' % _STRING, re.DOTALL)


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file from where it is. Raises TooLong for one beyond the bound."""
    most = MAX_LINE.bytes
    while found := _line(file, b"", most):
        yield found


def line(file: IO[bytes], begun: bytes = b"") -> bytes:
    """The next line, or all of one that was begun; nothing at the end. Raises TooLong."""
    return _line(file, begun, MAX_LINE.bytes)


def _line(file: IO[bytes], begun: bytes, most: int) -> bytes:
    if begun.endswith(b"\n"):
        return begun
    found = file.readline(_PIECE)
    if not begun and (len(found) < _PIECE or found.endswith(b"\n")):
        return found
    pieces, size = [begun, found], len(begun) + len(found)
    while found and not found.endswith(b"\n"):
        found = file.readline(_PIECE)
        pieces.append(found)
        size += len(found)
        if size > most:
            raise TooLong(f"a line is larger than {MAX_LINE.megabytes}")
    return b"".join(pieces)


def rest(file: IO[bytes]) -> bytes:
    """All that comes. Raises TooLong when it is beyond the bound."""
    most, pieces, size = MAX_LINE.bytes, list[bytes](), 0
    while found := file.read(_PIECE):
        pieces.append(found)
        size += len(found)
        if size > most:
            raise TooLong(f"a document is larger than {MAX_LINE.megabytes}")
    return b"".join(pieces)


def values(file: IO[bytes], begun: bytes) -> Iterator[bytes]:
    """The JSON values of a text that begins with `begun`: documents, and small lists as they are.

    Of a list that is larger, cut short or no JSON, each item is a value. What is no JSON comes as
    one last value. What is in brackets is not judged. Raises TooLong for a value beyond the bound,
    and at the end when there were lines nested deeper than any reader of JSON goes; they are
    values, too.
    """
    text, deep = _Text(file, begun), 0
    while first := text.skip():
        whole = first == b"{" or text.walked == _WALKED
        most = text.most if whole else HELD_BYTES
        found = text.string() if first == b'"' else text.brackets(most)
        if text.deep:
            deep += 1
            found = text.line()
        elif first == b"[" and not whole and not (found and is_json(found)):
            text.walk(len(found or b""))
            continue
        yield text.rest() if found is None else found
    if deep:
        raise TooLong(f"brackets are nested deeper than {_DEEPEST:,} (lines with such: {deep:,})")


class _Text:
    """A text that is read on as it is needed; what was taken is forgotten.

    `walked` counts the lists whose items are being taken; `deep` says why `brackets` found nothing.
    """

    def __init__(self, file: IO[bytes], begun: bytes) -> None:
        self.most = MAX_LINE.bytes
        self._file = file
        self._held = begun
        self._at = 0
        self.walked = 0
        self.deep = False

    def skip(self) -> bytes:
        """Go to where the next value begins; gives its first byte, nothing at the end."""
        while True:
            match = _BETWEEN.match(self._held, self._at)
            assert match is not None
            self.walked = max(0, self.walked - match[0].count(b"]"))
            self._at = match.end()
            if self._size or not self._more(_PIECE):
                return self._held[self._at:self._at + 1]

    def walk(self, taken: int) -> None:
        """Go into a list of which so many bytes were taken."""
        self._at += 1 - taken
        self.walked += 1

    def string(self) -> bytes | None:
        """The text in quotes that begins here; None when it has no end."""
        while not (match := _TEXT.match(self._held, self._at)):
            if not self._more(self.most):
                return None
        return self._take(match.end())

    def brackets(self, most: int) -> bytes | None:
        """What begins here up to its closing bracket; None when that is too far away or missing."""
        depth, at, self.deep = 0, self._at, False
        while True:
            while match := _BRACKETS.match(self._held, at):
                depth += len(match[1]) if match[1][:1] in b"[{" else -1
                at = match.end()
                if depth <= 0:
                    return self._take(at) if depth == 0 and at > self._at + 1 else None
                if depth > _DEEPEST:
                    self.deep = True
                    return None
            at -= self._at
            if not self._more(most):
                return None
            at += self._at

    def line(self) -> bytes:
        """What is left of the line. Raises TooLong."""
        while (end := self._held.find(b"\n", self._at)) < 0 and self._more(self.most):
            pass
        self._check()
        return self._take(end if end >= 0 else len(self._held)).strip()

    def rest(self) -> bytes:
        """All there is left. Raises TooLong."""
        while self._more(self.most):
            pass
        self._check()
        return self._take(len(self._held)).strip(b" \t\r\n\0\x1e")

    @property
    def _size(self) -> int:
        return len(self._held) - self._at

    def _check(self) -> None:
        if self._size > self.most:
            raise TooLong(f"a document is larger than {MAX_LINE.megabytes}")

    def _take(self, end: int) -> bytes:
        found, self._at = self._held[self._at:end], end
        return found

    def _more(self, most: int) -> bool:
        """Read on, as much again as is held; gives whether there was anything, and room for it."""
        if self._size > most:
            return False
        found = self._file.read(max(_PIECE, min(self._size, most - self._size + 1)))
        self._held, self._at = self._held[self._at:] + found, 0
        return bool(found)

"""Lines, documents and lists of a file, each up to the size that the settings allow."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from xframes.reader.damage import TooLong
from xframes.screen import counted
from xframes.settings import MAX_LINE
from xframes.wire import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_BYTES = 16_000_000  # a list up to this size is one value; of a larger list, each item is one
_PIECE = 1 << 20
_DEEPEST = 1000  # nested brackets; no JSON reader accepts more
_WALKED = 2  # nested lists whose items are values
_BETWEEN = re.compile(rb"[ \t\r\n,\0\x1e\]]*")
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT = re.compile(_STRING, re.DOTALL)
_BRACKETS = re.compile(rb'[^"\[\]{}]*+(?:%s[^"\[\]{}]*+)*+([\[{]+|[\]}])' % _STRING, re.DOTALL)


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Read the remaining lines of a file. Raises TooLong if one is too large."""
    most = MAX_LINE.bytes
    while found := _line(file, b"", most):
        yield found


def line(file: IO[bytes], begun: bytes = b"") -> bytes:
    """Read the next line, or the rest of one whose beginning is read already.

    Empty at the end of the file. Raises TooLong if the line is too large.
    """
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
    """Read the rest of a file. Raises TooLong if it is too large."""
    most, pieces, size = MAX_LINE.bytes, list[bytes](), 0
    while found := file.read(_PIECE):
        pieces.append(found)
        size += len(found)
        if size > most:
            raise TooLong(f"a document is larger than {MAX_LINE.megabytes}")
    return b"".join(pieces)


def values(file: IO[bytes], begun: bytes) -> Iterator[bytes]:
    """Split a text that begins with `begun` into JSON values: documents, and small lists.

    Of a list that is large, cut short or invalid, each item is one value. The content of brackets
    is not checked. From the first text outside JSON, the rest is one last value. Raises TooLong if
    a value is too large, and, after all values, if lines had too many nested brackets; such a line
    is one value.
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
        if found is None:
            found = text.rest()
        yield found
    if deep:
        raise TooLong(f"{counted(deep, 'line')} with more than {_DEEPEST:,} nested brackets")


class _Text:
    """A text that is read as far as needed and kept only until it is returned.

    `walked` is the number of lists whose items are being returned. `deep` is true if `brackets`
    returned None because of too many nested brackets.
    """

    def __init__(self, file: IO[bytes], begun: bytes) -> None:
        self.most = MAX_LINE.bytes
        self._file = file
        self._held = begun
        self._at = 0
        self.walked = 0
        self.deep = False

    def skip(self) -> bytes:
        """Move to the next value. Return its first byte; empty at the end of the text."""
        while True:
            match = _BETWEEN.match(self._held, self._at)
            assert match is not None
            self.walked = max(0, self.walked - match[0].count(b"]"))
            self._at = match.end()
            if self._size or not self._more(_PIECE):
                return self._held[self._at:self._at + 1]

    def walk(self, taken: int) -> None:
        """Go back by the `taken` bytes, and into the list that begins there."""
        self._at += 1 - taken
        self.walked += 1

    def string(self) -> bytes | None:
        """Return the quoted text that begins here; None if it has no end."""
        while not (match := _TEXT.match(self._held, self._at)):
            if not self._more(self.most):
                return None
        return self._take(match.end())

    def brackets(self, most: int) -> bytes | None:
        """Return the value that begins here, up to its closing bracket.

        None if that bracket is missing, or more than `most` bytes away.
        """
        depth, at, self.deep = 0, self._at, False
        while True:
            while match := _BRACKETS.match(self._held, at):
                if match[1][:1] in b"[{":
                    depth += len(match[1])
                else:
                    depth -= 1
                at = match.end()
                if depth == 0 and at > self._at + 1:
                    return self._take(at)
                if depth <= 0:
                    return None
                if depth > _DEEPEST:
                    self.deep = True
                    return None
            at -= self._at
            if not self._more(most):
                return None
            at += self._at

    def line(self) -> bytes:
        """Return the rest of the line. Raises TooLong."""
        while (end := self._held.find(b"\n", self._at)) < 0 and self._more(self.most):
            pass
        self._check()
        if end < 0:
            end = len(self._held)
        return self._take(end).strip()

    def rest(self) -> bytes:
        """Return the rest of the text. Raises TooLong."""
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
        """Read as much again as is kept. Return False at the end, or if there is no room."""
        if self._size > most:
            return False
        found = self._file.read(max(_PIECE, min(self._size, most - self._size + 1)))
        self._held, self._at = self._held[self._at:] + found, 0
        return bool(found)

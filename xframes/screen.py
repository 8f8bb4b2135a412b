"""Text for a screen: characters that control a terminal or the reading direction are escaped.

All text that xframes prints for people passes `neutral`; data written to files and pipes does not.
"""

from __future__ import annotations

import logging
import re

# Control characters (C0, DEL, C1), line and paragraph separators, embeddings, overrides and
# isolates of direction, and unpaired surrogates (of file names), which no text stream can write.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")


def neutral(text: str, *, keep: str = "", mark: str | None = None) -> str:
    """Replace control characters by escapes such as `\\u001b` (as in JSON), or by `mark`.

    The characters in `keep` stay.
    """

    def escape(hit: re.Match[str]) -> str:
        if hit[0] in keep:
            return hit[0]
        if mark is not None:
            return mark
        return f"\\u{ord(hit[0]):04x}"

    return _STEERING.sub(escape, text)


class _Neutral(logging.Filter):
    """Escapes log records, which quote X, files and archives."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = neutral(record.getMessage(), keep="\n\t"), ()
        return True


logging.getLogger("xframes").addFilter(_Neutral())


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 page", "2 pages", "1,000 replies".

    `plural` is the noun's plural. Default: the singular with an s.
    """
    return f"{number:,} {noun(number, singular, plural)}"


def noun(number: float, singular: str, plural: str | None = None) -> str:
    """Return the form of a noun that follows a number: "page" after 1, else "pages"."""
    if number == 1:
        return singular
    return plural or f"{singular}s"

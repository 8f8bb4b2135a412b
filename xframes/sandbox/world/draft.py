"""Compose a post's text and its entities together, so indices cannot drift from the text.

Text is HTML-escaped while it is written (`&amp; &lt; &gt;`), and indices count code points of the
escaped text, ends exclusive. X does the same, and clients often get it wrong.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from .model import Entities

ELLIPSIS = "\u2026"
LIMIT = 280  # weighted characters a post may have before it is a long post
URL_WEIGHT = 23  # of a link of any length
_LINK_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def short_link(rng: Random) -> str:
    """Return a short link such as X wraps every URL in."""
    return "https://t.co/" + "".join(rng.choices(_LINK_LETTERS, k=10))


def escape(raw: str) -> str:
    """Return `raw` with the three characters X escapes."""
    return raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def weight(raw: str) -> int:
    """Return the weight of a text, of which 280 fit: wide characters and emoji count two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in raw)


class Draft:
    """Text under construction; `say`, `hashtag`, … append at its end and return the draft."""

    __slots__ = ("_length", "_parts", "entities")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.entities: Entities = {}

    def __len__(self) -> int:
        return self._length

    @property
    def text(self) -> str:
        """The escaped text so far."""
        return "".join(self._parts)

    def _append(self, part: str) -> tuple[int, int]:
        start = self._length
        self._parts.append(part)
        self._length += len(part)
        return start, self._length

    def say(self, raw: str) -> Draft:
        """Append plain text, escaped."""
        self._append(escape(raw))
        return self

    def raw(self, text: str, entities: Entities) -> Draft:
        """Start with finished text and its entities."""
        self._append(text)
        self.entities = entities
        return self

    def gap(self, raw: str = " ") -> Draft:
        """Append white space, unless the draft is empty."""
        if self._length:
            self._append(raw)
        return self

    def stop(self) -> Draft:
        """End the sentence, unless it has ended already."""
        if self._parts and not self._parts[-1].endswith((".", "?", "!")):
            self._append(".")
        return self

    def _mark(self, kind: str, part: str, facts: dict[str, Any]) -> Draft:
        start, end = self._append(part)
        self.entities.setdefault(kind, []).append({"start": start, "end": end, **facts})
        return self

    def hashtag(self, tag: str) -> Draft:
        """Append `#tag`."""
        return self._mark("hashtags", "#" + tag, {"tag": tag})

    def cashtag(self, tag: str) -> Draft:
        """Append `$tag`."""
        return self._mark("cashtags", "$" + tag, {"tag": tag})

    def mention(self, username: str, id: int | None) -> Draft:
        """Append `@username`; accounts X no longer knows have no id."""
        facts = {"username": username} if id is None else {"username": username, "id": str(id)}
        return self._mark("mentions", "@" + username, facts)

    def name(self, raw: str, kind: str) -> Draft:
        """Append a name that X would annotate; only the end of annotations is inclusive."""
        start, end = self._append(escape(raw))
        self.entities.setdefault("annotations", []).append(
            {
                "start": start,
                "end": end - 1,
                "probability": 0.9217,
                "type": kind,
                "normalized_text": raw,
            }
        )
        return self

    def link(self, short: str, *facts: dict[str, Any]) -> Draft:
        """Append a short link, with one entity for each of `facts` (four photos have one link)."""
        start, end = self._append(short)
        urls = self.entities.setdefault("urls", [])
        urls.extend({"start": start, "end": end, "url": short, **each} for each in facts)
        return self


def shift(entities: Entities, by: int, below: int) -> Entities:
    """Return the entities moved by `by` code points, without those that would end after `below`."""
    moved: Entities = {}
    for kind, items in entities.items():
        last = 1 if kind == "annotations" else 0
        kept = [{**item, "start": item["start"] + by, "end": item["end"] + by} for item in items
                if item["end"] + last + by <= below]
        if kept:
            moved[kind] = kept
    return moved


def cut(text: str, entities: Entities, limit: int) -> int:
    """Return where to cut `text`, at most at `limit`, and never inside an entity or an escape."""
    if len(text) <= limit:
        return len(text)
    end = limit
    for items in entities.values():
        for item in items:
            if item["start"] < end < item["end"]:
                end = item["start"]
    ampersand = text.rfind("&", max(0, end - 4), end)
    if ampersand >= 0 and ";" not in text[ampersand:end]:
        end = ampersand
    return end

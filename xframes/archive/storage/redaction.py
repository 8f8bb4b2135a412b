"""Redaction of single texts: handles, names, ids and words of removed people are taken out.

How a text is cleaned follows from what its column's declaration says it holds.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from html import escape, unescape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from xframes.schema.leaves import known
from xframes.schema.links import X_LINKS, unescaped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from xframes.schema import Col

GONE = "removed"  # replaces the name of a removed person
WORD = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|[A-Za-z0-9_]+")
_TOKENS = re.compile(rb"[a-z0-9_]+")
_JSON_TOKENS = re.compile(rb"\\u[0-9a-f]{4}|\\.|([a-z0-9_]+)")  # `\nada` names ada
_PLAIN_ESCAPED = re.compile(rb"\\u00[2-7]")  # a letter written as JSON need not write it
_URL_TOKENS = re.compile(rb"%(?:25)*[0-9a-f]{2}|([a-z0-9_]+)")  # in a link `from%3Aada` names ada
_PIECE = re.compile(r"[A-Za-z0-9_]+|[^\W\x00-\x7f]")  # scripts without blanks: a letter is a piece
_EDGES = re.compile(r"^\W+|\W+$")
_X_FILE = re.compile(r"https?://[\w.-]*\btwimg\.com/\w+/")  # X's files: this part names no person
_NO_CODE = re.compile(r"[^A-Za-z0-9_.+-]")
_LIKE_LINK = re.compile(r"\S+(?:://|\w\.\w)\S*")
_IDS = re.compile(r"[0-9]+(,[0-9]+)*")
_LEAST_ID = 6  # figures; shorter numbers mean many things
_LEAST_WORDS = 12  # letters; shorter texts are anybody's
_SHORTEST_HANDLE = 4  # letters; shorter codes are languages and countries


@dataclass(frozen=True, slots=True)
class _Phrases:
    """Whole texts and names of several words, by their first two pieces."""

    by_start: dict[tuple[str, ...], tuple[str, ...]]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Find their positions in a text, from left to right, without overlap."""
        low = text.lower()
        if len(low) != len(text):  # of a few letters the small one is longer
            low = text
        pieces = list(_PIECE.finditer(low))
        end = 0
        for here, after in pairwise(pieces):
            if here.start() < end:
                continue
            for phrase in self.by_start.get((here[0], after[0]), ()):
                stop = here.start() + len(phrase)
                if low.startswith(phrase, here.start()) and not _cuts(low, stop):
                    yield here.start(), stop
                    end = stop
                    break


def _core(text: str) -> str:
    """Return a text in lower case without what surrounds its words, or as it is if it has none."""
    return (_EDGES.sub("", text) or text.strip()).lower()


def _cuts(text: str, at: int) -> bool:
    """Whether a place is inside a word."""
    return bool(re.fullmatch(r"[A-Za-z0-9_]{2}", text[at - 1:at + 1]))


def _phrases(texts: Collection[str]) -> _Phrases:
    forms: set[str] = set()
    for text in texts:
        forms |= {text, unescape(text), escape(text, quote=False)}
    by_start: dict[tuple[str, ...], list[str]] = {}
    for text in {_EDGES.sub("", form).lower() for form in forms}:
        pieces = _PIECE.findall(text)
        if len(pieces) > 1 and text.startswith(pieces[0]):
            by_start.setdefault(tuple(pieces[:2]), []).append(text)
    return _Phrases({
        start: tuple(sorted(phrases, key=len, reverse=True)) for start, phrases in by_start.items()
    })


@dataclass(frozen=True)
class Targets:
    """What must be removed: ids of posts, users, media and polls, and the users' names and words.

    `names` are handles in lower case, `shown` display names. A name of one word counts only if a
    field has nothing else, because other people may have it too.
    """

    posts: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    polls: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    _needles: frozenset[bytes] = field(init=False, repr=False, compare=False, default=frozenset())
    _blind: bool = field(init=False, repr=False, compare=False, default=False)

    def __post_init__(self) -> None:
        every = self.posts | self.users | self.names | self.media | self.polls
        needles = {text.lower().encode() for text in every}
        blind = False
        for text in self.shown | self._whole_texts:
            pieces = re.findall(r"[A-Za-z0-9_]+", text)
            blind |= not pieces
            if pieces:
                needles.add(max(pieces, key=len).lower().encode())
        object.__setattr__(self, "_needles", frozenset(needles))
        object.__setattr__(self, "_blind", blind)

    def __bool__(self) -> bool:
        return bool(self._needles) or self._blind

    @cached_property
    def _whole_texts(self) -> frozenset[str]:
        return frozenset(text for text in self.words if len(text.strip()) >= _LEAST_WORDS)

    @cached_property
    def phrases(self) -> _Phrases:
        """Names of several words, and the texts that the users wrote."""
        return _phrases(self.shown | self._whole_texts)

    @cached_property
    def alone(self) -> frozenset[str]:
        """Display names in lower case, as a whole field may have them."""
        return frozenset(map(_core, self.shown)) - {""}

    @cached_property
    def long_ids(self) -> frozenset[str]:
        """Ids of users that are long enough to have no other meaning."""
        return frozenset(i for i in self.users if len(i) >= _LEAST_ID)

    def occurs_in(self, data: bytes) -> bool:
        """Whether these bytes may have any of it: a quick test without false negatives."""
        low = data.lower()
        if self._blind and (b"\\u" in low or not low.isascii()):
            return True
        if not self._needles.isdisjoint(_TOKENS.findall(low)):
            return True
        if b"\\" in low and (
            _PLAIN_ESCAPED.search(low) or not self._needles.isdisjoint(_JSON_TOKENS.findall(low))
        ):
            return True
        if b"%" not in low:
            return False
        plain = unescaped(low.decode("latin-1")).lower().encode("latin-1")
        return not self._needles.isdisjoint((*_URL_TOKENS.findall(low), *_TOKENS.findall(plain)))


# single texts -------------------------------------------------------------------------------------


def without_names(text: str, targets: Targets) -> str:
    """Return a text with removed people's handles replaced where they are whole words."""
    return _replaced(text, targets.names)


def _replaced(text: str, gone: frozenset[str]) -> str:
    def clean(text: str) -> str:
        return WORD.sub(lambda hit: GONE if hit[0].lower() in gone else hit[0], text)

    plain = unescaped(text)
    new = clean(plain)
    if new == plain:
        return clean(text)
    return new


def without_links(text: str, targets: Targets) -> str:
    """Return a text without removed people and posts in links to X and its mirrors."""
    if not _LIKE_LINK.match(text):
        return without_traces(text, targets)
    gone = targets.names | targets.long_ids
    return X_LINKS.sub(
        lambda hit: hit["host"] + _replaced(hit[0].removeprefix(hit["host"]), gone), text
    )


def without_mentions(text: str, targets: Targets) -> str:
    """Return a text without handles, names and words of removed people; ids stay."""
    clean = without_names(text, targets)
    pieces, at = list[str](), 0
    for start, end in targets.phrases.spans(clean):
        pieces += (clean[at:start], GONE)
        at = end
    if not pieces:
        return clean
    return "".join((*pieces, clean[at:]))


def without_traces(text: str, targets: Targets) -> str:
    """Return a text without handles, names, words and ids of removed people."""
    start = 0
    if hit := _X_FILE.match(text):
        start = hit.end()
    head, rest = text[:start], text[start:]
    clean = without_mentions(rest, targets)
    if targets.long_ids and not targets.long_ids.isdisjoint(WORD.findall(clean)):
        clean = _replaced(clean, targets.long_ids)
    return head + clean


def _unknown(text: str, targets: Targets) -> str:
    """Clean a text of an unknown kind; if all of it is a name of one word, that is replaced too."""
    clean = without_traces(text, targets)
    if _core(clean) in targets.alone:
        return GONE
    return clean


def _handle(text: str, targets: Targets) -> str:
    """Clean a handle; if it is a removed person's former one, it belongs to another person now."""
    if text.lower() in targets.names:
        return text
    return _unknown(text, targets)


def _namesake(text: str, targets: Targets) -> str:
    """Clean the name of another person, which may be the same as a removed person's."""
    if _core(text) in targets.alone:
        return without_names(text, targets)
    return without_traces(text, targets)


def _asked(text: str, targets: Targets) -> str:
    """Clean a path, or arguments as JSON."""
    if text.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            document = json.loads(text)
            clean = scrub_parameters(document, targets)
            if clean == document:
                return text
            return json.dumps(clean, ensure_ascii=False, sort_keys=True)
    return without_mentions(text, targets)


def scrub_parameters(value: Any, targets: Targets) -> Any:
    """Clean the arguments or parameters of a request; lists of ids stay unchanged."""
    if isinstance(value, str) and not _IDS.fullmatch(value):
        return without_traces(value, targets)
    if isinstance(value, dict):
        return {name: scrub_parameters(item, targets) for name, item in value.items()}
    if isinstance(value, list):
        return [scrub_parameters(item, targets) for item in value]
    return value


_WAYS: dict[str, Callable[[str, Targets], str]] = {
    "name": _namesake,
    "label": without_traces,
    "link": without_links,
    "shown_link": without_links,
    "preview": without_traces,
    "file": without_traces,
    "profile": _unknown,
    "location": _unknown,
    "query": without_traces,
    "request": _asked,
    "report": without_mentions,
    "subject": without_mentions,
    "fact": without_traces,
    "secret": without_traces,
    "public": without_traces,
    "handle": _handle,
}
WHOLE = frozenset({"id", "words"})  # these stay: references, and what other people wrote


def without_asked(text: str, targets: Targets) -> str:
    """Clean the arguments or the error in the record of a run."""
    return _asked(text, targets)


def cleaned(text: str, col: Col | None, targets: Targets) -> str:
    """Clean a text of a column; without a column, of every trace."""
    content = None
    if col is not None:
        content = col.content
    if content in WHOLE or not text:
        return text
    if col is not None and content == "code" and _is_code(text, col, targets):
        return text
    return _WAYS.get(str(content), _unknown)(text, targets)


def _is_code(text: str, col: Col, targets: Targets) -> bool:
    """Whether a text is a code of X, although a person may have it as a handle."""
    if text in known(col) or len(text) < _SHORTEST_HANDLE:
        return True
    traces = targets.names | targets.alone | targets.long_ids
    return text.lower() not in traces and not _NO_CODE.search(text)


def leads_to(link: str, targets: Targets) -> bool:
    """Whether a link leads to a removed person or post."""
    words: set[str] = set()
    for hit in X_LINKS.finditer(link):
        path = unescaped(hit[0].removeprefix(hit["host"]))
        words.update(word.lower() for word in WORD.findall(path))
    return not words.isdisjoint(targets.names | targets.posts | targets.users)

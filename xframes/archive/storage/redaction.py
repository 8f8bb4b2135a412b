"""What must go, taken out of single texts: handles, names, ids and words of removed people.

What becomes of a text follows from what its column's declaration says it holds.
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

GONE = "removed"  # stands where a removed person's name stood
WORD = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|[A-Za-z0-9_]+")
_TOKENS = re.compile(rb"[a-z0-9_]+")
_JSON_TOKENS = re.compile(rb"\\u[0-9a-f]{4}|\\.|([a-z0-9_]+)")  # `\nada` names ada
_PLAIN_ESCAPED = re.compile(rb"\\u00[2-7]")  # a letter written as JSON need not write it
_URL_TOKENS = re.compile(rb"%(?:25)*[0-9a-f]{2}|([a-z0-9_]+)")  # in a link `from%3Aada` names ada
_PIECE = re.compile(r"[A-Za-z0-9_]+|[^\W\x00-\x7f]")  # scripts without blanks: a letter is a piece
_EDGES = re.compile(r"^\W+|\W+$")
_X_FILE = re.compile(r"https?://[\w.-]*\btwimg\.com/\w+/")  # where X keeps files: this part names nobody
_NO_CODE = re.compile(r"[^A-Za-z0-9_.+-]")
_LIKE_LINK = re.compile(r"\S+(?:://|\w\.\w)\S*")
_IDS = re.compile(r"[0-9]+(,[0-9]+)*")
_LEAST_ID = 6  # figures; shorter numbers mean many things
_LEAST_WORDS = 12  # letters; shorter texts are anybody's
_SHORTEST_HANDLE = 4  # letters; shorter codes are languages and countries


@dataclass(frozen=True, slots=True)
class _Phrases:
    """Names of several words and whole texts, found by their first two pieces."""

    by_start: dict[tuple[str, ...], tuple[str, ...]]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they stand in a text, from left to right, without overlap."""
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
    """A text without what stands around its words, in small letters; one without words as it is."""
    return (_EDGES.sub("", text) or text.strip()).lower()


def _cuts(text: str, at: int) -> bool:
    """Whether a place is inside a word."""
    return bool(re.fullmatch(r"[A-Za-z0-9_]{2}", text[at - 1:at + 1]))


def _phrases(texts: Collection[str]) -> _Phrases:
    found: dict[tuple[str, ...], list[str]] = {}
    forms = {form for text in texts for form in (text, unescape(text), escape(text, quote=False))}
    for text in {_EDGES.sub("", form).lower() for form in forms}:
        pieces = _PIECE.findall(text)
        if len(pieces) > 1 and text.startswith(pieces[0]):
            found.setdefault(tuple(pieces[:2]), []).append(text)
    return _Phrases({start: tuple(sorted(all_, key=len, reverse=True)) for start, all_ in found.items()})


@dataclass(frozen=True)
class Doomed:
    """What must go: ids of posts, users, media and polls; the users' handles (lower case), names and words.

    A name of one word is taken for theirs only where it stands alone: others have it, too.
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
            needles |= {max(pieces, key=len).lower().encode()} if pieces else set()
        object.__setattr__(self, "_needles", frozenset(needles))
        object.__setattr__(self, "_blind", blind)

    def __bool__(self) -> bool:
        return bool(self._needles) or self._blind

    @cached_property
    def _whole_texts(self) -> frozenset[str]:
        return frozenset(text for text in self.words if len(text.strip()) >= _LEAST_WORDS)

    @cached_property
    def phrases(self) -> _Phrases:
        """Their names of several words, and what they wrote."""
        return _phrases(self.shown | self._whole_texts)

    @cached_property
    def alone(self) -> frozenset[str]:
        """Their names, as they may stand alone (lower case)."""
        return frozenset(map(_core, self.shown)) - {""}

    @cached_property
    def long_ids(self) -> frozenset[str]:
        """The ids of people that can mean nothing else."""
        return frozenset(i for i in self.users if len(i) >= _LEAST_ID)

    def occurs_in(self, data: bytes) -> bool:
        """Whether any of it may stand in these bytes: a quick look that never misses."""
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


# single texts --------------------------------------------------------------------------------------------------------


def without_names(text: str, doomed: Doomed) -> str:
    """A text with removed people's handles replaced where they are a word of their own, escaped or not."""
    return _replaced(text, doomed.names)


def _replaced(text: str, gone: frozenset[str]) -> str:
    def clean(text: str) -> str:
        return WORD.sub(lambda hit: GONE if hit[0].lower() in gone else hit[0], text)

    plain = unescaped(text)
    new = clean(plain)
    return new if new != plain else clean(text)


def without_links(text: str, doomed: Doomed) -> str:
    """A link to a removed person or their post, without the name: to X and its mirrors, others stay."""
    if not _LIKE_LINK.match(text):
        return without_traces(text, doomed)
    gone = doomed.names | doomed.long_ids
    return X_LINKS.sub(lambda hit: hit["host"] + _replaced(hit[0].removeprefix(hit["host"]), gone), text)


def without_mentions(text: str, doomed: Doomed) -> str:
    """A text without handles, names and words of removed people; their ids stay."""
    clean = without_names(text, doomed)
    pieces, at = list[str](), 0
    for start, end in doomed.phrases.spans(clean):
        pieces += (clean[at:start], GONE)
        at = end
    return "".join((*pieces, clean[at:])) if pieces else clean


def without_traces(text: str, doomed: Doomed) -> str:
    """A text without handles, names, words and ids of removed people."""
    kept = _X_FILE.match(text)
    head, rest = (kept[0], text[kept.end():]) if kept else ("", text)
    clean = without_mentions(rest, doomed)
    if doomed.long_ids and not doomed.long_ids.isdisjoint(WORD.findall(clean)):
        clean = _replaced(clean, doomed.long_ids)
    return head + clean


def _unknown(text: str, doomed: Doomed) -> str:
    """A text about anything: a name of one word goes where it is all of it."""
    clean = without_traces(text, doomed)
    return GONE if _core(clean) in doomed.alone else clean


def _handle(text: str, doomed: Doomed) -> str:
    """A handle; whoever has a removed person's former one today is somebody else."""
    return text if text.lower() in doomed.names else _unknown(text, doomed)


def _namesake(text: str, doomed: Doomed) -> str:
    """Another person's name: it may be the same."""
    same = _core(text) in doomed.alone
    return without_names(text, doomed) if same else without_traces(text, doomed)


def _asked(text: str, doomed: Doomed) -> str:
    """A path, or arguments as JSON."""
    if text.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            document = json.loads(text)
            clean = asked(document, doomed)
            return text if clean == document else json.dumps(clean, ensure_ascii=False, sort_keys=True)
    return without_mentions(text, doomed)


def asked(value: Any, doomed: Doomed) -> Any:
    """Arguments or parameters of a request, without what must go; ids by themselves stay, they are no content."""
    if isinstance(value, str):
        return value if _IDS.fullmatch(value) else without_traces(value, doomed)
    if isinstance(value, dict):
        return {name: asked(item, doomed) for name, item in value.items()}
    return [asked(item, doomed) for item in value] if isinstance(value, list) else value


_WAYS: dict[str, Callable[[str, Doomed], str]] = {
    "name": _namesake, "label": without_traces, "link": without_links, "shown_link": without_links,
    "preview": without_traces, "file": without_traces, "profile": _unknown, "location": _unknown,
    "query": without_traces, "request": _asked, "report": without_mentions, "subject": without_mentions,
    "fact": without_traces, "secret": without_traces, "public": without_traces, "handle": _handle,
}
WHOLE = frozenset({"id", "words"})  # what stays as it is: references, and what others wrote


def without_asked(text: str, doomed: Doomed) -> str:
    """What a run keeps of its request, or its error, without what must go."""
    return _asked(text, doomed)


def cleaned(text: str, col: Col | None, doomed: Doomed) -> str:
    """A text of a column without what must go; of what no column holds with every trace taken out."""
    content = None if col is None else col.content
    if content in WHOLE or not text:
        return text
    if col is not None and content == "code":
        return text if _is_code(text, col, doomed) else _unknown(text, doomed)
    return _WAYS.get(str(content), _unknown)(text, doomed)


def _is_code(text: str, col: Col, doomed: Doomed) -> bool:
    """Whether a text is a word of X's own, although somebody may have it for a handle."""
    if text in known(col) or len(text) < _SHORTEST_HANDLE:
        return True
    return text.lower() not in doomed.names | doomed.alone | doomed.long_ids and not _NO_CODE.search(text)


def leads_to(link: str, doomed: Doomed) -> bool:
    """Whether a link leads to a removed person or post."""
    found = {word.lower() for hit in X_LINKS.finditer(link)
             for word in WORD.findall(unescaped(hit[0].removeprefix(hit["host"])))}
    return not found.isdisjoint(doomed.names | doomed.posts | doomed.users)

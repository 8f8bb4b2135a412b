"""Check a query offline: its syntax, its operators, its length, and what X ignores in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from xframes import registry
from xframes.plan.values import QUERY_MOST
from xframes.registry.query_operators import (
    ALONE,
    BY_NAME,
    DEPTH,
    HAS,
    IS,
    KINDS,
    OPERATORS,
    RULES_ONLY,
    SIGNS,
    TOKEN,
    WEBSITE,
    WIDEST_KM,
)
from xframes.screen import counted, neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xframes.registry import Action
    from xframes.registry.query_operators import Operator, Product

__all__ = ["QueryCheck", "QueryNote", "check_query", "is_query_action"]

NoteKind = Literal["error", "ignored", "advice"]
_RULES = "write.add_stream_rules"
_RULE_MOST = 1024  # characters of a rule of the filtered stream, for self-serve access
_MARGIN = 36  # characters of a long query shown on each side of the caret
_APOSTROPHES = "'\u2019"
_MILE_KM = 1.609344
_DEGREE_KM = 111.195


@dataclass(frozen=True, slots=True)
class QueryNote:
    """One finding about a query.

    Parameters
    ----------
    kind
        "error" (X refuses the query), "ignored" (X ignores this part) or "advice" (X accepts it,
        but it may not mean what it seems to).
    start, end
        The characters it is about, from 0; `end` is not included.
    message
        What is wrong, and how to correct it.
    """

    kind: NoteKind
    start: int
    end: int
    message: str


@dataclass(frozen=True, slots=True, repr=False)
class QueryCheck:
    """The result of checking a query; printed, it shows each finding below a caret.

    Parameters
    ----------
    query
        The query.
    action
        The action it is for.
    most
        The longest query that the access level allows.
    notes
        The findings, in the order of the query.
    """

    query: str
    action: str
    most: int
    notes: tuple[QueryNote, ...]

    @property
    def ok(self) -> bool:
        """Whether X accepts the query, as far as can be known offline."""
        return not self.errors

    @property
    def errors(self) -> tuple[QueryNote, ...]:
        """The findings for which X refuses the query."""
        return tuple(note for note in self.notes if note.kind == "error")

    def explain(self, note: QueryNote) -> str:
        """Return the part of the query with a caret below what a finding is about."""
        first = max(0, note.start - _MARGIN)
        last = min(len(self.query), max(note.start + 1, note.end) + _MARGIN)
        before = "…" if first > 0 else ""
        after = "…" if last < len(self.query) else ""
        shown = "".join(map(_visible, self.query[first:last]))
        indent = _width(before + "".join(map(_visible, self.query[first:note.start])))
        marked = "".join(map(_visible, self.query[note.start : min(note.end, last)]))
        carets = "^" * max(1, min(_width(marked), _MARGIN))
        return f"{before}{shown}{after}\n{' ' * indent}{carets}\n{note.kind}: {note.message}"

    def __str__(self) -> str:
        size = f"{len(self.query):,} of {counted(self.most, 'character')}"
        if self.most < QUERY_MOST:
            size += f" (Enterprise access: {QUERY_MOST:,})"
        if not self.notes:
            return f"{self.action}: the query has {size}, and nothing to correct"
        return "\n".join([f"{self.action}: {size}", *map(self.explain, self.notes)])

    def __repr__(self) -> str:
        return str(self)


def is_query_action(name: str) -> bool:
    """Whether an action takes a query in X's search language."""
    return name == _RULES or _limit(registry.action(name)) is not None


def check_query(query: str, action: str = "search.recent", limit: int | None = None) -> QueryCheck:
    """Check a query of an action offline.

    `limit` is the longest query that the access level allows, if it is not that of self-serve.
    """
    most = limit or _limit(registry.action(action)) or _RULE_MOST
    tokens, notes = _tokens(query)
    if not notes:
        notes += _structure(query, tokens)
    product = _product(action)
    for token in tokens:
        notes += _of_token(token, product)
    if not any(note.kind == "error" for note in notes):
        notes += [*_unanchored(query, tokens), *_without_effect(tokens, product)]
    notes += _length(query, most)
    notes.sort(key=lambda note: (note.start, note.end))
    return QueryCheck(query, action, most, tuple(notes))


def _limit(action: Action) -> int | None:
    return next((param.max for param in action.params if param.kind == "query"), None)


def _product(action: str) -> Product:
    if action == _RULES:
        return "stream"
    if action.endswith(".all"):
        return "all"
    return "recent"


def _length(query: str, most: int) -> Iterator[QueryNote]:
    length = len(query)
    if length <= most:
        return
    fix = f"no access level allows more than {QUERY_MOST:,}: split the query"
    if length <= QUERY_MOST:
        fix = (
            f"Enterprise access allows {QUERY_MOST:,}: Client(query_limit={QUERY_MOST}); "
            "otherwise split the query"
        )
    expected = f"expected at most {counted(most, 'character')}, got {length:,}"
    yield QueryNote("error", most, length, f"{expected}; {fix}")


# terms -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Token:
    """A sign (`open`, `close`, `minus`, `or`) or a term, with the group that it is in."""

    kind: str
    start: int
    end: int
    op: str = ""
    value: str = ""
    is_negated: bool = False
    branch: tuple[int, ...] = ()  # the group, and in it the part between two ORs


def _tokens(query: str) -> tuple[list[_Token], list[QueryNote]]:
    """Split a query. A quote without its end is an error, and the rest is not read."""
    tokens: list[_Token] = []
    position = 0
    while position < len(query):
        hit = TOKEN.match(query, position)
        if hit is None:
            message = "this quote has no end: add a closing quote"
            return tokens, [QueryNote("error", position, position + 1, message)]
        kind = next(name for name in KINDS if hit[name] is not None)
        if kind == "word" and hit["word"] == "OR":
            tokens.append(_Token("or", *hit.span()))
        elif kind in {"open", "close", "minus"}:
            tokens.append(_Token(kind, *hit.span()))
        elif kind != "space":
            tokens.append(_term(kind, hit))
        position = hit.end()
    return tokens, []


def _term(kind: str, hit: re.Match[str]) -> _Token:
    start, end = hit.span()
    if kind == "name":
        name = hit["name"].lower()
        op = BY_NAME[name].name if name in BY_NAME else name
        values = (hit["quoted"], hit["boxed"], hit["value"])
        value = next(text for text in values if text is not None)
        return _Token("operator", start, end, op, value)
    if kind == "phrase":
        return _Token("term", start, end, "phrase", hit["phrase"])
    word = hit["word"]
    if word[0] in SIGNS and len(word) > 1:
        return _Token("term", start, end, SIGNS[word[0]], word[1:])
    return _Token("term", start, end, "word", word)


def _of_token(token: _Token, product: Product) -> Iterator[QueryNote]:
    if token.kind == "operator":
        yield from _of_operator(token, product)
    elif token.op == "phrase" and not token.value.strip():
        yield _note("error", token, "an empty phrase: write words between the quotes")
    elif token.op == "word":
        yield from _of_word(token, product)


def _of_operator(token: _Token, product: Product) -> Iterator[QueryNote]:
    operator = BY_NAME.get(token.op)
    if operator is None:
        yield _note("error", token, _unknown(token, product))
    elif product not in operator.products:
        accepted = " and ".join(_PRODUCTS[each] for each in operator.products)
        yield _note("error", token, f"X accepts {token.op}: only in {accepted}")
    elif not re.fullmatch(operator.value, token.value, re.IGNORECASE):
        yield _note("error", token, _wrong_value(operator, token.value))
    else:
        yield from _of_place(token)


_PRODUCTS: dict[Product, str] = {
    "recent": "recent search", "all": "full-archive search",
    "stream": "rules of the filtered stream",
}


def _unknown(token: _Token, product: Product) -> str:
    if token.op in RULES_ONLY:
        if product == "stream":
            return f"xframes does not know the values of {token.op}:"
        return f"X accepts {token.op}: only in {_PRODUCTS['stream']}"
    if token.op in {"http", "https"}:
        return "a link is not an operator: use url:\"…\" with the link in quotes"
    replacement = WEBSITE.get(f"{token.op}:{token.value}".lower()) or WEBSITE.get(token.op)
    if replacement:
        return f"API v2 has no operator {token.op}: {replacement}"
    near = get_close_matches(token.op, BY_NAME, n=1)
    if near:
        return f"unknown operator {token.op}: did you mean {near[0]}:?"
    names = ", ".join(f"{operator.name}:" for operator in OPERATORS)
    return f"unknown operator {token.op}: to search for this text, quote it; X has {names}"


def _wrong_value(operator: Operator, value: str) -> str:
    values = {"is": IS, "has": HAS}.get(operator.name)
    if values is None:
        return f"{operator.name}: expected {_FORMS[operator.name]}, got {value!r}"
    replacement = WEBSITE.get(f"filter:{value.lower()}")
    if replacement:
        return f"{operator.name}: has no value {value!r}: {replacement}"
    near = get_close_matches(value.lower(), values, n=1)
    hint = f"did you mean {operator.name}:{near[0]}?" if near else f"expected {', '.join(values)}"
    return f"{operator.name}: has no value {value!r}: {hint}"


_FORMS = {
    "from": "a username or user id", "to": "a username or user id",
    "retweets_of": "a username or user id", "url": "a link, or a part of it",
    "entity": "a name in quotes", "place": "a name in quotes, or an id",
    "context": "the ids of a domain and an entity, such as 66.852262932607926273",
    "place_country": "a code of two letters, such as GB", "sample": "a percentage from 1 to 100",
    "lang": "a language code such as en",
    "point_radius": "[longitude latitude radius], such as [2.35 48.86 10km]",
    "bounding_box": "[west south east north] in degrees",
    **dict.fromkeys(("min_likes", "min_replies", "min_reposts"), "a whole number"),
    **dict.fromkeys(
        ("conversation_id", "list", "in_reply_to_tweet_id", "retweets_of_tweet_id",
         "quotes_of_tweet_id"), "an id"
    ),
}


def _of_place(token: _Token) -> Iterator[QueryNote]:
    """Check the numbers of an area, whose form is right."""
    if token.op == "point_radius":
        longitude, latitude, radius = token.value.strip("[]").split()
        corners = [(float(longitude), float(latitude))]
        reach = float(radius[:-2])
        wide = reach * (_MILE_KM if radius[-2:].lower() == "mi" else 1)
    elif token.op == "bounding_box":
        west, south, east, north = map(float, token.value.strip("[]").split())
        corners = [(west, south), (east, north)]
        wide = max(0.0, north - south) * _DEGREE_KM  # the width depends on the latitude
        if west >= east or south >= north:
            yield _note("error", token, "expected [west south east north], west and south first")
    else:
        return
    if any(abs(longitude) > 180 or abs(latitude) > 90 for longitude, latitude in corners):
        yield _note("error", token, "expected a longitude within ±180, then a latitude within ±90")
    elif wide > WIDEST_KM:
        yield _note("error", token, f"expected less than 25 miles, got {wide / _MILE_KM:,.1f}")


def _of_word(token: _Token, product: Product) -> Iterator[QueryNote]:
    word = token.value
    if word.lower() in {"and", "or"}:
        fix = "a space already means and" if word.lower() == "and" else "write OR in capitals"
        yield _note("error", token, f"X refuses the word {word}: {fix}; quote it to search for it")
    elif word == "-":
        yield _note("error", token, "nothing to negate: write - directly before a term")
    elif "*" in word:
        yield _note("ignored", token, "X has no wildcards: it ignores * and finds whole words")
    elif product != "stream" and re.fullmatch(r"~\d+", word):
        yield _note("advice", token, "a distance between words is known in rules of streams only")
    else:
        yield from _of_punctuation(token)


def _of_punctuation(token: _Token) -> Iterator[QueryNote]:
    """Report that X splits a word at its punctuation, or ignores it."""
    plain = token.value.strip(_APOSTROPHES)
    pieces = re.findall(rf"[\w{_APOSTROPHES}]+", plain)
    others = re.sub(r"\w", "", plain)
    is_punctuation = all(char.isascii() or unicodedata.category(char)[0] == "P" for char in others)
    if not pieces or pieces == [plain] or not is_punctuation:
        return
    if len(pieces) == 1:
        yield _note("ignored", token, f"X ignores the punctuation: it searches for {pieces[0]}")
    else:
        fix = f'quote it to find it as one: "{plain}"'
        yield _note("advice", token, f"X splits words at punctuation; {fix}")


def _note(kind: NoteKind, token: _Token, message: str) -> QueryNote:
    return QueryNote(kind, token.start, token.end, neutral(message))


# structure ---------------------------------------------------------------------------------------


def _structure(query: str, tokens: Sequence[_Token]) -> Iterator[QueryNote]:
    """Check parentheses, OR and negation, and set the group and the sign of each term.

    The first error ends it, because what follows depends on it.
    """
    reading = _Reading()
    for token in tokens:
        message = reading.read(token)
        if message:
            yield QueryNote("error", token.start, token.end, message)
            return
    if reading.groups:
        start = reading.groups[-1].start
        yield QueryNote("error", start, start + 1, "this parenthesis is not closed: add )")
    elif not tokens:
        yield QueryNote("error", 0, max(1, len(query)), "the query is empty")
    elif reading.needs_term:
        last = tokens[-1]
        yield QueryNote("error", last.start, last.end, "a term is missing after this")


class _Reading:
    """The state after some tokens. Each method reads a kind of token and returns what is wrong."""

    def __init__(self) -> None:
        self.groups: list[_Token] = []  # the open parentheses
        self.needs_term = True
        self._negates = False
        self._begun = 0
        self._branch = [0]

    def read(self, token: _Token) -> str:
        """Read the next token, and return what is wrong with it, or an empty text."""
        if self._negates and token.kind in {"minus", "or", "close"}:
            return "nothing to negate: write - directly before a term"
        kinds = {"minus": self._minus, "open": self._open, "close": self._close, "or": self._or}
        message = kinds.get(token.kind, self._term)(token)
        self._negates = token.kind == "minus"
        return message

    @property
    def _is_negated(self) -> bool:
        return self._negates or (bool(self.groups) and self.groups[-1].is_negated)

    def _minus(self, token: _Token) -> str:
        del token
        return ""

    def _open(self, token: _Token) -> str:
        token.is_negated = self._is_negated
        self.groups.append(token)
        self._begun += 1
        self._branch += [-self._begun, 0]
        self.needs_term = True
        if len(self.groups) > DEPTH:
            return f"more than {DEPTH} groups inside each other"
        return ""

    def _close(self, token: _Token) -> str:
        del token
        if not self.groups:
            return "this parenthesis closes nothing: remove it"
        if self.needs_term:
            return "a term is missing before this parenthesis"
        self.groups.pop()
        del self._branch[-2:]
        return ""

    def _or(self, token: _Token) -> str:
        del token
        if self.needs_term:
            return "a term is missing before OR"
        self.needs_term = True
        self._branch[-1] += 1
        return ""

    def _term(self, token: _Token) -> str:
        token.is_negated = self._is_negated
        token.branch = tuple(self._branch)
        self.needs_term = False
        if (token.op, token.value.lower()) == ("is", "nullcast") and not self._negates:
            return "X accepts it negated only: -is:nullcast"
        return ""


def _unanchored(query: str, tokens: Sequence[_Token]) -> Iterator[QueryNote]:
    """Report a query of conditions only, such as `has:media`."""
    terms = [token for token in tokens if token.op]
    if any(token.op in ALONE and not token.is_negated for token in terms):
        return
    message = (
        "X accepts these terms only together with a word, a phrase, #tag, @name, from: or another "
        "operator that may be alone, not negated: add one"
    )
    yield QueryNote("error", 0, len(query), message)


def _without_effect(tokens: Sequence[_Token], product: Product) -> Iterator[QueryNote]:
    """Report what X accepts and ignores, and terms that exclude each other."""
    terms = [token for token in tokens if token.op]
    first: dict[tuple[object, ...], _Token] = {}
    for token in terms:
        same = (token.op, token.value.lower(), token.is_negated, token.branch)
        if first.setdefault(same, token) is not token:
            yield _note("ignored", token, "a repeated term: X reads it once")
    yield from _excluding(first.values())
    anchors = [token for token in terms if token.op in ALONE and not token.is_negated]
    if product != "stream" and all(token.op in {"word", "phrase"} for token in anchors):
        for token in first.values():
            if (token.op, token.value.lower()) == ("is", "retweet"):
                yield _of_reposts(token)
    for sign, group in pairwise(tokens):
        if (sign.kind, group.kind) == ("minus", "open"):
            message = "X advises against negated groups: negate each term instead"
            yield QueryNote("advice", sign.start, group.end, message)


def _excluding(terms: Iterable[_Token]) -> Iterator[QueryNote]:
    """Report a second language that a post would need, and a second list."""
    languages: dict[tuple[int, ...], _Token] = {}
    lists = 0
    for token in terms:
        if token.op == "list":
            lists += 1
            if lists > 1:
                yield _note("error", token, "X accepts one list: in a query")
        is_language = token.op == "lang" and not token.is_negated
        if is_language and languages.setdefault(token.branch, token) is not token:
            message = "a post has one language, so this finds nothing: join languages by OR"
            yield _note("advice", token, message)


def _of_reposts(token: _Token) -> QueryNote:
    reason = "since May 2026, a search by words returns no reposts"
    if token.is_negated:
        return _note("ignored", token, f"{reason}: X implies it, and you can leave it out")
    fix = "so this finds nothing: use from: or retweets_of:"
    return _note("advice", token, f"{reason}, {fix}")


# display -----------------------------------------------------------------------------------------


def _visible(char: str) -> str:
    """Return a character as it is printed in one line."""
    if char.isspace():
        return " "
    if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\u200d":
        return "·"
    return char


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    columns = 0
    for char in text:
        if unicodedata.combining(char) or char in "\u200d\ufe0f\ufe0e":
            continue
        columns += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return columns

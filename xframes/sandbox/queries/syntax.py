"""Parse X's search language into a tree, or report where it is wrong.

    query := and ("OR" and)*        AND binds closer than OR, as X reads `apple OR iphone ipad`
    and   := not+                   a space is AND
    not   := "-" not | "(" query ")" | term
    term  := word | "phrase" | #tag | $cashtag | @user | name:value

`parse` refuses what X refuses with a 400: unknown operators, invalid values, queries of conditions
only (`has:media`), and the words `and` and `or` without quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xframes.registry.query_operators import (
    ALONE,
    BY_NAME,
    DEPTH,
    KINDS,
    SIGNS,
    TOKEN,
)
from xframes.registry.query_operators import OPERATORS as DECLARED

STANDALONE = ALONE
OPERATORS = tuple(sorted(operator.name for operator in DECLARED))


class QueryError(ValueError):
    """A query X would refuse; the message has the reason and the character (from 1)."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: `op` is word, phrase, hashtag, cashtag, mention, or an operator's name."""

    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    """Everything except `of`."""

    of: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    parts: tuple[Node, ...]


Node = Term | Not | And | Or


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # open, close, minus, or, term
    at: int
    term: Term | None = None


def parse(query: str) -> Node:
    """Return the tree of a query. Raises QueryError with X's reason."""
    parser = _Parser(_scan(query), len(query))
    tree = parser.whole()
    if not _anchored(tree):
        raise QueryError(
            "the query holds no term that is valid alone: add a word, phrase, #tag, @user, from:, "
            "or another operator that needs no company, and do not negate it"
        )
    return tree


def _scan(query: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(query):
        hit = TOKEN.match(query, position)
        if hit is None:
            raise QueryError(f"missing closing quote for the quote at position {position + 1}")
        kind = next(k for k in KINDS if hit[k] is not None)
        if kind in {"open", "close", "minus"}:
            found.append(_Token(kind, position + 1))
        elif kind == "word" and hit["word"] == "OR":
            found.append(_Token("or", position + 1))
        elif kind != "space":
            found.append(_Token("term", position + 1, _term(kind, hit, position + 1)))
        position = hit.end()
    return found


def _term(kind: str, hit: re.Match[str], at: int) -> Term:
    if kind == "name":
        name = hit["name"].lower()
        value = next(v for v in (hit["quoted"], hit["boxed"], hit["value"]) if v is not None)
        return _operator(name, value, at)
    if kind == "phrase":
        if not hit["phrase"].strip():
            raise QueryError(f"empty phrase at position {at}")
        return Term("phrase", hit["phrase"])
    word = hit["word"]
    if word.lower() in {"and", "or"}:
        raise QueryError(
            f"ambiguous use of {word} as a keyword: a space means and, OR is capitalised; "
            f"quote it to search for the word (at position {at})"
        )
    if word == "-":
        raise QueryError(f"nothing to negate at position {at}")
    for sign, op in SIGNS.items():
        if word.startswith(sign) and len(word) > 1:
            return Term(op, word[1:])
    return Term("word", word)


def _operator(name: str, value: str, at: int) -> Term:
    operator = BY_NAME.get(name)
    if operator is None:
        known = ", ".join(OPERATORS)
        raise QueryError(
            f"reference to invalid operator '{name}' at position {at}; the operators are: {known}"
        )
    if not re.fullmatch(operator.value, value, re.IGNORECASE):
        raise QueryError(f"invalid value '{value}' for operator '{name}' at position {at}")
    if name in {"is", "has"}:
        value = {"media_link": "media", "video_link": "videos"}.get(value.lower(), value.lower())
    return Term(operator.name, value)


class _Parser:
    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._end = length + 1

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def whole(self) -> Node:
        if not self._tokens:
            raise QueryError("the query is empty")
        tree = self._any()
        left = self._peek()
        if left is not None:
            raise QueryError(
                f"no viable alternative at character '{_SIGN[left.kind]}' (at position {left.at})"
            )
        return tree

    def _any(self) -> Node:
        parts = [self._all()]
        while (token := self._peek()) is not None and token.kind == "or":
            self._at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts: list[Node] = []
        while (token := self._peek()) is not None and token.kind in {"term", "minus", "open"}:
            parts.append(self._one())
        if not parts:
            token = self._peek()
            what, at = "end of query", self._end
            if token is not None:
                what, at = f"character '{_SIGN[token.kind]}'", token.at
            raise QueryError(f"no viable alternative at {what} (at position {at})")
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        if token.term is not None:
            if token.term == Term("is", "nullcast"):
                raise QueryError(f"operator 'is:nullcast' must be negated (at position {token.at})")
            return token.term
        if token.kind == "minus":
            return self._negated(token)
        self._depth += 1
        if self._depth > DEPTH:
            raise QueryError(f"more than {DEPTH} nested groups (at position {token.at})")
        inner = self._any()
        self._depth -= 1
        close = self._peek()
        if close is None or close.kind != "close":
            raise QueryError(f"missing closing parenthesis for the one at position {token.at}")
        self._at += 1
        return inner

    def _negated(self, minus: _Token) -> Node:
        token = self._peek()
        if token is None or token.kind not in {"term", "open"}:
            raise QueryError(f"nothing to negate at position {minus.at}")
        if token.term == Term("is", "nullcast"):
            self._at += 1
            return Not(token.term)
        return Not(self._one())


_SIGN = {"open": "(", "close": ")", "minus": "-", "or": "OR", "term": "term"}


def _anchored(node: Node) -> bool:
    """Whether some term, not negated, is one that X accepts alone."""
    if isinstance(node, Term):
        return node.op in STANDALONE
    if isinstance(node, Not):
        return False
    return any(_anchored(part) for part in node.parts)

"""Keyed pseudonyms, and texts in which people have them: the same key gives the same pseudonym everywhere."""

from __future__ import annotations

import hmac
import re
from array import array
from base64 import b32encode
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from xframes.errors import ArgumentError
from xframes.schema.links import LINK, SLASH, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_KEY = 16  # bytes; ids can be counted through, so a guessable key would undo every pseudonym
_WIDTHS = {"user": ("u", 20), "post": ("p", 20), "list": ("l", 20), "space": ("s", 20), "username": ("u_", 13),
           "name": ("n_", 13), "link": ("", 13)}
# X's own rule for a mention allows less before the sign; what it would not link is taken for a mention all the same.
_MARKS = re.compile(
    rf"(?:https?://|(?<![\w.-]))t\.co/(?P<link>[A-Za-z0-9]+)"
    rf"|{LINK}"
    rf"|pbs\.twimg\.com(?P<picture>{SLASH}profile_)[^\s\"'<>()]*"
    rf"|(?:(?<![A-Za-z0-9_])|(?<=\brt)|(?<=\brt:))(?P<sign>[@\uff20]|%40)(?P<mention>[A-Za-z0-9_]+)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"((?:status|statuses|post|users?|lists|spaces){SLASH})([A-Za-z0-9]+)", re.IGNORECASE)
_NUMBER_KINDS = {"user": "user", "users": "user", "lists": "list", "spaces": "space"}
_FIRST = re.compile(rf"({SLASH}@?)([A-Za-z0-9_]+)", re.IGNORECASE)
_NOBODY = frozenset({
    "i", "search", "hashtag", "home", "explore", "settings", "intent", "share", "messages", "notifications", "login",
    "logout", "tos", "privacy", "about", "compose", "account", "jobs", "download", "signup", "status",
    "statuses",
})
_OPERATORS = re.compile(
    r"(?P<user>\b(?:from|to|retweets_of|reposts_of|quotes_of|mentions|in_reply_to_user_id|author_id):\s*\"?@?)"
    r"(?P<who>[A-Za-z0-9_]+)"
    r"|(?P<post>\b(?:conversation_id|\w+_of_(?:tweet|post)_id|in_reply_to_(?:tweet|post)_id|(?:since|until|max)_id):\s*)(?P<id>\d+)"
    r"|(?P<list>\blist:\s*)(?P<number>\d+)",
    re.IGNORECASE,
)


# A word that is no word of a language: a handle with its sign _, a number as long as an id.
_UNMISTAKABLE = re.compile(r"(?<!\w)(?:[A-Za-z0-9]*_[A-Za-z0-9_]*|[0-9]{9,20})(?!\w)")


class People:
    """Which words are somebody's handle or id; holds 8 bytes of each that no text has by chance."""

    __slots__ = ("_marks",)

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._marks = array("Q", sorted({_mark(word) for word in words if _UNMISTAKABLE.fullmatch(word)}))

    def __contains__(self, word: str) -> bool:
        mark = _mark(word)
        at = bisect_left(self._marks, mark)
        return at < len(self._marks) and self._marks[at] == mark


def _mark(word: str) -> int:
    return int.from_bytes(blake2b(word.lower().encode(), digest_size=8).digest())


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text with pseudonyms, and where its places went; `edits` are (start, end) before, (start, end) after."""

    text: str
    edits: tuple[tuple[int, int, int, int], ...] = ()

    def place(self, index: int, *, end: bool = False) -> int:
        """The new place of a code point; one inside a replaced piece goes to its start, or with `end` to its end."""
        found = bisect_right(self.edits, index, key=lambda e: e[0]) - 1
        if found < 0:
            return index
        start, stop, new_start, new_stop = self.edits[found]
        if index >= stop:
            return index - stop + new_stop
        return new_stop if end and index > start else new_start


class Pseudonyms:
    """Pseudonyms by HMAC-SHA256 with a key; the key is neither kept in the clear nor shown.

    With `posts` false the ids of posts stay as they are. `people` are those whose handles and ids are replaced as plain
    words, too; they are set before the first text is rewritten. Raises ArgumentError for a key of fewer than 16 bytes.
    """

    __slots__ = ("_mac", "_rewrite", "of", "people", "posts")

    def __init__(self, key: str | bytes, *, posts: bool = True) -> None:
        secret = key.encode() if isinstance(key, str) else bytes(key)
        if len(secret) < LEAST_KEY:
            raise ArgumentError(
                f"the key is shorter than {LEAST_KEY} bytes and could be guessed; make one with "
                '`python -c "import secrets; print(secrets.token_hex(32))"` and keep it'
            )
        self._mac = hmac.new(secret, digestmod="sha256")
        self.posts = posts
        self.people = People()
        self.of = lru_cache(65_536)(self._of)
        self._rewrite = lru_cache(4_096)(self._rewritten)

    def __repr__(self) -> str:
        return f"<Pseudonyms, posts {'too' if self.posts else 'keep their ids'}>"

    def __reduce__(self) -> str:
        raise TypeError("pseudonyms are not pickled: that would write their key down")

    def _of(self, kind: str, value: str) -> str:
        """The pseudonym of a value; kinds are user, post, list, space, username, name and link."""
        if kind == "post" and not self.posts:
            return value
        mac = self._mac.copy()
        mac.update(f"{kind}\0{_normal(kind, value)}".encode())
        sign, width = _WIDTHS[kind]
        return sign + b32encode(mac.digest()).decode().lower()[:width]

    def rewrite(self, text: str, username: str | None = None, name: str | None = None) -> Rewritten:
        """A text without people: mentions, X's links and short links are replaced, the rest stays.

        `username` and `name` are those of who wrote it: they are replaced as plain words, too. Short links lead to
        posts and people, so they become links that lead nowhere, the same everywhere.
        """
        return self._rewrite(text, username, name)

    def query(self, text: str) -> str:
        """A query without people and posts: in operators (`from:`, `conversation_id:`, …), mentions and links."""
        return self.rewrite(_OPERATORS.sub(self._operator, text)).text

    def _operator(self, hit: re.Match[str]) -> str:
        if hit["user"]:
            return hit["user"].rstrip("@") + self.of("user" if hit["who"].isdigit() else "username", hit["who"])
        if hit["post"]:
            return hit["post"] + self.of("post", hit["id"])
        return hit["list"] + self.of("list", hit["number"])

    def _rewritten(self, text: str, username: str | None, name: str | None) -> Rewritten:
        own = _own(username, name, text)
        found = [(hit.start(), hit.end(), self._replacement(hit, own)) for hit in _MARKS.finditer(text)]
        words = [] if own is None else [(*hit.span(), self._own_word(hit)) for hit in own.finditer(text)]
        words += [(*hit.span(), self._person(hit[0])) for hit in _UNMISTAKABLE.finditer(text) if hit[0] in self.people]
        for start, end, new in words:
            if not any(begin < end and start < stop for begin, stop, _ in found):
                found.append((start, end, new))
        found.sort()
        pieces, edits, at, length = list[str](), list[tuple[int, int, int, int]](), 0, 0
        for start, end, new in found:
            length += start - at
            edits.append((start, end, length, length + len(new)))
            pieces += (text[at:start], new)
            at, length = end, length + len(new)
        return Rewritten("".join((*pieces, text[at:])), tuple(edits)) if edits else Rewritten(text)

    def _replacement(self, hit: re.Match[str], own: re.Pattern[str] | None) -> str:
        if hit["mention"]:
            return hit["sign"] + self.of("username", hit["mention"])
        if hit["link"]:
            return f"https://t.invalid/{self.of('link', hit['link'])}"
        if hit["picture"]:
            return "pbs.twimg.com"
        path = self._path(hit["path"])
        return hit["host"] + (own.sub(self._own_word, path) if own else path)

    def _path(self, path: str) -> str:
        path = unescaped(path)
        if path.lower().startswith("/messages/"):  # between whom
            return path[:len("/messages")]
        first = _FIRST.match(path)
        if first and first[2].lower() not in _NOBODY:
            path = first[1] + self.of("username", first[2]) + path[first.end():]
        return _NUMBERED.sub(
            lambda hit: hit[1] + self.of(_NUMBER_KINDS.get(re.split("[/%]", hit[1])[0].lower(), "post"), hit[2]), path
        )

    def _person(self, word: str) -> str:
        return self.of("user" if word.isdigit() else "username", word)

    def _own_word(self, hit: re.Match[str]) -> str:
        return self.of("username", hit[0]) if hit.lastgroup == "username" else self.of("name", hit[0])


def _normal(kind: str, value: str) -> str:
    """What of a handle or name tells people apart: not its case, nor how it is escaped."""
    if kind == "name":
        value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
    return value.lower() if kind in {"username", "name"} else value


@lru_cache(1_024)
def _pattern(username: str, name: str) -> re.Pattern[str]:
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    names = "|".join(re.escape(n) for n in dict.fromkeys((escaped, name)) if n)
    groups = [f"(?P<{group}>{words})" for group, words in (("name", names), ("username", re.escape(username))) if words]
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)", re.IGNORECASE)


def _own(username: str | None, name: str | None, text: str) -> re.Pattern[str] | None:
    """What finds the writer's own handle and name in a text; None when neither stands there."""
    name = (name or "").strip()
    pattern = _pattern(username or "", name) if username or name else None
    return pattern if pattern is not None and pattern.search(text) else None


def is_x_url(url: str | None) -> bool:
    """Whether a link leads to a page of X."""
    hit = _MARKS.search(url or "")
    return hit is not None and (hit["host"] is not None or hit["link"] is not None)

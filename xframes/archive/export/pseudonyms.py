"""Keyed pseudonyms, alone and in texts. The same key makes the same pseudonym everywhere."""

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

LEAST_KEY = 16  # bytes; with a guessable key, trying all ids would undo every pseudonym
# Prefix and length of each kind of pseudonym.
_WIDTHS = {
    "user": ("u", 20),
    "post": ("p", 20),
    "list": ("l", 20),
    "space": ("s", 20),
    "broadcast_message": ("b_", 13),
    "username": ("u_", 13),
    "name": ("n_", 13),
    "link": ("", 13),
}
# Mentions are found in more places than X links them: X allows fewer characters before the sign.
_MARKS = re.compile(
    rf"(?:https?://|(?<![\w.-]))t\.co/(?P<link>[A-Za-z0-9]+)"
    rf"|{LINK}"
    rf"|pbs\.twimg\.com(?P<picture>{SLASH}profile_)[^\s\"'<>()]*"
    r"|(?:(?<![A-Za-z0-9_])|(?<=\brt)|(?<=\brt:))(?P<sign>[@\uff20]|%40)"
    r"(?P<mention>[A-Za-z0-9_]+)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    rf"((?:status|statuses|post|users?|lists|spaces){SLASH})([A-Za-z0-9]+)", re.IGNORECASE
)
_NUMBER_KINDS = {"user": "user", "users": "user", "lists": "list", "spaces": "space"}
_FIRST = re.compile(rf"({SLASH}@?)([A-Za-z0-9_]+)", re.IGNORECASE)
# First parts of paths at x.com that are not handles.
_PAGES_OF_X = frozenset({
    "i", "search", "hashtag", "home", "explore", "settings", "intent", "share", "messages",
    "notifications", "login", "logout", "tos", "privacy", "about", "compose", "account", "jobs",
    "download", "signup", "status", "statuses",
})
_OPERATORS = re.compile(
    r"(?P<user>\b(?:from|to|retweets_of|reposts_of|quotes_of|mentions"
    r"|in_reply_to_user_id|author_id):\s*\"?@?)(?P<who>[A-Za-z0-9_]+)"
    r"|(?P<post>\b(?:conversation_id|\w+_of_(?:tweet|post)_id|in_reply_to_(?:tweet|post)_id"
    r"|(?:since|until|max)_id):\s*)(?P<id>\d+)"
    r"|(?P<list>\blist:\s*)(?P<number>\d+)",
    re.IGNORECASE,
)
# Words that cannot be words of a language: with an underscore, or a number as long as an id.
_UNMISTAKABLE = re.compile(r"(?<!\w)(?:[A-Za-z0-9]*_[A-Za-z0-9_]*|[0-9]{9,20})(?!\w)")


class People:
    """A set of handles and ids of people. It has only those that are not ordinary words.

    Each is stored as a hash of 8 bytes.
    """

    __slots__ = ("_hashes",)

    def __init__(self, words: Iterable[str] = ()) -> None:
        hashes = {_hash(word) for word in words if _UNMISTAKABLE.fullmatch(word)}
        self._hashes = array("Q", sorted(hashes))

    def __contains__(self, word: str) -> bool:
        hash_ = _hash(word)
        index = bisect_left(self._hashes, hash_)
        return index < len(self._hashes) and self._hashes[index] == hash_


def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.lower().encode(), digest_size=8).digest())


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text with pseudonyms.

    `edits` has the start and end of each replaced piece before and after the replacement.
    """

    text: str
    edits: tuple[tuple[int, int, int, int], ...] = ()

    def place(self, index: int, *, end: bool = False) -> int:
        """Return the new position of a code point.

        Positions inside a replaced piece move to its start, or with `end` to its end.
        """
        edit = bisect_right(self.edits, index, key=lambda e: e[0]) - 1
        if edit < 0:
            return index
        start, stop, new_start, new_stop = self.edits[edit]
        if index >= stop:
            return index - stop + new_stop
        if end and index > start:
            return new_stop
        return new_start


class Pseudonyms:
    """Pseudonyms by HMAC-SHA256 with a key. The key is neither stored in plain text nor shown.

    With `posts=False` the ids of posts stay as they are. `people` has the handles and ids that are
    also replaced where they occur as plain words; set it before the first text is rewritten. Raises
    ArgumentError for a key of fewer than 16 bytes.
    """

    __slots__ = ("_mac", "_rewrite", "of", "people", "posts")

    def __init__(self, key: str | bytes, *, posts: bool = True) -> None:
        if isinstance(key, str):
            key = key.encode()
        secret = bytes(key)
        if len(secret) < LEAST_KEY:
            raise ArgumentError(
                f"key: expected at least {LEAST_KEY} bytes, got {len(secret)}; a shorter key "
                "could be guessed. Create one with "
                '`python -c "import secrets; print(secrets.token_hex(32))"` and keep it'
            )
        self._mac = hmac.new(secret, digestmod="sha256")
        self.posts = posts
        self.people = People()
        self.of = lru_cache(65_536)(self._of)
        self._rewrite = lru_cache(4_096)(self._rewritten)

    def __repr__(self) -> str:
        return f"<Pseudonyms, posts={self.posts}>"

    def __reduce__(self) -> str:
        raise TypeError("Pseudonyms cannot be pickled, because the pickle would contain the key")

    def _of(self, kind: str, value: str) -> str:
        """Make the pseudonym of a value of one of the kinds in `_WIDTHS`."""
        if kind == "post" and not self.posts:
            return value
        mac = self._mac.copy()
        mac.update(f"{kind}\0{_normal(kind, value)}".encode())
        prefix, width = _WIDTHS[kind]
        return prefix + b32encode(mac.digest()).decode().lower()[:width]

    def rewrite(self, text: str, username: str | None = None, name: str | None = None) -> Rewritten:
        """Replace people in a text: mentions, links to X and short links. The rest stays.

        `username` and `name` are the author's, and are also replaced where they occur as plain
        words. Short links lead to posts and people, so they become links under `t.invalid`, the
        same for the same link.
        """
        return self._rewrite(text, username, name)

    def query(self, text: str) -> str:
        """Replace people and posts in a query: in operators such as `from:`, mentions and links."""
        return self.rewrite(_OPERATORS.sub(self._operator, text)).text

    def _operator(self, hit: re.Match[str]) -> str:
        if hit["user"]:
            return hit["user"].rstrip("@") + self._person(hit["who"])
        if hit["post"]:
            return hit["post"] + self.of("post", hit["id"])
        return hit["list"] + self.of("list", hit["number"])

    def _rewritten(self, text: str, username: str | None, name: str | None) -> Rewritten:
        pieces, edits = list[str](), list[tuple[int, int, int, int]]()
        end_before = length = 0
        for start, end, new in self._replacements(text, _own(username, name, text)):
            length += start - end_before
            edits.append((start, end, length, length + len(new)))
            pieces += (text[end_before:start], new)
            end_before, length = end, length + len(new)
        return Rewritten("".join((*pieces, text[end_before:])), tuple(edits))

    def _replacements(self, text: str, own: re.Pattern[str] | None) -> list[tuple[int, int, str]]:
        """Find what to replace: start, end and new text, in order and without overlap."""
        hits = [(*hit.span(), self._replacement(hit, own)) for hit in _MARKS.finditer(text)]
        words = list[tuple[int, int, str]]()
        if own is not None:
            words += [(*hit.span(), self._own_word(hit)) for hit in own.finditer(text)]
        for hit in _UNMISTAKABLE.finditer(text):
            if hit[0] in self.people:
                words.append((*hit.span(), self._person(hit[0])))
        for start, end, new in words:
            if not any(begin < end and start < stop for begin, stop, _ in hits):
                hits.append((start, end, new))
        return sorted(hits)

    def _replacement(self, hit: re.Match[str], own: re.Pattern[str] | None) -> str:
        if hit["mention"]:
            return hit["sign"] + self.of("username", hit["mention"])
        if hit["link"]:
            return f"https://t.invalid/{self.of('link', hit['link'])}"
        if hit["picture"]:
            return "pbs.twimg.com"
        path = self._path(hit["path"])
        if own:
            path = own.sub(self._own_word, path)
        return hit["host"] + path

    def _path(self, path: str) -> str:
        path = unescaped(path)
        if path.lower().startswith("/messages/"):  # the rest has the ids of both people
            return path[:len("/messages")]
        first = _FIRST.match(path)
        if first and first[2].lower() not in _PAGES_OF_X:
            path = first[1] + self.of("username", first[2]) + path[first.end():]
        return _NUMBERED.sub(self._number, path)

    def _number(self, hit: re.Match[str]) -> str:
        """Replace the id after a part of a path such as `status/`."""
        part = re.split("[/%]", hit[1])[0].lower()
        return hit[1] + self.of(_NUMBER_KINDS.get(part, "post"), hit[2])

    def _person(self, word: str) -> str:
        """The pseudonym of an id or a handle."""
        if word.isdigit():
            return self.of("user", word)
        return self.of("username", word)

    def _own_word(self, hit: re.Match[str]) -> str:
        if hit.lastgroup == "username":
            return self.of("username", hit[0])
        return self.of("name", hit[0])


def _normal(kind: str, value: str) -> str:
    """Normalize a handle or name: case and escapes make no difference."""
    if kind == "name":
        value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
    if kind in {"username", "name"}:
        return value.lower()
    return value


@lru_cache(1_024)
def _pattern(username: str, name: str) -> re.Pattern[str]:
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    names = "|".join(re.escape(n) for n in dict.fromkeys((escaped, name)) if n)
    words = {"name": names, "username": re.escape(username)}
    groups = [f"(?P<{group}>{pattern})" for group, pattern in words.items() if pattern]
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)", re.IGNORECASE)


def _own(username: str | None, name: str | None, text: str) -> re.Pattern[str] | None:
    """A pattern that finds the author's handle and name in a text; None if neither occurs."""
    name = (name or "").strip()
    if not username and not name:
        return None
    pattern = _pattern(username or "", name)
    if not pattern.search(text):
        return None
    return pattern


def is_x_url(url: str | None) -> bool:
    """Whether a link leads to a page of X."""
    hit = _MARKS.search(url or "")
    return hit is not None and (hit["host"] is not None or hit["link"] is not None)

"""Prepare what a search sees of a post: its words, tags and links.

X splits texts at punctuation and symbols and ignores case. A repost matches by its original, a
quote by its own text only.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from xframes.sandbox.world.model import Terms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.sandbox.world.model import Post

_WORD = re.compile(r"\w+")
_SYMBOL = re.compile(r"[^\w\s]")
_ADDRESSES = ("url", "expanded_url", "unwound_url")
_LINK = re.compile(r"https?://\S+")
# Scripts written without spaces: a word is found anywhere in the text.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# Marks X's tokens do not have: variation selectors and joiners that shape emoji.
_INVISIBLE = dict.fromkeys((0xFE0E, 0xFE0F, 0x200D))


def fold(text: str) -> str:
    """Return text as it is compared: composed, without case."""
    return unicodedata.normalize("NFC", text).casefold().translate(_INVISIBLE)


def without_accents(text: str) -> str:
    """Return text without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def tokens(text: str) -> list[str]:
    """Return the words of a folded text, in order."""
    return _WORD.findall(text)


def is_unspaced(text: str) -> bool:
    """Whether the text is in a script that puts no spaces between words."""
    return _UNSPACED.search(text) is not None


def is_symbol(text: str) -> bool:
    """Whether the text has symbols and no word in it: an emoji."""
    return not _WORD.search(text) and _SYMBOL.search(text) is not None


def _entities(post: Post, kind: str) -> Iterable[dict[str, Any]]:
    yield from post.entities.get(kind, ())
    if post.note is not None:
        yield from post.note[1].get(kind, ())


def terms(post: Post) -> Terms:
    """Return what a search sees of a post, computed once per post."""
    if post.terms is None:
        post.terms = _terms(post)
    return post.terms


def _terms(post: Post) -> Terms:
    source = post.original or post
    text = source.text
    if source.note is not None:
        text = source.note[0]
    text = html.unescape(text)
    plain = fold(_LINK.sub(" ", text))
    words = tokens(plain)
    links: list[str] = []
    for each in _entities(source, "urls"):
        links += [str(each[key]) for key in _ADDRESSES if key in each]
    mentions = [*_entities(source, "mentions"), *_entities(post, "mentions")]
    return Terms(
        plain=plain,
        words=frozenset(words),
        line=f" {' '.join(words)} ",
        hashtags=frozenset(fold(each["tag"]) for each in _entities(source, "hashtags")),
        cashtags=frozenset(fold(each["tag"]) for each in _entities(source, "cashtags")),
        mentions=frozenset(fold(each["username"]) for each in mentions),
        links=f" {' '.join(tokens(fold(' '.join(links))))} ",
        kinds=frozenset(_kinds(post, source)),
    )


def _kinds(post: Post, source: Post) -> Iterable[str]:
    """Yield the values of `has:` that match a post."""
    for kind, word in (
        ("hashtags", "hashtags"),
        ("cashtags", "cashtags"),
        ("mentions", "mentions"),
        ("urls", "links"),
    ):
        if any(True for _ in _entities(source, kind)) or (
            word == "mentions" and post.original is not None
        ):
            yield word
    if source.media:
        yield "media"
        yield {"photo": "images", "video": "videos"}.get(source.media[0].kind, "gifs")
    if post.place is not None or post.point is not None:
        yield "geo"
    if source.poll is not None:
        yield "polls"

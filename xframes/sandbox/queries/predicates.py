"""Turn a parsed query into a function that says whether a post matches."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from .syntax import And, Not, Term, parse
from .terms import fold, is_symbol, is_unspaced, terms, tokens, without_accents

if TYPE_CHECKING:
    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Post

    from .syntax import Node

Match = Callable[["Post"], bool]
_EARTH_KM = 6371.0088
_MILE_KM = 1.609344


def compile_query(query: str, community: Community) -> Match:
    """Return the test of a query. Raises QueryError for a query that X would refuse."""
    return _node(parse(query), community)


def _node(node: Node, community: Community) -> Match:
    if isinstance(node, Term):
        return _term(node, community)
    if isinstance(node, Not):
        inner = _node(node.of, community)
        return lambda post: not inner(post)
    parts = tuple(_node(part, community) for part in node.parts)
    if isinstance(node, And):
        return lambda post: all(part(post) for part in parts)
    return lambda post: any(part(post) for part in parts)


def _term(term: Term, community: Community) -> Match:
    if term.op in _TAGS:
        return _TAGS[term.op](fold(term.value))
    if term.op in {"from", "to", "retweets_of"}:
        return _account(term, community)
    if term.op in _NUMBERS:
        return _NUMBERS[term.op](int(term.value))
    if term.op == "list":
        return _list(int(term.value), community)
    return _OTHERS[term.op](term.value)


def _list(number: int, community: Community) -> Match:
    found = community.lists.get(number)
    if found is None or found.private:
        return _nothing
    members = frozenset(person.id for person in found.members)
    return lambda post: post.author.id in members


def _context(value: str) -> Match:
    domain, _, entity = value.partition(".")
    return lambda post: any(c[0] == domain and c[2] == entity for c in post.contexts)


def _text(value: str) -> Match:
    """Match whole tokens; leave out reposts, as X does for keywords since May 2026.

    A word with accents also finds its spelling without them, not the other way round.
    """
    folded = fold(value)
    if is_symbol(folded) or is_unspaced(folded):
        return lambda post: post.original is None and folded in terms(post).plain
    spellings = tuple(dict.fromkeys((folded, without_accents(folded))))
    wanted = tuple(tokens(each) for each in spellings)
    if all(len(each) == 1 for each in wanted):
        words = frozenset(each[0] for each in wanted)
        return lambda post: post.original is None and not words.isdisjoint(terms(post).words)
    lines = tuple(f" {' '.join(each)} " for each in wanted)
    return lambda post: post.original is None and any(line in terms(post).line for line in lines)


def _account(term: Term, community: Community) -> Match:
    name = term.value.removeprefix("@")
    person = community.usernames.get(name.lower())
    if person is None and name.isdigit():
        person = community.people.get(int(name))
    if person is None:
        return _nothing
    if term.op == "from":
        return lambda post: post.author is person
    if term.op == "to":
        return lambda post: post.reply_to is person
    return lambda post: post.original is not None and post.original.author is person


def _nothing(_: Post) -> bool:
    return False


def _refers(kind: str) -> Callable[[int], Match]:
    return lambda number: lambda post: (kind, number) in post.references


_TAGS: dict[str, Callable[[str], Match]] = {
    "hashtag": lambda tag: lambda post: tag in terms(post).hashtags,
    "cashtag": lambda tag: lambda post: tag in terms(post).cashtags,
    "mention": lambda name: lambda post: name in terms(post).mentions,
}
_NUMBERS: dict[str, Callable[[int], Match]] = {
    "in_reply_to_tweet_id": _refers("replied_to"),
    "retweets_of_tweet_id": _refers("retweeted"),
    "quotes_of_tweet_id": _refers("quoted"),
    "conversation_id": lambda number: lambda post: post.conversation_id == number,
    "min_likes": lambda least: lambda post: post.likes >= least,
    "min_replies": lambda least: lambda post: post.replies >= least,
    "min_reposts": lambda least: lambda post: post.reposts >= least,
    # The same posts in every request: X samples by post.
    "sample": lambda share: lambda post: zlib.crc32(str(post.id).encode()) % 100 < share,
}


def _is(kind: str) -> Match:
    tests: dict[str, Match] = {
        "retweet": lambda post: post.original is not None,
        "reply": lambda post: post.reply_to is not None,
        "quote": lambda post: any(reference[0] == "quoted" for reference in post.references),
        "verified": lambda post: post.author.verified != "none",
        "nullcast": _nothing,
    }
    return tests[kind]


def _url(value: str) -> Match:
    line = f" {' '.join(tokens(fold(value)))} "
    return lambda post: line in terms(post).links


def _place(value: str) -> Match:
    wanted = fold(value)
    return lambda post: post.place is not None and wanted in {
        post.place.id, fold(post.place.name), fold(post.place.full_name), fold(post.place.country)
    }


def _country(value: str) -> Match:
    code = value.upper()
    return lambda post: post.place is not None and post.place.code == code


def _lang(value: str) -> Match:
    code = value.lower()
    return lambda post: post.lang == code


def _entity(value: str) -> Match:
    wanted = fold(value)
    return lambda post: any(fold(c[3]) == wanted for c in post.contexts)


def _corners(post: Post) -> tuple[tuple[float, float], ...]:
    """Return a post's own point, or the corners of its place, longitude first."""
    if post.point is not None:
        return (post.point,)
    if post.place is None:
        return ()
    west, south, east, north = post.place.bbox
    return ((west, south), (east, north), (west, north), (east, south))


def _radius(value: str) -> Match:
    longitude, latitude, reach = value.strip("[]").split()
    near = (float(longitude), float(latitude))
    limit = float(reach[:-2]) * (_MILE_KM if reach.lower().endswith("mi") else 1)

    def inside(post: Post) -> bool:
        corners = _corners(post)
        return bool(corners) and all(_distance(near, corner) <= limit for corner in corners)

    return inside


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the kilometres between two points, by the haversine formula."""
    (x1, y1), (x2, y2) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    h = math.sin((y2 - y1) / 2) ** 2 + math.cos(y1) * math.cos(y2) * math.sin((x2 - x1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def _box(value: str) -> Match:
    west, south, east, north = map(float, value.strip("[]").split())

    def inside(post: Post) -> bool:
        corners = _corners(post)
        return bool(corners) and all(west <= x <= east and south <= y <= north for x, y in corners)

    return inside


def _has(kind: str) -> Match:
    return lambda post: kind in terms(post).kinds


_OTHERS: dict[str, Callable[[str], Match]] = {
    "word": _text,
    "phrase": _text,
    "context": _context,
    "is": _is,
    "has": _has,
    "url": _url,
    "lang": _lang,
    "place": _place,
    "place_country": _country,
    "entity": _entity,
    "point_radius": _radius,
    "bounding_box": _box,
}

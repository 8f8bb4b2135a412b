"""How many people, posts and media some posts name, estimated from a part of them.

What each post of the part names is known from the archive or from a page. More posts name more,
but fewer new ones each: fewer per post than the part names once, and at least as many as Chao's
estimate says.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import comb, exp, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.archive import Archive
    from xframes.frames import Frames

__all__ = ["PEOPLE", "SOURCES", "Inclusion", "Range", "read_archive", "read_sample"]

_Z = 1.6  # standard errors of a bound
_REACHED = 0.8  # of the way from Chao's estimate to the bound, that is hardly ever exceeded
_MARGIN = 0.07  # of the estimate of what is not known yet: posts are not a random part
_OTHER_TIME = 0.15  # more than that for posts of another time
_MISSING = 0.15  # of the objects that are named: X does not return them all

# The kind on the price card of what an expansion includes, and where the archive has it.
SOURCES: dict[str, tuple[str, str]] = {
    "author_id": ("User", "author"), "username": ("User", "author"),
    "in_reply_to_user_id": ("User", "recipient"),
    "entities.mentions.username": ("User", "mentioned"),
    "referenced_tweets.id": ("Post", "referenced"),
    "referenced_posts": ("Post", "referenced"),
    "referenced_tweets.id.author_id": ("User", "author of referenced"),
    "attachments.media_keys": ("Media", "media"),
    "referenced_tweets.id.attachments.media_keys": ("Media", "media of referenced"),
}
PEOPLE = ("author_id", "in_reply_to_user_id", "entities.mentions.username",
          "referenced_tweets.id.author_id")
_NAMED = """
    WITH main AS ({main})
    SELECT id AS post, 'author' AS source, author_id AS named FROM posts WHERE id IN (FROM main)
    UNION ALL SELECT id, 'recipient', in_reply_to_user_id FROM posts WHERE id IN (FROM main)
    UNION ALL SELECT post_id, 'mentioned', user_id FROM post_mentions
        WHERE post_id IN (FROM main)
    UNION ALL SELECT post_id, 'referenced', referenced_post_id FROM post_references
        WHERE post_id IN (FROM main)
    UNION ALL SELECT r.post_id, 'author of referenced', p.author_id FROM post_references r
        JOIN posts p ON p.id = r.referenced_post_id WHERE r.post_id IN (FROM main)
    UNION ALL SELECT post_id, 'media', media_key FROM post_media WHERE post_id IN (FROM main)
    UNION ALL SELECT r.post_id, 'media of referenced', m.media_key FROM post_references r
        JOIN post_media m ON m.post_id = r.referenced_post_id WHERE r.post_id IN (FROM main)
"""


@dataclass(frozen=True, slots=True)
class Range:
    """The least and greatest number of objects."""

    least: float = 0.0
    most: float = 0.0


@dataclass(frozen=True)
class Inclusion:
    """What some posts name.

    `posts` are these posts, `named` what each names, by its source. `is_part` says that they are
    a part of the posts to estimate for, and not posts of another time. `present` are the objects
    that X returned, if it was requested to. `held` are those that need no lookup.
    """

    posts: frozenset[str]
    named: frozenset[tuple[str, str, str]]
    is_part: bool
    present: frozenset[str] | None = None
    held: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return len(self.posts)

    def distinct(self, kind: str, expansions: Iterable[str], rows: int) -> Range:
        """Return how many objects of a kind are included with some posts, each once."""
        found = self._range(self._counts(kind, expansions), rows)
        return self._without_main(found, kind, rows)

    def missing(self, kind: str, expansions: Iterable[str], rows: int) -> Range:
        """Return how many objects of a kind some posts name that are not held."""
        counts = self._counts(kind, expansions)
        if self.is_part:
            unheld = Counter({id: n for id, n in counts.items() if id not in self.held})
            return self._without_main(self._range(unheld, rows), kind, rows)
        before, after = len(counts), self._range(counts, rows + len(self))
        lacking = sum(id not in self.held for id in counts)
        return Range(max(0.0, after.least - before), max(0.0, after.most - before) + lacking)

    def _without_main(self, found: Range, kind: str, rows: int) -> Range:
        """Return the range of posts without those that are themselves among the rest."""
        named = {id for _, source, id in self.named if source == "referenced"}
        if kind != "Post" or not self.is_part or not named or rows <= len(self):
            return found
        main = len(named & self.posts)
        share = (main + _Z * sqrt(main + 1)) * rows / len(self) / len(named)
        return Range(found.least * max(0.0, 1 - share), found.most)

    def _counts(self, kind: str, expansions: Iterable[str]) -> Counter[str]:
        """Return by how many posts each object of a kind is named."""
        names = set(expansions)
        sources = {SOURCES[name][1] for name in names & SOURCES.keys() if SOURCES[name][0] == kind}
        if names - SOURCES.keys():
            sources.add(f"other {kind}")
        pairs = {
            (post, named) for post, source, named in self.named
            if source in sources and named not in self.posts
            and (self.present is None or named in self.present)
        }
        return Counter(named for _, named in pairs)

    def _range(self, counts: Counter[str], rows: int) -> Range:
        """Return the range of the number of distinct objects that some posts name."""
        size = len(self)
        if rows == size and self.is_part:
            return Range(len(counts), len(counts))
        found = _fewer(counts, size, rows) if rows <= size else _more(counts, size, rows)
        margin = _MARGIN * (1 - size / rows) if self.is_part else _OTHER_TIME
        margin = max(margin, 0.0)
        missing = 0.0 if self.present is not None else _MISSING
        return Range(found.least * (1 - margin) * (1 - missing), found.most * (1 + margin))


def _fewer(counts: Counter[str], size: int, rows: int) -> Range:
    """Return how many distinct objects fewer posts name (rarefaction)."""
    if not size:
        return Range()
    whole = comb(size, rows)
    expected = sum(1 - comb(size - count, rows) / whole for count in counts.values())
    error = _Z * sqrt(expected)
    return Range(max(0.0, expected - error), min(len(counts), expected + error))


def _more(counts: Counter[str], size: int, rows: int) -> Range:
    """Return how many distinct objects more posts name: by Chao's estimate, and by its bound."""
    if not size:
        return Range()
    known, more = len(counts), rows - size
    once = sum(count == 1 for count in counts.values())
    twice = sum(count == 2 for count in counts.values())
    twice_most = twice + _Z * sqrt(twice + 1)  # few, so uncertain; with more, less is unseen
    unseen = (size - 1) / size * once * (once - 1) / (2 * (twice_most + 1))
    least = float(known)
    if unseen:
        least += unseen * (1 - exp(-more * once / (size * unseen + once)))
    bound = known + more * once / size
    most = max(least, least + _REACHED * (bound - least))
    error = _Z * sqrt(once + 1) * more / size * sqrt(1 - size / rows)
    share = (least - known) / (most - known) if most > known else 0.0
    return Range(max(float(known), least - share * error), most + error)


def read_sample(frames: Frames, archive: Archive | None = None) -> Inclusion:
    """Return what the results of a sample name and X returned with them."""
    rows = frames.sql(_NAMED.format(main="SELECT post_id FROM matches")).fetchall()
    main = {id for (id,) in frames.sql("SELECT DISTINCT post_id FROM matches").fetchall()}
    returned = frames.sql(
        "SELECT 'User', id FROM users UNION SELECT 'Post', id FROM posts "
        "UNION SELECT 'Media', media_key FROM media"
    ).fetchall()
    named = {row for row in rows if row[2]}
    known = main.union(id for _, _, id in named)
    named |= {("", f"other {kind}", id) for kind, id in returned if id not in known}
    return Inclusion(
        frozenset(main), frozenset(named), is_part=True,
        present=frozenset(id for _, id in returned), held=_held(archive),
    )


def read_archive(archive: Archive, query: str) -> Inclusion:
    """Return what the posts of an archive name that were found by a query."""
    main = (
        "SELECT DISTINCT post_id FROM matches WHERE run_id IN (SELECT run_id FROM runs "
        "WHERE json_valid(arguments) AND arguments->>'$.query' = $query)"
    )
    values = {"query": query}
    rows = archive.sql(_NAMED.format(main=main), values).fetchall()
    posts = {id for (id,) in archive.sql(main, values).fetchall()}
    return Inclusion(
        frozenset(posts), frozenset(row for row in rows if row[2]), is_part=False,
        held=_held(archive),
    )


def _held(archive: Archive | None) -> frozenset[str]:
    """Return the people and posts that an archive has."""
    if archive is None or not archive.exists:
        return frozenset()
    rows = archive.sql("SELECT id FROM users UNION SELECT id FROM posts").fetchall()
    return frozenset(id for (id,) in rows)

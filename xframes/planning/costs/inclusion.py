"""How many people, posts and media some posts name, estimated from a part of them.

What each post of the part names is known from the archive or from pages. More posts name more,
but fewer new ones each: at least as many as Chao's estimate says, and at most as many per post as
are named in one page only. What is named together in a page, as in a thread, may be in no other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from math import comb, exp, hypot, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.archive import Archive
    from xframes.frames import Frames

__all__ = [
    "PEOPLE", "SOURCES", "Inclusion", "Range", "combined", "held_in", "read_archive", "read_sample",
]

_Z = 1.6  # standard errors of a bound
_REACHED = 0.8  # of the way from Chao's estimate to the bound, that is hardly ever exceeded
_MARGIN = 0.07  # of the estimate of what is not known yet: posts are not a random part
_OTHER_TIME = 0.15  # more than that for posts of another time
_MISSING = 0.15  # of the objects that are named: X does not return them all
_AUTHORS = {"author", "author of referenced", "media", "media of referenced"}  # it does of these

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
    "edit_history_tweet_ids": ("Post", "edited"),
}
_KINDS = ("User", "Post", "Media")
PEOPLE = ("author_id", "in_reply_to_user_id", "entities.mentions.username",
          "referenced_tweets.id.author_id")
_NAMED = """
    WITH main AS ({main})
    SELECT id AS post, 'author' AS source, author_id AS named FROM posts WHERE id IN (FROM main)
    UNION ALL SELECT id, 'recipient', in_reply_to_user_id FROM posts WHERE id IN (FROM main)
    UNION ALL SELECT post_id, 'mentioned', coalesce(user_id, '@' || lower(username))
        FROM post_mentions WHERE post_id IN (FROM main)
    UNION ALL SELECT post_id, 'referenced', referenced_post_id FROM post_references
        WHERE post_id IN (FROM main)
    UNION ALL SELECT post_id, 'edited', edit_post_id FROM post_edits WHERE post_id IN (FROM main)
    UNION ALL SELECT r.post_id, 'author of referenced', p.author_id FROM post_references r
        JOIN posts p ON p.id = r.referenced_post_id WHERE r.post_id IN (FROM main)
    UNION ALL SELECT post_id, 'media', media_key FROM post_media WHERE post_id IN (FROM main)
    UNION ALL SELECT r.post_id, 'media of referenced', m.media_key FROM post_references r
        JOIN post_media m ON m.post_id = r.referenced_post_id WHERE r.post_id IN (FROM main)
"""


@dataclass(frozen=True, slots=True)
class Range:
    """The least and greatest number of objects, or their price."""

    least: float = 0.0
    most: float = 0.0

    def times(self, rate: float) -> Range:
        """Return the range of the price of so many objects."""
        return Range(self.least * rate, self.most * rate)


@dataclass(frozen=True)
class Inclusion:
    """What some posts name.

    `posts` are these posts, `named` what each names, by its source. `is_part` says that they are
    a part of the posts to estimate for, and not posts of another time. `present` are the objects
    that X returned, for each kind that was requested. `held` are those that need no lookup.
    `places` are the pages in which the posts were, if they are from different times.
    """

    posts: frozenset[str]
    named: frozenset[tuple[str, str, str]]
    is_part: bool
    present: Mapping[str, frozenset[str]] = field(default_factory=dict)
    held: frozenset[str] = field(default_factory=frozenset)
    places: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.posts)

    def joined(self, other: Inclusion) -> Inclusion:
        """Return what these posts and those of another page name."""
        present = {kind: ids | other.present[kind] for kind, ids in self.present.items()}
        return replace(
            self, posts=self.posts | other.posts, named=self.named | other.named, present=present,
            places={**self.places, **other.places},
        )

    def ids(self, kind: str, expansions: Iterable[str]) -> frozenset[str]:
        """Return the objects of a kind that the posts include."""
        return frozenset(self._naming(kind, expansions))

    def distinct(self, kind: str, expansions: Iterable[str], rows: int) -> Range:
        """Return how many objects of a kind are included with some posts, each once."""
        found = self._range(self._naming(kind, expansions), rows)
        return self._without_main(found, kind, rows)

    def missing(self, kind: str, expansions: Iterable[str], rows: int) -> Range:
        """Return how many objects of a kind some posts name that are not held."""
        naming = self._naming(kind, expansions)
        if self.is_part:
            unheld = {id: posts for id, posts in naming.items() if id not in self.held}
            return self._without_main(self._range(unheld, rows), kind, rows)
        before, after = len(naming), self._range(naming, rows + len(self))
        lacking = sum(id not in self.held for id in naming)
        return Range(max(0.0, after.least - before), max(0.0, after.most - before) + lacking)

    def among_rest(self, rows: int) -> float:
        """Return how many posts that were read as referenced ones are among the rest, at most."""
        named = {id for _, source, id in self.named if source == "referenced"}
        main, rest = len(named & self.posts), max(0, rows - len(self))
        return min(len(named - self.posts), (main + _Z * sqrt(main + 1)) * rest / len(self))

    def _without_main(self, found: Range, kind: str, rows: int) -> Range:
        """Return the range of posts without those that are themselves among the rest."""
        named = {id for _, source, id in self.named if source == "referenced"}
        if kind != "Post" or not self.is_part or not named or rows <= len(self):
            return found
        main = len(named & self.posts)
        share = (main + _Z * sqrt(main + 1)) * rows / len(self) / len(named)
        return Range(found.least * max(0.0, 1 - share), found.most)

    def _naming(self, kind: str, expansions: Iterable[str]) -> dict[str, set[str]]:
        """Return the posts that name each object of a kind."""
        names = set(expansions)
        sources = {SOURCES[name][1] for name in names & SOURCES.keys() if SOURCES[name][0] == kind}
        if names - SOURCES.keys():
            sources.add(f"other {kind}")
        present = self.present.get(kind)
        found: dict[str, set[str]] = defaultdict(set)
        for post, source, named in self.named:
            if source not in sources or named in self.posts:
                continue
            if present is None or named in present:
                found[named].add(post)
        return found

    def _range(self, naming: Mapping[str, set[str]], rows: int) -> Range:
        """Return the range of the number of distinct objects that some posts name."""
        size, counts = len(self), Counter({id: len(posts) for id, posts in naming.items()})
        surely = 1 - _MISSING * self._uncertain(counts)
        if rows == size and self.is_part:
            return Range(len(counts) * surely, len(counts))
        if rows <= size:
            found = _fewer(counts, size, rows)
        else:
            found = _more(counts, self._in_one_place(naming), size, rows)
        margin = _MARGIN * (1 - size / rows) if self.is_part else _OTHER_TIME
        margin = max(margin, 0.0)
        return Range(found.least * (1 - margin) * surely, found.most * (1 + margin))

    def _uncertain(self, counts: Mapping[str, int]) -> float:
        """Return the share of objects that X may not return."""
        certain = {named for _, source, named in self.named if source in _AUTHORS}
        certain.update(*self.present.values())
        return sum(id not in certain for id in counts) / max(1, len(counts))

    def _in_one_place(self, naming: Mapping[str, set[str]]) -> int:
        """Return how many objects are named by one post, or only by posts of one page."""
        places = (
            {self.places.get(post, post) for post in posts} for posts in naming.values()
        )
        return sum(len(one) == 1 for one in places)


def combined(ranges: Iterable[Range]) -> Range:
    """Return the range of a sum. What is unknown about the numbers differs, so squares add up."""
    listed = list(ranges)
    middle = sum(one.least + one.most for one in listed) / 2
    half = hypot(*((one.most - one.least) / 2 for one in listed))
    return Range(middle - half, middle + half)


def _fewer(counts: Counter[str], size: int, rows: int) -> Range:
    """Return how many distinct objects fewer posts name (rarefaction)."""
    if not size:
        return Range()
    whole = comb(size, rows)
    expected = sum(1 - comb(size - count, rows) / whole for count in counts.values())
    error = _Z * sqrt(expected)
    return Range(max(0.0, expected - error), min(len(counts), expected + error))


def _more(counts: Counter[str], alone: int, size: int, rows: int) -> Range:
    """Return how many distinct objects more posts name: by Chao's estimate, and by its bound.

    `alone` are those that are named in one place.
    """
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
    bound = known + more * alone / size
    most = max(least, least + _REACHED * (bound - least))
    error = _Z * sqrt(alone + 1) * more / size * sqrt(1 - size / rows)
    share = (least - known) / (most - known) if most > known else 0.0
    return Range(max(float(known), least - share * error), most + error)


def read_sample(
    frames: Frames, held: frozenset[str] = frozenset(), requested: Iterable[str] = _KINDS
) -> Inclusion:
    """Return what the results of a sample name and X returned with them.

    `held` need no lookup, `requested` are the kinds of objects that X was requested to include.
    """
    rows = frames.sql(_NAMED.format(main="SELECT post_id FROM matches")).fetchall()
    main = {id for (id,) in frames.sql("SELECT DISTINCT post_id FROM matches").fetchall()}
    returned = frames.sql(
        "SELECT 'User', id FROM users UNION SELECT 'Post', id FROM posts "
        "UNION SELECT 'Media', media_key FROM media"
    ).fetchall()
    named = {row for row in rows if row[2]}
    known = main.union(id for _, _, id in named)
    named |= {("", f"other {kind}", id) for kind, id in returned if id not in known}
    present = {
        kind: frozenset(id for one, id in returned if one == kind)
        for kind in _KINDS if kind in requested
    }
    places = frames.sql("SELECT post_id, page_id FROM matches").fetchall()
    return Inclusion(
        frozenset(main), frozenset(named), is_part=True, present=present, held=held,
        places=dict(places),
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
        held=held_in(archive),
    )


def held_in(archive: Archive | None) -> frozenset[str]:
    """Return the people and posts that an archive has."""
    if archive is None or not archive.exists:
        return frozenset()
    rows = archive.sql("SELECT id FROM users UNION SELECT id FROM posts").fetchall()
    return frozenset(id for (id,) in rows)

"""The news stories X makes of posts: one for each topic and day with enough posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .snowflakes import DAY_MS, snowflake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Post

_STORIES_FROM = 1_900_000_000_000_000_000
_LEAST_POSTS = 3  # of a day and a topic that make a story


@dataclass(slots=True, eq=False)
class Story:
    """The posts on a topic of one day, in the order they were written."""

    id: int
    topic: int
    posts: list[Post]

    @property
    def updated(self) -> int:
        """When the last of its posts was written, in Unix milliseconds."""
        return self.posts[-1].at


def stories(posts: Iterable[Post], since: int, until: int) -> list[Story]:
    """Return the stories that changed between two moments (Unix milliseconds), the latest first."""
    first = since - since % DAY_MS  # a story is made of its whole day
    by_id: dict[int, Story] = {}
    low, high = snowflake(first), snowflake(until)
    for post in posts:
        if low <= post.id < high and post.original is None:
            id = _STORIES_FROM + post.at // DAY_MS * 100 + post.topic
            by_id.setdefault(id, Story(id, post.topic, [])).posts.append(post)
    large = (story for story in by_id.values() if len(story.posts) >= _LEAST_POSTS)
    recent = [story for story in large if story.updated >= since]
    return sorted(recent, key=lambda story: (-story.updated, story.id))


def find_story(posts: Iterable[Post], id: int, until: int) -> Story | None:
    """Return the story with an id as it was at a moment, or None."""
    day = (id - _STORIES_FROM) // 100 * DAY_MS
    if not 0 <= day < until:
        return None
    same_day = stories(posts, day, min(until, day + DAY_MS))
    return next((story for story in same_day if story.id == id), None)

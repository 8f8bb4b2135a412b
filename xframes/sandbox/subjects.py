"""What people gather around: X's communities, and the news stories X makes of posts. Both follow the topics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import lexicon
from .asked import stamp
from .model import snowflake
from .people import DAY_MS

if TYPE_CHECKING:
    from xframes.schema import Vocabulary

    from .community import Community
    from .model import Post
    from .objects import Json

_COMMUNITIES_FROM = 1_500_000_000_000_000_000
_STORIES_FROM = 1_900_000_000_000_000_000
_LEAST_POSTS = 3  # of a day and a topic that make a story
_MOST_POSTS = 10  # a story shows


def community_id(topic: int) -> int:
    """Return the id of the community of a topic."""
    return _COMMUNITIES_FROM + topic


def topic_of(community_id: int) -> int | None:
    """Return the topic of the community with an id, or None where there is none."""
    topic = community_id - _COMMUNITIES_FROM
    return topic if 0 <= topic < len(lexicon.TOPICS) else None


def community_json(community: Community, topic: int) -> Json:
    """Return X's community of a topic: everybody who cares for it is a member."""
    about = lexicon.TOPICS[topic].word
    members = [person for person in community.people.values() if topic in {person.topic, person.second}]
    first = min((person.at for person in members), default=community.now)
    return {
        "id": str(community_id(topic)), "name": f"{about.capitalize()} people",
        "description": f"Everything about {about}, and nobody selling it", "created_at": stamp(first - first % 1000),
        "access": "Public", "join_policy": "Open", "member_count": len(members),
    }


@dataclass(slots=True, eq=False)
class Story:
    """What was said of a topic on one day; posts in the order they were written."""

    id: int
    topic: int
    posts: list[Post]

    @property
    def updated(self) -> int:
        """When the last of its posts was written, in Unix milliseconds."""
        return self.posts[-1].at


def stories(community: Community, since: int, until: int) -> list[Story]:
    """Return the stories that changed between two moments (Unix milliseconds), the latest first."""
    first = since - since % DAY_MS  # a story is made of its whole day
    found: dict[int, Story] = {}
    low, high = snowflake(first), snowflake(until)
    for post in community.listed:
        if low <= post.id < high and post.original is None:
            id = _STORIES_FROM + post.at // DAY_MS * 100 + post.topic
            found.setdefault(id, Story(id, post.topic, [])).posts.append(post)
    told = (story for story in found.values() if len(story.posts) >= _LEAST_POSTS and story.updated >= since)
    return sorted(told, key=lambda story: (-story.updated, story.id))


def story(community: Community, id: int, until: int) -> Story | None:
    """Return the story with an id as it stands at a moment, or None."""
    day = (id - _STORIES_FROM) // 100 * DAY_MS
    if not 0 <= day < until:
        return None
    return next((s for s in stories(community, day, min(until, day + DAY_MS)) if s.id == id), None)


def story_json(story: Story, words: Vocabulary) -> Json:
    """Return a story in X's words, which differ in its id and its time."""
    about = lexicon.TOPICS[story.topic]
    writers = len({post.author.id for post in story.posts})
    loudest = sorted(story.posts, key=lambda post: (-post.likes, post.id))[:_MOST_POSTS]
    moment = stamp(story.updated - story.updated % 1000)
    id, at = ("rest_id", "last_updated_at_ms") if words == "tweet" else ("id", "updated_at")
    tags = (each["tag"] for post in story.posts for each in post.entities.get("hashtags", ()))
    keywords = list(dict.fromkeys([about.word, *tags]))[:6]
    return {
        id: str(story.id), "name": f"{about.word.capitalize()} keeps people talking",
        "hook": f"{len(story.posts)} posts in a day, and no end to {about.word} in sight",
        "summary": f"{writers} people wrote {len(story.posts)} posts about {about.word} on {moment[:10]}.",
        "category": "Interests", "disclaimer": "This story was put together from posts. None of it happened.",
        "keywords": keywords if words == "tweet" else {"words": keywords},
        "contexts": {"topics": [about.word.capitalize()], "finance": {"tickers": list(about.cashtags)}},
        "cluster_posts_results": [{"post_id": str(post.id)} for post in loudest], at: moment,
    }

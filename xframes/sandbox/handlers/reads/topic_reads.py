"""Read what posts are about: X's communities, news stories, trends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol import object_json
from xframes.sandbox.queries.terms import fold, tokens
from xframes.sandbox.world import lexicon, news
from xframes.sandbox.world.snowflakes import DAY_MS, HOUR_MS, snowflake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Post

_MOST_TRENDS = 20
_PERSONAL_TRENDS = 10
_STORY_HOURS = 168
_MOST_STORIES = 10


def _matches(row: dict[str, Any], query: str) -> bool:
    """Whether the texts of a row have every word of a query."""
    names = ("name", "description", "hook", "summary", "keywords")
    text = " ".join(str(row.get(name, "")) for name in names)
    return set(tokens(fold(query))) <= set(tokens(fold(text)))


def community(context: Context) -> dict[str, Any]:
    """Answer with one community."""
    answer = context.answer()
    id = context.request.args["community_id"]
    topic = lexicon.community_topic(id)
    if topic is None:
        answer.errors.not_found("community", "id", str(id))
        return answer.body(None)
    return answer.body(answer.communities([topic])[0])


def communities(context: Context) -> dict[str, Any]:
    """Answer with the communities whose name or description has every word of the query."""
    query = context.request.args["query"]
    topics = [topic for topic in range(len(lexicon.TOPICS))
              if _matches(object_json.community_json(context.community, topic), query)]
    body = context.rows("communities", topics)
    body["meta"].pop("result_count", None)  # X counts no communities
    return body


def story(context: Context) -> dict[str, Any]:
    """Answer with one news story as it is now."""
    answer = context.answer()
    id = context.request.args["news_id"]
    found = news.find_story(context.community.listed, id, context.now)
    if found is None:
        answer.errors.not_found("news", "id", str(id))
        return answer.body(None)
    return answer.body(answer.stories([found])[0])


def stories(context: Context) -> dict[str, Any]:
    """Answer with the stories of the last hours that have every word of the query, latest first."""
    args = context.request.args
    since = context.now - args.get("max_age_hours", _STORY_HOURS) * HOUR_MS
    rows = [each for each in news.stories(context.community.listed, since, context.now)
            if _matches(object_json.story_json(each, context.words), args["query"])]
    return context.whole("stories", rows[: args.get("max_results", _MOST_STORIES)])


# -- trends ---------------------------------------------------------------------------------------


def _tags(context: Context, posts: Iterable[Post]) -> list[tuple[str, int]]:
    """Return the last day's hashtags with their number of posts, most frequent first."""
    since = snowflake(context.now - DAY_MS)
    counts: Counter[str] = Counter()
    for post in posts:
        if post.id >= since:
            counts.update({each["tag"] for each in post.entities.get("hashtags", ())})
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def trends(context: Context) -> dict[str, Any]:
    """Answer with the hashtags of the last day, the same for every place."""
    most = context.request.args.get("max_trends", _MOST_TRENDS)
    tags = _tags(context, context.community.listed)[:most]
    return context.answer().body(
        [{"trend_name": f"#{tag}", "tweet_count": count} for tag, count in tags]
    )


def personalized_trends(context: Context) -> dict[str, Any]:
    """Answer with the last day's hashtags of the people the authenticated user follows."""
    authors = {person.id for person in context.me.following}
    posts = (post for post in context.community.listed if post.author.id in authors)
    rows: list[dict[str, Any]] = []
    for tag, count in _tags(context, posts)[:_PERSONAL_TRENDS]:
        shown: str | int = count
        if context.words == "post":
            shown = f"{count} posts"
        rows.append({"trend_name": f"#{tag}", "post_count": shown, "category": "Trending",
                     "trending_since": "Trending now"})
    return context.answer().body(rows)


HANDLERS: dict[str, Handler] = {
    "communities.get": community, "communities.search": communities, "news.get": story,
    "news.search": stories, "trends.by_woeid": trends, "trends.personalized": personalized_trends,
}

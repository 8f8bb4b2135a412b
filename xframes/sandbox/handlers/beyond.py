"""Reads X has beyond the listing: reposts, people by words, an organisation's people, media, one event, trends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from xframes.sandbox import problems
from xframes.sandbox.model import snowflake
from xframes.sandbox.people import DAY_MS

from .reactions import target
from .timelines import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.sandbox.model import Post

    from .context import Context, Handler


def reposts(context: Context) -> dict[str, Any]:
    """The reposts of a post, newest first."""
    return context.page(context.community.referring.get(("retweeted", target(context).id), []), span=False)


def reposts_of_me(context: Context) -> dict[str, Any]:
    """The reposts of what the authenticated user posted, newest first."""
    me = context.me
    mine = (post for post in context.community.listed if post.original is not None and post.original.author is me)
    return context.page(list(mine), span=False)


def search(context: Context) -> dict[str, Any]:
    """The people whose name or username holds all the words, those most followed first."""
    words = context.asked.args["query"].lower().split()
    found = [
        person for person in context.community.people.values()
        if person.standing == "active" and all(word in f"{person.name} {person.username}".lower() for word in words)
    ]
    body = context.rows("people", sorted(found, key=lambda person: (-person.followers_count, person.id)))
    body["meta"].pop("result_count", None)  # the one page X does not count
    return body


def affiliates(context: Context) -> dict[str, Any]:
    """The people who carry an organisation's badge."""
    firm, refusal = readable(context, context.asked.args["user_id"])
    if firm is None:
        return refusal
    return context.rows("people", [each for each in context.community.people.values() if each.employer is firm])


def media(context: Context) -> dict[str, Any]:
    """Media by up to 100 keys, in the order asked; missing ones are partial errors."""
    answer, args = context.answer(), context.asked.args
    wanted = args.get("media_keys") or [args["media_key"]]
    for key in wanted:
        if key not in context.community.media:
            answer.errors.not_found("media", "media_keys" if "media_keys" in args else "media_key", key)
    found = answer.media(context.community.media[key] for key in wanted if key in context.community.media)
    if "media_keys" in args:
        return answer.body(found)
    return answer.body(found[0] if found else None)


def event(context: Context) -> dict[str, Any]:
    """One event of the authenticated user's conversations. Raises Refusal (404) for others."""
    id, answer = context.asked.args["event_id"], context.answer()
    for talk in context.community.mail(context.me):
        for each in talk.events:
            if each.id == id:
                return answer.body(answer.events([each])[0])
    raise problems.missing(context.words, "dm_event", "event_id", str(id))


def _tags(context: Context, posts: Iterable[Post]) -> list[tuple[str, int]]:
    """The hashtags of posts of the last day and how many posts have each, most frequent first."""
    since = snowflake(context.now - DAY_MS)
    tags = Counter(
        tag for post in posts if post.id >= since
        for tag in {each["tag"] for each in post.entities.get("hashtags", ())}
    )
    return sorted(tags.items(), key=lambda each: (-each[1], each[0]))


def trends(context: Context) -> dict[str, Any]:
    """The hashtags of the last day: those of the world, whatever the place."""
    most = context.asked.args.get("max_trends", 20)
    found = _tags(context, context.community.listed)[:most]
    return context.answer().body([{"trend_name": f"#{tag}", "tweet_count": count} for tag, count in found])


def personalized_trends(context: Context) -> dict[str, Any]:
    """The hashtags of the last day among those the authenticated user follows."""
    near = {person.id for person in context.me.following}
    found = _tags(context, (post for post in context.community.listed if post.author.id in near))[:10]
    return context.answer().body([
        {"trend_name": f"#{tag}", "post_count": f"{count} posts" if context.words == "post" else count,
         "category": "Trending", "trending_since": "Trending now"} for tag, count in found
    ])


HANDLERS: dict[str, Handler] = {
    "posts.reposts": reposts, "users.reposts_of_me": reposts_of_me, "users.search": search,
    "users.affiliates": affiliates, "media.lookup": media, "media.get": media, "messages.get": event,
    "trends.by_woeid": trends, "trends.personalized": personalized_trends,
}

"""Timelines: what somebody posted, who mentioned them, and what those they follow posted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.model import snowflake
from xframes.sandbox.people import DAY_MS

from .context import window

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.sandbox.model import Person, Post

    from .context import Context, Handler

_HOME_DAYS = 7  # how far back the home timeline reaches
_DEPTH = 3200  # how far back X lets a timeline be read, in posts
_DEPTH_SHORT = 800  # the same without replies, and for mentions


def readable(context: Context, value: int) -> tuple[Person | None, dict[str, Any]]:
    """Return the account whose things are asked for, or None and the answer that says why they are not shown."""
    answer = context.answer()
    person = answer.find_person(context.community.people.get(value), "id", str(value))
    if person is not None and not answer.sees(person):
        answer.errors.not_authorized("user", "id", str(value), "data")
        person = None
    return person, answer.body(None)


def user(context: Context) -> dict[str, Any]:
    """A person's posts, newest first; `exclude` leaves out replies or reposts."""
    person, refusal = readable(context, context.asked.args["user_id"])
    if person is None:
        return refusal
    deep = _DEPTH_SHORT if "replies" in context.asked.args.get("exclude", ()) else _DEPTH
    low, high = window(context.asked.args)
    return context.page(_posts_of(context, person)[-deep:], unlike(context), low=low, high=high)


def _posts_of(context: Context, person: Person) -> list[Post]:
    """What somebody posted; of a protected account, for those who may read it, too."""
    if person.standing != "protected":
        return context.community.by_author.get(person.id, [])
    mine = (post for post in context.community.posts.values() if post.author is person and post.state == "live")
    return sorted(mine, key=lambda post: post.id)


def unlike(context: Context) -> Callable[[Post], bool]:
    """Return the test that leaves out what `exclude` names: replies, reposts."""
    excluded = context.asked.args.get("exclude", ())
    replies, reposts = "replies" in excluded, "retweets" in excluded
    return lambda post: not ((replies and post.reply_to is not None) or (reposts and post.original is not None))


def home(context: Context) -> dict[str, Any]:
    """What the authenticated user and those they follow posted in the last week, newest first; muted ones left out."""
    me, community = context.me, context.community
    near = {person.id for person in (me, *me.following)} - {person.id for person in community.kept(me).mutes}
    wanted = unlike(context)
    low, high = window(context.asked.args, low=snowflake(context.now - _HOME_DAYS * DAY_MS))
    return context.page(community.listed, lambda post: post.author.id in near and wanted(post), low=low, high=high)


def mentions(context: Context) -> dict[str, Any]:
    """Posts that mention a person, newest first."""
    person, refusal = readable(context, context.asked.args["user_id"])
    if person is None:
        return refusal
    low, high = window(context.asked.args)
    return context.page(context.community.mentions.get(person.id, [])[-_DEPTH_SHORT:], low=low, high=high)


HANDLERS: dict[str, Handler] = {"timelines.user": user, "timelines.mentions": mentions, "timelines.home": home}

"""Timelines: what somebody posted, and who mentioned them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .context import window

if TYPE_CHECKING:
    from xframes.sandbox.model import Person, Post

    from .context import Context, Handler

_DEPTH = 3200  # how far back X lets a timeline be read, in posts
_DEPTH_SHORT = 800  # the same without replies, and for mentions


def readable(context: Context, value: int) -> tuple[Person | None, dict[str, Any]]:
    """Return the account whose things are asked for, or None and the answer that says why they are not shown."""
    answer = context.answer()
    person = answer.find_person(context.community.people.get(value), "id", str(value))
    if person is not None and person.standing == "protected" and person is not context.viewer:
        answer.errors.not_authorized("user", "id", str(value), "data")
        person = None
    return person, answer.body(None)


def user(context: Context) -> dict[str, Any]:
    """A person's posts, newest first; `exclude` leaves out replies or reposts."""
    person, refusal = readable(context, context.asked.args["user_id"])
    if person is None:
        return refusal
    excluded = set(context.asked.args.get("exclude", ()))
    deep = context.community.by_author.get(person.id, [])[-(_DEPTH_SHORT if "replies" in excluded else _DEPTH) :]

    def keep(post: Post) -> bool:
        hidden = ("replies" in excluded and post.reply_to is not None) or (
            "retweets" in excluded and post.original is not None
        )
        return not hidden

    low, high = window(context.asked.args)
    return context.page(deep, keep, low=low, high=high)


def mentions(context: Context) -> dict[str, Any]:
    """Posts that mention a person, newest first."""
    person, refusal = readable(context, context.asked.args["user_id"])
    if person is None:
        return refusal
    low, high = window(context.asked.args)
    return context.page(context.community.mentions.get(person.id, [])[-_DEPTH_SHORT:], low=low, high=high)


HANDLERS: dict[str, Handler] = {"timelines.user": user, "timelines.mentions": mentions}

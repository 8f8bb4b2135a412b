"""People and people: who follows, mutes and blocks whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox import problems

from .timelines import readable

if TYPE_CHECKING:
    from xframes.sandbox.model import Person

    from .context import Context, Handler


def followers(context: Context) -> dict[str, Any]:
    """The people of the community who follow a person, newest first; the count includes those beyond."""
    person, refusal = readable(context, context.asked.args["user_id"])
    return refusal if person is None else context.rows("people", _shown(person.followers))


def following(context: Context) -> dict[str, Any]:
    """The people of the community a person follows, newest first."""
    person, refusal = readable(context, context.asked.args["user_id"])
    return refusal if person is None else context.rows("people", _shown(person.following))


def _shown(people: list[Person]) -> list[Person]:
    return [person for person in reversed(people) if person.standing != "suspended"]


def blocking(context: Context) -> dict[str, Any]:
    """The people the authenticated user blocks."""
    return context.rows("people", context.community.kept(context.me).blocks)


def muting(context: Context) -> dict[str, Any]:
    """The people the authenticated user mutes."""
    return context.rows("people", context.community.kept(context.me).mutes)


def target(context: Context, name: str = "user_id") -> Person:
    """Return the account a write is about. Raises Refusal: 404 for one that is not there, 403 for oneself."""
    id = context.asked.args[name]
    person = context.community.people.get(id)
    if person is None or person.standing == "suspended":
        wire = context.asked.action.param(name).wire
        raise problems.missing(context.words, "user", wire, str(id))
    if person is context.me:
        raise problems.forbidden("You cannot perform this action on your own account.")
    return person


def follow(context: Context) -> dict[str, Any]:
    """Follow somebody; a protected account is asked first."""
    me, person = context.me, target(context)
    asked = context.community.kept(me).asked
    if person not in me.following and person.standing == "protected":
        if person not in asked:
            asked.insert(0, person)
        return {"data": {"following": False, "pending_follow": True}}
    if person not in me.following:
        me.following.append(person)
        person.followers.append(me)
        me.following_count += 1
        person.followers_count += 1
    return {"data": {"following": True, "pending_follow": False}}


def unfollow(context: Context) -> dict[str, Any]:
    """Follow somebody no more, or take back having asked to."""
    me, person = context.me, target(context)
    asked = context.community.kept(me).asked
    if person in asked:
        asked.remove(person)
    if person in me.following:
        me.following.remove(person)
        person.followers.remove(me)
        me.following_count -= 1
        person.followers_count -= 1
    return {"data": {"following": False}}


def mute(context: Context) -> dict[str, Any]:
    """Mute somebody."""
    mutes, person = context.community.kept(context.me).mutes, target(context)
    if person not in mutes:
        mutes.insert(0, person)
    return {"data": {"muting": True}}


def unmute(context: Context) -> dict[str, Any]:
    """Mute somebody no more."""
    mutes, person = context.community.kept(context.me).mutes, target(context)
    if person in mutes:
        mutes.remove(person)
    return {"data": {"muting": False}}


HANDLERS: dict[str, Handler] = {
    "users.followers": followers, "users.following": following, "users.blocking": blocking, "users.muting": muting,
    "write.follow": follow, "write.unfollow": unfollow, "write.mute": mute, "write.unmute": unmute,
}

"""Follow and mute people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import target_person

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler


def follow(context: Context) -> dict[str, Any]:
    """Follow a person; a protected account gets a request instead."""
    me, person = context.me, target_person(context)
    requests = context.community.kept(me).follow_requests
    if person not in me.following and person.standing == "protected":
        if person not in requests:
            requests.insert(0, person)
        return {"data": {"following": False, "pending_follow": True}}
    if person not in me.following:
        me.following.append(person)
        person.followers.append(me)
        me.following_count += 1
        person.followers_count += 1
    return {"data": {"following": True, "pending_follow": False}}


def unfollow(context: Context) -> dict[str, Any]:
    """Unfollow a person, or withdraw the request to follow them."""
    me, person = context.me, target_person(context)
    requests = context.community.kept(me).follow_requests
    if person in requests:
        requests.remove(person)
    if person in me.following:
        me.following.remove(person)
        person.followers.remove(me)
        me.following_count -= 1
        person.followers_count -= 1
    return {"data": {"following": False}}


def mute(context: Context) -> dict[str, Any]:
    """Mute a person."""
    mutes, person = context.community.kept(context.me).mutes, target_person(context)
    if person not in mutes:
        mutes.insert(0, person)
    return {"data": {"muting": True}}


def unmute(context: Context) -> dict[str, Any]:
    """Unmute a person."""
    mutes, person = context.community.kept(context.me).mutes, target_person(context)
    if person in mutes:
        mutes.remove(person)
    return {"data": {"muting": False}}


HANDLERS: dict[str, Handler] = {
    "write.follow": follow, "write.unfollow": unfollow, "write.mute": mute, "write.unmute": unmute,
}

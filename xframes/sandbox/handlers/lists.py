"""Lists of accounts: what is on them, who keeps and follows them, and changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox import problems
from xframes.sandbox.model import UserList

from .relations import target
from .timelines import readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Context, Handler

_PINS = 5  # lists X lets a person pin


def _visible(context: Context, each: UserList) -> bool:
    """Whether whoever asks may see a list: private ones are their owner's."""
    return not each.private or each.owner is context.viewer


def _asked(context: Context) -> tuple[UserList | None, dict[str, Any]]:
    """Return the list something is asked about, or None and the answer that says it is not there."""
    answer = context.answer()
    id = context.asked.args["list_id"]
    found = context.community.lists.get(id)
    if found is None or not _visible(context, found):
        answer.errors.not_found("list", "id", str(id))
        return None, answer.body(None)
    return found, {}


def get(context: Context) -> dict[str, Any]:
    """One list."""
    found, refusal = _asked(context)
    answer = context.answer()
    return refusal if found is None else answer.body(answer.lists([found])[0])


def posts(context: Context) -> dict[str, Any]:
    """What the members of a list posted, newest first."""
    found, refusal = _asked(context)
    if found is None:
        return refusal
    members = {person.id for person in found.members}
    return context.page(context.community.listed, lambda post: post.author.id in members, span=False)


def members(context: Context) -> dict[str, Any]:
    """The members of a list, newest first."""
    found, refusal = _asked(context)
    return refusal if found is None else context.rows("people", found.members[::-1])


def followers(context: Context) -> dict[str, Any]:
    """The followers of a list, newest first."""
    found, refusal = _asked(context)
    return refusal if found is None else context.rows("people", found.followers[::-1])


def _of(context: Context, belongs: Callable[[UserList, int], bool]) -> dict[str, Any]:
    person, refusal = readable(context, context.asked.args["user_id"])
    if person is None:
        return refusal
    found = [each for each in context.community.lists.values() if belongs(each, person.id) and _visible(context, each)]
    return context.rows("lists", sorted(found, key=lambda each: -each.id))


def owned(context: Context) -> dict[str, Any]:
    """The lists a person keeps, newest first; private ones for themselves only."""
    return _of(context, lambda each, me: each.owner.id == me)


def followed(context: Context) -> dict[str, Any]:
    """The lists a person follows, newest first."""
    return _of(context, lambda each, me: any(person.id == me for person in each.followers))


def memberships(context: Context) -> dict[str, Any]:
    """The lists a person is on, newest first."""
    return _of(context, lambda each, me: any(person.id == me for person in each.members))


def pinned(context: Context) -> dict[str, Any]:
    """The lists the authenticated user pinned."""
    pins = context.community.kept(context.me).pins
    return context.whole("lists", [each for each in pins if each.id in context.community.lists])


# -- changing -----------------------------------------------------------------------------------------------


def _found(context: Context, *, own: bool) -> UserList:
    """Return the list a write is about. Raises Refusal: 404 when it is not there, 403 for the list of somebody else."""
    id = context.asked.args["list_id"]
    found = context.community.lists.get(id)
    if found is None or not _visible(context, found):
        raise problems.missing(context.words, "list", context.asked.action.param("list_id").wire, str(id))
    if own and found.owner is not context.me:
        raise problems.forbidden("You are not allowed to change a List of somebody else.")
    return found


def create(context: Context) -> dict[str, Any]:
    """Make a list."""
    args = context.asked.args
    id = context.community.new_id(context.now)
    made = UserList(id, args["name"], context.me, context.now, args.get("description", ""), args.get("private", False),
                    [], [])
    context.community.lists[id] = made
    return {"data": {"id": str(id), "name": made.name}}


def update(context: Context) -> dict[str, Any]:
    """Change a list's name, description, or who may see it."""
    found = _found(context, own=True)
    for name in {"name", "description", "private"} & context.asked.args.keys():
        setattr(found, name, context.asked.args[name])
    return {"data": {"updated": True}}


def delete(context: Context) -> dict[str, Any]:
    """Delete a list."""
    del context.community.lists[_found(context, own=True).id]
    return {"data": {"deleted": True}}


def add_member(context: Context) -> dict[str, Any]:
    """Put somebody on a list."""
    found, id = _found(context, own=True), context.asked.args["user_id"]
    person = context.me if id == context.me.id else target(context)
    if person not in found.members:
        found.members.append(person)
        person.listed_count += 1
    return {"data": {"is_member": True}}


def remove_member(context: Context) -> dict[str, Any]:
    """Take somebody off a list."""
    found, id = _found(context, own=True), context.asked.args["user_id"]
    for person in [each for each in found.members if each.id == id]:
        found.members.remove(person)
        person.listed_count -= 1
    return {"data": {"is_member": False}}


def follow(context: Context) -> dict[str, Any]:
    """Follow a list."""
    found = _found(context, own=False)
    if context.me not in found.followers:
        found.followers.append(context.me)
    return {"data": {"following": True}}


def unfollow(context: Context) -> dict[str, Any]:
    """Follow a list no more."""
    found = _found(context, own=False)
    if context.me in found.followers:
        found.followers.remove(context.me)
    return {"data": {"following": False}}


def pin(context: Context) -> dict[str, Any]:
    """Pin a list."""
    found, pins = _found(context, own=False), context.community.kept(context.me).pins
    if found not in pins:
        if len(pins) >= _PINS:
            raise problems.forbidden(f"You cannot pin more than {_PINS} Lists.")
        pins.insert(0, found)
    return {"data": {"pinned": True}}


def unpin(context: Context) -> dict[str, Any]:
    """Pin a list no more."""
    found, pins = _found(context, own=False), context.community.kept(context.me).pins
    if found in pins:
        pins.remove(found)
    return {"data": {"pinned": False}}


HANDLERS: dict[str, Handler] = {
    "lists.get": get, "lists.posts": posts, "lists.members": members, "lists.followers": followers,
    "users.owned_lists": owned, "users.followed_lists": followed, "users.list_memberships": memberships,
    "users.pinned_lists": pinned, "write.create_list": create, "write.update_list": update, "write.delete_list": delete,
    "write.add_list_member": add_member, "write.remove_list_member": remove_member, "write.follow_list": follow,
    "write.unfollow_list": unfollow, "write.pin_list": pin, "write.unpin_list": unpin,
}

"""Create, change and delete lists; add members; follow and pin lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import target_list, target_person
from xframes.sandbox.protocol import problem_json
from xframes.sandbox.world.model import UserList

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler

_PINS = 5  # lists X lets a person pin


def create(context: Context) -> dict[str, Any]:
    """Create a list."""
    args = context.request.args
    id = context.community.new_id(context.now)
    description, private = args.get("description", ""), args.get("private", False)
    new = UserList(id, args["name"], context.me, context.now, description, private, [], [])
    context.community.lists[id] = new
    return {"data": {"id": str(id), "name": new.name}}


def update(context: Context) -> dict[str, Any]:
    """Change a list's name, description, or who may see it."""
    each = target_list(context, own=True)
    for name in {"name", "description", "private"} & context.request.args.keys():
        setattr(each, name, context.request.args[name])
    return {"data": {"updated": True}}


def delete(context: Context) -> dict[str, Any]:
    """Delete a list."""
    del context.community.lists[target_list(context, own=True).id]
    return {"data": {"deleted": True}}


def add_member(context: Context) -> dict[str, Any]:
    """Add a person to a list."""
    each = target_list(context, own=True)
    person = context.me
    if context.request.args["user_id"] != context.me.id:
        person = target_person(context)
    if person not in each.members:
        each.members.append(person)
        person.listed_count += 1
    return {"data": {"is_member": True}}


def remove_member(context: Context) -> dict[str, Any]:
    """Remove a person from a list."""
    each = target_list(context, own=True)
    id = context.request.args["user_id"]
    for person in [member for member in each.members if member.id == id]:
        each.members.remove(person)
        person.listed_count -= 1
    return {"data": {"is_member": False}}


def follow(context: Context) -> dict[str, Any]:
    """Follow a list."""
    each = target_list(context, own=False)
    if context.me not in each.followers:
        each.followers.append(context.me)
    return {"data": {"following": True}}


def unfollow(context: Context) -> dict[str, Any]:
    """Unfollow a list."""
    each = target_list(context, own=False)
    if context.me in each.followers:
        each.followers.remove(context.me)
    return {"data": {"following": False}}


def pin(context: Context) -> dict[str, Any]:
    """Pin a list."""
    each, pins = target_list(context, own=False), context.community.kept(context.me).pins
    if each not in pins:
        if len(pins) >= _PINS:
            raise problem_json.forbidden(f"You cannot pin more than {_PINS} Lists.")
        pins.insert(0, each)
    return {"data": {"pinned": True}}


def unpin(context: Context) -> dict[str, Any]:
    """Unpin a list."""
    each, pins = target_list(context, own=False), context.community.kept(context.me).pins
    if each in pins:
        pins.remove(each)
    return {"data": {"pinned": False}}


HANDLERS: dict[str, Handler] = {
    "write.create_list": create, "write.update_list": update, "write.delete_list": delete,
    "write.add_list_member": add_member, "write.remove_list_member": remove_member,
    "write.follow_list": follow, "write.unfollow_list": unfollow, "write.pin_list": pin,
    "write.unpin_list": unpin,
}

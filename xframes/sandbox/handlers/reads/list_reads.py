"""Read lists of accounts: one list, its posts and people, and the lists of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import is_visible, readable_list, readable_person

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Person, UserList


def get(context: Context) -> dict[str, Any]:
    """Answer with one list."""
    found, refusal = readable_list(context)
    if found is None:
        return refusal
    answer = context.answer()
    return answer.body(answer.lists([found])[0])


def posts(context: Context) -> dict[str, Any]:
    """Answer with the posts of a list's members, newest first."""
    found, refusal = readable_list(context)
    if found is None:
        return refusal
    members = {person.id for person in found.members}
    listed = context.community.listed
    return context.page(listed, lambda post: post.author.id in members, span=False)


def members(context: Context) -> dict[str, Any]:
    """Answer with the members of a list, newest first."""
    found, refusal = readable_list(context)
    if found is None:
        return refusal
    return context.rows("people", found.members[::-1])


def followers(context: Context) -> dict[str, Any]:
    """Answer with the followers of a list, newest first."""
    found, refusal = readable_list(context)
    if found is None:
        return refusal
    return context.rows("people", found.followers[::-1])


def _lists_of(context: Context, belongs: Callable[[UserList, Person], bool]) -> dict[str, Any]:
    """Answer with the visible lists for which `belongs(list, person)` is true, newest first."""
    person, refusal = readable_person(context)
    if person is None:
        return refusal
    lists = context.community.lists.values()
    rows = [each for each in lists if belongs(each, person) and is_visible(context, each)]
    return context.rows("lists", sorted(rows, key=lambda each: -each.id))


def owned(context: Context) -> dict[str, Any]:
    """Answer with the lists a person owns, newest first; private ones only for themselves."""
    return _lists_of(context, lambda each, person: each.owner is person)


def followed(context: Context) -> dict[str, Any]:
    """Answer with the lists a person follows, newest first."""
    return _lists_of(context, lambda each, person: person in each.followers)


def memberships(context: Context) -> dict[str, Any]:
    """Answer with the lists a person is a member of, newest first."""
    return _lists_of(context, lambda each, person: person in each.members)


def pinned(context: Context) -> dict[str, Any]:
    """Answer with the lists the authenticated user pinned."""
    pins = context.community.kept(context.me).pins
    return context.whole("lists", [each for each in pins if each.id in context.community.lists])


HANDLERS: dict[str, Handler] = {
    "lists.get": get, "lists.posts": posts, "lists.members": members, "lists.followers": followers,
    "users.owned_lists": owned, "users.followed_lists": followed,
    "users.list_memberships": memberships, "users.pinned_lists": pinned,
}

"""Accounts by id and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import Context, Handler


def lookup(context: Context) -> dict[str, Any]:
    """The accounts of up to 100 ids, in the order asked; missing and suspended ones are partial errors."""
    answer = context.answer()
    people = context.community.people
    wanted = dict.fromkeys(context.asked.args["user_ids"])
    found = [person for id in wanted if (person := answer.find_person(people.get(id), "ids", str(id))) is not None]
    return answer.body(answer.people(found))


def by_username(context: Context) -> dict[str, Any]:
    """One account by its name, regardless of case."""
    answer = context.answer()
    name = context.asked.args["username"]
    person = answer.find_person(context.community.usernames.get(name.lower()), "username", name)
    return answer.body(answer.people([person])[0] if person else None)


HANDLERS: dict[str, Handler] = {"users.lookup": lookup, "users.by_username": by_username}

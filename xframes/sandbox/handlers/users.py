"""Accounts by id and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import Context, Handler


def get(context: Context) -> dict[str, Any]:
    """One account by its id."""
    answer = context.answer()
    id = context.asked.args["user_id"]
    person = answer.find_person(context.community.people.get(id), "id", str(id))
    return answer.body(answer.people([person])[0] if person else None)


def me(context: Context) -> dict[str, Any]:
    """The authenticated user."""
    answer = context.answer()
    return answer.body(answer.people([context.me])[0])


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


def by_usernames(context: Context) -> dict[str, Any]:
    """The accounts of up to 100 names, in the order asked; missing and suspended ones are partial errors."""
    answer = context.answer()
    known = context.community.usernames
    wanted = {name.lower(): name for name in context.asked.args["usernames"]}
    people = [answer.find_person(known.get(key), "usernames", name) for key, name in wanted.items()]
    return answer.body(answer.people(person for person in people if person is not None))


HANDLERS: dict[str, Handler] = {
    "users.get": get, "users.me": me, "users.lookup": lookup, "users.by_username": by_username,
    "users.by_usernames": by_usernames,
}

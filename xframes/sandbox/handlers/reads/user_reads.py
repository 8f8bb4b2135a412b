"""Read accounts: by id, name and words, and who follows, blocks and mutes whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import readable_person

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Person


def get(context: Context) -> dict[str, Any]:
    """Answer with one account by its id."""
    id = context.request.args["user_id"]
    return _one(context, context.community.people.get(id), "id", str(id))


def by_username(context: Context) -> dict[str, Any]:
    """Answer with one account by its name, regardless of case."""
    name = context.request.args["username"]
    return _one(context, context.community.usernames.get(name.lower()), "username", name)


def _one(context: Context, person: Person | None, parameter: str, value: str) -> dict[str, Any]:
    answer = context.answer()
    visible = answer.find_person(person, parameter, value)
    if visible is None:
        return answer.body(None)
    return answer.body(answer.people([visible])[0])


def me(context: Context) -> dict[str, Any]:
    """Answer with the authenticated user."""
    answer = context.answer()
    return answer.body(answer.people([context.me])[0])


def lookup(context: Context) -> dict[str, Any]:
    """Answer with the accounts of up to 100 ids, in that order.

    Missing and suspended ones are partial errors.
    """
    answer = context.answer()
    known = context.community.people
    ids = dict.fromkeys(context.request.args["user_ids"])
    people = [answer.find_person(known.get(id), "ids", str(id)) for id in ids]
    return answer.body(answer.people(person for person in people if person is not None))


def by_usernames(context: Context) -> dict[str, Any]:
    """Answer with the accounts of up to 100 names, in that order.

    Missing and suspended ones are partial errors.
    """
    answer = context.answer()
    known = context.community.usernames
    names = {name.lower(): name for name in context.request.args["usernames"]}
    people = [answer.find_person(known.get(key), "usernames", name) for key, name in names.items()]
    return answer.body(answer.people(person for person in people if person is not None))


def search(context: Context) -> dict[str, Any]:
    """Answer with the people whose name or username has all the words, most followed first."""
    words = context.request.args["query"].lower().split()
    hits = [
        person for person in context.community.people.values()
        if person.standing == "active" and _has_words(person, words)
    ]
    hits.sort(key=lambda person: (-person.followers_count, person.id))
    body = context.rows("people", hits)
    body["meta"].pop("result_count", None)  # the one page that X does not count
    return body


def _has_words(person: Person, words: list[str]) -> bool:
    names = f"{person.name} {person.username}".lower()
    return all(word in names for word in words)


def affiliates(context: Context) -> dict[str, Any]:
    """Answer with the people who carry an organisation's badge."""
    firm, refusal = readable_person(context)
    if firm is None:
        return refusal
    people = context.community.people.values()
    return context.rows("people", [person for person in people if person.employer is firm])


# -- relations ------------------------------------------------------------------------------------


def followers(context: Context) -> dict[str, Any]:
    """Answer with a person's followers in the community, newest first.

    `followers_count` also includes followers outside the community.
    """
    person, refusal = readable_person(context)
    if person is None:
        return refusal
    return context.rows("people", _newest_first(person.followers))


def following(context: Context) -> dict[str, Any]:
    """Answer with the people of the community that a person follows, newest first."""
    person, refusal = readable_person(context)
    if person is None:
        return refusal
    return context.rows("people", _newest_first(person.following))


def _newest_first(people: list[Person]) -> list[Person]:
    return [person for person in reversed(people) if person.standing != "suspended"]


def blocking(context: Context) -> dict[str, Any]:
    """Answer with the people that the authenticated user blocks."""
    return context.rows("people", context.community.kept(context.me).blocks)


def muting(context: Context) -> dict[str, Any]:
    """Answer with the people that the authenticated user mutes."""
    return context.rows("people", context.community.kept(context.me).mutes)


HANDLERS: dict[str, Handler] = {
    "users.get": get, "users.me": me, "users.lookup": lookup, "users.by_username": by_username,
    "users.by_usernames": by_usernames, "users.search": search, "users.affiliates": affiliates,
    "users.followers": followers, "users.following": following, "users.blocking": blocking,
    "users.muting": muting,
}

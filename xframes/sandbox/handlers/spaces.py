"""Spaces: found by title, by id, by creator, and who bought tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.terms import fold, tokens

if TYPE_CHECKING:
    from xframes.sandbox.model import Space

    from .context import Context, Handler

_MOST = 100


def search(context: Context) -> dict[str, Any]:
    """Live and scheduled Spaces whose title holds every word of the query, newest first; ended ones are not found."""
    args = context.asked.args
    wanted = set(tokens(fold(args["query"])))
    states = {"live", "scheduled"} if args.get("state", "all") == "all" else {args["state"]}
    found = [space for space in context.community.spaces.values()
             if space.state in states and wanted <= set(tokens(fold(space.title)))]
    return context.whole("spaces", sorted(found, key=lambda space: -space.at)[: args.get("max_results", _MOST)])


def lookup(context: Context) -> dict[str, Any]:
    """The Spaces of up to 100 ids, in the order asked; missing ones are partial errors."""
    answer = context.answer()
    known = context.community.spaces
    wanted = dict.fromkeys(context.asked.args["space_ids"])
    for id in wanted:
        if id not in known:
            answer.errors.not_found("space", "ids", id)
    return answer.body(answer.spaces([known[id] for id in wanted if id in known]))


def _asked(context: Context) -> tuple[Space | None, dict[str, Any]]:
    """Return the Space something is asked about, or None and the answer that says it is not there."""
    answer = context.answer()
    id = context.asked.args["space_id"]
    found = context.community.spaces.get(id)
    if found is None:
        answer.errors.not_found("space", "id", id)
    return found, answer.body(None)


def get(context: Context) -> dict[str, Any]:
    """One Space."""
    found, refusal = _asked(context)
    answer = context.answer()
    return refusal if found is None else answer.body(answer.spaces([found])[0])


def posts(context: Context) -> dict[str, Any]:
    """What the people of a Space posted from its beginning (or planned one) to its end, newest first."""
    found, refusal = _asked(context)
    if found is None:
        return refusal
    people = {person.id for person in (found.creator, *found.hosts, *found.speakers)}
    begin, end = found.started or found.scheduled or found.at, found.ended or context.now
    return context.page(
        context.community.listed, lambda post: post.author.id in people and begin <= post.at <= end, span=False
    )


def by_creators(context: Context) -> dict[str, Any]:
    """The live and scheduled Spaces of up to 100 people; people who are not there are partial errors."""
    answer = context.answer()
    wanted = dict.fromkeys(context.asked.args["user_ids"])
    for id in wanted:
        answer.find_person(context.community.people.get(id), "user_ids", str(id))
    found = [space for space in context.community.spaces.values()
             if space.creator.id in wanted and space.state != "ended"]
    return context.whole("spaces", found, answer)


def buyers(context: Context) -> dict[str, Any]:
    """Who bought a ticket to a Space: told to its creator only."""
    found, refusal = _asked(context)
    if found is None:
        return refusal
    if found.creator is context.me:
        return context.rows("people", found.buyers)
    answer = context.answer()
    answer.errors.not_authorized("space", "id", found.id, "data")
    return answer.body(None)


HANDLERS: dict[str, Handler] = {
    "spaces.search": search, "spaces.lookup": lookup, "spaces.get": get, "spaces.by_creators": by_creators,
    "spaces.buyers": buyers, "spaces.posts": posts,
}

"""Read Spaces: by title, id and creator, their posts, and who bought tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol.page_tokens import slice_of
from xframes.sandbox.queries.terms import fold, tokens

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Space

_MOST = 100


def search(context: Context) -> dict[str, Any]:
    """Answer with live and scheduled Spaces whose title has every word of the query, newest first.

    Ended Spaces are never found.
    """
    args = context.request.args
    words = set(tokens(fold(args["query"])))
    states = {"live", "scheduled"}
    if args.get("state", "all") != "all":
        states = {args["state"]}
    rows = [space for space in context.community.spaces.values()
            if space.state in states and words <= set(tokens(fold(space.title)))]
    rows.sort(key=lambda space: -space.at)
    return context.whole("spaces", rows[: args.get("max_results", _MOST)])


def lookup(context: Context) -> dict[str, Any]:
    """Answer with the Spaces of up to 100 ids, in that order; missing ones are partial errors."""
    answer = context.answer()
    known = context.community.spaces
    ids = dict.fromkeys(context.request.args["space_ids"])
    for id in ids:
        if id not in known:
            answer.errors.not_found("space", "ids", id)
    return answer.body(answer.spaces([known[id] for id in ids if id in known]))


def _space(context: Context) -> tuple[Space | None, dict[str, Any]]:
    """Return the Space of the path, or None and the answer that says it does not exist."""
    answer = context.answer()
    id = context.request.args["space_id"]
    space = context.community.spaces.get(id)
    if space is None:
        answer.errors.not_found("space", "id", id)
    return space, answer.body(None)


def get(context: Context) -> dict[str, Any]:
    """Answer with one Space."""
    space, refusal = _space(context)
    if space is None:
        return refusal
    answer = context.answer()
    return answer.body(answer.spaces([space])[0])


def posts(context: Context) -> dict[str, Any]:
    """Answer with the posts of a Space's people, newest first, from its (planned) start to end."""
    space, refusal = _space(context)
    if space is None:
        return refusal
    people = {person.id for person in (space.creator, *space.hosts, *space.speakers)}
    begin = space.started or space.scheduled or space.at
    end = space.ended or context.now
    return context.page(
        context.community.listed,
        lambda post: post.author.id in people and begin <= post.at <= end,
        span=False,
    )


def by_creators(context: Context) -> dict[str, Any]:
    """Answer with the live and scheduled Spaces of up to 100 people.

    Missing people are partial errors.
    """
    answer = context.answer()
    ids = dict.fromkeys(context.request.args["user_ids"])
    for id in ids:
        answer.find_person(context.community.people.get(id), "user_ids", str(id))
    rows = [space for space in context.community.spaces.values()
            if space.creator.id in ids and space.state != "ended"]
    return context.whole("spaces", rows, answer)


def buyers(context: Context) -> dict[str, Any]:
    """Answer with the people who bought a ticket to a Space; only its creator may read them."""
    space, refusal = _space(context)
    if space is None:
        return refusal
    if space.creator is context.me:
        return context.rows("people", space.buyers)
    answer = context.answer()
    answer.errors.not_authorized("space", "id", space.id, "data")
    return answer.body(None)


def broadcasts(context: Context) -> dict[str, Any]:
    """Answer with the broadcasts that were started here, or those with these ids."""
    live = context.services.shows.live
    ids = map(str, context.request.args.get("ids", live))
    return _slice(context, [live[id] for id in ids if id in live])


def broadcast(context: Context) -> dict[str, Any]:
    """Answer with one broadcast."""
    return _one(context, context.services.shows.live, "broadcast_id")


def chat(context: Context) -> dict[str, Any]:
    """Answer with the messages of a broadcast's chat, oldest first."""
    id = str(context.request.args["broadcast_id"])
    return _slice(context, context.services.shows.messages.get(id, []))


def scheduled(context: Context) -> dict[str, Any]:
    """Answer with the scheduled broadcasts between two starts."""
    args = context.request.args
    low, high = int(args.get("oldest_start_time", 0)), int(args.get("newest_start_time", 10**16))
    every = context.services.shows.scheduled.values()
    return _slice(
        context, [each for each in every if low <= int(each["scheduled_start_ms"]) <= high]
    )


def scheduled_one(context: Context) -> dict[str, Any]:
    """Answer with one scheduled broadcast."""
    return _one(context, context.services.shows.scheduled, "scheduled_id")


def _one(context: Context, shows: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    id = str(context.request.args[name])
    answer = context.answer()
    if id not in shows:
        answer.errors.not_found("broadcast", "id", id)
        return answer.body(None)
    return answer.body(shows[id])


def _slice(context: Context, rows: list[dict[str, Any]]) -> dict[str, Any]:
    page, forth, _ = slice_of(rows, context.cursor(at=0), context.request.size)
    return context.answer().body(page, {"result_count": len(page), **context.links(forth, None)})


HANDLERS: dict[str, Handler] = {
    "broadcasts.list": broadcasts, "broadcasts.get": broadcast, "broadcasts.chat": chat,
    "broadcasts.scheduled": scheduled, "broadcasts.scheduled_get": scheduled_one,
    "spaces.search": search, "spaces.lookup": lookup, "spaces.get": get,
    "spaces.by_creators": by_creators, "spaces.buyers": buyers, "spaces.posts": posts,
}

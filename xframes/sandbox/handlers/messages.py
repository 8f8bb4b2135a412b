"""Direct messages: the events of the authenticated user's conversations, and sending."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from xframes.sandbox import problems
from xframes.sandbox.composing import compose, shared
from xframes.sandbox.draft import Draft
from xframes.sandbox.keeping import pair_id
from xframes.sandbox.model import Conversation, Event

from .publishing import attached
from .relations import target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.sandbox.model import Person

    from .context import Context, Handler


def _answer(context: Context, conversations: Iterable[Conversation]) -> dict[str, Any]:
    kinds = context.asked.args.get("event_types")
    found = sorted((event for each in conversations for event in each.events), key=lambda event: event.id)
    return context.page(found, lambda event: kinds is None or event.kind in kinds, span=False, kind="events")


def events(context: Context) -> dict[str, Any]:
    """The events of all conversations, newest first."""
    return _answer(context, context.community.mail(context.me))


def conversation(context: Context) -> dict[str, Any]:
    """The events of one conversation, newest first."""
    return _answer(context, [_mine(context)])


def with_participant(context: Context) -> dict[str, Any]:
    """The events of the conversation with one person, newest first; none when there is no such conversation."""
    id = context.asked.args["participant_id"]
    other = context.community.people.get(id)
    wanted = pair_id(context.me, other) if other else ""
    return _answer(context, [each for each in context.community.mail(context.me) if each.id == wanted])


def _mine(context: Context) -> Conversation:
    """The conversation of the path. Raises Refusal (403) unless the authenticated user takes part in it."""
    id = str(context.asked.args["conversation_id"])
    for each in context.community.mail(context.me):
        if each.id == id:
            return each
    raise problems.forbidden(f"You do not have access to the conversation [{id}].")


# -- sending ------------------------------------------------------------------------------------------------


def send(context: Context) -> dict[str, Any]:
    """Send a message to one person; the first begins the conversation."""
    other = target(context, "participant_id")
    context.community.mail(context.me)
    return _send(context, _opened(context, pair_id(context.me, other), [context.me, other]))


def send_to_conversation(context: Context) -> dict[str, Any]:
    """Send a message to a conversation, by its id; of two people it may be the first."""
    id = str(context.asked.args["conversation_id"])
    others = [context.community.people.get(int(part)) for part in id.split("-") if part != str(context.me.id)]
    if "-" in id and len(others) == 1 and others[0] is not None and pair_id(context.me, others[0]) == id:
        context.community.mail(context.me)
        return _send(context, _opened(context, id, [context.me, others[0]]))
    return _send(context, _mine(context))


def create(context: Context) -> dict[str, Any]:
    """Begin a group with its first message."""
    me, community = context.me, context.community
    others: list[Person] = []
    for id in dict.fromkeys(context.asked.args["participant_ids"]):
        person = community.people.get(id)
        if person is None or person.standing == "suspended":
            raise problems.missing(context.words, "user", "participant_ids", str(id))
        if person is not me:
            others.append(person)
    attached(context, context.asked.args.get("media_ids", ()))  # refused before there is a group
    made = _opened(context, str(community.new_id(context.now)), [me, *others])
    made.events.append(Event(community.new_id(context.now), context.now, made.id, "ParticipantsJoin", me,
                             people=(me, *others)))
    return _send(context, made)


def _opened(context: Context, id: str, people: list[Person]) -> Conversation:
    return context.community.conversations.setdefault(id, Conversation(id, people))


def _send(context: Context, into: Conversation) -> dict[str, Any]:
    args, community = context.asked.args, context.community
    media = attached(context, args.get("media_ids", ()))
    if len(media) > 1:
        raise context.refuse("attachments", str(len(media)), "$.attachments: a message carries one attachment")
    id = community.new_id(context.now)
    raw: str = args.get("text", "")
    draft = compose(Draft(), raw, community, Random(f"message {community.seed} {id}"))  # noqa: S311  not secret
    into.events.append(Event(id, context.now, into.id, "MessageCreate", context.me, draft.text, draft.entities, media,
                             shared(raw, community)))
    return {"data": {"dm_conversation_id": into.id, "dm_event_id": str(id)}}


HANDLERS: dict[str, Handler] = {
    "messages.events": events, "messages.conversation": conversation, "messages.with_participant": with_participant,
    "write.send_message": send, "write.send_to_conversation": send_to_conversation, "write.create_conversation": create,
}

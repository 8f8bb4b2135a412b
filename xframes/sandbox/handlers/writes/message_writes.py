"""Send direct messages."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import own_conversation, target_person, uploaded_media
from xframes.sandbox.protocol import problem_json
from xframes.sandbox.world.belongings import pair_id
from xframes.sandbox.world.draft import Draft
from xframes.sandbox.world.entities import compose, linked_posts
from xframes.sandbox.world.model import Conversation, Event

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Person


def send(context: Context) -> dict[str, Any]:
    """Send a message to one person; the first begins the conversation."""
    other = target_person(context, "participant_id")
    context.community.mail(context.me)
    id = pair_id(context.me, other)
    return _send(context, _open(context, id, [context.me, other]))


def send_to_conversation(context: Context) -> dict[str, Any]:
    """Send a message to a conversation by its id; with two people it may be the first message."""
    id = str(context.request.args["conversation_id"])
    known, me = context.community.people, context.me
    others = [known.get(int(part)) for part in id.split("-") if part != str(me.id)]
    other = others[0] if len(others) == 1 else None
    if "-" in id and other is not None and pair_id(me, other) == id:
        context.community.mail(me)
        return _send(context, _open(context, id, [me, other]))
    return _send(context, own_conversation(context))


def create(context: Context) -> dict[str, Any]:
    """Create a group with its first message."""
    me, community = context.me, context.community
    others: list[Person] = []
    for id in dict.fromkeys(context.request.args["participant_ids"]):
        person = community.people.get(id)
        if person is None or person.standing == "suspended":
            raise problem_json.missing(context.words, "user", "participant_ids", str(id))
        if person is not me:
            others.append(person)
    uploaded_media(context, context.request.args.get("media_ids", ()))  # refuse before creating
    people = [me, *others]
    group = _open(context, str(community.new_id(context.now)), people)
    join_id = community.new_id(context.now)
    group.events.append(
        Event(join_id, context.now, group.id, "ParticipantsJoin", me, people=tuple(people))
    )
    return _send(context, group)


def _open(context: Context, id: str, people: list[Person]) -> Conversation:
    return context.community.conversations.setdefault(id, Conversation(id, people))


def _send(context: Context, into: Conversation) -> dict[str, Any]:
    args, community = context.request.args, context.community
    media = uploaded_media(context, args.get("media_ids", ()))
    if len(media) > 1:
        message = "$.attachments: a message carries one attachment"
        raise context.refuse("attachments", str(len(media)), message)
    id = community.new_id(context.now)
    raw: str = args.get("text", "")
    rng = Random(f"message {community.seed} {id}")  # noqa: S311  reproducible, not secret
    draft = compose(Draft(), raw, community, rng)
    into.events.append(
        Event(id, context.now, into.id, "MessageCreate", context.me, draft.text, draft.entities,
              media, linked_posts(raw, community))
    )
    return {"data": {"dm_conversation_id": into.id, "dm_event_id": str(id)}}


def delete(context: Context) -> dict[str, Any]:
    """Delete an event of a conversation of the user. Raises Refusal (404) for another one."""
    wanted = context.request.args["event_id"]
    for each in context.community.conversations.values():
        if context.me in each.people:
            for event in each.events:
                if event.id == wanted:
                    each.events.remove(event)
                    return {"data": {"deleted": True}}
    raise problem_json.missing(context.words, "dm_event", "event_id", str(wanted))


HANDLERS: dict[str, Handler] = {
    "write.delete_message": delete,
    "write.send_message": send, "write.send_to_conversation": send_to_conversation,
    "write.create_conversation": create,
}

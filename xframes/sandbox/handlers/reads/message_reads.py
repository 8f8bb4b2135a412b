"""Read direct messages: the events of the authenticated user's conversations."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import own_conversation
from xframes.sandbox.protocol import problem_json
from xframes.sandbox.world.belongings import pair_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Conversation


def events(context: Context) -> dict[str, Any]:
    """Answer with the events of all conversations, newest first."""
    return _page(context, context.community.mail(context.me))


def conversation(context: Context) -> dict[str, Any]:
    """Answer with the events of one conversation, newest first."""
    return _page(context, [own_conversation(context)])


def with_participant(context: Context) -> dict[str, Any]:
    """Answer with the events of the conversation with one person, newest first, if there is one."""
    other = context.community.people.get(context.request.args["participant_id"])
    mail = context.community.mail(context.me)
    if other is None:
        return _page(context, [])
    id = pair_id(context.me, other)
    return _page(context, [each for each in mail if each.id == id])


def _page(context: Context, conversations: Iterable[Conversation]) -> dict[str, Any]:
    kinds = context.request.args.get("event_types")
    events = chain.from_iterable(each.events for each in conversations)
    rows = sorted(events, key=lambda event: event.id)
    return context.page(
        rows, lambda event: kinds is None or event.kind in kinds, span=False, kind="events"
    )


def event(context: Context) -> dict[str, Any]:
    """Answer with one event of the user's conversations. Raises Refusal (404) for others."""
    id, answer = context.request.args["event_id"], context.answer()
    for each in context.community.mail(context.me):
        for candidate in each.events:
            if candidate.id == id:
                return answer.body(answer.events([candidate])[0])
    raise problem_json.missing(context.words, "dm_event", "event_id", str(id))


HANDLERS: dict[str, Handler] = {
    "messages.events": events, "messages.conversation": conversation,
    "messages.with_participant": with_participant, "messages.get": event,
}

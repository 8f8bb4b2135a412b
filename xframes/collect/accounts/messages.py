"""Direct messages of the authenticated user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from xframes.client import Client
from xframes.collect.dispatch import Fields, Ids, Into, Names, R, collect
from xframes.registry.documentation import document

EventType: TypeAlias = Literal["MessageCreate", "ParticipantsJoin", "ParticipantsLeave"]

__all__ = ["conversation", "events", "with_participant"]


def __dir__() -> list[str]:
    return list(__all__)


@document("messages.events")
def events(
    *, event_types: EventType | Iterable[EventType] | None = None, limit: int | None = None,
    max_results: int | None = None, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the direct messages of all your conversations, newest first.

    Parameters
    ----------
    event_types
    limit
    max_results
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `messages` has one row per event, newest first; `users`, `media` and other tables hold what
        they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.messages.events(limit=100).messages
    """
    return collect(
        "messages.events", event_types=event_types, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("messages.conversation")
def conversation(
    conversation_id: Ids, *, event_types: EventType | Iterable[EventType] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect the messages of one conversation, newest first.

    Parameters
    ----------
    conversation_id
        Id of a conversation of two people or of a group.
    event_types
    limit
    max_results
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `messages` has one row per event, newest first; `users`, `media` and other tables hold what
        they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.messages.conversation("2244994945-6253282").messages
    """
    return collect(
        "messages.conversation", conversation_id=conversation_id, event_types=event_types,
        limit=limit, max_results=max_results, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("messages.with_participant")
def with_participant(
    participant_id: Ids, *, event_types: EventType | Iterable[EventType] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect the messages of your conversation with one user, newest first.

    Parameters
    ----------
    participant_id
        Id of the other user.
    event_types
    limit
    max_results
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `messages` has one row per event, newest first; `users`, `media` and other tables hold what
        they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.messages.with_participant("2244994945").messages
    """
    return collect(
        "messages.with_participant", participant_id=participant_id, event_types=event_types,
        limit=limit, max_results=max_results, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )

"""Direct messages of the authenticated user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["conversation", "events", "with_participant"]


def __dir__() -> list[str]:
    return list(__all__)


def events(
    *, event_types: str | Iterable[str] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Your direct messages, of all conversations: `messages` (newest first), `users`, `media` and details.

    GET /2/dm_events (docs.x.com/x-api/direct-messages/lookup/introduction), a user's credentials: 1 to 100 events a
    request, 15 requests in 15 minutes. `event_types`: MessageCreate, ParticipantsJoin, ParticipantsLeave (all by
    default). X reaches back 30 days.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.messages.events(limit=100).messages`
    """
    return collect("messages.events", locals())  # type: ignore[no-any-return]  # `into` decides


def conversation(
    conversation_id: str, *, event_types: str | Iterable[str] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Messages of one conversation, of two or a group: `messages` (newest first), `users`, `media` and details.

    GET /2/dm_conversations/{id}/dm_events (docs.x.com/x-api/direct-messages/lookup/introduction), a user's
    credentials: 1 to 100 events a request, 15 requests in 15 minutes. `event_types`: MessageCreate, ParticipantsJoin,
    ParticipantsLeave (all by default). X reaches back 30 days.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.messages.conversation("2244994945-6253282").messages`
    """
    return collect("messages.conversation", locals())  # type: ignore[no-any-return]  # `into` decides


def with_participant(
    participant_id: str | int, *, event_types: str | Iterable[str] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Messages of your conversation with one user: `messages` (newest first), `users`, `media` and details.

    GET /2/dm_conversations/with/{participant_id}/dm_events (docs.x.com/x-api/direct-messages/lookup/introduction), a
    user's credentials: 1 to 100 events a request, 15 requests in 15 minutes. `event_types`: MessageCreate,
    ParticipantsJoin, ParticipantsLeave (all by default). X reaches back 30 days.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.messages.with_participant("2244994945").messages`
    """
    return collect("messages.with_participant", locals())  # type: ignore[no-any-return]  # `into` decides

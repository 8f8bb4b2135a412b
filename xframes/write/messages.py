"""Direct messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.write.engine import Written, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.archive import Archive
    from xframes.client import Client


def send_message(
    participant_id: str | int, *, text: str | None = None, media_ids: str | int | Iterable[str | int] | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Send a direct message to one person: a row of `writes`, whose `answer` holds `dm_conversation_id` and
    `dm_event_id`.

    POST /2/dm_conversations/with/{participant_id}/messages (docs.x.com/x-api/direct-messages/manage/introduction), a
    user's credentials with dm.write: 15 requests in 15 minutes, 1,440 in 24 hours. `text` (1 to 10,000 characters) or
    `media_ids` (one, uploaded with a category for messages) is needed.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.send_message("2244994945", text="Hello")`
    """
    return write("write.send_message", locals())


def send_to_conversation(
    conversation_id: str | int, *, text: str | None = None, media_ids: str | int | Iterable[str | int] | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Send a direct message to a conversation: a row of `writes`, whose `answer` holds `dm_event_id`.

    POST /2/dm_conversations/{dm_conversation_id}/messages (docs.x.com/x-api/direct-messages/manage/introduction), a
    user's credentials with dm.write: 15 requests in 15 minutes, 1,440 in 24 hours. `text` (1 to 10,000 characters) or
    `media_ids` (one, uploaded with a category for messages) is needed.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.send_to_conversation("1597000000000000001", text="Hello")`
    """
    return write("write.send_to_conversation", locals())


def create_conversation(
    participant_ids: Iterable[str | int], *, text: str | None = None,
    media_ids: str | int | Iterable[str | int] | None = None, conversation_type: str | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Begin a group conversation of 2 to 49 others with a message: a row of `writes`, whose `answer` holds
    `dm_conversation_id` and `dm_event_id`.

    POST /2/dm_conversations (docs.x.com/x-api/direct-messages/manage/introduction), a user's credentials with dm.write:
    15 requests in 15 minutes, 1,440 in 24 hours. `text` (1 to 10,000 characters) or `media_ids` (one) is needed;
    `conversation_type` is Group, the only one X takes.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.create_conversation(["2244994945", "783214"], text="Hello, both")`
    """
    return write("write.create_conversation", locals())

"""Direct messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.dispatch import Id, Ids
from xframes.registry.documentation import document
from xframes.write.sending import Written, write

if TYPE_CHECKING:
    from xframes.frames import Frames
    from xframes.wire import Request


@overload
def send_message(
    participant_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def send_message(
    participant_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def send_message(
    participant_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.send_message")
def send_message(
    participant_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Send a direct message to one user.

    Parameters
    ----------
    participant_id
        Id of the user.
    text
        Text of the message. Default: none.
    media_ids
        Id of an uploaded medium, see `upload_media` and its categories for messages. Default: none.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row, whose `answer` holds `dm_conversation_id` and `dm_event_id`.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.send_message("2244994945", text="Hello")
    """
    return write(
        "write.send_message", participant_id=participant_id, text=text, media_ids=media_ids,
        into=into, client=client, dry_run=dry_run,
    )


@overload
def send_to_conversation(
    conversation_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def send_to_conversation(
    conversation_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def send_to_conversation(
    conversation_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.send_to_conversation")
def send_to_conversation(
    conversation_id: Id, *, text: str | None = None, media_ids: Ids | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Send a direct message to a conversation.

    Parameters
    ----------
    conversation_id
        Id of the conversation.
    text
        Text of the message. Default: none.
    media_ids
        Id of an uploaded medium, see `upload_media` and its categories for messages. Default: none.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row, whose `answer` holds `dm_event_id`.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.send_to_conversation("1597000000000000001", text="Hello")
    """
    return write(
        "write.send_to_conversation", conversation_id=conversation_id, text=text,
        media_ids=media_ids, into=into, client=client, dry_run=dry_run,
    )


@overload
def create_conversation(
    participant_ids: Ids, *, text: str | None = None, media_ids: Ids | None = None,
    conversation_type: Literal["Group"] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def create_conversation(
    participant_ids: Ids, *, text: str | None = None, media_ids: Ids | None = None,
    conversation_type: Literal["Group"] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def create_conversation(
    participant_ids: Ids, *, text: str | None = None, media_ids: Ids | None = None,
    conversation_type: Literal["Group"] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.create_conversation")
def create_conversation(
    participant_ids: Ids, *, text: str | None = None, media_ids: Ids | None = None,
    conversation_type: Literal["Group"] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Start a group conversation with a first message.

    Parameters
    ----------
    participant_ids
        Ids of the other members.
    text
        Text of the message. Default: none.
    media_ids
        Id of an uploaded medium, see `upload_media` and its categories for messages. Default: none.
    conversation_type
        Kind of conversation; X accepts no other.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row, whose `answer` holds `dm_conversation_id` and `dm_event_id`.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.create_conversation(["2244994945", "783214"], text="Hello, both")
    """
    return write(
        "write.create_conversation", participant_ids=participant_ids, text=text,
        media_ids=media_ids, conversation_type=conversation_type, into=into, client=client,
        dry_run=dry_run,
    )

"""Follows and mutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.dispatch import Id
from xframes.registry.documentation import document
from xframes.write.sending import Written, write

if TYPE_CHECKING:
    from xframes.frames import Frames
    from xframes.wire import Request


@overload
def follow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def follow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def follow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.follow")
def follow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Follow a user.

    Parameters
    ----------
    user_id
        Id of the user to follow.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row; its `answer` has `pending_follow` for protected accounts.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.follow("2244994945")
    """
    return write(
        "write.follow", user_id=user_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def unfollow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def unfollow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def unfollow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.unfollow")
def unfollow(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Unfollow a user.

    Parameters
    ----------
    user_id
        Id of the user followed.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.unfollow("2244994945")
    """
    return write(
        "write.unfollow", user_id=user_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def mute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def mute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def mute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.mute")
def mute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Mute a user.

    Parameters
    ----------
    user_id
        Id of the user to mute.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.mute("2244994945")
    """
    return write(
        "write.mute", user_id=user_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def unmute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def unmute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def unmute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.unmute")
def unmute(
    user_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Unmute a user.

    Parameters
    ----------
    user_id
        Id of the user muted.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.unmute("2244994945")
    """
    return write(
        "write.unmute", user_id=user_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )

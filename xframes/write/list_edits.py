"""Lists, their members, followers and pins."""

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
def create_list(
    name: str, *, description: str | None = None, private: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def create_list(
    name: str, *, description: str | None = None, private: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def create_list(
    name: str, *, description: str | None = None, private: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.create_list")
def create_list(
    name: str, *, description: str | None = None, private: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Create a list.

    Parameters
    ----------
    name
        Name of the list.
    description
        What the list is about. Default: empty.
    private
        Whether only you see the list. Default: no.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row, whose `answer` holds the id and name of the list.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.create_list("Observatories", private=True)
    """
    return write(
        "write.create_list", name=name, description=description, private=private, into=into,
        client=client, dry_run=dry_run,
    )


@overload
def update_list(
    list_id: Id, *, name: str | None = None, description: str | None = None,
    private: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def update_list(
    list_id: Id, *, name: str | None = None, description: str | None = None,
    private: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def update_list(
    list_id: Id, *, name: str | None = None, description: str | None = None,
    private: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool,
) -> Written: ...
@document("write.update_list")
def update_list(
    list_id: Id, *, name: str | None = None, description: str | None = None,
    private: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Change a list of yours.

    Parameters
    ----------
    list_id
        Id of the list.
    name
        New name. Default: unchanged.
    description
        New description. Default: unchanged.
    private
        Whether only you see the list. Default: unchanged.
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
    >>> write.update_list("1441162269824405510", name="Telescopes")
    """
    return write(
        "write.update_list", list_id=list_id, name=name, description=description, private=private,
        into=into, client=client, dry_run=dry_run,
    )


@overload
def delete_list(
    list_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def delete_list(
    list_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def delete_list(
    list_id: Id, *, into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.delete_list")
def delete_list(
    list_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Delete a list of yours.

    Parameters
    ----------
    list_id
        Id of the list.
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
    >>> write.delete_list("1441162269824405510")
    """
    return write("write.delete_list", list_id=list_id, into=into, client=client, dry_run=dry_run)


@overload
def add_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def add_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def add_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool,
) -> Written: ...
@document("write.add_list_member")
def add_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Add a user to a list of yours.

    Parameters
    ----------
    list_id
        Id of the list.
    user_id
        Id of the user to add.
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
    >>> write.add_list_member("1441162269824405510", "2244994945")
    """
    return write(
        "write.add_list_member", list_id=list_id, user_id=user_id, into=into, client=client,
        dry_run=dry_run,
    )


@overload
def remove_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def remove_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def remove_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool,
) -> Written: ...
@document("write.remove_list_member")
def remove_list_member(
    list_id: Id, user_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Remove a user from a list of yours.

    Parameters
    ----------
    list_id
        Id of the list.
    user_id
        Id of the member to remove.
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
    >>> write.remove_list_member("1441162269824405510", "2244994945")
    """
    return write(
        "write.remove_list_member", list_id=list_id, user_id=user_id, into=into, client=client,
        dry_run=dry_run,
    )


@overload
def follow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def follow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def follow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.follow_list")
def follow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Follow a list.

    Parameters
    ----------
    list_id
        Id of the list.
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
    >>> write.follow_list("1441162269824405510")
    """
    return write(
        "write.follow_list", list_id=list_id, my_id=my_id, into=into, client=client,
        dry_run=dry_run,
    )


@overload
def unfollow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def unfollow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def unfollow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.unfollow_list")
def unfollow_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Unfollow a list.

    Parameters
    ----------
    list_id
        Id of the list followed.
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
    >>> write.unfollow_list("1441162269824405510")
    """
    return write(
        "write.unfollow_list", list_id=list_id, my_id=my_id, into=into, client=client,
        dry_run=dry_run,
    )


@overload
def pin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def pin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def pin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.pin_list")
def pin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Pin a list.

    Parameters
    ----------
    list_id
        Id of the list.
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
    >>> write.pin_list("1441162269824405510")
    """
    return write(
        "write.pin_list", list_id=list_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def unpin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def unpin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def unpin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.unpin_list")
def unpin_list(
    list_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Unpin a list.

    Parameters
    ----------
    list_id
        Id of the list pinned.
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
    >>> write.unpin_list("1441162269824405510")
    """
    return write(
        "write.unpin_list", list_id=list_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )

"""Lists by id, and their posts, members and followers."""

from __future__ import annotations

from xframes.client import Client
from xframes.collect.dispatch import Fields, Id, Ids, Into, Names, R, collect
from xframes.registry.documentation import document

__all__ = ["followers", "get", "members", "posts"]


def __dir__() -> list[str]:
    return list(__all__)


@document("lists.get")
def get(
    list_id: Id, *, fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up one list by id.

    Parameters
    ----------
    list_id
        Id of the list.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `lists` has one row, `users` the owner; or `problems` says why it is missing.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.lists.get("84839422").lists
    """
    return collect(
        "lists.get", list_id=list_id, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("lists.posts")
def posts(
    list_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the posts of a list's timeline, newest first.

    Parameters
    ----------
    list_id
        Id of the list.
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
        `list_posts` has one row per post with its `position`; `posts` holds the posts and those
        they refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.lists.posts("84839422", limit=200).posts
    """
    return collect(
        "lists.posts", list_id=list_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("lists.members")
def members(
    list_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the members of a list.

    Parameters
    ----------
    list_id
        Id of the list.
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
        `users` has one row per member, `list_members` one per membership with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.lists.members("84839422").users
    """
    return collect(
        "lists.members", list_id=list_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("lists.followers")
def followers(
    list_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the followers of a list.

    Parameters
    ----------
    list_id
        Id of the list.
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
        `users` has one row per follower, `list_followers` one per follow with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.lists.followers("84839422").users
    """
    return collect(
        "lists.followers", list_id=list_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )

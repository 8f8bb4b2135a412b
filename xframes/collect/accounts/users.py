"""Users by id and name, whom they follow, block and mute, and what they like, keep and list."""

from __future__ import annotations

from xframes.client import Client
from xframes.collect.dispatch import Fields, Id, Ids, Into, Names, R, collect
from xframes.registry.documentation import document

__all__ = [
    "blocking", "bookmarks", "by_username", "by_usernames", "followed_lists", "followers",
    "following", "get", "liked_posts", "list_memberships", "lookup", "me", "muting",
    "owned_lists", "pinned_lists",
]


def __dir__() -> list[str]:
    return list(__all__)


@document("users.lookup")
def lookup(
    user_ids: Ids, *, fields: Fields = "all", expansions: Names = "all", refresh: bool = False,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up any number of users by id.

    Parameters
    ----------
    user_ids
        Ids of the users; repeated ids are requested once.
    fields
    expansions
    refresh
    into
    client
    progress

    Returns
    -------
    Frames
        `users` has one row per user, with pinned posts in `posts`. `problems` says why the others
        are missing: suspended and unknown users are not errors.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.lookup(frame["author_id"].unique()).users
    """
    return collect(
        "users.lookup", user_ids=user_ids, fields=fields, expansions=expansions, refresh=refresh,
        into=into, client=client, progress=progress,
    )


@document("users.by_username")
def by_username(
    username: str, *, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up one user by name.

    Parameters
    ----------
    username
        Name of the user.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `users` has one row, with the pinned post in `posts`; or `problems` says why it is missing.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.users.by_username("@XDevelopers").users
    """
    return collect(
        "users.by_username", username=username, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("users.by_usernames")
def by_usernames(
    usernames: Names, *, fields: Fields = "all", expansions: Names = "all", refresh: bool = False,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up any number of users by name.

    Parameters
    ----------
    usernames
        Names of the users.
    fields
    expansions
    refresh
    into
    client
    progress

    Returns
    -------
    Frames
        `users` has one row per user, with pinned posts in `posts`. `problems` says why the others
        are missing: suspended and unknown users are not errors.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.by_usernames(["XDevelopers", "X"]).users
    """
    return collect(
        "users.by_usernames", usernames=usernames, fields=fields, expansions=expansions,
        refresh=refresh, into=into, client=client, progress=progress,
    )


@document("users.get")
def get(
    user_id: Id, *, fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up one user by id.

    Parameters
    ----------
    user_id
        Id of the user.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `users` has one row, with the pinned post in `posts`; or `problems` says why it is missing.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.users.get("2244994945").users
    """
    return collect(
        "users.get", user_id=user_id, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("users.me")
def me(
    *, fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up the authenticated user.

    Parameters
    ----------
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `users` has one row, with the pinned post in `posts`.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.users.me(fields="owner").users
    """
    return collect(
        "users.me", fields=fields, expansions=expansions, into=into, client=client,
        progress=progress,
    )


@document("users.followers")
def followers(
    user_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the followers of a user, newest first.

    Parameters
    ----------
    user_id
        Id of the user followed.
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
        `users` has one row per follower, `follows` one per follow with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.followers("2244994945", limit=5000).users
    """
    return collect(
        "users.followers", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.following")
def following(
    user_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the users a user follows, newest first.

    Parameters
    ----------
    user_id
        Id of the user who follows.
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
        `users` has one row per user followed, `follows` one per follow with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.following("2244994945").users
    """
    return collect(
        "users.following", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.blocking")
def blocking(
    user_id: Id | None = None, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the users you block.

    Parameters
    ----------
    user_id
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
        `users` has one row per user, `blocks` one per block with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.blocking().users
    """
    return collect(
        "users.blocking", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.muting")
def muting(
    user_id: Id | None = None, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the users you mute.

    Parameters
    ----------
    user_id
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
        `users` has one row per user, `mutes` one per mute with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.muting().users
    """
    return collect(
        "users.muting", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.bookmarks")
def bookmarks(
    user_id: Id | None = None, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect your bookmarked posts, newest bookmark first.

    Parameters
    ----------
    user_id
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
        `bookmarks` has one row per bookmark with its `position`; `posts` holds the posts and those
        they refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.bookmarks(limit=100).posts
    """
    return collect(
        "users.bookmarks", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.liked_posts")
def liked_posts(
    user_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the posts a user likes, newest like first.

    Parameters
    ----------
    user_id
        Id of the user.
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
        `likes` has one row per like with its `position`; `posts` holds the posts and those they
        refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.liked_posts("2244994945", limit=100).posts
    """
    return collect(
        "users.liked_posts", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.owned_lists")
def owned_lists(
    user_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the lists a user owns.

    Parameters
    ----------
    user_id
        Id of the owner.
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
        `lists` has one row per list, `users` their owner. Private lists are returned to their owner
        only.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.owned_lists("2244994945").lists
    """
    return collect(
        "users.owned_lists", user_id=user_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.followed_lists")
def followed_lists(
    user_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the lists a user follows.

    Parameters
    ----------
    user_id
        Id of the user who follows.
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
        `lists` has one row per list, `list_followers` one per follow with its `position`, `users`
        the owners.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.followed_lists("2244994945").lists
    """
    return collect(
        "users.followed_lists", user_id=user_id, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.list_memberships")
def list_memberships(
    user_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the lists a user is a member of.

    Parameters
    ----------
    user_id
        Id of the member.
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
        `lists` has one row per list, `list_members` one per membership with its `position`, `users`
        the owners.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.list_memberships("2244994945").lists
    """
    return collect(
        "users.list_memberships", user_id=user_id, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("users.pinned_lists")
def pinned_lists(
    user_id: Id | None = None, *, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the lists you pinned.

    Parameters
    ----------
    user_id
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `lists` has one row per list, `list_pins` one per pin with its `position`, `users` the
        owners.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.users.pinned_lists().lists
    """
    return collect(
        "users.pinned_lists", user_id=user_id, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )

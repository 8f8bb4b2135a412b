"""Posts by id, and who quoted, liked and reposted them."""

from __future__ import annotations

from collections.abc import Iterable

from xframes.client import Client
from xframes.collect.dispatch import Exclude, Fields, Id, Ids, Into, Names, R, collect
from xframes.registry.documentation import document

__all__ = ["get", "liking_users", "lookup", "quotes", "reposted_by"]


def __dir__() -> list[str]:
    return list(__all__)


@document("posts.lookup")
def lookup(
    post_ids: Ids, *, fields: Fields = "all", expansions: Names = "all", refresh: bool = False,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up any number of posts by id.

    Parameters
    ----------
    post_ids
        Ids of the posts; repeated ids are requested once.
    fields
    expansions
    refresh
    into
    client
    progress

    Returns
    -------
    Frames
        `posts` has one row per post, with its details in `users`, `media` and other tables.
        `problems` says why the others are missing: deleted, protected or withheld posts are not
        errors.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.posts.lookup(frame["post_id"]).results
    """
    return collect(
        "posts.lookup", post_ids=post_ids, fields=fields, expansions=expansions, refresh=refresh,
        into=into, client=client, progress=progress,
    )


@document("posts.get")
def get(
    post_id: Id, *, fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up one post by id.

    Parameters
    ----------
    post_id
        Id of the post.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `posts` has one row, with its details in `users`, `media` and other tables; or `problems`
        says why it is missing.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.posts.get("1460323737035677698").results
    """
    return collect(
        "posts.get", post_id=post_id, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("posts.quotes")
def quotes(
    post_id: Ids, *, exclude: Exclude | Iterable[Exclude] | None = None, limit: int | None = None,
    max_results: int | None = None, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the posts that quote a post, newest first.

    Parameters
    ----------
    post_id
        Id of the post quoted.
    exclude
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
        `results` has one row per quote; `posts` holds them and the posts they refer to,
        `post_references` which post quotes which. `users`, `media` and the other detail tables hold
        what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.posts.quotes("1460323737035677698", limit=100).results
    """
    return collect(
        "posts.quotes", post_id=post_id, exclude=exclude, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("posts.liking_users")
def liking_users(
    post_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the users who like a post of yours, newest like first.

    Parameters
    ----------
    post_id
        Id of a post by the authenticated user.
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
        `users` has one row per user, `likes` one per like with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.posts.liking_users("1460323737035677698").users
    """
    return collect(
        "posts.liking_users", post_id=post_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("posts.reposted_by")
def reposted_by(
    post_id: Ids, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the users who reposted a post, newest repost first.

    Parameters
    ----------
    post_id
        Id of the post reposted.
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
        `users` has one row per user, `reposts` one per repost with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.posts.reposted_by("1460323737035677698").users
    """
    return collect(
        "posts.reposted_by", post_id=post_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )

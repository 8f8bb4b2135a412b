"""Timelines: posts by a user, posts that mention a user, and the home timeline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from xframes.client import Client
from xframes.collect.dispatch import Exclude, Fields, Id, Ids, Into, Names, R, Time, collect
from xframes.registry.documentation import document

__all__ = ["home", "mentions", "user"]


def __dir__() -> list[str]:
    return list(__all__)


@document("timelines.user")
def user(
    user_id: Ids, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None,
    exclude: Exclude | Iterable[Exclude] | None = None, since: Literal["last"] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect the posts, reposts and replies of a user, newest first.

    Parameters
    ----------
    user_id
        Id of the user.
    start_time
    end_time
    since_id
    until_id
    exclude
    since
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
        `results` has one row per post of the timeline, newest first; `posts` holds them and the
        posts they refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.timelines.user("2244994945", exclude="retweets", limit=200).results
    """
    return collect(
        "timelines.user", user_id=user_id, start_time=start_time, end_time=end_time,
        since_id=since_id, until_id=until_id, exclude=exclude, since=since, limit=limit,
        max_results=max_results, fields=fields, expansions=expansions, into=into, client=client,
        progress=progress,
    )


@document("timelines.mentions")
def mentions(
    user_id: Ids, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None, since: Literal["last"] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect the posts that mention a user, newest first.

    Parameters
    ----------
    user_id
        Id of the user mentioned.
    start_time
    end_time
    since_id
    until_id
    since
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
        `results` has one row per post of the timeline, newest first; `posts` holds them and the
        posts they refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.timelines.mentions("2244994945").results
    """
    return collect(
        "timelines.mentions", user_id=user_id, start_time=start_time, end_time=end_time,
        since_id=since_id, until_id=until_id, since=since, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("timelines.home")
def home(
    user_id: Id | None = None, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None,
    exclude: Exclude | Iterable[Exclude] | None = None, since: Literal["last"] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect your home timeline, newest first.

    Parameters
    ----------
    user_id
    start_time
    end_time
    since_id
    until_id
    exclude
    since
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
        `results` has one row per post of the timeline, newest first; `posts` holds them and the
        posts they refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.timelines.home(limit=200).results
    """
    return collect(
        "timelines.home", user_id=user_id, start_time=start_time, end_time=end_time,
        since_id=since_id, until_id=until_id, exclude=exclude, since=since, limit=limit,
        max_results=max_results, fields=fields, expansions=expansions, into=into, client=client,
        progress=progress,
    )

"""Analytics: engagement with your own posts and media over time."""

from __future__ import annotations

from typing import Literal

from xframes.client import Client
from xframes.collect.dispatch import Fields, Ids, Into, Names, R, Time, collect
from xframes.registry.documentation import document

__all__ = ["media", "posts"]


def __dir__() -> list[str]:
    return list(__all__)


@document("analytics.posts")
def posts(
    post_ids: Ids, start_time: Time, end_time: Time, *,
    granularity: Literal["hourly", "daily", "weekly", "total"] | None = None,
    fields: Fields = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect engagement with your own posts over time.

    Longer times than X accepts are split at midnight UTC, weekly ones on Mondays.

    Parameters
    ----------
    post_ids
        Ids of your posts.
    start_time
        Oldest time to include.
    end_time
        First time to leave out.
    granularity
        Length of the intervals; total returns one row per post and request.
    fields
    into
    client
    progress

    Returns
    -------
    Frames
        `post_analytics` has one row per post, granularity and time (`at`). Posts of other users are
        rows of `problems`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.analytics.posts(ids, start_time=start, end_time=end, granularity="daily").post_analytics
    """
    return collect(
        "analytics.posts", post_ids=post_ids, start_time=start_time, end_time=end_time,
        granularity=granularity, fields=fields, into=into, client=client, progress=progress,
    )


@document("analytics.media")
def media(
    media_keys: Names, start_time: Time, end_time: Time, *,
    granularity: Literal["hourly", "daily", "total"] | None = None, fields: Fields = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect playback of your own media over time.

    Longer times than X accepts are split at midnight UTC.

    Parameters
    ----------
    media_keys
        Keys of your media.
    start_time
        Oldest time to include.
    end_time
        First time to leave out.
    granularity
        Length of the intervals; total returns one row per media key and request.
    fields
    into
    client
    progress

    Returns
    -------
    Frames
        `media_analytics` has one row per media key, granularity and time (`at`).

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.analytics.media(frame["media_key"], start_time=start, end_time=end).media_analytics
    """
    return collect(
        "analytics.media", media_keys=media_keys, start_time=start_time, end_time=end_time,
        granularity=granularity, fields=fields, into=into, client=client, progress=progress,
    )

"""Analytics: engagement with your own posts and media over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["media", "posts"]


def __dir__() -> list[str]:
    return list(__all__)


def posts(
    post_ids: Iterable[str | int], start_time: datetime | str, end_time: datetime | str, *,
    granularity: str | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Engagement with your own posts: `post_analytics`, one row per post, granularity and time (`at`).

    GET /2/tweets/analytics (docs.x.com/x-api/posts/get-post-analytics), a user's credentials: 100 posts a request
    (longer lists are split), 300 requests in 15 minutes. `start_time` (inclusive) to `end_time` within the last year;
    X takes 30 days at once; longer times are split at midnight, weekly on Mondays. `granularity`: hourly, daily, weekly
    or total (the default; one row per post and part of the time). Posts of others are rows of `problems`.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.analytics.posts(ids, start_time=start, end_time=end, granularity="daily").post_analytics`
    """
    return collect("analytics.posts", locals())  # type: ignore[no-any-return]  # `into` decides


def media(
    media_keys: Iterable[str], start_time: datetime | str, end_time: datetime | str, *,
    granularity: str | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Playback of your own media: `media_analytics`, one row per medium, granularity and time (`at`).

    GET /2/media/analytics (docs.x.com/x-api/media/get-media-analytics), a user's credentials: 100 media keys a request
    (longer lists are split). `start_time` (inclusive) to `end_time` within the last year; X takes 30 days at once;
    longer times are split at midnight. `granularity`: hourly, daily (the default) or total.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.analytics.media(frame["media_key"], start_time=start, end_time=end).media_analytics`
    """
    return collect("analytics.media", locals())  # type: ignore[no-any-return]  # `into` decides

"""Timelines: what a user posted, and where a user was mentioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["home", "mentions", "user"]


def __dir__() -> list[str]:
    return list(__all__)


def user(
    user_id: str | int, *, start_time: datetime | str | None = None, end_time: datetime | str | None = None,
    since_id: str | int | None = None, until_id: str | int | None = None,
    exclude: str | Iterable[str] | None = None, since: Literal["last"] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """A user's posts, reposts and replies: `posts` (newest first), `users`, `media` and their details.

    GET /2/users/{id}/tweets (docs.x.com/x-api/posts/timelines/integrate): 5 to 100 posts a request, 10,000 requests in
    15 minutes for an app, 900 for a user. X reaches back 3,200 posts (800 without replies) and then ends silently.
    `exclude`: "replies", "retweets". `start_time` is inclusive, `end_time` and the ids exclusive.

    `since="last"`, with `into=archive`, goes on from the newest post earlier runs of the same question found there.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.timelines.user("2244994945", exclude="retweets", limit=200).posts`
    """
    return collect("timelines.user", locals())  # type: ignore[no-any-return]  # `into` decides


def mentions(
    user_id: str | int, *, start_time: datetime | str | None = None, end_time: datetime | str | None = None,
    since_id: str | int | None = None, until_id: str | int | None = None,
    since: Literal["last"] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts that mention a user: `posts` (newest first), `users`, `media` and their details.

    GET /2/users/{id}/mentions (docs.x.com/x-api/posts/timelines/integrate): 5 to 100 posts a request, 450 requests in
    15 minutes for an app, 300 for a user. X reaches back 800 mentions and then ends silently.
    `start_time` is inclusive, `end_time` and the ids exclusive.

    `since="last"`, with `into=archive`, goes on from the newest post earlier runs of the same question found there.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.timelines.mentions("2244994945").posts`
    """
    return collect("timelines.mentions", locals())  # type: ignore[no-any-return]  # `into` decides


def home(
    user_id: str | int | None = None, *, start_time: datetime | str | None = None,
    end_time: datetime | str | None = None, since_id: str | int | None = None, until_id: str | int | None = None,
    exclude: str | Iterable[str] | None = None, since: Literal["last"] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Your home timeline, newest first: `posts`, `users`, `media` and their details.

    GET /2/users/{id}/timelines/reverse_chronological (docs.x.com/x-api/posts/timelines/integrate), a user's
    credentials: 1 to 100 posts a request, 180 requests in 15 minutes. X reaches back 3,200 posts or 7 days. `exclude`:
    "replies", "retweets". `start_time` is inclusive, `end_time` and the ids exclusive. `user_id` is the authenticated
    user's unless given; X takes nobody else's.

    `since="last"`, with `into=archive`, goes on from the newest post earlier runs of the same question found there.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.timelines.home(limit=200).posts`
    """
    return collect("timelines.home", locals())  # type: ignore[no-any-return]  # `into` decides

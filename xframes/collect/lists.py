"""Lists: one by its id, its posts, members and followers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["followers", "get", "members", "posts"]


def __dir__() -> list[str]:
    return list(__all__)


def get(
    list_id: str | int, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """One list by id: a row of `lists`, its owner in `users`; a row of `problems` where there is none.

    GET /2/lists/{id} (limits: docs.x.com/x-api/fundamentals/rate-limits): 75 requests in 15 minutes.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.lists.get("84839422").lists`
    """
    return collect("lists.get", locals())  # type: ignore[no-any-return]  # `into` decides


def posts(
    list_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Posts of a list's timeline: `posts` (newest first), `list_posts` with their `position`, `users` and details.

    GET /2/lists/{id}/tweets (limits: docs.x.com/x-api/fundamentals/rate-limits): 1 to 100 posts a request, 900
    requests in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.lists.posts("84839422", limit=200).posts`
    """
    return collect("lists.posts", locals())  # type: ignore[no-any-return]  # `into` decides


def members(
    list_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Members of a list: `users` and `list_members` with their `position`.

    GET /2/lists/{id}/members (limits: docs.x.com/x-api/fundamentals/rate-limits): 1 to 100 users a request, 900
    requests in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.lists.members("84839422").users`
    """
    return collect("lists.members", locals())  # type: ignore[no-any-return]  # `into` decides


def followers(
    list_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Followers of a list: `users` and `list_followers` with their `position`.

    GET /2/lists/{id}/followers (docs.x.com/x-api/lists/list-follows/introduction): 1 to 100 users a request.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.lists.followers("84839422").users`
    """
    return collect("lists.followers", locals())  # type: ignore[no-any-return]  # `into` decides

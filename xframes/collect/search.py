"""Search: posts that match a query, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["all", "recent"]


def __dir__() -> list[str]:
    return list(__all__)


def recent(
    query: str, *, start_time: datetime | str | None = None, end_time: datetime | str | None = None,
    since_id: str | int | None = None, until_id: str | int | None = None, sort_order: str | None = None,
    since: Literal["last"] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts of the last 7 days that match a query: `posts` (newest first), `users`, `media` and their details.

    GET /2/tweets/search/recent (docs.x.com/x-api/posts/search/introduction): 10 to 100 posts a request, 450 requests
    in 15 minutes for an app, 300 for a user; queries up to 512 characters (`Client(query_limit=…)` if you may more).
    `start_time` is inclusive, `end_time` and the ids exclusive. Reposts are not found by keywords since May 2026.

    `since="last"`, with `into=archive`, goes on from the newest post earlier runs of the same question found there.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.search.recent("duckdb lang:en", limit=500).posts`
    """
    return collect("search.recent", locals())  # type: ignore[no-any-return]  # `into` decides


def all(
    query: str, *, start_time: datetime | str | None = None, end_time: datetime | str | None = None,
    since_id: str | int | None = None, until_id: str | int | None = None, sort_order: str | None = None,
    since: Literal["last"] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts since March 2006 that match a query: `posts` (newest first), `users`, `media` and their details.

    GET /2/tweets/search/all (docs.x.com/x-api/posts/search/introduction), app-only bearer tokens: 10 to 500 posts a
    request, 1 request a second and 300 in 15 minutes; queries up to 1,024 characters (`Client(query_limit=…)` if you
    may more). Without `start_time` X looks at the last 30 days. `start_time` is inclusive, `end_time` and the ids
    exclusive.

    `since="last"`, with `into=archive`, goes on from the newest post earlier runs of the same question found there.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.search.all("from:duckdb", start_time="2019-01-01T00:00:00Z", into=archive)`
    """
    return collect("search.all", locals())  # type: ignore[no-any-return]  # `into` decides

"""Posts by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["get", "liking_users", "lookup", "quotes", "reposted_by"]


def __dir__() -> list[str]:
    return list(__all__)


def lookup(
    post_ids: Iterable[str | int], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", refresh: bool = False, into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts by id, any number of them: `posts`, their details, and in `problems` what became of those X does not show.

    GET /2/tweets (limits: docs.x.com/x-api/fundamentals/rate-limits): 100 ids a request (longer lists are split), 3,500
    requests in 15 minutes for an app, 5,000 for a user. `post_ids` is any iterable of texts or whole numbers, a column
    too; an id given twice is asked once. Deleted, protected and withheld posts are rows of `problems`, not errors.

    What `into=archive` holds already is not asked for again, unless `refresh=True`.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.posts.lookup(frame["post_id"]).posts`
    """
    return collect("posts.lookup", locals())  # type: ignore[no-any-return]  # `into` decides


def get(
    post_id: str | int, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """One post by id: a row of `posts` and its details, or a row of `problems` that tells why there is none.

    GET /2/tweets/{id} (limits: docs.x.com/x-api/fundamentals/rate-limits): 450 requests in 15 minutes for an app, 900
    for a user.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.posts.get("1460323737035677698").posts`
    """
    return collect("posts.get", locals())  # type: ignore[no-any-return]  # `into` decides


def quotes(
    post_id: str | int, *, exclude: str | Iterable[str] | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts that quote a post: `posts` (newest first), `post_references`, `users`, `media` and their details.

    GET /2/tweets/{id}/quote_tweets (docs.x.com/x-api/posts/quote-tweets/introduction): 10 to 100 posts a request, 75
    requests in 15 minutes. `exclude`: "replies", "retweets".

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.posts.quotes("1460323737035677698", limit=100).posts`
    """
    return collect("posts.quotes", locals())  # type: ignore[no-any-return]  # `into` decides


def liking_users(
    post_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Who likes a post of yours: `users` and `likes` with their `position` (newest first).

    GET /2/tweets/{id}/liking_users (docs.x.com/x-api/posts/likes/introduction), a user's credentials: 1 to 100 users a
    request, 75 requests in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.posts.liking_users("1460323737035677698").users`
    """
    return collect("posts.liking_users", locals())  # type: ignore[no-any-return]  # `into` decides


def reposted_by(
    post_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Who reposted a post: `users` and `reposts` with their `position` (newest first).

    GET /2/tweets/{id}/retweeted_by (docs.x.com/x-api/posts/retweets/integrate): 1 to 100 users a request, 75 requests
    in 15 minutes. X gives the newest 100 only.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.posts.reposted_by("1460323737035677698").users`
    """
    return collect("posts.reposted_by", locals())  # type: ignore[no-any-return]  # `into` decides

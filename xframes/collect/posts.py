"""Posts by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R


def lookup(
    post_ids: Iterable[str | int], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Posts by id, any number of them: `posts`, their details, and in `problems` what became of those X does not show.

    GET /2/tweets (limits: docs.x.com/x-api/fundamentals/rate-limits): 100 ids a request (longer lists are split), 3,500
    requests in 15 minutes for an app, 5,000 for a user. `post_ids` is any iterable of texts or whole numbers, a column
    too; an id given twice is asked once. Deleted, protected and withheld posts are rows of `problems`, not errors.

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

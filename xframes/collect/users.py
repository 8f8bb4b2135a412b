"""Users by their ids and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R


def lookup(
    user_ids: Iterable[str | int], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Users by id, any number of them: `users`, their pinned `posts`, and in `problems` what became of the others.

    GET /2/users (limits: docs.x.com/x-api/fundamentals/rate-limits): 100 ids a request (longer lists are split), 300
    requests in 15 minutes for an app, 900 for a user. `user_ids` is any iterable of texts or whole numbers, a column
    too; an id given twice is asked once. Suspended and missing users are rows of `problems`, not errors.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.lookup(frame["author_id"].unique()).users`
    """
    return collect("users.lookup", locals())  # type: ignore[no-any-return]  # `into` decides


def by_username(
    username: str, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """One user by name, with or without `@`: a row of `users`, or a row of `problems` that tells why there is none.

    GET /2/users/by/username/{username} (limits: docs.x.com/x-api/fundamentals/rate-limits): 300 requests in 15 minutes
    for an app, 900 for a user.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.users.by_username("@XDevelopers").users`
    """
    return collect("users.by_username", locals())  # type: ignore[no-any-return]  # `into` decides

"""Spaces: live audio rooms by id, creator or title, and who bought tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["buyers", "by_creators", "get", "lookup", "search"]


def __dir__() -> list[str]:
    return list(__all__)


def search(
    query: str, *, state: str | None = None, max_results: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Live and scheduled Spaces whose title matches: `spaces`, their `users` and `topics`.

    GET /2/spaces/search (docs.x.com/x-api/spaces/introduction): one answer of at most 100 Spaces (`max_results`), 300
    requests in 15 minutes. `state`: live, scheduled or all (X's default).

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.spaces.search("data").spaces`
    """
    return collect("spaces.search", locals())  # type: ignore[no-any-return]  # `into` decides


def lookup(
    space_ids: Iterable[str], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", refresh: bool = False, into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Spaces by id, any number of them: `spaces`, their `users` and `topics`; in `problems` what became of the others.

    GET /2/spaces (docs.x.com/x-api/spaces/introduction): 100 ids a request (longer lists are split), 300 requests in
    15 minutes. Ids are case-sensitive text. Ended Spaces mostly vanish.

    What `into=archive` holds already is not asked for again, unless `refresh=True`.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.spaces.lookup(["1SLjjRYNejbKM"]).spaces`
    """
    return collect("spaces.lookup", locals())  # type: ignore[no-any-return]  # `into` decides


def get(
    space_id: str, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """One Space by id: a row of `spaces`, its `users` and `topics`; a row of `problems` where there is none.

    GET /2/spaces/{id} (docs.x.com/x-api/spaces/introduction): 300 requests in 15 minutes.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.spaces.get("1SLjjRYNejbKM").spaces`
    """
    return collect("spaces.get", locals())  # type: ignore[no-any-return]  # `into` decides


def by_creators(
    user_ids: Iterable[str | int], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Live and scheduled Spaces of these users: `spaces`, their `users` and `topics`.

    GET /2/spaces/by/creator_ids (docs.x.com/x-api/spaces/introduction): 100 users a request (longer lists are split),
    300 requests in 15 minutes and 1 a second.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.spaces.by_creators(["2244994945"]).spaces`
    """
    return collect("spaces.by_creators", locals())  # type: ignore[no-any-return]  # `into` decides


def buyers(
    space_id: str, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Who bought a ticket to a Space of yours: `users` and `space_buyers` with their `position`.

    GET /2/spaces/{id}/buyers (docs.x.com/x-api/spaces/introduction), an OAuth 2.0 user token: 1 to 100 users a
    request, 300 requests in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.spaces.buyers("1SLjjRYNejbKM").users`
    """
    return collect("spaces.buyers", locals())  # type: ignore[no-any-return]  # `into` decides

"""Spaces, X's live audio rooms: by id, creator or title, and who bought tickets."""

from __future__ import annotations

from typing import Literal

from xframes.client import Client
from xframes.collect.dispatch import Fields, Ids, Into, Names, R, collect
from xframes.registry.documentation import document

__all__ = ["buyers", "by_creators", "get", "lookup", "search"]


def __dir__() -> list[str]:
    return list(__all__)


@document("spaces.search")
def search(
    query: str, *, state: Literal["live", "scheduled", "all"] | None = None,
    max_results: int | None = None, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Search live and scheduled Spaces by title.

    Parameters
    ----------
    query
        Words that the title contains.
    state
        Whether the Space is live or scheduled. Default: both.
    max_results
        Most Spaces to return; X sends one page. Default: as many as X sends.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `spaces` has one row per Space, `users` its creator, hosts and speakers, `topics` its
        topics.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.spaces.search("data").spaces
    """
    return collect(
        "spaces.search", query=query, state=state, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )


@document("spaces.lookup")
def lookup(
    space_ids: Names, *, fields: Fields = "all", expansions: Names = "all", refresh: bool = False,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up any number of Spaces by id.

    Parameters
    ----------
    space_ids
        Ids of the Spaces; case matters.
    fields
    expansions
    refresh
    into
    client
    progress

    Returns
    -------
    Frames
        `spaces` has one row per Space, `users` its creator, hosts and speakers, `topics` its
        topics. `problems` says why the others are missing: X returns few Spaces that have ended.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.spaces.lookup(["1SLjjRYNejbKM"]).spaces
    """
    return collect(
        "spaces.lookup", space_ids=space_ids, fields=fields, expansions=expansions, refresh=refresh,
        into=into, client=client, progress=progress,
    )


@document("spaces.get")
def get(
    space_id: str, *, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up one Space by id.

    Parameters
    ----------
    space_id
        Id of the Space; case matters.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `spaces` has one row per Space, `users` its creator, hosts and speakers, `topics` its
        topics. Or `problems` says why it is missing.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.spaces.get("1SLjjRYNejbKM").spaces
    """
    return collect(
        "spaces.get", space_id=space_id, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("spaces.by_creators")
def by_creators(
    user_ids: Ids, *, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up the live and scheduled Spaces of users.

    Parameters
    ----------
    user_ids
        Ids of the creators.
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `spaces` has one row per Space, `users` its creator, hosts and speakers, `topics` its
        topics.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.spaces.by_creators(["2244994945"]).spaces
    """
    return collect(
        "spaces.by_creators", user_ids=user_ids, fields=fields, expansions=expansions, into=into,
        client=client, progress=progress,
    )


@document("spaces.buyers")
def buyers(
    space_id: Names, *, limit: int | None = None, max_results: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the users who bought a ticket to a Space of yours.

    Parameters
    ----------
    space_id
        Id of a Space by the authenticated user; case matters.
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
        `users` has one row per buyer, `space_buyers` one per purchase with its `position`.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.spaces.buyers("1SLjjRYNejbKM").users
    """
    return collect(
        "spaces.buyers", space_id=space_id, limit=limit, max_results=max_results, fields=fields,
        expansions=expansions, into=into, client=client, progress=progress,
    )

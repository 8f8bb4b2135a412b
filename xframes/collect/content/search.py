"""Search: posts that match a query, newest first."""

from __future__ import annotations

from typing import Literal

from xframes.client import Client
from xframes.collect.dispatch import Fields, Id, Into, Names, R, Time, collect
from xframes.registry.documentation import document

__all__ = ["all", "recent"]


def __dir__() -> list[str]:
    return list(__all__)


@document("search.recent")
def recent(
    query: Names, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None,
    sort_order: Literal["recency", "relevancy"] | None = None, since: Literal["last"] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Search the posts of the last days, newest first.

    X leaves reposts out of searches by keyword.

    Parameters
    ----------
    query
        What to search for, in X's query language. Posts match all of its words and operators.
    start_time
    end_time
    since_id
    until_id
    sort_order
    since
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
        `results` has one row per post found, in X's order; `posts` holds them and the posts they
        refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.search.recent("duckdb lang:en", limit=500).results
    """
    return collect(
        "search.recent", query=query, start_time=start_time, end_time=end_time, since_id=since_id,
        until_id=until_id, sort_order=sort_order, since=since, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("search.all")
def all(
    query: Names, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None,
    sort_order: Literal["recency", "relevancy"] | None = None, since: Literal["last"] | None = None,
    limit: int | None = None, max_results: int | None = None, fields: Fields = "all",
    expansions: Names = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Search all public posts since March 2006, newest first.

    Parameters
    ----------
    query
        What to search for, in X's query language. Posts match all of its words and operators.
    start_time
        Oldest time to include. Default: see the limits below.
    end_time
    since_id
    until_id
    sort_order
    since
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
        `results` has one row per post found, in X's order; `posts` holds them and the posts they
        refer to. `users`, `media` and the other detail tables hold what they refer to.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.search.all("from:duckdb", start_time="2019-01-01T00:00:00Z", into=archive)
    """
    return collect(
        "search.all", query=query, start_time=start_time, end_time=end_time, since_id=since_id,
        until_id=until_id, sort_order=sort_order, since=since, limit=limit, max_results=max_results,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )

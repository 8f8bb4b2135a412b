"""Counts: how many posts match a query, by minute, hour or day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from xframes.client import Client
from xframes.collect.dispatch import Id, Into, Names, R, Time, collect
from xframes.registry.documentation import document

__all__ = ["all", "recent"]

CountField: TypeAlias = Literal["start", "end", "tweet_count", "post_count"]


def __dir__() -> list[str]:
    return list(__all__)


@document("counts.recent")
def recent(
    query: Names, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None,
    granularity: Literal["minute", "hour", "day"] | None = None,
    count_fields: CountField | Iterable[CountField] | None = None, limit: int | None = None,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Count the posts of the last days that match a query.

    Parameters
    ----------
    query
        What to search for, in X's query language. Posts match all of its words and operators.
    start_time
    end_time
    since_id
    until_id
    granularity
    count_fields
    limit
    into
    client
    progress

    Returns
    -------
    Frames
        `counts` has one row per interval, including those without posts. Where X leaves out an
        interval between two others, the row has a count of zero and `filled` is true. The first and
        last intervals are cut to the times requested. Deleted posts are counted, so that a search
        can find fewer.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.counts.recent("duckdb", granularity="day").counts
    """
    return collect(
        "counts.recent", query=query, start_time=start_time, end_time=end_time, since_id=since_id,
        until_id=until_id, granularity=granularity, count_fields=count_fields, limit=limit,
        into=into, client=client, progress=progress,
    )


@document("counts.all")
def all(
    query: Names, *, start_time: Time | None = None, end_time: Time | None = None,
    since_id: Id | None = None, until_id: Id | None = None,
    granularity: Literal["minute", "hour", "day"] | None = None,
    count_fields: CountField | Iterable[CountField] | None = None, limit: int | None = None,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Count all posts since March 2006 that match a query.

    Parameters
    ----------
    query
        What to search for, in X's query language. Posts match all of its words and operators.
    start_time
        Oldest time to include. Default: see the limits below.
    end_time
    since_id
    until_id
    granularity
    count_fields
    limit
    into
    client
    progress

    Returns
    -------
    Frames
        `counts` has one row per interval, including those without posts. Where X leaves out an
        interval between two others, the row has a count of zero and `filled` is true. The first and
        last intervals are cut to the times requested. Deleted posts are counted, so that a search
        can find fewer. Pages go back in time until `start_time`, if need be with further requests.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.counts.all("duckdb", start_time="2019-01-01T00:00:00Z", granularity="day").counts
    """
    return collect(
        "counts.all", query=query, start_time=start_time, end_time=end_time, since_id=since_id,
        until_id=until_id, granularity=granularity, count_fields=count_fields, limit=limit,
        into=into, client=client, progress=progress,
    )

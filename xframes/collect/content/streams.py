"""Streams: posts as they are published, and the rules of the filtered stream."""

from __future__ import annotations

from xframes.client import Client
from xframes.collect.dispatch import Fields, Ids, Into, Names, R, Seconds, Time, collect
from xframes.registry.documentation import document

__all__ = ["filtered", "rules", "sample"]


def __dir__() -> list[str]:
    return list(__all__)


@document("streams.filtered")
def filtered(
    *, backfill_minutes: int | None = None, start_time: Time | None = None,
    end_time: Time | None = None, duration: Seconds | None = None, limit: int | None = None,
    fields: Fields = "all", expansions: Names = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect posts that match your stream's rules, as they are published.

    Continues until `limit` or `duration` is reached, or until Ctrl-C or SIGTERM; everything
    received is kept. After lost connections, stalls and server errors it connects again as X
    documents. A post sent twice is kept once.

    Parameters
    ----------
    backfill_minutes
    start_time
        Oldest time from which X sends missed posts again. Default: none is sent again.
    end_time
        Time up to which X sends missed posts again. Default: now.
    duration
    limit
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `results` has one row per post, in order of arrival, `posts` the posts and those they refer
        to. `rule_matches` says which rules a post matched, `problems` has a row of kind
        `stream_gap` for each gap: `value` is its time, `detail` the cause and what was requested
        again.

    Raises
    ------
    ArgumentError
        Before any request, for arguments that X would refuse; and when the stream has no rules.
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.streams.filtered(duration=600, into=archive)
    """
    return collect(
        "streams.filtered", backfill_minutes=backfill_minutes, start_time=start_time,
        end_time=end_time, duration=duration, limit=limit, fields=fields, expansions=expansions,
        into=into, client=client, progress=progress,
    )


@document("streams.sample")
def sample(
    *, backfill_minutes: int | None = None, duration: Seconds | None = None,
    limit: int | None = None, fields: Fields = "all", expansions: Names = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect a random sample of one percent of all posts, as they are published.

    Continues, reconnects and reports gaps as `streams.filtered` does.

    Parameters
    ----------
    backfill_minutes
    duration
    limit
    fields
    expansions
    into
    client
    progress

    Returns
    -------
    Frames
        `results` has one row per post, in order of arrival, `posts` the posts and those they refer
        to. `problems` has a row of kind `stream_gap` for each gap.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.streams.sample(limit=1000).results
    """
    return collect(
        "streams.sample", backfill_minutes=backfill_minutes, duration=duration, limit=limit,
        fields=fields, expansions=expansions, into=into, client=client, progress=progress,
    )


@document("streams.rules")
def rules(
    *, ids: Ids | None = None, limit: int | None = None, max_results: int | None = None,
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Collect the rules of your filtered stream.

    Parameters
    ----------
    ids
        Ids of the rules to return. Default: all rules.
    limit
    max_results
    into
    client
    progress

    Returns
    -------
    Frames
        `stream_rules` has one row per rule, with its id, value and tag.

    Raises
    ------
    ArgumentError
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.streams.rules().stream_rules
    """
    return collect(
        "streams.rules", ids=ids, limit=limit, max_results=max_results, into=into, client=client,
        progress=progress,
    )

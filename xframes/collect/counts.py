"""Counts: how many posts match a query, by minute, hour or day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from datetime import datetime

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["all", "recent"]


def __dir__() -> list[str]:
    return list(__all__)


def recent(
    query: str, *, start_time: datetime | str | None = None, end_time: datetime | str | None = None,
    since_id: str | int | None = None, until_id: str | int | None = None, granularity: str | None = None,
    limit: int | None = None, into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """How many posts of the last 7 days match a query: `counts`, one row per `granularity` (minute, hour or day).

    GET /2/tweets/counts/recent (docs.x.com/x-api/posts/counts/introduction): 300 requests in 15 minutes; one answer
    holds all. Hours unless told otherwise, zeros included, the first and last cut to the query's times; what X leaves
    out between others is none, and `filled` in. Counts need not equal what search finds: deleted posts are in them.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.counts.recent("duckdb", granularity="day").counts`
    """
    return collect("counts.recent", locals())  # type: ignore[no-any-return]  # `into` decides


def all(
    query: str, *, start_time: datetime | str | None = None, end_time: datetime | str | None = None,
    since_id: str | int | None = None, until_id: str | int | None = None, granularity: str | None = None,
    limit: int | None = None, into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """How many posts since March 2006 match a query: `counts`, one row per `granularity` (minute, hour or day).

    GET /2/tweets/counts/all (docs.x.com/x-api/posts/counts/introduction), app-only bearer tokens: 300 requests in 15
    minutes, 31 days a request, going back in time; without `start_time` the last 30 days. When X ends before it
    reached `start_time`, the rest is asked for. `limit` stops after the page that reaches it, for X takes no page size.
    What X leaves out between others on a page is none, and `filled` in.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.counts.all("duckdb", start_time="2019-01-01T00:00:00Z", granularity="day").counts`
    """
    return collect("counts.all", locals())  # type: ignore[no-any-return]  # `into` decides

"""Streams: posts as they are made, and the rules of the filtered stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["filtered", "rules", "sample"]


def __dir__() -> list[str]:
    return list(__all__)


def filtered(
    *, backfill_minutes: int | None = None, start_time: datetime | str | None = None,
    end_time: datetime | str | None = None, duration: float | timedelta | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts that match your stream's rules, as they are made: `posts`, `rule_matches`, `users`, `media` and details.

    GET /2/tweets/search/stream (docs.x.com/x-api/posts/filtered-stream/introduction), app-only bearer tokens: one
    connection, 50 connects in 15 minutes, up to 250 posts a second. Goes on until `limit` posts or `duration` seconds
    are reached, or Ctrl-C or SIGTERM ends it; all that came is kept. Lost connections, stalls (nothing for 20 seconds)
    and server errors are met by connecting again as X documents; every gap is a row of `problems` (kind stream_gap:
    `value` from/to, `detail` the causes and what of it was asked for again). A post X sends twice is kept once.
    `backfill_minutes` (0 to 5), `start_time` and `end_time` need Enterprise access.

    Raises ArgumentError before any request and when there are no rules, Interrupted with what came, the client's
    errors.

    Example: `xf.streams.filtered(duration=600, into=archive)`
    """
    return collect("streams.filtered", locals())  # type: ignore[no-any-return]  # `into` decides


def sample(
    *, backfill_minutes: int | None = None, duration: float | timedelta | None = None, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """A sample (1 %) of all posts, as they are made: `posts`, `users`, `media` and their details.

    GET /2/tweets/sample/stream (docs.x.com/x-api/posts/volume-streams/introduction), app-only bearer tokens with
    Enterprise access. Goes on, connects again and tells of gaps as `streams.filtered` does. `backfill_minutes` is 0 to
    5.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.streams.sample(limit=1000).posts`
    """
    return collect("streams.sample", locals())  # type: ignore[no-any-return]  # `into` decides


def rules(
    *, ids: Iterable[str | int] | None = None, limit: int | None = None, into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """The rules of your filtered stream: `stream_rules`.

    GET /2/tweets/search/stream/rules (docs.x.com/x-api/posts/filtered-stream/introduction), app-only bearer tokens: 1
    to 1,000 rules a request, 450 requests in 15 minutes. `ids` picks some of them.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.streams.rules().stream_rules`
    """
    return collect("streams.rules", locals())  # type: ignore[no-any-return]  # `into` decides

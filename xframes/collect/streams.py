"""Streams: posts as they are made, and the rules of the filtered stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.client import Client
    from xframes.collect.engine import Into, R


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

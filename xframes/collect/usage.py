"""Usage: posts read against the project's monthly cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["posts"]


def __dir__() -> list[str]:
    return list(__all__)


def posts(
    *, days: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Posts your project read: `usage` (cap, usage, reset day) and `usage_daily`, a row per day, project and app.

    GET /2/usage/tweets (docs.x.com/x-api/usage/introduction), app-only bearer tokens: 50 requests in 15 minutes.
    `days` is 1 to 90, X's default 7. Days without usage are not sent.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.usage.posts(days=30).usage_daily`
    """
    return collect("usage.posts", locals())  # type: ignore[no-any-return]  # `into` decides

"""Usage: posts read against the project's monthly cap."""

from __future__ import annotations

from xframes.client import Client
from xframes.collect.dispatch import Fields, Into, R, collect
from xframes.registry.documentation import document

__all__ = ["posts"]


def __dir__() -> list[str]:
    return list(__all__)


@document("usage.posts")
def posts(
    *, days: int | None = None, fields: Fields = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Report how many posts your project has read.

    Parameters
    ----------
    days
        Number of days to report. Default: see the limits below.
    fields
    into
    client
    progress

    Returns
    -------
    Frames
        `usage` has the cap, the usage and the day of the month on which it starts again;
        `usage_daily` one row per day, project and app. Days without usage are left out.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.usage.posts(days=30).usage_daily
    """
    return collect(
        "usage.posts", days=days, fields=fields, into=into, client=client, progress=progress,
    )

"""Media: how far X has processed an upload."""

from __future__ import annotations

from typing import Literal

from xframes.client import Client
from xframes.collect.dispatch import Id, Into, R, collect
from xframes.registry.documentation import document

__all__ = ["upload_status"]


def __dir__() -> list[str]:
    return list(__all__)


@document("media.upload_status")
def upload_status(
    media_id: Id, *, command: Literal["STATUS"] | None = None, into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Report how far X has processed an upload.

    Parameters
    ----------
    media_id
        Id that X returned for the upload.
    command
        Name of the request; X accepts no other.
    into
    client
    progress

    Returns
    -------
    Frames
        `media_uploads` has one row. A `state` of null or succeeded means ready to post; else call
        again after `check_after_secs` seconds.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.media.upload_status("1880028106020515840").media_uploads
    """
    return collect(
        "media.upload_status", media_id=media_id, command=command, into=into, client=client,
        progress=progress,
    )

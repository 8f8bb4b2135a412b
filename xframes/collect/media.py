"""Media: how far the processing of an upload is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["upload_status"]


def __dir__() -> list[str]:
    return list(__all__)


def upload_status(
    media_id: str | int, *, command: str | None = None, into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """How far an upload is: a row of `media_uploads` (`state` null or succeeded: ready to be posted).

    GET /2/media/upload (docs.x.com/x-api/media/quickstart/media-upload-chunked), a user's credentials with
    media.write: 1,000 requests in 15 minutes. `command` is STATUS, the only one X takes. Ask again after
    `check_after_secs`.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.media.upload_status("1880028106020515840").media_uploads`
    """
    return collect("media.upload_status", locals())  # type: ignore[no-any-return]  # `into` decides

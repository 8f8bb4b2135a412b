"""Media: uploads in one request or in chunks, alt text, subtitles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.dispatch import Id
from xframes.errors import Interrupted, Resumable, XframesError
from xframes.registry.documentation import document
from xframes.wire import Request
from xframes.write.files import media_file
from xframes.write.sending import Written, request, write, writing_client
from xframes.write.uploading import Upload, first_request

if TYPE_CHECKING:
    from xframes.frames import Frames

MediaCategory: TypeAlias = Literal[
    "tweet_image", "tweet_video", "tweet_gif", "dm_image", "dm_video", "dm_gif", "subtitles",
    "amplify_video",
]
VideoCategory: TypeAlias = Literal["TweetVideo", "AmplifyVideo"]


@overload
def upload_media(
    path: str | os.PathLike[str], *,
    media_category: MediaCategory | None = None,
    additional_owners: str | None = None, alt_text: str | None = None, media_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, progress: bool | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def upload_media(
    path: str | os.PathLike[str], *,
    media_category: MediaCategory | None = None,
    additional_owners: str | None = None, alt_text: str | None = None, media_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, progress: bool | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def upload_media(
    path: str | os.PathLike[str], *,
    media_category: MediaCategory | None = None,
    additional_owners: str | None = None, alt_text: str | None = None, media_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, progress: bool | None = None,
    dry_run: bool,
) -> Written: ...
@document("write.upload_media")
def upload_media(
    path: str | os.PathLike[str], *,
    media_category: MediaCategory | None = None,
    additional_owners: str | None = None, alt_text: str | None = None, media_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, progress: bool | None = None,
    dry_run: bool = False,
) -> Written:
    """Upload an image, GIF, video or subtitles, and wait until X has processed it.

    Images are sent in one request, other files in chunks, which are read one at a time and sent
    again when they fail. The content of the file decides what it is.

    Parameters
    ----------
    path
        Path of the file.
    media_category
        What the media is for. Default: for posts.
    additional_owners
        Ids of other users who may use the media, joined by commas. Default: none.
    alt_text
        Description for people who do not see the media. Default: none.
    media_id
        Id of an upload that stopped, to continue it. Default: a new upload.
    into
    client
    progress
    dry_run

    Returns
    -------
    Frames
        `media_uploads` has one row, whose `id` is a media id for posts and messages; `writes` has a
        row per request.

    Raises
    ------
    Interrupted
        Something failed after X assigned a media id, which is the error's `media_id`. To continue,
        call `resume()`, or pass `media_id` with the same `into` in any process. What X has is not
        sent again.
    InvalidRequest
        X cannot process the file.
    ArgumentError
    ApiError

    Examples
    --------
    >>> media = write.upload_media("cat.png", alt_text="A cat").media_uploads
    >>> write.create_post("Look", media_ids=media["id"])
    """
    arguments = {"path": path, "media_category": media_category, "alt_text": alt_text,
                 "additional_owners": additional_owners}
    checked = request("write.upload_media", arguments, client)
    if media_id is not None:
        media_id = request("write.finalize_upload", {"media_id": media_id}).args["media_id"]
    file = media_file(path, media_category)
    if dry_run:
        return first_request(file, additional_owners)
    client = writing_client(client, "write.upload_media")
    upload = Upload(file, client, into, additional_owners, alt_text, media_id, checked.args)
    return upload.run(progress)


@overload
def set_media_metadata(
    media_id: Id, *, alt_text: str | None = None, allow_download: bool | None = None,
    metadata: Mapping[str, Any] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def set_media_metadata(
    media_id: Id, *, alt_text: str | None = None, allow_download: bool | None = None,
    metadata: Mapping[str, Any] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def set_media_metadata(
    media_id: Id, *, alt_text: str | None = None, allow_download: bool | None = None,
    metadata: Mapping[str, Any] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.set_media_metadata")
def set_media_metadata(
    media_id: Id, *, alt_text: str | None = None, allow_download: bool | None = None,
    metadata: Mapping[str, Any] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Describe uploaded media before it is posted.

    Parameters
    ----------
    media_id
        Id of the uploaded media, see `upload_media`.
    alt_text
        Description for people who do not see the media. Default: unchanged.
    allow_download
        Whether others can download it. Default: unchanged.
    metadata
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.set_media_metadata("1880028106020515840", alt_text="A cat on a ladder")
    """
    return write(
        "write.set_media_metadata", media_id=media_id, alt_text=alt_text,
        allow_download=allow_download, metadata=metadata, into=into, client=client, dry_run=dry_run,
    )


@overload
def add_subtitles(
    media_id: Id, subtitles_media_id: Id | os.PathLike[str], language_code: str, *,
    display_name: str | None = None,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def add_subtitles(
    media_id: Id, subtitles_media_id: Id | os.PathLike[str], language_code: str, *,
    display_name: str | None = None,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def add_subtitles(
    media_id: Id, subtitles_media_id: Id | os.PathLike[str], language_code: str, *,
    display_name: str | None = None,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.add_subtitles")
def add_subtitles(
    media_id: Id, subtitles_media_id: Id | os.PathLike[str], language_code: str, *,
    display_name: str | None = None,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Add subtitles to a video.

    Parameters
    ----------
    media_id
        Id of the uploaded video.
    subtitles_media_id
        Id of the uploaded subtitles; or the Path of a file (.srt, .vtt), which is uploaded first.
    language_code
        Language of the subtitles as two capital letters, e.g. EN.
    display_name
        Name of the language to show. Default: chosen by X.
    media_category
        Category of the video.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    Interrupted
        The upload of the subtitles stopped, see `upload_media`; or they were uploaded and could
        not be added. `media_id` is the one of the subtitles.
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.add_subtitles("1880028106020515840", Path("talk.srt"), "EN", display_name="English")
    """
    arguments = {"media_id": media_id, "subtitles_media_id": subtitles_media_id,
                 "language_code": language_code, "display_name": display_name,
                 "media_category": media_category}
    if isinstance(subtitles_media_id, os.PathLike):
        # check the arguments before the upload
        request("write.add_subtitles", {**arguments, "subtitles_media_id": "0"}, client)
        upload = upload_media(subtitles_media_id, into=into, client=client, dry_run=dry_run)
        if isinstance(upload, Request):  # a dry run returns the first request
            return upload
        arguments["subtitles_media_id"] = upload["media_uploads"]["id"][-1].as_py()
        return _Subtitling(arguments, into, client).run()
    return write("write.add_subtitles", into=into, client=client, dry_run=dry_run, **arguments)


@dataclass
class _Subtitling(Resumable):
    """Subtitles that were uploaded, on their way to a video."""

    arguments: dict[str, Any]
    into: Archive | None
    client: Client | None

    def run(self) -> Written:
        try:
            return write(
                "write.add_subtitles", into=self.into, client=self.client, **self.arguments
            )
        except (XframesError, KeyboardInterrupt) as error:
            media_id = self.arguments["subtitles_media_id"]
            reason = str(error) or type(error).__name__
            raise Interrupted(
                f"write.add_subtitles stopped after the subtitles were uploaded: {reason}. "
                f'To continue, call `.resume()` or pass subtitles_media_id="{media_id}"',
                media_id=media_id, resume=self._resume,
                action="write.add_subtitles",
            ) from error

    def _resume(self, *, client: Client | None = None) -> Written:
        self.client = client or self.client
        return self.run()


@overload
def delete_subtitles(
    media_id: Id, language_code: str, *,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def delete_subtitles(
    media_id: Id, language_code: str, *,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def delete_subtitles(
    media_id: Id, language_code: str, *,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.delete_subtitles")
def delete_subtitles(
    media_id: Id, language_code: str, *,
    media_category: VideoCategory | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Delete the subtitles of one language from a video.

    Parameters
    ----------
    media_id
        Id of the uploaded video.
    language_code
        Language of the subtitles as two capital letters, e.g. EN.
    media_category
        Category of the video.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.delete_subtitles("1880028106020515840", "EN")
    """
    return write(
        "write.delete_subtitles", media_id=media_id, language_code=language_code,
        media_category=media_category, into=into, client=client, dry_run=dry_run,
    )

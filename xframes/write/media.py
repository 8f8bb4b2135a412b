"""Media: uploads in one request or in chunks, alt text, subtitles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.errors import Interrupted, Resumable, XframesError
from xframes.write.engine import HANDLING, Written, opened, request, write
from xframes.write.files import media_file
from xframes.write.uploading import Upload, first_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.archive import Archive
    from xframes.client import Client


def upload_media(
    path: str | os.PathLike[str], *, media_category: str | None = None, alt_text: str | None = None,
    additional_owners: str | None = None, media_id: str | int | None = None, into: Archive | None = None,
    client: Client | None = None, progress: bool | None = None, dry_run: bool = False,
) -> Written:
    """Upload an image, GIF, video or subtitles and wait until X has processed it: `media_uploads`, whose `id` a post
    takes as `media_ids`; `writes`.

    POST /2/media/upload for images, else …/initialize, …/append, …/finalize (docs.x.com/x-api/media/quickstart/
    media-upload-chunked), a user's credentials with media.write: 500 requests in 15 minutes. Images up to 5 MB, GIFs
    15 MB, videos 512 MB. The file's content decides what it is; `media_category` is by default the one for posts
    (tweet_image, tweet_gif, tweet_video, subtitles), else dm_image, dm_gif, dm_video or amplify_video. Chunks of 4 MB
    are read one at a time, and sent again when they fail. `alt_text` describes it to those who do not see it.
    `additional_owners` are ids of users who may use it, too, parted by commas.

    Raises Interrupted when something fails after X has given the upload a media id, which is the error's `media_id`:
    its `resume()`, or `media_id=` in any process, goes on from there. With the same `into` no chunk is sent twice; a
    file X has whole is never sent again. Raises InvalidRequest (with `media_id`) when X cannot process the file,
    ArgumentError before any request, the client's errors.

    Example: `write.create_post("Look", media_ids=write.upload_media("cat.png", alt_text="A cat").media_uploads["id"])`
    """
    names = ("path", "media_category", "alt_text", "additional_owners")
    arguments = {name: value for name, value in locals().items() if name in names}
    checked = request("write.upload_media", arguments, client)
    if media_id is not None:
        media_id = request("write.finalize_upload", {"media_id": media_id}).args["media_id"]
    file = media_file(path, media_category)
    if dry_run:
        return first_request(file, additional_owners)
    client = opened(client, "write.upload_media")
    return Upload(file, client, into, additional_owners, alt_text, media_id, checked.args).run(progress)


def set_media_metadata(
    media_id: str | int, *, alt_text: str | None = None, allow_download: bool | None = None,
    metadata: Mapping[str, Any] | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Describe an uploaded medium, before it is posted: a row of `writes`.

    POST /2/media/metadata (docs.x.com/x-api/media/metadata-create), a user's credentials with media.write: 500 requests
    in 15 minutes. `alt_text` has 1 to 1,000 characters; `metadata` is whatever else X's spec lists there.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.set_media_metadata("1880028106020515840", alt_text="A cat on a ladder")`
    """
    return write("write.set_media_metadata", locals())


def add_subtitles(
    media_id: str | int, subtitles_media_id: str | int | os.PathLike[str], language_code: str, *,
    display_name: str | None = None, media_category: str | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Add subtitles to a video: a row of `writes`. A Path (.srt, .vtt) instead of the subtitles' id is uploaded first.

    POST /2/media/subtitles (docs.x.com/x-api/media/subtitles-create), a user's credentials with media.write: 100
    requests in 15 minutes. `language_code` is two capital letters, e.g. EN; `media_category` the video's: TweetVideo
    (the default) or AmplifyVideo.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors, those of `upload_media`;
    Interrupted, with the subtitles' `media_id`, when they were uploaded and could not be added.

    Example: `write.add_subtitles("1880028106020515840", Path("talk.srt"), "EN", display_name="English")`
    """
    arguments = locals()
    if isinstance(subtitles_media_id, os.PathLike):
        given = {key: value for key, value in arguments.items() if key not in HANDLING}
        request("write.add_subtitles", {**given, "subtitles_media_id": "0"}, client)  # checked before the upload
        found = upload_media(subtitles_media_id, into=into, client=client, dry_run=dry_run)
        if dry_run:  # the first request there is to make
            return found
        arguments = {**arguments, "subtitles_media_id": found["media_uploads"]["id"][-1].as_py()}
        return _Subtitling(arguments, client).run()
    return write("write.add_subtitles", arguments)


@dataclass
class _Subtitling(Resumable):
    """Subtitles that were uploaded, on their way to a video."""

    arguments: dict[str, Any]
    client: Client | None

    def run(self) -> Written:
        try:
            return write("write.add_subtitles", self.arguments | {"client": self.client})
        except (XframesError, KeyboardInterrupt) as error:
            media_id = self.arguments["subtitles_media_id"]
            why = str(error) or type(error).__name__
            raise Interrupted(
                f"write.add_subtitles stopped after the subtitles were uploaded: {why}. `.resume()`, or "
                f'subtitles_media_id="{media_id}", goes on from there', media_id=media_id, resume=self._resume,
            ) from error

    def _resume(self, *, client: Client | None = None) -> Written:
        self.client = client or self.client
        return self.run()

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"arguments": self.arguments | {"client": None}}


def delete_subtitles(
    media_id: str | int, language_code: str, *, media_category: str | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Take the subtitles of one language off a video: a row of `writes`.

    DELETE /2/media/subtitles (docs.x.com/x-api/media/subtitles-delete), a user's credentials with media.write: 100
    requests in 15 minutes. `language_code` is two capital letters, e.g. EN; `media_category` the video's: TweetVideo
    (the default) or AmplifyVideo.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.delete_subtitles("1880028106020515840", "EN")`
    """
    return write("write.delete_subtitles", locals())

"""Uploads of media in one piece or in chunks: on disk until complete, then processed."""

from __future__ import annotations

import hashlib
import time
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Literal

from xframes.sandbox.world.model import Media, MediaKind, Upload
from xframes.sandbox.world.snowflakes import snowflake

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1024 * 1024
FileKind = Literal["image", "gif", "video", "subtitles"]
_MOST: dict[FileKind, int] = {  # bytes
    "image": 5 * MB, "gif": 15 * MB, "video": 512 * MB, "subtitles": MB,
}
_PREFIX: dict[FileKind, int] = {
    "image": 3,
    "gif": 16,
    "video": 7,
    "subtitles": 17,
}  # of X's media keys
_AMPLIFY_PREFIX = 13
_MEDIA_KINDS: dict[FileKind, MediaKind] = {
    "image": "photo", "gif": "animated_gif", "video": "video", "subtitles": "photo",
}
_PROCESSED = ("gif", "video")
CATEGORIES: dict[str, FileKind] = {
    "tweet_image": "image", "dm_image": "image", "tweet_gif": "gif", "dm_gif": "gif",
    "tweet_video": "video", "dm_video": "video", "amplify_video": "video", "subtitles": "subtitles",
}
TYPES = ("video/mp4", "video/webm", "video/mp2t", "video/quicktime", "text/srt", "text/vtt",
         "image/jpeg", "image/gif", "image/bmp", "image/png", "image/webp", "image/pjpeg",
         "image/tiff", "model/gltf-binary", "model/vnd.usdz+zip")
_SESSION_SECONDS = 1_295_999
_READY_SECONDS = 86_400
_PIECE = 256 * 1024
_VIDEO_MS = 15_000


class UploadError(ValueError):
    """An upload X would refuse: which parameter, and why."""

    def __init__(self, parameter: str, value: object, message: str) -> None:
        super().__init__(message)
        self.parameter, self.value = parameter, value


class Uploads:
    """The uploads of a community: `items`, by id.

    `form` says which requests X takes: `endpoints` (/initialize, …), `command` (command=INIT, …) or
    `both`. Videos and GIFs are processed for `processing_seconds`; with a text as `fails`,
    processing fails with that message. `chunk_most` is the largest chunk in bytes.
    """

    def __init__(self, items: dict[int, Upload]) -> None:
        self.items = items
        self.form: Literal["both", "endpoints", "command"] = "both"
        self.processing_seconds = 1.0
        self.check_after_secs = 1
        self.fails: str | None = None
        self.chunk_most = 5 * MB
        self.clock: Callable[[], float] = time.time
        self._lock = Lock()

    def _time(self) -> float:
        return self.clock()

    def begin(self, owner_id: int, category: str, total: int, now: int) -> Upload:
        """Return a new upload of `total` bytes.

        Raises UploadError for too many bytes and unknown categories.
        """
        if category not in CATEGORIES:
            raise UploadError("media_category", category, f"is not one of [{','.join(CATEGORIES)}]")
        kind = CATEGORIES[category]
        if not 1 <= total <= _MOST[kind]:
            raise UploadError(
                "total_bytes",
                total,
                f"is not between 1 and {_MOST[kind]}, the limit for {category}",
            )
        with self._lock:
            id = max([snowflake(now), *self.items]) + 1
            media = Media(f"{_PREFIX[kind]}_{id}", _MEDIA_KINDS[kind], 1280, 720)
            if kind == "video":
                media.duration = _VIDEO_MS
            if category == "amplify_video":
                media.key = f"{_AMPLIFY_PREFIX}_{id}"
            ends = self.clock() + _SESSION_SECONDS
            upload = Upload(
                id, owner_id, category, kind, total, media, ends, self.fails, clock=self._time
            )
            self.items[id] = upload
        return upload

    def append(self, upload: Upload, index: int, chunk: IO[bytes]) -> None:
        """Store one chunk; it replaces an earlier one of the same index. Raises UploadError."""
        if not 0 <= index <= 999:
            raise UploadError("segment_index", index, "is not between 0 and 999")
        if upload.finalized:
            raise UploadError("media_id", upload.id, "has been finalized already")
        if (size := _size(chunk)) > self.chunk_most or not size:
            raise UploadError(
                "media", f"{size} bytes", f"is not between 1 and {self.chunk_most} bytes"
            )
        with self._lock:
            before = upload.segments.pop(index, None)
            upload.segments[index] = chunk
        if before is not None:
            before.close()

    def finalize(self, upload: Upload) -> None:
        """Join the chunks. Raises UploadError if some are missing."""
        with self._lock:
            if upload.finalized:
                return
            if sorted(upload.segments) != list(range(len(upload.segments))) or not upload.segments:
                raise UploadError(
                    "media_id", upload.id, f"has the segments {sorted(upload.segments)}, with gaps"
                )
            size = sum(_size(chunk) for chunk in upload.segments.values())
            if size != upload.total:
                raise UploadError(
                    "media_id", upload.id, f"has {size} of the {upload.total} bytes it was to have"
                )
            digest = hashlib.sha256()
            for _, chunk in sorted(upload.segments.items()):
                chunk.seek(0)
                while piece := chunk.read(_PIECE):
                    digest.update(piece)
                chunk.close()
            upload.segments.clear()
            upload.size, upload.sha256, upload.finalized = size, digest.hexdigest(), True
            if upload.kind in _PROCESSED:
                begin = self.clock() + self.processing_seconds / 4
                upload.processed = (begin, self.clock() + self.processing_seconds)

    def close(self) -> None:
        """Close the chunks of unfinished uploads."""
        for upload in self.items.values():
            for chunk in upload.segments.values():
                chunk.close()
            upload.segments.clear()

    def json(self, upload: Upload, *, processing: bool) -> dict[str, Any]:
        """Return an upload as X writes it; `processing` includes its progress, if it has any."""
        fields: dict[str, Any] = {"id": str(upload.id), "media_key": upload.media.key}
        if not upload.finalized:
            return fields | {"expires_after_secs": _SESSION_SECONDS}
        fields |= {"size": upload.size, "expires_after_secs": _READY_SECONDS}
        if processing and upload.processed is not None:
            info: dict[str, Any] = {"state": upload.state, "progress_percent": upload.progress()}
            if upload.state in {"pending", "in_progress"}:
                info["check_after_secs"] = self.check_after_secs
            elif upload.state == "failed":
                info["error"] = {"code": 1, "name": "InvalidMedia", "message": upload.fails}
            fields["processing_info"] = info
        return fields


def _size(chunk: IO[bytes]) -> int:
    return chunk.seek(0, 2)

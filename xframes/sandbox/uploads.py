"""Uploaded media: received in one piece or in chunks, kept on disk until whole, processed for a while."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Literal

from .model import Media, snowflake

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1024 * 1024
# By the kind of file a category takes: bytes at most, the number X's media keys begin with, whether it is processed.
_MOST = {"image": 5 * MB, "gif": 15 * MB, "video": 512 * MB, "subtitles": MB}
_PREFIX = {"image": 3, "gif": 16, "video": 7, "subtitles": 17}
_PROCESSED = ("gif", "video")
CATEGORIES = {
    "tweet_image": "image", "dm_image": "image", "tweet_gif": "gif", "dm_gif": "gif", "tweet_video": "video",
    "dm_video": "video", "amplify_video": "video", "subtitles": "subtitles",
}
TYPES = ("video/mp4", "video/webm", "video/mp2t", "video/quicktime", "text/srt", "text/vtt", "image/jpeg", "image/gif",
         "image/bmp", "image/png", "image/webp", "image/pjpeg", "image/tiff", "model/gltf-binary",
         "model/vnd.usdz+zip")
SESSION_SECONDS = 1_295_999
READY_SECONDS = 86_400
_PIECE = 256 * 1024


@dataclass(slots=True, eq=False)
class Upload:
    """One upload. `media` is what a post takes once it is `ready`; `sha256` and `size` are of the whole file.

    `segments` are the chunks received so far, on disk; they go when the upload is whole.
    """

    id: int
    owner_id: int
    category: str
    total: int
    media: Media
    ends: float
    fails: str | None = None
    segments: dict[int, IO[bytes]] = field(default_factory=dict)
    size: int = 0
    sha256: str = ""
    subtitles: dict[str, dict[str, str]] = field(default_factory=dict)
    processed: tuple[float, float] | None = None  # when processing begins and ends; None: there is none
    finalized: bool = False
    clock: Callable[[], float] = field(default=time.time, repr=False)

    @property
    def kind(self) -> str:
        """image, gif, video or subtitles."""
        return CATEGORIES[self.category]

    @property
    def state(self) -> Literal["pending", "in_progress", "succeeded", "failed"]:
        """How far the processing is; pending while chunks are missing."""
        if not self.finalized:
            return "pending"
        if self.processed is None:
            return "succeeded"
        begin, end = self.processed
        now = self.clock()
        if now >= end:
            return "failed" if self.fails else "succeeded"
        return "pending" if now < begin else "in_progress"

    @property
    def ready(self) -> bool:
        """Whether posts and messages may use it."""
        return self.finalized and self.state == "succeeded"

    def progress(self) -> int:
        """Return how far the processing is, in percent."""
        if self.processed is None or self.state == "succeeded":
            return 100
        begin, end = self.processed
        return max(0, min(99, int(100 * (self.clock() - begin) / (end - begin)))) if end > begin else 0


class UploadError(ValueError):
    """An upload X would refuse: which parameter, and why."""

    def __init__(self, parameter: str, value: object, message: str) -> None:
        super().__init__(message)
        self.parameter, self.value = parameter, value


class Uploads:
    """The uploads of a community (`items`, by id), and how they go.

    `form` says which requests X takes: `endpoints` (/initialize, …), `command` (command=INIT, …) or `both`. Videos and
    GIFs are processed for `processing_seconds`; `fails` makes that end in failure, with that text. `chunk_most` bounds
    a chunk in bytes.
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
        """Return a new upload of so many bytes. Raises UploadError for too many, and for unknown categories."""
        if category not in CATEGORIES:
            raise UploadError("media_category", category, f"is not one of [{','.join(CATEGORIES)}]")
        kind = CATEGORIES[category]
        if not 1 <= total <= _MOST[kind]:
            raise UploadError("total_bytes", total, f"is not between 1 and {_MOST[kind]}, the limit for {category}")
        with self._lock:
            id = max([snowflake(now), *self.items]) + 1
            prefix = 13 if category == "amplify_video" else _PREFIX[kind]
            media = Media(f"{prefix}_{id}", {"gif": "animated_gif", "video": "video"}.get(kind, "photo"),  # type: ignore[arg-type]  # one of the three
                          1280, 720, duration=15_000 if kind == "video" else 0)
            made = Upload(id, owner_id, category, total, media, self.clock() + SESSION_SECONDS, self.fails,
                          clock=self._time)
            self.items[id] = made
        return made

    def append(self, upload: Upload, index: int, chunk: IO[bytes]) -> None:
        """Keep one chunk, in place of one received before under its index. Raises UploadError."""
        if not 0 <= index <= 999:
            raise UploadError("segment_index", index, "is not between 0 and 999")
        if upload.finalized:
            raise UploadError("media_id", upload.id, "has been finalized already")
        if (size := _size(chunk)) > self.chunk_most or not size:
            raise UploadError("media", f"{size} bytes", f"is not between 1 and {self.chunk_most} bytes")
        with self._lock:
            before = upload.segments.pop(index, None)
            upload.segments[index] = chunk
        if before is not None:
            before.close()

    def finalize(self, upload: Upload) -> None:
        """Put the chunks together. Raises UploadError when some are missing."""
        with self._lock:
            if upload.finalized:
                return
            if sorted(upload.segments) != list(range(len(upload.segments))) or not upload.segments:
                raise UploadError("media_id", upload.id, f"has the segments {sorted(upload.segments)}, with gaps")
            size = sum(_size(chunk) for chunk in upload.segments.values())
            if size != upload.total:
                raise UploadError("media_id", upload.id, f"has {size} of the {upload.total} bytes it was to have")
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
        """Let go of the chunks of uploads that are not whole."""
        for upload in self.items.values():
            for chunk in upload.segments.values():
                chunk.close()
            upload.segments.clear()

    def json(self, upload: Upload, *, processing: bool) -> dict[str, Any]:
        """Return an upload as X writes it; `processing` tells how that goes, where there is any."""
        made: dict[str, Any] = {"id": str(upload.id), "media_key": upload.media.key}
        if not upload.finalized:
            return made | {"expires_after_secs": SESSION_SECONDS}
        made |= {"size": upload.size, "expires_after_secs": READY_SECONDS}
        if processing and upload.processed is not None:
            info: dict[str, Any] = {"state": upload.state, "progress_percent": upload.progress()}
            if upload.state in {"pending", "in_progress"}:
                info["check_after_secs"] = self.check_after_secs
            elif upload.state == "failed":
                info["error"] = {"code": 1, "name": "InvalidMedia", "message": upload.fails}
            made["processing_info"] = info
        return made


def _size(chunk: IO[bytes]) -> int:
    return chunk.seek(0, 2)

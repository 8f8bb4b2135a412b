"""Files to upload: the kind of media, detected from the content, and X's limits for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xframes.errors import ArgumentError
from xframes.registry.write_actions import MEDIA_BYTES

if TYPE_CHECKING:
    import os

_MB = 1024 * 1024
_CHUNK = 4 * _MB
_SEGMENTS = 1000  # X counts them from 0 to 999
_AMPLIFY = 16 * 1024 * _MB  # the largest file in X's spec
_CATEGORIES = {
    "image": ("tweet_image", "dm_image"), "gif": ("tweet_gif", "dm_gif"),
    "video": ("tweet_video", "dm_video", "amplify_video"), "subtitles": ("subtitles",),
}
_SUFFIXES = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff", ".gif": "image/gif",
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm",
    ".ts": "video/mp2t", ".srt": "text/srt", ".vtt": "text/vtt",
}
_HEADS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"), (b"\x1aE\xdf\xa3", "video/webm"),
    (b"WEBVTT", "text/vtt"), (b"\xef\xbb\xbfWEBVTT", "text/vtt"),
)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file to upload, with X's names for its type and use."""

    path: Path
    size: int
    media_type: str
    category: str

    @property
    def chunked(self) -> bool:
        """Whether it is sent in chunks. Images are sent in one request."""
        return _kind(self.media_type) != "image"

    @property
    def chunk(self) -> int:
        """The bytes of each chunk except the last: 4 MB, or more if 1,000 chunks are not enough."""
        return max(_CHUNK, -(-self.size // _SEGMENTS))

    @property
    def segments(self) -> int:
        """The number of chunks."""
        return -(-self.size // self.chunk)

    def bytes(self, number: int | None = None) -> bytes:
        """Read one chunk, or the whole file. Raises ArgumentError if its size has changed."""
        start, length = 0, self.size
        if number is not None:
            start, length = number * self.chunk, self.chunk
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read(length)
        if len(data) != min(length, self.size - start) or self.path.stat().st_size != self.size:
            raise ArgumentError(f"path: {self.path} has changed during the upload; upload it again")
        return data


def media_file(path: str | os.PathLike[str], category: str | None) -> MediaFile:
    """Inspect a file to upload.

    Raises ArgumentError for a file that X would refuse: missing, empty, of an unknown type, or too
    large.
    """
    path = Path(path).expanduser()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            media_type = _detect(file.read(189)) or _SUFFIXES.get(path.suffix.lower())
    except OSError as error:
        raise ArgumentError(f"path: {path}: {error.strerror or error}") from None
    if not size:
        raise ArgumentError(f"path: {path} is empty")
    if media_type is None:
        accepted = ", ".join(sorted(set(_SUFFIXES.values())))
        raise ArgumentError(f"path: {path}: unknown media type; X accepts {accepted}")
    kind = _kind(media_type)
    category = category or _CATEGORIES[kind][0]
    if category not in _CATEGORIES[kind]:
        accepted = " or ".join(_CATEGORIES[kind])
        raise ArgumentError(
            f"media_category: expected {accepted} for {media_type}, got {category!r}"
        )
    most = _most_bytes(kind, category)
    if size > most:
        raise ArgumentError(
            f"path: {path} has {size:,} bytes; X accepts at most {most:,} for {category}"
        )
    return MediaFile(path, size, media_type, category)


def _most_bytes(kind: str, category: str) -> int:
    if category == "amplify_video":
        return _AMPLIFY
    return MEDIA_BYTES.get(kind, _AMPLIFY)


def _kind(media_type: str) -> str:
    if media_type == "image/gif":
        return "gif"
    kind = media_type.partition("/")[0]
    if kind == "text":
        return "subtitles"
    return kind


def _detect(head: bytes) -> str | None:
    """Detect the media type from the first bytes of a file. Returns None if they are unknown."""
    for magic, media_type in _HEADS:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[:1] == b"G" and head[188:189] == b"G":
        return "video/mp2t"
    return None

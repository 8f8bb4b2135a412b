"""Files to upload: what kind of media they are, told by their content, and X's limits for it."""

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
_AMPLIFY = 16 * 1024 * _MB  # what X's spec takes at all
_CATEGORIES = {
    "image": ("tweet_image", "dm_image"), "gif": ("tweet_gif", "dm_gif"),
    "video": ("tweet_video", "dm_video", "amplify_video"), "subtitles": ("subtitles",),
}
_SUFFIXES = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".bmp": "image/bmp",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".gif": "image/gif", ".mp4": "video/mp4", ".m4v": "video/mp4",
    ".mov": "video/quicktime", ".webm": "video/webm", ".ts": "video/mp2t", ".srt": "text/srt", ".vtt": "text/vtt",
}
_HEADS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"BM", "image/bmp"), (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"),
    (b"\x1aE\xdf\xa3", "video/webm"), (b"WEBVTT", "text/vtt"), (b"\xef\xbb\xbfWEBVTT", "text/vtt"),
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
        """Whether it goes in chunks; images go in one request."""
        return _kind(self.media_type) != "image"

    @property
    def chunk(self) -> int:
        """Bytes of each chunk but the last: 4 MB, more where X's 1,000 chunks would not do."""
        return max(_CHUNK, -(-self.size // _SEGMENTS))

    @property
    def segments(self) -> int:
        """How many chunks there are."""
        return -(-self.size // self.chunk)

    def bytes(self, number: int | None = None) -> bytes:
        """One chunk, or all of a small file. Raises ArgumentError when the file is not as long as it was."""
        start, length = (0, self.size) if number is None else (number * self.chunk, self.chunk)
        with self.path.open("rb") as file:
            file.seek(start)
            found = file.read(length)
        if len(found) != min(length, self.size - start) or self.path.stat().st_size != self.size:
            raise ArgumentError(f"{self.path} has changed while it was uploaded; begin anew")
        return found


def media_file(path: str | os.PathLike[str], category: str | None) -> MediaFile:
    """Look at a file. Raises ArgumentError when X would not take it: no file, empty, unknown, too large."""
    found = Path(path).expanduser()
    try:
        size = found.stat().st_size
        with found.open("rb") as file:
            media_type = _sniffed(file.read(189)) or _SUFFIXES.get(found.suffix.lower())
    except OSError as error:
        raise ArgumentError(f"path: {found}: {error.strerror or error}") from None
    if not size:
        raise ArgumentError(f"path: {found} is empty")
    if media_type is None:
        raise ArgumentError(f"path: {found} is no kind of media X takes: {', '.join(sorted(set(_SUFFIXES.values())))}")
    kind = _kind(media_type)
    category = category or _CATEGORIES[kind][0]
    if category not in _CATEGORIES[kind]:
        raise ArgumentError(f"media_category cannot be {category!r} for {media_type}; {' or '.join(_CATEGORIES[kind])}")
    most = _AMPLIFY if category == "amplify_video" else MEDIA_BYTES.get(kind, _AMPLIFY)
    if size > most:
        raise ArgumentError(f"path: {found} has {size:,} bytes; X takes {most:,} at most for {category}")
    return MediaFile(found, size, media_type, category)


def _kind(media_type: str) -> str:
    if media_type == "image/gif":
        return "gif"
    return {"text": "subtitles"}.get(media_type.partition("/")[0], media_type.partition("/")[0])


def _sniffed(head: bytes) -> str | None:
    """A media type told by the first bytes of a file, None where they say nothing."""
    for magic, media_type in _HEADS:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    return "video/mp2t" if head[:1] == b"G" and head[188:189] == b"G" else None

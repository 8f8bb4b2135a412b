"""Where files of an archive stand: on a local disk, or in a bucket as objects with some of a path's manners."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from xframes.archive.bucket import Bucket


@dataclass(frozen=True, slots=True)
class Object:
    """The place of an object, or of a folder of objects, in an archive's bucket."""

    url: str
    key: str
    bucket: Bucket = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.key).stem

    @property
    def parent(self) -> Object:
        """The folder it is in."""
        return Object(self.url, self.key.rpartition("/")[0], self.bucket)

    def __truediv__(self, other: str | PurePosixPath) -> Object:
        return Object(self.url, f"{self.key}/{other}" if self.key else str(other), self.bucket)

    def __str__(self) -> str:
        return f"{self.url}/{self.key}" if self.key else self.url

    def with_name(self, name: str) -> Object:
        """Another place in the same folder."""
        return self.parent / name

    def exists(self) -> bool:
        """Whether it was there at the last look."""
        return self.bucket.holds(self.key)

    def read_text(self, encoding: str = "utf-8") -> str:
        """Its text. Raises FileNotFoundError when it is gone."""
        del encoding
        return self.bucket.text(self.key, keep=self.name.startswith("replaced-"))


Place: TypeAlias = Path | Object
"""Where a file of an archive stands: on a local disk, or in a bucket."""


class Content(io.RawIOBase):
    """An object as a file to read; any number may be open."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._size = bucket.size(key)
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Any part of it."""
        return True

    def tell(self) -> int:
        """Where reading goes on."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on reading elsewhere."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, or all that is left."""
        end = self._size if size is None or size < 0 else min(self._size, self._position + size)
        if end <= self._position:
            return b""
        data = self._bucket.read(self._key, self._position, end)
        self._position = end
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; gives how many bytes came."""
        data = self.read(len(buffer))
        buffer[:len(data)] = data
        return len(data)


def opened(path: Place) -> Any:
    """What pyarrow can read a file from."""
    return path if isinstance(path, Path) else Content(path.bucket, path.key)


def open_binary(path: Place) -> IO[bytes] | Content:
    """A file to read bytes from. Raises FileNotFoundError when it is gone."""
    return path.open("rb") if isinstance(path, Path) else Content(path.bucket, path.key)


def fetch(path: Place, local: Path) -> None:
    """Copy a file to a local one. Raises FileNotFoundError when it is gone."""
    if isinstance(path, Path):
        shutil.copyfile(path, local)
    else:
        path.bucket.fetch(path.key, local)


def size_of(path: Place) -> int:
    """Bytes of a file."""
    return path.stat().st_size if isinstance(path, Path) else path.bucket.size(path.key)

"""A file of an archive, on a local disk or in a bucket, and how it is read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO, Any, TypeAlias

from xframes.archive.storage.bucket import Content, Object

Place: TypeAlias = Path | Object
"""A file of an archive: a path on a local disk, or an object in a bucket."""


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

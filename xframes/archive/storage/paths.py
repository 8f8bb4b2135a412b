"""A file of an archive, on a local disk or in a bucket, and how to read it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import IO, Any

from xframes.archive.storage.bucket import Content, Object, Place


def opened(path: Place) -> Any:
    """Return the file as pyarrow can read it: a path, or a file object."""
    if isinstance(path, Path):
        return path
    return Content(path.bucket, path.key)


def open_binary(path: Place) -> IO[bytes] | Content:
    """Open a file to read its bytes. Raises FileNotFoundError if it is gone."""
    if isinstance(path, Path):
        return path.open("rb")
    return Content(path.bucket, path.key)


def fetch(path: Place, local: Path) -> None:
    """Copy a file to a local one. Raises FileNotFoundError if it is gone."""
    if isinstance(path, Path):
        shutil.copyfile(path, local)
    else:
        path.bucket.fetch(path.key, local)


def size_of(path: Place) -> int:
    """Return the size of a file in bytes."""
    if isinstance(path, Path):
        return path.stat().st_size
    return path.bucket.size(path.key)


def read_text(path: Place, *, most: int) -> str:
    """Return the text of a file.

    Raises FileNotFoundError if it is gone, and ValueError if it is not a regular file or has more
    than `most` bytes.
    """
    if isinstance(path, Object):
        return path.read_text()
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from None
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is not a regular file")
        if about.st_size > most:
            raise ValueError(f"expected at most {most:,} bytes, got {about.st_size:,}")
        return file.read().decode("utf-8")

"""A file of an archive, on a local disk or in a bucket, and how it is read."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import IO, Any

from xframes.archive.storage.bucket import Content, Object, Place


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


def read_text(path: Place, *, most: int) -> str:
    """The text of a file of at most so many bytes.

    Raises FileNotFoundError when it is gone, ValueError unless it is a plain file of that size.
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
            raise ValueError("it is not a plain file")
        if about.st_size > most:
            raise ValueError(f"it has {about.st_size:,} bytes, more than {most:,}")
        return file.read().decode("utf-8")

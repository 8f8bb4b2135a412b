"""Why a file cannot be read, or not to its end."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib

from xframes.errors import XframesError

DAMAGE = (
    EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)


class NotPages(XframesError):
    """What a file holds is no kind of pages or posts."""


class TooLong(XframesError):
    """A line, a document or a row is larger than the bound."""


def reason(error: Exception) -> str:
    """What stopped the reading of a text, in words."""
    if isinstance(error, XframesError):
        return str(error)
    if isinstance(error, DAMAGE):
        return f"the compressed file is damaged or cut short ({error})"
    if isinstance(error, OSError):
        return str(error.strerror or error)
    if isinstance(error, MemoryError):
        return "the memory is not enough to read it"
    return f"it cannot be read ({type(error).__name__}: {error})"[:300]

"""Reasons why a file cannot be read to its end."""

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
    """A file contains neither pages nor posts."""


class TooLong(XframesError):
    """A line, a document or a row is larger than the settings allow."""


def reason(error: Exception) -> str:
    """Describe the error that ended the reading of a file."""
    if isinstance(error, XframesError):
        return str(error)
    if isinstance(error, DAMAGE):
        return f"the compressed file is damaged or cut short ({error})"
    if isinstance(error, OSError):
        return str(error.strerror or error)
    if isinstance(error, MemoryError):
        return "there is not enough memory to read it"
    return f"it cannot be read ({type(error).__name__}: {error})"[:300]

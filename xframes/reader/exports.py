"""What X hands an account's owner: a zip of JavaScript files, of which the posts and the account's name are read."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

_POSTS = re.compile(r"(?:^|/)tweets?(?:-part\d+)?\.js$")
_ACCOUNT = re.compile(r"(?:^|/)account\.js$")
_BEGIN = re.compile(rb"\s*window\.YTD\.[\w.]+\s*=\s*")
_KEPT = ("accountId", "username", "accountDisplayName", "createdAt")  # the account's address and phone are left behind


def is_posts(name: str) -> bool:
    """Whether a file's name is that of an export's posts."""
    return bool(_POSTS.search(name))


def posts(file: IO[bytes], account: list[dict[str, object]] | None = None) -> bytes:
    """A file of an export's posts as one page: its posts as they stand there, beside the account."""
    return b'{"account":' + json.dumps(account or []).encode() + b',"tweets":' + _plain(file.read()) + b"}"


def account(archive: zipfile.ZipFile) -> list[dict[str, object]]:
    """The account of an export: its id, names and age, nothing else."""
    for name in archive.namelist():
        if _ACCOUNT.search(name):
            found = json.loads(_plain(archive.read(name)))
            return [{"account": {k: a.get("account", {}).get(k) for k in _KEPT}} for a in found]
    return []


def members(archive: zipfile.ZipFile) -> Iterator[str]:
    """The files of a zip in order."""
    yield from (i.filename for i in sorted(archive.infolist(), key=lambda i: i.filename) if not i.is_dir())


def _plain(data: bytes) -> bytes:
    return _BEGIN.sub(b"", data, count=1).strip().rstrip(b";")

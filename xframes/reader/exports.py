"""What X hands an account's owner: a zip of JavaScript files, of which the posts and the account's name are read."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path

_ACCOUNT = re.compile(r"(?:^|/)account\.js$")
_BEGIN = re.compile(rb"\s*(?:window\.YTD|Grailbird\.data)\.[\w.]+\s*=\s*")
# Posts of the account itself; what its owner deleted, and what others wrote, is left alone.
_POSTS = re.compile(rb"\s*(?:window\.YTD\.(?:community_)?tweets?\.|Grailbird\.data\.tweets_)\w+\s*=")
_KEPT = ("accountId", "username", "accountDisplayName", "createdAt")  # the account's address and phone are left behind


def begins_posts(head: bytes) -> bool:
    """Whether a file that begins like this holds an export's posts."""
    return bool(_POSTS.match(head))


def posts(file: IO[bytes], account: list[dict[str, object]] | None = None) -> bytes:
    """A file of an export's posts as one page: its posts as they stand there, beside the account."""
    return b'{"account":' + json.dumps(account or []).encode() + b',"tweets":' + _plain(file.read()) + b"}"


def account(archive: zipfile.ZipFile) -> list[dict[str, object]]:
    """The account of an export: its id, names and age, nothing else."""
    return next((_owner(archive.read(name)) for name in archive.namelist() if _ACCOUNT.search(name)), [])


def account_beside(folder: Path) -> list[dict[str, object]]:
    """The same of an export that was unpacked: from the file beside its posts."""
    path = folder / "account.js"
    return _owner(path.read_bytes()) if path.is_file() else []


def _owner(data: bytes) -> list[dict[str, object]]:
    try:
        found = json.loads(_plain(data))
        return [{"account": {k: a.get("account", {}).get(k) for k in _KEPT}} for a in found]
    except (ValueError, AttributeError, TypeError):
        return []  # the posts are worth more than the name


def _plain(data: bytes) -> bytes:
    return _BEGIN.sub(b"", data.removeprefix(b"\xef\xbb\xbf"), count=1).strip().rstrip(b";")

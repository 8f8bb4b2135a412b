"""Read the posts and the account of the export that X offers to the owner of an account.

An export is a zip of JavaScript files.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from xframes.reader.bounded import rest

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable
    from pathlib import Path

_ACCOUNT = re.compile(r"(?:^|/)account\.js$")
_NOTES = re.compile(r"(?:^|/)note-tweet(?:-part\d+)?\.js$")
_BEGIN = re.compile(rb"\s*(?:window\.YTD|Grailbird\.data)\.[\w.]+\s*=\s*")
# Posts of the account itself. Deleted posts, and posts by others, are not read.
_POSTS = re.compile(
    rb"\s*(?:window\.YTD\.(?:community_)?tweets?\.|Grailbird\.data\.tweets_)\w+\s*="
)
# The email address and the phone number of the account are not read.
_ACCOUNT_FIELDS = ("accountId", "username", "accountDisplayName", "createdAt")


def begins_posts(head: bytes) -> bool:
    """Whether a file that begins with these bytes has the posts of an export."""
    return bool(_POSTS.match(head))


@dataclass(frozen=True, slots=True)
class Export:
    """The other files of an export: the account, and the complete texts of long posts."""

    account: list[dict[str, object]]
    notes: list[dict[str, Any]]


def posts(file: IO[bytes], export: Export) -> bytes:
    """Return a file of posts as one page, with the account."""
    data = _plain(rest(file))
    if export.notes:
        data = _with_notes(data, export.notes)
    return b'{"account":' + json.dumps(export.account).encode() + b',"tweets":' + data + b"}"


def packed(archive: zipfile.ZipFile) -> Export:
    """Read the account and the long posts of an export in a zip."""
    def read(name: str) -> bytes:
        with archive.open(name) as file:
            return rest(file)

    names = archive.namelist()
    return _export(lambda pattern: [read(name) for name in names if pattern.search(name)])


def unpacked(folder: Path) -> Export:
    """Read the account and the long posts of an export in a folder."""
    def read(path: Path) -> bytes:
        with path.open("rb") as file:
            return rest(file)

    paths = sorted(folder.glob("*.js"))
    return _export(lambda pattern: [read(path) for path in paths if pattern.search(path.name)])


def _export(read: Callable[[re.Pattern[str]], list[bytes]]) -> Export:
    owners = chain.from_iterable(map(_owner, read(_ACCOUNT)[:1]))
    items = chain.from_iterable(map(_listed, read(_NOTES)))
    notes = (item.get("noteTweet") for item in items)
    return Export(
        list(owners),
        [n for n in notes if isinstance(n, dict) and isinstance(n.get("core"), dict)],
    )


def _with_notes(data: bytes, notes: list[dict[str, Any]]) -> bytes:
    """Add the complete texts of shortened posts, matched by creation time and first words."""
    tweets = _listed(data)
    if not tweets:
        return data
    texts: dict[datetime | None, list[str]] = {}
    for note in notes:
        text = str(note["core"].get("text", ""))
        texts.setdefault(_time(note.get("createdAt")), []).append(text)
    for entry in tweets:
        tweet = entry
        if isinstance(entry.get("tweet"), dict):
            tweet = entry["tweet"]
        first_words = unescape(str(tweet.get("full_text", "")).rpartition("\u2026")[0])
        same_time = texts.get(_time(tweet.get("created_at")), ())
        matches = [text for text in same_time if unescape(text).startswith(first_words)]
        if first_words and len(matches) == 1:
            tweet["note_tweet"] = {"text": matches[0]}
    return json.dumps(tweets, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _time(text: Any) -> datetime | None:
    """Parse a time in either format of exports, to the second."""
    for read in (datetime.fromisoformat, lambda t: datetime.strptime(t, "%a %b %d %H:%M:%S %z %Y")):
        try:
            return read(str(text)).replace(microsecond=0)
        except ValueError:
            continue
    return None


def _listed(data: bytes) -> list[dict[str, Any]]:
    try:
        items = json.loads(_plain(data))
    except (ValueError, RecursionError):
        return []
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, dict)]


def _owner(data: bytes) -> list[dict[str, object]]:
    accounts = [a["account"] for a in _listed(data) if isinstance(a.get("account"), dict)]
    return [{"account": {k: account.get(k) for k in _ACCOUNT_FIELDS}} for account in accounts]


def _plain(data: bytes) -> bytes:
    return _BEGIN.sub(b"", data.removeprefix(b"\xef\xbb\xbf"), count=1).strip().rstrip(b";")

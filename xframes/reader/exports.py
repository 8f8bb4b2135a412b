"""What X hands an account's owner: a zip of JavaScript files, of which the posts and the account's name are read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import IO, TYPE_CHECKING, Any

from xframes.reader.bounded import rest

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable
    from pathlib import Path

_ACCOUNT = re.compile(r"(?:^|/)account\.js$")
_NOTES = re.compile(r"(?:^|/)note-tweet(?:-part\d+)?\.js$")
_BEGIN = re.compile(rb"\s*(?:window\.YTD|Grailbird\.data)\.[\w.]+\s*=\s*")
# Posts of the account itself; what its owner deleted, and what others wrote, is left alone.
_POSTS = re.compile(rb"\s*(?:window\.YTD\.(?:community_)?tweets?\.|Grailbird\.data\.tweets_)\w+\s*=")
_KEPT = ("accountId", "username", "accountDisplayName", "createdAt")  # the account's address and phone are left behind


def begins_posts(head: bytes) -> bool:
    """Whether a file that begins like this holds an export's posts."""
    return bool(_POSTS.match(head))


@dataclass(frozen=True, slots=True)
class Export:
    """What of an export stands beside its posts: the account, and the whole texts of long posts."""

    account: list[dict[str, object]]
    notes: list[dict[str, Any]]


def posts(file: IO[bytes], export: Export) -> bytes:
    """A file of an export's posts as one page: its posts as they stand there, beside the account."""
    data = _plain(rest(file))
    if export.notes:
        data = _with_notes(data, export.notes)
    return b'{"account":' + json.dumps(export.account).encode() + b',"tweets":' + data + b"}"


def packed(archive: zipfile.ZipFile) -> Export:
    """What is beside the posts in a zip."""
    def read(name: str) -> bytes:
        with archive.open(name) as file:
            return rest(file)

    names = archive.namelist()
    return _export(lambda pattern: [read(name) for name in names if pattern.search(name)])


def unpacked(folder: Path) -> Export:
    """The same of an export that was unpacked."""
    def read(path: Path) -> bytes:
        with path.open("rb") as file:
            return rest(file)

    paths = sorted(folder.glob("*.js"))
    return _export(lambda pattern: [read(path) for path in paths if pattern.search(path.name)])


def _export(read: Callable[[re.Pattern[str]], list[bytes]]) -> Export:
    notes = [n.get("noteTweet") for data in read(_NOTES) for n in _listed(data)]
    return Export([owner for data in read(_ACCOUNT)[:1] for owner in _owner(data)],
                  [n for n in notes if isinstance(n, dict) and isinstance(n.get("core"), dict)])


def _with_notes(data: bytes, notes: list[dict[str, Any]]) -> bytes:
    """Posts with the whole text of those that are cut: told by the moment they were made and how they begin."""
    tweets = _listed(data)
    made: dict[datetime | None, list[str]] = {}
    for note in notes:
        made.setdefault(_moment(note.get("createdAt")), []).append(str(note["core"].get("text", "")))
    for entry in tweets:
        tweet = entry["tweet"] if isinstance(entry.get("tweet"), dict) else entry
        begins = str(tweet.get("full_text", "")).rpartition("\u2026")[0]
        found = [text for text in made.get(_moment(tweet.get("created_at")), ())
                 if begins and unescape(text).startswith(unescape(begins))]
        if len(found) == 1:
            tweet["note_tweet"] = {"text": found[0]}
    return json.dumps(tweets, ensure_ascii=False).encode("utf-8", "surrogatepass") if tweets else data


def _moment(text: Any) -> datetime | None:
    """A moment of either kind that exports have, to the second."""
    for read in (datetime.fromisoformat, lambda t: datetime.strptime(t, "%a %b %d %H:%M:%S %z %Y")):
        try:
            return read(str(text)).replace(microsecond=0)
        except ValueError:
            continue
    return None


def _listed(data: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(_plain(data))
    except (ValueError, RecursionError):
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _owner(data: bytes) -> list[dict[str, object]]:
    accounts = [a["account"] for a in _listed(data) if isinstance(a.get("account"), dict)]
    return [{"account": {k: account.get(k) for k in _KEPT}} for account in accounts]


def _plain(data: bytes) -> bytes:
    return _BEGIN.sub(b"", data.removeprefix(b"\xef\xbb\xbf"), count=1).strip().rstrip(b";")

"""What an archive says about its own files, read as input of a stranger: plain names of known patterns, nothing else.

An archive may have been made by anybody. Names found in its intents and markers are used only when they match the
names xframes gives its files, and only for regular files inside the archive, never through links.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import TYPE_CHECKING, Any

from xframes.archive.storage.paths import open_binary, read_text
from xframes.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive.storage.bucket import Place

_ID = "[0-9a-f]{12,40}"
_SUM = "(?:-(?P<checksum>[0-9a-f]{8}))?"  # CRC-32 of the file; the first archives have none
PART = re.compile(rf"part-(?P<id>{_ID}){_SUM}\.parquet")
BASE = re.compile(rf"base-(?P<generation>{_ID})-(?P<number>[0-9]{{1,7}}){_SUM}\.parquet")
SETTLED = re.compile(rf"settled-{_ID}-(?P<checksum>[0-9a-f]{{8}})\.parquet")  # which rows of a family hold
MARKER = re.compile(rf"replaced-(?P<id>{_ID})\.json")  # names files beside it that others replace
INTENT = re.compile(rf"commit-{_ID}\.json")  # lists files about to appear together
TEMP = re.compile(rf"{_ID}\.(parquet|json)")
LOCK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
PURGED = "purged.json"  # in the folder of tombstones: those that a purge has dealt with
OWN_NAMES = ("xframes.json", "pages", "tables", "damaged", ".tmp", ".locks", "journal.mark", "journal.sqlite",
             "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite-journal")
_CHUNK = 1 << 20
_LARGEST = 64_000_000  # bytes of a bookkeeping file; a marker of 10,000 names has half a million


def is_data_file(name: str) -> bool:
    """Whether a name is one that files of pages and tables have."""
    return bool(PART.fullmatch(name) or BASE.fullmatch(name))


def is_kept_file(name: str) -> bool:
    """Whether a name is one of a data file, or of a record of what is settled among them."""
    return is_data_file(name) or SETTLED.fullmatch(name) is not None


def part_name(file: Path, *, beside: Place | None = None) -> str:
    """Name a finished temporary file of pages or rows, with its checksum; `beside` gives it another part's time."""
    hit = PART.fullmatch(beside.name) if beside is not None else None
    began = hit["id"] if hit else file.stem
    return f"part-{began[:12]}{file.stem[12:]}-{_checksum(file)}.parquet"


def base_name(file: Path, generation: str, number: int) -> str:
    """Name a finished temporary file of compacted rows, with its checksum."""
    return f"base-{generation}-{number:04}-{_checksum(file)}.parquet"


def settled_name(file: Path) -> str:
    """Name a finished temporary file that records what is settled, with its checksum."""
    return f"settled-{file.stem}-{_checksum(file)}.parquet"


def is_as_named(place: Place) -> bool:
    """Whether a file's content has the checksum in its name, if there is one."""
    hit = PART.fullmatch(place.name) or BASE.fullmatch(place.name) or SETTLED.fullmatch(place.name)
    return hit is None or hit["checksum"] is None or hit["checksum"] == _checksum(place)


def _checksum(place: Place) -> str:
    found = 0
    with open_binary(place) as file:
        while data := file.read(_CHUNK):
            found = zlib.crc32(data, found)
    return f"{found:08x}"


def is_link(path: Path) -> bool:
    """Whether a path leads elsewhere: a symbolic link, or a junction on Windows."""
    return path.is_symlink() or getattr(os.path, "isjunction", lambda _: False)(path)


def is_inside_name(text: str) -> bool:
    """Whether a text names a file of pages or of a table, or a marker beside them, relative to the archive."""
    home, _, name = text.rpartition("/")
    top, _, table = home.partition("/")
    known = home == "pages" or (top == "tables" and table in TABLES)
    is_record = top == "tables" and SETTLED.fullmatch(name)
    return known and bool(is_data_file(name) or is_record or MARKER.fullmatch(name))


def read_document(place: Place) -> Any:
    """Read a small JSON file. Raises FileNotFoundError, and ValueError for what is no plain file of plain JSON."""
    try:
        return json.loads(read_text(place, most=_LARGEST))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_names(place: Place) -> list[str]:
    """The names of files that a marker lists; none when another process has just removed it.

    Raises ValueError when it lists anything else.
    """
    try:
        found = read_document(place)
    except FileNotFoundError:
        return []
    if not isinstance(found, list) or not all(isinstance(n, str) and is_kept_file(n) for n in found):
        raise ValueError("it lists something other than files of its own folder")
    return found


def read_moves(intent: Path) -> list[tuple[str, str]]:
    """The pairs of an intent: a temporary file's name, and the place inside the archive where it belongs.

    Raises FileNotFoundError when another process has just completed it, ValueError when it names anything else.
    """
    found = read_document(intent)
    moves = []
    for pair in found if isinstance(found, list) else [found]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise ValueError("it lists something other than pairs of names")
        temp, final = pair
        if not TEMP.fullmatch(temp):
            raise ValueError(f"{temp!r:.80} is not the name of a temporary file")
        if not is_inside_name(final):
            raise ValueError(f"{final!r:.80} is not a place of a file in this archive")
        moves.append((temp, final))
    return moves

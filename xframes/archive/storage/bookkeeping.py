"""The names of the files of an archive, and the small JSON files that list such names.

An archive may come from a stranger. Names read from its intents and markers are used only if they
match the patterns below, and only for regular files inside the archive, never through links.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import TYPE_CHECKING, Any

from xframes.archive.storage.paths import open_binary, read_text
from xframes.schema import STORED

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive.storage.bucket import Place

_ID = "[0-9a-f]{12,40}"
_SUM = "(?:-(?P<checksum>[0-9a-f]{8}))?"  # CRC-32 of the file; archives of early versions lack it
PART = re.compile(rf"part-(?P<id>{_ID}){_SUM}\.parquet")
BASE = re.compile(rf"base-(?P<generation>{_ID})-(?P<number>[0-9]{{1,7}}){_SUM}\.parquet")
SETTLED = re.compile(rf"_settled-{_ID}-(?P<checksum>[0-9a-f]{{8}})\.pq")  # see `settled`
MARKER = re.compile(rf"replaced-(?P<id>{_ID})\.json")  # lists replaced files of its own folder
INTENT = re.compile(rf"commit-{_ID}\.json")  # lists files that appear together
TEMP = re.compile(rf"{_ID}\.(parquet|json)")
LOCK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
PURGED = "purged.json"  # in the folder of tombstones: the files that a purge has cleaned
OWN_NAMES = (
    "xframes.json",
    "pages",
    "tables",
    "damaged",
    ".tmp",
    ".locks",
    "journal.mark",
    "journal.sqlite",
    "journal.sqlite-wal",
    "journal.sqlite-shm",
    "journal.sqlite-journal",
)
_CHUNK = 1 << 20
_LARGEST = 64_000_000  # bytes of one such JSON file; a marker of 10,000 names has half a million


def is_data_file(name: str) -> bool:
    """Whether this is the name of a file of pages or rows."""
    return bool(PART.fullmatch(name) or BASE.fullmatch(name))


def is_kept_file(name: str) -> bool:
    """Whether a name is that of a data file, or of a record of which rows of them hold."""
    return is_data_file(name) or SETTLED.fullmatch(name) is not None


def part_name(file: Path, *, next_to: Place | None = None) -> str:
    """Return the final name of a finished temporary file of pages or rows, with its checksum.

    With `next_to`, the name sorts next to that part: it begins with the same time.
    """
    began = file.stem
    if next_to is not None and (hit := PART.fullmatch(next_to.name)):
        began = hit["id"]
    return f"part-{began[:12]}{file.stem[12:]}-{_checksum(file)}.parquet"


def base_name(file: Path, generation: str, number: int) -> str:
    """Return the final name of a finished temporary file of compacted rows, with its checksum."""
    return f"base-{generation}-{number:04}-{_checksum(file)}.parquet"


def settled_name(file: Path) -> str:
    """Return the final name of a finished temporary file that records which rows hold."""
    return f"_settled-{file.stem}-{_checksum(file)}.pq"


def is_as_named(place: Place) -> bool:
    """Whether a file has the checksum that its name says; True if the name has none."""
    patterns = (PART, BASE, SETTLED)
    hit = next(filter(None, (pattern.fullmatch(place.name) for pattern in patterns)), None)
    return hit is None or hit["checksum"] is None or hit["checksum"] == _checksum(place)


def _checksum(place: Place) -> str:
    checksum = 0
    with open_binary(place) as file:
        while data := file.read(_CHUNK):
            checksum = zlib.crc32(data, checksum)
    return f"{checksum:08x}"


def is_link(path: Path) -> bool:
    """Whether a path is a symbolic link, or a junction on Windows."""
    return path.is_symlink() or getattr(os.path, "isjunction", lambda _: False)(path)


def is_inside_name(text: str) -> bool:
    """Whether a text is the path, inside an archive, of a data file or a marker."""
    home, _, name = text.rpartition("/")
    top, _, table = home.partition("/")
    is_data_folder = home == "pages" or (top == "tables" and table in STORED)
    is_record = top == "tables" and SETTLED.fullmatch(name)
    is_known = is_data_file(name) or is_record or MARKER.fullmatch(name)
    return is_data_folder and bool(is_known)


def read_document(place: Place) -> Any:
    """Read a small JSON file.

    Raises FileNotFoundError, and ValueError if it is not a regular file with valid JSON.
    """
    try:
        return json.loads(read_text(place, most=_LARGEST))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_names(place: Place) -> list[str]:
    """Read the names that a marker lists; no names if another process has just removed the marker.

    Raises ValueError if it lists anything else.
    """
    try:
        names = read_document(place)
    except FileNotFoundError:
        return []
    if not _is_list_of_texts(names) or not all(map(is_kept_file, names)):
        raise ValueError("expected a list of names of data files")
    return list(names)


def read_moves(intent: Place) -> list[tuple[str, str]]:
    """Read an intent: pairs of a temporary file's name and its final path inside the archive.

    Raises FileNotFoundError if another process has just completed it, and ValueError if it names
    anything else.
    """
    document = read_document(intent)
    pairs = [document]
    if isinstance(document, list):
        pairs = document
    moves = []
    for pair in pairs:
        if not _is_list_of_texts(pair) or len(pair) != 2:
            raise ValueError("expected pairs of a temporary name and a final path")
        temp, final = pair
        if not TEMP.fullmatch(temp):
            raise ValueError(f"expected the name of a temporary file, got {temp!r:.80}")
        if not is_inside_name(final):
            raise ValueError(f"expected the path of a file in this archive, got {final!r:.80}")
        moves.append((temp, final))
    return moves


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)

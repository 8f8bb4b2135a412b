"""Read CSV files of twarc-csv and pandas as posts in JSON, one page per row."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import json
import re
import sys
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from xframes.reader.damage import NotPages, TooLong
from xframes.reader.rounding import Rounding
from xframes.settings import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE = re.compile(r"referenced_tweets\.(replied_to|quoted|retweeted)\.id")
_WHOLE = re.compile(r"-?\d+\.0")
_COUNTS = (
    "public_metrics.", "edit_controls.edits_remaining", "attachments.poll.duration_minutes",
    "_count",
)
# The last part of columns with text. Their cells are text even if they look like flags or lists.
_TEXTS = frozenset({
    "text", "name", "username", "description", "location", "source", "url", "full_name", "title",
    "retweeted_username", "quoted_username", "in_reply_to_username", "tag", "value",
})
_TWARC = re.compile(r"__twarc\.|author\.|public_metrics\.")
_KINDS: tuple[frozenset[str], ...] = tuple(map(frozenset, (
    ("id", "text"), ("id", "username"), ("id", "author_id"), ("id", "action", "reason"),
    ("id", "owner_id", "name"), ("start", "end", "tweet_count"),
)))
_TAGS = {
    "hashtags": ("#", "tag"), "cashtags": ("$", "tag"), "mentions": ("@", "username"),
    "urls": ("", "expanded_url"),
}
_SAMPLE = 50  # rows that show whether texts are written as JSON
_LARGEST = 2**53  # a larger number with a decimal point has lost digits


def begins_posts(head: bytes) -> bool:
    """Whether a text that begins with these bytes is a table of posts, users, …"""
    line = head.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].decode("utf-8", "replace")
    return _fits(_fields(line))


def _fields(line: str) -> set[str]:
    return {name.strip().strip('"') for name in line.split(_delimiter(line))}


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _fits(columns: set[str]) -> bool:
    return any(columns >= kind for kind in _KINDS)


def _windows(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as written by a spreadsheet on Windows."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start:error.end].decode("cp1252", "replace"), error.end


codecs.register_error("xframes-windows", _windows)


def posts(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Read the posts of a file as JSON. Raises NotPages if it has no columns of posts."""
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="xframes-windows", newline="")
    lines = _Lines(text)
    try:
        first = next(lines, "")
        columns = next(csv.reader([first], delimiter=_delimiter(first)), [])
        if not _fits(set(columns)):
            raise NotPages(
                f"{name}: expected a CSV file of posts, with the columns `id` and `text`, got the "
                f"columns: {', '.join(columns)[:200]}"
            )
        rounding = Rounding()
        for post in _rows(csv.DictReader(lines, columns, delimiter=_delimiter(first)), rounding):
            lines.size = 0
            yield post
        rounding.warn(Path(name).name)
        if problem := rounding.problem(Path(name).name):
            yield problem
    finally:
        text.detach()  # the caller closes the file


class _Lines:
    """The lines of a text. Raises TooLong if a row is too large; `size` is what was read of it."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._most = MAX_LINE.bytes
        self.size = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        found = self._text.readline(self._most - self.size + 1)
        self.size += len(found)
        if self.size > self._most:
            raise TooLong(f"a row is larger than {MAX_LINE.megabytes}")
        if not found:
            raise StopIteration
        return found


def _rows(rows: csv.DictReader[str], rounding: Rounding) -> Iterator[bytes]:
    first = list(islice(rows, _SAMPLE))
    is_twarc = any(map(_TWARC.match, rows.fieldnames or ()))
    cells = _Cells(_has_json_texts(first), is_twarc)
    for row in chain(first, rows):
        post = cells.post(row)
        rounding.add(str(post.get("id", "")))
        yield json.dumps(post, ensure_ascii=False).encode("utf-8", "replace")


def _has_json_texts(rows: list[dict[str, str]]) -> bool:
    """Whether texts are written as JSON, as older versions of twarc-csv do."""
    texts = [row["text"] for row in rows if row.get("text")]
    return bool(texts) and all(t[0] == t[-1] == '"' and isinstance(_loaded(t), str) for t in texts)


def _loaded(cell: str) -> Any:
    """Parse a cell as JSON or as a Python literal, as pandas writes lists; else return the cell."""
    for load in (json.loads, ast.literal_eval):
        try:
            return load(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return cell


class _Cells:
    """Reads the cells of one file, by the program that wrote it."""

    def __init__(self, has_json_texts: bool, is_twarc: bool) -> None:
        self._has_json_texts = has_json_texts
        self._is_twarc = is_twarc

    def post(self, row: dict[str, Any]) -> dict[str, Any]:
        """Convert a row to an object."""
        post: dict[str, Any] = {}
        for name, cell in row.items():
            if not name or not isinstance(cell, str) or cell == "" or name.startswith("Unnamed"):
                continue
            value = self._value(name, cell)
            if hit := _REFERENCE.fullmatch(name):
                post.setdefault("referenced_tweets", []).append({"type": hit[1], "id": value})
            elif (name == "id" or name.endswith(("_id", ".id"))) and not _is_exact(value):
                post[f"{name}_inexact"] = value  # a spreadsheet has rounded it: it is not an id
            else:
                _put(post, name, value)
        return post

    def _value(self, name: str, cell: str) -> Any:
        """Convert a cell: lists, objects, flags and counts as X sends them; all else is text."""
        if self._has_json_texts and cell[0] == cell[-1] == '"':
            text = _loaded(cell)
            return text if isinstance(text, str) else cell
        last = name.rpartition(".")[2]
        if last in _TEXTS and self._is_twarc and not self._has_json_texts:
            return cell.replace("\\n", "\n")  # twarc-csv escapes line breaks
        if last in _TEXTS:
            return cell
        if cell[0] in "[{":
            items = _loaded(cell)
            if last in _TAGS and isinstance(items, list):
                return [_entity(last, item) for item in items]
            return items
        return _flag_or_number(name, cell)


def _flag_or_number(name: str, cell: str) -> Any:
    if cell in {"True", "False"}:
        return cell == "True"
    if any(part in name for part in _COUNTS) and (_WHOLE.fullmatch(cell) or cell.isdecimal()):
        return int(cell.removesuffix(".0"))
    if name.endswith("id") and _WHOLE.fullmatch(cell) and float(cell) < _LARGEST:
        return cell.removesuffix(".0")
    return cell


def _is_exact(value: Any) -> bool:
    """Whether an id is complete, and not a number that a spreadsheet has rounded."""
    if not isinstance(value, str):
        return True
    return not re.fullmatch(r"-?\d+(?:[.,]\d+)?(?:[eE]\+?\d+)|\d+\.\d+", value)


def _entity(kind: str, item: Any) -> Any:
    """Return an entity as an object, also if the file has only its text."""
    if not isinstance(item, str):
        return item
    sign, name = _TAGS[kind]
    return {name: item.removeprefix(sign)}


def _put(post: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    here = post
    for part in parts:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        here = inner
    here[last] = value

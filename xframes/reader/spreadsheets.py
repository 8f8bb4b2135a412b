"""Rows of CSV files that twarc-csv and pandas write → posts in JSON, each a page as twarc's flattened posts are."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import json
import re
import sys
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any, Self

from xframes.reader.damage import NotPages, TooLong
from xframes.settings import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE = re.compile(r"referenced_tweets\.(replied_to|quoted|retweeted)\.id")
_WHOLE = re.compile(r"-?\d+\.0")
_COUNTS = ("public_metrics.", "edit_controls.edits_remaining", "attachments.poll.duration_minutes", "_count")
# Texts as people wrote them, by the last part of their column: what looks like a flag or a list in them is text.
_TEXTS = frozenset({"text", "name", "username", "description", "location", "source", "url", "full_name", "title",
                    "retweeted_username", "quoted_username", "in_reply_to_username", "tag", "value"})
_TWARC = re.compile(r"__twarc\.|author\.|public_metrics\.")
_KINDS: tuple[frozenset[str], ...] = tuple(map(frozenset, (
    ("id", "text"), ("id", "username"), ("id", "author_id"), ("id", "action", "reason"), ("id", "owner_id", "name"),
    ("start", "end", "tweet_count"),
)))
_TAGS = {"hashtags": ("#", "tag"), "cashtags": ("$", "tag"), "mentions": ("@", "username"),
         "urls": ("", "expanded_url")}
_LOOKED_AT = 50  # rows by which it is told whether texts are written as JSON
_LARGEST = 2**53  # above it a number with a point has lost digits


def begins_posts(head: bytes) -> bool:
    """Whether a text that begins like this is a table with columns of posts, users, …"""
    line = head.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].decode("utf-8", "replace")
    return _fits(_fields(line))


def _fields(line: str) -> set[str]:
    return {name.strip().strip('"') for name in line.split(_delimiter(line))}


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _fits(columns: set[str]) -> bool:
    return any(columns >= kind for kind in _KINDS)


def _windows(error: UnicodeError) -> tuple[str, int]:
    """What is no UTF-8 was written by a spreadsheet on Windows."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start:error.end].decode("cp1252", "replace"), error.end


codecs.register_error("xframes-windows", _windows)


def posts(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The posts of a file, as JSON. Raises NotPages when its columns are not those of posts."""
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="xframes-windows", newline="")
    lines = _Lines(text)
    try:
        first = next(lines, "")
        columns = next(csv.reader([first], delimiter=_delimiter(first)), [])
        if not _fits(set(columns)):
            raise NotPages(f"{name} is no CSV file of posts: it has no column `id` beside `text` "
                               "(as twarc-csv's have)")
        for post in _rows(csv.DictReader(lines, columns, delimiter=_delimiter(first))):
            lines.size = 0
            yield post
    finally:
        text.detach()  # whose file it is closes it


class _Lines:
    """The lines of a text. Raises TooLong when a row is: `size` counts what came since the last."""

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


def _rows(rows: csv.DictReader[str]) -> Iterator[bytes]:
    first = list(islice(rows, _LOOKED_AT))
    way = _Way(_written_as_json(first), any(map(_TWARC.match, rows.fieldnames or ())))
    for row in chain(first, rows):
        yield json.dumps(way.post(row), ensure_ascii=False).encode("utf-8", "replace")


def _written_as_json(rows: list[dict[str, str]]) -> bool:
    """Whether a file's texts are JSON in their cells, as older versions of twarc-csv write them."""
    texts = [row["text"] for row in rows if row.get("text")]
    return bool(texts) and all(t[0] == t[-1] == '"' and isinstance(_loaded(t), str) for t in texts)


def _loaded(cell: str) -> Any:
    """A cell's JSON, or what pandas writes of Python's lists and dicts; the cell itself where it is neither."""
    for load in (json.loads, ast.literal_eval):
        try:
            return load(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return cell


class _Way:
    """How the cells of a file are read."""

    def __init__(self, as_json: bool, twarc: bool) -> None:
        self._as_json = as_json
        self._twarc = twarc

    def post(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as an object."""
        post: dict[str, Any] = {}
        for name, cell in row.items():
            if not name or not isinstance(cell, str) or cell == "" or name.startswith("Unnamed"):
                continue
            value = self._value(name, cell)
            if hit := _REFERENCE.fullmatch(name):
                post.setdefault("referenced_tweets", []).append({"type": hit[1], "id": value})
            elif (name == "id" or name.endswith(("_id", ".id"))) and not _is_exact(value):
                post[f"{name}_inexact"] = value  # a spreadsheet has cut its last digits: it names nothing
            else:
                _put(post, name, value)
        return post

    def _value(self, name: str, cell: str) -> Any:
        """A cell as JSON: lists and objects as they were, flags and counts as X sends them, all else as text."""
        if self._as_json and cell[0] == cell[-1] == '"':
            found = _loaded(cell)
            return found if isinstance(found, str) else cell
        last = name.rpartition(".")[2]
        if last in _TEXTS:
            return cell.replace("\\n", "\n") if self._twarc and not self._as_json else cell  # twarc-csv writes it so
        if cell[0] in "[{":
            found = _loaded(cell)
            return [_entity(last, item) for item in found] if last in _TAGS and isinstance(found, list) else found
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
    """Whether an id still is one: no number a spreadsheet has rounded."""
    return not isinstance(value, str) or not re.fullmatch(r"-?\d+(?:[.,]\d+)?(?:[eE]\+?\d+)|\d+\.\d+", value)


def _entity(kind: str, item: Any) -> Any:
    """An entity that was written as its text alone."""
    sign, name = _TAGS[kind]
    return {name: item.removeprefix(sign)} if isinstance(item, str) else item


def _put(post: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    here = post
    for part in parts:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        here = inner
    here[last] = value

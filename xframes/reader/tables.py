"""Rows of CSV files that twarc-csv writes → posts in JSON, each a page as twarc's flattened posts are."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from typing import IO, TYPE_CHECKING, Any

from xframes.errors import XframesError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE = re.compile(r"referenced_tweets\.(replied_to|quoted|retweeted)\.id")
_WHOLE = re.compile(r"-?\d+\.0")
_COUNTS = ("public_metrics.", "edit_controls.edits_remaining", "attachments.poll.duration_minutes")


def posts(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The posts of a file, as JSON. Raises XframesError when its columns are not those of posts."""
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _rows(csv.DictReader(text), name)
    finally:
        text.detach()  # whose file it is closes it


def _rows(rows: csv.DictReader[str], name: str) -> Iterator[bytes]:
    if "id" not in (rows.fieldnames or ()) or not {"text", "username", "author_id"} & set(rows.fieldnames or ()):
        raise XframesError(f"{name} is no CSV file of posts: it has no column `id` beside `text` (as twarc-csv's have)")
    for row in rows:
        yield json.dumps(_post(row), ensure_ascii=False).encode()


def _post(row: dict[str, Any]) -> dict[str, Any]:
    post: dict[str, Any] = {}
    for name, cell in row.items():
        if not isinstance(name, str) or not isinstance(cell, str) or cell == "" or name.startswith("Unnamed"):
            continue
        if hit := _REFERENCE.fullmatch(name):
            post.setdefault("referenced_tweets", []).append({"type": hit[1], "id": cell})
        else:
            _put(post, name, _value(name, cell))
    return post


def _put(post: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    here = post
    for part in parts:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        here = inner
    here[last] = value


def _value(name: str, cell: str) -> Any:
    """A cell as JSON: lists and objects as they were, flags and counts as X sends them, all else as text."""
    if cell[0] in "[{":
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    if cell in {"True", "False"}:
        return cell == "True"
    if any(part in name for part in _COUNTS) and (_WHOLE.fullmatch(cell) or cell.isdecimal()):
        return int(float(cell)) if "." in cell else int(cell)
    return cell

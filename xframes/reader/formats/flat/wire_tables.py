"""Tables whose columns are paths of the API v2: twarc-csv's, and pandas' of flattened pages."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.readings import is_nothing, literal
from xframes.reader.formats.source_format import Format
from xframes.schema.leaves import Leaf, leaves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Notes

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
_MARK = re.compile(
    r"__twarc\.|author\.|public_metrics|referenced_tweets|entities(\.|$)|attachments|geo\."
    r"|edit_history_tweet_ids|context_annotations"
)
_TWARC = re.compile(r"__twarc\.|author\.|public_metrics\.")
_KINDS: dict[str, frozenset[str]] = {
    "post": frozenset({"id", "text"}), "user": frozenset({"id", "username"}),
    "compliance_result": frozenset({"id", "action", "reason"}),
    "list": frozenset({"id", "owner_id", "name"}),
    "count": frozenset({"start", "end", "tweet_count"}),
}
_TAGS = {
    "hashtags": ("#", "tag"), "cashtags": ("$", "tag"), "mentions": ("@", "username"),
    "urls": ("", "expanded_url"),
}
_LARGEST = 2**53  # a larger number with a decimal point has lost digits
_LIFTED = re.compile(
    r"__twarc\..*|(retweeted|quoted|in_reply_to)_(username|user_id)|type"
    r"|attachments\.(media|poll)(\..*)?|referenced_tweets.*|author|in_reply_to_user"
    r"|.*_inexact|matching_rules.*"
)

WIRE = Format(
    "twarc-csv", "tables with the paths of the API v2 as columns", "flat", "table",
    version="also twarc 2 (twarc-csv 0.1 to 0.7)",
    tables=("posts", "users", "media", "places", "polls", "lists", "counts", "removals",
            "post_references", "post_hashtags", "post_mentions", "post_urls", "post_annotations",
            "post_contexts"),
    observed=("__twarc.retrieved_at",), cannot_say="what its columns do not have",
)


def kind_of(columns: Mapping[str, Any] | list[str]) -> str | None:
    """Return the kind of the objects of a table with such columns, or None."""
    names = set(columns)
    for kind, needed in _KINDS.items():
        if names >= needed and (kind in {"compliance_result", "count"} or _is_wire(names, kind)):
            return kind
    return None


def _is_wire(names: set[str], kind: str) -> bool:
    """Whether more columns than the needed ones are paths of the API v2, and nearly all are."""
    known = sum(is_known(name, kind) for name in names)
    return known > len(_KINDS[kind]) and (
        known == len(names) or any(map(_MARK.match, names))
    )


def is_known(name: str, kind: str) -> bool:
    """Whether a column is read: a path of the objects of that kind, or of what they bring."""
    if kind == "post":
        for prefix in ("author.", "in_reply_to_user."):
            if name.startswith(prefix):
                return _has("user", name.removeprefix(prefix))
        if name.startswith("geo.") and _has("place", name.removeprefix("geo.")):
            return True
        if _LIFTED.fullmatch(name):
            return True
    return _has(kind, name) or name.startswith(("__twarc.", "pinned_tweet"))


@cache
def _has(kind: str, name: str) -> bool:
    leaf: Leaf | None = leaves(kind)
    for part in name.split("."):
        if leaf is None:
            return False
        leaf = leaf.fields.get(part)
        if leaf is not None and leaf.col is not None:
            return True  # items of lists follow
    return leaf is not None


class Cells:
    """Reads the cells of one file, by the program that wrote it."""

    def __init__(self, rows: list[dict[str, Any]], kind: str, notes: Notes) -> None:
        texts = [row["text"] for row in rows if row.get("text")]
        self._has_json_texts = bool(texts) and all(map(_is_quoted, texts))
        names = list(rows[0]) if rows else []
        self._is_twarc = any(map(_TWARC.match, (name for name in names if name)))
        self._kind = kind
        self._notes = notes

    def object(self, row: dict[str, Any]) -> dict[str, Any]:
        """Convert a row to an object."""
        own: dict[str, Any] = {}
        for name, cell in row.items():
            if not name or is_nothing(cell) or name.startswith("Unnamed"):
                continue
            if not is_known(name, self._kind):
                self._notes.add_column(name)
                continue
            value = self._value(name, cell) if isinstance(cell, str) else cell
            if hit := _REFERENCE.fullmatch(name):
                own.setdefault("referenced_tweets", []).append({"type": hit[1], "id": value})
            elif (name == "id" or name.endswith(("_id", ".id"))) and not _is_exact(value):
                # a spreadsheet has rounded it: it is not an id
                self._notes.add_value(name, cell, "expected an id of digits")
            else:
                _put(own, name, value)
        return own

    def _value(self, name: str, cell: str) -> Any:
        """Convert a cell: lists, objects, flags and counts as X sends them; all else is text."""
        if self._has_json_texts and cell[0] == cell[-1] == '"':
            text = literal(cell)
            return text if isinstance(text, str) else cell
        last = name.rpartition(".")[2]
        if last in _TEXTS and self._is_twarc and not self._has_json_texts:
            return cell.replace("\\n", "\n")  # twarc-csv escapes line breaks
        if last in _TEXTS:
            return cell
        if cell[0] in "[{":
            items = literal(cell)
            if last in _TAGS and isinstance(items, list):
                return [_entity(last, item) for item in items]
            return items
        return _flag_or_number(name, cell)


def _is_quoted(text: str) -> bool:
    """Whether a text is written as JSON, as older versions of twarc-csv do."""
    return text[0] == text[-1] == '"' and isinstance(literal(text), str) and len(text) > 1


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


def _put(own: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    here = own
    for part in parts:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        here = inner
    here[last] = value

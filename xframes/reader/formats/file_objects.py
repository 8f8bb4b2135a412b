"""What records of files become: objects of the API v2, pages of them, and notes on the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOLDERS = {"user": "users", "post": "tweets", "media": "media", "place": "places", "poll": "polls"}


@dataclass(slots=True)
class Notes:
    """What of a file was not read: columns, each once, and values; and what was left by choice.

    `mapping` maps columns of the file to those of ours. `left` counts records that were not chosen,
    `refused` those of formats that are not read.
    """

    file: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    new: list[dict[str, str]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    has_time_of_file: bool = False

    def leave(self, label: str, count: int) -> None:
        """Count records that were not chosen."""
        self.left[label] = self.left.get(label, 0) + count

    def refuse(self, format_: str, reason: str) -> None:
        """Note a record of a format that is not read: in full the first time, then counted."""
        if format_ not in self.refused:
            self.new.append({"kind": "refused_format", "detail": f"{reason} ({self.file})",
                             "parameter": format_})
        self.refused[format_] = self.refused.get(format_, 0) + 1

    def add_column(self, name: str) -> None:
        """Note a column or key that was not understood, the first time."""
        if name not in self.columns:
            self.columns.add(name)
            detail = f"the file's column {name} ({self.file}) is not read"
            self.new.append({"kind": "unknown_field", "detail": detail, "parameter": name})

    def add_value(self, name: str, value: Any, expected: str) -> None:
        """Note a value that no column can hold."""
        text = short(value)
        detail = f"the file's column {name} ({self.file}): {expected}, got {text!r}"
        self.new.append({"kind": "bad_value", "detail": detail, "parameter": name, "value": text})

    def add_record(self, detail: str) -> None:
        """Note a record that could not be read."""
        self.new.append({"kind": "unreadable_page", "detail": f"{detail} ({self.file})"})

    def take(self) -> list[dict[str, str]]:
        """Return what was noted since the last call."""
        new, self.new = self.new, []
        return new


def short(value: Any) -> str:
    """Return the beginning of a value for a message."""
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (ValueError, RecursionError):
            value = f"a {type(value).__name__}"
    return str(value.encode("utf-8", "replace").decode()[:200])


@dataclass(slots=True)
class Objects:
    """The objects of one record: its own (`main`), and those that a page includes.

    `parts` are the objects by whose they are: "" is the record's own.
    """

    kind: str
    parts: dict[str, dict[str, Any]] = field(default_factory=lambda: {"": {}})
    rows: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    includes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def main(self) -> dict[str, Any]:
        """The record's own object."""
        return self.parts[""]

    def part(self, of: str) -> dict[str, Any]:
        """Return the object of that name; create it if it is missing."""
        return self.parts.setdefault(of, {})

    def include(self, kind: str, item: dict[str, Any]) -> None:
        """Add an included object."""
        self.includes.setdefault(_HOLDERS[kind], []).append(item)

    def refer(self, type_: str, id_: str) -> None:
        """Add a reference to a post."""
        references = self.main.setdefault("referenced_tweets", [])
        if {"type": type_, "id": id_} not in references:
            references.append({"type": type_, "id": id_})

    def attach(self, media: dict[str, Any]) -> None:
        """Add a medium to the record's own object."""
        keys = self.main.setdefault("attachments", {}).setdefault("media_keys", [])
        if media["media_key"] not in keys:
            keys.append(media["media_key"])
            self.include("media", media)

    def page(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return the page of the record alone."""
        data = []
        if self.main:
            data = [self.main]
        return {"data": data, "includes": self.includes, **extra}


@dataclass(slots=True)
class Converted:
    """A page of a file: as the API v2 has it, with its request and time where the file has them.

    `is_exact` says that its time is that of a row, which the order of pages does not change.
    """

    document: dict[str, Any]
    kind: str = "post"
    action: str | None = None
    args: dict[str, str] = field(default_factory=dict)
    observed_at: Any = None
    params: dict[str, str] = field(default_factory=dict)
    is_exact: bool = False

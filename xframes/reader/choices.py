"""What the user chose for the reading of files: what of an export, which columns, which time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xframes.errors import ArgumentError
from xframes.reader.formats.flat.plain_tables import mapped
from xframes.reader.formats.readings import as_time

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("likes", "follows", "blocks", "mutes", "lists", "messages", "profile", "deleted")
ALL = "all"


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of one import.

    `include` are kinds of an account's export that are read besides its posts, `columns` maps
    columns of files to those of ours, `observed_at` is when the files were collected. With
    `is_named`, the user named the file, so what it has alone is read in any case.
    """

    include: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    observed_at: datetime | None = None
    is_named: bool = True


def choices(
    include: str | Iterable[str] = (),
    columns: Mapping[str, str] | None = None,
    observed_at: datetime | str | None = None,
) -> Choices:
    """Return checked choices. Raises ArgumentError."""
    if isinstance(include, str):
        include = include.split(",")
    names = {name.strip() for name in include if name.strip()}
    if unknown := sorted(names - {*KINDS, ALL}):
        raise ArgumentError(
            f"include: expected some of {', '.join(KINDS)} or {ALL}, got {unknown[0]!r}"
        )
    if ALL in names:
        names = set(KINDS)
    if columns is not None and not isinstance(columns, Mapping):
        raise ArgumentError(f"columns: expected a mapping, got {type(columns).__name__}")
    if columns:
        mapped(columns)
    return Choices(frozenset(names), dict(columns or {}), _moment(observed_at))


def _moment(value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)
    try:
        return as_time(value)
    except (ValueError, TypeError):
        raise ArgumentError(
            f"observed_at: expected a datetime or an ISO 8601 text, got {value!r}"
        ) from None

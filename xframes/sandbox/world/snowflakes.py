"""Ids and instants: X's snowflake ids carry the moment they were made at.

Instants are Unix milliseconds everywhere in the sandbox's world.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH_MS = 1288834974657  # where X's snowflake ids begin to count
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def snowflake(ms: int, low: int = 0) -> int:
    """Return the id X would assign at `ms`; `low` fills the 22 bits below the instant."""
    return (ms - EPOCH_MS) << 22 | low


def moment(id: int) -> int:
    """Return the Unix milliseconds an id was made at."""
    return (id >> 22) + EPOCH_MS


def stamp(ms: int, *, digits: bool = True) -> str:
    """Return an instant as X writes it: RFC 3339 in UTC with three (zero) digits, or none."""
    text = (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S")
    if digits:
        return f"{text}.000Z"
    return f"{text}Z"


def exact_stamp(ms: int) -> str:
    """Return an instant as X writes it where the milliseconds count."""
    when = datetime.fromtimestamp(ms / 1000, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""One value as text, the same in CSV, JSON and tables."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def plain(value: Any, sep: str = "T") -> str:
    """Format a value as a CSV cell.

    Null is empty, times are ISO 8601 in UTC, lists and structs are JSON.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return moment(value, sep)
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=jsonable)
    return str(jsonable(value))


def jsonable(value: Any) -> Any:
    """Convert a value that JSON lacks: whole decimals to numbers, times and others to text."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, int | float):
        return value
    return str(value)


def _number(value: Decimal) -> int | float:
    if value == value.to_integral_value():
        return int(value)
    return float(value)


def finite(row: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinities by null, because JSON lacks them."""
    return {name: _finite(value) for name, value in row.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def moment(value: datetime, sep: str = "T") -> str:
    """Format a time in ISO 8601, without zero fractions of a second.

    A time with a zone is converted to UTC and ends in `Z`, except in tables (`sep=" "`).
    """
    zone = ""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
        if sep != " ":
            zone = "Z"
    return value.isoformat(sep, timespec=_precision(value)) + zone


def _precision(value: datetime) -> str:
    if value.microsecond % 1000:
        return "microseconds"
    if value.microsecond:
        return "milliseconds"
    return "seconds"

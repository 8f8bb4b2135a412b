"""One value as text, the same in CSV, JSON and tables."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def plain(value: Any, sep: str = "T") -> str:
    """Return a value as a CSV cell: null is empty, times are ISO 8601 in UTC, lists JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value, sep)
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=jsonable)
    return str(jsonable(value))


def jsonable(value: Any) -> Any:
    """Return a value JSON has no type for: times and others as text, whole decimals as numbers."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if isinstance(value, int | float) else str(value)


def finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without NaN and infinities, which JSON does not have."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def moment(value: datetime, sep: str = "T") -> str:
    """Return a time in ISO 8601, as short as possible; with a zone in UTC (`Z`, but in tables)."""
    zone = "" if value.tzinfo is None or sep == " " else "Z"
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    digits = (
        "microseconds"
        if value.microsecond % 1000
        else "milliseconds"
        if value.microsecond
        else "seconds"
    )
    return value.isoformat(sep, timespec=digits) + zone

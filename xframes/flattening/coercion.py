"""Conversion of one odd value to its column's type, where that needs no guessing."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from xframes.schema import Type

if TYPE_CHECKING:
    from collections.abc import Callable


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_DIGITS = 12  # of a time in Unix milliseconds, at least
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}\s*")


def coerce(value: Any, type_: Type) -> Any:
    """Return the value as the type's Python value.

    Accepts numbers sent as text, ids sent as numbers and flags sent as words. Raises TypeError,
    ValueError, KeyError or OverflowError when the value cannot be read without guessing.
    """
    return _COERCE[type_](value)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | bytes):
        raise TypeError
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    text = str(value)
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        value = int(value)
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise OverflowError
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError
    return {"true": True, "false": False}[value.lower()]


def _time(value: Any) -> datetime:
    if len(value) >= _MS_DIGITS and value.isdecimal():
        return _EPOCH + timedelta(milliseconds=int(value))
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    return time


def _date(value: Any) -> date:
    if len(value) <= 10:
        return date.fromisoformat(value)
    return _time(value).astimezone(UTC).date()


def _json(value: Any) -> str | None:
    if isinstance(value, str):
        return _text(value)
    text = bytes(value).decode("utf-8", "replace")
    if text == "null":
        return None
    return text


def _texts(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [_text(v) for v in value]
    return [_text(value)]


_COERCE: dict[Type, Callable[[Any], Any]] = {
    Type.STR: _text, Type.INT: _integer, Type.FLOAT: _float, Type.BOOL: _flag,
    Type.TIME: _time, Type.DATE: _date, Type.STRS: _texts, Type.JSON: _json,
}

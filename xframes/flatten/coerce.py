"""One odd value as its column's type, where that takes no guessing."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from xframes.schema import Type

if TYPE_CHECKING:
    from collections.abc import Callable


_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,19}\s*")


def coerce(value: Any, type_: Type) -> Any:
    """The value as the type's Python value: numbers sent as text, ids sent as numbers, flags sent as words.

    Raises TypeError, ValueError, KeyError or OverflowError when it cannot be read without guessing.
    """
    return _COERCE[type_](value)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | bytes):
        raise TypeError
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    text = str(value)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        value = int(value)
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
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


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(value: Any) -> date:
    return date.fromisoformat(value) if len(value) <= 10 else _moment(value).astimezone(UTC).date()


def _json(value: Any) -> str | None:
    if isinstance(value, str):
        return _text(value)
    text = bytes(value).decode("utf-8", "replace")
    return None if text == "null" else text


def _texts(value: Any) -> list[str]:
    return [_text(v) for v in value] if isinstance(value, list | tuple) else [_text(value)]


_COERCE: dict[Type, Callable[[Any], Any]] = {
    Type.STR: _text, Type.INT: _number, Type.FLOAT: _float, Type.BOOL: _flag, Type.TIME: _moment, Type.DATE: _day,
    Type.STRS: _texts, Type.JSON: _json,
}

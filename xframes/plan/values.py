"""Check single arguments, and convert them to the values that X accepts.

Each check needs only the declaration of the parameter.
"""

from __future__ import annotations

import json
import math
import numbers
import operator
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias

from xframes.errors import ArgumentError
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.registry import Param

Time: TypeAlias = datetime | date | str
QUERY_MOST = 4096  # characters of a query in X's specification, for any access
_SLACK = timedelta(minutes=1)  # allowed difference between the clocks of the user and of X
_TIMES = "a date or a time with its time zone, such as 2026-01-31 or 2026-01-31T12:00:00Z"


def check(param: Param, value: Any, *, now: datetime, query_limit: int | None = None) -> Any:
    """Return the value as it is sent: text, int, bool or a list of texts.

    Raises ArgumentError that names the parameter and says what is expected.
    """
    if param.many:
        return _list(param, value)
    if param.kind == "query":
        return _query(param, value, query_limit)
    if param.kind == "time":
        return _time(param, value, now)
    return _SINGLE[param.kind](param, value)


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint for an error: the most similar names, or all names."""
    names = list(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"expected one of: {', '.join(names) or '(none)'}"


def missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


# texts and numbers -------------------------------------------------------------------------------


def _seconds(param: Param, value: Any) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    least = param.min or 0
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value < math.inf:
        raise _unexpected(param, f"a number of seconds, at least {least}", value)
    return float(value)


def _text(param: Param, value: Any) -> str:
    if not isinstance(value, str):
        raise _unexpected(param, "text", value)
    return _bounded(param, _encodable(param, str(value)))


def _encodable(param: Param, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"{param.name}: expected valid Unicode, got half a character at position {error.start}"
        ) from None
    return text


def _bounded(param: Param, text: str) -> str:
    """Check the length, the choices and the pattern of one text."""
    if param.min and not text.strip():
        raise ArgumentError(f"{param.name} is empty")
    if param.min is not None and len(text) < param.min:
        raise ArgumentError(
            f"{param.name}: expected at least {counted(param.min, 'character')}, got {len(text):,}"
        )
    if param.max is not None and len(text) > param.max:
        raise ArgumentError(
            f"{param.name}: expected at most {counted(param.max, 'character')}, got {len(text):,}"
        )
    return _matching(param, text)


def _matching(param: Param, text: str) -> str:
    if param.choices and text not in param.choices:
        hint = near(text, param.choices)
        raise ArgumentError(f"{param.name}: invalid value {text[:60]!r}; {hint}")
    if param.pattern and not re.fullmatch(param.pattern, text):
        subject = _SUBJECTS.get(param.kind, "text")
        raise ArgumentError(
            f"{param.name}: expected {subject} that matches {param.pattern}, got {text[:60]!r}"
            f"{_id_hint(param, text)}"
        )
    return text


def _id_hint(param: Param, text: str) -> str:
    """Say how to find the id if the text is a link or a username."""
    if param.kind not in {"id", "ids"}:
        return ""
    if link := re.fullmatch(r"https?://\S+/(?:status|lists)/(\d+)\S*", text):
        return f". The id in this link is {link[1]}"
    if param.names == "users" and re.fullmatch(r"[A-Za-z0-9_]{1,15}", text):
        return f". If it is a handle, pass '@{text}'"
    return ""


def _query(param: Param, value: Any, query_limit: int | None) -> str:
    if not isinstance(value, str):
        raise _unexpected(param, "text", value)
    query = _encodable(param, str(value))
    if not query.strip():
        raise ArgumentError(f"{param.name} is empty")
    most = min(query_limit or param.max or QUERY_MOST, QUERY_MOST)
    if len(query) > most:
        hint = f"X never accepts more than {QUERY_MOST:,}: split the query"
        if len(query) <= QUERY_MOST:
            hint = f"If your access allows longer queries, use Client(query_limit={QUERY_MOST})"
        raise ArgumentError(
            f"{param.name}: expected at most {counted(most, 'character')}, got {len(query):,}. "
            f"{hint}"
        )
    return query


def _int(param: Param, value: Any) -> int:
    number = _index(value)
    if number is None:
        raise _unexpected(param, "a whole number", value)
    is_low = param.min is not None and number < param.min
    is_high = param.max is not None and number > param.max
    if is_low or is_high:
        raise ArgumentError(f"{param.name}: expected {_range(param)}, got {number:,}")
    return number


def _range(param: Param) -> str:
    if param.min is None:
        return f"at most {param.max:,}"
    if param.max is None:
        return f"at least {param.min:,}"
    return f"{param.min:,} to {param.max:,}"


def _index(value: Any) -> int | None:
    """Return a whole number of any type as int; None for anything else, such as True."""
    if _is_bool(value):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _is_bool(value: Any) -> bool:
    # numpy has a type of its own
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def _bool(param: Param, value: Any) -> bool:
    if _is_bool(value):
        return bool(value)
    raise _unexpected(param, "True or False", value)


def _id(param: Param, value: Any) -> str:
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        value = value.as_py()
    if missing(value):
        raise ArgumentError(f"{param.name}: expected an id, got a missing value ({value})")
    if isinstance(value, str):
        return _matching(param, value.strip())
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        raise ArgumentError(
            f"{param.name}: expected an id, got a float ({value}), which may have lost digits. "
            "Read ids as text, e.g. pandas.read_csv(…, dtype={'id': str})"
        )
    number = _index(value)
    if number is None:
        raise _unexpected(param, "an id as text or whole number", value)
    return _matching(param, str(number))


def _username(param: Param, value: Any) -> str:
    if hasattr(value, "as_py"):
        value = value.as_py()
    if missing(value) or not isinstance(value, str):
        raise _unexpected(param, "text", value)
    return _matching(param, value.strip().removeprefix("@"))


def _json(param: Param, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{param.name}: expected a value that JSON has ({error})") from None


def _file(param: Param, value: Any) -> str:
    try:
        return str(os.fspath(value))
    except TypeError:
        raise _unexpected(param, "a path", value) from None


_SINGLE: dict[str, Callable[[Param, Any], Any]] = {
    "str": _text, "enum": _text, "int": _int, "seconds": _seconds, "bool": _bool, "id": _id,
    "username": _username, "json": _json, "file": _file, "ids": _id, "usernames": _username,
    "enums": _text, "keys": _text, "texts": _text,
}
_SUBJECTS = {
    "id": "an id", "ids": "an id", "username": "a username", "usernames": "a username",
    "keys": "a key",
}


# lists -------------------------------------------------------------------------------------------


def _list(param: Param, value: Any) -> list[str]:
    check_item = _SINGLE[param.kind]
    item_param = replace(param, min=None, max=None)  # these are limits of the list
    items: dict[str, None] = {}
    for position, item in enumerate(items_of(param, value)):
        try:
            items[check_item(item_param, item)] = None
        except ArgumentError as error:
            raise ArgumentError(f"{error} (item {position} of {param.name})") from None
    if not items and param.min:
        raise ArgumentError(f"{param.name} is empty")
    if param.min is not None and len(items) < param.min:
        raise ArgumentError(
            f"{param.name}: expected at least {counted(param.min, 'item')}, got {len(items):,}"
        )
    if param.max is not None and len(items) > param.max and not param.splits:
        raise ArgumentError(
            f"{param.name}: expected at most {counted(param.max, 'item')}, got {len(items):,}"
        )
    return list(items)


def items_of(param: Param, value: Any) -> Iterable[Any]:
    """Return the items of a list, also of text with commas or of a table with one column."""
    if isinstance(value, str) and param.kind == "texts":
        return [value]
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value) if part]
    if isinstance(value, (bytes, bytearray, Mapping)):
        raise _unexpected(param, "a list", value)
    if hasattr(value, "columns"):  # the items of a table would be the names of its columns
        value = _only_column(param, value)
    try:
        return list(value)
    except TypeError:
        return [value]


def _only_column(param: Param, table: Any) -> Any:
    """Return the column of a table of pandas, polars, Arrow or DuckDB."""
    if len(table.columns) != 1:
        raise ArgumentError(
            f"{param.name}: expected a list, got a table of {len(table.columns)} columns. "
            "Pass one column, e.g. table['id']"
        )
    if hasattr(table, "fetchall"):  # a DuckDB relation
        return [row[0] for row in table.fetchall()]
    if hasattr(table, "column_names"):  # an Arrow table
        return table.columns[0]
    return table[table.columns[0]]


def _unexpected(param: Param, expected: str, value: Any) -> ArgumentError:
    got = "None"
    if value is not None:
        got = f"{type(value).__name__} {str(value)[:40]!r}"
    return ArgumentError(f"{param.name}: expected {expected}, got {got}")


# times -------------------------------------------------------------------------------------------


def _time(param: Param, value: Any, now: datetime) -> str:
    """Return whole seconds in UTC; fractions are cut off, because X refuses them."""
    when = moment(param.name, value)
    if param.earliest:
        first, reach = _earliest(param.earliest, now)
        if when < first - _SLACK:
            raise ArgumentError(
                f"{param.name}: expected {stamp(first)} or later ({reach}), got {stamp(when)}"
            )
    return stamp(when)


def _earliest(declared: str, now: datetime) -> tuple[datetime, str]:
    """Return the earliest time that X has, such as "-7d", and describe it."""
    if relative := re.fullmatch(r"-(\d+)d", declared):
        days = int(relative[1])
        return now - timedelta(days=days), f"X has the last {counted(days, 'day')}"
    first = datetime.fromisoformat(declared)
    if first.tzinfo is None:
        first = first.replace(tzinfo=UTC)
    return first, f"X has times from {declared}"


def moment(name: str, value: Any) -> datetime:
    """Return a time that users pass, in UTC: an aware datetime, ISO 8601 text or a date.

    A date, also as text, is its midnight in UTC. A time of day needs its time zone. Raises
    ArgumentError that names the argument.
    """
    if missing(value):
        raise ArgumentError(f"{name}: expected a time, got a missing value ({value})")
    when = value
    if type(value).__name__ == "datetime64":
        when = str(value)  # numpy's dates, and its times, which have no time zone
    if isinstance(when, str):
        when = _parsed(name, when.strip())
    if not isinstance(when, date):
        raise ArgumentError(
            f"{name}: expected {_TIMES}, got {type(value).__name__} {str(value)[:40]!r}"
        )
    if not isinstance(when, datetime):
        when = datetime.combine(when, time(), UTC)
    if when.utcoffset() is None:
        text = when.isoformat()
        raise ArgumentError(
            f"{name}: expected a time with its time zone, got {text}. For UTC, use {text}Z"
        )
    try:
        return when.astimezone(UTC)
    except (OverflowError, ValueError):
        raise ArgumentError(f"{name}: the time {value} is out of range") from None


def _parsed(name: str, text: str) -> date:
    """Parse a date, or a time that may lack its zone."""
    for parse in (date.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            return parse(text)
    raise ArgumentError(f"{name}: expected {_TIMES}, got {text[:40]!r}")


def stamp(when: datetime) -> str:
    """Return a time as X accepts it: whole seconds in UTC."""
    return when.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

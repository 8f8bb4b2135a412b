"""Arguments as people give them → values as X takes them. Each check knows only the parameter's declaration."""

from __future__ import annotations

import json
import math
import numbers
import operator
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.registry import Param

QUERY_MOST = 4096  # characters of a query X's spec allows anybody
_SLACK = timedelta(minutes=1)  # between a user's clock and X's; X itself has the last word
_WITH_ZONE = "write it with its zone: '2026-01-31T12:00:00Z' or datetime(2026, 1, 31, 12, tzinfo=timezone.utc)"


def check(param: Param, value: Any, *, now: datetime, query_limit: int | None = None) -> Any:
    """The value as it is sent: text, int, bool or a list of texts. Raises ArgumentError naming the way out."""
    if param.many:
        return _list(param, value)
    if param.kind == "query":
        return _query(param, value, query_limit)
    if param.kind == "time":
        return _time(param, value, now)
    return _SINGLE[param.kind](param, value)


def near(name: str, known: Iterable[str]) -> str:
    """A hint for an error: the nearest known names, or all of them."""
    names = list(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(names) or 'none'}"


def missing(value: object) -> bool:
    """Whether a value is None or one of the data world's words for nothing: NaN, NaT, NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124  NaN alone differs from itself


# texts and numbers ---------------------------------------------------------------------------------------------------


def _seconds(param: Param, value: Any) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not (param.min or 0) <= value < math.inf:
        raise ArgumentError(f"{param.name} must be a number of seconds, {param.min or 0} at least, not {_shown(value)}")
    return float(value)


def _text(param: Param, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{param.name} must be text, not {_shown(value)}")
    return _bounded(param, _encodable(param, str(value)))


def _encodable(param: Param, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{param.name} has half a character at position {error.start}; it cannot be sent") from None
    return text


def _bounded(param: Param, text: str) -> str:
    """Length, choices and pattern of one text."""
    if param.min and not text.strip():
        raise ArgumentError(f"{param.name} is empty")
    if param.min is not None and len(text) < param.min:
        raise ArgumentError(f"{param.name} has {len(text)} characters; X takes {param.min} at least")
    if param.max is not None and len(text) > param.max:
        raise ArgumentError(f"{param.name} has {len(text):,} characters; X takes {param.max:,} at most")
    return _matching(param, text)


def _matching(param: Param, text: str) -> str:
    if param.choices and text not in param.choices:
        raise ArgumentError(f"{param.name} cannot be {text[:60]!r}; {near(text, param.choices)}")
    if param.pattern and not re.fullmatch(param.pattern, text):
        hint = _way_to_id(param, text) if param.kind in {"id", "ids"} else ""
        raise ArgumentError(
            f"{param.name} cannot be {text[:60]!r}: {_EXPLAINED.get(param.kind, '')}{param.pattern}{hint}"
        )
    return text


def _way_to_id(param: Param, text: str) -> str:
    """How to come from what people have at hand, a link or a name, to its id."""
    if link := re.fullmatch(r"https?://\S+/(?:status|lists)/(\d+)\S*", text):
        return f"; of this link it is {link[1]}"
    name = text.removeprefix("@")
    if "user" in param.name and re.fullmatch(r"[A-Za-z0-9_]{1,15}", name):
        return f"; the id of @{name} is in what users.by_username finds"
    return ""


def _query(param: Param, value: Any, query_limit: int | None) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{param.name} must be text, not {_shown(value)}")
    query = _encodable(param, str(value))
    if not query.strip():
        raise ArgumentError(f"{param.name} is empty")
    most = min(query_limit or param.max or QUERY_MOST, QUERY_MOST)
    if len(query) > most:
        wider = (
            f"; if your access allows longer ones (up to {QUERY_MOST:,}), say so: Client(query_limit={QUERY_MOST})"
            if len(query) <= QUERY_MOST else f"; nobody may send more than {QUERY_MOST:,}: split it"
        )
        raise ArgumentError(f"{param.name} has {len(query):,} characters, the limit is {most:,}{wider}")
    return query


def _int(param: Param, value: Any) -> int:
    number = _index(value)
    if number is None:
        raise ArgumentError(f"{param.name} must be a whole number, not {_shown(value)}")
    if (param.min is not None and number < param.min) or (param.max is not None and number > param.max):
        raise ArgumentError(f"{param.name} is {number:,}; X takes {_range(param)}")
    return number


def _range(param: Param) -> str:
    if param.min is None or param.max is None:
        return f"{param.max:,} at most" if param.max is not None else f"{param.min:,} at least"
    return f"{param.min:,} to {param.max:,}"


def _index(value: Any) -> int | None:
    """A whole number as Python's; None for anything else, truth values of numpy 1 included."""
    if _is_bool(value):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}  # numpy's own are no bool


def _bool(param: Param, value: Any) -> bool:
    if _is_bool(value):
        return bool(value)
    raise ArgumentError(f"{param.name} must be True or False, not {_shown(value)}")


def _id(param: Param, value: Any) -> str:
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        value = value.as_py()
    if missing(value):
        raise ArgumentError(f"{param.name} is missing ({value})")
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        raise ArgumentError(
            f"{param.name} is a float ({value}): floats cannot hold ids and may have lost digits already; "
            "keep ids as text, e.g. pandas.read_csv(…, dtype={'id': str})"
        )
    else:
        text = str(_whole(param, value))
    return _matching(param, text)


def _whole(param: Param, value: Any) -> int:
    number = _index(value)
    if number is None:
        raise ArgumentError(f"{param.name} must be an id as text or whole number, not {_shown(value)}")
    return number


def _username(param: Param, value: Any) -> str:
    if hasattr(value, "as_py"):
        value = value.as_py()
    if missing(value) or not isinstance(value, str):
        raise ArgumentError(f"{param.name} must be text, not {_shown(value)}")
    return _matching(param, value.strip().removeprefix("@"))


def _json(param: Param, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{param.name} cannot be sent as JSON: {error}") from None


def _file(param: Param, value: Any) -> str:
    try:
        return str(os.fspath(value))
    except TypeError:
        raise ArgumentError(f"{param.name} must be a path, not {_shown(value)}") from None


_SINGLE: dict[str, Callable[[Param, Any], Any]] = {
    "str": _text, "enum": _text, "int": _int, "seconds": _seconds, "bool": _bool, "id": _id, "username": _username,
    "json": _json, "file": _file, "ids": _id, "usernames": _username, "enums": _text, "keys": _text, "texts": _text,
}
_EXPLAINED = {
    "id": "it must match ", "ids": "each must match ", "username": "names match ", "usernames": "names match ",
    "str": "it must match ", "keys": "each must match ", "texts": "each must match ",
}


# lists ---------------------------------------------------------------------------------------------------------------


def _list(param: Param, value: Any) -> list[str]:
    one = _SINGLE[param.kind]
    each = replace(param, min=None, max=None)  # these bound the list
    found: dict[str, None] = {}
    for position, item in enumerate(_items(param, value)):
        try:
            found[one(each, item)] = None
        except ArgumentError as error:
            raise ArgumentError(f"{error} (item {position} of {param.name})") from None
    if len(found) < (param.min or 0):
        raise ArgumentError(f"{param.name} is empty" if not found else f"{param.name} needs {param.min} at least")
    if param.max is not None and len(found) > param.max and not param.splits:
        raise ArgumentError(f"{param.name} has {len(found):,} items; X takes {param.max:,} at most")
    return list(found)


def _items(param: Param, value: Any) -> Iterable[Any]:
    if isinstance(value, str) and param.kind == "texts":
        return [value]
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value) if part]
    if isinstance(value, (bytes, bytearray, Mapping)):
        raise ArgumentError(f"{param.name} must be a list, not {_shown(value)}")
    if hasattr(value, "columns"):  # iterating a table would give its columns' names
        if len(value.columns) != 1:
            raise ArgumentError(f"{param.name} is a table of {len(value.columns)} columns; give one, e.g. table['id']")
        if hasattr(value, "fetchall"):  # a DuckDB relation
            return [row[0] for row in value.fetchall()]
        value = value.columns[0] if hasattr(value, "column_names") else value[value.columns[0]]
    try:
        return list(value)
    except TypeError:
        return [value]


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}" if value is not None else "None"


# times ---------------------------------------------------------------------------------------------------------------


def _time(param: Param, value: Any, now: datetime) -> str:
    """Whole seconds of UTC, fractions cut off (X takes none)."""
    when = _aware(param, value)
    if param.earliest:
        relative = re.fullmatch(r"-(\d+)d", param.earliest)
        first = now - timedelta(days=int(relative[1])) if relative else _utc(datetime.fromisoformat(param.earliest))
        if when < first - _SLACK:
            reach = f"the last {relative[1]} days" if relative else f"times from {param.earliest} on"
            raise ArgumentError(f"{param.name} is {stamp(when)}, but X reaches back only to {stamp(first)} ({reach})")
    return stamp(when)


def _aware(param: Param, value: Any) -> datetime:
    if missing(value):
        raise ArgumentError(f"{param.name} is missing ({value})")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ArgumentError(f"{param.name} is not a time: {value[:40]!r}; {_WITH_ZONE}") from None
    if not isinstance(value, datetime):
        if isinstance(value, date) or type(value).__name__ == "datetime64":
            raise ArgumentError(f"{param.name} has no time zone ({value}); {_WITH_ZONE}")
        raise ArgumentError(f"{param.name} must be a time, not {_shown(value)}; {_WITH_ZONE}")
    if value.utcoffset() is None:
        local = "or, if it is local time, value.astimezone()"
        raise ArgumentError(f"{param.name} has no time zone ({value}); {_WITH_ZONE}, {local}")
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise ArgumentError(f"{param.name} is out of range ({value})") from None


def _utc(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def stamp(when: datetime) -> str:
    """A time as X takes it: whole seconds of UTC."""
    return when.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

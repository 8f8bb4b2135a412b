"""How values of files are read: ids, numbers, flags, times, texts and lists, as each tool has them.

A reading returns the value as the API v2 has it, None where the file says nothing, and raises
ValueError or TypeError for a value of another kind.
"""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a", "nat", "<na>", "absent", "undefined"})
_LONGEST_NOTHING = 20  # characters, with blanks around it
_WORDS_OF_FLAGS = {
    "true": True, "t": True, "yes": True, "y": True, "1": True, "1.0": True,
    "false": False, "f": False, "no": False, "n": False, "0": False, "0.0": False,
}
_DIGITS = re.compile(r"[0-9]{1,20}")
_WHOLE = re.compile(r"([0-9]{1,15})[.,]0+")
_WHOLE_COUNT = re.compile(r"([0-9]{1,15})[.,]0(?!00$)0*")  # of three zeros, a mark is unclear
_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:[,\u00a0\u202f ][0-9]{3})+|[+-]?[0-9]{1,19}")
ROUNDED = re.compile(r"([0-9]{1,4})(?:[.,]([0-9]{1,2}))?\s?([KkMm])")  # as X shows numbers
_FACTORS = {"k": 1_000, "m": 1_000_000}
_TAG = re.compile(r"<[^>]{0,2000}>")
_ESCAPED_TAG = "&lt;a "
_STATUS = re.compile(r"/status(?:es)?/([0-9]{1,20})")
_LINK = re.compile(r"https?://(?:(?![,;]\s*https?://)[^\s\"'<>|])+")
_SMALL = re.compile(r"\s*[0-9]{1,2}(?:\.0)?\s*")
_WORD = re.compile(r"[^\s,;|\[\]'\"]+")
_ZONE = re.compile(r" (PDT|PST|EDT|EST)(?= [0-9]{4}$|$)")  # as date prints it in the USA
_ZONES = {"PDT": "-0700", "PST": "-0800", "EDT": "-0400", "EST": "-0500"}
_EITHER = re.compile(r"(?:0?[1-9]|1[0-2])([/.-])(?:0?[1-9]|1[0-2])\1[0-9]{4}")
_OFFSET = re.compile(r"\s+(?:GMT\s*)?([+-][0-9]{2}):?([0-9]{2})$")
_FORMATS = (
    "%a %b %d %H:%M:%S %z %Y", "%a, %b %d, %Y", "%b %d, %Y", "%a %b %d %Y", "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z", "%b %d, %Y · %I:%M %p", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d",
    "%d %b %Y %I:%M %p", "%d %b %Y", "%Y-%m-%d %I:%M %p",
)
_LARGEST = 2**53  # a larger number with a decimal point has lost digits
_SECONDS = (1_000_000_000, 4_102_444_800)  # from 2001 to 2100; a thousand times as much in ms


@dataclass(frozen=True, slots=True)
class Reading:
    """A named conversion.

    `samples` are values of a file that it reads; tests and the documentation use them.
    """

    name: str
    convert: Callable[[Any], Any]
    samples: tuple[Any, ...]
    is_text: bool = False  # every text is a value, also `None` and `NA`

    def __call__(self, value: Any) -> Any:
        """Return the value as the API v2 has it. Raises ValueError or TypeError."""
        return self.convert(value)


def is_nothing(value: Any) -> bool:
    """Whether a value of a file says nothing, by itself or by a word for it."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_NOTHING and value.strip().lower() in _NOTHING
    return is_empty(value)


def is_empty(value: Any) -> bool:
    """Whether a value of a file is empty."""
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, list | dict) and not value)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool):
        return str(value)
    raise TypeError("expected a text")


def _id(value: Any) -> str | None:
    if isinstance(value, dict):  # MongoDB writes numbers as objects
        value = value.get("$numberLong", value.get("$numberInt"))
    if isinstance(value, float) and value.is_integer() and 0 <= value < _LARGEST:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise TypeError("expected an id")
    text = value.strip().strip("'\"")
    if whole := _WHOLE.fullmatch(text):
        text = whole[1]
    if not _DIGITS.fullmatch(text):
        raise ValueError("expected an id of digits")
    if set(text) == {"0"}:
        return None
    return text


def _id_after_x(value: Any) -> str | None:
    if isinstance(value, str):
        value = value.strip().removeprefix("x")
    return _id(value)


def _any_id(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    return _id(value)


def _id_in_link(value: Any) -> str | None:
    if isinstance(value, str) and (hit := _STATUS.search(value)):
        return hit[1]
    return None  # a link to something else


def _handle(value: Any) -> str | None:
    return str(_text(value)).strip().removeprefix("@") or None


def _count(value: Any) -> int | None:
    if isinstance(value, dict):
        value = value.get("$numberLong", value.get("$numberInt", value.get("count")))
        if value is None:
            raise ValueError("expected a number")
    if isinstance(value, bool):
        raise TypeError("expected a number")
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _LARGEST:
            raise ValueError("expected a whole number")
        return int(value)
    if isinstance(value, str):
        value = _count_of_text(value.strip())
    if not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("expected a whole number")
    return value


def _count_of_text(text: str) -> int:
    if whole := _WHOLE_COUNT.fullmatch(text):
        return int(whole[1])
    if rounded := ROUNDED.fullmatch(text):
        factor = _FACTORS[rounded[3].lower()]
        return int(rounded[1]) * factor + int((rounded[2] or "").ljust(2, "0")) * factor // 100
    if not _NUMBER.fullmatch(text):
        raise ValueError("expected a whole number")
    return int(re.sub(r"[,\u00a0\u202f ]", "", text))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("expected a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("expected a number")
    return number


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _WORDS_OF_FLAGS:
        return _WORDS_OF_FLAGS[value.strip().lower()]
    raise ValueError("expected true or false")


def as_time(value: Any) -> datetime:
    """Return a time, in UTC where the file names no zone.

    Raises ValueError or TypeError.
    """
    if isinstance(value, dict):
        value = value.get("$date", value.get("$numberLong"))
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str):
        value = value.strip()
        if re.fullmatch(r"[0-9]{10,13}(?:\.[0-9]+)?", value):
            value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_epoch(value)
    if not isinstance(value, str):
        raise TypeError("expected a time")
    return _of_words(value)


def _of_epoch(value: float) -> datetime:
    if not math.isfinite(value):
        raise ValueError("expected a time")
    if value >= _SECONDS[0] * 1000:
        value /= 1000
    if not _SECONDS[0] <= value <= _SECONDS[1]:
        raise ValueError("expected a time")
    return datetime.fromtimestamp(value, UTC)


def _of_words(value: str) -> datetime:
    offset = UTC
    plain = value.removesuffix(" UTC").removesuffix(" GMT")
    if hit := _ZONE.search(value):
        return _of_words(f"{value[:hit.start()]} {_ZONES[hit[1]]}{value[hit.end():]}")
    if _EITHER.match(value):
        raise ValueError(
            "expected a time, and the column does not show whether the day or the month comes "
            "first (2021-03-04 is clear)"
        )
    if hit := _OFFSET.search(plain):
        delta = timedelta(hours=int(hit[1]), minutes=int(hit[1][0] + hit[2]))
        if abs(delta) >= timedelta(days=1):
            raise ValueError("expected a time")
        plain, offset = plain[:hit.start()], timezone(delta)
    try:
        time = datetime.fromisoformat(plain)
    except ValueError:
        time = _of_formats(value, plain)
    if time.tzinfo is None:
        time = time.replace(tzinfo=offset)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a time") from error


def _of_formats(*texts: str) -> datetime:
    for text in texts:
        for form in _FORMATS:
            try:
                return datetime.strptime(text, form)  # noqa: DTZ007  a zone is set by the caller
            except ValueError:
                continue
    raise ValueError("expected a time")


def _time(value: Any) -> str | None:
    return as_time(value).isoformat()


def _app(value: Any) -> str | None:
    """Return the name of an app without the link around it."""
    text = str(_text(value))
    if text.startswith(_ESCAPED_TAG):
        text = unescape(text)
    return _TAG.sub("", text) or None


def items(value: Any) -> list[Any]:
    """Return a list: one of JSON or Python in a text, or words between commas, bars or blanks."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, str):
        raise TypeError("expected a list")
    value = value.strip()
    if value[:1] in "[{(":
        loaded = literal(value)
        if isinstance(loaded, list | tuple | set):
            return list(loaded)
        if isinstance(loaded, dict):
            return [loaded]
    return _WORD.findall(value)


def literal(text: str) -> Any:
    """Return what a text of JSON or of a Python literal holds; the text itself for others."""
    for load in (json.loads, ast.literal_eval):
        try:
            return load(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return text


def _names(value: Any, *keys: str) -> list[str]:
    """Return the texts of a list, whose items may be objects with the text at one of the keys."""
    names = []
    for item in items(value):
        name = item
        if isinstance(item, dict):
            name = next((item[key] for key in keys if not is_nothing(item.get(key))), None)
        if isinstance(name, str | int) and not isinstance(name, bool) and not is_nothing(name):
            names.append(str(name))
    return names


def _refuse_counts(value: Any) -> None:
    """Refuse a number, which is how many there are in tables that do not name them."""
    if isinstance(value, int | float) or _SMALL.fullmatch(str(value)):
        raise ValueError("expected names, got how many there are")


def _tags(value: Any) -> list[str]:
    _refuse_counts(value)
    names = (name.lstrip("#$") for name in _names(value, "text", "tag", "name"))
    return [name for name in names if name]


def _handles(value: Any) -> list[str]:
    _refuse_counts(value)
    names = _names(value, "screen_name", "username", "userName", "screenName")
    return [name for name in (name.lstrip("@") for name in names) if name]


def _ids(value: Any) -> list[str]:
    ids = (_any_id(name) for name in _names(value, "id_str", "id", "user_id"))
    return [id_ for id_ in ids if id_]


def _links(value: Any) -> list[str]:
    if isinstance(value, str) and value[:1] not in "[{":
        return [link.rstrip(",;") for link in _LINK.findall(value)]
    return _names(value, "expanded_url", "expandedUrl", "url", "tcourl")


def paired(fields: Mapping[str, Any], mark: str, **columns: str) -> list[dict[str, str]]:
    """Return objects from columns of lists whose items belong together, by the names of keys.

    `mark` is between the items of a text. Columns of another length than the first are left out.
    """
    lists = {key: _split(fields[name], mark) for key, name in columns.items()
             if not is_nothing(fields.get(name))}
    length = len(next(iter(lists.values()), ()))
    objects = []
    for place in range(length):
        found = {key: values[place] for key, values in lists.items() if len(values) == length}
        objects.append({key: value for key, value in found.items() if not is_nothing(value)})
    return [each for each in objects if each]


def _split(value: Any, mark: str) -> list[str]:
    """Return the texts of a list; empty ones too, because places count."""
    if isinstance(value, str) and value.strip()[:1] not in {"[", "("}:
        return [part.strip() for part in value.strip().split(mark)]
    return ["" if is_nothing(item) else str(item) for item in items(value)]


def _json(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        return literal(value)
    return value


def _point(value: Any) -> dict[str, Any] | None:
    """Return the GeoJSON of a point, given as GeoJSON or as longitude and latitude."""
    if isinstance(value, str):
        value = literal(value)
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,;]+", value.strip(" []()")) if part]
    kind = "Point"
    if isinstance(value, dict) and "longitude" in value and "latitude" in value:
        value = [value["longitude"], value["latitude"]]
    elif isinstance(value, dict):
        kind, value = value.get("type", kind), value.get("coordinates")
    if kind != "Point" or not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("expected a point")
    longitude, latitude = (_number(item) for item in value)
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _point_of_latitude(value: Any) -> dict[str, Any] | None:
    """Return the GeoJSON of a point that is given as latitude and longitude."""
    point = _point(value)
    if point is not None and not isinstance(value, dict):
        point["coordinates"].reverse()
    return point


TEXT = Reading("text", _text, ("Tide tables", "fog, wind"), is_text=True)
ID = Reading("id", _id, ("1410000000000000001", "501"))
ID_AFTER_X = Reading("id after an x", _id_after_x, ("x1410000000000000001",))
ANY_ID = Reading("id, also a scrambled one", _any_id, ("501", "c2Nhcg="))
ID_IN_LINK = Reading("id in a link", _id_in_link, ("https://x.com/ana/status/1410000000000000002",))
HANDLE = Reading("handle", _handle, ("ana", "@bo"), is_text=True)
COUNT = Reading("number", _count, ("12", "0", "1,234"))
NUMBER = Reading("decimal number", _number, ("51.5", "-0.12"))
FLAG = Reading("flag", _flag, ("True", "false", "1", "0"))
TIME = Reading("time", _time, ("2021-07-06 16:04:47", "2021-07-06T16:04:47.000Z"))
APP = Reading("name of an app", _app, ('<a href="http://example.org/app">Kettle App</a>', "Kettle"))
TAGS = Reading("tags", _tags, ("rain,wind", "['rain']"))
HANDLES = Reading("handles", _handles, ("bo,cy",))
IDS = Reading("ids", _ids, ("502,503",))
LINKS = Reading("links", _links, ("https://ana.example.org/a",))
OBJECTS = Reading("objects", lambda value: value, ([{}],))  # as `prepare` of a shape returns them
JSON = Reading("JSON", _json, ('{"a": 1}',))
POINT = Reading("point, longitude first", _point, ("[-0.12, 51.5]",))
POINT_OF_LATITUDE = Reading("point, latitude first", _point_of_latitude, ("51.5, -0.12",))

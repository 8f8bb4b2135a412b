"""Tables that pandas made of objects: paths as names of columns, lists and objects in cells."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import joined, read_record
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import is_nothing, literal
from xframes.reader.formats.scrapers import apify, snscrape
from xframes.reader.formats.source_format import Format, Shape
from xframes.reader.formats.v11.answers import POST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Notes

# snscrape's objects as Python prints them
_PRINTED = re.compile(r"(?:User|UserRef|Tweet|TweetRef)\((.*)\)", re.DOTALL)
_FIELD = re.compile(r"\b(username|id|displayname)=(?:'([^']*)'|\"([^\"]*)\"|(\d+))")
_VECTOR = re.compile(r"c\(([\w., \"-]{0,200})\)")  # as R prints it
_OBJECTS = ("user", "retweetedTweet", "quotedTweet", "inReplyToUser", "place")


def _cell(value: Any) -> Any:
    """Return what a cell holds: an object or list, a flag, or its text."""
    if not isinstance(value, str):
        return value
    if value[:1] in "[{":
        return literal(value)
    if value in {"True", "False"}:
        return value == "True"
    if hit := _VECTOR.fullmatch(value):
        return [literal(part.strip()) for part in hit[1].split(",")]
    if hit := _PRINTED.fullmatch(value):
        fields = {m[1]: m[2] or m[3] or m[4] for m in reversed(list(_FIELD.finditer(hit[1])))}
        return fields or value
    return value


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that a row was made of."""
    whole: dict[str, Any] = {}
    for name, cell in row.items():
        if not name or is_nothing(cell) or str(name).startswith("Unnamed"):
            continue
        *parts, last = re.split(r"[./]", str(name))
        here = whole
        for part in parts:
            inner = here.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = here[part] = {}
            here = inner
        here.setdefault(last, _cell(cell))
    return {name: _listed(value) for name, value in whole.items()}


def _listed(value: Any) -> Any:
    """Return lists where the keys of an object are the places of items."""
    if not isinstance(value, dict):
        return value
    own = {name: _listed(inner) for name, inner in value.items()}
    if own and all(str(name).isdecimal() for name in own):
        return [own[name] for name in sorted(own, key=int)]
    return own


def _status(row: Mapping[str, Any], notes: Notes) -> list[Converted]:
    assert POST.convert is not None
    return POST.convert(_nested(row), notes)


def _record(shape: Shape, row: Mapping[str, Any], notes: Notes) -> list[Converted]:
    whole = _nested(row)
    for name in _OBJECTS:
        if name in whole and not isinstance(whole[name], dict):
            notes.add_value(name, whole.pop(name), "expected an object")
    page = joined([read_record(shape, whole, notes)], shape.kind, notes)
    return [Converted(page, shape.kind)]


_TABLES = ("posts", "users", "media", "places", "post_references")
FORMATS = (
    Format(
        "v11-table", "posts of the API v1.1 in tables (pandas)", "flat", "table",
        version="also rtweet 1", convert=_status, tables=_TABLES,
        cannot_say="what its columns do not have",
        certain=(("id_str", "user.screen_name"), ("id", "user.screen_name", "user.id_str"),
                 ("id", "user.screen_name", "created_at"), ("id_str", "user", "entities"),
                 ("id", "user", "entities", "created_at"), ("id_str", "full_text", "truncated"),
                 ("id_str", "full_text", "display_text_range")),
    ),
    Format(
        "apify-table", "tables of scrapers on Apify", "flat", "table",
        convert=partial(_record, apify.TWEET), tables=("posts", "users", "media", "places"),
        certain=(("id", "author/userName"), ("id", "author.userName"), ("id", "author/id"),
                 ("id", "author", "likeCount", "retweetCount", "viewCount")),
    ),
    Format(
        "snscrape-table", "posts of snscrape in tables (pandas)", "flat", "table",
        convert=partial(_record, snscrape.POST), tables=("posts", "users", "places"),
        cannot_say="keys of media",
        certain=(("id", "rawContent", "date"), ("id", "content", "date", "replyCount"),
                 ("id", "renderedContent", "date")),
    ),
)

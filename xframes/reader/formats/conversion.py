"""From a record of a file to objects as the API v2 has them, by the declaration of its format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.file_objects import Converted, Notes, Objects, short
from xframes.reader.formats.readings import is_empty, is_nothing
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.reader.formats.source_format import Key, Shape

_UNREADABLE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
)
_MOST_DEPTH = 20  # posts inside posts
REFERENCES = ("retweeted", "quoted", "replied_to")


def read_record(
    shape: Shape, record: Mapping[str, Any], notes: Notes, prefix: str = "", depth: int = 0
) -> Objects:
    """Return the objects of a record. What is not understood is added to `notes`."""
    objects = Objects(shape.kind)
    fields = dict(record)
    if shape.prepare is not None:
        try:
            fields = shape.prepare(fields)
        except _UNREADABLE as error:
            notes.add_record(f"a record was read in part: {error}")
    for key, names in shape.names:
        _read_key(key, names, fields, objects, notes, prefix)
    if depth < _MOST_DEPTH:
        _read_inner(shape, fields, objects, notes, prefix, depth)
    if shape.finish is not None:
        try:
            shape.finish(fields, objects)
        except _UNREADABLE as error:
            notes.add_record(f"a record was read in part: {error}")
    _complete(objects)
    _note_author(shape, fields, objects, notes, prefix)
    for name in _unread(shape, record, ""):
        notes.add_column(prefix + name)
    return objects


def _note_author(
    shape: Shape, fields: Mapping[str, Any], objects: Objects, notes: Notes, prefix: str
) -> None:
    """Note the columns on an author without an id: a row of `users` needs one."""
    author = objects.parts.get("author", {})
    if author.get("id") or not author.keys() - {"username"}:
        return
    for key, names in shape.names:
        if key.to.startswith("users.") and not key.of and key.to != "users.username":
            value, name = _found(fields, names)
            if value is not None:
                notes.add_column(prefix + name)


def _read_inner(  # noqa: PLR0917  the arguments of a record, and its objects
    shape: Shape, fields: Mapping[str, Any], objects: Objects, notes: Notes, prefix: str, depth: int
) -> None:
    """Read the records inside a record."""
    for inner in shape.inner:
        value, name = _found(fields, (inner.name,))
        if isinstance(value, dict):
            own = read_record(inner.shape(), value, notes, f"{prefix}{name}.", depth + 1)
            _take_in(objects, own, inner.of)
        elif not is_nothing(value):
            notes.add_value(f"{prefix}{name}", value, "expected an object")


def _read_key(  # noqa: PLR0917  a key, its names, the record, and where its value is put
    key: Key, names: tuple[str, ...], fields: Mapping[str, Any], objects: Objects, notes: Notes,
    prefix: str,
) -> None:
    """Read the first of the key's alternatives that can be read; note the first one if none can."""
    failure: tuple[str, Any, str] | None = None
    for name in names:
        value, _ = _found(fields, (name,))
        if value is None or (not key.read.is_text and is_nothing(value)):
            continue
        try:
            read = key.read(value)
            if read is not None and read != []:
                _put(key, read, objects)
            if read is not None:
                return
        except _UNREADABLE as error:
            reason = str(error)
            if not reason.startswith("expected"):
                reason = f"expected: {key.read.name}"
            failure = failure or (name, value, reason)
    if failure is not None:
        name, value, reason = failure
        notes.add_value(prefix + name, value, reason)


def _found(fields: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, str]:
    """Return the first value of these names, and its name."""
    for name in names:
        value = fields.get(name)
        if value is None and "." in name:
            value = value_at(fields, name)
        if value is not None and not is_empty(value):
            return value, name
    return None, names[0]


def value_at(fields: Any, name: str) -> Any:
    """Return the value of a column, or of the key at a path."""
    if isinstance(fields, dict) and name in fields:
        return fields[name]
    here = fields
    for part in name.split("."):
        if not isinstance(here, dict) or part not in here:
            return None
        here = here[part]
    return here


@dataclass(frozen=True, slots=True)
class _Target:
    kind: str
    path: str = ""
    array: str = ""


@cache
def _target(to: str) -> _Target:
    """Return where a column's value is in an object of the API v2."""
    table, _, column = to.partition(".")
    declared = TABLES[table]
    kind = declared.object or ""
    array = path = ""
    if declared.sources:
        array = declared.sources[0].paths[-1]
    if column:
        path = declared[column].paths[-1]
    return _Target(kind, path, array)


def _put(key: Key, value: Any, objects: Objects) -> None:
    target = _target(key.to)
    of = key.of
    if target.kind != objects.kind and not of:
        of = {"user": "author"}.get(target.kind, target.kind)
    if not target.array and not target.path:
        for item in value:
            if target.kind == "media":
                objects.attach(item)
            else:
                objects.include(target.kind, item)
        return
    part = objects.part(of)
    if not target.array:
        path = target.path
        if isinstance(value, dict):  # a whole point, not the type of one
            path = path.removesuffix(".type")
        put_path(part, path, value)
        return
    _add_rows(_list_at(part, target.array), key, target, value, objects)


def _add_rows(
    rows: list[Any], key: Key, target: _Target, value: Any, objects: Objects
) -> None:
    """Add what a value says to the array of a detail table."""
    if not target.path:
        rows += value
    elif target.path == ".":
        rows += value if isinstance(value, list) else [value]
    elif key.item:
        row = objects.rows.get((key.of, target.array, key.item))
        if row is None:
            row = objects.rows[key.of, target.array, key.item] = {}
            rows.append(row)
        put_path(row, target.path, value)
    else:
        values = value if isinstance(value, list) else [value]
        rows += [{target.path: item} for item in values]


def _list_at(item: dict[str, Any], path: str) -> list[Any]:
    *parts, last = path.split(".")
    for part in parts:
        item = item.setdefault(part, {})
    rows: list[Any] = item.setdefault(last, [])
    return rows


def put_path(item: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path; `a[n]` is item n of a list."""
    *parts, last = path.split(".")
    for part in parts:
        item = item.setdefault(part, {})
    name, bracket, number = last.partition("[")
    if not bracket:
        item[last] = value
        return
    values = item.setdefault(name, [])
    place = int(number.rstrip("]"))
    values += [None] * (place + 1 - len(values))
    values[place] = value


def _take_in(objects: Objects, own: Objects, of: str) -> None:
    """Add the objects of a record inside another."""
    include(objects.includes, own.includes)
    part = objects.part(of)
    for name, value in own.main.items():
        part.setdefault(name, value)


def _complete(objects: Objects) -> None:
    """Connect the parts of a record: its author, and the posts it refers to."""
    main = objects.main
    if objects.kind == "post":
        _complete_post(objects)
    owner = objects.parts.get("owner")
    if owner and owner.get("id"):
        main.setdefault("owner_id", owner["id"])
        objects.include("user", owner)
    latest = objects.parts.get("latest")
    if latest and latest.get("id"):
        main.setdefault("most_recent_tweet_id", latest["id"])
        latest.setdefault("author_id", main.get("id"))
        objects.include("post", latest)
    for of, part in objects.parts.items():
        if of == "user" and part.get("id"):
            objects.include("user", part)
    includes: dict[str, list[dict[str, Any]]] = {}
    include(includes, {name: items for name, items in objects.includes.items() if items})
    objects.includes = includes


def _complete_post(objects: Objects) -> None:
    main = objects.main
    _drop_mentions(main)
    _join_author(main, objects.parts.get("author"), objects)
    for type_ in REFERENCES:
        post = objects.parts.get(type_)
        if not post:
            continue
        _join_author(post, objects.parts.get(f"{type_}.author"), objects)
        if post.get("id"):
            objects.refer(type_, post["id"])
            if "text" in post:
                objects.include("post", post)
    place = objects.parts.get("place")
    if place and place.get("id"):
        main.setdefault("geo", {})["place_id"] = place["id"]
        objects.include("place", place)
    coordinates = main.get("geo", {}).get("coordinates")
    if coordinates and None in coordinates.get("coordinates", [None]):
        del main["geo"]["coordinates"]
    elif coordinates:
        coordinates.setdefault("type", "Point")


def _drop_mentions(post: dict[str, Any]) -> None:
    """Keep one mention of each handle, with what each says, and none without a handle."""
    entities = post.get("entities")
    if not isinstance(entities, dict) or not isinstance(entities.get("mentions"), list):
        return
    kept: list[dict[str, Any]] = []
    for mention in entities["mentions"]:
        if mention.keys() == {"id"} and mention["id"] == post.get("in_reply_to_user_id"):
            continue  # the id of whom a reply is for, which has a column of its own
        first = next((each for each in kept if _are_one(each, mention)), None)
        if first is None:
            kept.append(mention)
        else:
            first.update({n: value for n, value in mention.items() if n not in first})
    entities["mentions"] = kept
    if not entities["mentions"]:
        del entities["mentions"]


def _are_one(mention: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two mentions are of one account at one place; without a place, at any."""
    names = [str(each["username"]).lower() for each in (mention, other) if each.get("username")]
    ids = [each["id"] for each in (mention, other) if each.get("id")]
    starts = [each["start"] for each in (mention, other) if "start" in each]
    if len(set(starts)) > 1:
        return False
    if len(names) == 2:
        return names[0] == names[1]
    return len(ids) == 2 and ids[0] == ids[1]


def _join_author(post: dict[str, Any], author: dict[str, Any] | None, objects: Objects) -> None:
    if not author:
        return
    if author.get("id"):
        post.setdefault("author_id", author["id"])
    elif post.get("author_id"):
        author["id"] = post["author_id"]
    if not author.get("id"):
        if author.get("username"):
            post.setdefault("username", author["username"])
    elif len(author) > 1:
        objects.include("user", author)


def _unread(shape: Shape, record: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the names of a record that its declaration does not have."""
    for key, value in record.items():
        name = f"{path}{key}"
        if name in shape.known or not key or is_nothing(value) or shape.leaves_out(name):
            continue
        if name in shape.above and isinstance(value, dict):
            yield from _unread(shape, value, f"{name}.")
        else:
            yield name


def convert_records(
    shape: Shape, records: list[Any], notes: Notes, per_page: int = 100
) -> list[Converted]:
    """Return the pages of records of one shape."""
    pages = []
    for start in range(0, len(records), per_page):
        objects = []
        for record in records[start:start + per_page]:
            if isinstance(record, dict):
                objects.append(read_record(shape, record, notes))
            elif record is not None:
                notes.add_record(f"expected an object, got {short(record)!r}")
        pages.append(Converted(joined(objects, shape.kind, notes), shape.kind))
    return pages


def joined(objects: list[Objects], kind: str, notes: Notes) -> dict[str, Any]:
    """Return the page of several records. Records without an id are noted."""
    page: dict[str, Any] = {"data": [], "includes": {}}
    for one in objects:
        if not one.main.get("id"):
            notes.add_record(f"a {kind} without id")
            continue
        page["data"].append(one.main)
        include(page["includes"], one.includes)
    return page


def include(whole: dict[str, list[Any]], more: Mapping[str, list[Any]]) -> None:
    """Add included objects: of each, one, with all that any of them says."""
    for holder, items in more.items():
        own = whole.setdefault(holder, [])
        known = {key: item for item in own if (key := _identity(item)) is not None}
        for item in items:
            key = _identity(item)
            if key is None or key not in known:
                own.append(item)
                known[key] = item
            elif known[key] is not item:
                _complete_by(known[key], item)


def _identity(item: Any) -> Any:
    if not isinstance(item, dict):
        return None
    key = item.get("media_key", item.get("id"))
    return key if isinstance(key, str) else None


def _complete_by(item: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Add to an object what only the other says."""
    for name, value in other.items():
        own = item.get(name)
        if own is None:
            item[name] = value
        elif isinstance(own, dict) and isinstance(value, dict):
            _complete_by(own, value)

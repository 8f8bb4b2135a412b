"""The shape of wire objects, derived from the columns: a tree of fields, and typed decoders built from it.

Both readers use the same tree: the fast one decodes JSON straight into the generated structs, the tolerant one builds
the same structs from whatever it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.schema import LEFT_OUT, TABLES, Source, Table, Type, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable

ABSENT: tuple[()] = ()  # default of arrays: falsy, shared, and no value X could send

SCALARS: dict[Type, Any] = {
    Type.STR: str | None, Type.INT: int | None, Type.FLOAT: float | None, Type.BOOL: bool | None,
    Type.TIME: str | None, Type.DATE: str | None, Type.STRS: list[str] | None, Type.JSON: msgspec.Raw,
}

# Which kind of object the arrays of `includes` hold, in both vocabularies.
INCLUDES = {"users": "user", "tweets": "post", "posts": "post", "media": "media", "places": "place", "polls": "poll",
            "topics": "topic"}


@dataclass(slots=True, eq=False)
class Node:
    """One field of a wire object: a leaf with a type, an object with fields, or an array of either.

    `key` is its place, e.g. `post.entities.hashtags`; it names the node in problems and in generated types.
    """

    key: str
    type: Type | None = None
    loose: bool = False
    array: bool = False
    fields: dict[str, Node] = field(default_factory=dict)

    def at(self, path: str) -> Node:
        """The node at a dotted path below this one, made where missing."""
        node = self
        for part in path.split("."):
            node = node.fields.setdefault(part, Node(f"{node.key}.{part}"))
        return node


@cache
def tree(kind: str) -> Node:
    """The tree of an object: every wire path its tables' columns read, and those left out on purpose."""
    root = Node(kind)
    for table in tables_of(kind):
        if table.sources:
            for source in table.sources:
                _items(root, source, table)
        else:
            for col in table.body:
                for path in col.paths:
                    _leaf(root, path, col.type, loose=col.loose)
    for object_, path in LEFT_OUT:
        if object_ == kind:
            node = root.at(path)
            node.type = node.type or (None if node.fields else Type.JSON)
    _SPECIAL.get(kind, lambda _: None)(root)
    return root


def _items(root: Node, source: Source, table: Table) -> None:
    """The array of a detail table; where it has other places too, the items there are of the same type."""
    *others, last = source.paths
    node = root.at(last)
    node.array = True
    for col in table.body:
        if col.path == ".":
            node.type = col.type
        elif col.path:
            for path in col.paths:
                _leaf(node, path, col.type, loose=col.loose)
    for path in others:
        other = root.at(path)
        other.key, other.type, other.array, other.fields = node.key, node.type, True, node.fields


def _leaf(root: Node, path: str, type_: Type, *, loose: bool) -> None:
    indexed = path.endswith("]")
    node = root.at(path.partition("[")[0])
    node.type, node.loose, node.array = type_, loose, indexed


def _analytics(root: Node) -> None:
    """Analytics come as `timestamped_metrics[{timestamp, metrics{...}}]` or with the metrics flat on the item."""
    stamped = root.at("timestamped_metrics")
    stamped.array = True
    stamped.at("timestamp").type = Type.TIME
    metrics = stamped.at("metrics")
    for name, node in list(root.fields.items()):
        if node.type is Type.INT:
            leaf = metrics.at(name)
            leaf.type, leaf.loose = Type.INT, True


def _usage(root: Node) -> None:
    def days(node: Node) -> None:
        usage = node.at("usage")
        usage.array = True
        for col in TABLES["usage_daily"].body:
            if col.path:
                _leaf(usage, col.path, col.type, loose=col.loose)

    project = root.at("daily_project_usage")
    project.at("project_id").type = Type.STR
    project.fields["project_id"].loose = True
    days(project)
    apps = root.at("daily_client_app_usage")
    apps.array = True
    apps.at("client_app_id").type = Type.STR
    apps.at("usage_result_count").type = Type.INT
    days(apps)


def _space(root: Node) -> None:
    root.fields["topics"] = Node("topic", array=True, fields=tree("topic").fields)


_SPECIAL = {"post_analytics": _analytics, "media_analytics": _analytics, "usage": _usage, "space": _space}


class Structs:
    """Typed structs for every kind of object, with extra fields for the names X invented.

    `extras` are node keys and names such as `("post.public_metrics", "view_count")`: they are accepted and ignored, so
    that one new field does not send every later page down the slow path.
    """

    def __init__(self, extras: frozenset[tuple[str, str]]) -> None:
        self.extras = extras
        self._lock = RLock()  # msgspec crashes when two threads build decoders of the same structs
        self._types: dict[str, Any] = {}
        self._envelopes: dict[str, Any] = {}
        self.derived: dict[tuple[Node, str], Any] = {}  # what others find out about these structs, as long as they live

    def of(self, node: Node) -> Any:
        """The struct type of a node with fields."""
        return self._once(self._types, node.key, lambda: self._struct(node))

    def _struct(self, node: Node) -> Any:
        fields: list[Any] = [(name, *self._field(child)) for name, child in node.fields.items()]
        invented, wire = self._extra(node.key)
        name = node.key.title().replace(".", "").replace("_", "")
        return msgspec.defstruct(
            name, fields + invented, rename=wire, forbid_unknown_fields=True, gc=False, frozen=True
        )

    def _once(self, made: dict[str, Any], key: str, make: Callable[[], Any]) -> Any:
        """What stands there under a key, made when it is missing, by one thread."""
        if key not in made:
            with self._lock:
                if key not in made:
                    made[key] = make()
        return made[key]

    def absent(self, node: Node) -> Any:
        """The shared instance that stands for an object X did not send."""
        return self._once(self._types, f"{node.key}?", self.of(node))

    def envelope(self, kind: str) -> Any:
        """The decoder of a page whose `data` holds objects of that kind."""
        return self._once(self._envelopes, kind, lambda: self._decoder(kind))

    def _decoder(self, kind: str) -> Any:
        data = self.of(tree(kind))
        includes: list[Any] = [
            (name, _list_of(self.of(tree(object_))) | None, ABSENT) for name, object_ in INCLUDES.items()
        ]
        invented, wire = self._extra("includes")
        holder = msgspec.defstruct("Includes", includes + invented, rename=wire, forbid_unknown_fields=True, gc=False)
        invented, wire = self._extra("page")
        page = [
            ("data", data | _list_of(data) | None, None),
            ("includes", holder | None, None),
            ("errors", list[dict[str, Any]] | None, None),
            ("meta", dict[str, Any] | None, None),
            ("matching_rules", list[dict[str, Any]] | None, None),
            ("_twarc", msgspec.Raw, None),
            ("_redacted", msgspec.Raw, None),
            *invented,
        ]
        wire |= {"_twarc": "__twarc", "_redacted": "__redacted"}
        return msgspec.json.Decoder(
            msgspec.defstruct("Envelope", page, rename=wire, forbid_unknown_fields=True, gc=False)
        )

    def _extra(self, key: str) -> tuple[list[Any], dict[str, str]]:
        """Fields for the names invented in a node, after all its own, and the wire names of those Python refuses."""
        names = sorted(name for node, name in self.extras if node == key)
        wire = {f"_{i}": name for i, name in enumerate(names) if not name.isidentifier() or name.startswith("_")}
        own = {name: field for field, name in wire.items()}
        return [(own.get(name, name), msgspec.Raw, None) for name in names], wire

    def _field(self, node: Node) -> tuple[Any, Any]:
        if node.array:
            return _list_of(self.of(node) if node.fields else _scalar(node)) | None, ABSENT
        if node.fields:
            return self.of(node) | None, self.absent(node)
        if node.type is Type.JSON:
            return msgspec.Raw, None
        return _scalar(node), None


def _list_of(item: Any) -> Any:
    return list.__class_getitem__(item)


def _scalar(node: Node) -> Any:
    assert node.type is not None, node.key
    if node.loose:
        return int | str | None
    return SCALARS[node.type]


@lru_cache(maxsize=32)
def structs(extras: frozenset[tuple[str, str]]) -> Structs:
    """Return the structs that accept these names; the ones used last are kept."""
    return Structs(extras)

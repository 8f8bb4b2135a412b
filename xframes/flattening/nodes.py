"""The shape of wire objects: a tree of fields derived from the columns, and typed structs.

Both readers use the same tree: the fast one decodes JSON straight into the generated structs, the
tolerant one builds the same structs from whatever it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.schema import LEFT_OUT, TABLES, Source, Table, Type, tables_of
from xframes.schema.operation_tables import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

ABSENT: tuple[()] = ()  # default of arrays: falsy, shared, and no value that X can send

SCALARS: dict[Type, Any] = {
    Type.STR: str | None, Type.INT: int | None, Type.FLOAT: float | None, Type.BOOL: bool | None,
    Type.TIME: str | None, Type.DATE: str | None, Type.STRS: list[str] | None,
    Type.JSON: msgspec.Raw,
}

# Which kind of object the arrays of `includes` hold, in both vocabularies.
INCLUDES = {"users": "user", "tweets": "post", "posts": "post", "media": "media",
            "places": "place", "polls": "poll", "topics": "topic"}


@dataclass(slots=True, eq=False)
class Node:
    """One field of a wire object: a leaf with a type, an object with fields, or an array of either.

    `key` is its path, e.g. `post.entities.hashtags`; it names the node in problems and in generated
    types.
    """

    key: str
    type: Type | None = None
    loose: bool = False
    array: bool = False
    fields: dict[str, Node] = field(default_factory=dict)

    def at(self, path: str) -> Node:
        """Return the node at a dotted path below this one, and add it where it is missing."""
        node = self
        for part in path.split("."):
            node = node.fields.setdefault(part, Node(f"{node.key}.{part}"))
        return node


@cache
def tree(kind: str) -> Node:
    """Return the tree of an object: every wire path its columns read, and those in LEFT_OUT."""
    root = Node(kind)
    for table in tables_of(kind):
        for source in table.sources:
            _add_items(root, source, table)
        if not table.sources:
            _add_columns(root, table)
    for object_, path in LEFT_OUT:
        if object_ == kind:
            node = root.at(path)
            if node.type is None and not node.fields:
                node.type = Type.JSON
    add_more = _SPECIAL.get(kind)
    if add_more is not None:
        add_more(root)
    return root


def _add_columns(node: Node, table: Table) -> None:
    for col in table.body:
        if col.path == ".":
            node.type = col.type
        elif col.path:
            for path in col.alternatives:
                _add_leaf(node, path, col.type, loose=col.loose)


def _add_items(root: Node, source: Source, table: Table) -> None:
    """Add the array of a detail table. Its items have the same type at each of its paths."""
    *others, last = source.paths
    node = root.at(last)
    node.array = True
    _add_columns(node, table)
    for path in others:
        other = root.at(path)
        other.key, other.type, other.array, other.fields = node.key, node.type, True, node.fields


def _add_leaf(root: Node, path: str, type_: Type, *, loose: bool) -> None:
    if "/" in path:
        path, type_ = path.partition("/")[0], Type.JSON
    node = root.at(path.partition("[")[0])
    node.type, node.loose, node.array = type_, loose, path.endswith("]")


def _add_analytics(root: Node) -> None:
    """Add `timestamped_metrics[{timestamp, metrics{...}}]`; otherwise metrics are on the item."""
    stamped = root.at("timestamped_metrics")
    stamped.array = True
    stamped.at("timestamp").type = Type.TIME
    metrics = stamped.at("metrics")
    for name, node in list(root.fields.items()):
        if node.type is Type.INT:
            leaf = metrics.at(name)
            leaf.type, leaf.loose = Type.INT, True


def _add_usage(root: Node) -> None:
    project = root.at("daily_project_usage")
    project_id = project.at("project_id")
    project_id.type, project_id.loose = Type.STR, True
    _add_days(project)
    apps = root.at("daily_client_app_usage")
    apps.array = True
    apps.at("client_app_id").type = Type.STR
    apps.at("usage_result_count").type = Type.INT
    _add_days(apps)


def _add_days(node: Node) -> None:
    usage = node.at("usage")
    usage.array = True
    _add_columns(usage, TABLES["usage_daily"])


def _add_credits(root: Node) -> None:
    grants = root.at("free_grants")
    grants.array = True
    _add_columns(grants, TABLES["credit_grants"])


def _add_rule_counts(root: Node) -> None:
    apps = root.at("all_project_client_apps")
    apps.array = True
    apps.at("client_app_id").type = Type.STR
    count = apps.at("rule_count")
    count.type, count.loose = Type.INT, True


def _add_events(root: Node) -> None:
    for kind in EVENTS:
        root.at(kind).type = Type.JSON


def _add_topics(root: Node) -> None:
    root.fields["topics"] = Node("topic", array=True, fields=tree("topic").fields)


_SPECIAL = {"post_analytics": _add_analytics, "media_analytics": _add_analytics,
            "usage": _add_usage, "space": _add_topics, "credits": _add_credits,
            "rule_count": _add_rule_counts, "compliance_event": _add_events}


class Structs:
    """Typed structs for every kind of object, with extra fields for names that no column reads.

    `extras` are node keys and names such as `("post.public_metrics", "view_count")`. They are
    accepted and ignored, so that one new field does not send every later page to the slow reader.
    """

    def __init__(self, extras: frozenset[tuple[str, str]]) -> None:
        self.extras = extras
        # msgspec crashes when two threads build decoders of the same structs
        self._lock = RLock()
        self._types: dict[str, Any] = {}
        self._envelopes: dict[str, Any] = {}
        # what other modules derive from these structs, kept as long as the structs are
        self.derived: dict[tuple[Node, str], Any] = {}

    def of(self, node: Node) -> Any:
        """Return the struct type of a node with fields."""
        return self._once(self._types, node.key, lambda: self._define(node))

    def _define(self, node: Node) -> Any:
        fields: list[Any] = [(name, *self._field(child)) for name, child in node.fields.items()]
        extra, wire = self._extra_fields(node.key)
        name = node.key.title().replace(".", "").replace("_", "")
        return msgspec.defstruct(
            name, fields + extra, rename=wire, forbid_unknown_fields=True, gc=False, frozen=True
        )

    def _once(self, store: dict[str, Any], key: str, build: Callable[[], Any]) -> Any:
        """Return what the store has under a key; where it is missing, one thread builds it."""
        if key not in store:
            with self._lock:
                if key not in store:
                    store[key] = build()
        return store[key]

    def absent(self, node: Node) -> Any:
        """Return the shared instance that represents an object X did not send."""
        return self._once(self._types, f"{node.key}?", self.of(node))

    def envelope(self, kind: str) -> Any:
        """Return the decoder of a page whose `data` holds objects of that kind."""
        return self._once(self._envelopes, kind, lambda: self._decoder(kind))

    def _decoder(self, kind: str) -> Any:
        data = self.of(tree(kind))
        includes: list[Any] = [
            (name, _list_of(self.of(tree(object_))) | None, ABSENT)
            for name, object_ in INCLUDES.items()
        ]
        extra, wire = self._extra_fields("includes")
        holder = msgspec.defstruct(
            "Includes", includes + extra, rename=wire, forbid_unknown_fields=True, gc=False
        )
        extra, wire = self._extra_fields("page")
        page = [
            ("data", data | _list_of(data) | None, None),
            ("includes", holder | None, None),
            ("errors", list[dict[str, Any]] | None, None),
            ("meta", dict[str, Any] | None, None),
            ("matching_rules", list[dict[str, Any]] | None, None),
            ("_twarc", msgspec.Raw, None),
            ("_redacted", msgspec.Raw, None),
            *extra,
        ]
        wire |= {"_twarc": "__twarc", "_redacted": "__redacted"}
        return msgspec.json.Decoder(
            msgspec.defstruct("Envelope", page, rename=wire, forbid_unknown_fields=True, gc=False)
        )

    def _extra_fields(self, key: str) -> tuple[list[Any], dict[str, str]]:
        """Return a node's extra fields, and the wire names of those Python cannot have as names.

        They come after all the fields of the node itself.
        """
        wire: dict[str, str] = {}
        fields: list[Any] = []
        for place, name in enumerate(sorted(name for node, name in self.extras if node == key)):
            own_name = name
            if not name.isidentifier() or name.startswith("_"):
                own_name = f"_{place}"
                wire[own_name] = name
            fields.append((own_name, msgspec.Raw, None))
        return fields, wire

    def _field(self, node: Node) -> tuple[Any, Any]:
        if node.array:
            item = self.of(node) if node.fields else _scalar(node)
            return _list_of(item) | None, ABSENT
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

"""The slow reader: pages the fast one refuses, and the other shapes people keep X's data in.

It reads what Python's own JSON parser can be brought to read (byte order marks, invalid UTF-8, lone surrogates, NaN,
NUL), recognises twarc's flattened posts, bare lists and stream or compliance lines, and coerces numbers sent as text,
ids sent as numbers and objects where lists belong. What fits nowhere is returned as `Bad` with its reason.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.flatten import shapes
from xframes.flatten.coerce import coerce
from xframes.flatten.decode import Bad, Decoder, Parsed, recognise
from xframes.flatten.nodes import ABSENT, INCLUDES, Node, tree
from xframes.schema import Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.registry import Action
    from xframes.wire import Page


def parse(page: Page, action: Action | None, decoder: Decoder) -> Parsed:
    """The page's contents as the fast reader would give them, if they can be had at all."""
    try:
        document = load(page.body)
    except ValueError as error:
        return Parsed(None, bad=[Bad("unreadable_page", f"not JSON: {error}")])
    except RecursionError:
        return Parsed(None, bad=[Bad("unreadable_page", "nested too deeply")])
    try:
        shaped, kind = shapes.canonical(document)
        if shaped is None:
            return Parsed(None, bad=[Bad("unreadable_page", f"no known kind of page: {_outline(document)}")])
        builder = _Builder(decoder)
        parsed = builder.build(shaped, kind if action is None else action.objects, known=action is not None)
    except RecursionError:
        return Parsed(None, bad=[Bad("unreadable_page", "nested too deeply")])
    decoder.note_unknown(builder.unknown, page)
    return parsed


def load(body: bytes) -> Any:
    """JSON as leniently as it can be read without guessing. Raises ValueError or RecursionError."""
    text = body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text, strict=False)
    except ValueError as error:
        stripped = text.strip("\x00\ufeff \t\r\n")
        if stripped == text:
            raise
        try:
            return json.loads(stripped, strict=False)
        except ValueError:
            raise error from None


def _outline(document: Any) -> str:
    if isinstance(document, dict):
        return "an object with " + (", ".join(sorted(key[:80] for key in document)[:8]) or "no keys")
    return f"a {type(document).__name__}"


_MOST_BAD = 1000  # problems told of one page; a page of nothing but rubbish says it once


class _Builder:
    """Builds the fast reader's structs from loaded JSON, collecting what does not fit."""

    def __init__(self, decoder: Decoder) -> None:
        self.unknown: dict[tuple[str, str], None] = {}  # an object's key and the name in it, in order
        self._decoder = decoder
        self._bad: list[Bad] = []

    def build(self, document: Mapping[str, Any], kind: str | None, *, known: bool) -> Parsed:
        data = document.get("data")
        main = data if isinstance(data, list) else [] if data is None else [data]
        kind = kind if known else kind or _kind(main)
        if main and kind is None and not known:
            self._bad.append(Bad("unreadable_page", f"data of no known kind: {_outline(main[0])}"))
        includes: dict[str, Sequence[Any]] = {}
        included = document.get("includes") or {}
        for name in included if isinstance(included, dict) else ():
            if name not in INCLUDES:
                self._unknown("includes", name)
            else:
                object_ = INCLUDES[name]
                items = [] if included[name] == {} else included[name]  # R writes {} for nothing
                includes[object_] = [*includes.get(object_, ()), *self._objects(items, object_)]
        for name in document:
            if name not in shapes.TOP_LEVEL:
                self._unknown("page", name)
        meta = document.get("meta")
        return Parsed(
            kind,
            self._objects(main, kind) if kind is not None else (),
            includes,
            self._dicts(document.get("errors"), "errors"),
            meta if isinstance(meta, dict) else {},
            self._dicts(document.get("matching_rules"), "matching_rules"),
            self._bad,
        )

    def _dicts(self, items: Any, where: str) -> list[dict[str, Any]]:
        items = items if isinstance(items, list) else [] if items is None else [items]
        for item in items:
            if not isinstance(item, dict):
                self._misfit(where, item, "an object")
        return [scrub(item) for item in items if isinstance(item, dict)]

    def _objects(self, items: Any, kind: str) -> list[Any]:
        built = []
        items = items if isinstance(items, list) else [items]
        for item in items:
            if isinstance(item, dict):
                built.append(self._struct(item, tree(kind)))
            elif item is not None:
                self._misfit(kind, item, "an object")
        return built

    def _struct(self, item: Mapping[str, Any], node: Node) -> Any:
        for name in item:
            if name not in node.fields:
                self._unknown(node.key, name)
        values = {
            name: self._value(item[name], child) for name, child in node.fields.items() if item.get(name) is not None
        }
        return self._decoder.structs.of(node)(**{k: v for k, v in values.items() if v is not None})

    def _value(self, value: Any, node: Node) -> Any:
        if node.array:
            return self._array(value, node)
        if node.fields:
            if isinstance(value, dict):
                return self._struct(value, node)
            if value not in ([], ""):
                self._misfit(node.key, value, "an object")
            return None
        return self._leaf(value, node)

    def _array(self, value: Any, node: Node) -> Any:
        if value in ({}, ""):
            return ABSENT
        items = value if isinstance(value, list) else [value]
        if not node.fields:
            # of numbers each place has its meaning, as in a bounding box: a null keeps its place
            return [self._leaf(v, node) for v in items if v is not None or node.type in {Type.INT, Type.FLOAT}]
        for item in items:
            if not isinstance(item, dict) and item is not None:
                self._misfit(node.key, item, "an object")
        return [self._struct(v, node) for v in items if isinstance(v, dict)]

    def _leaf(self, value: Any, node: Node) -> Any:
        assert node.type is not None, node.key
        if value is None or (value == {} and node.type is not Type.JSON):  # which R writes for nothing
            return None
        if isinstance(value, float) and not math.isfinite(value) and node.type is not Type.JSON:
            self._misfit(node.key, value, node.type.value)
            return None
        if node.type is Type.JSON:
            return msgspec.Raw(json.dumps(scrub(value), ensure_ascii=False).encode())
        if node.type in {Type.TIME, Type.DATE}:
            return str(value)  # judged when the column is built, like the fast reader's
        try:
            return coerce(value, node.type)
        except (TypeError, ValueError, KeyError, OverflowError):
            self._misfit(node.key, value, node.type.value)
            return None

    def _misfit(self, where: str, value: Any, wanted: str) -> None:
        text = _shown(value)
        if len(self._bad) < _MOST_BAD:
            self._bad.append(Bad("bad_value", f"{where} should be {wanted}, not {text!r}", where, text))
        elif len(self._bad) == _MOST_BAD:
            self._bad.append(Bad("bad_value", "more values on this page fit nowhere; they stay in the page"))

    def _unknown(self, key: str, name: str) -> None:
        self.unknown[key, scrub(name)] = None


def _kind(main: list[Any]) -> str | None:
    return next((kind for item in main if isinstance(item, dict) and (kind := recognise(item))), None)


def _shown(value: Any) -> str:
    """The beginning of a value, for people; a long list or object is not spelt out."""
    if isinstance(value, list | dict) and len(value) > 20:
        return f"a {'list' if isinstance(value, list) else 'object'} of {len(value)}"
    return str(scrub(value))[:200]


def scrub(value: Any) -> Any:
    """The value with lone surrogates replaced and NaN as null, so that it can be written as UTF-8 and as JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if value.isascii() else coerce(value, Type.STR)
    if isinstance(value, list):
        return [scrub(v) for v in value]
    if isinstance(value, dict):
        return {scrub(k): scrub(v) for k, v in value.items()}
    return value

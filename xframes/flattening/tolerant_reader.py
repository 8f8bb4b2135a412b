"""The slow reader: for pages the fast one refuses, and for other shapes of X's data.

It reads what Python's own JSON parser can read with some help (byte order marks, invalid UTF-8,
lone surrogates, NaN, NUL), recognises twarc's flattened posts, bare lists and stream or compliance
lines, and coerces numbers sent as text, ids sent as numbers and objects in the place of lists. What
no table can hold is returned as a `Misfit` with its reason.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.flattening import shapes
from xframes.flattening.coercion import coerce
from xframes.flattening.contents import OF_FILES, Contents, Misfit, to_text
from xframes.flattening.nodes import ABSENT, INCLUDES, Node, Structs, tree
from xframes.schema import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xframes.registry import Action
    from xframes.wire import Page

_MOST_MISFITS = 1000  # of one page; a page full of rubbish is one row more


def read_page(
    page: Page, action: Action | None, structs: Structs
) -> tuple[Contents, Iterable[tuple[str, str]]]:
    """Return the contents as the fast reader would, and the names that no column reads.

    Each such name follows the key of the object that has it.
    """
    try:
        document = load(page.body)
    except ValueError as error:
        return _unreadable(f"not JSON: {error}"), ()
    except RecursionError:
        return _unreadable("nested too deeply"), ()
    try:
        shaped, kind = shapes.to_page(document)
        if shaped is None:
            return _unreadable(f"no known kind of page: {_outline(document)}"), ()
        builder = _Builder(structs)
        builder.add_notes(shaped.get(shapes.OF_FILE))
        if action is not None:
            kind = action.objects
        elif kind is None:
            kind = builder.recognise_main(shaped)
        return builder.build(shaped, kind), builder.unknown
    except RecursionError:
        return _unreadable("nested too deeply"), ()


def load(body: bytes) -> Any:
    """Parse JSON as leniently as possible without guessing. Raises ValueError or RecursionError."""
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


def _unreadable(reason: str) -> Contents:
    return Contents(None, misfits=[Misfit("unreadable_page", reason)])


def _outline(document: Any) -> str:
    if not isinstance(document, dict):
        return f"a {type(document).__name__}"
    keys = ", ".join(sorted(key[:80] for key in document)[:8])
    return f"an object with {keys or 'no keys'}"


class _Builder:
    """Builds the fast reader's structs from loaded JSON, and collects what does not fit."""

    def __init__(self, structs: Structs) -> None:
        # names no column reads, in order: an object's key and the name in it
        self.unknown: dict[tuple[str, str], None] = {}
        self._structs = structs
        self._misfits: list[Misfit] = []

    def add_notes(self, notes: Any) -> None:
        """Add what the reader of a file noted on the page: problems of the file's own records."""
        if not isinstance(notes, dict):
            return
        problems = notes.get("problems")
        for problem in problems if isinstance(problems, list) else ():
            if isinstance(problem, dict) and problem.get("kind") in OF_FILES:
                texts = (to_text(problem.get(n)) for n in ("detail", "parameter", "value"))
                detail, parameter, value = (text if text is None else scrub(text) for text in texts)
                self._misfits.append(Misfit(problem["kind"], detail or "", parameter, value))
        for name in notes.get("unread") or ():
            if isinstance(name, str):
                self._note_unknown("v11", name)

    def recognise_main(self, document: Mapping[str, Any]) -> str | None:
        """Return the kind of the first main object that has one, or None and a misfit."""
        main = _items(document.get("data"))
        for item in main:
            kind = shapes.recognise(item)
            if kind is not None:
                return kind
        if main:
            detail = f"data of no known kind: {_outline(main[0])}"
            self._misfits.append(Misfit("unreadable_page", detail))
        return None

    def build(self, document: Mapping[str, Any], kind: str | None) -> Contents:
        """Return the contents of a page whose main objects are of that kind."""
        contents = Contents(kind, misfits=self._misfits)
        self._add_includes(document.get("includes"), contents.includes)
        for name in document:
            if name not in shapes.TOP_LEVEL:
                self._note_unknown("page", name)
        if kind is not None:
            contents.main = self._objects(_items(document.get("data")), kind)
        contents.errors = self._dicts(document.get("errors"), "errors")
        meta = document.get("meta")
        if isinstance(meta, dict):
            contents.meta = meta
        contents.matching_rules = self._dicts(document.get("matching_rules"), "matching_rules")
        return contents

    def _add_includes(self, document: Any, includes: dict[str, Sequence[Any]]) -> None:
        if not isinstance(document, dict):
            return
        for name, items in document.items():
            if name not in INCLUDES:
                self._note_unknown("includes", name)
                continue
            kind = INCLUDES[name]
            if items != {}:  # R writes {} for nothing
                objects = self._objects(_items(items), kind)
                includes[kind] = [*includes.get(kind, ()), *objects]

    def _dicts(self, value: Any, where: str) -> list[dict[str, Any]]:
        dicts = []
        for item in _items(value):
            if isinstance(item, dict):
                dicts.append(scrub(item))
            else:
                self._note_misfit(where, item, "an object")
        return dicts

    def _objects(self, items: Iterable[Any], kind: str) -> list[Any]:
        objects = []
        for item in items:
            if isinstance(item, dict):
                objects.append(self._struct(item, tree(kind)))
            elif item is not None:
                self._note_misfit(kind, item, "an object")
        return objects

    def _struct(self, item: Mapping[str, Any], node: Node) -> Any:
        for name in item:
            if name not in node.fields:
                self._note_unknown(node.key, name)
        values: dict[str, Any] = {}
        for name, child in node.fields.items():
            if item.get(name) is None:
                continue
            value = self._value(item[name], child)
            if value is not None:
                values[name] = value
        return self._structs.of(node)(**values)

    def _value(self, value: Any, node: Node) -> Any:
        if node.array:
            return self._array(value, node)
        if not node.fields:
            return self._leaf(value, node)
        if isinstance(value, dict):
            return self._struct(value, node)
        if value not in ([], ""):
            self._note_misfit(node.key, value, "an object")
        return None

    def _array(self, value: Any, node: Node) -> Any:
        if value in ({}, ""):
            return ABSENT
        items = _items(value)
        if not node.fields:
            # numbers have their meaning by position, as in a bounding box: a null stays
            keep_nulls = node.type in {Type.INT, Type.FLOAT}
            return [self._leaf(item, node) for item in items if keep_nulls or item is not None]
        for item in items:
            if not isinstance(item, dict) and item is not None:
                self._note_misfit(node.key, item, "an object")
        return [self._struct(item, node) for item in items if isinstance(item, dict)]

    def _leaf(self, value: Any, node: Node) -> Any:
        type_ = node.type
        assert type_ is not None, node.key
        if value is None or (value == {} and type_ is not Type.JSON):  # R writes {} for nothing
            return None
        if type_ is Type.JSON:
            return msgspec.Raw(json.dumps(scrub(value), ensure_ascii=False).encode())
        if isinstance(value, float) and not math.isfinite(value):
            self._note_misfit(node.key, value, type_.value)
            return None
        if type_ in {Type.TIME, Type.DATE}:
            return str(value)  # checked when the column is built, as the fast reader's are
        try:
            return coerce(value, type_)
        except (TypeError, ValueError, KeyError, OverflowError):
            self._note_misfit(node.key, value, type_.value)
            return None

    def _note_misfit(self, where: str, value: Any, type_name: str) -> None:
        text = _abbreviated(value)
        if len(self._misfits) < _MOST_MISFITS:
            detail = f"{where} should be {type_name}, not {text!r}"
            self._misfits.append(Misfit("bad_value", detail, where, text))
        elif len(self._misfits) == _MOST_MISFITS:
            detail = "more values on this page fit nowhere; they stay in the page"
            self._misfits.append(Misfit("bad_value", detail))

    def _note_unknown(self, key: str, name: str) -> None:
        self.unknown[key, scrub(name)] = None


def _items(value: Any) -> list[Any]:
    """Return a list as it is, another value as a list of one, and null as an empty list."""
    if isinstance(value, list):
        return value
    if value is None:
        return []
    return [value]


def _abbreviated(value: Any) -> str:
    """Return the beginning of a value for a message; a long list or object by its length."""
    if isinstance(value, list) and len(value) > 20:
        return f"a list of {len(value)}"
    if isinstance(value, dict) and len(value) > 20:
        return f"an object of {len(value)}"
    return str(scrub(value))[:200]


def scrub(value: Any) -> Any:
    """Replace lone surrogates, and NaN by null, so that the value can be written as JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and not value.isascii():
        return coerce(value, Type.STR)
    if isinstance(value, list):
        return [scrub(v) for v in value]
    if isinstance(value, dict):
        return {scrub(k): scrub(v) for k, v in value.items()}
    return value

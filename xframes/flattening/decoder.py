"""From one page's bytes to its contents: the fast reader, and what the page is about."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.flattening import shapes, tolerant_reader
from xframes.flattening.contents import Contents
from xframes.flattening.nodes import INCLUDES, Structs, structs
from xframes.registry import ACTIONS, Action, match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xframes.wire import Page

# More names than these are not worth a decoder: the tolerant reader reads such pages.
_MOST_EXTRAS = 1000
# Characters that the name of a decoder's field cannot have.
_UNSUPPORTED = frozenset('"\\').union(map(chr, range(32)))
_REDACTED = shapes.REDACTED.encode()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


# How most pages begin; their first main object follows, and is seldom longer than this.
_BEGINNING = re.compile(rb'\s*\{\s*"data"\s*:\s*(?:\[\s*)?(?=\{)')
_FIRST_OBJECT_BYTES = 20_000
_JSON = json.JSONDecoder()


class _Outline(msgspec.Struct):
    """A page of which only the main objects are looked at, not yet decoded."""

    data: msgspec.Raw = msgspec.Raw()


_OUTLINE = msgspec.json.Decoder(_Outline)
_RAW_OBJECTS = msgspec.json.Decoder(list[msgspec.Raw])


class Decoder:
    """Decodes pages, and collects the field names that no column reads.

    `unknown` maps each such name to the first page that has it (without its body).
    """

    def __init__(self) -> None:
        self.structs: Structs = structs(frozenset())
        self.unknown: dict[str, Page] = {}

    def decode(self, page: Page) -> Contents:
        """Return the page's contents. Raises nothing: what cannot be read is in `misfits`."""
        action, args = _action(page)
        if action is not None and action.kind == "write" and not page.body.strip():
            return Contents(None, action=action, args=args)  # the page's status is all there is
        kind = _kind_of(page.body) if action is None else action.objects
        contents = None
        if kind is not None:
            contents = self._read_fast(page.body, kind)
        if contents is None:
            contents, unknown = tolerant_reader.read_page(page, action, self.structs)
            self._note_unknown(unknown, page)
        contents.action, contents.args = action, args
        if _REDACTED in page.body:
            contents.removed = _removed(page.body)
        return contents

    def _read_fast(self, body: bytes, kind: str) -> Contents | None:
        try:
            envelope = self.structs.envelope(kind).decode(body)
        except _UNREADABLE:
            return None
        main = envelope.data
        if main is None:
            main = ()
        elif not isinstance(main, list):
            main = (main,)
        return Contents(kind, main, _includes_of(envelope), envelope.errors or (),
                        envelope.meta or {}, envelope.matching_rules or ())

    def _note_unknown(self, names: Iterable[tuple[str, str]], page: Page) -> None:
        """Collect unknown names (an object's key, and the name in it) of a page.

        The fast reader accepts them from now on, so that each name costs only one slow page.
        """
        extras = self.structs.extras
        for key, name in names:
            if f"{key}.{name}" not in self.unknown:
                self.unknown[f"{key}.{name}"] = replace(page, body=b"")
            if len(extras) < _MOST_EXTRAS and _UNSUPPORTED.isdisjoint(name):
                extras |= {(key, name)}
        if extras != self.structs.extras:
            self.structs = structs(extras)


def _action(page: Page) -> tuple[Action | None, Mapping[str, str]]:
    """Return the action of the page's request and its arguments; without one, by its path."""
    request = page.request
    if request.action is not None:
        return ACTIONS.get(request.action), request.args
    if not request.path:
        return None, request.args
    hit = match(request.method, request.path)
    if hit is None:
        return None, request.args
    action, args = hit
    return action, {**args, **request.args}


def _removed(body: bytes) -> frozenset[str]:
    """Return the ids of the main objects that an archive removed from a page."""
    try:
        return shapes.removed_ids(tolerant_reader.load(body))
    except (ValueError, RecursionError):  # the word is in the body by chance
        return frozenset()


def _kind_of(body: bytes) -> str | None:
    """Return the kind of a page's main objects by the first of them, or None when it is unclear.

    Used where the request is unknown. A page without main objects is read as a page of posts.
    """
    try:
        first = _first_object(body)
    except _UNREADABLE:
        return None
    return "post" if first is None else shapes.recognise(first)


def _first_object(body: bytes) -> Any:
    """Return a page's first main object, or None without any."""
    beginning = _BEGINNING.match(body)
    if beginning is not None:
        start = beginning.end()
        text = body[start:start + _FIRST_OBJECT_BYTES].decode("utf-8", "replace")
        try:
            return _JSON.raw_decode(text)[0]
        except ValueError:
            pass  # it is longer
    data = bytes(_OUTLINE.decode(body).data)
    if data.startswith(b"["):
        objects = _RAW_OBJECTS.decode(data)
        data = bytes(objects[0]) if objects else b""
    return msgspec.json.decode(data or b"null")


def _includes_of(envelope: Any) -> dict[str, Sequence[Any]]:
    """Return the included objects by kind; X sends those of a kind under one name or two."""
    includes: dict[str, Sequence[Any]] = {}
    if envelope.includes is not None:
        for name, kind in INCLUDES.items():
            objects = getattr(envelope.includes, name)
            if not objects:
                continue
            if kind in includes:
                objects = [*includes[kind], *objects]
            includes[kind] = objects
    return includes

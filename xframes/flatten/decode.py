"""One page's bytes → its decoded objects: the fast path, and the decision what a page is about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.flatten.nodes import INCLUDES, Structs, structs
from xframes.registry import ACTIONS, Action, match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xframes.wire import Page

_MOST_EXTRAS = 1000  # a page full of invented names is not worth a decoder; the tolerant reader reports them
_UNSPEAKABLE = frozenset('"\\').union(map(chr, range(32)))  # characters a decoder's field name cannot have


@dataclass(slots=True)
class Bad:
    """Something on a page that fits nowhere, with the reason; it becomes a row of `problems`."""

    kind: str
    detail: str
    parameter: str | None = None
    value: str | None = None


@dataclass(slots=True)
class Parsed:
    """What a page holds: main objects of one kind, included objects, X's own problems, and its metadata."""

    kind: str | None
    main: Sequence[Any] = ()
    includes: dict[str, Sequence[Any]] = field(default_factory=dict)
    errors: Sequence[dict[str, Any]] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    matching_rules: Sequence[dict[str, Any]] = ()
    bad: list[Bad] = field(default_factory=list)
    action: Action | None = None
    args: Mapping[str, str] = field(default_factory=dict)


class _Outline(msgspec.Struct):
    """A page of which only the main objects are looked at, unread."""

    data: msgspec.Raw = msgspec.Raw()


_OUTLINE = msgspec.json.Decoder(_Outline)
_UNREAD = msgspec.json.Decoder(list[msgspec.Raw])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Decoder:
    """Decodes pages, remembering the field names X invented.

    `unknown` maps each such name to the page it was first seen on (without its body).
    """

    def __init__(self) -> None:
        self.structs: Structs = structs(frozenset())
        self.unknown: dict[str, Page] = {}

    def decode(self, page: Page) -> Parsed:
        """The page's contents; whatever cannot be read is in `bad`, nothing is raised."""
        from xframes.flatten import tolerant

        action, args = _action(page)
        if action is not None and action.kind == "write" and not page.body.strip():  # its status says it all
            return Parsed(None, action=action, args=args)
        kind = action.objects if action is not None else kind_of(page.body)
        parsed = None if kind is None else self._fast(page.body, kind)
        if parsed is None:
            parsed = tolerant.parse(page, action, self)
        parsed.action, parsed.args = action, args
        return parsed

    def _fast(self, body: bytes, kind: str) -> Parsed | None:
        try:
            return _parsed(self.structs.envelope(kind).decode(body), kind)
        except _UNREADABLE:
            return None

    def note_unknown(self, names: Iterable[tuple[str, str]], page: Page) -> None:
        """Remember names no column knows (an object's key, and the name in it) and the first page they were seen on.

        From now on the fast reader accepts them, so that each costs one slow page only.
        """
        extras = self.structs.extras
        for key, name in names:
            if f"{key}.{name}" not in self.unknown:
                self.unknown[f"{key}.{name}"] = replace(page, body=b"")
            if (key, name) not in extras and len(extras) < _MOST_EXTRAS and _UNSPEAKABLE.isdisjoint(name):
                extras |= {(key, name)}
        if extras != self.structs.extras:
            self.structs = structs(extras)


def _action(page: Page) -> tuple[Action | None, Mapping[str, str]]:
    """The action a page answers and its arguments, told by its request; by the path where nothing else is said."""
    request = page.request
    if request.action is not None:
        return ACTIONS.get(request.action), request.args
    hit = match(request.method, request.path) if request.path else None
    return (hit[0], {**hit[1], **request.args}) if hit else (None, request.args)


def _parsed(envelope: Any, kind: str) -> Parsed:
    data = envelope.data
    main = data if isinstance(data, list) else () if data is None else (data,)
    includes: dict[str, Sequence[Any]] = {}
    if envelope.includes is not None:
        for name, object_ in INCLUDES.items():
            found = getattr(envelope.includes, name)
            if found:
                includes[object_] = [*includes[object_], *found] if object_ in includes else found
    return Parsed(kind, main, includes, envelope.errors or (), envelope.meta or {}, envelope.matching_rules or ())


def kind_of(body: bytes) -> str | None:
    """Return the kind of a page's main objects, by the first of them; None where that says nothing.

    Used where the request is unknown. A page without main objects may be read as one of posts.
    """
    try:
        data = bytes(_OUTLINE.decode(body).data)
        if data[:1] == b"[":
            data = bytes(next(iter(_UNREAD.decode(data)), b""))
        first = msgspec.json.decode(data or b"null")
    except _UNREADABLE:
        return None
    return "post" if first is None else recognise(first)


def recognise(item: Any) -> str | None:
    """Return the kind of a decoded object, by the fields it has; None when nothing fits.

    Used only where the request is unknown.
    """
    if not isinstance(item, dict):
        return None
    for kind, needed in _MARKS:
        if all(item.get(name) is not None for name in needed):
            return kind
    return None


# In this order: a message and a Space carry names a post or user also has.
_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("media_analytics", ("timestamped_metrics", "media_key")),
    ("post_analytics", ("timestamped_metrics", "id")),
    ("media_analytics", ("playback_start", "media_key")),
    ("post_analytics", ("impressions", "id")),
    ("dm", ("event_type",)),
    ("dm", ("dm_conversation_id",)),
    ("compliance_result", ("id", "action", "reason")),
    ("tombstone", ("resource_type", "resource_id", "reason")),
    ("compliance_job", ("status", "type", "id")),
    ("count", ("start", "end")),
    ("personalized_trend", ("trend_name", "category")),
    ("personalized_trend", ("trend_name", "trending_since")),
    ("trend", ("trend_name",)),
    ("news", ("hook", "summary")),
    ("community", ("join_policy", "id")),
    ("community", ("access", "id")),
    ("post", ("text",)),
    ("post", ("edit_history_tweet_ids",)),
    ("post", ("edit_history_post_ids",)),
    ("post", ("conversation_id",)),
    ("rule", ("value", "id")),
    ("user", ("username",)),
    ("space", ("state", "id")),
    ("usage", ("project_id",)),
    ("usage", ("cap_reset_day",)),
    ("usage", ("project_usage",)),
    ("list", ("name", "id")),
)

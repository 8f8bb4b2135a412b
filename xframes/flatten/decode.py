"""One page's bytes → its decoded objects: the fast path, and the decision what a page is about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.flatten.nodes import INCLUDES, WIDE, Structs, structs, tree
from xframes.registry import ACTIONS, Action, match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xframes.wire import Page

_MOST_EXTRAS = 1000  # a page full of invented names is not worth a decoder; the tolerant reader reports them
_met: set[tuple[str, str]] = set()  # the fields of wide kinds that any page read by this process had
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
    """A page's objects by their fields' names."""

    data: dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]] | None = None
    includes: dict[str, list[dict[str, msgspec.Raw]]] | None = None


class Decoder:
    """Decodes pages, remembering the fields they have and the field names X invented.

    `unknown` maps each such name to the page it was first seen on (without its body).
    """

    def __init__(self) -> None:
        self.structs: Structs = structs(frozenset(), frozenset(_met))
        self.unknown: dict[str, Page] = {}
        self._hint = "post"

    def decode(self, page: Page) -> Parsed:
        """The page's contents; whatever cannot be read is in `bad`, nothing is raised."""
        from xframes.flatten import tolerant

        action, args = _action(page)
        if action is not None and action.kind == "write" and not page.body.strip():  # its status says it all
            return Parsed(None, action=action, args=args)
        kind = action.objects if action is not None else self._hint
        parsed = None if kind is None else self._fast(page, kind, known=action is not None)
        if parsed is None:
            parsed = tolerant.parse(page, action, self)
            if action is None and parsed.kind is not None:
                self._hint = parsed.kind
        parsed.action, parsed.args = action, args
        return parsed

    def _fast(self, page: Page, kind: str, *, known: bool) -> Parsed | None:
        try:
            envelope = self.structs.envelope(kind).decode(page.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fast(page, kind, known=known) if self._met_more(page, kind) else None
        parsed = _parsed(envelope, kind)
        return parsed if known or not parsed.main or recognise(parsed.main[0]) == kind else None

    def _met_more(self, page: Page, kind: str) -> bool:
        """Whether the page has fields that no page before had; then the structs have them from now on."""
        before = self.structs
        try:
            outline = msgspec.json.decode(page.body, type=_Outline)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        self.meet(kind, outline.data if isinstance(outline.data, list) else [outline.data or {}])
        for name, objects in (outline.includes or {}).items():
            if name in INCLUDES:
                self.meet(INCLUDES[name], objects)
        return self.structs is not before

    def meet(self, kind: str, objects: Iterable[Mapping[str, Any]]) -> None:
        """Take up the fields these objects have."""
        if kind in WIDE:
            names = set[str]().union(*objects) & tree(kind).fields.keys()
            if fresh := {(kind, name) for name in names} - self.structs.met:
                _met.update(fresh)
                self.structs = structs(self.structs.extras, self.structs.met | fresh)

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
            self.structs = structs(extras, self.structs.met)


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


def recognise(item: Any) -> str | None:
    """What kind of object something is, told by the fields it carries; None when nothing fits.

    `item` is a decoded struct or a dict. Used only where the request is unknown.
    """
    if isinstance(item, dict):
        has = lambda name: item.get(name) is not None  # noqa: E731  # two spellings of one question, side by side
    else:
        has = lambda name: getattr(item, name, None) not in (None, ())  # noqa: E731  # as above
    for kind, needed in _MARKS:
        if all(map(has, needed)):
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

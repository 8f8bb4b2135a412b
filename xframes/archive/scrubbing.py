"""What must go, taken out of the pages kept: removed posts and people leave, all else on the page stays.

Pure: bytes in, bytes out. A page that holds nothing of what must go is given back as it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.wire import Page, Request

REDACTED = "__redacted"  # stands in a page's body once something was taken out of it: its hash is no longer its id
_TOKENS = re.compile(rb"[A-Za-z0-9_]+")
_DROPPED = object()
_GONE = "removed"  # stands for a removed person's name in requests


@dataclass(frozen=True, slots=True)
class Doomed:
    """What must go: ids of posts, users, media and polls, and the users' names (lower case)."""

    posts: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    polls: frozenset[str] = frozenset()
    _needles: frozenset[bytes] = field(init=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        every = self.posts | self.users | self.names | self.media | self.polls
        object.__setattr__(self, "_needles", frozenset(text.lower().encode() for text in every))

    def __bool__(self) -> bool:
        return bool(self._needles)

    def occurs_in(self, data: bytes) -> bool:
        """Whether any of it may stand in these bytes: a quick look that never misses."""
        return not self._needles.isdisjoint(_TOKENS.findall(data.lower()))


def scrub(page: Page, doomed: Doomed) -> Page:
    """The page without what must go. What is no JSON is emptied whole: nobody can tell what stands in it."""
    request = _request(page.request, doomed)
    body = page.body
    if doomed.occurs_in(body):
        try:
            document = read_json(body)
        except ValueError:
            body = json.dumps({REDACTED: ["everything"]}).encode()
        else:
            taken: list[str] = []
            document = _walk(document, doomed, taken)
            if taken:
                body = _dump({"errors": []} if document is _DROPPED else document, taken)
                if (request.action or "").startswith("write."):
                    request = replace(request, args={})  # what was written stood there, too
    if body is page.body and request == page.request:
        return page
    return replace(page, request=request, body=body)


def redacted(body: bytes) -> bool:
    """Whether something was taken out of a body."""
    return REDACTED.encode() in body


def _dump(document: Any, taken: list[str]) -> bytes:
    if not isinstance(document, dict):
        document = {"data": document}
    before = document.get(REDACTED)
    document[REDACTED] = sorted({*taken, *(before if isinstance(before, list) else ())})
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _request(request: Request, doomed: Doomed) -> Request:
    """The request without names of removed people; ids stay, they are no content."""
    if not doomed.names or not doomed.occurs_in(f"{request.path} {dict(request.params)} {dict(request.args)}".encode()):
        return request
    return replace(request, path=without_names(request.path, doomed), params=_texts(request.params, doomed),
                   args=_texts(request.args, doomed))


def _texts(values: Mapping[str, str], doomed: Doomed) -> dict[str, str]:
    return {name: without_names(text, doomed) for name, text in values.items()}


def without_names(text: str, doomed: Doomed) -> str:
    """A request's text with removed people's names replaced."""
    return re.sub(r"[A-Za-z0-9_]+", lambda hit: _GONE if hit[0].lower() in doomed.names else hit[0], text)


def _walk(value: Any, doomed: Doomed, taken: list[str]) -> Any:
    """The value without doomed objects; `_DROPPED` where it is one itself. `taken` gets the kinds of what went."""
    if isinstance(value, list):
        kept = (_walk(item, doomed, taken) for item in value)
        return [item for item in kept if item is not _DROPPED]
    if not isinstance(value, dict):
        return value
    kind = _doomed_kind(value, doomed)
    if kind == "reference":  # a post written into the one that refers to it: the reference stays
        taken.append("post")
        return {name: value[name] for name in ("type", "id")}
    if kind is not None:
        taken.append(kind)
        return _DROPPED
    walked = {name: _walk(item, doomed, taken) for name, item in value.items()}
    return _without_name({name: item for name, item in walked.items() if item is not _DROPPED}, doomed, taken)


def _doomed_kind(value: Mapping[str, Any], doomed: Doomed) -> str | None:
    """What kind of doomed thing an object is, told by what it carries beside its id."""
    own, keys = str(value.get("id", "")), value.keys()
    told = {str(value.get(name, "")).lower() for name in ("value", "resource_id")}
    theirs = {str(value.get("author_id", "")), _nested_author(value)} & doomed.users
    if theirs or (own in doomed.posts and keys - {"id", "type"}):
        return "reference" if value.get("type") in {"replied_to", "quoted", "retweeted"} else "post"
    found = {
        "user": own in doomed.users and keys & {"username", "name", "description"} and "start" not in keys,
        "message": str(value.get("sender_id", "")) in doomed.users,
        "media": str(value.get("media_key", "")) in doomed.media and keys & {"type", "url", "variants", "alt_text"},
        "poll": own in doomed.polls and "options" in keys,
        "problem": "detail" in keys and doomed.names & told,
    }
    return next((kind for kind, yes in found.items() if yes), None)


def _nested_author(value: Mapping[str, Any]) -> str:
    author = value.get("author")
    return str(author.get("id", "")) if isinstance(author, dict) else ""


def _without_name(value: dict[str, Any], doomed: Doomed, taken: list[str]) -> dict[str, Any]:
    """A mention of a removed person keeps its place and id; a bare username goes."""
    if str(value.get("username", "")).lower() in doomed.names:
        taken.append("username")
        return {n: v for n, v in value.items() if n in {"start", "end", "id"}}
    return value

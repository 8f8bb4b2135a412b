"""What must go, taken out of the pages kept: removed posts and people leave, all else on the page stays.

Pure: bytes in, bytes out. A page that holds nothing of what must go is given back as it is.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.archive.masking import PREVIEWS
from xframes.archive.pseudonyms import X_LINKS, unescaped
from xframes.schema import TABLES
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.wire import Page, Request

REDACTED = "__redacted"  # stands in a page's body once something was taken out of it: its hash is no longer its id
_TOKENS = re.compile(rb"[a-z0-9_]+")
_JSON_TOKENS = re.compile(rb"\\u[0-9a-f]{4}|\\.|([a-z0-9_]+)")  # `\nada` names ada
_PLAIN_ESCAPED = re.compile(rb"\\u00[2-7]")  # a letter written as JSON need not write it
_URL_TOKENS = re.compile(rb"%(?:25)*[0-9a-f]{2}|([a-z0-9_]+)")  # in a link `from%3Aada` names ada
_WORDS = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|[A-Za-z0-9_]+")
_LINKS = frozenset({"expanded_url", "display_url", "unwound_url", "url", "expanded", "display", "expandedUrl"})
# Names of people beside the ids of those they name, where they are not the object's own.
_BESIDE = {"in_reply_to_screen_name": "in_reply_to_user_id", "in_reply_to_username": "in_reply_to_user_id",
           "retweeted_username": "retweeted_user_id", "quoted_username": "quoted_user_id"}
_RULES = ("value", "tag")
_TOLD = ("title", "detail")  # texts of an error
_PLACE = frozenset({"start", "end", "indices", "id", "id_str"})  # what stays of a mention
_NO_CONTENT = frozenset({"id", "id_str", "type", "action", "reason", "created_at", "redacted_at", "user_id",
                         "user_id_str"})
# Ids of posts, people and lists may be equal: what an object carries tells which it is.
_OF_POSTS = frozenset({"text", "full_text", "author_id", "conversation_id", "edit_history_tweet_ids",
                       "edit_history_post_ids"})
_OF_OTHERS = frozenset({"username", "screen_name", "name", "start", "indices", "options", "state", "value", "tag"})
_OF_PEOPLE = frozenset({"public_metrics", "verified", "protected", "profile_image_url"})
_OWN_WORDS = frozenset({"text", "full_text", "username", "screen_name"})  # of posts and people
_PREVIEW = tuple(PREVIEWS["post_urls"].split())
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
        low = data.lower()
        if not self._needles.isdisjoint(_TOKENS.findall(low)):
            return True
        if b"\\" in low and (
            _PLAIN_ESCAPED.search(low) or not self._needles.isdisjoint(_JSON_TOKENS.findall(low))
        ):
            return True
        if b"%" not in low:
            return False
        plain = unescaped(low.decode("latin-1")).lower().encode("latin-1")
        return not self._needles.isdisjoint((*_URL_TOKENS.findall(low), *_TOKENS.findall(plain)))


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
            document = _walk(_marked(document, doomed, taken), doomed, taken)
            document = _without_unknown(document, doomed, taken)
            if taken:
                body = _dump({"errors": []} if document is _DROPPED else document, taken)
                if (request.action or "").startswith("write."):
                    request = replace(request, args={})  # what was written stood there, too
    if body is page.body and request == page.request:
        return page
    return replace(page, request=request, body=body)


def redacted(page: Page) -> bool:
    """Whether something may have been taken out of a page: out of its body, or a name out of what was asked."""
    request = page.request
    asked = (request.path, *map(str, request.params.values()), *map(str, request.args.values()))
    return REDACTED.encode() in page.body or any(_GONE in _WORDS.findall(text) for text in asked)


def _dump(document: Any, taken: list[str]) -> bytes:
    if not isinstance(document, dict):
        document = {"data": document}
    before = document.get(REDACTED)
    document[REDACTED] = sorted({*taken, *(before if isinstance(before, list) else ())})
    return _written(document)


def _written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _request(request: Request, doomed: Doomed) -> Request:
    """The request without names of removed people; ids stay, they are no content."""
    if not doomed.names or not doomed.occurs_in(f"{request.path} {dict(request.params)} {dict(request.args)}".encode()):
        return request
    return replace(request, path=without_names(request.path, doomed), params=_texts(request.params, doomed),
                   args=_texts(request.args, doomed))


def _texts(values: Mapping[str, str], doomed: Doomed) -> dict[str, str]:
    return {name: without_names(text, doomed) if isinstance(text, str) else text for name, text in values.items()}


def without_names(text: str, doomed: Doomed) -> str:
    """A text with removed people's handles replaced where they are a word of their own, escaped or not."""
    plain = unescaped(text)
    clean = _unnamed(plain, doomed)
    return clean if clean != plain else _unnamed(text, doomed)


def _unnamed(text: str, doomed: Doomed) -> str:
    return _WORDS.sub(lambda hit: _GONE if hit[0].lower() in doomed.names else hit[0], text)


def without_links(text: str, doomed: Doomed) -> str:
    """A link to a removed person or their post, without the name: to X and its mirrors, others stay."""
    return X_LINKS.sub(
        lambda hit: hit["host"] + without_names(hit[0].removeprefix(hit["host"]), doomed), text
    )


def leads_to(link: str, doomed: Doomed) -> bool:
    """Whether a link leads to a removed person or post."""
    found = {word.lower() for hit in X_LINKS.finditer(link)
             for word in _WORDS.findall(unescaped(hit[0].removeprefix(hit["host"])))}
    return not found.isdisjoint(doomed.names | doomed.posts | doomed.users)


def without_preview(entity: Mapping[str, Any], doomed: Doomed) -> dict[str, Any]:
    """What may stay of what a link's page shows of itself: `title`, `description` and `images`.

    The page of a removed person or post says nothing any more; on other pages the handle is
    replaced. Where the page is unknown, its text tells whose it is.
    """
    preview = {n: entity[n] for n in _PREVIEW if entity.get(n)}
    links = [v for n, v in entity.items() if n in _LINKS and isinstance(v, str)]
    clean = {n: without_names(v, doomed) if isinstance(v, str) else v for n, v in preview.items()}
    unknown = all("/t.co/" in link for link in links)
    if any(leads_to(link, doomed) for link in links) or (unknown and clean != preview):
        return {}
    return clean


def handles_in(body: bytes, doomed: Doomed) -> set[str]:
    """The handles, lower case, by which a page knows the removed people: earlier ones, too."""
    found: set[str] = set()
    if doomed.users and doomed.occurs_in(body):
        with suppress(ValueError):
            _note_names(read_json(body), doomed, found)
    return found


def people_in(body: bytes, handles: frozenset[str]) -> set[tuple[str, str]]:
    """Find who has or had one of these handles (lower case) on a page: pairs of handle and id."""
    found: set[tuple[str, str]] = set()
    if Doomed(names=handles).occurs_in(body):
        with suppress(ValueError):
            _note_people(read_json(body), handles, found)
    return found


def _note_people(value: Any, handles: frozenset[str], found: set[tuple[str, str]]) -> None:
    if isinstance(value, dict) and _id(value):
        names = {str(value[n]).lower() for n in ("username", "screen_name") if n in value}
        found.update((name, _id(value)) for name in names & handles)
    items = value.values() if isinstance(value, dict) else value
    for item in items if isinstance(value, dict | list) else ():
        _note_people(item, handles, found)


def _note_names(value: Any, doomed: Doomed, found: set[str]) -> None:
    if isinstance(value, dict):
        own = _id(value) in doomed.users or str(value.get("accountId", "")) in doomed.users
        told = [value.get("username"), value.get("screen_name")] if own and "text" not in value else []
        told += [value.get(name) for name, id_ in _BESIDE.items() if _id(value, id_) in doomed.users]
        found.update(name.lower() for name in told if isinstance(name, str) and name)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _note_names(item, doomed, found)


def scrubbed(text: str | None, doomed: Doomed) -> str | None:
    """A text of JSON without what must go; None when nothing is left, itself when all is."""
    if text is None or not doomed.occurs_in(text.encode()):
        return text
    taken: list[str] = []
    document = _without_unknown(_walk(read_json(text.encode()), doomed, taken), doomed, taken)
    return text if not taken else None if document is _DROPPED else _written(document).decode()


def _marked(document: Any, doomed: Doomed, taken: list[str]) -> Any:
    """A page whose removed posts and people are ids alone: those that stay keep their places on it."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list | dict):
        return document
    data = document["data"]
    marked = [_mark(item, doomed, taken) for item in (data if isinstance(data, list) else [data])]
    return {**document, "data": marked if isinstance(data, list) else marked[0]}


def _mark(item: Any, doomed: Doomed, taken: list[str]) -> Any:
    kind = _doomed_kind(item, doomed) if isinstance(item, dict) and not _is_mark(item) else None
    for name, ids, empty in (("post", doomed.posts, "text"), ("user", doomed.users, "username")):
        if kind == name and _id(item) in ids:
            taken.append(name)
            return {"id": _id(item), empty: ""}
    return item


def without_marks(page: Page) -> Page:
    """A page for use outside its archive, where no tombstone hides the ids that keep the others' places."""
    if REDACTED.encode() not in page.body:
        return page
    try:
        document = read_json(page.body)
    except ValueError:  # the word stands there by chance
        return page
    data = document.get("data") if isinstance(document, dict) else None
    if isinstance(data, list):
        document["data"] = [item for item in data if not (isinstance(item, dict) and _is_mark(item))]
    elif isinstance(data, dict) and _is_mark(data):
        del document["data"]
    return replace(page, body=_written(document))


def _is_mark(value: Mapping[str, Any]) -> bool:
    return len(value) == 2 and "id" in value and "" in {value.get("text"), value.get("username")}


def _walk(value: Any, doomed: Doomed, taken: list[str]) -> Any:
    """The value without doomed objects; `_DROPPED` where it is one itself. `taken` gets the kinds of what went."""
    if isinstance(value, list):
        items = (_walk(item, doomed, taken) for item in value)
        return [item for item in items if item is not _DROPPED]
    if not isinstance(value, dict) or _is_mark(value):
        return value
    kind = _doomed_kind(value, doomed)
    if kind == "reference":  # a post written into the one that refers to it: the reference stays
        taken.append("post")
        return {name: value[name] for name in ("type", "id")}
    if kind is not None:
        taken.append(kind)
        return _DROPPED
    if isinstance(asked := value.get("__twarc"), dict):
        value = {**value, "__twarc": _texts(asked, doomed)}
        taken += ["username"] * (value["__twarc"] != asked)
    walked = {name: _walk(item, doomed, taken) for name, item in value.items()}
    kept = _without_name({name: item for name, item in walked.items() if item is not _DROPPED}, doomed, taken)
    return _without_words(kept, doomed, taken)


def _doomed_kind(value: Mapping[str, Any], doomed: Doomed) -> str | None:
    """What kind of doomed thing an object is, told by what it carries beside its id."""
    own, keys = _id(value), value.keys()
    told = {str(value.get(name, "")).lower() for name in ("value", "resource_id")}
    theirs = {str(value.get("author_id", "")), _nested(value, "author"), _nested(value, "user")} & doomed.users
    if theirs or (own in doomed.posts and keys - _NO_CONTENT and (keys & _OF_POSTS or not keys & _OF_OTHERS)):
        return "reference" if value.get("type") in {"replied_to", "quoted", "retweeted"} else "post"
    found = {
        "user": own in doomed.users and not keys & {"start", "indices"}
        and (keys & {"username", "screen_name"} or ("name" in keys and keys & _OF_PEOPLE)),
        "account": str(value.get("accountId", "")) in doomed.users,
        "list": str(value.get("owner_id", "")) in doomed.users,
        "space": str(value.get("creator_id", "")) in doomed.users,
        "message": str(value.get("sender_id", "")) in doomed.users,
        "media": str(value.get("media_key", "")) in doomed.media and keys & {"type", "url", "variants", "alt_text"},
        "poll": own in doomed.polls and "options" in keys,
        "problem": "detail" in keys and doomed.names & told,
    }
    return next((kind for kind, yes in found.items() if yes), None)


def _id(value: Mapping[str, Any], name: str = "id") -> str:
    """An id as text, of v1.1 too, which has it as a number; MongoDB writes that as an object."""
    found = value.get(f"{name}_str") or value.get(name)
    found = found.get("$numberLong") if isinstance(found, dict) else found
    return str(found) if isinstance(found, str | int) else ""


def _nested(value: Mapping[str, Any], name: str) -> str:
    inner = value.get(name)
    return _id(inner) if isinstance(inner, dict) else ""


def _without_name(value: dict[str, Any], doomed: Doomed, taken: list[str]) -> dict[str, Any]:
    """A mention of a removed person keeps its place and id; a bare username goes, as do names beside their ids.

    Who has a removed person's former name today is somebody else, and stays.
    """
    for name, id_ in _BESIDE.items():
        if name in value and (_id(value, id_) in doomed.users or str(value[name]).lower() in doomed.names):
            taken.append("username")
            value.pop(name)
    named = [str(value[n]).lower() for n in ("username", "screen_name") if n in value]
    if named and (_id(value) in doomed.users or (not _id(value) and not doomed.names.isdisjoint(named))):
        taken.append("username")
        return {n: v for n, v in value.items() if n in _PLACE}
    return value


def _without_words(value: dict[str, Any], doomed: Doomed, taken: list[str]) -> dict[str, Any]:
    """Links, what their pages show, errors and rules without removed people's names."""
    clean = {n: without_links(v, doomed) if n in _LINKS and isinstance(v, str) else v for n, v in value.items()}
    if not value.keys() & {"start", "indices", "detail"}:  # a rule or a request, and no entity of a text
        clean |= {n: without_names(v, doomed) for n, v in clean.items() if n in _RULES and isinstance(v, str)}
    if "detail" in value and not _id(value):
        texts = {n: v for n, v in clean.items() if n in _TOLD and isinstance(v, str)}
        clean |= {n: without_names(v, doomed) for n, v in texts.items()}
    if not _id(value) and value.keys() & _LINKS and value.keys() & set(_PREVIEW):
        left = without_preview(value, doomed)
        clean = {n: left.get(n, v) for n, v in clean.items()
                 if n not in _PREVIEW or n in left or not v}
    if clean != value:
        taken.append("username")
    return clean


def _without_unknown(value: Any, doomed: Doomed, taken: list[str], *, strange: bool = False) -> Any:
    """The value without removed people's handles where no column looks; `strange` below such a field.

    What other people wrote stays as it is, also in posts and profiles of v1.1, which have other names.
    """
    if isinstance(value, str) and strange:
        text = without_names(value, doomed)
        taken += ["username"] * (text != value)
        return text
    if isinstance(value, list):
        return [_without_unknown(item, doomed, taken, strange=strange) for item in value]
    if not isinstance(value, dict):
        return value
    if strange and _id(value) in doomed.users and value.keys() - _PLACE:
        taken.append("user")
        return {n: v for n, v in value.items() if n in _PLACE}
    strange = strange and not value.keys() & _OWN_WORDS
    known = _known(value)
    clean = {}
    for name, item in value.items():
        new = without_names(name, doomed) if strange else name
        taken += ["username"] * (new != name)
        clean[new] = _without_unknown(item, doomed, taken, strange=strange or name not in known)
    return clean


def _known(value: Mapping[str, Any]) -> frozenset[str]:
    """The names an object may have: a page's, those of posts and users of v2, else any column's."""
    if value.keys() & {"data", "includes"} and not _id(value):
        return _columns("page")
    if "id" not in value or value.keys() & {"id_str", "full_text", "start"}:
        return _columns("any")
    kind = "post" if "text" in value else "user" if "username" in value else "any"
    return _columns(kind)


@cache
def _columns(kind: str) -> frozenset[str]:
    """The names on the wire that a kind of object's columns are read from, or looked at here."""
    from xframes.flatten.nodes import INCLUDES, tree
    from xframes.flatten.shapes import TOP_LEVEL

    if kind == "page":
        return frozenset({*TOP_LEVEL, *INCLUDES})
    if kind != "any":
        return frozenset({*tree(kind).fields, *TOP_LEVEL, *_BESIDE})
    paths = [path for table in TABLES.values() for col in table.body for path in col.paths]
    sources = [source for table in TABLES.values() for source in table.sources]
    paths += [path for source in sources for path in source.paths]
    parts = {part.partition("[")[0] for path in paths for part in path.split(".")}
    looked_at = {*TOP_LEVEL, *INCLUDES, *_OF_POSTS, *_OF_OTHERS, *_OF_PEOPLE, *_BESIDE, *_PLACE}
    return frozenset(parts | looked_at)

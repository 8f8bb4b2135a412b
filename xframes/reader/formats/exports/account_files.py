"""Files of the export that X offers to the owner of an account: JavaScript, one kind a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import joined, read_record
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import (
    COUNT,
    ID,
    TIME,
    as_time,
    is_nothing,
)
from xframes.reader.formats.source_format import Format, Key, Shape, keys_for
from xframes.reader.formats.v11.answers import conversation_of
from xframes.reader.formats.v11.status_shape import STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.reader.formats.file_objects import Notes, Objects

_PER_PAGE = 100
_LINK = re.compile(r"https?://t\.co/\w+")
_REPLIED = re.compile(r"^(?:@\w{1,20}\s+)+")
_LIST_ID = re.compile(r"/lists/([0-9]{5,20})(?:\D|$)")
_NEAR = timedelta(seconds=5)

ACCOUNT = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            id="accountId|id", username="username|userName|screen_name",
            name="accountDisplayName|displayName|full_name", created_at="createdAt|created_at",
        ),
    ),
    left_out=("email", "createdVia", "phoneNumber", "phone", "expanded_url", "display_location",
              "timeZone", "location", "url", "bio"),
)
PROFILE = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            description="description.bio|bio", location="description.location|location",
            url="description.website|url", profile_image_url="avatarMediaUrl",
            profile_banner_url="headerMediaUrl",
        ),
    ),
    left_out=("id", "screen_name", "full_name", "created_at", "expanded_url", "display_location"),
)


def _links(value: Any) -> list[dict[str, Any]]:
    """Return the links of a message."""
    links = []
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            link = {"url": item.get("url"), "expanded_url": item.get("expanded"),
                    "display_url": item.get("display")}
            links.append({n: v for n, v in link.items() if isinstance(v, str)})
    return links


def _finish_message(fields: Any, objects: Objects) -> None:
    links = _links(fields.get("urls"))
    if links:
        objects.main["entities"] = {"urls": links}
    people = fields.get("userIds") or fields.get("participantsSnapshot")
    if isinstance(people, list) and fields.get("_type") != "MessageCreate":
        objects.main["participant_ids"] = [ID(id_) for id_ in people]


MESSAGE = Shape(
    "dm",
    keys=(
        Key("id", "messages.id", ID), Key("_type", "messages.event_type"),
        Key("conversationId", "messages.conversation_id"),
        Key("createdAt", "messages.created_at", TIME),
        Key("senderId|initiatingUserId|userId", "messages.sender_id", ID),
        Key("text", "messages.text"),
    ),
    used=("recipientId", "urls", "userIds", "participantsSnapshot"),
    left_out=("reactions", "mediaUrls", "editHistory", "name", "avatarImageUrl"),
    finish=_finish_message,
)
_EVENTS = {
    "messageCreate": "MessageCreate", "participantsJoin": "ParticipantsJoin",
    "joinConversation": "ParticipantsJoin", "participantsLeave": "ParticipantsLeave",
}


@dataclass(slots=True)
class Export:
    """What of an export its files of posts need: the account, long texts, and when it was made."""

    account: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    made_at: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)
    used_notes: set[int] = field(default_factory=set)
    is_whole: bool = False
    left: dict[str, int] = field(default_factory=dict)

    @property
    def owner(self) -> str | None:
        """The id of the account."""
        id_ = self.account.get("id")
        return id_ if isinstance(id_, str) else None


def _inner(item: Any, *names: str) -> Any:
    """Return the object in an entry, which has its kind as the only key."""
    if not isinstance(item, dict):
        return item
    for name in names:
        if isinstance(item.get(name), dict):
            return item[name]
    return item


Items = list[Any]


def posts(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
    """Return the pages of posts, with their author."""
    for start in range(0, max(len(items), 1), _PER_PAGE):
        objects = []
        for item in items[start:start + _PER_PAGE]:
            post = _inner(item, "tweet")
            if not isinstance(post, dict):
                notes.add_record(f"expected a post, got {str(post)[:80]!r}")
                continue
            own = read_record(STATUS, post, notes)
            if export.owner:
                own.main.setdefault("author_id", export.owner)
            if export.notes:
                try:
                    _add_note(own.main, export)
                except (ValueError, TypeError) as error:
                    notes.add_record(f"a long text was read in part: {error}")
            objects.append(own)
        page = joined(objects, "post", notes)
        if export.account:
            page["includes"].setdefault("users", []).append(export.account)
        yield Converted(page, "post")


def _add_note(post: dict[str, Any], export: Export) -> None:
    """Add the whole text of a long post, matched by its time and its first words."""
    text = post.get("text")
    if not isinstance(text, str) or "\u2026" not in text:
        return
    matches = [(number, note) for number, note in enumerate(export.notes)
               if _is_near(note.get("createdAt"), post.get("created_at"))
               and _begins_alike(text, str(note["core"].get("text", "")))]
    if len(matches) > 1:
        exact = [m for m in matches if _seconds(m[1].get("createdAt"), post.get("created_at")) == 0]
        matches = exact or matches
    if len({str(note["core"].get("text")) for _, note in matches}) != 1:
        return
    number, note = matches[0]
    export.used_notes.add(number)
    entities = _entities_of_note(note["core"], post.pop("entities", {}))
    post["note_tweet"] = {"text": note["core"]["text"], "entities": entities}


def _seconds(first: Any, second: Any) -> float:
    return abs((as_time(first) - as_time(second)).total_seconds())


def _is_near(first: Any, second: Any) -> bool:
    try:
        return abs(as_time(first) - as_time(second)) <= _NEAR
    except (ValueError, TypeError, OverflowError):
        return False


def _begins_alike(short: str, whole: str) -> bool:
    """Whether a text is the beginning of another.

    A note does not have the handles before a reply, and has links of its own.
    """
    head = _plain(unescape(short).rpartition("\u2026")[0])
    whole = _plain(unescape(whole))
    return bool(head) and (
        whole.startswith(head) or _REPLIED.sub("", whole).startswith(_REPLIED.sub("", head))
    )


def _plain(text: str) -> str:
    return " ".join(_LINK.sub("\0", text).split())


def _entities_of_note(core: dict[str, Any], short: Any) -> dict[str, Any]:
    """Return the entities of a long text; of those only the short text has, without positions."""
    entities: dict[str, Any] = {}
    for name, names in (
        ("urls", {"url": "shortUrl", "expanded_url": "expandedUrl", "display_url": "displayUrl"}),
        ("hashtags", {"tag": "text"}), ("cashtags", {"tag": "text"}),
        ("mentions", {"username": "screenName"}),
    ):
        items = []
        own = core.get(name)
        for item in own if isinstance(own, list) else ():
            if not isinstance(item, dict):
                continue
            texts = {new: item.get(old) for new, old in names.items()}
            entity: dict[str, Any] = {n: v for n, v in texts.items() if isinstance(v, str)}
            if not is_nothing(item.get("fromIndex")) and not is_nothing(item.get("toIndex")):
                entity["start"], entity["end"] = COUNT(item["fromIndex"]), COUNT(item["toIndex"])
            items.append(entity)
        key = {"urls": "expanded_url", "mentions": "username"}.get(name, "tag")
        known = {str(item.get(key)).lower(): item for item in items}
        for item in short.get(name, ()) if isinstance(short, dict) else ():
            value = str(item.get(key)).lower()
            if value in known:
                known[value].update({n: v for n, v in item.items() if n not in known[value]})
            else:
                items.append({n: v for n, v in item.items() if n not in {"start", "end"}})
        if items:
            entities[name] = items
    return entities


def unused_notes(export: Export) -> Iterator[str]:
    """Yield what to say of whole texts that fit no post."""
    for number, note in enumerate(export.notes):
        if number not in export.used_notes:
            start = str(note["core"].get("text", ""))[:60]
            yield f"the long text {note.get('noteTweetId')} fits no post: {start!r}"


def _edges(action: str, *names: str) -> Callable[[Items, Export, Notes], Iterator[Converted]]:
    """Return the function that reads relations of the account with others."""
    def read(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
        ids = []
        for item in items:
            inner = _inner(item, *names)
            id_ = inner.get("accountId") if isinstance(inner, dict) else None
            try:
                ids.append(ID(id_))
            except (ValueError, TypeError):
                notes.add_record(f"an account without id: {str(inner)[:80]!r}")
        if export.owner is None:
            if ids:
                notes.add_record("the account's id is unknown: account.js is missing")
            return
        for start in range(0, len(ids), 1000):
            data = [{"id": id_} for id_ in ids[start:start + 1000]]
            yield Converted({"data": data}, "user", action, {"user_id": export.owner})
    return read


def _likes(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
    liked = []
    for item in items:
        inner = _inner(item, "like")
        try:
            post = {"id": ID(inner.get("tweetId"))}
        except (ValueError, TypeError, AttributeError):
            notes.add_record(f"a like without a post: {str(inner)[:80]!r}")
            continue
        if isinstance(inner.get("fullText"), str):
            post["text"] = inner["fullText"]
        liked.append(post)
    if export.owner is None and liked:
        notes.add_record("the account's id is unknown: account.js is missing")
        return
    for start in range(0, len(liked), _PER_PAGE):
        data = liked[start:start + _PER_PAGE]
        yield Converted({"data": data}, "post", "users.liked_posts",
                        {"user_id": str(export.owner)})


def _messages(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
    del export
    waiting: list[Objects] = []
    for item in items:
        conversation = _inner(item, "dmConversation")
        events = conversation.get("messages") if isinstance(conversation, dict) else None
        if not isinstance(events, list):
            notes.add_record(f"a conversation without messages: {str(item)[:80]!r}")
            continue
        for event in events:
            own = _event(event, conversation.get("conversationId"), notes)
            if own is not None:
                waiting.append(own)
    for start in range(0, len(waiting), _PER_PAGE):
        page = joined(waiting[start:start + _PER_PAGE], "dm", notes)
        yield Converted(page, "dm")


def _event(event: Any, conversation: Any, notes: Notes) -> Objects | None:
    if not isinstance(event, dict):
        notes.add_record(f"expected a message, got {str(event)[:80]!r}")
        return None
    if all(is_nothing(inner.get("id")) for inner in event.values() if isinstance(inner, dict)):
        notes.leave("events of conversations, which have no ids", 1)
        return None
    for name, kind in _EVENTS.items():
        fields = event.get(name)
        if not isinstance(fields, dict):
            continue
        own = fields | {"_type": kind}
        if is_nothing(conversation):
            conversation = conversation_of(fields.get("senderId"), fields.get("recipientId"))
        own["conversationId"] = conversation
        return read_record(MESSAGE, own, notes)
    notes.add_record(f"an event of an unknown kind: {', '.join(map(str, event))[:80]!r}")
    return None


def _lists(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
    del export
    lists = []
    for item in items:
        inner = _inner(item, "userListInfo")
        link = inner.get("url") if isinstance(inner, dict) else None
        hit = _LIST_ID.search(link) if isinstance(link, str) else None
        if hit:
            lists.append({"id": hit[1]})
        else:
            notes.add_record(f"a list without id: {link!r}")
    if lists:
        yield Converted({"data": lists}, "list")


def _profile(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
    del items, notes
    user = export.account | export.profile
    if user.get("id") and export.profile:
        yield Converted({"data": [user]}, "user")


def _account(items: Items, export: Export, notes: Notes) -> Iterator[Converted]:
    del notes
    for item in items[:1]:
        if export.account.get("id") and isinstance(item, dict):
            yield Converted({"data": [export.account]}, "user")


Read = Any
READ: dict[str, Read] = {}


def _declare(
    name: str, label: str, read: Read, *files: str, choice: str = "", shape: Shape | None = None,
    tables: tuple[str, ...] = (), cannot_say: str = "",
) -> Format:
    READ[name] = read
    return Format(
        name, "X's export of an account", "exports", "js", shape, version="2018 and later",
        certain=tuple((file,) for file in files), choice=choice, label=label, tables=tables,
        cannot_say=cannot_say,
    )


FORMATS = (
    _declare("export-posts", "posts", posts, "tweets", "tweet", "community_tweet",
             "community_tweets", shape=STATUS, tables=("users",),
             cannot_say="authors and whole texts of reposted posts; replies and quotes counted"),
    _declare("export-account", "accounts", _account, "account", shape=ACCOUNT),
    _declare("export-likes", "likes", _likes, "like", "likes", choice="likes",
             tables=("likes", "posts"), cannot_say="authors and times of liked posts"),
    _declare("export-followers", "followers", _edges("users.followers", "follower"), "follower",
             "followers", choice="follows", tables=("follows", "users")),
    _declare("export-following", "following", _edges("users.following", "following"), "following",
             choice="follows", tables=("follows", "users")),
    _declare("export-blocks", "blocks", _edges("users.blocking", "blocking", "block"), "block",
             "blocks", choice="blocks", tables=("blocks", "users")),
    _declare("export-mutes", "mutes", _edges("users.muting", "muting", "mute"), "mute", "mutes",
             choice="mutes", tables=("mutes", "users")),
    _declare("export-messages", "direct messages", _messages, "direct_messages", "direct_message",
             "direct_messages_group", "direct_message_group", "direct_group_messages",
             choice="messages", shape=MESSAGE, cannot_say="keys of media; reactions"),
    _declare("export-profile", "profiles", _profile, "profile", "verified", choice="profile",
             shape=PROFILE, tables=("users",)),
    _declare("export-deleted", "deleted posts", posts, "deleted_tweets", "deleted_tweet",
             "deleted_community_tweet", "deleted_community_tweets", choice="deleted",
             shape=STATUS, tables=("users",)),
    _declare("export-lists", "lists", _lists, "lists_created", "lists_member", "lists_subscribed",
             choice="lists", tables=("lists",),
             cannot_say="names of lists; ids of lists in older exports"),
)

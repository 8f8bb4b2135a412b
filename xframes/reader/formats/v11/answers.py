"""Answers, streams and lines of the API v1.1."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import convert_records, joined, read_record
from xframes.reader.formats.file_objects import Converted, Notes
from xframes.reader.formats.readings import COUNT, ID, TIME, as_time, is_nothing
from xframes.reader.formats.source_format import Format, Inner, Key, Shape
from xframes.reader.formats.v11.entities_v11 import HASHTAGS, MENTIONS, URLS
from xframes.reader.formats.v11.status_shape import LIST, PLACE, STATUS, USER

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_V2 = {"author_id", "public_metrics", "edit_history_tweet_ids", "referenced_tweets", "data",
          "includes"}
_OF_POSTS = {"id_str", "full_text", "favorite_count", "in_reply_to_status_id", "user_id_str",
             "retweeted_status", "extended_tweet", "in_reply_to_status_id_str", "favorited",
             "is_quote_status"}
_OF_USERS = {"name", "followers_count", "friends_count", "statuses_count", "favourites_count",
             "created_at", "description", "profile_image_url", "profile_image_url_https",
             "listed_count", "verified", "protected", "location"}
_NOTICES = ("limit", "disconnect", "warning", "friends", "friends_str", "control", "user_update",
            "status_undelete", "favorite", "unfavorite")
# Notices about posts and users, with the names of these events in the streams of the API v2.
_POST_EVENTS = {"delete": "delete", "status_withheld": "withheld"}
_USER_EVENTS = {name: name for name in (
    "user_delete", "user_protect", "user_suspend", "user_undelete", "user_unprotect",
    "user_unsuspend", "user_withheld", "scrub_geo",
)}


def has_id(item: Mapping[str, Any]) -> bool:
    """Whether an object of v1.1 has an id."""
    return not is_nothing(item.get("id_str")) or not is_nothing(item.get("id"))


def is_status(item: Any) -> bool:
    """Whether an object is a post of v1.1."""
    if not isinstance(item, dict) or not has_id(item) or _OF_V2 & item.keys():
        return False
    if "text" not in item and "full_text" not in item:
        return False
    if {"sender_id", "sender_id_str", "recipient_id", "sender"} & item.keys():
        return False  # a direct message
    user = item.get("user")
    named = isinstance(user, dict) and ({"screen_name", "id_str"} & user.keys())
    return bool(_OF_POSTS & item.keys() or named or "screen_name" in item)


def is_user(item: Any) -> bool:
    """Whether an object is a user of v1.1; never by one key alone."""
    if not isinstance(item, dict) or not has_id(item) or "screen_name" not in item:
        return False
    if {"text", "full_text", "user", "indices", "public_metrics", "retweet_count"} & item.keys():
        return False
    return bool(_OF_USERS & item.keys())


def is_list(item: Any) -> bool:
    """Whether an object is a list of v1.1."""
    return (isinstance(item, dict) and has_id(item) and "name" in item
            and bool({"slug", "subscriber_count"} & item.keys()) and "member_count" in item)


def _is_place(item: Any) -> bool:
    return (isinstance(item, dict) and has_id(item) and "place_type" in item
            and "bounding_box" in item and "full_name" in item)


def _statuses(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    post = document
    objects = read_record(STATUS, post, notes)
    page = joined([objects], "post", notes)
    if is_cut(post):
        _note_cut(notes)
    rules = document.get("matching_rules")
    if isinstance(rules, list):
        page["matching_rules"] = [
            {"id": str(rule.get("id_str") or rule.get("id")), "tag": rule.get("tag")}
            for rule in rules if isinstance(rule, dict) and has_id(rule)
        ]
    observed = document.get("timestamp_ms")
    return [Converted(page, "post", observed_at=_time(observed))]


def is_cut(post: Mapping[str, Any]) -> bool:
    """Whether the text of a post is cut, and the file has no whole one."""
    if post.get("truncated") is not True or "retweeted_status" in post:
        return False
    return is_nothing(post.get("extended_tweet")) and is_nothing(post.get("full_text"))


def _note_cut(notes: Notes) -> None:
    if "truncated" not in notes.columns:
        notes.columns.add("truncated")
        notes.new.append({
            "kind": "truncated_text", "parameter": "truncated",
            "detail": f"texts of long posts are cut in the file ({notes.file}); "
                      "`xframes hydrate` fetches the whole ones",
        })


def _time(value: Any) -> Any:
    if is_nothing(value):
        return None
    try:
        return as_time(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _items(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Read the posts, users or lists of an answer."""
    name = next(n for n in ("statuses", "results", "users", "lists") if n in document)
    pages: list[Converted] = []
    waiting: list[Any] = []
    shape = {"users": USER, "lists": LIST}.get(name, STATUS)
    for item in document[name] or ():
        if shape is STATUS and isinstance(item, dict) and is_cut(item):
            _note_cut(notes)
        waiting.append(item)
    pages += convert_records(shape, waiting, notes)
    return pages or [Converted({"data": []}, shape.kind)]


def _has_items(document: Mapping[str, Any]) -> bool:
    for name, test in (
        ("statuses", is_status), ("results", is_status), ("users", is_user), ("lists", is_list)
    ):
        items = document.get(name)
        if isinstance(items, list):
            others = document.keys() & {"next_cursor", "search_metadata", "next_cursor_str"}
            return any(map(test, items)) or (not items and bool(others))
    return False


def _map(document: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = document.get("id")
    if isinstance(inner, dict) and document.keys() == {"id"}:
        return inner
    return document


def _is_map(document: Mapping[str, Any]) -> bool:
    items = _map(document)
    return (bool(items) and all(str(key).isdecimal() for key in items)
            and any(map(is_status, items.values()))
            and all(item is None or is_status(item) for item in items.values()))


def _map_items(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    return convert_records(STATUS, [i for i in _map(document).values() if i], notes)


def _is_compliance(document: Mapping[str, Any]) -> bool:
    """Whether a line of a stream says what happened to a post or user."""
    name, notice = _notice(document)
    if not isinstance(notice, dict):
        return False
    if name in _POST_EVENTS:
        return not is_nothing(_first(_status_of(notice), "id_str", "id"))
    return len(document) == 1 and not is_nothing(_account_of(notice))


def _notice(document: Mapping[str, Any]) -> tuple[str, Any]:
    names = (name for name in (*_POST_EVENTS, *_USER_EVENTS) if name in document)
    name = next(names, "")
    return name, document.get(name)


def _status_of(notice: Mapping[str, Any]) -> Mapping[str, Any]:
    status = notice.get("status")
    return status if isinstance(status, dict) else notice


def _account_of(notice: Mapping[str, Any]) -> Any:
    return _first(notice, "id_str", "user_id_str", "id", "user_id")


def _first(notice: Mapping[str, Any], *names: str) -> Any:
    return next((notice[name] for name in names if not is_nothing(notice.get(name))), None)


def _compliance(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Return a notice as the event of the streams of the API v2."""
    del notes
    name, notice = _notice(document)
    event: dict[str, Any] = {}
    if name in _POST_EVENTS:
        status = _status_of(notice)
        event["tweet"] = {"id": ID(_first(status, "id_str", "id"))}
        author = _first(status, "user_id_str", "user_id")
        if not is_nothing(author):
            event["tweet"]["author_id"] = ID(author)
    else:
        event["user"] = {"id": ID(_account_of(notice))}
    last = _first(notice, "up_to_status_id_str", "up_to_status_id")
    if not is_nothing(last):
        event["up_to_tweet_id"] = ID(last)
    if isinstance(countries := notice.get("withheld_in_countries"), list):
        event["withheld_in_countries"] = countries
    at = _time(notice.get("timestamp_ms"))
    if at is not None:
        event["event_at"] = at.isoformat()
    own = (_POST_EVENTS | _USER_EVENTS)[name]
    return [Converted({"data": [{own: event}]}, "compliance_event", observed_at=at)]


def _is_event_of_users(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("event"), str) and "source" in document and "target" in document


def _enveloped(document: Mapping[str, Any]) -> Any:
    """Return the post or message in a line of streams of several users."""
    inner = document
    if document.keys() == {"for_user", "message"}:
        inner = document["message"]
    if isinstance(inner, dict) and inner.keys() == {"direct_message"}:
        inner = inner["direct_message"]
    return inner if inner is not document else None


def _is_envelope(document: Mapping[str, Any]) -> bool:
    inner = _enveloped(document)
    return isinstance(inner, dict) and (is_status(inner) or _is_message(inner))


def _envelope(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    inner = _enveloped(document)
    if is_status(inner):
        return _statuses(inner, notes)
    return convert_records(MESSAGE, [inner], notes)


def _is_global(document: Mapping[str, Any]) -> bool:
    inner = document.get("globalObjects")
    return isinstance(inner, dict) and isinstance(inner.get("tweets"), dict)


def _global(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Read an answer of X's website before 2023: posts and users by their ids."""
    inner = document["globalObjects"]
    users = inner.get("users")
    users = users if isinstance(users, dict) else {}
    posts = []
    for post in inner["tweets"].values():
        author = None
        if isinstance(post, dict):
            author = users.get(str(post.get("user_id_str") or post.get("user_id")))
        posts.append(post | {"user": author} if isinstance(author, dict) else post)
    pages = convert_records(STATUS, posts, notes)
    pages += convert_records(USER, list(users.values()), notes)
    return pages


def conversation_of(sender: Any, recipient: Any) -> str | None:
    """Return the id of the conversation of two people."""
    if is_nothing(sender) or is_nothing(recipient):
        return None
    try:
        first, second = sorted((ID(sender), ID(recipient)), key=lambda id_: int(id_ or 0))
    except (ValueError, TypeError):  # noted where the ids are read
        return None
    return f"{first}-{second}"


def _prepare_event(fields: dict[str, Any]) -> dict[str, Any]:
    message = fields.get("message_create")
    if isinstance(message, dict) and isinstance(message.get("target"), dict):
        conversation = conversation_of(
            message.get("sender_id"), message["target"].get("recipient_id")
        )
        return fields | {"_conversation": conversation, "_type": "MessageCreate"}
    return fields | {"_type": "MessageCreate"}


def _prepare_message(fields: dict[str, Any]) -> dict[str, Any]:
    sender = fields.get("sender_id_str") or fields.get("sender_id")
    recipient = fields.get("recipient_id_str") or fields.get("recipient_id")
    conversation = conversation_of(sender, recipient)
    return fields | {"_conversation": conversation, "_type": "MessageCreate"}


EVENT = Shape(
    "dm",
    keys=(
        Key("id", "messages.id", ID), Key("_type", "messages.event_type"),
        Key("_conversation", "messages.conversation_id"),
        Key("created_timestamp", "messages.created_at", TIME),
        Key("message_create.sender_id", "messages.sender_id", ID),
        Key("message_create.message_data.text", "messages.text"),
        Key("message_create.message_data.entities.hashtags", "messages.hashtags", HASHTAGS),
        Key("message_create.message_data.entities.symbols", "messages.cashtags", HASHTAGS),
        Key("message_create.message_data.entities.user_mentions", "messages.mentions", MENTIONS),
        Key("message_create.message_data.entities.urls", "messages.urls", URLS),
    ),
    used=("message_create.target.recipient_id", "type"), samples={"type": "message_create"},
    left_out=("message_create.source_app_id", "message_create.message_data.attachment*",
              "message_create.message_data.quick_reply*", "message_create.message_data.ctas",
              "initiated_via*"),
    prepare=_prepare_event,
)
MESSAGE = Shape(
    "dm",
    keys=(
        Key("id_str|id", "messages.id", ID), Key("_type", "messages.event_type"),
        Key("_conversation", "messages.conversation_id"),
        Key("created_at", "messages.created_at", TIME),
        Key("sender_id_str|sender_id", "messages.sender_id", ID), Key("text", "messages.text"),
        Key("entities.hashtags", "messages.hashtags", HASHTAGS),
        Key("entities.symbols", "messages.cashtags", HASHTAGS),
        Key("entities.user_mentions", "messages.mentions", MENTIONS),
        Key("entities.urls", "messages.urls", URLS),
    ),
    inner=(Inner("sender", lambda: USER, "user"),),
    used=("recipient_id", "recipient_id_str", "recipient"),
    left_out=("sender_screen_name", "recipient_screen_name", "id", "sender_id", "entities.media",
              "recipient.*"),
    prepare=_prepare_message,
)


def _is_event(document: Mapping[str, Any]) -> bool:
    return document.get("type") == "message_create" and "message_create" in document


def _events(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    events = [document]
    for name in ("events", "direct_message_events"):
        if isinstance(document.get(name), list):
            events = document[name]
    if isinstance(document.get("event"), dict):
        events = [document["event"]]
    messages = [e for e in events if not isinstance(e, dict) or _is_event(e)]
    for event in events:
        if isinstance(event, dict) and not _is_event(event):
            notes.add_record(f"an event of type {event.get('type')!r}, which no table holds")
    pages = convert_records(EVENT, messages, notes)
    users = document.get("users")
    if isinstance(users, dict):
        accounts = [u | {"id": u.get("id") or id_} for id_, u in users.items()
                    if isinstance(u, dict)]
        pages += convert_records(_EVENT_USER, accounts, notes)
    return pages


def _has_events(document: Mapping[str, Any]) -> bool:
    for name in ("events", "direct_message_events"):
        events = document.get(name)
        if isinstance(events, list):
            return any(isinstance(e, dict) and _is_event(e) for e in events)
    event = document.get("event")
    return isinstance(event, dict) and _is_event(event)


_EVENT_USER = Shape(
    "user",
    keys=(*USER.keys, Key("created_timestamp", "users.created_at", TIME)),
    left_out=USER.left_out, used=USER.used, finish=USER.finish,
)


def _is_message(document: Mapping[str, Any]) -> bool:
    people = {"sender_id", "sender_id_str", "sender", "recipient_id"} & document.keys()
    is_of_v2 = {"event_type", "dm_conversation_id"} & document.keys()
    return has_id(document) and bool(people) and not is_of_v2 and "text" in document


def _trends(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    items = []
    trends = document["trends"]
    for trend in trends if isinstance(trends, list) else [trends]:
        if isinstance(trend, dict) and isinstance(trend.get("name"), str):
            items.append({"trend_name": trend["name"], "tweet_count": _volume(trend, notes)})
        else:
            notes.add_record(f"a trend without name: {str(trend)[:80]!r}")
    if not items:
        return []
    places = document.get("locations")
    woeid = None
    if isinstance(places, list) and places and isinstance(places[0], dict):
        woeid = places[0].get("woeid")
    args = {} if is_nothing(woeid) else {"woeid": str(woeid)}
    at = _time(document.get("as_of")) or _time(document.get("created_at"))
    return [Converted({"data": items}, "trend", "trends.by_woeid", args, at)]


def _volume(trend: Mapping[str, Any], notes: Notes) -> int | None:
    volume = trend.get("tweet_volume")
    if is_nothing(volume):
        return None
    try:
        return int(COUNT(volume))
    except (ValueError, TypeError) as error:
        notes.add_value("tweet_volume", volume, str(error))
        return None


def _places(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    places = [document]
    result = document.get("result")
    if isinstance(result, dict) and isinstance(result.get("places"), list):
        places = result["places"]
    own = []
    for place in places:
        main = read_record(PLACE, place, notes).main if isinstance(place, dict) else {}
        if main.get("id"):
            own.append(main)
        else:
            notes.add_record("a place without id")
    return [Converted({"includes": {"places": own}}, "place")]


def _has_places(document: Mapping[str, Any]) -> bool:
    result = document.get("result")
    return isinstance(result, dict) and isinstance(result.get("places"), list)


def _is_only(name: str, document: Mapping[str, Any]) -> bool:
    return document.keys() == {name}


_TOOL = "API v1.1 (also tweepy, twarc 1, rtweet's JSON)"
POST = Format(
    "v11-post", _TOOL, "v11", "json", STATUS, fits=is_status, convert=_statuses,
    cannot_say="who liked or reposted; impressions before 2023", observed=("timestamp_ms",),
)
FORMATS = (
    POST,
    Format("v11-user", _TOOL, "v11", "json", USER, fits=is_user),
    Format("v11-list", _TOOL, "v11", "json", LIST, fits=is_list),
    Format("v11-place", _TOOL, "v11", "json", PLACE, fits=_is_place, convert=_places),
    Format("v11-places", _TOOL, "v11", "json", PLACE, fits=_has_places, convert=_places),
    Format("v11-answer", _TOOL, "v11", "json", STATUS, fits=_has_items, convert=_items,
           tables=("users", "lists")),
    Format("v11-map", _TOOL, "v11", "json", STATUS, fits=_is_map, convert=_map_items),
    Format("v11-compliance", "streams of the API v1.1", "v11", "json", fits=_is_compliance,
           convert=_compliance, tables=("removals", "compliance_events")),
    Format("v11-envelope", "streams of the API v1.1", "v11", "json", STATUS, fits=_is_envelope,
           convert=_envelope, tables=("messages",)),
    Format("v11-event", "events of users' streams", "v11", "json", fits=_is_event_of_users,
           way_out="no table holds them"),
    Format("v11-other-envelope", "other lines of users' streams", "v11", "json",
           fits=lambda document: document.keys() == {"for_user", "message"},
           way_out="no table holds them"),
    Format("v11-global-objects", "answers of X's website", "v11", "json", STATUS,
           version="before 2023", fits=_is_global, convert=_global, tables=("users",)),
    Format("v11-wrapped", _TOOL, "v11", "json", STATUS, version="tweepy's objects as dicts",
           fits=lambda document: is_status(document.get("_json")),
           convert=lambda document, notes: _statuses(document["_json"], notes)),
    Format("v11-messages", _TOOL, "v11", "json", EVENT, fits=_has_events, convert=_events),
    Format("v11-message-event", _TOOL, "v11", "json", EVENT, fits=_is_event, convert=_events),
    Format("v11-message", _TOOL, "v11", "json", MESSAGE, fits=_is_message),
    Format("v11-trends", _TOOL, "v11", "json", convert=_trends, tables=("trends",),
           certain=(("trends", "locations"),)),
    Format("v11-ids", "ids of the API v1.1", "v11", "json", certain=(("ids", "next_cursor"),
           ("ids", "next_cursor_str")),
           way_out="look them up with `xframes users lookup`, or `xframes hydrate` for posts"),
    Format("v11-saved-search", "saved searches of the API v1.1", "v11", "json",
           certain=(("id_str", "query", "position", "name"), ("id_str", "query", "position")),
           way_out="no table holds them"),
    Format("v11-relationship", "relationships of the API v1.1", "v11", "json",
           certain=(("relationship",), ("connections", "screen_name")),
           way_out="collect them with `xframes users followers` or `following`"),
    Format("v11-rate-limits", "rate limits of the API v1.1", "v11", "json",
           certain=(("rate_limit_context", "resources"),), way_out="no table holds them"),
    Format("v11-embed", "embedded posts (oEmbed)", "v11", "json",
           certain=(("html", "author_name", "author_url"),),
           way_out="`xframes hydrate` looks the posts up by their ids"),
    *(
        Format(f"v11-notice-{name.replace('_', '-')}", f"notices of streams ({name})", "v11",
               "json", fits=partial(_is_only, name), way_out="no table holds them")
        for name in _NOTICES
    ),
)

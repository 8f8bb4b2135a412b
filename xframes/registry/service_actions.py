"""Actions beyond X's listing about credits, connections, streams of events and broadcasts.

Call them with `xf.call` or in the shell.
"""

from typing import Any

from xframes.registry.actions import Action, Param
from xframes.registry.params import (
    BACKFILL,
    DURATION,
    ID,
    ME,
    ORDER,
    READ,
    SPACE_ID,
    USER,
    body_id,
    flag,
    missed_times,
    path_id,
    text,
)

_ENDPOINTS = (
    "filtered_stream", "sample_stream", "sample10_stream", "firehose_stream",
    "tweets_compliance_stream", "users_compliance_stream", "tweet_label_stream",
    "firehose_stream_lang_en", "firehose_stream_lang_ja", "firehose_stream_lang_ko",
    "firehose_stream_lang_pt", "likes_firehose_stream", "likes_sample10_stream",
    "likes_compliance_stream",
)
_ENTERPRISE = "it needs Enterprise access"
_BROADCAST = ("broadcast.read",)
_HOSTING = ("broadcast.read", "broadcast.write")
_BROADCAST_DOCS = "broadcasts/introduction"
_NOTES_DOCS = "community-notes/introduction"
_CONNECTION_DOCS = "connections/introduction"
_TEST_MODE = Param("test_mode", "bool", default=False,
                   doc="Whether to use X's test mode, for writers of notes who are not admitted.")
_MS = r"[0-9]{1,16}"
_POSITIVE = r"[1-9][0-9]{0,18}"


def _events(
    name: str, endpoint: str, title: str, partitions: int | None = None, *,
    rows: str = "compliance_events", objects: str = "compliance_event", price: str | None = None,
) -> Action:
    """Declare a stream of events. X splits large ones into partitions."""
    partition = Param("partition", "int", required=True, min=1, max=partitions,
                      doc="Part of the stream to collect.")
    first = (partition,) if partitions else ()
    return Action(
        name, endpoint, None, title, rows, objects,
        params=(*first, BACKFILL, *missed_times(), DURATION), auth=("app",), price=price,
        ordered=ORDER[:1], streaming=True, listed=False, note=_ENTERPRISE,
        docs="compliance/streams/introduction",
    )


SERVICE_READS = (
    Action(
        "usage.credits", "GET /2/usage/credits", None, "Get credits", "credits", "credits",
        auth=("app", "oauth1", "oauth2"), scopes=READ, listed=False, docs="usage/introduction",
    ),
    Action(
        "streams.rule_counts", "GET /2/tweets/search/stream/rules/counts", None,
        "Counts of rules", "rule_counts", "rule_count",
        auth=("app",), listed=False, docs="posts/filtered-stream/introduction",
    ),
    _events("streams.posts_compliance", "GET /2/tweets/compliance/stream",
            "Compliance stream of Posts", 4),
    _events("streams.users_compliance", "GET /2/users/compliance/stream",
            "Compliance stream of Users", 4),
    _events("streams.likes_compliance", "GET /2/likes/compliance/stream",
            "Compliance stream of Likes"),
    _events("streams.labels", "GET /2/tweets/label/stream", "Stream of labels of Posts"),
    _events("streams.likes_sample10", "GET /2/likes/sample10/stream", "Likes stream (10 %)", 2,
            rows="stream_likes", objects="like", price="Like"),
    _events("streams.likes_firehose", "GET /2/likes/firehose/stream", "Likes stream", 20,
            rows="stream_likes", objects="like", price="Like"),
    Action(
        "connections.list", "GET /2/connections", None, "Connections to streams",
        "connections", "connection",
        params=(
            Param("status", "enum", choices=("active", "inactive", "all"),
                  doc="Open connections, closed ones, or both. Default: open ones."),
            Param("endpoints", "enums", choices=_ENDPOINTS, doc="Streams. Default: all."),
        ),
        paged=(1, 100), token="pagination_token", auth=("app",), listed=False,
        docs=_CONNECTION_DOCS,
    ),
    Action(
        "notes.written", "GET /2/notes/search/notes_written", None, "Notes written",
        "notes", "note",
        params=(_TEST_MODE,), paged=(1, 100), token="pagination_token",
        auth=USER, scopes=("tweet.read",), listed=False, docs=_NOTES_DOCS,
    ),
    Action(
        "notes.eligible_posts", "GET /2/notes/search/posts_eligible_for_notes", None,
        "Posts eligible for notes", "posts", "post",
        params=(
            _TEST_MODE,
            Param("post_selection", "str", doc="Which posts, in X's words. Default: as X decides."),
        ),
        paged=(1, 100), token="pagination_token",
        auth=USER, scopes=("tweet.read",), price="Post", listed=False, docs=_NOTES_DOCS,
    ),
    Action(
        "broadcasts.list", "GET /2/broadcasts", None, "Broadcasts", "broadcasts", "broadcast",
        params=(Param("ids", "ids", min=1, max=100, pattern=SPACE_ID,
                      doc="Ids of the broadcasts to return. Default: all of yours."),),
        paged=(1, 100), token="pagination_token",
        auth=USER, scopes=_BROADCAST, listed=False, docs=_BROADCAST_DOCS,
    ),
    Action(
        "broadcasts.get", "GET /2/broadcasts/{id}", None, "Broadcast by ID",
        "broadcasts", "broadcast",
        params=(path_id("broadcast_id", pattern=SPACE_ID),),
        auth=USER, scopes=_BROADCAST, listed=False, docs=_BROADCAST_DOCS,
    ),
    Action(
        "broadcasts.chat", "GET /2/broadcasts/{id}/chat", None, "Chat of a broadcast",
        "broadcast_messages", "broadcast_message",
        params=(path_id("broadcast_id", pattern=SPACE_ID),), paged=(1, 200),
        token="pagination_token",
        auth=USER, scopes=_BROADCAST, listed=False, docs=_BROADCAST_DOCS,
    ),
    Action(
        "broadcasts.scheduled", "GET /2/broadcasts/scheduled", None, "Scheduled broadcasts",
        "scheduled_broadcasts", "scheduled_broadcast",
        params=(
            Param("oldest_start_time", "str", pattern=_MS,
                  doc="Oldest start to include, in Unix milliseconds. Default: no bound."),
            Param("newest_start_time", "str", pattern=_MS,
                  doc="Newest start to include, in Unix milliseconds. Default: no bound."),
        ),
        paged=(1, 100), token="pagination_token",
        auth=USER, scopes=_BROADCAST, listed=False, docs=_BROADCAST_DOCS,
    ),
    Action(
        "broadcasts.scheduled_get", "GET /2/broadcasts/scheduled/{id}", None,
        "Scheduled broadcast by ID", "scheduled_broadcasts", "scheduled_broadcast",
        params=(path_id("scheduled_id", pattern=SPACE_ID),),
        auth=USER, scopes=_BROADCAST, listed=False, docs=_BROADCAST_DOCS,
    ),
)


def _write(
    name: str, endpoint: str, title: str, params: tuple[Param, ...], **more: Any
) -> Action:
    """Declare a write that only `xf.call` and the shell carry out."""
    facts: dict[str, Any] = {"auth": USER, "listed": False, "by_call": True} | more
    return Action(f"write.{name}", endpoint, None, title, params=params, **facts)


_TIMES = tuple(
    text(name, pattern=ID, required=True) for name in ("scheduled_start_ms", "scheduled_end_ms")
)
_SCHEDULE = (
    text("title", doc="Title. Default: none."),
    text("description", doc="Description. Default: none."),
    text("locale", doc="Language and region. Default: X's."),
    text("chat_option", pattern=ID, doc="Who can write in its chat, as X's number. Default: X's."),
    text("thumbnail_media_id", pattern=ID, doc="Id of an uploaded picture. Default: none."),
    flag("available_for_replay", doc="Whether it can be watched afterwards. Default: X's."),
    flag("manual_publish", doc="Whether it starts only by hand. Default: no."),
    flag("is_locked", doc="Whether only some people can watch it. Default: no."),
)
_CHAT = {"scopes": _HOSTING, "docs": _BROADCAST_DOCS, "seen": "broadcasts.chat"}
_SHOW = {"scopes": _HOSTING, "docs": _BROADCAST_DOCS, "seen": "broadcasts.scheduled"}
_CLOSING = {"auth": ("app",), "docs": _CONNECTION_DOCS, "seen": "connections.list"}
_ON_AIR = path_id("broadcast_id", pattern=SPACE_ID)
_SCHEDULED = path_id("scheduled_id", pattern=SPACE_ID)

SERVICE_WRITES = (
    _write("create_bookmark_folder", "POST /2/users/{id}/bookmarks/folders",
           "Create a bookmark folder", (text("name", "", 1, 25, required=True), ME),
           auth=("oauth2",), scopes=("bookmark.write", "users.read"), limits=("", "50/15min"),
           seen="users.bookmark_folders", docs="posts/bookmarks/introduction"),
    _write("delete_message", "DELETE /2/dm_events/{event_id}", "Delete a DM event",
           (path_id("event_id", "event_id"),), scopes=("dm.read", "dm.write"),
           seen="messages.events",
           docs="direct-messages/manage/introduction"),
    _write("close_connections", "DELETE /2/connections", "Close connections by ID",
           (Param("uuids", "texts", where="body", required=True, min=1, max=100),), **_CLOSING),
    _write("close_all_connections", "DELETE /2/connections/all", "Close all connections", (),
           **_CLOSING),
    _write("close_connections_of", "DELETE /2/connections/{endpoint_id}",
           "Close the connections to a stream",
           (Param("endpoint", "enum", "endpoint_id", "path", required=True, choices=_ENDPOINTS),),
           **_CLOSING),
    _write("schedule_broadcast", "POST /2/broadcasts/scheduled", "Schedule a broadcast",
           (text("source_id", "", 1, required=True), *_TIMES,
            text("telecast_id", pattern=ID, doc="X's id of the transmission. Default: none."),
            Param("recurrence", "json", where="body",
                  doc="How often it repeats, as X's JSON object. Default: once."), *_SCHEDULE),
           **_SHOW),
    _write("update_broadcast", "PUT /2/broadcasts/scheduled/{id}", "Update a scheduled broadcast",
           (_SCHEDULED, text("scheduled_broadcast_id", pattern=ID, required=True), *_TIMES,
            text("source_id", doc="Source of the video. Default: unchanged."),
            flag("roll_forward", doc="Whether to change the later ones of a series too."),
            *_SCHEDULE), **_SHOW),
    _write("delete_broadcast", "DELETE /2/broadcasts/scheduled/{id}",
           "Delete a scheduled broadcast",
           (_SCHEDULED, Param("roll_forward", "bool",
                              doc="Whether to delete the later ones of a series too.")), **_SHOW),
    _write("start_broadcast", "POST /2/broadcasts/scheduled/{id}/live",
           "Start a scheduled broadcast", (_SCHEDULED,), **_SHOW),
    _write("send_broadcast_message", "POST /2/broadcasts/{id}/chat", "Write in a broadcast's chat",
           (_ON_AIR, text("text", "", 1, 140, required=True),
            text("reply_to", pattern=ID, doc="Id of the message to answer. Default: none.")),
           **_CHAT),
    _write("delete_broadcast_message", "DELETE /2/broadcasts/{id}/chat/{message_id}",
           "Delete a message of a broadcast's chat",
           (_ON_AIR, path_id("message_id", "message_id")), **_CHAT),
    _write("mute_broadcast_user", "POST /2/broadcasts/{id}/chat/mutes",
           "Mute a user in a broadcast's chat",
           (_ON_AIR, body_id("user_id", required=True),
            text("message_id", pattern=_POSITIVE,
                 doc="Id of the message that is the reason. Default: none."),
            text("end_at_ms", pattern=_POSITIVE,
                 doc="End of the muting in Unix milliseconds. Default: none.")),
           **_CHAT),
    _write("unmute_broadcast_user", "DELETE /2/broadcasts/{id}/chat/mutes/{user_id}",
           "Unmute a user in a broadcast's chat",
           (_ON_AIR, path_id("user_id", "user_id", _POSITIVE)), **_CHAT),
)

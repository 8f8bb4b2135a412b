"""Parameters that several actions share."""

from typing import Any

from xframes.registry.actions import Param

ID = r"[0-9]{1,19}"
USERNAME = r"[A-Za-z0-9_]{1,15}"
MEDIA_KEY = r"[0-9]+_[0-9]+"
SPACE_ID = r"[a-zA-Z0-9]{1,13}"
CONVERSATION_ID = r"([0-9]{1,19}-[0-9]{1,19}|[0-9]{15,19})"

EARLIEST = "2010-11-06T00:00:00Z"

# Kinds of credential, in the order they are tried, and the scopes an OAuth 2.0 token needs.
ANY = ("app", "oauth1", "oauth2")
USER = ("oauth1", "oauth2")
READ = ("tweet.read", "users.read")


_START = "Oldest time to include. Default: as far back as X goes."
_END = "First time to leave out. Default: now."
_MISSED = "Oldest time from which X sends missed posts again. Default: none is sent again."
_MISSED_END = "Time up to which X sends missed posts again. Default: now."


def path_id(name: str, wire: str = "id", pattern: str = ID) -> Param:
    """Declare an id in the path."""
    return Param(name, "id", wire, "path", required=True, pattern=pattern)


def id_list(name: str, wire: str = "ids", pattern: str = ID, most: int = 100) -> Param:
    """Declare a required list of ids, at most `most` in one request."""
    return Param(name, "ids", wire, required=True, min=1, max=most, pattern=pattern)


def query(longest: int) -> Param:
    """Declare a search query of at most `longest` characters, X's limit for self-serve access."""
    return Param("query", "query", required=True, min=1, max=longest)


def times(
    earliest: str | None = None, *, required: bool = False, start: str = _START, end: str = _END,
) -> tuple[Param, Param]:
    """Declare `start_time` (inclusive) and `end_time` (exclusive), whole seconds of UTC."""
    return (
        Param("start_time", "time", required=required, earliest=earliest, doc=start),
        Param("end_time", "time", required=required, earliest=earliest, doc=end),
    )


def missed_times() -> tuple[Param, Param]:
    """Declare `start_time` and `end_time` of the posts that a stream sends again."""
    return times(start=_MISSED, end=_MISSED_END)


def body_id(name: str, wire: str = "", *, required: bool = False, doc: str = "") -> Param:
    """Declare an id in the body."""
    return Param(name, "id", wire, "body", required=required, pattern=ID, doc=doc)


def text(
    name: str, wire: str = "", least: int | None = None, most: int | None = None, **more: Any
) -> Param:
    """Declare a text in the body, of `least` to `most` characters."""
    return Param(name, "str", wire, "body", min=least, max=most, **more)


def flag(name: str, wire: str = "", **more: Any) -> Param:
    """Declare a boolean in the body."""
    return Param(name, "bool", wire, "body", **more)


# Whose account a request is about: X accepts only the id of the authenticated user.
OWN = Param("user_id", "id", "id", "path", pattern=ID,
            doc="Id of the authenticated user; X accepts no other. Default: requested from X.")
ME = Param("my_id", "id", "id", "path", pattern=ID, doc=OWN.doc)
ME_SOURCE = Param("my_id", "id", "source_user_id", "path", pattern=ID, doc=OWN.doc)

SINCE_UNTIL = (
    Param("since_id", "id", pattern=ID, doc="Only posts newer than this one. Default: no bound."),
    Param("until_id", "id", pattern=ID, doc="Only posts older than this one. Default: no bound."),
)
SORT_ORDER = Param("sort_order", "enum", choices=("recency", "relevancy"),
                   doc="Newest posts first, or the most relevant first. Default: newest first.")
GRANULARITY = Param("granularity", "enum", choices=("minute", "hour", "day"),
                    doc="Length of the intervals to count. Default: hour.")
COUNT_FIELDS = Param(
    "count_fields", "enums", "search_count.fields", min=1,
    choices=("start", "end", "tweet_count", "post_count"),
    doc="Fields of each count, in X's words. Default: all, as X sends them.",
)
EXCLUDE = Param("exclude", "enums", choices=("replies", "retweets"), min=1,
                doc="Kinds of posts to leave out. Default: none.")
EVENT_TYPES = Param("event_types", "enums", min=1, doc="Kinds of events to return. Default: all.",
                    choices=("MessageCreate", "ParticipantsJoin", "ParticipantsLeave"))
BACKFILL = Param("backfill_minutes", "int", min=0, max=5,
                 doc="Minutes before the connection from which X sends posts again. Default: none.")
DURATION = Param("duration", "seconds", where="local", min=1,
                 doc="Seconds after which to stop. Default: no bound.")

ORDER = (("start_time", "end_time"), ("since_id", "until_id"))
ONE_BOUND = (("start_time", "since_id"), ("end_time", "until_id"))
MIXED_BOUNDS = (("start_time", "until_id"), ("end_time", "since_id"))

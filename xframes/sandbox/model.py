"""What lives in the sandbox: people, posts, and the things posts carry.

Ids are integers here (they are compared and sorted); the answers carry them as text. Instants are Unix milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .terms import Terms

EPOCH_MS = 1288834974657  # where X's snowflake ids begin to count
Entities = dict[str, list[dict[str, Any]]]
Reference = tuple[Literal["replied_to", "quoted", "retweeted"], int]
MediaKind = Literal["photo", "video", "animated_gif"]
Standing = Literal["active", "protected", "suspended"]


def snowflake(ms: int, low: int = 0) -> int:
    """Return the id X would give at `ms`; `low` fills the 22 bits below the instant."""
    return (ms - EPOCH_MS) << 22 | low


def moment(id: int) -> int:
    """Return the Unix milliseconds an id was made at."""
    return (id >> 22) + EPOCH_MS


@dataclass(slots=True, eq=False)
class Place:
    """A place X knows: `bbox` is west, south, east, north in degrees."""

    id: str
    name: str
    full_name: str
    country: str
    code: str
    kind: str
    bbox: tuple[float, float, float, float]
    within: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Media:
    """A photo, video or animated GIF attached to posts; sizes in pixels, `duration` in milliseconds."""

    key: str
    kind: MediaKind
    width: int
    height: int
    alt: str | None = None
    duration: int = 0
    views: int = 0

    @property
    def id(self) -> str:
        """The number behind the underscore of the media key."""
        return self.key.partition("_")[2]


@dataclass(slots=True, eq=False)
class Poll:
    """A poll of 2 to 4 options; `votes` are the final ones."""

    id: int
    labels: tuple[str, ...]
    votes: tuple[int, ...]
    minutes: int
    ends: int


@dataclass(slots=True, eq=False, repr=False)
class Person:
    """An account. `standing` says whether others see it; `activity` and `pull` shape what it does and who listens."""

    id: int
    username: str
    name: str
    at: int
    topic: int
    second: int
    lang: str
    activity: float
    pull: float
    standing: Standing = "active"
    bio: str = ""
    bio_entities: Entities = field(default_factory=dict)
    home: Place | None = None
    link: dict[str, Any] | None = None
    verified: str = "none"
    employer: Person | None = None
    parody: bool = False
    pinned: int | None = None
    latest: int | None = None
    withheld: tuple[str, ...] = ()
    followers: list[Person] = field(default_factory=list)
    following: list[Person] = field(default_factory=list)
    followers_count: int = 0
    following_count: int = 0
    posts_count: int = 0
    media_count: int = 0
    likes_count: int = 0
    listed_count: int = 0
    reads: int = 0

    def __repr__(self) -> str:
        """Name the account; whom it follows would name everybody."""
        return f"<Person @{self.username} {self.id}>"


@dataclass(slots=True, eq=False, repr=False)
class Post:
    """A post. `text` is HTML-escaped as X delivers it; entity indices count its code points, ends exclusive."""

    id: int
    at: int
    author: Person
    text: str
    entities: Entities
    lang: str
    topic: int
    conversation_id: int
    references: tuple[Reference, ...] = ()
    reply_to: Person | None = None
    note: tuple[str, Entities] | None = None
    media: tuple[Media, ...] = ()
    poll: Poll | None = None
    place: Place | None = None
    point: tuple[float, float] | None = None
    versions: tuple[int, ...] = ()
    state: Literal["live", "deleted", "superseded"] = "live"
    original: Post | None = None  # what a repost repeats
    contexts: tuple[tuple[str, str, str, str], ...] = ()
    withheld: tuple[str, ...] = ()
    sensitive: bool = False
    community_id: int | None = None
    reply_settings: str = "everyone"
    shown_from: int = 0  # where the displayed text begins: after the mentions a reply opens with
    heat: int = 0
    replies: int = 0
    reposts: int = 0
    likes: int = 0
    quotes: int = 0
    bookmarks: int = 0
    impressions: int = 0
    reads: int = 0
    hidden: bool = False  # a reply its conversation's author hid
    made: dict[str, Any] | None = None  # what a request made it of; None for what the community said by itself
    terms: Terms | None = None  # what searches see, made at the first search
    wire: dict[str, Any] | None = None  # what answers carry, made at the first answer

    def __repr__(self) -> str:
        """Name the post and begin its text."""
        return f"<Post {self.id} by @{self.author.username}: {self.text[:40]!r}>"

    @property
    def visible(self) -> bool:
        """Whether everybody may read it."""
        return self.state != "deleted" and self.author.standing == "active"

    @property
    def listed(self) -> bool:
        """Whether searches and timelines find it: visible, the newest version of itself, and no promoted-only post."""
        return self.state == "live" and self.author.standing == "active" and not (self.made or {}).get("nullcast")


@dataclass(slots=True, eq=False)
class UserList:
    """A list of accounts somebody keeps."""

    id: int
    name: str
    owner: Person
    at: int
    description: str
    private: bool
    members: list[Person]
    followers: list[Person]


@dataclass(slots=True, eq=False)
class Kept:
    """What one person keeps for themselves, newest first."""

    bookmarks: list[Post] = field(default_factory=list)
    mutes: list[Person] = field(default_factory=list)
    blocks: list[Person] = field(default_factory=list)
    pins: list[UserList] = field(default_factory=list)
    asked: list[Person] = field(default_factory=list)  # protected accounts asked to be followed


@dataclass(slots=True, eq=False)
class Event:
    """An event of a conversation: a direct message, or somebody joining or leaving (`people`)."""

    id: int
    at: int
    conversation: str
    kind: Literal["MessageCreate", "ParticipantsJoin", "ParticipantsLeave"]
    sender: Person
    text: str = ""
    entities: Entities = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    posts: tuple[int, ...] = ()
    people: tuple[Person, ...] = ()


@dataclass(slots=True, eq=False)
class Conversation:
    """Direct messages between two people, or in a group; events oldest first."""

    id: str
    people: list[Person]
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Space:
    """A live audio room. Instants are None where that phase has not come (yet)."""

    id: str
    title: str
    creator: Person
    state: Literal["live", "scheduled", "ended"]
    lang: str
    at: int
    started: int | None
    ended: int | None
    scheduled: int | None
    hosts: list[Person]
    speakers: list[Person]
    invited: list[Person]
    topic: int
    participants: int
    subscribers: int
    ticketed: bool
    buyers: list[Person]

"""The objects of the sandbox's world: people, posts, and what posts carry.

Ids are integers here, because they are compared and sorted; answers have them as text. Instants are
Unix milliseconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Entities = dict[str, list[dict[str, Any]]]
Reference = tuple[Literal["replied_to", "quoted", "retweeted"], int]
MediaKind = Literal["photo", "video", "animated_gif"]
Standing = Literal["active", "protected", "suspended"]


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
    """A photo, video or animated GIF; sizes in pixels, `duration` in milliseconds."""

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
    """An account. `activity` is how often it posts, `pull` how many follow it."""

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
        """Name the account only: its followers would name the whole community."""
        return f"<Person @{self.username} {self.id}>"


@dataclass(slots=True, eq=False)
class Terms:
    """What a search sees of one post. `line` is its words between single spaces, for phrases."""

    plain: str
    words: frozenset[str]
    line: str
    hashtags: frozenset[str]
    cashtags: frozenset[str]
    mentions: frozenset[str]
    links: str
    kinds: frozenset[str]


@dataclass(slots=True, eq=False, repr=False)
class Post:
    """A post. `text` is HTML-escaped; entity indices count its code points, ends exclusive."""

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
    made: dict[str, Any] | None = None  # options of the request that made it; None: invented
    terms: Terms | None = None  # filled by the first search
    wire: dict[str, Any] | None = None  # what answers carry, filled by the first answer

    def __repr__(self) -> str:
        """Name the post and begin its text."""
        return f"<Post {self.id} by @{self.author.username}: {self.text[:40]!r}>"

    @property
    def visible(self) -> bool:
        """Whether all people may read it."""
        return self.state != "deleted" and self.author.standing == "active"

    @property
    def listed(self) -> bool:
        """Whether searches and timelines find it: visible, newest version, not promoted-only."""
        return (
            self.state == "live"
            and self.author.standing == "active"
            and not (self.made or {}).get("nullcast")
        )


@dataclass(slots=True, eq=False)
class UserList:
    """A list of accounts."""

    id: int
    name: str
    owner: Person
    at: int
    description: str
    private: bool
    members: list[Person]
    followers: list[Person]


@dataclass(slots=True, eq=False)
class Belongings:
    """What only one person sees of their account, newest first."""

    bookmarks: list[Post] = field(default_factory=list)
    mutes: list[Person] = field(default_factory=list)
    blocks: list[Person] = field(default_factory=list)
    pins: list[UserList] = field(default_factory=list)
    follow_requests: list[Person] = field(default_factory=list)  # to protected accounts
    folders: dict[int, str] = field(default_factory=dict)  # of bookmarks


@dataclass(slots=True, eq=False)
class Event:
    """An event of a conversation: a direct message, or `people` who join or leave."""

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
    """A live audio room. Instants are None for phases that have not begun."""

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


@dataclass(slots=True, eq=False)
class Upload:
    """One upload. Posts can use `media` once it is `ready`.

    `sha256` and `size` are of the whole file.

    `segments` are the chunks received so far, on disk until the upload is complete.
    """

    id: int
    owner_id: int
    category: str
    kind: Literal["image", "gif", "video", "subtitles"]  # of the category's files
    total: int
    media: Media
    ends: float
    fails: str | None = None
    segments: dict[int, IO[bytes]] = field(default_factory=dict)
    size: int = 0
    sha256: str = ""
    subtitles: dict[str, dict[str, str]] = field(default_factory=dict)
    processed: tuple[float, float] | None = None  # when processing begins and ends, if it has any
    finalized: bool = False
    clock: Callable[[], float] = field(default=time.time, repr=False)

    @property
    def state(self) -> Literal["pending", "in_progress", "succeeded", "failed"]:
        """The state of the processing; pending while chunks are missing."""
        if not self.finalized:
            return "pending"
        if self.processed is None:
            return "succeeded"
        begin, end = self.processed
        now = self.clock()
        if now >= end:
            return "failed" if self.fails else "succeeded"
        return "pending" if now < begin else "in_progress"

    @property
    def ready(self) -> bool:
        """Whether posts and messages may use it."""
        return self.finalized and self.state == "succeeded"

    def progress(self) -> int:
        """Return the progress of the processing in percent."""
        if self.processed is None or self.state == "succeeded":
            return 100
        begin, end = self.processed
        if end <= begin:
            return 0
        return max(0, min(99, int(100 * (self.clock() - begin) / (end - begin))))

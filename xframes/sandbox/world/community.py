"""The sandbox's community: all people and posts until `now`, indexed for the handlers."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import chain
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Literal

from . import lexicon
from .belongings import make_belongings, make_mail
from .chronicle import Chronicle
from .model import Belongings, Conversation, Person, Place, Post, Space, UserList
from .profiles import connect, make_people, make_places
from .snowflakes import DAY_MS, HOUR_MS, snowflake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Media, Poll, Upload

_SPACE_STATES: tuple[Literal["live", "scheduled", "ended"], ...] = (
    "live",
    "scheduled",
    "live",
    "ended",
)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Community:
    """A community, the same for the same seed, size and `now` (Unix milliseconds).

    `people` and `posts` have all by id, also those the API no longer shows; `listed` are the posts
    a search can find, oldest first. Writes through the API change it, under `lock`.
    """

    def __init__(self, *, seed: int, posts: int, users: int, now: int) -> None:
        if posts < 1 or users < 3:
            raise ValueError(f"expected at least 1 post and 3 users, got {posts} and {users}")
        rng = Random(seed)  # noqa: S311  reproducible by seed is the point; nothing here is secret
        self.seed = seed
        self.now = now
        self.lock = RLock()
        self.uploads: dict[int, Upload] = {}
        self.conversations: dict[str, Conversation] = {}
        self._belongings: dict[int, Belongings] = {}
        self._mailed: set[int] = set()
        self._newest_id = snowflake(now)
        places = make_places(rng)
        everyone = make_people(rng, users, now, places)
        connect(rng, everyone)
        self.places: dict[str, Place] = {place.id: place for place in places}
        self.people: dict[int, Person] = {person.id: person for person in everyone}
        self.usernames: dict[str, Person] = {person.username.lower(): person for person in everyone}
        self.posts: dict[int, Post] = Chronicle(rng, everyone, places, now).play(posts)
        self.listed: list[Post] = sorted(
            (p for p in self.posts.values() if p.listed), key=lambda p: p.id
        )
        self._measure(rng)
        self._settle(rng)
        self.lists: dict[int, UserList] = {each.id: each for each in self._make_lists(rng)}
        self.spaces: dict[str, Space] = {each.id: each for each in self._make_spaces(rng)}

    def __repr__(self) -> str:
        """Describe the size of the community in one line."""
        reposts = sum(post.original is not None for post in self.listed)
        replies = sum(post.reply_to is not None for post in self.listed)
        listed, unlisted = len(self.listed), len(self.posts) - len(self.listed)
        return (
            f"<Community of {len(self.people):,} people, seed {self.seed}: {listed:,} posts "
            f"({replies:,} replies, {reposts:,} reposts), {unlisted:,} unlisted>"
        )

    # -- indexes ----------------------------------------------------------------------------------

    @cached_property
    def by_author(self) -> dict[int, list[Post]]:
        """Listed posts of each person, oldest first."""
        found: dict[int, list[Post]] = {}
        for post in self.listed:
            found.setdefault(post.author.id, []).append(post)
        return found

    @cached_property
    def mentions(self) -> dict[int, list[Post]]:
        """Listed posts that mention each person (reposts aside), oldest first."""
        found: dict[int, list[Post]] = {}
        for post in self.listed:
            if post.original is None:
                for id in dict.fromkeys(mentioned_ids(post)):
                    found.setdefault(id, []).append(post)
        return found

    @cached_property
    def referring(self) -> dict[tuple[str, int], list[Post]]:
        """Listed posts by what they refer to: (type, id) → posts, oldest first."""
        found: dict[tuple[str, int], list[Post]] = {}
        for post in self.listed:
            for reference in post.references:
                found.setdefault(reference, []).append(post)
        return found

    @cached_property
    def likers(self) -> dict[int, list[Person]]:
        """The people of the community who like each listed original post, newest like first."""
        rng = Random(f"likes {self.seed}")  # noqa: S311  reproducible, not secret
        crowd = [p for p in self.people.values() if p.standing == "active"]
        found: dict[int, list[Person]] = {}
        for post in self.listed:
            if post.original is None and post.likes:
                near = [p for p in post.author.followers if p.standing == "active"] or crowd
                wanted = min(post.likes, len(crowd), int(rng.paretovariate(1.1) * 2))
                chosen = dict.fromkeys(
                    rng.choice(near if rng.random() < 0.8 else crowd) for _ in range(wanted)
                )
                found[post.id] = list(chosen)
        return found

    @cached_property
    def liked(self) -> dict[int, list[Post]]:
        """The listed posts each person likes, newest post first."""
        found: dict[int, list[Post]] = {}
        for post in reversed(self.listed):
            for person in self.likers.get(post.id, ()):
                found.setdefault(person.id, []).append(post)
        return found

    @cached_property
    def media(self) -> dict[str, Media]:
        """All media by key."""
        found: dict[str, Media] = {}
        for post in self.posts.values():
            found |= {each.key: each for each in post.media}
        return found

    @cached_property
    def polls(self) -> dict[int, Poll]:
        """All polls by id."""
        return {post.poll.id: post.poll for post in self.posts.values() if post.poll}

    def kept(self, person: Person) -> Belongings:
        """Return what only this person sees: bookmarks, mutes, blocks, pins, follow requests."""
        if person.id not in self._belongings:
            self._belongings[person.id] = make_belongings(
                self.seed, person, self.people.values(), self.listed, self.lists.values()
            )
        return self._belongings[person.id]

    def mail(self, person: Person) -> list[Conversation]:
        """Return the conversations a person takes part in."""
        if person.id not in self._mailed:
            self._mailed.add(person.id)
            mine = [each for each in self.conversations.values() if person in each.people]
            known = {other.id for other in chain.from_iterable(each.people for each in mine)}
            invented = make_mail(self.seed, person, known, self.listed, self.now)
            self.conversations |= {each.id: each for each in invented}
        return [each for each in self.conversations.values() if person in each.people]

    # -- changes ----------------------------------------------------------------------------------

    def new_id(self, now: int) -> int:
        """Return an id above all others of this community."""
        self._newest_id = max(snowflake(now), self._newest_id + 1)
        return self._newest_id

    def _indexes(self) -> None:
        """Build every index before the first change; changes then update them."""
        _ = self.by_author, self.mentions, self.referring, self.liked, self.media, self.polls

    def enter(self, post: Post) -> None:
        """Add a post, newer than all others, to every index."""
        self._indexes()
        self.posts[post.id] = post
        self.media |= {each.key: each for each in post.media}
        if post.poll:
            self.polls[post.poll.id] = post.poll
        if not post.listed:
            return
        self.listed.append(post)
        for rows in self._rows_of(post):
            rows.append(post)
        self._count(post, 1)

    def leave(self, post: Post, state: Literal["deleted", "superseded"]) -> None:
        """Remove a post from what searches and timelines find, and from the counts."""
        self._indexes()
        listed, post.state = post.listed, state
        if not listed:
            return
        self.listed = [
            each for each in self.listed if each is not post
        ]  # a new list: a reader may hold the old one
        for rows in self._rows_of(post):
            rows.remove(post)
        for person in self.likers.pop(post.id, ()):
            self.liked[person.id].remove(post)
        self._count(post, -1)

    def _rows_of(self, post: Post) -> Iterable[list[Post]]:
        """Yield the rows of the indexes that hold a listed post."""
        yield self.by_author.setdefault(post.author.id, [])
        if post.original is None:
            for id in dict.fromkeys(mentioned_ids(post)):
                yield self.mentions.setdefault(id, [])
        for reference in post.references:
            yield self.referring.setdefault(reference, [])

    def _count(self, post: Post, by: int) -> None:
        """Add `by` to the counts of a post's author and of the posts it refers to."""
        author = post.author
        author.posts_count += by
        author.media_count += by * len(post.media)
        mine = [each.id for each in self.by_author[author.id] if each.original is None]
        author.latest = mine[-1] if mine else None
        for kind, id in post.references:
            if (about := self.posts.get(id)) is not None:
                name = {"replied_to": "replies", "quoted": "quotes", "retweeted": "reposts"}[kind]
                setattr(about, name, max(0, getattr(about, name) + by))

    # -- measures ---------------------------------------------------------------------------------

    def read_post(self, post: Post) -> int:
        """Count one more read of a post and return how many came before."""
        with self.lock:
            post.reads += 1
            return post.reads - 1

    def read_person(self, person: Person) -> int:
        """Count one more read of an account and return how many came before."""
        with self.lock:
            person.reads += 1
            return person.reads - 1

    def grown(self, final: int, reads: int, at: int) -> int:
        """Return a measure after so many reads: `final` at the first, then more, faster if younger.

        Never falls, depends only on its arguments, and stays below twice its first value plus six.
        """
        age = max(0, self.now - at) / DAY_MS
        room = 6 * math.exp(-age / 3) + final * (0.02 + 0.8 * math.exp(-age / 3))
        return final + round(room * reads / (reads + 4))

    # -- invention --------------------------------------------------------------------------------

    def _measure(self, rng: Random) -> None:
        """Set every post's counts: what the community did, and more for a large audience."""
        done: dict[tuple[str, int], int] = {}
        for post in self.listed:
            for reference in post.references:
                done[reference] = done.get(reference, 0) + 1
        for post in self.posts.values():
            if post.original is not None:
                continue
            ripe = 1 - math.exp(-(self.now - post.at) / (DAY_MS / 4))
            reach = post.author.followers_count * rng.lognormvariate(-2.2, 1.0) * ripe
            post.likes = int(reach * 0.02 + (post.heat * rng.random() * 6))
            post.reposts = done.get(("retweeted", post.id), 0) + int(
                post.likes * rng.random() * 0.15
            )
            post.replies = done.get(("replied_to", post.id), 0) + int(
                post.likes * rng.random() * 0.06
            )
            post.quotes = done.get(("quoted", post.id), 0) + int(post.likes * rng.random() * 0.02)
            post.bookmarks = int(post.likes * rng.random() * 0.1)
            post.impressions = int(reach) + post.likes * 20 + post.heat * 30 + rng.randrange(5, 60)

    def _settle(self, rng: Random) -> None:
        """Set each person's newest post, pinned post and number of posts."""
        written: dict[int, list[Post]] = {}
        for post in self.posts.values():
            if post.original is None and post.state != "superseded":
                written.setdefault(post.author.id, []).append(post)
        for person in self.people.values():
            mine = written.get(person.id, [])
            person.posts_count = len(mine) + rng.randrange(0, 3000)
            person.media_count = sum(len(post.media) for post in mine)
            live = [post for post in mine if post.state == "live"]
            if live:
                person.latest = live[-1].id
            if mine and rng.random() < 0.4:
                person.pinned = rng.choice(
                    mine
                ).id  # perhaps deleted since: X then reports it missing

    def _make_lists(self, rng: Random) -> Iterable[UserList]:
        people = [p for p in self.people.values() if p.standing == "active"]
        for number in range(max(4, len(people) // 12)):
            topic = number % len(lexicon.TOPICS)
            owner = rng.choice(people)
            if number == 0:
                owner = people[0]  # the person of the sandbox's user token
            near = [p for p in people if topic in (p.topic, p.second)] or people
            at = owner.at + int((self.now - owner.at) * rng.random())
            members = list(dict.fromkeys(rng.choices(near, k=rng.randrange(2, 40))))
            followers = list(dict.fromkeys(rng.choices(people, k=rng.randrange(1, 25))))
            word = lexicon.TOPICS[topic].word
            name = f"{word.capitalize()} {rng.choice(('people', 'daily', 'friends', 'notes'))}"
            text = f"Who to read on {word}"
            private = rng.random() < 0.1
            id = snowflake(at, rng.getrandbits(22))
            yield UserList(id, name[:25], owner, at, text, private, members, followers)

    def _make_spaces(self, rng: Random) -> Iterable[Space]:
        people = [p for p in self.people.values() if p.standing == "active"]
        for number in range(max(6, len(people) // 15)):
            topic = lexicon.TOPICS[number % len(lexicon.TOPICS)]
            crowd = rng.sample(people, min(len(people), 6))
            if number == 0:
                crowd = [people[0], *(p for p in crowd if p is not people[0])]
            state = _SPACE_STATES[number % len(_SPACE_STATES)]
            ahead, back = rng.randrange(3_600_000, 10 * DAY_MS), rng.randrange(600_000, 7_000_000)
            is_ticketed = number % 5 == 0
            space = Space(
                id="1" + "".join(rng.choices(_BASE58, k=12)),
                title=f"{topic.word.capitalize()} hour: {rng.choice(topic.things)}",
                creator=crowd[0], state=state, lang=crowd[0].lang, at=0, started=None, ended=None,
                scheduled=None, hosts=crowd[:2], speakers=crowd[1:4], invited=crowd[2:5],
                topic=number % len(lexicon.TOPICS), participants=0, subscribers=0,
                ticketed=is_ticketed, buyers=[],
            )
            if state == "scheduled":
                space.scheduled = self.now + ahead
                space.at = space.scheduled - 12 * DAY_MS
            else:
                space.started = self.now - back
                space.at = space.started - 2 * HOUR_MS
                space.participants = rng.randrange(3, 900)
            if state == "ended":
                space.ended = self.now - back + 500_000
            space.subscribers = rng.randrange(0, 300)
            if is_ticketed:
                space.buyers = crowd[3:]
            yield space


def mentioned_ids(post: Post) -> list[int]:
    """Return the ids of the accounts a post mentions, in order, those of its long text included."""
    mentions = list(post.entities.get("mentions", ()))
    if post.note is not None:
        mentions += post.note[1].get("mentions", ())
    return [int(each["id"]) for each in mentions if "id" in each]

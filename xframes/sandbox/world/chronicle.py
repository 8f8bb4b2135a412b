"""Invent the posts of a community until `now`: who posts when, in reply to whom."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from . import lexicon, texts
from .draft import Draft, short_link
from .model import Post, Reference
from .snowflakes import DAY_MS, moment, snowflake

if TYPE_CHECKING:
    from collections.abc import Callable

    from .model import Person, Place

# Posts by hour of day (UTC): the community sleeps, like others.
_HOURS = (3, 2, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 10, 10, 9, 9, 9, 10, 11, 12, 12, 10, 7, 5)
_NEWEST_MS = 60_000  # no posts in the last minute, so that a search's default end cuts none
# Age of posts in days; none of the last week is so old that it leaves the week within minutes.
_AGES: tuple[tuple[float, Callable[[Random], float]], ...] = (
    (0.70, lambda rng: rng.uniform(0, 6.98)), (0.25, lambda rng: rng.uniform(7, 60)),
    (0.05, lambda rng: 60 + rng.expovariate(1 / 300) % 1800),
)
_HIDDEN = 0.07  # unreadable posts (deleted, protected, suspended) for each readable one
_EDIT_WINDOW_MS = 1_800_000
_KINDS = (("original", 52), ("reply", 24), ("repost", 16), ("quote", 8))
_NEAR = 160  # how many recent posts of a topic people answer to


def instants(rng: Random, count: int, now: int) -> list[int]:
    """Return `count` sorted instants: 70 % in the last week, 25 % in the 53 days before, 5 % older.

    The number in the last week depends on `count` alone, and `rng` advances by one draw at any hour
    of `now`, so a seed makes the same people write the same texts at any time of day.
    """
    own = Random(rng.getrandbits(64))  # noqa: S311  reproducible, not secret
    ages: list[Callable[[Random], float]] = []
    for share, age in _AGES:
        ages += [age] * round(count * share)
    ages += [_AGES[0][1]] * (count - len(ages))
    return sorted(_waking(own, age, now) for age in ages[:count])


def _waking(rng: Random, age: Callable[[Random], float], now: int) -> int:
    """Return an instant of that age at an hour when the community is awake."""
    while True:
        at = now - _NEWEST_MS - int(age(rng) * DAY_MS)
        if rng.random() * max(_HOURS) <= _HOURS[at // 3_600_000 % 24]:
            return at


class Chronicle:
    """The posts of a community in order of creation; `posts` has all, also unreadable ones."""

    def __init__(self, rng: Random, people: list[Person], places: list[Place], now: int) -> None:
        self.rng = rng
        self.now = now
        self.posts: dict[int, Post] = {}
        self._recent: list[list[Post]] = [[] for _ in lexicon.TOPICS]
        self._towns = [place for place in places if place.kind == "city"]
        self._people = people
        self._seen = [p for p in people if p.standing == "active"]
        self._unseen = [p for p in people if p.standing != "active"]
        self._weights = {True: list(accumulate(p.activity for p in self._seen)),
                         False: [float(n + 1) for n in range(len(self._unseen))]}
        self._reposted: set[tuple[int, int]] = set()

    def play(self, count: int) -> dict[int, Post]:
        """Create posts until a search can find `count`, and unreadable ones; return all by id."""
        hidden = round(count * _HIDDEN) if self._unseen else 0
        fate = ["seen"] * count + ["deleted"] * (hidden // 2) + ["unseen"] * (hidden - hidden // 2)
        self.rng.shuffle(fate)
        for at, what in zip(instants(self.rng, len(fate), self.now), fate, strict=True):
            author = self._somebody(seen=what != "unseen", at=at)
            post = self._make(author, at)
            if what == "deleted":
                post.state = "deleted"
        return self.posts

    def _somebody(self, *, seen: bool, at: int) -> Person:
        crowd, weights = (self._seen if seen else self._unseen), self._weights[seen]
        for _ in range(20):
            person = crowd[bisect(weights, self.rng.random() * weights[-1], hi=len(crowd) - 1)]
            if person.at < at:
                return person
        return min(crowd, key=lambda p: p.at)

    def _new_id(self, at: int) -> int:
        while (id := snowflake(at, self.rng.getrandbits(22))) in self.posts:
            pass
        return id

    def _make(self, author: Person, at: int) -> Post:
        rng = self.rng
        topic = author.topic if rng.random() < 0.75 else author.second
        id = self._new_id(at)
        kind = rng.choices(_KINDS, _WEIGHTS)[0][0]
        target = self._target(author, topic, kind) if kind != "original" else None
        if target is None:
            post = self._original(author, topic, id, at)
        elif kind == "repost":
            post = self._repost(author, target, id, at)
        elif kind == "reply":
            post = self._reply(author, target, id, at)
        else:
            post = self._quote(author, target, id, at)
        self.posts[id] = post
        if post.original is None:
            post.contexts = _contexts(post.topic)
        if kind != "repost":
            self._recent[post.topic].append(post)
        self._flag(post)
        return post

    def _target(self, author: Person, topic: int, kind: str) -> Post | None:
        """Return the most discussed of a few recent posts of the topic: fame feeds itself."""
        recent = self._recent[topic]
        low = max(0, len(recent) - _NEAR)
        best: Post | None = None
        for _ in range(self.rng.randrange(1, 5)):
            if low == len(recent):
                break
            post = recent[self.rng.randrange(low, len(recent))]
            if kind != "reply" and post.author is author:
                continue
            if kind == "repost" and (not post.listed or (author.id, post.id) in self._reposted):
                continue
            if best is None or post.heat + post.author.pull * 3 > best.heat + best.author.pull * 3:
                best = post
        if best is not None:
            best.heat += 1
        return best

    def _original(self, author: Person, topic: int, id: int, at: int) -> Post:
        rng = self.rng
        if author.lang == "en" and rng.random() < 0.05:
            note = texts.long_form(rng, topic)
            short = texts.shorten(rng, note, id)
            post = Post(
                id,
                at,
                author,
                short.text,
                short.entities,
                "en",
                topic,
                id,
                note=(note.text, note.entities),
            )
            post.versions = (id,)
            return post
        place = rng.choice(self._towns) if rng.random() < 0.07 else None
        draft = texts.original(rng, author, topic, place, self._mentioned(author))
        post = Post(id, at, author, "", {}, author.lang, topic, id, place=place, versions=(id,))
        if place is not None and rng.random() < 0.25:
            west, south, east, north = place.bbox
            post.point = (round(rng.uniform(west, east), 6), round(rng.uniform(south, north), 6))
        if rng.random() < 0.03:
            post.poll = texts.poll(rng, draft, self._new_id(at), at)
        elif rng.random() < 0.2:
            draft.gap().link(short_link(rng), texts.article_link(rng, topic))
        self._attach(post, draft)
        self._edit(post, draft)
        return post

    def _mentioned(self, author: Person) -> list[tuple[str, int | None]]:
        rng = self.rng
        if rng.random() >= 0.12:
            return []
        if rng.random() < 0.08:  # an account that is gone: X keeps the name and knows no id
            return [(f"{rng.choice(lexicon.NAME_HEADS)}_gone{rng.randrange(10, 99)}"[:15], None)]
        crowd = author.following or self._people
        crowds = (crowd, self._people)[: rng.choice((1, 1, 2))]
        return [
            (person.username, person.id)
            for person in dict.fromkeys(rng.choice(each) for each in crowds)
        ]

    def _attach(self, post: Post, draft: Draft) -> None:
        """Attach media to some posts and finish the text."""
        rng = self.rng
        if post.poll is None and rng.random() < 0.24 and texts.fits(draft):
            post.media = texts.media(rng, self._new_id(post.at))
            draft.gap().link(short_link(rng), *texts.media_links(post.author, post.id, post.media))
        post.text, post.entities = draft.text, draft.entities

    def _edit(self, post: Post, draft: Draft) -> None:
        """Add earlier versions to some posts: minutes older, with own ids, found by lookup only."""
        rng = self.rng
        if post.poll is not None or rng.random() >= 0.035:
            return
        first = post.at - rng.randrange(120_000, _EDIT_WINDOW_MS - 60_000)
        steps = sorted(rng.randrange(first, post.at) for _ in range(rng.choice((0, 0, 1))))
        ids = [self._new_id(at) for at in (first, *steps)]
        post.versions = (*ids, post.id)
        for number, id in enumerate(ids):
            head = Draft().raw(
                draft.text, {kind: list(items) for kind, items in draft.entities.items()}
            )
            head.gap().say(("typo", "draft", "tpyo")[number % 3])
            old = Post(
                id,
                moment(id),
                post.author,
                head.text,
                head.entities,
                post.lang,
                post.topic,
                id,
                media=post.media,
                place=post.place,
                versions=post.versions,
                state="superseded",
            )
            old.contexts = _contexts(post.topic)
            self.posts[id] = old

    def _reply(self, author: Person, to: Post, id: int, at: int) -> Post:
        rng = self.rng
        opening = [] if to.author is author else [to.author]
        if (
            to.reply_to is not None
            and to.reply_to is not author
            and to.reply_to not in opening
            and rng.random() < 0.6
        ):
            opening.append(to.reply_to)
        draft, begins = texts.reply(rng, author, to.topic, opening)
        references: tuple[Reference, ...] = (("replied_to", to.id),)
        quoted = self._target(author, to.topic, "quote") if rng.random() < 0.03 else None
        if quoted is not None:
            draft.gap().link(short_link(rng), texts.post_link(quoted))
            references = (("quoted", quoted.id), *references)
        post = Post(
            id,
            at,
            author,
            "",
            {},
            author.lang,
            to.topic,
            to.conversation_id,
            references,
            to.author,
            versions=(id,),
            shown_from=begins,
        )
        self._attach(post, draft)
        return post

    def _quote(self, author: Person, of: Post, id: int, at: int) -> Post:
        draft = texts.quote(self.rng, author, of.topic, of)
        return Post(
            id,
            at,
            author,
            draft.text,
            draft.entities,
            author.lang,
            of.topic,
            id,
            (("quoted", of.id),),
            versions=(id,),
        )

    def _repost(self, author: Person, of: Post, id: int, at: int) -> Post:
        self._reposted.add((author.id, of.id))
        text, entities = texts.repost(of)
        return Post(
            id,
            at,
            author,
            text,
            entities,
            of.lang,
            of.topic,
            id,
            (("retweeted", of.id),),
            versions=(id,),
            original=of,
            media=of.media,
            contexts=of.contexts,
        )

    def _flag(self, post: Post) -> None:
        die = self.rng.random()
        if post.original is not None:
            post.sensitive = post.original.sensitive
        elif die < 0.02:
            post.sensitive = True
        elif die < 0.025:
            post.withheld = ("DE", "FR")
        elif die < 0.05:
            post.community_id = lexicon.community_id(post.topic)
        elif die < 0.07:
            post.reply_settings = ("mentionedUsers", "following")[int(die * 1000) % 2]


_WEIGHTS = [share for _, share in _KINDS]


def _contexts(topic: int) -> tuple[tuple[str, str, str, str], ...]:
    """Return domain id and name, entity id and name; sometimes with repeated pairs, as X does."""
    about = lexicon.TOPICS[topic]
    pair = ("66", "Interests and Hobbies Category", about.entity_id, about.word.capitalize())
    vertical = ("65", "Interests and Hobbies Vertical", about.entity_id, about.word.capitalize())
    return (vertical, pair, pair) if topic % 4 == 0 else (vertical, pair)

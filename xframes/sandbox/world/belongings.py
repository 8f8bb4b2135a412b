"""Invent what only the owner of an account sees: bookmarks, mutes, blocks, pins, messages.

It happens at the first access, so that a community of many people starts quickly.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal, TypeVar

from . import lexicon, texts
from .draft import Draft, short_link
from .model import Belongings, Conversation, Event
from .snowflakes import DAY_MS, snowflake

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .model import Person, Post, UserList

T = TypeVar("T")
_REACH_DAYS = 25  # X lets messages of the last 30 days be read
_CONVERSATIONS = 7
_SHARED = 500  # newest posts, of which messages share some


def make_belongings(
    seed: int,
    person: Person,
    people: Iterable[Person],
    posts: Sequence[Post],
    lists: Iterable[UserList],
) -> Belongings:
    """Return the belongings of a person, the same for the same seed and community."""
    rng = Random(f"keeps {seed} {person.id}")  # noqa: S311  reproducible, not secret
    others = [p for p in people if p.standing == "active" and p is not person]
    strangers = [p for p in others if p not in person.following]
    near = [p for p in others if p in person.following]
    originals = [p for p in posts if p.original is None and p.author is not person]
    readable = [each for each in lists if not each.private or each.owner is person]
    return Belongings(
        bookmarks=_some(rng, originals, 20, 60),
        mutes=_some(rng, near, 1, 4) + _some(rng, strangers, 2, 9),
        blocks=_some(rng, strangers, 2, 9),
        pins=_some(rng, readable, 1, 4),
    )


def _some(rng: Random, of: Sequence[T], least: int, most: int) -> list[T]:
    return rng.sample(of, min(len(of), rng.randrange(least, most)))


def make_mail(
    seed: int, person: Person, known: set[int], posts: Sequence[Post], now: int
) -> list[Conversation]:
    """Return a person's conversations with people not `known` (user ids) yet, and one group.

    Messages share some of `posts`, and were sent in the weeks before `now` (Unix milliseconds).
    """
    rng = Random(f"mail {seed} {person.id}")  # noqa: S311  reproducible, not secret
    originals = [post for post in posts[-_SHARED:] if post.original is None]
    near = dict.fromkeys([*person.following, *person.followers])
    partners = [p for p in near if p.standing == "active" and p.id not in known and p is not person]
    partners = rng.sample(partners, min(_CONVERSATIONS, len(partners)))
    begin = now - _REACH_DAYS * DAY_MS
    talks = []
    for other in partners:
        talk = Conversation(pair_id(person, other), [person, other])
        _talk(rng, talk, begin, now, originals)
        talks.append(talk)
    if len(partners) > 2:
        talks.append(_group(rng, person, partners[:4], now, originals))
    return talks


def pair_id(one: Person, other: Person) -> str:
    """Return the id of the conversation between two people: the smaller user id first."""
    return f"{min(one.id, other.id)}-{max(one.id, other.id)}"


def _group(
    rng: Random, person: Person, others: list[Person], now: int, posts: Sequence[Post]
) -> Conversation:
    """Invent a group: it begins when everyone joins, and the last of the others leaves."""
    start = now - _REACH_DAYS * DAY_MS + rng.randrange(DAY_MS)
    group = Conversation(str(snowflake(start, rng.getrandbits(22))), [person, *others])
    group.events.append(_change(rng, group, start + 5, "ParticipantsJoin", (person, *others)))
    _talk(rng, group, start + 1000, now, posts)
    group.people.remove(others[-1])
    group.events.append(_change(rng, group, now - 120_000, "ParticipantsLeave", (others[-1],)))
    return group


def _change(
    rng: Random,
    group: Conversation,
    at: int,
    kind: Literal["ParticipantsJoin", "ParticipantsLeave"],
    people: tuple[Person, ...],
) -> Event:
    """Return the event of people who join or leave; the first of them is its sender."""
    return Event(snowflake(at, rng.getrandbits(22)), at, group.id, kind, people[0], people=people)


def _talk(rng: Random, into: Conversation, begin: int, now: int, posts: Sequence[Post]) -> None:
    """Fill a conversation with messages, oldest first."""
    for at in sorted(rng.randrange(begin, now - 180_000) for _ in range(rng.randrange(3, 25))):
        into.events.append(_message(rng, into, at, posts))


def _message(rng: Random, into: Conversation, at: int, posts: Sequence[Post]) -> Event:
    sender = rng.choice(into.people)
    draft = Draft()
    id = snowflake(at, rng.getrandbits(22))
    event = Event(id, at, into.id, "MessageCreate", sender)
    if sender.lang == "en" and rng.random() < 0.5:
        draft.say(rng.choice(lexicon.REPLIES))
    else:
        texts.sentence(rng, draft, sender.topic, sender.lang)
    die = rng.random()
    if die < 0.12 and posts:
        shared = rng.choice(posts)
        draft.gap().link(short_link(rng), texts.post_link(shared))
        event.posts = (shared.id,)
    elif die < 0.24:
        event.media = texts.media(rng, id)[:1]
        url = f"https://x.com/messages/media/{id}"
        shown = f"pic.x.com/{event.media[0].id[-10:]}"
        draft.gap().link(short_link(rng), {"expanded_url": url, "display_url": shown})
    elif die < 0.30:
        named = rng.choice(into.people)
        draft.gap().mention(named.username, named.id)
    event.text, event.entities = draft.text, draft.entities
    return event

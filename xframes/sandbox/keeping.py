"""What people keep for themselves, invented when first looked at: bookmarks, mutes, blocks, pinned lists, mail."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, TypeVar

from . import lexicon, writing
from .draft import Draft
from .model import Conversation, Event, Kept, snowflake
from .people import DAY_MS, short_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .community import Community
    from .model import Person, Post

T = TypeVar("T")
_REACH_DAYS = 25  # X lets messages of the last 30 days be read
_CONVERSATIONS = 7


def _rng(community: Community, person: Person, what: str) -> Random:
    return Random(f"{what} {community.seed} {person.id}")  # noqa: S311  reproducible, not secret


def make_kept(community: Community, person: Person) -> Kept:
    """Return what a person keeps, the same for the same community."""
    rng = _rng(community, person, "keeps")
    others = [p for p in community.people.values() if p.standing == "active" and p is not person]
    strangers = [p for p in others if p not in person.following]
    near = [p for p in others if p in person.following]
    posts = [p for p in community.listed if p.original is None and p.author is not person]
    lists = [each for each in community.lists.values() if not each.private or each.owner is person]
    return Kept(
        bookmarks=_some(rng, posts, 20, 60),
        mutes=_some(rng, near, 1, 4) + _some(rng, strangers, 2, 9),
        blocks=_some(rng, strangers, 2, 9),
        pins=_some(rng, lists, 1, 4),
    )


def _some(rng: Random, of: Sequence[T], least: int, most: int) -> list[T]:
    return rng.sample(of, min(len(of), rng.randrange(least, most)))


def make_mail(community: Community, person: Person) -> list[Conversation]:
    """Return the conversations of a person with people they have none with yet, and one group of theirs."""
    rng = _rng(community, person, "mail")
    known = {p.id for each in community.conversations.values() for p in each.people if person in each.people}
    near = dict.fromkeys([*person.following, *person.followers])
    partners = [p for p in near if p.standing == "active" and p.id not in known and p is not person]
    partners = rng.sample(partners, min(_CONVERSATIONS, len(partners)))
    made = [_talk(rng, community, Conversation(pair_id(person, other), [person, other])) for other in partners]
    if len(partners) > 2:
        made.append(_group(rng, community, person, partners[:4]))
    return made


def pair_id(one: Person, other: Person) -> str:
    """Return the id of the conversation between two people: the smaller user id first."""
    return f"{min(one.id, other.id)}-{max(one.id, other.id)}"


def _group(rng: Random, community: Community, person: Person, others: list[Person]) -> Conversation:
    start = community.now - _REACH_DAYS * DAY_MS + rng.randrange(DAY_MS)
    made = Conversation(str(snowflake(start, rng.getrandbits(22))), [person, *others])
    made.events.append(Event(snowflake(start + 5, rng.getrandbits(22)), start + 5, made.id, "ParticipantsJoin", person,
                             people=(person, *others)))
    _talk(rng, community, made, start + 1000)
    gone = others[-1]
    made.people.remove(gone)
    at = community.now - 120_000
    made.events.append(Event(snowflake(at, rng.getrandbits(22)), at, made.id, "ParticipantsLeave", gone,
                             people=(gone,)))
    return made


def _talk(rng: Random, community: Community, into: Conversation, since: int | None = None) -> Conversation:
    """Fill a conversation with messages, oldest first."""
    begin = community.now - _REACH_DAYS * DAY_MS if since is None else since
    posts = [p for p in community.listed[-500:] if p.original is None]
    for at in sorted(rng.randrange(begin, community.now - 180_000) for _ in range(rng.randrange(3, 25))):
        into.events.append(_message(rng, into, at, posts))
    return into


def _message(rng: Random, into: Conversation, at: int, posts: list[Post]) -> Event:
    sender = rng.choice(into.people)
    draft = Draft()
    id = snowflake(at, rng.getrandbits(22))
    made = Event(id, at, into.id, "MessageCreate", sender)
    if sender.lang == "en" and rng.random() < 0.5:
        draft.say(rng.choice(lexicon.REPLIES))
    else:
        writing.sentence(rng, draft, sender.topic, sender.lang)
    die = rng.random()
    if die < 0.12 and posts:
        shared = rng.choice(posts)
        draft.gap().link(short_link(rng), post_link(shared))
        made.posts = (shared.id,)
    elif die < 0.24:
        made.media = writing.media(rng, id)[:1]
        url = f"https://x.com/messages/media/{id}"
        draft.gap().link(short_link(rng), {"expanded_url": url, "display_url": f"pic.x.com/{made.media[0].id[-10:]}"})
    elif die < 0.30:
        named = rng.choice(into.people)
        draft.gap().mention(named.username, named.id)
    made.text, made.entities = draft.text, draft.entities
    return made


def post_link(post: Post) -> dict[str, str]:
    """Return the facts of a link to a post."""
    url = f"https://x.com/{post.author.username}/status/{post.id}"
    return {"expanded_url": url, "display_url": url[8:34]}

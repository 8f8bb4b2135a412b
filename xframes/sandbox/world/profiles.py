"""Make the people of a community: accounts, and who follows whom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from . import lexicon
from .draft import Draft, short_link
from .model import Person, Place
from .snowflakes import DAY_MS, EPOCH_MS, snowflake

if TYPE_CHECKING:
    from random import Random

_SNOWFLAKE_USERS_MS = 1_451_606_400_000  # accounts made before 2016 have short, counted ids
_FIRST_ACCOUNT_MS = 1_230_768_000_000  # 2009
_TOPIC_WEIGHTS = tuple(topic.weight for topic in lexicon.TOPICS)


def make_places(rng: Random) -> list[Place]:
    """Return the community's towns and the countries they lie in."""
    countries: dict[str, Place] = {}
    towns = []
    for name, region, country, code, west, south in lexicon.TOWNS:
        if code not in countries:
            box = (west - 4.0, south - 3.0, west + 4.0, south + 3.0)
            countries[code] = Place(
                f"{rng.getrandbits(64):016x}", country, country, country, code, "country", box
            )
        box = (west, south, round(west + 0.12, 4), round(south + 0.09, 4))
        parent = (countries[code].id,)
        full_name = f"{name}, {region}"
        towns.append(
            Place(
                f"{rng.getrandbits(64):016x}", name, full_name, country, code, "city", box, parent
            )
        )
    return [*towns, *countries.values()]


def make_people(rng: Random, count: int, now: int, places: list[Place]) -> list[Person]:
    """Return `count` accounts with bios, links and verification, a few protected or suspended."""
    towns = [place for place in places if place.kind == "city"]
    taken: set[str] = set()
    ids: set[int] = set()
    people = [_account(rng, number, now, taken, ids) for number in range(count)]
    for person in people:
        _describe(rng, person, towns, people)
    unseen = people[len(people) // 4 :]  # the loudest quarter stays readable
    rng.shuffle(unseen)
    share = max(1, round(count * 0.025))
    for person in unseen[:share]:
        person.standing = "protected"
    for person in unseen[share : 2 * share]:
        person.standing = "suspended"
    firms = [p for p in people if p.verified == "business" and p.standing == "active"]
    if firms:
        for person in rng.sample(people, max(1, count // 40)):
            if person not in firms:
                person.employer = rng.choice(firms)
    return people


def _account(rng: Random, number: int, now: int, taken: set[str], ids: set[int]) -> Person:
    topic, second = rng.choices(range(len(lexicon.TOPICS)), _TOPIC_WEIGHTS, k=2)
    lang = rng.choices(
        [code for code, _ in lexicon.LANGUAGES], [share for _, share in lexicon.LANGUAGES]
    )[0]
    span = now - 90 * DAY_MS - _FIRST_ACCOUNT_MS
    at = max(_FIRST_ACCOUNT_MS, EPOCH_MS) + int(max(span, DAY_MS) * rng.random())
    rank = number + 1
    return Person(
        id=_user_id(rng, at, ids),
        username=_username(rng, taken),
        name=_display_name(rng),
        at=at,
        topic=topic,
        second=second,
        lang=lang,
        activity=rank**-0.9 * rng.uniform(0.5, 1.5),
        pull=rank**-0.8 * math.exp(rng.gauss(0, 0.8)),
    )


def _user_id(rng: Random, at: int, ids: set[int]) -> int:
    while True:
        new = at >= _SNOWFLAKE_USERS_MS
        made = (
            snowflake(at, rng.getrandbits(22)) if new else rng.randrange(10_000_000, 4_000_000_000)
        )
        if made not in ids:
            ids.add(made)
            return made


def _username(rng: Random, taken: set[str]) -> str:
    while True:
        name = (
            rng.choice(lexicon.NAME_HEADS)
            + rng.choice(("", "", "_"))
            + rng.choice(lexicon.NAME_TAILS)
        )
        if rng.random() < 0.3:
            name = name.title().replace("_", "")
        if rng.random() < 0.4 or len(taken) > 200:
            name += str(rng.randrange(2, 1000))
        name = name[:15]
        if name.lower() not in taken:
            taken.add(name.lower())
            return name


def _display_name(rng: Random) -> str:
    name = rng.choice(lexicon.GIVEN)
    if rng.random() < 0.75:
        name += " " + rng.choice(lexicon.FAMILY)
    if rng.random() < 0.15:
        name += " " + rng.choice(lexicon.TOPICS[rng.randrange(len(lexicon.TOPICS))].emoji)
    return name


def _describe(rng: Random, person: Person, towns: list[Place], people: list[Person]) -> None:
    topic = lexicon.TOPICS[person.topic]
    bio = Draft().say(rng.choice(lexicon.BIOS).format(topic=topic.word).capitalize())
    if rng.random() < 0.35:
        bio.gap().hashtag(rng.choice(topic.tags))
    if rng.random() < 0.2:
        bio.gap().say("with").gap().mention(rng.choice(people).username, None)
    person.bio, person.bio_entities = bio.text, bio.entities
    if rng.random() < 0.6:
        person.home = rng.choice(towns)
    if rng.random() < 0.4:
        shown = f"{lexicon.DOMAINS[person.topic]}/{person.username}"
        person.link = {
            "start": 0,
            "end": 23,
            "url": short_link(rng),
            "expanded_url": f"https://{shown}",
            "display_url": shown[:26],
        }
    person.verified = rng.choices(("none", "blue", "business", "government"), (82, 14, 3, 1))[0]
    if person.verified in {"business", "government"}:
        person.name = rng.choice(lexicon.ORGANISATIONS)
    person.parody = rng.random() < 0.01
    if rng.random() < 0.01:
        person.withheld = ("DE",)


def connect(rng: Random, people: list[Person]) -> None:
    """Fill `followers` and `following`: people follow their topics' loudest, and some strangers."""
    by_topic: dict[int, list[Person]] = {}
    for person in people:
        by_topic.setdefault(person.topic, []).append(person)
    for person in people:
        near = by_topic[person.topic] + by_topic.get(person.second, [])
        wanted = min(len(people) - 1, 3 + int(rng.paretovariate(1.2) * 6))
        chosen = dict.fromkeys(rng.choices(near, [p.pull for p in near], k=wanted))
        chosen.update(
            dict.fromkeys(rng.choices(people, [p.pull for p in people], k=max(1, wanted // 4)))
        )
        chosen.pop(person, None)
        person.following = list(chosen)
        for other in person.following:
            other.followers.append(person)
    for person in people:
        # The world is larger than the community: counts include people this sandbox does not hold.
        person.followers_count = len(person.followers) + int(
            person.pull * 40_000 * rng.uniform(0.6, 1.4)
        )
        person.following_count = len(person.following) + rng.randrange(20, 900)
        person.listed_count = int(person.followers_count * rng.uniform(0.0, 0.02))
        person.likes_count = int(rng.paretovariate(0.9) * 200) % 400_000

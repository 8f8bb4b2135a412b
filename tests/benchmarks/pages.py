"""Pages for the benchmarks: invented, the same for the same numbers, as rich as a search that
requests every field and expansion.

Everything about a post follows from its number: posts are 43 seconds apart (2,000 a day), ids are
snowflakes of those times. Texts differ from row to row; users, hashtags and the posts referred to
repeat with a long tail. A page of 100 posts is about 450 KB: posts with contexts, entities, edits
and metrics, the posts they refer to, authors with profile links, media with variants, places and
polls. Pages are filled in from templates, and none is kept.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

WORDS = (
    "harbour lantern gravel orchard pigeon kettle meadow thunder copper ribbon saddle willow "
    "anchor biscuit cobweb drizzle ember fiddle glacier hamlet ivory jigsaw kernel ladder marble "
    "nectar oyster pebble quarry raft spindle tundra umbrella velvet walnut yonder zephyr almond "
    "brook candle donkey engine fossil garden hollow island"
).split()
PAGE_POSTS = 100
STEP_MS = 43_200
USERS = 300_000
TAGS = 5_000
_START_MS = 1_640_995_200_000  # 2022-01-01
_SNOWFLAKES_BEGIN_MS = 1_288_834_974_657
_REFERRED_EVERY = 600  # so many posts in a row refer to the same …
_REFERRED = 60  # … posts
_TEMPLATES = 256
_USER_TEMPLATES = 32
_BITS = struct.Struct("<16I")
_ALL = 2**32


def page(seed: int, posts: int = PAGE_POSTS) -> bytes:
    """One search page in the tweet words, the same bytes for the same seed."""
    return page_of(range(seed * posts, (seed + 1) * posts))


@cache
def pages(count: int, posts: int = PAGE_POSTS) -> tuple[bytes, ...]:
    """Several different pages."""
    return tuple(page(seed, posts) for seed in range(count))


def page_of(numbers: Iterable[int], *, seen: int = 0, is_last: bool = False) -> bytes:
    """A page of these posts, newest first; metrics grow with `seen`, the times seen before."""
    return _Page(seen).fill(sorted(numbers, reverse=True), is_last=is_last)


def search_pages(first: int, posts: int) -> Iterator[bytes]:
    """The pages of a search that finds so many posts from a number on: newest first."""
    for end in range(first + posts, first, -PAGE_POSTS):
        start = max(first, end - PAGE_POSTS)
        yield page_of(range(start, end), is_last=start == first)


def pages_again(numbers: Iterable[int], *, seen: int = 1) -> Iterator[bytes]:
    """Pages of posts that were seen before, with users and metrics as they are now."""
    left = iter(numbers)
    while some := list(itertools.islice(left, PAGE_POSTS)):
        yield page_of(some, seen=seen)


def write_pages(path: Path, bodies: Iterable[bytes]) -> int:
    """Write pages as NDJSON. Returns the bytes written."""
    with path.open("wb") as file:
        return sum(file.write(body + b"\n") for body in bodies)


def write(path: Path, megabytes: float) -> int:
    """Write an NDJSON file of about that size. Returns the posts in it."""
    written = number = 0
    with path.open("wb") as file:
        while written < megabytes * 1e6:
            written += file.write(page(number) + b"\n")
            number += 1
    return number * PAGE_POSTS


def post_id(number: int) -> str:
    """The id of a post by its number."""
    return str(_Post(number).id)


class _Post:
    """What follows from a post's number; posts that others refer to have numbers of their own."""

    def __init__(self, number: int, *, is_referred: bool = False) -> None:
        self.bits = _BITS.unpack(blake2b(b"%d/%d" % (number, is_referred), digest_size=64).digest())
        self.number = number
        if is_referred:  # an hour older than the first that refers to it
            block, place = divmod(number, _REFERRED)
            self.ms = _START_MS + block * _REFERRED_EVERY * STEP_MS - 3_600_000 + place * 1000
        else:
            self.ms = _START_MS + number * STEP_MS + self.bits[0] % 30_000
        low = (self.bits[0] >> 8 & 0x3FFFF0) | is_referred << 3
        self.id = (self.ms - _SNOWFLAKES_BEGIN_MS) << 22 | low
        self.author = _user_number(self.bits[1])

    @property
    def referred(self) -> int:
        """The number of the post that it refers to, if its template refers to one."""
        return self.number // _REFERRED_EVERY * _REFERRED + self.bits[14] % _REFERRED

    def values(self, seen: int) -> dict[bytes, bytes | int]:
        """What fills its template."""
        bits = self.bits
        phrases = _phrases()
        tags = [_tags()[_long_tail(bits[8 + i], TAGS, 3)] for i in range(3)]
        text = b"%b %b %b %b #%b" % (*(phrases[b % len(phrases)] for b in bits[4:8]), tags[0])
        likes = _long_tail(bits[11], 20_000, 6) + seen * (1 + bits[12] % 9)
        values: dict[bytes, bytes | int] = {
            b"id": self.id, b"id1": self.id + 1, b"id2": self.id + 2, b"id3": self.id + 3,
            b"when": _timestamp(self.ms), b"text": text, b"length": len(text),
            b"author": self.author,
            b"like": likes, b"retweet": likes // 7, b"reply": likes // 11, b"quote": likes // 60,
            b"bookmark": likes // 30, b"view": likes * 41 + bits[13] % 1000, b"link": bits[12],
        }
        for i, tag in enumerate(tags):
            values[b"tag%d" % i] = tag
        for i in range(2):
            number = _user_number(bits[2 + i])
            values[b"user%d" % i] = number
            values[b"handle%d" % i] = _handle(number)
        return values


@dataclass(frozen=True, slots=True)
class _Template:
    """A post whose changing values are left open, with what its page includes for it."""

    post: bytes
    media: tuple[bytes, ...]
    place: bytes | None
    poll: bytes | None
    mentions: int
    refers: bool


_PAGE = (
    b'{"data":[%b],"includes":{"users":[%b],"tweets":[%b],"media":[%b],"places":[%b],"polls":[%b]},'
    b'"errors":[%b],"meta":%b}'
)


class _Page:
    """One page while it is filled in: each thing is included once."""

    def __init__(self, seen: int) -> None:
        self.seen = seen
        self.users: dict[int, None] = {}
        self.referred: dict[int, bytes] = {}
        self.media: list[bytes] = []
        self.places: dict[bytes, None] = {}
        self.polls: list[bytes] = []

    def fill(self, numbers: list[int], *, is_last: bool) -> bytes:
        posts = [_Post(number) for number in numbers]
        data = [self.post(post, _templates(is_main=True)) for post in posts]
        moment = numbers[0] // PAGE_POSTS + self.seen  # followers grow with time
        meta: dict[str, Any] = {"newest_id": str(posts[0].id), "oldest_id": str(posts[-1].id),
                                "result_count": len(posts)}
        if not is_last:
            meta["next_token"] = f"b26v89c19zqg8o3f{posts[-1].id:x}"
        return _PAGE % (
            b",".join(data), b",".join(_user(number, moment) for number in self.users),
            b",".join(self.referred.values()), b",".join(self.media), b",".join(self.places),
            b",".join(self.polls), _PROBLEM, json.dumps(meta).encode(),
        )

    def post(self, post: _Post, templates: tuple[_Template, ...]) -> bytes:
        template = templates[post.number % len(templates)]
        values = post.values(self.seen)
        self.users[post.author] = None
        for i in range(template.mentions):
            self.users[_user_number(post.bits[2 + i])] = None
        if template.refers:
            other = _Post(post.referred, is_referred=True)
            values[b"other"], values[b"other_author"] = other.id, other.author
            if other.number not in self.referred:
                self.referred[other.number] = self.post(other, _templates(is_main=False))
        self.media += [medium % values for medium in template.media]
        if template.place is not None:
            self.places[template.place] = None
        if template.poll is not None:
            self.polls.append(template.poll % values)
        return template.post % values


def _user(number: int, moment: int) -> bytes:
    bits = _BITS.unpack(blake2b(b"user %d" % number, digest_size=64).digest())
    phrases = _phrases()
    templates = _user_templates()
    return templates[number % len(templates)] % {
        b"number": number, b"handle": _handle(number),
        b"when": _timestamp(1_300_000_000_000 + bits[0] * 70),
        b"about": b"%b %b" % (phrases[bits[1] % len(phrases)], phrases[bits[2] % len(phrases)]),
        b"followers": _long_tail(bits[3], 10_000_000, 8) + moment, b"following": bits[4] % 2000,
        b"tweets": bits[5] % 90_000 + moment, b"listed": bits[6] % 99, b"likes": bits[7] % 50_000,
        b"media": bits[8] % 999, b"link": bits[9], b"pinned": 1_500_000_000_000_000_000 + bits[10],
    }


def _long_tail(bits: int, count: int, power: int) -> int:
    """One of so many numbers; small ones are far more frequent."""
    return int(count * (bits / _ALL) ** power)


def _user_number(bits: int) -> int:
    return 1000 + _long_tail(bits, USERS, 5)


def _handle(number: int) -> bytes:
    return b"%b_%d" % (WORDS[number % len(WORDS)].encode(), number)


def _timestamp(ms: int) -> bytes:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()


@cache
def _vocabulary() -> tuple[str, ...]:
    """Words of invented languages, as many as people use, after those of `WORDS`."""
    chance = random.Random(1)
    sounds = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ai", "or", "en")]
    return (*WORDS, *("".join(chance.choices(sounds, k=chance.randint(2, 4))) for _ in range(8000)))


@cache
def _phrases() -> tuple[bytes, ...]:
    chance = random.Random(2)
    words = _vocabulary()
    return tuple(_says(chance, words, 3, 7).encode() for _ in range(16_384))


@cache
def _tags() -> tuple[bytes, ...]:
    chance = random.Random(3)
    return tuple(f"{chance.choice(WORDS)}{i}".encode() for i in range(TAGS))


@cache
def _templates(*, is_main: bool) -> tuple[_Template, ...]:
    made = _Invention(random.Random(f"posts {is_main}"))
    return tuple(made.template(is_main=is_main) for _ in range(_TEMPLATES))


@cache
def _user_templates() -> tuple[bytes, ...]:
    made = _Invention(random.Random("users"))
    return tuple(_open(made.user()) for _ in range(_USER_TEMPLATES))


def _says(chance: random.Random, words: tuple[str, ...], least: int, most: int) -> str:
    """Some words; the first ones are more frequent."""
    count = chance.randint(least, most)
    return " ".join(words[int(len(words) * chance.random() ** 3)] for _ in range(count))


_PLACE_OF_VALUE = re.compile(r'"#<(\w+)>"|<(\w+)>')  # "#<like>" is a number, <text> part of a text
_NUMBERS = re.compile(r"id\d?|author|other|other_author|user\d|number|link|pinned")


def _open(value: dict[str, Any]) -> bytes:
    """An object as a format for bytes."""

    def place(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return f"%({name})d" if found[1] or _NUMBERS.fullmatch(name) else f"%({name})b"

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("%", "%%")
    return _PLACE_OF_VALUE.sub(place, text).encode()


_PROBLEM = json.dumps({
    "resource_type": "user", "parameter": "entities.mentions.username", "value": "gone_harbour",
    "title": "Not Found Error", "type": "https://api.twitter.com/2/problems/resource-not-found",
    "detail": "Could not find user with entities.mentions.username: [gone_harbour].",
    "resource_id": "gone_harbour"}).encode()


class _Invention:
    """Objects of X whose values that differ from row to row are left open: <text>, "#<like>"."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def says(self, least: int, most: int) -> str:
        return _says(self.chance, _vocabulary(), least, most)

    def user(self) -> dict[str, Any]:
        n = self.chance.randrange
        link = "https://t.co/<link>"
        return {
            "id": "<number>", "username": "<handle>", "name": self.says(1, 3).title(),
            "created_at": "<when>",
            "description": f"<about> · Ünïcode 🌿 #{self.chance.choice(WORDS)}",
            "location": self.says(1, 2), "verified": n(9) == 0, "verified_type": "none",
            "protected": False, "url": link, "pinned_tweet_id": "<pinned>",
            "profile_image_url": "https://pbs.example.org/profile_images/<link>_normal.jpg",
            "public_metrics": {
                "followers_count": "#<followers>", "following_count": "#<following>",
                "tweet_count": "#<tweets>", "listed_count": "#<listed>", "like_count": "#<likes>",
                "media_count": "#<media>"},
            "entities": {
                "url": {"urls": [self.link(0, link)]},
                "description": {
                    "hashtags": [{"start": 0, "end": 8, "tag": self.chance.choice(WORDS)}]}},
        }

    def link(self, start: int, url: str) -> dict[str, Any]:
        where = f"example.org/{self.says(2, 4).replace(' ', '-')}"
        return {"start": start, "end": start + 23, "url": url,
                "expanded_url": f"https://{where}/<link>", "display_url": f"{where[:25]}…"}

    def template(self, *, is_main: bool) -> _Template:
        n = self.chance.randrange
        entities = self.entities()
        post: dict[str, Any] = {
            "id": "<id>", "text": "<text>", "author_id": "<author>", "created_at": "<when>",
            "conversation_id": "<id>", "edit_history_tweet_ids": ["<id>"], "source": "Web",
            "lang": self.chance.choice(("en", "en", "en", "de", "fr", "ja")),
            "reply_settings": "everyone", "possibly_sensitive": False,
            "display_text_range": [0, "#<length>"],
            "edit_controls": {
                "edits_remaining": 5, "is_edit_eligible": True, "editable_until": "<when>"},
            "public_metrics": {
                f"{name}_count": f"#<{value}>" for name, value in {
                    "retweet": "retweet", "reply": "reply", "like": "like", "quote": "quote",
                    "bookmark": "bookmark", "impression": "view"}.items()},
            "entities": entities,
        }
        if n(2):
            post["context_annotations"] = [self.context() for _ in range(n(1, 6))]
        refers = is_main and n(10) < 6
        if refers:
            kind = self.chance.choice(("replied_to", "quoted", "retweeted"))
            post["referenced_tweets"] = [{"type": kind, "id": "<other>"}]
            post["in_reply_to_user_id"] = "<other_author>"
        media = [self.medium(i) for i in range(1, n(2, 4))] if n(5) == 0 else []
        if media:
            post["attachments"] = {"media_keys": [medium["media_key"] for medium in media]}
        place = self.place() if n(20) == 0 else None
        if place:
            post["geo"] = {"place_id": place["id"]}
        poll = self.poll() if n(50) == 0 else None
        if poll:
            post.setdefault("attachments", {})["poll_ids"] = [poll["id"]]
        if n(25) == 0:
            inner = self.entities()
            inner.pop("annotations", None)
            inner.pop("mentions", None)
            post["note_tweet"] = {"text": f"<text> {self.says(40, 80)}", "entities": inner}
        return _Template(
            _open(post), tuple(map(_open, media)), json.dumps(place).encode() if place else None,
            _open(poll) if poll else None, len(entities.get("mentions", ())), refers,
        )

    def entities(self) -> dict[str, Any]:
        n = self.chance.randrange
        entities: dict[str, Any] = {}
        if n(10) < 6:
            entities["hashtags"] = [{"start": 3 * i, "end": 3 * i + 9, "tag": f"<tag{i}>"}
                                    for i in range(n(1, 4))]
        if n(10) < 6:
            entities["mentions"] = [
                {"start": 5 * i, "end": 5 * i + 8, "username": f"<handle{i}>", "id": f"<user{i}>"}
                for i in range(n(1, 3))]
        if n(10) < 5:
            link = self.link(60, "https://t.co/<link>")
            image = {"url": "https://pbs.example.org/i.jpg", "width": 600, "height": 314}
            entities["urls"] = [link | {
                "status": 200, "title": self.says(4, 9), "description": self.says(10, 20),
                "unwound_url": link["expanded_url"], "images": [image]}]
        if n(10) < 4:
            entities["annotations"] = [{
                "start": 1, "end": 7, "probability": round(self.chance.random(), 4),
                "type": "Place", "normalized_text": self.says(1, 1).title()}]
        return entities

    def context(self) -> dict[str, Any]:
        n = self.chance.randrange
        domain = {"id": str(n(3, 150)), "name": self.says(1, 3), "description": self.says(4, 12)}
        entity = {"id": str(10_000_000_000 + n(9_999_999)), "name": self.says(1, 2)}
        return {"domain": domain, "entity": entity}

    def medium(self, number: int) -> dict[str, Any]:
        key = f"3_<id{number}>"
        stem = f"https://pbs.example.org/media/{key}"
        variants = [{"bit_rate": rate, "content_type": "video/mp4", "url": f"{stem}/{rate}.mp4"}
                    for rate in (256_000, 832_000, 2_176_000)]
        stream = {"content_type": "application/x-mpegURL", "url": f"{stem}.m3u8"}
        return {"media_key": key, "type": "video", "width": 1280, "height": 720,
                "duration_ms": 30_120, "preview_image_url": f"{stem}.jpg",
                "public_metrics": {"view_count": "#<view>"}, "variants": [*variants, stream]}

    def place(self) -> dict[str, Any]:
        return {"id": f"{self.chance.getrandbits(64):016x}", "full_name": self.says(2, 3).title(),
                "name": self.says(1, 1).title(), "country": "Norland", "country_code": "NL",
                "place_type": "city",
                "geo": {"type": "Feature", "bbox": [4.7, 52.2, 5.1, 52.4], "properties": {}}}

    def poll(self) -> dict[str, Any]:
        options = [{"position": i, "label": self.says(1, 3), "votes": self.chance.randrange(99)}
                   for i in (1, 2, 3)]
        return {"id": "<id3>", "options": options, "duration_minutes": 1440,
                "end_datetime": "<when>", "voting_status": "closed"}

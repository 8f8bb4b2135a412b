"""Pages for the benchmarks: made up, deterministic, as rich as a search that asks for every field and expansion.

A page of 100 posts is about 370 KB: posts with contexts, entities, edits and metrics, the posts they refer to, authors
with profile links, media with variants, places and a poll.
"""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

WORDS = (
    "harbour lantern gravel orchard pigeon kettle meadow thunder copper ribbon saddle willow anchor biscuit cobweb "
    "drizzle ember fiddle glacier hamlet ivory jigsaw kernel ladder marble nectar oyster pebble quarry raft spindle "
    "tundra umbrella velvet walnut yonder zephyr almond brook candle donkey engine fossil garden hollow island"
).split()
MOMENT = "2024-0{}-{:02}T{:02}:{:02}:{:02}.000Z"


def page(seed: int, posts: int = 100) -> bytes:
    """One search page in the tweet words, the same bytes for the same seed."""
    return json.dumps(_Page(random.Random(seed)).build(posts), ensure_ascii=False, separators=(",", ":")).encode()


@cache
def pages(count: int, posts: int = 100) -> tuple[bytes, ...]:
    """Several different pages."""
    return tuple(page(seed, posts) for seed in range(count))


def write(path: Path, megabytes: float) -> int:
    """An NDJSON file of about that size; its pages repeat after the 25th with fresh ids. Returns the posts in it."""
    distinct = pages(25)
    written = number = 0
    with path.open("wb") as file:
        while written < megabytes * 1e6:
            body = distinct[number % len(distinct)].replace(b'"17', f'"{18 + number // len(distinct)}'.encode())
            written += file.write(body + b"\n")
            number += 1
    return number * 100


class _Page:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.users: dict[str, dict] = {}
        self.media: list[dict] = []
        self.places: list[dict] = []
        self.polls: list[dict] = []
        self.included: list[dict] = []

    def build(self, posts: int) -> dict:
        data = [self.post(main=True) for _ in range(posts)]
        includes = {"users": list(self.users.values()), "tweets": self.included, "media": self.media,
                    "places": self.places, "polls": self.polls}
        meta = {"newest_id": data[0]["id"], "oldest_id": data[-1]["id"], "result_count": posts,
                "next_token": f"b26v89c19zqg8o3f{self.chance.getrandbits(60):x}"}
        problem = {"resource_type": "user", "parameter": "entities.mentions.username", "value": "gone_harbour",
                   "title": "Not Found Error", "type": "https://api.twitter.com/2/problems/resource-not-found",
                   "detail": "Could not find user with entities.mentions.username: [gone_harbour].",
                   "resource_id": "gone_harbour"}
        return {"data": data, "includes": includes, "errors": [problem], "meta": meta}

    def id(self) -> str:
        return str(1_700_000_000_000_000_000 + self.chance.getrandbits(56))

    def when(self) -> str:
        n = self.chance.randrange
        return MOMENT.format(n(1, 10), n(1, 29), n(24), n(60), n(60))

    def says(self, least: int, most: int) -> str:
        return " ".join(self.chance.choices(WORDS, k=self.chance.randint(least, most)))

    def user(self) -> dict:
        n = self.chance.randrange
        number = str(1000 + int(self.chance.paretovariate(0.5)) % 10_000_000)
        if number in self.users:
            return self.users[number]
        link = f"https://t.co/{n(36**6):010d}"
        self.users[number] = {
            "id": number, "username": f"{self.chance.choice(WORDS)}_{number}", "name": self.says(1, 3).title(),
            "created_at": self.when(), "description": f"{self.says(6, 16)} · Ünïcode 🌿", "location": self.says(1, 2),
            "verified": n(9) == 0, "verified_type": "none", "protected": False, "url": link,
            "profile_image_url": f"https://pbs.example.org/profile_images/{self.id()}/{n(36**6)}_normal.jpg",
            "pinned_tweet_id": self.id(),
            "public_metrics": {"followers_count": n(9999), "following_count": n(999), "tweet_count": n(99999),
                               "listed_count": n(99), "like_count": n(9999), "media_count": n(999)},
            "entities": {"url": {"urls": [self.link(0, link)]},
                         "description": {"hashtags": [{"start": 0, "end": 8, "tag": self.chance.choice(WORDS)}]}},
        }
        return self.users[number]

    def link(self, start: int, url: str) -> dict:
        where = f"example.org/{self.says(3, 6).replace(' ', '-')}"
        return {"start": start, "end": start + len(url), "url": url, "expanded_url": f"https://{where}",
                "display_url": where[:26]}

    def post(self, *, main: bool) -> dict:
        n = self.chance.randrange
        author = self.user()
        number = self.id()
        text = self.says(14, 30)
        post = {
            "id": number, "text": text, "author_id": author["id"], "created_at": self.when(),
            "conversation_id": number, "edit_history_tweet_ids": [number], "lang": "en", "source": "Web",
            "reply_settings": "everyone", "possibly_sensitive": False, "display_text_range": [0, len(text)],
            "edit_controls": {"edits_remaining": 5, "is_edit_eligible": True, "editable_until": self.when()},
            "public_metrics": {"retweet_count": n(99), "reply_count": n(99), "like_count": n(999),
                               "quote_count": n(9), "bookmark_count": n(9), "impression_count": n(99999)},
            "entities": self.entities(text),
        }
        if n(2):
            post["context_annotations"] = [self.context() for _ in range(n(1, 6))]
        if main and n(10) < 6:
            other = self.post(main=False)
            self.included.append(other)
            kind = self.chance.choice(("replied_to", "quoted", "retweeted"))
            post["referenced_tweets"] = [{"type": kind, "id": other["id"]}]
            post["in_reply_to_user_id"] = other["author_id"]
        if n(5) == 0:
            post["attachments"] = {"media_keys": [self.medium() for _ in range(n(1, 3))]}
        if n(20) == 0:
            post["geo"] = {"place_id": self.place()}
        if n(50) == 0:
            post.setdefault("attachments", {})["poll_ids"] = [self.poll()]
        if n(25) == 0:
            long = f"{text} {self.says(40, 80)}"
            post["note_tweet"] = {"text": long, "entities": self.entities(long)}
            post["note_tweet"]["entities"].pop("annotations", None)
        return post

    def entities(self, text: str) -> dict:
        n = self.chance.randrange
        found: dict = {}
        words = text.split()
        if n(10) < 6:
            found["hashtags"] = [{"start": 3 * i, "end": 3 * i + 9, "tag": words[i]} for i in range(n(1, 4))]
        if n(10) < 6:
            found["mentions"] = [{"start": 5 * i, "end": 5 * i + 8, "username": u["username"], "id": u["id"]}
                                 for i, u in enumerate(self.user() for _ in range(n(1, 3)))]
        if n(10) < 5:
            link = self.link(len(text), f"https://t.co/{n(36**6):010d}")
            found["urls"] = [link | {"status": 200, "title": self.says(4, 9), "description": self.says(10, 20),
                                     "unwound_url": link["expanded_url"],
                                     "images": [{"url": "https://pbs.example.org/i.jpg", "width": 600, "height": 314}]}]
        if n(10) < 4:
            found["annotations"] = [{"start": 1, "end": 7, "probability": round(self.chance.random(), 4),
                                     "type": "Place", "normalized_text": words[0].title()}]
        return found

    def context(self) -> dict:
        n = self.chance.randrange
        return {"domain": {"id": str(n(3, 150)), "name": self.says(1, 3), "description": self.says(4, 12)},
                "entity": {"id": str(10_000_000_000 + n(9_999_999)), "name": self.says(1, 2)}}

    def medium(self) -> str:
        key = f"3_{self.id()}"
        stem = f"https://pbs.example.org/media/{key}"
        variants = [{"bit_rate": rate, "content_type": "video/mp4", "url": f"{stem}/{rate}.mp4"}
                    for rate in (256_000, 832_000, 2_176_000)]
        self.media.append({"media_key": key, "type": "video", "width": 1280, "height": 720, "duration_ms": 30_120,
                           "preview_image_url": f"{stem}.jpg", "public_metrics": {"view_count": 12_345},
                           "variants": [*variants, {"content_type": "application/x-mpegURL", "url": f"{stem}.m3u8"}]})
        return key

    def place(self) -> str:
        number = f"{self.chance.getrandbits(64):016x}"
        self.places.append({"id": number, "full_name": self.says(2, 3).title(), "name": self.says(1, 1).title(),
                            "country": "Norland", "country_code": "NL", "place_type": "city",
                            "geo": {"type": "Feature", "bbox": [4.7, 52.2, 5.1, 52.4], "properties": {}}})
        return number

    def poll(self) -> str:
        number = self.id()
        options = [{"position": i, "label": self.says(1, 3), "votes": self.chance.randrange(99)} for i in (1, 2, 3)]
        self.polls.append({"id": number, "options": options, "duration_minutes": 1440, "end_datetime": self.when(),
                           "voting_status": "closed"})
        return number

"""The lines of streams of events and of likes, oldest first.

X sends events as they happen. Here each connection gets everything that has happened in the
community, in the partition and between the times that it requests.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.sandbox.world.snowflakes import HOUR_MS, exact_stamp, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Person, Post

_STANDINGS = {"suspended": "user_suspend", "protected": "user_protect"}
_UNLIKED = 20  # every so many likes are taken back
_SAMPLED = 10  # one like in so many is in the sample


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One line of a stream: when it happened, the id that decides its partition, its `data`."""

    at: int
    id: int
    data: dict[str, Any]


def occurrences(community: Community, action: str) -> list[Occurrence]:
    """Return what the stream of an action has, oldest first."""
    with community.lock:
        return sorted(_STREAMS[action](community), key=lambda each: (each.at, each.id))


def _post_events(community: Community) -> Iterator[Occurrence]:
    for post in community.posts.values():
        at = post.at + HOUR_MS
        about = {"tweet": _post(post), "event_at": stamp(at)}
        if post.state == "deleted":
            yield Occurrence(at, post.id, {"delete": about})
        elif post.withheld:
            yield Occurrence(
                at, post.id, {"withheld": about | {"withheld_in_countries": list(post.withheld)}}
            )
        elif post.versions[1:] and post.id == post.versions[-1]:
            edit = {"tweet": {"id": str(post.id)}, "event_at": stamp(post.at),
                    "initial_tweet_id": str(post.versions[0]),
                    "edit_tweet_ids": [str(id) for id in post.versions]}
            yield Occurrence(post.at, post.id, {"tweet_edit": edit})


def _user_events(community: Community) -> Iterator[Occurrence]:
    for person in community.people.values():
        at = person.at + HOUR_MS
        about = {"user": {"id": str(person.id)}, "event_at": stamp(at)}
        if person.standing in _STANDINGS:
            yield Occurrence(at, person.id, {_STANDINGS[person.standing]: about})
        elif person.withheld:
            countries = {"withheld_in_countries": list(person.withheld)}
            yield Occurrence(at, person.id, {"user_withheld": about | countries})


def _like_events(community: Community) -> Iterator[Occurrence]:
    for number, (at, person, post) in enumerate(_likes(community)):
        if number % _UNLIKED == 0:
            like = {"id": str(post.id), "user_id": str(person.id)}
            event = {"delete": {"favorite": like, "event_at": stamp(at)}}
            yield Occurrence(at, post.id, event)


def _labels(community: Community) -> Iterator[Occurrence]:
    for post in community.listed:
        if post.sensitive and post.original is None:
            at = post.at + HOUR_MS
            notice = {"tweet": _post(post), "event_type": "sensitive", "event_at": stamp(at),
                      "application": "apply", "label_title": "May contain sensitive content"}
            yield Occurrence(at, post.id, {"public_tweet_notice": notice})


def _all_likes(community: Community) -> Iterator[Occurrence]:
    for at, person, post in _likes(community):
        key = hashlib.md5(f"{person.id} {post.id}".encode(), usedforsecurity=False)
        yield Occurrence(at, post.id + person.id, {
            "id": key.hexdigest(), "liked_tweet_id": str(post.id),
            "tweet_author_id": str(post.author.id), "created_at": exact_stamp(at),
            "timestamp_ms": at,
        })


def _some_likes(community: Community) -> Iterator[Occurrence]:
    for number, like in enumerate(_all_likes(community)):
        if number % _SAMPLED == 0:
            yield like


def _likes(community: Community) -> Iterator[tuple[int, Person, Post]]:
    """Yield likes with their times: one a minute after the post, the newest last."""
    for post in community.listed:
        for minutes, person in enumerate(reversed(community.likers.get(post.id, [])), start=1):
            yield post.at + minutes * HOUR_MS // 60, person, post


def _post(post: Post) -> dict[str, str]:
    return {"id": str(post.id), "author_id": str(post.author.id)}


_STREAMS: dict[str, Callable[[Community], Iterator[Occurrence]]] = {
    "streams.posts_compliance": _post_events, "streams.users_compliance": _user_events,
    "streams.likes_compliance": _like_events, "streams.labels": _labels,
    "streams.likes_sample10": _some_likes, "streams.likes_firehose": _all_likes,
}

"""The community's things as X writes them, every field, in tweet words; `reword` turns them into post words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.schema.words import RENAMES

from . import lexicon
from .asked import stamp
from .model import moment

if TYPE_CHECKING:
    from xframes.schema import Vocabulary

    from .model import Entities, Event, Media, Person, Place, Poll, Post, Space, UserList

Json = dict[str, Any]
EDIT_MS = 3_600_000
EDITS = 5
_IMAGES = "https://images.example"
_VIDEOS = "https://videos.example"
# What a short link of attached media adds to the text: not part of what is displayed.
_MEDIA_LINK = "media_key"


def post_json(post: Post) -> Json:
    """Return every field of a post but its measures, in tweet words; made once per post."""
    if post.wire is None:
        post.wire = _post(post)
    return post.wire


def _post(post: Post) -> Json:
    made: Json = {
        "id": str(post.id), "text": post.text, "edit_history_tweet_ids": [str(v) for v in post.versions],
        "author_id": str(post.author.id), "conversation_id": str(post.conversation_id),
        "created_at": stamp(post.at - post.at % 1000), "lang": post.lang, "possibly_sensitive": post.sensitive,
        "reply_settings": post.reply_settings, "edit_controls": _edit_controls(post),
        "display_text_range": _displayed(post),
        "paid_partnership": post.id % 97 == 0 if post.made is None else post.made.get("paid_partnership", False),
    }
    if post.entities:
        made["entities"] = post.entities
    if post.references:
        made["referenced_tweets"] = [{"type": kind, "id": str(id)} for kind, id in post.references]
    if post.reply_to is not None:
        made["in_reply_to_user_id"] = str(post.reply_to.id)
    if post.note is not None:
        made["note_tweet"] = {"text": post.note[0], **({"entities": post.note[1]} if post.note[1] else {})}
    if post.contexts:
        made["context_annotations"] = [
            {"domain": {"id": d, "name": name}, "entity": {"id": e, "name": what}} for d, name, e, what in post.contexts
        ]
    if post.community_id is not None:
        made["community_id"] = str(post.community_id)
    if post.withheld:
        made["withheld"] = {"copyright": False, "country_codes": list(post.withheld),
                            **({"scope": "tweet"} if post.id % 2 else {})}
    return made | _attached(post)


def _attached(post: Post) -> Json:
    made: Json = {}
    if post.media:
        made["attachments"] = {"media_keys": [each.key for each in post.media]}
        described = [{"media_key": each.key, "alt_text": each.alt} for each in post.media if each.alt]
        if described:
            made["media_metadata"] = described
    elif post.poll is not None:
        made["attachments"] = {"poll_ids": [str(post.poll.id)]}
        made["card_uri"] = f"card://{post.poll.id}"
    if "card_uri" in (post.made or {}):
        made["card_uri"] = (post.made or {})["card_uri"]
    geo: Json = {}
    if post.point is not None:
        geo["coordinates"] = {"type": "Point", "coordinates": list(post.point)}
    if post.place is not None:
        geo["place_id"] = post.place.id
    if geo:
        made["geo"] = geo
    return made


def _edit_controls(post: Post) -> Json:
    eligible = post.reply_to is None and post.original is None and post.poll is None
    until = moment(post.versions[0]) + EDIT_MS
    return {"edits_remaining": EDITS - len(post.versions) + 1, "is_edit_eligible": eligible,
            "editable_until": stamp(until - until % 1000)}


def _displayed(post: Post) -> list[int]:
    """The part of the text that is shown: without the mentions a reply opens with and the link of its media."""
    end = len(post.text)
    links = [each["start"] for each in post.entities.get("urls", ()) if _MEDIA_LINK in each]
    if links and post.original is None:
        end = len(post.text[: min(links)].rstrip())
    return [min(post.shown_from, end), end]


def person_json(person: Person) -> Json:
    """Return every field of an account but its measures, in tweet words."""
    made: Json = {
        "id": str(person.id), "name": person.name, "username": person.username,
        "created_at": stamp(person.at - person.at % 1000), "description": person.bio,
        "protected": person.standing == "protected", "url": person.link["url"] if person.link else "",
        "verified": person.verified != "none", "verified_type": person.verified, "parody": person.parody,
        "is_identity_verified": person.verified == "government", "subscription_type": "None",
        "profile_image_url": f"{_IMAGES}/profile/{person.id}_normal.jpg",
        "verified_followers_count": sum(each.verified != "none" for each in person.followers),
    }
    entities: dict[str, Any] = {}
    if person.link:
        entities["url"] = {"urls": [person.link]}
    if person.bio_entities:
        entities["description"] = person.bio_entities
    if entities:
        made["entities"] = entities
    if person.home is not None:
        made["location"] = person.home.full_name
    if person.pinned is not None:
        made["pinned_tweet_id"] = str(person.pinned)
    if person.latest is not None:
        made["most_recent_tweet_id"] = str(person.latest)
    if person.employer is not None:
        firm = person.employer
        made["affiliation"] = {"description": firm.name, "badge_url": f"{_IMAGES}/badge/{firm.id}.jpg",
                               "url": f"https://x.com/{firm.username}", "user_id": [str(firm.id)]}
    if person.withheld:
        made["withheld"] = {"country_codes": list(person.withheld), "scope": "user"}
    if person.id % 3:
        made["profile_banner_url"] = f"{_IMAGES}/banner/{person.id}"
    return made


def media_json(media: Media) -> Json:
    """Return every public field of a photo, video or GIF."""
    made: Json = {"media_key": media.key, "type": media.kind, "width": media.width, "height": media.height}
    if media.alt:
        made["alt_text"] = media.alt
    if media.kind == "photo":
        return made | {"url": f"{_IMAGES}/media/{media.id}.jpg"}
    made["preview_image_url"] = f"{_IMAGES}/preview/{media.id}.jpg"
    if media.kind == "animated_gif":
        return made | {"variants": [{"bit_rate": 0, "content_type": "video/mp4", "url": f"{_VIDEOS}/{media.id}.mp4"}]}
    variants = [{"bit_rate": rate, "content_type": "video/mp4", "url": f"{_VIDEOS}/{media.id}/{rate}.mp4"}
                for rate in (256_000, 832_000, 2_176_000)]
    variants.insert(1, {"content_type": "application/x-mpegURL", "url": f"{_VIDEOS}/{media.id}.m3u8"})
    return made | {"duration_ms": media.duration, "variants": variants, "public_metrics": {"view_count": media.views}}


def poll_json(poll: Poll, now: int) -> Json:
    """Return a poll as it stands at `now`."""
    return {
        "id": str(poll.id), "duration_minutes": poll.minutes, "end_datetime": stamp(poll.ends - poll.ends % 1000),
        "options": [{"position": n, "label": label, "votes": votes}
                    for n, (label, votes) in enumerate(zip(poll.labels, poll.votes, strict=True), 1)],
        "voting_status": "open" if poll.ends > now else "closed",
    }


def place_json(place: Place) -> Json:
    """Return a place; its box is [west, south, east, north]."""
    return {
        "id": place.id, "full_name": place.full_name, "name": place.name, "country": place.country,
        "country_code": place.code, "place_type": place.kind, "contained_within": list(place.within),
        "geo": {"type": "Feature", "bbox": list(place.bbox), "properties": {}},
    }


def list_json(each: UserList) -> Json:
    """Return a list of accounts."""
    return {
        "id": str(each.id), "name": each.name, "created_at": stamp(each.at - each.at % 1000),
        "description": each.description, "follower_count": len(each.followers), "member_count": len(each.members),
        "owner_id": str(each.owner.id), "private": each.private,
    }


def topic_json(number: int) -> Json:
    """Return the topic of a space."""
    about = lexicon.TOPICS[number]
    return {"id": about.entity_id, "name": about.word.capitalize(), "description": f"All about {about.word}"}


def space_json(space: Space) -> Json:
    """Return a space."""
    made: Json = {
        "id": space.id, "state": space.state, "title": space.title, "creator_id": str(space.creator.id),
        "created_at": stamp(space.at - space.at % 1000), "updated_at": stamp(space.at - space.at % 1000),
        "lang": space.lang, "host_ids": [str(p.id) for p in space.hosts],
        "speaker_ids": [str(p.id) for p in space.speakers],
        "invited_user_ids": [str(p.id) for p in space.invited], "is_ticketed": space.ticketed,
        "participant_count": space.participants, "subscriber_count": space.subscribers,
        "topics": [topic_json(space.topic)],
    }
    for name, at in (("started_at", space.started), ("ended_at", space.ended), ("scheduled_start", space.scheduled)):
        if at is not None:
            made[name] = stamp(at - at % 1000)
    return made


def event_json(event: Event) -> Json:
    """Return an event of a conversation."""
    made: Json = {
        "id": str(event.id), "event_type": event.kind, "created_at": stamp(event.at - event.at % 1000),
        "dm_conversation_id": event.conversation, "sender_id": str(event.sender.id),
    }
    if event.people:
        made["participant_ids"] = [str(p.id) for p in event.people]
    if event.kind == "MessageCreate":
        made["text"] = event.text
    if event.entities:
        made["entities"] = event.entities
    if event.media:
        made["attachments"] = {"media_keys": [each.key for each in event.media]}
    if event.posts:
        made["referenced_tweets"] = [{"id": str(id)} for id in event.posts]
    return made


def event_words(made: Json, words: Vocabulary) -> Json:
    """Return an event with its entities where its words have them: in tweet words beside the text, one by one."""
    entities: Entities = made.get("entities", {})
    if words == "tweet":
        made = {name: value for name, value in made.items() if name != "entities"} | _without_annotations(entities)
    return made


def reword(made: Json) -> Json:
    """Return an object in post words: names, counts and the values X renamed; annotations are gone there."""
    new = {RENAMES.get(name, name): value for name, value in made.items()}
    if isinstance(metrics := new.get("public_metrics"), dict):
        new["public_metrics"] = {_METRICS.get(name, name): value for name, value in metrics.items()}
    if "entities" in new:
        kept = _without_annotations(new["entities"])
        new = {**new, "entities": kept} if kept else {k: v for k, v in new.items() if k != "entities"}
    if new.get("withheld", {}).get("scope") == "tweet":
        new["withheld"] = {**new["withheld"], "scope": "post"}
    if "topics" in new:
        new["topic_ids"] = [topic["id"] for topic in new.pop("topics")]
    return new


_METRICS = {"retweet_count": "repost_count", "tweet_count": "post_count"}


def _without_annotations(entities: Entities) -> Entities:
    return {kind: items for kind, items in entities.items() if kind != "annotations"}

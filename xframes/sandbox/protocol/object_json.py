"""Write the community's objects as X does: all fields, in tweet words.

`reword` turns an object into post words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.world import lexicon
from xframes.sandbox.world.snowflakes import moment, stamp
from xframes.schema.words import RENAMES

if TYPE_CHECKING:
    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import (
        Entities,
        Event,
        Media,
        Person,
        Place,
        Poll,
        Post,
        Space,
        UserList,
    )
    from xframes.sandbox.world.news import Story
    from xframes.schema import Vocabulary

Json = dict[str, Any]
EDIT_MS = 3_600_000
EDITS = 5
_IMAGES = "https://images.example"
_VIDEOS = "https://videos.example"
# What a short link of attached media adds to the text: not part of what is displayed.
_MEDIA_LINK = "media_key"
_STORY_POSTS = 10  # posts a story shows
_STORY_KEYWORDS = 6


def post_json(post: Post) -> Json:
    """Return all fields of a post but its measures, in tweet words; computed once per post."""
    if post.wire is None:
        post.wire = _post(post)
    return post.wire


def _post(post: Post) -> Json:
    fields: Json = {
        "id": str(post.id),
        "text": post.text,
        "edit_history_tweet_ids": [str(version) for version in post.versions],
        "author_id": str(post.author.id),
        "conversation_id": str(post.conversation_id),
        "created_at": stamp(post.at - post.at % 1000),
        "lang": post.lang,
        "possibly_sensitive": post.sensitive,
        "reply_settings": post.reply_settings,
        "edit_controls": _edit_controls(post),
        "display_text_range": _displayed(post),
        "paid_partnership": _is_paid(post),
    }
    if post.entities:
        fields["entities"] = post.entities
    if post.references:
        fields["referenced_tweets"] = [
            {"type": kind, "id": str(id)} for kind, id in post.references
        ]
    if post.reply_to is not None:
        fields["in_reply_to_user_id"] = str(post.reply_to.id)
    if post.note is not None:
        text, entities = post.note
        fields["note_tweet"] = {"text": text}
        if entities:
            fields["note_tweet"]["entities"] = entities
    if post.contexts:
        fields["context_annotations"] = [
            {"domain": {"id": domain_id, "name": domain}, "entity": {"id": id, "name": name}}
            for domain_id, domain, id, name in post.contexts
        ]
    if post.community_id is not None:
        fields["community_id"] = str(post.community_id)
    if post.withheld:
        fields["withheld"] = {"copyright": False, "country_codes": list(post.withheld)}
        if post.id % 2:
            fields["withheld"]["scope"] = "tweet"
    return fields | _attached(post)


def _is_paid(post: Post) -> bool:
    if post.made is None:
        return post.id % 97 == 0
    paid: bool = post.made.get("paid_partnership", False)
    return paid


def _attached(post: Post) -> Json:
    fields: Json = {}
    if post.media:
        fields["attachments"] = {"media_keys": [each.key for each in post.media]}
        described = [
            {"media_key": each.key, "alt_text": each.alt} for each in post.media if each.alt
        ]
        if described:
            fields["media_metadata"] = described
    elif post.poll is not None:
        fields["attachments"] = {"poll_ids": [str(post.poll.id)]}
        fields["card_uri"] = f"card://{post.poll.id}"
    if post.made is not None and "card_uri" in post.made:
        fields["card_uri"] = post.made["card_uri"]
    geo: Json = {}
    if post.point is not None:
        geo["coordinates"] = {"type": "Point", "coordinates": list(post.point)}
    if post.place is not None:
        geo["place_id"] = post.place.id
    if geo:
        fields["geo"] = geo
    return fields


def _edit_controls(post: Post) -> Json:
    eligible = post.reply_to is None and post.original is None and post.poll is None
    until = moment(post.versions[0]) + EDIT_MS
    return {"edits_remaining": EDITS - len(post.versions) + 1, "is_edit_eligible": eligible,
            "editable_until": stamp(until - until % 1000)}


def _displayed(post: Post) -> list[int]:
    """Return the range of the text that is shown, without opening mentions and the media link."""
    end = len(post.text)
    links = [each["start"] for each in post.entities.get("urls", ()) if _MEDIA_LINK in each]
    if links and post.original is None:
        end = len(post.text[: min(links)].rstrip())
    return [min(post.shown_from, end), end]


def person_json(person: Person) -> Json:
    """Return all fields of an account but its measures, in tweet words."""
    fields: Json = {
        "id": str(person.id),
        "name": person.name,
        "username": person.username,
        "created_at": stamp(person.at - person.at % 1000),
        "description": person.bio,
        "protected": person.standing == "protected",
        "url": (person.link or {"url": ""})["url"],
        "verified": person.verified != "none",
        "verified_type": person.verified,
        "parody": person.parody,
        "is_identity_verified": person.verified == "government",
        "subscription_type": "None",
        "profile_image_url": f"{_IMAGES}/profile/{person.id}_normal.jpg",
        "verified_followers_count": sum(each.verified != "none" for each in person.followers),
    }
    entities: dict[str, Any] = {}
    if person.link:
        entities["url"] = {"urls": [person.link]}
    if person.bio_entities:
        entities["description"] = person.bio_entities
    if entities:
        fields["entities"] = entities
    if person.home is not None:
        fields["location"] = person.home.full_name
    if person.pinned is not None:
        fields["pinned_tweet_id"] = str(person.pinned)
    if person.latest is not None:
        fields["most_recent_tweet_id"] = str(person.latest)
    if person.employer is not None:
        firm = person.employer
        fields["affiliation"] = {
            "description": firm.name,
            "badge_url": f"{_IMAGES}/badge/{firm.id}.jpg",
            "url": f"https://x.com/{firm.username}",
            "user_id": [str(firm.id)],
        }
    if person.withheld:
        fields["withheld"] = {"country_codes": list(person.withheld), "scope": "user"}
    if person.id % 3:
        fields["profile_banner_url"] = f"{_IMAGES}/banner/{person.id}"
    return fields


def media_json(media: Media) -> Json:
    """Return all public fields of a photo, video or GIF."""
    fields: Json = {
        "media_key": media.key,
        "type": media.kind,
        "width": media.width,
        "height": media.height,
    }
    if media.alt:
        fields["alt_text"] = media.alt
    if media.kind == "photo":
        return fields | {"url": f"{_IMAGES}/media/{media.id}.jpg"}
    fields["preview_image_url"] = f"{_IMAGES}/preview/{media.id}.jpg"
    address = f"{_VIDEOS}/{media.id}"
    if media.kind == "animated_gif":
        fields["variants"] = [_variant(f"{address}.mp4", 0)]
        return fields
    variants = [_variant(f"{address}/{rate}.mp4", rate) for rate in (256_000, 832_000, 2_176_000)]
    variants.insert(1, {"content_type": "application/x-mpegURL", "url": f"{address}.m3u8"})
    return fields | {"duration_ms": media.duration, "variants": variants,
                   "public_metrics": {"view_count": media.views}}


def _variant(url: str, bit_rate: int) -> Json:
    return {"bit_rate": bit_rate, "content_type": "video/mp4", "url": url}


def poll_json(poll: Poll, now: int) -> Json:
    """Return a poll as it is at `now`."""
    options = enumerate(zip(poll.labels, poll.votes, strict=True), 1)
    return {
        "id": str(poll.id), "duration_minutes": poll.minutes,
        "end_datetime": stamp(poll.ends - poll.ends % 1000),
        "options": [{"position": position, "label": label, "votes": votes}
                    for position, (label, votes) in options],
        "voting_status": "open" if poll.ends > now else "closed",
    }


def place_json(place: Place) -> Json:
    """Return a place; its box is [west, south, east, north]."""
    return {
        "id": place.id,
        "full_name": place.full_name,
        "name": place.name,
        "country": place.country,
        "country_code": place.code,
        "place_type": place.kind,
        "contained_within": list(place.within),
        "geo": {"type": "Feature", "bbox": list(place.bbox), "properties": {}},
    }


def list_json(each: UserList) -> Json:
    """Return a list of accounts."""
    return {
        "id": str(each.id),
        "name": each.name,
        "created_at": stamp(each.at - each.at % 1000),
        "description": each.description,
        "follower_count": len(each.followers),
        "member_count": len(each.members),
        "owner_id": str(each.owner.id),
        "private": each.private,
    }


def topic_json(number: int) -> Json:
    """Return the topic of a space."""
    about = lexicon.TOPICS[number]
    return {"id": about.entity_id, "name": about.word.capitalize(),
            "description": f"All about {about.word}"}


def space_json(space: Space) -> Json:
    """Return a space."""
    fields: Json = {
        "id": space.id,
        "state": space.state,
        "title": space.title,
        "creator_id": str(space.creator.id),
        "created_at": stamp(space.at - space.at % 1000),
        "updated_at": stamp(space.at - space.at % 1000),
        "lang": space.lang,
        "host_ids": [str(p.id) for p in space.hosts],
        "speaker_ids": [str(p.id) for p in space.speakers],
        "invited_user_ids": [str(p.id) for p in space.invited],
        "is_ticketed": space.ticketed,
        "participant_count": space.participants,
        "subscriber_count": space.subscribers,
        "topics": [topic_json(space.topic)],
    }
    times = {"started_at": space.started, "ended_at": space.ended,
             "scheduled_start": space.scheduled}
    for name, at in times.items():
        if at is not None:
            fields[name] = stamp(at - at % 1000)
    return fields


def event_json(event: Event) -> Json:
    """Return an event of a conversation."""
    fields: Json = {
        "id": str(event.id),
        "event_type": event.kind,
        "created_at": stamp(event.at - event.at % 1000),
        "dm_conversation_id": event.conversation,
        "sender_id": str(event.sender.id),
    }
    if event.people:
        fields["participant_ids"] = [str(p.id) for p in event.people]
    if event.kind == "MessageCreate":
        fields["text"] = event.text
    if event.entities:
        fields["entities"] = event.entities
    if event.media:
        fields["attachments"] = {"media_keys": [each.key for each in event.media]}
    if event.posts:
        fields["referenced_tweets"] = [{"id": str(id)} for id in event.posts]
    return fields


def event_words(fields: Json, words: Vocabulary) -> Json:
    """Return an event in a vocabulary; tweet words have no `entities`, but each kind by itself."""
    if words == "post":
        return fields
    entities: Entities = fields.get("entities", {})
    rest = {name: value for name, value in fields.items() if name != "entities"}
    return rest | _without_annotations(entities)


def reword(fields: Json) -> Json:
    """Return an object in post words: renamed names, counts and values; without annotations."""
    new = {RENAMES.get(name, name): value for name, value in fields.items()}
    if isinstance(metrics := new.get("public_metrics"), dict):
        new["public_metrics"] = {_METRICS.get(name, name): value for name, value in metrics.items()}
    if "entities" in new:
        new["entities"] = _without_annotations(new["entities"])
        if not new["entities"]:
            del new["entities"]
    if new.get("withheld", {}).get("scope") == "tweet":
        new["withheld"] = {**new["withheld"], "scope": "post"}
    if "topics" in new:
        new["topic_ids"] = [topic["id"] for topic in new.pop("topics")]
    return new


_METRICS = {"retweet_count": "repost_count", "tweet_count": "post_count"}


_STORY_NAMES: dict[Vocabulary, tuple[str, str]] = {
    "tweet": ("rest_id", "last_updated_at_ms"), "post": ("id", "updated_at"),
}


def _without_annotations(entities: Entities) -> Entities:
    return {kind: items for kind, items in entities.items() if kind != "annotations"}


def community_json(community: Community, topic: int) -> Json:
    """Return X's community of a topic; all people interested in it are members."""
    about = lexicon.TOPICS[topic].word
    people = community.people.values()
    members = [person for person in people if topic in {person.topic, person.second}]
    first = min((person.at for person in members), default=community.now)
    return {
        "id": str(lexicon.community_id(topic)), "name": f"{about.capitalize()} people",
        "description": f"Everything about {about}, and nobody selling it",
        "created_at": stamp(first - first % 1000), "access": "Public",
        "join_policy": "Open", "member_count": len(members),
    }


def story_json(story: Story, words: Vocabulary) -> Json:
    """Return a story; the vocabularies differ in its id and its time."""
    about = lexicon.TOPICS[story.topic]
    writers = len({post.author.id for post in story.posts})
    loudest = sorted(story.posts, key=lambda post: (-post.likes, post.id))[:_STORY_POSTS]
    updated = stamp(story.updated - story.updated % 1000)
    id, at = _STORY_NAMES[words]
    keywords = [about.word]
    for post in story.posts:
        keywords += [each["tag"] for each in post.entities.get("hashtags", ())]
    keywords = list(dict.fromkeys(keywords))[:_STORY_KEYWORDS]
    named = keywords if words == "tweet" else {"words": keywords}
    return {
        id: str(story.id),
        "name": f"{about.word.capitalize()} keeps people talking",
        "hook": f"{len(story.posts)} posts in a day, and no end to {about.word} in sight",
        "summary": f"{writers} people wrote {len(story.posts)} posts about {about.word} "
        f"on {updated[:10]}.",
        "category": "Interests",
        "disclaimer": "This story was put together from posts. None of it happened.",
        "keywords": named,
        "contexts": {
            "topics": [about.word.capitalize()],
            "finance": {"tickers": list(about.cashtags)},
        },
        "cluster_posts_results": [{"post_id": str(post.id)} for post in loudest],
        at: updated,
    }

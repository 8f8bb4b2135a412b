"""Activity streams of Gnip (PowerTrack, Historical), and v2 compliance streams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import joined, read_record
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import (
    COUNT,
    ID,
    ID_IN_LINK,
    POINT_OF_LATITUDE,
    Reading,
    as_time,
    is_nothing,
)
from xframes.reader.formats.source_format import Format, Inner, Key, Shape, keys_for
from xframes.reader.formats.v11.entities_v11 import BOX, HASHTAGS, MEDIA, MENTIONS, SOURCES, URLS
from xframes.reader.formats.v11.status_shape import CODES, finish_edits
from xframes.schema.operation_tables import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Notes, Objects

_TAG = re.compile(r"(?:tag:search\.twitter\.com,\d+:|id:twitter\.com:|object:)?([0-9]{1,20})")


def _id_of_tag(value: Any) -> str | None:
    if isinstance(value, str):
        hit = _TAG.fullmatch(value.rpartition("/")[2] if "/" in value else value)
        if hit is None:
            hit = re.search(r"([0-9]{1,20})$", value)
        if hit is None:
            raise ValueError("expected an id after a colon")
        return hit[1]
    return ID(value)  # type: ignore[no-any-return]  # an id is a text or None


TAG = Reading("id in a tag", _id_of_tag, ("tag:search.twitter.com,2005:1410000000000000001",))

ACTOR = Shape(
    "user",
    keys=(
        Key("id", "users.id", TAG),
        *keys_for(
            "users",
            username="preferredUsername", name="displayName", created_at="postedTime",
            description="summary", location="location.displayName", verified="verified",
            profile_image_url="image", followers_count="followersCount",
            following_count="friendsCount", post_count="statusesCount",
            listed_count="listedCount", like_count="favoritesCount",
        ),
    ),
    left_out=("objectType", "link", "links", "utcOffset", "twitterTimeZone", "languages",
              "location.objectType", "favoritesCount", "protected"),
    used=("links",), finish=lambda fields, objects: _add_links(fields, objects.main),
)
def _add_links(fields: Mapping[str, Any], user: dict[str, Any]) -> None:
    """Add the link of a profile."""
    links = fields.get("links")
    found = [{"expanded_url": link["href"]} for link in links if isinstance(link, dict)
             and isinstance(link.get("href"), str)] if isinstance(links, list) else []
    if found:
        user["entities"] = {"url": {"urls": found}}


PLACE = Shape(
    "place",
    keys=(
        Key("link", "places.id", Reading("id of a place in a link", lambda value: str(value)
            .rpartition("/")[2].removesuffix(".json"),
            ("https://api.twitter.com/1.1/geo/id/01fbe706f872cb32.json",))),
        *keys_for(
            "places",
            full_name="displayName", name="name", place_type="twitter_place_type",
            country="country_code", country_code="twitter_country_code",
        ),
        Key("geo", "places.west", BOX),
    ),
    left_out=("objectType", "streetAddress", "geo*"),
    finish=lambda _, objects: objects.main.update(_box(objects.main)),
)


def _box(place: dict[str, Any]) -> dict[str, Any]:
    box = place.pop("geo", {}).get("bbox")
    return {"geo": {"type": "Feature", "bbox": box[0]}} if box else {}


def _prepare(fields: dict[str, Any]) -> dict[str, Any]:
    long = fields.get("long_object")
    if isinstance(long, dict):
        for name in ("body", "twitter_entities", "twitter_extended_entities",
                     "display_text_range"):
            if not is_nothing(long.get(name)):
                fields[name] = long[name]
    inner = fields.get("object")
    if fields.get("verb") == "share" and isinstance(inner, dict) and "actor" in inner:
        fields["_shared"] = inner
    media = None
    for name in ("twitter_extended_entities", "twitter_entities"):
        if media is None and isinstance(fields.get(name), dict):
            media = fields[name].get("media")
    if media:
        fields["_media"] = media
    _add_titles(fields)
    return fields


def _add_titles(fields: dict[str, Any]) -> None:
    """Add what Gnip found at the links."""
    gnip, entities = fields.get("gnip"), fields.get("twitter_entities")
    if not isinstance(gnip, dict) or not isinstance(entities, dict):
        return
    found, links = gnip.get("urls"), entities.get("urls")
    if not isinstance(found, list) or not isinstance(links, list):
        return
    more = {item["url"]: item for item in found
            if isinstance(item, dict) and isinstance(item.get("url"), str)}
    fields["twitter_entities"] = entities | {"urls": [_unwound(link, more) for link in links]}


def _unwound(link: Any, more: Mapping[str, Mapping[str, Any]]) -> Any:
    url = link.get("url") if isinstance(link, dict) else None
    if not isinstance(url, str) or url not in more or "unwound" in link:
        return link
    names = {"url": "expanded_url", "status": "expanded_status", "title": "expanded_url_title",
             "description": "expanded_url_description"}
    return link | {"unwound": {own: more[url].get(name) for own, name in names.items()}}


def _finish(fields: Mapping[str, Any], objects: Objects) -> None:
    shown = fields.get("display_text_range")
    if isinstance(shown, list) and len(shown) == 2:
        objects.main["display_text_range"] = [COUNT(index) for index in shown]
    finish_edits(fields, objects.main)


ACTIVITY: Shape = Shape(
    "post",
    keys=(
        Key("id", "posts.id", TAG),
        *keys_for(
            "posts",
            text="body", created_at="postedTime", lang="twitter_lang",
            source="generator.displayName", like_count="favoritesCount",
            repost_count="retweetCount", quote_count="quoteCount", reply_count="replyCount",
            possibly_sensitive="possibly_sensitive",
        ),
        Key("inReplyTo.link", "posts.id", ID_IN_LINK, of="replied_to"),
        Key("geo", "posts.coordinates_type", Reading("point, latitude first",
            lambda value: POINT_OF_LATITUDE(value.get("coordinates")),
            ({"type": "Point", "coordinates": [51.5, -0.12]},))),
        Key("twitter_entities.hashtags", "post_hashtags", HASHTAGS),
        Key("twitter_entities.symbols", "post_cashtags", HASHTAGS),
        Key("twitter_entities.user_mentions", "post_mentions", MENTIONS),
        Key("twitter_entities.urls", "post_urls", URLS),
        Key("twitter_entities.media", "post_urls", URLS),
        Key("_media", "media", MEDIA), Key("_media", "posts.media_source_post_ids", SOURCES),
        Key("twitter_withheld.country_codes|withheld_in_countries",
            "posts.withheld_country_codes", CODES),
    ),
    inner=(
        Inner("actor", lambda: ACTOR, "author"), Inner("_shared", lambda: ACTIVITY, "retweeted"),
        Inner("twitter_quoted_status", lambda: ACTIVITY, "quoted"),
        Inner("location", lambda: PLACE, "place"),
    ),
    used=("verb", "objectType", "object", "long_object", "twitter_extended_entities",
          "gnip", "_media", "display_text_range", "timestampMs", "edit_history",
          "edit_controls"),
    left_out=("link", "provider", "provider.*", "generator.link", "twitter_filter_level",
              "twitterTimeZone", "object.*", "gnip.*", "inReplyTo.*", "long_object.*",
              "twitter_entities.*", "editable", "twitter_withheld.*"),
    samples={"objectType": "activity", "verb": "post"}, prepare=_prepare, finish=_finish,
)


def _activities(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    page = joined([read_record(ACTIVITY, document, notes)], "post", notes)
    gnip = document.get("gnip")
    rules = gnip.get("matching_rules") if isinstance(gnip, dict) else None
    if isinstance(rules, list):
        page["matching_rules"] = [
            {"id": str(rule["id"]), "tag": rule.get("tag") or rule.get("value")}
            for rule in rules if isinstance(rule, dict) and not is_nothing(rule.get("id"))
        ]
    at = document.get("timestampMs")
    try:
        observed = None if is_nothing(at) else as_time(at)
    except (ValueError, TypeError, OverflowError):
        observed = None
    return [Converted(page, "post", observed_at=observed)]


def _deletion(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    del notes
    event = {"tweet": {"id": TAG(document["object"]["id"])}}
    return [Converted({"data": [{"delete": event}]}, "compliance_event")]


def _is_deletion(document: Mapping[str, Any]) -> bool:
    inner = document.get("object")
    return (document.get("verb") == "delete" and isinstance(inner, dict)
            and not is_nothing(inner.get("id")))


def _is_activity(document: Mapping[str, Any]) -> bool:
    return (document.get("objectType") == "activity" and "actor" in document
            and "body" in document)


def _results(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    pages: list[Converted] = []
    for item in document["results"]:
        if isinstance(item, dict) and _is_activity(item):
            pages += _activities(item, notes)
        else:
            notes.add_record("an item without an activity")
    return pages


def _has_activities(document: Mapping[str, Any]) -> bool:
    results = document.get("results")
    return (isinstance(results, list) and bool(results) and isinstance(results[0], dict)
            and _is_activity(results[0]))


# compliance of v2 ---------------------------------------------------------------------------------

_SUBJECTS = {"tweet", "user", "favorite", "event_at", "initial_tweet_id"}


def _compliance(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Return the page of an event as X sends it; the rows of `removals` follow from it."""
    name, event = next(iter(document["data"].items()))
    if name not in EVENTS:
        notes.refuse(f"compliance-{name}",
                     f"events of compliance streams ({name}) are not read; no table holds them")
        return []
    at = event.get("event_at")
    try:
        observed = None if is_nothing(at) else as_time(at)
    except (ValueError, TypeError, OverflowError):
        observed = None  # the value is noted when the page is flattened
    return [Converted({"data": [{name: event}]}, "compliance_event", observed_at=observed)]


def _is_compliance(document: Mapping[str, Any]) -> bool:
    data = document.get("data")
    if not isinstance(data, dict) or document.keys() != {"data"} or len(data) != 1:
        return False
    event = next(iter(data.values()))
    return isinstance(event, dict) and bool(_SUBJECTS & event.keys())


_TOOL = "Gnip and PowerTrack (activity streams)"
FORMATS = (
    Format("activity", _TOOL, "streams", "json", ACTIVITY, fits=_is_activity,
           convert=_activities, cannot_say="bookmarks and impressions"),
    Format("activity-deletion", _TOOL, "streams", "json", fits=_is_deletion, convert=_deletion,
           tables=("removals", "compliance_events")),
    Format("activity-answer", _TOOL, "streams", "json", ACTIVITY, fits=_has_activities,
           convert=_results),
    Format("gnip-notice", "notices of Gnip's streams", "streams", "json",
           certain=(("info.message",), ("info.sent",)), way_out="no table holds them"),
    Format("compliance-stream", "compliance streams of the API v2", "streams", "json",
           fits=_is_compliance, convert=_compliance, tables=("removals", "compliance_events")),
)

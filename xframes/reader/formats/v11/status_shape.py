"""Posts, users, places and lists of the API v1.1: their keys, and the columns that they fill."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.readings import (
    COUNT,
    FLAG,
    HANDLE,
    ID,
    ID_IN_LINK,
    IDS,
    POINT,
    TIME,
    Reading,
    is_nothing,
)
from xframes.reader.formats.source_format import Inner, Key, Shape, keys_for
from xframes.reader.formats.v11.entities_v11 import (
    BOX,
    HASHTAGS,
    MEDIA,
    MENTIONS,
    SOURCES,
    URLS,
    hashtags,
    links,
    mentions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Objects


def _codes(value: Any) -> list[str]:
    if isinstance(value, str):
        return [code for code in value.replace(",", " ").split() if code]
    if isinstance(value, list) and all(isinstance(code, str) for code in value):
        return list(value)
    raise ValueError("expected a list of codes")


def _is_private(value: Any) -> bool:
    if value not in {"private", "public"}:
        raise ValueError("expected private or public")
    return bool(value == "private")


def _verified_type(value: Any) -> str | None:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value.lower()


_POLICIES = {"community": "following", "byinvitation": "mentionedUsers",
             "subscribers": "subscribers", "verified": "verified"}


def _reply_settings(value: Any) -> str:
    policy = str(value).replace("_", "").lower()
    if policy not in _POLICIES:
        raise ValueError(f"expected one of {', '.join(_POLICIES)}")
    return _POLICIES[policy]


REPLIERS = Reading("who may reply", _reply_settings, ("Community", "by_invitation"))
FIRST_ID = Reading("first id", lambda value: ID(value[0]), (["1410000000000000003"],))
VERIFIED_TYPE = Reading("kind of a verified account", _verified_type, ("Business", "blue"))
CODES = Reading("codes of countries", _codes, (["DE", "FR"],))
PRIVATE = Reading("private or public", _is_private, ("private", "public"))

PLACE = Shape(
    "place",
    keys=(
        *keys_for(
            "places",
            id="id", full_name="full_name", name="name", place_type="place_type",
            country="country", country_code="country_code",
        ), Key("bounding_box", "places.west", BOX),
        Key("contained_within", "places.contained_within", IDS),
    ),
    left_out=("url", "attributes", "attributes.*", "polylines", "centroid", "geometry*"),
    finish=lambda _, objects: _box(objects),
)


def _box(objects: Objects) -> None:
    box = objects.main.get("geo", {}).get("bbox")
    if box:
        objects.main["geo"] = {"type": "Feature", "bbox": box[0]}


def finish_user(fields: Mapping[str, Any], objects: Objects) -> None:
    """Read the entities of a profile."""
    entities = fields.get("entities")
    if not isinstance(entities, dict):
        return
    own: dict[str, Any] = {}
    for place in ("url", "description"):
        part = entities.get(place)
        if not isinstance(part, dict):
            continue
        for name, wire, read in (
            ("urls", "urls", links), ("hashtags", "hashtags", hashtags),
            ("symbols", "cashtags", hashtags), ("user_mentions", "mentions", mentions),
        ):
            if not is_nothing(part.get(name)):
                own.setdefault(place, {})[wire] = read(part[name])
    if own:
        objects.main["entities"] = own


USER = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            id="id_str|id", username="screen_name", name="name", created_at="created_at",
            description="description", location="location", url="url", protected="protected",
            verified="verified|is_blue_verified|ext_is_blue_verified",
        ),
        Key("verified_type", "users.verified_type", VERIFIED_TYPE),
        *keys_for(
            "users",
            profile_image_url="profile_image_url_https|profile_image_url",
            profile_banner_url="profile_banner_url", followers_count="followers_count",
            following_count="friends_count", post_count="statuses_count",
            listed_count="listed_count", like_count="favourites_count",
            media_count="media_count",
        ),
        Key("withheld_in_countries", "users.withheld_country_codes", CODES),
        Key("withheld_scope", "users.withheld_scope"),
        Key("pinned_tweet_ids_str", "users.pinned_post_id", FIRST_ID),
    ),
    inner=(Inner("status", lambda: STATUS, "latest"),),
    used=("entities",),
    left_out=(
        "_*", "utc_offset", "time_zone", "lang", "geo_enabled", "contributors_enabled",
        "is_translator", "is_translation_enabled", "profile_background_*", "profile_link_color",
        "profile_sidebar_*", "profile_text_color", "profile_use_background_image",
        "profile_image_extensions*", "profile_banner_extensions*", "default_profile*",
        "following", "followed_by", "follow_request_sent", "notifications", "muting", "blocking",
        "blocked_by", "live_following", "can_*", "want_retweets", "translator_type*",
        "has_extended_profile", "has_custom_timelines", "fast_followers_count", "id", "id_str",
        "normal_followers_count", "pinned_tweet_ids", "advertiser_account_*", "profile_location",
        "profile_location.*", "derived", "derived.*", "suspended", "needs_phone_verification",
        "require_some_consent", "business_profile_state", "nofollow", "profile_interstitial_type",
        "url_https", "profile_image_url", "ext", "ext.*", "permissions", "permissions.*",
        "possibly_sensitive", "show_all_inline_media", "email", "phone", "followed", "blocked",
        "verified", "*verified_reason", "highlighted_label*", "is_profile_translatable",
    ),
    finish=finish_user,
)


_CARD = re.compile(r"card://([0-9]{1,20})")
_MOST_OPTIONS = 4  # of a poll
_ENTITIES = ("hashtags", "symbols", "user_mentions", "urls")


def _prepare_status(fields: dict[str, Any]) -> dict[str, Any]:
    extended = fields.get("extended_tweet")
    if isinstance(extended, dict):
        for name in ("full_text", "entities", "extended_entities", "display_text_range"):
            if not is_nothing(extended.get(name)):
                fields[name] = extended[name]
    geo = fields.get("geo")
    if is_nothing(fields.get("coordinates")) and isinstance(geo, dict):
        point = geo.get("coordinates")
        if isinstance(point, list) and len(point) == 2 and geo.get("type", "Point") == "Point":
            fields["coordinates"] = {"type": "Point", "coordinates": point[::-1]}
    for name in ("entities", "extended_entities"):
        if isinstance(fields.get(name), list):  # PHP writes an empty object as a list
            del fields[name]
    flat = {name: fields[name] for name in _ENTITIES if isinstance(fields.get(name), list)}
    if flat and "entities" not in fields:  # as scrapers write them
        fields["entities"] = {
            name: [{"text": item} if isinstance(item, str) else item for item in found]
            for name, found in flat.items()
        }
    media = _media_of(fields, "extended_entities") or _media_of(fields, "entities")
    if media:
        fields["_media"] = media
    return fields


def _media_of(fields: dict[str, Any], name: str) -> Any:
    entities = fields.get(name)
    if isinstance(entities, dict):
        return entities.get("media")
    return None


def _finish_status(fields: Mapping[str, Any], objects: Objects) -> None:
    shown = fields.get("display_text_range")
    if isinstance(shown, list) and len(shown) == 2:
        objects.main["display_text_range"] = [COUNT(index) for index in shown]
    note = fields.get("note_tweet")
    if isinstance(note, dict) and isinstance(note.get("text"), str):
        objects.main["note_tweet"] = note
    _add_poll(fields.get("card"), objects)
    finish_edits(fields, objects.main)
    for kind in ("retweeted", "quoted"):
        part = objects.parts.get(kind)
        if part and "id" not in part:
            del objects.parts[kind]


def _add_poll(card: Any, objects: Objects) -> None:
    """Add the poll of a card, as X's website and the API for X's own apps have it."""
    own = card.get("legacy", card) if isinstance(card, dict) else None
    hit = _CARD.fullmatch(str(own.get("url"))) if isinstance(own, dict) else None
    if own is None or hit is None or not str(own.get("name")).startswith("poll"):
        return
    values = own.get("binding_values")
    if isinstance(values, list):
        values = {one.get("key"): one.get("value") for one in values if isinstance(one, dict)}
    said = {name: _bound(value) for name, value in values.items()} if values else {}
    options = []
    for place in range(1, _MOST_OPTIONS + 1):
        label, votes = said.get(f"choice{place}_label"), said.get(f"choice{place}_count")
        if label is not None:
            options.append({"position": place, "label": str(label)})
            if not is_nothing(votes):
                options[-1]["votes"] = COUNT(votes)
    poll: dict[str, Any] = {"id": hit[1], "options": options}
    for name, old, read in (("duration_minutes", "duration_minutes", COUNT),
                            ("end_datetime", "end_datetime_utc", TIME)):
        if not is_nothing(said.get(old)):
            poll[name] = read(said[old])
    if "counts_are_final" in said:
        is_final = str(said["counts_are_final"]).lower() == "true"
        poll["voting_status"] = "closed" if is_final else "open"
    objects.main.setdefault("attachments", {})["poll_ids"] = [hit[1]]
    objects.include("poll", poll)


def _bound(value: Any) -> Any:
    """Return the value of a card's field, which names its type."""
    if not isinstance(value, dict):
        return value
    return next((one for name, one in value.items() if name.endswith("_value")), None)


def finish_edits(fields: Mapping[str, Any], post: dict[str, Any]) -> None:
    """Read the edits of a post, which exports and X's pages have under several names."""
    info = fields.get("edit_info")
    control: Any = fields.get("edit_control") or fields.get("edit_controls")
    if isinstance(info, dict):
        edit = info.get("edit")
        control = info.get("initial")
        if isinstance(edit, dict):
            control = edit.get("editControlInitial") or edit
    if isinstance(control, dict) and isinstance(control.get("edit_control_initial"), dict):
        control = control["edit_control_initial"]
    history = fields.get("edit_history")
    ids = _first(history, "edit_tweet_ids", "editTweetIds")
    ids = ids or _first(control, "editTweetIds", "edit_tweet_ids")
    if isinstance(ids, list) and ids:
        post["edit_history_tweet_ids"] = [ID(id_) for id_ in ids]
    own = {
        "editable_until": _first(control, "editableUntil", "editable_until_msecs",
                                 "editable_until_ms", "editable_until"),
        "edits_remaining": _first(control, "editsRemaining", "edits_remaining"),
        "is_edit_eligible": _first(control, "isEditEligible", "is_edit_eligible"),
    }
    reads = {"editable_until": TIME, "edits_remaining": COUNT, "is_edit_eligible": FLAG}
    found = {name: reads[name](value) for name, value in own.items() if not is_nothing(value)}
    if found:
        post["edit_controls"] = found


def _first(item: Any, *names: str) -> Any:
    if not isinstance(item, dict):
        return None
    return next((item[name] for name in names if not is_nothing(item.get(name))), None)


STATUS: Shape = Shape(
    "post",
    keys=(
        *keys_for(
            "posts",
            id="id_str|id", text="full_text|text", created_at="created_at", lang="lang",
            source="source", possibly_sensitive="possibly_sensitive",
            conversation_id="conversation_id_str|conversation_id",
            in_reply_to_user_id="in_reply_to_user_id_str|in_reply_to_user_id",
            like_count="favorite_count|like_count", repost_count="retweet_count",
            reply_count="reply_count", quote_count="quote_count",
            bookmark_count="bookmark_count", impression_count="view_count",
        ),
        Key("conversation_control.policy", "posts.reply_settings", REPLIERS),
        Key("scopes.followers", "posts.followers_only", FLAG),
        Key("withheld_copyright", "posts.withheld_copyright", FLAG),
        Key("withheld_in_countries", "posts.withheld_country_codes", CODES),
        Key("withheld_scope", "posts.withheld_scope"),
        Key("community_id_str|community_id|community.id_str|community.id", "posts.community_id",
            ID),
        Key("card_uri|card.url|card.legacy.url", "posts.card_uri"),
        Key("coordinates", "posts.coordinates_type", POINT),
        Key("user_id_str|user_id|userId", "posts.author_id", ID),
        Key("screen_name|user_screen_name|username|from_user", "users.username", HANDLE),
        Key("entities.hashtags", "post_hashtags", HASHTAGS),
        Key("entities.symbols", "post_cashtags", HASHTAGS),
        Key("entities.user_mentions", "post_mentions", MENTIONS),
        Key("entities.urls", "post_urls", URLS),
        Key("entities.media", "post_urls", URLS),
        Key("_media", "media", MEDIA),
        Key("_media", "posts.media_source_post_ids", SOURCES),
        Key("quoted_status_id_str|quoted_status_id", "posts.id", ID, of="quoted"),
        Key("in_reply_to_status_id_str|in_reply_to_status_id", "posts.id", ID, of="replied_to"),
        Key("retweeted_status_id_str|retweeted_status_id", "posts.id", ID, of="retweeted"),
        Key("replying_to_tweet", "posts.id", ID_IN_LINK, of="replied_to"),
    ),
    inner=(
        Inner("user", lambda: USER, "author"),
        Inner("retweeted_status", lambda: STATUS, "retweeted"),
        Inner("quoted_status", lambda: STATUS, "quoted"),
        Inner("place", lambda: PLACE, "place"),
    ),
    used=(
        "extended_tweet", "extended_entities", "geo", "display_text_range", "note_tweet",
        "edit_info", "edit_control", "edit_controls", "edit_history", "matching_rules",
        "timestamp_ms", "truncated", "_media", "text", "id", "id_str", "deleted_at",
        "in_reply_to_user_id", "in_reply_to_status_id", "quoted_status_id", "conversation_id",
        "user_id", "user_id_str", *_ENTITIES,
    ),
    left_out=(
        "_*", "contributors", "favorited", "retweeted", "is_quote_status", "filter_level",
        "metadata", "metadata.*", "in_reply_to_screen_name", "contributorsIDs",
        "quoted_status_permalink", "quoted_status_permalink.*", "current_user_retweet",
        "possibly_sensitive_appealable", "possibly_sensitive_editable", "supplemental_language",
        "conversation_control", "conversation_control.*",
        "card", "card.*", "self_thread", "self_thread.*", "quoted_status_result*", "bookmarked",
        "retweeted_status_result*", "ext*", "entities.polls", "entities.timestamps", "community",
        "community.*", "scopes.*", "scopes", "editable", "withheld*", "annotations", "rate_limit*",
        "conversation_muted", "voice_info*", "previous_counts*", "display_text_width",
        "translatable", "entities", "in_reply_to_*", "coordinates",
        "quote_status", "query", "limited_actions", "contributors_str", "is_quote_tweet",
        "is_retweet", "is_pinned", "is_truncated", "startUrl",
    ),
    prepare=_prepare_status,
    finish=_finish_status,
)

LIST = Shape(
    "list",
    keys=(
        Key("id_str|id", "lists.id", ID),
        *keys_for("lists", name="name", description="description", created_at="created_at"),
        Key("mode", "lists.private", PRIVATE), Key("member_count", "lists.member_count", COUNT),
        Key("subscriber_count", "lists.follower_count", COUNT),
    ),
    inner=(Inner("user", lambda: USER, "owner"),),
    left_out=("uri", "slug", "full_name", "following", "id", "id_str"),
)

"""Tables of R packages (rtweet, academictwitteR), TAGS, tweet-harvest, information operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.flat.twarc_tables import COUNTS, REPLY
from xframes.reader.formats.readings import (
    ANY_ID,
    APP,
    COUNT,
    FLAG,
    HANDLE,
    HANDLES,
    ID,
    ID_AFTER_X,
    JSON,
    LINKS,
    NUMBER,
    POINT,
    POINT_OF_LATITUDE,
    TAGS,
    TIME,
    Reading,
    is_nothing,
)
from xframes.reader.formats.source_format import Format, Key, Shape
from xframes.reader.formats.v11.entities_v11 import HASHTAGS, MENTIONS, URLS, hashtags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Objects

def _without_na(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the cells that R writes for nothing."""
    return {name: cell for name, cell in fields.items() if cell not in {"NA", "NaN"}}


RTWEET = Format(
    "rtweet-csv", "rtweet (write_as_csv, save_as_csv)", "flat", "table",
    Shape(
        "post",
        keys=(
            Key("status_id", "posts.id", ID_AFTER_X), Key("text", "posts.text"),
            Key("created_at", "posts.created_at", TIME), Key("lang", "posts.lang"),
            Key("source", "posts.source", APP),
            Key("favorite_count", "posts.like_count", COUNT),
            Key("retweet_count", "posts.repost_count", COUNT),
            Key("quote_count", "posts.quote_count", COUNT),
            Key("reply_count", "posts.reply_count", COUNT),
            Key("reply_to_status_id", "posts.id", ID_AFTER_X, of="replied_to"),
            Key("reply_to_user_id", "posts.in_reply_to_user_id", ID_AFTER_X),
            Key("reply_to_user_id", "post_mentions.user_id", ID_AFTER_X, item="reply"),
            Key("reply_to_screen_name", "post_mentions.username", HANDLE, item="reply"),
            *(
                Key(f"{prefix}_{name}", to, read, of=of + (".author" if "users." in to else ""))
                for prefix, of in (("quoted", "quoted"), ("retweet", "retweeted"))
                for name, to, read in (
                    ("status_id", "posts.id", ID_AFTER_X), ("text", "posts.text", JSON),
                    ("created_at", "posts.created_at", TIME), ("source", "posts.source", APP),
                    ("favorite_count", "posts.like_count", COUNT),
                    ("retweet_count", "posts.repost_count", COUNT),
                    ("user_id", "posts.author_id", ID_AFTER_X),
                    ("screen_name", "users.username", HANDLE), ("name", "users.name", JSON),
                    ("followers_count", "users.followers_count", COUNT),
                    ("friends_count", "users.following_count", COUNT),
                    ("statuses_count", "users.post_count", COUNT),
                    ("location", "users.location", JSON),
                    ("description", "users.description", JSON),
                    ("verified", "users.verified", FLAG),
                )
            ),
            Key("hashtags", "post_hashtags.tag", TAGS), Key("symbols", "post_cashtags.tag", TAGS),
            Key("urls_expanded_url", "post_urls.expanded_url", LINKS),
            Key("mentions_screen_name", "post_mentions.username", HANDLES),
            Key("coords_coords", "posts.coordinates_type", POINT),
            Key("user_id", "posts.author_id", ID_AFTER_X),
            Key("screen_name", "users.username", HANDLE), Key("name", "users.name"),
            Key("location", "users.location"), Key("description", "users.description"),
            Key("url", "users.url"), Key("protected", "users.protected", FLAG),
            Key("followers_count", "users.followers_count", COUNT),
            Key("friends_count", "users.following_count", COUNT),
            Key("listed_count", "users.listed_count", COUNT),
            Key("statuses_count", "users.post_count", COUNT),
            Key("favourites_count", "users.like_count", COUNT),
            Key("account_created_at", "users.created_at", TIME),
            Key("verified", "users.verified", FLAG),
            Key("profile_banner_url", "users.profile_banner_url"),
            Key("profile_image_url", "users.profile_image_url"),
        ),
        left_out=("display_text_width", "is_quote", "is_retweet", "urls_url", "urls_t.co",
                  "media_*", "ext_media_*", "mentions_user_id", "place_*", "country",
                  "country_code", "geo_coords", "coords_coords", "bbox_coords", "status_url",
                  "profile_url", "profile_expanded_url", "account_lang", "profile_background_url"),
        prepare=_without_na,
    ),
    certain=(("user_id", "status_id", "created_at", "screen_name", "text"),
             ("status_id", "created_at", "text", "is_retweet")),
    cannot_say="ids of media and places; positions of tags and links",
)

_SOURCE_TYPES = {"retweeted": "retweeted", "quoted": "quoted", "replied_to": "replied_to"}


def _prepare_tidy(fields: dict[str, Any]) -> dict[str, Any]:
    fields = _without_na(fields)
    kind = _SOURCE_TYPES.get(str(fields.get("sourcetweet_type")))
    for name in ("id", "text", "lang", "author_id"):
        value = fields.get(f"sourcetweet_{name}")
        if kind and not is_nothing(value):
            fields[f"{kind}.{name}"] = value
    return fields


ACADEMIC = Format(
    "academictwitter-csv", "academictwitteR (tidy)", "flat", "table",
    Shape(
        "post",
        keys=(
            Key("tweet_id", "posts.id", ID), Key("text", "posts.text"),
            Key("created_at", "posts.created_at", TIME), Key("lang", "posts.lang"),
            Key("source", "posts.source", APP), Key("author_id", "posts.author_id", ID),
            Key("conversation_id", "posts.conversation_id", ID),
            Key("in_reply_to_user_id", "posts.in_reply_to_user_id", ID),
            Key("possibly_sensitive", "posts.possibly_sensitive", FLAG),
            Key("like_count", "posts.like_count", COUNT),
            Key("retweet_count", "posts.repost_count", COUNT),
            Key("quote_count", "posts.quote_count", COUNT),
            Key("reply_count", "posts.reply_count", COUNT),
            Key("impression_count", "posts.impression_count", COUNT),
            Key("user_username", "users.username", HANDLE), Key("user_name", "users.name"),
            Key("user_created_at", "users.created_at", TIME),
            Key("user_verified", "users.verified", FLAG),
            Key("user_description", "users.description"),
            Key("user_protected", "users.protected", FLAG),
            Key("user_pinned_tweet_id", "users.pinned_post_id", ID),
            Key("user_profile_image_url", "users.profile_image_url"),
            Key("user_url", "users.url"), Key("user_location", "users.location"),
            Key("user_tweet_count", "users.post_count", COUNT),
            Key("user_list_count", "users.listed_count", COUNT),
            Key("user_followers_count", "users.followers_count", COUNT),
            Key("user_following_count", "users.following_count", COUNT),
            *(
                Key(f"{of}.{name}", f"posts.{name}", read, of=of)
                for of in _SOURCE_TYPES
                for name, read in (("id", ID), ("text", JSON), ("lang", JSON), ("author_id", ID))
            ),
        ),
        used=tuple(f"sourcetweet_{name}" for name in ("type", "id", "text", "lang", "author_id")),
        prepare=_prepare_tidy,
    ),
    certain=(("tweet_id", "user_username", "sourcetweet_type"),
             ("tweet_id", "user_username", "text", "author_id")),
    cannot_say="entities, media and places",
)


def _entities(value: Any) -> list[dict[str, Any]]:
    value = JSON(value)
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return hashtags(value.get("hashtags") or [])


def _finish_tags(fields: Mapping[str, Any], objects: Objects) -> None:
    entities = fields.get("entities_str")
    if not is_nothing(entities):
        entities = JSON(entities)
    if not isinstance(entities, dict):
        return
    for name, wire, read in (
        ("symbols", "cashtags", HASHTAGS), ("user_mentions", "mentions", MENTIONS),
        ("urls", "urls", URLS),
    ):
        if not is_nothing(entities.get(name)):
            objects.main.setdefault("entities", {})[wire] = read(entities[name])


TAGS_SHEET = Format(
    "tags-csv", "TAGS (Google Sheets)", "flat", "table",
    Shape(
        "post",
        keys=(
            Key("id_str", "posts.id", ID), Key("text", "posts.text"),
            Key("created_at", "posts.created_at", TIME), Key("source", "posts.source", APP),
            Key("lang", "posts.lang"), *COUNTS, *REPLY,
            Key("geo_coordinates", "posts.coordinates_type",
                Reading("point, latitude first", lambda v: POINT_OF_LATITUDE(
                    v.removeprefix("loc: ") if isinstance(v, str) else v), ("51.5,-0.12",))),
            Key("entities_str", "post_hashtags", Reading(
                "entities of the API v1.1", _entities,
                ('{"hashtags": [{"text": "rain", "indices": [0, 5]}]}',))),
            Key("from_user_id_str|from_user_id", "posts.author_id", ID),
            Key("from_user", "users.username", HANDLE),
            Key("profile_image_url", "users.profile_image_url"),
            Key("user_followers_count", "users.followers_count", COUNT),
            Key("user_friends_count", "users.following_count", COUNT),
            Key("user_location", "users.location"),
        ),
        left_out=("time", "user_lang", "status_url", "to_user*", "iso_language_code",
                  "user_utc_offset", "user_time_zone"),
        finish=_finish_tags,
    ),
    certain=(("id_str", "from_user", "text"),),
    cannot_say="references, media and places",
)

HARVEST = Format(
    "tweet-harvest-csv", "tweet-harvest", "flat", "table",
    Shape(
        "post",
        keys=(
            Key("id_str", "posts.id", ID), Key("full_text|text", "posts.text"),
            Key("conversation_id_str|conversation_id", "posts.conversation_id", ID),
            Key("created_at", "posts.created_at", TIME), Key("lang", "posts.lang"),
            *COUNTS, *REPLY,
            Key("user_id_str|user_id", "posts.author_id", ID),
            Key("username", "users.username", HANDLE), Key("location", "users.location"),
            Key("user_location", "users.location"),
        ),
        left_out=("image_url", "tweet_url", "full_text"),
    ),
    certain=(("id_str", "full_text", "user_id_str", "conversation_id_str"),
             ("id_str", "full_text", "user_id_str")),
    cannot_say="entities, references but replies, media and places",
)

def _scrambled(value: Any) -> list[str]:
    text = str(value).strip("[] ")
    return [part.strip(" '\"") for part in text.split(",") if part.strip(" '\"")]


_OPERATIONS = Shape(
    "post",
    keys=(
        Key("tweetid", "posts.id", ID), Key("tweet_text", "posts.text"),
        Key("tweet_time", "posts.created_at", TIME), Key("tweet_language", "posts.lang"),
        Key("tweet_client_name", "posts.source", APP),
        Key("quote_count", "posts.quote_count", COUNT),
        Key("reply_count", "posts.reply_count", COUNT),
        Key("like_count", "posts.like_count", COUNT),
        Key("retweet_count", "posts.repost_count", COUNT),
        Key("in_reply_to_userid", "posts.in_reply_to_user_id", ANY_ID),
        Key("in_reply_to_tweetid", "posts.id", ID, of="replied_to"),
        Key("quoted_tweet_tweetid", "posts.id", ID, of="quoted"),
        Key("retweet_tweetid", "posts.id", ID, of="retweeted"),
        Key("latitude", "posts.latitude", NUMBER), Key("longitude", "posts.longitude", NUMBER),
        Key("hashtags", "post_hashtags.tag", TAGS), Key("urls", "post_urls.expanded_url", LINKS),
        Key("user_mentions", "post_mentions.user_id",
            Reading("ids, also scrambled ones", _scrambled, ("[c2Nhcg=]",))),
        Key("userid", "posts.author_id", ANY_ID),
        Key("user_screen_name", "users.username"), Key("user_display_name", "users.name"),
        Key("user_reported_location", "users.location"),
        Key("user_profile_description", "users.description"),
        Key("user_profile_url", "users.url"),
        Key("follower_count", "users.followers_count", COUNT),
        Key("following_count", "users.following_count", COUNT),
        Key("account_creation_date", "users.created_at", TIME),
    ),
    left_out=("account_language", "is_retweet", "retweet_userid", "poll_choices"),
)


OPERATIONS = Format(
    "information-operations-csv", "Twitter's information-operations releases (tweets)", "flat",
    "table", _OPERATIONS,
    certain=(("tweetid", "userid", "tweet_text", "tweet_time"),),
    cannot_say="real ids and names of most accounts, which were scrambled; media and places",
)
OPERATIONS_USERS = Format(
    "information-operations-users-csv", "Twitter's information-operations releases (users)",
    "flat", "table",
    Shape(
        "user",
        keys=(
            Key("userid", "users.id", ANY_ID), Key("user_screen_name", "users.username"),
            Key("user_display_name", "users.name"),
            Key("user_reported_location", "users.location"),
            Key("user_profile_description", "users.description"),
            Key("user_profile_url", "users.url"),
            Key("follower_count", "users.followers_count", COUNT),
            Key("following_count", "users.following_count", COUNT),
            Key("account_creation_date", "users.created_at", TIME),
        ),
        left_out=("account_language",),
    ),
    certain=(("userid", "user_screen_name", "account_creation_date", "follower_count"),),
)
FORMATS = (RTWEET, ACADEMIC, HARVEST, TAGS_SHEET, OPERATIONS, OPERATIONS_USERS)

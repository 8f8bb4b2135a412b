"""Tables of R packages (rtweet, academictwitteR), TAGS, tweet-harvest, information operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.flat.twarc_tables import COUNTS, REPLY
from xframes.reader.formats.readings import (
    ANY_ID,
    APP,
    COUNT,
    FLAG,
    HANDLE,
    ID,
    ID_AFTER_X,
    JSON,
    LINKS,
    NUMBER,
    OBJECTS,
    POINT,
    POINT_OF_LATITUDE,
    TAGS,
    TIME,
    Reading,
    is_nothing,
    paired,
)
from xframes.reader.formats.source_format import Format, Inner, Key, Shape, keys_for
from xframes.reader.formats.v11.entities_v11 import HASHTAGS, MENTIONS, URLS, hashtags
from xframes.reader.formats.v11.status_shape import PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Objects

_NOT_KNOWN = re.compile(r"(?:NA|NaN)(?:[\s,|]+NA)*")  # cells of R; lists have one for each item
_BOX_OF_R = re.compile(r"[\s,|]+")


def _without_na(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the cells that R writes for nothing."""
    return {name: cell for name, cell in fields.items()
            if not (isinstance(cell, str) and _NOT_KNOWN.fullmatch(cell))}


def _prepare_rtweet(fields: dict[str, Any]) -> dict[str, Any]:
    """Read mentions, links and places, which have several columns each."""
    fields = _without_na(fields)
    people = {name: [ID_AFTER_X(id_) for id_ in fields[name].split()]
              for name in ("mentions_user_id",) if isinstance(fields.get(name), str)}
    mentions = paired(fields | people, " ", username="mentions_screen_name", id="mentions_user_id")
    links = paired(fields, " ", expanded_url="urls_expanded_url", url="urls_t.co")
    fields |= {name: value for name, value in (("_mentions", mentions), ("_links", links)) if value}
    if (hit := _PLACE_ID.search(str(fields.get("place_url", "")))) is not None:
        names = ("name", "full_name", "place_type", "country", "country_code")
        place = {name: fields.get(name if name in _OF_COUNTRIES else f"place_{name}".replace(
            "place_place", "place")) for name in names}
        fields["_place"] = place | {"id": hit[1], "bounding_box": _box(fields.get("bbox_coords"))}
    return fields


def _box(cell: Any) -> dict[str, Any] | None:
    """Return the polygon of four longitudes and four latitudes."""
    numbers = [float(part) for part in _BOX_OF_R.split(str(cell).strip()) if part] if cell else []
    if len(numbers) != 8:
        return None
    return {"coordinates": [[list(point) for point in zip(numbers[:4], numbers[4:], strict=True)]]}


_OF_COUNTRIES = {"country", "country_code"}
_PLACE_ID = re.compile(r"/geo/id/([0-9A-Za-z]{1,20})")
_RTWEET_USER = (
    *keys_for(
        "users",
        username="screen_name", name="name", location="location", description="description",
        url="url", protected="protected", followers_count="followers_count",
        following_count="friends_count", listed_count="listed_count",
        post_count="statuses_count", like_count="favourites_count",
        created_at="account_created_at", verified="verified",
        profile_banner_url="profile_banner_url", profile_image_url="profile_image_url",
    ),
)
_RTWEET_LEFT = ("profile_url", "profile_background_url", "account_lang")
RTWEET = Format(
    "rtweet-csv", "rtweet", "flat", "table",
    Shape(
        "post",
        keys=(
            Key("status_id", "posts.id", ID_AFTER_X),
            *keys_for(
                "posts",
                text="text", created_at="created_at", lang="lang", source="source",
                like_count="favorite_count", repost_count="retweet_count",
                quote_count="quote_count", reply_count="reply_count",
            ),
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
            Key("_links", "post_urls", OBJECTS), Key("_mentions", "post_mentions", OBJECTS),
            Key("coords_coords", "posts.coordinates_type", POINT),
            Key("user_id", "posts.author_id", ID_AFTER_X), *_RTWEET_USER,
            Key("profile_expanded_url", "user_urls.expanded_url", LINKS, of="author"),
        ),
        inner=(Inner("_place", lambda: PLACE, "place"),),
        left_out=("display_text_width", "is_quote", "is_retweet", "urls_url", "media_*",
                  "ext_media_*", "geo_coords", "coords_coords", "status_url", *_RTWEET_LEFT),
        used=("urls_t.co", "urls_expanded_url", "mentions_user_id", "mentions_screen_name",
              "place_url", "place_name", "place_full_name", "place_type", "country",
              "country_code", "bbox_coords"),
        samples={"urls_t.co": "https://t.co/a", "urls_expanded_url": "https://ana.example.org/a",
                 "mentions_user_id": "x502 x503", "mentions_screen_name": "bo cy"},
        prepare=_prepare_rtweet,
    ),
    certain=(("user_id", "status_id", "created_at", "screen_name", "text"),
             ("status_id", "created_at", "text", "is_retweet")),
    version="before 1.0 (write_as_csv, save_as_csv)",
    cannot_say="keys of media; positions of tags and links",
)
RTWEET_USERS = Format(
    "rtweet-users-csv", "rtweet", "flat", "table",
    Shape(
        "user",
        keys=(
            Key("user_id", "users.id", ID_AFTER_X), *_RTWEET_USER,
            Key("profile_expanded_url", "user_urls", Reading(
                "link of a profile", lambda value: [{"expanded_url": value}],
                ("https://ana.example.org",))),
        ),
        left_out=_RTWEET_LEFT, prepare=_without_na, finish=lambda _, o: _move_links(o.main),
    ),
    certain=(("user_id", "screen_name", "account_created_at", "statuses_count"),),
    version="before 1.0 (users_data)",
)


def _move_links(user: dict[str, Any]) -> None:
    """Move the link of a profile to its place."""
    links = user.pop("entities", {})
    if links:
        user["entities"] = {"url": {"urls": next(iter(links.values()))["urls"]}}



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
            *keys_for(
                "posts",
                id="tweet_id", text="text", created_at="created_at", lang="lang",
                source="source", author_id="author_id", conversation_id="conversation_id",
                in_reply_to_user_id="in_reply_to_user_id",
                possibly_sensitive="possibly_sensitive", like_count="like_count",
                repost_count="retweet_count", quote_count="quote_count",
                reply_count="reply_count", impression_count="impression_count",
            ),
            *keys_for(
                "users",
                username="user_username", name="user_name", created_at="user_created_at",
                verified="user_verified", description="user_description",
                protected="user_protected", pinned_post_id="user_pinned_tweet_id",
                profile_image_url="user_profile_image_url", url="user_url",
                location="user_location", post_count="user_tweet_count",
                listed_count="user_list_count", followers_count="user_followers_count",
                following_count="user_following_count",
            ),
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
            own = objects.main.setdefault("entities", {})
            own[wire] = [*own.get(wire, ()), *read(entities[name])]


TAGS_SHEET = Format(
    "tags-csv", "TAGS (Google Sheets)", "flat", "table",
    Shape(
        "post",
        keys=(
            *keys_for(
                "posts",
                id="id_str", text="text", created_at="created_at", source="source",
                lang="lang|iso_language_code",
            ), *COUNTS, *REPLY,
            Key("to_user_id_str|to_user_id", "posts.in_reply_to_user_id", ID),
            Key("to_user_id_str|to_user_id", "post_mentions.user_id", ID, item="reply"),
            Key("to_user", "post_mentions.username", HANDLE, item="reply"),
            Key("geo_coordinates", "posts.coordinates_type",
                Reading("point, latitude first", lambda v: POINT_OF_LATITUDE(
                    v.removeprefix("loc: ") if isinstance(v, str) else v), ("51.5,-0.12",))),
            Key("entities_str", "post_hashtags", Reading(
                "entities of the API v1.1", _entities,
                ('{"hashtags": [{"text": "rain", "indices": [0, 5]}]}',))),
            Key("from_user_id_str|from_user_id", "posts.author_id", ID),
            *keys_for(
                "users",
                username="from_user", profile_image_url="profile_image_url",
                followers_count="user_followers_count", following_count="user_friends_count",
                location="user_location",
            ),
        ),
        left_out=("time", "user_lang", "status_url", "user_utc_offset", "user_time_zone"),
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
            *keys_for(
                "posts",
                id="id_str", text="full_text|text",
                conversation_id="conversation_id_str|conversation_id", created_at="created_at",
                lang="lang",
            ),
            *COUNTS, *REPLY,
            Key("user_id_str|user_id", "posts.author_id", ID),
            Key("username", "users.username", HANDLE), Key("location", "users.location"),
            Key("user_location", "users.location"),
        ),
        left_out=("image_url", "tweet_url", "full_text", "id", "media_url_https", "media_type"),
    ),
    certain=(("id_str", "full_text", "user_id_str", "conversation_id_str"),
             ("id_str", "full_text", "user_id_str")),
    cannot_say="entities, references but replies, media and places",
)

def _scrambled(value: Any) -> list[str]:
    text = str(value).strip("[] ")
    return [part.strip(" '\"") for part in text.split(",") if part.strip(" '\"")]


def _without_absent(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the word that the releases have for nothing."""
    return {name: cell for name, cell in fields.items() if cell != "absent"}


_OPERATIONS = Shape(
    "post",
    keys=(
        *keys_for(
            "posts",
            id="tweetid", text="tweet_text", created_at="tweet_time", lang="tweet_language",
            source="tweet_client_name", quote_count="quote_count", reply_count="reply_count",
            like_count="like_count", repost_count="retweet_count",
        ),
        Key("in_reply_to_userid", "posts.in_reply_to_user_id", ANY_ID),
        Key("in_reply_to_tweetid", "posts.id", ID, of="replied_to"),
        Key("quoted_tweet_tweetid", "posts.id", ID, of="quoted"),
        Key("retweet_tweetid", "posts.id", ID, of="retweeted"),
        Key("latitude", "posts.latitude", NUMBER), Key("longitude", "posts.longitude", NUMBER),
        Key("hashtags", "post_hashtags.tag", TAGS), Key("urls", "post_urls.expanded_url", LINKS),
        Key("user_mentions", "post_mentions.user_id",
            Reading("ids, also scrambled ones", _scrambled, ("[c2Nhcg=]",))),
        Key("retweet_userid", "post_mentions.user_id", ANY_ID, item="reposted"),
        Key("userid", "posts.author_id", ANY_ID),
        Key("user_screen_name", "users.username"),
        *keys_for(
            "users",
            name="user_display_name", location="user_reported_location",
            description="user_profile_description", url="user_profile_url",
            followers_count="follower_count", following_count="following_count",
            created_at="account_creation_date",
        ),
    ),
    left_out=("account_language", "is_retweet", "poll_choices"), prepare=_without_absent,
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
            *keys_for(
                "users",
                name="user_display_name", location="user_reported_location",
                description="user_profile_description", url="user_profile_url",
                followers_count="follower_count", following_count="following_count",
                created_at="account_creation_date",
            ),
        ),
        left_out=("account_language",), prepare=_without_absent,
    ),
    certain=(("userid", "user_screen_name", "account_creation_date", "follower_count"),),
)
FORMATS = (RTWEET, RTWEET_USERS, ACADEMIC, HARVEST, TAGS_SHEET, OPERATIONS, OPERATIONS_USERS)

"""Tables of DMI-TCAT, minet and gazouilloire, and of 4CAT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.flat.twarc_tables import COUNTS
from xframes.reader.formats.readings import (
    HANDLE,
    HANDLES,
    ID,
    LINKS,
    NUMBER,
    OBJECTS,
    POINT,
    TAGS,
    is_nothing,
    paired,
)
from xframes.reader.formats.source_format import Format, Key, Shape, keys_for
from xframes.reader.formats.v11.entities_v11 import MEDIA

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_POINT = {"0", "0.0", ""}  # of TCAT's columns, in older versions


def _prepare_tcat(fields: dict[str, Any]) -> dict[str, Any]:
    """Read links and media, of which several columns have a list each."""
    if {str(fields.get("lat", "")).strip(), str(fields.get("lng", "")).strip()} <= _NO_POINT:
        fields["lat"] = fields["lng"] = None
    links = paired(fields, "; ", url="urls", expanded_url="urls_expanded")
    if links:
        fields["_links"] = links
    media = paired(
        fields, "; ", id_str="media_id", type="media_type", w="photo_sizes_width",
        h="photo_sizes_height",
    )
    own = [_medium(each) for each in media if "id_str" in each]
    if own:
        fields["_media"] = own
    return fields


def _medium(item: Mapping[str, str]) -> dict[str, Any]:
    """Return a medium as the API v1.1 has it."""
    medium: dict[str, Any] = {name: item[name] for name in ("id_str", "type") if name in item}
    if "w" in item and "h" in item:
        medium["sizes"] = {"large": {"w": item["w"], "h": item["h"]}}
    return medium


_TCAT = Shape(
    "post",
    keys=(
        *keys_for(
            "posts",
            id="id", text="text", created_at="time|created_at", lang="lang", source="source",
            possibly_sensitive="possibly_sensitive", withheld_copyright="withheld_copyright",
            withheld_scope="withheld_scope",
        ),
        *COUNTS,
        Key("in_reply_to_status_id", "posts.id", ID, of="replied_to"),
        Key("quoted_status_id", "posts.id", ID, of="quoted"),
        Key("retweet_id", "posts.id", ID, of="retweeted"),
        Key("to_user_id|in_reply_to_user_id", "posts.in_reply_to_user_id", ID),
        Key("to_user_name", "post_mentions.username", HANDLE, item="reply"),
        Key("lat|geo_lat", "posts.latitude", NUMBER), Key("lng|geo_lng", "posts.longitude", NUMBER),
        Key("hashtags", "post_hashtags.tag", TAGS),
        Key("mentions", "post_mentions.username", HANDLES),
        Key("_links", "post_urls", OBJECTS), Key("url", "post_urls.expanded_url", LINKS),
        Key("_media", "media", MEDIA),
        Key("from_user_id", "posts.author_id", ID),
        *keys_for(
            "users",
            username="from_user_name", name="from_user_realname", verified="from_user_verified",
            description="from_user_description", url="from_user_url",
            profile_image_url="from_user_profile_image_url", location="location",
            post_count="from_user_tweetcount", followers_count="from_user_followercount",
            following_count="from_user_friendcount", like_count="from_user_favourites_count",
            listed_count="from_user_listed", withheld_scope="from_user_withheld_scope",
            created_at="from_user_created_at",
        ),
    ),
    left_out=("created_at", "filter_level", "truncated", "from_user_utcoffset",
              "from_user_timezone", "from_user_lang", "urls_followed", "domains",
              "media_indice*", "http status code", "url_is_media_upload", "location_fullname",
              "photo_resize"),
    used=("urls", "urls_expanded", "media_id", "media_type", "photo_sizes_width",
          "photo_sizes_height"),
    samples={"urls": "https://t.co/a; https://t.co/p", "media_id": "; 77", "media_type": "; photo",
             "urls_expanded": "https://a.example.org; https://x.com/ana/status/1/photo/1"},
    prepare=_prepare_tcat,
)
TCAT = Format(
    "tcat-csv", "DMI-TCAT (full export)", "flat", "table", _TCAT,
    certain=(("id", "time", "from_user_name", "text"),
             ("id", "created_at", "from_user_name", "text", "from_user_id")),
    cannot_say="reposted and quoted posts themselves; ids of places",
)


def _prepare_minet(fields: dict[str, Any]) -> dict[str, Any]:
    """Read mentions, of which two columns have a list each."""
    mentions = paired(fields, "|", username="mentioned_names", id="mentioned_ids")
    if mentions:
        fields["_mentions"] = mentions
    return fields


MINET = Format(
    "minet-csv", "minet and gazouilloire", "flat", "table",
    Shape(
        "post",
        keys=(
            *keys_for(
                "posts",
                id="id", text="text", created_at="timestamp_utc|local_time", lang="lang",
                source="source_name", possibly_sensitive="possibly_sensitive",
                like_count="like_count", repost_count="retweet_count", reply_count="reply_count",
                quote_count="quote_count", impression_count="impression_count",
            ),
            Key("to_tweetid", "posts.id", ID, of="replied_to"),
            Key("to_userid", "posts.in_reply_to_user_id", ID),
            Key("to_userid", "post_mentions.user_id", ID, item="reply"),
            Key("to_username", "post_mentions.username", HANDLE, item="reply"),
            Key("retweeted_id", "posts.id", ID, of="retweeted"),
            Key("retweeted_user_id", "post_mentions.user_id", ID, item="reposted"),
            Key("retweeted_user", "post_mentions.username", HANDLE, item="reposted"),
            Key("quoted_id", "posts.id", ID, of="quoted"),
            Key("lat", "posts.latitude", NUMBER), Key("lng", "posts.longitude", NUMBER),
            Key("hashtags", "post_hashtags.tag", TAGS),
            Key("_mentions", "post_mentions", OBJECTS),
            Key("links", "post_urls.expanded_url", LINKS),
            Key("user_id", "posts.author_id", ID),
            *keys_for(
                "users",
                username="user_screen_name", name="user_name", verified="user_verified",
                description="user_description", url="user_url", profile_image_url="user_image",
                location="user_location", post_count="user_tweets",
                followers_count="user_followers", following_count="user_friends",
                like_count="user_likes", listed_count="user_lists",
                created_at="user_timestamp_utc|user_created_at",
            ),
        ),
        left_out=("local_time", "source_url", "user_created_at", "collected_via", "match_query",
                  "retweeted_timestamp_utc", "quoted_user*", "quoted_timestamp_utc", "url",
                  "collection_time", "place_*", "domains", "media_*", "query",
                  "to_timestamp_utc", "links_to_resolve", "proper_links"),
        used=("mentioned_names", "mentioned_ids"),
        samples={"mentioned_names": "bo|cy", "mentioned_ids": "502|503"}, prepare=_prepare_minet,
    ),
    certain=(("id", "timestamp_utc", "user_screen_name", "text"),
             ("id", "local_time", "user_screen_name", "text")),
    observed=("collection_time",),
    cannot_say="ids of places and media; reposted and quoted posts themselves",
)


def _prepare_fourcat(fields: dict[str, Any]) -> dict[str, Any]:
    """Name the author of what was reposted or replied to as a mention."""
    for name in ("replied_user", "replied_author"):
        if not is_nothing(fields.get(name)):
            fields["in_reply_to"] = fields[name]
    return fields


FOURCAT = Format(
    "fourcat-csv", "4CAT (CSV)", "flat", "table",
    Shape(
        "post",
        keys=(
            *keys_for(
                "posts",
                id="id", text="body", created_at="unix_timestamp|timestamp",
                conversation_id="thread_id", source="source", lang="language_guess",
                possibly_sensitive="possibly_sensitive", repost_count="retweet_count",
                reply_count="reply_count", like_count="like_count", quote_count="quote_count",
                impression_count="impression_count", author_id="author_id",
            ),
            *keys_for(
                "users",
                username="author", name="author_fullname", followers_count="author_followers",
                profile_image_url="author_avatar_url|author_profile_image",
                profile_banner_url="author_banner_url", verified="verified",
            ),
            Key("hashtags", "post_hashtags.tag", TAGS),
            Key("urls", "post_urls.expanded_url", LINKS),
            Key("mentions", "post_mentions.username", HANDLES),
            Key("in_reply_to", "post_mentions.username", HANDLE, item="reply"),
            Key("retweeted_user", "post_mentions.username", HANDLE, item="reposted"),
            Key("long_lat", "posts.coordinates_type", POINT),
            Key("quote_tweet_id|quoted_id|quote_id", "posts.id", ID, of="quoted"),
            Key("quote_body", "posts.text", of="quoted"),
            Key("quote_author", "users.username", HANDLE, of="quoted.author"),
        ),
        used=("replied_user", "replied_author"),
        left_out=("timestamp", "link", "subject", "is_*", "quoted_user", "images", "videos",
                  "place_name", "collected_from_url", "missing_fields", "thread_id", "withheld",
                  "hashtags_count", "quote_*"),
        prepare=_prepare_fourcat,
    ),
    certain=(("id", "thread_id", "timestamp", "body", "author"),),
    cannot_say="ids of posts that are reposted, quoted or replied to; ids of media",
)
FORMATS = (TCAT, MINET, FOURCAT)

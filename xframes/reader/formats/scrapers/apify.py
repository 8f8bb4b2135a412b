"""Objects of scrapers on Apify and of twitterapi.io, and of twitter-web-exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import convert_records
from xframes.reader.formats.readings import (
    APP,
    COUNT,
    FLAG,
    HANDLE,
    ID,
    TAGS,
    TIME,
    is_nothing,
    literal,
)
from xframes.reader.formats.scrapers import graphql
from xframes.reader.formats.source_format import Format, Inner, Key, Shape
from xframes.reader.formats.v11.entities_v11 import HASHTAGS, MEDIA, MENTIONS, URLS
from xframes.reader.formats.v11.status_shape import (
    CODES,
    FIRST_ID,
    PLACE,
    VERIFIED_TYPE,
    finish_user,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Converted, Notes, Objects

def _prepare_author(fields: dict[str, Any]) -> dict[str, Any]:
    """Read the profile from where newer versions have it, and the kind of a verified account."""
    bio = fields.get("profile_bio")
    if is_nothing(fields.get("description")) and isinstance(bio, dict):
        fields["description"] = bio.get("description")
    if is_nothing(fields.get("verifiedType")) and fields.get("isBlueVerified") is True:
        fields["verifiedType"] = "blue"
    return fields


AUTHOR = Shape(
    "user",
    keys=(
        Key("id|rest_id|userId", "users.id", ID),
        Key("userName|screen_name|username", "users.username", HANDLE),
        Key("name|displayName", "users.name"),
        Key("createdAt|created_at", "users.created_at", TIME),
        Key("description|rawDescription|bio", "users.description"),
        Key("location", "users.location"),
        Key("isVerified|verified|isBlueVerified", "users.verified", FLAG),
        Key("protected|isProtected", "users.protected", FLAG),
        Key("followers|followersCount|followers_count", "users.followers_count", COUNT),
        Key("following|friendsCount|followingCount|friends_count", "users.following_count", COUNT),
        Key("statusesCount|tweetsCount|statuses_count", "users.post_count", COUNT),
        Key("favouritesCount|likesCount|favourites_count", "users.like_count", COUNT),
        Key("mediaCount|media_count", "users.media_count", COUNT),
        Key("listedCount|listed_count", "users.listed_count", COUNT),
        Key("profilePicture|profileImageUrl|avatar", "users.profile_image_url"),
        Key("coverPicture|profileBannerUrl", "users.profile_banner_url"),
        Key("verifiedType", "users.verified_type", VERIFIED_TYPE),
        Key("withheldInCountries", "users.withheld_country_codes", CODES),
        Key("pinnedTweetIds", "users.pinned_post_id", FIRST_ID),
    ),
    left_out=("type", "url", "twitterUrl", "hasCustomTimelines", "isTranslator",
              "affiliatesHighlightedLabel*", "possiblySensitive", "profile_bio*", "canDm",
              "canMediaTag", "fastFollowersCount", "isAutomated*", "automatedBy", "status",
              "advertiserAccountType", "analyticsType", "unavailable*", "message", "verified",
              "isVerified", "description", "protected", "can_dm"),
    used=("entities", "isBlueVerified"), prepare=_prepare_author, finish=finish_user,
)
def _finish(fields: Mapping[str, Any], objects: Objects) -> None:
    shown = fields.get("displayTextRange")
    if isinstance(shown, list) and len(shown) == 2:
        objects.main["display_text_range"] = [COUNT(index) for index in shown]


TWEET: Shape = Shape(
    "post",
    keys=(
        Key("id|id_str|tweetId", "posts.id", ID), Key("fullText|text|full_text", "posts.text"),
        Key("createdAt|created_at", "posts.created_at", TIME), Key("lang", "posts.lang"),
        Key("source", "posts.source", APP),
        Key("likeCount", "posts.like_count", COUNT),
        Key("retweetCount", "posts.repost_count", COUNT),
        Key("replyCount", "posts.reply_count", COUNT),
        Key("quoteCount", "posts.quote_count", COUNT),
        Key("bookmarkCount", "posts.bookmark_count", COUNT),
        Key("viewCount", "posts.impression_count", COUNT),
        Key("conversationId", "posts.conversation_id", ID),
        Key("possiblySensitive", "posts.possibly_sensitive", FLAG),
        Key("inReplyToId", "posts.id", ID, of="replied_to"),
        Key("inReplyToUserId", "posts.in_reply_to_user_id", ID),
        Key("inReplyToUserId", "post_mentions.user_id", ID, item="reply"),
        Key("inReplyToUsername", "post_mentions.username", HANDLE, item="reply"),
        Key("quoteId", "posts.id", ID, of="quoted"),
        Key("retweetId", "posts.id", ID, of="retweeted"),
        Key("entities.hashtags", "post_hashtags", HASHTAGS),
        Key("entities.symbols", "post_cashtags", HASHTAGS),
        Key("entities.user_mentions", "post_mentions", MENTIONS),
        Key("entities.urls", "post_urls", URLS),
        Key("extendedEntities.media", "media", MEDIA),
        Key("extendedEntities.media", "post_urls", URLS),
        Key("authorId|userId", "posts.author_id", ID),
    ),
    inner=(
        Inner("author", lambda: AUTHOR, "author"), Inner("user", lambda: AUTHOR, "author"),
        Inner("quote", lambda: TWEET, "quoted"), Inner("quoted_tweet", lambda: TWEET, "quoted"),
        Inner("retweet", lambda: TWEET, "retweeted"),
        Inner("retweeted_tweet", lambda: TWEET, "retweeted"),
        Inner("place", lambda: PLACE, "place"),
    ),
    used=("displayTextRange",), finish=_finish,
    left_out=("type", "url", "twitterUrl", "text", "isReply", "isRetweet", "isQuote", "isPinned",
              "isConversationControlled", "card", "card.*", "media", "media.*",
              "entities", "entities.*", "extendedEntities", "extendedEntities.*", "searchTermIndex",
              "searchTerm", "isLimitedReply", "article", "article.*",
              "isTranslatable", "inputSource", "query*"),
)
_EXPORTER = Shape(
    "post",
    keys=(
        Key("id", "posts.id", ID), Key("full_text", "posts.text"),
        Key("created_at", "posts.created_at", TIME),
        Key("favorite_count", "posts.like_count", COUNT),
        Key("retweet_count", "posts.repost_count", COUNT),
        Key("reply_count", "posts.reply_count", COUNT),
        Key("quote_count", "posts.quote_count", COUNT),
        Key("bookmark_count", "posts.bookmark_count", COUNT),
        Key("views_count", "posts.impression_count", COUNT),
        Key("in_reply_to", "posts.id", ID, of="replied_to"),
        Key("quoted_status", "posts.id", ID, of="quoted"),
        Key("retweeted_status", "posts.id", ID, of="retweeted"),
        Key("user_id", "posts.author_id", ID), Key("screen_name", "users.username", HANDLE),
        Key("name", "users.name"), Key("profile_image_url", "users.profile_image_url"),
        Key("hashtags", "post_hashtags.tag", TAGS), Key("lang", "posts.lang"),
        Key("source", "posts.source", APP),
    ),
    left_out=("media", "media_tags", "favorited", "retweeted", "bookmarked", "url", "metadata",
              "metadata.*", "tags"),
)
_EXPORTER_USER = Shape(
    "user",
    keys=(
        Key("id", "users.id", ID), Key("screen_name", "users.username", HANDLE),
        Key("name", "users.name"), Key("description", "users.description"),
        Key("profile_image_url", "users.profile_image_url"),
        Key("profile_banner_url", "users.profile_banner_url"),
        Key("followers_count", "users.followers_count", COUNT),
        Key("friends_count", "users.following_count", COUNT),
        Key("statuses_count", "users.post_count", COUNT),
        Key("favourites_count", "users.like_count", COUNT),
        Key("listed_count", "users.listed_count", COUNT),
        Key("media_count", "users.media_count", COUNT), Key("location", "users.location"),
        Key("website", "users.url"),
        Key("verified|is_blue_verified", "users.verified", FLAG),
        Key("verified_type", "users.verified_type", VERIFIED_TYPE),
        Key("protected", "users.protected", FLAG), Key("created_at", "users.created_at", TIME),
    ),
    left_out=("following", "followed_by", "can_dm", "blocking", "muting", "metadata", "metadata.*",
              "url", "birthdate", "professional*"),
)


def _is_tweet(document: Mapping[str, Any]) -> bool:
    author = document.get("author") or document.get("user")
    named = isinstance(author, dict) and not is_nothing(author.get("userName"))
    return named and "id" in document and ("text" in document or "fullText" in document)


def _has_tweets(document: Mapping[str, Any]) -> bool:
    tweets = document.get("tweets")
    return isinstance(tweets, list) and any(isinstance(t, dict) and _is_tweet(t) for t in tweets)


def _answer(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    return convert_records(TWEET, document["tweets"], notes)


def _exported(document: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Read a row of the exporter; the whole answer of X where it is in the row."""
    whole = document.get("metadata")
    if isinstance(whole, str):
        whole = literal(whole)
    shape = _EXPORTER if "full_text" in document else _EXPORTER_USER
    if isinstance(whole, dict) and graphql.is_result(whole):
        pages = graphql.read_result(whole, notes)
        if pages:
            return pages
    return convert_records(shape, [document], notes)


_WEB = "twitter-web-exporter (JSON and CSV)"
_CANNOT = "without the setting for all metadata: entities, keys of media, places, ids of authors"
_WEB_MARKS = (("id", "full_text", "screen_name", "views_count"),
              ("id", "full_text", "screen_name", "favorited", "media"))
_WEB_USERS = (("id", "screen_name", "is_blue_verified", "followed_by"),)
FORMATS = (
    Format("apify-notice", "marks of empty results of scrapers on Apify", "scrapers", "json",
           certain=(("noResults",), ("type=mock_tweet",)), way_out="they have no posts"),
    Format("apify", "scrapers on Apify, and twitterapi.io", "scrapers", "json", TWEET,
           fits=_is_tweet),
    Format("twitterapi-answer", "scrapers on Apify, and twitterapi.io", "scrapers", "json", TWEET,
           fits=_has_tweets, convert=_answer),
    Format("apify-user", "scrapers on Apify, and twitterapi.io", "scrapers", "json", AUTHOR,
           certain=(("id", "userName", "followers"), ("id", "userName", "statusesCount"))),
    Format("web-exporter", _WEB, "scrapers", "json", _EXPORTER, certain=_WEB_MARKS,
           convert=_exported, cannot_say=_CANNOT),
    Format("web-exporter-csv", _WEB, "scrapers", "table", _EXPORTER, certain=_WEB_MARKS,
           convert=_exported, cannot_say=_CANNOT),
    Format("web-exporter-user", _WEB, "scrapers", "json", _EXPORTER_USER, certain=_WEB_USERS,
           convert=_exported),
    Format("web-exporter-user-csv", _WEB, "scrapers", "table", _EXPORTER_USER,
           certain=_WEB_USERS, convert=_exported),
)

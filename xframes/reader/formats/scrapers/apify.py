"""Objects of scrapers on Apify and of twitterapi.io, and of twitter-web-exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.readings import (
    APP,
    COUNT,
    FLAG,
    HANDLE,
    ID,
    TAGS,
    TIME,
    is_nothing,
)
from xframes.reader.formats.source_format import Format, Inner, Key, Shape
from xframes.reader.formats.v11.entities_v11 import HASHTAGS, MEDIA, MENTIONS, URLS

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    ),
    left_out=("type", "url", "twitterUrl", "verifiedType", "isBlueVerified", "hasCustomTimelines",
              "isTranslator", "withheldInCountries", "affiliatesHighlightedLabel*",
              "possiblySensitive", "pinnedTweetIds", "profile_bio*", "canDm", "canMediaTag",
              "fastFollowersCount", "isAutomated*", "automatedBy", "status", "entities*",
              "advertiserAccountType", "analyticsType", "unavailable*", "message", "verified",
              "isVerified", "description", "protected", "can_dm"),
)
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
        Key("authorId|userId", "posts.author_id", ID),
    ),
    inner=(
        Inner("author", lambda: AUTHOR, "author"), Inner("user", lambda: AUTHOR, "author"),
        Inner("quote", lambda: TWEET, "quoted"), Inner("quoted_tweet", lambda: TWEET, "quoted"),
        Inner("retweet", lambda: TWEET, "retweeted"),
        Inner("retweeted_tweet", lambda: TWEET, "retweeted"),
    ),
    left_out=("type", "url", "twitterUrl", "text", "isReply", "isRetweet", "isQuote", "isPinned",
              "isConversationControlled", "card", "card.*", "place", "place.*", "media", "media.*",
              "entities", "entities.*", "extendedEntities", "extendedEntities.*", "searchTermIndex",
              "searchTerm", "displayTextRange", "isLimitedReply", "article", "article.*",
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
        Key("website", "users.url"), Key("verified", "users.verified", FLAG),
        Key("protected", "users.protected", FLAG), Key("created_at", "users.created_at", TIME),
    ),
    left_out=("is_blue_verified", "verified_type", "following", "followed_by", "can_dm", "blocking",
              "muting", "metadata", "metadata.*", "url", "birthdate", "professional*"),
)


def _is_tweet(document: Mapping[str, Any]) -> bool:
    author = document.get("author") or document.get("user")
    named = isinstance(author, dict) and not is_nothing(author.get("userName"))
    return named and "id" in document and ("text" in document or "fullText" in document)


_WEB = "twitter-web-exporter (JSON and CSV)"
_WEB_MARKS = (("id", "full_text", "screen_name", "views_count"),
              ("id", "full_text", "screen_name", "favorited", "media"))
_WEB_USERS = (("id", "screen_name", "is_blue_verified", "followed_by"),)
FORMATS = (
    Format("apify", "scrapers on Apify, and twitterapi.io", "scrapers", "json", TWEET,
           fits=_is_tweet, cannot_say="places"),
    Format("apify-user", "scrapers on Apify, and twitterapi.io", "scrapers", "json", AUTHOR,
           certain=(("id", "userName", "followers"), ("id", "userName", "statusesCount"))),
    Format("web-exporter", _WEB, "scrapers", "json", _EXPORTER, certain=_WEB_MARKS,
           cannot_say="entities, keys of media, places"),
    Format("web-exporter-csv", _WEB, "scrapers", "table", _EXPORTER, certain=_WEB_MARKS,
           cannot_say="entities, keys of media, places"),
    Format("web-exporter-user", _WEB, "scrapers", "json", _EXPORTER_USER, certain=_WEB_USERS),
    Format("web-exporter-user-csv", _WEB, "scrapers", "table", _EXPORTER_USER,
           certain=_WEB_USERS),
)

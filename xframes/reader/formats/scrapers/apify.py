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
from xframes.reader.formats.source_format import Format, Inner, Key, Shape, keys_for
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
        *keys_for(
            "users",
            id="id|rest_id|userId", username="userName|screen_name|username",
            name="name|displayName", created_at="createdAt|created_at",
            description="description|rawDescription|bio", location="location",
            verified="isVerified|verified|isBlueVerified", protected="protected|isProtected",
            followers_count="followers|followersCount|followers_count",
            following_count="following|friendsCount|followingCount|friends_count",
            post_count="statusesCount|tweetsCount|statuses_count",
            like_count="favouritesCount|likesCount|favourites_count",
            media_count="mediaCount|media_count", listed_count="listedCount|listed_count",
            profile_image_url="profilePicture|profileImageUrl|avatar",
            profile_banner_url="coverPicture|profileBannerUrl",
        ),
        Key("verifiedType", "users.verified_type", VERIFIED_TYPE),
        Key("withheldInCountries", "users.withheld_country_codes", CODES),
        Key("pinnedTweetIds", "users.pinned_post_id", FIRST_ID),
    ),
    left_out=("type", "url", "twitterUrl", "hasCustomTimelines", "isTranslator",
              "hasNftAvatar", "affiliatesHighlightedLabel*", "possiblySensitive", "profile_bio*",
              "canDm",
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
        *keys_for(
            "posts",
            id="id|id_str|tweetId", text="fullText|text|full_text",
            created_at="createdAt|created_at", lang="lang", source="source",
            like_count="likeCount", repost_count="retweetCount", reply_count="replyCount",
            quote_count="quoteCount", bookmark_count="bookmarkCount",
            impression_count="viewCount", conversation_id="conversationId",
            possibly_sensitive="possiblySensitive",
        ),
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
        *keys_for(
            "posts",
            id="id", text="full_text", created_at="created_at", like_count="favorite_count",
            repost_count="retweet_count", reply_count="reply_count", quote_count="quote_count",
            bookmark_count="bookmark_count", impression_count="views_count",
        ),
        Key("in_reply_to", "posts.id", ID, of="replied_to"),
        Key("quoted_status", "posts.id", ID, of="quoted"),
        Key("retweeted_status", "posts.id", ID, of="retweeted"),
        Key("user_id", "posts.author_id", ID),
        *keys_for(
            "users",
            username="screen_name", name="name", profile_image_url="profile_image_url",
        ),
        Key("hashtags", "post_hashtags.tag", TAGS), Key("lang", "posts.lang"),
        Key("source", "posts.source", APP),
    ),
    left_out=("media", "media_tags", "favorited", "retweeted", "bookmarked", "url", "metadata",
              "metadata.*", "tags"),
)
_EXPORTER_USER = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            id="id", username="screen_name", name="name", description="description",
            profile_image_url="profile_image_url", profile_banner_url="profile_banner_url",
            followers_count="followers_count", following_count="friends_count",
            post_count="statuses_count", like_count="favourites_count",
            listed_count="listed_count", media_count="media_count", location="location",
            url="website", verified="verified|is_blue_verified",
        ),
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

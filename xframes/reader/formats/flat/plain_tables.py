"""Tables and objects of no known tool, read by the usual names of their columns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.reader.formats.readings import (
    APP,
    COUNT,
    FLAG,
    HANDLE,
    HANDLES,
    ID,
    IDS,
    JSON,
    LINKS,
    NUMBER,
    POINT,
    TAGS,
    TEXT,
    TIME,
    Reading,
    is_nothing,
)
from xframes.reader.formats.source_format import Format, Key, Shape
from xframes.schema import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.schema import Col

_SNOWFLAKE = re.compile(r"\s*'?[0-9]{15,20}\s*")
_ID = re.compile(r"\s*'?[0-9]{1,20}(?:\.0)?\s*|[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_LISTS = {"post_hashtags": TAGS, "post_mentions": HANDLES, "post_urls": LINKS}
_LEAST_COLUMNS = 3  # two columns that fit are no evidence
_READS: dict[Type, Reading] = {
    Type.STR: TEXT, Type.INT: COUNT, Type.FLOAT: NUMBER, Type.BOOL: FLAG, Type.TIME: TIME,
    Type.DATE: TEXT, Type.STRS: IDS, Type.JSON: JSON,
}


def _prepare(fields: dict[str, Any]) -> dict[str, Any]:
    """Read references that are given as a list of ids and a list of their types."""
    ids, kinds = fields.get("referenced_tweet_ids"), fields.get("reference_types")
    if is_nothing(ids) or is_nothing(kinds):
        return fields
    for id_, kind in zip(IDS(ids), TAGS(kinds), strict=False):
        fields[f"{kind}.id"] = id_
    return fields


_POST = Shape(
    "post",
    keys=(
        Key("id_str|id|tweet_id|tweetid|status_id|post_id|tweetId|postId|Tweet Id|Tweet ID|Post ID"
            "|Post id|tweet id|TweetID|TweetId|tweet_id_str|idstr|ID", "posts.id", ID),
        Key("text|full_text|tweet_text|tweet|content|body|post_text|Text|Tweet|Tweet Text"
            "|Tweet text|Content|Post Text|fullText|rawContent|tweetText|message", "posts.text"),
        Key("created_at|created|date|datetime|timestamp|time|createdAt|posted_at|tweet_created_at"
            "|tweet_created|tweet_date|tweet_time|Datetime|Date|Date Created|Created At|Timestamp|"
            "publish_date|post_date|created_at_utc|parsed_created_at", "posts.created_at", TIME),
        Key("author_id|user_id_str|user_id|userid|from_user_id_str|from_user_id|author.id|authorId"
            "|userId|User Id|User ID|author id", "posts.author_id", ID),
        Key("author_username|username|user_screen_name|screen_name|user_username|from_user|handle"
            "|author.username|author_handle|author_screen_name|user_handle|tweet_author|userName"
            "|from_user_name|Username|User|Handle|screenName|user_name|author|user",
            "users.username", HANDLE),
        Key("author_name|user_displayname|displayname|display_name|name|from_user_realname"
            "|author.name|full_name|user_full_name|displayName|Name", "users.name"),
        Key("like_count|likes|favorite_count|favourite_count|favorites|favourites|favoriteCount"
            "|likes_count|nlikes|n_likes|num_likes|likeCount|Likes|Favorites|Like Count|favs",
            "posts.like_count", COUNT),
        Key("repost_count|retweet_count|retweets|reposts|retweets_count|nretweets|n_retweets"
            "|num_retweets|retweetCount|Retweets|Reposts|Retweet Count|retweetcount",
            "posts.repost_count", COUNT),
        Key("reply_count|replies|replies_count|nreplies|n_replies|num_replies|replyCount|Replies"
            "|Reply Count|comments|comment_count", "posts.reply_count", COUNT),
        Key("quote_count|quotes|quoteCount|quotes_count|Quotes", "posts.quote_count", COUNT),
        Key("bookmark_count|bookmarks|bookmarkCount|Bookmarks", "posts.bookmark_count", COUNT),
        Key("impression_count|impressions|views|view_count|viewCount|views_count|Views"
            "|Impressions", "posts.impression_count", COUNT),
        Key("lang|language|Language|tweet_language|tweet_lang", "posts.lang"),
        Key("source|source_label|sourceLabel|Source|tweet_source|client", "posts.source", APP),
        Key("conversation_id_str|conversation_id|conversationId", "posts.conversation_id", ID),
        Key("possibly_sensitive|possiblySensitive", "posts.possibly_sensitive", FLAG),
        Key("reply_settings", "posts.reply_settings"),
        Key("in_reply_to_user_id_str|in_reply_to_user_id", "posts.in_reply_to_user_id", ID),
        Key("in_reply_to_user_id_str|in_reply_to_user_id", "post_mentions.user_id", ID,
            item="reply"),
        Key("in_reply_to_screen_name|in_reply_to_username", "post_mentions.username", HANDLE,
            item="reply"),
        Key("in_reply_to_status_id_str|in_reply_to_status_id|in_reply_to_tweet_id|replied_to.id"
            "|in_reply_to_id|inReplyToTweetId|in_reply_to_post_id", "posts.id", ID,
            of="replied_to"),
        Key("quoted_status_id_str|quoted_status_id|quoted_tweet_id|quoted.id|quoted_id",
            "posts.id", ID, of="quoted"),
        Key("retweeted_status_id_str|retweeted_status_id|retweeted_tweet_id|retweeted.id"
            "|retweet_id|retweeted_id|reposted_id", "posts.id", ID, of="retweeted"),
        Key("hashtags|hashtag|Hashtags", "post_hashtags.tag", TAGS),
        Key("cashtags|symbols", "post_cashtags.tag", TAGS),
        Key("mentions|user_mentions|mentioned_users|Mentions", "post_mentions.username", HANDLES),
        Key("urls|links|expanded_urls|outlinks|Urls|Links", "post_urls.expanded_url", LINKS),
        Key("latitude|lat", "posts.latitude", NUMBER),
        Key("longitude|lng|lon|long", "posts.longitude", NUMBER),
        Key("coordinates", "posts.coordinates_type", POINT),
        Key("place_id|geo.place_id", "posts.place_id"),
        Key("user_followers_count|user_followers|followers_count|followers|followersCount"
            "|author_followers|user_follower_count|follower_count", "users.followers_count", COUNT),
        Key("user_friends_count|user_friends|friends_count|following_count|user_following_count"
            "|friendsCount|following", "users.following_count", COUNT),
        Key("user_statuses_count|statuses_count|user_tweet_count|tweet_count",
            "users.post_count", COUNT),
        Key("user_favourites_count|user_favourites|favourites_count", "users.like_count", COUNT),
        Key("user_listed_count|listed_count", "users.listed_count", COUNT),
        Key("user_location|user location", "users.location"),
        Key("user_description|user_bio|user description", "users.description"),
        Key("user_created_at|user_created|account_created_at", "users.created_at", TIME),
        Key("user_verified|verified|is_verified", "users.verified", FLAG),
    ),
    used=("referenced_tweet_ids", "reference_types"),
    left_out=("url", "link", "tweet_url", "tweet_link", "status_url", "permalink", "Tweet URL",
              "post_url", "Unnamed*", "index", ""),
    prepare=_prepare,
)
_USER = Shape(
    "user",
    keys=(
        Key("id_str|id|user_id_str|user_id|userid|author_id|userId", "users.id", ID),
        Key("username|screen_name|handle|user_screen_name|screenName|userName", "users.username",
            HANDLE),
        Key("name|display_name|displayname|user_name|full_name", "users.name"),
        Key("created_at|account_created_at|created|createdAt", "users.created_at", TIME),
        Key("description|bio|profile_description", "users.description"),
        Key("location", "users.location"), Key("url|website", "users.url"),
        Key("verified", "users.verified", FLAG), Key("verified_type", "users.verified_type"),
        Key("protected", "users.protected", FLAG),
        Key("followers_count|followers|follower_count", "users.followers_count", COUNT),
        Key("following_count|friends_count|friends|following", "users.following_count", COUNT),
        Key("post_count|tweet_count|statuses_count|tweets_count|num_tweets", "users.post_count",
            COUNT),
        Key("listed_count", "users.listed_count", COUNT),
        Key("like_count|favourites_count|favorites_count", "users.like_count", COUNT),
        Key("media_count", "users.media_count", COUNT),
        Key("profile_image_url|profile_image_url_https", "users.profile_image_url"),
        Key("profile_banner_url", "users.profile_banner_url"),
        Key("pinned_tweet_id|pinned_post_id", "users.pinned_post_id", ID),
    ),
    left_out=("Unnamed*", "index"),
)

POSTS = Format(
    "plain-table", "tables of posts with usual names of columns (pandas, Kaggle, …)", "flat",
    "table", _POST,
    cannot_say="what its columns do not have; other columns with --map",
)
USERS = Format("plain-users-table", "tables of users with usual names of columns", "flat",
               "table", _USER)
OBJECTS = Format(
    "plain-json", "JSON objects of posts with usual names of keys", "flat", "json", _POST,
    fits=lambda document: fits(_POST, document, [document]),
)
SNSCRAPE = Format(
    "snscrape-csv", "snscrape, saved by pandas as in its tutorials", "flat", "table", _POST,
    certain=(("Datetime", "Tweet Id", "Text", "Username"),),
)


def fits(shape: Shape, columns: Mapping[str, Any] | Sequence[str], rows: Sequence[Any]) -> bool:
    """Whether columns are those of posts or users: an id, a text or handle, and more of them.

    Most ids must be ids: a damaged row does not change what the others are. Two columns are enough
    only where all ids are as long as X's since 2010.
    """
    known = [key for key in shape.keys if any(name in columns for name in key.names)]
    if shape.keys[0] not in known or shape.keys[1] not in known:
        return False
    names = [name for name in shape.keys[0].names if name in columns]
    read = {key.name for key in known}
    if not rows:
        return len(read) >= _LEAST_COLUMNS
    ids = [str(row.get(names[0])) for row in rows if not is_nothing(row.get(names[0]))]
    if 2 * sum(_ID.fullmatch(id_) is not None for id_ in ids) <= len(ids):
        return False
    return len(read) >= _LEAST_COLUMNS or all(_SNOWFLAKE.fullmatch(id_) for id_ in ids)


def mapped(columns: Mapping[str, str], shape: Shape = _POST) -> Format:
    """Return the format of files whose columns the user mapped to columns of ours.

    Raises ArgumentError for an unknown column of ours.
    """
    own = []
    for name, target in columns.items():
        to, col = _column(target)
        own.append(Key(name, to, _reading(to, col)))
    names = {key.name for key in own}
    targets = {(key.to, key.of) for key in own}
    others = []
    for key in shape.keys:
        if (key.to, key.of) in targets:
            continue
        left = [name for name in key.names if name not in names]
        if left:
            others.append(replace(key, name="|".join(left)))
    whole = replace(shape, keys=(*own, *others))
    return Format("mapped", "tables and objects with `--map`", "flat", "table", whole)


def _column(target: str) -> tuple[str, Col]:
    table, _, column = target.rpartition(".")
    tables = [table] if table else ["posts", "users"]
    tags = {"hashtags": "post_hashtags.tag", "mentions": "post_mentions.username",
            "urls": "post_urls.expanded_url", "replied_to": "posts.id", "quoted": "posts.id"}
    if target in tags:
        table, _, column = tags[target].partition(".")
        tables = [table]
    for name in tables:
        declared = TABLES.get(name)
        for col in declared.body if declared else ():
            if col.name == column and col.path:
                return f"{name}.{column}", col
    raise ArgumentError(
        f"map: expected a column of posts or users, such as `like_count`, got {target!r}. "
        "`xframes schema` lists them"
    )


def _reading(to: str, col: Col) -> Reading:
    table = to.partition(".")[0]
    if table in _LISTS:
        return _LISTS[table]
    if col.names in {"posts", "users"} and col.type is Type.STR:
        return ID
    if col.holds == "handle":
        return HANDLE
    return APP if col.name == "source" else _READS[col.type]


MESSAGES = Format(
    "message-table", "tables of direct messages", "flat", "table",
    certain=tuple(
        (person, text)
        for person in ("sender_id", "senderId", "sender_screen_name", "dm_conversation_id",
                       "recipient_id", "recipientId", "recipient_screen_name")
        for text in ("text", "message", "body", "content")
    ),
    way_out="import X's export of the account with `--with messages`",
)
FORMATS = (MESSAGES, SNSCRAPE)

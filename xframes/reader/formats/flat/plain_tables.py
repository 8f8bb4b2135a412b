"""Tables and objects of no known tool, read by the usual names of their columns."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.reader.formats.readings import (
    HANDLE,
    HANDLES,
    ID,
    IDS,
    LINKS,
    NUMBER,
    POINT,
    POINT_OF_LATITUDE,
    TAGS,
    is_nothing,
)
from xframes.reader.formats.source_format import Format, Key, Shape, keys_for, reading_of
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping, Sequence

_SNOWFLAKE = re.compile(r"\s*'?[0-9]{15,20}\s*")
_ID = re.compile(r"\s*'?[0-9]{1,20}(?:\.0)?\s*|[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_MARKS = re.compile(r"[\W_]+")
_MOST_NAMES = 4_096  # that are remembered without their spelling
_LEAST_COLUMNS = 3  # two columns that fit are no evidence


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
        *keys_for(
            "posts",
            id="id_str|id|tweet_id|tweetid|status_id|post_id|tweet_id_str|ids",
            text="text|full_text|tweet_text|tweet|content|body|post_text|raw_content"
                 "|tweet_content|tweet_body|message",
            created_at="created_at|created|date|datetime|timestamp|time|posted_at"
                       "|tweet_created_at|tweet_created|tweet_date|tweet_time|date_created"
                       "|tweet_datetime|tweet_timestamp|publish_date|post_date"
                       "|created_at_utc|parsed_created_at|tweet_posted_time"
                       "|tweet_posted_time_utc",
            author_id="author_id|user_id_str|user_id|userid|from_user_id_str|from_user_id"
                      "|author.id|tweet_author_id",
        ),
        Key("author_username|username|user_screen_name|screen_name|user_username|from_user|handle"
            "|author.username|author_handle|author_screen_name|user_handle|tweet_author"
            "|from_user_name|user_name|author|user", "users.username", HANDLE),
        Key("author_name|user_displayname|displayname|display_name|name|from_user_realname"
            "|author.name|full_name|user_full_name", "users.name"),
        *keys_for(
            "posts",
            like_count="like_count|likes|favorite_count|favourite_count|favorites|favourites"
                       "|likes_count|nlikes|n_likes|num_likes|favs|number_of_likes"
                       "|tweet_likes|likes_received",
            repost_count="repost_count|retweet_count|retweets|reposts|retweets_count"
                         "|nretweets|n_retweets|num_retweets|number_of_retweets"
                         "|tweet_retweets|retweets_received|rts",
            reply_count="reply_count|replies|replies_count|nreplies|n_replies|num_replies"
                        "|number_of_replies|comments|comment_count",
            quote_count="quote_count|quotes|quotes_count|number_of_quotes",
            bookmark_count="bookmark_count|bookmarks",
            impression_count="impression_count|impressions|views|view_count|views_count",
            lang="lang|language|tweet_language|tweet_lang",
            source="source|source_label|tweet_source|client|device",
            conversation_id="conversation_id_str|conversation_id",
            possibly_sensitive="possibly_sensitive", reply_settings="reply_settings",
            in_reply_to_user_id="in_reply_to_user_id_str|in_reply_to_user_id",
        ),
        Key("in_reply_to_user_id_str|in_reply_to_user_id", "post_mentions.user_id", ID,
            item="reply"),
        Key("in_reply_to_screen_name|in_reply_to_username|to|reply_to", "post_mentions.username",
            HANDLE, item="reply"),
        Key("in_reply_to_status_id_str|in_reply_to_status_id|in_reply_to_tweet_id|replied_to.id"
            "|in_reply_to_id|in_reply_to_post_id|in_response_to_tweet_id", "posts.id", ID,
            of="replied_to"),
        Key("quoted_status_id_str|quoted_status_id|quoted_tweet_id|quoted.id|quoted_id",
            "posts.id", ID, of="quoted"),
        Key("retweeted_status_id_str|retweeted_status_id|retweeted_tweet_id|retweeted.id"
            "|retweet_id|retweeted_id|reposted_id", "posts.id", ID, of="retweeted"),
        Key("hashtags|hashtag", "post_hashtags.tag", TAGS),
        Key("cashtags|symbols", "post_cashtags.tag", TAGS),
        Key("mentions|user_mentions|mentioned_users", "post_mentions.username", HANDLES),
        Key("urls|links|expanded_urls|outlinks", "post_urls.expanded_url", LINKS),
        Key("latitude|lat", "posts.latitude", NUMBER),
        Key("longitude|lng|lon|long", "posts.longitude", NUMBER),
        Key("coordinates", "posts.coordinates_type", POINT),
        Key("tweet_coord", "posts.coordinates_type", POINT_OF_LATITUDE),
        Key("place_id|geo.place_id", "posts.place_id"),
        *keys_for(
            "users",
            followers_count="user_followers_count|user_followers|followers_count|followers"
                            "|author_followers|user_follower_count|follower_count",
            following_count="user_friends_count|user_friends|friends_count|following_count"
                            "|user_following_count|following|user_following",
            post_count="user_statuses_count|statuses_count|user_tweet_count|tweet_count",
            like_count="user_favourites_count|user_favourites|favourites_count",
            listed_count="user_listed_count|listed_count", location="user_location",
            description="user_description|user_bio",
            created_at="user_created_at|user_created|account_created_at"
                       "|user_account_creation_date",
            verified="user_verified|verified|is_verified",
        ),
    ),
    used=("referenced_tweet_ids", "reference_types"),
    left_out=("url", "link", "tweet_url", "tweet_link", "status_url", "permalink", "tweet url",
              "post_url", "Unnamed*", "index", "profile_url", "profile url", ""),
    prepare=_prepare,
)
_USER = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            id="id_str|id|user_id_str|user_id|userid|author_id",
            username="username|screen_name|handle|user_screen_name",
            name="name|display_name|displayname|user_name|full_name",
            created_at="created_at|account_created_at|created",
            description="description|bio|profile_description", location="location",
            url="url|website", verified="verified", verified_type="verified_type",
            protected="protected", followers_count="followers_count|followers|follower_count",
            following_count="following_count|friends_count|friends|following",
            post_count="post_count|tweet_count|statuses_count|tweets_count|num_tweets",
            listed_count="listed_count",
            like_count="like_count|favourites_count|favorites_count", media_count="media_count",
            profile_image_url="profile_image_url|profile_image_url_https",
            profile_banner_url="profile_banner_url",
            pinned_post_id="pinned_tweet_id|pinned_post_id",
        ),
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
)
def adapted(format_: Format, columns: Collection[str]) -> Format:
    """Return the format with columns that have its names in another spelling, as in `Tweet ID`."""
    shape = format_.shape
    assert shape is not None
    spelled: dict[str, str] = {}
    for column in map(str, columns):
        if column not in shape.known and not shape.leaves_out(column) and "|" not in column:
            spelled.setdefault(_folded(column), column)
    if not spelled:
        return format_
    keys = tuple(_spelled(key, spelled, columns) for key in shape.keys)
    return format_ if keys == shape.keys else replace(format_, shape=replace(shape, keys=keys))


def _spelled(key: Key, spelled: Mapping[str, str], columns: Container[str]) -> Key:
    """Return a key with the columns that have its names in another spelling."""
    if any(name in columns for name in key.names):
        return key
    others = [spelled[folded] for folded in map(_folded, key.names) if folded in spelled]
    return replace(key, name="|".join((*key.names, *dict.fromkeys(others)))) if others else key


def first_names(columns: Collection[str]) -> tuple[bool, bool]:
    """Return whether there is a column with ids of posts, and one with their texts."""
    own = {_folded(str(name)) for name in columns}
    ids, texts = (any(_folded(name) in own for name in key.names) for key in _POST.keys[:2])
    return ids, texts


def is_post(record: Mapping[str, Any]) -> bool:
    """Whether an object is a post by the names of its keys."""
    shape = adapted(OBJECTS, record).shape
    return shape is not None and fits(shape, record, [record])


def has_names(columns: Collection[str]) -> bool:
    """Whether one of the columns is known for posts, in any spelling."""
    return not _NAMES.isdisjoint(map(_folded, map(str, columns)))


@lru_cache(maxsize=_MOST_NAMES)
def _folded(name: str) -> str:
    """Return a name without case and marks between words."""
    return _MARKS.sub("", name).lower()


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
        to = _column(target)
        own.append(Key(name, to, reading_of(to)))
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


def _column(target: str) -> str:
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
                return f"{name}.{column}"
    raise ArgumentError(
        f"map: expected a column of posts or users, such as `like_count`, got {target!r}. "
        "`xframes schema` lists them"
    )


_NAMES = frozenset(_folded(name) for key in _POST.keys for name in key.names)
_MARKS_OF_SNSCRAPE = ("Datetime", "Tweet Id", "Text", "Username")
SNSCRAPE = adapted(Format(
    "snscrape-csv", "snscrape, saved by pandas as in its tutorials", "flat", "table", _POST,
    certain=(_MARKS_OF_SNSCRAPE,),
), _MARKS_OF_SNSCRAPE)
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

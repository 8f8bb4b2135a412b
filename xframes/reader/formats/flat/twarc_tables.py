"""Tables of twarc 1 (json2csv) and of Hydrator."""

from __future__ import annotations

from typing import Any

from xframes.reader.formats.readings import (
    COUNT,
    FLAG,
    HANDLE,
    ID,
    ID_IN_LINK,
    LINKS,
    POINT,
    TAGS,
    TIME,
)
from xframes.reader.formats.source_format import Format, Key, Shape, keys_for

_EXACT_DIGITS = 14  # of a number in a spreadsheet
_REFERENCE = {"retweet": "retweeted", "quote": "quoted"}


def _prepare(fields: dict[str, Any]) -> dict[str, Any]:
    """Name the post that a repost or quote refers to by its type."""
    kind = str(fields.get("tweet_type", "")).lower()
    fields.setdefault("retweet_or_quote_id", fields.get("reweet_or_quote_id"))  # older versions
    for name in ("id", "screen_name", "user_id"):
        value = fields.get(f"retweet_or_quote_{name}")
        if value and kind in _REFERENCE:
            fields[f"{_REFERENCE[kind]}_{name}"] = value
        elif value and name == "id":
            text = str(fields.get("text", ""))
            fields["retweeted_id" if text.startswith("RT @") else "quoted_id"] = value
    return fields


def _user(prefix: str) -> tuple[Key, ...]:
    return (
        Key(f"{prefix}id_str|{prefix}id", "posts.author_id", ID),
        Key(f"{prefix}screen_name", "users.username", HANDLE),
        Key(f"{prefix}name", "users.name"),
        Key(f"{prefix}created_at", "users.created_at", TIME),
        Key(f"{prefix}description", "users.description"),
        Key(f"{prefix}location", "users.location"),
        Key(f"{prefix}favourites_count", "users.like_count", COUNT),
        Key(f"{prefix}followers_count", "users.followers_count", COUNT),
        Key(f"{prefix}friends_count", "users.following_count", COUNT),
        Key(f"{prefix}listed_count", "users.listed_count", COUNT),
        Key(f"{prefix}statuses_count", "users.post_count", COUNT),
        Key(f"{prefix}verified", "users.verified", FLAG),
        Key(f"{prefix}urls", "user_urls.expanded_url", LINKS, of="author"),
    )


REPLY = (
    Key("in_reply_to_status_id_str|in_reply_to_status_id", "posts.id", ID, of="replied_to"),
    Key("in_reply_to_user_id_str|in_reply_to_user_id", "posts.in_reply_to_user_id", ID),
    Key("in_reply_to_user_id_str|in_reply_to_user_id", "post_mentions.user_id", ID, item="reply"),
    Key("in_reply_to_screen_name", "post_mentions.username", HANDLE, item="reply"),
)
COUNTS = (
    *keys_for(
        "posts",
        like_count="favorite_count|favourite_count", repost_count="retweet_count",
        reply_count="reply_count", quote_count="quote_count",
    ),
)
_POST = (
    *keys_for(
        "posts",
        id="id_str|id", text="text|full_text", created_at="created_at|parsed_created_at",
        lang="lang", source="source", possibly_sensitive="possibly_sensitive",
    ),
    Key("coordinates", "posts.coordinates_type", POINT),
    Key("hashtags", "post_hashtags.tag", TAGS),
    Key("urls", "post_urls.expanded_url", LINKS),
    *COUNTS, *REPLY, *_user("user_"),
)
_LEFT = (
    "tweet_url", "media", "place", "user_default_profile_image", "user_time_zone", "tweet_type",
    "*tweet_or_quote_*", "parsed_created_at", "user_screen_name.1", "created_at",
)

TWARC1 = Format(
    "twarc1-csv", "twarc", "flat", "table",
    Shape(
        "post",
        keys=(
            *_POST,
            Key("retweeted_id", "posts.id", ID, of="retweeted"),
            Key("retweeted_user_id", "post_mentions.user_id", ID, item="reposted"),
            Key("retweeted_screen_name", "post_mentions.username", HANDLE, item="reposted"),
            Key("quoted_id", "posts.id", ID, of="quoted"),
        ),
        left_out=_LEFT, used=("tweet_type",), prepare=_prepare,
    ),
    certain=(("id", "tweet_url", "user_screen_name", "retweet_or_quote_id"),
             ("id", "tweet_url", "user_screen_name", "tweet_type"),
             ("id", "tweet_url", "parsed_created_at")),
    version="1 (json2csv)",
    cannot_say="ids of places and media; reposted and quoted posts themselves",
)
HYDRATOR = Format(
    "hydrator-csv", "Hydrator", "flat", "table",
    Shape(
        "post",
        keys=(
            *_POST,
            Key("retweet_id|retweeted_id", "posts.id", ID, of="retweeted"),
            Key("retweet_screen_name", "post_mentions.username", HANDLE, item="reposted"),
            Key("quote_id|quoted_id", "posts.id", ID, of="quoted"),
            Key("tweet_url", "posts.conversation_id", ID_IN_LINK),
        ),
        left_out=(*_LEFT, "quote_screen_name"), finish=lambda _, o: _without_thread(o.main),
    ),
    certain=(("id", "user_screen_name", "retweet_id", "retweet_screen_name"),
             ("id", "tweet_url", "user_screen_name", "user_followers_count")),
    cannot_say="ids of authors in older versions; ids of places and media; reposted and quoted "
               "posts themselves",
)


def _without_thread(post: dict[str, Any]) -> None:
    """Use the id in the link where a spreadsheet has rounded the column `id`."""
    linked, own = post.pop("conversation_id", None), post.get("id")
    if linked and (not own or _is_rounded(own, linked)):
        post["id"] = linked


def _is_rounded(id_: str, linked: str) -> bool:
    """Whether an id is another one without its last digits, as spreadsheets write numbers."""
    return len(id_) == len(linked) and id_[:_EXACT_DIGITS] == linked[:_EXACT_DIGITS]


FORMATS = (TWARC1, HYDRATOR)

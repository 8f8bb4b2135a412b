"""Lines and tables of Twint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.readings import (
    FLAG,
    HANDLE,
    ID,
    ID_IN_LINK,
    LINKS,
    POINT_OF_LATITUDE,
    TAGS,
    TIME,
    Reading,
    as_time,
    is_nothing,
    items,
    literal,
)
from xframes.reader.formats.scrapers.snscrape import MENTIONS
from xframes.reader.formats.source_format import Format, Key, Shape, keys_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Objects


def _prepare(fields: dict[str, Any]) -> dict[str, Any]:
    """Read the time where `created_at` names a zone in words."""
    try:
        as_time(fields.get("created_at"))
    except (ValueError, TypeError, OverflowError):
        zone = fields.get("timezone") or "+0000"
        if not is_nothing(fields.get("date")) and not is_nothing(fields.get("time")):
            fields["created_at"] = f"{fields['date']} {fields['time']} {zone}"
    return fields


def _finish(fields: Mapping[str, Any], objects: Objects) -> None:
    """Read whom the post replies to: a list of people, without the post.

    In older versions it begins with the author, also where the post is not a reply.
    """
    main = objects.main
    replied = fields.get("reply_to")
    if is_nothing(replied) or main.get("conversation_id") == main.get("id"):
        return
    author = None
    for person in items(replied):
        if isinstance(person, dict):
            id_ = person.get("id") or person.get("user_id")
            name = person.get("screen_name") or person.get("username")
            if is_nothing(id_) or not isinstance(name, str):
                continue
            if ID(id_) == main.get("author_id"):
                author = ID(id_)
                continue
            mentions = main.setdefault("entities", {}).setdefault("mentions", [])
            mentions.append({"id": ID(id_), "username": name})
            main.setdefault("in_reply_to_user_id", ID(id_))
    if author is not None:
        main.setdefault("in_reply_to_user_id", author)


def _point(value: Any) -> Any:
    if isinstance(value, str):
        value = literal(value)
    if not isinstance(value, dict):
        raise TypeError("expected a point")
    return POINT_OF_LATITUDE(value.get("coordinates"))


def _prepare_user(fields: dict[str, Any]) -> dict[str, Any]:
    day, time = fields.get("join_date"), fields.get("join_time")
    if not is_nothing(day):
        fields["_joined"] = day if is_nothing(time) else f"{day} {time}"
    return fields


SHAPE = Shape(
    "post",
    keys=(
        *keys_for(
            "posts",
            id="id", text="tweet", conversation_id="conversation_id", created_at="created_at",
            lang="language",
        ),
        Key("source", "posts.source"),
        *keys_for(
            "posts",
            like_count="likes_count|nlikes|likes",
            repost_count="retweets_count|nretweets|retweets",
            reply_count="replies_count|nreplies|replies",
        ),
        Key("hashtags", "post_hashtags.tag", TAGS), Key("cashtags", "post_cashtags.tag", TAGS),
        Key("mentions", "post_mentions", MENTIONS),
        Key("place", "posts.coordinates_type", Reading(
            "point, latitude first", _point,
            ({"type": "Point", "coordinates": [51.5, -0.12]},))),
        Key("urls", "post_urls.expanded_url", LINKS),
        Key("quote_url", "posts.id", ID_IN_LINK, of="quoted"),
        Key("retweet_id", "posts.id", ID, of="retweeted"),
        Key("user_rt", "post_mentions.username", HANDLE, item="reposted"),
        Key("user_rt_id", "post_mentions.user_id", ID, item="reposted"),
        Key("user_id", "posts.author_id", ID),
        Key("username|screen_name|user", "users.username", HANDLE),
        Key("name", "users.name"),
    ),
    used=("date", "time", "timezone", "reply_to"),
    left_out=("photos", "link", "retweet", "video", "thumbnail", "near", "geo",
              "retweet_date", "translate", "trans_src", "trans_dest", "user_id_str",
              "created_at", "reply_to*", "hour", "day", "search", "id_str", "location",
              "time_update", "date_update", "search_name"),
    prepare=_prepare, finish=_finish,
)
USER = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            id="id", username="username", name="name", description="bio", location="location",
            url="url", post_count="tweets", following_count="following",
            followers_count="followers", like_count="likes", media_count="media",
            profile_image_url="profile_image_url|avatar", profile_banner_url="background_image",
        ),
        Key("_joined", "users.created_at", TIME), Key("private", "users.protected", FLAG),
        Key("verified", "users.verified", FLAG),
    ),
    used=("join_date", "join_time"),
    left_out=("id_str", "hex_dig", "time_update", "date_update", "follower", "follows"),
    samples={"join_date": "5 May 2012", "join_time": "10:00 AM"}, prepare=_prepare_user,
)
_TOOL = "Twint (JSON, CSV and SQLite)"
_MARKS = (("id", "tweet", "username", "replies_count"), ("id", "tweet", "username", "nlikes"),
          ("id", "tweet", "conversation_id", "username"))
_DATABASE = (*_MARKS, ("id", "tweet", "screen_name", "replies_count"),
             ("id", "tweet", "user", "search_name"))
_USER_MARKS = (("id", "username", "bio", "join_date"),)
FORMATS = (
    Format("twint", _TOOL, "scrapers", "json", SHAPE, certain=_MARKS,
           cannot_say="ids of posts replied to; whole reposted and quoted posts; keys of media"),
    Format("twint-csv", _TOOL, "scrapers", "table", SHAPE, certain=_DATABASE,
           cannot_say="ids of posts replied to; whole reposted and quoted posts; keys of media"),
    Format("twscrape-accounts", "twscrape's own logins (SQLite)", "scrapers", "table",
           certain=(("username", "password"),), way_out="they have no posts"),
    Format("twint-user", _TOOL, "scrapers", "json", USER, certain=_USER_MARKS),
    Format("twint-user-csv", _TOOL, "scrapers", "table", USER, certain=_USER_MARKS),
)

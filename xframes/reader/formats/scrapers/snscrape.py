"""Lines of snscrape and twscrape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import read_record
from xframes.reader.formats.file_objects import Notes
from xframes.reader.formats.readings import (
    COUNT,
    ID,
    POINT,
    TAGS,
    Reading,
    is_nothing,
    items,
    paired,
)
from xframes.reader.formats.source_format import Format, Inner, Key, Shape, keys_for
from xframes.reader.formats.v11.status_shape import FIRST_ID, VERIFIED_TYPE, finish_edits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Objects


def _links(value: Any) -> list[dict[str, Any]]:
    """Return links, which are texts in older versions and objects in newer ones."""
    links: list[dict[str, Any]] = []
    for item in items(value):
        if isinstance(item, str):
            links.append({"expanded_url": item})
        elif isinstance(item, dict):
            link: dict[str, Any] = {"expanded_url": item.get("url"), "url": item.get("tcourl")}
            indices = item.get("indices")
            if isinstance(indices, list) and len(indices) == 2:
                link["start"], link["end"] = (COUNT(index) for index in indices)
            links.append({name: one for name, one in link.items() if not is_nothing(one)})
    return links


def _mentions(value: Any) -> list[dict[str, Any]]:
    mentions = []
    for item in items(value):
        name = (item.get("username") or item.get("screen_name")) if isinstance(item, dict) else item
        if isinstance(name, str) and name:
            mention: dict[str, Any] = {"username": name.removeprefix("@")}
            if isinstance(item, dict) and not is_nothing(item.get("id")):
                mention["id"] = ID(item["id"])
            mentions.append(mention)
    return mentions


LINKS = Reading("links", _links, (["https://ana.example.org"],))
MENTIONS = Reading("mentioned users", _mentions, ([{"username": "bo", "id": 502}],))

def _prepare_user(fields: dict[str, Any]) -> dict[str, Any]:
    """Name the kind of a verified account where the file only says that it is of the blue kind."""
    if fields.get("blue") is True and is_nothing(fields.get("blueType")):
        fields["blueType"] = "blue"
    return fields


def _finish_user(fields: Mapping[str, Any], objects: Objects) -> None:
    """Move the links of the profile text to their place, and add the profile's own link."""
    entities = objects.main.pop("entities", {})
    own: dict[str, Any] = {}
    if "url" in entities:
        own["description"] = entities["url"]
    link = fields.get("link")
    if isinstance(link, dict):
        own["url"] = {"urls": _links([link])}
        if isinstance(link.get("tcourl"), str):
            objects.main["url"] = link["tcourl"]
    elif isinstance(fields.get("linkUrl"), str):
        own["url"] = {"urls": [{"expanded_url": fields["linkUrl"]}]}
        if isinstance(fields.get("linkTcourl"), str):
            objects.main["url"] = fields["linkTcourl"]
    if own:
        objects.main["entities"] = own


USER = Shape(
    "user",
    keys=(
        *keys_for(
            "users",
            id="id_str|id", username="username", name="displayname", created_at="created",
            description="rawDescription|description", location="location", verified="verified",
            protected="protected", followers_count="followersCount",
            following_count="friendsCount", post_count="statusesCount",
            like_count="favouritesCount", listed_count="listedCount", media_count="mediaCount",
        ),
        Key("blueType", "users.verified_type", VERIFIED_TYPE),
        Key("pinnedIds", "users.pinned_post_id", FIRST_ID),
        Key("profileImageUrl", "users.profile_image_url"),
        Key("profileBannerUrl", "users.profile_banner_url"),
        Key("descriptionLinks|descriptionUrls", "user_urls", LINKS),
    ),
    left_out=("_type", "url", "id", "description", "renderedDescription", "descriptionUrls",
              "descriptionLinks", "linkUrl", "linkTcourl", "link", "link.*", "label", "label.*",
              "can_dm", "canDm"),
    used=("blue",), prepare=_prepare_user, finish=_finish_user,
)


PLACE = Shape(
    "place",
    keys=(
        *keys_for(
            "places",
            id="id", full_name="fullName", name="name", place_type="type", country="country",
            country_code="countryCode",
        ),
    ),
    left_out=("_type",),
)


def _prepare(fields: dict[str, Any]) -> dict[str, Any]:
    """Read both texts of a link where older versions have two lists of them."""
    if is_nothing(fields.get("links")) and isinstance(fields.get("tcooutlinks"), list):
        links = paired(fields, " ", url="outlinks", tcourl="tcooutlinks")
        if links:
            fields["links"] = links
    control = fields.get("editControl")
    if isinstance(control, dict):
        fields["edit_control"] = control
    return fields


def _finish(fields: Mapping[str, Any], objects: Objects) -> None:
    for item in fields.get("mentionedUsers") or ():
        if isinstance(item, dict) and not is_nothing(item.get("id")) and "displayname" in item:
            user = read_record(USER, item, Notes("")).main
            if isinstance(user.get("username"), str):
                objects.include("user", user)
    shown = fields.get("displayTextRange")
    if isinstance(shown, list) and len(shown) == 2:
        objects.main["display_text_range"] = [COUNT(index) for index in shown]
    finish_edits(fields, objects.main)


POST: Shape = Shape(
    "post",
    keys=(
        *keys_for(
            "posts",
            id="id_str|id", text="rawContent|content|renderedContent", created_at="date",
            lang="lang", conversation_id="conversationIdStr|conversationId",
            source="sourceLabel|source", like_count="likeCount", repost_count="retweetCount",
            reply_count="replyCount", quote_count="quoteCount",
            bookmark_count="bookmarkCount|bookmarkedCount", impression_count="viewCount",
            possibly_sensitive="possibly_sensitive|possiblySensitive",
        ),
        Key("hashtags", "post_hashtags.tag", TAGS), Key("cashtags", "post_cashtags.tag", TAGS),
        Key("links|outlinks", "post_urls", LINKS), Key("mentionedUsers", "post_mentions", MENTIONS),
        Key("coordinates", "posts.coordinates_type", POINT),
        Key("inReplyToTweetIdStr|inReplyToTweetId", "posts.id", ID, of="replied_to"),
        Key("inReplyToUser.id_str|inReplyToUser.id", "posts.in_reply_to_user_id", ID),
    ),
    inner=(
        Inner("user", lambda: USER, "author"), Inner("retweetedTweet", lambda: POST, "retweeted"),
        Inner("quotedTweet", lambda: POST, "quoted"), Inner("place", lambda: PLACE, "place"),
        Inner("inReplyToUser", lambda: USER, "user"),
    ),
    left_out=("_type", "url", "id", "content", "renderedContent", "source", "sourceUrl",
              "outlinks", "tcooutlinks", "media", "media.*", "inReplyToTweetId",
              "conversationId", "card", "card.*", "vibe", "vibe.*", "textLinks",
              "coordinates*", "tags", "allcountries", "mentionedUsers", "username", "isConver*",
              "pinned", "editState", "text", "text.*", "isQuoteStatus", "isTranslatable",
              "inReplyToScreenName", "voiceInfo*"),
    used=("displayTextRange", "editControl", "editControl.edit_tweet_ids",
          "editControl.editable_until_msecs", "editControl.is_edit_eligible",
          "editControl.edits_remaining"),
    prepare=_prepare, finish=_finish,
)


def _is_other(document: Mapping[str, Any]) -> bool:
    return str(document.get("_type", "")).startswith("snscrape.modules.")


_TOOL, _VERSION = "snscrape", "0.3 to 0.7, also twscrape (lines of JSON)"
_CANNOT = "keys of media"
FORMATS = (
    Format("snscrape", _TOOL, "scrapers", "json", POST, version=_VERSION, cannot_say=_CANNOT,
           certain=(
        ("_type=snscrape.modules.twitter.Tweet",), ("rawContent", "id", "user.username"),
        ("renderedContent", "id", "user.username"), ("content", "date", "id", "user.username"),
    )),
    Format("snscrape-user", _TOOL, "scrapers", "json", USER, version=_VERSION, certain=(
        ("_type=snscrape.modules.twitter.User",), ("displayname", "id", "username"),
    )),
    Format("snscrape-tombstone", "snscrape's marks of missing posts", "scrapers", "json",
           certain=(("_type=snscrape.modules.twitter.Tombstone",),
                    ("_type=snscrape.modules.twitter.TweetRef",)),
           way_out="`xframes hydrate` looks their ids up"),
    Format("snscrape-other", "other objects of snscrape (trends, communities, other sites)",
           "scrapers", "json", fits=_is_other, way_out="no table holds them"),
)

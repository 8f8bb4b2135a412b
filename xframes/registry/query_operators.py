"""The operators of X's search language, and how a query is split into terms.

Source: docs.x.com/x-api/posts/search/integrate/operators and its sibling for filtered streams.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Product = Literal["recent", "all", "stream"]

_ID = r"[0-9]{1,19}"
_ACCOUNT = r"@?[A-Za-z0-9_]{1,20}"
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_ANY = r".+"
_COUNT = r"[0-9]{1,9}"
_EVERYWHERE: tuple[Product, ...] = ("recent", "all", "stream")


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator `name:value`: the pattern of its values, and where X accepts it.

    `alone` says whether a query may consist of it only. `products` are recent and full-archive
    search (with their counts) and the rules of the filtered stream. `aliases` are other names.
    """

    name: str
    value: str
    alone: bool = True
    products: tuple[Product, ...] = _EVERYWHERE
    aliases: tuple[str, ...] = ()


IS = ("nullcast", "quote", "reply", "retweet", "verified")
HAS = (
    "cashtags", "geo", "hashtags", "images", "links", "media", "media_link", "mentions", "polls",
    "video_link", "videos",
)
OPERATORS = (
    Operator("from", _ACCOUNT),
    Operator("to", _ACCOUNT),
    Operator("retweets_of", _ACCOUNT),
    Operator("url", _ANY),
    Operator("entity", _ANY, products=("recent", "stream")),
    Operator("context", r"[0-9]+\.[0-9]+"),
    Operator("conversation_id", _ID),
    Operator("list", _ID),
    Operator("in_reply_to_tweet_id", _ID, aliases=("in_reply_to_status_id",)),
    Operator("retweets_of_tweet_id", _ID, aliases=("retweets_of_status_id",)),
    Operator("quotes_of_tweet_id", _ID, aliases=("quotes_of_status_id",)),
    Operator("place", _ANY),
    Operator("place_country", r"[A-Za-z]{2}"),
    Operator("point_radius", rf"\[{_NUMBER} {_NUMBER} [0-9]+(?:\.[0-9]+)?(?:mi|km)\]"),
    Operator("bounding_box", rf"\[{_NUMBER}(?: {_NUMBER}){{3}}\]", aliases=("geo_bounding_box",)),
    Operator("lang", r"[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?", alone=False),
    Operator("is", "|".join(IS), alone=False),
    Operator("has", "|".join(HAS), alone=False),
    Operator("min_likes", _COUNT, alone=False),
    Operator("min_replies", _COUNT, alone=False),
    Operator("min_reposts", _COUNT, alone=False),
    Operator("sample", r"[1-9][0-9]?|100", alone=False, products=("stream",)),
)
BY_NAME = {name: operator for operator in OPERATORS for name in (operator.name, *operator.aliases)}

RULES_ONLY = frozenset({
    "bio", "bio_location", "bio_name", "followers_count", "following_count", "from_affiliate_of",
    "listed_count", "min_followers", "source", "to_affiliate_of", "tweets_count", "url_contains",
    "url_description", "url_title",
})
"""Further operators, of rules of the filtered stream only."""

ALONE = frozenset({
    "word", "phrase", "hashtag", "cashtag", "mention",
    *(operator.name for operator in OPERATORS if operator.alone),
})
"""The kinds of terms of which a query may consist."""

WEBSITE = {
    "since": "pass start_time=…", "until": "pass end_time=…",
    "since_time": "pass start_time=…", "until_time": "pass end_time=…",
    "since_id": "pass since_id=…", "max_id": "pass until_id=…",
    "min_faves": "use min_likes:", "min_retweets": "use min_reposts:",
    "filter:links": "use has:links", "filter:media": "use has:media",
    "filter:images": "use has:images", "filter:twimg": "use has:images",
    "filter:videos": "use has:videos", "filter:native_video": "use has:videos",
    "filter:replies": "use is:reply", "filter:quote": "use is:quote",
    "filter:retweets": "use is:retweet", "filter:nativeretweets": "use is:retweet",
    "filter:verified": "use is:verified", "filter:hashtags": "use has:hashtags",
    "include:nativeretweets": "use is:retweet", "exclude:retweets": "use -is:retweet",
    "exclude:replies": "use -is:reply",
    "near": "use place: or point_radius:[longitude latitude 10km]",
    "geocode": "use point_radius:[longitude latitude 10km]",
    "within": "use point_radius:[longitude latitude 10km]",
    "quoted_tweet_id": "use quotes_of_tweet_id:", "user": "use from:", "author": "use from:",
    "mentions": "use @name", "hashtag": "use #tag", "cashtag": "use $tag",
}
"""Operators of X's website and of API v1.1, and what replaces them in API v2."""

WIDEST_KM = 40.234
"""Greatest radius, width and height of a place, 25 miles."""

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<open>\()|(?P<close>\))|(?P<minus>-(?=[^\s)]))
      |(?P<name>[A-Za-z_]+):(?:"(?P<quoted>[^"]*)"|(?P<boxed>\[[^\]]*\])|(?P<value>[^\s()"]*))
      |"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+)""",
    re.VERBOSE,
)
KINDS = ("space", "open", "close", "minus", "name", "phrase", "word")
SIGNS = {"#": "hashtag", "$": "cashtag", "@": "mention"}
DEPTH = 50  # parentheses inside parentheses

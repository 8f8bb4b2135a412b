"""The export of 2012 to 2018 (Grailbird): `tweets.csv`, and JavaScript by month."""

from __future__ import annotations

from xframes.reader.formats.exports.account_files import READ, posts
from xframes.reader.formats.readings import ID, LINKS, TIME
from xframes.reader.formats.source_format import Format, Key, Shape, keys_for
from xframes.reader.formats.v11.status_shape import STATUS

_TOOL = "X's export of an account"
READ["grailbird"] = posts
FORMATS = (
    Format("grailbird", _TOOL, "exports", "js", STATUS, certain=(("tweets_*",),),
           version="2012 to 2018 (Grailbird)", cannot_say="likes and reposts counted"),
    Format(
        "grailbird-csv", _TOOL, "exports", "table",
        Shape(
            "post",
            keys=(
                *keys_for(
                    "posts",
                    id="tweet_id", text="text", created_at="timestamp", source="source",
                ),
                Key("in_reply_to_status_id", "posts.id", ID, of="replied_to"),
                Key("in_reply_to_user_id", "posts.in_reply_to_user_id", ID),
                Key("retweeted_status_id", "posts.id", ID, of="retweeted"),
                Key("retweeted_status_user_id", "posts.author_id", ID, of="retweeted"),
                Key("retweeted_status_timestamp", "posts.created_at", TIME, of="retweeted"),
                Key("expanded_urls", "post_urls.expanded_url", LINKS),
            ),
        ),
        certain=(("tweet_id", "timestamp", "text", "retweeted_status_id"),
                 ("tweet_id", "timestamp", "source", "text")),
        version="2012 to 2018 (tweets.csv)",
        cannot_say="the author; counts; hashtags and mentions; media",
    ),
)

"""Tables of X Analytics: of posts and of days, as downloaded before and after 2024."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import COUNT, ID, TIME, as_time, is_nothing
from xframes.reader.formats.source_format import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Notes

_HANDLE = re.compile(r"(?:twitter|x)\.com/(\w{1,20})/status")
_METRICS = {
    "impressions": "impressions", "likes": "likes", "favorites": "likes",
    "engagements": "engagements", "bookmarks": "bookmarks", "shares": "shares",
    "new follows": "follows", "follows": "follows", "unfollows": "unfollows", "replies": "replies",
    "reposts": "retweets", "retweets": "retweets", "profile visits": "profile_visits",
    "detail expands": "detail_expands", "url clicks": "url_clicks",
    "hashtag clicks": "hashtag_clicks", "permalink clicks": "permalink_clicks",
    "user profile clicks": "user_profile_clicks", "app opens": "app_opens",
    "app installs": "app_install_attempts", "email tweet": "email_tweet",
    "media views": "media_views", "media engagements": "media_engagements",
    "quote posts": "quote_tweets", "quotes": "quote_tweets", "link clicks": "link_clicks",
    "unlikes": "unlikes",
}
_LEFT = re.compile(r"promoted .*|engagement rate|dial phone|.*permalink|post link|video views|"
                   r"create post|tweets published|.* rate")


def _metric(cell: Any) -> int | None:
    if is_nothing(cell) or str(cell).strip() == "-":
        return None
    return COUNT(cell)  # type: ignore[no-any-return]  # a count is an int or None


def _post(row: Mapping[str, Any], notes: Notes) -> list[Converted]:
    cells = {str(name).strip().lower(): cell for name, cell in row.items()}
    names = {str(name).strip().lower(): str(name) for name in row}
    try:
        id_ = ID(next(cells[n] for n in ("post id", "tweet id") if n in cells))
    except (ValueError, TypeError, StopIteration):
        notes.add_record("a row without a post's id")
        return []
    metrics: dict[str, Any] = {"id": id_}
    post: dict[str, Any] = {"id": id_}
    for name, cell in cells.items():
        try:
            if not is_nothing(cell) and not _read_cell(name, cell, metrics, post):
                notes.add_column(names[name])
        except (ValueError, TypeError) as error:
            notes.add_value(names[name], cell, str(error))
    page = {"data": [metrics], "includes": {"tweets": [post] if "text" in post else []}}
    return [Converted(page, "post_analytics", "analytics.posts")]


def _read_cell(name: str, cell: Any, metrics: dict[str, Any], post: dict[str, Any]) -> bool:
    """Read a cell. Returns False for a column that is not known."""
    if name in _METRICS:
        metrics[_METRICS[name]] = _metric(cell)
    elif name in {"post text", "tweet text"}:
        post["text"] = str(cell)
    elif name in {"date", "time"}:
        metrics["timestamp"] = TIME(cell)
        if name == "time":  # the date alone is not when it was posted
            post["created_at"] = TIME(cell)
    elif "link" in name:
        if hit := _HANDLE.search(str(cell)):
            post["username"] = hit[1]
    else:
        return name in {"post id", "tweet id"} or _LEFT.fullmatch(name) is not None
    return True


_OF_DAYS = {"create post": "posts_created", "tweets published": "posts_created",
            "video views": "video_views"}


def _day(row: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Read the numbers of a day."""
    own: dict[str, Any] = {}
    for name, cell in row.items():
        plain = str(name).strip().lower()
        metric = _METRICS.get(plain) or _OF_DAYS.get(plain)
        try:
            if is_nothing(cell):
                continue
            if plain == "date":
                own["date"] = as_time(cell).date().isoformat()
            elif metric is not None:
                own[metric] = _metric(cell)
            elif not _LEFT.fullmatch(plain):
                notes.add_column(str(name))
        except (ValueError, TypeError) as error:
            notes.add_value(str(name), cell, str(error))
    if "date" not in own:
        notes.add_record("a row without a date")
        return []
    return [Converted({"data": [own]}, "account_analytics")]


FORMATS = (
    Format(
        "analytics-posts", "X Analytics: posts", "exports", "table", convert=_post,
        version="before and since 2024",
        certain=(("Post id", "Impressions", "Engagements"), ("Post ID", "Impressions"),
                 ("Tweet id", "impressions", "engagements"),
                 ("Tweet id", "Tweet text", "impressions")),
        tables=("post_analytics", "posts"), cannot_say="counts of promotion",
    ),
    Format(
        "analytics-days", "X Analytics: overviews of an account by day", "exports", "table",
        version="before and since 2024", convert=_day, tables=("account_analytics",),
        cannot_say="the account",
        certain=(("Date", "Impressions", "Engagements", "Profile visits", "Create Post"),
                 ("Date", "Impressions", "Engagements", "New follows", "Unfollows"),
                 ("Date", "Tweets published", "impressions"),
                 ("Date", "impressions", "engagements")),
    ),
    Format(
        "analytics-videos", "X Analytics: overviews of videos by day", "exports", "table",
        certain=(("Video overview",), ("Date", "Views", "Watch Time (ms)")),
        way_out="download the content of the account instead",
    ),
)

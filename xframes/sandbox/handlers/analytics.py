"""Analytics of one's own posts and media: the same numbers however they are cut into hours, days or weeks.

A post's measures gather along a curve that ends, when the community's life ends, at the counts the post shows. Each
span is the difference between two points of the curve, so that spans of any size add up.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

from xframes.sandbox.asked import stamp
from xframes.sandbox.people import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.sandbox.model import Post

    from .context import Context, Handler

_HOUR_MS = 3_600_000
_STEP_MS = {"hourly": _HOUR_MS, "daily": DAY_MS, "weekly": 7 * DAY_MS}
_MONDAY_MS = 4 * DAY_MS  # the first Monday after the epoch
_FADE_MS = 36 * _HOUR_MS
_PERMILLE = {
    "url_clicks": 12, "link_clicks": 9, "hashtag_clicks": 3, "detail_expands": 40, "permalink_clicks": 6,
    "user_profile_clicks": 15, "profile_visits": 11, "follows": 2, "unfollows": 1, "unlikes": 1, "shares": 4,
    "media_views": 300, "media_engagements": 25, "email_tweet": 1, "app_opens": 1, "app_install_attempts": 1,
}
_TAPPED = {"play_from_tap": 150, "cta_url_clicks": 9, "cta_watch_clicks": 5}
_QUARTERS = ("playback25", "playback50", "playback75", "playback_complete")
_LONG_MS = 120_000
_WITH_MEDIA = ("media_views", "media_engagements")


def _post_totals(post: Post) -> dict[str, int]:
    """What a post has gathered by the end of the community's life."""
    made = {"impressions": post.impressions, "likes": post.likes, "replies": post.replies, "retweets": post.reposts,
            "quote_tweets": post.quotes, "bookmarks": post.bookmarks}
    for name, share in _PERMILLE.items():
        if name not in _WITH_MEDIA or post.media:
            made[name] = post.impressions * (share + zlib.crc32(f"{post.id} {name}".encode()) % share) // 2000
        else:
            made[name] = 0
    made["engagements"] = sum(made[name] for name in ("likes", "replies", "retweets", "quote_tweets", "bookmarks",
                                                      "url_clicks", "detail_expands", "user_profile_clicks"))
    return made


def _media_totals(key: str, views: int, duration: int) -> dict[str, int]:
    """What a medium has gathered: each keeps its own share of its viewers from quarter to quarter, long ones less."""
    made = {"video_views": views, "playback_start": views}
    left, watched = views, 0
    for nth, name in enumerate(_QUARTERS):
        luck = zlib.crc32(f"{key} {name}".encode()) % 220
        keeps = (620 if nth == 0 else 730) + luck - 110 * min(duration, _LONG_MS) // _LONG_MS
        before, left = left, left * keeps // 1000
        watched += (before + left) * duration // 8  # those who leave within a quarter see half of it
        made[name] = left
    made |= {name: views * share // 1000 for name, share in _TAPPED.items()}
    return made | {"watch_time_ms": watched}


def _gathered(total: int, born: int, ends: int, at: int) -> int:
    """How much of a total has come by an instant."""
    if at <= born or ends <= born:
        return total if at > born else 0
    share = (1 - math.exp(-(min(at, ends) - born) / _FADE_MS)) / (1 - math.exp(-(ends - born) / _FADE_MS))
    return int(total * share + 1e-9)


def _spans(start: int, end: int, granularity: str) -> Iterator[tuple[int, int, int]]:
    """The spans of a window: when each is said to begin, and what of it lies in the window."""
    if granularity == "total":
        yield start, start, end
        return
    step = _STEP_MS[granularity]
    offset = _MONDAY_MS if granularity == "weekly" else 0
    at = start - (start - offset) % step
    while at < end:
        yield at, max(at, start), min(at + step, end)
        at += step


def _metered(context: Context, totals: Mapping[str, int], born: int) -> list[dict[str, Any]]:
    """The measures asked for, span by span, from the span the thing was made in."""
    args = context.asked.args
    ends = context.community.now
    wanted = context.asked.fields.get(context.asked.action.objects or "", frozenset(totals))
    names = [name for name in totals if name in wanted]
    found = []
    for at, low, high in _spans(args["start_time"], args["end_time"], args["granularity"]):
        if high > born and low < max(ends, context.now):
            metrics = {n: _gathered(totals[n], born, ends, high) - _gathered(totals[n], born, ends, low) for n in names}
            found.append({"timestamp": stamp(at, digits=False), "metrics": metrics})
    return found


def posts(context: Context) -> dict[str, Any]:
    """One's own posts; other people's and missing ones are partial errors."""
    context.asked.args.setdefault("granularity", "total")
    answer = context.answer()
    data = []
    for id in dict.fromkeys(context.asked.args["post_ids"]):
        post = answer.find_post(id, "ids", "data")
        if post is not None and post.author is context.viewer:
            data.append({"id": str(id), "timestamped_metrics": _metered(context, _post_totals(post), post.at)})
        elif post is not None:
            answer.errors.not_authorized("post", "ids", str(id), "data")
    return answer.body(data)


def media(context: Context) -> dict[str, Any]:
    """The media of one's own posts; other people's and missing ones are partial errors."""
    context.asked.args.setdefault("granularity", "daily")
    answer = context.answer()
    owners = {each.key: (post, each) for post in context.community.posts.values() for each in post.media}
    mine = {key: found for key, found in owners.items() if found[0].author is context.viewer}
    data = []
    for key in dict.fromkeys(context.asked.args["media_keys"]):
        if key in mine:
            post, found = mine[key]
            totals = _media_totals(key, found.views, found.duration)
            data.append({"media_key": key, "timestamped_metrics": _metered(context, totals, post.at)})
        elif key in owners:
            answer.errors.not_authorized("media", "media_keys", key, "data")
        else:
            answer.errors.not_found("media", "media_keys", key)
    return answer.body(data)


HANDLERS: dict[str, Handler] = {"analytics.posts": posts, "analytics.media": media}

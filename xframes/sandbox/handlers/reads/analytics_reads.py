"""Read analytics of the user's own posts and media, by hour, day or week.

A post's measures grow along a curve that ends, when the community's life ends, at the counts the
post shows. Each span is the difference between two points of the curve, so the sum over a period is
the same for spans of any size.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

from xframes.sandbox.world.snowflakes import DAY_MS, HOUR_MS, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Post

_STEP_MS = {"hourly": HOUR_MS, "daily": DAY_MS, "weekly": 7 * DAY_MS}
_MONDAY_MS = 4 * DAY_MS  # the first Monday after the epoch
_FADE_MS = 36 * HOUR_MS
_PERMILLE = {
    "url_clicks": 12,
    "link_clicks": 9,
    "hashtag_clicks": 3,
    "detail_expands": 40,
    "permalink_clicks": 6,
    "user_profile_clicks": 15,
    "profile_visits": 11,
    "follows": 2,
    "unfollows": 1,
    "unlikes": 1,
    "shares": 4,
    "media_views": 300,
    "media_engagements": 25,
    "email_tweet": 1,
    "app_opens": 1,
    "app_install_attempts": 1,
}
_TAPPED = {"play_from_tap": 150, "cta_url_clicks": 9, "cta_watch_clicks": 5}
_QUARTERS = ("playback25", "playback50", "playback75", "playback_complete")
_LONG_MS = 120_000
_WITH_MEDIA = ("media_views", "media_engagements")
_ENGAGEMENTS = ("likes", "replies", "retweets", "quote_tweets", "bookmarks", "url_clicks",
                "detail_expands", "user_profile_clicks")


def _post_totals(post: Post) -> dict[str, int]:
    """Return the measures of a post at the end of the community's life."""
    totals = {
        "impressions": post.impressions, "likes": post.likes, "replies": post.replies,
        "retweets": post.reposts, "quote_tweets": post.quotes, "bookmarks": post.bookmarks,
    }
    for name, share in _PERMILLE.items():
        totals[name] = 0
        if name not in _WITH_MEDIA or post.media:
            luck = zlib.crc32(f"{post.id} {name}".encode()) % share
            totals[name] = post.impressions * (share + luck) // 2000
    totals["engagements"] = sum(totals[name] for name in _ENGAGEMENTS)
    return totals


def media_totals(key: str, views: int, duration: int) -> dict[str, int]:
    """Return the measures of a medium at the end of the community's life.

    Each medium keeps its own share of viewers from quarter to quarter, less if it is long.
    """
    totals = {"video_views": views, "playback_start": views}
    viewers, watched = views, 0
    for quarter, name in enumerate(_QUARTERS):
        luck = zlib.crc32(f"{key} {name}".encode()) % 220
        base = 620 if quarter == 0 else 730
        share = base + luck - 110 * min(duration, _LONG_MS) // _LONG_MS
        before, viewers = viewers, viewers * share // 1000
        watched += (before + viewers) * duration // 8  # who leaves within a quarter sees half of it
        totals[name] = viewers
    totals |= {name: views * share // 1000 for name, share in _TAPPED.items()}
    return totals | {"watch_time_ms": watched}


def _share_by(born: int, ends: int, at: int) -> float:
    """Return how much of a total has come by an instant, from 0 to 1."""
    if at <= born:
        return 0.0
    if ends <= born:
        return 1.0
    grown = 1 - math.exp(-(min(at, ends) - born) / _FADE_MS)
    return grown / (1 - math.exp(-(ends - born) / _FADE_MS))


def _spans(start: int, end: int, granularity: str) -> Iterator[tuple[int, int, int]]:
    """Yield the spans of a window: the timestamp of each, and its part within the window."""
    if granularity == "total":
        yield start, start, end
        return
    step = _STEP_MS[granularity]
    offset = _MONDAY_MS if granularity == "weekly" else 0
    at = start - (start - offset) % step
    while at < end:
        yield at, max(at, start), min(at + step, end)
        at += step


def _measures(context: Context, totals: Mapping[str, int], born: int) -> list[dict[str, Any]]:
    """Return the requested measures of each span, from the span of `born`."""
    args = context.request.args
    ends = context.community.now
    wanted = context.request.fields.get(context.request.action.objects or "", frozenset(totals))
    rows = []
    for at, low, high in _spans(args["start_time"], args["end_time"], args["granularity"]):
        if high <= born or low >= max(ends, context.now):
            continue
        before, after = _share_by(born, ends, low), _share_by(born, ends, high)
        metrics = {
            name: _part(total, after) - _part(total, before)
            for name, total in totals.items() if name in wanted
        }
        rows.append({"timestamp": stamp(at, digits=False), "metrics": metrics})
    return rows


def _part(total: int, share: float) -> int:
    return int(total * share + 1e-9)


def posts(context: Context) -> dict[str, Any]:
    """Answer with the user's own posts; missing posts and those of others are partial errors."""
    context.request.args.setdefault("granularity", "total")
    answer = context.answer()
    rows = []
    for id in dict.fromkeys(context.request.args["post_ids"]):
        post = answer.find_post(id, "ids", "data")
        if post is None:
            continue
        if post.author is not context.viewer:
            answer.errors.not_authorized("post", "ids", str(id), "data")
            continue
        metrics = _measures(context, _post_totals(post), post.at)
        rows.append({"id": str(id), "timestamped_metrics": metrics})
    return answer.body(rows)


def media(context: Context) -> dict[str, Any]:
    """Answer with the media of the user's own posts.

    Missing media and those of others are partial errors.
    """
    context.request.args.setdefault("granularity", "daily")
    answer = context.answer()
    posts: dict[str, Post] = {}
    for post in context.community.posts.values():
        posts |= {medium.key: post for medium in post.media}
    rows = []
    for key in dict.fromkeys(context.request.args["media_keys"]):
        if key not in posts:
            answer.errors.not_found("media", "media_keys", key)
            continue
        post = posts[key]
        if post.author is not context.viewer:
            answer.errors.not_authorized("media", "media_keys", key, "data")
            continue
        medium = next(each for each in post.media if each.key == key)
        totals = media_totals(key, medium.views, medium.duration)
        metrics = _measures(context, totals, post.at)
        rows.append({"media_key": key, "timestamped_metrics": metrics})
    return answer.body(rows)


HANDLERS: dict[str, Handler] = {"analytics.posts": posts, "analytics.media": media}

"""What only the owner of an account or a project sees: analytics and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.plot.engagement import analytics as draw_analytics
from xframes.plot.spending import usage as draw_usage
from xframes.reporting.sections.activity import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.reporting.blocks import Block
    from xframes.reporting.chosen import Selection

_POSTS = """
    SELECT post_id, granularity, sum(impressions) AS impressions, sum(engagements) AS engagements,
        sum(likes) AS likes, sum(replies) AS replies, sum(url_clicks) AS url_clicks
    FROM post_analytics GROUP BY ALL ORDER BY impressions DESC NULLS LAST, post_id"""
_MEDIA = """
    SELECT media_key, granularity, sum(video_views) AS video_views
    FROM media_analytics GROUP BY ALL ORDER BY video_views DESC NULLS LAST, media_key"""
_DAYS = """
    SELECT date, scope, sum(usage) AS usage FROM usage_daily
    GROUP BY ALL ORDER BY date DESC, scope"""


def analytics(selection: Selection) -> Iterator[Block]:
    """Show the analytics of posts and media, if the archive has any."""
    if selection.has("post_analytics"):
        rows = selection.rows("SELECT * FROM post_analytics")
        yield from picture(lambda ax: draw_analytics(rows, ax), "Analytics of posts over time")
    for title, query in (("Analytics of posts", _POSTS), ("Analytics of media", _MEDIA)):
        table = selection.table(title, query)
        if table is not None:
            yield table


def usage(selection: Selection) -> Iterator[Block]:
    """Show the posts that the project used by day, if the archive has it."""
    if selection.has("usage_daily"):
        rows = selection.rows("SELECT * FROM usage_daily")
        yield from picture(lambda ax: draw_usage(rows, ax), "Posts that the project used by day")
    table = selection.table("Usage by day", _DAYS)
    if table is not None:
        yield table

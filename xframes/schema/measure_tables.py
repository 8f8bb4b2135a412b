"""Numbers over time that are not properties of one object: counts, analytics, usage, trends."""

from xframes.schema.declarations import BOOL, DATE, INT, STR, TIME, Col, Table

COUNTS = Table(
    "counts",
    "measure",
    "How many posts match a query in each span of time, as X counts them (deleted posts may be counted).",
    key=("query", "granularity", "start_at", "end_at"),
    object="count",
    time="start_at",
    body=(
        Col("query", "", STR, "The query asked.", holds="query"),
        Col("granularity", "", STR, "minute, hour or day.",
            holds="code", values=("minute", "hour", "day")),
        Col("start_at", "start", TIME, "First moment of the span; the first span may be cut by the query."),
        Col("end_at", "end", TIME, "Moment after the span; the last span may be cut by the query."),
        Col("post_count", "tweet_count|post_count", INT, "Posts in the span."),
        Col("filled", "", BOOL, "Whether X left the span out between others, which means none; xframes filled it in."),
    ),
)


def _metrics(names: str, what: str) -> tuple[Col, ...]:
    return tuple(
        Col(name, name, INT, f"{name.replace('_', ' ').capitalize()} of the {what} in the span.", loose=True)
        for name in names.split()
    )


POST_ANALYTICS = Table(
    "post_analytics",
    "measure",
    "Engagement with the caller's own posts: one row per post, granularity and time.",
    key=("post_id", "granularity", "at"),
    object="post_analytics",
    time="at",
    body=(
        Col("post_id", "id", STR, "The post.", names="posts"),
        Col("granularity", "", STR, "hourly, daily, weekly or total.",
            holds="code", values=("hourly", "daily", "weekly", "total")),
        Col("at", "timestamp", TIME, "Start of the span; a word of DuckDB's, so quote it in SQL."),
        *_metrics(
            "impressions likes replies retweets quote_tweets bookmarks shares engagements url_clicks link_clicks "
            "hashtag_clicks detail_expands permalink_clicks user_profile_clicks profile_visits follows unfollows "
            "unlikes media_views media_engagements email_tweet app_opens app_install_attempts",
            "post",
        ),
    ),
)

MEDIA_ANALYTICS = Table(
    "media_analytics",
    "measure",
    "Playback of the caller's own media: one row per medium, granularity and time.",
    key=("media_key", "granularity", "at"),
    object="media_analytics",
    time="at",
    body=(
        Col("media_key", "media_key", STR, "The medium.", names="media"),
        Col("granularity", "", STR, "hourly, daily or total.",
            holds="code", values=("hourly", "daily", "total")),
        Col("at", "timestamp", TIME, "Start of the span; a word of DuckDB's, so quote it in SQL."),
        *_metrics(
            "video_views playback_start playback25 playback50 playback75 playback_complete play_from_tap "
            "watch_time_ms cta_url_clicks cta_watch_clicks",
            "medium",
        ),
    ),
)

USAGE = Table(
    "usage",
    "measure",
    "The project's use of its monthly cap: one row per observation.",
    key=("project_id", "observed_at"),
    object="usage",
    time="observed_at",
    private="account",
    body=(
        Col("project_id", "project_id", STR, "The project.", holds="secret"),
        Col("project_cap", "project_cap", INT, "Posts the project may read in a month.", loose=True),
        Col("project_usage", "project_usage", INT, "Posts read this month.", loose=True),
        Col("cap_reset_day", "cap_reset_day", INT, "Day of the month the count begins anew.", loose=True),
    ),
)

USAGE_DAILY = Table(
    "usage_daily",
    "measure",
    "Posts read a day, by the project and by each of its apps.",
    key=("scope", "id", "date"),
    time="date",
    private="account",
    body=(
        Col("scope", "", STR, "project or app.", holds="code", values=("project", "app")),
        Col("id", "", STR, "The project's or app's id.", holds="secret"),
        Col("date", "date", DATE, "The day, in UTC."),
        Col("usage", "usage", INT, "Posts read that day.", loose=True),
    ),
)

_NAME = Col("name", "trend_name", STR, "The trend: words or a hashtag.", holds="label")
_PLACE = Col("position", "", INT, "Its place on the page, from 0, in X's order.")

TRENDS = Table(
    "trends",
    "measure",
    "What trends at a place: one row per trend and observation.",
    key=("woeid", "name", "observed_at"),
    object="trend",
    time="observed_at",
    body=(
        Col("woeid", "", STR, "The place (its Where On Earth id; 1 is the world).", holds="fact"),
        _NAME,
        _PLACE,
        Col("post_count", "tweet_count", INT, "Posts about it."),
    ),
)

PERSONALIZED_TRENDS = Table(
    "personalized_trends",
    "measure",
    "What trends for the person who asked: one row per trend and observation.",
    key=("name", "observed_at"),
    object="personalized_trend",
    time="observed_at",
    private="caller",
    body=(
        _NAME,
        _PLACE,
        Col("post_count_text", "post_count", STR, "Posts about it, as X shows it.", holds="fact"),
        Col("category", "category", STR, "Its category.", holds="fact"),
        Col("trending_since", "trending_since", STR, "Since when it trends, as X shows it.",
            holds="fact"),
    ),
)

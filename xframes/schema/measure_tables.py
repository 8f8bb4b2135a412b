"""Tables of counts, analytics, usage and trends: numbers over time."""

from xframes.schema.declarations import BOOL, DATE, FLOAT, INT, STR, STRS, TIME, Col, Table

COUNTS = Table(
    "counts",
    "measure",
    "Numbers of posts that match a query, per period, as X counts them (deleted posts may count).",
    key=("query", "granularity", "start_at", "end_at"),
    object="count",
    time="start_at",
    body=(
        Col("query", "", STR, "The search query.", holds="query"),
        Col("granularity", "", STR, "minute, hour or day.",
            holds="code", values=("minute", "hour", "day")),
        Col("start_at", "start", TIME, "Start of the period; the first period may be shorter."),
        Col("end_at", "end", TIME,
            "End of the period (exclusive); the last period may be shorter."),
        Col("post_count", "tweet_count|post_count", INT, "Posts in the period."),
        Col("filled", "", BOOL,
            "Whether X left out the period, which means 0 posts, and xframes added this row."),
    ),
)


def _metrics(**meanings: str) -> tuple[Col, ...]:
    return tuple(
        Col(name, name, INT, f"{meaning} in the period.", loose=True)
        for name, meaning in meanings.items()
    )


POST_ANALYTICS = Table(
    "post_analytics",
    "measure",
    "Engagement with the collecting account's posts: one row per post, granularity and period.",
    key=("post_id", "granularity", "at"),
    object="post_analytics",
    time="at",
    body=(
        Col("post_id", "id", STR, "The post.", names="posts"),
        Col("granularity", "", STR, "hourly, daily, weekly or total.",
            holds="code", values=("hourly", "daily", "weekly", "total")),
        Col("at", "timestamp", TIME,
            "Start of the period. `at` is a keyword of DuckDB: quote it in SQL."),
        *_metrics(
            impressions="Impressions",
            likes="Likes",
            replies="Replies",
            retweets="Reposts",
            quote_tweets="Quotes",
            bookmarks="Bookmarks",
            shares="Shares",
            engagements="Engagements",
            url_clicks="Clicks on URLs",
            link_clicks="Clicks on links",
            hashtag_clicks="Clicks on hashtags",
            detail_expands="Times the post was expanded",
            permalink_clicks="Clicks on the link to the post",
            user_profile_clicks="Clicks on the author's profile",
            profile_visits="Visits to the author's profile",
            follows="Follows from the post",
            unfollows="Unfollows from the post",
            unlikes="Likes taken back",
            media_views="Views of the post's media",
            media_engagements="Engagements with the post's media",
            email_tweet="Times the post was sent by e-mail",
            app_opens="Times an app was opened from the post",
            app_install_attempts="Attempts to install an app from the post",
        ),
    ),
)

MEDIA_ANALYTICS = Table(
    "media_analytics",
    "measure",
    "Playback of the collecting account's media: one row per medium, granularity and period.",
    key=("media_key", "granularity", "at"),
    object="media_analytics",
    time="at",
    body=(
        Col("media_key", "media_key", STR, "The medium.", names="media"),
        Col("granularity", "", STR, "hourly, daily or total.",
            holds="code", values=("hourly", "daily", "total")),
        Col("at", "timestamp", TIME,
            "Start of the period. `at` is a keyword of DuckDB: quote it in SQL."),
        *_metrics(
            video_views="Views of the video",
            playback_start="Plays that started",
            playback25="Plays that reached 25 %",
            playback50="Plays that reached 50 %",
            playback75="Plays that reached 75 %",
            playback_complete="Plays that reached the end",
            play_from_tap="Plays started by a tap",
            watch_time_ms="Milliseconds watched",
            cta_url_clicks="Clicks on the call to action that opens a URL",
            cta_watch_clicks="Clicks on the call to action to watch",
        ),
    ),
)

USAGE = Table(
    "usage",
    "measure",
    "Posts the project has read of its monthly cap: one row per observation.",
    key=("project_id", "observed_at"),
    object="usage",
    time="observed_at",
    private="account",
    body=(
        Col("project_id", "project_id", STR, "The project.", holds="secret"),
        Col("project_cap", "project_cap", INT,
            "Posts the project may read in a month.", loose=True),
        Col("project_usage", "project_usage", INT, "Posts read this month.", loose=True),
        Col("cap_reset_day", "cap_reset_day", INT,
            "Day of the month on which the count restarts.", loose=True),
    ),
)

USAGE_DAILY = Table(
    "usage_daily",
    "measure",
    "Posts read per day, by the project and by each of its apps.",
    key=("scope", "id", "date"),
    time="date",
    private="account",
    body=(
        Col("scope", "", STR, "project or app.", holds="code", values=("project", "app")),
        Col("id", "", STR, "The id of the project or app.", holds="secret"),
        Col("date", "date", DATE, "The day, in UTC."),
        Col("usage", "usage", INT, "Posts read that day.", loose=True),
    ),
)

_NAME = Col("name", "trend_name", STR, "The trend: words or a hashtag.", holds="label")
_PLACE = Col("position", "", INT, "Position on the page, from 0, in X's order.")

TRENDS = Table(
    "trends",
    "measure",
    "Trends at a place: one row per trend and observation.",
    key=("woeid", "name", "observed_at"),
    object="trend",
    time="observed_at",
    body=(
        Col("woeid", "", STR, "The Where On Earth id of the place; 1 is the world.", holds="fact"),
        _NAME,
        _PLACE,
        Col("post_count", "tweet_count", INT, "Posts about the trend."),
    ),
)

PERSONALIZED_TRENDS = Table(
    "personalized_trends",
    "measure",
    "Trends for the account that collected: one row per trend and observation.",
    key=("name", "observed_at"),
    object="personalized_trend",
    time="observed_at",
    private="caller",
    body=(
        _NAME,
        _PLACE,
        Col("post_count_text", "post_count", STR,
            "Posts about the trend, as text that X shows.", holds="fact"),
        Col("category", "category", STR, "The category.", holds="fact"),
        Col("trending_since", "trending_since", STR,
            "Since when it has been a trend, as text that X shows.",
            holds="fact"),
    ),
)

CREDITS = Table(
    "credits",
    "measure",
    "Credits left to pay for requests, in US dollars: one row per observation.",
    key=("observed_at",),
    object="credits",
    time="observed_at",
    private="account",
    body=(
        Col("total_balance", "total_balance", FLOAT, "All credits.", holds="public"),
        Col("prepaid_balance", "prepaid_balance", FLOAT, "Credits that were bought.",
            holds="public"),
        Col("free_balance", "free_balance", FLOAT, "Credits that X granted.", holds="public"),
    ),
)

CREDIT_GRANTS = Table(
    "credit_grants",
    "measure",
    "Credits that X granted, in US dollars: one row per grant and observation.",
    key=("position", "observed_at"),
    time="observed_at",
    private="account",
    body=(
        Col("position", "", INT, "Position in X's array, from 0."),
        Col("amount", "amount", FLOAT, "The amount that is left of it.", holds="public"),
        Col("expires_at", "expires_at", TIME, "When it expires."),
    ),
)

RULE_COUNTS = Table(
    "rule_counts",
    "measure",
    "Rules of the filtered stream: one row per app of the project and observation.",
    key=("app", "observed_at"),
    object="rule_count",
    time="observed_at",
    private="account",
    body=(
        Col("app", "client_app_rules_count.client_app_id", STR, "The id of the app.",
            holds="secret"),
        Col("rule_count", "client_app_rules_count.rule_count", INT, "Rules of the app.",
            loose=True),
        Col("project_rule_count", "project_rules_count", INT, "Rules of the whole project.",
            loose=True),
        Col("app_cap", "cap_per_client_app", INT, "Rules that an app can have.", loose=True),
        Col("project_cap", "cap_per_project", INT, "Rules that the project can have.",
            loose=True),
    ),
)

ACCOUNT_ANALYTICS = Table(
    "account_analytics",
    "measure",
    "Engagement with an account per day, from the files that X Analytics offers.",
    key=("date",),
    object="account_analytics",
    time="date",
    private="account",
    body=(
        Col("date", "date", DATE, "The day."),
        *_metrics(
            impressions="Impressions",
            likes="Likes",
            replies="Replies",
            retweets="Reposts",
            bookmarks="Bookmarks",
            shares="Shares",
            engagements="Engagements",
            url_clicks="Clicks on URLs",
            hashtag_clicks="Clicks on hashtags",
            detail_expands="Times posts were expanded",
            permalink_clicks="Clicks on links to posts",
            user_profile_clicks="Clicks on the profile",
            profile_visits="Visits to the profile",
            follows="New followers",
            unfollows="Followers lost",
            posts_created="Posts",
            video_views="Views of videos",
            media_views="Views of media",
            media_engagements="Engagements with media",
            app_opens="Times an app was opened",
            app_install_attempts="Attempts to install an app",
            email_tweet="Times posts were sent by e-mail",
        ),
    ),
)

_NOTE = Col("note", "note_id", STR, "The Community Note.", holds="id")
_WRITER = Col("writer", "writer_id", STR, "Who wrote the note, under a name for this only.",
              holds="id")
_REASONS = Col("reasons", "reasons", STRS, "Answers that were ticked.", holds="code")
_NOTE_CREATED = Col("created_at", "created_at", TIME, "When it was written.")

COMMUNITY_NOTES = Table(
    "community_notes",
    "measure",
    "Community Notes, from the files that X publishes.",
    key=("note",),
    object="community_note",
    private="published",
    time="created_at",
    owner="post_id",
    body=(
        _NOTE,
        Col("post_id", "post_id", STR, "The post that the note is about.", names="posts"),
        _WRITER,
        _NOTE_CREATED,
        Col("classification", "classification", STR,
            "NOT_MISLEADING or MISINFORMED_OR_POTENTIALLY_MISLEADING.", holds="code",
            values=("NOT_MISLEADING", "MISINFORMED_OR_POTENTIALLY_MISLEADING")),
        Col("summary", "summary", STR, "The text of the note.", holds="label"),
        Col("is_media_note", "is_media_note", BOOL, "Whether it is about the media of the post."),
        _REASONS,
    ),
)

COMMUNITY_NOTE_RATINGS = Table(
    "community_note_ratings",
    "measure",
    "Ratings of Community Notes.",
    key=("note", "rater"),
    object="community_note_rating",
    private="published",
    time="created_at",
    body=(
        _NOTE,
        Col("rater", "rater_id", STR, "Who rated it, under a name for this only.", holds="id"),
        _NOTE_CREATED,
        Col("helpfulness", "helpfulness", STR, "HELPFUL, SOMEWHAT_HELPFUL or NOT_HELPFUL.",
            holds="code", values=("HELPFUL", "SOMEWHAT_HELPFUL", "NOT_HELPFUL")),
        Col("rated_on_post_id", "rated_on_post_id", STR,
            "The post where the rater read the note; that of another with the same media, too.",
            names="posts"),
        _REASONS,
    ),
)

COMMUNITY_NOTE_STATUS = Table(
    "community_note_status",
    "measure",
    "The status of Community Notes.",
    key=("note",),
    object="community_note_status",
    private="published",
    time="created_at",
    body=(
        _NOTE,
        _WRITER,
        _NOTE_CREATED,
        Col("current_status", "current_status", STR, "The status when the file was published.",
            holds="code"),
        Col("current_status_at", "current_status_at", TIME, "Since when it has this status."),
        Col("first_status", "first_status", STR, "The first status other than NEEDS_MORE_RATINGS.",
            holds="code"),
        Col("first_status_at", "first_status_at", TIME, "When it got the first status."),
        Col("latest_status", "latest_status", STR,
            "The latest status other than NEEDS_MORE_RATINGS.", holds="code"),
        Col("latest_status_at", "latest_status_at", TIME, "When it got the latest status."),
        Col("locked_status", "locked_status", STR, "The status that no longer changes.",
            holds="code"),
        Col("locked_status_at", "locked_status_at", TIME, "When the status was locked."),
    ),
)

COMMUNITY_NOTE_WRITERS = Table(
    "community_note_writers",
    "measure",
    "People who write and rate Community Notes.",
    key=("writer",),
    object="community_note_writer",
    private="published",
    body=(
        _WRITER,
        Col("state", "state", STR, "Their state, such as earnedIn or newUser.", holds="code"),
        Col("changed_at", "changed_at", TIME, "When the state changed."),
        Col("earned_out_count", "earned_out_count", INT, "How often they lost the right to write."),
    ),
)

OF_FILES = (
    ACCOUNT_ANALYTICS, COMMUNITY_NOTES, COMMUNITY_NOTE_RATINGS, COMMUNITY_NOTE_STATUS,
    COMMUNITY_NOTE_WRITERS,
)

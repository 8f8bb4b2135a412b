"""The read actions about posts: search, counts, timelines, lookups, streams, analytics, usage."""

from xframes.registry.params import (
    ANY,
    BACKFILL,
    DURATION,
    EARLIEST,
    EXCLUDE,
    GRANULARITY,
    ID,
    MEDIA_KEY,
    ONE_BOUND,
    ORDER,
    OWN,
    READ,
    SINCE_UNTIL,
    SORT_ORDER,
    USER,
    id_list,
    path_id,
    query,
    times,
)
from xframes.registry.types import Action, Edge, Param

READS = (
    Action(
        "analytics.media", "GET /2/media/analytics", 11, "Media Analytics", "media_analytics", "media_analytics",
        params=(Param("media_keys", "keys", required=True, min=1, max=100, pattern=MEDIA_KEY),
                *times("-365d", required=True),
                Param("granularity", "enum", choices=("hourly", "daily", "total"), default="daily")),
        auth=USER, scopes=("tweet.read",), ordered=ORDER[:1], span_days=30,
    ),
    Action(
        "analytics.posts", "GET /2/tweets/analytics", 12, "Post Analytics", "post_analytics", "post_analytics",
        params=(id_list("post_ids"), *times("-365d", required=True),
                Param("granularity", "enum", choices=("hourly", "daily", "weekly", "total"), default="total")),
        auth=USER, scopes=READ, limits=("300/15min", "300/15min"), ordered=ORDER[:1], span_days=30,
    ),
    Action(
        "streams.rules", "GET /2/tweets/search/stream/rules", 14, "Retrieve Rules", "stream_rules", "rule",
        params=(Param("ids", "ids", max=1000, pattern=ID),),
        paged=(1, 1000), token="pagination_token", auth=("app",), limits=("450/15min", ""),
    ),
    Action(
        "streams.filtered", "GET /2/tweets/search/stream", 15, "Filtered stream", "posts", "post",
        params=(BACKFILL, *times(), DURATION),
        auth=("app",), limits=("50/15min", ""), price="Post", ordered=ORDER[:1], streaming=True,
        note="backfill_minutes and start_time/end_time need Enterprise access",
    ),
    Action(
        "posts.liking_users", "GET /2/tweets/{id}/liking_users", 23, "Liking users", "users", "user",
        params=(path_id("post_id"),), paged=(1, 100), token="pagination_token",
        auth=USER, scopes=("like.read", *READ), limits=("75/15min", "75/15min"), price="User",
        edge=Edge("likes", "post_id", "post_id", "user_id"),
    ),
    Action(
        "counts.all", "GET /2/tweets/counts/all", 55, "Full-archive Post counts", "counts", "count",
        params=(query(1024), *times(), *SINCE_UNTIL, GRANULARITY),
        token="next_token", auth=("app",), limits=("300/15min", ""), price="CountsAll", ordered=ORDER,
    ),
    Action(
        "counts.recent", "GET /2/tweets/counts/recent", 56, "Recent Post counts", "counts", "count",
        params=(query(512), *times("-7d"), *SINCE_UNTIL, GRANULARITY),
        token="next_token", auth=("app", "oauth2"), limits=("300/15min", ""), price="CountsRecent", ordered=ORDER,
    ),
    Action(
        "posts.lookup", "GET /2/tweets", 57, "Multiple Posts", "posts", "post",
        params=(id_list("post_ids"),),
        auth=ANY, scopes=READ, limits=("3,500/15min", "5,000/15min"), price="Post",
    ),
    Action(
        "posts.get", "GET /2/tweets/{id}", 58, "Single Post", "posts", "post",
        params=(path_id("post_id"),),
        auth=ANY, scopes=READ, limits=("450/15min", "900/15min"), price="Post",
    ),
    Action(
        "posts.quotes", "GET /2/tweets/{id}/quote_tweets", 59, "Quote Posts by Post ID", "posts", "post",
        params=(path_id("post_id"), EXCLUDE), paged=(10, 100), token="pagination_token",
        auth=ANY, scopes=READ, limits=("75/15min", "75/15min"), price="Post",
    ),
    Action(
        "posts.reposted_by", "GET /2/tweets/{id}/retweeted_by", 61, "Reposted by", "users", "user",
        params=(path_id("post_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=READ, limits=("75/15min", "75/15min"), price="User",
        edge=Edge("reposts", "post_id", "post_id", "user_id"),
    ),
    Action(
        "streams.sample", "GET /2/tweets/sample/stream", 63, "Sample stream (1 %)", "posts", "post",
        params=(BACKFILL, DURATION),
        auth=("app",), price="Post", streaming=True, note="it needs Enterprise access",
    ),
    Action(
        "search.all", "GET /2/tweets/search/all", 64, "Full-archive search", "posts", "post",
        params=(query(1024), *times(), *SINCE_UNTIL, SORT_ORDER), paged=(10, 500), token="next_token",
        auth=("app",), limits=("1/sec, 300/15min", ""), price="Post", exclusive=ONE_BOUND, ordered=ORDER,
    ),
    Action(
        "search.recent", "GET /2/tweets/search/recent", 65, "Recent search", "posts", "post",
        params=(query(512), *times("-7d"), *SINCE_UNTIL, SORT_ORDER), paged=(10, 100), token="next_token",
        auth=ANY, scopes=READ, limits=("450/15min", "300/15min"), price="Post", exclusive=ONE_BOUND, ordered=ORDER,
    ),
    Action(
        "timelines.home", "GET /2/users/{id}/timelines/reverse_chronological", 71, "Home timeline", "posts", "post",
        params=(OWN, *times(EARLIEST), *SINCE_UNTIL, EXCLUDE), paged=(1, 100), token="pagination_token",
        auth=USER, scopes=READ, limits=("", "180/15min"), price="Post", ordered=ORDER,
    ),
    Action(
        "timelines.mentions", "GET /2/users/{id}/mentions", 72, "User mention timeline by ID", "posts", "post",
        params=(path_id("user_id"), *times(EARLIEST), *SINCE_UNTIL), paged=(5, 100), token="pagination_token",
        auth=ANY, scopes=READ, limits=("450/15min", "300/15min"), price="Post", ordered=ORDER,
    ),
    Action(
        "timelines.user", "GET /2/users/{id}/tweets", 73, "User post timeline by ID", "posts", "post",
        params=(path_id("user_id"), *times(EARLIEST), *SINCE_UNTIL, EXCLUDE),
        paged=(5, 100), token="pagination_token",
        auth=ANY, scopes=READ, limits=("10,000/15min", "900/15min"), price="Post", ordered=ORDER,
    ),
    Action(
        "usage.posts", "GET /2/usage/tweets", 74, "Get Posts Usage", "usage_daily", "usage",
        params=(Param("days", "int", min=1, max=90),),
        auth=("app",), limits=("50/15min", ""),
    ),
)

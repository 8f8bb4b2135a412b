"""The read actions: one declaration each."""

from xframes.registry.params import (
    EARLIEST,
    GRANULARITY,
    SINCE_UNTIL,
    SORT_ORDER,
    USERNAME,
    id_list,
    path_id,
    query,
    times,
)
from xframes.registry.types import Action, Param, windows

ANY = ("app", "oauth1", "oauth2")
READ = ("tweet.read", "users.read")
ORDER = (("start_time", "end_time"), ("since_id", "until_id"))
ONE_BOUND = (("start_time", "since_id"), ("end_time", "until_id"))

READS = (
    Action(
        "counts.all", "GET /2/tweets/counts/all", 55, "Full archive search counts", "counts", "count",
        params=(query(1024), *times(), *SINCE_UNTIL, GRANULARITY),
        token="next_token", auth=("app",), app=windows("300/15min"), price="CountsAll", ordered=ORDER,
    ),
    Action(
        "counts.recent", "GET /2/tweets/counts/recent", 56, "Recent search counts", "counts", "count",
        params=(query(512), *times("-7d"), *SINCE_UNTIL, GRANULARITY),
        token="next_token", auth=("app", "oauth2"), app=windows("300/15min"), price="CountsRecent", ordered=ORDER,
    ),
    Action(
        "posts.lookup", "GET /2/tweets", 57, "Post lookup by Post IDs", "posts", "post",
        params=(id_list("post_ids"),),
        auth=ANY, scopes=READ, app=windows("3,500/15min"), user=windows("5,000/15min"), price="Post",
    ),
    Action(
        "posts.get", "GET /2/tweets/{id}", 58, "Post lookup by Post ID", "posts", "post",
        params=(path_id("post_id"),),
        auth=ANY, scopes=READ, app=windows("450/15min"), user=windows("900/15min"), price="Post",
    ),
    Action(
        "search.all", "GET /2/tweets/search/all", 64, "Full-archive search", "posts", "post",
        params=(query(1024), *times(), *SINCE_UNTIL, SORT_ORDER), paged=(10, 500), token="next_token",
        auth=("app",), app=windows("1/sec, 300/15min"), price="Post", exclusive=ONE_BOUND, ordered=ORDER,
    ),
    Action(
        "search.recent", "GET /2/tweets/search/recent", 65, "Recent search", "posts", "post",
        params=(query(512), *times("-7d"), *SINCE_UNTIL, SORT_ORDER), paged=(10, 100), token="next_token",
        auth=ANY, scopes=READ, app=windows("450/15min"), user=windows("300/15min"), price="Post",
        exclusive=ONE_BOUND, ordered=ORDER,
    ),
    Action(
        "timelines.mentions", "GET /2/users/{id}/mentions", 72, "User mention timeline", "posts", "post",
        params=(path_id("user_id"), *times(EARLIEST), *SINCE_UNTIL), paged=(5, 100), token="pagination_token",
        auth=ANY, scopes=READ, app=windows("450/15min"), user=windows("300/15min"), price="Post", ordered=ORDER,
    ),
    Action(
        "timelines.user", "GET /2/users/{id}/tweets", 73, "User Post timeline", "posts", "post",
        params=(path_id("user_id"), *times(EARLIEST), *SINCE_UNTIL,
                Param("exclude", "enums", choices=("replies", "retweets"), min=1)),
        paged=(5, 100), token="pagination_token",
        auth=ANY, scopes=READ, app=windows("10,000/15min"), user=windows("900/15min"), price="Post", ordered=ORDER,
    ),
    Action(
        "users.by_username", "GET /2/users/by/username/{username}", 77, "User lookup by username", "users", "user",
        params=(Param("username", "username", where="path", required=True, pattern=USERNAME),),
        auth=ANY, scopes=READ, app=windows("300/15min"), user=windows("900/15min"), price="User",
    ),
    Action(
        "users.lookup", "GET /2/users", 78, "User lookup by IDs", "users", "user",
        params=(id_list("user_ids"),),
        auth=ANY, scopes=READ, app=windows("300/15min"), user=windows("900/15min"), price="User",
    ),
)

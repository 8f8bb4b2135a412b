"""Reads X has beyond the listing, one declaration each: they work by `xf.call`, in the shell and in every table."""

from xframes.registry.actions import Action, Edge, Param
from xframes.registry.params import (
    ANY,
    BACKFILL,
    DURATION,
    MEDIA_KEY,
    ORDER,
    OWN,
    READ,
    SPACE_ID,
    USER,
    path_id,
    times,
)

BEYOND = (
    Action(
        "posts.reposts", "GET /2/tweets/{id}/retweets", None, "Reposts of a Post", "posts", "post",
        params=(path_id("post_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=READ, limits=("75/15min", "75/15min"), price="Post", listed=False,
        docs="posts/retweets/introduction",
    ),
    Action(
        "users.reposts_of_me", "GET /2/users/reposts_of_me", None, "Reposts of me", "posts", "post",
        paged=(1, 100), token="pagination_token",
        auth=USER, scopes=("timeline.read", "tweet.read"), limits=("", "75/15min"), price="Post", listed=False,
        docs="users/get-reposts-of-me",
    ),
    Action(
        "users.search", "GET /2/users/search", None, "Search Users", "users", "user",
        params=(Param("query", "str", required=True, min=1, max=50, pattern=r"[A-Za-z0-9_' ]{1,50}"),),
        paged=(1, 1000), token="next_token",
        auth=USER, scopes=READ, limits=("", "900/15min"), price="User", listed=False,
        docs="users/search/introduction",
    ),
    Action(
        "users.affiliates", "GET /2/users/{id}/affiliates", None, "Affiliates of a User", "users", "user",
        params=(path_id("user_id"),), paged=(1, 1000), token="pagination_token",
        auth=ANY, scopes=READ, price="User", listed=False,
        docs="users/get-affiliates",
    ),
    Action(
        "users.bookmark_folders", "GET /2/users/{id}/bookmarks/folders", None, "Bookmark folders",
        "bookmark_folders", "bookmark_folder", params=(OWN,), paged=(1, 100), token="pagination_token",
        auth=("oauth2", "oauth1"), scopes=("bookmark.read", "users.read"), limits=("", "50/15min"), listed=False,
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "users.bookmarks_by_folder", "GET /2/users/{id}/bookmarks/folders/{folder_id}", None,
        "Bookmarked Posts of a folder", "posts", "post",
        params=(path_id("folder_id", "folder_id"), OWN), paged=(1, 100), token="pagination_token",
        auth=("oauth2", "oauth1"), scopes=("bookmark.read", *READ), limits=("", "50/15min"), price="Post",
        edge=Edge("bookmark_folder_posts", "folder_id", "folder_id", "post_id"), bare=True, listed=False,
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "media.lookup", "GET /2/media", None, "Media by media keys", "media", "media",
        params=(Param("media_keys", "keys", required=True, min=1, max=100, pattern=MEDIA_KEY),),
        auth=ANY, scopes=("tweet.read",), listed=False,
        docs="media/get-media-by-media-keys",
    ),
    Action(
        "media.get", "GET /2/media/{media_key}", None, "Media by media key", "media", "media",
        params=(path_id("media_key", "media_key", MEDIA_KEY),), auth=ANY, scopes=("tweet.read",), listed=False,
        docs="media/get-media-by-media-key",
    ),
    Action(
        "spaces.posts", "GET /2/spaces/{id}/tweets", None, "Posts shared in a Space", "posts", "post",
        params=(path_id("space_id", pattern=SPACE_ID),), paged=(1, 100), token="pagination_token",
        auth=("app", "oauth2"), scopes=("space.read", *READ), limits=("300/15min", "300/15min"), price="Post",
        edge=Edge("space_posts", "space_id", "space_id", "post_id"), listed=False,
        docs="spaces/lookup/introduction",
    ),
    Action(
        "messages.get", "GET /2/dm_events/{event_id}", None, "DM event by ID", "messages", "dm",
        params=(path_id("event_id", "event_id"),),
        auth=USER, scopes=("dm.read", *READ), limits=("", "15/15min"), price="DirectMessage", listed=False,
        docs="direct-messages/lookup/introduction",
    ),
    Action(
        "communities.get", "GET /2/communities/{id}", None, "Community by ID", "communities", "community",
        params=(path_id("community_id"),),
        auth=ANY, scopes=("list.read", *READ), limits=("300/15min", "300/15min"), price="Community", listed=False,
        docs="communities/lookup/introduction",
    ),
    Action(
        "communities.search", "GET /2/communities/search", None, "Search Communities", "communities", "community",
        params=(Param("query", "str", required=True, min=1, max=4096),), paged=(10, 100), token="next_token",
        auth=USER, scopes=READ, limits=("", "300/15min"), price="Community", listed=False,
        docs="communities/search/introduction",
    ),
    Action(
        "trends.by_woeid", "GET /2/trends/by/woeid/{woeid}", None, "Trends of a place", "trends", "trend",
        params=(Param("woeid", "int", where="path", required=True, min=1,
                      doc="WOEID of the place; 1 is the world."),
                Param("max_trends", "int", min=1, max=50, default=50)),
        auth=("app", "oauth2"), limits=("75/15min", ""), price="Trends", listed=False,
        docs="trends/trends-by-woeid/introduction",
    ),
    Action(
        "trends.personalized", "GET /2/users/personalized_trends", None, "Trends for a person",
        "personalized_trends", "personalized_trend",
        auth=USER, scopes=READ, limits=("", "10/15min, 100/24hrs"), price="Trends", listed=False,
        docs="trends/personalized-trends/introduction",
    ),
    Action(
        "news.get", "GET /2/news/{id}", None, "News story by ID", "news", "news",
        params=(path_id("news_id"),),
        auth=ANY, scopes=READ, limits=("200/15min", ""), price="News", listed=False,
        docs="news/introduction",
    ),
    Action(
        "news.search", "GET /2/news/search", None, "Search News", "news", "news",
        params=(Param("query", "str", required=True, min=1, max=2048), Param("max_results", "int", min=1, max=100),
                Param("max_age_hours", "int", min=1, max=720)),
        auth=ANY, scopes=READ, limits=("200/15min", "200/15min"), price="News", listed=False,
        docs="news/introduction",
    ),
    Action(
        "streams.sample10", "GET /2/tweets/sample10/stream", None, "Sample stream (10 %)", "posts", "post",
        params=(Param("partition", "int", required=True, min=1, max=2), BACKFILL, *times(), DURATION),
        auth=("app",), limits=("100/15min", ""), price="Post", ordered=ORDER[:1], streaming=True, listed=False,
        note="it needs Enterprise access",
        docs="posts/sample-10-stream",
    ),
)

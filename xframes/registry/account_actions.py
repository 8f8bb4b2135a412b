"""The read actions about people and what they keep: users, lists, Spaces, messages, media, compliance jobs."""

from xframes.registry.actions import Action, Edge, Param
from xframes.registry.params import (
    ANY,
    CONVERSATION_ID,
    EVENT_TYPES,
    ID,
    OWN,
    READ,
    SPACE_ID,
    USER,
    USERNAME,
    id_list,
    path_id,
)

_LIST = ("list.read", *READ)
_SPACE = ("space.read", *READ)
_DM = ("dm.read", *READ)
_REACH = "X returns the last 30 days"

PEOPLE = (
    Action(
        "compliance.job", "GET /2/compliance/jobs/{id}", 2, "Get a compliance job by ID", "compliance_jobs",
        "compliance_job", params=(path_id("job_id"),), auth=("app",), limits=("150/15min", ""),
        docs="compliance/batch-compliance/introduction",
    ),
    Action(
        "compliance.jobs", "GET /2/compliance/jobs", 3, "Get all batch compliance jobs", "compliance_jobs",
        "compliance_job",
        params=(Param("type", "enum", required=True, choices=("tweets", "users")),
                Param("status", "enum", choices=("created", "in_progress", "failed", "complete"))),
        auth=("app",), limits=("150/15min", ""),
        docs="compliance/batch-compliance/introduction", caps="X keeps a job for 7 days",
    ),
    Action(
        "users.blocking", "GET /2/users/{id}/blocking", 4, "Blocks lookup", "users", "user",
        params=(OWN,), paged=(1, 1000), token="pagination_token",
        auth=USER, scopes=("block.read", *READ), limits=("", "15/15min"), price="Block",
        edge=Edge("blocks", "user_id", "user_id", "blocked_id"),
        docs="users/blocks/introduction",
    ),
    Action(
        "users.bookmarks", "GET /2/users/{id}/bookmarks", 6, "Bookmarked Posts", "posts", "post",
        params=(OWN,), paged=(1, 100), token="pagination_token",
        auth=("oauth2", "oauth1"), scopes=("bookmark.read", *READ), limits=("", "180/15min"), price="Post",
        edge=Edge("bookmarks", "user_id", "user_id", "post_id"),
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "messages.with_participant", "GET /2/dm_conversations/with/{participant_id}/dm_events", 8,
        "DM events by 1-1 conversation", "messages", "dm",
        params=(path_id("participant_id", "participant_id"), EVENT_TYPES), paged=(1, 100), token="pagination_token",
        auth=USER, scopes=_DM, limits=("", "15/15min"), price="DirectMessage",
        docs="direct-messages/lookup/introduction", caps=_REACH,
    ),
    Action(
        "messages.events", "GET /2/dm_events", 9, "DM events by User", "messages", "dm",
        params=(EVENT_TYPES,), paged=(1, 100), token="pagination_token",
        auth=USER, scopes=_DM, limits=("", "15/15min"), price="DirectMessage",
        docs="direct-messages/lookup/introduction", caps=_REACH,
    ),
    Action(
        "messages.conversation", "GET /2/dm_conversations/{id}/dm_events", 10, "Get DMs by conversation", "messages",
        "dm", params=(path_id("conversation_id", pattern=CONVERSATION_ID), EVENT_TYPES), paged=(1, 100),
        token="pagination_token", auth=USER, scopes=_DM, limits=("", "15/15min"), price="DirectMessage",
        docs="direct-messages/lookup/introduction", caps=_REACH,
    ),
    Action(
        "users.followers", "GET /2/users/{id}/followers", 17, "Followers of user ID", "users", "user",
        params=(path_id("user_id"),), paged=(1, 1000), token="pagination_token",
        auth=ANY, scopes=("follows.read", *READ), limits=("300/15min", "300/15min"), price="Follow",
        edge=Edge("follows", "user_id", "followed_id", "follower_id"),
        docs="users/follows/introduction",
    ),
    Action(
        "users.following", "GET /2/users/{id}/following", 19, "Users a user ID is following", "users", "user",
        params=(path_id("user_id"),), paged=(1, 1000), token="pagination_token",
        auth=ANY, scopes=("follows.read", *READ), limits=("300/15min", "300/15min"), price="Follow",
        edge=Edge("follows", "user_id", "follower_id", "followed_id"),
        docs="users/follows/introduction",
    ),
    Action(
        "users.liked_posts", "GET /2/users/{id}/liked_tweets", 22, "Liked Posts", "posts", "post",
        params=(path_id("user_id"),), paged=(5, 100), token="pagination_token",
        auth=USER, scopes=("like.read", *READ), limits=("75/15min", "75/15min"), price="Post",
        edge=Edge("likes", "user_id", "user_id", "post_id"),
        docs="posts/likes/introduction",
    ),
    Action(
        "lists.posts", "GET /2/lists/{id}/tweets", 25, "List Posts lookup", "posts", "post",
        params=(path_id("list_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=_LIST, limits=("900/15min", "900/15min"), price="Post",
        edge=Edge("list_posts", "list_id", "list_id", "post_id"),
        docs="lists/list-tweets/introduction",
    ),
    Action(
        "lists.followers", "GET /2/lists/{id}/followers", 27, "Follower lookup", "users", "user",
        params=(path_id("list_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=_LIST, price="User", edge=Edge("list_followers", "list_id", "list_id", "user_id"),
        docs="lists/list-follows/introduction",
    ),
    Action(
        "users.followed_lists", "GET /2/users/{id}/followed_lists", 29, "User's followed Lists", "lists", "list",
        params=(path_id("user_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=_LIST, price="List", edge=Edge("list_followers", "user_id", "user_id", "list_id"),
        docs="lists/list-follows/introduction",
    ),
    Action(
        "lists.get", "GET /2/lists/{id}", 30, "List by ID", "lists", "list",
        params=(path_id("list_id"),), auth=ANY, scopes=_LIST, limits=("75/15min", "75/15min"), price="List",
        docs="lists/list-lookup/introduction",
    ),
    Action(
        "users.owned_lists", "GET /2/users/{id}/owned_lists", 31, "User owned Lists", "lists", "list",
        params=(path_id("user_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=_LIST, limits=("15/15min", "15/15min"), price="List",
        docs="lists/list-lookup/introduction",
    ),
    Action(
        "lists.members", "GET /2/lists/{id}/members", 33, "Members lookup", "users", "user",
        params=(path_id("list_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=_LIST, limits=("900/15min", "900/15min"), price="User",
        edge=Edge("list_members", "list_id", "list_id", "user_id"),
        docs="lists/list-members/introduction",
    ),
    Action(
        "users.list_memberships", "GET /2/users/{id}/list_memberships", 35, "User memberships", "lists", "list",
        params=(path_id("user_id"),), paged=(1, 100), token="pagination_token",
        auth=ANY, scopes=_LIST, limits=("75/15min", "75/15min"), price="List",
        edge=Edge("list_members", "user_id", "user_id", "list_id"),
        docs="lists/list-members/introduction",
    ),
    Action(
        "users.pinned_lists", "GET /2/users/{id}/pinned_lists", 41, "User's pinned Lists", "lists", "list",
        params=(OWN,), auth=USER, scopes=_LIST, limits=("15/15min", "15/15min"), price="List",
        edge=Edge("list_pins", "user_id", "user_id", "list_id"),
        docs="lists/pinned-lists/introduction",
    ),
    Action(
        "media.upload_status", "GET /2/media/upload", 50, "Media Upload STATUS", "media_uploads", "media_upload",
        params=(Param("media_id", "id", required=True, pattern=ID),
                Param("command", "enum", choices=("STATUS",), default="STATUS")),
        auth=USER, scopes=("media.write",), limits=("100,000/24hrs", "1,000/15min"),
        docs="media/quickstart/media-upload-chunked",
    ),
    Action(
        "users.muting", "GET /2/users/{id}/muting", 53, "Mutes lookup", "users", "user",
        params=(OWN,), paged=(1, 1000), token="pagination_token",
        auth=USER, scopes=("mute.read", *READ), limits=("", "15/15min"), price="Mute",
        edge=Edge("mutes", "user_id", "user_id", "muted_id"),
        docs="users/mutes/introduction",
    ),
    Action(
        "spaces.search", "GET /2/spaces/search", 66, "Search Spaces by title", "spaces", "space",
        params=(Param("query", "str", required=True, min=1, max=2048),
                Param("state", "enum", choices=("live", "scheduled", "all")),
                Param("max_results", "int", min=1, max=100)),
        auth=("app", "oauth2"), scopes=_SPACE, limits=("300/15min", "300/15min"), price="Space",
        docs="spaces/search/introduction",
    ),
    Action(
        "spaces.by_creators", "GET /2/spaces/by/creator_ids", 67, "Lookup Spaces created by one or more users",
        "spaces", "space", params=(id_list("user_ids", "user_ids"),),
        auth=("app", "oauth2"), scopes=_SPACE, limits=("300/15min, 1/sec", "300/15min, 1/sec"), price="Space",
        docs="spaces/lookup/introduction",
    ),
    Action(
        "spaces.lookup", "GET /2/spaces", 68, "Spaces lookup by list of IDs", "spaces", "space",
        params=(id_list("space_ids", pattern=SPACE_ID),),
        auth=("app", "oauth2"), scopes=_SPACE, limits=("300/15min", "300/15min"), price="Space",
        docs="spaces/lookup/introduction",
    ),
    Action(
        "spaces.get", "GET /2/spaces/{id}", 69, "Spaces lookup by single ID", "spaces", "space",
        params=(path_id("space_id", pattern=SPACE_ID),),
        auth=("app", "oauth2"), scopes=_SPACE, limits=("300/15min", "300/15min"), price="Space",
        docs="spaces/lookup/introduction",
    ),
    Action(
        "spaces.buyers", "GET /2/spaces/{id}/buyers", 70, "Users who bought a ticket to a Space", "users", "user",
        params=(path_id("space_id", pattern=SPACE_ID),), paged=(1, 100), token="pagination_token",
        auth=("oauth2",), scopes=_SPACE, limits=("300/15min", "300/15min"), price="User",
        edge=Edge("space_buyers", "space_id", "space_id", "user_id"),
        docs="spaces/lookup/introduction",
    ),
    Action(
        "users.me", "GET /2/users/me", 75, "Authenticated User Lookup", "users", "user",
        auth=USER, scopes=READ, limits=("", "75/15min"), price="User",
        docs="users/lookup/introduction",
    ),
    Action(
        "users.get", "GET /2/users/{id}", 76, "User by ID", "users", "user",
        params=(path_id("user_id"),), auth=ANY, scopes=READ, limits=("300/15min", "900/15min"), price="User",
        docs="users/lookup/introduction",
    ),
    Action(
        "users.by_username", "GET /2/users/by/username/{username}", 77, "User by Username", "users", "user",
        params=(Param("username", "username", where="path", required=True, pattern=USERNAME),),
        auth=ANY, scopes=READ, limits=("300/15min", "900/15min"), price="User",
        docs="users/lookup/introduction",
    ),
    Action(
        "users.lookup", "GET /2/users", 78, "Users by ID", "users", "user",
        params=(id_list("user_ids"),), auth=ANY, scopes=READ, limits=("300/15min", "900/15min"), price="User",
        docs="users/lookup/introduction",
    ),
    Action(
        "users.by_usernames", "GET /2/users/by", 79, "Users by Username", "users", "user",
        params=(Param("usernames", "usernames", required=True, min=1, max=100, pattern=USERNAME),),
        auth=ANY, scopes=READ, limits=("300/15min", "900/15min"), price="User",
        docs="users/lookup/introduction",
    ),
)

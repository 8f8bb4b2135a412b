"""Tables of media, places, polls, Spaces, lists, messages, communities, news, broadcasts."""

from xframes.schema.declarations import BOOL, FLOAT, INT, JSON, STR, STRS, TIME, Col, Source, Table


def _playback(group: str, label: str, *, views: bool) -> tuple[Col, ...]:
    columns = [
        Col(f"{group}_playback_{share}_count", f"{group}_metrics.playback_{share}_count", INT,
            f"Plays that reached {share} %, {label}.", owner=True)
        for share in (0, 25, 50, 75, 100)
    ]
    if views:
        path = f"{group}_metrics.view_count"
        columns.append(Col(f"{group}_view_count", path, INT, f"Views, {label}.", owner=True))
    return tuple(columns)


MEDIA = Table(
    "media",
    "entity",
    "Photos, videos and animated GIFs attached to posts and messages.",
    key=("media_key",),
    object="media",
    carrier="post_media",
    body=(
        Col("media_key", "media_key", STR, "The medium's key (not a number).", names="media"),
        Col("type", "type", STR, "photo, video or animated_gif.",
            holds="code", values=("photo", "video", "animated_gif")),
        Col("url", "url", STR,
            "URL of the picture; null for videos, which have variants.", holds="file"),
        Col("preview_image_url", "preview_image_url", STR, "URL of a still picture of a video.",
            holds="file"),
        Col("alt_text", "alt_text", STR, "Description for people who cannot see the medium.",
            holds="label"),
        Col("width", "width", INT, "Width in pixels."),
        Col("height", "height", INT, "Height in pixels."),
        Col("duration_ms", "duration_ms", INT, "Length of a video in milliseconds."),
        Col("view_count", "public_metrics.view_count", INT, "Views of a video when observed."),
        *_playback("non_public", "shown only to the author", views=False),
        *_playback("organic", "from unpaid distribution", views=True),
        *_playback("promoted", "from paid distribution", views=True),
    ),
)

MEDIA_VARIANTS = Table(
    "media_variants",
    "detail",
    "Files in which a video or GIF is available.",
    key=("media_key", "position"),
    object="media",
    parent="media",
    sources=(Source("variants"),),
    body=(
        Col("media_key", "", STR, "The medium.", names="media"),
        Col("position", "", INT, "Position in X's array, from 0."),
        Col("content_type", "content_type", STR, "MIME type.",
            holds="code", values=("video/mp4", "application/x-mpegURL")),
        Col("bit_rate", "bit_rate", INT, "Bits per second; null for playlists."),
        Col("url", "url", STR, "URL of the file.", holds="file"),
    ),
)

PLACES = Table(
    "places",
    "entity",
    "Places tagged in posts.",
    key=("id",),
    object="place",
    brings=True,
    body=(
        Col("id", "id", STR, "The place's id (hexadecimal text).", names="places"),
        Col("full_name", "full_name", STR, "Name with the region.", holds="fact"),
        Col("name", "name", STR, "Short name.", holds="fact"),
        Col("place_type", "place_type", STR, "poi, neighborhood, city, admin or country.",
            holds="code", values=("poi", "neighborhood", "city", "admin", "country")),
        Col("country", "country", STR, "The country's name.", holds="fact"),
        Col("country_code", "country_code", STR, "ISO 3166 code.", holds="code"),
        Col("west", "geo.bbox[0]", FLOAT, "Western edge in degrees.", holds="public"),
        Col("south", "geo.bbox[1]", FLOAT, "Southern edge in degrees.", holds="public"),
        Col("east", "geo.bbox[2]", FLOAT, "Eastern edge in degrees.", holds="public"),
        Col("north", "geo.bbox[3]", FLOAT, "Northern edge in degrees.", holds="public"),
        Col("geo_type", "geo.type", STR, "GeoJSON type (`Feature`).",
            holds="code", values=("Feature",)),
        Col("geometry", "geo.geometry", JSON, "GeoJSON geometry, if X sent it.", words="tweet",
            holds="fact"),
        Col("properties", "geo.properties", JSON, "GeoJSON properties (no published schema).",
            holds="fact"),
        Col("contained_within", "contained_within", STRS,
            "Ids of the places that contain this one.",
            names="places"),
    ),
)

POLLS = Table(
    "polls",
    "entity",
    "Polls attached to posts.",
    key=("id",),
    object="poll",
    carrier="post_polls",
    body=(
        Col("id", "id", STR, "The poll's id.", names="polls"),
        Col("duration_minutes", "duration_minutes", INT, "Duration in minutes."),
        Col("ends_at", "end_datetime", TIME, "When the poll ends."),
        Col("voting_status", "voting_status", STR, "open or closed.",
            holds="code", values=("open", "closed")),
    ),
)

POLL_OPTIONS = Table(
    "poll_options",
    "detail",
    "Choices of a poll, with their votes when observed.",
    key=("poll_id", "position"),
    object="poll",
    parent="polls",
    sources=(Source("options"),),
    body=(
        Col("poll_id", "", STR, "The poll.", names="polls"),
        Col("position", "position", INT, "Position among the choices, from 1."),
        Col("label", "label", STR, "The text of the choice.", holds="label"),
        Col("vote_count", "votes", INT, "Votes when observed."),
    ),
)

SPACES = Table(
    "spaces",
    "entity",
    "Live audio rooms.",
    key=("id",),
    object="space",
    time="created_at",
    owner="creator_id",
    brings=True,
    body=(
        Col("id", "id", STR, "The Space's id (case-sensitive text).", names="spaces"),
        Col("state", "state", STR, "live, scheduled or ended.",
            holds="code", values=("live", "scheduled", "ended")),
        Col("title", "title", STR, "The title.", holds="label"),
        Col("created_at", "created_at", TIME, "When it was created."),
        Col("scheduled_start_at", "scheduled_start", TIME, "When it is scheduled to start."),
        Col("started_at", "started_at", TIME, "When it started."),
        Col("ended_at", "ended_at", TIME, "When it ended."),
        Col("updated_at", "updated_at", TIME, "When its data last changed."),
        Col("creator_id", "creator_id", STR,
            "The user who created it (`users.id`).", names="users"),
        Col("lang", "lang", STR, "Language detected in the title.", holds="code"),
        Col("is_ticketed", "is_ticketed", BOOL, "Whether a ticket is needed."),
        Col("participant_count", "participant_count", INT, "Participants when observed."),
        Col("subscriber_count", "subscriber_count", INT, "People who set a reminder."),
        Col("topic_ids", "topic_ids", STRS, "Topics that the creator chose (`topics.id`).",
            names="topics"),
    ),
)

SPACE_PEOPLE = Table(
    "space_people",
    "detail",
    "Hosts, speakers and invited users of Spaces.",
    key=("space_id", "role", "position"),
    object="space",
    parent="spaces",
    const="role",
    sources=(
        Source("host_ids", "host"),
        Source("speaker_ids", "speaker"),
        Source("invited_user_ids", "invited"),
    ),
    owner="user_id",
    brings=True,
    body=(
        Col("space_id", "", STR, "The Space.", names="spaces"),
        Col("role", "", STR, "host, speaker or invited.",
            holds="code", values=("host", "speaker", "invited")),
        Col("position", "", INT, "Position in X's array, from 0."),
        Col("user_id", ".", STR, "The user.", names="users"),
    ),
)

TOPICS = Table(
    "topics",
    "entity",
    "Topics of Spaces.",
    key=("id",),
    object="topic",
    body=(
        Col("id", "id", STR, "The topic's id.", names="topics"),
        Col("name", "name", STR, "The name.", holds="fact"),
        Col("description", "description", STR, "The description.", holds="fact"),
    ),
)

LISTS = Table(
    "lists",
    "entity",
    "Lists of users.",
    key=("id",),
    object="list",
    time="created_at",
    owner="owner_id",
    brings=True,
    body=(
        Col("id", "id", STR, "The list's id.", names="lists"),
        Col("name", "name", STR, "The name.", holds="label"),
        Col("description", "description", STR, "The description.", holds="label"),
        Col("owner_id", "owner_id", STR, "The user who owns the list (`users.id`).", names="users"),
        Col("created_at", "created_at", TIME, "When it was created."),
        Col("private", "private", BOOL, "Whether only the owner can see it."),
        Col("member_count", "member_count", INT, "Members when observed."),
        Col("follower_count", "follower_count", INT, "Followers when observed."),
    ),
)

MESSAGES = Table(
    "messages",
    "entity",
    "Direct messages, and events of users who join or leave conversations.",
    key=("id",),
    object="dm",
    time="created_at",
    owner="sender_id",
    private="messages",
    body=(
        Col("id", "id", STR, "The event's id.", names="messages"),
        Col("event_type", "event_type", STR,
            "MessageCreate, ParticipantsJoin or ParticipantsLeave.",
            holds="code", values=("MessageCreate", "ParticipantsJoin", "ParticipantsLeave")),
        Col("conversation_id", "dm_conversation_id", STR, "The conversation (not always a number).",
            holds="id"),
        Col("created_at", "created_at", TIME, "When it was sent."),
        Col("sender_id", "sender_id", STR,
            "The user who sent it, or invited those who joined (`users.id`).",
            names="users"),
        Col("text", "text", STR, "The message.", holds="words"),
        Col("media_keys", "attachments.media_keys", STRS, "Media attached (`media.media_key`).",
            names="media"),
        Col("card_ids", "attachments.card_ids", STRS, "Cards attached.", holds="id"),
        Col("hashtags", "entities.hashtags|hashtags", JSON,
            "Hashtags in the text: tag, start, end of each.", holds="content"),
        Col("cashtags", "entities.cashtags|cashtags", JSON, "Cashtags in the text.",
            holds="content"),
        Col("mentions", "entities.mentions|mentions", JSON, "Users mentioned in the text.",
            holds="content"),
        Col("urls", "entities.urls|urls", JSON, "Links in the text.", holds="content"),
    ),
)

MESSAGE_DETAILS = (
    Table(
        "message_people",
        "detail",
        "Users who joined or left in an event.",
        key=("message_id", "position"),
        object="dm",
        parent="messages",
        sources=(Source("participant_ids"),),
        private="messages",
        body=(
            Col("message_id", "", STR, "The event.", names="messages"),
            Col("position", "", INT, "Position in X's array, from 0."),
            Col("user_id", ".", STR, "The user.", names="users"),
        ),
    ),
    Table(
        "message_posts",
        "detail",
        "Posts shared in messages.",
        key=("message_id", "position"),
        object="dm",
        parent="messages",
        sources=(Source("referenced_tweets|referenced_posts"),),
        private="messages",
        body=(
            Col("message_id", "", STR, "The message.", names="messages"),
            Col("position", "", INT, "Position in X's array, from 0."),
            Col("post_id", "id", STR, "The post (`posts.id`).", names="posts"),
        ),
    ),
)

COMMUNITIES = Table(
    "communities",
    "entity",
    "Communities.",
    key=("id",),
    object="community",
    time="created_at",
    body=(
        Col("id", "id", STR, "The community's id.", names="communities"),
        Col("name", "name", STR, "The name.", holds="label"),
        Col("description", "description", STR, "The description.", holds="label"),
        Col("created_at", "created_at", TIME, "When it was created."),
        Col("access", "access", STR, "Who can see it.", holds="code", values=("Public", "Closed")),
        Col("join_policy", "join_policy", STR, "Who can join.",
            holds="code",
            values=("Open", "RestrictedJoinRequestsDisabled",
                    "RestrictedJoinRequestsRequireAdminApproval",
                    "RestrictedJoinRequestsRequireModeratorApproval", "SuperFollowRequired")),
        Col("member_count", "member_count", INT, "Members when observed."),
    ),
)

NEWS = Table(
    "news",
    "entity",
    "News stories that X writes from posts.",
    key=("id",),
    object="news",
    time="updated_at",
    body=(
        Col("id", "id|rest_id", STR, "The story's id.", names="news"),
        Col("name", "name", STR, "The headline.", holds="label"),
        Col("category", "category", STR, "The category.", holds="fact"),
        Col("summary", "summary", STR, "The summary.", holds="label"),
        Col("hook", "hook", STR, "One sentence to attract readers.", holds="label"),
        Col("disclaimer", "disclaimer", STR, "X's disclaimer.", holds="label"),
        Col("keywords", "keywords", JSON, "The keywords.", holds="content"),
        Col("contexts", "contexts", JSON, "Topics, people, places, teams and tickers in the story.",
            holds="content"),
        Col("updated_at", "updated_at|last_updated_at_ms", TIME, "When it last changed."),
    ),
)

NEWS_POSTS = Table(
    "news_posts",
    "detail",
    "Posts that a news story is based on.",
    key=("news_id", "position"),
    object="news",
    parent="news",
    sources=(Source("cluster_posts_results"),),
    owner="post_id",
    body=(
        Col("news_id", "", STR, "The story.", names="news"),
        Col("position", "", INT, "Position in X's array, from 0."),
        Col("post_id", "post_id", STR, "The post.", names="posts"),
    ),
)

BOOKMARK_FOLDERS = Table(
    "bookmark_folders",
    "entity",
    "Folders for bookmarks.",
    key=("id",),
    object="bookmark_folder",
    private="caller",
    body=(
        Col("id", "id", STR, "The folder's id.", names="bookmark_folders"),
        Col("name", "name", STR, "The name.", holds="label"),
    ),
)

NOTES = Table(
    "notes",
    "entity",
    "Community Notes that the account that collected has written.",
    key=("id",),
    object="note",
    private="account",
    body=(
        Col("id", "id", STR, "The note's id.", names="notes"),
        Col("post_id", "info.post_id", STR, "The post that the note is about.", names="posts"),
        Col("text", "info.text", STR, "The text of the note.", holds="words"),
        Col("classification", "info.classification", STR, "Whether the post is misleading.",
            holds="code"),
        Col("misleading_tags", "info.misleading_tags", STRS, "In which ways it is misleading.",
            holds="code"),
        Col("trustworthy_sources", "info.trustworthy_sources", BOOL,
            "Whether the note links to sources that most people trust."),
        Col("rating_status", "info.rating_status", STR, "How helpful people rate it.",
            holds="code"),
        Col("status", "status", STR, "Whether X shows the note.", holds="code"),
        Col("scoring_status", "scoring_status", JSON, "The ratings by X's models.",
            holds="content"),
        Col("test_result", "test_result", JSON, "The result of a note written in test mode.",
            holds="content"),
    ),
)


BROADCASTS = Table(
    "broadcasts",
    "entity",
    "Live broadcasts.",
    key=("id",),
    object="broadcast",
    private="account",
    owner="user_id",
    body=(
        Col("id", "id|broadcast_id", STR, "The broadcast's id (not a number).",
            names="broadcasts"),
        Col("user_id", "twitter_user_id", STR, "The broadcasting account.", names="users"),
        Col("post_id", "tweet_id", STR, "The post with the broadcast.", names="posts"),
        Col("media_key", "media_key", STR, "The video.", names="media"),
        Col("title", "title", STR, "The title.", holds="label"),
        Col("state", "state", STR, "The state, e.g. running or ended.", holds="code"),
        Col("language", "language", STR, "The language.", holds="code"),
        Col("created_at", "created_at_ms", TIME, "When it was created."),
        Col("started_at", "start_ms", TIME, "When it started."),
        Col("ended_at", "end_ms", TIME, "When it ended."),
        Col("updated_at", "updated_at_ms", TIME, "When it last changed."),
        Col("scheduled_start_at", "scheduled_start_ms", TIME, "When it was to start."),
        Col("scheduled_end_at", "scheduled_end_ms", TIME, "When it was to end."),
        Col("watched_count", "total_watched", INT, "Accounts that have watched it.", loose=True),
        Col("watching_count", "total_watching", INT, "Accounts that watch it now.", loose=True),
        Col("available_for_replay", "available_for_replay", BOOL,
            "Whether it can be watched afterwards."),
        Col("chat_option", "chat_option", INT, "Who can write in its chat, as X's number.",
            loose=True),
        Col("is_high_latency", "is_high_latency", BOOL, "Whether it is sent with a delay."),
        Col("width", "width", INT, "Width in pixels."),
        Col("height", "height", INT, "Height in pixels."),
        Col("source", "source_id", STR, "The source of the video.", holds="secret"),
        Col("share_url", "share_url", STR, "Its address.", holds="file"),
        Col("image_url", "image_url", STR, "The picture.", holds="file"),
        Col("image_url_medium", "image_url_medium", STR, "The picture, medium size.",
            holds="file"),
        Col("image_url_small", "image_url_small", STR, "The picture, small size.", holds="file"),
    ),
)

SCHEDULED_BROADCASTS = Table(
    "scheduled_broadcasts",
    "entity",
    "Broadcasts that the account that collected has scheduled.",
    key=("id",),
    object="scheduled_broadcast",
    private="account",
    body=(
        Col("id", "scheduled_broadcast_id", STR, "The id of the schedule.",
            names="scheduled_broadcasts"),
        Col("broadcast_id", "broadcast_id", STR, "The broadcast.", names="broadcasts"),
        Col("title", "title", STR, "The title.", holds="label"),
        Col("description", "description", STR, "The description.", holds="label"),
        Col("state", "state", STR, "The state.", holds="code"),
        Col("scheduled_start_at", "scheduled_start_ms", TIME, "When it is to start."),
        Col("scheduled_end_at", "scheduled_end_ms", TIME, "When it is to end."),
        Col("locale", "locale", STR, "The language and region.", holds="code"),
        Col("chat_option", "chat_option", STR, "Who can write in its chat.", holds="code"),
        Col("available_for_replay", "available_for_replay", BOOL,
            "Whether it can be watched afterwards."),
        Col("manual_publish", "manual_publish", BOOL, "Whether it starts only by hand."),
        Col("recurring_schedule", "recurring_schedule_id", STR,
            "The series that it belongs to.", holds="secret"),
        Col("source", "source_id", STR, "The source of the video.", holds="secret"),
        Col("telecast", "telecast_id", STR, "X's id of the transmission.", holds="secret"),
        Col("thumbnail", "thumbnail_media_id", STR, "The picture.", holds="secret"),
    ),
)

BROADCAST_MESSAGES = Table(
    "broadcast_messages",
    "entity",
    "Messages in the chats of broadcasts.",
    key=("id",),
    object="broadcast_message",
    time="created_at",
    owner="author_id",
    body=(
        Col("id", "id", STR, "The message's id.", names="broadcast_messages"),
        Col("broadcast_id", "broadcast_id", STR, "The broadcast.", names="broadcasts"),
        Col("author_id", "author_id", STR, "The author.", names="users"),
        Col("author_username", "author_username", STR, "The author's handle.", holds="handle",
            of="author_id"),
        Col("author_name", "author_name", STR, "The author's name.", holds="name",
            of="author_id"),
        Col("text", "text", STR, "The text.", holds="words"),
        Col("created_at", "created_at_ms", TIME, "When it was sent."),
        Col("reply_to", "reply_to", STR, "The message that it answers.",
            names="broadcast_messages"),
    ),
)

STREAM_LIKES = Table(
    "stream_likes",
    "entity",
    "Likes that a stream of likes sent. X does not say who likes.",
    key=("id",),
    object="like",
    time="created_at",
    owner="post_id",
    body=(
        Col("id", "id", STR, "The id of the like.", names="stream_likes"),
        Col("post_id", "liked_tweet_id", STR, "The post that is liked.", names="posts"),
        Col("author_id", "tweet_author_id|liked_tweet_author_id", STR,
            "The author of that post.", names="users"),
        Col("created_at", "created_at", TIME, "When it was liked."),
        Col("timestamp_ms", "timestamp_ms", INT, "The same in milliseconds.", loose=True),
    ),
)

"""Media, places, polls, Spaces, topics, lists, direct messages, communities, news and bookmark folders."""

from xframes.schema.types import BOOL, FLOAT, INT, JSON, STR, STRS, TIME, Col, Source, Table


def _playback(group: str, label: str, *, views: bool) -> tuple[Col, ...]:
    columns = [
        Col(f"{group}_playback_{share}_count", f"{group}_metrics.playback_{share}_count", INT,
            f"Plays that reached {share} %, {label}.", owner=True)
        for share in (0, 25, 50, 75, 100)
    ]
    if views:
        columns.append(Col(f"{group}_view_count", f"{group}_metrics.view_count", INT, f"Views, {label}.", owner=True))
    return tuple(columns)


MEDIA = Table(
    "media",
    "entity",
    "Photos, videos and animated GIFs attached to posts and messages.",
    key=("media_key",),
    object="media",
    body=(
        Col("media_key", "media_key", STR, "The medium's key (not a number)."),
        Col("type", "type", STR, "photo, video or animated_gif."),
        Col("url", "url", STR, "The picture; videos have variants instead."),
        Col("preview_image_url", "preview_image_url", STR, "Still picture of a video."),
        Col("alt_text", "alt_text", STR, "Description for people who cannot see it."),
        Col("width", "width", INT, "Width in pixels."),
        Col("height", "height", INT, "Height in pixels."),
        Col("duration_ms", "duration_ms", INT, "Length in milliseconds, of videos."),
        Col("view_count", "public_metrics.view_count", INT, "Views when observed, of videos."),
        *_playback("non_public", "shown to the author only", views=False),
        *_playback("organic", "from unpaid distribution", views=True),
        *_playback("promoted", "from paid distribution", views=True),
    ),
)

MEDIA_VARIANTS = Table(
    "media_variants",
    "detail",
    "The files a video or GIF can be fetched as.",
    key=("media_key", "position"),
    object="media",
    parent="media",
    sources=(Source("variants"),),
    body=(
        Col("media_key", "", STR, "The medium."),
        Col("position", "", INT, "Its place in the array X sent, from 0."),
        Col("content_type", "content_type", STR, "MIME type."),
        Col("bit_rate", "bit_rate", INT, "Bits per second; missing for playlists."),
        Col("url", "url", STR, "Where the file is."),
    ),
)

PLACES = Table(
    "places",
    "entity",
    "Places tagged in posts.",
    key=("id",),
    object="place",
    body=(
        Col("id", "id", STR, "The place's id (hexadecimal text)."),
        Col("full_name", "full_name", STR, "Name with its region."),
        Col("name", "name", STR, "Short name."),
        Col("place_type", "place_type", STR, "poi, neighborhood, city, admin or country."),
        Col("country", "country", STR, "The country's name."),
        Col("country_code", "country_code", STR, "ISO 3166 code."),
        Col("west", "geo.bbox[0]", FLOAT, "Western edge in degrees."),
        Col("south", "geo.bbox[1]", FLOAT, "Southern edge in degrees."),
        Col("east", "geo.bbox[2]", FLOAT, "Eastern edge in degrees."),
        Col("north", "geo.bbox[3]", FLOAT, "Northern edge in degrees."),
        Col("geo_type", "geo.type", STR, "GeoJSON type (`Feature`)."),
        Col("geometry", "geo.geometry", JSON, "GeoJSON geometry, where sent.", words="tweet"),
        Col("properties", "geo.properties", JSON, "GeoJSON properties (no published inner schema)."),
        Col("contained_within", "contained_within", STRS, "Ids of the places around it."),
    ),
)

POLLS = Table(
    "polls",
    "entity",
    "Polls attached to posts.",
    key=("id",),
    object="poll",
    body=(
        Col("id", "id", STR, "The poll's id."),
        Col("duration_minutes", "duration_minutes", INT, "How long it runs, in minutes."),
        Col("ends_at", "end_datetime", TIME, "When it ends."),
        Col("voting_status", "voting_status", STR, "open or closed."),
    ),
)

POLL_OPTIONS = Table(
    "poll_options",
    "detail",
    "The choices of a poll with their votes when observed.",
    key=("poll_id", "position"),
    object="poll",
    parent="polls",
    sources=(Source("options"),),
    body=(
        Col("poll_id", "", STR, "The poll."),
        Col("position", "position", INT, "Its place, from 1, as X numbers them."),
        Col("label", "label", STR, "The choice's text."),
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
    body=(
        Col("id", "id", STR, "The Space's id (case-sensitive text)."),
        Col("state", "state", STR, "live, scheduled or ended."),
        Col("title", "title", STR, "Its title."),
        Col("created_at", "created_at", TIME, "When it was made."),
        Col("scheduled_start_at", "scheduled_start", TIME, "When it is to begin."),
        Col("started_at", "started_at", TIME, "When it began."),
        Col("ended_at", "ended_at", TIME, "When it ended."),
        Col("updated_at", "updated_at", TIME, "When its data last changed."),
        Col("creator_id", "creator_id", STR, "Who made it (`users.id`)."),
        Col("lang", "lang", STR, "Language detected in the title."),
        Col("is_ticketed", "is_ticketed", BOOL, "Whether one needs a ticket."),
        Col("participant_count", "participant_count", INT, "People in it when observed."),
        Col("subscriber_count", "subscriber_count", INT, "People who set a reminder."),
        Col("topic_ids", "topic_ids", STRS, "Topics chosen by the creator (`topics.id`)."),
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
    sources=(Source("host_ids", "host"), Source("speaker_ids", "speaker"), Source("invited_user_ids", "invited")),
    body=(
        Col("space_id", "", STR, "The Space."),
        Col("role", "", STR, "host, speaker or invited."),
        Col("position", "", INT, "Its place in the array X sent, from 0."),
        Col("user_id", ".", STR, "The user."),
    ),
)

TOPICS = Table(
    "topics",
    "entity",
    "Topics of Spaces.",
    key=("id",),
    object="topic",
    body=(
        Col("id", "id", STR, "The topic's id."),
        Col("name", "name", STR, "Its name."),
        Col("description", "description", STR, "What it is about."),
    ),
)

LISTS = Table(
    "lists",
    "entity",
    "Lists of users.",
    key=("id",),
    object="list",
    time="created_at",
    body=(
        Col("id", "id", STR, "The list's id."),
        Col("name", "name", STR, "Its name."),
        Col("description", "description", STR, "What it is about."),
        Col("owner_id", "owner_id", STR, "Whose list it is (`users.id`)."),
        Col("created_at", "created_at", TIME, "When it was made."),
        Col("private", "private", BOOL, "Whether only the owner sees it."),
        Col("member_count", "member_count", INT, "Members when observed."),
        Col("follower_count", "follower_count", INT, "Followers when observed."),
    ),
)

MESSAGES = Table(
    "messages",
    "entity",
    "Direct messages, and people joining or leaving conversations.",
    key=("id",),
    object="dm",
    time="created_at",
    body=(
        Col("id", "id", STR, "The event's id."),
        Col("event_type", "event_type", STR, "MessageCreate, ParticipantsJoin or ParticipantsLeave."),
        Col("conversation_id", "dm_conversation_id", STR, "The conversation (not always a number)."),
        Col("created_at", "created_at", TIME, "When it was sent."),
        Col("sender_id", "sender_id", STR, "Who sent it, or invited those who joined (`users.id`)."),
        Col("text", "text", STR, "The message."),
        Col("media_keys", "attachments.media_keys", STRS, "Media attached (`media.media_key`)."),
        Col("card_ids", "attachments.card_ids", STRS, "Cards attached."),
        Col("hashtags", "entities.hashtags|hashtags", JSON, "Hashtags in the text: tag, start, end of each."),
        Col("cashtags", "entities.cashtags|cashtags", JSON, "Cashtags in the text."),
        Col("mentions", "entities.mentions|mentions", JSON, "Users mentioned in the text."),
        Col("urls", "entities.urls|urls", JSON, "Links in the text."),
    ),
)

MESSAGE_DETAILS = (
    Table(
        "message_people",
        "detail",
        "Who joined or left with an event.",
        key=("message_id", "position"),
        object="dm",
        parent="messages",
        sources=(Source("participant_ids"),),
        body=(
            Col("message_id", "", STR, "The event."),
            Col("position", "", INT, "Its place in the array X sent, from 0."),
            Col("user_id", ".", STR, "The user."),
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
        body=(
            Col("message_id", "", STR, "The message."),
            Col("position", "", INT, "Its place in the array X sent, from 0."),
            Col("post_id", "id", STR, "The post (`posts.id`)."),
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
        Col("id", "id", STR, "The community's id."),
        Col("name", "name", STR, "Its name."),
        Col("description", "description", STR, "What it is about."),
        Col("created_at", "created_at", TIME, "When it was made."),
        Col("access", "access", STR, "Who may see it."),
        Col("join_policy", "join_policy", STR, "Who may join."),
        Col("member_count", "member_count", INT, "Members when observed."),
    ),
)

NEWS = Table(
    "news",
    "entity",
    "News stories X makes of posts.",
    key=("id",),
    object="news",
    time="updated_at",
    body=(
        Col("id", "id|rest_id", STR, "The story's id."),
        Col("name", "name", STR, "Its headline."),
        Col("category", "category", STR, "Its category."),
        Col("summary", "summary", STR, "What happened."),
        Col("hook", "hook", STR, "One sentence to draw readers."),
        Col("disclaimer", "disclaimer", STR, "What X warns of."),
        Col("keywords", "keywords", JSON, "Its keywords."),
        Col("contexts", "contexts", JSON, "Topics, people, places, teams and tickers it is about."),
        Col("updated_at", "updated_at|last_updated_at_ms", TIME, "When it last changed."),
    ),
)

NEWS_POSTS = Table(
    "news_posts",
    "detail",
    "Posts a news story is made of.",
    key=("news_id", "position"),
    object="news",
    parent="news",
    sources=(Source("cluster_posts_results"),),
    body=(
        Col("news_id", "", STR, "The story."),
        Col("position", "", INT, "Its place in the array X sent, from 0."),
        Col("post_id", "post_id", STR, "The post."),
    ),
)

BOOKMARK_FOLDERS = Table(
    "bookmark_folders",
    "entity",
    "Folders a user keeps bookmarks in.",
    key=("id",),
    object="bookmark_folder",
    body=(
        Col("id", "id", STR, "The folder's id."),
        Col("name", "name", STR, "Its name."),
    ),
)

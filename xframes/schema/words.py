"""X's two vocabularies: the names of fields and expansions in requests.

X's specification 2.159 uses the word tweet, 2.167 the word post; X accepts both. Names of fields
are derived from the columns; this module has only what columns do not declare.
"""

from __future__ import annotations

from typing import Literal

Vocabulary = Literal["tweet", "post"]

RENAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "pinned_tweet_id": "pinned_post_id",
    "most_recent_tweet_id": "most_recent_post_id",
}

# The `*.fields` parameter of each object; that of posts is `post.fields` in post words.
FIELDS_PARAM = {
    "post": "tweet.fields", "user": "user.fields", "media": "media.fields", "place": "place.fields",
    "poll": "poll.fields", "list": "list.fields", "space": "space.fields", "topic": "topic.fields",
    "dm": "dm_event.fields", "usage": "usage.fields", "post_analytics": "analytics.fields",
    "media_analytics": "media_analytics.fields", "compliance_job": "compliance_job.fields",
    "community": "community.fields", "news": "news.fields", "trend": "trend.fields",
    "personalized_trend": "personalized_trend.fields", "note": "note.fields",
    "connection": "connection.fields", "broadcast": "broadcast.fields",
    "broadcast_message": "broadcast_chat_message.fields", "like": "like_with_tweet_author.fields",
}

# The objects that a response about an object may contain: its action has their parameters.
COMPANIONS = {
    "post": ("post", "media", "poll", "user", "place"),
    "user": ("user", "post"),
    "list": ("list", "user"),
    "space": ("space", "user", "topic"),
    "dm": ("dm", "media", "user", "post"),
    "usage": ("usage",),
    "post_analytics": ("post_analytics",),
    "media_analytics": ("media_analytics",),
    "compliance_job": ("compliance_job",),
    "media": ("media",),
    "community": ("community",),
    "news": ("news",),
    "trend": ("trend",),
    "personalized_trend": ("personalized_trend",),
    "note": ("note",),
    "connection": ("connection",),
    "broadcast": ("broadcast",),
    "broadcast_message": ("broadcast_message", "user"),
    "like": ("like", "user", "post"),
}

# In post words these are only expansions, not fields (2.167).
EXPANSION_ONLY = {
    "post": (
        "author_id", "edit_history_post_ids", "in_reply_to_user_id", "referenced_posts", "username",
    ),
    "user": ("affiliation", "most_recent_post_id", "pinned_post_id"),
    "list": ("owner_id",),
    "space": ("creator_id", "host_ids", "invited_user_ids", "speaker_ids", "topic_ids"),
    "dm": ("participant_ids", "referenced_posts", "sender_id"),
}

EXPANSIONS: dict[Vocabulary, dict[str, tuple[str, ...]]] = {
    "tweet": {
        "post": (
            "article.cover_media", "article.media_entities", "attachments.media_keys",
            "attachments.media_source_tweet", "attachments.poll_ids", "author_id",
            "edit_history_tweet_ids", "entities.mentions.username",
            "entities.note.mentions.username", "geo.place_id", "in_reply_to_user_id",
            "referenced_tweets.id", "referenced_tweets.id.attachments.media_keys",
            "referenced_tweets.id.author_id",
        ),
        "user": ("affiliation.user_id", "most_recent_tweet_id", "pinned_tweet_id"),
        "list": ("owner_id",),
        "space": ("creator_id", "host_ids", "invited_user_ids", "speaker_ids", "topic_ids"),
        "dm": ("attachments.media_keys", "participant_ids", "referenced_tweets.id", "sender_id"),
        "broadcast_message": ("author_id",),
        "like": ("liked_tweet_author_id", "liked_tweet_id"),
    },
    "post": {
        "post": (
            "article.cover_media", "article.media_entities", "attachments.media_keys",
            "attachments.media_source_tweet", "attachments.poll_ids", "author_id",
            "edit_history_post_ids", "entities.mentions.username", "geo.place_id",
            "in_reply_to_user_id", "referenced_posts", "username",
        ),
        "user": ("affiliation", "most_recent_post_id", "pinned_post_id"),
        "list": ("owner_id",),
        "space": ("creator_id", "host_ids", "invited_user_ids", "speaker_ids", "topic_ids"),
        "dm": ("attachments.media_keys", "participant_ids", "referenced_posts", "sender_id"),
        "broadcast_message": ("author_id",),
        "like": ("liked_tweet_author_id", "liked_tweet_id"),
    },
}

# The most objects that an expansion includes for one main object: their key in `includes`, and how
# many. Expansions without an entry have no bound that X documents, such as mentioned users.
MOST_INCLUDED: dict[str, dict[str, tuple[str, int]]] = {
    "post": {
        "author_id": ("users", 1), "in_reply_to_user_id": ("users", 1),
        "referenced_tweets.id": ("tweets", 2), "referenced_posts": ("posts", 2),
        "referenced_tweets.id.author_id": ("users", 2), "attachments.poll_ids": ("polls", 1),
        "geo.place_id": ("places", 1),
    },
    "user": {
        "most_recent_tweet_id": ("tweets", 1), "pinned_tweet_id": ("tweets", 1),
        "most_recent_post_id": ("posts", 1), "pinned_post_id": ("posts", 1),
    },
    "list": {"owner_id": ("users", 1)},
    "space": {"creator_id": ("users", 1), "topic_ids": ("topics", 3)},
    "dm": {"sender_id": ("users", 1)},
}

# Names in wire paths that the `*.fields` parameter does not accept.
NOT_REQUESTED: dict[Vocabulary, dict[str, tuple[str, ...]]] = {
    "tweet": {
        "user": ("subscribes_to_you",),
        "post_analytics": ("link_clicks", "media_engagements", "profile_visits"),
        "dm": ("hashtags", "cashtags", "mentions", "urls"),
        "news": ("last_updated_at_ms", "rest_id"),
        "broadcast_message": ("author_id",),
        "like": ("tweet_author_id",),
    },
    "post": {
        "post_analytics": ("link_clicks", "media_engagements", "profile_visits"),
        "dm": ("hashtags", "cashtags", "mentions", "urls"),
        "news": ("last_updated_at_ms", "rest_id"),
        "broadcast_message": ("author_id",),
        "like": ("tweet_author_id",),
    },
}
# Names that the parameter accepts and that have no column, because they have their own rows.
ALSO_REQUESTED: dict[Vocabulary, dict[str, tuple[str, ...]]] = {
    "tweet": {"usage": ("daily_client_app_usage", "daily_project_usage")},
    "post": {
        "usage": ("daily_client_app_usage", "daily_project_usage"),
        "post_analytics": ("timestamped_metrics",),
        "media_analytics": ("timestamped_metrics",),
    },
}

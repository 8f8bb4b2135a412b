"""The write actions, for the companion `xframes.write`: bodies as X's spec has them, with flat Python names."""

from xframes.registry.actions import Action, Param
from xframes.registry.params import (
    CONVERSATION_ID,
    ID,
    ME,
    ME_SOURCE,
    READ,
    USER,
    body_id,
    flag,
    path_id,
    text,
)
from xframes.registry.prices import PER_REQUEST, dollars

_GONE = "X removed it from self-serve access in April 2026"
_FIFTY = ("", "50/15min")
_THREE_HUNDRED = ("", "300/15min")
_CHUNKS = ("180,000/24hrs", "1,875/15min")
_MESSAGES = ("1,440/24hrs", "15/15min, 1,440/24hrs")
_CHECK = "Let X check the rules and change nothing; what it would refuse is in `problems`."
_ONE_MEDIUM = "one image, GIF or video per message"
_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
_LIST = ("list.write", *READ)
_DM = ("dm.write", *READ)
_POSTING = ("tweet.read", "tweet.write", "users.read")
_MEDIA = ("media.write",)
_CATEGORIES = ("tweet_image", "tweet_video", "tweet_gif", "dm_image", "dm_video", "dm_gif", "subtitles")
_MB = 1024 * 1024
MEDIA_BYTES = {"image": 5 * _MB, "gif": 15 * _MB, "video": 512 * _MB}
"""What X takes of each kind of media (docs.x.com/x-api/media/quickstart/best-practices)."""
_MEDIA_TYPES = (
    "video/mp4", "video/webm", "video/mp2t", "video/quicktime", "text/srt", "text/vtt", "image/jpeg", "image/gif",
    "image/bmp", "image/png", "image/webp", "image/pjpeg", "image/tiff", "model/gltf-binary", "model/vnd.usdz+zip",
)


def _message(prefix: str = "") -> tuple[Param, Param]:
    """The text and the media of a direct message."""
    return (text("text", f"{prefix}text", 1, 10_000),
            Param("media_ids", "ids", f"{prefix}attachments[].media_id", "body", min=1, pattern=ID))


_SUBTITLED = Param("media_category", "enum", where="body", choices=("TweetVideo", "AmplifyVideo"), default="TweetVideo")

WRITES = (
    Action(
        "write.create_compliance_job", "POST /2/compliance/jobs", 1, "Create a batch compliance job",
        "compliance_jobs", "compliance_job",
        params=(Param("type", "enum", where="body", required=True, choices=("tweets", "users")),
                text("name", "", 1, 64), flag("resumable")),
        auth=("app",), limits=("150/15min", ""), seen="compliance.jobs",
        docs="compliance/batch-compliance/introduction",
        caps="the upload address is valid for 15 minutes",
    ),
    Action(
        "write.bookmark", "POST /2/users/{id}/bookmarks", 5, "Bookmark a Post",
        params=(body_id("post_id", "tweet_id", required=True), body_id("folder_id"), ME),
        auth=("oauth2",), scopes=("bookmark.write", *READ), limits=_FIFTY, price="Bookmark", seen="users.bookmarks",
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "write.remove_bookmark", "DELETE /2/users/{id}/bookmarks/{tweet_id}", 7, "Remove a Bookmark",
        params=(path_id("post_id", "tweet_id"), ME),
        auth=("oauth2",), scopes=("bookmark.write", *READ), limits=_FIFTY, price="Bookmark", seen="users.bookmarks",
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "write.delete_stream_rules", "POST /2/tweets/search/stream/rules", 13, "Delete Rules", "stream_rules", "rule",
        params=(Param("values", "texts", "delete.values", "body", min=1, max=1000),
                Param("ids", "ids", "delete.ids", "body", min=1, max=1000, pattern=ID),
                Param("server_dry_run", "bool", "dry_run", doc=_CHECK)),
        auth=("app",), limits=("100/15min", ""), exclusive=(("values", "ids"),), needed=(("values", "ids"),),
        seen="streams.rules",
        docs="posts/filtered-stream/introduction",
    ),
    Action(
        "write.follow", "POST /2/users/{id}/following", 16, "Follow a user ID",
        params=(body_id("user_id", "target_user_id", required=True), ME),
        auth=USER, scopes=("follows.write", *READ), limits=_FIFTY, price="UserInteractionCreate", note=_GONE,
        seen="users.following",
        docs="users/follows/introduction",
    ),
    Action(
        "write.unfollow", "DELETE /2/users/{source_user_id}/following/{target_user_id}", 18, "Unfollow a user ID",
        params=(path_id("user_id", "target_user_id"), ME_SOURCE),
        auth=USER, scopes=("follows.write", *READ), limits=_FIFTY, price="InteractionDelete", seen="users.following",
        docs="users/follows/introduction",
    ),
    Action(
        "write.unhide_reply", "PUT /2/tweets/{tweet_id}/hidden", 20, "Unhide a reply",
        params=(path_id("post_id", "tweet_id"),
                flag("hidden", default=False, doc="True hides the reply instead of unhiding it.")),
        auth=USER, scopes=("tweet.moderate.write", *READ), limits=_FIFTY, price="ContentManage", seen="posts.get",
        docs="posts/hide-replies/introduction",
    ),
    Action(
        "write.like", "POST /2/users/{id}/likes", 21, "Like a Post",
        params=(body_id("post_id", "tweet_id", required=True), ME),
        auth=USER, scopes=("like.write", *READ), limits=("", "50/15min, 1,000/24hrs"), price="UserInteractionCreate",
        note=_GONE, seen="users.liked_posts",
        docs="posts/likes/introduction",
    ),
    Action(
        "write.unlike", "DELETE /2/users/{id}/likes/{tweet_id}", 24, "Unlike a Post",
        params=(path_id("post_id", "tweet_id"), ME),
        auth=USER, scopes=("like.write", *READ), limits=("", "50/15min, 1,000/24hrs"), price="InteractionDelete",
        seen="users.liked_posts",
        docs="posts/likes/introduction",
    ),
    Action(
        "write.follow_list", "POST /2/users/{id}/followed_lists", 26, "Follow a list",
        params=(body_id("list_id", required=True), ME), auth=USER, scopes=_LIST, limits=_FIFTY, price="ListCreate",
        seen="users.followed_lists",
        docs="lists/list-follows/introduction",
    ),
    Action(
        "write.unfollow_list", "DELETE /2/users/{id}/followed_lists/{list_id}", 28, "Unfollow a list",
        params=(path_id("list_id", "list_id"), ME), auth=USER, scopes=_LIST, limits=_FIFTY, price="ListManage",
        seen="users.followed_lists",
        docs="lists/list-follows/introduction",
    ),
    Action(
        "write.add_list_member", "POST /2/lists/{id}/members", 32, "Add a member",
        params=(path_id("list_id"), body_id("user_id", required=True)),
        auth=USER, scopes=_LIST, limits=_THREE_HUNDRED, price="ListCreate", seen="lists.members",
        docs="lists/list-members/introduction",
    ),
    Action(
        "write.remove_list_member", "DELETE /2/lists/{id}/members/{user_id}", 34, "Remove a member",
        params=(path_id("list_id"), path_id("user_id", "user_id")),
        auth=USER, scopes=_LIST, limits=_THREE_HUNDRED, price="ListManage", seen="lists.members",
        docs="lists/list-members/introduction",
    ),
    Action(
        "write.create_list", "POST /2/lists", 36, "Create a list",
        params=(text("name", "", 1, 25, required=True), text("description", "", 0, 100), flag("private")),
        auth=USER, scopes=("list.read", *_LIST), limits=_THREE_HUNDRED, price="ListCreate", seen="users.owned_lists",
        docs="lists/manage-lists/introduction",
    ),
    Action(
        "write.delete_list", "DELETE /2/lists/{id}", 37, "Delete a list",
        params=(path_id("list_id"),), auth=USER, scopes=_LIST, limits=_THREE_HUNDRED, price="ListManage",
        seen="users.owned_lists",
        docs="lists/manage-lists/introduction",
    ),
    Action(
        "write.update_list", "PUT /2/lists/{id}", 38, "Update a list",
        params=(path_id("list_id"), text("name", "", 1, 25), text("description", "", 0, 100), flag("private")),
        auth=USER, scopes=_LIST, limits=_THREE_HUNDRED, price="ListManage",
        needed=(("name", "description", "private"),), seen="lists.get",
        docs="lists/manage-lists/introduction",
    ),
    Action(
        "write.pin_list", "POST /2/users/{id}/pinned_lists", 39, "Pin a list",
        params=(body_id("list_id", required=True), ME), auth=USER, scopes=_LIST, limits=_FIFTY, price="ListCreate",
        seen="users.pinned_lists",
        docs="lists/pinned-lists/introduction",
    ),
    Action(
        "write.unpin_list", "DELETE /2/users/{id}/pinned_lists/{list_id}", 40, "Unpin a list",
        params=(path_id("list_id", "list_id"), ME), auth=USER, scopes=_LIST, limits=_FIFTY, price="ListManage",
        seen="users.pinned_lists",
        docs="lists/pinned-lists/introduction",
    ),
    Action(
        "write.send_to_conversation", "POST /2/dm_conversations/{dm_conversation_id}/messages", 42,
        "Add DM to conversation",
        params=(path_id("conversation_id", "dm_conversation_id", CONVERSATION_ID), *_message()),
        auth=USER, scopes=_DM, limits=_MESSAGES, price="DmInteractionCreate", needed=(("text", "media_ids"),),
        seen="messages.conversation",
        docs="direct-messages/manage/introduction", caps=_ONE_MEDIUM,
    ),
    Action(
        "write.send_message", "POST /2/dm_conversations/with/{participant_id}/messages", 43, "New 1-1 DM message",
        params=(path_id("participant_id", "participant_id"), *_message()),
        auth=USER, scopes=_DM, limits=_MESSAGES, price="DmInteractionCreate", needed=(("text", "media_ids"),),
        seen="messages.with_participant",
        docs="direct-messages/manage/introduction", caps=_ONE_MEDIUM,
    ),
    Action(
        "write.create_conversation", "POST /2/dm_conversations", 44, "New group DM and conversation",
        params=(Param("participant_ids", "ids", where="body", required=True, min=2, max=49, pattern=ID),
                *_message("message."),
                Param("conversation_type", "enum", where="body", choices=("Group",), default="Group")),
        auth=USER, scopes=_DM, limits=_MESSAGES, price="DmInteractionCreate", needed=(("text", "media_ids"),),
        seen="messages.events",
        docs="direct-messages/manage/introduction", caps=_ONE_MEDIUM,
    ),
    Action(
        "write.create_post", "POST /2/tweets", 45, "Create a Post",
        params=(
            text("text"), body_id("reply_to_post_id", "reply.in_reply_to_tweet_id"),
            Param("exclude_reply_user_ids", "ids", "reply.exclude_reply_user_ids", "body", pattern=ID),
            flag("auto_populate_reply_metadata", "reply.auto_populate_reply_metadata"),
            body_id("quote_post_id", "quote_tweet_id"),
            Param("media_ids", "ids", "media.media_ids", "body", min=1, max=4, pattern=ID),
            Param("tagged_user_ids", "ids", "media.tagged_user_ids", "body", max=10, pattern=ID),
            text("media_title", "media.title"), text("media_description", "media.description"),
            body_id("preview_media_id", "media.preview_media_id"), flag("embeddable", "media.embeddable"),
            Param("call_to_actions", "json", "media.call_to_actions", "body"),
            Param("poll_options", "texts", "poll.options", "body", min=2, max=4, pattern=r"[\s\S]{1,25}"),
            Param("poll_duration_minutes", "int", "poll.duration_minutes", "body", min=5, max=10_080),
            Param("poll_reply_settings", "enum", "poll.reply_settings", "body", choices=_SETTINGS),
            text("place_id", "geo.place_id"), body_id("community_id"),
            body_id("previous_post_id", "edit_options.previous_post_id"),
            Param("reply_settings", "enum", where="body", choices=_SETTINGS),
            flag("paid_partnership"), flag("made_with_ai"), flag("nullcast"), flag("for_super_followers_only"),
            flag("share_with_followers"), text("direct_message_deep_link"), text("card_uri"),
        ),
        auth=USER, scopes=_POSTING, limits=("10,000/24hrs", "100/15min"), price="PostCreate",
        needed=(("text", "media_ids"),), exclusive=(("media_ids", "poll_options", "quote_post_id", "card_uri"),),
        together=(
            ("poll_options", "poll_duration_minutes"), ("poll_duration_minutes", "poll_options"),
            ("poll_reply_settings", "poll_options"), ("exclude_reply_user_ids", "reply_to_post_id"),
            ("auto_populate_reply_metadata", "reply_to_post_id"),
            *((name, "media_ids") for name in ("tagged_user_ids", "media_title", "media_description",
                                               "preview_media_id", "embeddable", "call_to_actions")),
        ),
        note="self-serve access cannot quote since April 2026, and replies only where the author summoned it",
        caps=f"with a link, {dollars(PER_REQUEST['PostCreateWithUrl'])} (PostCreateWithUrl)",
        seen="timelines.user",
        docs="posts/manage-tweets/introduction",
    ),
    Action(
        "write.delete_post", "DELETE /2/tweets/{id}", 46, "Delete a Post",
        params=(path_id("post_id"),), auth=USER, scopes=_POSTING, limits=_FIFTY, price="ContentManage",
        seen="posts.get",
        docs="posts/manage-tweets/introduction",
    ),
    Action(
        "write.set_media_metadata", "POST /2/media/metadata", 47, "Create Media Metadata",
        params=(
            body_id("media_id", "id", required=True), text("alt_text", "metadata.alt_text.text", 1, 1000),
            flag("allow_download", "metadata.allow_download_status.allow_download"),
            Param("metadata", "json", where="body",
                  doc="Any other object that X accepts under `metadata`. Default: none."),
        ),
        auth=USER, scopes=_MEDIA, limits=("50,000/24hrs", "500/15min"), price="MediaMetadata",
        docs="media/create-media-metadata",
    ),
    Action(
        "write.add_subtitles", "POST /2/media/subtitles", 48, "Create Media Subtitles",
        params=(body_id("media_id", "id", required=True), body_id("subtitles_media_id", "subtitles.id", required=True),
                text("language_code", "subtitles.language_code", required=True, pattern="[A-Z]{2}"),
                text("display_name", "subtitles.display_name"), _SUBTITLED),
        auth=USER, scopes=_MEDIA, limits=("10,000/24hrs", "100/15min"), price="MediaMetadata",
        docs="media/create-media-subtitles",
    ),
    Action(
        "write.delete_subtitles", "DELETE /2/media/subtitles", 49, "Delete Media Subtitles",
        params=(body_id("media_id", "id", required=True),
                text("language_code", required=True, pattern="[A-Z]{2}"), _SUBTITLED),
        auth=USER, scopes=_MEDIA, limits=("10,000/24hrs", "100/15min"), price="MediaMetadata",
        docs="media/delete-media-subtitles",
    ),
    Action(
        "write.upload_media", "POST /2/media/upload", 51, "Upload Media", "media_uploads", "media_upload",
        params=(Param("path", "file", "media", "body", required=True),
                Param("media_category", "enum", where="body", choices=(*_CATEGORIES, "amplify_video")),
                text("additional_owners"), Param("alt_text", "str", where="local", min=1, max=1000)),
        auth=USER, scopes=_MEDIA, limits=("50,000/24hrs", "500/15min"),
        caps=f"images up to {MEDIA_BYTES['image'] // _MB} MB, "
             f"GIFs up to {MEDIA_BYTES['gif'] // _MB} MB, "
             f"videos up to {MEDIA_BYTES['video'] // _MB} MB",
        docs="media/quickstart/media-upload-chunked",
    ),
    Action(
        "write.mute", "POST /2/users/{id}/muting", 52, "Mute a user ID",
        params=(body_id("user_id", "target_user_id", required=True), ME),
        auth=USER, scopes=("mute.write", *READ), limits=_FIFTY, price="PrivacyUpdate", seen="users.muting",
        docs="users/mutes/introduction",
    ),
    Action(
        "write.unmute", "DELETE /2/users/{source_user_id}/muting/{target_user_id}", 54, "Unmute a user ID",
        params=(path_id("user_id", "target_user_id"), ME_SOURCE),
        auth=USER, scopes=("mute.write", *READ), limits=_FIFTY, price="MuteDelete", seen="users.muting",
        docs="users/mutes/introduction",
    ),
    Action(
        "write.repost", "POST /2/users/{id}/retweets", 60, "Repost a post",
        params=(body_id("post_id", "tweet_id", required=True), ME),
        auth=USER, scopes=_POSTING, limits=_FIFTY, price="UserInteractionCreate", seen="posts.reposted_by",
        docs="posts/retweets/introduction",
    ),
    Action(
        "write.undo_repost", "DELETE /2/users/{id}/retweets/{source_tweet_id}", 62, "Undo a Repost",
        params=(path_id("post_id", "source_tweet_id"), ME),
        auth=USER, scopes=_POSTING, limits=_FIFTY, price="ContentManage", seen="posts.reposted_by",
        docs="posts/retweets/introduction",
    ),
    # What the listed ones need beside themselves: rules are added, large media come in chunks.
    Action(
        "write.add_stream_rules", "POST /2/tweets/search/stream/rules", None, "Add Rules", "stream_rules", "rule",
        params=(Param("rules", "json", "add", "body", required=True, doc="[{value, tag?}, …]"),
                Param("server_dry_run", "bool", "dry_run", doc=_CHECK)),
        auth=("app",), limits=("100/15min", ""), listed=False, seen="streams.rules",
        docs="posts/filtered-stream/introduction",
        caps="1,000 rules of at most 1,024 characters with self-serve access",
    ),
    Action(
        "write.initialize_upload", "POST /2/media/upload/initialize", None, "Media Upload INIT", "media_uploads",
        "media_upload",
        params=(Param("media_type", "enum", where="body", required=True, choices=_MEDIA_TYPES),
                Param("total_bytes", "int", where="body", required=True, min=1, max=17_179_869_184),
                Param("media_category", "enum", where="body", choices=(*_CATEGORIES, "amplify_video")), flag("shared"),
                Param("additional_owners", "ids", where="body", pattern=ID)),
        auth=USER, scopes=_MEDIA, limits=_CHUNKS, listed=False, step_of="write.upload_media",
        docs="media/quickstart/media-upload-chunked",
    ),
    Action(
        "write.append_upload", "POST /2/media/upload/{id}/append", None, "Media Upload APPEND",
        params=(path_id("media_id"), Param("media", "file", where="body", required=True),
                Param("segment_index", "int", where="body", required=True, min=0, max=999)),
        auth=USER, scopes=_MEDIA, limits=_CHUNKS, listed=False, step_of="write.upload_media",
        seen="media.upload_status",
        docs="media/quickstart/media-upload-chunked",
    ),
    Action(
        "write.finalize_upload", "POST /2/media/upload/{id}/finalize", None, "Media Upload FINALIZE", "media_uploads",
        "media_upload", params=(path_id("media_id"),), auth=USER, scopes=_MEDIA, limits=_CHUNKS, listed=False,
        step_of="write.upload_media",
        seen="media.upload_status",
        docs="media/quickstart/media-upload-chunked",
    ),
)

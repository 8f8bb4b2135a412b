"""The write actions. Parameters have flat Python names and the paths of X's request bodies."""

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

_GONE = "April 2026"
_FIFTY = ("", "50/15min")
_THREE_HUNDRED = ("", "300/15min")
_CHUNKS = ("180,000/24hrs", "1,875/15min")
_MESSAGES = ("1,440/24hrs", "15/15min, 1,440/24hrs")
_CHECK = (
    "Let X check the rules and change nothing; what it would refuse is in `problems`. "
    "Default: change the rules."
)
_ONE_MEDIUM = "one image, GIF or video per message"
_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
_LIST = ("list.write", *READ)
_DM = ("dm.write", *READ)
_POSTING = ("tweet.read", "tweet.write", "users.read")
_MEDIA = ("media.write",)
_CATEGORIES = (
    "tweet_image", "tweet_video", "tweet_gif", "dm_image", "dm_video", "dm_gif", "subtitles",
    "amplify_video",
)
_JOB_FIELDS = (
    "created_at", "download_expires_at", "download_url", "id", "name", "resumable", "status",
    "type", "upload_expires_at", "upload_url",
)
_MB = 1024 * 1024
MEDIA_BYTES = {"image": 5 * _MB, "gif": 15 * _MB, "video": 512 * _MB}
"""The largest files X accepts (docs.x.com/x-api/media/quickstart/best-practices)."""
_MEDIA_TYPES = (
    "video/mp4", "video/webm", "video/mp2t", "video/quicktime", "text/srt", "text/vtt",
    "image/jpeg", "image/gif",
    "image/bmp", "image/png", "image/webp", "image/pjpeg", "image/tiff", "model/gltf-binary",
    "model/vnd.usdz+zip",
)


def _message(prefix: str = "") -> tuple[Param, Param]:
    """Declare the text and the media of a direct message."""
    return (
        text("text", f"{prefix}text", 1, 10_000, doc="Text of the message. Default: none."),
        Param("media_ids", "ids", f"{prefix}attachments[].media_id", "body", min=1, pattern=ID,
              doc="Id of an uploaded medium. Default: none."),
    )


_SUBTITLED = Param(
    "media_category", "enum", where="body", choices=("TweetVideo", "AmplifyVideo"),
    default="TweetVideo", doc="Category of the video.",
)
_CATEGORY = Param(
    "media_category", "enum", where="body", choices=_CATEGORIES,
    doc="Use of the media. Default: in posts.",
)
_OWNERS = "Ids of other users who may use the media. Default: none."
_OF_MEDIA = (
    "tagged_user_ids", "media_title", "media_description", "preview_media_id", "embeddable",
    "call_to_actions",
)
_NO_ALT_TEXT = "Description for people who do not see the media. Default: none."

WRITES = (
    Action(
        "write.create_compliance_job", "POST /2/compliance/jobs", 1,
        "Create a batch compliance job",
        "compliance_jobs", "compliance_job",
        params=(Param("type", "enum", where="body", required=True, choices=("tweets", "users")),
                text("name", "", 1, 64, doc="Name to find the job by. Default: none."),
                flag("resumable", doc="Whether the upload can be resumed. Default: no."),
                Param("job_fields", "enums", "compliance_job.fields", min=1, choices=_JOB_FIELDS,
                      doc="Fields of the answer, in X's words. Default: all.")),
        auth=("app",), limits=("150/15min", ""), seen="compliance.jobs",
        docs="compliance/batch-compliance/introduction",
        caps="the upload address is valid for 15 minutes",
    ),
    Action(
        "write.bookmark", "POST /2/users/{id}/bookmarks", 5, "Bookmark a Post",
        params=(
            body_id("post_id", "tweet_id", required=True),
            body_id("folder_id", doc="Id of the bookmark folder to add it to. Default: no folder."),
            ME,
        ),
        auth=("oauth2",), scopes=("bookmark.write", *READ), limits=_FIFTY, price="Bookmark",
        seen="users.bookmarks",
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "write.remove_bookmark", "DELETE /2/users/{id}/bookmarks/{tweet_id}", 7,
        "Remove a Bookmark",
        params=(path_id("post_id", "tweet_id"), ME),
        auth=("oauth2",), scopes=("bookmark.write", *READ), limits=_FIFTY, price="Bookmark",
        seen="users.bookmarks",
        docs="posts/bookmarks/introduction",
    ),
    Action(
        "write.delete_stream_rules", "POST /2/tweets/search/stream/rules", 13, "Delete Rules",
        "stream_rules", "rule",
        params=(Param("values", "texts", "delete.values", "body", min=1, max=1000,
                      doc="Texts of the rules to delete. Default: none."),
                Param("ids", "ids", "delete.ids", "body", min=1, max=1000, pattern=ID,
                      doc="Ids of the rules to delete. Default: none."),
                Param("delete_all", "bool",
                      doc="Delete all rules. Default: only those of `values` or `ids`."),
                Param("server_dry_run", "bool", "dry_run", doc=_CHECK)),
        auth=("app",), limits=("100/15min", ""), exclusive=(("values", "ids", "delete_all"),),
        needed=(("values", "ids", "delete_all"),),
        seen="streams.rules",
        docs="posts/filtered-stream/introduction",
    ),
    Action(
        "write.follow", "POST /2/users/{id}/following", 16, "Follow a user ID",
        params=(body_id("user_id", "target_user_id", required=True), ME),
        auth=USER, scopes=("follows.write", *READ), limits=_FIFTY, price="UserInteractionCreate",
        removed=_GONE,
        seen="users.following",
        docs="users/follows/introduction",
    ),
    Action(
        "write.unfollow", "DELETE /2/users/{source_user_id}/following/{target_user_id}", 18,
        "Unfollow a user ID",
        params=(path_id("user_id", "target_user_id"), ME_SOURCE),
        auth=USER, scopes=("follows.write", *READ), limits=_FIFTY, price="InteractionDelete",
        seen="users.following",
        docs="users/follows/introduction",
    ),
    Action(
        "write.unhide_reply", "PUT /2/tweets/{tweet_id}/hidden", 20, "Unhide a reply",
        params=(path_id("post_id", "tweet_id"),
                flag("hidden", default=False, doc="Hide the reply instead of unhiding it.")),
        auth=USER, scopes=("tweet.moderate.write", *READ), limits=_FIFTY, price="ContentManage",
        seen="posts.get",
        docs="posts/hide-replies/introduction",
    ),
    Action(
        "write.like", "POST /2/users/{id}/likes", 21, "Like a Post",
        params=(body_id("post_id", "tweet_id", required=True), ME),
        auth=USER, scopes=("like.write", *READ), limits=("", "50/15min, 1,000/24hrs"),
        price="UserInteractionCreate",
        removed=_GONE, seen="users.liked_posts",
        docs="posts/likes/introduction",
    ),
    Action(
        "write.unlike", "DELETE /2/users/{id}/likes/{tweet_id}", 24, "Unlike a Post",
        params=(path_id("post_id", "tweet_id"), ME),
        auth=USER, scopes=("like.write", *READ), limits=("", "50/15min, 1,000/24hrs"),
        price="InteractionDelete",
        seen="users.liked_posts",
        docs="posts/likes/introduction",
    ),
    Action(
        "write.follow_list", "POST /2/users/{id}/followed_lists", 26, "Follow a list",
        params=(body_id("list_id", required=True), ME), auth=USER, scopes=_LIST, limits=_FIFTY,
        price="ListCreate",
        seen="users.followed_lists",
        docs="lists/list-follows/introduction",
    ),
    Action(
        "write.unfollow_list", "DELETE /2/users/{id}/followed_lists/{list_id}", 28,
        "Unfollow a list",
        params=(path_id("list_id", "list_id"), ME), auth=USER, scopes=_LIST, limits=_FIFTY,
        price="ListManage",
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
        params=(
            text("name", "", 1, 25, required=True),
            text("description", "", 0, 100, doc="Description of the list. Default: empty."),
            flag("private", doc="Whether only you see the list. Default: no."),
        ),
        auth=USER, scopes=("list.read", *_LIST), limits=_THREE_HUNDRED, price="ListCreate",
        seen="users.owned_lists",
        docs="lists/manage-lists/introduction",
    ),
    Action(
        "write.delete_list", "DELETE /2/lists/{id}", 37, "Delete a list",
        params=(path_id("list_id"),), auth=USER, scopes=_LIST, limits=_THREE_HUNDRED,
        price="ListManage",
        seen="users.owned_lists",
        docs="lists/manage-lists/introduction",
    ),
    Action(
        "write.update_list", "PUT /2/lists/{id}", 38, "Update a list",
        params=(
            path_id("list_id"),
            text("name", "", 1, 25, doc="New name. Default: unchanged."),
            text("description", "", 0, 100, doc="New description. Default: unchanged."),
            flag("private", doc="Whether only you see the list. Default: unchanged."),
        ),
        auth=USER, scopes=_LIST, limits=_THREE_HUNDRED, price="ListManage",
        needed=(("name", "description", "private"),), seen="lists.get",
        docs="lists/manage-lists/introduction",
    ),
    Action(
        "write.pin_list", "POST /2/users/{id}/pinned_lists", 39, "Pin a list",
        params=(body_id("list_id", required=True), ME), auth=USER, scopes=_LIST, limits=_FIFTY,
        price="ListCreate",
        seen="users.pinned_lists",
        docs="lists/pinned-lists/introduction",
    ),
    Action(
        "write.unpin_list", "DELETE /2/users/{id}/pinned_lists/{list_id}", 40, "Unpin a list",
        params=(path_id("list_id", "list_id"), ME), auth=USER, scopes=_LIST, limits=_FIFTY,
        price="ListManage",
        seen="users.pinned_lists",
        docs="lists/pinned-lists/introduction",
    ),
    Action(
        "write.send_to_conversation", "POST /2/dm_conversations/{dm_conversation_id}/messages", 42,
        "Add DM to conversation",
        params=(path_id("conversation_id", "dm_conversation_id", CONVERSATION_ID), *_message()),
        auth=USER, scopes=_DM, limits=_MESSAGES, price="DmInteractionCreate",
        needed=(("text", "media_ids"),),
        seen="messages.conversation",
        docs="direct-messages/manage/introduction", caps=_ONE_MEDIUM,
    ),
    Action(
        "write.send_message", "POST /2/dm_conversations/with/{participant_id}/messages", 43,
        "New 1-1 DM message",
        params=(path_id("participant_id", "participant_id"), *_message()),
        auth=USER, scopes=_DM, limits=_MESSAGES, price="DmInteractionCreate",
        needed=(("text", "media_ids"),),
        seen="messages.with_participant",
        docs="direct-messages/manage/introduction", caps=_ONE_MEDIUM,
    ),
    Action(
        "write.create_conversation", "POST /2/dm_conversations", 44,
        "New group DM and conversation",
        params=(
            Param("participant_ids", "ids", where="body", required=True, min=2, max=49,
                  pattern=ID),
            *_message("message."),
            Param("conversation_type", "enum", where="body", choices=("Group",), default="Group",
                  doc="Kind of conversation; X accepts no other."),
        ),
        auth=USER, scopes=_DM, limits=_MESSAGES, price="DmInteractionCreate",
        needed=(("text", "media_ids"),),
        seen="messages.events",
        docs="direct-messages/manage/introduction", caps=_ONE_MEDIUM,
    ),
    Action(
        "write.create_post", "POST /2/tweets", 45, "Create a Post",
        params=(
            text("text", doc="Text of the post. X counts its length itself. Default: none."),
            body_id("reply_to_post_id", "reply.in_reply_to_tweet_id",
                    doc="Id of the post to reply to. Default: no reply."),
            Param("exclude_reply_user_ids", "ids", "reply.exclude_reply_user_ids", "body",
                  pattern=ID,
                  doc="Ids of users whom the reply does not mention. Default: none."),
            flag("auto_populate_reply_metadata", "reply.auto_populate_reply_metadata",
                 doc="Whether X fills in whom the reply mentions. Default: as X decides."),
            body_id("quote_post_id", "quote_tweet_id",
                    doc="Id of the post to quote. Default: no quote."),
            Param("media_ids", "ids", "media.media_ids", "body", min=1, max=4, pattern=ID,
                  doc="Ids of uploaded media to attach. Default: none."),
            Param("tagged_user_ids", "ids", "media.tagged_user_ids", "body", max=10, pattern=ID,
                  doc="Ids of users to tag in the media. Default: none."),
            text("media_title", "media.title", doc="Title of the media. Default: none."),
            text("media_description", "media.description",
                 doc="Description of the media. Default: none."),
            body_id("preview_media_id", "media.preview_media_id",
                    doc="Id of an uploaded image to show until a video plays. "
                    "Default: chosen by X."),
            flag("embeddable", "media.embeddable",
                 doc="Whether the media can be shown on other sites. Default: as X decides."),
            Param("call_to_actions", "json", "media.call_to_actions", "body",
                  doc="Buttons of the media, as X's JSON object. Default: none."),
            Param("poll_options", "texts", "poll.options", "body", min=2, max=4,
                  pattern=r"[\s\S]{1,25}", doc="Answers of a poll. Default: no poll."),
            Param("poll_duration_minutes", "int", "poll.duration_minutes", "body", min=5,
                  max=10_080, doc="Minutes for which the poll is open. Required for a poll."),
            Param("poll_reply_settings", "enum", "poll.reply_settings", "body", choices=_SETTINGS,
                  doc="Who can reply to the poll. Default: everyone."),
            text("place_id", "geo.place_id", doc="Id of a place to show. Default: none."),
            body_id("community_id",
                    doc="Id of the community to post to. Default: to all followers."),
            body_id("previous_post_id", "edit_options.previous_post_id",
                    doc="Id of a post of yours of which this is the new version. "
                    "Default: a new post."),
            Param("reply_settings", "enum", where="body", choices=_SETTINGS,
                  doc="Who can reply. Default: everyone."),
            flag("paid_partnership",
                 doc="Whether to label the post as a paid partnership. Default: no."),
            flag("made_with_ai", doc="Whether to label the post as made with AI. Default: no."),
            flag("nullcast",
                 doc="Whether to show the post only where it is promoted. Default: no."),
            flag("for_super_followers_only",
                 doc="Whether to show the post to subscribers only. Default: no."),
            flag("share_with_followers",
                 doc="Whether a post to a community is also shown to followers. Default: no."),
            text("direct_message_deep_link",
                 doc="Link that opens a direct message from the post. Default: none."),
            text("card_uri", doc="Address of a card to attach. Default: none."),
        ),
        auth=USER, scopes=_POSTING, limits=("10,000/24hrs", "100/15min"), price="PostCreate",
        needed=(("text", "media_ids"),),
        exclusive=(("media_ids", "poll_options", "quote_post_id", "card_uri"),),
        together=(
            ("poll_options", "poll_duration_minutes"), ("poll_duration_minutes", "poll_options"),
            ("poll_reply_settings", "poll_options"), ("exclude_reply_user_ids", "reply_to_post_id"),
            ("auto_populate_reply_metadata", "reply_to_post_id"),
            *((name, "media_ids") for name in _OF_MEDIA),
        ),
        note="self-serve access cannot quote since April 2026, and can reply only if the post's "
             "author summoned the account",
        caps=f"a post with a link costs {dollars(PER_REQUEST['PostCreateWithUrl'])} "
             "(PostCreateWithUrl)",
        seen="timelines.user",
        docs="posts/manage-tweets/introduction",
    ),
    Action(
        "write.delete_post", "DELETE /2/tweets/{id}", 46, "Delete a Post",
        params=(path_id("post_id"),), auth=USER, scopes=_POSTING, limits=_FIFTY,
        price="ContentManage",
        seen="posts.get",
        docs="posts/manage-tweets/introduction",
    ),
    Action(
        "write.set_media_metadata", "POST /2/media/metadata", 47, "Create Media Metadata",
        params=(
            body_id("media_id", "id", required=True),
            text("alt_text", "metadata.alt_text.text", 1, 1000,
                 doc="Description for people who do not see the media. Default: unchanged."),
            flag("allow_download", "metadata.allow_download_status.allow_download",
                 doc="Whether others can download it. Default: unchanged."),
            Param("metadata", "json", where="body",
                  doc="Any other object that X accepts under `metadata`. Default: none."),
        ),
        auth=USER, scopes=_MEDIA, limits=("50,000/24hrs", "500/15min"), price="MediaMetadata",
        docs="media/create-media-metadata",
    ),
    Action(
        "write.add_subtitles", "POST /2/media/subtitles", 48, "Create Media Subtitles",
        params=(
            body_id("media_id", "id", required=True),
            body_id("subtitles_media_id", "subtitles.id", required=True),
            text("language_code", "subtitles.language_code", required=True, pattern="[A-Z]{2}"),
            text("display_name", "subtitles.display_name",
                 doc="Name of the language to show. Default: chosen by X."),
            _SUBTITLED,
        ),
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
        "write.upload_media", "POST /2/media/upload", 51, "Upload Media",
        "media_uploads", "media_upload",
        params=(
            Param("path", "file", "media", "body", required=True), _CATEGORY,
            text("additional_owners", doc=f"{_OWNERS} Joined by commas."),
            Param("alt_text", "str", where="local", min=1, max=1000, doc=_NO_ALT_TEXT),
        ),
        auth=USER, scopes=_MEDIA, limits=("50,000/24hrs", "500/15min"),
        caps=f"images up to {MEDIA_BYTES['image'] // _MB} MB, "
             f"GIFs up to {MEDIA_BYTES['gif'] // _MB} MB, "
             f"videos up to {MEDIA_BYTES['video'] // _MB} MB",
        docs="media/quickstart/media-upload-chunked",
    ),
    Action(
        "write.mute", "POST /2/users/{id}/muting", 52, "Mute a user ID",
        params=(body_id("user_id", "target_user_id", required=True), ME),
        auth=USER, scopes=("mute.write", *READ), limits=_FIFTY, price="PrivacyUpdate",
        seen="users.muting",
        docs="users/mutes/introduction",
    ),
    Action(
        "write.unmute", "DELETE /2/users/{source_user_id}/muting/{target_user_id}", 54,
        "Unmute a user ID",
        params=(path_id("user_id", "target_user_id"), ME_SOURCE),
        auth=USER, scopes=("mute.write", *READ), limits=_FIFTY, price="MuteDelete",
        seen="users.muting",
        docs="users/mutes/introduction",
    ),
    Action(
        "write.repost", "POST /2/users/{id}/retweets", 60, "Repost a post",
        params=(body_id("post_id", "tweet_id", required=True), ME),
        auth=USER, scopes=_POSTING, limits=_FIFTY, price="UserInteractionCreate",
        seen="posts.reposted_by",
        docs="posts/retweets/introduction",
    ),
    Action(
        "write.undo_repost", "DELETE /2/users/{id}/retweets/{source_tweet_id}", 62, "Undo a Repost",
        params=(path_id("post_id", "source_tweet_id"), ME),
        auth=USER, scopes=_POSTING, limits=_FIFTY, price="ContentManage", seen="posts.reposted_by",
        docs="posts/retweets/introduction",
    ),
    # Actions that are not listed, but that listed ones need: add rules, upload in chunks.
    Action(
        "write.add_stream_rules", "POST /2/tweets/search/stream/rules", None, "Add Rules",
        "stream_rules", "rule",
        params=(Param("rules", "json", "add", "body", required=True,
                      doc="Rules as a list of objects with `value` and, optionally, `tag`."),
                Param("server_dry_run", "bool", "dry_run", doc=_CHECK)),
        auth=("app",), limits=("100/15min", ""), listed=False, seen="streams.rules",
        docs="posts/filtered-stream/introduction",
        caps="1,000 rules of at most 1,024 characters with self-serve access",
    ),
    Action(
        "write.initialize_upload", "POST /2/media/upload/initialize", None, "Media Upload INIT",
        "media_uploads", "media_upload",
        params=(Param("media_type", "enum", where="body", required=True, choices=_MEDIA_TYPES),
                Param("total_bytes", "int", where="body", required=True, min=1, max=17_179_869_184),
                _CATEGORY,
                flag("shared", doc="Whether to use the media in several messages. Default: no."),
                Param("additional_owners", "ids", where="body", pattern=ID, doc=_OWNERS)),
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
        "write.finalize_upload", "POST /2/media/upload/{id}/finalize", None,
        "Media Upload FINALIZE", "media_uploads", "media_upload",
        params=(path_id("media_id"),),
        auth=USER, scopes=_MEDIA, limits=_CHUNKS, listed=False, step_of="write.upload_media",
        seen="media.upload_status",
        docs="media/quickstart/media-upload-chunked",
    ),
)

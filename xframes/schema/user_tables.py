"""Tables of users and their details."""

from dataclasses import replace

from xframes.schema.declarations import BOOL, INT, STR, STRS, TIME, Col, Source, Table
from xframes.schema.post_tables import MENTION, TAG, URL

METRICS = (
    Col("followers_count", "public_metrics.followers_count", INT, "Followers when observed."),
    Col("following_count", "public_metrics.following_count", INT,
        "Accounts the user followed when observed."),
    Col("post_count", "public_metrics.tweet_count|public_metrics.post_count", INT,
        "Posts of the user, including reposts."),
    Col("listed_count", "public_metrics.listed_count", INT, "Lists that the user is a member of."),
    Col("like_count", "public_metrics.like_count", INT, "Likes by the user."),
    Col("media_count", "public_metrics.media_count", INT, "Posts with media."),
)

USERS = Table(
    "users",
    "entity",
    "Accounts that a page returned or included.",
    key=("id",),
    object="user",
    time="created_at",
    body=(
        Col("id", "id", STR, "The user's id; it never changes.", names="users",
            legacy="id_str|accountId"),
        Col("username", "username", STR, "The handle without @; it may change.",
            holds="handle", of="id", legacy="screen_name"),
        Col("name", "name", STR, "The name that X shows.", holds="name", of="id",
            legacy="accountDisplayName"),
        Col("created_at", "created_at", TIME, "When the account was created."),
        Col("description", "description", STR, "The profile text.", holds="words"),
        Col("location", "location", STR,
            "The location in the profile; free text.", holds="profile"),
        Col("url", "url", STR, "The link in the profile, as a short link.", holds="link"),
        Col("verified", "verified", BOOL, "Whether the account has a check mark."),
        Col("verified_type", "verified_type", STR,
            "Kind of check mark: blue, business, government or none.",
            holds="code", values=("blue", "business", "government", "none")),
        Col("protected", "protected", BOOL, "Whether only followers can see the posts."),
        *METRICS,
        Col("profile_image_url", "profile_image_url", STR,
            "URL of the profile picture.", holds="file"),
        Col("profile_banner_url", "profile_banner_url", STR, "URL of the banner.", holds="file"),
        Col("pinned_post_id", "pinned_tweet_id|pinned_post_id", STR,
            "The post pinned to the profile.", names="posts"),
        Col("most_recent_post_id", "most_recent_tweet_id|most_recent_post_id", STR,
            "The newest post.", names="posts"),
        Col("parody", "parody", BOOL, "Whether the account is labelled as parody."),
        Col("is_identity_verified", "is_identity_verified", BOOL,
            "Whether X checked an identity document."),
        Col("verified_followers_count", "verified_followers_count", INT,
            "Followers with a check mark.", loose=True),
        Col("subscription_type", "subscription_type", STR,
            "The user's own X subscription.", owner=True,
            holds="code", values=("None", "Basic", "Premium", "PremiumPlus")),
        Col("subscribes_to_you", "subscription.subscribes_to_you|subscribes_to_you", BOOL,
            "Whether the user subscribes to the account that collected.", owner=True),
        Col("receives_your_dm", "receives_your_dm", BOOL,
            "Whether the account that collected can send the user messages.", owner=True),
        Col("connection_status", "connection_status", STRS,
            "Connections between the user and the account that collected.", owner=True,
            holds="code",
            values=("following", "followed_by", "follow_request_received", "follow_request_sent",
                    "blocking", "muting")),
        Col("confirmed_email", "confirmed_email", STR,
            "The e-mail address of the account that collected; needs the email scope.",
            owner=True, holds="secret"),
        Col("affiliation_user_ids", "affiliation.user_id", STRS,
            "Organisations the account is affiliated with.", names="users"),
        Col("affiliation_description", "affiliation.description", STR,
            "The affiliation as X shows it.",
            holds="profile"),
        Col("affiliation_url", "affiliation.url", STR,
            "The link of the affiliation.", holds="link"),
        Col("affiliation_badge_url", "affiliation.badge_url", STR,
            "URL of the badge of the affiliation.", holds="file"),
        Col("withheld_country_codes", "withheld.country_codes", STRS,
            "Countries in which it is withheld (ISO 3166).", holds="code"),
        Col("withheld_scope", "withheld.scope", STR, "What is withheld.",
            holds="code", values=("tweet", "post", "user")),
    ),
)

USER_METRICS = Table(
    "user_metrics",
    "measure",
    "Public counts of users over time, and their handles: one row per observation; old rows stay.",
    key=("user_id", "observed_at"),
    object="user",
    time="observed_at",
    body=(
        Col("user_id", "id", STR, "The user.", names="users"),
        *METRICS,
        Col("username", "username", STR, "The handle at that time.", holds="handle", of="user_id"),
    ),
)

_USER = Col("user_id", "", STR, "The user with this profile.", names="users")
_FIELD = Col("field", "", STR, "The part of the profile: description or url.",
             holds="code", values=("description", "url"))
_POSITION = Col("position", "", INT, "Position in X's array, from 0.")


def _entity(name: str, doc: str, *body: Col, fields: tuple[str, ...] = ("description",)) -> Table:
    wire = name.removeprefix("user_")
    columns = [_USER, _FIELD, _POSITION]
    for col in body:
        within = "description" if col.within else None
        columns.append(replace(col, within=within))
    return Table(
        name,
        "detail",
        doc,
        key=("user_id", "field", "position"),
        object="user",
        parent="users",
        const="field",
        sources=tuple(Source(f"entities.{field}.{wire}", field) for field in fields),
        body=tuple(columns),
    )


USER_DETAILS = (
    _entity("user_hashtags", "Hashtags in profile texts.", *TAG),
    _entity("user_cashtags", "Cashtags in profile texts.", *TAG),
    _entity("user_mentions", "Users mentioned in profile texts.",
            Col("mentioned_user_id", "id", STR, "The mentioned user.",
                names="users", legacy="id_str"),
            *(replace(c, of="mentioned_user_id") if c.of else c for c in MENTION[1:])),
    _entity("user_urls", "Links in profiles.", *URL, fields=("url", "description")),
)

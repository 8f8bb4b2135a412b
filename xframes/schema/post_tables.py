"""Posts and what hangs on them."""

from xframes.schema.declarations import BOOL, FLOAT, INT, JSON, STR, STRS, TIME, Col, Source, Table

METRICS = (
    Col("like_count", "public_metrics.like_count", INT, "Likes when observed."),
    Col("reply_count", "public_metrics.reply_count", INT, "Replies when observed."),
    Col("repost_count", "public_metrics.retweet_count|public_metrics.repost_count", INT, "Reposts when observed."),
    Col("quote_count", "public_metrics.quote_count", INT, "Quotes when observed."),
    Col("bookmark_count", "public_metrics.bookmark_count", INT, "Bookmarks when observed (sent since May 2023)."),
    Col("impression_count", "public_metrics.impression_count", INT, "Views when observed (sent since January 2023)."),
)


def _private(group: str, label: str, *metrics: str) -> tuple[Col, ...]:
    return tuple(
        Col(
            f"{group}_{metric.replace('retweet', 'repost')}",
            f"{group}_metrics.{metric}" + (f"|{group}_metrics.repost_count" if metric == "retweet_count" else ""),
            INT,
            f"{metric.removesuffix('_count').replace('retweet', 'repost').replace('_', ' ').capitalize()}s, {label}.",
            owner=True,
        )
        for metric in metrics
    )


PRIVATE_METRICS = (
    *_private("non_public", "shown to the author only, for 30 days", "impression_count", "engagements",
              "url_link_clicks", "user_profile_clicks"),
    *_private("organic", "from unpaid distribution, shown to the author only", "impression_count", "like_count",
              "reply_count", "retweet_count", "url_link_clicks", "user_profile_clicks"),
    *_private("promoted", "from paid distribution, shown to the author only", "impression_count", "like_count",
              "reply_count", "retweet_count", "url_link_clicks", "user_profile_clicks"),
)

POSTS = Table(
    "posts",
    "entity",
    "Posts, those a page was about and those it included; what a page was about stands in `matches`.",
    key=("id",),
    object="post",
    time="created_at",
    owner="author_id",
    body=(
        Col("id", "id", STR, "The post's id.", names="posts", legacy="id_str"),
        Col("text", "note_tweet.text|note_post.text|text", STR,
            "The whole text as delivered (HTML-escaped), of long posts too.",
            holds="words", legacy="full_text|extended_tweet.full_text"),
        Col("author_id", "author_id", STR, "The author (`users.id`).", names="users",
            legacy="author.id|user.id_str|user.id"),
        Col("author_username", "username", STR,
            "The author's handle, where X sends it with the post.", words="post",
            holds="handle", of="author_id"),
        Col("created_at", "created_at", TIME, "When it was posted."),
        Col("conversation_id", "conversation_id", STR, "The post that began the conversation.",
            names="posts"),
        Col("in_reply_to_user_id", "in_reply_to_user_id", STR, "Whom it answers.", names="users",
            legacy="in_reply_to_user_id_str"),
        Col("lang", "lang", STR, "Language as X detected it (BCP 47; `und` when unknown).",
            holds="code"),
        Col("source", "source", STR, "The app it was posted from (not sent since December 2022).",
            holds="fact"),
        Col("possibly_sensitive", "possibly_sensitive", BOOL, "Whether a link or medium may be sensitive."),
        Col("reply_settings", "reply_settings", STR, "Who may reply.",
            holds="code",
            values=("everyone", "mentionedUsers", "following", "subscribers", "verified",
                    "other")),
        Col("place_id", "geo.place_id", STR, "The place tagged (`places.id`).", names="places"),
        Col("longitude", "geo.coordinates.coordinates[0]", FLOAT,
            "Longitude of the exact point, in degrees.", holds="location"),
        Col("latitude", "geo.coordinates.coordinates[1]", FLOAT,
            "Latitude of the exact point, in degrees.", holds="location"),
        Col("coordinates_type", "geo.coordinates.type", STR,
            "GeoJSON type of the exact location (`Point`).", holds="location", values=("Point",)),
        *METRICS,
        Col("is_edit_eligible", "edit_controls.is_edit_eligible", BOOL, "Whether it could be edited when posted."),
        Col("edits_remaining", "edit_controls.edits_remaining", INT, "Edits left.", loose=True),
        Col("editable_until_at", "edit_controls.editable_until", TIME, "Until when it may be edited."),
        Col("display_text_start", "display_text_range[0]", INT,
            "First code point shown of the short text.", within="short_text"),
        Col("display_text_end", "display_text_range[1]", INT,
            "Code point after the last one shown.", within="short_text", edge="end"),
        Col("short_text", "text", STR,
            "The text in at most 280 weighted characters, as X sends it beside a long one.",
            holds="words"),
        Col("media_source_post_ids", "attachments.media_source_tweet_id", STRS,
            "Posts the attached media come from.", names="posts"),
        Col("card_uri", "card_uri", STR, "The card shown under the post.", holds="file"),
        Col("community_id", "community_id", STR, "The community it was posted in.",
            names="communities"),
        Col("paid_partnership", "paid_partnership", BOOL, "Whether it is labelled a paid partnership.", words="post"),
        Col("followers_only", "scopes.followers", BOOL, "Whether only followers may see it."),
        Col("withheld_copyright", "withheld.copyright", BOOL, "Whether it is withheld after a copyright claim."),
        Col("withheld_country_codes", "withheld.country_codes", STRS,
            "Countries it is withheld in (ISO 3166).", holds="code"),
        Col("withheld_scope", "withheld.scope", STR, "What is withheld: the post or its author.",
            holds="code", values=("tweet", "post", "user")),
        Col("article", "article", JSON,
            "The long-form article X attaches (no published inner schema).", holds="content"),
        Col("article_title", "article_title", JSON,
            "The article's title (no published inner schema).", words="post", holds="content"),
        Col("media_metadata", "media_metadata", JSON,
            "Title, description and alt text given to each medium.", holds="content"),
        Col("matched_media_notes", "matched_media_notes", JSON,
            "Community Notes matched to its media.", words="post", holds="content"),
        Col("note_request_suggestions", "note_request_suggestions", JSON,
            "Suggestions sent with requests for a Community Note.", words="post", holds="content"),
        Col("suggested_source_links", "suggested_source_links", JSON,
            "Source links suggested for a Community Note.", holds="content"),
        Col("suggested_source_links_with_counts", "suggested_source_links_with_counts", JSON,
            "The same with how often each was suggested.", holds="content"),
        *PRIVATE_METRICS,
    ),
)

POST_METRICS = Table(
    "post_metrics",
    "measure",
    "Public counts of posts over time: one row per observation, never overwritten.",
    key=("post_id", "observed_at"),
    object="post",
    time="observed_at",
    body=(Col("post_id", "id", STR, "The post.", names="posts"), *METRICS),
)

_POST = Col("post_id", "", STR, "The post it stands in.", names="posts")
_POSITION = Col("position", "", INT, "Its place in the array X sent, from 0.")
_SPAN = (
    Col("start_index", "start", INT, "First code point in the text as delivered.",
        within="text", legacy="indices"),
    Col("end_index", "end", INT, "Code point after the last one.", within="text", edge="end"),
)
TAG = (Col("tag", "tag", STR, "The tag without its sign.", holds="label",
           legacy="text"), *_SPAN)
MENTION = (
    Col("user_id", "id", STR, "The user mentioned; missing in older data.",
        names="users", legacy="id_str"),
    Col("username", "username", STR, "The handle mentioned.",
        holds="handle", of="user_id", legacy="screen_name"),
    *_SPAN,
)
URL = (
    Col("url", "url", STR, "The shortened link as it stands in the text.", holds="link"),
    Col("expanded_url", "expanded_url", STR, "The link the author gave.", holds="link"),
    Col("display_url", "display_url", STR, "The link as shown.", holds="shown_link",
        of="expanded_url"),
    Col("unwound_url", "unwound_url", STR, "Where the link leads after all redirects.",
        holds="link"),
    Col("status", "status", INT, "HTTP status of that page when X fetched it.", loose=True),
    Col("title", "title", STR, "Title of that page.", holds="preview", of="expanded_url"),
    Col("description", "description", STR, "Description of that page.",
        holds="preview", of="expanded_url"),
    Col("media_key", "media_key", STR, "The medium the link stands for.",
        names="media", holds="link"),
    Col("images", "images", JSON, "Preview images: url, width, height of each.",
        holds="preview", of="expanded_url"),
    *_SPAN,
)


def _note(path: str, *legacy: str) -> tuple[Source, ...]:
    """Entities of a long post are the note's, when there is a note."""
    old = [f"{whole}{name}" for name in (path, *legacy) for whole in ("", "extended_tweet.")]
    return (Source(f"note_tweet.{path}|note_post.{path}|{path}", legacy="|".join(old)),)


def _detail(name: str, doc: str, sources: tuple[Source, ...], *body: Col, const: str | None = None) -> Table:
    return Table(name, "detail", doc, key=("post_id", "position"), object="post", parent="posts", sources=sources,
                 const=const, body=(_POST, _POSITION, *body))


POST_DETAILS = (
    _detail("post_hashtags", "Hashtags in posts.", _note("entities.hashtags"),
            *TAG),
    _detail("post_cashtags", "Cashtags in posts.", _note("entities.cashtags", "entities.symbols"),
            *TAG),
    _detail("post_mentions", "Users mentioned in posts.", _note("entities.mentions", "entities.user_mentions"),
            *MENTION),
    _detail("post_urls", "Links in posts.", _note("entities.urls", "entities.media"),
            *URL),
    _detail(
        "post_annotations",
        "Named things X recognised in the short text (not sent since March 2026).",
        (Source("entities.annotations"),),
        Col("type", "type", STR, "Person, Place, Product, Organization or Other.", words="tweet",
            holds="code", values=("Person", "Place", "Product", "Organization", "Other")),
        Col("normalized_text", "normalized_text", STR, "The thing's name.", words="tweet",
            holds="label"),
        Col("probability", "probability", FLOAT, "X's confidence, from 0 to 1.", words="tweet",
            holds="public"),
        Col("start_index", "start", INT,
            "First code point in the text as delivered.", words="tweet", within="short_text"),
        Col("end_index", "end", INT,
            "Its last code point (inclusive, unlike other entities).", words="tweet",
            within="short_text", edge="last"),
    ),
    _detail(
        "post_contexts",
        "Topics X assigned to posts.",
        (Source("context_annotations"),),
        Col("domain_id", "domain.id", STR, "The kind of topic.", holds="fact"),
        Col("domain_name", "domain.name", STR, "Its name.", holds="fact"),
        Col("domain_description", "domain.description", STR, "Its description.", holds="fact"),
        Col("entity_id", "entity.id", STR, "The topic.", holds="fact"),
        Col("entity_name", "entity.name", STR, "Its name.", holds="fact"),
        Col("entity_description", "entity.description", STR, "Its description.", holds="fact"),
    ),
    _detail(
        "post_edits",
        "Versions of edited posts, oldest first; a post never edited has itself only.",
        (Source("edit_history_tweet_ids|edit_history_post_ids"),),
        Col("edit_post_id", ".", STR, "One version's id.", names="posts"),
    ),
    _detail(
        "post_media",
        "Media attached to posts, in order.",
        (Source("attachments.media_keys"),),
        Col("media_key", ".", STR, "The medium (`media.media_key`).", names="media"),
    ),
    _detail(
        "post_polls",
        "Polls attached to posts.",
        (Source("attachments.poll_ids"),),
        Col("poll_id", ".", STR, "The poll (`polls.id`).", names="polls"),
    ),
    _detail(
        "post_references",
        "Which post a post replies to, quotes or reposts.",
        (Source("referenced_tweets|referenced_posts"),),
        Col("referenced_post_id", "id", STR, "The post referred to.", names="posts"),
        Col("type", "type", STR, "replied_to, quoted or reposted.", renames=(("retweeted",
            "reposted"),), holds="code", values=("replied_to", "quoted", "reposted")),
    ),
)

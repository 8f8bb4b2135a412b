"""Tables of posts and their details."""

from dataclasses import replace

from xframes.schema.declarations import BOOL, FLOAT, INT, JSON, STR, STRS, TIME, Col, Source, Table

METRICS = (
    Col("like_count", "public_metrics.like_count", INT, "Likes when observed."),
    Col("reply_count", "public_metrics.reply_count", INT, "Replies when observed."),
    Col("repost_count", "public_metrics.retweet_count|public_metrics.repost_count", INT,
        "Reposts when observed."),
    Col("quote_count", "public_metrics.quote_count", INT, "Quotes when observed."),
    Col("bookmark_count", "public_metrics.bookmark_count", INT,
        "Bookmarks when observed (sent since May 2023)."),
    Col("impression_count", "public_metrics.impression_count", INT,
        "Impressions when observed (sent since January 2023)."),
)


_LABELS = {
    "impression_count": "Impressions",
    "engagements": "Engagements",
    "like_count": "Likes",
    "reply_count": "Replies",
    "retweet_count": "Reposts",
    "url_link_clicks": "Clicks on links",
    "user_profile_clicks": "Clicks on the author's profile",
}


def _private(group: str, note: str, *metrics: str) -> tuple[Col, ...]:
    columns = []
    for metric in metrics:
        path = f"{group}_metrics.{metric}"
        if metric == "retweet_count":
            path += f"|{group}_metrics.repost_count"
        name = f"{group}_{metric.replace('retweet', 'repost')}"
        columns.append(Col(name, path, INT, f"{_LABELS[metric]}, {note}.", owner=True))
    return tuple(columns)


PRIVATE_METRICS = (
    *_private("non_public", "shown only to the author, for 30 days",
              "impression_count", "engagements", "url_link_clicks", "user_profile_clicks"),
    *_private("organic", "from unpaid distribution, shown only to the author",
              "impression_count", "like_count", "reply_count", "retweet_count",
              "url_link_clicks", "user_profile_clicks"),
    *_private("promoted", "from paid distribution, shown only to the author",
              "impression_count", "like_count", "reply_count", "retweet_count",
              "url_link_clicks", "user_profile_clicks"),
)

POSTS = Table(
    "posts",
    "entity",
    "Posts that a page returned or included; `matches` has those that it returned.",
    key=("id",),
    object="post",
    time="created_at",
    owner="author_id",
    body=(
        Col("id", "id", STR, "The post's id.", names="posts", legacy="id_str"),
        Col("text", "note_tweet.text|note_post.text|text", STR,
            "The full text as sent (HTML-escaped), also of long posts.",
            holds="words", legacy="full_text|extended_tweet.full_text"),
        Col("author_id", "author_id", STR, "The author (`users.id`).", names="users",
            legacy="author.id|user.id_str|user.id"),
        Col("author_username", "username", STR,
            "The author's handle, if X sent it with the post.", words="post",
            holds="handle", of="author_id"),
        Col("created_at", "created_at", TIME, "When it was posted."),
        Col("conversation_id", "conversation_id", STR, "The first post of the conversation.",
            names="posts"),
        Col("in_reply_to_user_id", "in_reply_to_user_id", STR,
            "The user that the post replies to.", names="users",
            legacy="in_reply_to_user_id_str"),
        Col("lang", "lang", STR, "Language detected by X (BCP 47; `und`: unknown).",
            holds="code"),
        Col("source", "source", STR, "The app used to post (not sent since December 2022).",
            holds="fact"),
        Col("possibly_sensitive", "possibly_sensitive", BOOL,
            "Whether a link or medium may be sensitive."),
        Col("reply_settings", "reply_settings", STR, "Who can reply.",
            holds="code",
            values=("everyone", "mentionedUsers", "following", "subscribers", "verified",
                    "other")),
        Col("place_id", "geo.place_id", STR, "The tagged place (`places.id`).", names="places"),
        Col("longitude", "geo.coordinates.coordinates[0]", FLOAT,
            "Longitude of the exact point, in degrees.", holds="location"),
        Col("latitude", "geo.coordinates.coordinates[1]", FLOAT,
            "Latitude of the exact point, in degrees.", holds="location"),
        Col("coordinates_type", "geo.coordinates.type", STR,
            "GeoJSON type of the exact location (`Point`).", holds="location", values=("Point",)),
        *METRICS,
        Col("is_edit_eligible", "edit_controls.is_edit_eligible", BOOL,
            "Whether it could be edited when posted."),
        Col("edits_remaining", "edit_controls.edits_remaining", INT, "Edits left.", loose=True),
        Col("editable_until_at", "edit_controls.editable_until", TIME,
            "Until when it can be edited."),
        Col("display_text_start", "display_text_range[0]", INT,
            "First code point of the short text that is shown.", within="short_text"),
        Col("display_text_end", "display_text_range[1]", INT,
            "Code point after the last one of the short text that is shown.",
            within="short_text", edge="end"),
        Col("short_text", "text", STR,
            "The short text (at most 280 weighted characters), also sent for long posts.",
            holds="words"),
        Col("media_source_post_ids", "attachments.media_source_tweet_id", STRS,
            "Posts that the attached media come from.", names="posts"),
        Col("card_uri", "card_uri", STR, "URI of the card shown under the post.", holds="file"),
        Col("community_id", "community_id", STR, "The community in which it was posted.",
            names="communities"),
        Col("paid_partnership", "paid_partnership", BOOL,
            "Whether it is labelled as a paid partnership.", since="2.165"),
        Col("followers_only", "scopes.followers", BOOL, "Whether only followers can see it."),
        Col("withheld_copyright", "withheld.copyright", BOOL,
            "Whether it is withheld after a copyright claim."),
        Col("withheld_country_codes", "withheld.country_codes", STRS,
            "Countries in which it is withheld (ISO 3166).", holds="code"),
        Col("withheld_scope", "withheld.scope", STR, "What is withheld: the post or its author.",
            holds="code", values=("tweet", "post", "user")),
        Col("article", "article", JSON,
            "The attached long article (no published schema).", holds="content"),
        Col("article_title",
            "article/title|article_title/|article_title/title|article_title/text", STR,
            "The title of the article.", words="post", holds="content"),
        Col("article_text", "article/plain_text|article/text|article/body", STR,
            "The whole text of the article; the text of its post is only a link.",
            holds="content"),
        Col("media_metadata", "media_metadata", JSON,
            "Title, description and alt text of each medium.", holds="content"),
        Col("matched_media_notes", "matched_media_notes", JSON,
            "Community Notes matched to the media of the post.", holds="content", since="2.162"),
        Col("note_request_suggestions", "note_request_suggestions", JSON,
            "Suggestions sent with requests for a Community Note.", holds="content",
            since="2.164"),
        Col("suggested_source_links", "suggested_source_links", JSON,
            "Source links suggested for a Community Note.", holds="content"),
        Col("suggested_source_links_with_counts", "suggested_source_links_with_counts", JSON,
            "Source links suggested for a Community Note, with the number of suggestions of each.",
            holds="content"),
        *PRIVATE_METRICS,
        Col("is_result", "", BOOL,
            "Whether a request returned it as a result (search, timeline, lookup, …); false: only "
            "included with others. Once a result, always one.", merge="any", never_null=True),
        Col("is_latest", "", BOOL,
            "Whether it is the newest version here of an edited post; true of posts without edits. "
            "Queries derive it from `post_edits`; null in files."),
    ),
)

POST_METRICS = Table(
    "post_metrics",
    "measure",
    "Public counts of posts over time: one row per observation; old rows stay.",
    key=("post_id", "observed_at"),
    object="post",
    time="observed_at",
    body=(Col("post_id", "id", STR, "The post.", names="posts"), *METRICS),
)

_OF_REPOSTS = "of a repost those of the post that it reposts, if that is here"

RESULTS = Table(
    "results",
    "view",
    "Posts that a request returned as results, run by run, in X's order: one row for each.",
    key=("id",),
    owner="author_id",
    body=(
        Col("id", "", STR, "The post's id; of an edited post, the newest version.",
            names="posts"),
        Col("created_at", "", TIME, "When it was posted."),
        Col("author_id", "", STR, "The author (`users.id`).", names="users"),
        Col("username", "", STR, "The author's handle.", holds="handle", of="author_id"),
        Col("name", "", STR, "The author's name.", holds="name", of="author_id"),
        Col("followers_count", "", INT, "The author's followers when observed."),
        Col("text", "", STR,
            "The whole text, unescaped, of an article its title and body; of a repost the text of "
            "the post that it reposts, if that is here.", holds="words", of="content_author_id"),
        Col("lang", "", STR, "Language detected by X (BCP 47; `und`: unknown).", holds="code"),
        Col("kind", "", STR,
            "original, reply, quote or repost. A reply that quotes is a reply.",
            holds="code", values=("original", "reply", "quote", "repost")),
        *(replace(col, path="") for col in METRICS),
        Col("referenced_post_id", "", STR,
            "The post that it reposts, replies to or quotes.", names="posts"),
        Col("referenced_author_id", "", STR,
            "The author of that post, if it is here.", names="users"),
        Col("referenced_username", "", STR, "The handle of that author.",
            holds="handle", of="referenced_author_id"),
        Col("referenced_text", "", STR, "The whole text of that post, unescaped.",
            holds="words", of="referenced_author_id"),
        Col("content_post_id", "", STR,
            "The post whose details the text has: of a repost the post that it reposts, if that is "
            "here; else the post itself.", names="posts"),
        Col("content_author_id", "", STR, "The author of that post.", names="users"),
        Col("hashtags", "", STRS, f"Hashtags in the text, in order; {_OF_REPOSTS}.",
            holds="label"),
        Col("mentions", "", STRS, f"Handles mentioned in the text; {_OF_REPOSTS}.",
            holds="handle", of="mentioned_user_ids"),
        Col("mentioned_user_ids", "", STRS,
            "The ids of these people, in the same order; null where X sent none.", names="users"),
        Col("links", "", STRS, f"Where the links in the text lead; {_OF_REPOSTS}.",
            holds="link"),
        Col("url", "", STR, "The address of the post at X.", holds="link"),
        Col("query", "", STR, "The query of the request that first returned it, if it had one.",
            holds="query"),
        Col("action", "", STR, "The action of that request, e.g. search.recent.", holds="code"),
        Col("run_id", "", STR, "The run of that request (`runs`).", names="runs"),
    ),
)

_POST = Col("post_id", "", STR, "The post.", names="posts")
_POSITION = Col("position", "", INT, "Position in X's array, from 0.")
_SPAN = (
    Col("start_index", "start", INT, "Position of the first code point in the text.",
        within="text", legacy="indices"),
    Col("end_index", "end", INT, "Position after the last code point.", within="text", edge="end"),
)
TAG = (Col("tag", "tag", STR, "The tag without # or $.", holds="label",
           legacy="text"), *_SPAN)
MENTION = (
    Col("user_id", "id", STR, "The mentioned user; null in older data.",
        names="users", legacy="id_str"),
    Col("username", "username", STR, "The mentioned handle.",
        holds="handle", of="user_id", legacy="screen_name"),
    *_SPAN,
)
URL = (
    Col("url", "url", STR, "The short link in the text.", holds="link"),
    Col("expanded_url", "expanded_url", STR, "The link that the author entered.", holds="link"),
    Col("display_url", "display_url", STR, "The link as X shows it.", holds="shown_link",
        of="expanded_url"),
    Col("unwound_url", "unwound_url", STR, "The target of the link after all redirects.",
        holds="link"),
    Col("status", "status", INT, "HTTP status of the linked page when X fetched it.", loose=True),
    Col("title", "title", STR, "Title of the linked page.", holds="preview", of="expanded_url"),
    Col("description", "description", STR, "Description of the linked page.",
        holds="preview", of="expanded_url"),
    Col("media_key", "media_key", STR, "The medium that the link represents.",
        names="media", holds="link"),
    Col("images", "images", JSON, "Preview images: url, width, height of each.",
        holds="preview", of="expanded_url"),
    *_SPAN,
)


def _note(path: str, *legacy: str) -> tuple[Source, ...]:
    """The array of entities; that of the full text (`note_tweet`) first."""
    old = []
    for name in (path, *legacy):
        old += [name, f"extended_tweet.{name}"]
    return (Source(f"note_tweet.{path}|note_post.{path}|{path}", legacy="|".join(old)),)


def _detail(
    name: str, doc: str, sources: tuple[Source, ...], *body: Col, const: str | None = None
) -> Table:
    return Table(
        name,
        "detail",
        doc,
        key=("post_id", "position"),
        object="post",
        parent="posts",
        sources=sources,
        const=const,
        body=(_POST, _POSITION, *body),
    )


POST_DETAILS = (
    _detail("post_hashtags", "Hashtags in posts.", _note("entities.hashtags"),
            *TAG),
    _detail("post_cashtags", "Cashtags in posts.", _note("entities.cashtags", "entities.symbols"),
            *TAG),
    _detail("post_mentions", "Users mentioned in posts.",
            _note("entities.mentions", "entities.user_mentions"), *MENTION),
    _detail("post_urls", "Links in posts.", _note("entities.urls", "entities.media"),
            *URL),
    _detail(
        "post_annotations",
        "Names that X recognised in the short text (not sent since March 2026).",
        (Source("entities.annotations"),),
        Col("type", "type", STR, "Person, Place, Product, Organization or Other.", words="tweet",
            holds="code", values=("Person", "Place", "Product", "Organization", "Other")),
        Col("normalized_text", "normalized_text", STR, "The recognised name.", words="tweet",
            holds="label"),
        Col("probability", "probability", FLOAT, "X's confidence, from 0 to 1.", words="tweet",
            holds="public"),
        Col("start_index", "start", INT,
            "Position of the first code point in the text.", words="tweet", within="short_text"),
        Col("end_index", "end", INT,
            "Position of the last code point (inclusive, unlike other entities).", words="tweet",
            within="short_text", edge="last"),
    ),
    _detail(
        "post_contexts",
        "Topics that X assigned to posts.",
        (Source("context_annotations"),),
        Col("domain_id", "domain.id", STR, "The kind of topic.", holds="fact"),
        Col("domain_name", "domain.name", STR, "Name of the kind.", holds="fact"),
        Col("domain_description", "domain.description", STR, "Description of the kind.",
            holds="fact"),
        Col("entity_id", "entity.id", STR, "The topic.", holds="fact"),
        Col("entity_name", "entity.name", STR, "Name of the topic.", holds="fact"),
        Col("entity_description", "entity.description", STR, "Description of the topic.",
            holds="fact"),
    ),
    _detail(
        "post_edits",
        "Versions of posts, oldest first; a post without edits has one version, itself.",
        (Source("edit_history_tweet_ids|edit_history_post_ids"),),
        Col("edit_post_id", ".", STR, "The id of the version.", names="posts"),
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
        Col("referenced_post_id", "id", STR,
            "The post that is replied to, quoted or reposted.", names="posts"),
        Col("type", "type", STR, "replied_to, quoted or reposted.",
            renames=(("retweeted", "reposted"),),
            holds="code", values=("replied_to", "quoted", "reposted")),
    ),
)

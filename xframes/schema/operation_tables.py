"""What was asked, what it was about, and what went wrong."""

from xframes.schema.declarations import BOOL, INT, JSON, STR, TIME, Col, Table

MATCHES = Table(
    "matches",
    "operation",
    "Which posts a page was about (its `data`), as opposed to those it included.",
    key=("page_id", "post_id"),
    body=(
        Col("run_id", "", STR, "The collection (`runs`).", names="runs"),
        Col("post_id", "", STR, "The post.", names="posts"),
        Col("position", "", INT, "Its place on the page, from 0."),
    ),
)

STREAM_RULES = Table(
    "stream_rules",
    "entity",
    "Rules of the filtered stream.",
    key=("id",),
    object="rule",
    body=(
        Col("id", "id", STR, "The rule's id.", names="stream_rules"),
        Col("value", "value", STR, "The rule.", holds="query"),
        Col("tag", "tag", STR, "Its tag.", holds="query"),
    ),
)

COMPLIANCE_JOBS = Table(
    "compliance_jobs",
    "entity",
    "Batch compliance jobs.",
    key=("id",),
    object="compliance_job",
    time="created_at",
    private="account",
    body=(
        Col("id", "id", STR, "The job's id.", names="compliance_jobs"),
        Col("type", "type", STR, "tweets or users.", holds="code", values=("tweets", "users")),
        Col("status", "status", STR, "created, in_progress, complete, failed or expired.",
            holds="code", values=("created", "in_progress", "complete", "failed", "expired")),
        Col("name", "name", STR, "The name it was given.", holds="label"),
        Col("created_at", "created_at", TIME, "When it was made."),
        Col("upload_url", "upload_url", STR, "Where the ids are sent; valid for 15 minutes.",
            holds="secret"),
        Col("upload_expires_at", "upload_expires_at", TIME, "Until when."),
        Col("download_url", "download_url", STR, "Where the result is; valid for 7 days.",
            holds="secret"),
        Col("download_expires_at", "download_expires_at", TIME, "Until when."),
        Col("resumable", "resumable", BOOL, "Whether the upload may be resumed."),
    ),
)

REMOVALS = Table(
    "removals",
    "operation",
    "What X says must go: lines of a compliance job's result.",
    key=("id", "action", "reason"),
    object="compliance_result",
    time="created_at",
    private="removed",
    body=(
        Col("id", "id", STR, "The post or user.", holds="id"),
        Col("action", "action", STR, "What to do: delete.", holds="code", values=("delete",)),
        Col("reason", "reason", STR,
            "deleted, suspended, protected, deactivated, bounced or scrub_geo.",
            holds="code",
            values=("deleted", "suspended", "protected", "deactivated", "bounced", "scrub_geo")),
        Col("created_at", "created_at", TIME, "When the post or account was made."),
        Col("redacted_at", "redacted_at", TIME, "When it went."),
    ),
)

MEDIA_UPLOADS = Table(
    "media_uploads",
    "entity",
    "Uploads of media, as X last told of them.",
    key=("id",),
    object="media_upload",
    private="account",
    body=(
        Col("id", "id", STR, "The upload's id: the media id a post or message takes.",
            names="media_uploads"),
        Col("media_key", "media_key", STR, "The medium's key (`media.media_key`).", names="media"),
        Col("size", "size", INT, "Bytes received."),
        Col("expires_after_secs", "expires_after_secs", INT, "Seconds until X forgets it unless it is used."),
        Col("state", "processing_info.state", STR,
            "pending, in_progress, succeeded or failed; null: ready.",
            holds="code", values=("pending", "in_progress", "succeeded", "failed")),
        Col("check_after_secs", "processing_info.check_after_secs", INT, "Seconds to wait before asking again."),
        Col("progress_percent", "processing_info.progress_percent", INT, "How far the processing is."),
        Col("error", "processing_info.error", JSON, "Why it failed.", holds="content"),
        Col("image", "image", JSON, "Size and type, of pictures.", words="post", holds="content"),
        Col("video", "video", JSON, "Type, of videos.", words="post", holds="content"),
    ),
)

WRITES = Table(
    "writes",
    "operation",
    "What was changed at X: one row per write that was answered.",
    key=("page_id",),
    time="observed_at",
    private="account",
    body=(
        Col("run_id", "", STR, "The collection (`runs`).", names="runs"),
        Col("action", "", STR, "The action, e.g. write.like.", holds="code"),
        Col("arguments", "", JSON, "Its arguments.", holds="request"),
        Col("status", "", INT, "HTTP status."),
        Col("answer", "", JSON, "What X answered: its `data`.", holds="content"),
    ),
)

TOMBSTONES = Table(
    "tombstones",
    "operation",
    "What was removed from this archive, and why; nothing of its content.",
    key=("resource_type", "resource_id"),
    object="tombstone",
    time="observed_at",
    private="removed",
    body=(
        Col("resource_type", "resource_type", STR, "post or user.",
            holds="code", values=("post", "user")),
        Col("resource_id", "resource_id", STR, "Which.", holds="id"),
        Col("reason", "reason", STR, "Why it was removed.", holds="report"),
    ),
)

PROBLEMS = Table(
    "problems",
    "operation",
    "What X could not give, and what xframes could not read: nothing is dropped without a row here.",
    key=("page_id", "position"),
    object="problem",
    private="log",
    body=(
        Col("position", "", INT, "Its place among the page's problems, from 0; from 1,000,000 on they are our own."),
        Col("kind", "", STR, "Last part of X's problem type (resource-not-found, ...), or ours: unreadable_page, "
            "bad_value, unknown_field, not_returned, stream_gap.", holds="code"),
        Col("resource_type", "resource_type", STR, "tweet, user, media, ...", holds="code"),
        Col("resource_id", "resource_id", STR, "Which; for mentions X gives the username.",
            holds="subject"),
        Col("title", "title", STR, "X's short text.", holds="report"),
        Col("detail", "detail", STR, "X's long text, or what could not be read and why.",
            holds="report"),
        Col("parameter", "parameter", STR, "The parameter or field path it came from.",
            holds="report"),
        Col("value", "value", STR, "The value asked for, or refused.", holds="subject"),
        Col("section", "section", STR, "data or includes.", holds="code"),
        Col("field", "field", STR, "The field withheld.", holds="code"),
        Col("run_id", "", STR, "The collection (`runs`).", names="runs"),
    ),
)

REQUESTS = Table(
    "requests",
    "operation",
    "One row per page: what was asked and how much came.",
    key=("page_id",),
    time="observed_at",
    private="log",
    body=(
        Col("run_id", "", STR, "The collection (`runs`).", names="runs"),
        Col("action", "", STR, "The action, e.g. search.recent; null for pages of unknown origin.",
            holds="code"),
        Col("method", "", STR, "HTTP method.",
            holds="code", values=("GET", "POST", "PUT", "DELETE", "LOCAL")),
        Col("path", "", STR, "Path asked.", holds="request"),
        Col("params", "", JSON, "Query parameters, without credentials.", holds="request"),
        Col("status", "", INT, "HTTP status."),
        Col("result_count", "meta.result_count", INT, "X's own count of main rows."),
        Col("row_count", "", INT, "Main rows read from the page."),
        Col("total_post_count", "meta.total_tweet_count|meta.total_post_count", INT, "Sum of a page of counts."),
        Col("newest_id", "meta.newest_id", STR, "Newest post of the page.", names="posts"),
        Col("oldest_id", "meta.oldest_id", STR, "Oldest post of the page.", names="posts"),
        Col("next_token", "meta.next_token", STR, "Where the next page begins.", holds="secret"),
        Col("byte_count", "", INT, "Bytes of the body."),
    ),
)

RUNS = Table(
    "runs",
    "operation",
    "Collections: what was asked, how far they came, how they ended.",
    key=("run_id",),
    time="started_at",
    body=(
        Col("run_id", "", STR, "The collection.", names="runs"),
        Col("action", "", STR, "The action, or import.", holds="code"),
        Col("arguments", "", JSON, "Its arguments.", holds="request"),
        Col("state", "", STR, "running, done, interrupted or failed.",
            holds="code", values=("running", "done", "interrupted", "failed")),
        Col("started_at", "", TIME, "When it began."),
        Col("ended_at", "", TIME, "When it ended."),
        Col("page_count", "", INT, "Pages received."),
        Col("row_count", "", INT, "Main rows received."),
        Col("gap_count", "", INT, "Times a stream was not heard; `problems` (stream_gap) says when and why."),
        Col("error", "", STR, "What stopped it.", holds="report"),
    ),
)

"""Tables of requests, runs, matches, samples, jobs, writes, removals and problems."""

from xframes.schema.declarations import BOOL, FLOAT, INT, JSON, STR, TIME, Col, Table

MATCHES = Table(
    "matches",
    "operation",
    "Posts that a page returned as results (in `data`), not those it only included.",
    key=("page_id", "post_id"),
    body=(
        Col("run_id", "", STR, "The run (`runs`).", names="runs"),
        Col("post_id", "", STR, "The post.", names="posts"),
        Col("position", "", INT, "Position on the page, from 0."),
    ),
)

SAMPLES = Table(
    "samples",
    "operation",
    "Posts of a sample over time, with their weights. `xf.estimate` reads them.",
    key=("sample_id", "post_id"),
    time="window_start_at",
    body=(
        Col("sample_id", "", STR, "The sample: it depends on its query, times, size and seed.",
            holds="code"),
        Col("post_id", "", STR, "The post.", names="posts"),
        Col("weight", "", FLOAT,
            "The number of posts that it represents: 1 / the probability of its window.",
            holds="public"),
        Col("stratum", "", INT, "The stratum of its window (`sample_windows`)."),
        Col("window", "", INT,
            "The window that it was read from. Posts of one window are a cluster: they are not "
            "independent. `window` is a keyword of DuckDB: quote it in SQL."),
        Col("window_start_at", "", TIME, "Start of the window."),
        Col("window_end_at", "", TIME, "End of the window (exclusive)."),
        Col("run_id", "", STR, "The run (`runs`).", names="runs"),
    ),
)

SAMPLE_WINDOWS = Table(
    "sample_windows",
    "operation",
    "Windows of time that a sample read, also those without posts.",
    key=("sample_id", "window"),
    time="start_at",
    body=(
        Col("sample_id", "", STR, "The sample.", holds="code"),
        Col("window", "", INT, "Number of the window among all of the sample's time, from 0."),
        Col("stratum", "", INT,
            "The stratum, a span of time from which windows were drawn, from 0 (the oldest)."),
        Col("stratum_windows", "", INT, "Windows that were drawn from this stratum."),
        Col("probability", "", FLOAT, "The probability with which the window was drawn.",
            holds="public"),
        Col("counted", "", FLOAT,
            "Posts in the window according to X's counts; where it is shorter than the interval "
            "counted, its share of that.",
            holds="public"),
        Col("start_at", "", TIME, "Start of the window."),
        Col("end_at", "", TIME, "End of the window (exclusive)."),
        Col("run_id", "", STR, "The run (`runs`).", names="runs"),
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
        Col("tag", "tag", STR, "The tag of the rule.", holds="query"),
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
        Col("name", "name", STR, "The name of the job.", holds="label"),
        Col("created_at", "created_at", TIME, "When it was created."),
        Col("upload_url", "upload_url", STR, "URL to upload the ids to; valid for 15 minutes.",
            holds="secret"),
        Col("upload_expires_at", "upload_expires_at", TIME, "When `upload_url` expires."),
        Col("download_url", "download_url", STR,
            "URL to download the result from; valid for 7 days.",
            holds="secret"),
        Col("download_expires_at", "download_expires_at", TIME,
            "When `download_url` expires."),
        Col("resumable", "resumable", BOOL, "Whether the upload can be resumed."),
    ),
)

REMOVALS = Table(
    "removals",
    "operation",
    "Posts and users to remove: results of compliance jobs, and events of compliance streams.",
    key=("id", "action", "reason"),
    object="compliance_result",
    time="created_at",
    private="removed",
    body=(
        Col("id", "id", STR, "The post or user.", holds="id"),
        Col("resource_type", "", STR,
            "post or user; null in results of compliance jobs, which do not say it.",
            holds="code", values=("post", "user")),
        Col("action", "action", STR,
            "The required action: delete, or scrub_geo, which concerns only where the posts of a "
            "user were posted.",
            holds="code", values=("delete", "scrub_geo")),
        Col("reason", "reason", STR,
            "deleted, suspended, protected, deactivated, bounced or scrub_geo.",
            holds="code",
            values=("deleted", "suspended", "protected", "deactivated", "bounced", "scrub_geo")),
        Col("created_at", "created_at", TIME, "When the post or account was created."),
        Col("redacted_at", "redacted_at", TIME, "When the post or account was removed from X."),
        Col("up_to_post_id", "", STR, "The user's last post that scrub_geo concerns.", holds="id"),
    ),
)

MEDIA_UPLOADS = Table(
    "media_uploads",
    "entity",
    "Media uploads, in their last known state.",
    key=("id",),
    object="media_upload",
    private="account",
    body=(
        Col("id", "id", STR, "The upload's id: the media id to use in a post or message.",
            names="media_uploads"),
        Col("media_key", "media_key", STR, "The medium's key (`media.media_key`).", names="media"),
        Col("size", "size", INT, "Bytes received."),
        Col("expires_after_secs", "expires_after_secs", INT,
            "Seconds until X deletes the upload if it is not used."),
        Col("state", "processing_info.state", STR,
            "pending, in_progress, succeeded or failed; null: no processing needed.",
            holds="code", values=("pending", "in_progress", "succeeded", "failed")),
        Col("check_after_secs", "processing_info.check_after_secs", INT,
            "Seconds to wait before the next status request."),
        Col("progress_percent", "processing_info.progress_percent", INT,
            "Progress of the processing, in percent."),
        Col("error", "processing_info.error", JSON, "Why the processing failed.", holds="content"),
        Col("image", "image", JSON, "Size and type of a picture.", words="post", holds="content"),
        Col("video", "video", JSON, "Type of a video.", words="post", holds="content"),
    ),
)

WRITES = Table(
    "writes",
    "operation",
    "Changes made at X: one row per write that X responded to.",
    key=("page_id",),
    time="observed_at",
    private="account",
    body=(
        Col("run_id", "", STR, "The run (`runs`).", names="runs"),
        Col("action", "", STR, "The action, e.g. write.like.", holds="code"),
        Col("arguments", "", JSON, "The arguments of the action.", holds="request"),
        Col("status", "", INT, "HTTP status."),
        Col("answer", "", JSON, "The `data` of X's response.", holds="content"),
    ),
)

TOMBSTONES = Table(
    "tombstones",
    "operation",
    "Posts and users removed from this archive, and why; without any content.",
    key=("resource_type", "resource_id"),
    object="tombstone",
    time="observed_at",
    private="removed",
    body=(
        Col("resource_type", "resource_type", STR, "post or user.",
            holds="code", values=("post", "user")),
        Col("resource_id", "resource_id", STR, "The id of the post or user.", holds="id"),
        Col("reason", "reason", STR, "Why it was removed.", holds="report"),
    ),
)

PROBLEMS = Table(
    "problems",
    "operation",
    "Errors in X's responses, and data that xframes could not read: each has a row here.",
    key=("page_id", "position"),
    object="problem",
    private="log",
    body=(
        Col("position", "", INT,
            "Position among the page's problems, from 0; xframes' own start at 1,000,000."),
        Col("kind", "", STR,
            "Last part of X's problem type (resource-not-found, …), or one of xframes' own: "
            "unreadable_page, bad_value, unknown_field, not_returned, rounded_ids, stream_gap, "
            "missing_page, refused_format, truncated_text.",
            holds="code"),
        Col("resource_type", "resource_type", STR,
            "The kind of resource: tweet, user, media or another.", holds="code"),
        Col("resource_id", "resource_id", STR,
            "The id of the resource; for mentions, the username.",
            holds="subject"),
        Col("title", "title", STR, "X's short description.", holds="report"),
        Col("detail", "detail", STR, "X's long description, or what could not be read and why.",
            holds="report"),
        Col("parameter", "parameter", STR, "The parameter or field path that caused it.",
            holds="report"),
        Col("value", "value", STR, "The value that was requested or refused.", holds="subject"),
        Col("section", "section", STR, "data or includes.", holds="code"),
        Col("field", "field", STR, "The field that was withheld.", holds="code"),
        Col("run_id", "", STR, "The run (`runs`).", names="runs"),
    ),
)

REQUESTS = Table(
    "requests",
    "operation",
    "One row per page: its request, and the size of the response.",
    key=("page_id",),
    time="observed_at",
    private="log",
    body=(
        Col("run_id", "", STR, "The run (`runs`).", names="runs"),
        Col("action", "", STR, "The action, e.g. search.recent; null for pages of unknown origin.",
            holds="code"),
        Col("method", "", STR, "HTTP method.",
            holds="code", values=("GET", "POST", "PUT", "DELETE", "LOCAL")),
        Col("path", "", STR, "The path of the request.", holds="request"),
        Col("params", "", JSON, "Query parameters, without credentials.", holds="request"),
        Col("status", "", INT, "HTTP status."),
        Col("result_count", "meta.result_count", INT, "Number of main rows according to X."),
        Col("row_count", "", INT, "Number of main rows read from the page."),
        Col("total_post_count", "meta.total_tweet_count|meta.total_post_count", INT,
            "Total of a page of counts."),
        Col("newest_id", "meta.newest_id", STR, "The newest post on the page.", names="posts"),
        Col("oldest_id", "meta.oldest_id", STR, "The oldest post on the page.", names="posts"),
        Col("next_token", "meta.next_token", STR, "X's token for the next page.", holds="secret"),
        Col("byte_count", "", INT, "Size of the body in bytes."),
        Col("microsecond", "", INT,
            "Microseconds of the time of receipt, after the milliseconds in `observed_at`. They "
            "order the pages of one millisecond.", never_null=True),
    ),
)

RUNS = Table(
    "runs",
    "operation",
    "Runs (collections and imports): their arguments, progress and outcome.",
    key=("run_id",),
    time="started_at",
    body=(
        Col("run_id", "", STR, "The run's id.", names="runs"),
        Col("action", "", STR, "The action, e.g. search.recent, or import.", holds="code"),
        Col("arguments", "", JSON, "The arguments of the action.", holds="request"),
        Col("state", "", STR, "running, done, interrupted or failed.",
            holds="code", values=("running", "done", "interrupted", "failed")),
        Col("started_at", "", TIME, "When it started."),
        Col("ended_at", "", TIME, "When it ended."),
        Col("page_count", "", INT, "Pages received."),
        Col("row_count", "", INT, "Main rows received."),
        Col("gap_count", "", INT,
            "Interruptions of a stream; `problems` (stream_gap) has the times and reasons."),
        Col("price_low", "", FLOAT, "Price in US dollars if X bills main objects only.",
            holds="public"),
        Col("price_high", "", FLOAT, "Price in US dollars if X also bills included objects.",
            holds="public"),
        Col("error", "", STR, "The error that stopped the run.", holds="report"),
    ),
)

CONNECTIONS = Table(
    "connections",
    "entity",
    "Connections to streams, present and past.",
    key=("id",),
    object="connection",
    private="account",
    body=(
        Col("id", "id", STR, "The id of the connection.", names="connections"),
        Col("endpoint", "endpoint_name", STR, "The stream.", holds="code"),
        Col("connected_at", "connected_at", TIME, "When it started."),
        Col("disconnected_at", "disconnected_at", TIME, "When it ended; null while it is open."),
        Col("disconnect_reason", "disconnect_reason", STR, "Why it ended.", holds="code"),
        Col("client_ip", "client_ip", STR, "The address of the client.", holds="secret"),
    ),
)

# The events of the compliance and label streams, and what those that remove something remove: the
# kind of resource, and the reason.
EVENTS: dict[str, tuple[str, str] | None] = {
    "delete": ("post", "deleted"), "withheld": None, "drop": None, "undrop": None,
    "tweet_edit": None, "user_protect": ("user", "protected"), "user_unprotect": None,
    "user_delete": ("user", "deleted"), "user_undelete": None,
    "user_suspend": ("user", "suspended"), "user_unsuspend": None, "user_withheld": None,
    "scrub_geo": ("user", "scrub_geo"), "user_profile_modification": None,
    "public_tweet_notice": None, "public_tweet_unviewable": None,
}
# Events that take a removal back, by its reason.
RESTORING = {"user_unprotect": "protected", "user_undelete": "deleted",
             "user_unsuspend": "suspended"}

COMPLIANCE_EVENTS = Table(
    "compliance_events",
    "operation",
    "Events of the compliance and label streams: what was deleted, withheld, suspended, labelled.",
    key=("page_id", "position"),
    time="event_at",
    private="removed",
    body=(
        Col("position", "", INT, "Position on the page, from 0."),
        Col("kind", "", STR, "What happened, e.g. delete, withheld or user_suspend.",
            holds="code"),
        Col("event_at", "", TIME, "When it happened."),
        Col("post_id", "", STR, "The post concerned.", names="posts"),
        Col("user_id", "", STR, "The user concerned, or the author of the post.", names="users"),
        Col("event", "", JSON, "The whole event.", holds="content"),
    ),
)

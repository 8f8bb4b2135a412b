"""What queries derive from stored rows, as SQL: columns of `posts`, filled `counts`, `results`.

Joins are with rows unique by the joined key, so that DuckDB leaves out those that a query does not
need. Archives and Frames use the same text.
"""

from __future__ import annotations

from xframes.registry import ACTIONS
from xframes.schema import TABLES
from xframes.sql import macros

# `text` as people read it
PLAIN_TEXT = macros.PLAIN_TEXT.format("text")
# The same of a post with an article, whose own text is only a link to it
_WHOLE_TEXT = """CASE WHEN article_text IS NULL THEN plain_text
        ELSE concat_ws(chr(10) || chr(10), article_title, article_text) END"""
# The tables that the queries here name, by the table that is derived.
SOURCES = {
    "counts": ("requests",),
    "results": (
        "posts", "users", "matches", "requests", "post_references", "post_edits", "post_hashtags",
        "post_mentions", "post_urls",
    ),
}
_COUNTING = ", ".join(f"'{a.name}'" for a in ACTIONS.values() if a.rows == "counts")
_TOKENS = """'{"next_token": null, "pagination_token": null}'"""
_PAGE_ROWS = 1_000_000_000  # more than a page can have
_LONGEST = 31  # days that X puts on one page of counts
_REPOSTED, _REPLIED, _QUOTED, _OTHER = (_PAGE_ROWS * number for number in range(4))
# Microseconds: the order in which the pages of an archive were received
RECEIVED = "epoch_ms(observed_at) * 1000 + coalesce(microsecond, 0)"
# The order of the pages in memory
IN_ORDER = "row_number() OVER ()"


def superseded(edits: str, posts: str) -> str:
    """Return a SELECT of older versions of edited posts: `id`, and the `newest` version.

    `edits` and `posts` are FROM clauses. Only a version that is among the posts supersedes another:
    an edited post whose newest version was not collected is still one post.
    """
    as_number = "TRY_CAST({} AS HUGEINT)".format
    is_later = f"{as_number('post_id')} > {as_number('edit_post_id')}"
    pairs = (
        f"SELECT CASE WHEN {is_later} THEN edit_post_id ELSE post_id END AS older, "
        f"CASE WHEN {is_later} THEN post_id ELSE edit_post_id END AS newer "
        f"FROM {edits} AS edits WHERE post_id <> edit_post_id"
    )
    return (
        f"SELECT older AS id, arg_max(newer, {as_number('newer')}) AS newest "
        f"FROM ({pairs}) AS pairs SEMI JOIN {posts} AS versions ON versions.id = pairs.newer "
        "GROUP BY older"
    )


def posts(
    rows: str, edits: str | None, *, are_unmarked: bool = False, older: str | None = None
) -> str:
    """Return a SELECT of rows of posts with `is_latest` and, last, `plain_text`.

    `rows` is a FROM clause. If it has not all posts, `older` is one of the ids of all older
    versions. With `are_unmarked`, some files are from a version without `is_result`; `matches`
    says the same.
    """
    derived = ["true AS is_latest"]
    joins = ""
    if edits and older is None:
        older = f"({superseded(edits, rows)})"
    if older:
        derived = ["older.id IS NULL AS is_latest"]
        joins += f" LEFT JOIN {older} AS older ON older.id = p.id"
    if are_unmarked:
        derived.append("coalesce(p.is_result, listed.id IS NOT NULL) AS is_result")
        listed = "SELECT post_id AS id FROM matches GROUP BY post_id"
        joins += f" LEFT JOIN ({listed}) AS listed ON listed.id = p.id"
    return (
        f"SELECT p.* REPLACE ({', '.join(derived)}), {PLAIN_TEXT} AS plain_text "
        f"FROM {rows} AS p{joins}"
    )


def _period(time: str) -> str:
    """Return SQL of the start of the minute, hour or day, by `granularity`, of a time."""
    return (
        f"CASE granularity WHEN 'minute' THEN date_trunc('minute', {time}) "
        f"WHEN 'hour' THEN date_trunc('hour', {time}) ELSE date_trunc('day', {time}) END"
    )


def counts(rows: str, number: str) -> str:
    """Return a SELECT of rows of counts, with the periods that X left out between two pages.

    Pages belong together if they answer one request, page by page. `number` is SQL of the order
    of the pages of `requests`.
    """
    columns = ", ".join(f'"{c.name}"' for c in TABLES["counts"].columns)
    return f"""
WITH known AS NOT MATERIALIZED (SELECT * FROM {rows}),
numbered AS (
    SELECT *, {number} AS number, coalesce(run_id, '') AS run,
        coalesce(json_merge_patch(params, {_TOKENS})::VARCHAR, '') AS request,
        coalesce(params ->> 'next_token', params ->> 'pagination_token') AS token
    FROM requests
    WHERE action IN ({_COUNTING}) OR action IS NULL AND page_id IN (SELECT page_id FROM known)
),
linked AS (
    SELECT *, lag(next_token) OVER same_request AS before FROM numbered
    WINDOW same_request AS (PARTITION BY run, action, request ORDER BY number)
),
chained AS (
    SELECT page_id, {{'run': run, 'action': action, 'request': request, 'number': sum(
        CASE WHEN token IS NULL AND (action IS NOT NULL OR before IS NULL) THEN 1 ELSE 0 END
    ) OVER same_request}} AS chain, row_number() OVER same_request AS place FROM linked
    WINDOW same_request AS (PARTITION BY run, action, request ORDER BY number)
),
periods AS (
    SELECT known.*, chain,
        abs(place - lag(place) OVER earlier) AS distance,
        max(end_at) OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach
    FROM known JOIN chained USING (page_id)
    WINDOW earlier AS (PARTITION BY query, granularity, chain ORDER BY start_at)
),
gaps AS (
    SELECT *, ('1 ' || granularity)::INTERVAL AS step FROM periods
    WHERE start_at > reach AND granularity IN ('minute', 'hour', 'day')
        AND distance > 0 AND date_diff('day', reach, start_at) <= {_LONGEST} * (distance + 1)
),
empty AS (
    SELECT query, granularity, observed_at, page_id, start_at AS until, step,
        unnest([reach] || range({_period("reach")} + step, start_at, step)) AS start_at
    FROM gaps
),
filled AS (
    SELECT query, granularity, start_at,
        least(until, {_period("start_at")} + step) AS end_at,
        0::BIGINT AS post_count, true AS filled, observed_at, page_id
    FROM empty
)
SELECT {columns} FROM known
UNION ALL
SELECT DISTINCT ON (query, granularity, start_at, end_at) {columns} FROM filled
ANTI JOIN known ON known.query IS NOT DISTINCT FROM filled.query
    AND known.granularity = filled.granularity AND known.start_at = filled.start_at
"""


def results(number: str) -> str:
    """Return a SELECT of the view `results`, run by run, in X's order.

    An edited post has the row of its newest version, with the run and query that first found any
    version. `number` is SQL of the order of the pages of `requests`.
    """
    return f"""
WITH superseded AS ({superseded("post_edits", "posts")}),
pages AS (
    SELECT *, row_number() OVER (ORDER BY began, run_id, number, page_id) AS place FROM (
        SELECT *, min(number) OVER (PARTITION BY run_id) AS began FROM (
            SELECT page_id, run_id, action, params ->> 'query' AS query, {number} AS number
            FROM requests
        )
    )
),
firsts AS (
    SELECT coalesce(superseded.newest, m.post_id) AS id,
        min(pages.place * {_PAGE_ROWS}::BIGINT + coalesce(m.position, 0)) AS place
    FROM matches AS m LEFT JOIN pages ON pages.page_id = m.page_id
    LEFT JOIN superseded ON superseded.id = m.post_id
    GROUP BY ALL
),
sources AS (
    SELECT place, any_value(action) AS action, any_value(query) AS query,
        any_value(run_id) AS run_id, any_value(page_id) AS page_id
    FROM pages GROUP BY place
),
refs AS (
    SELECT post_id, arg_min(referenced_post_id, rank) AS id, arg_min(type, rank) AS type FROM (
        SELECT *, CASE type WHEN 'reposted' THEN {_REPOSTED} WHEN 'replied_to' THEN {_REPLIED}
            WHEN 'quoted' THEN {_QUOTED} ELSE {_OTHER} END
            + coalesce(position, {_PAGE_ROWS - 1}) AS rank
        FROM post_references
    ) GROUP BY post_id
),
referenced AS (
    SELECT id, any_value(author_id) AS author_id, any_value({_WHOLE_TEXT}) AS text FROM posts
    SEMI JOIN post_references ON post_references.referenced_post_id = posts.id GROUP BY id
),
people AS (
    SELECT id, any_value(username) AS username, any_value(name) AS name,
        any_value(followers_count) AS followers_count
    FROM users GROUP BY id
)
SELECT p.id, p.created_at, p.author_id, coalesce(author.username, p.author_username) AS username,
    author.name, author.followers_count,
    CASE WHEN refs.type = 'reposted' THEN coalesce(referenced.text, p.plain_text)
        ELSE {_WHOLE_TEXT} END AS text,
    p.lang,
    CASE refs.type WHEN 'reposted' THEN 'repost' WHEN 'replied_to' THEN 'reply'
        WHEN 'quoted' THEN 'quote'
        ELSE CASE WHEN p.in_reply_to_user_id IS NULL THEN 'original' ELSE 'reply' END END AS kind,
    p.like_count, p.reply_count, p.repost_count, p.quote_count, p.bookmark_count,
    p.impression_count,
    refs.id AS referenced_post_id, referenced.author_id AS referenced_author_id,
    other.username AS referenced_username, referenced.text AS referenced_text,
    {_CONTENT} AS content_post_id,
    CASE WHEN refs.type = 'reposted' THEN coalesce(referenced.author_id, p.author_id)
        ELSE p.author_id END AS content_author_id,
    coalesce(tags.list, []) AS hashtags, coalesce(named.list, []) AS mentions,
    coalesce(named.ids, []) AS mentioned_user_ids, coalesce(links.list, []) AS links,
    'https://x.com/' || coalesce(author.username, p.author_username, 'i') || '/status/' || p.id
        AS url,
    sources.query, sources.action, sources.run_id, p.observed_at,
    coalesce(sources.page_id, p.page_id) AS page_id
FROM posts AS p
LEFT JOIN firsts ON firsts.id = p.id
LEFT JOIN sources ON sources.place = firsts.place // {_PAGE_ROWS}
LEFT JOIN refs ON refs.post_id = p.id
LEFT JOIN referenced ON referenced.id = refs.id
LEFT JOIN people AS author ON author.id = p.author_id
LEFT JOIN people AS other ON other.id = referenced.author_id
LEFT JOIN ({_lists("post_hashtags", "tag")}) AS tags ON tags.id = {_CONTENT}
LEFT JOIN (
    SELECT post_id AS id, list(username ORDER BY position) AS list,
        list(user_id ORDER BY position) AS ids
    FROM post_mentions WHERE username IS NOT NULL GROUP BY post_id
) AS named ON named.id = {_CONTENT}
LEFT JOIN ({_lists("post_urls", _LINK)}) AS links ON links.id = {_CONTENT}
WHERE p.is_latest AND {_IS_FOUND}
ORDER BY firsts.place
"""


# The post whose text, tags and links those of a result are: of a repost the original, if it is here
_CONTENT = (
    "CASE WHEN refs.type = 'reposted' THEN coalesce(referenced.id, p.id) ELSE p.id END"
)
_LINK = "coalesce(unwound_url, expanded_url, url)"


# An edited post is a result if one of its versions is.
_IS_FOUND = """(p.is_result OR p.id IN (
    SELECT superseded.newest FROM superseded JOIN posts AS older ON older.id = superseded.id
    WHERE older.is_result
))"""


def found() -> str:
    """Return a SELECT of the numbers of results and of other posts, without older versions."""
    return (
        f"WITH superseded AS ({superseded('post_edits', 'posts')}), "
        f"judged AS (SELECT {_IS_FOUND} AS is_found FROM posts AS p WHERE p.is_latest) "
        "SELECT count(*) FILTER (is_found), count(*) FILTER (NOT is_found) FROM judged"
    )


def _lists(table: str, value: str) -> str:
    """SQL of a SELECT of the values of each post as a list, in order."""
    return (
        f"SELECT post_id AS id, list({value} ORDER BY position) FILTER ({value} IS NOT NULL) "
        f"AS list FROM {table} GROUP BY post_id"
    )

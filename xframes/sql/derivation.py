"""What queries derive from stored rows, as SQL: columns of `posts`, filled `counts`, `results`.

Archives and Frames use the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.registry import ACTIONS
from xframes.schema import TABLES
from xframes.sql import macros

if TYPE_CHECKING:
    from collections.abc import Iterable

# `text` as people read it
PLAIN_TEXT = macros.PLAIN_TEXT.format("text")
# The same of a post with an article, whose own text is only a link to it
WHOLE_TEXT = """CASE WHEN article_text IS NULL THEN plain_text
        ELSE concat_ws(chr(10) || chr(10), article_title, article_text) END"""
# The tables that the queries here name, by the table that is derived.
SOURCES = {
    "counts": ("requests",),
    "results": (
        "posts", "users", "user_metrics", "matches", "requests", "post_references", "post_edits",
        "post_hashtags", "post_mentions", "post_urls",
    ),
}
# Mentions of posts. X leaves out the id of a mention at times. Its handle then is that of the
# person who last had it at that time, as far as the archive knows, else of the first one who has it
# later. Of two with the same time, a post says more exactly than a profile who had it.
MENTIONS = """
WITH unknown AS (
    SELECT DISTINCT m.post_id, lower(m.username) AS handle, p.created_at AS time
    FROM post_mentions AS m LEFT JOIN posts AS p ON p.id = m.post_id WHERE m.user_id IS NULL
),
handles AS (
    SELECT lower(username) AS handle, id, observed_at AS since, false AS is_of_post FROM users
    UNION ALL SELECT lower(username), user_id, observed_at, false FROM user_metrics
    UNION ALL SELECT lower(m.username), m.user_id, p.created_at, true
        FROM post_mentions AS m JOIN posts AS p ON p.id = m.post_id WHERE m.user_id IS NOT NULL
    UNION ALL SELECT lower(author_username), author_id, created_at, true FROM posts
        WHERE author_id IS NOT NULL
),
owners AS (
    SELECT u.post_id, u.handle, arg_max(h.id, CASE WHEN h.since <= u.time
        THEN {'is_known': true, 'at': epoch_ms(h.since), 'post': is_of_post, 'id': h.id}
        ELSE {'is_known': false, 'at': -epoch_ms(h.since), 'post': is_of_post, 'id': h.id}
        END) AS user_id
    FROM unknown AS u JOIN handles AS h ON h.handle = u.handle GROUP BY u.post_id, u.handle
)
SELECT m.post_id, m.position, m.username, coalesce(m.user_id, owners.user_id) AS user_id
FROM post_mentions AS m
LEFT JOIN owners ON owners.post_id = m.post_id AND owners.handle = lower(m.username)"""
_COUNTING = ", ".join(f"'{a.name}'" for a in ACTIONS.values() if a.rows == "counts")
_TOKENS = """'{"next_token": null, "pagination_token": null}'"""
_PAGE_ROWS = 1_000_000_000  # more than a page can have
_LONGEST = 31  # days that X puts on one page of counts
_REPOSTED, _REPLIED, _QUOTED, _OTHER = (_PAGE_ROWS * number for number in range(4))
# Microseconds: the order in which the pages of an archive were received
RECEIVED = "epoch_ms(observed_at) * 1000 + coalesce(microsecond, 0)"
# Runs that one call started fetch their pages at the same time; their ids are in its order
_CALL = "coalesce(nullif(regexp_extract(run_id, '^run-[^-]+'), ''), run_id)"
# The order of the pages in memory
IN_ORDER = "row_number() OVER ()"


def superseded(edits: str, posts: str) -> str:
    """Return a SELECT of older versions of edited posts: `id`, and the `newest` version.

    `edits` and `posts` are FROM clauses. Only a version that is among the posts supersedes another:
    an edited post whose newest version was not collected is still one post.
    """
    as_number = "TRY_CAST({} AS HUGEINT)".format
    is_later = f"{as_number('post_id')} > {as_number('edit_post_id')}"
    # the list is a barrier: a test of `older` cannot be applied to all edits before the join
    versions = (
        f"SELECT edits.post_id, unnest(list(edit_post_id)) AS edit_post_id FROM {edits} AS edits "
        f"SEMI JOIN ({_edited(edits)}) AS edited ON edited.post_id = edits.post_id "
        "GROUP BY edits.post_id"
    )
    pairs = (
        f"SELECT CASE WHEN {is_later} THEN edit_post_id ELSE post_id END AS older, "
        f"CASE WHEN {is_later} THEN post_id ELSE edit_post_id END AS newer FROM ({versions})"
    )
    is_pair = "FILTER (older <> newer)"
    return (
        f"SELECT older AS id, arg_max(newer, {as_number('newer')}) {is_pair} AS newest "
        f"FROM ({pairs}) AS pairs SEMI JOIN {posts} AS versions ON versions.id = pairs.newer "
        f"GROUP BY older HAVING count(*) {is_pair} > 0"
    )


def _edited(edits: str) -> str:
    """SQL of a SELECT of the posts with more than one version.

    Statistics of the files say where there are none, and the column is small: most posts have
    only themselves as a version.
    """
    return f"SELECT post_id FROM {edits} AS listed WHERE position > 0"


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


def results(
    number: str, columns: Iterable[str] | None = None, *, are_ordered: bool = True,
    has_edits: bool = True,
) -> str:
    """Return a SELECT of the view `results`, or of some of its columns, run by run in X's order.

    An edited post has the row of its newest version, with the run and query that first found any
    version. `number` is SQL of the order of the pages of `requests`. Without `are_ordered`, rows
    have no order, and nothing is read for it. Without edits, `post_edits` is not read: each time
    that a query names the view of posts again, it takes longer to plan.
    """
    names = [c.name for c in TABLES["results"].columns]
    if columns is not None:
        wanted = set(columns)
        names = [name for name in names if name in wanted] or ["id"]
    shown = ", ".join(f'{_RESULT[name]} AS "{name}"' for name in names)
    order = ""
    if are_ordered:
        order = "ORDER BY firsts.place"
    joins = _joins_of(f"{shown} {order}")
    from_clause = "\n".join(f"LEFT JOIN {_JOINS[name].text(name)}" for name in joins)
    older, is_found = _NO_EDITS, "p.is_result"
    if has_edits:
        older, is_found = superseded("post_edits", "posts"), _IS_FOUND
    query = (
        f"SELECT {shown} FROM posts AS p\n{from_clause}\nWHERE p.is_latest AND {is_found} {order}"
    )
    return f"{_with(query, number, older)}{query}"


def _joins_of(text: str) -> list[str]:
    """Return the joins that SQL names, and those that these need, in their order."""
    needed: list[str] = []
    for name, join in reversed(_JOINS.items()):
        if re.search(rf"\b{name}\.", text):
            needed.insert(0, name)
            text += join.on
    return needed


def _with(query: str, number: str, older: str) -> str:
    """Return a WITH clause of what a query names, and what that needs."""
    ctes = {
        "superseded": older,
        "pages": _PAGES.format(number=number),
        "people": _PEOPLE,
    }
    named = [f"{name} AS ({text})" for name, text in ctes.items()
             if re.search(rf"\b{name}\b", query)]
    if not named:
        return ""
    return f"WITH {', '.join(named)} "


@dataclass(frozen=True, slots=True)
class _Join:
    """A join of `results` with rows that are unique by what it compares."""

    rows: str
    on: str

    def text(self, name: str) -> str:
        """SQL of the join under this name."""
        return f"{self.rows} AS {name} ON {self.on}"


def _lists(table: str, **values: str) -> str:
    """SQL of a SELECT of values of each post as lists, in order."""
    item = "'position': position"
    for name, value in values.items():
        item += f", '{name}': {value}"
    first = next(iter(values.values()))
    shown = ", ".join(f"[i.{name} for i in items] AS {name}" for name in values)
    return (
        f"(SELECT id, {shown} FROM (SELECT post_id AS id, "
        f"list_sort(list({{{item}}}) FILTER ({first} IS NOT NULL)) AS items "
        f"FROM {table} GROUP BY post_id))"
    )


_NO_EDITS = "SELECT NULL::VARCHAR AS id, NULL::VARCHAR AS newest WHERE false"
_PAGES = f"""
SELECT *, row_number() OVER (ORDER BY began, run_id, number, page_id) AS place FROM (
    SELECT *, min(number) OVER (PARTITION BY {_CALL}) AS began FROM (
        SELECT page_id, run_id, action, params ->> 'query' AS query, {{number}} AS number
        FROM requests
    )
)"""
_PEOPLE = """
SELECT id, any_value(username) AS username, any_value(name) AS name,
    any_value(followers_count) AS followers_count
FROM users GROUP BY id"""
# Where a post was first returned: `place` of the version itself, `begin` of any of its versions
_FIRSTS = f"""(
    SELECT id, coalesce(min(spot) FILTER (is_own), min(spot)) AS place,
        min(spot) AS begin FROM (
        SELECT coalesce(superseded.newest, m.post_id) AS id, superseded.id IS NULL AS is_own,
            pages.place * {_PAGE_ROWS}::BIGINT + coalesce(m.position, 0) AS spot
        FROM matches AS m LEFT JOIN pages ON pages.page_id = m.page_id
        LEFT JOIN superseded ON superseded.id = m.post_id
    ) GROUP BY id
)"""
_SOURCES = """(
    SELECT place, any_value(action) AS action, any_value(query) AS query,
        any_value(run_id) AS run_id, any_value(page_id) AS page_id
    FROM pages GROUP BY place
)"""
# What a post refers to: what it reposts, else what it replies to, else what it quotes
_REFS = f"""
    SELECT post_id, arg_min(referenced_post_id, rank) AS id, arg_min(type, rank) AS type FROM (
        SELECT *, CASE type WHEN 'reposted' THEN {_REPOSTED} WHEN 'replied_to' THEN {_REPLIED}
            WHEN 'quoted' THEN {_QUOTED} ELSE {_OTHER} END
            + coalesce(position, {_PAGE_ROWS - 1}) AS rank
        FROM post_references
    ) GROUP BY post_id"""
_KIND = """CASE refs.type WHEN 'reposted' THEN 'repost' WHEN 'replied_to' THEN 'reply'
        WHEN 'quoted' THEN 'quote'
        ELSE CASE WHEN p.in_reply_to_user_id IS NULL THEN 'original' ELSE 'reply' END END"""
_REFERENCED = f"""(
    SELECT id, any_value(author_id) AS author_id, any_value({WHOLE_TEXT}) AS text FROM posts
    SEMI JOIN post_references ON post_references.referenced_post_id = posts.id GROUP BY id
)"""
# The post whose text, tags and links those of a result are: of a repost the original, if it is here
_CONTENT = (
    "CASE WHEN refs.type = 'reposted' THEN coalesce(referenced.id, p.id) ELSE p.id END"
)
_LINK = "coalesce(unwound_url, expanded_url, url)"
# In an order in which each names only earlier ones
_JOINS = {
    "firsts": _Join(_FIRSTS, "firsts.id = p.id"),
    "sources": _Join(_SOURCES, f"sources.place = firsts.begin // {_PAGE_ROWS}"),
    "refs": _Join(f"({_REFS})", "refs.post_id = p.id"),
    "referenced": _Join(_REFERENCED, "referenced.id = refs.id"),
    "author": _Join("people", "author.id = p.author_id"),
    "other": _Join("people", "other.id = referenced.author_id"),
    "tags": _Join(_lists("post_hashtags", tags="tag"), f"tags.id = {_CONTENT}"),
    "named": _Join(_lists("post_mentions", names="username"), f"named.id = {_CONTENT}"),
    "meant": _Join(
        _lists(f"({MENTIONS})", names="username", ids="user_id"), f"meant.id = {_CONTENT}"
    ),
    "links": _Join(_lists("post_urls", links=_LINK), f"links.id = {_CONTENT}"),
}
_OF_POSTS = (
    "id", "created_at", "author_id", "lang", "like_count", "reply_count", "repost_count",
    "quote_count", "bookmark_count", "impression_count", "observed_at",
)
# SQL of each column
_RESULT = {name: f"p.{name}" for name in _OF_POSTS} | {
    "username": "coalesce(author.username, p.author_username)",
    "name": "author.name",
    "followers_count": "author.followers_count",
    "text": f"""CASE WHEN refs.type = 'reposted' THEN coalesce(referenced.text, p.plain_text)
        ELSE {WHOLE_TEXT} END""",
    "kind": _KIND,
    "referenced_post_id": "refs.id",
    "referenced_author_id": "referenced.author_id",
    "referenced_username": "other.username",
    "referenced_text": "referenced.text",
    "content_post_id": _CONTENT,
    "content_author_id": """CASE WHEN refs.type = 'reposted'
        THEN coalesce(referenced.author_id, p.author_id) ELSE p.author_id END""",
    "hashtags": "coalesce(tags.tags, [])",
    "mentions": "coalesce(named.names, [])",
    "mentioned_user_ids": "coalesce(meant.ids, [])",
    "links": "coalesce(links.links, [])",
    "url": """'https://x.com/' || coalesce(author.username, p.author_username, 'i')
        || '/status/' || p.id""",
    "query": "sources.query",
    "action": "sources.action",
    "run_id": "sources.run_id",
    "page_id": "coalesce(sources.page_id, p.page_id)",
}


# An edited post is a result if one of its versions is.
_IS_FOUND = """(p.is_result OR p.id IN (
    SELECT superseded.newest FROM superseded JOIN posts AS older ON older.id = superseded.id
    WHERE older.is_result
))"""


def origins(wanted: str) -> str:
    """Return a SELECT of columns of posts `p`, their `kind`, and the queries that found them.

    `query` is JSON: a list of queries, null for posts that no query found.
    """
    return f"""
WITH refs AS ({_REFS}),
queries AS (
    SELECT query, to_json([query]) AS alone, row_number() OVER (ORDER BY query) AS number FROM (
        SELECT DISTINCT params ->> 'query' AS query FROM requests
    ) WHERE query IS NOT NULL
),
searched AS (
    SELECT page_id, any_value(number) AS number
    FROM requests JOIN queries ON queries.query = params ->> 'query' GROUP BY page_id
),
finders AS (
    SELECT post_id, min(number) AS first, max(number) AS last
    FROM matches JOIN searched USING (page_id) GROUP BY post_id
),
several AS (
    SELECT post_id, to_json(list(DISTINCT query ORDER BY query)) AS queries
    FROM matches JOIN searched USING (page_id) JOIN queries USING (number)
    SEMI JOIN (FROM finders WHERE first <> last) AS shared ON shared.post_id = matches.post_id
    GROUP BY post_id
)
SELECT {wanted}, {_KIND} AS kind,
    CASE WHEN first = last THEN queries.alone ELSE several.queries END AS query
FROM posts AS p
LEFT JOIN refs ON refs.post_id = p.id
LEFT JOIN finders ON finders.post_id = p.id
LEFT JOIN queries ON queries.number = finders.first
LEFT JOIN several ON several.post_id = p.id
"""


ORIGINS = ("posts", "post_references", "matches", "requests")
"""The tables that `origins` names."""


def found(*, has_edits: bool = True) -> str:
    """Return a SELECT of the numbers of results and of other posts, without older versions."""
    older, is_found = "", "p.is_result"
    if has_edits:
        older, is_found = f"superseded AS ({superseded('post_edits', 'posts')}), ", _IS_FOUND
    return (
        f"WITH {older}judged AS (SELECT {is_found} AS is_found FROM posts AS p WHERE p.is_latest) "
        "SELECT count(*) FILTER (is_found), count(*) FILTER (NOT is_found) FROM judged"
    )

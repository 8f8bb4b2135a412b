"""Where the data comes from: what was requested, how complete it is, and how to describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reporting.blocks import Text
from xframes.screen import counted
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.reporting.blocks import Block
    from xframes.reporting.chosen import Selection

_MINUTE = "%Y-%m-%d %H:%M"
_SIZE = """
    SELECT count(*) AS results, count(DISTINCT author_id) AS authors,
        min(created_at) AS first, max(created_at) AS last,
        (SELECT count(*) FROM posts WHERE NOT is_result) AS included
    FROM chosen"""
_RUNS = """
    SELECT action, arguments->>'query' AS query, count(*) AS runs,
        sum(page_count) AS pages, sum(row_count) AS rows,
        min(started_at) AS first_started_at, max(coalesce(ended_at, started_at)) AS last_ended_at,
        round(sum(price_low), 2) AS dollars_low, round(sum(price_high), 2) AS dollars_high
    FROM runs WHERE action <> 'archive.remove'
    GROUP BY ALL ORDER BY rows DESC NULLS LAST, action, query"""
_REQUESTED = """
    SELECT DISTINCT runs.action, arguments->>'query' AS query, arguments->>'limit' AS "limit",
        arguments->>'start_time' AS start_time, arguments->>'end_time' AS end_time,
        len(string_split(coalesce(params->>'tweet.fields', params->>'post.fields'), ','))
            AS fields_of_posts,
        len(string_split(params->>'expansions', ',')) AS expansions
    FROM runs LEFT JOIN requests USING (run_id)
    WHERE runs.action <> 'archive.remove' ORDER BY ALL"""
_UNFINISHED = """
    SELECT run_id, action, arguments->>'query' AS query, state, row_count, error
    FROM runs WHERE state <> 'done' ORDER BY started_at"""
_STREAM_GAPS = """
    SELECT parameter AS action, value AS interval, detail
    FROM problems WHERE kind = 'stream_gap' ORDER BY value"""
_KINDS = """
    SELECT kind, count(*) AS problems, any_value(title) AS title, any_value(detail) AS example
    FROM problems GROUP BY kind ORDER BY problems DESC"""
_ABSENT = """
    SELECT count(DISTINCT resource_id) FROM problems
    WHERE kind IN ('resource-not-found', 'not-authorized-for-resource', 'not_returned')"""


def collection(selection: Selection) -> Iterator[Block]:
    """Say how much there is, and what was requested for it."""
    import pandas as pd

    size: Any = selection.rows(_SIZE).iloc[0]
    sentence = f"{counted(size['results'], 'result')} by {counted(size['authors'], 'author')}"
    if not pd.isna(size["first"]):
        sentence += f", posted from {size['first']:{_MINUTE}} to {size['last']:{_MINUTE}} UTC"
    yield Text(f"{sentence}. Another {counted(size['included'], 'post')} were included by X "
               "because results refer to them; they are not counted below.", sql=_SIZE)
    if selection.query is not None or selection.start or selection.end:
        yield Text(f"Only these results are described: {_chosen(selection)}.")
    if selection.is_pseudonymised:
        yield Text("Ids, handles and names are pseudonyms.")
    yield from _tables(selection, ("Requests by action and query", _RUNS))
    yield from _tables(selection, ("Arguments", _REQUESTED))
    yield Text(f"Written by xframes {VERSION}. Times are UTC unless a time zone is named; days and "
               f"hours are those of {selection.tz}.")


def _chosen(selection: Selection) -> str:
    parts = []
    if selection.query is not None:
        parts.append(f"those of the query “{selection.query}”")
    if selection.start is not None:
        parts.append(f"posted from {selection.start:{_MINUTE}} UTC")
    if selection.end is not None:
        parts.append(f"posted before {selection.end:{_MINUTE}} UTC")
    return ", ".join(parts)


def completeness(selection: Selection) -> Iterator[Block]:
    """Say what is missing, as far as the archive knows it."""
    unfinished = selection.table("Runs that did not end", _UNFINISHED)
    gaps = selection.table("Gaps of streams", _STREAM_GAPS)
    absent = selection.value(_ABSENT) or 0
    if unfinished is None:
        yield Text("All runs ended: each has everything that X returned for it.")
    else:
        yield Text("Some runs stopped early. Posts that X would have returned later are missing.",
                   is_warning=True)
        yield unfinished
    if gaps is not None:
        yield Text("Streams were interrupted. Posts of these times are missing.", is_warning=True)
        yield gaps
    if absent:
        yield Text(f"X did not return {counted(absent, 'object')} that posts refer to or that were "
                   "looked up: deleted, suspended, protected or withheld.", sql=_ABSENT)
    if selection.has("tombstones"):
        yield Text("Posts or people were removed from the archive; nothing of them is shown.")
    yield from _against_counts(selection)


def _against_counts(selection: Selection) -> Iterator[Block]:
    """Compare the results with X's own counts of the same queries, where the archive has them."""
    compared = selection.table("Results and X's counts", """
        WITH by_x AS (
            SELECT query, min(start_at) AS first, max(end_at) AS last, sum(post_count) AS number
            FROM counts GROUP BY query, granularity),
        collected AS (
            SELECT DISTINCT requests.params->>'query' AS query, matches.post_id
            FROM matches JOIN requests USING (page_id)),
        compared AS (
            SELECT by_x.query, first, last, number, count(posts.id) AS held
            FROM by_x JOIN collected USING (query) JOIN posts ON posts.id = collected.post_id
                AND posts.created_at >= first AND posts.created_at < last
            GROUP BY by_x.query, first, last, number)
        SELECT query, first AS start_at, last AS end_at, number AS counted_by_x, held,
            round(100.0 * held / nullif(number, 0), 1) AS percent
        FROM compared ORDER BY query""")
    if compared is None:
        yield Text("The archive has no counts by X of these queries, so nothing says how many "
                   "posts X has beyond those collected.")
    else:
        yield compared


def problems(selection: Selection) -> Iterator[Block]:
    """List what X reported, and what could not be read."""
    yield from _tables(selection, ("Problems by kind", _KINDS))


def methods(selection: Selection) -> Iterator[Block]:
    """Write a paragraph on the data that can be pasted into a paper, and how to cite."""
    results = selection.value("SELECT count(*) FROM chosen") or 0
    found = selection.rows("""
        SELECT string_agg(DISTINCT action, ', ' ORDER BY action) AS actions,
            min(started_at) AS first, max(coalesce(ended_at, started_at)) AS last
        FROM runs WHERE action NOT IN ('archive.remove')""").iloc[0]
    queries = selection.rows(
        "SELECT DISTINCT arguments->>'query' AS query FROM runs "
        "WHERE arguments->>'query' IS NOT NULL ORDER BY query LIMIT 11"
    )["query"].tolist()
    sentence = f"The data are {counted(results, 'post')}"
    if isinstance(found["actions"], str):
        sentence += f" collected through the X API v2 ({found['actions']})"
        sentence += f" between {found['first']:%Y-%m-%d} and {found['last']:%Y-%m-%d} (UTC)"
    sentence += f" with xframes {VERSION}."
    if queries:
        shown = "; ".join(f"“{query}”" for query in queries[:10])
        more = " and others" if len(queries) > 10 else ""
        sentence += f" The queries were {shown}{more}."
    sentence += (
        " Each post is counted once, in its newest known version; posts that were only included "
        "because a result refers to them are left out. Counts of likes, reposts, replies, quotes "
        "and views are those of the last time a post was observed."
    )
    yield Text(sentence)
    yield Text(f"To cite the software: xframes, version {VERSION} (CITATION.cff in its "
               "repository). Posts are shared by their ids; X's terms limit the sharing of their "
               "content.")


def _tables(selection: Selection, *queries: tuple[str, str]) -> Iterator[Block]:
    for title, query in queries:
        table = selection.table(title, query)
        if table is not None:
            yield table
